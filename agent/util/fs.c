/* util/fs.c - the one place where files are changed. */
#include "util/fs.h"

#include "util/auto.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

static const char *const op_names[FS_OP_COUNT] = {
	[FS_CREATE] = "create", [FS_WRITE] = "write",	    [FS_MKDIR] = "mkdir",	[FS_SYMLINK] = "symlink",
	[FS_LINK] = "link",	[FS_RENAME] = "rename",	    [FS_EXCHANGE] = "exchange", [FS_UNLINK] = "unlink",
	[FS_RMDIR] = "rmdir",	[FS_CHMOD] = "chmod",	    [FS_CHOWN] = "chown",	[FS_UTIMENS] = "utimens",
	[FS_SETACL] = "setacl", [FS_SETLABEL] = "setlabel", [FS_TRUNCATE] = "truncate", [FS_ALLOCATE] = "allocate",
	[FS_CLONE] = "clone",	[FS_FSYNC] = "fsync",	    [FS_SYNCFS] = "syncfs",
};

/* The one writable global besides the log: null in production (DESIGN section 6). */
static const struct fs_observer *_Atomic current_observer;

const char *fs_op_name(enum fs_op op)
{
	return op_names[op];
}

void fs_observe(const struct fs_observer *observer)
{
	atomic_store(&current_observer, observer);
}

static int announce(const struct fs_call *call)
{
	const struct fs_observer *o = atomic_load_explicit(&current_observer, memory_order_relaxed);
	int failure = o ? o->before(o->context, call) : 0;

	if (failure)
		errno = failure;
	return failure ? -1 : 0;
}

static int conclude(const struct fs_call *call, int result)
{
	const struct fs_observer *o = atomic_load_explicit(&current_observer, memory_order_relaxed);

	if (o) {
		int saved = errno;

		o->after(o->context, call, result);
		errno = saved;
	}
	return result;
}

static struct fs_call on_fd(enum fs_op op, int fd)
{
	return (struct fs_call){ .op = op, .fd = fd, .dir_fd = -1, .to_dir_fd = -1 };
}

static struct fs_call on_name(enum fs_op op, int dir_fd, const char *name)
{
	return (struct fs_call){ .op = op, .fd = -1, .dir_fd = dir_fd, .name = name, .to_dir_fd = -1 };
}

static struct fs_call on_pair(enum fs_op op, int dir_fd, const char *name, int to_dir_fd, const char *to_name)
{
	return (struct fs_call){
		.op = op, .fd = -1, .dir_fd = dir_fd, .name = name, .to_dir_fd = to_dir_fd, .to_name = to_name
	};
}

static struct fs_call on_bytes(int fd, const void *bytes, size_t len, int64_t offset)
{
	return (struct fs_call){
		.op = FS_WRITE, .fd = fd, .dir_fd = -1, .to_dir_fd = -1, .bytes = bytes, .len = len, .offset = offset
	};
}

/* Announce CALL, make it by EXPRESSION until no signal interrupts it, conclude. */
#define OBSERVED(call, expression)                                                                                     \
	({                                                                                                             \
		const struct fs_call call_ = call;                                                                     \
		int result_ = announce(&call_);                                                                        \
		if (result_ == 0) {                                                                                    \
			do                                                                                             \
				result_ = (expression);                                                                \
			while (result_ < 0 && errno == EINTR);                                                         \
			result_ = conclude(&call_, result_);                                                           \
		}                                                                                                      \
		result_;                                                                                               \
	})

int fs_observed(const struct fs_call *call, int (*make)(void *arg), void *arg)
{
	return OBSERVED(*call, make(arg));
}

int fs_create(int dir_fd, const char *name, int flags, mode_t mode)
{
	return OBSERVED(on_name(FS_CREATE, dir_fd, name),
			openat(dir_fd, name, flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
}

int fs_open_create(int dir_fd, const char *name, int flags, mode_t mode)
{
	return OBSERVED(on_name(FS_CREATE, dir_fd, name),
			openat(dir_fd, name, flags | O_CREAT | O_NOFOLLOW | O_CLOEXEC, mode));
}

static int write_all(int fd, const char *bytes, size_t len, int64_t offset)
{
	while (len) {
		ssize_t n = offset < 0 ? write(fd, bytes, len) : pwrite(fd, bytes, len, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		bytes += n;
		len -= (size_t)n;
		if (offset >= 0)
			offset += n;
	}
	return 0;
}

int fs_write(int fd, const void *bytes, size_t len)
{
	return OBSERVED(on_bytes(fd, bytes, len, -1), write_all(fd, bytes, len, -1));
}

int fs_pwrite(int fd, const void *bytes, size_t len, int64_t offset)
{
	return OBSERVED(on_bytes(fd, bytes, len, offset), write_all(fd, bytes, len, offset));
}

int fs_mkdir(int dir_fd, const char *name, mode_t mode)
{
	return OBSERVED(on_name(FS_MKDIR, dir_fd, name), mkdirat(dir_fd, name, mode));
}

int fs_symlink(const char *text, int dir_fd, const char *name)
{
	return OBSERVED(on_name(FS_SYMLINK, dir_fd, name), symlinkat(text, dir_fd, name));
}

int fs_link(int dir_fd, const char *name, int to_dir_fd, const char *to_name)
{
	return OBSERVED(on_pair(FS_LINK, dir_fd, name, to_dir_fd, to_name),
			linkat(dir_fd, name, to_dir_fd, to_name, 0));
}

int fs_rename(int dir_fd, const char *name, int to_dir_fd, const char *to_name)
{
	return OBSERVED(on_pair(FS_RENAME, dir_fd, name, to_dir_fd, to_name),
			renameat(dir_fd, name, to_dir_fd, to_name));
}

int fs_rename_new(int dir_fd, const char *name, int to_dir_fd, const char *to_name)
{
	return OBSERVED(on_pair(FS_RENAME, dir_fd, name, to_dir_fd, to_name),
			renameat2(dir_fd, name, to_dir_fd, to_name, RENAME_NOREPLACE));
}

int fs_exchange(int dir_fd, const char *name, int to_dir_fd, const char *to_name)
{
	return OBSERVED(on_pair(FS_EXCHANGE, dir_fd, name, to_dir_fd, to_name),
			renameat2(dir_fd, name, to_dir_fd, to_name, RENAME_EXCHANGE));
}

int fs_unlink(int dir_fd, const char *name)
{
	return OBSERVED(on_name(FS_UNLINK, dir_fd, name), unlinkat(dir_fd, name, 0));
}

int fs_rmdir(int dir_fd, const char *name)
{
	return OBSERVED(on_name(FS_RMDIR, dir_fd, name), unlinkat(dir_fd, name, AT_REMOVEDIR));
}

int fs_chmod(int fd, mode_t mode)
{
	return OBSERVED(on_fd(FS_CHMOD, fd), fchmod(fd, mode));
}

int fs_chmod_at(int dir_fd, const char *name, mode_t mode)
{
	return OBSERVED(on_name(FS_CHMOD, dir_fd, name), fchmodat(dir_fd, name, mode, AT_SYMLINK_NOFOLLOW));
}

int fs_chown(int fd, uid_t uid, gid_t gid)
{
	return OBSERVED(on_fd(FS_CHOWN, fd), fchown(fd, uid, gid));
}

int fs_chown_at(int dir_fd, const char *name, uid_t uid, gid_t gid)
{
	return OBSERVED(on_name(FS_CHOWN, dir_fd, name), fchownat(dir_fd, name, uid, gid, AT_SYMLINK_NOFOLLOW));
}

int fs_utimens(int fd, const struct timespec times[2])
{
	return OBSERVED(on_fd(FS_UTIMENS, fd), futimens(fd, times));
}

int fs_utimens_at(int dir_fd, const char *name, const struct timespec times[2])
{
	return OBSERVED(on_name(FS_UTIMENS, dir_fd, name), utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW));
}

int fs_set_label(int fd, const void *label, size_t len)
{
	return OBSERVED(on_fd(FS_SETLABEL, fd), fsetxattr(fd, FS_LABEL, label, len, 0));
}

int fs_set_label_at(int dir_fd, const char *name, const void *label, size_t len)
{
	char path[64 + NAME_MAX]; /* there is no lsetxattrat */

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir_fd, name);
	return OBSERVED(on_name(FS_SETLABEL, dir_fd, name), lsetxattr(path, FS_LABEL, label, len, 0));
}

int fs_truncate(int fd, int64_t length)
{
	return OBSERVED(on_fd(FS_TRUNCATE, fd), ftruncate(fd, length));
}

int fs_allocate(int fd, int64_t length)
{
	return OBSERVED(on_fd(FS_ALLOCATE, fd), fallocate(fd, 0, 0, length));
}

int fs_clone(int fd, int from_fd)
{
	return OBSERVED(on_fd(FS_CLONE, fd), ioctl(fd, FICLONE, from_fd));
}

int fs_fsync(int fd)
{
	return OBSERVED(on_fd(FS_FSYNC, fd), fsync(fd));
}

int fs_fdatasync(int fd)
{
	return OBSERVED(on_fd(FS_FSYNC, fd), fdatasync(fd));
}

int fs_syncfs(int fd)
{
	return OBSERVED(on_fd(FS_SYNCFS, fd), syncfs(fd));
}

static bool is_link(int dir_fd, const char *name)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode);
}

/* One component, with the answers that openat2 gives: a link is ELOOP, also where O_PATH or O_DIRECTORY ask otherwise.
 */
static int open_component(int dir_fd, const char *name, int flags, mode_t mode)
{
	int fd = openat(dir_fd, name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
	bool link = fd >= 0 ? (flags & (O_PATH | O_NOFOLLOW)) == O_PATH && is_link(dir_fd, name)
			    : errno == ENOTDIR && is_link(dir_fd, name);

	if (!link)
		return fd;
	auto_closep(&fd);
	errno = ELOOP;
	return -1;
}

/* Without openat2 (old kernels, some container filters): component by component, none of them a link. */
static int open_by_walk(int dir_fd, const char *path, int flags, mode_t mode)
{
	AUTO_FD int at = -1;
	int from = dir_fd;

	if (!*path || path[0] == '/') {
		errno = *path ? EXDEV : ENOENT;
		return -1;
	}
	for (;;) {
		size_t n = strcspn(path, "/");
		const char *rest = path + n + strspn(path + n, "/");
		char part[NAME_MAX + 1];

		if (n > NAME_MAX || (n == 2 && !memcmp(path, "..", 2))) {
			errno = n > NAME_MAX ? ENAMETOOLONG : EXDEV;
			return -1;
		}
		memcpy(part, path, n);
		part[n] = '\0';
		if (!*rest)
			return open_component(from, part, flags, mode);

		int next = open_component(from, part, O_PATH | O_DIRECTORY, 0);

		if (next < 0)
			return -1;
		if (at >= 0)
			(void)close(at); /* an O_PATH descriptor has nothing to lose */
		from = at = next;
		path = rest;
	}
}

int fs_open_beneath(int dir_fd, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
		.mode = flags & O_CREAT ? mode : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	assert(!(flags & O_CREAT)); /* creating is fs_create's, so that it is observed */
	for (;;) {
		int fd = (int)syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));

		if (fd >= 0)
			return fd;
		if (errno == EINTR || errno == EAGAIN)
			continue;
		if (errno == ENOSYS || errno == EPERM)
			return open_by_walk(dir_fd, path, flags, mode);
		return -1;
	}
}

int fs_open_dir(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? err_sys(err, "opening folder '%s'", path) : fd;
}

int fs_read_file(int dir_fd, const char *name, struct str *out, struct err *err)
{
	AUTO_FD int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char buf[16384];

	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(err, "opening '%s'", name);
	for (;;) {
		ssize_t n = read(fd, buf, sizeof(buf));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, "reading '%s'", name);
		if (n == 0)
			return 1;
		if (str_append(out, buf, (size_t)n) < 0)
			return err_set(err, ERR_STATE, "'%s' is larger than %zu bytes", name, out->max);
	}
}

int fs_write_file(int dir_fd, const char *name, const void *bytes, size_t len, mode_t mode, struct err *err)
{
	char tmp[NAME_MAX + 1];

	if (snprintf(tmp, sizeof(tmp), "%s.new", name) >= (int)sizeof(tmp))
		return err_set(err, ERR_STATE, "the name '%s' is too long", name);
	if (fs_unlink(dir_fd, tmp) < 0 && errno != ENOENT)
		return err_sys(err, "removing '%s'", tmp);

	AUTO_FD int fd = fs_create(dir_fd, tmp, O_WRONLY, mode);

	if (fd < 0)
		return err_sys(err, "creating '%s'", tmp);
	if (fs_write(fd, bytes, len) < 0 || fs_fsync(fd) < 0 || fs_rename(dir_fd, tmp, dir_fd, name) < 0) {
		err_sys(err, "writing '%s'", name);
		(void)fs_unlink(dir_fd, tmp); /* the first error is the one to tell */
		return -1;
	}
	if (fs_fsync(dir_fd) < 0)
		return err_sys(err, "flushing the folder of '%s'", name);
	return 0;
}

static int remove_below(int dir_fd, struct err *err);

/* An ordinary user's own folder may forbid him to look into it or to take names away: a bundle may hold such. */
static void unlock(int dir_fd, const char *name)
{
	struct stat st;

	if (geteuid() != 0 && fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) &&
	    (st.st_mode & S_IRWXU) != S_IRWXU)
		(void)fs_chmod_at(dir_fd, name, S_IRWXU); /* the removal says what is wrong */
}

static int remove_entry(int dir_fd, const char *name, struct err *err)
{
	if (fs_unlink(dir_fd, name) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_sys(err, "removing '%s'", name);
	unlock(dir_fd, name);

	AUTO_FD int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, "removing '%s'", name);
	if (remove_below(fd, err) < 0)
		return err_add(err, "'%s'", name);
	if (fs_rmdir(dir_fd, name) < 0 && errno != ENOENT)
		return err_sys(err, "removing folder '%s'", name);
	return 0;
}

static int remove_below(int dir_fd, struct err *err)
{
	int again = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR DIR *dir = again < 0 ? NULL : fdopendir(again);

	if (!dir)
		return err_sys(err, "listing");
	for (;;) {
		errno = 0;
		const struct dirent *e = readdir(dir);

		if (!e)
			return errno ? err_sys(err, "listing") : 0;
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (remove_entry(dir_fd, e->d_name, err) < 0)
			return -1;
	}
}

int fs_remove_tree(int dir_fd, const char *name, struct err *err)
{
	return remove_entry(dir_fd, name, err);
}

int fs_make_path(const char *path, mode_t mode, struct err *err)
{
	AUTO_FREE char *copy = xstrdup(path);
	AUTO_FD int at = open(path[0] == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (at < 0)
		return err_sys(err, "making folder '%s'", path);
	for (char *save = NULL, *part = strtok_r(copy, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
		int next = openat(at, part, O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (next < 0 && errno == ENOENT) {
			if (fs_mkdir(at, part, mode) < 0 && errno != EEXIST)
				return err_sys(err, "making folder '%s'", path);
			next = openat(at, part, O_PATH | O_DIRECTORY | O_CLOEXEC);
		}
		if (next < 0)
			return err_sys(err, "making folder '%s'", path);
		(void)close(at); /* an O_PATH descriptor has nothing to lose */
		at = next;
	}
	return 0;
}

int64_t fs_nanoseconds(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}
