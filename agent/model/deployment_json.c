/* model/deployment_json.c - requests and results as JSON objects, and back with every field checked. */
#include "format/json.h"
#include "model/deployment.h"
#include "util/auto.h"
#include "util/str.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MAX_NAME      255 /* a folder's name */
#define MAX_TEXT      4096
#define MAX_EVENTS    200
#define MAX_LIST      1000000 /* conflicts: as many as a bundle may have entries */
#define MAX_MESSAGE   65536
#define MAX_LOG_TAIL  (4 * 2048) /* bytes that are not printable take four */
#define MAX_TIMESTAMP INT64_C(253402300799999)

static const char *const revision_type_names[REVISION_TYPE_COUNT] = {
	[REVISION_LOCAL_DIRECTORY] = "Local Directory",
	[REVISION_LOCAL_FILE] = "Local File",
};

const char *revision_type_name(enum revision_type type)
{
	return revision_type_names[type];
}

static const char *type_name(int type)
{
	return revision_type_name((enum revision_type)type);
}

static const char *method_name(int method)
{
	return runas_method_name((enum runas_method)method);
}

static const char *outputs_name(int policy)
{
	return outputs_left_open_name((enum outputs_left_open)policy);
}

static const char *failure_name(int policy)
{
	return on_failure_name((enum on_failure)policy);
}

static const char *status_name(int status)
{
	return deployment_status_name((enum deployment_status)status);
}

static const char *event_name(int status)
{
	return event_status_name((enum event_status)status);
}

/* The strings of the request: what they are called, where they live, how they are checked. */
enum check { CHECK_NONE, CHECK_FOLDER_NAME, CHECK_ABSOLUTE, CHECK_ABSOLUTE_OR_EMPTY };

struct string_field {
	const char *key;
	size_t offset;
	size_t max;
	bool required;
	enum check check;
};

#define FIELD(type, member) #member, offsetof(struct type, member)

static const struct string_field request_strings[] = {
	{ FIELD(deployment, id), MAX_NAME, true, CHECK_FOLDER_NAME },
	{ FIELD(deployment, application), MAX_TEXT, true, CHECK_NONE },
	{ FIELD(deployment, group), MAX_NAME, true, CHECK_FOLDER_NAME },
	{ FIELD(deployment, group_name), MAX_TEXT, true, CHECK_NONE },
	{ FIELD(deployment, creator), MAX_NAME, true, CHECK_NONE },
	{ FIELD(deployment, type), MAX_NAME, true, CHECK_NONE },
	{ FIELD(deployment, requested_by_login), MAX_NAME, false, CHECK_NONE },
	{ FIELD(deployment, requested_by_text), MAX_TEXT, false, CHECK_NONE },
	{ FIELD(deployment, appspec_filename), PATH_MAX, false, CHECK_NONE },
	{ FIELD(deployment, file_exists_behavior), MAX_NAME, false, CHECK_NONE },
	{ FIELD(deployment, digest), MAX_NAME, false, CHECK_NONE },
	{ FIELD(deployment, plan_id), MAX_NAME, false, CHECK_NONE },
	{ FIELD(deployment, token), MAX_NAME, false, CHECK_NONE },
};

static const struct string_field revision_strings[] = {
	{ FIELD(revision, location), PATH_MAX, true, CHECK_ABSOLUTE },
	{ FIELD(revision, bundle_type), MAX_NAME, true, CHECK_NONE },
};

static const struct string_field settings_strings[] = {
	{ FIELD(settings, deployment_root), PATH_MAX, true, CHECK_ABSOLUTE },
	{ FIELD(settings, install_prefix), PATH_MAX, true, CHECK_ABSOLUTE_OR_EMPTY },
	{ FIELD(settings, file_exists_behavior), MAX_NAME, false, CHECK_NONE },
	{ FIELD(settings, instance), MAX_NAME, false, CHECK_NONE },
	{ FIELD(settings, region), MAX_NAME, false, CHECK_NONE },
	{ FIELD(settings, hooks_dir), PATH_MAX, false, CHECK_ABSOLUTE },
	{ FIELD(settings, program_name), MAX_PROGRAM_NAME, false, CHECK_FOLDER_NAME },
	{ FIELD(settings, policy), PATH_MAX, false, CHECK_ABSOLUTE },
};

static bool passes(enum check check, const char *s)
{
	switch (check) {
	case CHECK_FOLDER_NAME:
		return *s && !strchr(s, '/') && strcmp(s, ".") && strcmp(s, "..");
	case CHECK_ABSOLUTE:
		return *s == '/';
	case CHECK_ABSOLUTE_OR_EMPTY:
		return *s == '/' || !*s;
	case CHECK_NONE:
		break;
	}
	return true;
}

static void strings_put(json_t *object, const struct string_field *fields, size_t count, const void *base)
{
	for (size_t i = 0; i < count; i++)
		json_object_set_new(object, fields[i].key,
				    jbytes(*(char *const *)((const char *)base + fields[i].offset)));
}

static int strings_get(struct jobject *o, const struct string_field *fields, size_t count, void *base, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		const struct string_field *f = &fields[i];
		char **slot = (char **)((char *)base + f->offset);
		int r = f->required ? jobject_need_string(o, f->key, f->max, slot, err)
				    : jobject_string(o, f->key, f->max, slot, err);

		if (r < 0)
			return -1;
		if (r && !passes(f->check, *slot))
			return err_set(err, ERR_STATE, "%s: '%s' is not %s", o->what, f->key,
				       f->check == CHECK_FOLDER_NAME ? "the name of a folder" : "an absolute path");
	}
	return 0;
}

static json_t *settings_to_json(const struct settings *s)
{
	json_t *o = json_pack("{s:b, s:I, s:I, s:I, s:I, s:s, s:s, s:b, s:b, s:b}", "policy_needed", s->policy_needed,
			      "max_revisions", (json_int_t)s->max_revisions, "max_entries", (json_int_t)s->max_entries,
			      "max_unpacked_bytes", (json_int_t)s->max_unpacked_bytes, "max_ratio",
			      (json_int_t)s->max_ratio, "outputs_left_open",
			      outputs_left_open_name(s->outputs_left_open), "runas_method",
			      runas_method_name(s->runas_method), "refuse_outside_links", s->refuse_outside_links,
			      "deployments_log", s->deployments_log, "worker_threads", s->worker_threads);

	json_object_set_new(o, "hooks_timeout_s", json_integer((json_int_t)s->hooks_timeout_s));
	json_object_set_new(o, "variables", jstrings(s->variables, jbytes));
	strings_put(o, settings_strings, ARRAY_LEN(settings_strings), s);
	return o;
}

/* The hooks of the host and their variables: a request of an older agent has neither. */
static int host_from_json(struct jobject *o, struct settings *s, struct err *err)
{
	uint64_t timeout = HOOKS_TIMEOUT_S;

	if ((json_object_get(o->json, "hooks_timeout_s") &&
	     jobject_number(o, "hooks_timeout_s", 1, INT_MAX, &timeout, err) < 0) ||
	    jobject_strings(o, "variables", MAX_LIST, MAX_MESSAGE, &s->variables, err) < 0)
		return -1;
	s->hooks_timeout_s = (unsigned)timeout;
	return 0;
}

static int settings_from_json(const json_t *json, struct settings *s, struct err *err)
{
	struct jobject o;
	uint64_t revisions;
	int outputs = OUTPUTS_WAIT, method = RUNAS_DIRECT;

	if (jobject_open(json, "settings of the request", &o, err) < 0 ||
	    strings_get(&o, settings_strings, ARRAY_LEN(settings_strings), s, err) < 0 ||
	    jobject_number(&o, "max_revisions", 1, UINT_MAX, &revisions, err) < 0 ||
	    jobject_number(&o, "max_entries", 1, INT64_MAX, &s->max_entries, err) < 0 ||
	    jobject_number(&o, "max_unpacked_bytes", 1, INT64_MAX, &s->max_unpacked_bytes, err) < 0 ||
	    jobject_number(&o, "max_ratio", 0, INT64_MAX, &s->max_ratio, err) < 0 ||
	    jobject_name(&o, "outputs_left_open", outputs_name, OUTPUTS_COUNT, &outputs, err) < 0 ||
	    jobject_name(&o, "runas_method", method_name, RUNAS_METHOD_COUNT, &method, err) < 0 ||
	    jobject_bool(&o, "refuse_outside_links", &s->refuse_outside_links, err) < 0 ||
	    jobject_bool(&o, "deployments_log", &s->deployments_log, err) < 0 ||
	    jobject_bool(&o, "worker_threads", &s->worker_threads, err) < 0 || host_from_json(&o, s, err) < 0 ||
	    /* not in requests that an agent before has left */
	    (json_object_get(json, "policy_needed") && jobject_bool(&o, "policy_needed", &s->policy_needed, err) < 0))
		return -1;
	s->max_revisions = (unsigned)revisions;
	s->outputs_left_open = (enum outputs_left_open)outputs;
	s->runas_method = (enum runas_method)method;
	return jobject_end(&o, err);
}

int revision_from_json(const json_t *json, struct revision *r, struct err *err)
{
	struct jobject o;
	int type = -1;

	if (jobject_open(json, "revision of the request", &o, err) < 0 ||
	    jobject_name(&o, "type", type_name, REVISION_TYPE_COUNT, &type, err) < 0 ||
	    strings_get(&o, revision_strings, ARRAY_LEN(revision_strings), r, err) < 0)
		return -1;
	if (type < 0)
		return err_set(err, ERR_STATE, "%s: 'type' is missing", o.what);
	r->type = (enum revision_type)type;
	return jobject_end(&o, err);
}

json_t *revision_to_json(const struct revision *r)
{
	json_t *o = json_pack("{s:s}", "type", revision_type_name(r->type));

	strings_put(o, revision_strings, ARRAY_LEN(revision_strings), r);
	return o;
}

json_t *deployment_to_json(const struct deployment *d)
{
	json_t *o = json_pack("{s:i, s:I, s:b, s:s, s:b, s:b, s:b, s:I}", "schema", DEPLOYMENT_SCHEMA,
			      "requested_by_uid", (json_int_t)d->requested_by_uid, "compatible", d->compatible,
			      "on_failure", on_failure_name(d->on_failure), "force", d->force, "waits", d->waits,
			      "outlives", d->outlives, "deadline_s", (json_int_t)d->deadline_s);

	if (d->trial) { /* no other request has these keys, so that an older agent reads all others */
		json_object_set_new(o, "trial", json_true());
		json_object_set_new(o, "fail_at", jbytes(d->fail_at));
	}
	strings_put(o, request_strings, ARRAY_LEN(request_strings), d);
	json_object_set_new(o, "events", jstrings(d->events, jbytes));
	json_object_set_new(o, "environment", jstrings(d->environment, jbytes));
	json_object_set_new(o, "revision", revision_to_json(&d->revision));
	json_object_set_new(o, "settings", settings_to_json(&d->settings));
	return o;
}

/* A trial installs below a prefix, so that no request can become one of the host itself by mistake. */
static int trial_fields(struct jobject *o, struct deployment *d, struct err *err)
{
	if (jobject_string(o, "fail_at", MAX_NAME, &d->fail_at, err) < 0 ||
	    (json_object_get(o->json, "trial") && jobject_bool(o, "trial", &d->trial, err) < 0))
		return -1;
	if (d->trial && !*d->settings.install_prefix)
		return err_set(err, ERR_STATE, "%s: 'trial' needs an 'install_prefix'", o->what);
	if (d->fail_at && !d->trial)
		return err_set(err, ERR_STATE, "%s: 'fail_at' is for a trial", o->what);
	return 0;
}

static int request_fields(struct jobject *o, struct deployment *d, struct err *err)
{
	uint64_t schema, uid, deadline;
	int on_failure = ON_FAILURE_RESTORE;

	if (jobject_number(o, "schema", DEPLOYMENT_SCHEMA, DEPLOYMENT_SCHEMA, &schema, err) < 0 ||
	    jobject_number(o, "requested_by_uid", 0, UINT_MAX, &uid, err) < 0 ||
	    jobject_bool(o, "compatible", &d->compatible, err) < 0 ||
	    jobject_name(o, "on_failure", failure_name, ON_FAILURE_COUNT, &on_failure, err) < 0 ||
	    jobject_bool(o, "force", &d->force, err) < 0 || jobject_bool(o, "waits", &d->waits, err) < 0 ||
	    jobject_bool(o, "outlives", &d->outlives, err) < 0 ||
	    jobject_number(o, "deadline_s", 0, UINT_MAX, &deadline, err) < 0 ||
	    jobject_strings(o, "environment", MAX_LIST, MAX_MESSAGE, &d->environment, err) < 0 ||
	    strings_get(o, request_strings, ARRAY_LEN(request_strings), d, err) < 0 ||
	    jobject_strings(o, "events", MAX_EVENTS, MAX_NAME, &d->events, err) < 0 ||
	    revision_from_json(jobject_get(o, "revision"), &d->revision, err) < 0 ||
	    settings_from_json(jobject_get(o, "settings"), &d->settings, err) < 0 || trial_fields(o, d, err) < 0)
		return -1;
	d->requested_by_uid = (unsigned)uid;
	d->on_failure = (enum on_failure)on_failure;
	d->deadline_s = (unsigned)deadline;
	return jobject_end(o, err);
}

int deployment_from_json(const json_t *json, struct deployment *out, struct err *err)
{
	AUTO(deployment_done) struct deployment d = { 0 };
	struct jobject o;

	if (jobject_open(json, "request", &o, err) < 0 || request_fields(&o, &d, err) < 0)
		return -1;
	*out = d;
	d = (struct deployment){ 0 };
	return 0;
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

/* The counters of a result by name. */
static const struct {
	const char *key;
	size_t offset;
} counters[] = {
	{ FIELD(file_counts, planned) },   { FIELD(file_counts, added) },   { FIELD(file_counts, changed) },
	{ FIELD(file_counts, unchanged) }, { FIELD(file_counts, removed) }, { FIELD(file_counts, retained) },
	{ FIELD(file_counts, bytes) },
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
