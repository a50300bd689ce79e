/* cli/cmd_lint.c - read what PATH names, lint it, show the findings. */
#include "cli/cmd_lint.h"

#include "appspec/appspec_file.h"
#include "appspec/appspec_json.h"
#include "appspec/lint.h"
#include "cli/lint_show.h"
#include "cli/unpacked.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define MAX_ENTRIES 1000000

static const char usage[] = "Usage: slipway lint PATH [--json] [--strict]\n"
			    "\n"
			    "Checks an appspec file, or a folder or archive with an appspec.yml and everything\n"
			    "it names, and tells every error and warning with its line and column. Changes\n"
			    "nothing; an archive is unpacked below $TMPDIR meanwhile.\n"
			    "\n"
			    "  --json    one JSON document on stdout\n"
			    "  --strict  warnings count as errors\n"
			    "  --help    this text\n"
			    "\n"
			    "Exit status: 0 fine, 1 there are errors, 2 wrong usage or PATH cannot be read.\n";

struct lint {
	const char *path;
	bool json, strict;
	int signal;	 /* that interrupted it; 0: none */
	struct str name; /* of the appspec, for messages */
	struct str text;
	struct findings findings;
	struct appspec *appspec;
};

static void lint_done(struct lint *l)
{
	str_done(&l->name);
	str_done(&l->text);
	findings_done(&l->findings);
	appspec_free(l->appspec);
}

/* 1: go on; else the exit status is *STATUS. */
static int read_options(int argc, char **argv, struct lint *l, int *status)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
						 { "strict", no_argument, NULL, 's' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };

	optind = 0; /* start anew: the caller's own options were read before */
	opterr = 0;
	*status = 2;
	for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		switch (c) {
		case 'j':
			l->json = true;
			break;
		case 's':
			l->strict = true;
			break;
		case 'h':
			(void)fputs(usage, stdout);
			*status = 0;
			return 0;
		default:
			(void)fprintf(stderr, "slipway lint: unknown option '%s': see 'slipway lint --help'\n",
				      argv[optind - 1]);
			return 0;
		}
	}
	if (argc - optind != 1) {
		(void)fprintf(stderr, "slipway lint: %s: see 'slipway lint --help'\n",
			      argc == optind ? "name an appspec file, a folder or an archive" : "name one path only");
		return 0;
	}
	l->path = argv[optind];
	return 1;
}

static bool is_archive(const struct str *text)
{
	static const struct {
		size_t offset;
		const char *magic;
	} kinds[] = { { 0, "\x1f\x8b" },
		      { 0, "PK\x03\x04" },
		      { 0, "\x28\xb5\x2f\xfd" },
		      { 257, "ustar" },
		      { 0, "BZh" },
		      { 0, "\xfd"
			   "7zXZ" } }; /* the worker says which of them can be read */

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		size_t len = strlen(kinds[i].magic);

		if (text->len >= kinds[i].offset + len && !memcmp(text->data + kinds[i].offset, kinds[i].magic, len))
			return true;
	}
	return false;
}

static void parse(struct lint *l)
{
	struct err why = ERR_INIT; /* repeats the first finding */

	if (appspec_parse(str_text(&l->text), l->text.len, &l->appspec, &l->findings, &why) == 0)
		lint_events(l->appspec, &l->findings);
}

static const struct appspec_place whole = { 0, 0 };

static void whole_is_wrong(struct lint *l, const char *why)
{
	findings_add(&l->findings, FINDING_ERROR, whole, "%s", why);
}

static int lint_folder(struct lint *l, int dir_fd, struct err *err)
{
	const char *used = "appspec.yml";
	struct tree tree;
	int r = appspec_file_read(dir_fd, NULL, &l->text, &used, err);

	(void)str_printf(&l->name, "%s%s%s", l->path, str_ends(l->path, "/") ? "" : "/", used);
	if (r < 0 && err->kind != ERR_APPSPEC)
		return -1;
	if (r < 0) {
		whole_is_wrong(l, err->msg);
		return 0;
	}
	if (r == 0) {
		whole_is_wrong(l,
			       "there is no appspec.yml (and no appspec.yaml) at its top: 'slipway init' writes one to "
			       "start from");
		return 0;
	}
	parse(l);
	if (!l->appspec)
		return 0;
	if (tree_scan(dir_fd, MAX_ENTRIES, &tree, err) < 0)
		return -1;
	lint_bundle(l->appspec, &tree, dir_fd, &l->findings);
	tree_done(&tree);
	return 0;
}

static int lint_archive(struct lint *l, struct err *err)
{
	AUTO(unpacked_done) struct unpacked u;
	int r = unpacked_open(l->path, &u, err);

	l->signal = u.end.signal;
	if (r < 0)
		return -1;
	for (char **w = u.end.unpacked.warnings; w && *w; w++)
		findings_add(&l->findings, FINDING_WARNING, whole, "%s", *w);
	if (u.fd >= 0)
		return lint_folder(l, u.fd, err);
	(void)str_add(&l->name, l->path);
	whole_is_wrong(l, u.end.unpacked.message);
	return 0;
}

static int lint_file(struct lint *l, int fd, struct err *err)
{
	int r = appspec_file_read_fd(fd, l->path, &l->text, err);

	if (is_archive(&l->text)) {
		str_clear(&l->text);
		*err = ERR_INIT;
		return lint_archive(l, err);
	}
	(void)str_add(&l->name, l->path); /* as long as a path can be */
	if (r < 0 && err->kind != ERR_APPSPEC)
		return -1;
	if (r < 0)
		whole_is_wrong(l, err->msg);
	else
		parse(l);
	return 0;
}

static int lint_path(struct lint *l, struct err *err)
{
	AUTO_FD int fd = open(l->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "opening '%s'", l->path);
	if (S_ISDIR(st.st_mode))
		return lint_folder(l, fd, err);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_USAGE, "'%s' is neither a file nor a folder", l->path);
	return lint_file(l, fd, err);
}

int cmd_lint(int argc, char **argv)
{
	AUTO(lint_done) struct lint l = { .name = STR_INIT(8192), .text = STR_INIT(APPSPEC_MAX_BYTES + 16384) };
	struct err err = ERR_INIT;
	int status;

	if (!read_options(argc, argv, &l, &status))
		return status;
	if (lint_path(&l, &err) < 0 || l.signal) {
		if (l.signal)
			return 128 + l.signal;
		lint_show_failure(&err);
		return 2;
	}
	lint_sort(&l.findings);

	bool ok = !l.findings.errors && !(l.strict && l.findings.count);

	if (l.json)
		lint_show_json(ok, l.findings.errors ? NULL : l.appspec, &l.findings);
	else
		lint_show_text(str_text(&l.name), (struct span){ str_text(&l.text), l.text.len }, &l.findings, ok);
	return ok ? 0 : 1;
}
