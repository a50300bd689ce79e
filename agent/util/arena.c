/* util/arena.c - blocks chained to one another, freed all at once. */
#include "util/arena.h"

#include "util/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct block {
	struct block *next;
	size_t used, size;
	max_align_t bytes[];
};

struct arena {
	struct block *blocks; /* the newest first */
	size_t total;
};

struct arena *arena_new(void)
{
	return xcalloc(1, sizeof(struct arena));
}

void arena_free(struct arena *a)
{
	if (!a)
		return;
	for (struct block *b = a->blocks, *next; b; b = next) {
		next = b->next;
		free(b);
	}
	free(a);
}

void *arena_alloc(struct arena *a, size_t size)
{
	const size_t align = _Alignof(max_align_t);
	size_t rounded = (size + align - 1) / align * align;
	struct block *b = a->blocks;

	if (!b || b->size - b->used < rounded) {
		size_t block_size = rounded > 4096 ? rounded : 4096;

		b = xcalloc(1, sizeof(*b) + block_size);
		b->size = block_size;
		b->next = a->blocks;
		a->blocks = b;
	}

	void *p = (char *)b->bytes + b->used;

	b->used += rounded;
	a->total += rounded;
	return p;
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *copy = arena_alloc(a, n + 1);

	memcpy(copy, s, n);
	return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;

	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);

	char *out = arena_alloc(a, (size_t)(n > 0 ? n : 0) + 1);

	(void)vsnprintf(out, (size_t)(n > 0 ? n : 0) + 1, fmt, ap); /* fits: measured above */
	va_end(ap);
	return out;
}

size_t arena_size(const struct arena *a)
{
	return a->total;
}
