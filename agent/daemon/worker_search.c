/* daemon/worker_search.c - name, owner and argument of a process. */
#include "daemon/worker_search.h"

#include "util/auto.h"
#include "util/proc.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>

#define WORKER_NAME "worker" /* of its executable; its zygote calls itself otherwise */

static size_t read_some(int dir_fd, const char *name, char *out, size_t size)
{
	AUTO_FD int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);

	out[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

/* Another user may call a program what he likes, but he cannot run it as us. */
static bool is_worker_of(int dir_fd, const char *id)
{
	char text[4096];
	struct stat st;
	size_t n;

	if (fstat(dir_fd, &st) < 0 || st.st_uid != geteuid())
		return false;
	if (!read_some(dir_fd, "comm", text, sizeof(text)) || strcmp(text, WORKER_NAME "\n"))
		return false;
	n = read_some(dir_fd, "cmdline", text, sizeof(text));
	for (size_t at = 0; at < n; at += strlen(text + at) + 1)
		if (!strcmp(text + at, id))
			return true;
	return false;
}

/* The pidfd first: were the number given to another process after the look, the pidfd would tell of the end at once. */
int worker_search_open(pid_t pid, const char *id)
{
	char path[32];
	AUTO_FD int pidfd = pid > 0 ? pidfd_open(pid, 0) : -1;

	if (pidfd < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);

	AUTO_FD int dir_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return dir_fd >= 0 && is_worker_of(dir_fd, id) ? TAKE_FD(pidfd) : -1;
}

struct search {
	const char *id;
	pid_t found;
};

static bool look(void *context, pid_t pid, int dir_fd)
{
	struct search *s = context;

	if (is_worker_of(dir_fd, s->id))
		s->found = pid;
	return !s->found;
}

int worker_search(const char *id, pid_t *pid)
{
	struct search s = { .id = id };

	proc_each(look, &s);
	*pid = s.found;
	return s.found ? worker_search_open(s.found, id) : -1;
}
