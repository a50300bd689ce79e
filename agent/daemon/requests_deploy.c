/* daemon/requests_deploy.c - deploy, rollback and stop. */
#include "control/answer.h"
#include "control/deploy_request.h"
#include "daemon/dispatch.h"
#include "daemon/requests.h"
#include "daemon/revisions.h"
#include "model/names.h"
#include "util/auto.h"
#include "util/str.h"

#include <string.h>

#define DEFAULT_GROUP "default"

static void accepted(struct request *r, const char *id, bool repeated, const char *behind)
{
	socket_client_send(r->client, json_pack("{s:{s:s, s:b, s:s?}}", "accepted", "deployment_id", id, "repeated",
						repeated, "behind", behind));
}

/* The deployment goes on, or has ended: an answer, now or at its end. */
static int follow(struct request *r, const char *id, bool wait, bool documents, struct err *err)
{
	struct active *a = dispatch_find(r->daemon, id);
	AUTO(db_row_done) struct db_row row = { 0 };

	if (a && wait) {
		streams_add(r->daemon->streams, r->client, id, documents);
		return 0;
	}
	if (request_find(r, id, NULL, &row, err) < 0 || (wait && request_ended(&row, err) < 0))
		return -1;

	json_t *document = a ? live_document(&a->live) : json_incref(row.document);

	request_answer_deployment(r, document, row.group, id);
	json_decref(document);
	return 0;
}

/* 1: the client has asked for this before, and is answered with what came of it. */
static int repeated(struct request *r, const char *token, bool wait, bool documents, struct err *err)
{
	AUTO(db_row_done) struct db_row row = { 0 };
	int found = token ? db_find_token(r->daemon->db, socket_client_peer(r->client)->uid, token, &row, err) : 0;

	if (found <= 0)
		return found;
	accepted(r, row.id, true, NULL);
	return follow(r, row.id, wait, documents, err) < 0 ? -1 : 1;
}

/* What is the daemon's to say of a deployment that a client wants. */
static void sign(const struct request *r, struct deployment *d)
{
	const struct peer *peer = socket_client_peer(r->client);

	d->requested_by_uid = peer->uid;
	d->requested_by_login = peer_login(peer->uid);
	d->waits = true;
	d->outlives = true;
}

static int dispatch(struct request *r, struct deployment *d, bool wait, bool documents, struct err *err)
{
	AUTO(dispatched_done) struct dispatched place = { 0 };
	AUTO_FREE char *id = xstrdup(d->id);

	if (dispatch_add(r->daemon, d, &place, err) < 0)
		return -1;
	/* or behind the forgetting of its group, which has no id */
	accepted(r, id, false, place.behind && dispatch_find(r->daemon, place.behind) ? place.behind : NULL);
	return follow(r, id, wait, documents, err);
}

static void build(const struct request *r, struct deploy_request *asked, struct deployment *out)
{
	const struct config *c = &r->daemon->config;

	*out = (struct deployment){
		.id = deployment_id_new(""),
		.group = asked->group ? TAKE_PTR(asked->group) : xstrdup(DEFAULT_GROUP),
		.application = TAKE_PTR(asked->application),
		.group_name = TAKE_PTR(asked->group_name),
		.creator = xstrdup("user"),
		.type = xstrdup("IN_PLACE"),
		.requested_by_text = TAKE_PTR(asked->requested_by_text),
		.appspec_filename = TAKE_PTR(asked->appspec_filename),
		.file_exists_behavior = TAKE_PTR(asked->file_exists_behavior),
		.digest = TAKE_PTR(asked->digest),
		.plan_id = TAKE_PTR(asked->plan_id),
		.token = TAKE_PTR(asked->token),
		.environment = TAKE_PTR(asked->environment),
		.events = TAKE_PTR(asked->events),
		.on_failure = asked->host_on_failure ? c->on_failure : asked->on_failure,
		.deadline_s = asked->host_deadline ? c->deadline_s : asked->deadline_s,
		.force = asked->force,
		.revision = asked->revision,
	};
	asked->revision = (struct revision){ 0 };
	if (!out->application)
		out->application = xstrdup(out->group);
	if (!out->group_name)
		out->group_name = xstrdup(out->group);
	config_settings(c, out->group, &out->settings);
	sign(r, out);
}

int request_deploy(struct request *r, struct err *err)
{
	const json_t *wanted = jobject_get(&r->fields, "deploy");
	AUTO(deploy_request_done) struct deploy_request asked = { 0 };
	AUTO(deployment_done) struct deployment d = { 0 };
	bool wait, documents;

	if (request_flag(r, "wait", &wait, err) < 0 || request_flag(r, "documents", &documents, err) < 0 ||
	    request_end(r, err) < 0)
		return -1;
	if (!wanted)
		return err_set(err, ERR_USAGE, "request: 'deploy' is missing");
	if (deploy_request_from_json(wanted, &asked, err) < 0)
		return -1;

	int seen = repeated(r, asked.token, wait, documents, err);

	if (seen)
		return seen < 0 ? -1 : 0;
	if (request_needs_work(r, err) < 0)
		return -1;
	build(r, &asked, &d);
	return dispatch(r, &d, wait, documents, err);
}

struct rollback {
	char *id, *group, *token, *text;
	bool dry_run, wait, documents;
};

static void rollback_done(struct rollback *b)
{
	free(b->id);
	free(b->group);
	free(b->token);
	free(b->text);
}

static int rollback_fields(struct request *r, struct rollback *b, struct err *err)
{
	if (request_text(r, "deployment_id", &b->id, err) < 0 || request_text(r, "group", &b->group, err) < 0 ||
	    request_text(r, "token", &b->token, err) < 0 || request_text(r, "requested_by_text", &b->text, err) < 0 ||
	    request_flag(r, "dry_run", &b->dry_run, err) < 0 || request_flag(r, "wait", &b->wait, err) < 0 ||
	    request_flag(r, "documents", &b->documents, err) < 0 || request_end(r, err) < 0)
		return -1;
	if (b->group && !name_is_group(b->group))
		return err_set(err, ERR_USAGE, "request: '%s' " NAME_GROUP_RULE, b->group);
	if (!b->id && !b->group)
		b->group = xstrdup(DEFAULT_GROUP);
	return 0;
}

static int find_target(struct request *r, const struct rollback *b, struct db_row *out, struct err *err)
{
	AUTO_FREE char *in_place = b->id ? NULL : revisions_in_place(r->daemon, b->group);
	int found;

	if (b->id)
		return request_find(r, b->id, b->group, out, err) < 0 || revisions_check(r->daemon, out, err) < 0 ? -1
														  : 0;
	found = revisions_before(r->daemon, b->group, out, err);
	if (found < 0)
		return -1;
	return found ? 0
		     : err_set(err, ERR_STATE,
			       "group '%s' has no good revision on disk but the one in place%s%s: deploy one, or keep "
			       "more (max_revisions)",
			       b->group, in_place ? ", " : "", in_place ? in_place : "");
}

static void tell_target(struct request *r, const struct db_row *row)
{
	const json_t *revision = json_object_get(row->document, "revision");
	json_t *line = answer_done();

	(void)json_object_set_new(
		line, "target", /* memory only */
		json_pack("{s:s, s:o, s:O?, s:O?, s:O?}", "deployment_id", row->id, "group", jpath(row->group),
			  "finished_at", json_object_get(row->document, "finished_at"), "digest",
			  json_object_get(revision, "digest"), "location", json_object_get(revision, "location")));
	socket_client_end(r->client, line);
}

int request_rollback(struct request *r, struct err *err)
{
	AUTO(rollback_done) struct rollback b = { 0 };
	AUTO(deployment_done) struct deployment d = { 0 };
	AUTO(db_row_done) struct db_row target = { 0 };

	if (rollback_fields(r, &b, err) < 0)
		return -1;

	int seen = repeated(r, b.token, b.wait, b.documents, err);

	if (seen)
		return seen < 0 ? -1 : 0;
	daemon_scan(r->daemon);
	if (find_target(r, &b, &target, err) < 0)
		return -1;
	if (b.dry_run) {
		tell_target(r, &target);
		return 0;
	}
	if (request_needs_work(r, err) < 0)
		return -1;
	revisions_deployment(r->daemon, &target, &d);
	d.requested_by_text = b.text ? TAKE_PTR(b.text) : xasprintf("rollback to %s", target.id);
	d.token = TAKE_PTR(b.token);
	d.on_failure = r->daemon->config.on_failure;
	d.deadline_s = r->daemon->config.deadline_s;
	sign(r, &d);
	return dispatch(r, &d, b.wait, b.documents, err);
}

/* The latest that has not ended, of GROUP or of all: actives are kept newest first. */
static struct active *latest(const struct daemon *d, const char *group)
{
	struct active *a = d->actives;

	while (a && group && strcmp(a->live.deployment.group, group))
		a = a->next;
	return a;
}

int request_stop(struct request *r, struct err *err)
{
	AUTO_FREE char *id = NULL;
	AUTO_FREE char *group = NULL;
	AUTO(db_row_done) struct db_row row = { 0 };

	if (request_text(r, "deployment_id", &id, err) < 0 || request_text(r, "group", &group, err) < 0 ||
	    request_end(r, err) < 0)
		return -1;

	struct active *a = id ? dispatch_find(r->daemon, id) : latest(r->daemon, group);

	if (a && group && strcmp(a->live.deployment.group, group))
		a = NULL;
	if (!a && !id)
		return err_set(err, ERR_STATE, "no deployment is running or waiting%s%s", group ? " in group " : "",
			       group ? group : "");
	if (!a && (request_find(r, id, group, &row, err) < 0 || request_ended(&row, err) < 0))
		return -1;
	if (!a)
		return err_set(err, ERR_STATE, "deployment %s has ended already (%s)", id,
			       deployment_status_name(row.status));

	json_t *line = answer_done();

	(void)json_object_set_new(line, "deployment_id", jpath(a->live.deployment.id)); /* memory only */
	if (dispatch_stop(r->daemon, a, "stopped while it waited", err) < 0) {
		json_decref(line);
		return -1;
	}
	socket_client_end(r->client, line);
	return 0;
}
