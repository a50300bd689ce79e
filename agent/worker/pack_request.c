/* worker/pack_request.c - see pack_request.h. Knows no archive: whoever asks links it, too. */
#include "worker/pack_request.h"

#include "format/json.h"
#include "util/auto.h"
#include "util/str.h"

#include <limits.h>

#define SCHEMA	     1
#define MAX_WARNINGS 1000
#define MAX_TEXT     65536

void pack_request_done(struct pack_request *r)
{
	free(r->folder);
	free(r->output);
	*r = (struct pack_request){ 0 };
}

void pack_answer_done(struct pack_answer *a)
{
	free(a->message);
	free(a->digest);
	jstrings_free(a->warnings);
	*a = (struct pack_answer){ 0 };
}

json_t *pack_request_to_json(const struct pack_request *r)
{
	return json_pack("{s:i, s:{s:o, s:o, s:s, s:I}}", "schema", SCHEMA, "pack", "folder", jbytes(r->folder),
			 "output", jbytes(r->output), "type", pack_type_name(r->type), "latest_s",
			 (json_int_t)r->latest_s);
}

static int request_fields(struct jobject *o, struct pack_request *r, struct err *err)
{
	int type = -1;

	if (jobject_need_string(o, "folder", PATH_MAX, &r->folder, err) < 0 ||
	    jobject_need_string(o, "output", PATH_MAX, &r->output, err) < 0 ||
	    jobject_name(o, "type", pack_type_name, PACK_TYPE_COUNT, &type, err) < 0 ||
	    jobject_number(o, "latest_s", 0, INT64_MAX, &r->latest_s, err) < 0 || jobject_end(o, err) < 0)
		return -1;
	if (type < 0)
		return err_set(err, ERR_STATE, "%s: there is no 'type'", o->what);
	if (r->folder[0] != '/' || r->output[0] != '/')
		return err_set(err, ERR_STATE, "%s: 'folder' and 'output' are absolute paths", o->what);
	r->type = (enum pack_type)type;
	return 0;
}

int pack_request_from_json(const json_t *json, struct pack_request *out, struct err *err)
{
	AUTO(pack_request_done) struct pack_request r = { 0 };
	struct jobject whole, o;
	uint64_t schema;

	if (jobject_open(json, "request", &whole, err) < 0 ||
	    jobject_number(&whole, "schema", SCHEMA, SCHEMA, &schema, err) < 0 ||
	    jobject_open(jobject_get(&whole, "pack"), "pack", &o, err) < 0 || jobject_end(&whole, err) < 0 ||
	    request_fields(&o, &r, err) < 0)
		return -1;
	*out = r;
	r = (struct pack_request){ 0 };
	return 0;
}

json_t *pack_answer_to_json(const struct pack_answer *a)
{
	return json_pack("{s:s, s:s?, s:o, s:o, s:I, s:I, s:I, s:I, s:s?}", "progress", "packed", "error_code",
			 a->kind ? err_code(a->kind) : NULL, "message", a->message ? jtext(a->message) : json_null(),
			 "warnings", jstrings(a->warnings, jtext), "entries", (json_int_t)a->entries, "files",
			 (json_int_t)a->files, "bytes", (json_int_t)a->bytes, "size", (json_int_t)a->size, "digest",
			 a->digest);
}

int pack_answer_from_json(const json_t *json, struct pack_answer *out, struct err *err)
{
	AUTO(pack_answer_done) struct pack_answer a = { 0 };
	AUTO_FREE char *code = NULL;
	struct jobject o;

	if (jobject_open(json, "progress", &o, err) < 0 || jobject_string(&o, "error_code", 64, &code, err) < 0 ||
	    jobject_string(&o, "message", MAX_TEXT, &a.message, err) < 0 ||
	    jobject_strings(&o, "warnings", MAX_WARNINGS, MAX_TEXT, &a.warnings, err) < 0 ||
	    jobject_number(&o, "entries", 0, INT64_MAX, &a.entries, err) < 0 ||
	    jobject_number(&o, "files", 0, INT64_MAX, &a.files, err) < 0 ||
	    jobject_number(&o, "bytes", 0, INT64_MAX, &a.bytes, err) < 0 ||
	    jobject_number(&o, "size", 0, INT64_MAX, &a.size, err) < 0 ||
	    jobject_string(&o, "digest", DIGEST_HEX_SIZE, &a.digest, err) < 0)
		return -1;
	if (!code != !a.message || !code != !!a.digest)
		return err_set(err, ERR_STATE, "progress: there is a 'digest', or both of 'error_code' and 'message'");
	a.kind = code ? err_kind_of_code(code) : ERR_NONE;
	*out = a;
	a = (struct pack_answer){ 0 };
	return 0;
}
