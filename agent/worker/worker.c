/* worker/worker.c - zygote first, then the request, then what it asks for. */
#include "worker/worker.h"

#include "format/json.h"
#include "lifecycle/hook_lua.h"
#include "lifecycle/policy_process.h"
#include "net/http.h"
#include "util/auto.h"
#include "util/log.h"
#include "util/str.h"
#include "worker/pack_job.h"
#include "worker/plan_job.h"
#include "worker/protocol.h"
#include "worker/recovery.h"
#include "worker/runner.h"
#include "worker/unpack_job.h"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

struct inbox { /* what comes down the socket */
	struct str line;
	size_t scanned;
	bool outlives; /* the end of the socket is not a word */
};

/* What a signal handler and the listening thread need, and so the only state of this file. */
static atomic_bool stop_asked, deadline_passed;
static int stop_event = -1;

static void ask_to_stop(int signal)
{
	const uint64_t one = 1;
	int saved = errno;

	(void)signal;
	atomic_store(&stop_asked, true);
	if (write(stop_event, &one, sizeof(one)) < 0) {
		/* it is set already: readable is readable */
	}
	errno = saved;
}

/* The next line, without its newline: 1; 0 at the end of the stream or when it is too long. */
static int next_line(struct inbox *in, char **out)
{
	for (;;) {
		char *end = in->line.len > in->scanned
				    ? memchr(in->line.data + in->scanned, '\n', in->line.len - in->scanned)
				    : NULL;

		if (end) {
			size_t n = (size_t)(end - in->line.data);

			*out = xstrndup(in->line.data, n);
			memmove(in->line.data, end + 1, in->line.len - n - 1);
			in->line.len -= n + 1;
			in->scanned = 0;
			return 1;
		}
		in->scanned = in->line.len;

		char buffer[4096];
		ssize_t got = read(WORKER_FD, buffer, sizeof(buffer));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0 || str_append(&in->line, buffer, (size_t)got) < 0)
			return 0;
	}
}

/* Whoever started us asks to stop, or is gone: the same, unless the deployment outlives it. */
static void *listen_for_stop(void *arg)
{
	struct inbox *in = arg;
	char *line;

	while (next_line(in, &line)) {
		json_t *message = json_loads(line, 0, NULL);
		bool stop = json_is_true(json_object_get(message, "stop"));

		if (stop && json_is_true(json_object_get(message, "deadline")))
			atomic_store(&deadline_passed, true); /* before the stop that it explains */
		json_decref(message);
		free(line);
		if (!stop)
			continue;
		ask_to_stop(0);
		return NULL;
	}
	if (!in->outlives)
		ask_to_stop(0);
	return NULL;
}

/* New reference; NULL: none came, or it is no JSON. */
static json_t *read_request(struct inbox *in, struct err *err)
{
	AUTO_FREE char *line = NULL;
	json_error_t where;
	json_t *json = NULL;

	if (!next_line(in, &line))
		(void)err_set(err, ERR_USAGE, "no request came; the worker is started by slipway, not by hand");
	else if (!(json = json_loads(line, JSON_REJECT_DUPLICATES, &where)))
		(void)err_set(err, ERR_STATE, "the request is no JSON: %s", where.text);
	return json;
}

static void catch_signals(void)
{
	const struct sigaction stop = { .sa_handler = ask_to_stop, .sa_flags = SA_RESTART };
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	(void)sigaction(SIGTERM, &stop, NULL);	/* these four cannot fail */
	(void)sigaction(SIGINT, &ignore, NULL); /* a terminal's ^C reaches our parent, who decides */
	(void)sigaction(SIGHUP, &ignore, NULL);
	(void)sigaction(SIGPIPE, &ignore, NULL);
}

struct surroundings { /* what a request is carried out with */
	struct zygote *zygote;
	struct progress progress;
	mode_t mask;
};

static int deploy(struct surroundings *s, const json_t *request, struct err *err)
{
	AUTO(deployment_done) struct deployment d = { 0 };
	AUTO(deployment_result_done) struct deployment_result result = { 0 };

	if (deployment_from_json(request, &d, err) < 0)
		return -1;

	const struct runner runner = {
		.deployment = &d,
		.zygote = s->zygote,
		.progress = &s->progress,
		.stop = &stop_asked,
		.deadline = &deadline_passed,
		.stop_fd = stop_event,
		.umask = s->mask,
	};

	return runner_run(&runner, &result, err);
}

static void note_recovery(void *context, const char *text)
{
	progress_note(context, "", text);
}

static int recover(struct surroundings *s, const json_t *request, struct err *err)
{
	const struct group_wait wait = { &stop_asked, stop_event, note_recovery, &s->progress };
	AUTO_FREE char *root = NULL;
	AUTO_FREE char *id = NULL;
	struct jobject o;
	struct group g;

	if (jobject_open(json_object_get(request, "recover"), "recover", &o, err) < 0 ||
	    jobject_need_string(&o, "deployment_root", PATH_MAX, &root, err) < 0 ||
	    jobject_need_string(&o, "group", NAME_MAX, &id, err) < 0 || jobject_end(&o, err) < 0 ||
	    group_open(root, id, &wait, &g, err) < 0)
		return -1;

	int r = recovery_run(&(struct recovery){ &g, s->zygote, &s->progress, note_recovery, &s->progress }, err);

	if (r < 0)
		progress_note(&s->progress, "", err->msg);
	group_done(&g);
	return r;
}

static int unpack(struct surroundings *s, const json_t *request, struct err *err)
{
	AUTO(unpack_request_done) struct unpack_request r = { 0 };
	AUTO(unpack_answer_done) struct unpack_answer answer = { 0 };

	if (unpack_request_from_json(request, &r, err) < 0)
		return -1;

	int failed = unpack_job_run(&r, &stop_asked, &answer, err);

	progress_unpacked(&s->progress, &answer);
	return failed;
}

static int pack(struct surroundings *s, const json_t *request, struct err *err)
{
	AUTO(pack_request_done) struct pack_request r = { 0 };
	AUTO(pack_answer_done) struct pack_answer answer = { 0 };

	if (pack_request_from_json(request, &r, err) < 0)
		return -1;

	int failed = pack_job_run(&r, s->mask, &stop_asked, &answer, err);

	progress_packed(&s->progress, &answer);
	return failed;
}

static int plan(struct surroundings *s, const json_t *request, struct err *err)
{
	AUTO(plan_request_done) struct plan_request r = { 0 };
	AUTO(plan_answer_done) struct plan_answer answer = { 0 };

	if (plan_request_from_json(request, &r, err) < 0)
		return -1;

	const struct plan_job job = { &r, s->zygote, s->mask, &stop_asked, &s->progress };
	int failed = plan_job_run(&job, &answer, err);

	progress_planned(&s->progress, &answer);
	return failed;
}

/* The first whose key the request has. */
static const struct {
	const char *key;
	int (*run)(struct surroundings *s, const json_t *request, struct err *err);
} kinds[] = {
	{ "unpack", unpack },	{ "pack", pack }, { "plan", plan },
	{ "recover", recover }, { NULL, deploy }, /* and whatever is none, which it refuses */
};

static int run_kind(struct surroundings *s, const json_t *request, struct err *err)
{
	size_t i = 0;

	while (kinds[i].key && !json_object_get(request, kinds[i].key))
		i++;
	return kinds[i].run(s, request, err);
}

static int run(struct zygote *zygote, mode_t mask, struct err *err)
{
	struct surroundings s = { .zygote = zygote, .progress = { .fd = WORKER_FD }, .mask = mask };
	/* outlives this function: the listening thread is not joined, the process ends under it */
	static struct inbox inbox;
	pthread_t thread;

	inbox.line = STR_INIT(WORKER_MAX_LINE);

	json_t *request = read_request(&inbox, err);
	inbox.outlives = json_is_true(json_object_get(request, "outlives"));

	int r = !request ? -1
		: pthread_create(&thread, NULL, listen_for_stop, &inbox)
			? err_set(err, ERR_SYS, "the worker cannot start a thread")
			: run_kind(&s, request, err);

	json_decref(request);
	return r;
}

/* A hook in Lua, or the scripts that decide. */
static int call_hook(char **argv, char **environment)
{
	return (policy_process_is_call(argv) ? policy_process_main : hook_lua_main)(argv, environment);
}

static const struct zygote_calls zygote_calls = { call_hook, http_prepare };

int worker_main(void)
{
	struct err err = ERR_INIT;
	struct zygote *zygote = NULL;

	if (fcntl(WORKER_FD, F_SETFD, FD_CLOEXEC) < 0) {
		log_error("the worker is started by slipway, not by hand");
		return 2;
	}
	if (zygote_start(&zygote_calls, &zygote, &err) < 0) {
		log_error("%s", err.msg);
		return 1;
	}
	stop_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	catch_signals();

	mode_t mask = umask(0); /* from here on files get the modes they are made with */
	int r = run(zygote, mask, &err);

	zygote_free(zygote);
	if (r < 0)
		log_debug("%s", err.msg);
	return r < 0;
}
