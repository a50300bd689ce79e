/* cli/plan_view.c - a section a question; the paths are read from their file as often as they are needed. */
#include "cli/plan_view.h"

#include "cli/output.h"
#include "cli/plan_diff.h"
#include "format/json.h"
#include "format/plain.h"
#include "util/auto.h"
#include "util/str.h"

#include <limits.h>
#include <string.h>

struct path { /* one line of the file */
	json_t *json;
	char *bytes;	   /* the path as it is */
	const char *shown; /* the same for people */
	const char *action;
};

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

static long long number_of(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* Paths come as bytes and are shown printable. */
static void show(json_t *o, const char *key, char **bytes)
{
	struct err ignored = ERR_INIT;
	struct jobject j;

	if (jobject_open(o, "path", &j, &ignored) == 0 && jobject_string(&j, key, PATH_MAX, bytes, &ignored) == 1)
		json_object_set_new(o, key, jpath(*bytes));
}

static void each_path(struct plan_view *v, void (*fn)(struct plan_view *v, struct path *p, void *context),
		      void *context)
{
	AUTO_FREE char *line = NULL;
	size_t size = 0;

	rewind(v->paths);
	while (getline(&line, &size, v->paths) > 0) {
		struct path p = { .json = json_loads(line, 0, NULL) };

		show(p.json, "path", &p.bytes);
		p.shown = text_of(p.json, "path");
		p.action = text_of(p.json, "action");
		if (p.bytes)
			fn(v, &p, context);
		json_decref(p.json);
		free(p.bytes);
	}
}

/* Differences */

/* NULL: there is nothing to compare. */
static char *diff_of(struct plan_view *v, struct path *p)
{
	AUTO_FREE char *source = NULL;
	struct err err = ERR_INIT;
	struct jobject j;
	char *text = NULL;

	if (v->no_diff || strcmp(p->action, "change") || strcmp(text_of(p->json, "type"), "file") ||
	    strcmp(text_of(p->json, "standing"), "file") || jobject_open(p->json, "path", &j, &err) < 0 ||
	    jobject_string(&j, "source", PATH_MAX, &source, &err) != 1)
		return NULL;
	if (plan_diff(p->bytes, v->archive_fd, source, &text, &err) == 0)
		return text;
	v->no_diff = err.kind == ERR_NOT_READY;
	text = plain_text(err.msg, sizeof(err.msg));
	(void)fprintf(stderr, "warning: %s\n", text);
	free(text);
	return NULL;
}

static void print_diff(struct plan_view *v, struct path *p, void *context)
{
	AUTO_FREE char *text = diff_of(v, p);

	(void)context;
	if (text)
		(void)fputs(text, stdout);
}

/* As text */

static void print_head(const json_t *plan)
{
	const json_t *revision = json_object_get(plan, "revision");
	const char *digest = text_of(revision, "digest");
	const char *previous = text_of(plan, "previous");

	(void)printf("plan %s for group '%s': %s%s%s\n", text_of(plan, "plan_id"), text_of(plan, "group"),
		     text_of(revision, "location"), *digest ? ", " : "", digest);
	if (*previous)
		(void)printf("installed now: revision %s\n", previous);
	else
		(void)puts("installed now: nothing of this group");
	if (json_is_string(json_object_get(plan, "busy")))
		(void)printf("busy: %s is running; when it has ended, the plan may be another one\n",
			     text_of(plan, "busy"));
	if (json_is_true(json_object_get(plan, "already_runs")))
		(void)puts("this digest runs already: `slipway deploy` would do nothing without --force");
}

static void print_counts(const json_t *d)
{
	static const char *const words[] = { "added", "changed", "unchanged", "removed", "kept", "refused" };
	const char *path = text_of(d, "path");

	(void)printf("%s:", *path ? path : "elsewhere, from the revision installed now");
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (number_of(d, words[i]) || i < 4)
			(void)printf("  %lld %s", number_of(d, words[i]), words[i]);
	(void)putchar('\n');
}

static void print_context(const json_t *context)
{
	static const char *const parts[] = { "user", "type", "range" };
	const char *lead = "  SELinux context ";

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		const char *part = text_of(context, parts[i]);

		if (*part)
			(void)printf("%s%s", lead, part);
		lead = *part ? " " : lead;
	}
}

static void print_path(struct plan_view *v, struct path *p, void *context)
{
	const char *type = text_of(p->json, "type");

	(void)v, (void)context;
	(void)printf("  %-9s  %s%s", p->action, p->shown, strcmp(type, "folder") ? "" : "/");
	print_context(json_object_get(p->json, "context"));
	(void)putchar('\n');
}

/* A headline goes before the first line of a section only. */
static void begin(void *context, const char *headline)
{
	bool *begun = context;

	if (!*begun)
		(void)puts(headline);
	*begun = true;
}

static void print_conflict(struct plan_view *v, struct path *p, void *context)
{
	static const struct {
		const char *by, *words;
	} deciders[] = { { "appspec", "the appspec's file_exists_behavior" },
			 { "deployment", "--file-exists-behavior" },
			 { "host", "the host's file_exists_behavior" },
			 { "default", "the default" } };
	static const struct {
		const char *verdict, *words;
	} verdicts[] = { { "overwrite", "is overwritten" },
			 { "retain", "is kept" },
			 { "backup", "is overwritten; what it was stays beside it as a backup" },
			 { "refuse", "refuses the install" } };
	const json_t *c = json_object_get(p->json, "conflict");
	const char *standing = text_of(p->json, "standing"), *by = text_of(c, "by"), *verdict = "";

	(void)v;
	if (!json_is_object(c))
		return;
	begin(context, "in the way:");
	for (size_t i = 0; i < ARRAY_LEN(verdicts); i++)
		if (!strcmp(verdicts[i].verdict, text_of(c, "verdict")))
			verdict = verdicts[i].words;
	(void)printf("  %s: a %s stands there and %s: ", p->shown, *standing ? standing : "file", verdict);
	if (!strcmp(by, "rule"))
		(void)printf("%s by the rule of 'overwrite' in line %lld\n", text_of(c, "behavior"),
			     number_of(c, "line"));
	else if (!strcmp(by, "policy"))
		(void)printf("%s says so, by the rule of 'overwrite' in line %lld\n", text_of(c, "policy"),
			     number_of(c, "line"));
	else if (!strcmp(by, "types"))
		(void)puts("no policy lets a file take the place of a folder, or a folder that of a file");
	for (size_t i = 0; i < ARRAY_LEN(deciders); i++)
		if (!strcmp(by, deciders[i].by))
			(void)printf("%s by %s\n", text_of(c, "behavior"), deciders[i].words);
}

static void print_edit(struct plan_view *v, struct path *p, void *context)
{
	static const struct {
		const char *action, *words;
	} fates[] = {
		{ "add", "is installed again" }, { "change", "is replaced" },	    { "remove", "is removed" },
		{ "keep", "is kept" },		 { "unchanged", "stays as it is" }, { "refuse", "is in the way" }
	};
	const json_t *list = json_object_get(p->json, "deviates"), *kind;
	size_t i;

	(void)v;
	if (!json_array_size(list))
		return;
	begin(context, "changed by hand since it was installed:");
	(void)printf("  %s: ", p->shown);
	json_array_foreach(list, i, kind)(void) printf("%s%s", i ? ", " : "", json_string_value(kind));
	for (i = 0; i < ARRAY_LEN(fates); i++)
		if (!strcmp(p->action, fates[i].action))
			(void)printf("; %s", fates[i].words);
	(void)putchar('\n');
}

static void print_hooks(const json_t *plan)
{
	const json_t *hooks = json_object_get(plan, "hooks"), *h;
	size_t i;

	if (!json_array_size(hooks)) {
		(void)puts("hooks: none");
		return;
	}
	(void)puts("hooks that would run, in this order (none was run):");
	json_array_foreach(hooks, i, h)
	{
		const char *runas = text_of(h, "runas");

		(void)printf("  %-18s  %s", text_of(h, "event"), text_of(h, "script"));
		if (!strcmp(text_of(h, "revision"), "previous"))
			(void)printf("  of revision %s", text_of(h, "deployment_id"));
		if (!strcmp(text_of(h, "revision"), "host"))
			(void)printf("  of this host");
		if (*runas)
			(void)printf("  as %s", runas);
		(void)putchar('\n');
	}
}

static void print_space(const json_t *plan)
{
	const json_t *places = json_object_get(plan, "space"), *place;
	char bytes[32], free_bytes[32];
	size_t i;

	output_format_bytes((uint64_t)number_of(json_object_get(plan, "files"), "bytes"), bytes);
	(void)printf("to be written: %s", bytes);
	json_array_foreach(places, i, place)
	{
		output_format_bytes((uint64_t)number_of(place, "needed"), bytes);
		output_format_bytes((uint64_t)number_of(place, "free"), free_bytes);
		(void)printf("; at %s %s of %s free", text_of(place, "path"), bytes, free_bytes);
	}
	(void)putchar('\n');
}

static void print_list(const json_t *list, const char *level)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		const char *text = json_is_string(item) ? json_string_value(item) : text_of(item, "message");
		long long line = number_of(item, "line");

		if (line)
			(void)printf("%s: line %lld: %s\n", level, line, text);
		else
			(void)printf("%s: %s\n", level, text);
	}
}

static void print_end(const json_t *plan)
{
	size_t errors = json_array_size(json_object_get(plan, "errors"));

	bool vetoed = json_is_true(json_object_get(plan, "vetoed"));

	if (errors && !vetoed && json_is_true(json_object_get(plan, "provisional")))
		(void)puts("this would stop Install, unless the revision's own BeforeInstall changes that; nothing was "
			   "changed now");
	else if (errors)
		(void)puts("this would be refused before anything is touched; nothing was changed now");
	else if (!json_is_true(json_object_get(plan, "changes")))
		(void)puts("no file would change; nothing was changed now");
	else
		(void)puts("nothing was changed now");
}

void plan_view_text(struct plan_view *v)
{
	const json_t *destinations = json_object_get(v->plan, "destinations"), *d;
	bool conflicts = false, edits = false;
	size_t i;

	print_head(v->plan);
	json_array_foreach(destinations, i, d) print_counts(d);
	if (v->verbose)
		each_path(v, print_path, NULL);
	each_path(v, print_conflict, &conflicts);
	each_path(v, print_edit, &edits);
	print_hooks(v->plan);
	print_space(v->plan);
	if (v->diff)
		each_path(v, print_diff, NULL);
	print_list(json_object_get(v->plan, "warnings"), "warning");
	print_list(json_object_get(v->plan, "errors"), "error");
	print_end(v->plan);
}

/* As a document, written path by path: there may be a million */

static void write_path(struct plan_view *v, struct path *p, void *context)
{
	AUTO_FREE char *text = v->diff ? diff_of(v, p) : NULL;
	AUTO_FREE char *source = NULL;
	bool *begun = context;

	show(p->json, "source", &source);
	if (text)
		json_object_set_new(p->json, "diff", json_string(text));
	(void)fputs(*begun ? ",\n" : "\n", stdout);
	(void)json_dumpf(p->json, stdout, JSON_COMPACT);
	*begun = true;
}

void plan_view_json(struct plan_view *v)
{
	AUTO_FREE char *text = json_dumps(v->plan, JSON_INDENT(1));
	bool begun = false;
	size_t len = text ? strlen(text) : 0;

	while (len && (text[len - 1] == '\n' || text[len - 1] == '}'))
		text[--len] = '\0';
	(void)printf("%s,\n \"paths\": [", text ? text : "{");
	each_path(v, write_path, &begun);
	(void)puts("]\n}");
}
