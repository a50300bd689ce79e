/* installer/manifest_cleanup.c - a manifest out of the records of a CodeDeploy agent. */
#include "installer/context_rule.h"
#include "installer/manifest.h"
#include "model/tree.h"
#include "util/auto.h"
#include "util/name_index.h"
#include "util/str.h"

#include <ctype.h>
#include <string.h>

#define POOL_MAX ((size_t)UINT32_MAX)

struct builder {
	struct manifest_entry *entries;
	uint32_t count, capacity;
	struct str pool;
	uint32_t unknown; /* in it: CONTEXT_UNKNOWN */
	struct name_index index;
};

static const char *builder_name(const void *tree, uint32_t id, uint32_t *parent)
{
	const struct builder *b = tree;

	*parent = b->entries[id].parent;
	return b->pool.data + b->entries[id].name;
}

static uint32_t builder_child(struct builder *b, uint32_t parent, const char *name, size_t len)
{
	uint32_t found = name_index_find(&b->index, parent, name, len);

	if (found != NAME_INDEX_NONE)
		return found;
	if (b->count == b->capacity) {
		b->capacity = b->capacity ? b->capacity * 2 : 64;
		b->entries = xrealloc(b->entries, b->capacity * sizeof(*b->entries));
	}

	struct manifest_entry *e = &b->entries[b->count];

	*e = (struct manifest_entry){ .parent = parent, .name = (uint32_t)b->pool.len, .type = TREE_DIRECTORY };
	(void)str_append(&b->pool, name, len); /* the pool takes 4 GiB, the cleanup file is smaller */
	(void)str_append(&b->pool, "", 1);
	name_index_add(&b->index, b->count);
	return b->count++;
}

/* The entry of a path; 0: it is none that an install of ours would record. */
static uint32_t builder_path(struct builder *b, const char *line, size_t len)
{
	uint32_t at = 0;

	if (!len || line[0] != '/' || memchr(line, '\0', len))
		return 0; /* relative paths were never ours to remove */
	for (size_t i = 0; i < len;) {
		const char *slash = memchr(line + i, '/', len - i);
		size_t n = slash ? (size_t)(slash - line) - i : len - i;

		if (n == 2 && !memcmp(line + i, "..", 2))
			return 0;
		if (n && !(n == 1 && line[i] == '.'))
			at = builder_child(b, at, line + i, n);
		i += n + 1;
	}
	return at;
}

static bool has_blank(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (isspace((unsigned char)s[i]))
			return true;
	return false;
}

static void builder_line(struct builder *b, const char *line, size_t len)
{
	static const char rule[] = "semanage"; /* with its NUL */
	bool is_rule = len > sizeof(rule) && !memcmp(line, rule, sizeof(rule));
	size_t skip = is_rule ? sizeof(rule) : 0;
	uint32_t at = builder_path(b, line + skip, len - skip);

	if (!at)
		return;
	if (!is_rule) {
		b->entries[at].flags |= MANIFEST_OURS;
	} else if (!has_blank(line + skip, len - skip)) { /* that agent's semanage refused those */
		b->entries[at].flags |= MANIFEST_FOREIGN;
		b->entries[at].context = b->unknown;
	}
}

static uint32_t builder_string(struct builder *b, const char *text)
{
	uint32_t at = (uint32_t)b->pool.len;

	(void)str_append(&b->pool, text, strlen(text) + 1); /* as above */
	return at;
}

/* Of the instructions the rules count, where the cleanup file says that they were made. */
static void builder_rule(struct builder *b, const json_t *instruction)
{
	const json_t *context = json_object_get(instruction, "context");
	const char *path = json_string_value(json_object_get(instruction, "file"));
	const struct appspec_context c = {
		.user = json_string_value(json_object_get(context, "user")),
		.type = json_string_value(json_object_get(context, "type")),
		.range = json_string_value(json_object_get(context, "range")),
	};
	uint32_t at = path && c.type ? builder_path(b, path, strlen(path)) : 0;

	if (!at || !(b->entries[at].flags & MANIFEST_FOREIGN))
		return;

	AUTO_FREE char *rule = context_text(&c);

	if (!has_blank(rule, strlen(rule)))
		b->entries[at].context = builder_string(b, rule);
}

struct manifest *manifest_from_cleanup(const char *text, size_t len, const json_t *instructions)
{
	struct builder b = { .pool = STR_INIT(POOL_MAX) };
	struct manifest *m = xcalloc(1, sizeof(*m));
	const json_t *one;
	size_t i;

	name_index_init(&b.index, builder_name, &b);
	(void)builder_string(&b, ""); /* offset 0 means none */
	b.unknown = builder_string(&b, CONTEXT_UNKNOWN);
	(void)builder_child(&b, 0, "", 0); /* entry 0 is the root */
	for (i = 0; i < len;) {
		const char *end = memchr(text + i, '\n', len - i);

		if (!end)
			break; /* an unfinished line never happened (section 7.1) */
		builder_line(&b, text + i, (size_t)(end - text) - i);
		i = (size_t)(end - text) + 1;
	}
	json_array_foreach(json_object_get(instructions, "instructions"), i, one) builder_rule(&b, one);
	name_index_done(&b.index);
	m->entries = m->built = b.entries;
	m->count = b.count;
	m->pool_len = b.pool.len;
	m->pool = m->built_pool = str_take(&b.pool);
	return m;
}
