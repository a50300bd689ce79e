/* script/files_replace.c - files and links that appear whole, in place of what was there. */
#include "script/files.h"

#include "util/auto.h"
#include "util/fs.h"

#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define TRIES 100
#define CHUNK 65536

/* Something new beside what it will replace. */
struct replacement {
	const char *path;
	int dir_fd, fd;		  /* of the folder; of the new file, -1 for a link */
	char name[NAME_MAX + 1];  /* the last component of PATH */
	char aside[NAME_MAX + 1]; /* "": nothing of ours is there */
	bool exists;
	struct stat old;
};

static void replacement_done(struct replacement *r)
{
	if (r->aside[0])
		(void)fs_unlink(r->dir_fd, r->aside); /* the first error is the one to tell */
	auto_closep(&r->fd);
	auto_closep(&r->dir_fd);
}

/* Look at what is there. */
static int replacement_begin(struct replacement *r, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *folder = slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));

	*r = (struct replacement){ .path = path, .dir_fd = -1, .fd = -1 };
	if (!slash[1] || !strcmp(slash + 1, ".") || !strcmp(slash + 1, ".."))
		return err_set(err, ERR_STATE, "writing '%s': it names no file", path);
	if (strlen(slash + 1) > NAME_MAX) {
		errno = ENAMETOOLONG;
		return err_sys(err, "writing '%s'", path);
	}
	memcpy(r->name, slash + 1, strlen(slash + 1) + 1);
	r->dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dir_fd < 0)
		return err_sys(err, "writing '%s': its folder", path);
	r->exists = fstatat(r->dir_fd, r->name, &r->old, AT_SYMLINK_NOFOLLOW) == 0;
	if (!r->exists && errno != ENOENT)
		return err_sys(err, "writing '%s'", path);
	return 0;
}

/* A name that nobody can have foreseen: the folder may be one that others write to. */
static int make_aside(struct replacement *r, const char *target, struct err *err)
{
	for (int i = 0; i < TRIES; i++) {
		unsigned random = 0;
		int made;

		if (getrandom(&random, sizeof(random), 0) < 0)
			return err_sys(err, "writing '%s'", r->path);
		(void)snprintf(r->aside, sizeof(r->aside), ".%.200s.%08x", r->name, random);
		made = target ? fs_symlink(target, r->dir_fd, r->aside)
			      : (r->fd = fs_create(r->dir_fd, r->aside, O_WRONLY, 0600));
		if (made >= 0)
			return 0;
		r->aside[0] = '\0';
		if (errno != EEXIST)
			break;
	}
	return err_sys(err, "writing '%s'", r->path);
}

static int put_in_place(struct replacement *r, struct err *err)
{
	if (fs_rename(r->dir_fd, r->aside, r->dir_fd, r->name) < 0)
		return err_sys(err, "writing '%s'", r->path);
	r->aside[0] = '\0';
	return fs_fsync(r->dir_fd) < 0 ? err_sys(err, "flushing the folder of '%s'", r->path) : 0;
}

static int begin_file(struct replacement *r, const char *path, struct err *err)
{
	if (replacement_begin(r, path, err) < 0)
		return -1;
	if (r->exists && !S_ISREG(r->old.st_mode))
		return err_set(err, ERR_STATE, "writing '%s': there is something that is not a file", path);
	return make_aside(r, NULL, err);
}

static int finish_file(struct replacement *r, mode_t mode, struct err *err)
{
	if (mode == FILES_KEEP_MODE)
		mode = r->exists ? r->old.st_mode & 07777 : 0644;
	if (r->exists && (r->old.st_uid != geteuid() || r->old.st_gid != getegid()))
		(void)fs_chown(r->fd, r->old.st_uid, r->old.st_gid); /* who may not, makes it his own */
	/* the mode after the owner, who takes setuid away */
	if (fs_chmod(r->fd, mode) < 0 || fs_fsync(r->fd) < 0)
		return err_sys(err, "writing '%s'", r->path);
	return put_in_place(r, err);
}

int files_write(const char *path, const char *text, size_t len, mode_t mode, struct err *err)
{
	AUTO(replacement_done) struct replacement r = { .dir_fd = -1, .fd = -1 };

	if (begin_file(&r, path, err) < 0)
		return -1;
	if (fs_write(r.fd, text, len) < 0)
		return err_sys(err, "writing '%s'", path);
	return finish_file(&r, mode, err);
}

struct files_stream {
	struct replacement replacement;
};

void files_stream_free(struct files_stream *s)
{
	if (!s)
		return;
	replacement_done(&s->replacement);
	free(s);
}

static void files_stream_freep(struct files_stream **s)
{
	files_stream_free(*s);
}

int files_stream_open(const char *path, struct files_stream **out, struct err *err)
{
	AUTO(files_stream_freep) struct files_stream *s = xcalloc(1, sizeof(*s));

	s->replacement.dir_fd = s->replacement.fd = -1;
	if (begin_file(&s->replacement, path, err) < 0)
		return -1;
	*out = TAKE_PTR(s);
	return 0;
}

int files_stream_write(struct files_stream *s, const char *bytes, size_t len, struct err *err)
{
	return fs_write(s->replacement.fd, bytes, len) < 0 ? err_sys(err, "writing '%s'", s->replacement.path) : 0;
}

int files_stream_finish(struct files_stream *s, mode_t mode, struct err *err)
{
	return finish_file(&s->replacement, mode, err);
}

static int copy_bytes(int from_fd, const char *from, int to_fd, const char *to, const struct files_patience *p,
		      struct err *err)
{
	AUTO_FREE char *buffer = xmalloc(CHUNK);

	for (;;) {
		ssize_t n = read(from_fd, buffer, CHUNK);

		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return err_sys(err, "reading '%s'", from);
		if (n > 0 && fs_write(to_fd, buffer, (size_t)n) < 0)
			return err_sys(err, "writing '%s'", to);
		if (p->give_up(p->context))
			return err_set(err, ERR_STOPPED, "copying '%s': the script's time is over", from);
	}
}

int files_copy(const char *from, const char *to, const struct files_patience *p, struct err *err)
{
	AUTO_FD int fd = open(from, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	AUTO(replacement_done) struct replacement r = { .dir_fd = -1, .fd = -1 };
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "reading '%s'", from);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_STATE, "reading '%s': it is not a file", from);
	if (begin_file(&r, to, err) < 0 || copy_bytes(fd, from, r.fd, to, p, err) < 0)
		return -1;
	return finish_file(&r, st.st_mode & 0777, err);
}

int files_symlink(const char *target, const char *path, struct err *err)
{
	AUTO(replacement_done) struct replacement r = { .dir_fd = -1, .fd = -1 };

	if (replacement_begin(&r, path, err) < 0)
		return -1;
	if (r.exists && !S_ISLNK(r.old.st_mode))
		return err_set(err, ERR_STATE, "linking '%s': there is a %s, which a link does not replace", path,
			       S_ISDIR(r.old.st_mode) ? "folder" : "file");
	return make_aside(&r, target, err) < 0 ? -1 : put_in_place(&r, err);
}
