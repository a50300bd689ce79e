/* cli/cmd_list.c - `slipway list`: what was deployed, newest first. */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/deployment_view.h"
#include "cli/human.h"
#include "util/auto.h"
#include "util/str.h"

#define DEFAULT_LIMIT 20

static const struct command_spec spec = {
	.name = "list",
	.options = "json group limit timeout",
	.word = WORD_NONE,
	.usage = "Usage: slipway list [OPTION]...\n"
		 "\n"
		 "Lists deployments, the newest first.\n"
		 "\n"
		 "  -g, --group GROUP   of this deployment group alone\n"
		 "  -n, --limit N       at most N of them (default: 20)\n"
		 "      --timeout TIME  how long to wait for the daemon's answer (default: 60s)\n"
		 "      --json          one JSON document on stdout\n"
		 "  -h, --help          this text\n",
};

static void add_row(struct table *t, const struct deployment_view *v, int64_t now_ms)
{
	const struct deployment_result *r = &v->r;
	bool failed = r->kind != ERR_NONE && r->status != DEPLOYMENT_SUCCEEDED;
	AUTO_FREE char *why = failed && r->error_event ? xasprintf("%s at %s", err_code(r->kind), r->error_event)
			      : failed		       ? xstrdup(err_code(r->kind))
			      : r->unchanged	       ? xstrdup("nothing to do")
						       : xstrdup("");
	AUTO_FREE char *uid = xasprintf("uid %u", v->d.requested_by_uid);
	char age[HUMAN_MAX], took[HUMAN_MAX];

	human_age(r->created_at_ms, now_ms, age);
	human_duration(!r->started_at_ms ? -1 : (r->finished_at_ms ? r->finished_at_ms : now_ms) - r->started_at_ms,
		       took);
	table_add(t, v->d.id, v->d.group, deployment_status_name(r->status), age, took,
		  v->d.requested_by_login ? v->d.requested_by_login : uid, v->d.revision.location, why, NULL);
}

static int read_rows(const json_t *list, struct table *t, struct err *err)
{
	int64_t now_ms = human_now_ms();

	if (!json_is_array(list))
		return err_set(err, ERR_STATE, "the daemon's answer has no list of deployments");
	for (size_t i = 0; i < json_array_size(list); i++) {
		AUTO(deployment_view_done) struct deployment_view v = { 0 };

		if (deployment_view_read(json_array_get(list, i), &v, err) < 0)
			return err_add(err, "the daemon said what this version does not understand");
		add_row(t, &v, now_ms);
	}
	return 0;
}

int cmd_list(const struct cli *cli, int argc, char **argv)
{
	AUTO(client_done) struct client c;
	AUTO(json_freep) json_t *answer = NULL;
	AUTO(table_done) struct table t = { 0 };
	struct err err = ERR_INIT;
	int status = client_begin(&spec, cli, argc, argv, &c);

	if (status >= 0)
		return status;
	status = client_ask(&c,
			    json_pack("{s:s, s:o, s:i}", "request", "list", "group",
				      client_text_or_null(c.options.group), "limit",
				      c.options.limit ? (int)c.options.limit : DEFAULT_LIMIT),
			    &answer);
	if (status)
		return status;

	json_t *list = json_object_get(answer, "deployments");

	table_add(&t, "ID", "GROUP", "STATUS", "ASKED FOR", "TOOK", "BY", "REVISION", "", NULL);
	if (read_rows(list, &t, &err) < 0)
		return client_fail(&c, &err);
	if (c.options.json)
		return client_print_json(&c, json_pack("{s:i, s:O}", "schema", DEPLOYMENT_SCHEMA, "deployments", list));
	if (t.count > 1)
		table_print(&t, "", stdout);
	else
		output_line(&c.output, "nothing has been deployed%s", c.options.group ? " to this group" : "");
	return 0;
}
