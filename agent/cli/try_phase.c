/* cli/try_phase.c - see try_phase.h. */
#include "cli/try_phase.h"

#include "util/proc.h"
#include "util/str.h"
#include "worker/protocol.h"

#include <string.h>

#define PREFLIGHT "Preflight"

void try_phase_done(struct try_phase *p)
{
	local_run_done(&p->run);
	worker_end_done(&p->end);
}

/* The two steps that no result lists. What comes after the word that a restore begins belongs to it. */
static void keep_time(void *context, const char *event, enum event_status status, const char *text)
{
	struct try_phase *p = context;
	bool preflight = !strcmp(event, PREFLIGHT);

	(void)text;
	if (!preflight && strcmp(event, WORKER_RESTORE))
		return;
	if (status == EVENT_IN_PROGRESS)
		p->since_ms = proc_clock_ms();
	else if (preflight)
		p->preflight_ms = proc_clock_ms() - p->since_ms;
	if (!preflight)
		p->restore_ms = 0; /* until it is over */
}

int try_phase_run(struct try_phase *p, const char *path, struct err *err)
{
	const struct worker_watch also = { .event = keep_time, .context = p };

	p->preflight_ms = p->restore_ms = -1;
	p->run.also = &also;

	int r = local_run(&p->run, path, &p->end, err);

	p->run.also = NULL;
	if (p->restore_ms >= 0)
		p->restore_ms = proc_clock_ms() - p->since_ms;
	return r;
}

static const struct event_result *find_event(const struct deployment_result *r, const char *name)
{
	for (size_t i = 0; name && i < r->event_count; i++)
		if (!strcmp(r->events[i].event, name))
			return &r->events[i];
	return NULL;
}

/* model/deployment.h: a failure that was asked for names no script, and no other ScriptFailed does so. */
static bool was_asked_for(const struct deployment_result *r, const char *fail_at)
{
	const struct event_result *e = find_event(r, fail_at);

	return r->error_event && !strcmp(r->error_event, fail_at) && r->kind == ERR_SCRIPT_FAILED && e && !e->script;
}

/* Before ApplicationStop nothing is to be brought back. */
static bool is_back(const struct deployment_result *r)
{
	const struct event_result *stop = find_event(r, "ApplicationStop");

	if (r->restore.tried)
		return r->restore.files && r->restore.started && r->restore.validated;
	return !r->needs_recovery && !r->restore.message && stop && stop->status == EVENT_SKIPPED;
}

char *try_phase_problem(const struct deployment_result *r, const char *fail_at)
{
	const char *where = r->error_event ? r->error_event : "its beginning";

	if (r->status == DEPLOYMENT_STOPPED)
		return xasprintf("it was stopped at %s", where);
	if (!fail_at)
		return r->status == DEPLOYMENT_SUCCEEDED ? NULL : xasprintf("it failed at %s", where);
	if (r->status == DEPLOYMENT_SUCCEEDED)
		return xasprintf("%s did not fail, as it was asked to", fail_at);
	if (!was_asked_for(r, fail_at))
		return xasprintf("it failed by itself, at %s", where);
	return is_back(r) ? NULL
			  : xasprintf("what ran before is not back as it was: %s",
				      r->now ? r->now : "nobody knows what runs now");
}
