/* daemon/requests_show.c - watch, show, list and status: what there is to see. */
#include "control/answer.h"
#include "control/socket_protocol.h"
#include "daemon/dispatch.h"
#include "daemon/ends.h"
#include "daemon/recover_job.h"
#include "daemon/requests.h"
#include "daemon/revisions.h"
#include "util/auto.h"
#include "util/str.h"

#include <string.h>
#include <time.h>

#define DEFAULT_LIMIT 100
#define MAX_LIMIT     10000

/* New reference. */
static json_t *document_of(const struct daemon *d, const struct db_row *row)
{
	const struct active *a = dispatch_find(d, row->id);

	return a ? live_document(&a->live) : json_incref(row->document);
}

static void replay(struct request *r, const struct active *a, bool documents)
{
	const char *id = a->live.deployment.id;
	json_t *document = documents ? live_document(&a->live) : NULL;
	json_t *progress;
	size_t i;

	json_array_foreach(a->live.past, i, progress)
		socket_client_send(r->client, streams_progress_line(id, progress));
	if (a->live.doing)
		socket_client_send(r->client, streams_progress_line(id, a->live.doing));
	if (document)
		socket_client_send(r->client, streams_document_line(id, document));
	json_decref(document);
}

/* The events of a deployment that has ended, as its document has them. */
static void replay_document(struct request *r, const char *id, const json_t *document)
{
	const json_t *event;
	size_t i;

	json_array_foreach(json_object_get(document, "events"), i, event)
	{
		const json_t *message = json_object_get(event, "message");
		const json_t *script = json_object_get(event, "script");
		const char *text = json_string_value(json_is_string(message) ? message : script);
		json_t *progress = json_pack("{s:s, s:O, s:O, s:s}", "progress", "event", "event",
					     json_object_get(event, "event"), "status",
					     json_object_get(event, "status"), "text", text ? text : "");

		socket_client_send(r->client, streams_progress_line(id, progress));
		json_decref(progress);
	}
}

int request_watch(struct request *r, struct err *err)
{
	struct daemon *d = r->daemon;
	AUTO(db_row_done) struct db_row row = { 0 };
	AUTO_FREE char *id = NULL;
	bool documents;

	if (request_text(r, "deployment_id", &id, err) < 0 || request_flag(r, "documents", &documents, err) < 0 ||
	    request_end(r, err) < 0)
		return -1;

	const struct active *a = id ? dispatch_find(d, id) : NULL;

	if (a)
		replay(r, a, documents);
	if (a || !id) {
		streams_add(d->streams, r->client, id, documents);
		return 0;
	}
	daemon_scan(d);
	if (request_find(r, id, NULL, &row, err) < 0 || request_ended(&row, err) < 0)
		return -1;
	replay_document(r, id, row.document);
	request_answer_deployment(r, row.document, row.group, id);
	return 0;
}

int request_show(struct request *r, struct err *err)
{
	AUTO(db_row_done) struct db_row row = { 0 };
	AUTO_FREE char *id = NULL;
	AUTO_FREE char *group = NULL;

	if (request_text(r, "deployment_id", &id, err) < 0 || request_text(r, "group", &group, err) < 0 ||
	    request_end(r, err) < 0)
		return -1;
	daemon_scan(r->daemon);
	if (request_find(r, id, group, &row, err) < 0)
		return -1;

	json_t *document = document_of(r->daemon, &row);

	request_answer_deployment(r, document, row.group, row.id);
	json_decref(document);
	return 0;
}

static int limit_of(struct request *r, uint64_t *out, struct err *err)
{
	*out = DEFAULT_LIMIT;
	if (!json_object_get(r->fields.json, "limit") || json_is_null(json_object_get(r->fields.json, "limit"))) {
		(void)jobject_get(&r->fields, "limit"); /* null counts as seen */
		return 0;
	}
	if (jobject_number(&r->fields, "limit", 1, MAX_LIMIT, out, err) < 0) {
		err->kind = ERR_USAGE;
		return -1;
	}
	return 0;
}

int request_list(struct request *r, struct err *err)
{
	AUTO(db_rows_done) struct db_rows rows = { 0 };
	AUTO_FREE char *group = NULL;
	uint64_t limit;
	size_t size = 0;

	if (request_text(r, "group", &group, err) < 0 || limit_of(r, &limit, err) < 0 || request_end(r, err) < 0)
		return -1;
	daemon_scan(r->daemon);
	if (db_list(r->daemon->db, group, (unsigned)limit, &rows, err) < 0)
		return -1;

	json_t *list = json_array();
	json_t *line = answer_done();

	for (size_t i = 0; i < rows.count; i++) {
		ends_apply(r->daemon, &rows.items[i]);

		json_t *document = document_of(r->daemon, &rows.items[i]);

		size += json_dumpb(document, NULL, 0, JSON_COMPACT) + 1;
		if (size > PROTOCOL_MAX_ANSWER - 4096) { /* the newest ones, as many as an answer takes */
			json_decref(document);
			break;
		}
		(void)json_array_append_new(list, document); /* memory only, as the next */
	}
	(void)json_object_set_new(line, "deployments", list);
	socket_client_end(r->client, line);
	return 0;
}

static json_t *timestamp(int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	char text[64];
	struct tm tm;

	if (ms <= 0 || !gmtime_r(&seconds, &tm) || !strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		return json_null();
	return json_string(text);
}

static void unhappy_about(const struct daemon *d, json_t *list)
{
	if (d->reload_error)
		(void)json_array_append_new(list,
					    json_sprintf("the configuration was not reloaded: %s", d->reload_error));
	if (d->database_told)
		(void)json_array_append_new(list, jtext(d->database_told));
	if (ends_count(d))
		(void)json_array_append_new(
			list,
			json_sprintf("the end of %zu deployments cannot be written to the database", ends_count(d)));
	if (recover_job_any(d))
		(void)json_array_append_new(list, json_string("a deployment whose worker died is being recovered"));
}

static json_t *agent_of(const struct daemon *d)
{
	json_t *unhappy = json_array();

	unhappy_about(d, unhappy);
	return json_pack("{s:s, s:i, s:o, s:o, s:b, s:o}", "version", SLIPWAY_VERSION, "pid", (int)getpid(),
			 "started_at", timestamp(d->started_at_ms), "deployment_root",
			 jpath(d->config.settings.deployment_root), "stopping", d->stopping, "unhappy", unhappy);
}

static json_t *in_place(const struct daemon *d, const char *group)
{
	AUTO_FREE char *id = revisions_in_place(d, group);
	AUTO(db_row_done) struct db_row row = { 0 };
	struct err ignored = ERR_INIT; /* then its name alone is known */

	if (!id)
		return json_null();

	int found = db_find(d->db, id, &row, &ignored);
	const json_t *document = found > 0 ? row.document : NULL;
	const json_t *revision = json_object_get(document, "revision");

	return json_pack("{s:o, s:O?, s:O?, s:O?}", "deployment_id", jpath(id), "finished_at",
			 json_object_get(document, "finished_at"), "digest", json_object_get(revision, "digest"),
			 "location", json_object_get(revision, "location"));
}

static json_t *last_of(const struct daemon *d, const char *group, bool *needs_recovery)
{
	AUTO(db_row_done) struct db_row row = { 0 };
	struct err ignored = ERR_INIT;

	if (db_find_latest(d->db, group, &row, &ignored) <= 0)
		return json_null();
	ends_apply(d, &row);
	*needs_recovery = row.needs_recovery;

	const struct active *a = dispatch_find(d, row.id);

	return json_pack("{s:o, s:s, s:O?}", "deployment_id", jpath(row.id), "status",
			 deployment_status_name(a ? a->live.result.status : row.status), "finished_at",
			 json_object_get(row.document, "finished_at"));
}

static json_t *group_of(const struct daemon *d, const char *group)
{
	const char *running = queue_running(d->queue, group);
	const char *held = recover_job_runs(d, group) ? queue_held(d->queue, group) : NULL;
	bool needs_recovery = false;
	json_t *last = last_of(d, group, &needs_recovery);

	return json_pack("{s:o, s:o, s:s?, s:s?, s:o, s:b}", "group", jpath(group), "last_successful",
			 in_place(d, group), "running", running ? running : held, "queued",
			 queue_waiting(d->queue, group), "last", last, "needs_recovery", needs_recovery || held);
}

int request_status(struct request *r, struct err *err)
{
	char **groups = NULL;

	if (request_end(r, err) < 0)
		return -1;
	daemon_scan(r->daemon);
	if (db_list_groups(r->daemon->db, &groups, err) < 0)
		return -1;

	json_t *list = json_array();
	json_t *line = answer_done();

	for (size_t i = 0; groups && groups[i]; i++)
		(void)json_array_append_new(list, group_of(r->daemon, groups[i])); /* memory only, as the next */
	jstrings_free(groups);
	(void)json_object_set_new(line, "agent", agent_of(r->daemon));
	(void)json_object_set_new(line, "groups", list);
	socket_client_end(r->client, line);
	return 0;
}
