/* lifecycle/zygote.c - the worker's side: start the zygote, ask it for hooks, hear how they end. */
#include "lifecycle/zygote.h"

#include "lifecycle/zygote_wire.h"
#include "util/auto.h"
#include "util/str.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define GOODBYE_MS 1000

struct zygote {
	int socket;
	pid_t pid;
	bool hook_known; /* started and not yet released */
	bool gone;
};

static const char *const step_texts[ZYGOTE_STEP_COUNT] = {
	[ZYGOTE_STEP_REQUEST] = "reading the request", [ZYGOTE_STEP_FORK] = "starting a process",
	[ZYGOTE_STEP_USER] = "changing the user",      [ZYGOTE_STEP_CWD] = "changing to its folder",
	[ZYGOTE_STEP_EXEC] = "executing it",
};

int zygote_start(const struct zygote_calls *calls, struct zygote **out, struct err *err)
{
	int pair[2];
	pid_t worker = getpid();

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(err, "making a socket for the process that starts hooks");

	pid_t pid = fork();

	if (pid == 0)
		zygote_main(pair[1], worker, calls);

	int saved = errno;

	(void)close(pair[1]); /* the zygote's */
	if (pid < 0) {
		(void)close(pair[0]); /* of no use any more */
		errno = saved;
		return err_sys(err, "starting the process that starts hooks");
	}

	struct zygote *z = xcalloc(1, sizeof(*z));

	z->socket = pair[0];
	z->pid = pid;
	*out = z;
	return 0;
}

/* It exits when its socket ends. One that does not (stopped by a debugger, say) is not waited for forever. */
static void reap(pid_t pid)
{
	AUTO_FD int pidfd = pidfd_open(pid, 0);
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	if (pidfd >= 0 && poll(&p, 1, GOODBYE_MS) <= 0)
		(void)kill(pid, SIGKILL); /* it is our child and not reaped: the pid is right */
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

void zygote_free(struct zygote *z)
{
	if (!z)
		return;
	(void)close(z->socket); /* this is what tells it to go */
	reap(z->pid);
	free(z);
}

int zygote_fd(const struct zygote *z)
{
	return z->socket;
}

pid_t zygote_pid(const struct zygote *z)
{
	return z->pid;
}

bool zygote_is_gone(const struct zygote *z)
{
	return z->gone;
}

static int gone(struct zygote *z, struct err *err)
{
	z->gone = true;
	return err_set(err, ERR_SYS, "the process that starts hooks has gone away (was it killed?)");
}

static int receive(struct zygote *z, struct zygote_reply *reply, struct err *err)
{
	ssize_t n;

	do
		n = recv(z->socket, reply, sizeof(*reply), MSG_WAITALL);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(*reply) ? 0 : gone(z, err);
}

/* Everything, or -1. FDS (COUNT of them) go with the first byte. */
static int send_all(int socket, const void *bytes, size_t len, const int *fds, size_t count)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(ZYGOTE_MAX_FDS * sizeof(int))];
	} control = { 0 };
	const char *p = bytes;

	while (len) {
		struct iovec iov = { .iov_base = (void *)p, .iov_len = len };
		struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

		if (count) {
			m.msg_control = control.space;
			m.msg_controllen = CMSG_SPACE(count * sizeof(int));
			*CMSG_FIRSTHDR(&m) = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
							       .cmsg_type = SCM_RIGHTS,
							       .cmsg_len = CMSG_LEN(count * sizeof(int)) };
			memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), fds, count * sizeof(int));
		}

		ssize_t n = sendmsg(socket, &m, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		len -= (size_t)n;
		count = 0;
	}
	return 0;
}

static int add_strings(struct str *out, const char *const *strings, uint32_t *count)
{
	for (*count = 0; strings[*count]; (*count)++)
		if (str_append(out, strings[*count], strlen(strings[*count]) + 1) < 0)
			return -1;
	return 0;
}

static int marshal(const struct zygote_request *r, struct zygote_header *h, struct str *body, struct err *err)
{
	*h = (struct zygote_header){ .kind = r->kind, .umask = r->umask, .change_user = r->change_user };
	if (r->change_user) {
		h->uid = r->uid;
		h->gid = r->gid;
		h->group_count = (uint32_t)r->group_count;
	}
	if (str_append(body, r->groups, h->group_count * sizeof(gid_t)) < 0 ||
	    add_strings(body, r->argv, &h->argc) < 0 || add_strings(body, r->environment, &h->envc) < 0 ||
	    str_append(body, r->cwd, strlen(r->cwd) + 1) < 0)
		return err_set(err, ERR_SYS, "arguments and environment of the hook are larger than %zu bytes",
			       body->max);
	h->size = (uint32_t)body->len;
	return 0;
}

int zygote_run(struct zygote *z, const struct zygote_request *request, struct zygote_child *child, struct err *err)
{
	AUTO(str_done) struct str body = STR_INIT(ZYGOTE_MAX_REQUEST);
	const int fds[ZYGOTE_MAX_FDS] = { request->in, request->out, request->err, request->report };
	const size_t count = request->report > 0 ? ZYGOTE_MAX_FDS : ZYGOTE_FDS;
	struct zygote_header header;
	struct zygote_reply reply;

	if (marshal(request, &header, &body, err) < 0)
		return -1;
	if (send_all(z->socket, &header, sizeof(header), fds, count) < 0 ||
	    send_all(z->socket, body.data, body.len, NULL, 0) < 0)
		return gone(z, err);
	do { /* the end of a hook that was given up is nobody's news any more */
		if (receive(z, &reply, err) < 0)
			return -1;
	} while (reply.kind == ZYGOTE_ENDED);
	if (reply.kind != ZYGOTE_STARTED) {
		*child = (struct zygote_child){ .pidfd = -1,
						.error = reply.value,
						.step = step_texts[reply.step % ZYGOTE_STEP_COUNT] };
		return 0;
	}
	z->hook_known = true;
	*child = (struct zygote_child){ .pid = reply.pid, .pidfd = pidfd_open(reply.pid, 0) };
	return 1;
}

int zygote_ended(struct zygote *z, int *status, struct err *err)
{
	struct zygote_reply reply;

	if (receive(z, &reply, err) < 0)
		return -1;
	*status = reply.value;
	return 1;
}

static void send_word(struct zygote *z, uint32_t kind)
{
	const struct zygote_header header = { .kind = kind };

	(void)send_all(z->socket, &header, sizeof(header), NULL, 0); /* one that is gone is noticed by the next hook */
}

void zygote_prepare(struct zygote *z)
{
	send_word(z, ZYGOTE_PREPARE);
}

void zygote_release(struct zygote *z)
{
	if (z->hook_known)
		send_word(z, ZYGOTE_RELEASE);
	z->hook_known = false;
}
