/* script/files.c - reading, and changes of a single call. */
#include "script/files.h"

#include "util/auto.h"
#include "util/fs.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <string.h>

#define CHUNK 65536

static int open_file(const char *path, struct err *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "reading '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_STATE, "reading '%s': it is not a file", path);
	return TAKE_FD(fd);
}

int files_read(const char *path, struct str *out, struct err *err)
{
	AUTO_FD int fd = open_file(path, err);
	char buffer[16384];
	ssize_t n;

	if (fd < 0)
		return -1;
	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		if (str_append(out, buffer, (size_t)n) < 0)
			return err_set(err, ERR_STATE, "reading '%s': it is larger than %zu bytes", path, out->max);
	return n < 0 ? err_sys(err, "reading '%s'", path) : 0;
}

int files_digest(const char *path, const struct files_patience *p, char out[DIGEST_HEX_SIZE], struct err *err)
{
	AUTO_FD int fd = open_file(path, err);
	AUTO(digest_freep) struct digest *d = NULL;
	AUTO_FREE char *buffer = NULL;
	unsigned char digest[DIGEST_BYTES];
	ssize_t n;

	if (fd < 0)
		return -1;
	d = digest_new();
	buffer = xmalloc(CHUNK);
	digest_start(d);
	while ((n = read(fd, buffer, CHUNK)) > 0) {
		digest_update(d, buffer, (size_t)n);
		if (p->give_up(p->context))
			return err_set(err, ERR_STOPPED, "reading '%s': the script's time is over", path);
	}
	if (n < 0)
		return err_sys(err, "reading '%s'", path);
	digest_finish(d, digest);
	digest_hex(digest, out);
	return 0;
}

int files_readlink(const char *path, struct str *out, struct err *err)
{
	char text[PATH_MAX];
	ssize_t n = readlink(path, text, sizeof(text));

	if (n < 0 && errno == EINVAL)
		return err_set(err, ERR_STATE, "reading '%s': it is not a link", path);
	if (n < 0)
		return err_sys(err, "reading '%s'", path);
	return str_append(out, text, (size_t)n) < 0 ? err_set(err, ERR_STATE, "'%s' is too long", path) : 0;
}

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The root, in all its spellings, and names that mean another folder than the one they stand in. */
static bool names_nothing(const char *path)
{
	size_t end = strlen(path), begin;

	while (end && path[end - 1] == '/')
		end--;
	for (begin = end; begin && path[begin - 1] != '/'; begin--)
		;
	return begin == end || (end - begin == 1 && path[begin] == '.') ||
	       (end - begin == 2 && path[begin] == '.' && path[begin + 1] == '.');
}

/* PATH without slashes at its end. */
static char *trimmed(const char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	return xstrndup(path, n);
}

int files_mkdir(const char *path, mode_t mode, bool parents, struct err *err)
{
	AUTO_FREE char *name = trimmed(path);
	char *slash = strrchr(name, '/');

	if (parents && is_folder(name))
		return 0;
	if (parents && slash != name) {
		*slash = '\0';
		if (fs_make_path(name, 0755, err) < 0)
			return -1;
		*slash = '/';
	}
	if (fs_mkdir(AT_FDCWD, name, mode) < 0)
		return parents && errno == EEXIST && is_folder(name) ? 0 : err_sys(err, "making folder '%s'", path);
	return fs_chmod_at(AT_FDCWD, name, mode) < 0 ? err_sys(err, "making folder '%s'", path) : 0;
}

int files_remove(const char *path, bool recursive, struct err *err)
{
	AUTO_FREE char *name = trimmed(path);
	struct stat st;

	if (names_nothing(path))
		return err_set(err, ERR_STATE, "removing '%s': that is never done", path);
	if (fstatat(AT_FDCWD, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : err_sys(err, "removing '%s'", path);
	if (recursive)
		return fs_remove_tree(AT_FDCWD, name, err) < 0 ? -1 : 1;
	if ((S_ISDIR(st.st_mode) ? fs_rmdir : fs_unlink)(AT_FDCWD, name) < 0)
		return err_sys(err, "removing '%s'", path);
	return 1;
}

int files_rename(const char *from, const char *to, struct err *err)
{
	return fs_rename(AT_FDCWD, from, AT_FDCWD, to) < 0 ? err_sys(err, "renaming '%s' to '%s'", from, to) : 0;
}

int files_chmod(const char *path, mode_t mode, struct err *err)
{
	if (fs_chmod_at(AT_FDCWD, path, mode) == 0)
		return 0;
	if (errno == EOPNOTSUPP)
		return err_set(err, ERR_STATE, "changing the mode of '%s': it is a link", path);
	return err_sys(err, "changing the mode of '%s'", path);
}

/* false: TEXT is no number. */
static bool is_number(const char *text, unsigned *out)
{
	char *end;
	unsigned long n;

	if (!*text || text[strspn(text, "0123456789")])
		return false;
	errno = 0;
	n = strtoul(text, &end, 10);
	*out = (unsigned)n;
	return !errno && n < FILES_KEEP_ID;
}

static int find_user(const char *name, unsigned *out, struct err *err)
{
	const struct passwd *p;

	if (is_number(name, out))
		return 0;
	errno = 0;
	p = getpwnam(name);
	if (!p)
		return err_set(err, ERR_STATE, "there is no user '%s'%s%s", name, errno ? ": " : "",
			       errno ? strerror(errno) : "");
	*out = p->pw_uid;
	return 0;
}

static int find_group(const char *name, unsigned *out, struct err *err)
{
	const struct group *g;

	if (is_number(name, out))
		return 0;
	errno = 0;
	g = getgrnam(name);
	if (!g)
		return err_set(err, ERR_STATE, "there is no group '%s'%s%s", name, errno ? ": " : "",
			       errno ? strerror(errno) : "");
	*out = g->gr_gid;
	return 0;
}

int files_chown(const char *path, const char *owner, const char *group, struct err *err)
{
	unsigned uid = FILES_KEEP_ID, gid = FILES_KEEP_ID;

	if ((owner && find_user(owner, &uid, err) < 0) || (group && find_group(group, &gid, err) < 0))
		return err_add(err, "changing the owner of '%s'", path);
	return fs_chown_at(AT_FDCWD, path, uid, gid) < 0 ? err_sys(err, "changing the owner of '%s'", path) : 0;
}
