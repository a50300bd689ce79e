/* cli/plan_diff.c - diff gets two open files: what stands at the names meanwhile does not matter to it. */
#include "cli/plan_diff.h"

#include "format/plain.h"
#include "installer/place.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#define DIFF	 "/usr/bin/diff"
#define MAX_DIFF (1024 * 1024)

static int open_file(int dir_fd, const char *name, int *out, struct err *err)
{
	struct stat st;

	*out = dir_fd == AT_FDCWD ? place_open_absolute(name, O_RDONLY | O_NONBLOCK)
				  : fs_open_beneath(dir_fd, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, 0);
	if (*out < 0 || fstat(*out, &st) < 0)
		return err_sys(err, "opening '%s'", name);
	return S_ISREG(st.st_mode) ? 0 : err_set(err, ERR_EXISTS, "'%s' is not a file any more", name);
}

/* Copies that the child inherits under the numbers that they happen to have. */
static int start(int old_fd, int new_fd, int out_fd, const char *label, pid_t *out)
{
	AUTO_FD int old_copy = fcntl(old_fd, F_DUPFD, 3);
	AUTO_FD int new_copy = fcntl(new_fd, F_DUPFD, 3);
	AUTO_FREE char *from = xasprintf("--label=a%s", label);
	AUTO_FREE char *to = xasprintf("--label=b%s", label);
	AUTO_FREE char *old = xasprintf("/dev/fd/%d", old_copy);
	AUTO_FREE char *new = xasprintf("/dev/fd/%d", new_copy);
	char *const words[] = { DIFF, "-u", from, to, old, new, NULL };
	char *const environment[] = { "LC_ALL=C", NULL };
	posix_spawn_file_actions_t actions;

	if (old_copy < 0 || new_copy < 0 || posix_spawn_file_actions_init(&actions))
		return -1;

	int r = posix_spawn_file_actions_adddup2(&actions, out_fd, 1);

	r = r ? r : posix_spawn_file_actions_adddup2(&actions, out_fd, 2);
	r = r ? r : posix_spawn(out, DIFF, &actions, NULL, words, environment);
	(void)posix_spawn_file_actions_destroy(&actions);
	errno = r;
	return r ? -1 : 0;
}

/* All that it says; what is too much is cut, and read on, so that diff comes to its end. */
static void read_all(int fd, struct str *text)
{
	char piece[65536];
	ssize_t n;
	bool cut = false;

	while ((n = read(fd, piece, sizeof(piece))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		cut |= str_append(text, piece, (size_t)n) < 0;
	}
	if (cut)
		(void)str_add(text, "[cut: the difference is larger than 1 MiB]\n");
}

int plan_diff(const char *old, int new_fd, const char *new_name, char **out, struct err *err)
{
	AUTO(str_done) struct str text = STR_INIT(MAX_DIFF + 128);
	AUTO_FREE char *label = plain_path(old);
	AUTO_FD int a = -1;
	AUTO_FD int b = -1;
	int ends[2];
	pid_t pid;
	int status = 0;

	if (access(DIFF, X_OK) < 0)
		return err_set(err, ERR_NOT_READY, "there is no " DIFF " to tell differences: install diffutils");
	if (open_file(AT_FDCWD, old, &a, err) < 0 || open_file(new_fd, new_name, &b, err) < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, "making a pipe");

	AUTO_FD int from = ends[0];
	int r = start(a, b, ends[1], label, &pid);

	(void)close(ends[1]);
	if (r < 0)
		return err_sys(err, "starting " DIFF);
	text.max = MAX_DIFF;
	read_all(from, &text);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	*out = plain_text(str_text(&text), text.len);
	return 0;
}
