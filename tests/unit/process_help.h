/* process_help.h - what tests of real processes need: a folder, small scripts, patience with a limit. */
#pragma once

#include "scratch.h"
#include "util/auto.h"
#include "util/err.h"
#include "util/fs.h"
#include "util/str.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A scratch folder that every user may enter; scratch_removep() it. */
static inline char *folder_new(void)
{
	char *path = scratch_new();

	assert_int_equal(0, chmod(path, 0755));
	return path;
}

static inline void file_put(const char *folder, const char *name, const char *text, mode_t mode)
{
	AUTO_FREE char *path = xasprintf("%s/%s", folder, name);
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_int_equal(strlen(text), write(fd, text, strlen(text)));
	assert_int_equal(0, fchmod(fd, mode));
}

/* The file's text ("" when it is not there); the caller frees it. */
static inline char *file_get(const char *folder, const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/%s", folder, name);
	struct str s = STR_INIT(512u * 1024 * 1024);
	struct err err = ERR_INIT;

	if (fs_read_file(AT_FDCWD, path, &s, &err) < 0)
		fail_msg("%s", err.msg);
	return str_take(&s);
}

static inline void pause_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

static inline long clock_ms(void)
{
	struct timespec t;

	assert_int_equal(0, clock_gettime(CLOCK_MONOTONIC, &t));
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Is there such a process, and not only its zombie? */
static inline bool process_lives(pid_t pid)
{
	AUTO_FREE char *path = xasprintf("/proc/%d/stat", (int)pid);
	FILE *f = fopen(path, "re");
	char text[512] = "";

	if (!f)
		return false;
	(void)!fread(text, 1, sizeof(text) - 1, f);
	assert_int_equal(0, fclose(f));

	const char *state = strrchr(text, ')');

	return state && state[2] != 'Z' && state[2] != 'X';
}

static inline bool process_ends_within(pid_t pid, long ms)
{
	for (long until = clock_ms() + ms; clock_ms() < until; pause_ms(10))
		if (!process_lives(pid))
			return true;
	return false;
}

/* The number that a script leaves in a file, as soon as it is whole (a line). */
static inline pid_t pid_from(const char *folder, const char *name)
{
	for (int i = 0; i < 500; i++) {
		AUTO_FREE char *text = file_get(folder, name);

		if (strchr(text, '\n'))
			return (pid_t)atoi(text);
		pause_ms(10);
	}
	fail_msg("no pid in %s", name);
	return -1;
}
