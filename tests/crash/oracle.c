/* tests/crash/oracle.c - which inodes may still be lost, and who was renamed too early. */
#include "oracle.h"

#include "inodes.h"
#include "util/auto.h"
#include "util/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_LINES    64
#define REPORT_BYTES (MAX_LINES * 1024)

struct place {
	struct place *next;
	char *path;
};

struct oracle {
	struct oracle_rules rules;
	pthread_mutex_t lock;
	struct inodes inodes;
	struct place *private_folders; /* every one that was seen in a call */
	unsigned long clock;
	dev_t commit_dev; /* the journal that got a commit record which is not flushed; commit_at 0: none */
	ino_t commit_ino;
	unsigned long commit_at;
	/* what was there at that moment must stay; 0: no commit record, or what came of it is settled */
	unsigned long kept_since;
	unsigned long settled_at; /* the same journal got a record that settles it, which is not flushed; 0: none */
	unsigned violations;
	struct str report;
};

/* What the first half of a call must remember for the second. */
static _Thread_local struct {
	unsigned long began; /* the clock when the call began */
	bool existed;	     /* the name to be created was there */
	bool dropped;	     /* the inode below goes away when the call succeeds */
	struct stat victim;  /* the inode that loses its last name */
	unsigned words;	     /* of the journal, in what is written */
} pending;

struct oracle *oracle_new(const struct oracle_rules *rules)
{
	struct oracle *o = xcalloc(1, sizeof(*o));

	o->rules = *rules;
	o->report = STR_INIT(REPORT_BYTES);
	(void)pthread_mutex_init(&o->lock, NULL); /* never fails on Linux */
	return o;
}

void oracle_free(struct oracle *o)
{
	if (!o)
		return;
	inodes_done(&o->inodes);
	for (struct place *p = o->private_folders, *next; p; p = next) {
		next = p->next;
		free(p->path);
		free(p);
	}
	str_done(&o->report);
	(void)pthread_mutex_destroy(&o->lock);
	free(o);
}

static void complain(struct oracle *o, const char *what, const char *path, const char *why)
{
	if (o->violations++ < MAX_LINES)
		(void)str_printf(&o->report, "order of flushes: %s: '%s' %s\n", what, path, why); /* may be full */
}

/* --- where things lie --- */

/* The absolute path of the descriptor FD (AT_FDCWD: the working directory) and, with NAME, of NAME in it. */
static void path_of(int fd, const char *name, char out[PATH_MAX])
{
	char link[64];

	if (fd == AT_FDCWD)
		(void)snprintf(link, sizeof(link), "/proc/self/cwd");
	else
		(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);

	ssize_t n = readlink(link, out, PATH_MAX - 1);
	size_t len = n < 0 ? 0 : (size_t)n;

	out[len] = '\0';
	if (name)
		(void)snprintf(out + len, PATH_MAX - len, "/%s", name); /* cut: good enough for a message */
}

static void remember_private(struct oracle *o, const char *path)
{
	for (const struct place *p = o->private_folders; p; p = p->next)
		if (!strcmp(p->path, path))
			return;

	struct place *p = xcalloc(1, sizeof(*p));

	p->path = xstrdup(path);
	p->next = o->private_folders;
	o->private_folders = p;
}

/* The folder that holds NAME: NAME itself may have several components. */
static bool is_private(struct oracle *o, int dir_fd, const char *name)
{
	char path[PATH_MAX];

	if (!o->rules.is_private)
		return false;
	if (name[0] == '/')
		(void)snprintf(path, sizeof(path), "%s", name); /* cut: no folder of a test is that deep */
	else
		path_of(dir_fd, name, path);

	char *slash = strrchr(path, '/');

	if (slash)
		*slash = '\0';
	if (!o->rules.is_private(o->rules.context, path))
		return false;
	remember_private(o, path);
	return true;
}

/* --- what must be flushed --- */

enum strictness { CONTENT_AND_NEW_NAMES, REMOVED_NAMES_TOO };

static const char *what_is_unflushed(const struct inode *n, enum strictness strictness)
{
	if (!n)
		return NULL;
	if (n->self)
		return "has content or attributes that are not flushed";
	if (n->added)
		return "is a folder with a new name in it that is not flushed";
	if (n->removed && strictness == REMOVED_NAMES_TOO)
		return "is a folder from which a name was taken, not flushed";
	return NULL;
}

/* Complain about NAME in DIR_FD and everything below it. PATH is its path, for messages, and is used as scratch. */
static void check_tree(struct oracle *o, int dir_fd, const char *name, char path[PATH_MAX], enum strictness strictness,
		       const char *moment)
{
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;

	const char *why = what_is_unflushed(inodes_find(&o->inodes, st.st_dev, st.st_ino), strictness);

	if (why)
		complain(o, moment, path, why);
	if (!S_ISDIR(st.st_mode))
		return;

	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	size_t len = strlen(path);

	if (!dir) {
		complain(o, moment, path, "cannot be looked into, so nothing is known about it");
		return;
	}
	for (const struct dirent *e; (e = readdir(dir));) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		(void)snprintf(path + len, PATH_MAX - len, "/%s", e->d_name); /* cut: only for messages */
		check_tree(o, fd, e->d_name, path, strictness, moment);
		path[len] = '\0';
	}
	(void)closedir(dir); /* was only read */
}

static void check_moved(struct oracle *o, const char *what, int dir_fd, const char *name, bool to_private)
{
	char path[PATH_MAX], moment[PATH_MAX + 64];

	path_of(dir_fd, name, path);
	(void)snprintf(moment, sizeof(moment), "%s of '%s'", what, path);
	check_tree(o, dir_fd, name, path, to_private ? CONTENT_AND_NEW_NAMES : REMOVED_NAMES_TOO, moment);
}

/* A private folder is of use after a crash only when its own name was flushed: that is in its parent. */
static void check_name_of(struct oracle *o, const char *folder)
{
	char up[PATH_MAX];
	struct stat st;

	(void)snprintf(up, sizeof(up), "%s/..", folder);
	if (stat(up, &st) < 0)
		return;

	const struct inode *parent = inodes_find(&o->inodes, st.st_dev, st.st_ino);
	const struct inode *n = lstat(folder, &st) < 0 ? NULL : inodes_find(&o->inodes, st.st_dev, st.st_ino);

	if (n && n->named > (parent ? parent->flushed : 0))
		complain(o, "commit record", folder, "is a private folder whose own name is not flushed");
}

static void check_commit(struct oracle *o)
{
	for (const struct place *p = o->private_folders; p; p = p->next) {
		char path[PATH_MAX];
		struct stat st;

		if (lstat(p->path, &st) < 0)
			continue;
		(void)snprintf(path, sizeof(path), "%s", p->path);
		check_tree(o, AT_FDCWD, p->path, path, CONTENT_AND_NEW_NAMES, "commit record");
		check_name_of(o, p->path);
	}
}

static void check_after_commit(struct oracle *o, const struct fs_call *call)
{
	char path[PATH_MAX];

	if (!o->commit_at)
		return;
	path_of(call->dir_fd, call->name, path);
	complain(o, fs_op_name(call->op), path, "was changed before the commit record was flushed");
}

/* --- the calls --- */

static void remember_victim(int dir_fd, const char *name)
{
	struct stat *st = &pending.victim;

	pending.dropped = fstatat(dir_fd, name, st, AT_SYMLINK_NOFOLLOW) == 0 &&
			  (st->st_nlink == 1 || S_ISDIR(st->st_mode));
}

static void before_move(struct oracle *o, const struct fs_call *call)
{
	bool from_private = is_private(o, call->dir_fd, call->name);
	bool to_private = is_private(o, call->to_dir_fd, call->to_name);
	const char *what = fs_op_name(call->op);

	if (from_private && to_private)
		return;
	if (o->rules.is_scratch && o->rules.is_scratch(o->rules.context, call))
		return;
	check_after_commit(o, call);
	check_moved(o, what, call->dir_fd, call->name, to_private);
	if (call->op == FS_EXCHANGE)
		check_moved(o, what, call->to_dir_fd, call->to_name, from_private);
}

static struct inode *note_inode(struct oracle *o, const struct stat *st, int fd, const char *name)
{
	struct inode *n = inodes_get(&o->inodes, st);
	char path[PATH_MAX];

	path_of(fd, name, path);
	free(n->path);
	n->path = xstrdup(path);
	return n;
}

static struct inode *touch(struct oracle *o, int fd, const char *name)
{
	struct inode *n = NULL;
	struct stat st;

	if ((name ? fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) : fstat(fd, &st)) == 0) {
		n = note_inode(o, &st, fd, name);
		n->self = ++o->clock;
	}
	return n;
}

/* Undoing, and redoing after a crash, need what was there before the commit record until all is settled. */
static void check_kept(struct oracle *o, const struct fs_call *call, const struct stat *st, int fd, const char *name)
{
	const struct inode *n = inodes_find(&o->inodes, st->st_dev, st->st_ino);
	char path[PATH_MAX];

	if (!o->kept_since || (n && n->born > o->kept_since) ||
	    (st->st_dev == o->commit_dev && st->st_ino == o->commit_ino))
		return;
	path_of(fd, name, path);
	complain(o, fs_op_name(call->op), path,
		 "was there before the commit record and goes before a record settles it");
}

static void check_settled(void *oracle, struct inode *n)
{
	const char *why = what_is_unflushed(n, REMOVED_NAMES_TOO);

	if (why)
		complain(oracle, "record that settles a commit", n->path, why);
}

static void before_write(struct oracle *o, const struct fs_call *call)
{
	char path[PATH_MAX];
	struct stat st;

	path_of(call->fd, NULL, path);
	pending.words = o->rules.words ? o->rules.words(o->rules.context, call, path) : 0;
	if (pending.words & ORACLE_COMMIT)
		check_commit(o);
	if (pending.words & ORACLE_SETTLED)
		inodes_each(&o->inodes, check_settled, o);
	if (!(fcntl(call->fd, F_GETFL) & O_APPEND) && fstat(call->fd, &st) == 0) /* a log only gets longer */
		check_kept(o, call, &st, call->fd, NULL);
	(void)touch(o, call->fd, NULL); /* in flight: already able to spoil a rename in another thread */
}

void oracle_before(struct oracle *o, const struct fs_call *call)
{
	struct stat st;

	(void)pthread_mutex_lock(&o->lock);
	memset(&pending, 0, sizeof(pending));
	pending.began = o->clock;
	switch (call->op) {
	case FS_CREATE:
		pending.existed = fstatat(call->dir_fd, call->name, &st, AT_SYMLINK_NOFOLLOW) == 0;
		break;
	case FS_WRITE:
		before_write(o, call);
		break;
	case FS_RENAME:
		before_move(o, call);
		remember_victim(call->to_dir_fd, call->to_name);
		break;
	case FS_EXCHANGE:
		before_move(o, call);
		break;
	case FS_TRUNCATE:
		if (fstat(call->fd, &st) == 0)
			check_kept(o, call, &st, call->fd, NULL);
		break;
	case FS_UNLINK:
	case FS_RMDIR:
		if (!is_private(o, call->dir_fd, call->name))
			check_after_commit(o, call);
		remember_victim(call->dir_fd, call->name);
		break;
	default:
		break;
	}
	(void)pthread_mutex_unlock(&o->lock);
}

static void touch_folder(struct oracle *o, int dir_fd, const char *name, bool added)
{
	char folder[PATH_MAX];
	struct stat st;

	(void)is_private(o, dir_fd, name); /* remembers it */
	(void)snprintf(folder, sizeof(folder), "%s", name);

	char *slash = strrchr(folder, '/');

	(void)strcpy(slash ? slash + 1 : folder, "."); /* shorter than a name */
	if (fstatat(dir_fd, folder, &st, 0) < 0)
		return;

	struct inode *n = note_inode(o, &st, dir_fd, strcmp(folder, ".") ? folder : NULL);

	*(added ? &n->added : &n->removed) = ++o->clock;
}

static void note_name(struct oracle *o, int dir_fd, const char *name)
{
	struct stat st;

	touch_folder(o, dir_fd, name, true);
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		inodes_get(&o->inodes, &st)->named = o->clock;
}

static void flush(struct inode *n, unsigned long began)
{
	if (n->self <= began)
		n->self = 0;
	if (n->added <= began)
		n->added = 0;
	if (n->removed <= began)
		n->removed = 0;
	n->flushed = began;
}

static void flush_if_on(void *dev, struct inode *n)
{
	if (n->dev == *(const dev_t *)dev)
		flush(n, pending.began);
}

/* The journal was flushed: its records count from here on. */
static void flush_words(struct oracle *o)
{
	if (o->commit_at && o->commit_at <= pending.began)
		o->commit_at = 0;
	if (o->settled_at && o->settled_at <= pending.began)
		o->settled_at = o->kept_since = 0;
}

static void flush_device(struct oracle *o, dev_t dev)
{
	inodes_each(&o->inodes, flush_if_on, &dev);
	if (o->commit_dev == dev)
		flush_words(o);
}

/* A symbolic link has no descriptor: flushing the folder that holds it is all that can be done for it. */
static void flush_links_in(struct oracle *o, int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		return;
	for (const struct dirent *e; (e = readdir(dir));) {
		struct stat st;
		struct inode *n;

		if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode) &&
		    (n = inodes_find(&o->inodes, st.st_dev, st.st_ino)))
			flush(n, pending.began);
	}
	(void)closedir(dir); /* was only read */
}

static void after_flush(struct oracle *o, const struct fs_call *call)
{
	struct stat st;

	if (fstat(call->fd, &st) < 0)
		return;
	if (call->op == FS_SYNCFS) {
		flush_device(o, st.st_dev);
		return;
	}

	struct inode *n = inodes_find(&o->inodes, st.st_dev, st.st_ino);

	if (n)
		flush(n, pending.began);
	if (S_ISDIR(st.st_mode))
		flush_links_in(o, call->fd);
	if (o->commit_dev == st.st_dev && o->commit_ino == st.st_ino)
		flush_words(o);
}

static void after_write(struct oracle *o, const struct fs_call *call)
{
	struct stat st;

	(void)touch(o, call->fd, NULL);
	if (!pending.words || fstat(call->fd, &st) < 0)
		return;
	o->commit_dev = st.st_dev;
	o->commit_ino = st.st_ino;
	if (pending.words & ORACLE_COMMIT)
		o->commit_at = o->kept_since = o->clock;
	if (pending.words & ORACLE_SETTLED)
		o->settled_at = o->clock;
}

static void after_new_name(struct oracle *o, const struct fs_call *call)
{
	if (call->op == FS_LINK) {
		note_name(o, call->to_dir_fd, call->to_name);
		return;
	}
	if (pending.existed)
		return;

	struct inode *n = touch(o, call->dir_fd, call->name);

	if (n)
		n->born = o->clock;
	note_name(o, call->dir_fd, call->name);
}

/* Only now: a rename that replaces nothing fails when there is something. */
static void drop_victim(struct oracle *o, const struct fs_call *call, int dir_fd, const char *name)
{
	if (!pending.dropped)
		return;
	check_kept(o, call, &pending.victim, dir_fd, name);
	inodes_forget(&o->inodes, &pending.victim);
}

static void after_move(struct oracle *o, const struct fs_call *call)
{
	drop_victim(o, call, call->to_dir_fd, call->to_name);
	note_name(o, call->to_dir_fd, call->to_name);
	if (call->op == FS_EXCHANGE)
		note_name(o, call->dir_fd, call->name);
	else
		touch_folder(o, call->dir_fd, call->name, false);
}

static void after_removal(struct oracle *o, const struct fs_call *call)
{
	drop_victim(o, call, call->dir_fd, call->name);
	touch_folder(o, call->dir_fd, call->name, false);
}

static void note_success(struct oracle *o, const struct fs_call *call)
{
	switch (call->op) {
	case FS_CREATE:
	case FS_MKDIR:
	case FS_SYMLINK:
	case FS_LINK:
		after_new_name(o, call);
		break;
	case FS_RENAME:
	case FS_EXCHANGE:
		after_move(o, call);
		break;
	case FS_UNLINK:
	case FS_RMDIR:
		after_removal(o, call);
		break;
	case FS_FSYNC:
	case FS_SYNCFS:
		after_flush(o, call);
		break;
	default:
		(void)touch(o, call->fd >= 0 ? call->fd : call->dir_fd, call->fd >= 0 ? NULL : call->name);
		break;
	}
}

void oracle_after(struct oracle *o, const struct fs_call *call, int result)
{
	(void)pthread_mutex_lock(&o->lock);
	if (call->op == FS_WRITE)
		after_write(o, call); /* a failed one may have written a part */
	else if (result >= 0)
		note_success(o, call);
	(void)pthread_mutex_unlock(&o->lock);
}

void oracle_require_clean(struct oracle *o, const char *path, const char *moment)
{
	char scratch[PATH_MAX];

	(void)pthread_mutex_lock(&o->lock);
	(void)snprintf(scratch, sizeof(scratch), "%s", path);
	check_tree(o, AT_FDCWD, path, scratch, REMOVED_NAMES_TOO, moment);
	(void)pthread_mutex_unlock(&o->lock);
}

unsigned oracle_violations(const struct oracle *o)
{
	return o->violations;
}

const char *oracle_report(const struct oracle *o)
{
	return str_text(&o->report);
}
