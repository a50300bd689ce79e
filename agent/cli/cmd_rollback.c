/* cli/cmd_rollback.c - `slipway rollback`: back to the newest good revision, or to the one named. */
#include "cli/commands.h"
#include "cli/follow.h"
#include "cli/human.h"
#include "format/json.h"
#include "model/deployment.h"
#include "util/auto.h"
#include "util/str.h"

static const struct command_spec spec = {
	.name = "rollback",
	.options = "json detach dry-run group requested-by token timeout",
	.word = WORD_OPTIONAL,
	.word_name = "deployment",
	.usage =
		"Usage: slipway rollback [ID] [OPTION]...\n"
		"\n"
		"Deploys an earlier good revision again: that of deployment ID, or the newest one that is complete on\n"
		"disk and is not the one in place.\n"
		"\n"
		"  -g, --group GROUP        of this deployment group\n"
		"      --dry-run            only tell which revision it would be\n"
		"      --requested-by TEXT  who wants it and why, for the records\n"
		"      --detach             do not wait; prints the deployment's id\n"
		"      --timeout TIME       wait no longer than this (90s, 10m, 1h); the deployment goes on\n"
		"      --token TEXT         a name for this request: the same token never deploys twice\n"
		"      --json               one JSON document a line on stdout, the last one is final\n"
		"  -h, --help               this text\n"
		"\n"
		"Exit status: as of 'slipway deploy'.\n",
};

struct target {
	char *id, *group, *finished_at, *digest, *location;
};

static void target_done(struct target *t)
{
	free(t->id);
	free(t->group);
	free(t->finished_at);
	free(t->digest);
	free(t->location);
}

static int read_target(const json_t *json, struct target *t, struct err *err)
{
	struct jobject o;

	if (jobject_open(json, "the daemon's answer", &o, err) < 0 ||
	    jobject_need_string(&o, "deployment_id", 64, &t->id, err) < 0 ||
	    jobject_need_string(&o, "group", 4096, &t->group, err) < 0 ||
	    jobject_string(&o, "finished_at", 64, &t->finished_at, err) < 0 ||
	    jobject_string(&o, "digest", 256, &t->digest, err) < 0 ||
	    jobject_string(&o, "location", 65536, &t->location, err) < 0)
		return -1;
	return 0;
}

static int try_it(struct client *c, json_t *request)
{
	AUTO(json_freep) json_t *answer = NULL;
	AUTO(target_done) struct target t = { 0 };
	struct err err = ERR_INIT;
	int status = client_ask(c, request, &answer);

	if (status)
		return status;

	json_t *target = json_object_get(answer, "target");

	if (read_target(target, &t, &err) < 0)
		return client_fail(c, &err);
	if (c->options.json)
		return client_print_json(c, json_pack("{s:i, s:O}", "schema", DEPLOYMENT_SCHEMA, "target", target));

	AUTO(table_done) struct table shown = { 0 };

	table_add(&shown, "would go back to", t.id, NULL);
	table_add(&shown, "of group", t.group, NULL);
	table_add(&shown, "deployed", t.finished_at ? t.finished_at : "-", NULL);
	table_add(&shown, "from", t.location ? t.location : "-", NULL);
	table_add(&shown, "digest", t.digest ? t.digest : "- (a folder has none)", NULL);
	table_print(&shown, "", stdout);
	return 0;
}

int cmd_rollback(const struct cli *cli, int argc, char **argv)
{
	AUTO(client_done) struct client c;
	int status = client_begin(&spec, cli, argc, argv, &c);

	if (status >= 0)
		return status;

	const struct client_options *o = &c.options;
	AUTO_FREE char *token = o->token ? xstrdup(o->token) : deployment_id_new("-token");
	AUTO(json_freep)
	json_t *request = json_pack("{s:s, s:o, s:o, s:b, s:b, s:b, s:o, s:o}", "request", "rollback", "deployment_id",
				    client_text_or_null(o->word), "group", client_text_or_null(o->group), "dry_run",
				    o->dry_run, "wait", !o->detach && !o->dry_run, "documents",
				    o->json && !o->detach && !o->dry_run, "token", client_text_or_null(token),
				    "requested_by_text", client_text_or_null(o->requested_by));

	if (o->dry_run)
		return try_it(&c, json_incref(request));

	const struct follow_options options = { .token = token };

	return follow(&c, request, &options);
}
