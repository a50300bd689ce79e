/* cli/policy_try.c - one worker, one path, one line of what is wrong. */
#include "cli/policy_try.h"

#include "util/auto.h"
#include "util/str.h"
#include "worker/worker_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#define MAX_TEXT 4096

static int start(const char *worker, const char *policy, int out_fd, pid_t *out, struct err *err)
{
	char *const words[] = { (char *)"slipway-worker", (char *)"--policy", (char *)policy, NULL };
	posix_spawn_file_actions_t actions;
	int r = posix_spawn_file_actions_init(&actions);

	if (r == 0) {
		r = posix_spawn_file_actions_adddup2(&actions, out_fd, 1);
		r = r ? r : posix_spawn(out, worker, &actions, NULL, words, environ);
		(void)posix_spawn_file_actions_destroy(&actions);
	}
	errno = r;
	return r ? err_sys(err, "starting the worker") : 0;
}

/* One line; what does not fit is not needed. */
static void read_line(int fd, struct str *text)
{
	char piece[1024];
	ssize_t n;

	while ((n = read(fd, piece, sizeof(piece))) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			(void)str_append(text, piece, (size_t)n);
	if (text->len && text->data[text->len - 1] == '\n')
		text->data[--text->len] = '\0';
}

static int ask_worker(const char *policy, struct err *err)
{
	AUTO(str_done) struct str text = STR_INIT(MAX_TEXT);
	AUTO_FREE char *worker = NULL;
	int ends[2], status = 0;
	pid_t pid;

	if (worker_find(&worker, err) < 0)
		return -1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, "making a pipe");

	AUTO_FD int from = ends[0];
	int r = start(worker, policy, ends[1], &pid, err);

	(void)close(ends[1]);
	if (r < 0)
		return -1;
	read_line(from, &text);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 1;
	return err_set(err, ERR_CONFIG, "the policy of this host cannot be asked, so nothing is allowed: %s",
		       text.len ? str_text(&text) : "the worker that was to read it failed");
}

int policy_try(const struct config *c, struct err *err)
{
	const char *policy = c->settings.policy;

	if (!policy)
		return 0;
	if (!c->settings.policy_needed && faccessat(AT_FDCWD, policy, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return 0;
	return ask_worker(policy, err);
}
