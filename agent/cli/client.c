/* cli/client.c - the common beginning and the common ends of the commands that talk to the daemon. */
#include "cli/client.h"
#include "format/json.h"
#include "format/plain.h"
#include "util/auto.h"
#include "util/str.h"

#include <stdio.h>

void client_done(struct client *c)
{
	output_done(&c->output);
	client_options_done(&c->options);
	config_done(&c->config);
}

int client_fail(struct client *c, const struct err *err)
{
	output_error(&c->output, "%s", err->msg);
	return err_exit_status(err->kind);
}

static int load_config(struct client *c, const struct cli *cli, struct err *err)
{
	const struct config_place place = { .root = cli->root, .file = cli->config };

	return config_load(&place, &c->config, err);
}

int client_read_options(const struct command_spec *spec, int argc, char **argv, struct output *o,
			struct client_options *out)
{
	struct err err = ERR_INIT;

	if (client_options_read(spec, argc, argv, out, &err) < 0) {
		output_error(o, "%s", err.msg);
		return err_exit_status(err.kind);
	}
	if (!out->help)
		return -1;
	(void)fputs(spec->usage, stdout);
	return 0;
}

int client_begin(const struct command_spec *spec, const struct cli *cli, int argc, char **argv, struct client *out)
{
	struct err err = ERR_INIT;

	*out = (struct client){ .spec = spec };
	output_init(&out->output, stderr);
	if (gethostname(out->host, sizeof(out->host) - 1) < 0)
		(void)snprintf(out->host, sizeof(out->host), "localhost");

	int status = client_read_options(spec, argc, argv, &out->output, &out->options);

	if (status >= 0)
		return status;
	if (load_config(out, cli, &err) < 0)
		return client_fail(out, &err);
	return -1;
}

int client_say_refusal(struct client *c, const struct daemon_answer *a)
{
	output_refusal(&c->output, a->code, a->message, a->action);
	return a->exit_status;
}

/* How a question without a stream may end when it is not answered. */
static int say_unanswered(struct client *c, const struct daemon_answer *a, unsigned timeout_s)
{
	switch (a->end) {
	case DAEMON_REFUSED:
		return client_say_refusal(c, a);
	case DAEMON_LOST:
		output_error(&c->output,
			     "the daemon went away without an answer: see 'journalctl -u slipway', then try again");
		return err_exit_status(ERR_UNREACHABLE);
	case DAEMON_TIMED_OUT:
		output_error(&c->output, "the daemon has not answered within %u s: see 'systemctl status slipway'",
			     timeout_s);
		return err_exit_status(ERR_TIMED_OUT);
	case DAEMON_INTERRUPTED:
		return 128 + a->signal;
	case DAEMON_DONE:
		break;
	}
	return 1;
}

int client_ask(struct client *c, json_t *request, json_t **answer)
{
	AUTO(json_freep) json_t *asked = request;
	AUTO(daemon_answer_done) struct daemon_answer a = { 0 };
	unsigned timeout_s = c->options.has_timeout ? c->options.timeout_s : CLIENT_ANSWER_WITHIN_S;
	const struct daemon_talk talk = { .socket = c->config.socket, .request = asked, .timeout_s = timeout_s };
	struct err err = ERR_INIT;

	if (daemon_talk(&talk, &a, &err) < 0)
		return client_fail(c, &err);
	if (a.end != DAEMON_DONE)
		return say_unanswered(c, &a, timeout_s);
	*answer = TAKE_PTR(a.json);
	return 0;
}

int client_print_json(struct client *c, json_t *json)
{
	bool written = json_dumpf(json, stdout, JSON_COMPACT) == 0 && putchar('\n') != EOF && fflush(stdout) == 0;

	json_decref(json);
	if (written)
		return 0;
	output_error(&c->output, "standard output cannot be written to");
	return 1;
}

json_t *client_text_or_null(const char *text)
{
	return jbytes(text);
}

int client_find_id(struct client *c, char **out)
{
	AUTO(json_freep) json_t *answer = NULL;
	AUTO_FREE char *id = NULL;
	struct err err = ERR_INIT;
	struct jobject o;

	if (c->options.word) {
		*out = xstrdup(c->options.word);
		return 0;
	}

	int status = client_ask(c,
				json_pack("{s:s, s:n, s:o}", "request", "show", "deployment_id", "group",
					  client_text_or_null(c->options.group)),
				&answer);

	if (status)
		return status;
	if (jobject_open(json_object_get(answer, "deployment"), "the daemon's answer", &o, &err) < 0 ||
	    jobject_need_string(&o, "deployment_id", 64, &id, &err) < 0)
		return client_fail(c, &err);
	*out = TAKE_PTR(id);
	return 0;
}
