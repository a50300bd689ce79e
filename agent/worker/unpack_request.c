/* worker/unpack_request.c - see unpack_request.h. Knows no archive: whoever asks links it, too. */
#include "worker/unpack_request.h"

#include "format/json.h"
#include "util/auto.h"
#include "util/str.h"

#include <limits.h>

#define SCHEMA	     1
#define MAX_WARNINGS 1000
#define MAX_TEXT     65536

void unpack_request_done(struct unpack_request *r)
{
	free(r->location);
	free(r->folder);
	*r = (struct unpack_request){ 0 };
}

void unpack_answer_done(struct unpack_answer *a)
{
	free(a->message);
	jstrings_free(a->warnings);
	*a = (struct unpack_answer){ 0 };
}

json_t *unpack_request_to_json(const struct unpack_request *r)
{
	return json_pack("{s:i, s:{s:o, s:o, s:I, s:I, s:I}}", "schema", SCHEMA, "unpack", "location",
			 jbytes(r->location), "folder", jbytes(r->folder), "max_entries", (json_int_t)r->max_entries,
			 "max_bytes", (json_int_t)r->max_bytes, "max_ratio", (json_int_t)r->max_ratio);
}

static int request_fields(struct jobject *o, struct unpack_request *r, struct err *err)
{
	if (jobject_need_string(o, "location", PATH_MAX, &r->location, err) < 0 ||
	    jobject_need_string(o, "folder", PATH_MAX, &r->folder, err) < 0 ||
	    jobject_number(o, "max_entries", 0, INT64_MAX, &r->max_entries, err) < 0 ||
	    jobject_number(o, "max_bytes", 0, INT64_MAX, &r->max_bytes, err) < 0 ||
	    jobject_number(o, "max_ratio", 0, INT64_MAX, &r->max_ratio, err) < 0 || jobject_end(o, err) < 0)
		return -1;
	if (r->location[0] != '/' || r->folder[0] != '/')
		return err_set(err, ERR_STATE, "%s: 'location' and 'folder' are absolute paths", o->what);
	return 0;
}

int unpack_request_from_json(const json_t *json, struct unpack_request *out, struct err *err)
{
	AUTO(unpack_request_done) struct unpack_request r = { 0 };
	struct jobject whole, o;
	uint64_t schema;

	if (jobject_open(json, "request", &whole, err) < 0 ||
	    jobject_number(&whole, "schema", SCHEMA, SCHEMA, &schema, err) < 0 ||
	    jobject_open(jobject_get(&whole, "unpack"), "unpack", &o, err) < 0 || jobject_end(&whole, err) < 0 ||
	    request_fields(&o, &r, err) < 0)
		return -1;
	*out = r;
	r = (struct unpack_request){ 0 };
	return 0;
}

json_t *unpack_answer_to_json(const struct unpack_answer *a)
{
	return json_pack("{s:s, s:s?, s:o, s:o}", "progress", "unpacked", "error_code",
			 a->kind ? err_code(a->kind) : NULL, "message", a->message ? jtext(a->message) : json_null(),
			 "warnings", jstrings(a->warnings, jtext));
}

int unpack_answer_from_json(const json_t *json, struct unpack_answer *out, struct err *err)
{
	AUTO(unpack_answer_done) struct unpack_answer a = { 0 };
	AUTO_FREE char *code = NULL;
	struct jobject o;

	if (jobject_open(json, "progress", &o, err) < 0 || jobject_string(&o, "error_code", 64, &code, err) < 0 ||
	    jobject_string(&o, "message", MAX_TEXT, &a.message, err) < 0 ||
	    jobject_strings(&o, "warnings", MAX_WARNINGS, MAX_TEXT, &a.warnings, err) < 0)
		return -1;
	if (!code != !a.message)
		return err_set(err, ERR_STATE, "progress: 'error_code' and 'message' come together");
	a.kind = code ? err_kind_of_code(code) : ERR_NONE;
	*out = a;
	a = (struct unpack_answer){ 0 };
	return 0;
}
