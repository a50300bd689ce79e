/* cli/worker_words.c - see worker_words.h. */
#include "cli/worker_words.h"

#include "util/auto.h"
#include "worker/worker_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

static int set_up(posix_spawn_file_actions_t *actions, int dir_fd, int out_fd)
{
	int r = posix_spawn_file_actions_adddup2(actions, out_fd, STDOUT_FILENO);

	return r || dir_fd < 0 ? r : posix_spawn_file_actions_addfchdir_np(actions, dir_fd);
}

static int start(const char *worker, const char *const *words, int dir_fd, int out_fd, pid_t *out, struct err *err)
{
	posix_spawn_file_actions_t actions;
	AUTO_FREE char **argv = NULL;
	size_t n = 0;

	while (words[n])
		n++;
	argv = xcalloc(n + 2, sizeof(*argv));
	argv[0] = (char *)"slipway-worker";
	memcpy(argv + 1, words, n * sizeof(*argv));

	int r = posix_spawn_file_actions_init(&actions);

	if (r == 0) {
		r = set_up(&actions, dir_fd, out_fd);
		r = r ? r : posix_spawn(out, worker, &actions, NULL, argv, environ);
		(void)posix_spawn_file_actions_destroy(&actions);
	}
	errno = r;
	return r ? err_sys(err, "starting the worker") : 0;
}

static void read_all(int fd, struct str *text)
{
	char piece[1024];
	ssize_t n;

	while ((n = read(fd, piece, sizeof(piece))) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			(void)str_append(text, piece, (size_t)n);
}

int worker_words(const char *const *words, int dir_fd, struct str *out, struct err *err)
{
	AUTO_FREE char *worker = NULL;
	int ends[2], status = 0;
	pid_t pid;

	if (worker_find(&worker, err) < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, "making a pipe");

	AUTO_FD int from = ends[0];
	int r = start(worker, words, dir_fd, ends[1], &pid, err);

	(void)close(ends[1]);
	if (r < 0)
		return -1;
	read_all(from, out);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return err_set(err, ERR_UNREACHABLE, "the worker was ended by signal %d", WTERMSIG(status));
}
