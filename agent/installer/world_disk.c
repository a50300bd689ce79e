/* installer/world_disk.c - the real host, as the plan may see it. Reads only. */
#include "installer/world.h"

#include "installer/label.h"
#include "util/account.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#define ACL_PREFIX "system.posix_acl_"
#define LABEL_MAX  4096 /* no policy has one as long */

struct world_disk {
	int root_fd;
	int dir_fd; /* of `dir`: the plan asks for one folder's entries in a row */
	char *dir;
};

static enum disk_kind kind_of(mode_t mode)
{
	return S_ISREG(mode) ? DISK_FILE : S_ISDIR(mode) ? DISK_DIRECTORY : S_ISLNK(mode) ? DISK_LINK : DISK_OTHER;
}

static int enter(struct world_disk *w, const char *dir, struct err *err)
{
	if (w->dir && !strcmp(w->dir, dir))
		return 0;
	auto_closep(&w->dir_fd);
	free(w->dir);
	w->dir = NULL;
	w->dir_fd = dir[1] ? fs_open_beneath(w->root_fd, dir + 1, O_PATH | O_DIRECTORY, 0)
			   : fcntl(w->root_fd, F_DUPFD_CLOEXEC, 0);
	if (w->dir_fd < 0)
		return err_sys(err, "opening folder '%s'", dir);
	w->dir = xstrdup(dir);
	return 0;
}

static int disk_probe(void *context, const char *dir, const char *name, struct disk_entry *out, struct err *err)
{
	struct world_disk *w = context;
	struct stat st;

	if (enter(w, dir, err) < 0)
		return -1;
	if (fstatat(w->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != ENOENT)
			return err_sys(err, "looking at '%s/%s'", dir[1] ? dir : "", name);
		*out = (struct disk_entry){ .kind = DISK_ABSENT };
		return 0;
	}
	*out = (struct disk_entry){
		.kind = kind_of(st.st_mode),
		.mode = st.st_mode & 07777,
		.uid = st.st_uid,
		.gid = st.st_gid,
		.dev = st.st_dev,
		.ino = st.st_ino,
		.size = st.st_size,
		.mtime_ns = fs_nanoseconds(&st.st_mtim),
		.ctime_ns = fs_nanoseconds(&st.st_ctim),
	};
	return 0;
}

static int disk_follow(void *context, const char *path, char **out, enum disk_kind *kind, struct err *err)
{
	char *real = realpath(path, NULL);
	struct stat st;

	(void)context;
	if (!real || lstat(real, &st) < 0) {
		int failed = errno;

		free(real);
		errno = failed;
		return failed == ENOENT || failed == ELOOP || failed == ENOTDIR ? 0
										: err_sys(err, "following '%s'", path);
	}
	*out = real;
	*kind = kind_of(st.st_mode);
	return 1;
}

static int disk_list(void *context, const char *dir, int (*each)(void *arg, const char *name), void *arg,
		     struct err *err)
{
	struct world_disk *w = context;

	if (enter(w, dir, err) < 0)
		return -1;

	int fd = openat(w->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d)
		return err_sys(err, "listing folder '%s'", dir);
	for (;;) {
		errno = 0;
		const struct dirent *e = readdir(d);

		if (!e)
			return errno ? err_sys(err, "listing folder '%s'", dir) : 0;
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;

		int r = each(arg, e->d_name);

		if (r)
			return r;
	}
}

static char *disk_link_text(void *context, const char *dir, const char *name)
{
	struct world_disk *w = context;
	struct err ignored = ERR_INIT; /* a folder that is gone holds no link */
	char text[PATH_MAX];

	if (enter(w, dir, &ignored) < 0)
		return NULL;

	ssize_t n = readlinkat(w->dir_fd, name, text, sizeof(text));

	return n < 0 ? NULL : xstrndup(text, (size_t)n);
}

static int disk_digest(void *context, const char *dir, const char *name, unsigned char out[DIGEST_BYTES],
		       struct err *err)
{
	struct world_disk *w = context;
	struct stat st;
	char buffer[64 * 1024];
	ssize_t n;

	if (enter(w, dir, err) < 0)
		return -1;

	AUTO_FD int fd = openat(w->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;

	AUTO(digest_freep) struct digest *d = digest_new();

	digest_start(d);
	while ((n = read(fd, buffer, sizeof(buffer))) != 0) {
		if (n < 0 && errno != EINTR)
			return err_sys(err, "reading '%s/%s'", dir[1] ? dir : "", name);
		if (n > 0)
			digest_update(d, buffer, (size_t)n);
	}
	digest_finish(d, out);
	return 1;
}

static int disk_user(void *context, const char *name, uid_t *out)
{
	(void)context;
	return account_user(name, out);
}

static int disk_group(void *context, const char *name, gid_t *out)
{
	(void)context;
	return account_group(name, out);
}

static int disk_label_tools(void *context, struct err *err)
{
	(void)context;
	return label_check_tools(err);
}

/* Asked of each folder of ours, so by one call and without opening it. */
static bool disk_has_acl(void *context, const char *dir, const char *name)
{
	struct world_disk *w = context;
	char path[64 + NAME_MAX], names[1024];
	struct err ignored = ERR_INIT; /* a folder that is gone has none */

	if (enter(w, dir, &ignored) < 0)
		return false;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", w->dir_fd, name);

	ssize_t n = llistxattr(path, names, sizeof(names));

	return n < 0 ? errno == ERANGE : memmem(names, (size_t)n, ACL_PREFIX, strlen(ACL_PREFIX)) != NULL;
}

/* A label that cannot be read is none: whoever may not see it could not hand it down either. */
static void read_label(const char *path, struct arena *arena, struct disk_heritage *out)
{
	char label[LABEL_MAX];
	ssize_t n = getxattr(path, FS_LABEL, label, sizeof(label));

	if (n <= 0)
		return;
	out->label = memcpy(arena_alloc(arena, (size_t)n), label, (size_t)n);
	out->label_len = (size_t)n;
}

static int disk_heritage(void *context, const char *dir, struct arena *arena, struct disk_heritage *out,
			 struct err *err)
{
	struct world_disk *w = context;
	char path[64];

	if (enter(w, dir, err) < 0)
		return -1;

	AUTO_FREE char *acl = fs_get_acl(w->dir_fd);

	if (!acl)
		return err_sys(err, "reading the ACL of folder '%s'", dir);

	char *bar = strchr(acl, '|');
	mode_t mode = 0;
	int named = bar ? fs_acl_mode(bar + 1, &mode) : 0;

	if (named < 0)
		return err_sys(err, "understanding the default ACL of folder '%s'", dir);
	*out = (struct disk_heritage){
		.access = arena_strndup(arena, acl, strcspn(acl, "|")),
		.defaults = bar ? arena_strdup(arena, bar + 1) : "",
		.default_mode = mode,
		.default_named = named,
	};
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", w->dir_fd);
	read_label(path, arena, out);
	return 0;
}

struct world_disk *world_disk_new(struct world *out)
{
	struct world_disk *w = xcalloc(1, sizeof(*w));

	w->dir_fd = -1;
	w->root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	*out = (struct world){ disk_probe, disk_follow, disk_list,	  disk_link_text, disk_digest,	disk_user,
			       disk_group, w,		disk_label_tools, disk_has_acl,	  disk_heritage };
	return w;
}

void world_disk_free(struct world_disk *w)
{
	if (!w)
		return;
	auto_closep(&w->dir_fd);
	auto_closep(&w->root_fd);
	free(w->dir);
	free(w);
}
