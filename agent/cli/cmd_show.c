/* cli/cmd_show.c - `slipway show`: all there is to know about one deployment. */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/deployment_view.h"
#include "cli/human.h"
#include "format/json.h"
#include "util/auto.h"
#include "util/str.h"

#include <stdio.h>

static const struct command_spec spec = {
	.name = "show",
	.options = "json latest group timeout",
	.word = WORD_OR_LATEST,
	.word_name = "deployment",
	.usage = "Usage: slipway show ID|--latest [OPTION]...\n"
		 "\n"
		 "Shows one deployment: who asked for it, its events, its files, why it failed.\n"
		 "\n"
		 "      --latest        the one that was asked for last\n"
		 "  -g, --group GROUP   with --latest: of this deployment group\n"
		 "      --timeout TIME  how long to wait for the daemon's answer (default: 60s)\n"
		 "      --json          the JSON document on stdout\n"
		 "  -h, --help          this text\n",
};

static void add_who(struct table *t, const struct deployment *d)
{
	AUTO_FREE char *who = xasprintf("%s (uid %u)%s%s", d->requested_by_login ? d->requested_by_login : d->creator,
					d->requested_by_uid, d->requested_by_text ? ": " : "",
					d->requested_by_text ? d->requested_by_text : "");

	table_add(t, "asked for by", who, NULL);
}

static void add_when(struct table *t, const struct deployment_result *r, int64_t now_ms)
{
	char at[HUMAN_MAX], age[HUMAN_MAX], took[HUMAN_MAX];

	human_time(r->created_at_ms, at);
	human_age(r->created_at_ms, now_ms, age);

	AUTO_FREE char *asked = xasprintf("%s (%s)", at, age);

	table_add(t, "asked for", asked, NULL);
	if (!r->started_at_ms)
		return;
	human_duration((r->finished_at_ms ? r->finished_at_ms : now_ms) - r->started_at_ms, took);
	table_add(t, r->finished_at_ms ? "took" : "running for", took, NULL);
}

static void add_files(struct table *t, const struct file_counts *f)
{
	char bytes[32];

	output_format_bytes(f->bytes, bytes);

	AUTO_FREE char *text = xasprintf("%llu files  %s   %llu added  %llu changed  %llu unchanged  %llu removed  "
					 "%llu kept",
					 (unsigned long long)f->planned, bytes, (unsigned long long)f->added,
					 (unsigned long long)f->changed, (unsigned long long)f->unchanged,
					 (unsigned long long)f->removed, (unsigned long long)f->retained);

	if (f->planned || f->removed)
		table_add(t, "files", text, NULL);
}

static void print_head(const struct deployment_view *v, const char *folder)
{
	AUTO(table_done) struct table t = { 0 };
	const struct deployment_result *r = &v->r;

	table_add(&t, "deployment", v->d.id, NULL);
	table_add(&t, "status", deployment_status_name(r->status), NULL);
	table_add(&t, "group", v->d.group, NULL);
	table_add(&t, "application", v->d.application, NULL);
	table_add(&t, "revision", v->d.revision.location, NULL);
	if (r->revision_digest)
		table_add(&t, "digest", r->revision_digest, NULL);
	add_who(&t, &v->d);
	add_when(&t, r, human_now_ms());
	add_files(&t, &r->files);
	if (folder)
		table_add(&t, "folder", folder, NULL);
	table_print(&t, "", stdout);
}

static void print_events(const struct deployment_result *r)
{
	AUTO(table_done) struct table t = { 0 };

	for (size_t i = 0; i < r->event_count; i++) {
		const struct event_result *e = &r->events[i];
		char took[HUMAN_MAX];

		human_duration(e->started_at_ms && e->status != EVENT_IN_PROGRESS ? e->duration_ms : -1, took);
		table_add(&t, e->event, event_status_name(e->status), took, e->message ? e->message : "", NULL);
	}
	if (t.count)
		(void)putchar('\n');
	table_print(&t, "  ", stdout);
}

/* The words of a failure are those that a waiting client was shown. */
static void print_failure(const struct client *c, const struct deployment_view *v, const char *folder)
{
	struct output o;

	if (v->r.status != DEPLOYMENT_FAILED && v->r.status != DEPLOYMENT_STOPPED)
		return;
	(void)putchar('\n');
	(void)fflush(stdout);
	output_init(&o, stdout);
	o.by_daemon = true;
	output_result(&o, &v->d, &v->r, folder, c->host);
	output_done(&o);
}

int cmd_show(const struct cli *cli, int argc, char **argv)
{
	AUTO(client_done) struct client c;
	AUTO(json_freep) json_t *answer = NULL;
	AUTO(deployment_view_done) struct deployment_view v = { 0 };
	struct err err = ERR_INIT;
	int status = client_begin(&spec, cli, argc, argv, &c);

	if (status >= 0)
		return status;
	status = client_ask(&c,
			    json_pack("{s:s, s:o, s:o}", "request", "show", "deployment_id",
				      client_text_or_null(c.options.word), "group",
				      client_text_or_null(c.options.group)),
			    &answer);
	if (status)
		return status;

	const char *folder = json_string_value(json_object_get(answer, "folder"));
	json_t *document = json_object_get(answer, "deployment");

	if (deployment_view_read(document, &v, &err) < 0) {
		(void)err_add(&err, "the daemon said what this version does not understand");
		return client_fail(&c, &err);
	}
	if (c.options.json)
		return client_print_json(&c, json_incref(document));
	print_head(&v, folder);
	print_events(&v.r);
	print_failure(&c, &v, folder);
	return 0;
}
