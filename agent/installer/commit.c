/* installer/commit.c - renames, forth and back. */
#include "installer/commit.h"

#include "installer/permission.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Where a step happens: its folder and its place, kept open from step to step. */
struct site {
	const struct steps *steps;
	int folder_fd;
	uint32_t folder;
	int *place_fds;
};

struct spot {
	bool there;
	uint64_t dev, ino;
};

static int open_absolute(const char *path, int flags)
{
	AUTO_FD int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return -1;
	return path[1] ? fs_open_beneath(root, path + 1, flags, 0) : open("/", flags | O_CLOEXEC);
}

int steps_open_folder(const struct step_folder *f, struct err *err)
{
	AUTO_FD int fd = open_absolute(f->path, O_RDONLY | O_DIRECTORY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "opening folder '%s'", f->path);
	if (st.st_dev != f->dev || st.st_ino != f->ino) {
		errno = ENOENT; /* another folder of that name: ours is gone */
		return err_sys(err, "folder '%s' was replaced by another one", f->path);
	}
	return TAKE_FD(fd);
}

int steps_open_place(const struct step_place *p, struct err *err)
{
	AUTO_FD int parent = open_absolute(p->parent, O_PATH | O_DIRECTORY);
	int fd = parent < 0 ? -1 : openat(parent, p->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? err_sys(err, "opening private folder '%s/%s'", p->parent, p->name) : fd;
}

static void site_init(struct site *site, const struct steps *s)
{
	*site = (struct site){ .steps = s, .folder_fd = -1 };
	site->place_fds = xmalloc((s->place_count ? s->place_count : 1) * sizeof(*site->place_fds));
	for (size_t i = 0; i < s->place_count; i++)
		site->place_fds[i] = -1;
}

static void site_done(struct site *site)
{
	auto_closep(&site->folder_fd);
	for (size_t i = 0; i < site->steps->place_count; i++)
		auto_closep(&site->place_fds[i]);
	free(site->place_fds);
}

static int enter(struct site *site, const struct step *st, struct err *err)
{
	if (site->folder_fd < 0 || site->folder != st->folder) {
		auto_closep(&site->folder_fd);
		site->folder = st->folder;
		site->folder_fd = steps_open_folder(&site->steps->folders[st->folder], err);
		if (site->folder_fd < 0)
			return -1;
	}
	if (st->kind == STEP_ATTRIBUTES || site->place_fds[st->place] >= 0)
		return 0;
	site->place_fds[st->place] = steps_open_place(&site->steps->places[st->place], err);
	return site->place_fds[st->place] < 0 ? -1 : 0;
}

static int look(int dir_fd, const char *name, struct spot *out, struct err *err)
{
	struct stat st;

	*out = (struct spot){ .there = false };
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "looking at it");
	*out = (struct spot){ .there = true, .dev = st.st_dev, .ino = st.st_ino };
	return 0;
}

static bool is_new(const struct step *st, const struct spot *spot)
{
	return spot->there && spot->ino == st->new_ino && spot->dev == st->new_dev;
}

/* Old and new lie on one mount, so the device is the same. */
static bool is_old(const struct step *st, const struct spot *spot)
{
	return spot->there && st->old_ino && spot->ino == st->old_ino;
}

/* Rename where nothing may be replaced, also on file systems that have no such rename. */
static int move(int from_fd, const char *from, int to_fd, const char *to, struct err *err)
{
	struct spot spot;

	if (fs_rename_new(from_fd, from, to_fd, to) == 0)
		return 0;
	if (errno != EINVAL)
		return err_sys(err, "moving it");
	if (look(to_fd, to, &spot, err) < 0)
		return -1;
	if (spot.there) {
		errno = EEXIST;
		return err_sys(err, "moving it");
	}
	return fs_rename(from_fd, from, to_fd, to) < 0 ? err_sys(err, "moving it") : 0;
}

struct names { /* in the place: the staged or kept-aside entry, and the old one where no exchange is possible */
	char number[16], old[16];
};

static struct names names_of(const struct step *st)
{
	struct names n;

	(void)snprintf(n.number, sizeof(n.number), "%x", st->number);
	(void)snprintf(n.old, sizeof(n.old), "%xo", st->number);
	return n;
}

static int changed_meanwhile(struct err *err)
{
	return err_set(err, ERR_EXISTS,
		       "it was made or replaced by somebody else while this deployment was installing");
}

static int redo_place(struct site *site, const struct step *st, struct err *err)
{
	struct names n = names_of(st);
	int place = site->place_fds[st->place];
	struct spot staged, target;

	if (look(place, n.number, &staged, err) < 0 || look(site->folder_fd, st->name, &target, err) < 0)
		return -1;
	if (is_new(st, &target))
		return 0;
	if (!is_new(st, &staged))
		return err_set(err, ERR_STATE, "what was staged for it is gone");
	if (target.there)
		return changed_meanwhile(err);
	return move(place, n.number, site->folder_fd, st->name, err);
}

/* Exchange, or two renames where the file system cannot: the path is empty for an instant then. */
static int swap(int place, const struct names *n, int folder_fd, const char *name, struct err *err)
{
	if (fs_exchange(place, n->number, folder_fd, name) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return err_sys(err, "exchanging it");
	if (move(folder_fd, name, place, n->old, err) < 0)
		return -1;
	return move(place, n->number, folder_fd, name, err);
}

static int redo_exchange(struct site *site, const struct step *st, struct err *err)
{
	struct names n = names_of(st);
	int place = site->place_fds[st->place];
	struct spot staged, target;

	if (look(place, n.number, &staged, err) < 0 || look(site->folder_fd, st->name, &target, err) < 0)
		return -1;
	if (is_new(st, &target))
		return 0;
	if (!is_new(st, &staged))
		return err_set(err, ERR_STATE, "what was staged for it is gone");
	if (!target.there) /* removed by somebody, or a fallback swap was cut off half-way */
		return move(place, n.number, site->folder_fd, st->name, err);
	if (!is_old(st, &target))
		return changed_meanwhile(err);
	return swap(place, &n, site->folder_fd, st->name, err);
}

static int redo_remove(struct site *site, const struct step *st, struct err *err)
{
	struct names n = names_of(st);
	int place = site->place_fds[st->place];
	struct spot aside, target;

	if (look(place, n.number, &aside, err) < 0 || look(site->folder_fd, st->name, &target, err) < 0)
		return -1;
	if (aside.there || !target.there)
		return 0;
	return move(site->folder_fd, st->name, place, n.number, err);
}

static void close_dirp(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir); /* was only read */
}

/* 1: nothing in it, 0: something, or it is no folder at all. */
static int is_empty(int dir_fd, const char *name, struct err *err)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO(close_dirp) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	if (!dir)
		return errno == ENOTDIR ? 0 : err_sys(err, "listing it");
	do {
		errno = 0;
		e = readdir(dir);
	} while (e && (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")));
	return e ? 0 : errno ? err_sys(err, "listing it") : 1;
}

/* Move first and look then: between looking and moving somebody could put a file into it. */
static int redo_remove_folder(struct site *site, const struct step *st, struct err *err)
{
	struct names n = names_of(st);
	int place = site->place_fds[st->place];
	struct spot aside;

	if (redo_remove(site, st, err) < 0 || look(place, n.number, &aside, err) < 0)
		return -1;
	if (!aside.there)
		return 0;

	int empty = is_empty(place, n.number, err);

	if (empty)
		return empty < 0 ? -1 : 0;
	return move(place, n.number, site->folder_fd, st->name, err);
}

static int set_attributes(struct site *site, const struct step *st, const struct step_attributes *a, const char *acl,
			  struct err *err)
{
	AUTO_FD int fd = openat(site->folder_fd, st->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat s;

	if (fd < 0 || fstat(fd, &s) < 0)
		return err_sys(err, "opening it");
	if (s.st_ino != st->old_ino)
		return changed_meanwhile(err);
	if ((*st->acl_before || *st->acl_after) && fs_set_acl(fd, "", "") < 0 && errno != EOPNOTSUPP)
		return err_sys(err, "removing its ACL");
	return permission_apply(fd, a->mode, a->uid, a->gid, acl, err);
}

static int redo_attributes(struct site *site, const struct step *st, struct err *err)
{
	return set_attributes(site, st, &st->after, st->acl_after, err);
}

static int undo_place(struct site *site, const struct step *st, struct err *err)
{
	struct names n = names_of(st);
	struct spot target;

	if (look(site->folder_fd, st->name, &target, err) < 0)
		return -1;
	return is_new(st, &target) ? move(site->folder_fd, st->name, site->place_fds[st->place], n.number, err) : 0;
}

static int undo_exchange(struct site *site, const struct step *st, struct err *err)
{
	struct names n = names_of(st);
	int place = site->place_fds[st->place];
	struct spot aside, old, target;

	if (look(place, n.number, &aside, err) < 0 || look(place, n.old, &old, err) < 0 ||
	    look(site->folder_fd, st->name, &target, err) < 0)
		return -1;
	if (is_new(st, &target) && aside.there)
		return swap(place, &n, site->folder_fd, st->name, err);
	if (is_new(st, &target)) {
		if (move(site->folder_fd, st->name, place, n.number, err) < 0)
			return -1;
		target.there = false;
	}
	if (old.there)
		return move(place, n.old, site->folder_fd, st->name, err);
	return aside.there && !is_new(st, &aside) && !target.there
		       ? move(place, n.number, site->folder_fd, st->name, err)
		       : 0;
}

static int undo_remove(struct site *site, const struct step *st, struct err *err)
{
	struct names n = names_of(st);
	int place = site->place_fds[st->place];
	struct spot aside;

	if (look(place, n.number, &aside, err) < 0)
		return -1;
	return aside.there ? move(place, n.number, site->folder_fd, st->name, err) : 0;
}

static int undo_attributes(struct site *site, const struct step *st, struct err *err)
{
	return set_attributes(site, st, &st->before, st->acl_before, err);
}

static const struct {
	int (*redo)(struct site *site, const struct step *st, struct err *err);
	int (*undo)(struct site *site, const struct step *st, struct err *err);
	bool removes;
} kinds[STEP_KIND_COUNT] = {
	[STEP_PLACE] = { redo_place, undo_place, false },
	[STEP_EXCHANGE] = { redo_exchange, undo_exchange, false },
	[STEP_REMOVE] = { redo_remove, undo_remove, true },
	[STEP_REMOVE_FOLDER] = { redo_remove_folder, undo_remove, true },
	[STEP_ATTRIBUTES] = { redo_attributes, undo_attributes, false },
};

static int step_failed(const struct site *site, const struct step *st, struct err *err)
{
	return err_add(err, "'%s/%s'", site->steps->folders[st->folder].path, st->name);
}

int commit_redo(const struct steps *s, struct err *err)
{
	AUTO(site_done) struct site site;

	site_init(&site, s);
	for (size_t i = 0; i < s->count; i++) {
		const struct step *st = &s->items[i];

		if (enter(&site, st, err) < 0) {
			if (kinds[st->kind].removes && (err->sys == ENOENT || err->sys == ENOTDIR))
				continue; /* its folder went in a later step of an earlier run */
			return -1;
		}
		if (kinds[st->kind].redo(&site, st, err) < 0)
			return step_failed(&site, st, err);
	}
	return 0;
}

static int restore_time(const char *path, uint64_t ino, int64_t mtime_ns)
{
	const struct timespec times[2] = {
		{ .tv_nsec = UTIME_OMIT },
		{ .tv_sec = mtime_ns / 1000000000, .tv_nsec = mtime_ns % 1000000000 },
	};
	AUTO_FD int fd = open_absolute(path, O_RDONLY | O_DIRECTORY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || (ino && st.st_ino != ino))
		return 0; /* not ours any more */
	return fs_utimens(fd, times);
}

int commit_undo(const struct steps *s, struct err *err)
{
	AUTO(site_done) struct site site;
	struct err first = ERR_INIT;

	site_init(&site, s);
	for (size_t i = s->count; i-- > 0;) {
		const struct step *st = &s->items[i];
		struct err e = ERR_INIT;

		if (enter(&site, st, &e) == 0 && kinds[st->kind].undo(&site, st, &e) == 0)
			continue;
		(void)step_failed(&site, st, &e);
		if (!first.kind)
			first = e;
	}
	for (size_t i = 0; i < s->folder_count && !first.kind; i++)
		if (restore_time(s->folders[i].path, s->folders[i].ino, s->folders[i].mtime_ns) < 0)
			(void)err_sys(&first, "giving folder '%s' its time back", s->folders[i].path);
	if (!first.kind)
		return 0;
	*err = first;
	return -1;
}

int commit_make_places(const struct steps *s, struct err *err)
{
	for (size_t i = 0; i < s->place_count; i++) {
		AUTO_FD int parent = open_absolute(s->places[i].parent, O_PATH | O_DIRECTORY);

		if (parent < 0 || fs_mkdir(parent, s->places[i].name, 0700) < 0)
			return err_sys(err, "making private folder '%s/%s'", s->places[i].parent, s->places[i].name);
	}
	return 0;
}

int commit_remove_places(const struct steps *s, bool quietly, struct err *err)
{
	for (size_t i = 0; i < s->place_count; i++) {
		const struct step_place *p = &s->places[i];
		AUTO_FD int parent = open_absolute(p->parent, O_PATH | O_DIRECTORY);

		if (parent < 0 && errno == ENOENT)
			continue;
		if (parent < 0)
			return err_sys(err, "opening folder '%s'", p->parent);
		if (fs_remove_tree(parent, p->name, err) < 0)
			return err_add(err, "private folder '%s/%s'", p->parent, p->name);
		if (quietly && restore_time(p->parent, 0, p->parent_mtime_ns) < 0)
			return err_sys(err, "giving folder '%s' its time back", p->parent);
	}
	return 0;
}
