/* cli/cmd_doctor.c - `slipway doctor`: one line a thing that must be right, with the cure where it is not. */
#include "cli/commands.h"
#include "cli/doctor.h"
#include "cli/policy_try.h"
#include "format/json.h"
#include "util/auto.h"
#include "util/str.h"

#include <stdarg.h>
#include <stdio.h>

#define TEXT_MAX 8192

static const struct command_spec spec = {
	.name = "doctor",
	.options = "json timeout",
	.word = WORD_NONE,
	.usage = "Usage: slipway doctor [OPTION]...\n"
		 "\n"
		 "Looks at the configuration, the daemon, the state folder, space, the hooks of the host, clock, su "
		 "and\n"
		 "sudo, and at every deployment group. Changes nothing.\n"
		 "\n"
		 "      --timeout TIME  how long to wait for the daemon's answer (default: 60s)\n"
		 "      --json          one JSON document on stdout\n"
		 "  -h, --help          this text\n"
		 "\n"
		 "Exit status: 0 fine or only warnings, 1 there is an error.\n",
};

const char *doctor_level_name(enum doctor_level level)
{
	static const char *const names[DOCTOR_LEVEL_COUNT] = { "ok", "warning", "error" };

	return names[level];
}

void doctor_done(struct doctor *d)
{
	status_view_done(&d->status);
	table_done(&d->lines);
	json_decref(d->checks);
}

void doctor_say(struct doctor *d, enum doctor_level level, const char *check, const char *cure, const char *fmt, ...)
{
	AUTO(str_done) struct str text = STR_INIT(TEXT_MAX);
	va_list ap;

	va_start(ap, fmt);
	if (str_vprintf(&text, fmt, ap) < 0)
		(void)str_add(&text, "(a message that is too long)");
	va_end(ap);

	AUTO_FREE char *line = xasprintf("%s%s%s", str_text(&text), cure ? ": " : "", cure ? cure : "");

	d->count[level]++;
	table_add(&d->lines, doctor_level_name(level), check, line, NULL);
	json_array_append_new(d->checks,
			      json_pack("{s:s, s:s, s:o, s:o}", "check", check, "level", doctor_level_name(level),
					"message", jtext(str_text(&text)), "cure", jtext(cure)));
}

static void check_configuration(struct doctor *d, const struct config *c, const struct err *err)
{
	if (!d->config) {
		doctor_say(d, DOCTOR_ERROR, "configuration", NULL, "%s", err->msg);
		return;
	}
	for (size_t i = 0; i < c->warning_count; i++)
		doctor_say(d, DOCTOR_WARNING, "configuration", NULL, "%s", c->warnings[i]);
	if (!c->warning_count)
		doctor_say(d, DOCTOR_OK, "configuration", NULL, "no errors, no warnings");
}

static void check_policy(struct doctor *d)
{
	struct err err = ERR_INIT;
	int r = policy_try(d->config, &err);

	if (r < 0)
		doctor_say(d, DOCTOR_ERROR, "policy", "correct it, then slipway check-config", "%s", err.msg);
	else if (r > 0)
		doctor_say(d, DOCTOR_OK, "policy", NULL, "'%s' can be asked", d->config->settings.policy);
}

static int report(const struct doctor *d, bool json)
{
	bool ok = !d->count[DOCTOR_ERROR];

	if (json) {
		json_t *o = json_pack("{s:i, s:b, s:O}", "schema", 1, "ok", ok, "checks", d->checks);

		(void)json_dumpf(o, stdout, JSON_INDENT(2));
		(void)putchar('\n');
		json_decref(o);
	} else {
		table_print(&d->lines, "", stdout);
	}
	return ok ? 0 : 1;
}

static int examine(const struct cli *cli, const struct client_options *options)
{
	const struct config_place place = { .root = cli->root, .file = cli->config };
	AUTO(config_done) struct config c = { 0 };
	AUTO(doctor_done)
	struct doctor d = { .checks = json_array(),
			    .timeout_s = options->has_timeout ? options->timeout_s : CLIENT_ANSWER_WITHIN_S };
	struct err err = ERR_INIT;

	if (config_load(&place, &c, &err) == 0)
		d.config = &c;
	check_configuration(&d, &c, &err);
	if (d.config) {
		check_policy(&d);
		doctor_daemon(&d);
		doctor_state(&d);
		doctor_hooks(&d);
	}
	doctor_system(&d);
	if (d.config)
		doctor_groups(&d);
	return report(&d, options->json);
}

int cmd_doctor(const struct cli *cli, int argc, char **argv)
{
	AUTO(client_options_done) struct client_options options;
	AUTO(output_done) struct output o;

	output_init(&o, stderr);

	int status = client_read_options(&spec, argc, argv, &o, &options);

	return status >= 0 ? status : examine(cli, &options);
}
