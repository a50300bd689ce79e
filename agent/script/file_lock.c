/* script/file_lock.c - see file_lock.h. */
#include "script/file_lock.h"

#include "util/auto.h"
#include "util/fs.h"
#include "util/proc.h"
#include "util/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>

#define SLICE_MS 50 /* between two attempts: a lock that is waited for by flock() itself would not end in time */

struct file_lock {
	int fd;
};

void file_lock_free(struct file_lock *l)
{
	if (!l)
		return;
	(void)flock(l->fd, LOCK_UN); /* a program that was started meanwhile may share the descriptor */
	(void)close(l->fd);
	free(l);
}

static void wait_a_little(int64_t ms)
{
	const struct timespec t = { .tv_nsec = (ms < SLICE_MS ? ms : SLICE_MS) * 1000000 };

	(void)nanosleep(&t, NULL); /* a signal only ends it earlier */
}

int file_lock_take(const char *path, int64_t timeout_ms, bool (*give_up)(void *context), void *context,
		   struct file_lock **out, struct err *err)
{
	const int64_t until = proc_clock_ms() + timeout_ms;
	AUTO_FD int fd = fs_open_create(AT_FDCWD, path, O_RDWR | O_NONBLOCK | O_NOCTTY, 0600);

	if (fd < 0)
		return err_sys(err, "opening the lock '%s'", path);
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		int64_t left = until - proc_clock_ms();

		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_sys(err, "locking '%s'", path);
		if (give_up && give_up(context))
			return err_set(err, ERR_STOPPED, "waiting for the lock '%s'", path);
		if (left <= 0)
			return err_set(err, ERR_TIMED_OUT, "the lock '%s' is held by another process, still after %g s",
				       path, (double)timeout_ms / 1000);
		wait_a_little(left);
	}
	*out = xcalloc(1, sizeof(**out));
	(*out)->fd = TAKE_FD(fd);
	return 0;
}
