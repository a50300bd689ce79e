/* daemon/chore.c - fork, a pipe for what came of it. The daemon has one thread, so the child may do what it likes. */
#include "daemon/chore.h"

#include "util/auto.h"
#include "util/str.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#define VERDICT_FD 3 /* in the child */

struct chore {
	struct chore *next;
	struct daemon *daemon;
	struct socket_client *client; /* NULL: gone */
	struct chore_work work;
	pid_t pid;
	int fd;
	sd_event_source *source;
};

struct verdict { /* through the pipe; less than PIPE_BUF, so in one piece */
	int count;
	struct err err;
};

static void chore_free(struct chore *c)
{
	struct chore **at = &c->daemon->chores;

	while (*at && *at != c)
		at = &(*at)->next;
	if (*at)
		*at = c->next;
	(void)sd_event_source_disable_unref(c->source);
	auto_closep(&c->fd);
	free(c);
}

void chore_free_all(struct daemon *d)
{
	while (d->chores)
		chore_free(d->chores);
}

bool chore_any(const struct daemon *d)
{
	return d->chores != NULL;
}

void chore_client_gone(struct daemon *d, const struct socket_client *client)
{
	for (struct chore *c = d->chores; c; c = c->next)
		if (c->client == client)
			c->client = NULL;
}

static int on_verdict(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct chore *c = context;
	struct daemon *d = c->daemon;
	struct verdict v = { .count = -1, .err = ERR_INIT };

	(void)source, (void)events;
	if (read(fd, &v, sizeof(v)) != sizeof(v))
		v.count = err_set(&v.err, ERR_SYS, "the process that did it is gone");
	while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
		;
	c->work.done(d, c->client, c->work.arg, v.count, &v.err);
	chore_free(c);
	daemon_changed(d);
	return 0;
}

static void work_in_child(const struct chore_work *work, int fd)
{
	struct verdict v = { .err = ERR_INIT };
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	/* No client is to wait for the end of its connection because we have it, too, nor another daemon for the lock.
	 */
	if (dup2(fd, VERDICT_FD) < 0 || close_range(VERDICT_FD + 1, ~0U, 0) < 0)
		_exit(1);
	v.count = work->run(work->arg, &v.err);
	_exit(write(VERDICT_FD, &v, sizeof(v)) != sizeof(v));
}

int chore_start(struct daemon *d, struct socket_client *client, const struct chore_work *work, struct err *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(err, "starting a process");

	pid_t pid = fork();

	if (pid == 0)
		work_in_child(work, ends[1]);
	(void)close(ends[1]);
	if (pid < 0) {
		(void)close(ends[0]);
		return err_sys(err, "starting a process");
	}

	struct chore *c = xcalloc(1, sizeof(*c));

	*c = (struct chore){
		.next = d->chores,
		.daemon = d,
		.client = client,
		.work = *work,
		.pid = pid,
		.fd = ends[0],
	};
	d->chores = c;

	int r = sd_event_add_io(d->loop, &c->source, c->fd, EPOLLIN, on_verdict, c);

	if (r < 0) {
		errno = -r;
		(void)err_sys(err, "watching a process");
		(void)kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		chore_free(c);
		return -1;
	}
	return 0;
}
