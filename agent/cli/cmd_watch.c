/* cli/cmd_watch.c - `slipway watch` and `slipway wait`: a deployment to its end, or whatever is deployed. */
#include "cli/commands.h"
#include "cli/deployment_view.h"
#include "cli/follow.h"
#include "format/json.h"
#include "format/plain.h"
#include "util/auto.h"
#include "util/str.h"
#include "worker/worker_messages.h"

#include <stdio.h>
#include <string.h>

static const struct command_spec watch_spec = {
	.name = "watch",
	.options = "json latest group timeout",
	.word = WORD_OPTIONAL,
	.word_name = "deployment",
	.usage = "Usage: slipway watch [ID|--latest] [OPTION]...\n"
		 "\n"
		 "Shows a deployment from its beginning to its end; without ID, all of them until ^C.\n"
		 "\n"
		 "      --latest        the one that was asked for last\n"
		 "  -g, --group GROUP   with --latest: of this deployment group\n"
		 "      --timeout TIME  no longer than this (90s, 10m, 1h)\n"
		 "      --json          one JSON document a line on stdout, the last one is final\n"
		 "  -h, --help          this text\n"
		 "\n"
		 "Exit status: of one deployment as of 'slipway deploy'.\n",
};

static const struct command_spec wait_spec = {
	.name = "wait",
	.options = "json latest group timeout",
	.word = WORD_OR_LATEST,
	.word_name = "deployment",
	.usage = "Usage: slipway wait ID|--latest [OPTION]...\n"
		 "\n"
		 "Waits for the end of a deployment and shows nothing but that.\n"
		 "\n"
		 "      --latest        the one that was asked for last\n"
		 "  -g, --group GROUP   with --latest: of this deployment group\n"
		 "      --timeout TIME  no longer than this (90s, 10m, 1h)\n"
		 "      --json          one JSON document a line on stdout, the last one is final\n"
		 "  -h, --help          this text\n"
		 "\n"
		 "Exit status: as of 'slipway deploy'.\n",
};

/* One of the deployments that run at the same time, each with lines of its own. */
struct watched {
	char *id; /* printable */
	struct output output;
};

struct watching {
	struct client *client;
	struct watched *all;
	size_t count;
};

static void watching_done(struct watching *w)
{
	for (size_t i = 0; i < w->count; i++) {
		output_done(&w->all[i].output);
		free(w->all[i].id);
	}
	free(w->all);
}

static struct output *output_of(struct watching *w, const char *id)
{
	for (size_t i = 0; i < w->count; i++)
		if (!strcmp(w->all[i].id, id))
			return &w->all[i].output;
	w->all = xrealloc(w->all, (w->count + 1) * sizeof(*w->all));

	struct watched *new = &w->all[w->count++];

	*new = (struct watched){ .id = xstrdup(id), .output = w->client->output };
	new->output.live = false; /* there is no one line to redraw */
	new->output.prefix = new->id;
	return &new->output;
}

static void forget(struct watching *w, const char *id)
{
	for (size_t i = 0; i < w->count; i++)
		if (!strcmp(w->all[i].id, id)) {
			output_done(&w->all[i].output);
			free(w->all[i].id);
			w->all[i] = w->all[--w->count];
			if (i < w->count)
				w->all[i].output.prefix = w->all[i].id;
			return;
		}
}

static int show_document(struct watching *w, const char *id, const json_t *document, struct err *err)
{
	AUTO(deployment_view_done) struct deployment_view v = { 0 };
	struct client *c = w->client;

	if (deployment_view_read(document, &v, err) < 0)
		return -1;
	if (c->options.json && client_print_json(c, json_incref((json_t *)document)))
		return 1; /* nobody reads it any more */
	if (!deployment_has_ended(&v.r))
		return 0;
	output_line(&c->output, "%s  %s of group '%s'%s%s", id, deployment_status_name(v.r.status), v.d.group,
		    v.r.error_message ? ": " : "", v.r.error_message ? v.r.error_message : "");
	forget(w, id);
	return 0;
}

static int show_progress(struct watching *w, const char *id, const json_t *progress, struct err *err)
{
	AUTO(worker_message_done) struct worker_message m = { 0 };

	if (worker_message_from_json(progress, &m, err) < 0)
		return -1;
	if (m.kind == WORKER_EVENT)
		output_event(output_of(w, id), m.event, m.status, m.text ? m.text : "");
	else if (m.kind == WORKER_NOTE)
		output_note(output_of(w, id), m.event ? m.event : "", m.text);
	else if (m.kind == WORKER_DOING)
		output_doing(output_of(w, id), m.event, m.text);
	return 0;
}

static int take_line(void *context, const json_t *line, struct err *err)
{
	struct watching *w = context;
	const json_t *progress = json_object_get(line, "progress");
	const json_t *document = json_object_get(line, "deployment");
	AUTO_FREE char *id = NULL;
	struct jobject o;

	if (jobject_open(line, "a line of its stream", &o, err) < 0 ||
	    jobject_need_string(&o, "deployment_id", 64, &id, err) < 0)
		return -1;

	AUTO_FREE char *shown = plain_path(id);

	if (progress)
		return show_progress(w, shown, progress, err);
	return document ? show_document(w, shown, document, err) : 0;
}

static int say_end(struct client *c, const struct daemon_answer *a)
{
	switch (a->end) {
	case DAEMON_REFUSED:
		return client_say_refusal(c, a);
	case DAEMON_LOST:
		output_error(&c->output, "the daemon went away: see 'systemctl status slipway'");
		return err_exit_status(ERR_UNREACHABLE);
	case DAEMON_INTERRUPTED:
		return 128 + a->signal;
	case DAEMON_TIMED_OUT:
		output_error(&c->output, "timed out watching");
		return err_exit_status(ERR_TIMED_OUT);
	case DAEMON_DONE:
		break;
	}
	return 0;
}

static int watch_all(struct client *c)
{
	AUTO(watching_done) struct watching w = { .client = c };
	AUTO(daemon_answer_done) struct daemon_answer a = { 0 };
	AUTO(json_freep)
	json_t *request = json_pack("{s:s, s:n, s:b}", "request", "watch", "deployment_id", "documents", true);
	const struct daemon_talk talk = { .socket = c->config.socket,
					  .request = request,
					  .timeout_s = c->options.timeout_s,
					  .line = take_line,
					  .context = &w };
	struct err err = ERR_INIT;

	return daemon_talk(&talk, &a, &err) < 0 ? client_fail(c, &err) : say_end(c, &a);
}

static int watch_one(struct client *c, bool quiet)
{
	AUTO_FREE char *id = NULL;
	int status = client_find_id(c, &id);

	if (status)
		return status;

	AUTO(json_freep)
	json_t *request = json_pack("{s:s, s:o, s:b}", "request", "watch", "deployment_id", client_text_or_null(id),
				    "documents", c->options.json);
	const struct follow_options options = { .quiet = quiet, .id = id };

	return follow(c, request, &options);
}

int cmd_watch(const struct cli *cli, int argc, char **argv)
{
	AUTO(client_done) struct client c;
	int status = client_begin(&watch_spec, cli, argc, argv, &c);

	if (status >= 0)
		return status;
	return c.options.word || c.options.latest ? watch_one(&c, false) : watch_all(&c);
}

int cmd_wait(const struct cli *cli, int argc, char **argv)
{
	AUTO(client_done) struct client c;
	int status = client_begin(&wait_spec, cli, argc, argv, &c);

	return status >= 0 ? status : watch_one(&c, true);
}
