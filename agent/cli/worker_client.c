/* cli/worker_client.c - one conversation with one worker. */
#include "cli/worker_client.h"
#include "util/auto.h"
#include "util/str.h"
#include "worker/protocol.h"
#include "worker/worker_messages.h"
#include "worker/worker_spawn.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#define EXIT_WAIT_MS 30000 /* how long a worker may take to go after its result */
#define TICK_MS	     1000

struct client {
	int sock, signals, pidfd; /* sock: -1 once it is closed */
	pid_t pid;
	struct str in; /* bytes of a line that is not complete yet */
	enum asked { ASKED_DEPLOYMENT, ASKED_UNPACKING, ASKED_PACKING, ASKED_PLAN, ASKED_RECOVERY } asked;
	const struct deployment *deployment; /* NULL: something else is asked for */
	const struct worker_watch *watch;
	struct worker_end *end;
	int64_t leave_by_ms; /* 0: no deadline */
	bool gone;
};

void worker_end_done(struct worker_end *end)
{
	deployment_result_done(&end->result);
	unpack_answer_done(&end->unpacked);
	pack_answer_done(&end->packed);
	plan_answer_done(&end->planned);
}

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail for this clock */
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A worker that is gone is noticed by the loop, so a failing send is no error here. */
static void say(struct client *c, const char *text, size_t len)
{
	while (len && c->sock >= 0) {
		ssize_t n = send(c->sock, text, len, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
}

/* Takes the reference. */
static void send_request(struct client *c, json_t *json)
{
	AUTO_FREE char *line = json_dumps(json, JSON_COMPACT);

	json_decref(json);
	say(c, line, strlen(line));
	say(c, "\n", 1);
}

/* Closing is the word for "stop"; whoever does not go on hearing it is killed. */
static void hang_up(struct client *c)
{
	if (c->sock >= 0)
		(void)close(c->sock);
	c->sock = -1;
	if (!c->leave_by_ms)
		c->leave_by_ms = now_ms() + EXIT_WAIT_MS;
}

static void has_result(struct client *c)
{
	c->end->has_result = true;
	c->leave_by_ms = now_ms() + EXIT_WAIT_MS;
}

static int take_event(struct client *c, struct worker_message *m, struct err *err)
{
	(void)err;
	if (c->watch->event)
		c->watch->event(c->watch->context, m->event, m->status, m->text ? m->text : "");
	return 0;
}

static int take_note(struct client *c, struct worker_message *m, struct err *err)
{
	(void)err;
	if (c->watch->note)
		c->watch->note(c->watch->context, m->event ? m->event : "", m->text);
	return 0;
}

static int take_doing(struct client *c, struct worker_message *m, struct err *err)
{
	(void)err;
	if (c->watch->doing)
		c->watch->doing(c->watch->context, m->event, m->text);
	return 0;
}

static int take_work(struct client *c, struct worker_message *m, struct err *err)
{
	(void)err;
	if (c->watch->work)
		c->watch->work(c->watch->context, m->event, &m->work);
	return 0;
}

static int take_started(struct client *c, struct worker_message *m, struct err *err)
{
	(void)err;
	if (c->watch->started)
		c->watch->started(c->watch->context, m->folder);
	return 0;
}

static int take_result(struct client *c, struct worker_message *m, struct err *err)
{
	const char *id = json_string_value(json_object_get(m->deployment, "deployment_id"));

	if (c->asked != ASKED_DEPLOYMENT)
		return err_set(err, ERR_STATE, "result: nothing was to be deployed");
	if (strcmp(id, c->deployment->id))
		return err_set(err, ERR_STATE, "result: not of deployment %s", c->deployment->id);
	if (deployment_result_from_json(m->deployment, &c->end->result, err) < 0)
		return -1;
	has_result(c);
	return 0;
}

static int take_recovered(struct client *c, struct worker_message *m, struct err *err)
{
	(void)err;
	if (c->watch->recovered)
		c->watch->recovered(c->watch->context, m->deployment);
	return 0;
}

static int take_unpacked(struct client *c, struct worker_message *m, struct err *err)
{
	if (c->asked != ASKED_UNPACKING)
		return err_set(err, ERR_STATE, "progress: nothing was to be unpacked");
	c->end->unpacked = m->unpacked;
	m->unpacked = (struct unpack_answer){ 0 };
	has_result(c);
	return 0;
}

static int take_packed(struct client *c, struct worker_message *m, struct err *err)
{
	if (c->asked != ASKED_PACKING)
		return err_set(err, ERR_STATE, "progress: nothing was to be packed");
	c->end->packed = m->packed;
	m->packed = (struct pack_answer){ 0 };
	has_result(c);
	return 0;
}

static int take_planned(struct client *c, struct worker_message *m, struct err *err)
{
	if (c->asked != ASKED_PLAN)
		return err_set(err, ERR_STATE, "progress: nothing was to be planned");
	c->end->planned = m->planned;
	m->planned = (struct plan_answer){ 0 };
	has_result(c);
	return 0;
}

static int (*const takes[WORKER_MESSAGE_COUNT])(struct client *c, struct worker_message *m, struct err *err) = {
	[WORKER_EVENT] = take_event,	   [WORKER_NOTE] = take_note,	  [WORKER_WORK] = take_work,
	[WORKER_STARTED] = take_started,   [WORKER_RESULT] = take_result, [WORKER_RECOVERED] = take_recovered,
	[WORKER_UNPACKED] = take_unpacked, [WORKER_PACKED] = take_packed, [WORKER_DOING] = take_doing,
	[WORKER_PLANNED] = take_planned,
};

static int take_line(struct client *c, const char *line, size_t len, struct err *err)
{
	AUTO(worker_message_done) struct worker_message m = { 0 };

	return worker_message_parse(line, len, &m, err) < 0 ? -1 : takes[m.kind](c, &m, err);
}

/* All complete lines of the buffer; what is left waits for its end. After the result nothing counts. */
static void take_lines(struct client *c)
{
	struct err err = ERR_INIT;
	size_t from = 0;

	for (char *end; !c->end->has_result && c->sock >= 0 && from < c->in.len;
	     from = (size_t)(end - c->in.data) + 1) {
		end = memchr(c->in.data + from, '\n', c->in.len - from);
		if (!end)
			break;
		if (take_line(c, c->in.data + from, (size_t)(end - c->in.data) - from, &err) < 0) {
			(void)snprintf(c->end->how, sizeof(c->end->how),
				       "it said what this version does not understand: %.400s", err.msg);
			hang_up(c);
		}
	}
	if (from && from <= c->in.len) {
		memmove(c->in.data, c->in.data + from, c->in.len - from + 1);
		c->in.len -= from;
	}
}

/* One read. false: nothing more for now. */
static bool listen_once(struct client *c)
{
	char bytes[65536];
	ssize_t n = c->sock < 0 ? 0 : recv(c->sock, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		hang_up(c);
		return false;
	}
	if (str_append(&c->in, bytes, (size_t)n) < 0) {
		(void)snprintf(c->end->how, sizeof(c->end->how), "it sent a line of more than %d bytes",
			       WORKER_MAX_LINE);
		hang_up(c);
		return false;
	}
	if (memchr(bytes, '\n', (size_t)n))
		take_lines(c);
	return c->sock >= 0;
}

static void take_signal(struct client *c)
{
	static const char stop[] = "{\"stop\":true}\n";
	struct signalfd_siginfo info;

	if (read(c->signals, &info, sizeof(info)) != sizeof(info))
		return;

	bool again = c->end->signal != 0;

	if (again) {
		(void)kill(c->pid, SIGKILL); /* not reaped yet, so the number is still the worker's */
	} else {
		c->end->signal = (int)info.ssi_signo;
		say(c, stop, strlen(stop));
	}
	if (c->watch->interrupted)
		c->watch->interrupted(c->watch->context, (int)info.ssi_signo, again);
}

static int poll_timeout_ms(const struct client *c)
{
	int64_t left = c->leave_by_ms ? c->leave_by_ms - now_ms() : INT_MAX;
	int64_t tick = c->watch->tick ? TICK_MS : INT_MAX;

	left = left < 0 ? 0 : left;
	left = left < tick ? left : tick;
	return left == INT_MAX ? -1 : (int)left;
}

static void converse(struct client *c)
{
	while (!c->gone) {
		struct pollfd fds[] = {
			{ .fd = c->sock, .events = POLLIN },
			{ .fd = c->signals, .events = POLLIN },
			{ .fd = c->pidfd, .events = POLLIN },
		};
		int n = poll(fds, ARRAY_LEN(fds), poll_timeout_ms(c));

		if (n < 0 && errno != EINTR)
			break;
		if (c->watch->tick && !c->end->has_result)
			c->watch->tick(c->watch->context);
		if (fds[1].revents)
			take_signal(c);
		if (fds[0].revents)
			(void)listen_once(c);
		if (fds[2].revents) { /* dead: hear its last words, even when a hook still holds the other end */
			while (listen_once(c))
				;
			c->gone = true;
		}
		if (c->leave_by_ms && now_ms() >= c->leave_by_ms)
			(void)kill(c->pid, SIGKILL);
	}
}

static void reap(struct client *c)
{
	struct worker_end *end = c->end;
	int status = 0;

	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (c->asked == ASKED_RECOVERY && !end->how[0] && WIFEXITED(status) && !WEXITSTATUS(status))
		end->has_result = true;
	if (end->has_result || end->how[0])
		return;
	if (WIFSIGNALED(status))
		(void)snprintf(end->how, sizeof(end->how), "it was killed by signal %d (%s)", WTERMSIG(status),
			       sigdescr_np(WTERMSIG(status)));
	else
		(void)snprintf(end->how, sizeof(end->how), "it ended with status %d", WEXITSTATUS(status));
}

static void client_done(struct client *c)
{
	auto_closep(&c->sock);
	auto_closep(&c->signals);
	auto_closep(&c->pidfd);
	str_done(&c->in);
}

static int client_start(struct client *c, const char *path, const char *about, struct err *err)
{
	struct worker_process p;

	if (worker_spawn(path, about, &p, err) < 0)
		return -1;
	c->pid = p.pid;
	c->sock = p.sock;
	c->pidfd = p.pidfd;
	return 0;
}

/* Takes the reference of REQUEST. */
static int ask(const char *path, const char *about, json_t *request, struct client *c, struct err *err)
{
	sigset_t wanted, before;

	*c->end = (struct worker_end){ 0 };
	(void)sigemptyset(&wanted);
	(void)sigaddset(&wanted, SIGINT);
	(void)sigaddset(&wanted, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &wanted, &before); /* can only fail for a wrong first argument */
	if (sigismember(&before, SIGHUP) == 1)		/* somebody has something to clear up */
		(void)sigaddset(&wanted, SIGHUP);
	c->signals = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);

	int r = c->signals < 0 ? err_sys(err, "watching signals") : client_start(c, path, about, err);

	if (r == 0) {
		send_request(c, request);
		converse(c);
		reap(c);
	} else {
		json_decref(request);
	}
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}

static struct client client_of(enum asked asked, const struct worker_watch *watch, struct worker_end *end)
{
	return (struct client){
		.sock = -1,
		.signals = -1,
		.pidfd = -1,
		.in = STR_INIT(WORKER_MAX_LINE),
		.asked = asked,
		.watch = watch,
		.end = end,
	};
}

int worker_run(const char *path, const struct deployment *d, const struct worker_watch *watch, struct worker_end *out,
	       struct err *err)
{
	AUTO(client_done) struct client c = client_of(ASKED_DEPLOYMENT, watch, out);

	c.deployment = d;
	return ask(path, d->id, deployment_to_json(d), &c, err);
}

int worker_unpack(const char *path, const struct unpack_request *r, struct worker_end *out, struct err *err)
{
	static const struct worker_watch nobody;
	AUTO(client_done) struct client c = client_of(ASKED_UNPACKING, &nobody, out);

	return ask(path, "unpack", unpack_request_to_json(r), &c, err);
}

int worker_pack(const char *path, const struct pack_request *r, struct worker_end *out, struct err *err)
{
	static const struct worker_watch nobody;
	AUTO(client_done) struct client c = client_of(ASKED_PACKING, &nobody, out);

	return ask(path, "pack", pack_request_to_json(r), &c, err);
}

int worker_plan(const char *path, const struct plan_request *r, const struct worker_watch *watch,
		struct worker_end *out, struct err *err)
{
	AUTO(client_done) struct client c = client_of(ASKED_PLAN, watch, out);

	return ask(path, "plan", plan_request_to_json(r), &c, err);
}

int worker_recover(const char *path, const char *root, const char *group, const struct worker_watch *watch,
		   struct worker_end *out, struct err *err)
{
	AUTO(client_done) struct client c = client_of(ASKED_RECOVERY, watch, out);

	return ask(path, group, worker_recover_request(root, group), &c, err);
}
