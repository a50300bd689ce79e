/* cli/cmd_status.c - `slipway status`: the daemon, and what runs in every deployment group. */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/human.h"
#include "cli/status_view.h"
#include "util/auto.h"
#include "util/str.h"

#include <stdio.h>
#include <string.h>

static const struct command_spec spec = {
	.name = "status",
	.options = "json timeout",
	.word = WORD_NONE,
	.usage = "Usage: slipway status [OPTION]...\n"
		 "\n"
		 "Shows the daemon, what makes it unhappy, and of every deployment group the revision that runs, what "
		 "is\n"
		 "being deployed and how the last deployment went.\n"
		 "\n"
		 "      --timeout TIME  how long to wait for the daemon's answer (default: 60s)\n"
		 "      --json          one JSON document on stdout\n"
		 "  -h, --help          this text\n",
};

static void print_agent(const struct status_view *v)
{
	char age[HUMAN_MAX];

	human_age(human_time_from(v->started_at), human_now_ms(), age);

	AUTO_FREE char *agent = xasprintf("%s, process %llu, started %s%s", v->version, (unsigned long long)v->pid, age,
					  v->stopping ? ", is stopping" : "");
	AUTO(table_done) struct table t = { 0 };

	table_add(&t, "daemon", agent, NULL);
	table_add(&t, "state", v->deployment_root, NULL);
	for (char **u = v->unhappy; u && *u; u++)
		table_add(&t, "unhappy", *u, NULL);
	table_print(&t, "", stdout);
}

/* "Failed 3 min ago (d-..)"; what runs and what is good says which one it is by itself. */
static char *last_words(const struct group_view *g, int64_t now_ms)
{
	char age[HUMAN_MAX];

	if (g->needs_recovery)
		return xstrdup("NEEDS RECOVERY");
	if (!g->last_id)
		return xstrdup("-");
	human_age(human_time_from(g->last_at), now_ms, age);
	if (g->good_id && !strcmp(g->good_id, g->last_id))
		return xstrdup(g->last_status);
	return xasprintf("%s %s (%s)", g->last_status, g->last_at ? age : "now", g->last_id);
}

static void print_groups(const struct status_view *v)
{
	AUTO(table_done) struct table t = { 0 };
	int64_t now_ms = human_now_ms();

	table_add(&t, "GROUP", "RUNS", "SINCE", "LAST", "DEPLOYING", "QUEUED", "REVISION", NULL);
	for (size_t i = 0; i < v->group_count; i++) {
		const struct group_view *g = &v->groups[i];
		AUTO_FREE char *last = last_words(g, now_ms);
		char age[HUMAN_MAX];

		human_age(human_time_from(g->good_at), now_ms, age);
		table_add(&t, g->group, g->good_id ? g->good_id : "-", age, last, g->running ? g->running : "-",
			  g->queued ? g->queued : "-", g->good_location ? g->good_location : "-", NULL);
	}
	(void)putchar('\n');
	if (v->group_count)
		table_print(&t, "", stdout);
	else
		(void)puts("nothing has been deployed yet: slipway deploy SOURCE");
}

static void advise(struct client *c, const struct status_view *v)
{
	for (size_t i = 0; i < v->group_count; i++)
		if (v->groups[i].needs_recovery)
			output_warning(
				&c->output,
				"group '%s' can be neither finished nor undone and takes no deployment: 'slipway "
				"show --latest --group %s' says why, 'slipway explain NeedsRecovery' what to do",
				v->groups[i].group, v->groups[i].group);
}

int cmd_status(const struct cli *cli, int argc, char **argv)
{
	AUTO(client_done) struct client c;
	AUTO(json_freep) json_t *answer = NULL;
	AUTO(status_view_done) struct status_view v = { 0 };
	struct err err = ERR_INIT;
	int status = client_begin(&spec, cli, argc, argv, &c);

	if (status >= 0)
		return status;
	status = client_ask(&c, json_pack("{s:s}", "request", "status"), &answer);
	if (status)
		return status;
	if (status_view_read(answer, &v, &err) < 0) {
		(void)err_add(&err, "the daemon said what this version does not understand");
		return client_fail(&c, &err);
	}
	if (c.options.json) {
		json_object_del(answer, "done");
		json_object_set_new(answer, "schema", json_integer(1));
		return client_print_json(&c, json_incref(answer));
	}
	print_agent(&v);
	print_groups(&v);
	(void)fflush(stdout);
	advise(&c, &v);
	return 0;
}
