/* cli/cmd_local.c - options, settings, worker, result: `slipway local` from top to bottom. */
#include "cli/cmd_local.h"
#include "cli/local_options.h"
#include "cli/local_run.h"
#include "config/config.h"
#include "format/plain.h"
#include "util/auto.h"
#include "util/str.h"
#include "worker/worker_spawn.h"

#include <limits.h>
#include <stdio.h>

#define REFERENCE_CONFIGURATION "/etc/codedeploy-agent/conf/codedeployagent.yml"

struct local {
	bool compatible, json;
	struct local_run run;
	bool begun; /* codedeploy-local has said where the deployment will be, and will say where its log is */
	char host[HOST_NAME_MAX + 1];
};

static void local_done(struct local *l)
{
	local_run_done(&l->run);
}

void cmd_local_help(bool compatible)
{
	static const char options[] =
		"  -l, --bundle-location PATH       folder, archive or file: URL (default: the working directory)\n"
		"  -t, --type TYPE                  directory, tgz, tar, tar.zst or zip (default: %s)\n"
		"  -b, --file-exists-behavior B     DISALLOW, OVERWRITE or RETAIN, for files that are not ours;\n"
		"                                   the appspec's own word goes before it\n"
		"  -g, --deployment-group GROUP     names the group's folder (default: "
		"default-local-deployment-group)\n"
		"  -d, --deployment-group-name N    for the hooks' environment (default: LocalFleet)\n"
		"  -a, --application-name NAME      for the hooks' environment (default: the location)\n"
		"  -e, --events A,B,..              these lifecycle events, in this order\n"
		"  -c, --agent-configuration-file F a codedeployagent.yml: root_dir, max_revisions, program_name and\n"
		"                                   enable_deployments_log are taken from it%s\n"
		"  -A, --appspec-filename NAME      in the bundle (default: appspec.yml, then appspec.yaml)\n"
		"%s"
		"      --json                       the result as one JSON document on stdout\n"
		"  -h, --help                       this text\n"
		"  -v, --version\n";
	static const char own[] =
		"      --on-failure restore|none    after a failure bring the previous revision back (default), or\n"
		"                                   leave things as they are\n"
		"      --plan ID                    refuse unless bundle and host are as 'slipway plan' saw them\n";

	if (compatible)
		(void)puts("Usage: codedeploy-local [options]\n\nDeploys a bundle on this machine.\n");
	else
		(void)puts(
			"Usage: slipway [--config FILE] [--root DIR] local [SOURCE] [options]\n\n"
			"Deploys SOURCE, a folder or an archive, on this machine, in this process, and waits to the\n"
			"end. Exit status: 0 done, 1 failed, 2 wrong usage or configuration, 5 refused (busy, or not "
			"as\n"
			"planned), 6 failed and the old revision is back and validated, 130 or 143 interrupted.\n");
	(void)printf(options, compatible ? "directory" : "what the location is",
		     compatible ? "; default:\n                                   " REFERENCE_CONFIGURATION
				  ",\n                                   when it is there"
				: "",
		     compatible ? "" : own);
}

/* The reference's folder of the deployment, shown before there is one. */
static char *announced_folder(const struct deployment *d)
{
	AUTO_FREE char *root = plain_path(d->settings.deployment_root);

	return xasprintf("%s/%s/%s", root, d->group, d->id);
}

static void say_compatible_begin(struct local *l)
{
	AUTO_FREE char *folder = announced_folder(&l->run.deployment);

	if (!l->compatible || l->json)
		return;
	(void)printf("Starting to execute deployment from within folder %s\n", folder);
	(void)fflush(stdout); /* the progress on stderr comes after it */
	l->begun = true;
}

/* It says so whatever has become of the deployment, and of the log. */
static void say_compatible_log(const struct local *l)
{
	AUTO_FREE char *folder = l->begun ? announced_folder(&l->run.deployment) : NULL;

	if (folder)
		(void)printf("See the deployment log at %s/logs/scripts.log for more details\n", folder);
}

/* A failure without a result; the exit status. The reference tells it on stdout. */
static int refuse(struct local *l, const struct err *err)
{
	if (!l->compatible || l->json) {
		output_error(&l->run.output, "%s", err->msg);
		return l->compatible ? 1 : err_exit_status(err->kind);
	}

	AUTO_FREE char *text = plain_text(err->msg, sizeof(err->msg));

	say_compatible_log(l);
	(void)printf("ERROR: %s\n", text);
	return 1;
}

/* The reference's file: the one that was named, or its usual place when we stand in for it and there is one. */
static int take_reference_file(struct config *c, const char *named, bool compatible, struct err *err)
{
	AUTO_FREE char *usual = xasprintf("%s" REFERENCE_CONFIGURATION, c->root);

	if (named)
		return config_take_codedeployagent(c, named, err);
	if (!compatible || access(usual, F_OK) < 0)
		return 0;
	return config_take_codedeployagent(c, usual, err);
}

/* Take over the settings; what is wrong in the configuration is found here. */
static int settle(const struct cli *cli, struct local *l, const char *agent_file, struct err *err)
{
	AUTO(config_done) struct config c = { 0 };
	const struct config_place place = { .root = cli->root, .file = cli->config };

	if (config_load(&place, &c, err) < 0)
		return -1;
	for (size_t i = 0; i < c.warning_count; i++)
		output_warning(&l->run.output, "%s", c.warnings[i]);
	if (take_reference_file(&c, agent_file, l->compatible, err) < 0)
		return -1;
	if (config_check_writable(&c, err) < 0)
		return -1;
	config_settings(&c, l->run.deployment.group, &l->run.deployment.settings);
	return 0;
}

static int exit_status(const struct local *l, const struct worker_end *end)
{
	const struct deployment_result *r = &end->result;

	if (r->status == DEPLOYMENT_SUCCEEDED)
		return 0;
	if (l->compatible)
		return 1;
	if (end->signal)
		return 128 + end->signal;
	if (err_is_refusal(r->kind))
		return err_exit_status(r->kind);
	return r->restore.tried && r->restore.files && r->restore.started && r->restore.validated ? 6 : 1;
}

/* The reference's last words; the script is that of the failed event. */
static void say_compatible_end(const struct local *l, const struct deployment_result *r)
{
	const char *script = NULL;
	AUTO_FREE char *folder = l->run.folder ? plain_path(l->run.folder) : NULL;

	for (size_t i = 0; i < r->event_count; i++)
		if (r->events[i].status == EVENT_FAILED && r->events[i].script)
			script = r->events[i].script;
	say_compatible_log(l);
	if (r->status == DEPLOYMENT_SUCCEEDED) {
		(void)puts("AppSpec file valid. Local deployment successful");
	} else if (script && folder) {
		AUTO_FREE char *name = plain_path(script);

		(void)printf("Your local deployment failed while trying to execute your script at "
			     "%s/deployment-archive/%s\n",
			     folder, name);
	} else {
		AUTO_FREE char *text = plain_text(r->error_message ? r->error_message : "the deployment failed", 65536);

		(void)printf("ERROR: %s\n", text);
	}
}

static void say_end(struct local *l, const struct deployment_result *r)
{
	if (l->json) {
		json_t *json = deployment_result_to_json(&l->run.deployment, r);

		(void)json_dumpf(json, stdout, JSON_INDENT(2));
		(void)putchar('\n');
		json_decref(json);
	}
	if (l->compatible && !l->json)
		say_compatible_end(l, r);
	output_result(&l->run.output, &l->run.deployment, r, l->run.folder, l->host);
}

static int deploy(struct local *l, struct err *err)
{
	AUTO(worker_end_done) struct worker_end end = { 0 };
	AUTO_FREE char *worker = NULL;

	if (worker_find(&worker, err) < 0)
		return refuse(l, err);
	say_compatible_begin(l);
	if (local_run(&l->run, worker, &end, err) < 0)
		return refuse(l, err);
	say_end(l, &end.result);
	return exit_status(l, &end);
}

int cmd_local(const struct cli *cli, int argc, char **argv, bool compatible)
{
	AUTO(local_done) struct local l = { .compatible = compatible };
	struct local_options options;
	struct err err = ERR_INIT;

	output_init(&l.run.output, stderr);
	if (gethostname(l.host, sizeof(l.host) - 1) < 0)
		(void)snprintf(l.host, sizeof(l.host), "localhost");
	if (local_options_read(argc, argv, compatible, &options, &err) < 0)
		return refuse(&l, &err);
	if (options.help) {
		cmd_local_help(compatible);
		return compatible; /* the reference's parser ends with 1 for both */
	}
	if (options.version) {
		(void)puts(compatible ? "1.0" : "slipway " SLIPWAY_VERSION);
		return compatible;
	}
	l.json = options.json;
	if (local_options_check(&options, compatible, &l.run.deployment, &err) < 0 ||
	    settle(cli, &l, options.agent_configuration_file, &err) < 0)
		return refuse(&l, &err);
	return deploy(&l, &err);
}
