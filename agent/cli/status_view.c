/* cli/status_view.c - from the answer to plain values; nothing in it is believed. */
#include "cli/status_view.h"
#include "format/json.h"
#include "util/auto.h"
#include "util/str.h"

#include <limits.h>

#define MAX_ID	    64
#define MAX_TEXT    4096
#define MAX_GROUPS  100000
#define MAX_UNHAPPY 1000

static int read_agent(const json_t *json, struct status_view *v, struct err *err)
{
	struct jobject o;

	if (jobject_open(json, "'agent' of the status", &o, err) < 0 ||
	    jobject_need_string(&o, "version", MAX_ID, &v->version, err) < 0 ||
	    jobject_number(&o, "pid", 1, INT_MAX, &v->pid, err) < 0 ||
	    jobject_need_string(&o, "started_at", MAX_ID, &v->started_at, err) < 0 ||
	    jobject_need_string(&o, "deployment_root", MAX_TEXT, &v->deployment_root, err) < 0 ||
	    jobject_bool(&o, "stopping", &v->stopping, err) < 0 ||
	    jobject_strings(&o, "unhappy", MAX_UNHAPPY, MAX_TEXT, &v->unhappy, err) < 0)
		return -1;
	return 0;
}

static int read_good(const json_t *json, struct group_view *g, struct err *err)
{
	struct jobject o;

	if (!json)
		return 0;
	if (jobject_open(json, "'last_successful' of a group", &o, err) < 0 ||
	    jobject_need_string(&o, "deployment_id", MAX_ID, &g->good_id, err) < 0 ||
	    jobject_string(&o, "finished_at", MAX_ID, &g->good_at, err) < 0 ||
	    jobject_string(&o, "digest", MAX_TEXT, &g->good_digest, err) < 0 ||
	    jobject_string(&o, "location", 4 * MAX_TEXT, &g->good_location, err) < 0)
		return -1;
	return 0;
}

static int read_last(const json_t *json, struct group_view *g, struct err *err)
{
	struct jobject o;

	if (!json)
		return 0;
	if (jobject_open(json, "'last' of a group", &o, err) < 0 ||
	    jobject_need_string(&o, "deployment_id", MAX_ID, &g->last_id, err) < 0 ||
	    jobject_need_string(&o, "status", MAX_ID, &g->last_status, err) < 0 ||
	    jobject_string(&o, "finished_at", MAX_ID, &g->last_at, err) < 0)
		return -1;
	return 0;
}

static int read_group(const json_t *json, struct group_view *g, struct err *err)
{
	struct jobject o;

	if (jobject_open(json, "a group of the status", &o, err) < 0 ||
	    jobject_need_string(&o, "group", MAX_TEXT, &g->group, err) < 0 ||
	    jobject_string(&o, "running", MAX_ID, &g->running, err) < 0 ||
	    jobject_string(&o, "queued", MAX_ID, &g->queued, err) < 0 ||
	    jobject_bool(&o, "needs_recovery", &g->needs_recovery, err) < 0 ||
	    read_good(jobject_get(&o, "last_successful"), g, err) < 0 || read_last(jobject_get(&o, "last"), g, err) < 0)
		return -1;
	return 0;
}

int status_view_read(const json_t *answer, struct status_view *out, struct err *err)
{
	AUTO(status_view_done) struct status_view v = { 0 };
	const json_t *groups = json_object_get(answer, "groups");
	size_t count = json_array_size(groups);

	if (read_agent(json_object_get(answer, "agent"), &v, err) < 0)
		return -1;
	if (!json_is_array(groups) || count > MAX_GROUPS)
		return err_set(err, ERR_STATE, "the status: 'groups' is not a list of at most %d", MAX_GROUPS);
	v.groups = xcalloc(count, sizeof(*v.groups));
	for (size_t i = 0; i < count; i++) {
		v.group_count++;
		if (read_group(json_array_get(groups, i), &v.groups[i], err) < 0)
			return -1;
	}
	*out = v;
	v = (struct status_view){ 0 };
	return 0;
}

void status_view_done(struct status_view *v)
{
	for (size_t i = 0; i < v->group_count; i++) {
		struct group_view *g = &v->groups[i];
		char *all[] = { g->group,   g->good_id, g->good_at, g->good_digest, g->good_location,
				g->running, g->queued,	g->last_id, g->last_status, g->last_at };

		for (size_t k = 0; k < ARRAY_LEN(all); k++)
			free(all[k]);
	}
	free(v->groups);
	free(v->version);
	free(v->started_at);
	free(v->deployment_root);
	jstrings_free(v->unhappy);
	*v = (struct status_view){ 0 };
}
