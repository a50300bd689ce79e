/* daemon/resume.c - folders and rows that have not ended. */
#include "daemon/resume.h"

#include "daemon/dispatch.h"
#include "daemon/recover_job.h"
#include "daemon/worker_search.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/log.h"
#include "util/str.h"

#include <fcntl.h>
#include <string.h>

#define MAX_FOUND   10000
#define REQUEST_MAX (16 * 1024 * 1024)

struct found { /* a folder without a result, or with one that left work behind */
	char *group, *id;
	pid_t pid;
	bool has_result, seen;
};

struct findings {
	struct found *items;
	size_t count;
};

static void findings_done(struct findings *f)
{
	for (size_t i = 0; i < f->count; i++) {
		free(f->items[i].group);
		free(f->items[i].id);
	}
	free(f->items);
}

static void add(struct findings *f, const char *group, const char *id, pid_t pid, bool has_result)
{
	if (f->count == MAX_FOUND)
		return; /* the workers of later deployments of these groups recover them */
	f->items = xrealloc(f->items, (f->count + 1) * sizeof(*f->items));
	f->items[f->count++] = (struct found){
		.group = xstrdup(group),
		.id = xstrdup(id),
		.pid = pid,
		.has_result = has_result,
	};
}

static void on_unended(void *context, const char *group, const char *id, pid_t pid)
{
	add(context, group, id, pid, false);
}

static void on_needs_recovery(void *context, const char *group, const char *id)
{
	add(context, group, id, 0, true);
}

static void on_trouble(void *context, const char *text)
{
	(void)context;
	log_warning("%s", text);
}

static struct found *find(struct findings *f, const char *id)
{
	for (size_t i = 0; i < f->count; i++)
		if (!strcmp(f->items[i].id, id))
			return &f->items[i];
	return NULL;
}

/* In the queue as what runs: another one of its group waits. */
static void take_place(struct daemon *d, const struct active *a)
{
	AUTO(queue_place_done) struct queue_place place = { 0 };
	struct err err = ERR_INIT;

	if (queue_add(d->queue, a->live.deployment.group, a->live.deployment.id, &place, &err) < 0)
		log_warning("%s deployment='%s'", err.msg, a->live.deployment.id);
}

static void adopt(struct daemon *d, struct active *a, pid_t pid, int pidfd)
{
	const struct deployment *deployment = &a->live.deployment;
	const struct job_watch watch = dispatch_watch(a);
	struct err err = ERR_INIT;
	int64_t left_s = (int64_t)deployment->deadline_s - (daemon_now_ms() - a->live.result.started_at_ms) / 1000;

	if (left_s > deployment->deadline_s)
		left_s = deployment->deadline_s; /* the clock was set back */

	take_place(d, a);
	if (job_adopt(d->loop, pid, pidfd, &watch, &a->job, &err) < 0) {
		log_error("%s deployment='%s'", err.msg, deployment->id); /* its folder tells its end to a later scan */
		return;
	}
	if (deployment->deadline_s)
		job_set_deadline(a->job, left_s > 0 ? (unsigned)left_s : 0);
	log_info("a worker that outlived the daemon before is watched event='adopted' deployment='%s' group='%s' "
		 "worker=%d",
		 deployment->id, deployment->group, (int)pid);
}

static void recover(struct daemon *d, struct active *a)
{
	a->orphaned = true;
	a->how = xstrdup("the agent was ended meanwhile");
	recover_job_start(d, a->live.deployment.group, a->live.deployment.id);
}

/* As far as it can be known: its events are in its folder's log, and in the result to come. */
static struct active *remember_running(struct daemon *d, struct deployment *deployment, int64_t created_at_ms,
				       int64_t started_at_ms)
{
	struct active *a = dispatch_remember(d, deployment, created_at_ms);

	live_start(&a->live, started_at_ms ? started_at_ms : daemon_now_ms());
	return a;
}

static void resume_running(struct daemon *d, struct active *a, struct found *found)
{
	const char *id = a->live.deployment.id;
	pid_t pid = found ? found->pid : 0;
	int pidfd = pid ? worker_search_open(pid, id) : worker_search(id, &pid);

	if (found)
		found->seen = true;
	if (pidfd >= 0)
		adopt(d, a, pid, pidfd);
	else
		recover(d, a);
}

static void resume_waiting(struct daemon *d, struct active *a)
{
	const struct deployment *deployment = &a->live.deployment;
	AUTO(queue_place_done) struct queue_place place = { 0 };
	struct err err = ERR_INIT;

	if (queue_add(d->queue, deployment->group, deployment->id, &place, &err) < 0) {
		live_end(&a->live, DEPLOYMENT_FAILED, &err, "nothing was changed", daemon_now_ms());
		dispatch_finish(d, a);
		return;
	}
	log_info("a deployment that waited is taken up event='queued' deployment='%s' group='%s' behind='%s'",
		 deployment->id, deployment->group, place.behind ? place.behind : "");

	struct active *old = place.superseded ? dispatch_find(d, place.superseded) : NULL;
	AUTO_FREE char *why = xasprintf("superseded by %s", deployment->id);

	if (old)
		(void)dispatch_stop(d, old, why, &err);
	if (place.starts)
		dispatch_start(d, deployment->id);
}

/* A row whose request cannot be read any more is ended, so that nobody waits for it. */
static void drop_row(struct daemon *d, const struct db_row *row, const struct err *why)
{
	struct err err = ERR_INIT;

	log_error("a deployment that has not ended cannot be taken up: %s deployment='%s'", why->msg, row->id);
	if (db_finish(d->db, row->id, DEPLOYMENT_FAILED, daemon_now_ms(), row->document, &err) < 0)
		log_error("%s", err.msg);
}

/* Started, but neither folder nor worker are there. As a rule it died before it had a folder, and is started again. But
 * when the group has moved on, its folder may have gone since, and an old revision must not come back. */
static bool group_has_moved_on(struct daemon *d, const struct db_row *row)
{
	AUTO(db_row_done) struct db_row latest = { 0 };
	struct err err = ERR_INIT;

	return row->origin == DB_LOCAL || /* nobody has asked us for it */
	       db_find_latest(d->db, row->group, &latest, &err) != 1 ||
	       (strcmp(latest.id, row->id) && latest.origin == DB_LOCAL) || latest.started_at_ms > row->started_at_ms;
}

/* A newer request replaces one that waits; the daemon before did not come to recording that. */
static bool was_superseded(struct daemon *d, struct active *a, const struct db_row *row)
{
	AUTO(db_row_done) struct db_row later = { 0 };
	struct err err = ERR_INIT;

	if (db_find_later(d->db, row, &later, &err) != 1)
		return false;
	(void)err_set(&err, ERR_STOPPED, "superseded by %s", later.id);
	live_end(&a->live, DEPLOYMENT_STOPPED, &err, "nothing was changed", daemon_now_ms());
	dispatch_finish(d, a);
	return true;
}

static void resume_lost(struct daemon *d, struct active *a, const struct db_row *row)
{
	struct err why = ERR_INIT;

	if (!group_has_moved_on(d, row)) {
		resume_waiting(d, a);
		return;
	}
	(void)err_set(&why, ERR_INTERRUPTED,
		      "the agent was ended in the middle of this deployment, and nothing of it is on disk any more");
	live_end(&a->live, DEPLOYMENT_FAILED, &why,
		 row->origin == DB_LOCAL ? NULL : "later deployments of the group have run since", daemon_now_ms());
	dispatch_finish(d, a);
}

static void resume_row(struct daemon *d, const struct db_row *row, struct findings *f)
{
	AUTO(deployment_done) struct deployment deployment = { 0 };
	struct found *found = find(f, row->id);
	struct err err = ERR_INIT;

	if (deployment_from_json(row->request, &deployment, &err) < 0) {
		drop_row(d, row, &err);
		return;
	}

	bool started = row->status == DEPLOYMENT_IN_PROGRESS;
	pid_t pid = 0;
	AUTO_FD int alive = started && !found ? worker_search(row->id, &pid) : -1;

	if (found || alive >= 0)
		resume_running(d, remember_running(d, &deployment, row->created_at_ms, row->started_at_ms), found);
	else if (started)
		resume_lost(d, dispatch_remember(d, &deployment, row->created_at_ms), row);
	else {
		struct active *a = dispatch_remember(d, &deployment, row->created_at_ms);

		if (!was_superseded(d, a, row))
			resume_waiting(d, a);
	}
}

/* A folder that the database knows nothing of, or whose deployment had ended with work left. What `slipway local` runs
 * at this moment is its own business: the group's lock says so to our workers. */
static void resume_folder(struct daemon *d, struct found *found)
{
	AUTO_FREE char *path = xasprintf("%s/%s/%s/request.json", d->config.settings.deployment_root, found->group,
					 found->id);
	AUTO(str_done) struct str text = STR_INIT(REQUEST_MAX);
	AUTO(deployment_done) struct deployment deployment = { 0 };
	struct err err = ERR_INIT;
	AUTO_FD int alive = worker_search_open(found->pid, found->id);

	if (found->has_result || fs_read_file(AT_FDCWD, path, &text, &err) != 1) {
		recover_job_start(d, found->group, found->id);
		return;
	}

	json_t *json = json_loadb(str_text(&text), text.len, JSON_REJECT_DUPLICATES, NULL);
	bool ours = deployment_from_json(json_object_get(json, "request"), &deployment, &err) == 0 &&
		    deployment.outlives && !strcmp(deployment.id, found->id) && !strcmp(deployment.group, found->group);

	json_decref(json);
	if (ours)
		resume_running(d, remember_running(d, &deployment, daemon_now_ms(), 0), found);
	else if (alive < 0)
		recover_job_start(d, found->group, found->id);
}

int resume_all(struct daemon *d, struct err *err)
{
	AUTO(findings_done) struct findings f = { 0 };
	AUTO(db_rows_done) struct db_rows rows = { 0 };
	const struct history_watch watch = {
		.unended = on_unended,
		.needs_recovery = on_needs_recovery,
		.trouble = on_trouble,
		.context = &f,
	};

	if (history_scan(d->history, &watch, err) < 0)
		return err_add(err, "reading the deployment folders");
	if (db_list_unended(d->db, &rows, err) < 0)
		return -1;
	/* what runs first, so that what waits gets in behind it */
	for (size_t i = 0; i < rows.count; i++)
		if (rows.items[i].status == DEPLOYMENT_IN_PROGRESS)
			resume_row(d, &rows.items[i], &f);
	for (size_t i = 0; i < f.count; i++)
		if (!f.items[i].seen && !dispatch_find(d, f.items[i].id))
			resume_folder(d, &f.items[i]);
	for (size_t i = 0; i < rows.count; i++)
		if (rows.items[i].status == DEPLOYMENT_QUEUED && !dispatch_find(d, rows.items[i].id))
			resume_row(d, &rows.items[i], &f);
	return 0;
}
