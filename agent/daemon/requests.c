/* daemon/requests.c - the table, and what all requests have in common. */
#include "daemon/requests.h"

#include "control/answer.h"
#include "control/socket_protocol.h"
#include "daemon/chore.h"
#include "daemon/ends.h"
#include "util/auto.h"
#include "util/log.h"
#include "util/str.h"

#include <string.h>

#define MAX_TEXT 4096

static const struct {
	const char *name;
	enum access_class class;
	request_fn *run;
} requests[] = {
	{ "deploy", ACCESS_DEPLOY, request_deploy }, { "rollback", ACCESS_DEPLOY, request_rollback },
	{ "stop", ACCESS_DEPLOY, request_stop },     { "forget", ACCESS_DEPLOY, request_forget },
	{ "prune", ACCESS_DEPLOY, request_prune },   { "watch", ACCESS_STATUS, request_watch },
	{ "show", ACCESS_STATUS, request_show },     { "list", ACCESS_STATUS, request_list },
	{ "status", ACCESS_STATUS, request_status },
};

int request_flag(struct request *r, const char *key, bool *out, struct err *err)
{
	const json_t *value = jobject_get(&r->fields, key);

	*out = json_is_true(value);
	return value && !json_is_boolean(value)
		       ? err_set(err, ERR_USAGE, "request: '%s' is neither true nor false", key)
		       : 0;
}

int request_text(struct request *r, const char *key, char **out, struct err *err)
{
	if (jobject_string(&r->fields, key, MAX_TEXT, out, err) < 0) {
		err->kind = ERR_USAGE;
		return -1;
	}
	return 0;
}

int request_end(struct request *r, struct err *err)
{
	if (jobject_end(&r->fields, err) < 0) {
		err->kind = ERR_USAGE; /* the caller's mistake, whatever it is elsewhere */
		return err_add(err, "slipway " SLIPWAY_VERSION);
	}
	return 0;
}

int request_needs_work(const struct request *r, struct err *err)
{
	return r->daemon->stopping ? err_set(err, ERR_BUSY, "the daemon is stopping and takes no new work") : 0;
}

void request_answer_deployment(struct request *r, json_t *document, const char *group, const char *id)
{
	AUTO_FREE char *folder = xasprintf("%s/%s/%s", r->daemon->config.settings.deployment_root, group, id);

	socket_client_end(r->client, streams_last_line(document, access(folder, F_OK) == 0 ? folder : NULL));
}

int request_find(struct request *r, const char *id, const char *group, struct db_row *out, struct err *err)
{
	struct db *db = r->daemon->db;
	int found = id ? db_find(db, id, out, err) : db_find_latest(db, group, out, err);

	if (found > 0 && group && strcmp(out->group, group)) {
		db_row_done(out);
		found = 0;
	}
	if (found > 0)
		ends_apply(r->daemon, out);
	if (found == 0 && id)
		return err_set(err, ERR_STATE, "there is no deployment '%s'%s%s: `slipway list` shows those known", id,
			       group ? " in group " : "", group ? group : "");
	if (found == 0)
		return err_set(err, ERR_STATE, "there is no deployment yet%s%s", group ? " in group " : "",
			       group ? group : "");
	return found;
}

int request_ended(const struct db_row *row, struct err *err)
{
	if (row->status != DEPLOYMENT_QUEUED && row->status != DEPLOYMENT_IN_PROGRESS)
		return 0;
	return err_set(
		err, ERR_STATE,
		"deployment %s is in the hands of `slipway local`, not of the daemon: `slipway show %s` tells when it "
		"has ended",
		row->id, row->id);
}

static int may(struct request *r, enum access_class class, struct err *err)
{
	const struct peer *peer = socket_client_peer(r->client);
	const struct access_peer who = { .uid = peer->uid, .gids = peer->gids, .gid_count = peer->gid_count };

	return access_check(&r->daemon->access, class, &who, err);
}

static int carry_out(struct request *r, const json_t *json, struct err *err)
{
	AUTO_FREE char *name = NULL;
	uint64_t schema;

	if (jobject_open(json, "request", &r->fields, err) < 0 ||
	    jobject_number(&r->fields, "schema", 1, PROTOCOL_SCHEMA, &schema, err) < 0) {
		err->kind = ERR_USAGE;
		return err_add(err, "this daemon (slipway " SLIPWAY_VERSION ") knows schema %d", PROTOCOL_SCHEMA);
	}
	if (request_text(r, "request", &name, err) < 0)
		return -1;
	for (size_t i = 0; name && i < ARRAY_LEN(requests); i++)
		if (!strcmp(name, requests[i].name))
			return may(r, requests[i].class, err) < 0 ? -1 : requests[i].run(r, err);
	return err_set(err, ERR_USAGE, "'%.64s' is no request that this daemon (slipway " SLIPWAY_VERSION ") knows",
		       name ? name : "");
}

void requests_take(void *context, struct socket_client *client, const json_t *json)
{
	struct request r = { .daemon = context, .client = client };
	struct err err = ERR_INIT;

	if (carry_out(&r, json, &err) == 0)
		return;
	log_debug("a request is refused: %s uid=%u", err.msg, socket_client_peer(client)->uid);
	socket_client_end(client, answer_error(&err, NULL));
}

void requests_client_gone(void *context, struct socket_client *client)
{
	struct daemon *d = context;

	streams_remove(d->streams, client);
	chore_client_gone(d, client);
}
