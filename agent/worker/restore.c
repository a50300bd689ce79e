/* worker/restore.c - see restore.h. */
#include "worker/restore.h"

#include "bundle/unpack.h"
#include "installer/drift.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"
#include "worker/group.h"
#include "worker/no_restore.h"
#include "worker/outcome.h"
#include "worker/protocol.h"

#include <string.h>

/* Traffic is taken away before the application is stopped, and nothing else. */
static bool stops_nothing(const char *event)
{
	return !strcmp(event, "BeforeBlockTraffic") || !strcmp(event, "AfterBlockTraffic");
}

bool restore_is_due(const struct deployment *d, const char *const *order, const char *event)
{
	bool reached = false;

	if (d->on_failure != ON_FAILURE_RESTORE || !event)
		return false;
	for (size_t i = 0; order[i]; i++) {
		reached = reached || !stops_nothing(order[i]);
		if (!strcmp(order[i], event))
			return reached;
	}
	return false; /* it never came to the first event */
}

bool restore_is_forbidden(const struct script_run *s)
{
	AUTO_FREE char *reason = no_restore_reason(s->folder_fd, script_log_mask(s->log));

	if (!reason)
		return false;
	free(s->result->restore.message);
	s->result->restore = (struct restore_result){ .message = TAKE_PTR(reason) };
	return true;
}

void restore_begin(struct script_run *s)
{
	free(s->result->restore.message);
	s->result->restore = (struct restore_result){ .tried = true };
	s->restoring = true;
	s->stop = NULL;
	s->stop_fd = -1;
	event_log_mark(s->events, EVENT_LOG_RESTORE);
	progress_event(s->progress, WORKER_RESTORE, EVENT_IN_PROGRESS, "");
}

void restore_tell_files(struct script_run *s, enum install_outcome outcome, const struct err *undo_err)
{
	struct restore_result *r = &s->result->restore;
	AUTO_FREE char *text = NULL;

	r->files = outcome == INSTALL_UNDONE || outcome == INSTALL_UNTOUCHED;
	if (!r->files) {
		r->message = xstrdup(*undo_err->msg ? undo_err->msg : "the files could not be brought back");
		progress_event(s->progress, WORKER_RESTORE, EVENT_FAILED, r->message);
		return;
	}
	text = s->previous ? xasprintf("the files of %s are %s", str_base_name(s->previous),
				       outcome == INSTALL_UNDONE ? "back" : "untouched")
			   : xstrdup("what was installed is removed again");
	progress_event(s->progress, WORKER_RESTORE, EVENT_SUCCEEDED, text);
}

/* One event of the previous revision. Without scripts it has passed. */
static int run_event(struct script_run *s, const char *name, const char *appspec_name, struct err *err)
{
	struct event_result event = { .event = xstrdup(name), .exit_code = -1 };

	progress_event(s->progress, name, EVENT_IN_PROGRESS, "restore");
	outcome_event_started(&event);

	int r = script_run_of(s, s->previous, appspec_name, &event, err);

	if (r > 0)
		r = err_set(err, ERR_STATE, "the previous revision's archive is gone or holds no appspec");

	AUTO_FREE char *text = xasprintf("restore%s%s", event.message || r < 0 ? ": " : "",
					 r < 0		 ? err->msg
					 : event.message ? event.message
							 : "");

	progress_event(s->progress, name, r < 0 ? EVENT_FAILED : event.message ? EVENT_SUCCEEDED : EVENT_SKIPPED, text);
	event_result_done(&event);
	return r < 0 ? err_add(err, "%s", name) : 0;
}

struct deviations {
	char *first;
};

static void keep_first(void *context, const struct drift *d)
{
	struct deviations *all = context;

	if (!all->first)
		all->first = xstrdup(d->path);
}

static void manifest_freep(struct manifest **m)
{
	manifest_free(*m);
}

/* Are the files that are there those of its manifest? */
static int compare_files(const char *folder, struct err *err)
{
	AUTO(manifest_freep) struct manifest *m = NULL;
	struct deviations deviations = { NULL };
	AUTO_FD int fd = fs_open_dir(folder, err);
	uint64_t count = 0;
	int found = fd < 0 ? -1 : manifest_open(fd, INSTALL_MANIFEST, &m, err);

	if (found < 0)
		return -1;
	if (!found)
		return err_set(err, ERR_STATE, "its manifest is gone, so nobody knows what its files should be");

	int r = drift_check(m, keep_first, &deviations, &count, NULL, err);

	if (r == 0 && count)
		r = err_set(err, ERR_STATE, "%llu of its files are not as they were installed, the first: '%s'",
			    (unsigned long long)count, deviations.first);
	free(deviations.first);
	return r;
}

/* The files are compared before anything runs that may write to them, the hooks run whatever comes of that, and of two
 * troubles that of a hook says more. */
static int start_and_validate(struct script_run *s, const char *appspec_name, struct err *err)
{
	struct restore_result *r = &s->result->restore;
	struct err drift = ERR_INIT;
	int same = compare_files(s->previous, &drift);

	if (run_event(s, "ApplicationStart", appspec_name, err) < 0)
		return -1;
	r->started = true;
	if (run_event(s, "ValidateService", appspec_name, err) < 0)
		return -1;
	if (same < 0)
		*err = drift;
	r->validated = same == 0;
	return same;
}

void restore_service(struct script_run *s)
{
	AUTO(deployment_done) struct deployment before = { 0 };
	struct restore_result *r = &s->result->restore;
	struct err err = ERR_INIT;

	if (!r->files)
		return;
	if (!s->previous) {
		r->message = xstrdup("nothing was there before");
		return;
	}
	(void)group_read_request_of(s->previous, &before); /* else: the usual names, and no variables */
	s->environment = before.environment;
	if (start_and_validate(s, before.appspec_filename, &err) < 0)
		r->message = xstrdup(err.msg);
	s->environment = s->deployment->environment;
}
