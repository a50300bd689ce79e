/* format/yaml_pairs.c - see yaml_pairs.h. By sorting, since a hostile map may have hundreds of thousands of keys. */
#include "format/yaml_pairs.h"

#include "util/auto.h"
#include "util/str.h"

#include <string.h>

void yml_pairs_done(struct yml_pairs *p)
{
	free(p->items);
}

void yml_pairs_add(struct yml_pairs *p, struct yml_pair pair, bool merged)
{
	if (p->count == p->capacity) {
		p->capacity = p->capacity ? p->capacity * 2 : 16;
		p->items = xrealloc(p->items, p->capacity * sizeof(*p->items));
	}
	p->items[p->count] = (struct yml_candidate){ .pair = pair, .order = p->count, .merged = merged };
	p->count++;
}

/* The one that counts first among equal keys. */
static int by_key(const void *a, const void *b)
{
	const struct yml_candidate *x = *(struct yml_candidate *const *)a, *y = *(struct yml_candidate *const *)b;
	int r = strcmp(x->pair.key->text, y->pair.key->text);

	if (r)
		return r;
	if (x->merged != y->merged)
		return x->merged ? 1 : -1;
	if (x->order == y->order)
		return 0;
	return (x->order > y->order) == x->merged ? 1 : -1;
}

void yml_pairs_settle(struct yml_pairs *p,
		      void (*note)(void *context, const struct yml_node *key, const struct yml_node *winner),
		      void *context)
{
	AUTO_FREE struct yml_candidate **sorted = xcalloc(p->count, sizeof(struct yml_candidate *));
	size_t n = 0;

	for (size_t i = 0; i < p->count; i++)
		if (yml_is_scalar(p->items[i].pair.key))
			sorted[n++] = &p->items[i];
	qsort(sorted, n, sizeof(struct yml_candidate *), by_key);
	for (size_t i = 1, best = 0; i < n; i++) {
		const struct yml_node *key = sorted[i]->pair.key, *winner = sorted[best]->pair.key;

		if (strcmp(key->text, winner->text)) {
			best = i;
			continue;
		}
		sorted[i]->dropped = true;
		if (!sorted[i]->merged)
			note(context, key, winner);
	}
}
