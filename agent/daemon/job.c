/* daemon/job.c - a socket, a pidfd and a timer. */
#include "daemon/job.h"

#include "util/auto.h"
#include "util/log.h"
#include "util/str.h"
#include "worker/protocol.h"
#include "worker/worker_spawn.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define READ_SIZE  65536
#define LAST_READS 64 /* of a dead worker: more than a socket's buffer holds */
#define SECOND_US  UINT64_C(1000000)

enum phase {
	PHASE_RUNS,
	PHASE_OVERDUE,	/* its deadline has passed and it was told: silence kills it */
	PHASE_RESTORES, /* its failure is being mended: no deadline counts any more */
	PHASE_LEAVES,	/* it has sent its result */
};

struct job {
	sd_event *loop;
	struct job_watch watch;
	pid_t pid;
	bool child, stopped;
	int sock, pidfd; /* sock: -1 when adopted, or at its end */
	sd_event_source *lines, *end, *timer;
	struct str in, out;
	size_t scanned;
	enum phase phase;
	bool started;	 /* its own deployment: what it restored before was an earlier one */
	char wrong[512]; /* why it was killed; "": it was not */
};

pid_t job_pid(const struct job *j)
{
	return j->pid;
}

bool job_was_stopped(const struct job *j)
{
	return j->stopped;
}

bool job_is_adopted(const struct job *j)
{
	return !j->child;
}

void job_free(struct job *j)
{
	if (!j)
		return;
	(void)sd_event_source_disable_unref(j->lines);
	(void)sd_event_source_disable_unref(j->end);
	(void)sd_event_source_disable_unref(j->timer);
	auto_closep(&j->sock);
	auto_closep(&j->pidfd);
	(void)sd_event_unref(j->loop);
	str_done(&j->in);
	str_done(&j->out);
	free(j);
}

static void close_socket(struct job *j)
{
	j->lines = sd_event_source_disable_unref(j->lines);
	auto_closep(&j->sock);
	j->sock = -1;
}

void job_kill(struct job *j)
{
	(void)pidfd_send_signal(j->pidfd, SIGKILL, NULL, 0); /* it may be gone */
}

/* What a worker that cannot be understood has done is in its journal; what it would do next is not known. */
static void condemn(struct job *j, const char *why)
{
	(void)snprintf(j->wrong, sizeof(j->wrong), "%s", why);
	close_socket(j);
	job_kill(j);
}

static void flush(struct job *j)
{
	while (j->sock >= 0 && j->out.len) {
		ssize_t n = send(j->sock, j->out.data, j->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break; /* later, or never: its end is seen by the pidfd */
		memmove(j->out.data, j->out.data + n, j->out.len - (size_t)n + 1);
		j->out.len -= (size_t)n;
	}
	if (j->lines)
		(void)sd_event_source_set_io_events(j->lines, EPOLLIN | (j->out.len ? EPOLLOUT : 0));
}

static void say(struct job *j, const char *text)
{
	if (str_add(&j->out, text) < 0 || str_add(&j->out, "\n") < 0)
		condemn(j, "it does not read what it is told");
	flush(j);
}

static void wake_after(struct job *j, unsigned seconds)
{
	(void)sd_event_source_set_time_relative(j->timer, seconds * SECOND_US);
	(void)sd_event_source_set_enabled(j->timer, SD_EVENT_ONESHOT);
}

/* An adopted worker has no socket to hear by; it takes SIGTERM for the same. */
static void ask_to_stop(struct job *j, const char *line)
{
	if (j->sock >= 0)
		say(j, line);
	else
		(void)pidfd_send_signal(j->pidfd, SIGTERM, NULL, 0);
}

void job_stop(struct job *j)
{
	j->stopped = true;
	ask_to_stop(j, "{\"stop\":true}");
}

void job_set_deadline(struct job *j, unsigned seconds)
{
	j->phase = PHASE_RUNS;
	wake_after(j, seconds);
}

static int on_timer(sd_event_source *source, uint64_t now, void *context)
{
	struct job *j = context;

	(void)source, (void)now;
	if (j->phase == PHASE_RUNS) {
		j->phase = PHASE_OVERDUE;
		/* one that was told before, or that cannot be heard, may be restoring already */
		wake_after(j, j->child && !j->stopped ? j->watch.grace_s : JOB_RESTORE_S);
		j->stopped = true;
		ask_to_stop(j, "{\"stop\":true,\"deadline\":true}");
		return 0;
	}
	if (!j->wrong[0])
		(void)snprintf(j->wrong, sizeof(j->wrong), "%s",
			       j->phase == PHASE_LEAVES ? "it did not go after its result"
							: "it did not stop at its deadline");
	job_kill(j);
	return 0;
}

static bool begins_to_restore(const struct job *j, const struct worker_message *m)
{
	return m->kind == WORKER_EVENT && m->status == EVENT_IN_PROGRESS && !strcmp(m->event, WORKER_RESTORE) &&
	       (j->started || j->phase == PHASE_OVERDUE);
}

static void take_line(struct job *j, const char *line, size_t len)
{
	AUTO(worker_message_done) struct worker_message m = { 0 };
	struct err err = ERR_INIT;

	if (worker_message_parse(line, len, &m, &err) < 0) {
		(void)err_add(&err, "it said what this version does not understand");
		condemn(j, err.msg);
		return;
	}
	j->started = j->started || m.kind == WORKER_STARTED;
	if (m.kind == WORKER_RESULT) {
		j->phase = PHASE_LEAVES;
		wake_after(j, JOB_EXIT_S);
	} else if (begins_to_restore(j, &m)) {
		j->phase = PHASE_RESTORES;
		(void)sd_event_source_set_enabled(j->timer, SD_EVENT_OFF);
	} else if (j->phase == PHASE_OVERDUE) {
		wake_after(j, j->watch.grace_s); /* it is busy stopping */
	}
	j->watch.message(j->watch.context, &m);
}

static void take_lines(struct job *j)
{
	size_t from = 0;

	for (char *end; j->in.len > j->scanned; from = j->scanned) {
		end = memchr(j->in.data + j->scanned, '\n', j->in.len - j->scanned);
		if (!end || j->wrong[0])
			break;
		take_line(j, j->in.data + from, (size_t)(end - j->in.data) - from);
		j->scanned = (size_t)(end - j->in.data) + 1;
	}
	if (from) {
		memmove(j->in.data, j->in.data + from, j->in.len - from + 1);
		j->in.len -= from;
	}
	j->scanned = j->in.len;
}

/* One read; false: nothing more for now. */
static bool hear(struct job *j)
{
	char bytes[READ_SIZE];
	ssize_t n = j->sock < 0 ? 0 : recv(j->sock, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		close_socket(j);
		return false;
	}
	if (str_append(&j->in, bytes, (size_t)n) < 0)
		condemn(j, "it sent a line that is too long");
	else
		take_lines(j);
	return j->sock >= 0;
}

static int on_lines(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct job *j = context;

	(void)source, (void)fd;
	if (events & EPOLLOUT)
		flush(j);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		(void)hear(j);
	return 0;
}

static void describe(const struct job *j, int status, char *out, size_t size)
{
	if (j->wrong[0])
		(void)snprintf(out, size, "%s", j->wrong);
	else if (!j->child)
		(void)snprintf(out, size, "it has ended");
	else if (WIFSIGNALED(status))
		(void)snprintf(out, size, "it was killed by signal %d (%s)", WTERMSIG(status),
			       sigdescr_np(WTERMSIG(status)));
	else
		(void)snprintf(out, size, "it ended with status %d", WEXITSTATUS(status));
}

static int on_end(sd_event_source *source, int fd, uint32_t events, void *context)
{
	struct job *j = context;
	char how[600];
	int status = 0;

	(void)source, (void)fd, (void)events;
	/* its last words, even when somebody it started still holds the other end */
	for (int i = 0; i < LAST_READS && hear(j); i++)
		;
	if (j->child)
		while (waitpid(j->pid, &status, 0) < 0 && errno == EINTR)
			;
	j->end = sd_event_source_disable_unref(j->end);
	j->timer = sd_event_source_disable_unref(j->timer);
	close_socket(j);
	describe(j, status, how, sizeof(how));
	j->watch.gone(j->watch.context, j->child && !j->wrong[0] && WIFEXITED(status) && !WEXITSTATUS(status), how);
	return 0;
}

static int on_loop(struct job *j, struct err *err)
{
	int r = sd_event_add_io(j->loop, &j->end, j->pidfd, EPOLLIN, on_end, j);

	/* what it has said comes before its end */
	r = r < 0 ? r : sd_event_source_set_priority(j->end, SD_EVENT_PRIORITY_NORMAL + 1);
	r = r < 0 ? r : sd_event_add_time_relative(j->loop, &j->timer, CLOCK_MONOTONIC, 0, SECOND_US, on_timer, j);
	r = r < 0 ? r : sd_event_source_set_enabled(j->timer, SD_EVENT_OFF);
	if (r >= 0 && j->sock >= 0)
		r = sd_event_add_io(j->loop, &j->lines, j->sock, EPOLLIN, on_lines, j);
	errno = -r;
	return r < 0 ? err_sys(err, "adding the worker to the loop") : 0;
}

static struct job *job_new(sd_event *loop, const struct job_watch *watch)
{
	struct job *j = xcalloc(1, sizeof(*j));

	*j = (struct job){
		.loop = sd_event_ref(loop),
		.watch = *watch,
		.sock = -1,
		.pidfd = -1,
		.in = STR_INIT(WORKER_MAX_LINE),
		.out = STR_INIT(WORKER_MAX_LINE + 4096),
	};
	j->watch.grace_s = watch->grace_s ? watch->grace_s : JOB_GRACE_S;
	return j;
}

int job_start(sd_event *loop, const char *path, const char *about, json_t *request, const struct job_watch *watch,
	      struct job **out, struct err *err)
{
	AUTO_FREE char *line = request ? json_dumps(request, JSON_COMPACT) : NULL;
	struct worker_process p;

	json_decref(request);
	if (!line)
		return err_set(err, ERR_STATE, "the request cannot be written as JSON");
	if (worker_spawn(path, about, &p, err) < 0)
		return -1;

	struct job *j = job_new(loop, watch);

	j->pid = p.pid;
	j->sock = p.sock;
	j->pidfd = p.pidfd;
	j->child = true;
	if (on_loop(j, err) < 0) {
		job_kill(j); /* it has no request yet, so it has done nothing */
		while (waitpid(j->pid, NULL, 0) < 0 && errno == EINTR)
			;
		job_free(j);
		return -1;
	}
	say(j, line);
	*out = j;
	return 0;
}

int job_adopt(sd_event *loop, pid_t pid, int pidfd, const struct job_watch *watch, struct job **out, struct err *err)
{
	struct job *j = job_new(loop, watch);

	j->pid = pid;
	j->pidfd = pidfd;
	if (on_loop(j, err) < 0) {
		job_free(j);
		return -1;
	}
	*out = j;
	return 0;
}
