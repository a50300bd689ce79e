/* worker/worker.c - zygote first, then the request, then the deployment. */
#include "worker/worker.h"

#include "util/auto.h"
#include "util/log.h"
#include "util/str.h"
#include "worker/protocol.h"
#include "worker/runner.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

struct inbox { /* what comes down the socket */
	struct str line;
	size_t scanned;
};

/* The only thing a signal handler needs, and so the only state of this file. */
static atomic_bool stop_asked;
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

/* Whoever started us asks to stop, or is gone: the same. */
static void *listen_for_stop(void *arg)
{
	struct inbox *in = arg;
	char *line;

	while (next_line(in, &line)) {
		json_t *message = json_loads(line, 0, NULL);
		bool stop = json_is_true(json_object_get(message, "stop"));

		json_decref(message);
		free(line);
		if (stop)
			break;
	}
	ask_to_stop(0);
	return NULL;
}

static int read_request(struct inbox *in, struct deployment *out, struct err *err)
{
	AUTO_FREE char *line = NULL;
	json_error_t where;

	if (!next_line(in, &line))
		return err_set(err, ERR_USAGE, "no request came; the worker is started by slipway, not by hand");

	json_t *json = json_loads(line, JSON_REJECT_DUPLICATES, &where);
	int r = json ? deployment_from_json(json, out, err)
		     : err_set(err, ERR_STATE, "the request is no JSON: %s", where.text);

	json_decref(json);
	return r;
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

static int run(struct zygote *zygote, mode_t mask, struct err *err)
{
	AUTO(deployment_done) struct deployment d = { 0 };
	AUTO(deployment_result_done) struct deployment_result result = { 0 };
	struct progress progress = { .fd = WORKER_FD };
	/* outlives this function: the listening thread is not joined, the process ends under it */
	static struct inbox inbox;
	pthread_t thread;

	inbox.line = STR_INIT(WORKER_MAX_LINE);
	if (read_request(&inbox, &d, err) < 0)
		return -1;
	if (pthread_create(&thread, NULL, listen_for_stop, &inbox) != 0)
		return err_set(err, ERR_SYS, "the worker cannot start a thread");

	const struct runner runner = { &d, zygote, &progress, &stop_asked, stop_event, mask };

	return runner_run(&runner, &result, err);
}

int worker_main(void)
{
	struct err err = ERR_INIT;
	struct zygote *zygote = NULL;

	if (fcntl(WORKER_FD, F_SETFD, FD_CLOEXEC) < 0) {
		log_error("the worker is started by slipway, not by hand");
		return 2;
	}
	if (zygote_start(&zygote, &err) < 0) {
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
