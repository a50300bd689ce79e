/* lifecycle/pipe_holders.c - compare the descriptors of all processes with a pipe. */
#include "lifecycle/pipe_holders.h"

#include "util/auto.h"
#include "util/proc.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define COMMAND_MAX 100

struct search {
	char links[2][32]; /* as /proc shows the pipes: "pipe:[123]"; "": none */
	const struct mask *mask;
	struct pipe_holders *found;
};

static DIR *open_fds(int dir_fd)
{
	AUTO_FD int fd = openat(dir_fd, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir)
		(void)TAKE_FD(fd);
	return dir;
}

static bool holds_any(const struct search *s, int dir_fd, bool holds[2])
{
	AUTO_DIR DIR *fds = open_fds(dir_fd);
	const struct dirent *e;
	char link[32];

	while (fds && (e = readdir(fds))) {
		ssize_t n = readlinkat(dirfd(fds), e->d_name, link, sizeof(link) - 1);

		if (n <= 0)
			continue;
		link[n] = '\0';
		for (int i = 0; i < 2; i++)
			holds[i] = holds[i] || !strcmp(s->links[i], link);
	}
	return holds[0] || holds[1];
}

static void hide(const struct mask *mask, struct str *command)
{
	if (command->len + strlen("\\x00") > COMMAND_MAX) /* it may be cut, and in the middle of a secret */
		command->len -= mask_partial(mask, command->data, command->len);
	command->len = mask_hide(mask, command->data, command->len);
	if (command->data)
		command->data[command->len] = '\0';
}

static bool look_at(void *context, pid_t pid, int dir_fd)
{
	struct search *s = context;
	struct pipe_holders *found = s->found;
	bool holds[2] = { false, false };

	if (pid == getpid() || !holds_any(s, dir_fd, holds))
		return true;
	found->holds[0] = found->holds[0] || holds[0];
	found->holds[1] = found->holds[1] || holds[1];
	if (found->count++ >= PIPE_HOLDERS_NAMED)
		return true;

	AUTO(str_done) struct str command = STR_INIT(COMMAND_MAX);

	proc_command(dir_fd, &command);
	hide(s->mask, &command);
	(void)str_printf(&found->text, "%spid %d '%s'", found->text.len ? ", " : "", (int)pid,
			 str_text(&command)); /* has room for all that are named */
	return true;
}

void pipe_holders_find(const int fds[2], const struct mask *mask, struct pipe_holders *out)
{
	struct search s = { .found = out, .mask = mask };
	struct stat st;

	*out = (struct pipe_holders){ .text = STR_INIT(PIPE_HOLDERS_NAMED * (COMMAND_MAX + 32) + 32) };
	for (int i = 0; i < 2; i++)
		if (fds[i] >= 0 && fstat(fds[i], &st) == 0)
			(void)snprintf(s.links[i], sizeof(s.links[i]), "pipe:[%lu]", (unsigned long)st.st_ino);
	proc_each(look_at, &s);
	if (out->count > PIPE_HOLDERS_NAMED)
		(void)str_printf(&out->text, " and %zu more", out->count - PIPE_HOLDERS_NAMED);
}

void pipe_holders_done(struct pipe_holders *holders)
{
	str_done(&holders->text);
}
