/* cli/cmd_steer.c - `slipway stop`, `forget` and `prune`: one question, one line. */
#include "cli/client.h"
#include "cli/commands.h"
#include "format/json.h"
#include "format/plain.h"
#include "util/auto.h"
#include "util/str.h"

#include <stdio.h>

#define COMMON_OPTIONS                                                                                                 \
	"      --timeout TIME  how long to wait for the daemon's answer (default: 60s)\n"                              \
	"      --json          one JSON document on stdout\n"                                                          \
	"  -h, --help          this text\n"

static const struct command_spec stop_spec = {
	.name = "stop",
	.options = "json latest group timeout",
	.word = WORD_OR_LATEST,
	.word_name = "deployment",
	.usage = "Usage: slipway stop ID|--latest [OPTION]...\n"
		 "\n"
		 "Asks a deployment to stop. Before its files are put in place everything is discarded; after that it "
		 "is\n"
		 "handled like a failed one. 'slipway wait' tells when it has ended.\n"
		 "\n"
		 "      --latest        the newest one that has not ended\n"
		 "  -g, --group GROUP   with --latest: of this deployment group\n" COMMON_OPTIONS,
};

static const struct command_spec forget_spec = {
	.name = "forget",
	.options = "json timeout",
	.word = WORD_NEEDED,
	.word_name = "deployment group",
	.usage = "Usage: slipway forget GROUP [OPTION]...\n"
		 "\n"
		 "Removes the history, the revisions and the records of a deployment group. What they installed stays "
		 "where\n"
		 "it is; a later deployment of the group takes it for somebody else's files.\n"
		 "\n" COMMON_OPTIONS,
};

static const struct command_spec prune_spec = {
	.name = "prune",
	.options = "json timeout",
	.word = WORD_NONE,
	.usage = "Usage: slipway prune [OPTION]...\n"
		 "\n"
		 "Removes revisions and history beyond what the configuration keeps ('max_revisions', 'history').\n"
		 "\n" COMMON_OPTIONS,
};

/* The answer without what is for the client alone. */
static int print_answer(struct client *c, json_t *answer)
{
	json_object_del(answer, "done");
	json_object_set_new(answer, "schema", json_integer(1));
	return client_print_json(c, json_incref(answer));
}

int cmd_stop(const struct cli *cli, int argc, char **argv)
{
	AUTO(client_done) struct client c;
	AUTO(json_freep) json_t *answer = NULL;
	AUTO_FREE char *id = NULL;
	struct err err = ERR_INIT;
	struct jobject o;
	int status = client_begin(&stop_spec, cli, argc, argv, &c);

	if (status >= 0)
		return status;
	status = client_ask(&c,
			    json_pack("{s:s, s:o, s:o}", "request", "stop", "deployment_id",
				      client_text_or_null(c.options.word), "group",
				      client_text_or_null(c.options.group)),
			    &answer);
	if (status)
		return status;
	if (jobject_open(answer, "the daemon's answer", &o, &err) < 0 ||
	    jobject_need_string(&o, "deployment_id", 64, &id, &err) < 0)
		return client_fail(&c, &err);
	if (c.options.json)
		return print_answer(&c, answer);

	AUTO_FREE char *shown = plain_path(id);

	(void)printf("deployment %s is asked to stop; 'slipway wait %s' tells when it has\n", shown, shown);
	return 0;
}

int cmd_forget(const struct cli *cli, int argc, char **argv)
{
	AUTO(client_done) struct client c;
	AUTO(json_freep) json_t *answer = NULL;
	struct err err = ERR_INIT;
	struct jobject o;
	uint64_t count;
	int status = client_begin(&forget_spec, cli, argc, argv, &c);

	if (status >= 0)
		return status;
	status = client_ask(&c,
			    json_pack("{s:s, s:o}", "request", "forget", "group", client_text_or_null(c.options.word)),
			    &answer);
	if (status)
		return status;
	if (jobject_open(answer, "the daemon's answer", &o, &err) < 0 ||
	    jobject_number(&o, "deployments", 0, INT64_MAX, &count, &err) < 0)
		return client_fail(&c, &err);
	if (c.options.json)
		return print_answer(&c, answer);

	AUTO_FREE char *group = plain_path(c.options.word);

	(void)printf("group '%s' is forgotten: %llu deployments; what they installed stays\n", group,
		     (unsigned long long)count);
	return 0;
}

int cmd_prune(const struct cli *cli, int argc, char **argv)
{
	AUTO(client_done) struct client c;
	AUTO(json_freep) json_t *answer = NULL;
	struct err err = ERR_INIT;
	struct jobject o;
	uint64_t count, rows;
	int status = client_begin(&prune_spec, cli, argc, argv, &c);

	if (status >= 0)
		return status;
	status = client_ask(&c, json_pack("{s:s}", "request", "prune"), &answer);
	if (status)
		return status;
	if (jobject_open(answer, "the daemon's answer", &o, &err) < 0 ||
	    jobject_number(&o, "deployments", 0, INT64_MAX, &count, &err) < 0 ||
	    jobject_number(&o, "rows", 0, INT64_MAX, &rows, &err) < 0)
		return client_fail(&c, &err);
	if (c.options.json)
		return print_answer(&c, answer);
	(void)printf("removed %llu revisions and %llu entries of the history\n", (unsigned long long)count,
		     (unsigned long long)rows);
	return 0;
}
