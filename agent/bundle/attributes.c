/* bundle/attributes.c - last touches on what was unpacked. */
#include "bundle/attributes.h"

#include "bundle/entry_guard.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

int64_t attributes_ctime_ns(const struct stat *st)
{
	return (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec;
}

static bool wrong_owner(const struct attributes *a, const struct stat *st)
{
	return a->set_owner && (st->st_uid != a->uid || st->st_gid != a->gid);
}

int attributes_apply(int fd, const struct attributes *a, struct stat *st)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, a->mtime };
	struct stat now;

	if (fs_utimens(fd, times) < 0 || fstat(fd, &now) < 0)
		return -1;

	bool owner = wrong_owner(a, &now);

	/* The owner first: changing it clears setuid and setgid. */
	if (owner && fs_chown(fd, a->uid, a->gid) < 0)
		return -1;
	if (owner || (now.st_mode & 07777) != a->mode) {
		if (fs_chmod(fd, a->mode) < 0 || fstat(fd, &now) < 0)
			return -1;
	}
	if (st)
		*st = now;
	return 0;
}

int attributes_apply_link(int dir_fd, const char *name, const struct attributes *a)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, a->mtime };
	struct stat st;

	if (a->set_owner) {
		if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return -1;
		if (wrong_owner(a, &st) && fs_chown_at(dir_fd, name, a->uid, a->gid) < 0)
			return -1;
	}
	return fs_utimens_at(dir_fd, name, times);
}

struct folder {
	size_t path; /* offset in the pool */
	unsigned depth;
	uint32_t order;
	struct attributes attributes;
};

static unsigned depth_of(const char *path)
{
	unsigned depth = *path != '\0';

	for (; *path; path++)
		depth += *path == '/';
	return depth;
}

void folder_list_add(struct folder_list *list, const char *path, const struct attributes *a)
{
	size_t size = strlen(path) + 1;

	if (list->count == list->capacity) {
		list->capacity = list->capacity + list->capacity / 2 + 64;
		list->folders = xrealloc(list->folders, list->capacity * sizeof(*list->folders));
	}
	if (list->pool_len + size > list->pool_cap) {
		list->pool_cap = list->pool_cap + list->pool_cap / 2 + size + 1024;
		list->pool = xrealloc(list->pool, list->pool_cap);
	}
	memcpy(list->pool + list->pool_len, path, size);
	list->folders[list->count] = (struct folder){
		.path = list->pool_len,
		.depth = depth_of(path),
		.order = (uint32_t)list->count,
		.attributes = *a,
	};
	list->count++;
	list->pool_len += size;
}

/* Deepest first; for one path the last one first. */
static int by_depth(const void *left, const void *right, void *pool)
{
	const struct folder *a = left, *b = right;

	if (a->depth != b->depth)
		return a->depth > b->depth ? -1 : 1;

	int order = strcmp((const char *)pool + a->path, (const char *)pool + b->path);

	return order ? order : a->order > b->order ? -1 : 1;
}

static int apply_one(int root_fd, const char *path, const struct attributes *a, struct err *err)
{
	AUTO_FD int fd = fs_open_beneath(root_fd, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
		return 0; /* a later entry of the same name took its place */
	if (fd < 0 || attributes_apply(fd, a, NULL) < 0)
		return err_sys(err, "setting mode, owner and time of folder '%s'",
			       guard_shown(path, strlen(path)).text);
	return 0;
}

int folder_list_apply(struct folder_list *list, int root_fd, const char *except, struct err *err)
{
	const char *last = NULL;

	if (list->count)
		qsort_r(list->folders, list->count, sizeof(*list->folders), by_depth, list->pool);
	for (size_t i = 0; i < list->count; i++) {
		const char *path = list->pool + list->folders[i].path;
		bool skip = (last && !strcmp(path, last)) || (except && !strcmp(path, except));

		last = path;
		if (!skip && apply_one(root_fd, path, &list->folders[i].attributes, err) < 0)
			return -1;
	}
	return 0;
}

const struct attributes *folder_list_find(const struct folder_list *list, const char *path)
{
	for (size_t i = 0; i < list->count; i++)
		if (!strcmp(list->pool + list->folders[i].path, path))
			return &list->folders[i].attributes;
	return NULL;
}

void folder_list_done(struct folder_list *list)
{
	free(list->folders);
	free(list->pool);
	*list = (struct folder_list){ 0 };
}
