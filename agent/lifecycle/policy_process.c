/* lifecycle/policy_process.c - the asking side: one line down, one line up, and a deadline that nothing outlives. */
#include "lifecycle/policy_process.h"

#include "format/json.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/proc.h"
#include "util/str.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define MAX_REPLY 65536
#define NOBODY	  65534
/* A script that runs Lua notices its deadline itself, and says where it was then; one that is inside of a function
 * written in C does not, and is killed this much later. */
#define GRACE_MS 50
#define LOOK_MS	 25 /* how often its processor time is looked at */

struct policy_process {
	struct zygote *zygote;
	struct zygote_child child; /* pid 0: none */
	int socket;
	struct str in; /* bytes of a line that is not complete yet */
	unsigned count;
	char where[POLICY_SCRIPTS][320]; /* the place of each function */
	struct err over;		 /* why it is asked no more; kind ERR_NONE: it is */
};

static void end_child(struct policy_process *p)
{
	struct err ignored = ERR_INIT; /* a zygote that is gone took the child along */
	int status;

	auto_closep(&p->socket);
	if (p->child.pid) {
		(void)kill(p->child.pid, SIGKILL); /* it stays a zombie until it is released */
		(void)zygote_ended(p->zygote, &status, &ignored);
		zygote_release(p->zygote);
	}
	auto_closep(&p->child.pidfd);
	p->child.pid = 0;
}

void policy_process_free(struct policy_process *p)
{
	if (!p)
		return;
	end_child(p);
	str_done(&p->in);
	free(p);
}

static void policy_process_freep(struct policy_process **p)
{
	policy_process_free(*p);
}

int policy_process_start(struct zygote *z, struct policy_process **out, struct err *err)
{
	AUTO(policy_process_freep) struct policy_process *p = xcalloc(1, sizeof(*p));
	AUTO_FD int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	static const char *const argv[] = { POLICY_CALL, NULL }, *const environment[] = { NULL };
	const struct passwd *nobody = geteuid() ? NULL : getpwnam("nobody");
	const gid_t group = nobody ? nobody->pw_gid : NOBODY;
	int ends[2];

	*p = (struct policy_process){ .zygote = z, .socket = -1, .child.pidfd = -1, .in = STR_INIT(MAX_REPLY) };
	if (null < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return err_sys(err, "starting the process that asks policies");
	p->socket = ends[0];

	AUTO_FD int theirs = ends[1];
	const struct zygote_request request = {
		.kind = ZYGOTE_CALL,
		.argv = argv,
		.environment = environment,
		.cwd = "/",
		.change_user = geteuid() == 0,
		.uid = nobody ? nobody->pw_uid : NOBODY,
		.gid = group,
		.groups = &group,
		.group_count = 1,
		.umask = 077,
		.in = theirs,
		.out = theirs,
		.err = null,
	};
	int started = zygote_run(z, &request, &p->child, err);

	if (started < 0)
		return err_add(err, "starting the process that asks policies");
	if (!started)
		return err_set(err, ERR_SYS, "the process that asks policies cannot be started: %s (while %s)",
			       strerrordesc_np(p->child.error), p->child.step);
	*out = TAKE_PTR(p);
	return 0;
}

/* Nothing is asked any more: WHAT went wrong is what every further question is told. -1. */
static int give_up(struct policy_process *p, const char *where, const char *what, struct err *err)
{
	(void)err_set(&p->over, ERR_SCRIPT_FAILED, "%s: %s", where, what);
	end_child(p);
	*err = p->over;
	return -1;
}

struct patience {		  /* with one question */
	int64_t cpu_ms, clock_ms; /* when each is over */
};

static bool is_late(const struct policy_process *p, const struct patience *until)
{
	return proc_cpu_ms(p->child.pid) >= until->cpu_ms || proc_clock_ms() >= until->clock_ms;
}

/* 1: the socket is ready; 0: it is too late; -1: it has failed. */
static int wait_for(const struct policy_process *p, short events, const struct patience *until)
{
	struct pollfd fd = { .fd = p->socket, .events = events };

	for (;;) {
		int r = poll(&fd, 1, LOOK_MS);

		if (r > 0 || (r < 0 && errno != EINTR))
			return r;
		if (is_late(p, until))
			return 0;
	}
}

/* Returns like wait_for. */
static int send_line(struct policy_process *p, const char *text, size_t len, const struct patience *until)
{
	while (len) {
		int r = wait_for(p, POLLOUT, until);
		ssize_t n = r > 0 ? send(p->socket, text, len, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;

		if (r <= 0)
			return r;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -1;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return 1;
}

/* The same; *OUT is a new reference. */
static int receive_line(struct policy_process *p, json_t **out, const struct patience *until)
{
	char piece[4096];

	str_clear(&p->in);
	for (;;) {
		int r = wait_for(p, POLLIN, until);
		ssize_t n = r > 0 ? recv(p->socket, piece, sizeof(piece), 0) : 0;

		if (r <= 0)
			return r;
		if (n <= 0 || str_append(&p->in, piece, (size_t)n) < 0)
			return -1;
		if (piece[n - 1] == '\n')
			break;
	}
	*out = json_loads(str_text(&p->in), 0, NULL);
	return *out ? 1 : -1;
}

/* A line of another kind than the child writes. */
static bool makes_sense(const json_t *answer)
{
	return json_is_string(json_object_get(answer, "where")) &&
	       (json_is_string(json_object_get(answer, "error")) || !json_object_get(answer, "error"));
}

/* Takes the reference REQUEST. WHERE is to blame when there is no answer. 0: *ANSWER is a new reference. */
static int exchange(struct policy_process *p, json_t *request, const char *where, json_t **answer, struct err *err)
{
	AUTO_FREE char *line = json_dumps(request, JSON_COMPACT);
	AUTO_FREE char *whole = line ? xasprintf("%s\n", line) : NULL;

	json_decref(request);
	if (p->over.kind) {
		*err = p->over;
		return -1;
	}

	const int64_t begun_ms = proc_cpu_ms(p->child.pid);
	const struct patience until = { begun_ms + POLICY_ANSWER_MS + GRACE_MS, proc_clock_ms() + POLICY_WAIT_MS };

	if (begun_ms >= POLICY_TOTAL_MS)
		return give_up(p, where, "has taken more than 10 s of processor time for its answers", err);

	int r = whole ? send_line(p, whole, strlen(whole), &until) : -1;

	if (r > 0)
		r = receive_line(p, answer, &until);
	if (r == 0)
		return give_up(p, where, "did not answer in time", err);
	if (r < 0)
		return give_up(p, where, "the process that asks it went away", err);
	if (makes_sense(*answer))
		return 0;
	json_decref(*answer);
	return give_up(p, where, "the process that asks it answered nonsense", err);
}

/* 0: it is no failure. Takes the reference ANSWER when it is one. */
static int failed(struct policy_process *p, json_t *answer, struct err *err)
{
	const char *text = json_string_value(json_object_get(answer, "error"));
	bool ended = json_is_true(json_object_get(answer, "ended"));

	if (!text)
		return 0;
	(void)err_set(err, ERR_SCRIPT_FAILED, "%s", text);
	json_decref(answer);
	if (ended) {
		p->over = *err;
		end_child(p);
	}
	return -1;
}

int policy_process_load(struct policy_process *p, const char *name, const char *text, size_t len, unsigned *number,
			struct err *err)
{
	json_t *answer;

	if (len > POLICY_MAX_SOURCE || strlen(text) != len)
		return err_set(err, ERR_SCRIPT_FAILED, "%s: %s", name,
			       len > POLICY_MAX_SOURCE ? "it is longer than 256 KiB" : "there is a NUL byte in it");
	if (p->count == POLICY_SCRIPTS)
		return err_set(err, ERR_SCRIPT_FAILED, "%s: only %d policies can be asked", name, POLICY_SCRIPTS);
	if (exchange(p, json_pack("{s:{s:o, s:o}}", "load", "name", jbytes(name), "text", jbytes(text)), name, &answer,
		     err) < 0)
		return -1;
	*number = p->count++;
	if (failed(p, answer, err) < 0)
		return -1;
	(void)snprintf(p->where[*number], sizeof(p->where[0]), "%s",
		       json_string_value(json_object_get(answer, "where")));
	json_decref(answer);
	return 0;
}

int policy_process_ask(struct policy_process *p, unsigned number, json_t *question, struct policy_answer_values *out,
		       struct err *err)
{
	json_t *answer;

	if (exchange(p, json_pack("{s:i, s:o}", "ask", (int)number, "question", question), p->where[number], &answer,
		     err) < 0 ||
	    failed(p, answer, err) < 0)
		return -1;
	out->values = json_incref(json_object_get(answer, "values"));
	(void)snprintf(out->where, sizeof(out->where), "%s", p->where[number]);
	json_decref(answer);
	return 0;
}

bool policy_process_is_over(const struct policy_process *p)
{
	return p->over.kind != ERR_NONE;
}

pid_t policy_process_pid(const struct policy_process *p)
{
	return p->child.pid;
}
