/* cli/daemon_client.c - connect, ask, listen; once more when the daemon was only restarted. */
#include "cli/daemon_client.h"
#include "control/socket_protocol.h"
#include "format/json.h"
#include "format/plain.h"
#include "util/auto.h"
#include "util/proc.h"
#include "util/str.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define TICK_MS	    1000
#define PATIENCE_S  10 /* for a daemon that takes neither the connection nor the request */
#define RETRY_MS    250
#define MAX_MESSAGE 65536

struct conversation {
	const struct daemon_talk *talk;
	struct daemon_answer *answer;
	int sock, signals;
	struct str in;	     /* bytes of a line that is not complete yet */
	size_t searched;     /* of them have no end of line */
	int64_t leave_by_ms; /* 0: no deadline */
	bool heard;	     /* a line has come since it was connected */
	bool over;
};

void daemon_answer_done(struct daemon_answer *a)
{
	json_decref(a->json);
	free(a->code);
	free(a->message);
	free(a->action);
	*a = (struct daemon_answer){ 0 };
}

static int end(struct conversation *c, enum daemon_end how)
{
	c->answer->end = how;
	c->over = true;
	return 0;
}

/* Who may talk to the daemon: the group that the socket belongs to. */
static int not_allowed(const char *path, const char *shown, struct err *err)
{
	struct stat st;
	const struct group *g = stat(path, &st) == 0 && st.st_gid ? getgrgid(st.st_gid) : NULL;
	AUTO_FREE char *group = plain_path(g ? g->gr_name : "slipway");

	return err_set(err, ERR_DENIED,
		       "not allowed to talk to the daemon at '%s': root and the members of group '%s' are "
		       "(usermod -aG %s USER, then log in again)",
		       shown, group, group);
}

static int no_daemon(const char *path, struct err *err)
{
	int why = errno;
	AUTO_FREE char *shown = plain_path(path);

	if (why == EACCES || why == EPERM)
		return not_allowed(path, shown, err);
	if (why == ENOENT || why == ECONNREFUSED || why == ENOTDIR)
		return err_set(err, ERR_UNREACHABLE,
			       "no daemon answers at '%s': start it with 'systemctl start slipway', or deploy with "
			       "'slipway local', which needs none",
			       shown);
	errno = why;
	(void)err_sys(err, "the daemon at '%s' cannot be talked to", shown);
	err->kind = ERR_UNREACHABLE;
	return -1;
}

/* A path that is too long for an address is reached by way of its folder's descriptor. */
static int address_of(const char *path, int *folder_fd, struct sockaddr_un *out)
{
	const char *name = strrchr(path, '/');

	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) < sizeof(out->sun_path)) {
		(void)snprintf(out->sun_path, sizeof(out->sun_path), "%s", path);
		return 0;
	}

	AUTO_FREE char *folder = xstrndup(path, name ? (size_t)(name - path) : 0);

	*folder_fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*folder_fd < 0)
		return -1;

	int n = snprintf(out->sun_path, sizeof(out->sun_path), "/proc/self/fd/%d%s", *folder_fd, name);

	errno = ENAMETOOLONG;
	return n < (int)sizeof(out->sun_path) ? 0 : -1;
}

static int connect_to(const char *path, int *out, struct err *err)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	AUTO_FD int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	AUTO_FD int folder = -1;
	struct sockaddr_un address;

	if (sock < 0)
		return err_sys(err, "making a socket");
	if (setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0)
		return err_sys(err, "setting up a socket");
	if (address_of(path, &folder, &address) < 0 ||
	    connect(sock, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return no_daemon(path, err);
	*out = TAKE_FD(sock);
	return 0;
}

/* A daemon that has hung up may have said why before: that is read, so a broken pipe is no error here. */
static int send_request(struct conversation *c, struct err *err)
{
	json_t *request = json_copy((json_t *)c->talk->request); /* shallow: only a key is added */

	json_object_set_new(request, "schema", json_integer(PROTOCOL_SCHEMA));

	char *line = json_dumps(request, JSON_COMPACT);
	AUTO_FREE char *text = xasprintf("%s\n", line);
	size_t len = strlen(text);

	free(line);
	json_decref(request);
	if (len > PROTOCOL_MAX_REQUEST)
		return err_set(err, ERR_USAGE, "the request has %zu bytes, the daemon takes %d: say less with --env",
			       len, PROTOCOL_MAX_REQUEST);
	for (size_t sent = 0; sent < len;) {
		ssize_t n = send(c->sock, text + sent, len - sent, MSG_NOSIGNAL);

		if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
			return 0;
		if (n < 0 && errno != EINTR) {
			(void)err_sys(err, "the daemon does not take the request");
			err->kind = ERR_UNREACHABLE;
			return -1;
		}
		sent += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int take_refusal(struct conversation *c, const json_t *json, struct err *err)
{
	struct daemon_answer *a = c->answer;
	struct jobject o;
	uint64_t status;

	if (jobject_open(json, "its refusal", &o, err) < 0 ||
	    jobject_need_string(&o, "error_code", 64, &a->code, err) < 0 ||
	    jobject_need_string(&o, "message", MAX_MESSAGE, &a->message, err) < 0 ||
	    jobject_string(&o, "action", MAX_MESSAGE, &a->action, err) < 0 ||
	    jobject_number(&o, "exit", 1, 6, &status, err) < 0)
		return -1;
	a->exit_status = (int)status;
	if (a->exit_status == err_exit_status(ERR_UNREACHABLE) &&
	    c->talk->repeats) { /* it stops: the next one is asked */
		daemon_answer_done(a);
		return end(c, DAEMON_LOST);
	}
	return end(c, DAEMON_REFUSED);
}

static int take_json(struct conversation *c, const json_t *json, struct err *err)
{
	const json_t *schema = json_object_get(json, "schema");
	const json_t *done = json_object_get(json, "done");

	if (!json_is_object(json))
		return err_set(err, ERR_STATE, "not a JSON object");
	if (schema && json_integer_value(schema) != PROTOCOL_SCHEMA)
		return err_set(err, ERR_STATE,
			       "it speaks schema %lld of the protocol, this slipway %d: install the "
			       "slipway of the same version",
			       (long long)json_integer_value(schema), PROTOCOL_SCHEMA);
	if (json_is_false(done))
		return take_refusal(c, json_object_get(json, "error"), err);
	if (json_is_true(done)) {
		c->answer->json = json_incref((json_t *)json);
		return end(c, DAEMON_DONE);
	}
	if (done || !c->talk->line)
		return err_set(err, ERR_STATE, "neither an answer nor a refusal");

	int r = c->talk->line(c->talk->context, json, err);

	return r > 0 ? end(c, DAEMON_DONE) : r;
}

static int take_line(struct conversation *c, const char *line, size_t len, struct err *err)
{
	json_error_t at;
	json_t *json = json_loadb(line, len, JSON_REJECT_DUPLICATES, &at);
	int r = json ? take_json(c, json, err) : err_set(err, ERR_STATE, "not JSON: %s", at.text);

	json_decref(json);
	c->heard = true;
	return r < 0 ? err_add(err, "the daemon said what this version does not understand") : 0;
}

/* All complete lines of the buffer; what is left waits for its end. */
static int take_lines(struct conversation *c, struct err *err)
{
	size_t from = 0;
	int r = 0;

	while (r == 0 && !c->over) {
		size_t skip = c->searched > from ? c->searched : from;
		const char *nl = c->in.len > skip ? memchr(c->in.data + skip, '\n', c->in.len - skip) : NULL;

		if (!nl)
			break;
		r = take_line(c, c->in.data + from, (size_t)(nl - c->in.data) - from, err);
		from = (size_t)(nl - c->in.data) + 1;
	}
	if (from) {
		memmove(c->in.data, c->in.data + from, c->in.len - from + 1);
		c->in.len -= from;
	}
	c->searched = c->in.len;
	return r;
}

static int listen_once(struct conversation *c, struct err *err)
{
	char bytes[65536];
	ssize_t n = recv(c->sock, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return end(c, DAEMON_LOST);
	if (str_append(&c->in, bytes, (size_t)n) < 0)
		return err_set(err, ERR_STATE, "the daemon said a line of more than %d bytes", PROTOCOL_MAX_ANSWER);
	return take_lines(c, err);
}

static void take_signal(struct conversation *c)
{
	struct signalfd_siginfo info;

	if (read(c->signals, &info, sizeof(info)) != sizeof(info))
		return;
	c->answer->signal = (int)info.ssi_signo;
	(void)end(c, DAEMON_INTERRUPTED);
}

static int64_t time_left_ms(const struct conversation *c)
{
	int64_t left = c->leave_by_ms ? c->leave_by_ms - proc_clock_ms() : INT_MAX;

	return left < 0 ? 0 : left;
}

static int listen_on(struct conversation *c, struct err *err)
{
	const struct daemon_talk *talk = c->talk;
	int r = 0;

	while (r == 0 && !c->over) {
		int64_t left = time_left_ms(c);
		struct pollfd fds[] = {
			{ .fd = c->sock, .events = POLLIN },
			{ .fd = c->signals, .events = POLLIN },
			{ .fd = talk->watched_fd > 0 ? talk->watched_fd : -1, .events = POLLIN },
		};

		if (talk->tick && left > TICK_MS)
			left = TICK_MS;
		if (poll(fds, ARRAY_LEN(fds), left >= INT_MAX ? -1 : (int)left) < 0 && errno != EINTR)
			return err_sys(err, "waiting for the daemon");
		if (fds[1].revents)
			take_signal(c);
		else if (fds[0].revents)
			r = listen_once(c, err);
		if (r == 0 && !c->over && !time_left_ms(c)) /* also of a daemon that never stops talking */
			(void)end(c, DAEMON_TIMED_OUT);
		if (!c->over &&
		    ((fds[2].revents && talk->watched(talk->context)) || (talk->tick && talk->tick(talk->context))))
			(void)end(c, DAEMON_DONE);
	}
	return r;
}

static int ask_once(struct conversation *c, struct err *err)
{
	c->over = c->heard = false;
	c->searched = 0;
	str_clear(&c->in);
	return send_request(c, err) < 0 ? -1 : listen_on(c, err);
}

/* A signal or the deadline ends the pause and the conversation. */
static void pause_a_moment(struct conversation *c)
{
	struct pollfd fd = { .fd = c->signals, .events = POLLIN };
	int64_t left = time_left_ms(c);

	if (poll(&fd, 1, left < RETRY_MS ? (int)left : RETRY_MS) > 0)
		take_signal(c);
	else if (!time_left_ms(c))
		(void)end(c, DAEMON_TIMED_OUT);
}

/* Connected again, or the conversation is over: the daemon stays away, a signal, the deadline. */
static void come_back(struct conversation *c, int64_t give_up_ms)
{
	struct err unsaid = ERR_INIT; /* that it is not there yet */

	auto_closep(&c->sock);
	c->sock = -1;
	c->over = false;
	while (c->sock < 0 && !c->over) {
		pause_a_moment(c);
		if (!c->over && connect_to(c->talk->socket, &c->sock, &unsaid) < 0 && proc_clock_ms() >= give_up_ms)
			(void)end(c, DAEMON_LOST);
	}
}

static void tell_gone(const struct conversation *c, bool back)
{
	if (c->talk->gone)
		c->talk->gone(c->talk->context, back);
}

static int converse(struct conversation *c, struct err *err)
{
	int64_t give_up_ms = 0;
	int r = connect_to(c->talk->socket, &c->sock, err);

	while (r == 0 && (r = ask_once(c, err)) == 0 && c->answer->end == DAEMON_LOST && c->talk->repeats) {
		if (c->heard || !give_up_ms) {
			give_up_ms = proc_clock_ms() + DAEMON_BACK_WITHIN_S * 1000;
			tell_gone(c, false);
		} else if (proc_clock_ms() >= give_up_ms) {
			break;
		}
		come_back(c, give_up_ms);
		if (c->over)
			break;
		tell_gone(c, true);
	}
	return r;
}

int daemon_talk(const struct daemon_talk *talk, struct daemon_answer *out, struct err *err)
{
	struct conversation c = {
		.talk = talk,
		.answer = out,
		.sock = -1,
		.in = STR_INIT(PROTOCOL_MAX_ANSWER),
		.leave_by_ms = talk->timeout_s ? proc_clock_ms() + (int64_t)talk->timeout_s * 1000 : 0,
	};
	sigset_t wanted, before;

	*out = (struct daemon_answer){ 0 };
	(void)sigemptyset(&wanted);
	(void)sigaddset(&wanted, SIGINT);
	(void)sigaddset(&wanted, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &wanted, &before); /* can only fail for a wrong first argument */
	c.signals = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);

	int r = c.signals < 0 ? err_sys(err, "watching signals") : converse(&c, err);

	auto_closep(&c.sock);
	auto_closep(&c.signals);
	str_done(&c.in);
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}
