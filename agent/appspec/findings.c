/* appspec/findings.c - the growing list of what is wrong with an appspec. */
#include "appspec/appspec.h"

#include "util/str.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* A hostile appspec must not make more of them than anybody reads; errors are counted on. */
#define MAX_FINDINGS 1000
#define MAX_MESSAGE  16384

static void put(struct findings *f, enum finding_level level, struct appspec_place place, char *message)
{
	if (f->count == f->capacity) {
		f->capacity = f->capacity ? f->capacity * 2 : 16;
		f->items = xrealloc(f->items, f->capacity * sizeof(*f->items));
	}
	f->items[f->count++] = (struct finding){ level, place, message };
}

void findings_add(struct findings *f, enum finding_level level, struct appspec_place place, const char *fmt, ...)
{
	struct str message = STR_INIT(MAX_MESSAGE);
	va_list ap;

	if (level == FINDING_ERROR)
		f->errors++;
	if (f->count > MAX_FINDINGS)
		return;
	if (f->count == MAX_FINDINGS) {
		put(f, FINDING_WARNING, (struct appspec_place){ 0, 0 },
		    xasprintf("there is more to say than these %d messages: mend them first", MAX_FINDINGS));
		return;
	}
	va_start(ap, fmt);
	if (str_vprintf(&message, fmt, ap) < 0)
		(void)str_add(&message, "a message about this place is too long to be shown"); /* fits: it is empty */
	va_end(ap);
	put(f, level, place, str_take(&message));
}

void findings_done(struct findings *f)
{
	for (size_t i = 0; i < f->count; i++)
		free((char *)f->items[i].message);
	free(f->items);
	*f = (struct findings){ 0 };
}
