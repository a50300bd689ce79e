/* bundle/unpack_writer.c - few system calls a file: the folder of the last member stays open, modes are given at birth.
 */
#include "bundle/unpack_writer.h"

#include "bundle/entry_guard.h"
#include "bundle/write_back.h"
#include "util/auto.h"
#include "util/digest.h"
#include "util/fs.h"
#include "util/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* Content of big files is sent to the disk early, so that the flush at the end does not find all of it. */
static const uint64_t flush_every = 8 << 20;

struct unpack_writer {
	int root_fd;
	struct digest_index *index;
	struct warnings *warnings;
	struct folder_list folders;
	struct digest *digest;
	char open_path[GUARD_PATH_MAX + 1]; /* the folder which open_fd is */
	size_t open_len;
	int open_fd; /* -1: none */

	/* the file that comes in pieces */
	int fd;
	char path[GUARD_PATH_MAX + 1];
	struct attributes attributes;
	uint64_t position, flushed;

	bool threads;
	struct write_back *write_back; /* from the first big file on */
};

struct unpack_writer *unpack_writer_new(int root_fd, bool threads, struct digest_index *ix, struct warnings *warnings)
{
	struct unpack_writer *w = xcalloc(1, sizeof(*w));

	w->root_fd = root_fd;
	w->threads = threads;
	w->index = ix;
	w->warnings = warnings;
	w->digest = digest_new();
	w->open_fd = w->fd = -1;
	return w;
}

void unpack_writer_free(struct unpack_writer *w)
{
	if (!w)
		return;
	write_back_free(w->write_back);
	folder_list_done(&w->folders);
	digest_free(w->digest);
	auto_closep(&w->open_fd);
	auto_closep(&w->fd);
	free(w);
}

struct folder_list *unpack_writer_folders(struct unpack_writer *w)
{
	return &w->folders;
}

static struct shown shown(const char *path)
{
	return guard_shown(path, strlen(path));
}

static int refuse_way(const char *path, struct err *err)
{
	if (errno == ELOOP)
		return err_set(err, ERR_BUNDLE,
			       "entry '%s' leads through a symbolic link of the bundle; pack it where it really lies",
			       shown(path).text);
	if (errno == ENOTDIR)
		return err_set(err, ERR_BUNDLE,
			       "entry '%s' lies below something that is no folder in the bundle; pack the bundle again",
			       shown(path).text);
	return err_sys(err, "opening the folder of '%s'", shown(path).text);
}

/* The folder that holds PATH, for a short time; *FD is -1 when it is the root or the one that is open anyway. */
static int look_up_parent(struct unpack_writer *w, const char *path, int *fd, const char **name, struct err *err)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;
	char parent[GUARD_PATH_MAX + 1];

	*name = slash ? slash + 1 : path;
	if (!slash)
		return w->root_fd;
	if (w->open_fd >= 0 && len == w->open_len && !memcmp(path, w->open_path, len))
		return w->open_fd;
	memcpy(parent, path, len);
	parent[len] = '\0';
	*fd = fs_open_beneath(w->root_fd, parent, O_PATH | O_DIRECTORY, 0);
	return *fd < 0 ? refuse_way(path, err) : *fd;
}

/* Folders which no entry speaks of, on the way to PATH. */
static int make_way(struct unpack_writer *w, const char *path, struct err *err)
{
	char part[GUARD_PATH_MAX + 1];

	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		size_t len = (size_t)(slash - path);
		const char *name;
		AUTO_FD int fd = -1;

		memcpy(part, path, len);
		part[len] = '\0';

		int dir_fd = look_up_parent(w, part, &fd, &name, err);

		if (dir_fd < 0)
			return -1;
		if (fs_mkdir(dir_fd, name, 0777) < 0 && errno != EEXIST)
			return err_sys(err, "making folder '%s'", shown(part).text);
	}
	return 0;
}

/* The folder that holds PATH, made if need be; it stays open for the next one. */
static int enter_parent(struct unpack_writer *w, const char *path, const char **name, struct err *err)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;

	*name = slash ? slash + 1 : path;
	if (!slash)
		return w->root_fd;
	if (w->open_fd >= 0 && len == w->open_len && !memcmp(path, w->open_path, len))
		return w->open_fd;
	auto_closep(&w->open_fd);
	memcpy(w->open_path, path, len);
	w->open_path[len] = '\0';
	w->open_len = len;
	w->open_fd = fs_open_beneath(w->root_fd, w->open_path, O_PATH | O_DIRECTORY, 0);
	if (w->open_fd < 0 && errno == ENOENT) {
		if (make_way(w, path, err) < 0)
			return -1;
		w->open_fd = fs_open_beneath(w->root_fd, w->open_path, O_PATH | O_DIRECTORY, 0);
	}
	return w->open_fd < 0 ? refuse_way(path, err) : w->open_fd;
}

/* An entry of that name came before: the last one counts. */
static int make_place(struct unpack_writer *w, int dir_fd, const char *name, const char *path, struct err *err)
{
	warnings_add(w->warnings, "entry '%s' is there more than once; the last one counts", shown(path).text);
	if (fs_unlink(dir_fd, name) == 0)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_sys(err, "replacing '%s'", shown(path).text);
	if (fs_rmdir(dir_fd, name) == 0)
		return 0;
	if (errno == ENOTEMPTY || errno == EEXIST)
		return err_set(err, ERR_BUNDLE,
			       "entry '%s' is no folder, but came before as one with files; pack it again",
			       shown(path).text);
	return err_sys(err, "replacing '%s'", shown(path).text);
}

static int create_file(struct unpack_writer *w, const char *path, mode_t mode, struct err *err)
{
	const char *name;
	int dir_fd = enter_parent(w, path, &name, err);

	if (dir_fd < 0)
		return -1;

	int fd = fs_create(dir_fd, name, O_WRONLY, mode & 0777);

	if (fd < 0 && errno == EEXIST) {
		if (make_place(w, dir_fd, name, path, err) < 0)
			return -1;
		fd = fs_create(dir_fd, name, O_WRONLY, mode & 0777);
	}
	return fd < 0 ? err_sys(err, "creating '%s'", shown(path).text) : fd;
}

/* The content is complete: attributes, and the digest under what the file is from now on. */
static int finish_file(struct unpack_writer *w, int fd, const char *path, const struct attributes *a,
		       const unsigned char *digest, struct err *err)
{
	struct stat st;

	if (attributes_apply(fd, a, &st) < 0)
		return err_sys(err, "setting mode, owner and time of '%s'", shown(path).text);
	digest_index_add(w->index, st.st_ino, st.st_size, attributes_ctime_ns(&st), digest);
	return 0;
}

static int put_file(struct unpack_writer *w, const struct member *m, const void *bytes, size_t len, struct err *err)
{
	AUTO_FD int fd = create_file(w, m->path, m->attributes.mode, err);
	unsigned char digest[DIGEST_SIZE];

	if (fd < 0)
		return -1;
	if (len && fs_write(fd, bytes, len) < 0)
		return err_sys(err, "writing '%s'", shown(m->path).text);
	if (!m->hashed) {
		digest_start(w->digest);
		digest_update(w->digest, bytes, len);
		digest_finish(w->digest, digest);
	}
	return finish_file(w, fd, m->path, &m->attributes, m->hashed ? m->digest : digest, err);
}

/* What stands at NAME is no folder: 0 when it made place for one. */
static int put_folder_over(struct unpack_writer *w, int dir_fd, const char *name, const char *path, mode_t mode,
			   struct err *err)
{
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, "looking at '%s'", shown(path).text);
	if (S_ISDIR(st.st_mode))
		return 0;
	if (make_place(w, dir_fd, name, path, err) < 0)
		return -1;
	return fs_mkdir(dir_fd, name, mode) < 0 ? err_sys(err, "making folder '%s'", shown(path).text) : 0;
}

static int put_folder(struct unpack_writer *w, const struct member *m, struct err *err)
{
	mode_t mode = (m->attributes.mode & 0777) | 0700; /* its files are still to come; the rest waits */
	const char *name;

	if (*m->path) {
		int dir_fd = enter_parent(w, m->path, &name, err);

		if (dir_fd < 0)
			return -1;
		if (fs_mkdir(dir_fd, name, mode) < 0) {
			if (errno != EEXIST)
				return err_sys(err, "making folder '%s'", shown(m->path).text);
			if (put_folder_over(w, dir_fd, name, m->path, mode, err) < 0)
				return -1;
		}
	}
	folder_list_add(&w->folders, m->path, &m->attributes);
	return 0;
}

static int put_link(struct unpack_writer *w, const struct member *m, struct err *err)
{
	const char *name;
	int dir_fd = enter_parent(w, m->path, &name, err);

	if (dir_fd < 0)
		return -1;

	int made = fs_symlink(m->text, dir_fd, name);

	if (made < 0 && errno == EEXIST) {
		if (make_place(w, dir_fd, name, m->path, err) < 0)
			return -1;
		made = fs_symlink(m->text, dir_fd, name);
	}
	if (made < 0 || attributes_apply_link(dir_fd, name, &m->attributes) < 0)
		return err_sys(err, "making the link '%s'", shown(m->path).text);
	return 0;
}

/* Where the file system has no hard links, or no more for this file. */
static int copy_instead(struct unpack_writer *w, const struct member *m, int from_fd, const struct stat *st,
			struct err *err)
{
	const struct attributes a = { .mode = st->st_mode & 07777,
				      .set_owner = m->attributes.set_owner,
				      .uid = st->st_uid,
				      .gid = st->st_gid,
				      .mtime = st->st_mtim };
	const struct member copy = { .kind = MEMBER_FILE, .attributes = a, .path = m->path, .text = "" };
	AUTO_FREE char *block = xmalloc(65536);
	uint64_t at = 0;
	ssize_t n;

	if (unpack_writer_begin(w, &copy, err) < 0)
		return -1;
	while ((n = pread(from_fd, block, 65536, (off_t)at)) > 0 || (n < 0 && errno == EINTR)) {
		if (n < 0)
			continue;
		if (unpack_writer_piece(w, block, (size_t)n, at, err) < 0)
			return -1;
		at += (uint64_t)n;
	}
	if (n < 0)
		return err_sys(err, "reading '%s'", shown(m->text).text);
	return unpack_writer_end(w, at, err);
}

/* The first name of a hard link, still to be linked: its folder, name and state. */
static int find_linked(struct unpack_writer *w, const struct member *m, int *fd, const char **name, struct stat *st,
		       struct err *err)
{
	struct err ignored = ERR_INIT;
	int dir_fd = look_up_parent(w, m->text, fd, name, &ignored);

	if (dir_fd < 0 || fstatat(dir_fd, *name, st, AT_SYMLINK_NOFOLLOW) < 0 || !strcmp(m->text, m->path))
		return err_set(err, ERR_BUNDLE,
			       "entry '%s' is a hard link to '%s', which is not in the bundle before it; pack it again",
			       shown(m->path).text, shown(m->text).text);
	if (!S_ISREG(st->st_mode) && !S_ISLNK(st->st_mode))
		return err_set(err, ERR_BUNDLE, "entry '%s' is a hard link to '%s', which is no file; pack it again",
			       shown(m->path).text, shown(m->text).text);
	return dir_fd;
}

static int link_name(struct unpack_writer *w, const struct member *m, int from_fd, const char *from, struct err *err)
{
	const char *name;
	int dir_fd = enter_parent(w, m->path, &name, err);

	if (dir_fd < 0)
		return -1;

	int made = fs_link(from_fd, from, dir_fd, name);

	if (made < 0 && errno == EEXIST) {
		if (make_place(w, dir_fd, name, m->path, err) < 0)
			return -1;
		made = fs_link(from_fd, from, dir_fd, name);
	}
	return made < 0 ? err_sys(err, "making the hard link '%s'", shown(m->path).text) : 0;
}

static bool no_more_links(const struct err *err)
{
	return err->kind == ERR_SYS && (err->sys == EMLINK || err->sys == EPERM || err->sys == EOPNOTSUPP);
}

static int put_hard_link(struct unpack_writer *w, const struct member *m, struct err *err)
{
	AUTO_FD int own = -1;
	const char *name;
	unsigned char digest[DIGEST_SIZE];
	struct stat st;

	int found = find_linked(w, m, &own, &name, &st, err);

	if (found < 0)
		return -1;

	/* Entering the new name's folder may give up the one that was found. */
	AUTO_FD int from = openat(found, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool known = digest_index_find(w->index, st.st_ino, st.st_size, attributes_ctime_ns(&st), digest);

	if (from < 0)
		return err_sys(err, "opening the folder of '%s'", shown(m->text).text);
	struct err why = ERR_INIT;

	if (link_name(w, m, from, name, &why) < 0) {
		if (!no_more_links(&why) || !S_ISREG(st.st_mode)) {
			*err = why;
			return -1;
		}

		AUTO_FD int fd = openat(from, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

		return fd < 0 ? err_sys(err, "reading '%s'", shown(m->text).text) : copy_instead(w, m, fd, &st, err);
	}
	if (known && fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) == 0) /* linking changed its ctime */
		digest_index_add(w->index, st.st_ino, st.st_size, attributes_ctime_ns(&st), digest);
	return 0;
}

int unpack_writer_put(struct unpack_writer *w, const struct member *m, const void *bytes, size_t len, struct err *err)
{
	switch (m->kind) {
	case MEMBER_FOLDER:
		return put_folder(w, m, err);
	case MEMBER_LINK:
		return put_link(w, m, err);
	case MEMBER_HARD_LINK:
		return put_hard_link(w, m, err);
	case MEMBER_FILE:
		break;
	}
	return put_file(w, m, bytes, len, err);
}

int unpack_writer_begin(struct unpack_writer *w, const struct member *m, struct err *err)
{
	w->fd = create_file(w, m->path, m->attributes.mode, err);
	if (w->fd < 0)
		return -1;
	memcpy(w->path, m->path, strlen(m->path) + 1);
	w->attributes = m->attributes;
	w->position = w->flushed = 0;
	digest_start(w->digest);
	return 0;
}

/* A hole up to OFFSET: nothing is written, but it counts in the digest. */
static void skip_to(struct unpack_writer *w, uint64_t offset)
{
	static const char zeros[65536];

	while (w->position < offset) {
		size_t n = offset - w->position < sizeof(zeros) ? (size_t)(offset - w->position) : sizeof(zeros);

		digest_update(w->digest, zeros, n);
		w->position += n;
	}
}

static void begin_flush(struct unpack_writer *w)
{
	if (!w->write_back)
		w->write_back = write_back_new();
	if (w->write_back && write_back_range(w->write_back, w->fd, w->flushed, w->position - w->flushed))
		w->flushed = w->position;
}

int unpack_writer_piece(struct unpack_writer *w, const void *bytes, size_t len, uint64_t offset, struct err *err)
{
	if (offset < w->position)
		return err_set(err, ERR_BUNDLE, "entry '%s' is damaged: its pieces overlap; pack it again",
			       shown(w->path).text);
	skip_to(w, offset);
	digest_update(w->digest, bytes, len); /* first: it hides the time until they are in this processor's cache */
	if (fs_pwrite(w->fd, bytes, len, (int64_t)offset) < 0)
		return err_sys(err, "writing '%s'", shown(w->path).text);
	w->position += len;
	if (w->threads && w->position - w->flushed >= flush_every)
		begin_flush(w);
	return 0;
}

int unpack_writer_end(struct unpack_writer *w, uint64_t size, struct err *err)
{
	AUTO_FD int fd = TAKE_FD(w->fd);
	unsigned char digest[DIGEST_SIZE];

	if (size > w->position) {
		skip_to(w, size);
		if (fs_truncate(fd, (int64_t)size) < 0)
			return err_sys(err, "writing '%s'", shown(w->path).text);
	}
	digest_finish(w->digest, digest);
	return finish_file(w, fd, w->path, &w->attributes, digest, err);
}
