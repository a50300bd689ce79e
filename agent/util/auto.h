/* util/auto.h - ownership at a glance: what is declared with AUTO is given back on every way out of the block.
 *
 * TAKE_PTR and TAKE_FD mark the hand-over: the variable is emptied, so its cleanup has nothing left to do.
 */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define AUTO(fn)  __attribute__((cleanup(fn)))
#define AUTO_FREE AUTO(auto_freep)
#define AUTO_FD	  AUTO(auto_closep)
#define AUTO_DIR  AUTO(auto_closedirp)

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define TAKE_PTR(p)                                                                                                    \
	({                                                                                                             \
		__typeof__(p) taken_ = (p);                                                                            \
		(p) = NULL;                                                                                            \
		taken_;                                                                                                \
	})
#define TAKE_FD(fd)                                                                                                    \
	({                                                                                                             \
		int taken_ = (fd);                                                                                     \
		(fd) = -1;                                                                                             \
		taken_;                                                                                                \
	})

static inline void auto_freep(void *p)
{
	free(*(void **)p);
}

/* Keeps errno: a cleanup never replaces the error that is on its way up. */
static inline void auto_closep(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd); /* nothing left to do about a failing close; data was flushed before */
	errno = saved;
}

static inline void auto_closedirp(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir); /* was only read */
}
