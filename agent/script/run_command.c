/* script/run_command.c - the guard, the program, and the loop that feeds and reads it. */
#include "script/run_command.h"

#include "util/auto.h"
#include "util/proc.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define TICK_MS	     100
#define GRACE_MS     2000 /* between TERM and KILL */
#define HURRY_MS     25	  /* the same, when we must end, too */
#define DRAIN_MS     1000 /* for output after the end: somebody else may hold the pipe */
#define GUARD_STATUS 255

enum { IN, OUT, ERROR, STARTED, PIPES };

struct running {
	const struct run_command *c;
	int ours[PIPES], theirs[PIPES];
	pid_t guard;
	int pidfd;
	size_t fed;
	struct str *texts[PIPES];
	size_t dropped[PIPES];
};

static void close_all(int fds[PIPES])
{
	for (int i = 0; i < PIPES; i++) {
		auto_closep(&fds[i]);
		fds[i] = -1;
	}
}

static void running_done(struct running *r)
{
	close_all(r->ours);
	close_all(r->theirs);
	auto_closep(&r->pidfd);
}

static int open_pipes(struct running *r, struct err *err)
{
	for (int i = 0; i < PIPES; i++) {
		int ends[2];

		if (pipe2(ends, O_CLOEXEC) < 0)
			return err_sys(err, "making pipes for a program");
		r->ours[i] = ends[i == IN];
		r->theirs[i] = ends[i != IN];
		if (i != STARTED)
			(void)fcntl(r->ours[i], F_SETFL, O_NONBLOCK);
	}
	return 0;
}

static void default_signals(void)
{
	const struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		(void)sigaction(s, &action, NULL); /* fails for KILL, STOP and those that glibc keeps */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* cannot fail */
}

static _Noreturn void become_program(struct running *r)
{
	int failed = r->theirs[STARTED];

	default_signals();
	for (int i = IN; i <= ERROR; i++)
		if (dup2(r->theirs[i], i) < 0)
			_exit(GUARD_STATUS);
	if (r->c->cwd && chdir(r->c->cwd) < 0)
		goto refuse;
	(void)close_range(3, (unsigned)failed - 1, 0);
	(void)close_range((unsigned)failed + 1, ~0u, 0); /* FAILED itself goes with the execution */
	(void)execvpe(r->c->argv[0], (char *const *)r->c->argv,
		      r->c->environment ? (char *const *)r->c->environment : environ);
refuse:
	if (write(failed, &errno, sizeof(errno)) < 0) {
		/* then its status has to tell */
	}
	_exit(127);
}

static void end_group(int signal)
{
	(void)signal;
	(void)kill(0, SIGKILL); /* us, too */
}

/* The guard leads the group, waits for the program, and ends the group when its own parent dies. */
static _Noreturn void guard(struct running *r, pid_t parent)
{
	const struct sigaction end = { .sa_handler = end_group }, ignore = { .sa_handler = SIG_IGN };
	int status = 0;

	default_signals();
	(void)setpgid(0, 0); /* cannot fail for a new child */
	(void)sigaction(SIGUSR1, &end, NULL);
	(void)sigaction(SIGTERM, &ignore, NULL); /* meant for the program; the guard goes with it */
	(void)prctl(PR_SET_PDEATHSIG, SIGUSR1);
	if (getppid() != parent)
		_exit(GUARD_STATUS);

	pid_t program = fork();

	if (program == 0)
		become_program(r);
	if (program < 0 && write(r->theirs[STARTED], &errno, sizeof(errno)) < 0) {
		/* the end of the pipe and the status tell */
	}
	closefrom(0);
	while (program > 0 && waitpid(program, &status, 0) < 0 && errno == EINTR)
		;
	_exit(program < 0 ? GUARD_STATUS : WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

static int start(struct running *r, struct err *err)
{
	int error = 0;
	pid_t parent = getpid();
	ssize_t n;

	r->guard = fork();
	if (r->guard == 0)
		guard(r, parent);
	if (r->guard < 0)
		return err_sys(err, "starting '%s'", r->c->argv[0]);
	(void)setpgid(r->guard, r->guard); /* whoever comes first; it may even be gone again */
	close_all(r->theirs);
	r->pidfd = pidfd_open(r->guard, 0);

	int unwatched = errno; /* counts only when there is no pidfd */

	do
		n = read(r->ours[STARTED], &error, sizeof(error));
	while (n < 0 && errno == EINTR);
	if (n <= 0 && r->pidfd >= 0)
		return 0;
	if (n <= 0) { /* nothing would tell of its end */
		error = unwatched;
		(void)kill(-r->guard, SIGKILL);
	}
	while (waitpid(r->guard, NULL, 0) < 0 && errno == EINTR)
		;
	errno = error;
	return err_sys(err, "cannot start '%s'%s", r->c->argv[0],
		       strchr(r->c->argv[0], ' ') ? " (each word is a text of its own; shell = \"...\" takes a line)"
						  : "");
}

static void feed(struct running *r)
{
	ssize_t n = write(r->ours[IN], r->c->input + r->fed, r->c->input_len - r->fed);

	if (n > 0)
		r->fed += (size_t)n;
	if (r->fed == r->c->input_len || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		(void)close(r->ours[IN]); /* it has all it gets, or does not want it */
		r->ours[IN] = -1;
	}
}

static void take(struct running *r, int i)
{
	char buffer[16384];
	ssize_t n = read(r->ours[i], buffer, sizeof(buffer));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		(void)close(r->ours[i]);
		r->ours[i] = -1;
		return;
	}

	size_t room = r->texts[i]->max - r->texts[i]->len, len = (size_t)n < room ? (size_t)n : room;

	(void)str_append(r->texts[i], buffer, len); /* fits */
	r->dropped[i] += (size_t)n - len;
}

/* true: the guard has ended. */
static bool turn(struct running *r, int wait_ms)
{
	struct pollfd p[] = { { .fd = r->ours[IN], .events = POLLOUT },
			      { .fd = r->ours[OUT], .events = POLLIN },
			      { .fd = r->ours[ERROR], .events = POLLIN },
			      { .fd = r->pidfd, .events = POLLIN } };

	if (poll(p, ARRAY_LEN(p), wait_ms) <= 0)
		return false;
	if (p[IN].revents)
		feed(r);
	for (int i = OUT; i <= ERROR; i++)
		if (p[i].revents)
			take(r, i);
	return p[3].revents;
}

static bool must_give_up(const struct running *r)
{
	return r->c->give_up && r->c->give_up(r->c->context);
}

/* Everybody in it; the guard is not reaped yet, so the number means no other group. Who was stopped hears of TERM only
 * when he goes on. */
static void end_by_force(struct running *r)
{
	int64_t now = proc_clock_ms(), until = now + GRACE_MS;
	bool hurried = false;

	(void)kill(-r->guard, SIGTERM);
	(void)kill(-r->guard, SIGCONT);
	do {
		if (!hurried && must_give_up(r)) {
			hurried = true;
			until = now + HURRY_MS < until ? now + HURRY_MS : until;
		}
		if (turn(r, until - now < TICK_MS ? (int)(until - now) : TICK_MS))
			break;
		now = proc_clock_ms();
	} while (now < until);
	(void)kill(-r->guard, SIGKILL);
}

static int wait_for_end(struct running *r, struct err *err)
{
	const struct run_command *c = r->c;
	int64_t start = proc_clock_ms();

	for (;;) {
		int64_t passed = proc_clock_ms() - start, left = c->timeout_ms - passed;

		if (must_give_up(r)) {
			end_by_force(r);
			return err_set(err, ERR_STOPPED, "'%s' was ended: the script's time is over", c->argv[0]);
		}
		if (c->timeout_ms && left <= 0) {
			end_by_force(r);
			return err_set(err, ERR_TIMED_OUT, "'%s' did not end within %g s", c->argv[0],
				       (double)c->timeout_ms / 1000);
		}
		if (turn(r, c->timeout_ms && left < TICK_MS ? (int)left : TICK_MS))
			return 0;
	}
}

static void drain(struct running *r)
{
	int64_t until = proc_clock_ms() + DRAIN_MS;

	auto_closep(&r->pidfd); /* it would be readable all the time */
	r->pidfd = -1;
	auto_closep(&r->ours[IN]);
	r->ours[IN] = -1;
	while ((r->ours[OUT] >= 0 || r->ours[ERROR] >= 0) && proc_clock_ms() < until && !must_give_up(r))
		(void)turn(r, TICK_MS);
	for (int i = OUT; i <= ERROR; i++)
		if (r->dropped[i]) {
			r->texts[i]->max += 100;
			(void)str_printf(r->texts[i], "\n[%zu more bytes are left out]\n", r->dropped[i]);
		}
}

/* A guard that was killed watches nobody any more: its group goes with it, while the number still means that group. */
static int reap(const struct running *r)
{
	siginfo_t info = { 0 };
	int status = 0;

	while (waitid(P_PID, (id_t)r->guard, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR)
		;
	if (info.si_code != CLD_EXITED)
		(void)kill(-r->guard, SIGKILL);
	while (waitpid(r->guard, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

int run_command(const struct run_command *c, int *status, struct str *out, struct str *error, struct err *err)
{
	AUTO(running_done)
	struct running r = { .c = c,
			     .ours = { -1, -1, -1, -1 },
			     .theirs = { -1, -1, -1, -1 },
			     .pidfd = -1,
			     .texts = { [OUT] = out, [ERROR] = error } };

	if (open_pipes(&r, err) < 0 || start(&r, err) < 0)
		return -1;
	if (!c->input_len)
		auto_closep(&r.ours[IN]), r.ours[IN] = -1;

	int result = wait_for_end(&r, err), wait_status = reap(&r);

	if (result < 0)
		return -1;
	drain(&r);
	*status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
	return 0;
}
