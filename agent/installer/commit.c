/* installer/commit.c - renames, forth and back. */
#include "installer/commit.h"

#include "installer/permission.h"
#include "installer/place.h"
#include "installer/spare.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Where a step happens: its folder and its place, kept open from step to step. */
struct site {
	const struct steps *steps;
	int folder_fd, place_fd;
	uint32_t folder, place, number;
	bool on_one_mount;		/* both, as they are open now */
	const struct undo_watch *watch; /* when undoing; may be NULL */
	struct spare *spare;		/* made when it is needed */
};

struct spot {
	bool there, folder;
	uint64_t ino;
};

static int open_folder(const struct step_folder *f, struct err *err)
{
	AUTO_FD int fd = place_open_absolute(f->path, O_RDONLY | O_DIRECTORY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "opening folder '%s'", f->path);
	if (st.st_ino != f->ino) { /* the device may have another number after a restart */
		errno = ENOENT;	   /* another folder of that name: ours is gone */
		return err_sys(err, "folder '%s' was replaced by another one", f->path);
	}
	return TAKE_FD(fd);
}

static void site_init(struct site *site, const struct steps *s)
{
	*site = (struct site){ .steps = s, .folder_fd = -1, .place_fd = -1 };
}

static void site_done(struct site *site)
{
	auto_closep(&site->folder_fd);
	auto_closep(&site->place_fd);
	spare_free(site->spare);
}

/* What stands where that folder was. MAKE: a new one, if nothing does; its attributes are not known here, so whoever
 * compares the files with their manifest sees that. -1 and errno. */
static int open_successor(const char *folder, bool make)
{
	int fd = place_open_absolute(folder, O_RDONLY | O_DIRECTORY);

	if (fd >= 0 || errno != ENOENT || !make)
		return fd;

	AUTO_FREE char *path = xstrdup(folder);
	char *slash = strrchr(path, '/');

	if (slash == path)
		return -1;
	*slash = '\0';

	AUTO_FD int parent = open_successor(path, true);

	if (parent < 0 || fs_mkdir(parent, slash + 1, 0755) < 0)
		return -1;
	return openat(parent, slash + 1, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* 1: the folder is gone, or something else stands there. ERR says so, too. */
static int enter_folder(struct site *site, const struct step *st, struct err *err)
{
	if (site->folder_fd >= 0 && site->folder == st->folder)
		return 0;
	auto_closep(&site->folder_fd);
	site->on_one_mount = false;
	site->folder = st->folder;
	site->folder_fd = open_folder(&site->steps->folders[st->folder], err);
	if (site->folder_fd >= 0)
		return 0;
	return err->sys == ENOENT || err->sys == ENOTDIR || err->sys == ELOOP ? 1 : -1;
}

static int enter_place(struct site *site, const struct step *st, struct err *err)
{
	if (site->place_fd >= 0 && site->place == st->place && place_shares_folder(site->number, st->number))
		return 0;
	auto_closep(&site->place_fd);
	site->on_one_mount = false;
	site->place = st->place;
	site->number = st->number;
	site->place_fd = place_open(site->steps, st->place, st->number, err);
	return site->place_fd < 0 ? -1 : 0;
}

/* By now something else may be mounted on the folder, or the folder may not be mounted. */
static int enter_place_of(struct site *site, const struct step *st, struct err *err)
{
	const char *path = site->steps->folders[st->folder].path;
	struct stat folder, place;

	if (st->kind == STEP_ATTRIBUTES)
		return 0;
	if (enter_place(site, st, err) < 0)
		return -1;
	if (site->on_one_mount)
		return 0;
	if (fstat(site->folder_fd, &folder) < 0 || fstat(site->place_fd, &place) < 0)
		return err_sys(err, "looking at folder '%s'", path);
	site->on_one_mount = folder.st_dev == place.st_dev;
	return site->on_one_mount
		       ? 0
		       : err_set(err, ERR_STATE,
				 "folder '%s' lies on another file system than what was put aside for it", path);
}

/* Returns like enter_folder. */
static int enter(struct site *site, const struct step *st, struct err *err)
{
	int r = enter_folder(site, st, err);

	return r ? r : enter_place_of(site, st, err);
}

/* Undoing: a hook may have removed the folder, or put a copy of it there. It will never come back, so what is there
 * instead gets its old files. MAKE: one is made when there is none. Returns like enter_folder. */
static int enter_successor(struct site *site, const struct step *st, bool make, struct err *err)
{
	const char *path = site->steps->folders[st->folder].path;

	auto_closep(&site->folder_fd);
	site->on_one_mount = false;
	site->folder = st->folder;
	site->folder_fd = open_successor(path, make);
	if (site->folder_fd >= 0)
		return enter_place_of(site, st, err);
	(void)err_sys(err, "opening folder '%s'", path);
	return make ? -1 : 1;
}

static int look(int dir_fd, const char *name, struct spot *out, struct err *err)
{
	struct stat st;

	*out = (struct spot){ .there = false };
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "looking at it");
	*out = (struct spot){ .there = true, .folder = S_ISDIR(st.st_mode), .ino = st.st_ino };
	return 0;
}

/* Old and new lie on one mount, so the device is the same; its number may be another one after a restart. */
static bool is_new(const struct step *st, const struct spot *spot)
{
	return spot->there && spot->ino == st->new_ino;
}

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

static int changed_meanwhile(struct err *err)
{
	return err_set(err, ERR_EXISTS,
		       "it was made or replaced by somebody else while this deployment was installing");
}

/* What stands at the name now. 1: the step is done already; 0: what it places is staged. */
static int look_before(struct site *site, const struct step *st, struct spot *target, struct err *err)
{
	struct place_names n = place_names(st->number);
	struct spot staged;

	if (look(site->place_fd, n.entry, &staged, err) < 0 || look(site->folder_fd, st->name, target, err) < 0)
		return -1;
	if (is_new(st, target))
		return 1;
	return is_new(st, &staged) ? 0 : err_set(err, ERR_STATE, "what was staged for it is gone");
}

static int redo_place(struct site *site, const struct step *st, struct err *err)
{
	struct place_names n = place_names(st->number);
	struct spot target;
	int r = look_before(site, st, &target, err);

	if (r)
		return r < 0 ? -1 : 0;
	if (target.there)
		return changed_meanwhile(err);
	return move(site->place_fd, n.entry, site->folder_fd, st->name, err);
}

/* Exchange, or two renames where the file system cannot: the path is empty for an instant then. */
static int swap(int place, const struct place_names *n, int folder_fd, const char *name, struct err *err)
{
	if (fs_exchange(place, n->entry, folder_fd, name) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return err_sys(err, "exchanging it");
	if (move(folder_fd, name, place, n->old, err) < 0)
		return -1;
	return move(place, n->entry, folder_fd, name, err);
}

static int redo_exchange(struct site *site, const struct step *st, struct err *err)
{
	struct place_names n = place_names(st->number);
	int place = site->place_fd;
	struct spot target;
	int r = look_before(site, st, &target, err);

	if (r)
		return r < 0 ? -1 : 0;
	if (!target.there) /* removed by somebody, or a fallback swap was cut off half-way */
		return move(place, n.entry, site->folder_fd, st->name, err);
	if (!is_old(st, &target))
		return changed_meanwhile(err);
	return swap(place, &n, site->folder_fd, st->name, err);
}

static int redo_remove(struct site *site, const struct step *st, struct err *err)
{
	struct place_names n = place_names(st->number);
	int place = site->place_fd;
	struct spot aside, target;

	if (look(place, n.entry, &aside, err) < 0 || look(site->folder_fd, st->name, &target, err) < 0)
		return -1;
	if (aside.there || !target.there)
		return 0;
	return move(site->folder_fd, st->name, place, n.entry, err);
}

/* 1: nothing in it, 0: something, or it is no folder at all. */
static int is_empty(int dir_fd, const char *name, struct err *err)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_DIR DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	if (!dir) {
		int r = errno == ENOTDIR ? 0 : err_sys(err, "listing it");

		auto_closep(&fd);
		return r;
	}
	do {
		errno = 0;
		e = readdir(dir);
	} while (e && (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..")));
	return e ? 0 : errno ? err_sys(err, "listing it") : 1;
}

/* Move first and look then: between looking and moving somebody could put a file into it. */
static int redo_remove_folder(struct site *site, const struct step *st, struct err *err)
{
	struct place_names n = place_names(st->number);
	int place = site->place_fd;
	struct spot aside;

	if (redo_remove(site, st, err) < 0 || look(place, n.entry, &aside, err) < 0)
		return -1;
	if (!aside.there)
		return 0;

	int empty = is_empty(place, n.entry, err);

	if (empty)
		return empty < 0 ? -1 : 0;
	return move(place, n.entry, site->folder_fd, st->name, err);
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

/* Undoing. A hook that edits a file often makes a new one of it: whatever stands where a step is done counts as what
 * became of ours, and goes. Folders of others stay. */

static bool became_of_ours(const struct step *st, const struct spot *target)
{
	return target->there && (is_new(st, target) || !target->folder);
}

/* The folder at the name of ST was made by the install. 1: it holds something of others; 0: it does not. */
static int holds_others(struct site *site, const struct step *st, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/%s", site->steps->folders[st->folder].path, st->name);

	if (!site->watch || !site->watch->manifest)
		return 0;
	if (!site->spare)
		site->spare = spare_new(site->watch->manifest);
	return spare_look(site->spare, site->folder_fd, st->name, path, err);
}

static int remove_ours(struct site *site, const struct step *st, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/%s", site->steps->folders[st->folder].path, st->name);
	int r = spare_remove_ours(site->spare, site->folder_fd, st->name, path, err);

	if (r > 0 && site->watch->spared)
		site->watch->spared(site->watch->context, path);
	return r < 0 ? -1 : 0;
}

static int undo_place(struct site *site, const struct step *st, struct err *err)
{
	struct place_names n = place_names(st->number);
	struct spot staged, target;

	if (look(site->place_fd, n.entry, &staged, err) < 0 || look(site->folder_fd, st->name, &target, err) < 0)
		return -1;
	if (staged.there || !became_of_ours(st, &target))
		return 0; /* it was never done, or is undone already */

	int others = target.folder ? holds_others(site, st, err) : 0;

	if (others)
		return others < 0 ? -1 : remove_ours(site, st, err);
	return move(site->folder_fd, st->name, site->place_fd, n.entry, err);
}

/* A folder of others stands where an old file is to come back: it stays, under another name. */
static int move_aside(struct site *site, const struct step *st, struct err *err)
{
	const struct undo_watch *watch = site->watch;

	if (!watch || !watch->deployment_id)
		return changed_meanwhile(err);

	AUTO_FREE char *aside = xasprintf("%s.left-by-%s", st->name, watch->deployment_id);
	AUTO_FREE char *path = xasprintf("%s/%s", site->steps->folders[st->folder].path, aside);

	if (move(site->folder_fd, st->name, site->folder_fd, aside, err) < 0)
		return -1;
	if (watch->spared)
		watch->spared(watch->context, path);
	return 0;
}

/* The same for one that the install had made, with something of others in it. */
static int move_others_aside(struct site *site, const struct step *st, struct err *err)
{
	AUTO_FREE char *path = xasprintf("%s/%s", site->steps->folders[st->folder].path, st->name);

	if (spare_remove_ours(site->spare, site->folder_fd, st->name, path, err) < 0)
		return -1;
	return move_aside(site, st, err);
}

static int undo_exchange(struct site *site, const struct step *st, struct err *err)
{
	struct place_names n = place_names(st->number);
	int place = site->place_fd;
	struct spot aside, old, target;

	if (look(place, n.entry, &aside, err) < 0 || look(site->folder_fd, st->name, &target, err) < 0)
		return -1;
	if (is_old(st, &target))
		return 0;
	if (!is_old(st, &aside) && look(place, n.old, &old, err) < 0)
		return -1;

	/* an exchange leaves the old one under the entry's name; so do the two renames of an undo for some time */
	const char *kept = is_old(st, &aside) ? n.entry : is_old(st, &old) ? n.old : NULL;

	if (!kept)
		return undo_place(site, st, err); /* there was none to keep when the step was done */
	if (target.there && !became_of_ours(st, &target)) {
		if (move_aside(site, st, err) < 0)
			return -1;
		target.there = false;
	}

	int others = target.there && target.folder ? holds_others(site, st, err) : 0;

	if (others < 0 || (others && move_others_aside(site, st, err) < 0))
		return -1;
	if (target.there && !others && kept == n.entry)
		return swap(place, &n, site->folder_fd, st->name, err);
	if (target.there && !others && move(site->folder_fd, st->name, place, n.entry, err) < 0)
		return -1;
	return move(place, kept, site->folder_fd, st->name, err);
}

static int undo_remove(struct site *site, const struct step *st, struct err *err)
{
	struct place_names n = place_names(st->number);
	int place = site->place_fd;
	struct spot aside, target;

	if (look(place, n.entry, &aside, err) < 0 || look(site->folder_fd, st->name, &target, err) < 0)
		return -1;
	if (!aside.there || is_old(st, &target))
		return 0;
	if (!target.there)
		return move(place, n.entry, site->folder_fd, st->name, err);
	if (!is_old(st, &aside))
		return changed_meanwhile(err);
	if (target.folder && !aside.folder)
		return move_aside(site, st, err) < 0 ? -1 : move(place, n.entry, site->folder_fd, st->name, err);
	return swap(place, &n, site->folder_fd, st->name, err); /* made anew by the revision that goes */
}

/* Move what the folder NAME in the place holds into the old folder, which is back. What has a name there already is
 * decided by the step of that name, or goes. */
static int merge_from(struct site *site, const struct step *st, const char *name, struct err *err)
{
	int from = openat(site->place_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_DIR DIR *dir = from < 0 ? NULL : fdopendir(from);
	AUTO_FD int to = openat(site->folder_fd, st->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (!dir || to < 0) {
		int r = errno == ENOENT || errno == ENOTDIR ? 0 : err_sys(err, "opening it");

		if (!dir)
			auto_closep(&from);
		return r;
	}
	for (;;) {
		errno = 0;
		const struct dirent *e = readdir(dir);

		if (!e)
			return errno ? err_sys(err, "listing it") : 0;
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;

		struct err there = ERR_INIT;

		if (move(from, e->d_name, to, e->d_name, &there) < 0 && there.sys != EEXIST) {
			*err = there;
			return -1;
		}
	}
}

/* The revision that goes may have made the folder again and put something into it. */
static int undo_remove_folder(struct site *site, const struct step *st, struct err *err)
{
	struct place_names n = place_names(st->number);
	struct spot target;

	if (undo_remove(site, st, err) < 0 || look(site->folder_fd, st->name, &target, err) < 0)
		return -1;
	if (!is_old(st, &target))
		return 0;
	return merge_from(site, st, n.entry, err) < 0 ? -1 : merge_from(site, st, n.old, err);
}

/* A folder that is gone, or another one, was not changed by us. */
static int undo_attributes(struct site *site, const struct step *st, struct err *err)
{
	struct stat now;

	if (fstatat(site->folder_fd, st->name, &now, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "looking at it");
	if (!S_ISDIR(now.st_mode) || now.st_ino != st->old_ino)
		return 0;
	return set_attributes(site, st, &st->before, st->acl_before, err);
}

static const struct {
	int (*redo)(struct site *site, const struct step *st, struct err *err);
	int (*undo)(struct site *site, const struct step *st, struct err *err);
	/* where the folder is gone: nothing is left to do; nothing is left to take back */
	bool needs_no_redo, needs_no_undo;
} kinds[STEP_KIND_COUNT] = {
	[STEP_PLACE] = { redo_place, undo_place, false, true },
	[STEP_EXCHANGE] = { redo_exchange, undo_exchange, false, false },
	[STEP_REMOVE] = { redo_remove, undo_remove, true, false },
	[STEP_REMOVE_FOLDER] = { redo_remove_folder, undo_remove_folder, true, false },
	[STEP_ATTRIBUTES] = { redo_attributes, undo_attributes, false, true },
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
		struct err gone = ERR_INIT;
		int r = enter(&site, st, &gone);

		if (r > 0 && kinds[st->kind].needs_no_redo)
			continue; /* its folder went in a later step of an earlier run */
		if (r) {
			*err = gone;
			return -1;
		}
		if (kinds[st->kind].redo(&site, st, err) < 0)
			return step_failed(&site, st, err);
	}
	return 0;
}

int commit_undo(const struct steps *s, const struct undo_watch *watch, struct err *err)
{
	AUTO(site_done) struct site site;
	struct err first = ERR_INIT;

	site_init(&site, s);
	site.watch = watch;
	for (size_t i = s->count; i-- > 0;) {
		const struct step *st = &s->items[i];
		struct err e = ERR_INIT;
		int r = enter(&site, st, &e);

		if (r > 0)
			r = enter_successor(&site, st, !kinds[st->kind].needs_no_undo, &e);
		if (r > 0)
			continue;
		if (r == 0 && kinds[st->kind].undo(&site, st, &e) == 0)
			continue;
		(void)step_failed(&site, st, &e);
		if (!first.kind)
			first = e;
	}
	for (size_t i = 0; i < s->folder_count && !first.kind; i++)
		if (place_restore_time(s->folders[i].path, s->folders[i].ino, s->folders[i].mtime_ns) < 0)
			(void)err_sys(&first, "giving folder '%s' its time back", s->folders[i].path);
	if (!first.kind)
		return 0;
	*err = first;
	return -1;
}
