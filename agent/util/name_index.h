/* util/name_index.h - finds the entry called NAME below PARENT in a flat tree, without holding the names itself. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define NAME_INDEX_NONE UINT32_MAX

struct name_index {
	uint32_t *slots;
	uint32_t mask, used;
	/* What entry ID is called and where it stands. */
	const char *(*name)(const void *tree, uint32_t id, uint32_t *parent);
	const void *tree; /* borrowed */
};

void name_index_init(struct name_index *ix, const char *(*name)(const void *, uint32_t, uint32_t *), const void *tree);
void name_index_done(struct name_index *ix);
uint32_t name_index_find(const struct name_index *ix, uint32_t parent, const char *name, size_t len);
void name_index_add(struct name_index *ix, uint32_t id); /* must not be there yet */
