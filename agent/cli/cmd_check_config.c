/* cli/cmd_check_config.c - `slipway check-config`: what is wrong in the configuration, and what it comes to. */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/policy_try.h"
#include "config/config.h"
#include "format/json.h"
#include "util/auto.h"

#include <stdio.h>
#include <string.h>

static const struct command_spec spec = {
	.name = "check-config",
	.options = "json",
	.word = WORD_NONE,
	.usage = "Usage: slipway [--config FILE] [--root DIR] check-config [--json]\n"
		 "\n"
		 "Reads the configuration as every command and the daemon do: errors and warnings with "
		 "file:line:column.\n"
		 "The host's policy in Lua, if there is one, is compiled.\n"
		 "\n"
		 "      --json  errors, warnings and the settings in force as one JSON document on stdout\n"
		 "  -h, --help  this text\n"
		 "\n"
		 "Exit status: 0 fine or only warnings, 2 there is an error.\n",
};

static json_t *optional(const char *text)
{
	return text ? jpath(text) : json_null();
}

/* The names alone: a value may be a secret. */
static json_t *vars_json(const struct config *c)
{
	json_t *all = json_object();

	for (size_t i = 0; i < c->vars_count; i++) {
		json_t *names = json_array();

		for (char **v = c->vars[i].items; v && *v; v++)
			json_array_append_new(names, json_stringn(*v, strcspn(*v, "=")));
		json_object_set_new(all, c->vars[i].group, names);
	}
	return all;
}

static json_t *settings_json(const struct config *c)
{
	const struct settings *s = &c->settings;
	const char *behavior = s->file_exists_behavior ? s->file_exists_behavior : "DISALLOW";

	return json_pack(
		"{s:o, s:o, s:o, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:b, s:b, s:I, s:I, s:I, s:I, s:{s:I, s:I, s:I}, "
		"s:{s:o, s:o}, s:o, s:I, s:o}",
		"state_dir", jpath(c->state_dir), "socket", jpath(c->socket), "install_prefix",
		jpath(s->install_prefix), "file_exists_behavior", behavior, "on_failure",
		on_failure_name(c->on_failure), "outputs_left_open", outputs_left_open_name(s->outputs_left_open),
		"runas_method", runas_method_name(s->runas_method), "instance", optional(s->instance), "region",
		optional(s->region), "policy", optional(s->policy), "refuse_outside_links", s->refuse_outside_links,
		"enable_deployments_log", s->deployments_log, "max_revisions", (json_int_t)s->max_revisions, "history",
		(json_int_t)c->history, "deadline", (json_int_t)c->deadline_s, "stop_timeout",
		(json_int_t)c->stop_timeout_s, "limits", "entries", (json_int_t)s->max_entries, "unpacked_size",
		(json_int_t)s->max_unpacked_bytes, "ratio", (json_int_t)s->max_ratio, "access", "status",
		jstrings(c->access_status, jpath), "deploy", jstrings(c->access_deploy, jpath), "hooks_dir",
		optional(s->hooks_dir), "hooks_timeout", (json_int_t)s->hooks_timeout_s, "vars", vars_json(c));
}

static void print_json(const struct config *c, const char *error)
{
	json_t *errors = json_array();

	if (error)
		json_array_append_new(errors, jtext(error));

	json_t *o = json_pack("{s:i, s:b, s:o, s:o, s:o}", "schema", 1, "ok", !error, "errors", errors, "warnings",
			      c->warnings ? jstrings(c->warnings, jtext) : json_array(), "settings",
			      error ? json_null() : settings_json(c));

	(void)json_dumpf(o, stdout, JSON_INDENT(2));
	(void)putchar('\n');
	json_decref(o);
}

static int check(const struct cli *cli, struct output *o, bool json)
{
	const struct config_place place = { .root = cli->root, .file = cli->config };
	AUTO(config_done) struct config c = { 0 };
	struct err err = ERR_INIT;
	bool ok = config_load(&place, &c, &err) == 0;

	ok = ok && policy_try(&c, &err) >= 0;
	for (size_t i = 0; i < c.warning_count; i++)
		output_warning(o, "%s", c.warnings[i]);
	if (!ok)
		output_error(o, "%s", err.msg);
	if (json)
		print_json(&c, ok ? NULL : err.msg);
	else if (ok)
		(void)printf("the configuration is fine%s\n", c.warning_count ? " but for the warnings" : "");
	return ok ? 0 : err_exit_status(ERR_CONFIG);
}

int cmd_check_config(const struct cli *cli, int argc, char **argv)
{
	AUTO(client_options_done) struct client_options options;
	AUTO(output_done) struct output o;

	output_init(&o, stderr);

	int status = client_read_options(&spec, argc, argv, &o, &options);

	return status >= 0 ? status : check(cli, &o, options.json);
}
