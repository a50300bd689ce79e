/* cli/cmd_explain.c - `slipway explain CODE`: offline, from the table in explain.c. */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/explain.h"
#include "cli/human.h"
#include "cli/output.h"
#include "util/auto.h"
#include "util/nearest.h"
#include "util/str.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define MAX_TEXT  65536
#define MAX_NAMES 64

static const struct command_spec spec = {
	.name = "explain",
	.options = "json",
	.word = WORD_ANY,
	.usage = "Usage: slipway explain [CODE|MESSAGE...]\n"
		 "\n"
		 "Says what an error code means and what to do. A message that holds one may be pasted as it stands; "
		 "without\n"
		 "anything, all codes are listed.\n"
		 "\n"
		 "      --json  one JSON document on stdout\n"
		 "  -h, --help  this text\n",
};

static int list_all(bool json)
{
	AUTO(table_done) struct table t = { 0 };
	json_t *codes = json_array();
	size_t count;
	const struct explanation *all = explanations(&count);

	for (size_t i = 0; i < count; i++) {
		table_add(&t, all[i].name, all[i].summary, NULL);
		json_array_append_new(codes, json_pack("{s:s, s:s, s:s, s:s}", "code", all[i].name, "summary",
						       all[i].summary, "means", all[i].means, "cure", all[i].cure));
	}
	if (json) {
		(void)json_dumpf(codes, stdout, JSON_COMPACT);
		(void)putchar('\n');
	} else {
		table_print(&t, "", stdout);
	}
	json_decref(codes);
	return 0;
}

static void print_block(const char *text)
{
	AUTO_FREE char *copy = xstrdup(text);
	char *rest = copy;

	for (char *line; (line = strsep(&rest, "\n"));)
		(void)printf("  %s\n", line);
}

static int show(const struct explanation *e, bool json)
{
	if (json) {
		json_t *o = json_pack("{s:s, s:s, s:s, s:s}", "code", e->name, "summary", e->summary, "means", e->means,
				      "cure", e->cure);

		(void)json_dumpf(o, stdout, JSON_COMPACT);
		(void)putchar('\n');
		json_decref(o);
		return 0;
	}
	(void)printf("%s: %s\n\n", e->name, e->summary);
	print_block(e->means);
	(void)printf("\nWhat to do:\n");
	print_block(e->cure);
	return 0;
}

static int not_known(struct output *o, const char *text)
{
	const char *names[MAX_NAMES];
	size_t count;
	const struct explanation *all = explanations(&count);

	for (size_t i = 0; i < count && i < MAX_NAMES; i++)
		names[i] = all[i].name;

	const char *meant = nearest_name(text, names, count);

	if (meant)
		output_error(o, "'%.200s' is no code: did you mean 'slipway explain %s'?", text, meant);
	else
		output_error(o, "'%.200s' holds no code that is known: 'slipway explain' lists them", text);
	return err_exit_status(ERR_USAGE);
}

static int explain(struct output *o, const struct client_options *options)
{
	AUTO(str_done) struct str text = STR_INIT(MAX_TEXT);

	for (char **w = options->words; *w; w++)
		if (str_printf(&text, "%s%s", text.len ? " " : "", *w) < 0)
			break; /* a code further back than that is none */
	if (!text.len)
		return list_all(options->json);

	const struct explanation *e = explain_find(str_text(&text));

	return e ? show(e, options->json) : not_known(o, str_text(&text));
}

int cmd_explain(const struct cli *cli, int argc, char **argv)
{
	AUTO(client_options_done) struct client_options options;
	AUTO(output_done) struct output o;

	(void)cli; /* needs no configuration */
	output_init(&o, stderr);

	int status = client_read_options(&spec, argc, argv, &o, &options);

	return status >= 0 ? status : explain(&o, &options);
}
