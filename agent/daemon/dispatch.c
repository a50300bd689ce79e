/* daemon/dispatch.c - see dispatch.h: from a request to its end. */
#include "daemon/dispatch.h"

#include "daemon/ends.h"
#include "daemon/history_folder.h"
#include "daemon/recover_job.h"
#include "daemon/revisions.h"
#include "util/auto.h"
#include "util/log.h"
#include "util/str.h"

#include <fcntl.h>
#include <string.h>

void dispatched_done(struct dispatched *p)
{
	free(p->behind);
	*p = (struct dispatched){ 0 };
}

struct active *dispatch_find(const struct daemon *d, const char *id)
{
	struct active *a = d->actives;

	while (a && strcmp(a->live.deployment.id, id))
		a = a->next;
	return a;
}

size_t dispatch_running(const struct daemon *d)
{
	size_t n = 0;

	for (const struct active *a = d->actives; a; a = a->next)
		n += a->job != NULL;
	return n;
}

struct active *dispatch_remember(struct daemon *d, struct deployment *deployment, int64_t created_at_ms)
{
	struct active *a = xcalloc(1, sizeof(*a));

	a->daemon = d;
	live_init(&a->live, deployment, created_at_ms);
	a->folder = xasprintf("%s/%s/%s", a->live.deployment.settings.deployment_root, a->live.deployment.group,
			      a->live.deployment.id);
	a->next = d->actives;
	d->actives = a;
	return a;
}

static void forget(struct daemon *d, struct active *a)
{
	struct active **at = &d->actives;

	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	job_free(a->job);
	live_done(&a->live);
	free(a->folder);
	free(a->how);
	free(a);
}

void dispatch_free_all(struct daemon *d)
{
	while (d->actives)
		forget(d, d->actives);
}

static void tell(struct daemon *d, const struct active *a)
{
	const char *id = a->live.deployment.id;

	if (!streams_want_documents(d->streams, id))
		return;

	json_t *document = live_document(&a->live);

	streams_document(d->streams, id, document);
	json_decref(document);
}

static enum deployment_status status_of(const json_t *document)
{
	const char *name = json_string_value(json_object_get(document, "status"));
	int s = 0;

	while (s < DEPLOYMENT_STATUS_COUNT &&
	       (!name || strcmp(name, deployment_status_name((enum deployment_status)s))))
		s++;
	return s < DEPLOYMENT_STATUS_COUNT ? (enum deployment_status)s : DEPLOYMENT_FAILED;
}

/* A worker answers for its own group alone. */
static bool is_of(struct daemon *d, const char *group, const char *id)
{
	AUTO(db_row_done) struct db_row row = { 0 };
	struct err ignored = ERR_INIT; /* then its end is not recorded either, and the folder tells it later */

	return db_find(d->db, id, &row, &ignored) != 1 || !strcmp(row.group, group);
}

void dispatch_record(struct daemon *d, const char *group, json_t *document)
{
	const char *id = json_string_value(json_object_get(document, "deployment_id"));
	struct active *a = dispatch_find(d, id);

	if (!is_of(d, group, id)) {
		log_error("a worker of group '%s' sends the result of another group's deployment: it does not count "
			  "deployment='%s'",
			  group, id);
		return;
	}
	log_info("an interrupted deployment has its result event='recovered' deployment='%s' status='%s'", id,
		 json_string_value(json_object_get(document, "status")));
	if (a && a->orphaned && !a->live.end)
		a->live.end = json_incref(document); /* told when its group is free again */
	else if (!a)
		ends_record(d, id, status_of(document), document);
}

/* A failed deployment that had begun to change things, whose author wants the good revision deployed again. Never for
 * a deployment of ours, so once; never in place of something newer that waits. */
static bool wants_redeploy(const struct daemon *d, const struct active *a)
{
	const struct deployment *deployment = &a->live.deployment;
	const json_t *error = json_object_get(a->live.end, "error");
	const char *event = json_string_value(json_object_get(error, "event"));

	return deployment->on_failure == ON_FAILURE_REDEPLOY && status_of(a->live.end) == DEPLOYMENT_FAILED &&
	       strcmp(deployment->creator, REVISIONS_CREATOR) && event && strcmp(event, "Preflight") &&
	       !queue_waiting(d->queue, deployment->group);
}

static void redeploy(struct daemon *d, const struct active *a)
{
	const char *failed = a->live.deployment.id, *group = a->live.deployment.group;
	AUTO(deployment_done) struct deployment again = { 0 };
	AUTO(dispatched_done) struct dispatched place = { 0 };
	AUTO(db_row_done) struct db_row row = { 0 };
	struct err err = ERR_INIT;
	int found = revisions_good(d, group, failed, &row, &err);

	if (found > 0) {
		revisions_deployment(d, &row, &again);
		free(again.creator);
		again.creator = xstrdup(REVISIONS_CREATOR);
		again.requested_by_uid = geteuid();
		again.requested_by_text = xasprintf("deployment %s failed; revision %s again", failed, row.id);
		again.on_failure = ON_FAILURE_NONE;
		found = dispatch_add(d, &again, &place, &err);
	} else if (found == 0) {
		found = err_set(&err, ERR_NOT_READY, "no good revision is on disk");
	}
	if (found < 0)
		log_error("the good revision is not deployed again: %s event='redeploy' deployment='%s' group='%s'",
			  err.msg, failed, group);
}

void dispatch_finish(struct daemon *d, struct active *a)
{
	AUTO_FREE char *id = xstrdup(a->live.deployment.id);
	AUTO_FREE char *group = xstrdup(a->live.deployment.group);
	const char *folder = access(a->folder, F_OK) == 0 ? a->folder : NULL;
	const char *why = json_string_value(json_object_get(json_object_get(a->live.end, "error"), "message"));

	ends_record(d, id, status_of(a->live.end), a->live.end);
	log_info("the deployment has ended%s%s event='ended' deployment='%s' group='%s' status='%s'", why ? ": " : "",
		 why ? why : "", id, group, deployment_status_name(status_of(a->live.end)));
	if (wants_redeploy(d, a))
		redeploy(d, a);
	streams_end(d->streams, id, a->live.end, folder);
	forget(d, a);
	dispatch_start(d, queue_end(d->queue, group, id));
	daemon_changed(d);
}

bool dispatch_finish_from_folder(struct daemon *d, struct active *a)
{
	const char *group = a->live.deployment.group;
	AUTO_FREE char *path = xasprintf("%s/%s", a->live.deployment.settings.deployment_root, group);
	AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO(folder_word_done) struct folder_word w = { 0 };
	struct err ignored = ERR_INIT; /* then the folder does not say */

	/* not by a scan, which needs a database that can be written */
	if (fd < 0 || history_folder_read(fd, group, a->live.deployment.id, &w, &ignored) != FOLDER_ENDED)
		return false;
	a->live.end = TAKE_PTR(w.row.document);
	dispatch_finish(d, a);
	return true;
}

static void end_with(struct daemon *d, struct active *a, enum deployment_status status, const struct err *why)
{
	live_end(&a->live, status, why, "nothing was changed", daemon_now_ms());
	dispatch_finish(d, a);
}

/* What a job says and how it goes */

static void take_result(struct active *a, struct worker_message *m)
{
	const char *id = json_string_value(json_object_get(m->deployment, "deployment_id"));

	if (strcmp(id, a->live.deployment.id)) {
		log_error("the worker sends a result of deployment '%s': it is killed deployment='%s'", id,
			  a->live.deployment.id);
		job_kill(a->job);
	} else if (!a->live.end) {
		a->live.end = TAKE_PTR(m->deployment);
	}
}

static void on_message(void *context, struct worker_message *m)
{
	struct active *a = context;
	struct daemon *d = a->daemon;
	const struct deployment *deployment = &a->live.deployment;

	if (m->kind == WORKER_RESULT) {
		take_result(a, m);
	} else if (m->kind == WORKER_RECOVERED) {
		dispatch_record(d, deployment->group, m->deployment);
	} else if (!a->live.end) {
		json_t *progress = live_apply(&a->live, m, daemon_now_ms());

		if (progress)
			streams_progress(d->streams, deployment->id, progress);
		json_decref(progress);
		if (m->kind != WORKER_EVENT)
			return;
		log_line(m->status == EVENT_SUCCEEDED || m->status == EVENT_FAILED ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG,
			 "%s %s%s%s deployment='%s' group='%s' event='%s' status='%s'", m->event,
			 event_status_name(m->status), m->text && *m->text ? ": " : "", m->text ? m->text : "",
			 deployment->id, deployment->group, m->event, event_status_name(m->status));
		tell(d, a);
	}
}

/* An adopted worker told nobody of its end, and a revision that is in place already leaves no folder either. Nothing
 * was changed then, so a worker of ours looks again. */
static bool starts_again(struct daemon *d, struct active *a, bool adopted, bool stopped)
{
	AUTO_FREE char *id = NULL;
	struct err why = ERR_INIT;

	if (!adopted || access(a->folder, F_OK) == 0)
		return false;
	if (stopped) {
		(void)err_set(&why, ERR_STOPPED, "stopped before it had begun");
		end_with(d, a, DEPLOYMENT_STOPPED, &why);
		return true;
	}
	id = xstrdup(a->live.deployment.id);
	log_info("the worker is gone and nothing of it is on disk: another one is started event='again' "
		 "deployment='%s' group='%s'",
		 id, a->live.deployment.group);
	dispatch_start(d, id); /* by the next daemon when this one is stopping */
	daemon_changed(d);
	return true;
}

/* Its folder may know its result; else another worker has to clear up, and the group waits for that. */
static void on_gone(void *context, bool clean, const char *how)
{
	struct active *a = context;
	struct daemon *d = a->daemon;
	AUTO_FREE char *id = xstrdup(a->live.deployment.id);
	AUTO_FREE char *group = xstrdup(a->live.deployment.group);
	bool adopted = job_is_adopted(a->job), stopped = job_was_stopped(a->job);

	(void)clean;
	job_free(a->job);
	a->job = NULL;
	if (a->live.end) {
		dispatch_finish(d, a);
		return;
	}
	if (dispatch_finish_from_folder(d, a) || starts_again(d, a, adopted, stopped))
		return;
	log_warning("the worker is gone without a result: %s event='worker_died' deployment='%s' group='%s'", how, id,
		    group);
	a->orphaned = true;
	a->how = xstrdup(how);
	/* held first, so that the end of this one does not start the next; A may be gone when this comes back */
	recover_job_start(d, group, id);
	(void)queue_end(d->queue, group, id);
}

struct job_watch dispatch_watch(struct active *a)
{
	return (struct job_watch){ .message = on_message, .gone = on_gone, .context = a };
}

void dispatch_start(struct daemon *d, const char *id)
{
	struct active *a = id && !d->stopping ? dispatch_find(d, id) : NULL;
	struct err err = ERR_INIT;

	if (!a || a->job || a->orphaned)
		return; /* nobody's turn; or it waits in the database for the next daemon; or it runs already */

	const struct deployment *deployment = &a->live.deployment;
	const struct job_watch watch = dispatch_watch(a);

	live_start(&a->live, daemon_now_ms());
	if (db_start(d->db, id, a->live.result.started_at_ms, &err) < 0)
		log_error("recording the start: %s deployment='%s'", err.msg, id);
	if (job_start(d->loop, d->worker, id, deployment_to_json(deployment), &watch, &a->job, &err) < 0) {
		end_with(d, a, DEPLOYMENT_FAILED, &err);
		return;
	}
	if (deployment->deadline_s)
		job_set_deadline(a->job, deployment->deadline_s);
	log_info("the deployment starts event='started' deployment='%s' group='%s' worker=%d", id, deployment->group,
		 (int)job_pid(a->job));
	tell(d, a);
	daemon_changed(d);
}

static int insert(struct daemon *d, const struct active *a, struct err *err)
{
	const struct deployment *deployment = &a->live.deployment;
	struct db_row row = {
		.id = deployment->id,
		.group = deployment->group,
		.application = deployment->application,
		.status = DEPLOYMENT_QUEUED,
		.created_at_ms = a->live.result.created_at_ms,
		.token = deployment->token,
		.uid = deployment->requested_by_uid,
		.origin = DB_DAEMON,
		.request = deployment_to_json(deployment),
		.document = live_document(&a->live),
	};
	int r = db_insert(d->db, &row, err);

	json_decref(row.request);
	json_decref(row.document);
	return r > 0 ? 0 : r < 0 ? -1 : err_set(err, ERR_STATE, "deployment %s or its token is there already", row.id);
}

static void supersede(struct daemon *d, const char *old, const char *new)
{
	struct active *a = dispatch_find(d, old);
	struct err why = ERR_INIT;

	if (!a)
		return;
	(void)err_set(&why, ERR_STOPPED, "superseded by %s", new);
	end_with(d, a, DEPLOYMENT_STOPPED, &why);
}

int dispatch_add(struct daemon *d, struct deployment *deployment, struct dispatched *out, struct err *err)
{
	struct active *a = dispatch_remember(d, deployment, daemon_now_ms());
	const struct deployment *kept = &a->live.deployment;
	AUTO(queue_place_done) struct queue_place place = { 0 };
	AUTO_FREE char *id = xstrdup(kept->id);

	if (insert(d, a, err) < 0) {
		forget(d, a);
		return -1;
	}
	if (queue_add(d->queue, kept->group, id, &place, err) < 0) {
		end_with(d, a, DEPLOYMENT_FAILED, err);
		return -1;
	}
	log_info("a deployment is asked for event='queued' deployment='%s' group='%s' uid=%u behind='%s'", id,
		 kept->group, kept->requested_by_uid, place.behind ? place.behind : "");
	if (place.superseded)
		supersede(d, place.superseded, id);
	if (place.starts)
		dispatch_start(d, id);
	out->behind = TAKE_PTR(place.behind);
	out->active = dispatch_find(d, id);
	return 0;
}

int dispatch_stop(struct daemon *d, struct active *a, const char *why, struct err *err)
{
	struct err stopped = ERR_INIT;

	if (a->orphaned)
		return err_set(
			err, ERR_BUSY,
			"the worker of deployment %s is gone, and what it had begun is being recovered: wait for that",
			a->live.deployment.id);
	if (a->job) {
		log_info("the deployment is asked to stop event='stop' deployment='%s' group='%s'",
			 a->live.deployment.id, a->live.deployment.group);
		job_stop(a->job);
		return 0;
	}
	(void)err_set(&stopped, ERR_STOPPED, "%s", why);
	end_with(d, a, DEPLOYMENT_STOPPED, &stopped);
	return 0;
}
