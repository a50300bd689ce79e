/* script/line_client.c - a socket that never blocks, and one function that waits for it. */
#include "script/line_client.h"

#include "util/auto.h"
#include "util/proc.h"
#include "util/str.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define TICK_MS 100
#define CHUNK	16384

struct line_client {
	int fd;
	struct line_limits limits;
	struct str in;	/* what came */
	size_t taken;	/* bytes of it that were handed out */
	bool ended;	/* the other side sends no more */
	char name[256]; /* of the other side, for messages */
};

void line_address_text(const struct line_address *a, char *out, size_t size)
{
	if (a->path)
		(void)snprintf(out, size, "%s", a->path);
	else
		(void)snprintf(out, size, strchr(a->host, ':') ? "[%s]:%s" : "%s:%s", a->host, a->port);
}

static int unreachable(const struct line_client *c, int sys, struct err *err)
{
	(void)err_set(err, ERR_UNREACHABLE, "connecting to %s: %s", c->name, strerror(sys));
	err->sys = sys;
	return -1;
}

/* Until EVENTS are there, or UNTIL (proc_clock_ms()) has come. */
static int wait_for(const struct line_client *c, int fd, short events, int64_t until, struct err *err)
{
	const struct line_limits *l = &c->limits;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		int64_t left = until - proc_clock_ms();

		if (l->give_up && l->give_up(l->context))
			return err_set(err, ERR_STOPPED, "%s: the script's time is over", c->name);

		int n = poll(&p, 1, left < 0 ? 0 : left < TICK_MS ? (int)left : TICK_MS);

		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return err_sys(err, "waiting for %s", c->name);
		if (left <= 0)
			return err_set(err, ERR_TIMED_OUT, "%s: nothing happened for %g s", c->name,
				       (double)l->timeout_ms / 1000);
	}
}

static int64_t limit_of(const struct line_client *c)
{
	return proc_clock_ms() + c->limits.timeout_ms;
}

/* On success C has the descriptor. */
static int connect_one(struct line_client *c, int family, const struct sockaddr *address, socklen_t len, int64_t until,
		       struct err *err)
{
	AUTO_FD int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error = 0;
	socklen_t size = sizeof(error);

	if (fd < 0)
		return unreachable(c, errno, err);
	/* EAGAIN: a Unix socket whose queue is full, which poll() would not wait for */
	while (connect(fd, address, len) < 0) {
		if (errno == EINPROGRESS || errno == EINTR || errno == EISCONN)
			break;
		if (errno != EAGAIN || proc_clock_ms() >= until)
			return unreachable(c, errno, err);
		if (c->limits.give_up && c->limits.give_up(c->limits.context))
			return err_set(err, ERR_STOPPED, "%s: the script's time is over", c->name);
		(void)poll(NULL, 0, TICK_MS); /* a signal only ends it earlier */
	}
	if (wait_for(c, fd, POLLOUT, until, err) < 0)
		return err->kind == ERR_TIMED_OUT ? err_add(err, "connecting") : -1;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 || error)
		return unreachable(c, error ? error : errno, err);
	c->fd = TAKE_FD(fd);
	return 0;
}

static int connect_unix(struct line_client *c, const char *path, struct err *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		return unreachable(c, ENAMETOOLONG, err);
	memcpy(address.sun_path, path, strlen(path));
	return connect_one(c, AF_UNIX, (const struct sockaddr *)&address, sizeof(address), limit_of(c), err);
}

static int connect_tcp(struct line_client *c, const struct line_address *a, struct err *err)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	int64_t until = limit_of(c);
	int failed = getaddrinfo(a->host, a->port, &hints, &found), result = -1, left = 0;

	if (failed)
		return err_set(err, ERR_UNREACHABLE, "connecting to %s: %s", c->name, gai_strerror(failed));
	for (const struct addrinfo *i = found; i; i = i->ai_next)
		left++;
	/* one that never answers leaves the others their part of the time */
	for (const struct addrinfo *i = found; i && result < 0 && err->kind != ERR_STOPPED; i = i->ai_next, left--) {
		int64_t now = proc_clock_ms();

		result = connect_one(c, i->ai_family, i->ai_addr, i->ai_addrlen, now + (until - now) / left, err);
	}
	freeaddrinfo(found);
	return result;
}

static void client_freep(struct line_client **c)
{
	line_client_free(*c);
}

int line_client_open(const struct line_address *a, const struct line_limits *limits, struct line_client **out,
		     struct err *err)
{
	AUTO(client_freep) struct line_client *c = xcalloc(1, sizeof(*c));

	c->fd = -1;
	c->limits = *limits;
	c->in = STR_INIT(LINE_CLIENT_MAX_ALL + CHUNK);
	line_address_text(a, c->name, sizeof(c->name));
	if ((a->path ? connect_unix(c, a->path, err) : connect_tcp(c, a, err)) < 0)
		return -1;
	*out = TAKE_PTR(c);
	return 0;
}

void line_client_free(struct line_client *c)
{
	if (!c)
		return;
	auto_closep(&c->fd);
	str_done(&c->in);
	free(c);
}

int line_client_send(struct line_client *c, const char *bytes, size_t len, struct err *err)
{
	int64_t until = limit_of(c);

	while (len) {
		ssize_t n = send(c->fd, bytes, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return err_sys(err, "sending to %s", c->name);
		if (n < 0 && wait_for(c, c->fd, POLLOUT, until, err) < 0)
			return -1;
		bytes += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* What was handed out makes room. */
static void forget_taken(struct line_client *c)
{
	if (!c->taken)
		return;
	c->in.len -= c->taken;
	memmove(c->in.data, c->in.data + c->taken, c->in.len + 1); /* with the NUL */
	c->taken = 0;
}

/* More bytes into C->in, or the end noticed. */
static int take_more(struct line_client *c, int64_t until, struct err *err)
{
	char buffer[CHUNK];

	for (;;) {
		ssize_t n = recv(c->fd, buffer, sizeof(buffer), 0);

		if (n > 0 && str_append(&c->in, buffer, (size_t)n) < 0)
			return err_set(err, ERR_STATE, "%s sent more than %u bytes", c->name, LINE_CLIENT_MAX_ALL);
		if (n >= 0) {
			c->ended = n == 0;
			return 0;
		}
		if (errno != EAGAIN && errno != EINTR)
			return err_sys(err, "reading from %s", c->name);
		if (wait_for(c, c->fd, POLLIN, until, err) < 0)
			return -1;
	}
}

static int hand_out(struct line_client *c, size_t len, const char **out, size_t *out_len)
{
	*out = str_text(&c->in);
	*out_len = len;
	c->taken = len;
	return 1;
}

int line_client_line(struct line_client *c, const char **out, size_t *len, struct err *err)
{
	int64_t until = limit_of(c);
	size_t seen = 0;

	forget_taken(c);
	for (;;) {
		const char *text = str_text(&c->in), *end = memchr(text + seen, '\n', c->in.len - seen);
		size_t n = end ? (size_t)(end - text) : c->in.len;

		if (n > LINE_CLIENT_MAX_LINE)
			return err_set(err, ERR_STATE, "%s sent a line of more than %u bytes", c->name,
				       LINE_CLIENT_MAX_LINE);
		if (end || (c->ended && n)) {
			(void)hand_out(c, n - (n && end && text[n - 1] == '\r'), out, len);
			c->taken = n + !!end;
			return 1;
		}
		if (c->ended)
			return 0;
		seen = n;
		if (take_more(c, until, err) < 0)
			return -1;
	}
}

int line_client_read(struct line_client *c, size_t count, const char **out, size_t *len, struct err *err)
{
	int64_t until = limit_of(c);

	forget_taken(c);
	while (c->in.len < count && !c->ended)
		if (take_more(c, until, err) < 0)
			return -1;
	if (count && !c->in.len)
		return 0;
	return hand_out(c, count < c->in.len ? count : c->in.len, out, len);
}

int line_client_all(struct line_client *c, const char **out, size_t *len, struct err *err)
{
	int64_t until = limit_of(c);

	forget_taken(c);
	while (!c->ended)
		if (take_more(c, until, err) < 0)
			return -1;
	if (c->in.len > LINE_CLIENT_MAX_ALL)
		return err_set(err, ERR_STATE, "%s sent more than %u bytes", c->name, LINE_CLIENT_MAX_ALL);
	return hand_out(c, c->in.len, out, len);
}
