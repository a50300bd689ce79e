/* control/deploy_request.c - a client's wish as JSON and back; every word of it is checked. */
#include "control/deploy_request.h"
#include "format/json.h"
#include "lifecycle/event.h"
#include "model/names.h"
#include "util/auto.h"
#include "util/str.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

#define WHAT		"deploy request"
#define MAX_NAME	255
#define MAX_TEXT	4096
#define MAX_EVENTS	200
#define MAX_VARIABLES	1000
#define MAX_VARIABLE	(32 * 1024)  /* bytes of one; the kernel takes 128 KiB */
#define MAX_ENVIRONMENT (128 * 1024) /* bytes of all: hooks have more of their own, and there is a limit of all */
#define MAX_DEADLINE_S	(365U * 24 * 3600)

#define EVENT_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."

#define FIELD(member) #member, offsetof(struct deploy_request, member)

/* The optional strings: what they are called, where they live, how long they may be. */
static const struct string_field {
	const char *key;
	size_t offset;
	size_t max;
} strings[] = {
	{ FIELD(application), MAX_TEXT },	{ FIELD(group), MAX_NAME },
	{ FIELD(group_name), MAX_TEXT },	{ FIELD(appspec_filename), PATH_MAX },
	{ FIELD(file_exists_behavior), 16 },	{ FIELD(digest), MAX_NAME },
	{ FIELD(plan_id), MAX_NAME },		{ FIELD(token), MAX_NAME },
	{ FIELD(requested_by_text), MAX_TEXT },
};

static char **slot(struct deploy_request *r, const struct string_field *f)
{
	return (char **)((char *)r + f->offset);
}

void deploy_request_done(struct deploy_request *r)
{
	for (size_t i = 0; i < ARRAY_LEN(strings); i++)
		free(*slot(r, &strings[i]));
	free(r->revision.location);
	free(r->revision.bundle_type);
	jstrings_free(r->events);
	jstrings_free(r->environment);
	*r = (struct deploy_request){ 0 };
}

json_t *deploy_request_to_json(const struct deploy_request *r)
{
	json_t *o = json_pack("{s:i, s:b}", "schema", DEPLOY_REQUEST_SCHEMA, "force", r->force);

	for (size_t i = 0; i < ARRAY_LEN(strings); i++)
		json_object_set_new(o, strings[i].key, jbytes(*(char *const *)((const char *)r + strings[i].offset)));
	json_object_set_new(o, "revision", revision_to_json(&r->revision));
	json_object_set_new(o, "events", jstrings(r->events, jbytes));
	json_object_set_new(o, "environment", jstrings(r->environment, jbytes));
	if (!r->host_on_failure)
		json_object_set_new(o, "on_failure", json_string(on_failure_name(r->on_failure)));
	if (!r->host_deadline)
		json_object_set_new(o, "deadline_s", json_integer(r->deadline_s));
	return o;
}

static int wrong(const char *key, const char *cure, struct err *err)
{
	return err_set(err, ERR_USAGE, WHAT ": '%s' %s", key, cure);
}

static bool one_of(const char *text, const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(text, *names))
			return true;
	return false;
}

static int check_names(const struct deploy_request *r, struct err *err)
{
	static const char *const behaviors[] = { "DISALLOW", "OVERWRITE", "RETAIN", NULL };
	static const char *const types[] = { "directory", "tgz", "tar", "tar.zst", "zip", NULL };

	if (r->group && !name_is_group(r->group))
		return err_set(err, ERR_USAGE, WHAT ": '%.200s' " NAME_GROUP_RULE, r->group);
	if (r->file_exists_behavior && !one_of(r->file_exists_behavior, behaviors))
		return wrong("file_exists_behavior", "is none of DISALLOW, OVERWRITE and RETAIN", err);
	if (!one_of(r->revision.bundle_type, types))
		return wrong("bundle_type", "of the revision is none of directory, tgz, tar, tar.zst and zip", err);
	if (r->digest && !name_is_digest(r->digest))
		return wrong("digest", "is not 'sha256:' and 64 hexadecimal digits, as sha256sum prints them", err);
	if (r->plan_id && !name_is_plan_id(r->plan_id))
		return wrong("plan_id", NAME_PLAN_ID_RULE, err);
	return 0;
}

/* What is given is not empty: an empty name is a variable that was not set. */
static int check_filled(struct deploy_request *r, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
		const char *text = *slot(r, &strings[i]);

		if (text && !*text && strcmp(strings[i].key, "requested_by_text"))
			return wrong(strings[i].key, "is empty: give it a value, or leave it out", err);
	}
	return 0;
}

static int check_environment(char *const *environment, struct err *err)
{
	size_t total = 0;

	for (; environment && *environment; environment++) {
		const char *text = *environment;

		if (!strchr(text, '=') || !name_is_variable(text, strcspn(text, "=")))
			return err_set(err, ERR_USAGE,
				       WHAT
				       ": 'environment' has '%.*s', which is not NAME=VALUE with a name of letters, "
				       "digits and '_' that begins with no digit",
				       (int)strnlen(text, 60), text);
		if (name_is_reserved(text, strcspn(text, "=")))
			return err_set(err, ERR_USAGE, WHAT ": the variable '%.*s' " NAME_RESERVED_RULE,
				       (int)strcspn(text, "="), text);
		total += strlen(text) + 1;
	}
	if (total > MAX_ENVIRONMENT)
		return wrong("environment", "has more than 128 KiB: put large values into a file of the bundle", err);
	return 0;
}

/* The names are joined, since the order of events has one reader: what must be there is added by that. */
static int settle_events(struct deploy_request *r, struct err *err)
{
	AUTO(str_done) struct str text = STR_INIT(MAX_EVENTS * (MAX_NAME + 1));
	char **order = NULL;

	for (char *const *e = r->events; e && *e; e++) {
		if (!**e || strspn(*e, EVENT_LETTERS) != strlen(*e))
			return wrong("events", "holds a name with other than letters, digits, '-', '_' and '.'", err);
		if ((text.len && str_add(&text, ",") < 0) || str_add(&text, *e) < 0)
			return wrong("events", "is too long", err);
	}
	if (!r->events)
		return 0;
	if (!text.len)
		return wrong("events", "is an empty list: name some, or leave it out", err);
	if (event_order_parse(str_text(&text), &order, err) < 0)
		return err_add(err, WHAT);
	jstrings_free(r->events);
	r->events = order;
	return 0;
}

static void settle_digest(struct deploy_request *r)
{
	for (char *c = r->digest; c && *c; c++)
		*c = (char)tolower((unsigned char)*c);
}

static const char *failure_name(int policy)
{
	return on_failure_name((enum on_failure)policy);
}

static int optional_policies(struct jobject *o, struct deploy_request *r, struct err *err)
{
	int on_failure = ON_FAILURE_RESTORE;
	uint64_t deadline = 0;
	int said = jobject_name(o, "on_failure", failure_name, ON_FAILURE_COUNT, &on_failure, err);

	if (said < 0)
		return -1;
	r->host_on_failure = !said;
	r->on_failure = (enum on_failure)on_failure;
	r->host_deadline = !json_object_get(o->json, "deadline_s");
	if (!r->host_deadline && jobject_number(o, "deadline_s", 0, MAX_DEADLINE_S, &deadline, err) < 0)
		return -1;
	r->deadline_s = (unsigned)deadline;
	return json_object_get(o->json, "force") ? jobject_bool(o, "force", &r->force, err) : 0;
}

static int read_fields(struct jobject *o, struct deploy_request *r, struct err *err)
{
	uint64_t schema;

	if (jobject_number(o, "schema", DEPLOY_REQUEST_SCHEMA, DEPLOY_REQUEST_SCHEMA, &schema, err) < 0 ||
	    revision_from_json(jobject_get(o, "revision"), &r->revision, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(strings); i++)
		if (jobject_string(o, strings[i].key, strings[i].max, slot(r, &strings[i]), err) < 0)
			return -1;
	if (jobject_strings(o, "events", MAX_EVENTS, MAX_NAME, &r->events, err) < 0 ||
	    jobject_strings(o, "environment", MAX_VARIABLES, MAX_VARIABLE, &r->environment, err) < 0 ||
	    optional_policies(o, r, err) < 0)
		return -1;
	return jobject_end(o, err);
}

int deploy_request_from_json(const json_t *json, struct deploy_request *out, struct err *err)
{
	AUTO(deploy_request_done) struct deploy_request r = { 0 };
	struct jobject o;

	if (jobject_open(json, WHAT, &o, err) < 0 || read_fields(&o, &r, err) < 0) {
		err->kind = ERR_USAGE; /* a request is the client's word, not a state of ours */
		return -1;
	}
	if (check_filled(&r, err) < 0 || check_names(&r, err) < 0 || check_environment(r.environment, err) < 0 ||
	    settle_events(&r, err) < 0)
		return -1;
	settle_digest(&r);
	*out = r;
	r = (struct deploy_request){ 0 };
	return 0;
}
