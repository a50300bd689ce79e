/* installer/flusher.c - syncfs, early and at the barrier. */
#include "installer/flusher.h"

#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <time.h>

#define EARLY_PAUSE_MS 20

struct file_system {
	int fd, early_fd;
	dev_t dev;
};

struct flusher {
	struct file_system *systems;
	size_t count;
	pthread_t thread;
	bool running;
	atomic_bool stop;
};

/* Takes FD. */
static int add_system(struct flusher *f, int fd, struct err *err)
{
	AUTO_FD int own = fd;
	struct stat st;

	if (fstat(own, &st) < 0)
		return err_sys(err, "looking at a file system");
	for (size_t i = 0; i < f->count; i++)
		if (f->systems[i].dev == st.st_dev)
			return 0;

	/* opened anew, not duplicated: a duplicate would share what errors it has seen */
	AUTO_FD int early = openat(own, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (early < 0)
		return err_sys(err, "opening a file system");
	f->systems = xrealloc(f->systems, (f->count + 1) * sizeof(*f->systems));
	f->systems[f->count++] = (struct file_system){ TAKE_FD(own), TAKE_FD(early), st.st_dev };
	return 0;
}

static int add_path(struct flusher *f, const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return 0; /* a folder that an earlier run of these steps has removed */
	return fd < 0 ? err_sys(err, "opening folder '%s'", path) : add_system(f, fd, err);
}

struct flusher *flusher_new(const struct steps *s, int state_fd, struct err *err)
{
	struct flusher *f = xcalloc(1, sizeof(*f));
	int state = openat(state_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = state < 0 ? err_sys(err, "opening the state folder") : add_system(f, state, err);

	for (size_t i = 0; r == 0 && i < s->place_count; i++)
		r = add_path(f, s->places[i].parent, err);
	for (size_t i = 0; r == 0 && i < s->folder_count; i++) {
		size_t known = 0;

		while (known < f->count && f->systems[known].dev != s->folders[i].dev)
			known++;
		if (known == f->count)
			r = add_path(f, s->folders[i].path, err);
	}
	if (r == 0)
		return f;
	flusher_free(f);
	return NULL;
}

static void *write_back(void *arg)
{
	struct flusher *f = arg;
	const struct timespec pause = { .tv_nsec = EARLY_PAUSE_MS * 1000000L };

	while (!atomic_load(&f->stop)) {
		for (size_t i = 0; i < f->count && !atomic_load(&f->stop); i++)
			(void)fs_syncfs(f->systems[i].early_fd); /* only a head start: the barrier is what counts */
		(void)nanosleep(&pause, NULL);
	}
	return NULL;
}

void flusher_start(struct flusher *f)
{
	atomic_store(&f->stop, false);
	f->running = pthread_create(&f->thread, NULL, write_back, f) == 0;
}

void flusher_stop(struct flusher *f)
{
	if (!f->running)
		return;
	atomic_store(&f->stop, true);
	(void)pthread_join(f->thread, NULL); /* it runs, so it can be joined */
	f->running = false;
}

int flusher_barrier(struct flusher *f, struct err *err)
{
	for (size_t i = 0; i < f->count; i++)
		if (fs_syncfs(f->systems[i].fd) < 0)
			return err_sys(err, "flushing a file system to disk");
	return 0;
}

void flusher_free(struct flusher *f)
{
	if (!f)
		return;
	flusher_stop(f);
	for (size_t i = 0; i < f->count; i++) {
		auto_closep(&f->systems[i].fd);
		auto_closep(&f->systems[i].early_fd);
	}
	free(f->systems);
	free(f);
}
