/* fake_world.h - a host made of a table of paths, and a bundle made of a line of text, for tests of the plan.
 *
 * Both are written as words: `path/` is a folder, `path=content` a file, `path->text` a link, `path|` a socket. Folders
 * on the way are made. A file's content is its length and its digest; nothing else of it is ever looked at.
 */
#pragma once

#include "installer/world.h"
#include "model/digest_index.h"
#include "model/tree.h"
#include "util/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FAKE_MAX = 64, FAKE_TIME = 1000, FAKE_DEVICE = 5 };

struct fake_entry {
	char *path, *text; /* text: of a link, or a file's content */
	struct disk_entry entry;
	struct disk_heritage heritage; /* of a folder */
	bool has_acl;
};

struct fake_world {
	struct fake_entry items[FAKE_MAX];
	size_t count;
	bool broken;   /* every question about the disk fails */
	bool no_tools; /* for SELinux contexts */
	unsigned heritages_asked;
	unsigned asked, fails_at; /* only the question of this number fails; 0: none */
	struct world world;
};

static inline struct fake_entry *fake_find(struct fake_world *w, const char *path)
{
	for (size_t i = 0; i < w->count; i++)
		if (!strcmp(w->items[i].path, path))
			return &w->items[i];
	return NULL;
}

static inline struct fake_entry *fake_add(struct fake_world *w, const char *path, enum disk_kind kind, const char *text)
{
	char *slash = xstrdup(path);

	*strrchr(slash, '/') = '\0';
	if (*slash && !fake_find(w, slash))
		(void)fake_add(w, slash, DISK_DIRECTORY, "");
	free(slash);
	assert_true(w->count < FAKE_MAX);

	struct fake_entry *e = fake_find(w, path);

	if (e)
		return e;
	e = &w->items[w->count++];
	*e = (struct fake_entry){ xstrdup(path),
				  xstrdup(text),
				  { .kind = kind,
				    .mode = kind == DISK_DIRECTORY ? 0755
					    : kind == DISK_LINK	   ? 0777
								   : 0644,
				    .dev = FAKE_DEVICE,
				    .ino = w->count + 100,
				    .size = (int64_t)strlen(text),
				    .mtime_ns = FAKE_TIME,
				    .ctime_ns = FAKE_TIME },
				  { .access = "", .defaults = "" },
				  false };
	return e;
}

static inline char *fake_joined(const char *dir, const char *name)
{
	return xasprintf("%s/%s", strcmp(dir, "/") ? dir : "", name);
}

static inline int fake_ask(struct fake_world *w, struct err *err)
{
	return ++w->asked == w->fails_at || w->broken ? err_set(err, ERR_SYS, "the disk does not answer") : 0;
}

static inline int fake_probe(void *context, const char *dir, const char *name, struct disk_entry *out, struct err *err)
{
	struct fake_world *w = context;

	if (fake_ask(w, err) < 0)
		return -1;

	char *path = fake_joined(dir, name);
	const struct fake_entry *e = fake_find(w, path);

	free(path);
	*out = e ? e->entry : (struct disk_entry){ .kind = DISK_ABSENT };
	return 0;
}

static inline int fake_follow(void *context, const char *path, char **out, enum disk_kind *kind, struct err *err)
{
	struct fake_world *w = context;
	char rest[4096], real[4096] = "";
	int links = 40;

	if (fake_ask(w, err) < 0)
		return -1;
	(void)snprintf(rest, sizeof(rest), "%s", path);
	*kind = DISK_DIRECTORY;
	while (rest[strspn(rest, "/")]) {
		char part[4096], next[4096];
		size_t skip = strspn(rest, "/"), n = strcspn(rest + skip, "/");

		(void)snprintf(part, sizeof(part), "%.*s", (int)n, rest + skip);
		memmove(rest, rest + skip + n, strlen(rest + skip + n) + 1);
		if (!strcmp(part, "..") && *real)
			*strrchr(real, '/') = '\0';
		if (!strcmp(part, ".") || !strcmp(part, ".."))
			continue;
		assert_true(snprintf(next, sizeof(next), "%s/%s", real, part) < (int)sizeof(next));

		const struct fake_entry *e = fake_find(w, next);

		if (!e || *kind != DISK_DIRECTORY)
			return 0;
		if (e->entry.kind != DISK_LINK) {
			memcpy(real, next, sizeof(real));
			*kind = e->entry.kind;
			continue;
		}
		if (!links--)
			return 0;
		assert_true(snprintf(next, sizeof(next), "%s/%s", e->text, rest) < (int)sizeof(next));
		memcpy(rest, next, sizeof(rest));
		if (e->text[0] == '/')
			real[0] = '\0';
	}
	*out = xstrdup(*real ? real : "/");
	return 1;
}

static inline int fake_list(void *context, const char *dir, int (*each)(void *arg, const char *name), void *arg,
			    struct err *err)
{
	struct fake_world *w = context;
	char *below = fake_joined(dir, "");
	int r = fake_ask(w, err);

	for (size_t i = 0; r == 0 && i < w->count; i++)
		if (str_starts(w->items[i].path, below) && !strchr(w->items[i].path + strlen(below), '/'))
			r = each(arg, w->items[i].path + strlen(below));
	free(below);
	return r;
}

static inline char *fake_link_text(void *context, const char *dir, const char *name)
{
	char *path = fake_joined(dir, name);
	const struct fake_entry *e = fake_find(context, path);

	free(path);
	return e && e->entry.kind == DISK_LINK ? xstrdup(e->text) : NULL;
}

static inline void fake_digest(const char *content, unsigned char out[DIGEST_SIZE])
{
	memset(out, 0, DIGEST_SIZE);
	memcpy(out, content, strlen(content) < DIGEST_SIZE ? strlen(content) : DIGEST_SIZE);
}

static inline int fake_digest_of(void *context, const char *dir, const char *name, unsigned char out[DIGEST_SIZE],
				 struct err *err)
{
	if (fake_ask(context, err) < 0)
		return -1;

	char *path = fake_joined(dir, name);
	const struct fake_entry *e = fake_find(context, path);

	free(path);
	if (!e || e->entry.kind != DISK_FILE || !e->entry.mode) /* nobody may read it */
		return 0;
	fake_digest(e->text, out);
	return 1;
}

static inline int fake_user(void *context, const char *name, uid_t *out)
{
	(void)context;
	*out = !strcmp(name, "bob") ? 1001 : !strcmp(name, "eve") ? 1002 : 0;
	return *out || !strcmp(name, "root");
}

static inline int fake_group(void *context, const char *name, gid_t *out)
{
	(void)context;
	*out = !strcmp(name, "web") ? 2001 : 0;
	return *out || !strcmp(name, "root");
}

static inline int fake_label_tools(void *context, struct err *err)
{
	const struct fake_world *w = context;

	return w->no_tools ? err_set(err, ERR_NOT_READY, "there is no semanage on this host") : 0;
}

static inline bool fake_has_acl(void *context, const char *dir, const char *name)
{
	char *path = fake_joined(dir, name);
	const struct fake_entry *e = fake_find(context, path);

	free(path);
	return e && e->has_acl;
}

static inline int fake_heritage(void *context, const char *dir, struct arena *arena, struct disk_heritage *out,
				struct err *err)
{
	struct fake_world *w = context;
	const struct fake_entry *e = fake_find(w, dir);

	(void)arena; /* it is all in the table */
	w->heritages_asked++;
	if (fake_ask(w, err) < 0)
		return -1;
	*out = e ? e->heritage : (struct disk_heritage){ .access = "", .defaults = "" };
	return 0;
}

/* The next of the words at *TEXT: its path, kind and what follows the sign. NULL at the end; the caller frees it. */
static inline char *fake_word(const char **text, enum disk_kind *kind, const char **tail)
{
	*text += strspn(*text, " ");
	if (!**text)
		return NULL;

	char *word = xstrndup(*text, strcspn(*text, " "));
	char *sign = strpbrk(word, "=|");
	char *arrow = strstr(word, "->");

	*text += strlen(word);
	*tail = "";
	if (arrow) {
		*kind = DISK_LINK;
		*tail = arrow + 2;
		*arrow = '\0';
	} else if (sign) {
		*kind = *sign == '=' ? DISK_FILE : DISK_OTHER;
		*tail = sign + 1;
		*sign = '\0';
	} else {
		*kind = DISK_DIRECTORY;
		if (str_ends(word, "/"))
			word[strlen(word) - 1] = '\0';
	}
	return word;
}

static inline void fake_world_init(struct fake_world *w, const char *words)
{
	enum disk_kind kind;
	const char *tail;

	*w = (struct fake_world){ 0 };
	w->world = (struct world){ fake_probe, fake_follow, fake_list,	      fake_link_text, fake_digest_of, fake_user,
				   fake_group, w,	    fake_label_tools, fake_has_acl,   fake_heritage };
	for (char *word; (word = fake_word(&words, &kind, &tail)); free(word))
		(void)fake_add(w, word, kind, tail);
}

static inline void fake_world_done(struct fake_world *w)
{
	for (size_t i = 0; i < w->count; i++) {
		free(w->items[i].path);
		free(w->items[i].text);
	}
}

/* The bundle: the same table below "", listed as tree_scan() would list it. */
struct fake_bundle {
	struct tree tree;
	struct digest_index *digests;
};

static inline uint32_t fake_keep(struct tree *t, const char *text)
{
	uint32_t at = (uint32_t)t->pool_len;

	t->pool = xrealloc(t->pool, t->pool_len + strlen(text) + 1);
	memcpy(t->pool + at, text, strlen(text) + 1);
	t->pool_len += strlen(text) + 1;
	return at;
}

static inline int fake_by_path(const void *a, const void *b)
{
	return strcmp(((const struct fake_entry *)a)->path, ((const struct fake_entry *)b)->path);
}

static inline void fake_list_below(struct fake_bundle *b, const struct fake_world *w, uint32_t dir)
{
	static const enum tree_type types[] = { TREE_OTHER, TREE_DIRECTORY, TREE_FILE, TREE_LINK, TREE_OTHER };
	struct tree *t = &b->tree;
	char *path = tree_path(t, dir);
	char *below = xasprintf("/%s%s", path, *path ? "/" : "");
	unsigned char digest[DIGEST_SIZE];

	t->entries[dir].first = t->count;
	for (size_t i = 0; i < w->count; i++) {
		const struct fake_entry *e = &w->items[i];

		if (!str_starts(e->path, below) || strchr(e->path + strlen(below), '/'))
			continue;
		t->entries = xrealloc(t->entries, (t->count + 1) * sizeof(*t->entries));
		t->entries[t->count] = (struct tree_entry){
			.parent = dir,
			.name = fake_keep(t, e->path + strlen(below)),
			.text = e->entry.kind == DISK_LINK ? fake_keep(t, e->text) : 0,
			.mode = (uint16_t)e->entry.mode,
			.type = (uint8_t)types[e->entry.kind],
			.ino = e->entry.ino,
			.size = e->entry.size,
			.mtime_ns = FAKE_TIME,
			.ctime_ns = FAKE_TIME,
		};
		fake_digest(e->text, digest);
		if (e->entry.kind == DISK_FILE)
			digest_index_add(b->digests, e->entry.ino, e->entry.size, FAKE_TIME, digest);
		t->entries[dir].count++;
		t->count++;
	}
	free(below);
	free(path);
}

static inline void fake_bundle_init(struct fake_bundle *b, const char *words)
{
	struct fake_world w = { 0 };
	enum disk_kind kind;
	const char *tail;

	*b = (struct fake_bundle){ .digests = digest_index_new() };
	for (char *word; (word = fake_word(&words, &kind, &tail)); free(word)) {
		char *path = xasprintf("/%s", word);

		(void)fake_add(&w, path, kind, tail);
		free(path);
	}
	qsort(w.items, w.count, sizeof(w.items[0]), fake_by_path);
	b->tree.entries = xcalloc(1, sizeof(*b->tree.entries));
	b->tree.entries[0] = (struct tree_entry){ .type = TREE_DIRECTORY,
						  .name = fake_keep(&b->tree, ""),
						  .mode = 0755 };
	b->tree.count = 1;
	for (uint32_t i = 0; i < b->tree.count; i++)
		if (b->tree.entries[i].type == TREE_DIRECTORY)
			fake_list_below(b, &w, i);
	fake_world_done(&w);
}

static inline void fake_bundle_done(struct fake_bundle *b)
{
	tree_done(&b->tree);
	digest_index_free(b->digests);
}
