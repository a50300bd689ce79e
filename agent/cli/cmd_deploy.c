/* cli/cmd_deploy.c - `slipway deploy`: a word on the command line becomes a request, and is seen to its end. */
#include "cli/commands.h"
#include "cli/follow.h"
#include "cli/local_source.h"
#include "control/deploy_request.h"
#include "control/socket_protocol.h"
#include "lifecycle/event.h"
#include "util/auto.h"
#include "util/str.h"

#include <ctype.h>

static const struct command_spec spec = {
	.name = "deploy",
	.options = "json detach force application group file-exists-behavior events digest plan on-failure "
		   "requested-by token env deadline timeout appspec-filename type",
	.word = WORD_NEEDED,
	.word_name = "folder or archive",
	.usage =
		"Usage: slipway deploy SOURCE [OPTION]...\n"
		"\n"
		"Asks the daemon to deploy SOURCE, a folder or an archive of this machine, and waits to the end. What\n"
		"runs already is not deployed again. ^C or the end of --timeout leaves; the deployment goes on.\n"
		"\n"
		"  -g, --group GROUP             the deployment group (default: default)\n"
		"  -a, --application NAME        for the hooks and for people (default: the group)\n"
		"  -b, --file-exists-behavior B  DISALLOW, OVERWRITE or RETAIN, for files that are not ours; the\n"
		"                                appspec's own word goes before it\n"
		"  -e, --events A,B,..           these lifecycle events, in this order\n"
		"      --digest sha256:HEX       refuse any other bundle\n"
		"      --plan ID                 refuse unless bundle and host are as 'slipway plan' saw them\n"
		"      --on-failure WHAT         restore, redeploy or none (default: as the daemon is configured)\n"
		"      --env NAME=VALUE          for every hook; may be repeated\n"
		"      --force                   deploy what runs already, too\n"
		"      --requested-by TEXT       who wants it and why, for the records\n"
		"      --deadline TIME           the deployment fails when it takes longer (90s, 10m, 1h; 0: never)\n"
		"      --timeout TIME            wait no longer than this\n"
		"      --detach                  do not wait; prints the deployment's id\n"
		"      --token TEXT              a name for this request: the same token never deploys twice\n"
		"  -A, --appspec-filename NAME   in the bundle (default: appspec.yml, then appspec.yaml)\n"
		"  -t, --type TYPE               directory, tgz, tar, tar.zst or zip (default: what SOURCE is)\n"
		"      --json                    one JSON document a line on stdout, the last one is final\n"
		"  -h, --help                    this text\n"
		"\n"
		"Exit status: 0 done, 1 failed, 2 wrong usage, 3 no daemon, 4 timed out waiting, 5 refused, 6 failed "
		"and\n"
		"the old revision is back and validated, 130 or 143 interrupted.\n",
};

static char *copy(const char *text)
{
	return text ? xstrdup(text) : NULL;
}

static char *upper_case(const char *text)
{
	char *out = copy(text);

	for (char *p = out; p && *p; p++)
		*p = (char)toupper((unsigned char)*p);
	return out;
}

static char **copy_list(char *const *list)
{
	char **out = NULL;
	size_t n = 0;

	for (; list && list[n]; n++) {
		out = xrealloc(out, (n + 2) * sizeof(*out));
		out[n] = xstrdup(list[n]);
		out[n + 1] = NULL;
	}
	return out;
}

static int take_on_failure(const char *name, struct deploy_request *r, struct err *err)
{
	r->host_on_failure = !name;
	if (!name || on_failure_from_name(name, &r->on_failure) == 0)
		return 0;
	return err_set(err, ERR_USAGE, "--on-failure is not valid: write restore, redeploy or none");
}

/* What names, events and the like may be is the daemon's to say; paths are ours, it has another working directory. */
static int fill(const struct client_options *o, struct deploy_request *r, struct err *err)
{
	if (local_source_check(o->word, o->type, o->appspec_filename, &r->revision, err) < 0 ||
	    (o->events && event_order_parse(o->events, &r->events, err) < 0) ||
	    take_on_failure(o->on_failure, r, err) < 0)
		return -1;
	r->application = copy(o->application);
	r->group = copy(o->group);
	r->appspec_filename = copy(o->appspec_filename);
	r->file_exists_behavior = upper_case(o->file_exists_behavior);
	r->digest = copy(o->digest);
	r->plan_id = copy(o->plan_id);
	r->requested_by_text = copy(o->requested_by);
	r->token = o->token ? xstrdup(o->token) : deployment_id_new("-token");
	r->environment = copy_list(o->environment);
	r->force = o->force;
	r->deadline_s = o->deadline_s;
	r->host_deadline = !o->has_deadline;
	return 0;
}

int cmd_deploy(const struct cli *cli, int argc, char **argv)
{
	AUTO(client_done) struct client c;
	AUTO(deploy_request_done) struct deploy_request r = { 0 };
	AUTO(json_freep) json_t *request = NULL;
	struct err err = ERR_INIT;
	int status = client_begin(&spec, cli, argc, argv, &c);

	if (status >= 0)
		return status;
	if (fill(&c.options, &r, &err) < 0)
		return client_fail(&c, &err);
	request = json_pack("{s:s, s:o, s:b, s:b}", "request", "deploy", "deploy", deploy_request_to_json(&r), "wait",
			    !c.options.detach, "documents", c.options.json && !c.options.detach);

	const struct follow_options options = { .quiet = false, .token = r.token };

	return follow(&c, request, &options);
}
