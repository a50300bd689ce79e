/* installer/flusher.c - syncfs, early and at the barrier. */
#include "installer/flusher.h"

#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"
#include "util/thread.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#define EARLY_PAUSE_MS 10

struct file_system {
	int fd, early_fd;
	dev_t dev;
};

struct flusher {
	struct file_system *systems;
	size_t count;
	pthread_t thread;
	bool running;
	int stop_fd; /* of an eventfd: readable when the thread is to end */
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

	f->stop_fd = -1;

	int r = state < 0 ? err_sys(err, "opening the state folder") : add_system(f, state, err);

	for (size_t i = 0; s && r == 0 && i < s->place_count; i++)
		r = add_path(f, s->places[i].parent, err);
	for (size_t i = 0; s && r == 0 && i < s->folder_count; i++) {
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

/* Waits the pause. True: the thread is to end. */
static bool stop_asked(const struct flusher *f)
{
	struct pollfd p = { .fd = f->stop_fd, .events = POLLIN };

	return poll(&p, 1, EARLY_PAUSE_MS) != 0;
}

static void *write_back(void *arg)
{
	struct flusher *f = arg;

	while (!stop_asked(f)) /* pausing first: what is over by then gains nothing from a head start */
		for (size_t i = 0; i < f->count; i++)
			(void)fs_syncfs(f->systems[i].early_fd); /* the barrier is what counts */
	return NULL;
}

void flusher_start(struct flusher *f)
{
	f->stop_fd = eventfd(0, EFD_CLOEXEC);
	f->running = f->stop_fd >= 0 && thread_start(&f->thread, write_back, f) == 0;
}

void flusher_stop(struct flusher *f)
{
	if (f->running) {
		(void)eventfd_write(f->stop_fd, 1);  /* cannot fail: the counter is 0 */
		(void)pthread_join(f->thread, NULL); /* it runs, so it can be joined */
	}
	f->running = false;
	auto_closep(&f->stop_fd);
	f->stop_fd = -1;
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
