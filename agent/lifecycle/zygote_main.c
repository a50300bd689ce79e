/* lifecycle/zygote_main.c - the zygote's own life: wait for an order, fork a hook, tell how it ended. */
#include "lifecycle/zygote.h"

#include "lifecycle/descendants.h"
#include "lifecycle/zygote_wire.h"
#include "util/auto.h"
#include "util/proc.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOCKET_FD 3
#define READY_FD  4

/* Why the child could not become the hook. In memory that both share, hence volatile. */
struct refusal {
	int error; /* 0: it was executed */
	enum zygote_step step;
};

struct nursery {
	int socket;
	int signals;			  /* SIGCHLD */
	int worker;			  /* pidfd; -1: the end of the socket has to do */
	const struct zygote_calls *calls; /* NULL: there are none */
	volatile struct refusal *refusal;
	pid_t child; /* 0: none; else not reaped yet */
	bool ended;  /* the child is a zombie that waits to be released */
};

/* A request as it came, and lists that point into it. */
struct order {
	struct zygote_header header;
	int fds[ZYGOTE_MAX_FDS]; /* the last one may be -1 */
	char *body;
	gid_t *groups;
	char **argv; /* argv[0] is left free for a shell in front */
	char **environment;
	char *cwd;
	pid_t zygote;
};

static void order_done(struct order *o)
{
	for (size_t i = 0; i < ZYGOTE_MAX_FDS; i++)
		auto_closep(&o->fds[i]);
	free(o->body);
	free(o->groups);
	free(o->argv);
	free(o->environment);
}

/* The worker is gone: nothing may go on in its name. See the header for why at once. */
static _Noreturn void leave(const struct nursery *n)
{
	if (n->child && !n->ended)
		(void)kill(-n->child, SIGKILL); /* nobody is left to tell about a failure */
	_exit(0);
}

static void reply(const struct nursery *n, enum zygote_reply_kind kind, pid_t pid, int value, enum zygote_step step)
{
	struct zygote_reply r = { .kind = kind, .pid = pid, .value = value, .step = step };

	if (send(n->socket, &r, sizeof(r), MSG_NOSIGNAL) != (ssize_t)sizeof(r))
		leave(n);
}

static void reap(struct nursery *n)
{
	while (n->child && waitpid(n->child, NULL, 0) < 0 && errno == EINTR)
		;
	n->child = 0;
	n->ended = false;
}

static void read_all(const struct nursery *n, void *bytes, size_t len)
{
	char *p = bytes;

	while (len) {
		ssize_t got = recv(n->socket, p, len, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			leave(n);
		p += got;
		len -= (size_t)got;
	}
}

static void read_header(const struct nursery *n, struct order *o)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(ZYGOTE_MAX_FDS * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = &o->header, .iov_len = sizeof(o->header) };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof(control.space)
	};
	ssize_t got;

	do
		got = recvmsg(n->socket, &m, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got <= 0)
		leave(n);

	const struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	if (c && c->cmsg_type == SCM_RIGHTS && c->cmsg_len <= CMSG_LEN(ZYGOTE_MAX_FDS * sizeof(int)))
		memcpy(o->fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
	read_all(n, (char *)&o->header + got, sizeof(o->header) - (size_t)got);
}

/* COUNT strings from *AT on, NULL behind them, SPARE free places in front. NULL: they do not end within the body. */
static char **list_of(char **at, const char *end, size_t count, size_t spare)
{
	char **list = count < ZYGOTE_MAX_REQUEST ? calloc(count + spare + 1, sizeof(*list)) : NULL;

	for (size_t i = 0; list && i < count; i++) {
		size_t left = (size_t)(end - *at), len = strnlen(*at, left);

		if (len == left) {
			free(list);
			return NULL;
		}
		list[spare + i] = *at;
		*at += len + 1;
	}
	return list;
}

/* errno, 0: read. */
static int read_order(const struct nursery *n, struct order *o)
{
	const struct zygote_header *h = &o->header;

	if (h->size > ZYGOTE_MAX_REQUEST)
		leave(n); /* what follows cannot be told apart any more */
	o->body = malloc(h->size + 1u);
	if (!o->body)
		leave(n);
	read_all(n, o->body, h->size);

	size_t groups_size = h->group_count * sizeof(gid_t);
	const char *end = o->body + h->size;

	if (h->kind >= ZYGOTE_KIND_COUNT || h->group_count > ZYGOTE_MAX_REQUEST || groups_size > h->size || !h->argc)
		return EINVAL;

	char *at = o->body + groups_size;

	o->groups = calloc(h->group_count + 1u, sizeof(gid_t));
	o->argv = list_of(&at, end, h->argc, 1);
	o->environment = list_of(&at, end, h->envc, 0);
	o->cwd = at;
	if (!o->groups || !o->argv || !o->environment || strnlen(at, (size_t)(end - at)) == (size_t)(end - at))
		return EINVAL;
	memcpy(o->groups, o->body, groups_size);
	for (size_t i = 0; i < ZYGOTE_FDS; i++)
		if (o->fds[i] < 0)
			return EBADF;
	return 0;
}

static _Noreturn void refuse(volatile struct refusal *refusal, enum zygote_step step)
{
	refusal->error = errno;
	refusal->step = step;
	_exit(127);
}

static void default_signals(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int s = 1; s < NSIG; s++)
		(void)sigaction(s, &action, NULL); /* fails for KILL, STOP and those that glibc keeps */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL); /* cannot fail */
}

static bool has_groups(const gid_t *want, size_t count)
{
	gid_t have[NGROUPS_MAX];
	int n = getgroups(NGROUPS_MAX, have);

	return n >= 0 && (size_t)n == count && !memcmp(have, want, count * sizeof(gid_t));
}

static bool is_user(const struct order *o)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;

	if (getresuid(&ruid, &euid, &suid) < 0 || getresgid(&rgid, &egid, &sgid) < 0)
		return false;
	return ruid == o->header.uid && euid == o->header.uid && suid == o->header.uid && rgid == o->header.gid &&
	       egid == o->header.gid && sgid == o->header.gid;
}

static int become_user(const struct order *o)
{
	const struct zygote_header *h = &o->header;

	if (is_user(o) && has_groups(o->groups, h->group_count))
		return 0;
	if (setgroups(h->group_count, o->groups) < 0 || setresgid(h->gid, h->gid, h->gid) < 0 ||
	    setresuid(h->uid, h->uid, h->uid) < 0)
		return -1;
	if (is_user(o) && getgroups(0, NULL) == (int)h->group_count)
		return 0;
	errno = EPERM; /* the kernel said yes and did something else */
	return -1;
}

static _Noreturn void execute(struct order *o, volatile struct refusal *refusal)
{
	char **argv = o->argv + 1;

	(void)execve(argv[0], argv, o->environment);
	if (errno == ENOEXEC) { /* no `#!` line: the shell reads it, as the reference does */
		o->argv[0] = (char *)"/bin/sh";
		(void)execve(o->argv[0], o->argv, o->environment);
	}
	refuse(refusal, ZYGOTE_STEP_EXEC);
}

/* What a hook is, but for its program. Nothing here allocates or changes more than REFUSAL. LAST: the highest
 * descriptor that stays. */
static void become_hook(struct order *o, int last, volatile struct refusal *refusal)
{
	if (setpgid(0, 0) < 0)
		refuse(refusal, ZYGOTE_STEP_FORK);
	default_signals();
	for (int i = 0; i < ZYGOTE_FDS; i++)
		if (dup2(o->fds[i], i) < 0)
			refuse(refusal, ZYGOTE_STEP_FORK);
	closefrom(last + 1);
	if (o->header.change_user && become_user(o) < 0)
		refuse(refusal, ZYGOTE_STEP_USER);
	/* after the user: changing that takes it back. A zygote that died before is not there to be missed. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != o->zygote)
		refuse(refusal, ZYGOTE_STEP_FORK);
	(void)umask((mode_t)o->header.umask);
	if (chdir(o->cwd) < 0)
		refuse(refusal, ZYGOTE_STEP_CWD);
}

/* vfork: the zygote waits until the child is executed or has given up, so no page is copied and the child can leave its
 * reason in our memory. Signals are told apart by the kernel all the same, descriptors too. */
static __attribute__((noinline)) pid_t fork_hook(struct order *o, volatile struct refusal *refusal)
{
	pid_t pid = vfork();

	if (pid == 0) {
		become_hook(o, ZYGOTE_FDS - 1, refusal);
		execute(o, refusal);
	}
	return pid;
}

/* In the fork: become the hook, close READY when all went well, and be the function. The zygote holds 3 and 4 itself
 * (socket, pidfd or signals), so they are none of the order's. */
static _Noreturn void call_hook(const struct nursery *n, struct order *o, int ready)
{
	int report = o->fds[ZYGOTE_FDS];

	if (dup3(ready, READY_FD, O_CLOEXEC) < 0 || (report >= 0 && dup3(report, ZYGOTE_REPORT_FD, O_CLOEXEC) < 0))
		refuse(n->refusal, ZYGOTE_STEP_FORK);
	if (report < 0)
		(void)close(ZYGOTE_REPORT_FD);
	become_hook(o, READY_FD, n->refusal);
	(void)close(READY_FD);
	_exit(n->calls->hook(o->argv + 1, o->environment)); /* no handlers: they are the worker's */
}

/* A real fork, since the function needs a memory of its own: the end of a pipe tells that it has begun, or given up. */
static pid_t fork_call(const struct nursery *n, struct order *o)
{
	int ready[2];
	char none;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return -1;

	pid_t pid = fork();

	if (pid == 0)
		call_hook(n, o, ready[1]);
	(void)close(ready[1]);
	while (pid > 0 && read(ready[0], &none, 1) < 0 && errno == EINTR)
		;
	(void)close(ready[0]);
	return pid;
}

static void start_hook(struct nursery *n, struct order *o)
{
	volatile struct refusal *refusal = n->refusal;

	*refusal = (struct refusal){ 0 };
	o->zygote = getpid();

	pid_t pid = o->header.kind == ZYGOTE_CALL ? fork_call(n, o) : fork_hook(o, refusal);

	if (pid < 0) {
		reply(n, ZYGOTE_REFUSED, 0, errno, ZYGOTE_STEP_FORK);
		return;
	}
	n->child = pid;
	if (!refusal->error) {
		reply(n, ZYGOTE_STARTED, pid, 0, ZYGOTE_STEP_EXEC);
		return;
	}
	reap(n);
	reply(n, ZYGOTE_REFUSED, 0, refusal->error, refusal->step);
}

static void prepare(struct nursery *n)
{
	if (n->calls && n->calls->prepare)
		n->calls->prepare();
}

static void serve(struct nursery *n)
{
	AUTO(order_done) struct order o = { .fds = { -1, -1, -1, -1 } };

	read_header(n, &o);
	if (o.header.kind == ZYGOTE_PREPARE) {
		prepare(n);
		return;
	}
	if (n->ended)
		reap(n); /* released by word, or by the next order */
	if (o.header.kind == ZYGOTE_RELEASE) {
		n->child = 0; /* one that has not ended is given up: it could not even be killed */
		return;
	}

	int error = read_order(n, &o);

	if (n->child)
		error = EBUSY;
	else if (!error && o.header.kind == ZYGOTE_CALL && !n->calls)
		error = ENOSYS;
	if (error)
		reply(n, ZYGOTE_REFUSED, 0, error, ZYGOTE_STEP_REQUEST);
	else
		start_hook(n, &o);
}

/* What hooks have left behind is ours since its parents ended. */
static void bury_orphans(const struct nursery *n)
{
	pid_t children[DESCENDANTS_MAX_OLDER];
	ssize_t count = proc_children(getpid(), children, ARRAY_LEN(children)); /* -1: they stay zombies until we go */

	for (ssize_t i = 0; i < count; i++)
		if (children[i] != n->child)
			(void)waitpid(children[i], NULL, WNOHANG); /* one that lives is left alone */
}

/* The status is told, the zombie stays. */
static void notice_end(struct nursery *n)
{
	struct signalfd_siginfo gone;
	siginfo_t info = { 0 };

	if (read(n->signals, &gone, sizeof(gone)) < 0)
		return;
	bury_orphans(n);
	if (!n->child || n->ended)
		return;
	if (waitid(P_PID, (id_t)n->child, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid != n->child)
		return;
	n->ended = true;
	reply(n, ZYGOTE_ENDED, n->child,
	      info.si_code == CLD_EXITED ? (info.si_status & 0xff) << 8
					 : (info.si_status & 0x7f) | (info.si_code == CLD_DUMPED ? 0x80 : 0),
	      ZYGOTE_STEP_EXEC);
}

/* Drop all that came with the fork. */
static void settle(struct nursery *n, int socket, pid_t worker)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)setsid(); /* so that signals to the worker's group or terminal reach neither zygote nor hooks */
	(void)prctl(PR_SET_NAME, "slipway-zygote");
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1); /* cannot fail; lifecycle/descendants.h */
	default_signals();
	for (int fd = 0; null >= 0 && fd < 3; fd++)
		(void)dup2(null, fd); /* what is left open instead is the worker's, and harmless */
	if (socket != SOCKET_FD && dup3(socket, SOCKET_FD, O_CLOEXEC) < 0)
		_exit(1);
	closefrom(SOCKET_FD + 1);
	if (chdir("/") < 0)
		_exit(1);
	n->socket = SOCKET_FD;
	n->worker = pidfd_open(worker, 0);
	if (getppid() != worker)
		_exit(0); /* died before it could be watched */
}

_Noreturn void zygote_main(int socket, pid_t worker, const struct zygote_calls *calls)
{
	struct nursery n = { .calls = calls };
	sigset_t child;

	settle(&n, socket, worker);
	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	(void)sigprocmask(SIG_BLOCK, &child, NULL); /* cannot fail */
	n.signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	n.refusal = mmap(NULL, sizeof(*n.refusal), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (n.signals < 0 || n.refusal == MAP_FAILED)
		_exit(1);
	for (;;) {
		struct pollfd p[] = { { .fd = n.signals, .events = POLLIN },
				      { .fd = n.socket, .events = POLLIN },
				      { .fd = n.worker, .events = POLLIN } };

		if (poll(p, ARRAY_LEN(p), -1) < 0)
			continue; /* EINTR */
		if (p[0].revents)
			notice_end(&n);
		if (p[1].revents)
			serve(&n);
		else if (p[2].revents)
			leave(&n);
	}
}
