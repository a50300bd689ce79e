/* model/deployment_json.c - requests as JSON objects, and back with every field checked. */
#include "format/json.h"
#include "model/deployment.h"
#include "model/deployment_limits.h"
#include "util/auto.h"
#include "util/str.h"

#include <limits.h>
#include <string.h>

#define MAX_TEXT 4096

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
