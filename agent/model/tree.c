/* model/tree.c - listing a folder breadth first, one descriptor at a time, and finding things in the listing. */
#include "model/tree.h"

#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { LINKS_MAX = 40 };

static void dir_closep(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir); /* was only read */
}

void tree_done(struct tree *t)
{
	free(t->entries);
	free(t->pool);
	*t = (struct tree){ 0 };
}

const char *tree_name(const struct tree *t, uint32_t index)
{
	return t->pool + t->entries[index].name;
}

const char *tree_link_text(const struct tree *t, uint32_t index)
{
	return t->pool + t->entries[index].text;
}

/* Puts TEXT into the pool. -1: the pool would pass what an offset can say. */
static int keep_text(struct tree *t, const char *text, size_t len, uint32_t *offset, struct err *err)
{
	if (t->pool_len + len + 1 > UINT32_MAX)
		return err_set(err, ERR_BUNDLE, "the names of its files are longer than 4 GiB together");
	if (t->pool_len + len + 1 > t->pool_cap) {
		t->pool_cap = t->pool_cap + t->pool_cap / 2 + len + 1024;
		t->pool = xrealloc(t->pool, t->pool_cap);
	}
	memcpy(t->pool + t->pool_len, text, len);
	t->pool[t->pool_len + len] = '\0';
	*offset = (uint32_t)t->pool_len;
	t->pool_len += len + 1;
	return 0;
}

/* Times beyond the year 2262 stay at what 64 bits can say. */
static int64_t ns(const struct timespec *ts)
{
	int64_t all;

	if (__builtin_mul_overflow((int64_t)ts->tv_sec, 1000000000, &all) ||
	    __builtin_add_overflow(all, (int64_t)ts->tv_nsec, &all))
		return ts->tv_sec < 0 ? INT64_MIN : INT64_MAX;
	return all;
}

static enum tree_type type_of(mode_t mode)
{
	return S_ISDIR(mode) ? TREE_DIRECTORY : S_ISREG(mode) ? TREE_FILE : S_ISLNK(mode) ? TREE_LINK : TREE_OTHER;
}

static struct tree_entry *new_entry(struct tree *t, uint32_t parent, uint32_t name, const struct stat *st)
{
	if (t->count == t->capacity) {
		t->capacity = t->capacity + t->capacity / 2 + 64;
		t->entries = xrealloc(t->entries, t->capacity * sizeof(*t->entries));
	}

	struct tree_entry *e = &t->entries[t->count++];

	*e = (struct tree_entry){
		.parent = parent,
		.name = name,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mode = (uint16_t)(st->st_mode & 07777),
		.type = (uint8_t)type_of(st->st_mode),
		.ino = st->st_ino,
		.size = S_ISREG(st->st_mode) ? st->st_size : 0,
		.mtime_ns = ns(&st->st_mtim),
		.ctime_ns = ns(&st->st_ctim),
	};
	return e;
}

/* The offsets of the names found in one folder; reused from folder to folder. */
struct names {
	uint32_t *offsets;
	size_t count, capacity;
};

static void names_donep(struct names *n)
{
	free(n->offsets);
}

static int by_name(const void *a, const void *b, void *pool)
{
	return strcmp((const char *)pool + *(const uint32_t *)a, (const char *)pool + *(const uint32_t *)b);
}

static int read_names(struct tree *t, DIR *dir, uint32_t max_entries, struct names *n, struct err *err)
{
	n->count = 0;
	for (;;) {
		errno = 0;
		const struct dirent *e = readdir(dir);
		uint32_t offset;

		if (!e)
			break;
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (t->count - 1 + n->count >= max_entries)
			return err_set(
				err, ERR_BUNDLE,
				"more than %u entries, the limit (limits: entries); raise it if so many are right",
				max_entries);
		if (keep_text(t, e->d_name, strlen(e->d_name), &offset, err) < 0)
			return -1;
		if (n->count == n->capacity) {
			n->capacity = n->capacity + n->capacity / 2 + 64;
			n->offsets = xrealloc(n->offsets, n->capacity * sizeof(*n->offsets));
		}
		n->offsets[n->count++] = offset;
	}
	if (errno)
		return err_sys(err, "listing");
	if (n->count)
		qsort_r(n->offsets, n->count, sizeof(*n->offsets), by_name, t->pool);
	return 0;
}

static int add_child(struct tree *t, int dir_fd, uint32_t parent, uint32_t name, struct err *err)
{
	const char *text = t->pool + name;
	struct stat st;

	if (fstatat(dir_fd, text, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "looking at '%s'", text); /* gone since it was listed */

	struct tree_entry *e = new_entry(t, parent, name, &st);

	if (e->type == TREE_LINK) {
		char leads[PATH_MAX];
		ssize_t len = readlinkat(dir_fd, text, leads, sizeof(leads));

		if (len < 0)
			return err_sys(err, "reading the link '%s'", text);
		if (keep_text(t, leads, (size_t)len, &e->text, err) < 0)
			return -1;
	}
	t->entries[parent].count++;
	return 0;
}

static int list_folder(struct tree *t, int root_fd, uint32_t index, uint32_t max_entries, struct names *names,
		       struct err *err)
{
	AUTO_FREE char *path = tree_path(t, index);

	if (strlen(path) >= PATH_MAX)
		return err_set(err, ERR_BUNDLE, "a folder lies deeper than a path of %d bytes can say", PATH_MAX);

	int fd = fs_open_beneath(root_fd, *path ? path : ".", O_RDONLY | O_DIRECTORY, 0);
	AUTO(dir_closep) DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir) {
		err_sys(err, "opening folder '%s'", path);
		auto_closep(&fd);
		return -1;
	}
	if (read_names(t, dir, max_entries, names, err) < 0)
		return *path ? err_add(err, "folder '%s'", path) : -1;
	t->entries[index].first = t->count;
	for (size_t i = 0; i < names->count; i++)
		if (add_child(t, dirfd(dir), index, names->offsets[i], err) < 0)
			return *path ? err_add(err, "folder '%s'", path) : -1;
	return 0;
}

int tree_scan(int dir_fd, uint32_t max_entries, struct tree *out, struct err *err)
{
	AUTO(tree_done) struct tree t = { 0 };
	AUTO(names_donep) struct names names = { 0 };
	struct stat st;
	uint32_t empty;

	if (max_entries > TREE_NONE - 2)
		max_entries = TREE_NONE - 2; /* the root counts too, and TREE_NONE is no index */
	if (fstat(dir_fd, &st) < 0)
		return err_sys(err, "looking at the folder");
	if (keep_text(&t, "", 0, &empty, err) < 0)
		return -1;
	(void)new_entry(&t, 0, empty, &st);
	for (uint32_t i = 0; i < t.count; i++)
		if (t.entries[i].type == TREE_DIRECTORY && list_folder(&t, dir_fd, i, max_entries, &names, err) < 0)
			return -1;
	*out = t;
	t = (struct tree){ 0 };
	return 0;
}

uint32_t tree_child(const struct tree *t, uint32_t dir, const char *name, size_t len)
{
	uint32_t low = t->entries[dir].first;
	uint32_t high = low + t->entries[dir].count;

	if (t->entries[dir].type != TREE_DIRECTORY || memchr(name, '\0', len))
		return TREE_NONE;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const char *have = tree_name(t, middle);
		int order = strncmp(have, name, len);

		if (order == 0 && have[len] == '\0')
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return TREE_NONE;
}

static uint32_t walk(const struct tree *t, uint32_t at, const char *path, bool clamp, bool to_the_end, int *links);

/* Where the link INDEX leads; links on the way are followed, at most *LINKS of them. */
static uint32_t follow(const struct tree *t, uint32_t index, int *links)
{
	const char *text = tree_link_text(t, index);

	if (*links <= 0 || text[0] == '/' || text[0] == '\0')
		return TREE_NONE;
	--*links;
	return walk(t, t->entries[index].parent, text, false, true, links);
}

/* CLAMP: ".." at the root stays there, as for paths people write; a link that does it leads out. TO_THE_END: a link
 * at the end of PATH is followed, too. */
static uint32_t walk(const struct tree *t, uint32_t at, const char *path, bool clamp, bool to_the_end, int *links)
{
	while (path += strspn(path, "/"), *path) {
		size_t len = strcspn(path, "/");
		bool last = path[len] == '\0';

		if (t->entries[at].type != TREE_DIRECTORY)
			return TREE_NONE;
		if (len == 2 && path[0] == '.' && path[1] == '.') {
			if (at == 0 && !clamp)
				return TREE_NONE;
			at = t->entries[at].parent;
		} else if (len != 1 || path[0] != '.') {
			at = tree_child(t, at, path, len);
			if (at != TREE_NONE && t->entries[at].type == TREE_LINK && (to_the_end || !last))
				at = follow(t, at, links);
			if (at == TREE_NONE)
				return TREE_NONE;
		}
		path += len;
		if (!last && !path[strspn(path, "/")] && t->entries[at].type != TREE_DIRECTORY)
			return TREE_NONE; /* a slash at the end asks for a folder */
	}
	return at;
}

uint32_t tree_find(const struct tree *t, const char *path)
{
	int links = LINKS_MAX;

	return walk(t, 0, path, true, false, &links);
}

uint32_t tree_resolve(const struct tree *t, uint32_t index)
{
	int links = LINKS_MAX;

	return t->entries[index].type == TREE_LINK ? follow(t, index, &links) : index;
}

char *tree_path(const struct tree *t, uint32_t index)
{
	size_t len = 0;

	for (uint32_t i = index; i != 0; i = t->entries[i].parent)
		len += strlen(tree_name(t, i)) + 1;

	char *path = xmalloc(len + 1);
	size_t at = len ? len - 1 : 0;

	path[at] = '\0';
	for (uint32_t i = index; i != 0; i = t->entries[i].parent) {
		size_t n = strlen(tree_name(t, i));

		at -= n;
		memcpy(path + at, tree_name(t, i), n);
		if (at > 0)
			path[--at] = '/';
	}
	return path;
}
