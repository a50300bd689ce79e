/* worker/runner.c - a deployment, read top to bottom. */
#include "worker/runner.h"

#include "bundle/unpack.h"
#include "lifecycle/event.h"
#include "lifecycle/host_hooks.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"
#include "worker/group_look.h"
#include "worker/no_restore.h"
#include "worker/outcome.h"
#include "worker/recovery.h"
#include "worker/restore.h"
#include "worker/run.h"
#include "worker/trial.h"

#include <fcntl.h>
#include <string.h>

/* What the last revision left: its folder, and the manifest of what it installed. */
static int load_history(struct run *run, struct err *err)
{
	struct group_history history;
	int r = group_history_load(&run->group, &history, err);

	run->last_path = history.folder;
	run->manifest = history.manifest;
	return r;
}

static void note_recovery(void *context, const char *text)
{
	struct run *run = context;

	outcome_warn(run->result, "%s", text);
	progress_note(run->r->progress, RUN_PREFLIGHT, text);
}

static void note_waiting(void *context, const char *text)
{
	progress_note(context, RUN_PREFLIGHT, text);
}

static int open_group(struct run *run, struct err *err)
{
	const struct group_wait wait = { run->r->stop, run->r->stop_fd, note_waiting, run->r->progress };

	return group_open(run->d->settings.deployment_root, run->d->group, run->d->waits ? &wait : NULL, &run->group,
			  err);
}

/* What hooks of this deployment have in common. */
static void prepare_scripts(struct run *run)
{
	const struct script_log_place place = {
		.folder = run->path,
		.deployment_root = run->d->settings.deployments_log ? run->d->settings.deployment_root : NULL,
		.deployment_id = run->d->id,
		.program_name = run->d->settings.program_name,
		.max_bytes = SCRIPT_LOG_MAX_BYTES,
		.rotate_bytes = SCRIPT_LOG_MAX_BYTES,
	};

	run->log = script_log_new(&place);
	event_log_init(&run->events, run->fd);
	run->scripts = (struct script_run){
		.deployment = run->d,
		.zygote = run->r->zygote,
		.progress = run->r->progress,
		.log = run->log,
		.events = &run->events,
		.result = run->result,
		.folder_fd = run->fd,
		.folder = run->path,
		.previous = run->last_path,
		.environment = run->d->environment,
		.stop = run->r->stop,
		.stop_fd = run->r->stop_fd,
		.no_restore_fd = -1,
	};
}

static int begin(struct run *run, struct err *err)
{
	run->event = RUN_PREFLIGHT;
	if (open_group(run, err) < 0)
		return -1;
	run->group_is_open = true;

	const struct recovery recovery = { &run->group, run->r->zygote, run->r->progress, note_recovery, run };

	if (recovery_run(&recovery, err) < 0 || load_history(run, err) < 0)
		return -1;
	run->history_is_known = true;
	if (group_new_deployment(&run->group, run->d, run->last_path, &run->fd, &run->path, err) < 0)
		return -1;
	prepare_scripts(run);
	progress_started(run->r->progress, run->path);
	return 0;
}

/* Nothing in the new bundle could put that right. */
static void tell_way_out(struct run *run, const char *folder, const struct err *err)
{
	if ((err->kind == ERR_APPSPEC || err->kind == ERR_SCRIPT_MISSING) && !run->result->error_action)
		run->result->error_action = xasprintf("correct '%s/" UNPACK_FOLDER "', or move it away: then its "
						      "scripts are skipped with a warning",
						      folder);
}

/* Whose scripts: this revision's appspec, or that of an earlier one, which may be gone (Q15: then there is nothing to
 * do, and that is said). */
static int run_earlier(struct run *run, enum event_revision whose, struct event_result *event, struct err *err)
{
	enum group_pointer pointer = whose == EVENT_REVISION_MOST_RECENT ? GROUP_MOST_RECENT : GROUP_LAST_SUCCESSFUL;
	AUTO(deployment_done) struct deployment before = { 0 };
	AUTO_FREE char *folder = NULL;
	int r = group_pointer(&run->group, pointer, &folder, err);

	if (r <= 0)
		return r < 0 ? -1 : script_run(&run->scripts, NULL, NULL, event, err);

	bool known = group_read_request_of(folder, &before);

	r = script_run_of(&run->scripts, folder, known ? before.appspec_filename : run->d->appspec_filename, event,
			  err);
	if (r > 0)
		outcome_warn(run->result, "%s was skipped: the %s revision '%s' is gone or holds no appspec",
			     event->event, event_revision_name(whose), folder);
	if (r >= 0)
		return 0;
	if (err->kind == ERR_CONFIG || (event->script && str_starts(event->script, HOST_HOOKS_SHOWN)))
		return -1; /* a hook of the host, no fault of that revision */
	tell_way_out(run, folder, err);
	return err_add(err, "%s revision '%s'", event_revision_name(whose), folder);
}

static int run_hooks(struct run *run, size_t index, struct event_result *event, struct err *err)
{
	enum event_revision whose = event_revision_at(run->order, index, event_is_blue_green_rollback(run->d));

	if (whose != EVENT_REVISION_CURRENT)
		return run_earlier(run, whose, event, err);

	return script_run(&run->scripts, appspec_hook(run->files.appspec, event->event), run->files.archive_path, event,
			  err);
}

/* What the agent itself does at EVENT, with the hooks of the host around it. */
static int run_built_in(struct run *run, struct event_result *event, struct err *err)
{
	const bool installs = !strcmp(event->event, EVENT_INSTALL);
	AUTO_FREE char *before = NULL;

	if (script_run_host(&run->scripts, HOST_HOOK_BEFORE, run->files.archive_path, event, err) < 0)
		return -1;
	before = TAKE_PTR(event->message);
	event->exit_code = -1; /* not that of the work */
	if ((installs ? run_install : run_download_bundle)(run, event, err) < 0)
		return -1;
	if (before)
		outcome_add_text(event, before);
	return script_run_host(&run->scripts, HOST_HOOK_AFTER, run->files.archive_path, event, err);
}

/* No hook can run any more, so nothing can be restored from here: whoever started us starts a worker that recovers. */
static bool must_leave(const struct run *run)
{
	return run->r->zygote && zygote_is_gone(run->r->zygote) && run->fd >= 0 &&
	       run->d->on_failure == ON_FAILURE_RESTORE;
}

static int run_event(struct run *run, size_t index, struct err *err)
{
	struct event_result *event = &run->result->events[index];
	bool built_in = event_is_built_in(event->event);
	unsigned scripts_before = run->scripts.count;
	int r;

	run->event = event->event;
	outcome_event_started(event);
	if (!strcmp(event->event, EVENT_INSTALL))
		event_log_event(&run->events, event);
	progress_event(run->r->progress, event->event, EVENT_IN_PROGRESS, "");
	if (run_stopped(run))
		r = err_set(err, ERR_STOPPED, "stopped");
	else if (built_in)
		r = run_built_in(run, event, err);
	else
		r = run_hooks(run, index, event, err);
	r = r < 0 ? -1 : trial_fail(run->d, event, run->result, err);
	if (r < 0)
		run_tell_deadline(run, err);
	outcome_event_finished(event, r, err);
	if (!must_leave(run) && (r < 0 || built_in || run->scripts.count > scripts_before))
		event_log_event(&run->events, event);
	/* an event without scripts succeeded, as the reference says; there is nothing to show of it */
	progress_event(run->r->progress, event->event, r == 0 && !event->message ? EVENT_SKIPPED : event->status,
		       event->message ? event->message : "");
	return r;
}

/* After a failure: the previous revision comes back, if that is wanted and nothing forbids it. */
static void restore(struct run *run)
{
	struct script_run *s = &run->scripts;
	struct err err = ERR_INIT;

	if (run->fd < 0 || !restore_is_due(run->d, run->order, run->event) || restore_is_forbidden(s) ||
	    (run->install_outcome == INSTALL_UNTOUCHED && !run->last_path))
		return;
	restore_begin(s);
	if (run->install)
		(void)install_undo(run->install, &run->install_outcome, &err); /* its outcome tells */
	restore_tell_files(s, run->install_outcome, &err);
	restore_service(s);
}

/* The end */

static void end_install(struct run *run)
{
	struct err e = ERR_INIT;

	if (run->install && run->install_outcome != INSTALL_NEEDS_RECOVERY && install_end(run->install, &e) < 0) {
		run->result->needs_recovery = true;
		outcome_warn(run->result,
			     "what the install had put aside could not be removed (%s); the next deployment does it",
			     e.msg);
	}
	if (run->install_outcome == INSTALL_NEEDS_RECOVERY)
		run->result->needs_recovery = true;
}

/* Retention and the result. A deployment that could not even begin (busy) has no folder and leaves none. */
static void end(struct run *run)
{
	struct err e = ERR_INIT;

	if (run->fd < 0)
		return;
	end_install(run);
	no_restore_tidy(run->fd);
	if (run->result->unchanged) {
		if (fs_remove_tree(run->group.fd, run->d->id, &e) < 0)
			outcome_warn(run->result, "the folder of this deployment was not removed: %s", e.msg);
		return;
	}
	if (group_prune(&run->group, run->d->id, run->d->settings.max_revisions, &e) < 0)
		outcome_warn(run->result, "old revisions were not removed: %s", e.msg);
	e = ERR_INIT;
	if (group_write_result(run->fd, run->d, run->result, &e) < 0)
		outcome_warn(run->result, "the result could not be recorded: %s", e.msg);
}

static int run_all(struct run *run, struct err *err)
{
	if (begin(run, err) < 0) {
		run_tell_deadline(run, err); /* it may have waited for its group all the time */
		return -1;
	}

	int r = run_preflight(run, err);

	if (r)
		return r < 0 ? -1 : 0;
	for (size_t i = 0; i < run->result->event_count; i++)
		if (run_event(run, i, err) < 0)
			return -1;
	event_log_mark(&run->events, EVENT_LOG_ENDED);
	return 0;
}

static void run_done(struct run *run)
{
	install_free(run->install);
	plan_free(run->plan);
	script_run_done(&run->scripts);
	event_log_done(&run->events);
	script_log_free(run->log);
	revision_files_done(&run->files);
	manifest_free(run->manifest);
	free(run->last_path);
	free(run->path);
	auto_closep(&run->fd);
	if (run->group_is_open)
		group_done(&run->group);
}

int runner_run(const struct runner *r, struct deployment_result *out, struct err *err)
{
	AUTO(run_done)
	struct run run = {
		.r = r,
		.d = r->deployment,
		.result = out,
		.fd = -1,
		.files.archive_fd = -1,
		.events = { -1, -1, false },
		.scripts.no_restore_fd = -1,
	};

	run.order = run.d->events ? (const char *const *)run.d->events : event_default_order();
	outcome_begin(out, run.order);

	int failed = run_all(&run, err);

	if (failed && !must_leave(&run))
		restore(&run);
	if (run.log)
		script_log_flush(run.log);
	if (failed && must_leave(&run))
		return -1;
	outcome_end(out, failed ? err : NULL, run.event,
		    &(struct outcome_state){ run.last_path, run.history_is_known, run.install_outcome, run.d });
	end(&run);
	progress_result(r->progress, run.d, out);
	return failed;
}
