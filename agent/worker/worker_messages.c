/* worker/worker_messages.c - a table of the kinds; nothing is believed. */
#include "worker/worker_messages.h"

#include "format/json.h"
#include "util/auto.h"
#include "worker/protocol.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define MAX_EVENT 4096

static const char *status_name(int status)
{
	return event_status_name((enum event_status)status);
}

static int take_event(struct jobject *o, struct worker_message *m, struct err *err)
{
	int status = 0;
	int r;

	if (jobject_need_string(o, "event", MAX_EVENT, &m->event, err) < 0 ||
	    (r = jobject_name(o, "status", status_name, EVENT_STATUS_COUNT, &status, err)) < 0 ||
	    jobject_string(o, "text", WORKER_MAX_LINE, &m->text, err) < 0)
		return -1;
	if (!r)
		return err_set(err, ERR_STATE, "progress: 'status' is missing");
	m->status = (enum event_status)status;
	return 0;
}

static int take_note(struct jobject *o, struct worker_message *m, struct err *err)
{
	return jobject_string(o, "event", MAX_EVENT, &m->event, err) < 0 ||
			       jobject_need_string(o, "text", WORKER_MAX_LINE, &m->text, err) < 0
		       ? -1
		       : 0;
}

static int take_work(struct jobject *o, struct worker_message *m, struct err *err)
{
	struct worker_work *w = &m->work;

	return jobject_need_string(o, "event", MAX_EVENT, &m->event, err) < 0 ||
			       jobject_number(o, "files", 0, INT64_MAX, &w->files, err) < 0 ||
			       jobject_number(o, "files_total", 0, INT64_MAX, &w->files_total, err) < 0 ||
			       jobject_number(o, "bytes", 0, INT64_MAX, &w->bytes, err) < 0 ||
			       jobject_number(o, "bytes_total", 0, INT64_MAX, &w->bytes_total, err) < 0
		       ? -1
		       : 0;
}

static int take_doing(struct jobject *o, struct worker_message *m, struct err *err)
{
	return jobject_need_string(o, "event", MAX_EVENT, &m->event, err) < 0 ||
			       jobject_need_string(o, "text", WORKER_MAX_DOING, &m->text, err) < 0
		       ? -1
		       : 0;
}

static int take_started(struct jobject *o, struct worker_message *m, struct err *err)
{
	return jobject_need_string(o, "folder", PATH_MAX, &m->folder, err) < 0 ? -1 : 0;
}

static int take_deployment(struct jobject *o, struct worker_message *m, struct err *err)
{
	const json_t *document = jobject_get(o, "deployment");
	struct deployment_result checked = { 0 };

	if (deployment_result_from_json(document, &checked, err) < 0)
		return -1;

	bool ended = checked.status != DEPLOYMENT_QUEUED && checked.status != DEPLOYMENT_IN_PROGRESS;

	deployment_result_done(&checked);
	if (!ended)
		return err_set(err, ERR_STATE, "progress: the result says that the deployment has not ended");
	if (!json_is_string(json_object_get(document, "deployment_id")))
		return err_set(err, ERR_STATE, "progress: the deployment has no id");
	m->deployment = json_incref((json_t *)document); /* counting is no change of it */
	return 0;
}

static int take_unpacked(struct jobject *o, struct worker_message *m, struct err *err)
{
	return unpack_answer_from_json(o->json, &m->unpacked, err);
}

static int take_packed(struct jobject *o, struct worker_message *m, struct err *err)
{
	return pack_answer_from_json(o->json, &m->packed, err);
}

static int take_planned(struct jobject *o, struct worker_message *m, struct err *err)
{
	return plan_answer_from_json(o->json, &m->planned, err);
}

static const struct {
	const char *progress;
	int (*take)(struct jobject *o, struct worker_message *m, struct err *err);
} kinds[WORKER_MESSAGE_COUNT] = {
	[WORKER_EVENT] = { "event", take_event },
	[WORKER_NOTE] = { "note", take_note },
	[WORKER_WORK] = { "work", take_work },
	[WORKER_DOING] = { "doing", take_doing },
	[WORKER_STARTED] = { "started", take_started },
	[WORKER_RESULT] = { "result", take_deployment },
	[WORKER_RECOVERED] = { "recovered", take_deployment },
	[WORKER_UNPACKED] = { "unpacked", take_unpacked },
	[WORKER_PACKED] = { "packed", take_packed },
	[WORKER_PLANNED] = { "planned", take_planned },
};

int worker_message_from_json(const json_t *json, struct worker_message *out, struct err *err)
{
	const char *progress = json_string_value(json_object_get(json, "progress"));
	AUTO(worker_message_done) struct worker_message m = { 0 };
	struct jobject o;
	int kind = 0;

	if (jobject_open(json, "progress", &o, err) < 0)
		return -1;
	while (kind < WORKER_MESSAGE_COUNT && (!progress || strcmp(progress, kinds[kind].progress)))
		kind++;
	if (kind == WORKER_MESSAGE_COUNT)
		return err_set(err, ERR_STATE, "'%.64s' is not a kind of progress", progress ? progress : "");
	m.kind = (enum worker_message_kind)kind;
	if (kinds[kind].take(&o, &m, err) < 0)
		return -1;
	*out = m;
	m = (struct worker_message){ 0 };
	return 0;
}

int worker_message_parse(const char *line, size_t len, struct worker_message *out, struct err *err)
{
	json_error_t at;
	json_t *json = json_loadb(line, len, JSON_REJECT_DUPLICATES, &at);

	if (!json)
		return err_set(err, ERR_STATE, "not JSON: %s", at.text);

	int r = worker_message_from_json(json, out, err);

	json_decref(json);
	return r;
}

void worker_message_done(struct worker_message *m)
{
	free(m->event);
	free(m->text);
	free(m->folder);
	json_decref(m->deployment);
	unpack_answer_done(&m->unpacked);
	pack_answer_done(&m->packed);
	plan_answer_done(&m->planned);
	*m = (struct worker_message){ 0 };
}

json_t *worker_recover_request(const char *root, const char *group)
{
	return json_pack("{s:i, s:{s:o, s:o}}", "schema", DEPLOYMENT_SCHEMA, "recover", "deployment_root", jbytes(root),
			 "group", jbytes(group));
}
