/* daemon/recover_job.c - recover workers, their tries and their end. */
#include "daemon/recover_job.h"

#include "daemon/dispatch.h"
#include "util/auto.h"
#include "util/log.h"
#include "util/str.h"

#include <string.h>

static const unsigned pauses_s[] = { 1, 5, 15, 60 }; /* after the first, second, .. failed try */

struct recover_job {
	struct recover_job *next;
	struct daemon *daemon;
	char *group;
	struct job *job;
	sd_event_source *timer;
	size_t tries;
	char *how; /* the last try went */
};

static void recover_job_free(struct recover_job *r)
{
	struct recover_job **at = &r->daemon->recoveries;

	while (*at && *at != r)
		at = &(*at)->next;
	if (*at)
		*at = r->next;
	job_free(r->job);
	(void)sd_event_source_disable_unref(r->timer);
	free(r->group);
	free(r->how);
	free(r);
}

void recover_job_free_all(struct daemon *d)
{
	while (d->recoveries)
		recover_job_free(d->recoveries);
}

bool recover_job_any(const struct daemon *d)
{
	return d->recoveries != NULL;
}

bool recover_job_runs(const struct daemon *d, const char *group)
{
	for (const struct recover_job *r = d->recoveries; r; r = r->next)
		if (!strcmp(r->group, group))
			return true;
	return false;
}

/* Deployments whose worker died in this group: what the folder says, or else what we know. */
static void end_orphan(struct daemon *d, struct active *a, const struct recover_job *r, bool recovered)
{
	struct err why = ERR_INIT;

	if (!a->live.end && dispatch_finish_from_folder(d, a))
		return;
	(void)err_set(&why, recovered ? ERR_INTERRUPTED : ERR_NEEDS_RECOVERY, "the worker is gone without a result: %s",
		      a->how ? a->how : "it was not there any more");
	if (recovered) {
		live_end(&a->live, DEPLOYMENT_FAILED, &why, "nothing of it is in place", daemon_now_ms());
	} else {
		AUTO_FREE char *now = xasprintf(
			"what it had begun is in its journal and could not be finished or undone "
			"(%s); the next deployment of group '%s' tries again",
			r->how ? r->how : "?", r->group);

		live_end(&a->live, DEPLOYMENT_FAILED, &why, now, daemon_now_ms());
	}
	dispatch_finish(d, a);
}

static struct active *orphan_of(struct daemon *d, const char *group)
{
	for (struct active *a = d->actives; a; a = a->next)
		if (a->orphaned && !strcmp(a->live.deployment.group, group))
			return a;
	return NULL;
}

static void conclude(struct recover_job *r, bool recovered)
{
	struct daemon *d = r->daemon;
	AUTO_FREE char *group = xstrdup(r->group);

	if (recovered)
		log_info("recovered event='recovered' group='%s'", group);
	else
		log_error("recovery failed: %s; the next deployment of the group tries again event='recovery_failed' "
			  "group='%s'",
			  r->how, group);
	daemon_scan(d);
	for (struct active *a; (a = orphan_of(d, group));) {
		a->orphaned = false;
		end_orphan(d, a, r, recovered);
	}
	recover_job_free(r);
	dispatch_start(d, queue_release(d->queue, group));
	daemon_changed(d);
}

static void try(struct recover_job *r);

static int on_pause_over(sd_event_source *source, uint64_t now, void *context)
{
	struct recover_job *r = context;

	(void)source, (void)now;
	try(r);
	return 0;
}

static void failed(struct recover_job *r, const char *how)
{
	uint64_t pause_us = r->tries < ARRAY_LEN(pauses_s) ? pauses_s[r->tries] * UINT64_C(1000000) : 0;

	free(r->how);
	r->how = xstrdup(how);
	r->tries++;
	if (!pause_us || r->daemon->stopping) {
		conclude(r, false);
		return;
	}
	log_warning("recovery failed: %s; again in %u s event='recovery' group='%s'", how,
		    (unsigned)(pause_us / UINT64_C(1000000)), r->group);
	r->timer = sd_event_source_disable_unref(r->timer);
	if (sd_event_add_time_relative(r->daemon->loop, &r->timer, CLOCK_MONOTONIC, pause_us, 0, on_pause_over, r) < 0)
		conclude(r, false);
}

static void tell_orphan(struct recover_job *r, const struct worker_message *m)
{
	struct active *a = orphan_of(r->daemon, r->group);
	json_t *progress = a ? live_apply(&a->live, m, daemon_now_ms()) : NULL;

	if (progress)
		streams_progress(r->daemon->streams, a->live.deployment.id, progress);
	json_decref(progress);
}

static void on_message(void *context, struct worker_message *m)
{
	struct recover_job *r = context;

	if (m->kind == WORKER_RECOVERED) {
		dispatch_record(r->daemon, r->group, m->deployment);
		return;
	}
	if (m->kind == WORKER_NOTE)
		log_info("%s event='recovery' group='%s'", m->text, r->group);
	tell_orphan(r, m);
}

static void on_gone(void *context, bool clean, const char *how)
{
	struct recover_job *r = context;

	job_free(r->job);
	r->job = NULL;
	if (clean)
		conclude(r, true);
	else
		failed(r, how);
}

static void try(struct recover_job *r)
{
	struct daemon *d = r->daemon;
	const struct job_watch watch = { .message = on_message, .gone = on_gone, .context = r };
	struct err err = ERR_INIT;

	if (job_start(d->loop, d->worker, r->group,
		      worker_recover_request(d->config.settings.deployment_root, r->group), &watch, &r->job, &err) < 0)
		failed(r, err.msg);
}

void recover_job_start(struct daemon *d, const char *group, const char *id)
{
	struct err err = ERR_INIT;

	if (recover_job_runs(d, group))
		return;
	if (queue_hold(d->queue, group, id, &err) < 0)
		log_error("%s group='%s'", err.msg, group); /* it is recovered unheld: the folder's lock still counts */
	log_warning("recovering event='recovery' deployment='%s' group='%s'", id, group);

	struct recover_job *r = xcalloc(1, sizeof(*r));

	*r = (struct recover_job){ .next = d->recoveries, .daemon = d, .group = xstrdup(group) };
	d->recoveries = r;
	try(r);
}
