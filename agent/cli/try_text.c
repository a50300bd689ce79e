/* cli/try_text.c - the document of a try for people. Its texts are fit for a terminal already. */
#include "cli/human.h"
#include "cli/try_report.h"
#include "format/plain.h"
#include "util/auto.h"
#include "util/str.h"

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	return text ? text : "";
}

static json_int_t number_of(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

/* A row of the table; each cell is the caller's. */
static void add_row(struct table *t, const char *name, char *cells[TRY_PHASES])
{
	table_add(t, name, cells[0], cells[1], cells[2], NULL);
	for (size_t i = 0; i < TRY_PHASES; i++)
		free(cells[i]);
}

static void add_names(struct table *t, const json_t *phases)
{
	char *cells[TRY_PHASES] = { NULL };
	size_t i;
	json_t *p;

	json_array_foreach(phases, i, p) cells[i] = xstrdup(text_of(p, "name"));
	add_row(t, "", cells);
}

static void add_timings(struct table *t, const json_t *rows)
{
	char ms[HUMAN_MAX];
	size_t i, k;
	json_t *row, *cell;

	json_array_foreach(rows, i, row)
	{
		char *cells[TRY_PHASES] = { NULL };

		json_array_foreach(json_object_get(row, "ms"), k, cell)
		{
			human_duration(json_is_null(cell) ? -1 : json_integer_value(cell), ms);
			cells[k] = xstrdup(ms);
		}
		add_row(t, text_of(row, "event"), cells);
	}
}

static void add_totals(struct table *t, const json_t *phases)
{
	char *cells[TRY_PHASES] = { NULL };
	char ms[HUMAN_MAX];
	size_t i;
	json_t *p;

	json_array_foreach(phases, i, p)
	{
		const json_t *d = json_object_get(p, "deployment");
		int64_t from = 0, to = 0;

		if (deployment_time_from_text(text_of(d, "started_at"), &from) < 0 ||
		    deployment_time_from_text(text_of(d, "finished_at"), &to) < 0)
			to = from - 1;
		human_duration(to - from, ms);
		cells[i] = xstrdup(ms);
	}
	add_row(t, "in all", cells);
}

static void add_counts(struct table *t, const json_t *phases, const char *kind)
{
	char *cells[TRY_PHASES] = { NULL };
	bool any = false;
	size_t i;
	json_t *p;

	json_array_foreach(phases, i, p)
	{
		json_int_t n = number_of(json_object_get(json_object_get(p, "deployment"), "files"), kind);

		any = any || n;
		cells[i] = xasprintf("%" JSON_INTEGER_FORMAT, n);
	}

	AUTO_FREE char *name = xasprintf("files %s", kind);

	if (any) {
		add_row(t, name, cells);
		return;
	}
	for (i = 0; i < TRY_PHASES; i++)
		free(cells[i]);
}

static void show_table(const json_t *document, FILE *to)
{
	static const char *const kinds[] = { "added", "changed", "unchanged", "removed", "retained" };
	const json_t *phases = json_object_get(document, "phases");
	AUTO(table_done) struct table t = { 0 };

	if (!json_array_size(phases))
		return;
	add_names(&t, phases);
	add_timings(&t, json_object_get(document, "timings"));
	add_totals(&t, phases);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		add_counts(&t, phases, kinds[i]);
	table_print(&t, "", to);
}

static void print_files(FILE *to, json_int_t n)
{
	(void)fprintf(to, "%" JSON_INTEGER_FORMAT " file%s", n, n == 1 ? "" : "s");
}

static void show_installed(const json_t *document, FILE *to)
{
	const json_t *installed = json_object_get(document, "installed");
	const json_t *list = json_object_get(installed, "destinations");
	json_int_t all = number_of(installed, "files");
	size_t i;
	json_t *d;

	if (!json_is_object(installed))
		return;
	(void)fputs(all ? "installed: " : "installed: nothing", to);
	if (all)
		print_files(to, all);
	(void)fputc('\n', to);
	json_array_foreach(list, i, d)
	{
		if (!number_of(d, "files"))
			continue;
		(void)fprintf(to, "  %s  ", text_of(d, "path"));
		print_files(to, number_of(d, "files"));
		(void)fputc('\n', to);
	}
}

static void show_running(const json_t *document, FILE *to)
{
	const json_t *list = json_object_get(document, "still_running");
	size_t i;
	json_t *p;

	if (!json_array_size(list))
		return;
	(void)fputs("hooks have left running:\n", to);
	json_array_foreach(list, i, p)(void)
		fprintf(to, "  pid %" JSON_INTEGER_FORMAT "  %s\n", number_of(p, "pid"), text_of(p, "command"));
	(void)fputs("  they are not ended for you: kill", to);
	json_array_foreach(list, i, p)(void) fprintf(to, " %" JSON_INTEGER_FORMAT, number_of(p, "pid"));
	(void)fputc('\n', to);
}

static void show_verdict(const json_t *document, FILE *to)
{
	const char *at = text_of(document, "fail_at");
	AUTO_FREE char *folder = plain_shell_word(text_of(document, "folder"));
	AUTO_FREE char *source = plain_shell_word(text_of(document, "source"));

	if (*text_of(document, "folder"))
		(void)fprintf(to, "kept: %s (rm -r it when done)\n", folder);
	if (!json_is_true(json_object_get(document, "ok")))
		(void)fprintf(to, "not ok: %s\n", text_of(document, "problem"));
	else if (*at)
		(void)fprintf(to, "ok: it installs and upgrades, and after a failure at %s the old revision is back\n",
			      at);
	else
		(void)fprintf(to,
			      "ok: it installs and upgrades; what a failure would look like: "
			      "slipway try %s --fail-at ValidateService\n",
			      source);
}

void try_report_text(const json_t *document, FILE *to)
{
	show_table(document, to);
	show_installed(document, to);
	show_running(document, to);
	show_verdict(document, to);
}
