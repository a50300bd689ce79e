/* lifecycle/hook_exec.c - the watch over a hook's process: its output, its end, its time. */
#include "lifecycle/hook_exec.h"

#include "lifecycle/descendants.h"
#include "lifecycle/hook_output.h"
#include "lifecycle/pipe_holders.h"
#include "util/auto.h"
#include "util/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define ENDING_TICK_MS 20  /* how often is looked at what ends */
#define LEAST_DRAIN_MS 200 /* for the output of a script that ends just before its timeout */
#define LAST_READS     64  /* of what is already in the pipes when nobody waits for more */

enum phase {
	PHASE_RUNNING,
	PHASE_ENDING,	/* TERM was sent */
	PHASE_KILLED,	/* KILL was sent */
	PHASE_DRAINING, /* it ended; its output should end now */
	PHASE_WAITING,	/* somebody holds it, and the policy waits */
	PHASE_DONE
};

struct watch {
	const struct hook_run *run;
	struct zygote_child child;
	struct descendants descendants;
	struct hook_output outputs[SCRIPT_STREAM_COUNT];
	struct hook_report *report; /* NULL: none comes */
	enum phase phase;
	uint64_t started; /* proc_start_time() */
	int64_t deadline; /* of the script, proc_clock_ms() */
	int64_t until;	  /* of the phase */
	bool ended, stop, said_too_many;
	struct hook_end *end;
};

void hook_say(const struct hook_run *run, const char *fmt, ...)
{
	va_list ap;
	AUTO_FREE char *text = NULL;

	va_start(ap, fmt);
	int n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	mask_hide_string(script_log_mask(run->log), text);
	script_log_say(run->log, text);
	if (run->note)
		run->note(run->note_context, run->event, text);
}

static void watch_done(struct watch *w)
{
	for (int i = 0; i < SCRIPT_STREAM_COUNT; i++)
		hook_output_close(&w->outputs[i]);
	script_log_flush(w->run->log);
	auto_closep(&w->child.pidfd);
}

static bool output_ended(const struct watch *w)
{
	return w->outputs[SCRIPT_STDOUT].fd < 0 && w->outputs[SCRIPT_STDERR].fd < 0;
}

/* The number cannot mean another group: an ended hook stays a zombie until it is released. */
static void signal_all(const struct watch *w, int signal)
{
	int error = descendants_signal(&w->descendants, signal);

	if (error)
		hook_say(w->run, "Script at specified location: %s cannot be ended by the agent: %s",
			 w->run->script->location, strerrordesc_np(error));
}

/* It, and all that it has started. */
static bool is_gone(const struct watch *w)
{
	return w->ended && !descendants_count(&w->descendants);
}

static void end_by_force(struct watch *w, enum hook_end_kind why, int64_t now)
{
	hook_say(w->run, "Script at specified location: %s %s", w->run->script->location,
		 why == HOOK_STOPPED ? "is being stopped" : "timed out");
	w->end->kind = why;
	w->phase = PHASE_ENDING;
	w->until = now + w->run->grace_ms;
	signal_all(w, SIGTERM);
	(void)descendants_signal(&w->descendants, SIGCONT); /* who was stopped hears of it only then */
}

/* Who holds the output, for the log and for the report. */
static void name_holders(struct watch *w)
{
	const int fds[2] = { w->outputs[SCRIPT_STDOUT].fd, w->outputs[SCRIPT_STDERR].fd };
	struct pipe_holders holders;

	pipe_holders_find(fds, script_log_mask(w->run->log), &holders);
	w->end->outputs_left_open = true;
	w->end->open = fds[SCRIPT_STDOUT] >= 0 ? SCRIPT_STDOUT : SCRIPT_STDERR;
	(void)snprintf(w->end->holders, sizeof(w->end->holders), "%s", str_text(&holders.text));
	hook_say(w->run,
		 "Script at specified location: %s has ended, but %s still holds its %s open; redirect the output of "
		 "what the script starts: nohup COMMAND >/dev/null 2>&1 &",
		 w->run->script->location, holders.count ? str_text(&holders.text) : "a process that cannot be seen",
		 fds[0] >= 0 && fds[1] >= 0 ? "STDOUT and STDERR" : script_stream_name(w->end->open));
	pipe_holders_done(&holders);
}

static enum phase conclude(struct watch *w, enum hook_end_kind kind)
{
	w->end->kind = kind;
	return PHASE_DONE;
}

static enum phase step_running(struct watch *w, int64_t now)
{
	if (w->ended) {
		int64_t latest = w->deadline > now + LEAST_DRAIN_MS ? w->deadline : now + LEAST_DRAIN_MS;

		w->until = now + w->run->drain_ms < latest ? now + w->run->drain_ms : latest;
		return PHASE_DRAINING;
	}
	if (w->stop || now >= w->deadline)
		end_by_force(w, w->stop ? HOOK_STOPPED : HOOK_TIMED_OUT, now);
	return w->phase;
}

static enum phase step_ending(struct watch *w, int64_t now)
{
	if (is_gone(w))
		return PHASE_DONE;
	if (now < w->until)
		return PHASE_ENDING;
	signal_all(w, SIGKILL);
	w->until = now + w->run->grace_ms;
	return PHASE_KILLED;
}

/* What was forked while the others were being killed is killed now. */
static enum phase step_killed(struct watch *w, int64_t now)
{
	if (is_gone(w))
		return PHASE_DONE;
	if (now < w->until) {
		if (w->ended)
			(void)descendants_signal(&w->descendants, SIGKILL); /* that it cannot be done was said */
		return PHASE_KILLED;
	}
	hook_say(w->run, "Script at specified location: %s did not end after KILL%s", w->run->script->location,
		 w->ended ? ", or what it has started did not" : "");
	return PHASE_DONE;
}

static enum phase step_draining(struct watch *w, int64_t now)
{
	if (output_ended(w))
		return conclude(w, HOOK_ENDED);
	if (now < w->until && !w->stop)
		return PHASE_DRAINING;
	if (w->end->status != 0)
		return conclude(w, HOOK_ENDED); /* it failed; who holds what does not matter any more */
	if (w->stop)
		return conclude(w, HOOK_STOPPED);
	name_holders(w);

	enum outputs_left_open policy = w->run->deployment->settings.outputs_left_open;

	if (policy == OUTPUTS_WARN)
		return conclude(w, HOOK_ENDED);
	return policy == OUTPUTS_FAIL ? conclude(w, HOOK_LEFT_OPEN) : PHASE_WAITING;
}

static enum phase step_waiting(struct watch *w, int64_t now)
{
	if (output_ended(w)) {
		w->end->outputs_left_open = false;
		return conclude(w, HOOK_ENDED);
	}
	if (w->stop)
		return conclude(w, HOOK_STOPPED);
	if (now >= w->deadline)
		return conclude(w, HOOK_LEFT_OPEN);
	w->until = w->deadline;
	return PHASE_WAITING;
}

static enum phase (*const steps[PHASE_DONE])(struct watch *w, int64_t now) = {
	[PHASE_RUNNING] = step_running,	  [PHASE_ENDING] = step_ending,	  [PHASE_KILLED] = step_killed,
	[PHASE_DRAINING] = step_draining, [PHASE_WAITING] = step_waiting,
};

/* Go as far as can be gone without waiting. */
static void advance(struct watch *w, int64_t now)
{
	enum phase before;

	do {
		before = w->phase;
		w->phase = steps[before](w, now);
	} while (w->phase != before && w->phase != PHASE_DONE);
}

static int wait_ms(const struct watch *w, int64_t now)
{
	int64_t until = w->phase == PHASE_RUNNING ? w->deadline : w->until;

	if ((w->phase == PHASE_ENDING || w->phase == PHASE_KILLED) && w->ended && until > now + ENDING_TICK_MS)
		until = now + ENDING_TICK_MS;
	if (until <= now)
		return 0;
	return until - now > 60000 ? 60000 : (int)(until - now);
}

/* The zygote is gone, so nobody tells us how the hook ends: what is left of its group must not go on unseen. The hook
 * itself has died with the zygote; its number stays its group's as long as that has members, unless another process has
 * come by it meanwhile. */
static int orphaned(const struct watch *w)
{
	uint64_t start = proc_start_time(w->child.pid);

	if (!start || start == w->started)
		(void)kill(-w->child.pid, SIGKILL); /* nothing left to try when it fails */
	return -1;
}

static void take_report(struct watch *w)
{
	const struct hook_run *run = w->run;

	if (w->report && hook_report_read(w->report) && run->doing)
		run->doing(run->note_context, run->event, w->report->doing);
	if (w->report && w->report->too_many && !w->said_too_many) {
		w->said_too_many = true;
		hook_say(run, "more than %d secrets in this deployment: what comes now is not hidden", MASK_MAX_COUNT);
	}
}

/* A secret is told before it is printed: so when there is output, what was told before is in the pipe. */
static void before_output(void *context)
{
	take_report(context);
}

/* It is over, whatever it was. */
static void end_report(struct watch *w)
{
	take_report(w);
	if (w->report && w->report->doing[0] && w->run->doing)
		w->run->doing(w->run->note_context, w->run->event, "");
}

/* Wait for news and take it in. When the pipes run dry, what was read so far is written. */
static int take_news(struct watch *w, struct err *err)
{
	const struct hook_run *run = w->run;
	struct pollfd p[] = {
		{ .fd = w->outputs[SCRIPT_STDOUT].fd, .events = POLLIN },
		{ .fd = w->outputs[SCRIPT_STDERR].fd, .events = POLLIN },
		{ .fd = w->ended ? -1 : zygote_fd(run->zygote), .events = POLLIN },
		{ .fd = w->stop ? -1 : run->stop_fd, .events = POLLIN },
		{ .fd = w->report ? w->report->fd : -1, .events = POLLIN },
	};
	int n = poll(p, ARRAY_LEN(p), 0);

	if (n == 0) {
		script_log_flush(run->log);
		n = poll(p, ARRAY_LEN(p), wait_ms(w, proc_clock_ms()));
	}
	if (n > 0) {
		for (int i = 0; i < SCRIPT_STREAM_COUNT; i++)
			if (p[i].revents)
				(void)hook_output_read(&w->outputs[i]); /* the end shows in its fd */
		if (p[4].revents)
			take_report(w);
		if (p[2].revents && zygote_ended(run->zygote, &w->end->status, err) < 0)
			return orphaned(w);
		w->ended = w->ended || p[2].revents;
	}
	w->stop = w->stop || (n > 0 && p[3].revents) || (run->stop && atomic_load(run->stop));
	return 0;
}

static int supervise(struct watch *w, struct err *err)
{
	for (;;) {
		advance(w, proc_clock_ms());
		if (w->phase == PHASE_DONE)
			break;
		if (take_news(w, err) < 0)
			return -1;
	}
	for (int i = 0; i < SCRIPT_STREAM_COUNT; i++)
		for (int k = 0; k < LAST_READS && w->outputs[i].fd >= 0 && hook_output_read(&w->outputs[i]); k++)
			;
	end_report(w);
	return 0;
}

/* 1: it runs; 0: it could not be started. */
static int start(struct watch *w, struct zygote_request *request, struct err *err)
{
	AUTO_FD int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	AUTO_FD int out = -1;
	AUTO_FD int error = -1;

	if (in < 0 || hook_output_open(&w->outputs[SCRIPT_STDOUT], SCRIPT_STDOUT, w->run->log, &out) < 0 ||
	    hook_output_open(&w->outputs[SCRIPT_STDERR], SCRIPT_STDERR, w->run->log, &error) < 0)
		return err_sys(err, "making pipes for a hook");
	for (int i = 0; i < SCRIPT_STREAM_COUNT; i++) {
		w->outputs[i].before = before_output;
		w->outputs[i].context = w;
	}
	request->in = in;
	request->out = out;
	request->err = error;
	descendants_note_older(&w->descendants, zygote_pid(w->run->zygote));

	int started = zygote_run(w->run->zygote, request, &w->child, err);

	w->descendants.group = started > 0 ? w->child.pid : 0;
	return started;
}

static void tell_process(const struct watch *w, bool ended)
{
	if (w->run->process)
		w->run->process(w->run->process_context, w->run->script->location, w->child.pid, ended);
}

int hook_exec(const struct hook_run *run, struct zygote_request request, struct hook_report *report,
	      struct hook_end *end, struct err *err)
{
	AUTO(watch_done)
	struct watch w = { .run = run,
			   .report = report,
			   .end = end,
			   .child = { .pidfd = -1 },
			   .outputs = { { .fd = -1 }, { .fd = -1 } } };

	*end = (struct hook_end){ .kind = HOOK_NOT_STARTED };
	w.deadline = proc_clock_ms() + (int64_t)run->script->timeout_s * 1000;

	int running = start(&w, &request, err);

	if (running < 0)
		return -1;
	if (!running) {
		end->error = w.child.error;
		end->step = w.child.step;
		return 0;
	}

	w.started = proc_start_time(w.child.pid);
	tell_process(&w, false);

	int r = supervise(&w, err);

	if (r == 0)
		tell_process(&w, true);
	zygote_release(run->zygote);
	return r;
}
