/* cli/try_report.c - the document: timings of all phases side by side, what is installed, who still runs. */
#include "cli/try_report.h"

#include "appspec/appspec_json.h"
#include "appspec/pattern.h"
#include "format/json.h"
#include "model/tree.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/proc.h"
#include "util/str.h"
#include "worker/protocol.h"

#include <string.h>

#define MAX_ENTRIES 1000000
#define COMMAND_MAX 100

static json_t *not_tried(const struct findings *f)
{
	json_t *list = json_array();

	for (size_t i = 0; i < f->count; i++)
		json_array_append_new(list, json_pack("{s:i, s:o}", "line", (int)f->items[i].place.line, "message",
						      jtext(f->items[i].message)));
	return list;
}

static json_t *phases(const struct try_report *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->phase_count; i++) {
		const struct try_phase *p = &r->phases[i];

		json_array_append_new(list, json_pack("{s:s, s:o}", "name", p->name, "deployment",
						      deployment_result_to_json(&p->run.deployment, &p->end.result)));
	}
	return list;
}

/* Timings: a row an event, a column a phase; null: it did not run, or had no script. */

static json_t *milliseconds(int64_t ms)
{
	return ms < 0 ? json_null() : json_integer((json_int_t)ms);
}

static int64_t event_ms(const struct try_phase *p, const char *name)
{
	const struct deployment_result *r = &p->end.result;

	if (!strcmp(name, "Preflight"))
		return p->preflight_ms;
	if (!strcmp(name, WORKER_RESTORE))
		return p->restore_ms;
	for (size_t i = 0; i < r->event_count; i++)
		if (!strcmp(r->events[i].event, name))
			return r->events[i].message ? r->events[i].duration_ms : -1;
	return -1;
}

static void add_timing(json_t *list, const struct try_report *r, const char *event)
{
	json_t *row = json_array();
	bool any = false;

	for (size_t i = 0; i < r->phase_count; i++) {
		int64_t ms = event_ms(&r->phases[i], event);

		any = any || ms >= 0;
		json_array_append_new(row, milliseconds(ms));
	}
	if (any || !strcmp(event, "Preflight"))
		json_array_append_new(list, json_pack("{s:s, s:o}", "event", event, "ms", row));
	else
		json_decref(row);
}

static json_t *timings(const struct try_report *r)
{
	json_t *list = json_array();

	if (!r->phase_count)
		return list;
	add_timing(list, r, "Preflight");
	for (size_t i = 0; i < r->phases[0].end.result.event_count; i++)
		add_timing(list, r, r->phases[0].end.result.events[i].event);
	add_timing(list, r, WORKER_RESTORE);
	return list;
}

/* What is installed: files and links below each destination of the appspec, and in all. */

static uint64_t count_files(const struct tree *t, uint32_t at)
{
	const struct tree_entry *e = &t->entries[at];
	uint64_t files = 0;

	if (e->type != TREE_DIRECTORY)
		return 1;
	for (uint32_t i = 0; i < e->count; i++)
		files += count_files(t, e->first + i);
	return files;
}

static json_t *destinations(const struct appspec *a, const struct tree *t)
{
	json_t *list = json_array(), *seen = json_object();

	for (size_t i = 0; i < a->file_count; i++) {
		AUTO_FREE char *path = NULL;
		struct err unsaid = ERR_INIT; /* the deployment has said it */

		if (path_canonical("", a->files[i].destination, &path, &unsaid) < 0)
			continue;

		uint32_t at = tree_find(t, path);
		json_t *shown = jpath(path);

		if (json_object_get(seen, json_string_value(shown))) {
			json_decref(shown);
			continue;
		}
		json_object_set_new(seen, json_string_value(shown), json_true());
		json_array_append_new(list, json_pack("{s:o, s:I}", "path", shown, "files",
						      (json_int_t)(at == TREE_NONE ? 0 : count_files(t, at))));
	}
	json_decref(seen);
	return list;
}

/* null: nothing was tried, or what is there cannot be read. */
static json_t *installed(const struct try_report *r)
{
	struct err unsaid = ERR_INIT;
	AUTO_FD int fd = r->prefix ? fs_open_dir(r->prefix, &unsaid) : -1;
	struct tree t;

	if (fd < 0 || !r->appspec || tree_scan(fd, MAX_ENTRIES, &t, &unsaid) < 0)
		return json_null();

	json_t *o = json_pack("{s:I, s:o}", "files", (json_int_t)count_files(&t, 0), "destinations",
			      destinations(r->appspec, &t));

	tree_done(&t);
	return o;
}

/* Who still runs: the hooks' children are known by the prefix that only this try has. */

struct search {
	const char *variable;
	json_t *found;
};

static bool look_at(void *context, pid_t pid, int dir_fd)
{
	struct search *s = context;

	if (proc_group_of(dir_fd) && proc_has_variable(dir_fd, s->variable)) {
		AUTO(str_done) struct str command = STR_INIT(COMMAND_MAX);

		proc_command(dir_fd, &command);
		json_array_append_new(s->found,
				      json_pack("{s:i, s:o}", "pid", (int)pid, "command", jtext(str_text(&command))));
	}
	return true;
}

static json_t *still_running(const struct try_report *r)
{
	AUTO_FREE char *variable = xasprintf("SLIPWAY_INSTALL_PREFIX=%s", r->prefix ? r->prefix : "");
	struct search s = { variable, json_array() };

	if (r->prefix)
		proc_each(look_at, &s);
	return s.found;
}

json_t *try_report_json(const struct try_report *r)
{
	json_t *lint = appspec_lint_to_json(!r->findings->errors, NULL, r->findings);
	json_t *o = json_pack("{s:i, s:b, s:o, s:o, s:o, s:o, s:o, s:O, s:O}", "schema", 1, "ok", !r->problem,
			      "problem", jtext(r->problem), "source", jpath(r->source), "fail_at", jtext(r->fail_at),
			      "folder", jpath(r->folder), "not_tried", not_tried(r->not_tried), "lint_errors",
			      json_object_get(lint, "errors"), "lint_warnings", json_object_get(lint, "warnings"));

	json_decref(lint);
	json_object_set_new(o, "phases", phases(r));
	json_object_set_new(o, "timings", timings(r));
	json_object_set_new(o, "installed", installed(r));
	json_object_set_new(o, "still_running", still_running(r));
	return o;
}
