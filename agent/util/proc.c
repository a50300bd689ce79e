/* util/proc.c - walk /proc. */
#include "util/proc.h"

#include "util/auto.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ENVIRONMENT_MAX (8 * 1024 * 1024) /* the kernel takes no larger one with the usual limits */

int64_t proc_clock_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail */
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t proc_cpu_ms(pid_t pid)
{
	struct timespec t;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) < 0)
		return -1;
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void proc_each(bool (*fn)(void *context, pid_t pid, int dir_fd), void *context)
{
	AUTO_DIR DIR *proc = opendir("/proc");
	const struct dirent *e;

	while (proc && (e = readdir(proc))) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9')
			continue;

		AUTO_FD int fd = openat(dirfd(proc), e->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (fd >= 0 && !fn(context, (pid_t)strtol(e->d_name, NULL, 10), fd))
			return;
	}
}

/* At most SIZE - 1 bytes, terminated; 0 when it cannot be read. */
static size_t read_some(int dir_fd, const char *name, char *buf, size_t size)
{
	AUTO_FD int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);

	buf[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

uint64_t proc_start_time(pid_t pid)
{
	char name[32], text[1024];
	unsigned long long start;

	(void)snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);

	const char *rest = read_some(AT_FDCWD, name, text, sizeof(text)) ? strrchr(text, ')') : NULL;
	/* proc(5): the 22nd field, the state behind the name being the third */
	return rest && sscanf(rest,
			      ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
			      &start) == 1
		       ? start
		       : 0;
}

bool proc_boot_id(char out[40])
{
	size_t n = read_some(AT_FDCWD, "/proc/sys/kernel/random/boot_id", out, 40);

	out[strcspn(out, "\n")] = '\0';
	return n > 0;
}

bool proc_kin_of(int dir_fd, struct proc_kin *out)
{
	char text[512], state;

	if (!read_some(dir_fd, "stat", text, sizeof(text)))
		return false;

	const char *rest = strrchr(text, ')'); /* the name before it may hold anything */

	if (!rest || sscanf(rest, ") %c %d %d", &state, &out->parent, &out->group) != 3)
		return false;
	out->zombie = state == 'Z' || state == 'X';
	return true;
}

bool proc_kin(pid_t pid, struct proc_kin *out)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "/proc/%d", (int)pid);

	AUTO_FD int fd = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && proc_kin_of(fd, out);
}

pid_t proc_group_of(int dir_fd)
{
	struct proc_kin kin;

	return proc_kin_of(dir_fd, &kin) && !kin.zombie ? kin.group : 0;
}

ssize_t proc_children(pid_t pid, pid_t *out, size_t max)
{
	char name[64], text[4096];
	size_t count = 0;

	(void)snprintf(name, sizeof(name), "/proc/%d/task/%d/children", (int)pid, (int)pid);

	AUTO_FD int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n < 0 || n == (ssize_t)sizeof(text) - 1)
		return -1;
	text[n] = '\0';
	for (char *at = text, *end; *at; at = end + strspn(end, " ")) {
		pid_t child = (pid_t)strtol(at, &end, 10);

		if (count == max || end == at)
			return -1;
		out[count++] = child;
	}
	return (ssize_t)count;
}

bool proc_has_variable(int dir_fd, const char *item)
{
	AUTO_FD int fd = openat(dir_fd, "environ", O_RDONLY | O_CLOEXEC);
	AUTO(str_done) struct str text = STR_INIT(ENVIRONMENT_MAX);
	char piece[4096];
	ssize_t n;

	while (fd >= 0 && (n = read(fd, piece, sizeof(piece))) > 0)
		if (str_append(&text, piece, (size_t)n) < 0)
			return false;
	for (const char *at = str_text(&text), *end = at + text.len; at < end; at += strlen(at) + 1)
		if (!strcmp(at, item))
			return true;
	return false;
}

struct group_search {
	pid_t group;
	bool found;
};

static bool is_member(void *context, pid_t pid, int dir_fd)
{
	struct group_search *s = context;

	(void)pid;
	s->found = proc_group_of(dir_fd) == s->group;
	return !s->found;
}

bool proc_group_lives(pid_t group)
{
	struct group_search s = { .group = group };

	proc_each(is_member, &s);
	return s.found;
}

void proc_command(int dir_fd, struct str *out)
{
	char text[256];
	size_t len = read_some(dir_fd, "cmdline", text, sizeof(text));

	if (!len)
		len = read_some(dir_fd, "comm", text, sizeof(text));
	while (len && (text[len - 1] == '\0' || text[len - 1] == '\n'))
		len--;
	for (size_t i = 0; i < len; i++) {
		char c = text[i] ? text[i] : ' ';

		if (str_append_printable(out, &c, 1) < 0)
			return; /* cut */
	}
}
