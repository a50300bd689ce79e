/* cli/deployment_view.c - from a document to plain values; nothing in it is believed. */
#include "cli/deployment_view.h"
#include "format/json.h"
#include "util/auto.h"

#include <limits.h>
#include <stddef.h>

#define MAX_ID	 64
#define MAX_TEXT 65536

static int read_requester(const json_t *json, struct deployment *d, struct err *err)
{
	struct jobject o;
	uint64_t uid;

	if (jobject_open(json, "'requested_by' of the deployment", &o, err) < 0 ||
	    jobject_number(&o, "uid", 0, UINT_MAX, &uid, err) < 0 ||
	    jobject_string(&o, "login", MAX_TEXT, &d->requested_by_login, err) < 0 ||
	    jobject_string(&o, "text", MAX_TEXT, &d->requested_by_text, err) < 0)
		return -1;
	d->requested_by_uid = (unsigned)uid;
	return 0;
}

static int read_revision(const json_t *json, struct deployment *d, struct err *err)
{
	struct jobject o;

	if (jobject_open(json, "'revision' of the deployment", &o, err) < 0 ||
	    jobject_need_string(&o, "location", MAX_TEXT, &d->revision.location, err) < 0 ||
	    jobject_need_string(&o, "bundle_type", MAX_ID, &d->revision.bundle_type, err) < 0)
		return -1;
	return 0;
}

static int read_identity(const json_t *document, struct deployment *d, struct err *err)
{
	struct jobject o;

	if (jobject_open(document, "the deployment", &o, err) < 0 ||
	    jobject_need_string(&o, "deployment_id", MAX_ID, &d->id, err) < 0 ||
	    jobject_need_string(&o, "application", MAX_TEXT, &d->application, err) < 0 ||
	    jobject_need_string(&o, "group", MAX_TEXT, &d->group, err) < 0 ||
	    jobject_need_string(&o, "group_name", MAX_TEXT, &d->group_name, err) < 0 ||
	    jobject_need_string(&o, "creator", MAX_TEXT, &d->creator, err) < 0 ||
	    read_requester(jobject_get(&o, "requested_by"), d, err) < 0)
		return -1;
	return read_revision(jobject_get(&o, "revision"), d, err);
}

int deployment_view_read(const json_t *document, struct deployment_view *out, struct err *err)
{
	AUTO(deployment_view_done) struct deployment_view v = { 0 };
	json_int_t schema = json_integer_value(json_object_get(document, "schema"));

	if (schema > DEPLOYMENT_SCHEMA)
		return err_set(err, ERR_STATE,
			       "its documents have schema %lld, this slipway knows %d: install the slipway of the same "
			       "version",
			       (long long)schema, DEPLOYMENT_SCHEMA);
	if (read_identity(document, &v.d, err) < 0 || deployment_result_from_json(document, &v.r, err) < 0)
		return -1;
	*out = v;
	v = (struct deployment_view){ 0 };
	return 0;
}

void deployment_view_done(struct deployment_view *v)
{
	deployment_done(&v->d);
	deployment_result_done(&v->r);
}

bool deployment_has_ended(const struct deployment_result *r)
{
	return r->status != DEPLOYMENT_QUEUED && r->status != DEPLOYMENT_IN_PROGRESS;
}

int deployment_exit_status(const struct deployment_result *r)
{
	const struct restore_result *back = &r->restore;

	if (r->status == DEPLOYMENT_SUCCEEDED)
		return 0;
	if (r->status == DEPLOYMENT_STOPPED)
		return 1;
	if (err_is_refusal(r->kind))
		return err_exit_status(r->kind);
	return back->tried && back->files && back->started && back->validated ? 6 : 1;
}
