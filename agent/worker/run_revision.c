/* worker/run_revision.c - what a deployment does with the new revision: looks at it, then installs it. */
#include "worker/run.h"

#include "installer/arrange.h"
#include "installer/flusher.h"
#include "lifecycle/event.h"
#include "lifecycle/host_hooks.h"
#include "util/auto.h"
#include "util/digest.h"
#include "util/str.h"
#include "worker/hook_compile.h"
#include "worker/host_policy.h"
#include "worker/outcome.h"
#include "worker/plan_compare.h"
#include "worker/still_runs.h"
#include "worker/trial.h"

#include <stdio.h>
#include <string.h>

bool run_stopped(const struct run *run)
{
	return run->r->stop && atomic_load(run->r->stop);
}

void run_tell_deadline(const struct run *run, struct err *err)
{
	char what[sizeof(err->msg)];

	if (err->kind != ERR_STOPPED || !run->r->deadline || !atomic_load(run->r->deadline))
		return;
	(void)snprintf(what, sizeof(what), "%s", err->msg);
	(void)err_set(err, ERR_TIMED_OUT, "the deployment has taken longer than its deadline of %u s",
		      run->d->deadline_s);
	(void)err_add(err, "%s", what);
}

/* Preflight */

static void take_warnings(struct run *run)
{
	const struct warnings *w = &run->files.report.warnings;

	for (size_t i = 0; i < run->files.findings.count; i++) {
		const struct finding *f = &run->files.findings.items[i];
		const char *name = run->files.appspec_name ? run->files.appspec_name : "appspec";

		if (f->level == FINDING_WARNING)
			outcome_warn(run->result, "%s line %u: %s", name, f->place.line, f->message);
		else if (f->place.line) /* the first of them is the error's message, word for word */
			outcome_conflict(run->result, "%s: line %u column %u: %s", name, f->place.line, f->place.column,
					 f->message);
		else
			outcome_conflict(run->result, "%s: %s", name, f->message);
	}
	for (size_t i = 0; i < w->count; i++)
		outcome_warn(run->result, "%s", w->items[i]);
}

static void take_findings(struct run *run, const struct plan *plan, bool errors)
{
	for (size_t i = 0; i < plan->findings.count; i++) {
		const struct finding *f = &plan->findings.items[i];

		if (f->level == FINDING_ERROR && errors)
			outcome_conflict(run->result, "%s", f->message);
		else if (f->level == FINDING_WARNING && !errors)
			outcome_warn(run->result, "%s line %u: %s", run->files.appspec_name, f->place.line, f->message);
	}
}

/* The command has told what. */
static void take_out(struct run *run)
{
	AUTO(findings_done) struct findings left_out = { 0 };

	trial_take_out(run->files.appspec, &left_out);
}

static int fetch(struct run *run, struct err *err)
{
	const struct settings *s = &run->d->settings;
	const struct unpack_options options = preflight_unpack_options(s, run->r->stop, run->r->progress);
	struct err ignored = ERR_INIT; /* a head start only: without it the barrier takes longer */
	struct flusher *early = s->worker_threads ? flusher_new(NULL, run->fd, &ignored) : NULL;

	if (early)
		flusher_start(early);

	int r = preflight_fetch(run->d, run->fd, run->path, &options, &run->files, err);

	flusher_free(early);
	take_warnings(run);
	if (r == 0 && run->d->trial)
		take_out(run);
	if (r == 0 && preflight_expects_lua(&run->files))
		zygote_prepare(run->r->zygote); /* beside the rest of the preflight */
	return r;
}

struct trial { /* what an install would do now; the plan asks the world as long as it is kept */
	struct world world;
	struct world_disk *disk;
	struct plan *plan;
	struct err refused; /* it cannot be carried out, and this is why */
};

static void trial_done(struct trial *t)
{
	plan_free(t->plan);
	world_disk_free(t->disk);
}

/* -1: the world gave no answer. What stands in the way is an answer. */
static int trial_plan(struct run *run, struct trial *t, struct err *err)
{
	const struct planning planning = { run->d, run->manifest, run->r->umask, run->r->zygote };

	t->disk = world_disk_new(&t->world);
	if (preflight_plan(&run->files, &planning, &t->world, &t->plan, &t->refused) == 0 || t->plan->findings.errors)
		return 0;
	*err = t->refused;
	return -1;
}

/* What a hook may still put right is only told; what nothing can put right refuses now. */
static int judge_trial(struct run *run, struct trial *t, struct err *err)
{
	struct plan *plan = t->plan;
	struct arrangement arrangement;

	if (plan->findings.errors && !plan->hard && preflight_is_provisional(&run->files)) {
		AUTO_FREE char *text = xasprintf(
			"%zu findings would stop Install now, unless BeforeInstall changes that; the first: %s",
			plan->findings.errors, plan->findings.items[0].message);

		outcome_warn(run->result, "%s", text);
		progress_note(run->r->progress, RUN_PREFLIGHT, text);
		return 0;
	}
	if (plan->findings.errors) {
		take_findings(run, plan, true);
		*err = t->refused;
		return -1;
	}
	if (arrange(plan, run->d->id, &arrangement, err) < 0)
		return -1;

	int r = arrange_check_space(&arrangement, err);

	arrangement_done(&arrangement);
	if (r == 0)
		run->plan = TAKE_PTR(t->plan);
	return r;
}

/* 1: what was asked for is what runs already. */
static int look_at_digest(struct run *run, struct err *err)
{
	bool counts = !run->d->force && run->last_path && still_runs(&run->group, run->last_path, run->order);
	AUTO_FREE char *last = counts ? bundle_digest_of(run->last_path) : NULL;

	if (!run->d->digest && !last)
		return 0;

	int r = bundle_digest_check(run->d, run->r->stop, run->digest, err);

	if (r <= 0 || !last || strcmp(last, run->digest))
		return r < 0 ? -1 : 0;
	return 1;
}

/* It was read twice: once to know its digest, once to unpack it. */
static int check_same_bundle(const struct run *run, struct err *err)
{
	char hex[DIGEST_HEX_SIZE];

	if (!run->digest[0] || !run->files.report.has_digest)
		return 0;
	digest_hex(run->files.report.digest, hex);
	if (!strcmp(run->digest + strlen("sha256:"), hex))
		return 0;
	return err_set(err, ERR_DIGEST,
		       "bundle '%s' changed while it was unpacked: its digest was %s, and now is sha256:%s",
		       run->d->revision.location, run->digest, hex);
}

/* 1: there is nothing to do. */
static int leave_it(struct run *run)
{
	run->result->unchanged = true;
	run->result->revision_digest = xstrdup(run->digest);
	return 1;
}

static int check_host_hooks(struct run *run, struct err *err)
{
	AUTO(findings_done) struct findings found = { 0 };
	int r = run->d->trial ? 0 : host_hooks_check(&run->d->settings, run->order, &found, err);

	if (r == 0 && !run->d->trial)
		r = hook_compile_host(run->d, run->order, &found, err);
	for (size_t i = 0; i < found.count; i++)
		(found.items[i].level == FINDING_WARNING ? outcome_warn : outcome_conflict)(run->result, "%s",
											    found.items[i].message);
	return r;
}

static int ask_host(const struct run *run, const struct plan *plan, struct err *err)
{
	const struct unpack_report *report = &run->files.report;
	char hex[DIGEST_HEX_SIZE] = "";

	if (report->has_digest)
		digest_hex(report->digest, hex);

	AUTO_FREE char *digest = *hex ? xasprintf("sha256:%s", hex) : NULL;
	const struct host_question question = { run->d, &run->files, digest, plan, run->order };

	return host_policy_check(&question, run->r->zygote, err);
}

/* Who has looked at a plan wants that one or none, whatever else there is to be said of this one. SAME: what was asked
 * for is what runs already. */
static int look_at_plan(struct run *run, bool same, struct err *err)
{
	AUTO(trial_done) struct trial t = { .refused = ERR_INIT };

	if (trial_plan(run, &t, err) < 0)
		return -1;

	const struct plan_basis basis = { t.plan, &run->files, run->d, run->order, run->last_path };

	if (plan_compare(&basis, run->d->plan_id, err) < 0)
		return -1;
	if (same)
		return leave_it(run);
	if (ask_host(run, t.plan, err) < 0)
		return -1;
	if (event_check_local_hooks(run->files.appspec, run->files.appspec_name, run->order, err) < 0 ||
	    preflight_check_hooks(&run->files, run->order, event_is_blue_green_rollback(run->d), err) < 0 ||
	    check_host_hooks(run, err) < 0)
		return -1;
	return judge_trial(run, &t, err);
}

/* 1: there is nothing to do. */
static int look_ahead(struct run *run, struct err *err)
{
	int same = look_at_digest(run, err);

	if (same < 0)
		return -1;
	if (same && !run->d->plan_id)
		return leave_it(run);
	if (fetch(run, err) < 0 || check_same_bundle(run, err) < 0 ||
	    preflight_list(&run->files, run->d->settings.max_entries, err) < 0)
		return -1;

	int r = look_at_plan(run, same, err);

	if (r)
		return r;
	return run_stopped(run) ? err_set(err, ERR_STOPPED, "stopped") : 0;
}

int run_preflight(struct run *run, struct err *err)
{
	progress_event(run->r->progress, RUN_PREFLIGHT, EVENT_IN_PROGRESS, "");

	int r = look_ahead(run, err);

	if (r < 0)
		run_tell_deadline(run, err);
	progress_event(run->r->progress, RUN_PREFLIGHT, r < 0 ? EVENT_FAILED : EVENT_SUCCEEDED,
		       r > 0 ? "this digest is in place already" : "");
	return r;
}

/* The bundle is there already: from here on it counts as the most recent one. */
int run_download_bundle(struct run *run, struct event_result *event, struct err *err)
{
	const struct unpack_report *report = &run->files.report;
	char hex[DIGEST_HEX_SIZE];

	if (group_set_pointer(&run->group, GROUP_MOST_RECENT, run->path, err) < 0)
		return -1;
	if (report->has_digest) {
		digest_hex(report->digest, hex);
		run->result->revision_digest = xasprintf("sha256:%s", hex);
	}
	event->message = outcome_bundle_text(report->files, report->bytes);
	return 0;
}

static void warn_spared(void *context, const char *folder)
{
	outcome_warn_spared(((struct run *)context)->result, folder);
}

static int install_plan(struct run *run, const struct plan *plan, struct event_result *event, struct err *err)
{
	const struct plan_counts *c = &plan->counts;
	const struct install_place where = {
		.deployment_fd = run->fd,
		.deployment_path = run->path,
		.deployment_id = run->d->id,
		.instructions_fd = run->group.instructions_fd,
		.group = run->d->group,
		.previous = run->last_path,
		.spared = warn_spared,
		.context = run,
	};
	const struct stage_options options = {
		.archive_fd = run->files.archive_fd,
		.digests = run->files.digests,
		.threads = run->d->settings.worker_threads,
		.stop = run->r->stop,
		.progress = progress_work,
		.context = run->r->progress,
	};

	run->result->files = (struct file_counts){
		.planned = c->planned,
		.added = c->added,
		.changed = c->changed,
		.unchanged = c->unchanged,
		.removed = c->removed,
		.retained = c->retained,
		.bytes = c->bytes,
	};
	run->r->progress->files_total = c->added + c->changed;
	run->r->progress->bytes_total = c->bytes;
	if (install_run(plan, &where, &options, &run->install, &run->install_outcome, err) < 0)
		return -1;
	event->message = outcome_counts_text(&run->result->files);
	return 0;
}

/* Hooks may have changed the bundle and the destinations: the plan is made anew. The world's answers count only while
 * it is made, and what changes behind the plan's back after that is noticed by each step. */
static int plan_anew(struct run *run, struct err *err)
{
	struct world world;
	struct world_disk *disk = world_disk_new(&world);
	const struct planning planning = { run->d, run->manifest, run->r->umask, run->r->zygote };
	int r;

	plan_free(run->plan);
	run->plan = NULL;
	r = preflight_list(&run->files, run->d->settings.max_entries, err);
	if (r == 0)
		r = preflight_plan(&run->files, &planning, &world, &run->plan, err);
	world_disk_free(disk);
	return r;
}

int run_install(struct run *run, struct event_result *event, struct err *err)
{
	int r = run->scripts.count || !run->plan ? plan_anew(run, err) : 0;

	if (run->plan)
		take_findings(run, run->plan, r < 0);
	return r < 0 ? -1 : install_plan(run, run->plan, event, err);
}
