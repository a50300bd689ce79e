/* control/socket_server.c - accept, read lines, write lines; everything by the loop. */
#include "control/socket_server.h"

#include "control/answer.h"
#include "control/socket_listen.h"
#include "control/socket_protocol.h"
#include "util/auto.h"
#include "util/log.h"
#include "util/str.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define ACCEPTS_AT_ONCE	 16
#define REQUESTS_AT_ONCE 16
#define READ_SIZE	 65536
#define COMPACT_AT	 (1024 * 1024)
#define OUT_OF_FILES_US	 1000000

struct socket_client {
	struct socket_server *server;
	struct socket_client *next;
	int fd;
	sd_event_source *io, *idle;
	struct peer peer;
	struct str in, out;
	size_t scanned; /* of in: no newline before this */
	size_t sent;	/* of out */
	bool busy;	/* an answer is due */
	bool closing;	/* nothing more is read; closed when everything is sent */
	bool broken;	/* to be closed as soon as the loop comes round */
};

struct socket_server {
	const struct socket_handler *handler;
	sd_event *loop;
	char *path;
	int fd;
	bool ours;
	sd_event_source *io, *later, *pause; /* later: closing and further requests; pause: of accepting */
	struct socket_client *clients;
	size_t count;
	size_t buffered; /* bytes waiting to be read by all clients */
};

const struct peer *socket_client_peer(const struct socket_client *c)
{
	return &c->peer;
}

static void client_free(struct socket_client *c)
{
	(void)sd_event_source_disable_unref(c->io);
	(void)sd_event_source_disable_unref(c->idle);
	auto_closep(&c->fd);
	c->server->buffered -= c->out.len - c->sent;
	peer_done(&c->peer);
	str_done(&c->in);
	str_done(&c->out);
	free(c);
}

/* What follows is done by the loop, not under whoever called us. */
static void come_back(struct socket_server *s)
{
	(void)sd_event_source_set_enabled(s->later, SD_EVENT_ONESHOT); /* can only fail for a source that is none */
}

static void give_up(struct socket_client *c)
{
	c->broken = true;
	c->server->buffered -= c->out.len - c->sent;
	str_done(&c->out);
	c->out = STR_INIT(SOCKET_MAX_OUTPUT);
	c->sent = 0;
	come_back(c->server);
}

static bool has_output(const struct socket_client *c)
{
	return c->sent < c->out.len;
}

static void listen_to(struct socket_client *c)
{
	uint32_t events = (has_output(c) ? EPOLLOUT : 0) | (c->busy || c->closing || has_output(c) ? 0 : EPOLLIN);

	(void)sd_event_source_set_io_events(c->io, events); /* as above */
}

static void start_idling(struct socket_client *c)
{
	(void)sd_event_source_set_time_relative(c->idle, SOCKET_IDLE_S * UINT64_C(1000000));
	(void)sd_event_source_set_enabled(c->idle, SD_EVENT_ONESHOT);
}

static void flush(struct socket_client *c)
{
	while (has_output(c)) {
		ssize_t n = send(c->fd, c->out.data + c->sent, c->out.len - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			give_up(c);
			return;
		}
		c->sent += (size_t)n;
		c->server->buffered -= (size_t)n;
	}
	if (c->sent == c->out.len) {
		str_done(&c->out); /* a large answer's memory is not kept for an idle client */
		c->out = STR_INIT(SOCKET_MAX_OUTPUT);
		c->sent = 0;
		if (c->closing)
			give_up(c);
		else if (!c->busy && c->in.len)
			come_back(c->server);
	} else if (c->sent >= COMPACT_AT) {
		memmove(c->out.data, c->out.data + c->sent, c->out.len - c->sent + 1);
		c->out.len -= c->sent;
		c->sent = 0;
	}
	listen_to(c);
}

/* Room for LEN more bytes: whoever has the most to read and does not read it goes. */
static void make_room(struct socket_server *s, size_t len)
{
	while (s->buffered + len > SOCKET_MAX_BUFFERED) {
		struct socket_client *most = NULL;

		for (struct socket_client *c = s->clients; c; c = c->next)
			if (!most || c->out.len - c->sent > most->out.len - most->sent)
				most = c;
		if (!most || !has_output(most))
			return;
		give_up(most);
	}
}

static void say(struct socket_client *c, json_t *line)
{
	AUTO_FREE char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
	size_t len = text ? strlen(text) : 0;

	json_decref(line);
	make_room(c->server, len + 1);
	if (c->broken)
		return;
	if (!text || str_append(&c->out, text, len) < 0) {
		give_up(c);
		return;
	}
	c->server->buffered += len;
	if (str_append(&c->out, "\n", 1) < 0) {
		give_up(c);
		return;
	}
	c->server->buffered++;
	flush(c);
}

void socket_client_send(struct socket_client *c, json_t *line)
{
	say(c, line);
}

void socket_client_end(struct socket_client *c, json_t *line)
{
	c->busy = false;
	start_idling(c);
	say(c, line);
	if (!c->broken && c->in.len)
		come_back(c->server);
}

/* The last word to a client that cannot be talked to. */
static void dismiss(struct socket_client *c, enum err_kind kind, const char *message)
{
	struct err err = ERR_INIT;

	(void)err_set(&err, kind, "%s", message);
	c->closing = true;
	str_done(&c->in);
	c->in = STR_INIT(PROTOCOL_MAX_REQUEST + 1);
	say(c, answer_error(&err, NULL));
}

static void take_request(struct socket_client *c, const char *line, size_t len)
{
	json_error_t at;
	json_t *request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &at);

	if (!json_is_object(request)) {
		dismiss(c, ERR_USAGE, request ? "the request is no JSON object" : "the request is no JSON");
		json_decref(request);
		return;
	}
	c->busy = true;
	(void)sd_event_source_set_enabled(c->idle, SD_EVENT_OFF);
	c->server->handler->request(c->server->handler->context, c, request);
	json_decref(request);
}

static bool may_take(const struct socket_client *c)
{
	return !c->busy && !c->closing && !c->broken && !has_output(c);
}

/* Complete lines, a few at a time so that nobody has the loop for himself. */
static void serve(struct socket_client *c)
{
	for (int i = 0; may_take(c) && c->scanned < c->in.len; i++) {
		char *end = memchr(c->in.data + c->scanned, '\n', c->in.len - c->scanned);

		if (!end) {
			c->scanned = c->in.len;
			break;
		}
		if (i == REQUESTS_AT_ONCE) {
			come_back(c->server);
			break;
		}

		size_t len = (size_t)(end - c->in.data);
		AUTO_FREE char *line = xstrndup(c->in.data, len);

		memmove(c->in.data, end + 1, c->in.len - len);
		c->in.len -= len + 1;
		c->scanned = 0;
		if (len)
			take_request(c, line, len);
	}
	if (may_take(c) && c->in.len > PROTOCOL_MAX_REQUEST)
		dismiss(c, ERR_USAGE, "the request has more than 1 MiB");
	if (!c->in.len) {
		str_done(&c->in);
		c->in = STR_INIT(PROTOCOL_MAX_REQUEST + 1);
	}
	if (!c->broken)
		listen_to(c);
}

static void hear(struct socket_client *c)
{
	char bytes[READ_SIZE];
	size_t room = c->in.max - c->in.len;
	ssize_t n = recv(c->fd, bytes, room < sizeof(bytes) ? room : sizeof(bytes), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || str_append(&c->in, bytes, (size_t)n) < 0) {
		give_up(c);
		return;
	}
	serve(c);
}

static int on_client(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct socket_client *c = context;

	(void)source, (void)fd;
	if (c->broken)
		return 0;
	if (events & EPOLLOUT)
		flush(c);
	if (!c->broken && (events & EPOLLIN))
		hear(c);
	else if (!c->broken && (events & (EPOLLHUP | EPOLLERR)))
		give_up(c);
	return 0;
}

static int on_idle(sd_event_source *source, uint64_t now, void *context)
{
	struct socket_client *c = context;

	(void)source, (void)now;
	if (!c->broken)
		give_up(c);
	return 0;
}

static int on_later(sd_event_source *source, void *context)
{
	struct socket_server *s = context;

	(void)source;
	for (struct socket_client **at = &s->clients; *at;) {
		struct socket_client *c = *at;

		if (!c->broken)
			serve(c);
		if (!c->broken) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		s->count--;
		s->handler->gone(s->handler->context, c);
		client_free(c);
	}
	return 0;
}

static size_t count_of(const struct socket_server *s, uid_t uid)
{
	size_t n = 0;

	for (const struct socket_client *c = s->clients; c; c = c->next)
		n += c->peer.uid == uid;
	return n;
}

static bool has_room_for(const struct socket_server *s, uid_t uid)
{
	return s->count < SOCKET_MAX_CLIENTS && (uid == 0 || uid == geteuid() || count_of(s, uid) < SOCKET_MAX_PER_UID);
}

static void turn_away(int fd)
{
	static const char text[] =
		"{\"done\":false,\"error\":{\"error_code\":\"UnknownError\",\"message\":\"the daemon has too many "
		"connections\",\"action\":\"try again later\",\"exit\":5}}\n";

	(void)send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL | MSG_DONTWAIT); /* who does not get it sees the end */
}

/* Takes FD. */
static void welcome(struct socket_server *s, int fd)
{
	struct socket_client *c = xcalloc(1, sizeof(*c));
	struct err err = ERR_INIT;

	*c = (struct socket_client){
		.server = s,
		.fd = fd,
		.in = STR_INIT(PROTOCOL_MAX_REQUEST + 1),
		.out = STR_INIT(SOCKET_MAX_OUTPUT),
	};

	bool known = peer_of_socket(fd, &c->peer, &err) == 0;

	if (known && !has_room_for(s, c->peer.uid)) {
		log_warning("a client is turned away: too many connections uid=%u clients=%zu", c->peer.uid, s->count);
		turn_away(fd);
		known = false;
	}
	if (!known || sd_event_add_io(s->loop, &c->io, fd, EPOLLIN, on_client, c) < 0 ||
	    sd_event_add_time_relative(s->loop, &c->idle, CLOCK_MONOTONIC, SOCKET_IDLE_S * UINT64_C(1000000),
				       UINT64_C(1000000), on_idle, c) < 0) {
		client_free(c);
		return;
	}
	c->next = s->clients;
	s->clients = c;
	s->count++;
}

static int on_pause_over(sd_event_source *source, uint64_t now, void *context)
{
	struct socket_server *s = context;

	(void)source, (void)now;
	(void)sd_event_source_set_enabled(s->io, SD_EVENT_ON);
	return 0;
}

/* No descriptor left: the listening socket would stay readable, and the loop would spin. */
static void pause_accepting(struct socket_server *s)
{
	log_warning("no more clients for a second: %s", strerrordesc_np(errno));
	(void)sd_event_source_set_enabled(s->io, SD_EVENT_OFF);
	(void)sd_event_source_set_time_relative(s->pause, OUT_OF_FILES_US);
	(void)sd_event_source_set_enabled(s->pause, SD_EVENT_ONESHOT);
}

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct socket_server *s = context;

	(void)source, (void)events;
	for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
		int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (client >= 0) {
			welcome(s, client);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_accepting(s);
		break;
	}
	return 0;
}

/* R as sd-event returns it. */
static int add(int r, struct err *err)
{
	errno = -r;
	return r < 0 ? err_sys(err, "adding the socket to the loop") : 0;
}

int socket_server_start(sd_event *loop, const char *path, const struct socket_handler *handler,
			struct socket_server **out, struct err *err)
{
	struct socket_server *s = xcalloc(1, sizeof(*s));

	*s = (struct socket_server){ .handler = handler, .loop = sd_event_ref(loop), .path = xstrdup(path), .fd = -1 };
	if (socket_listen(path, &s->fd, &s->ours, err) < 0 ||
	    add(sd_event_add_io(loop, &s->io, s->fd, EPOLLIN, on_connection, s), err) < 0 ||
	    add(sd_event_add_defer(loop, &s->later, on_later, s), err) < 0 ||
	    add(sd_event_add_time_relative(loop, &s->pause, CLOCK_MONOTONIC, 0, 0, on_pause_over, s), err) < 0) {
		socket_server_free(s);
		return -1;
	}
	(void)sd_event_source_set_enabled(s->later, SD_EVENT_OFF);
	(void)sd_event_source_set_enabled(s->pause, SD_EVENT_OFF);
	*out = s;
	return 0;
}

void socket_server_free(struct socket_server *s)
{
	if (!s)
		return;
	for (struct socket_client *c = s->clients, *next; c; c = next) {
		next = c->next;
		flush(c);
		client_free(c);
	}
	(void)sd_event_source_disable_unref(s->io);
	(void)sd_event_source_disable_unref(s->later);
	(void)sd_event_source_disable_unref(s->pause);
	if (s->ours && s->fd >= 0)
		socket_unlisten(s->path);
	auto_closep(&s->fd);
	(void)sd_event_unref(s->loop);
	free(s->path);
	free(s);
}
