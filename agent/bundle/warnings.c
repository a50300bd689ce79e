/* bundle/warnings.c - a short list of texts that counts what it has no room for. */
#include "bundle/warnings.h"

#include "util/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void take(struct warnings *w, char *text)
{
	if (w->count == WARNINGS_MAX) {
		w->left_out++;
		free(text);
		return;
	}
	w->items = xrealloc(w->items, (w->count + 1) * sizeof(*w->items));
	w->items[w->count++] = text;
}

void warnings_add(struct warnings *w, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* what is too long is cut */
	va_end(ap);
	take(w, xstrdup(text));
}

void warnings_move(struct warnings *w, struct warnings *from)
{
	for (size_t i = 0; i < from->count; i++)
		take(w, from->items[i]);
	w->left_out += from->left_out;
	free(from->items);
	*from = (struct warnings){ 0 };
}

void warnings_done(struct warnings *w)
{
	for (size_t i = 0; i < w->count; i++)
		free(w->items[i]);
	free(w->items);
	*w = (struct warnings){ 0 };
}

char **warnings_list(const struct warnings *w)
{
	char **list = xcalloc(w->count + 2, sizeof(*list));

	for (size_t i = 0; i < w->count; i++)
		list[i] = xstrdup(w->items[i]);
	if (w->left_out)
		list[w->count] = xasprintf("and %llu more like these", (unsigned long long)w->left_out);
	return list;
}
