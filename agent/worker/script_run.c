/* worker/script_run.c - from an event to hooks, and from their end to the event's result. */
#include "worker/script_run.h"

#include "bundle/unpack.h"
#include "util/auto.h"
#include "util/str.h"
#include "worker/no_restore.h"
#include "worker/outcome.h"
#include "worker/preflight.h"
#include "worker/trial.h"

#include <fcntl.h>

void script_run_done(struct script_run *s)
{
	auto_closep(&s->no_restore_fd);
	s->no_restore_fd = -1;
}

static void note_hook(void *context, const char *event, const char *text)
{
	progress_note(context, event, text);
}

static void note_doing(void *context, const char *event, const char *text)
{
	progress_doing(context, event, text);
}

static void note_process(void *context, const char *script, pid_t pid, bool ended)
{
	event_log_hook(context, script, pid, ended);
}

static void open_no_restore(struct script_run *s)
{
	struct err err = ERR_INIT;

	if (s->no_restore_fd >= 0)
		return;
	s->no_restore_fd = no_restore_open(s->folder_fd, &err);
	if (s->no_restore_fd < 0)
		outcome_warn(s->result, "hooks cannot mark a point of no return: %s", err.msg);
}

/* The caller frees the list and its items. */
static char **variables(const struct script_run *s)
{
	size_t n = 0;

	while (s->environment && s->environment[n])
		n++;

	char **list = xcalloc(n + 4, sizeof(*list));

	for (size_t i = 0; i < n; i++)
		list[i] = xstrdup(s->environment[i]);
	if (s->restoring)
		list[n++] = xstrdup("SLIPWAY_RESTORE=1");
	if (s->deployment->trial)
		list[n++] = xstrdup("SLIPWAY_TRY=1");
	if (s->no_restore_fd >= 0)
		list[n] = xasprintf("SLIPWAY_NO_RESTORE=%s/" NO_RESTORE_NAME, s->folder);
	return list;
}

static void variables_free(char ***list)
{
	for (char **item = *list; item && *item; item++)
		free(*item);
	free(*list);
}

static void take_outcome(struct script_run *s, const struct appspec_hook *hook, const struct hook_outcome *outcome,
			 int r, struct event_result *event)
{
	const char *trouble = script_log_trouble(s->log);
	char tail[SCRIPT_LOG_TAIL + 1];

	if (trouble)
		outcome_warn(s->result, "%s: %s", event->event, trouble);
	if (script_log_tail(s->log, tail)) {
		free(event->log_tail);
		event->log_tail = xstrdup(tail);
	}
	if (r < 0 && outcome->script)
		event->script = xstrdup(outcome->script);
	if (r < 0 && outcome->action[0] && !s->result->error_action && !s->restoring)
		s->result->error_action = xstrdup(outcome->action);
	if (r == 0) {
		AUTO_FREE char *text = outcome_scripts_text(hook);

		outcome_add_text(event, text);
	}
	event->exit_code = outcome->exit_code;
}

/* Where more time is given depends on whose script it was. */
static void tell_host_timeout(struct script_run *s, const struct appspec_hook *hook, const char *script)
{
	for (size_t i = 0; i < hook->script_count; i++)
		if (hook->scripts[i].location == script && hook->scripts[i].path && !s->result->error_action &&
		    !s->restoring)
			s->result->error_action = xstrdup("see what the script was waiting for, or give the hooks of "
							  "this host more time: 'hooks_timeout' in its configuration");
}

/* NULL: there was no revision before, or it was removed meanwhile. */
static char *previous_archive(const struct script_run *s)
{
	AUTO_FREE char *path = s->previous ? xasprintf("%s/" UNPACK_FOLDER, s->previous) : NULL;

	return path && access(path, F_OK) == 0 ? TAKE_PTR(path) : NULL;
}

/* HOOK has scripts. */
static int run(struct script_run *s, const struct appspec_hook *hook, const char *archive, struct event_result *event,
	       struct err *err)
{
	AUTO_FREE char *previous = previous_archive(s);
	struct hook_outcome outcome = { .exit_code = -1 };
	struct hook_run hr = HOOK_RUN_INIT;

	if (!s->zygote)
		return err_set(err, ERR_SYS, "there is no process to start hooks");
	open_no_restore(s);

	AUTO(variables_free) char **environment = variables(s);

	if (!s->restoring) /* what is restored are not this deployment's own events */
		event_log_event(s->events, event);
	s->count++;
	hr.zygote = s->zygote;
	hr.log = s->log;
	hr.deployment = s->deployment;
	hr.event = event->event;
	hr.archive_dir = archive;
	hr.previous_archive_dir = previous;
	hr.environment = (const char *const *)environment;
	hr.stop = s->stop;
	hr.stop_fd = s->stop_fd;
	hr.note = note_hook;
	hr.doing = note_doing;
	hr.note_context = s->progress;
	hr.process = note_process;
	hr.process_context = s->events;
	hr.own_fd = s->no_restore_fd;

	int r = hook_event_run(&hr, hook, &outcome, err);

	take_outcome(s, hook, &outcome, r, event);
	if (r < 0 && err->kind == ERR_SCRIPT_TIMED_OUT)
		tell_host_timeout(s, hook, outcome.script);
	return r;
}

/* A try is about the bundle alone: what the operator of the host has to say to deployments is not for it. */
static int find_host(const struct script_run *s, const char *event, struct host_hooks *out, struct err *err)
{
	AUTO(findings_done) struct findings findings = { 0 }; /* preflight has told what is ignored */

	return s->deployment->trial ? 0 : host_hooks_find(&s->deployment->settings, event, out, &findings, err);
}

int script_run(struct script_run *s, const struct appspec_hook *hook, const char *archive, struct event_result *event,
	       struct err *err)
{
	AUTO(host_hooks_done) struct host_hooks host = { 0 };
	size_t own = hook ? hook->script_count : 0, n = 0;

	if (find_host(s, event->event, &host, err) < 0)
		return -1;
	if (own + host.count == 0)
		return 0;

	AUTO_FREE struct appspec_script *scripts = xcalloc(own + host.count, sizeof(*scripts));

	for (size_t i = 0; i < host.before; i++)
		scripts[n++] = host.scripts[i];
	for (size_t i = 0; i < own; i++)
		scripts[n++] = hook->scripts[i];
	for (size_t i = host.before; i < host.count; i++)
		scripts[n++] = host.scripts[i];
	return run(s, &(struct appspec_hook){ .event = event->event, .scripts = scripts, .script_count = n }, archive,
		   event, err);
}

int script_run_host(struct script_run *s, enum host_hook_place when, const char *archive, struct event_result *event,
		    struct err *err)
{
	const bool before = when == HOST_HOOK_BEFORE;
	AUTO(host_hooks_done) struct host_hooks host = { 0 };

	if (find_host(s, event->event, &host, err) < 0)
		return -1;

	const struct appspec_hook hook = {
		.event = event->event,
		.scripts = host.scripts + (before ? 0 : host.before),
		.script_count = before ? host.before : host.count - host.before,
	};

	return hook.script_count ? run(s, &hook, archive, event, err) : 0;
}

static void appspec_freep(struct appspec **a)
{
	appspec_free(*a);
}

int script_run_of(struct script_run *s, const char *folder, const char *appspec_name, struct event_result *event,
		  struct err *err)
{
	AUTO_FREE char *archive = xasprintf("%s/" UNPACK_FOLDER, folder);
	AUTO_FREE char *name = NULL;
	AUTO(appspec_freep) struct appspec *appspec = NULL;
	AUTO(findings_done) struct findings findings = { 0 };
	AUTO_FD int fd = open(archive, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd < 0 ? 0 : preflight_read_appspec(fd, appspec_name, &appspec, &name, &findings, err);

	if (r <= 0)
		return r < 0 ? -1 : 1;
	if (s->deployment->trial)
		trial_take_out(appspec, &findings);
	return script_run(s, appspec_hook(appspec, event->event), archive, event, err);
}
