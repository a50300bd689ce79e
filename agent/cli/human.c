/* cli/human.c - what a person reads at a glance. */
#include "cli/human.h"
#include "format/plain.h"
#include "util/auto.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

static const struct {
	int64_t seconds;
	const char *name;
} units[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };

void human_duration(int64_t ms, char out[HUMAN_MAX])
{
	int64_t s = ms / 1000;

	if (ms < 0) {
		(void)snprintf(out, HUMAN_MAX, "-");
	} else if (s < 10) {
		(void)snprintf(out, HUMAN_MAX, "%.2f s", (double)ms / 1000);
	} else if (s < 60) {
		(void)snprintf(out, HUMAN_MAX, "%lld s", (long long)s);
	} else {
		size_t i = 0;

		while (s < units[i].seconds)
			i++;
		(void)snprintf(out, HUMAN_MAX, "%lld %s %lld %s", (long long)(s / units[i].seconds), units[i].name,
			       (long long)(s % units[i].seconds / units[i + 1].seconds), units[i + 1].name);
	}
}

void human_age(int64_t then_ms, int64_t now_ms, char out[HUMAN_MAX])
{
	int64_t s = (now_ms - then_ms) / 1000;
	size_t i = 0;

	if (then_ms <= 0) {
		(void)snprintf(out, HUMAN_MAX, "-");
	} else if (s < 1) { /* a clock that was set back counts, too */
		(void)snprintf(out, HUMAN_MAX, "now");
	} else {
		while (s < units[i].seconds)
			i++;
		(void)snprintf(out, HUMAN_MAX, "%lld %s ago", (long long)(s / units[i].seconds), units[i].name);
	}
}

void human_time(int64_t ms, char out[HUMAN_MAX])
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	if (ms <= 0 || !localtime_r(&seconds, &tm) || !strftime(out, HUMAN_MAX, "%Y-%m-%d %H:%M:%S", &tm))
		(void)snprintf(out, HUMAN_MAX, "-");
}

int64_t human_time_from(const char *text)
{
	struct tm tm = { 0 };
	const char *rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;

	return rest && (*rest == '.' || *rest == 'Z') ? (int64_t)timegm(&tm) * 1000 : 0;
}

int64_t human_now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t); /* cannot fail for this clock */
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void table_add(struct table *t, ...)
{
	char **row = xcalloc(TABLE_COLUMNS, sizeof(*row));
	const char *cell;
	va_list ap;

	va_start(ap, t);
	for (size_t i = 0; i < TABLE_COLUMNS && (cell = va_arg(ap, const char *)); i++)
		row[i] = plain_path(cell);
	va_end(ap);
	t->rows = xrealloc(t->rows, (t->count + 1) * sizeof(*t->rows));
	t->rows[t->count++] = row;
}

/* Columns of a printable text: its characters, which is right for all but wide ones. */
static int columns(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

/* Without the empty ones at its end, so that no line ends in blanks. */
static size_t count_cells(char *const *row)
{
	size_t n = 0;

	while (n < TABLE_COLUMNS && row[n])
		n++;
	while (n && !*row[n - 1])
		n--;
	return n;
}

void table_print(const struct table *t, const char *indent, FILE *to)
{
	int width[TABLE_COLUMNS] = { 0 };

	for (size_t i = 0; i < t->count; i++)
		for (size_t k = 0; k < TABLE_COLUMNS && t->rows[i][k]; k++)
			width[k] = columns(t->rows[i][k]) > width[k] ? columns(t->rows[i][k]) : width[k];
	for (size_t i = 0; i < t->count; i++) {
		char **row = t->rows[i];

		(void)fputs(indent, to);
		for (size_t k = 0; k < count_cells(row); k++) {
			bool last = k + 1 == count_cells(row);

			(void)fprintf(to, "%s%*s", row[k], last ? 0 : width[k] - columns(row[k]) + 2, "");
		}
		(void)fputc('\n', to);
	}
}

void table_done(struct table *t)
{
	for (size_t i = 0; i < t->count; i++) {
		for (size_t k = 0; k < TABLE_COLUMNS; k++)
			free(t->rows[i][k]);
		free(t->rows[i]);
	}
	free(t->rows);
	*t = (struct table){ 0 };
}
