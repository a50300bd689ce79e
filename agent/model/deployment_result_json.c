/* model/deployment_result_json.c - results as JSON objects, and back with every field checked. */
#include "format/json.h"
#include "model/deployment.h"
#include "model/deployment_limits.h"
#include "util/auto.h"
#include "util/str.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MAX_LOG_TAIL  (4 * 2048) /* bytes that are not printable take four */
#define MAX_TIMESTAMP INT64_C(253402300799999)

static const char *status_name(int status)
{
	return deployment_status_name((enum deployment_status)status);
}

static const char *event_name(int status)
{
	return event_status_name((enum event_status)status);
}

/* RFC 3339 in UTC with milliseconds; null: it has not happened. */
static json_t *timestamp(int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	char text[64];

	if (ms <= 0 || ms > MAX_TIMESTAMP || !gmtime_r(&seconds, &tm))
		return json_null();

	size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);

	(void)snprintf(text + n, sizeof(text) - n, ".%03dZ", (int)(ms % 1000));
	return json_string(text);
}

int deployment_time_from_text(const char *text, int64_t *out_ms)
{
	struct tm tm = { 0 };
	unsigned ms = 0;
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	int end = -1;

	if (rest && strcmp(rest, "Z") && (sscanf(rest, ".%3uZ%n", &ms, &end) != 1 || end != (int)strlen(rest)))
		rest = NULL;
	if (!rest)
		return -1;
	*out_ms = (int64_t)timegm(&tm) * 1000 + ms;
	return 0;
}

static int timestamp_get(struct jobject *o, const char *key, int64_t *out, struct err *err)
{
	AUTO_FREE char *text = NULL;
	int r = jobject_string(o, key, 64, &text, err);

	if (r <= 0)
		return r;
	return deployment_time_from_text(text, out) < 0
		       ? err_set(err, ERR_STATE, "%s: '%s' is not a time in UTC", o->what, key)
		       : 0;
}

static json_t *code_or_null(enum err_kind kind)
{
	return kind == ERR_NONE ? json_null() : json_string(err_code(kind));
}

json_t *event_result_to_json(const struct event_result *e)
{
	bool good = e->status == EVENT_SUCCEEDED && e->kind == ERR_NONE;

	return json_pack("{s:o, s:s, s:o, s:I, s:o, s:o, s:o, s:o, s:o}", "event", jpath(e->event), "status",
			 event_status_name(e->status), "started_at", timestamp(e->started_at_ms), "duration_ms",
			 (json_int_t)e->duration_ms, "error_code",
			 good ? json_string("Success") : code_or_null(e->kind), "script", jpath(e->script), "exit_code",
			 e->exit_code < 0 ? json_null() : json_integer(e->exit_code), "message", jtext(e->message),
			 "log_tail", jtext(e->log_tail));
}

static json_t *error_to_json(const struct deployment_result *r)
{
	if (r->kind == ERR_NONE)
		return json_null();
	return json_pack("{s:o, s:s, s:o, s:o, s:b}", "event", jpath(r->error_event), "error_code", err_code(r->kind),
			 "message", jtext(r->error_message), "action", jtext(r->error_action), "refused",
			 err_exit_status(r->kind) == err_exit_status(ERR_BUSY));
}

static json_t *restore_to_json(const struct restore_result *r)
{
	if (!r->tried && !r->message)
		return json_null();
	return json_pack("{s:b, s:b, s:b, s:b, s:o}", "tried", r->tried, "files", r->files, "started", r->started,
			 "validated", r->validated, "message", jtext(r->message));
}

#define COUNTER(member) #member, offsetof(struct file_counts, member)

/* The counters of a result by name. */
static const struct {
	const char *key;
	size_t offset;
} counters[] = {
	{ COUNTER(planned) }, { COUNTER(added) },    { COUNTER(changed) }, { COUNTER(unchanged) },
	{ COUNTER(removed) }, { COUNTER(retained) }, { COUNTER(bytes) },
};

static json_t *files_to_json(const struct file_counts *c)
{
	json_t *o = json_object();

	for (size_t i = 0; i < ARRAY_LEN(counters); i++) {
		uint64_t n = *(const uint64_t *)((const char *)c + counters[i].offset);

		json_object_set_new(o, counters[i].key, json_integer((json_int_t)n));
	}
	return o;
}

static int files_from_json(const json_t *json, struct file_counts *c, struct err *err)
{
	struct jobject o;

	if (jobject_open(json, "files of the result", &o, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(counters); i++)
		if (jobject_number(&o, counters[i].key, 0, INT64_MAX, (uint64_t *)((char *)c + counters[i].offset),
				   err) < 0)
			return -1;
	return 0;
}

/* Who asked for it and what for: the part of the result that repeats the request. */
static json_t *identity_to_json(const struct deployment *d, const char *digest, bool changed)
{
	return json_pack("{s:i, s:o, s:b, s:{s:I, s:o, s:o}, s:o, s:o, s:o, s:o, s:o, s:{s:s, s:o, s:o, s:o}}",
			 "schema", DEPLOYMENT_SCHEMA, "deployment_id", jpath(d->id), "changed", changed, "requested_by",
			 "uid", (json_int_t)d->requested_by_uid, "login", jpath(d->requested_by_login), "text",
			 jtext(d->requested_by_text), "application", jpath(d->application), "group", jpath(d->group),
			 "group_name", jpath(d->group_name), "creator", jpath(d->creator), "type", jpath(d->type),
			 "revision", "type", revision_type_name(d->revision.type), "location",
			 jpath(d->revision.location), "bundle_type", jpath(d->revision.bundle_type), "digest",
			 jpath(digest));
}

json_t *deployment_result_to_json(const struct deployment *d, const struct deployment_result *r)
{
	json_t *o = identity_to_json(d, r->revision_digest, !r->unchanged);
	json_t *events = json_array();

	for (size_t i = 0; i < r->event_count; i++)
		json_array_append_new(events, event_result_to_json(&r->events[i]));
	json_object_set_new(o, "status", json_string(deployment_status_name(r->status)));
	json_object_set_new(o, "created_at", timestamp(r->created_at_ms));
	json_object_set_new(o, "started_at", timestamp(r->started_at_ms));
	json_object_set_new(o, "finished_at", timestamp(r->finished_at_ms));
	json_object_set_new(o, "files", files_to_json(&r->files));
	json_object_set_new(o, "events", events);
	json_object_set_new(o, "error", error_to_json(r));
	json_object_set_new(o, "restore", restore_to_json(&r->restore));
	json_object_set_new(o, "now", jtext(r->now));
	json_object_set_new(o, "conflicts", jstrings(r->conflicts, jpath));
	json_object_set_new(o, "warnings", jstrings(r->warnings, jtext));
	json_object_set_new(o, "needs_recovery", json_boolean(r->needs_recovery));
	return o;
}

static int kind_get(struct jobject *o, enum err_kind *out, struct err *err)
{
	AUTO_FREE char *code = NULL;
	int r = jobject_string(o, "error_code", MAX_NAME, &code, err);

	if (r > 0)
		*out = err_kind_of_code(code);
	return r;
}

static int event_fields(const json_t *json, struct event_result *e, struct err *err)
{
	struct jobject o;
	int status = -1;
	uint64_t duration;

	e->exit_code = -1;
	if (jobject_open(json, "event of the result", &o, err) < 0 ||
	    jobject_need_string(&o, "event", MAX_NAME, &e->event, err) < 0 ||
	    jobject_name(&o, "status", event_name, EVENT_STATUS_COUNT, &status, err) < 0 ||
	    timestamp_get(&o, "started_at", &e->started_at_ms, err) < 0 ||
	    jobject_number(&o, "duration_ms", 0, INT64_MAX, &duration, err) < 0 || kind_get(&o, &e->kind, err) < 0 ||
	    jobject_string(&o, "script", MAX_MESSAGE, &e->script, err) < 0 ||
	    jobject_string(&o, "message", MAX_MESSAGE, &e->message, err) < 0 ||
	    jobject_string(&o, "log_tail", MAX_LOG_TAIL, &e->log_tail, err) < 0)
		return -1;
	if (status < 0)
		return err_set(err, ERR_STATE, "%s: 'status' is missing", o.what);
	e->status = (enum event_status)status;
	e->duration_ms = (int64_t)duration;
	if (!jobject_get(&o, "exit_code"))
		return 0;

	uint64_t code;

	if (jobject_number(&o, "exit_code", 0, INT_MAX, &code, err) < 0)
		return -1;
	e->exit_code = (int)code;
	return 0;
}

int event_result_from_json(const json_t *json, struct event_result *out, struct err *err)
{
	*out = (struct event_result){ .exit_code = -1 };
	if (event_fields(json, out, err) == 0)
		return 0;
	event_result_done(out);
	return -1;
}

static int events_from_json(const json_t *json, struct deployment_result *r, struct err *err)
{
	size_t count = json_array_size(json);

	if (!json_is_array(json) || count > MAX_EVENTS)
		return err_set(err, ERR_STATE, "result: 'events' is not a list of at most %d", MAX_EVENTS);
	r->events = xcalloc(count, sizeof(*r->events));
	for (size_t i = 0; i < count; i++) {
		r->event_count++;
		if (event_result_from_json(json_array_get(json, i), &r->events[i], err) < 0)
			return -1;
	}
	return 0;
}

static int error_from_json(const json_t *json, struct deployment_result *r, struct err *err)
{
	struct jobject o;
	bool refused = false;

	if (!json)
		return 0;
	r->kind = ERR_SYS;
	if (jobject_open(json, "error of the result", &o, err) < 0 || kind_get(&o, &r->kind, err) < 0 ||
	    jobject_string(&o, "event", MAX_NAME, &r->error_event, err) < 0 ||
	    jobject_string(&o, "message", MAX_MESSAGE, &r->error_message, err) < 0 ||
	    jobject_string(&o, "action", MAX_MESSAGE, &r->error_action, err) < 0 ||
	    jobject_bool(&o, "refused", &refused, err) < 0)
		return -1;
	if (refused && r->kind == ERR_SYS) /* what has no code of its own */
		r->kind = ERR_BUSY;
	return 0;
}

static int restore_from_json(const json_t *json, struct restore_result *r, struct err *err)
{
	struct jobject o;

	if (!json)
		return 0;
	if (jobject_open(json, "restore of the result", &o, err) < 0 || jobject_bool(&o, "tried", &r->tried, err) < 0 ||
	    jobject_bool(&o, "files", &r->files, err) < 0 || jobject_bool(&o, "started", &r->started, err) < 0 ||
	    jobject_bool(&o, "validated", &r->validated, err) < 0 ||
	    jobject_string(&o, "message", MAX_MESSAGE, &r->message, err) < 0)
		return -1;
	return 0;
}

static int result_fields(struct jobject *o, struct deployment_result *r, struct err *err)
{
	uint64_t schema;
	int status = -1;

	if (jobject_number(o, "schema", DEPLOYMENT_SCHEMA, DEPLOYMENT_SCHEMA, &schema, err) < 0 ||
	    jobject_name(o, "status", status_name, DEPLOYMENT_STATUS_COUNT, &status, err) < 0 ||
	    timestamp_get(o, "created_at", &r->created_at_ms, err) < 0 ||
	    timestamp_get(o, "started_at", &r->started_at_ms, err) < 0 ||
	    timestamp_get(o, "finished_at", &r->finished_at_ms, err) < 0 ||
	    files_from_json(jobject_get(o, "files"), &r->files, err) < 0 ||
	    events_from_json(jobject_get(o, "events"), r, err) < 0 ||
	    error_from_json(jobject_get(o, "error"), r, err) < 0 ||
	    restore_from_json(jobject_get(o, "restore"), &r->restore, err) < 0 ||
	    jobject_string(o, "now", MAX_MESSAGE, &r->now, err) < 0 ||
	    jobject_strings(o, "conflicts", MAX_LIST, MAX_MESSAGE, &r->conflicts, err) < 0 ||
	    jobject_strings(o, "warnings", MAX_LIST, MAX_MESSAGE, &r->warnings, err) < 0 ||
	    jobject_bool(o, "needs_recovery", &r->needs_recovery, err) < 0)
		return -1;
	if (status < 0)
		return err_set(err, ERR_STATE, "%s: 'status' is missing", o->what);
	r->status = (enum deployment_status)status;
	r->unchanged = json_is_false(jobject_get(o, "changed"));

	const json_t *digest = json_object_get(jobject_get(o, "revision"), "digest");

	if (json_is_string(digest))
		r->revision_digest = xstrdup(json_string_value(digest));
	return 0;
}

int deployment_result_from_json(const json_t *json, struct deployment_result *out, struct err *err)
{
	AUTO(deployment_result_done) struct deployment_result r = { 0 };
	struct jobject o;

	if (jobject_open(json, "result", &o, err) < 0 || result_fields(&o, &r, err) < 0)
		return -1;
	*out = r;
	r = (struct deployment_result){ 0 };
	return 0;
}
