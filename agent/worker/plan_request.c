/* worker/plan_request.c - see plan_request.h. */
#include "worker/plan_request.h"

#include "format/json.h"
#include "util/auto.h"

#include <limits.h>

#define MAX_TEXT 65536

void plan_request_done(struct plan_request *r)
{
	deployment_done(&r->deployment);
	free(r->folder);
	*r = (struct plan_request){ 0 };
}

void plan_answer_done(struct plan_answer *a)
{
	free(a->message);
	json_decref(a->plan);
	*a = (struct plan_answer){ 0 };
}

json_t *plan_request_to_json(const struct plan_request *r)
{
	return json_pack("{s:i, s:{s:o, s:o}}", "schema", DEPLOYMENT_SCHEMA, "plan", "folder", jbytes(r->folder),
			 "deployment", deployment_to_json(&r->deployment));
}

int plan_request_from_json(const json_t *json, struct plan_request *out, struct err *err)
{
	AUTO(plan_request_done) struct plan_request r = { 0 };
	struct jobject whole, o;
	uint64_t schema;

	if (jobject_open(json, "request", &whole, err) < 0 ||
	    jobject_number(&whole, "schema", DEPLOYMENT_SCHEMA, DEPLOYMENT_SCHEMA, &schema, err) < 0 ||
	    jobject_open(jobject_get(&whole, "plan"), "plan", &o, err) < 0 || jobject_end(&whole, err) < 0 ||
	    jobject_need_string(&o, "folder", PATH_MAX, &r.folder, err) < 0 ||
	    deployment_from_json(jobject_get(&o, "deployment"), &r.deployment, err) < 0 || jobject_end(&o, err) < 0)
		return -1;
	if (r.folder[0] != '/')
		return err_set(err, ERR_STATE, "plan: 'folder' is an absolute path");
	*out = r;
	r = (struct plan_request){ 0 };
	return 0;
}

json_t *plan_answer_to_json(const struct plan_answer *a)
{
	return json_pack("{s:s, s:s?, s:o, s:O?}", "progress", "planned", "error_code",
			 a->kind ? err_code(a->kind) : NULL, "message", a->message ? jtext(a->message) : json_null(),
			 "plan", a->plan);
}

int plan_answer_from_json(const json_t *json, struct plan_answer *out, struct err *err)
{
	AUTO(plan_answer_done) struct plan_answer a = { 0 };
	AUTO_FREE char *code = NULL;
	struct jobject o;

	if (jobject_open(json, "progress", &o, err) < 0 || jobject_string(&o, "error_code", 64, &code, err) < 0 ||
	    jobject_string(&o, "message", MAX_TEXT, &a.message, err) < 0)
		return -1;

	const json_t *plan = jobject_get(&o, "plan");

	if (!code != !a.message || !code == !plan || (plan && !json_is_object(plan)))
		return err_set(err, ERR_STATE, "progress: a plan, or why there is none");
	a.kind = code ? err_kind_of_code(code) : ERR_NONE;
	a.plan = plan ? json_incref((json_t *)plan) : NULL; /* counting is no change of it */
	*out = a;
	a = (struct plan_answer){ 0 };
	return 0;
}
