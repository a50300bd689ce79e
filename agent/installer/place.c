/* installer/place.c - made, opened, emptied. */
#include "installer/place.h"

#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FOLDER_ENTRIES 128u
#define THREADS_FROM   3 /* folders: fewer are gone before a thread has started */

struct place_folder place_folder(uint32_t number)
{
	struct place_folder name;

	(void)snprintf(name.text, sizeof(name.text), "%x", number / FOLDER_ENTRIES);
	return name;
}

struct place_names place_names(uint32_t number)
{
	struct place_names n;

	(void)snprintf(n.entry, sizeof(n.entry), "%x", number % FOLDER_ENTRIES); /* two digits at most */
	(void)snprintf(n.old, sizeof(n.old), "%xo", number % FOLDER_ENTRIES);
	return n;
}

bool place_shares_folder(uint32_t number, uint32_t other)
{
	return number / FOLDER_ENTRIES == other / FOLDER_ENTRIES;
}

int place_open_absolute(const char *path, int flags)
{
	AUTO_FD int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return -1;
	return path[1] ? fs_open_beneath(root, path + 1, flags, 0) : open("/", flags | O_CLOEXEC);
}

int place_open_top(const struct step_place *p, struct err *err)
{
	AUTO_FD int parent = place_open_absolute(p->parent, O_PATH | O_DIRECTORY);
	int fd = parent < 0 ? -1 : openat(parent, p->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? err_sys(err, "opening private folder '%s/%s'", p->parent, p->name) : fd;
}

int place_open(const struct steps *s, uint32_t place, uint32_t number, struct err *err)
{
	const struct step_place *p = &s->places[place];
	struct place_folder name = place_folder(number);
	AUTO_FD int parent = place_open_top(p, err);

	if (parent < 0)
		return -1;

	int fd = openat(parent, name.text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? err_sys(err, "opening private folder '%s/%s/%s'", p->parent, p->name, name.text) : fd;
}

int place_restore_time(const char *path, uint64_t ino, int64_t mtime_ns)
{
	const struct timespec times[2] = {
		{ .tv_nsec = UTIME_OMIT },
		{ .tv_sec = mtime_ns / 1000000000, .tv_nsec = mtime_ns % 1000000000 },
	};
	AUTO_FD int fd = place_open_absolute(path, O_RDONLY | O_DIRECTORY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || (ino && st.st_ino != ino))
		return 0; /* not ours any more */
	return fs_utimens(fd, times);
}

struct removal { /* of the folders in one place */
	int fd;
	struct place_folder *names;
	size_t count;
	atomic_size_t next;
};

struct remover {
	struct removal *work;
	struct err err;
};

static void *remove_folders(void *arg)
{
	struct remover *r = arg;

	for (;;) {
		size_t i = atomic_fetch_add(&r->work->next, 1);

		if (i >= r->work->count || fs_remove_tree(r->work->fd, r->work->names[i].text, &r->err) < 0)
			return NULL;
	}
}

/* The folders as place_make named them; whatever else is there is removed with the place. */
static void list_folders(struct removal *w)
{
	int again = openat(w->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR DIR *dir = again < 0 ? NULL : fdopendir(again);

	for (const struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
		if (e->d_name[0] == '.' || strlen(e->d_name) >= sizeof(w->names->text))
			continue;
		w->names = xrealloc(w->names, (w->count + 1) * sizeof(*w->names));
		(void)snprintf(w->names[w->count++].text, sizeof(w->names->text), "%.15s", e->d_name);
	}
}

static int empty_with_two(int place_fd, struct err *err)
{
	struct removal work = { .fd = place_fd };
	struct remover own = { .work = &work, .err = ERR_INIT }, helper = own;
	pthread_t thread;

	list_folders(&work);

	bool threaded = work.count >= THREADS_FROM && pthread_create(&thread, NULL, remove_folders, &helper) == 0;

	(void)remove_folders(&own);
	if (threaded)
		(void)pthread_join(thread, NULL); /* it was created, so it can be joined */
	free(work.names);
	if (!own.err.kind && !helper.err.kind)
		return 0;
	*err = own.err.kind ? own.err : helper.err;
	return -1;
}

static int remove_one(const struct step_place *p, bool threads, struct err *err)
{
	AUTO_FD int parent = place_open_absolute(p->parent, O_PATH | O_DIRECTORY);

	if (parent < 0)
		return errno == ENOENT ? 0 : err_sys(err, "opening folder '%s'", p->parent);
	if (threads) {
		AUTO_FD int fd = openat(parent, p->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd >= 0 && empty_with_two(fd, err) < 0)
			return -1;
	}
	return fs_remove_tree(parent, p->name, err);
}

int place_remove(const struct steps *s, unsigned how, struct err *err)
{
	for (size_t i = 0; i < s->place_count; i++) {
		const struct step_place *p = &s->places[i];

		if (remove_one(p, how & PLACE_THREADED, err) < 0)
			return err_add(err, "private folder '%s/%s'", p->parent, p->name);
		if (how & PLACE_QUIETLY && place_restore_time(p->parent, 0, p->parent_mtime_ns) < 0)
			return err_sys(err, "giving folder '%s' its time back", p->parent);
	}
	return 0;
}
