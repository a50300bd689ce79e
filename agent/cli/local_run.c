/* cli/local_run.c - see local_run.h. */
#include "cli/local_run.h"

#include "cli/human.h"
#include "util/auto.h"
#include "util/str.h"

#include <signal.h>
#include <string.h>

void local_run_done(struct local_run *l)
{
	output_done(&l->output);
	deployment_done(&l->deployment);
	free(l->folder);
}

static void on_started(void *context, const char *folder)
{
	struct local_run *l = context;

	free(l->folder);
	l->folder = xstrdup(folder);
}

static void on_event(void *context, const char *event, enum event_status status, const char *text)
{
	struct local_run *l = context;

	output_event(&l->output, event, status, text);
	if (l->also && l->also->event)
		l->also->event(l->also->context, event, status, text);
}

static void on_doing(void *context, const char *event, const char *text)
{
	output_doing(&((struct local_run *)context)->output, event, text);
}

static void on_note(void *context, const char *event, const char *text)
{
	output_note(&((struct local_run *)context)->output, event, text);
}

static void on_work(void *context, const char *event, const struct worker_work *w)
{
	output_work(&((struct local_run *)context)->output, event, w->files, w->files_total, w->bytes, w->bytes_total);
}

static void on_tick(void *context)
{
	output_tick(&((struct local_run *)context)->output);
}

static void on_interrupted(void *context, int signal, bool killed)
{
	struct output *o = &((struct local_run *)context)->output;

	if (killed)
		output_line(o, "SIG%s again: the deployment is killed", sigabbrev_np(signal));
	else
		output_line(o, "SIG%s: stopping the deployment; once more kills it", sigabbrev_np(signal));
}

/* A worker that went without a result is a failed deployment too: say what is known, and who clears up. */
static void crashed(struct local_run *l, struct worker_end *end)
{
	end->result = (struct deployment_result){
		.status = DEPLOYMENT_FAILED,
		.created_at_ms = l->started_at_ms,
		.started_at_ms = l->started_at_ms,
		.finished_at_ms = human_now_ms(),
		.kind = ERR_SYS,
		.error_event = l->output.event[0] ? xstrdup(l->output.event) : NULL,
		.error_message = xasprintf("the worker is gone without a result: %s", end->how),
		.now = xasprintf("what it had begun is in its journal: the next deployment of group '%s' finishes or "
				 "undoes it first",
				 l->deployment.group),
		.needs_recovery = true,
	};
}

struct own_end { /* what a recovery says of our own deployment */
	const struct deployment *deployment;
	struct worker_end *end;
};

static void on_recovered(void *context, const json_t *document)
{
	struct own_end *own = ((struct local_run *)context)->own_end;
	const char *id = json_string_value(json_object_get(document, "deployment_id"));
	struct err ignored = ERR_INIT; /* the worker's client has read it before */

	if (own && id && !strcmp(id, own->deployment->id) && !own->end->has_result)
		own->end->has_result = deployment_result_from_json(document, &own->end->result, &ignored) == 0;
}

/* A worker died, or could run no more hooks: another one finishes or undoes what it began and brings back what ran
 * before. Who asked twice to have it killed does not want to wait for that; the next deployment does it. */
static void recover(struct local_run *l, const char *worker, const struct worker_watch *watch, struct worker_end *end)
{
	struct own_end own = { &l->deployment, end };
	AUTO(worker_end_done) struct worker_end recovery = { 0 };
	struct err err = ERR_INIT;

	if (!l->folder || end->signal || l->deployment.on_failure != ON_FAILURE_RESTORE)
		return;
	output_line(&l->output, "the worker is gone without a result (%s); another one recovers", end->how);
	l->own_end = &own;
	if (worker_recover(worker, l->deployment.settings.deployment_root, l->deployment.group, watch, &recovery,
			   &err) < 0)
		output_warning(&l->output, "%s", err.msg);
	l->own_end = NULL;
}

int local_run(struct local_run *l, const char *path, struct worker_end *out, struct err *err)
{
	const struct worker_watch watch = {
		.started = on_started,
		.event = on_event,
		.note = on_note,
		.doing = on_doing,
		.work = on_work,
		.recovered = on_recovered,
		.interrupted = on_interrupted,
		.tick = l->output.live ? on_tick : NULL,
		.context = l,
	};

	l->started_at_ms = human_now_ms();
	if (worker_run(path, &l->deployment, &watch, out, err) < 0)
		return -1;
	if (!out->has_result)
		recover(l, path, &watch, out);
	if (!out->has_result)
		crashed(l, out);
	return 0;
}
