/* installer/spare.c - a walk through a folder with the manifest beside it. */
#include "installer/spare.h"

#include "model/tree.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/name_index.h"
#include "util/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

struct spare {
	const struct manifest *m;
	struct name_index index;
};

static const char *name_of(const void *tree, uint32_t id, uint32_t *parent)
{
	const struct manifest *m = tree;

	*parent = m->entries[id].parent;
	return manifest_name(m, id);
}

struct spare *spare_new(const struct manifest *m)
{
	struct spare *s = xcalloc(1, sizeof(*s));

	s->m = m;
	name_index_init(&s->index, name_of, m);
	for (uint32_t i = 1; i < m->count; i++)
		name_index_add(&s->index, i);
	return s;
}

void spare_free(struct spare *s)
{
	if (!s)
		return;
	name_index_done(&s->index);
	free(s);
}

/* The entry of PATH, NAME_INDEX_NONE when it is not listed. */
static uint32_t entry_of(const struct spare *s, const char *path)
{
	uint32_t at = 0;

	for (path += strspn(path, "/"); *path && at != NAME_INDEX_NONE; path += strspn(path, "/")) {
		size_t n = strcspn(path, "/");

		at = name_index_find(&s->index, at, path, n);
		path += n;
	}
	return at;
}

static int walk(const struct spare *s, int dir_fd, const char *name, uint32_t id, bool removes, struct err *err);

static int walk_folder(const struct spare *s, int dir_fd, const char *name, uint32_t id, bool removes, struct err *err)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_DIR DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int others = 0;

	if (!dir) {
		auto_closep(&fd);
		return err_sys(err, "opening folder '%s'", name);
	}
	for (;;) {
		errno = 0;
		const struct dirent *e = readdir(dir);

		if (!e)
			break;
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;

		int r = walk(s, fd, e->d_name, name_index_find(&s->index, id, e->d_name, strlen(e->d_name)), removes,
			     err);

		if (r < 0 || (r && !removes))
			return r;
		others = others || r;
	}
	if (errno)
		return err_sys(err, "listing folder '%s'", name);
	if (removes && !others && fs_rmdir(dir_fd, name) < 0)
		return err_sys(err, "removing folder '%s'", name);
	return others;
}

/* ID: what the manifest has at this name, or NAME_INDEX_NONE. 1: it is of others, or holds something that is. */
static int walk(const struct spare *s, int dir_fd, const char *name, uint32_t id, bool removes, struct err *err)
{
	bool ours = id != NAME_INDEX_NONE && s->m->entries[id].flags & MANIFEST_OURS;
	struct stat st;

	if (!ours)
		return 1;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "looking at '%s'", name);
	if (S_ISDIR(st.st_mode))
		return s->m->entries[id].type == TREE_DIRECTORY ? walk_folder(s, dir_fd, name, id, removes, err) : 1;
	return removes && fs_unlink(dir_fd, name) < 0 ? err_sys(err, "removing '%s'", name) : 0;
}

int spare_look(const struct spare *s, int dir_fd, const char *name, const char *path, struct err *err)
{
	return walk(s, dir_fd, name, entry_of(s, path), false, err);
}

int spare_remove_ours(const struct spare *s, int dir_fd, const char *name, const char *path, struct err *err)
{
	return walk(s, dir_fd, name, entry_of(s, path), true, err);
}
