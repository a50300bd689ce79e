/* cli/cmd_bundle.c - what is wrong is said first; then a worker packs, and its answer is shown. */
#include "cli/cmd_bundle.h"

#include "appspec/appspec_json.h"
#include "appspec/lint.h"
#include "cli/lint_show.h"
#include "cli/lint_source.h"
#include "cli/worker_client.h"
#include "format/json.h"
#include "format/plain.h"
#include "util/auto.h"
#include "util/str.h"
#include "worker/worker_spawn.h"

#include <getopt.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char usage[] = "Usage: slipway bundle DIR [-o FILE] [--type TYPE] [--json]\n"
			    "\n"
			    "Checks the folder DIR as 'slipway lint' does and packs it into a bundle. The same\n"
			    "folder always becomes the same bytes. Errors refuse, warnings are shown.\n"
			    "\n"
			    "  -o, --output FILE  the bundle (default: DIR's name and .tgz, in the current folder)\n"
			    "  -t, --type TYPE    tgz, tar, tar.zst or zip (default: as FILE ends, else tgz)\n"
			    "      --json         one JSON document on stdout\n"
			    "      --help         this text\n"
			    "\n"
			    "With SOURCE_DATE_EPOCH set, later times become that one.\n"
			    "\n"
			    "Exit status: 0 packed, 1 refused, 2 wrong usage or DIR cannot be read.\n";

struct options {
	const char *folder, *output;
	int type; /* -1: not said */
	bool json;
};

static const struct {
	const char *ending;
	enum pack_type type;
} endings[] = {
	{ ".tgz", PACK_TGZ },	      { ".tar.gz", PACK_TGZ },	 { ".tar", PACK_TAR },
	{ ".tar.zst", PACK_TAR_ZST }, { ".tzst", PACK_TAR_ZST }, { ".zip", PACK_ZIP },
};

__attribute__((format(printf, 1, 2))) static int fail(const char *fmt, ...)
{
	struct str text = STR_INIT(4096);
	va_list ap;

	va_start(ap, fmt);
	(void)str_vprintf(&text, fmt, ap); /* what does not fit is not said */
	va_end(ap);

	AUTO_FREE char *shown = plain_path(str_text(&text));

	(void)fprintf(stderr, "slipway bundle: %s: see 'slipway bundle --help'\n", shown);
	str_done(&text);
	return 2;
}

static int take_type(const char *text, int *type)
{
	for (int i = 0; i < PACK_TYPE_COUNT; i++)
		if (!strcmp(text, pack_type_name(i))) {
			*type = i;
			return 0;
		}
	return fail("'%s' is no type: tgz, tar, tar.zst or zip", text);
}

/* -1: go on; else the exit status. */
static int read_options(int argc, char **argv, struct options *o)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "type", required_argument, NULL, 't' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};

	optind = 0; /* start anew: the caller's own options were read before */
	opterr = 0;
	for (int c; (c = getopt_long(argc, argv, ":o:t:h", options, NULL)) != -1;) {
		if (c == 'h') {
			(void)fputs(usage, stdout);
			return 0;
		}
		if (c == ':')
			return fail("%s needs a value", argv[optind - 1]);
		if (c == '?')
			return fail("unknown option '%s'", argv[optind - 1]);
		if (c == 't' && take_type(optarg, &o->type) != 0)
			return 2;
		if (c == 'o')
			o->output = optarg;
		o->json = o->json || c == 'j';
	}
	if (argc - optind != 1)
		return argc == optind ? fail("name the folder")
				      : fail("name one folder only, not '%s' too", argv[optind + 1]);
	o->folder = argv[optind];
	return o->output && !*o->output ? fail("-o needs a value") : -1;
}

static int choose_type(const struct options *o)
{
	if (o->type >= 0)
		return o->type;
	for (size_t i = 0; o->output && i < ARRAY_LEN(endings); i++)
		if (str_ends(o->output, endings[i].ending))
			return endings[i].type;
	return PACK_TGZ;
}

/* Its place as it is shown, below the current folder when it is no absolute path. */
static char *choose_output(const struct options *o, const char *folder, enum pack_type type)
{
	AUTO_FREE char *copy = xstrdup(folder);

	return o->output ? xstrdup(o->output) : xasprintf("%s.%s", basename(copy), pack_type_name(type));
}

static int take_epoch(uint64_t *out, struct err *err)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");
	char *end;

	*out = INT64_MAX;
	if (!text || !*text)
		return 0;
	errno = 0;

	unsigned long long seconds = strtoull(text, &end, 10);

	if (errno || *end || strspn(text, "0123456789") != strlen(text) || seconds > INT64_MAX)
		return err_set(err, ERR_USAGE, "SOURCE_DATE_EPOCH '%.64s' is no number of seconds since 1970", text);
	*out = seconds;
	return 0;
}

static int make_request(const struct options *o, struct pack_request *r, char **shown, struct err *err)
{
	struct stat st;

	r->folder = realpath(o->folder, NULL);
	if (!r->folder || stat(r->folder, &st) < 0)
		return err_sys(err, "opening '%s'", o->folder);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_USAGE, "'%s' is no folder", o->folder);
	r->type = (enum pack_type)choose_type(o);
	*shown = choose_output(o, r->folder, r->type);
	if (!o->output && !strcmp(r->folder, "/"))
		return err_set(err, ERR_USAGE, "'/' gives the bundle no name: name it by -o FILE");
	if (**shown == '/') {
		r->output = xstrdup(*shown);
	} else {
		AUTO_FREE char *here = realpath(".", NULL);

		if (!here)
			return err_sys(err, "the working directory");
		r->output = xasprintf("%s/%s", here, *shown);
	}
	return take_epoch(&r->latest_s, err);
}

static void show_json(const struct lint_source *l, const struct pack_request *r, const struct pack_answer *a)
{
	json_t *json = appspec_lint_to_json(a->digest != NULL, NULL, &l->findings);

	(void)json_object_del(json, "appspec");
	if (a->digest) {
		json_t *more = json_pack("{s:o, s:s, s:I, s:s, s:I, s:I, s:I}", "path", jpath(r->output), "type",
					 pack_type_name(r->type), "size", (json_int_t)a->size, "sha256", a->digest,
					 "entries", (json_int_t)a->entries, "files", (json_int_t)a->files, "bytes",
					 (json_int_t)a->bytes);

		(void)json_object_update(json, more);
		json_decref(more);
	}
	(void)json_dumpf(json, stdout, JSON_COMPACT);
	(void)putchar('\n');
	json_decref(json);
}

static void show_text(const struct lint_source *l, const char *shown, const struct pack_answer *a)
{
	AUTO_FREE char *path = plain_path(shown);
	const struct span text = { str_text(&l->text), l->text.len };

	if (l->findings.count)
		lint_show_text(stderr, str_text(&l->name), text, &l->findings, l->findings.errors == 0);
	if (a->digest)
		(void)printf("%s  %llu bytes  sha256:%s\n", path, (unsigned long long)a->size, a->digest);
}

/* What the worker found is shown as what lint found. */
static int pack(const struct pack_request *r, struct lint_source *l, struct worker_end *end, struct err *err)
{
	static const struct appspec_place whole = { 0, 0 };
	AUTO_FREE char *worker = NULL;

	if (worker_find(&worker, err) < 0 || worker_pack(worker, r, end, err) < 0)
		return -1;
	if (end->signal)
		return err_set(err, ERR_STOPPED, "stopped");
	if (!end->has_result)
		return err_set(err, ERR_UNREACHABLE, "the worker went away without an answer: %s", end->how);
	for (char **w = end->packed.warnings; w && *w; w++)
		findings_add(&l->findings, FINDING_WARNING, whole, "%s", *w);
	if (end->packed.kind == ERR_BUNDLE)
		findings_add(&l->findings, FINDING_ERROR, whole, "%s", end->packed.message);
	else if (end->packed.kind)
		return err_set(err, end->packed.kind, "%s", end->packed.message);
	return 0;
}

static int lint_and_pack(const struct pack_request *r, const char *folder, struct lint_source *l,
			 struct worker_end *end, struct err *err)
{
	if (lint_source_read(folder, l, err) < 0)
		return -1;
	if (!l->findings.errors && pack(r, l, end, err) < 0)
		return -1;
	lint_sort(&l->findings);
	return 0;
}

int cmd_bundle(int argc, char **argv)
{
	AUTO(lint_source_done) struct lint_source l = { 0 };
	AUTO(pack_request_done) struct pack_request r = { 0 };
	AUTO(worker_end_done) struct worker_end end = { 0 };
	AUTO_FREE char *shown = NULL;
	struct options o = { .type = -1 };
	struct err err = ERR_INIT;
	int status = read_options(argc, argv, &o);

	if (status >= 0)
		return status;
	if (make_request(&o, &r, &shown, &err) < 0) {
		lint_show_failure("bundle", &err);
		return 2;
	}
	if (lint_and_pack(&r, o.folder, &l, &end, &err) < 0) {
		if (end.signal)
			return 128 + end.signal;
		lint_show_failure("bundle", &err);
		return err.kind == ERR_USAGE || err.kind == ERR_SOURCE ? 2 : 1;
	}
	if (o.json)
		show_json(&l, &r, &end.packed);
	else
		show_text(&l, shown, &end.packed);
	return end.packed.digest ? 0 : 1;
}
