/* cli/cmd_plan.c - `slipway plan`: what a deployment would do, without doing it. */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/local_options.h"
#include "cli/plan_folder.h"
#include "cli/plan_view.h"
#include "cli/worker_client.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"
#include "worker/worker_spawn.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_GROUP "default" /* as that of deploy */

static const struct command_spec spec = {
	.name = "plan",
	.options = "json group file-exists-behavior events appspec-filename type diff detailed-exitcode verbose",
	.word = WORD_NEEDED,
	.word_name = "folder or archive",
	.usage = "Usage: slipway [--config FILE] [--root DIR] plan SOURCE [OPTION]...\n"
		 "\n"
		 "Tells what deploying SOURCE, a folder or an archive, would do: files that are added, changed, "
		 "removed\n"
		 "or kept, what stands in the way and which policy decides about it, what was edited by hand, hooks\n"
		 "that would run, space. Nothing is changed and no hook is run; SOURCE is unpacked below the state\n"
		 "folder meanwhile. Needs no daemon.\n"
		 "\n"
		 "  -g, --group GROUP             the deployment group (default: default)\n"
		 "  -b, --file-exists-behavior B  DISALLOW, OVERWRITE or RETAIN, as for deploy\n"
		 "  -e, --events A,B,..           these lifecycle events, as for deploy\n"
		 "  -A, --appspec-filename NAME   in the bundle (default: appspec.yml, then appspec.yaml)\n"
		 "  -t, --type TYPE               directory, tgz, tar, tar.zst or zip (default: what SOURCE is)\n"
		 "  -v, --verbose                 every path\n"
		 "      --diff                    what changes in each file, as diff -u tells it\n"
		 "      --detailed-exitcode       tell by the exit status whether a file would change\n"
		 "      --json                    one JSON document on stdout\n"
		 "  -h, --help                    this text\n"
		 "\n"
		 "Exit status: 0 it can be deployed, 1 it cannot, 2 wrong usage or configuration.\n"
		 "With --detailed-exitcode: 0 no file would change, 1 it cannot be deployed, or wrong usage,\n"
		 "2 files would change.\n",
};

struct planning {
	struct client *client;
	struct plan_request request;
	struct plan_folder folder;
	struct worker_end end;
};

static int request_of(struct client *c, struct plan_request *r, struct err *err)
{
	const struct client_options *o = &c->options;
	const struct local_options asked = {
		.location = o->word,
		.type = o->type,
		.file_exists_behavior = o->file_exists_behavior,
		.group = o->group ? o->group : DEFAULT_GROUP,
		.events = o->events,
		.appspec_filename = o->appspec_filename,
	};

	if (local_options_check(&asked, false, &r->deployment, err) < 0 || config_check_writable(&c->config, err) < 0)
		return -1;
	config_settings(&c->config, r->deployment.group, &r->deployment.settings);
	return 0;
}

static void on_work(void *context, const char *event, const struct worker_work *w)
{
	output_work(context, event, w->files, w->files_total, w->bytes, w->bytes_total);
}

static int show(struct planning *p, struct err *err)
{
	const struct client_options *o = &p->client->options;
	AUTO_FD int archive = fs_open_beneath(p->folder.fd, "deployment-archive", O_RDONLY | O_DIRECTORY, 0);
	int fd = fs_open_beneath(p->folder.fd, PLAN_PATHS, O_RDONLY, 0);
	FILE *paths = fd < 0 ? NULL : fdopen(fd, "r");

	if (!paths)
		return err_sys(err, "opening the plan's paths");

	struct plan_view v = {
		.plan = p->end.planned.plan,
		.paths = paths,
		.archive_fd = archive,
		.verbose = o->verbose,
		.diff = o->diff,
	};

	(o->json ? plan_view_json : plan_view_text)(&v);
	(void)fclose(paths);
	return fflush(stdout) ? err_sys(err, "writing the plan") : 0;
}

static int run(struct planning *p, struct err *err)
{
	const struct worker_watch watch = { .work = on_work, .context = &p->client->output };
	AUTO_FREE char *worker = NULL;

	if (request_of(p->client, &p->request, err) < 0 || worker_find(&worker, err) < 0 ||
	    plan_folder_open(p->client->config.state_dir, &p->folder, err) < 0)
		return -1;
	p->request.folder = xstrdup(p->folder.path);
	if (worker_plan(worker, &p->request, &watch, &p->end, err) < 0)
		return -1;
	if (p->end.signal)
		return err_set(err, ERR_STOPPED, "stopped");
	if (!p->end.has_result)
		return err_set(err, ERR_UNREACHABLE, "the worker went away without an answer: %s", p->end.how);
	if (p->end.planned.kind)
		return err_set(err, p->end.planned.kind, "%s", p->end.planned.message);
	return show(p, err);
}

/* What stands in the way is one kind of failure, whatever it is. */
static int status_of(const struct planning *p, bool failed, enum err_kind kind)
{
	const json_t *plan = p->end.planned.plan;
	bool detailed = p->client->options.detailed_exitcode;

	if (p->end.signal)
		return 128 + p->end.signal;
	if (failed)
		return !detailed && (kind == ERR_USAGE || kind == ERR_CONFIG) ? 2 : 1;
	if (json_array_size(json_object_get(plan, "errors")))
		return 1;
	return detailed && json_is_true(json_object_get(plan, "changes")) &&
			       !json_is_true(json_object_get(plan, "already_runs"))
		       ? 2
		       : 0;
}

/* The options may be what is wrong: then they were not read to their end. */
static bool wants_details(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--detailed-exitcode"))
			return true;
	return false;
}

int cmd_plan(const struct cli *cli, int argc, char **argv)
{
	AUTO(client_done) struct client c;
	struct planning p = { .client = &c, .folder = { .fd = -1, .parent_fd = -1 } };
	struct err err = ERR_INIT;
	int status = client_begin(&spec, cli, argc, argv, &c);

	if (status >= 0)
		return status && wants_details(argc, argv) ? 1 : status;

	bool failed = run(&p, &err) < 0;

	if (failed)
		output_error(&c.output, "%s", err.msg);
	status = status_of(&p, failed, err.kind);
	if (plan_folder_done(&p.folder, &err) < 0)
		output_warning(&c.output, "what was unpacked is left: %s", err.msg);
	worker_end_done(&p.end);
	plan_request_done(&p.request);
	return status;
}
