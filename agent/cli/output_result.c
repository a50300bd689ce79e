/* cli/output_result.c - how a deployment ended: one line when it went well, else what, where, evidence, now, next. */
#include "cli/output.h"
#include "format/plain.h"
#include "lifecycle/event.h"
#include "util/auto.h"
#include "util/str.h"

#include <string.h>

#define BLOCK_MAX_BYTES (64 * 1024 * 1024) /* a million conflicts would fit */
#define TAIL_LINES	10

/* Every line of a stranger's TEXT below PREFIX, at most the last MAX of them. */
static void add_lines(struct str *block, const char *prefix, const char *text, unsigned max)
{
	AUTO_FREE char *clean = plain_text(text, strlen(text));
	size_t len = strlen(clean);
	char *from = clean;
	unsigned lines = 1;

	while (len && (clean[len - 1] == '\n' || clean[len - 1] == ' '))
		clean[--len] = '\0';
	if (!len)
		return;
	for (char *p = clean + len; p > clean && lines <= max; p--)
		if (p[-1] == '\n' && lines++ == max)
			from = p;
	for (char *line; (line = strsep(&from, "\n"));)
		(void)str_printf(block, "%s%s\n", prefix, line); /* the last lines of too much are left away */
}

static const struct event_result *failed_event(const struct deployment_result *r)
{
	for (size_t i = 0; r->error_event && i < r->event_count; i++)
		if (!strcmp(r->events[i].event, r->error_event) && r->events[i].status == EVENT_FAILED)
			return &r->events[i];
	return NULL;
}

static void add_heading(struct str *block, const struct output *o, const struct deployment_result *r, const char *host)
{
	const char *red = o->colour ? "\033[1;31m" : "", *plain = o->colour ? "\033[0m" : "";
	bool refused = err_is_refusal(r->kind);
	const char *how = refused ? "was refused" : r->status == DEPLOYMENT_STOPPED ? "was stopped" : "failed";
	AUTO_FREE char *event = r->error_event ? plain_path(r->error_event) : NULL;
	AUTO_FREE char *name = plain_path(host);

	if (r->kind == ERR_BUSY) /* it has no code of its own among CodeDeploy's */
		(void)str_printf(block, "%serror%s: ", red, plain);
	else
		(void)str_printf(block, "%serror[%s]%s: ", red, err_code(r->kind), plain);
	(void)str_printf(block, "%s %s on %s\n", event ? event : "the deployment", how, name);
}

static void add_evidence(struct str *block, const struct deployment_result *r)
{
	const struct event_result *e = failed_event(r);
	const char *message = r->error_message ? r->error_message : e ? e->message : NULL;

	bool listed = false;

	for (char **c = r->conflicts; message && c && *c; c++)
		listed = listed || !strcmp(*c, message);
	if (!listed) /* the message may be the first of the conflicts */
		add_lines(block, "  ", message ? message : "no reason was given", 100);
	for (char **c = r->conflicts; c && *c; c++) {
		AUTO_FREE char *path = plain_path(*c);

		if (listed || r->conflicts[1] || !message || !str_ends(message, *c)) /* else it is told already */
			(void)str_printf(block, "  %s\n", path);
	}
	if (e && e->log_tail)
		add_lines(block, "  | ", e->log_tail, TAIL_LINES);
}

/* What `slipway explain` has to say about it. */
static const char *topic(const struct deployment_result *r)
{
	return r->needs_recovery ? "NeedsRecovery" : r->kind == ERR_BUSY ? "Busy" : err_code(r->kind);
}

/* Is it the new bundle that is to blame, which can be looked at where it came from? */
static bool lint_would_tell(const struct deployment *d, const struct deployment_result *r)
{
	const struct event_result *e = failed_event(r);

	if (r->kind != ERR_APPSPEC && r->kind != ERR_SCRIPT_MISSING)
		return false;
	return !e || event_revision(e->event, false, event_is_blue_green_rollback(d)) == EVENT_REVISION_CURRENT;
}

/* What can be typed next with the commands of this version; the worker's own advice goes first. */
static void add_next(struct str *block, const struct output *o, const struct deployment *d,
		     const struct deployment_result *r, const char *folder)
{
	AUTO(str_done) struct str next = STR_INIT(BLOCK_MAX_BYTES / 2);
	const struct event_result *e = failed_event(r);

	if (r->error_action) {
		AUTO_FREE char *action = plain_path(r->error_action);

		(void)str_add(&next, action);
	}
	if (o->by_daemon && e && e->script) {
		AUTO_FREE char *word = plain_shell_word(d->id);

		(void)str_printf(&next, "%sslipway logs %s", next.len ? " | " : "", word);
	} else if (folder && e && e->script) {
		AUTO_FREE char *log = xasprintf("%s/logs/scripts.log", folder);
		AUTO_FREE char *word = plain_shell_word(log);

		(void)str_printf(&next, "%sless %s", next.len ? " | " : "", word);
	}
	if (lint_would_tell(d, r)) {
		AUTO_FREE char *word = plain_shell_word(d->revision.location);

		(void)str_printf(&next, "%sslipway lint %s", next.len ? " | " : "", word);
	}
	if (r->kind == ERR_EXISTS && !r->error_action)
		(void)str_add(&next, "move them away, or deploy with --file-exists-behavior OVERWRITE or RETAIN");
	if (o->by_daemon)
		(void)str_printf(&next, "%sslipway explain %s", next.len ? " | " : "", topic(r));
	if (next.len)
		(void)str_printf(block, "  next: %s\n", str_text(&next));
}

static void add_failure(struct str *block, struct output *o, const struct deployment *d,
			const struct deployment_result *r, const char *folder, const char *host)
{
	add_heading(block, o, r, host);
	add_evidence(block, r);
	if (r->now) {
		AUTO_FREE char *now = plain_path(r->now);

		(void)str_printf(block, "  now:  %s\n", now);
	} else if (r->needs_recovery) {
		(void)str_printf(block,
				 "  now:  the files may be between two revisions; the next deployment of group "
				 "'%s' finishes or undoes this one first\n",
				 d->group);
	}
	add_next(block, o, d, r, folder);
}

void output_result(struct output *o, const struct deployment *d, const struct deployment_result *r, const char *folder,
		   const char *host)
{
	AUTO(str_done) struct str block = STR_INIT(BLOCK_MAX_BYTES);

	for (char **w = r->warnings; w && *w; w++)
		output_warning(o, "%s", *w);
	if (r->status == DEPLOYMENT_SUCCEEDED) {
		double seconds = (double)(r->finished_at_ms - r->started_at_ms) / 1000;

		if (r->unchanged) {
			output_line(o, "nothing to do in group '%s' on %s: %s (--force deploys it again)", d->group,
				    host, r->now ? r->now : "this revision runs already");
			return;
		}
		output_line(o, "deployed %s to group '%s' on %s in %.2f s", d->id, d->group, host,
			    seconds > 0 ? seconds : 0);
		return;
	}
	add_failure(&block, o, d, r, folder, host);
	output_done(o); /* the redrawn line makes room */
	(void)fputs(str_text(&block), o->to);
	(void)fflush(o->to);
}
