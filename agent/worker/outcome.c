/* worker/outcome.c - results in values and in words. */
#include "worker/outcome.h"

#include "lifecycle/event.h"
#include "util/auto.h"
#include "util/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LISTED_MAX 10000 /* conflicts and warnings; a bundle may have a million */

static int64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t); /* cannot fail with this clock */
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void outcome_begin(struct deployment_result *r, const char *const *order)
{
	size_t n = 0;

	while (order[n])
		n++;
	*r = (struct deployment_result){ .status = DEPLOYMENT_IN_PROGRESS, .created_at_ms = now_ms() };
	r->started_at_ms = r->created_at_ms;
	r->events = xcalloc(n, sizeof(*r->events));
	r->event_count = n;
	for (size_t i = 0; i < n; i++)
		r->events[i] = (struct event_result){ .event = xstrdup(order[i]), .exit_code = -1 };
}

static __attribute__((format(printf, 2, 0))) void append_text(char ***list, const char *fmt, va_list ap)
{
	AUTO_FREE char *text = NULL;
	size_t n = 0;

	while (*list && (*list)[n])
		n++;
	if (n >= LISTED_MAX || vasprintf(&text, fmt, ap) < 0)
		return;
	*list = xrealloc(*list, (n + 2) * sizeof(**list));
	(*list)[n] = TAKE_PTR(text);
	(*list)[n + 1] = NULL;
}

void outcome_warn(struct deployment_result *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	append_text(&r->warnings, fmt, ap);
	va_end(ap);
}

void outcome_conflict(struct deployment_result *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	append_text(&r->conflicts, fmt, ap);
	va_end(ap);
}

void outcome_warn_spared(struct deployment_result *r, const char *folder)
{
	outcome_warn(r,
		     "folder '%s' was made by this deployment and stays, for it holds what others have put into it "
		     "since; remove it when that is of no use",
		     folder);
}

void outcome_event_started(struct event_result *e)
{
	e->status = EVENT_IN_PROGRESS;
	e->started_at_ms = now_ms();
}

void outcome_event_finished(struct event_result *e, int failed, const struct err *err)
{
	e->duration_ms = now_ms() - e->started_at_ms;
	e->status = failed ? EVENT_FAILED : EVENT_SUCCEEDED;
	if (!failed)
		return;
	e->kind = err->kind;
	free(e->message);
	e->message = xstrdup(err->msg);
}

static const char *const actions[ERR_KIND_COUNT] = {
	[ERR_EXISTS] = "move these files away, or say what is to happen with them: file_exists_behavior: OVERWRITE or "
		       "RETAIN in appspec.yml, or --file-exists-behavior",
	[ERR_CONFIG] = "put the configuration of this host right, then deploy again; `slipway doctor` looks at it, too",
	[ERR_APPSPEC] = "correct appspec.yml; `slipway lint` on the bundle's folder finds everything at once",
	[ERR_NOT_READY] = "bring what is missing onto this host or into the bundle, then deploy again",
	[ERR_BUNDLE] = "make the bundle anew from a clean folder",
	[ERR_NO_SPACE] = "free some space, then deploy again",
	[ERR_SCRIPT_MISSING] = "add the script to the bundle, or correct the hooks section of appspec.yml",
	[ERR_SCRIPT_NOT_EXECUTABLE] = "make the script executable before bundling it",
	[ERR_SCRIPT_TIMED_OUT] = "see what the script was waiting for, or give it a longer timeout in appspec.yml",
	[ERR_OUTPUTS_LEFT_OPEN] =
		"start background processes with their output elsewhere: `nohup command >/dev/null 2>&1 &`",
	[ERR_STOPPED] = "deploy again when it suits",
	[ERR_DIGEST] = "make sure where the bundle comes from, or deploy with the digest that it has",
	[ERR_TIMED_OUT] = "see what took so long, or give the deployment a longer deadline",
	[ERR_INTERRUPTED] = "deploy again",
	[ERR_VETOED] = "ask who looks after this host: `policy` in its configuration names the script that decides",
	[ERR_PLAN_CHANGED] =
		"run `slipway plan` again with the same options, look at what has become of it, and deploy "
		"with the id that it prints",
};

/* A script of an earlier revision has failed, which no new bundle can put right. */
static bool is_of_earlier_revision(const struct deployment_result *r, const struct err *err, const char *event,
				   const struct deployment *d)
{
	static const enum err_kind kinds[] = { ERR_SCRIPT_MISSING, ERR_SCRIPT_NOT_EXECUTABLE, ERR_SCRIPT_TIMED_OUT,
					       ERR_SCRIPT_FAILED, ERR_OUTPUTS_LEFT_OPEN };
	bool is_script = false;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		is_script = is_script || err->kind == kinds[i];
	for (size_t i = 0; i < r->event_count; i++) /* one of the host's is the host's */
		if (r->events[i].script && !strcmp(r->events[i].event, event) &&
		    str_starts(r->events[i].script, "hooks.d/"))
			return false;
	return is_script && event_revision(event, false, event_is_blue_green_rollback(d)) != EVENT_REVISION_CURRENT;
}

static char *action_for(const struct deployment_result *r, const struct err *err, const char *event,
			const struct deployment *d)
{
	if (event && is_of_earlier_revision(r, err, event, d))
		return xstrdup("the script is the earlier revision's: correct it there, or deploy once without this "
			       "event: --events BeforeInstall,AfterInstall,ApplicationStart,ValidateService");
	if (err->kind == ERR_SYS && (err->sys == EROFS || err->sys == EACCES || err->sys == EPERM))
		return xstrdup(
			"let the agent write there (mount it writable, run the agent as root), then deploy again");
	return actions[err->kind] ? xstrdup(actions[err->kind]) : NULL;
}

/* The words of PRODUCT section 3 for a restore that was tried. */
static char *restored_now(const struct restore_result *r, const struct outcome_state *s, const char *previous)
{
	const char *files = s->install == INSTALL_UNDONE ? "restored" : "untouched";

	if (!previous)
		return xstrdup("nothing was there before, and what was installed is removed again");
	if (r->started && r->validated)
		return xasprintf("revision %s (previous) is back: files %s, started, validated", previous, files);
	return xasprintf("revision %s (previous) is back: files %s, %s: %s", previous, files,
			 r->started ? "started, but not validated" : "but not started",
			 r->message ? r->message : "nobody knows why");
}

static char *installed_now(const struct deployment_result *r, const struct outcome_state *s)
{
	const char *id = s->deployment->id;

	if (r->status == DEPLOYMENT_SUCCEEDED)
		return xasprintf("revision %s is in place", id);
	if (r->restore.message)
		return xasprintf("the files of %s are in place, but its later hooks did not all succeed; nothing was "
				 "restored: %s",
				 id, r->restore.message);
	if (s->deployment->on_failure == ON_FAILURE_REDEPLOY)
		return xasprintf("the files of %s are in place, but its later hooks did not all succeed; the newest "
				 "good revision is deployed again",
				 id);
	return xasprintf("the files of %s are in place, but its later hooks did not all succeed", id);
}

static char *revision_now(const struct deployment_result *r, const struct outcome_state *s)
{
	const char *last = str_base_name(s->last_path);

	if (!s->history_is_known)
		return NULL;
	if (s->install == INSTALL_NEEDS_RECOVERY)
		return xstrdup("neither the old nor the new revision is complete; the next deployment of this group "
			       "finishes or undoes it");
	if (r->unchanged && last)
		return xasprintf("revision %s has this digest and is in place already; nothing was done", last);
	if (r->restore.tried)
		return restored_now(&r->restore, s, last);
	if (s->install == INSTALL_DONE)
		return installed_now(r, s);
	if (last && s->install == INSTALL_UNDONE)
		return xasprintf("revision %s (previous) is in place, its files are back", last);
	if (last)
		return xasprintf("revision %s (previous) is in place, its files untouched", last);
	return xstrdup("nothing was installed, nothing was changed");
}

void outcome_now(struct deployment_result *r, const struct outcome_state *s)
{
	free(r->now);
	r->now = revision_now(r, s);
}

void outcome_end(struct deployment_result *r, const struct err *err, const char *event, const struct outcome_state *s)
{
	r->finished_at_ms = now_ms();
	r->status = !err ? DEPLOYMENT_SUCCEEDED : err->kind == ERR_STOPPED ? DEPLOYMENT_STOPPED : DEPLOYMENT_FAILED;
	outcome_now(r, s);
	for (size_t i = 0; (err || r->unchanged) && i < r->event_count; i++)
		if (r->events[i].status == EVENT_PENDING)
			r->events[i].status = EVENT_SKIPPED;
	if (!err)
		return;
	r->kind = err->kind;
	r->error_event = event ? xstrdup(event) : NULL;
	r->error_message = xstrdup(err->msg);
	if (!r->error_action) /* else the script has said it */
		r->error_action = action_for(r, err, event, s->deployment);
}

char *outcome_bundle_text(uint64_t files, uint64_t bytes)
{
	return bytes < 1024 * 1024
		       ? xasprintf("%llu files  %.1f KiB", (unsigned long long)files, (double)bytes / 1024)
		       : xasprintf("%llu files  %.1f MiB", (unsigned long long)files, (double)bytes / (1024 * 1024));
}

char *outcome_counts_text(const struct file_counts *c)
{
	AUTO_FREE char *size = outcome_bundle_text(c->planned, c->bytes);

	return c->retained
		       ? xasprintf("%s   %llu added  %llu changed  %llu unchanged  %llu removed  %llu kept (RETAIN)",
				   size, (unsigned long long)c->added, (unsigned long long)c->changed,
				   (unsigned long long)c->unchanged, (unsigned long long)c->removed,
				   (unsigned long long)c->retained)
		       : xasprintf("%s   %llu added  %llu changed  %llu unchanged  %llu removed", size,
				   (unsigned long long)c->added, (unsigned long long)c->changed,
				   (unsigned long long)c->unchanged, (unsigned long long)c->removed);
}

void outcome_add_text(struct event_result *e, const char *text)
{
	char *all = e->message ? xasprintf("%s   %s", e->message, text) : xstrdup(text);

	free(e->message);
	e->message = all;
}

char *outcome_scripts_text(const struct appspec_hook *hook)
{
	return hook->script_count == 1
		       ? xstrdup(hook->scripts[0].location)
		       : xasprintf("%s and %zu more", hook->scripts[0].location, hook->script_count - 1);
}
