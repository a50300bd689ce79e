/* cli/lint_show.c - see lint_show.h. */
#include "cli/lint_show.h"

#include "appspec/appspec_json.h"
#include "util/auto.h"

#include <string.h>

#define LONGEST_LINE 160 /* bytes; a longer line would bury its caret */

/* Everything shown comes from a stranger's file: no byte of it reaches the terminal raw. */
static char *printable(const char *text, size_t len)
{
	struct str out = STR_INIT(4 * len + 1);

	(void)str_append_printable(&out, text, len); /* four times the length at most */
	return str_take(&out);
}

static struct span line_of(struct span text, unsigned number)
{
	const char *p = text.ptr, *end = text.ptr + text.len;

	for (unsigned i = 1; i < number && p < end; i++) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));

		if (!newline)
			return (struct span){ end, 0 };
		p = newline + 1;
	}

	const char *newline = memchr(p, '\n', (size_t)(end - p));
	size_t len = (size_t)((newline ? newline : end) - p);

	while (len && p[len - 1] == '\r')
		len--;
	return (struct span){ p, len };
}

/* Blanks as wide as the characters before COLUMN; tabs stay tabs, so that the caret stands where it should. */
static void show_line(FILE *to, struct span line, unsigned column)
{
	AUTO_FREE char *before = xcalloc(line.len + column + 1, 1);
	struct str shown = STR_INIT(4 * LONGEST_LINE + 1);
	unsigned at = 1;
	size_t n = 0;

	for (size_t i = 0; i < line.len && at < column; i++) {
		if ((line.ptr[i] & 0xc0) == 0x80)
			continue;
		before[n++] = line.ptr[i] == '\t' ? '\t' : ' ';
		at++;
	}
	for (size_t i = 0; i < line.len;) {
		size_t run = 0;

		while (i + run < line.len && line.ptr[i + run] != '\t')
			run++;
		(void)str_append_printable(&shown, line.ptr + i, run);
		i += run;
		if (i < line.len)
			(void)str_append(&shown, &line.ptr[i++], 1);
	}
	(void)fprintf(to, "  %s\n  %s^\n", str_text(&shown), before);
	str_done(&shown);
}

static void show_finding(FILE *to, const char *name, struct span text, const struct finding *x)
{
	AUTO_FREE char *message = printable(x->message, strlen(x->message));
	const char *level = x->level == FINDING_ERROR ? "error" : "warning";

	if (!x->place.line) {
		(void)fprintf(to, "%s: %s: %s\n", name, level, message);
		return;
	}
	(void)fprintf(to, "%s:%u:%u: %s: %s\n", name, x->place.line, x->place.column, level, message);

	struct span line = line_of(text, x->place.line);

	if (line.len && line.len <= LONGEST_LINE)
		show_line(to, line, x->place.column);
}

static void show_count(FILE *to, size_t n, const char *what)
{
	(void)fprintf(to, "%zu %s%s", n, what, n == 1 ? "" : "s");
}

/* Columns are counted from behind a byte order mark. */
static struct span behind_mark(struct span text)
{
	bool marked = text.len >= 3 && !memcmp(text.ptr, "\xef\xbb\xbf", 3);

	return marked ? (struct span){ text.ptr + 3, text.len - 3 } : text;
}

void lint_show_text(FILE *to, const char *name, struct span text, const struct findings *f, bool ok)
{
	AUTO_FREE char *shown = printable(name, strlen(name));
	size_t warnings = 0;

	text = behind_mark(text);
	for (size_t i = 0; i < f->count; i++) {
		show_finding(to, shown, text, &f->items[i]);
		warnings += f->items[i].level == FINDING_WARNING;
	}
	(void)fprintf(to, "%s: %s", shown, ok ? "ok" : "not ok");
	if (f->count) {
		(void)fputs(", ", to);
		show_count(to, f->errors, "error");
		(void)fputs(", ", to);
		show_count(to, warnings, "warning");
	}
	(void)fputc('\n', to);
}

/* Give each entry of LIST that has a line its text. */
static void add_sources(json_t *list, struct span text)
{
	size_t i;
	json_t *entry;

	json_array_foreach(list, i, entry)
	{
		json_int_t number = json_integer_value(json_object_get(entry, "line"));
		struct span line = number > 0 ? line_of(text, (unsigned)number) : (struct span){ "", 0 };
		AUTO_FREE char *shown = printable(line.ptr, line.len);

		if (line.len && line.len <= LONGEST_LINE)
			json_object_set_new(entry, "source", json_string(shown));
	}
}

void lint_show_json(bool ok, const struct appspec *a, struct span text, const struct findings *f)
{
	json_t *json = appspec_lint_to_json(ok, a, f);

	text = behind_mark(text);
	add_sources(json_object_get(json, "errors"), text);
	add_sources(json_object_get(json, "warnings"), text);

	(void)json_dumpf(json, stdout, JSON_COMPACT);
	(void)putchar('\n');
	json_decref(json);
}

void lint_show_failure(const char *command, const struct err *err)
{
	AUTO_FREE char *message = printable(err->msg, strlen(err->msg));

	(void)fprintf(stderr, "slipway %s: %s\n", command, message);
}
