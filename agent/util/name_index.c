/* util/name_index.c - open addressing over (parent, name). */
#include "util/name_index.h"

#include "util/str.h"

#include <stdlib.h>
#include <string.h>

static uint32_t hash(uint32_t parent, const char *name, size_t len)
{
	uint64_t h = 0xcbf29ce484222325ULL ^ parent; /* FNV-1a: short names, no attacker gains by collisions here */

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)name[i]) * 0x100000001b3ULL;
	return (uint32_t)(h ^ h >> 32);
}

void name_index_init(struct name_index *ix, const char *(*name)(const void *, uint32_t, uint32_t *), const void *tree)
{
	*ix = (struct name_index){ .name = name, .tree = tree };
}

void name_index_done(struct name_index *ix)
{
	free(ix->slots);
	ix->slots = NULL;
}

uint32_t name_index_find(const struct name_index *ix, uint32_t parent, const char *name, size_t len)
{
	if (!ix->slots)
		return NAME_INDEX_NONE;
	for (uint32_t i = hash(parent, name, len) & ix->mask; ix->slots[i] != NAME_INDEX_NONE; i = (i + 1) & ix->mask) {
		uint32_t at;
		const char *other = ix->name(ix->tree, ix->slots[i], &at);

		if (at == parent && !strncmp(other, name, len) && !other[len])
			return ix->slots[i];
	}
	return NAME_INDEX_NONE;
}

static void insert(struct name_index *ix, uint32_t id)
{
	uint32_t parent;
	const char *name = ix->name(ix->tree, id, &parent);
	uint32_t i = hash(parent, name, strlen(name)) & ix->mask;

	while (ix->slots[i] != NAME_INDEX_NONE)
		i = (i + 1) & ix->mask;
	ix->slots[i] = id;
}

static void grow(struct name_index *ix)
{
	uint32_t *old = ix->slots;
	uint32_t old_size = old ? ix->mask + 1 : 0;
	uint32_t size = old_size ? old_size * 2 : 64;

	ix->slots = xmalloc(size * sizeof(*ix->slots));
	memset(ix->slots, 0xff, size * sizeof(*ix->slots));
	ix->mask = size - 1;
	for (uint32_t i = 0; i < old_size; i++)
		if (old[i] != NAME_INDEX_NONE)
			insert(ix, old[i]);
	free(old);
}

void name_index_add(struct name_index *ix, uint32_t id)
{
	if (!ix->slots || ix->used + ix->used / 3 >= ix->mask)
		grow(ix);
	insert(ix, id);
	ix->used++;
}
