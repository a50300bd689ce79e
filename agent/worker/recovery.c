/* worker/recovery.c - one interrupted deployment after the other. */
#include "worker/recovery.h"

#include "installer/install.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"
#include "worker/event_log.h"
#include "worker/no_restore.h"
#include "worker/outcome.h"
#include "worker/restore.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

struct interrupted { /* one deployment */
	const struct recovery *r;
	const char *id;
	int fd;
	char *path;
	bool known; /* its request could be read */
	struct deployment deployment;
	char *previous;
	const char *const *order;
	bool had_result;
	struct deployment_result result;
	struct event_history history;
	enum install_outcome outcome;
	struct script_log *log;
	struct event_log events;
};

static const char *const outcome_texts[] = {
	[INSTALL_UNTOUCHED] = "nothing at its destinations had changed",
	[INSTALL_DONE] = "its files were put in place completely",
	[INSTALL_UNDONE] = "the old revision's files are back",
	[INSTALL_NEEDS_RECOVERY] = "it can be neither finished nor undone",
};

static void interrupted_done(struct interrupted *in)
{
	script_log_free(in->log);
	event_log_done(&in->events);
	event_history_done(&in->history);
	deployment_result_done(&in->result);
	deployment_done(&in->deployment);
	free(in->previous);
	free(in->path);
	auto_closep(&in->fd);
}

static void note(const struct interrupted *in, const char *what)
{
	AUTO_FREE char *text = xasprintf("deployment %s was interrupted: %s", in->id, what);

	if (in->r->note)
		in->r->note(in->r->context, text);
}

static int load(struct interrupted *in, struct err *err)
{
	in->known = group_read_request(in->fd, &in->deployment, &in->previous);
	if (!in->known) {
		in->deployment = (struct deployment){ .id = xstrdup(in->id), .group = xstrdup(in->r->group->id) };
		in->deployment.on_failure = ON_FAILURE_NONE;
	}
	in->order = in->deployment.events ? (const char *const *)in->deployment.events : event_default_order();
	event_log_init(&in->events, in->fd);
	return event_log_read(in->fd, &in->history, err);
}

/* The event that failed, else the one that was running, else the one that would have come. NULL: none had begun. */
static const char *last_event(const struct interrupted *in)
{
	const struct event_history *h = &in->history;
	const char *last = h->count ? h->events[h->count - 1].event : NULL;

	if (!last || h->events[h->count - 1].status != EVENT_SUCCEEDED)
		return last;
	for (size_t i = 0; in->order[i]; i++)
		if (!strcmp(in->order[i], last) && in->order[i + 1])
			return in->order[i + 1];
	return last;
}

/* Is the previous revision to come back? A result that was written has decided it already, and so has a restore that
 * has begun: a hook of the previous revision that marks a point of no return now speaks of something else. */
static bool wants_restore(const struct interrupted *in)
{
	if (in->had_result)
		return in->result.status != DEPLOYMENT_SUCCEEDED && in->result.restore.tried;
	if (in->history.marks[EVENT_LOG_ENDED] || !restore_is_due(&in->deployment, in->order, last_event(in)))
		return false;
	if (in->history.marks[EVENT_LOG_RESTORE])
		return true;

	AUTO_FREE char *forbidden = no_restore_reason(in->fd, NULL);

	return !forbidden;
}

static void warn_spared(void *context, const char *folder)
{
	struct interrupted *in = context;

	outcome_warn_spared(&in->result, folder);
}

static int recover_install(struct interrupted *in, bool restore, struct err *err)
{
	const struct install_place where = {
		.deployment_fd = in->fd,
		.deployment_path = in->path,
		.deployment_id = in->id,
		.instructions_fd = in->r->group->instructions_fd,
		.group = in->r->group->id,
		.previous = in->previous,
		.spared = warn_spared,
		.context = in,
	};

	if (install_recover(&where, restore, &in->outcome, err) >= 0)
		return 0;
	err->kind = ERR_NEEDS_RECOVERY;
	return err_add(err,
		       "it was interrupted and can be neither finished nor undone yet, so group '%s' takes no other; "
		       "remove the cause and deploy again",
		       in->r->group->id);
}

/* Before the install began: what preflight had unpacked is of no use, and may be half of it. */
static int drop_unpacked(const struct interrupted *in, struct err *err)
{
	static const char *const names[] = { "deployment-archive-temp", GROUP_RESULT ".new" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (fs_remove_tree(in->fd, names[i], err) < 0)
			return -1;
	return 0;
}

static int restore(struct interrupted *in, struct err *err)
{
	const struct script_log_place place = {
		.folder = in->path,
		.deployment_root = in->deployment.settings.deployments_log ? in->deployment.settings.deployment_root
									   : NULL,
		.deployment_id = in->id,
		.program_name = in->deployment.settings.program_name,
		.max_bytes = SCRIPT_LOG_MAX_BYTES,
		.rotate_bytes = SCRIPT_LOG_MAX_BYTES,
	};
	AUTO(script_run_done)
	struct script_run s = {
		.deployment = &in->deployment,
		.zygote = in->r->zygote,
		.progress = in->r->progress,
		.log = in->log = script_log_new(&place),
		.events = &in->events,
		.result = &in->result,
		.folder_fd = in->fd,
		.folder = in->path,
		.previous = in->previous,
		.no_restore_fd = -1,
	};

	if (in->outcome == INSTALL_UNTOUCHED && !in->previous)
		return 0; /* there is nothing to bring back */
	note(in, "its previous revision is brought back");
	restore_begin(&s);
	restore_tell_files(&s, in->outcome, NULL);
	restore_service(&s);
	script_log_flush(in->log);
	if (s.zygote && zygote_is_gone(s.zygote))
		return err_set(err, ERR_SYS,
			       "the process that starts hooks has gone away while deployment %s was "
			       "being restored",
			       in->id);
	return 0;
}

/* The place of H in the result: the first of that name which the log has not filled yet. */
static void fill_event(struct deployment_result *r, struct event_result *h)
{
	for (size_t i = 0; i < r->event_count; i++) {
		struct event_result *e = &r->events[i];

		if (e->status != EVENT_PENDING || strcmp(e->event, h->event))
			continue;
		event_result_done(e);
		*e = *h;
		*h = (struct event_result){ .exit_code = -1 };
		return;
	}
}

/* Why it ended: as an event's failure says, or because the agent did. */
static void find_cause(const struct interrupted *in, struct err *cause)
{
	const struct event_history *h = &in->history;
	const struct event_result *last = h->count ? &h->events[h->count - 1] : NULL;

	if (last && last->status == EVENT_FAILED)
		(void)err_set(cause, last->kind ? last->kind : ERR_SYS, "%s",
			      last->message ? last->message : "it failed");
	else
		(void)err_set(cause, ERR_INTERRUPTED, "the agent was ended in the middle of this deployment");
}

static void fill_events(struct interrupted *in, const struct err *cause)
{
	struct event_history *h = &in->history;

	for (size_t i = 0; i < h->count; i++) {
		struct event_result *e = &h->events[i];

		if (e->status == EVENT_IN_PROGRESS) {
			e->status = EVENT_FAILED;
			e->kind = cause->kind;
			e->message = e->message ? e->message : xstrdup(cause->msg);
		}
		fill_event(&in->result, e);
	}
	if (h->marks[EVENT_LOG_ENDED]) /* what has no line had nothing to do */
		for (size_t i = 0; i < in->result.event_count; i++)
			if (in->result.events[i].status == EVENT_PENDING)
				in->result.events[i].status = EVENT_SUCCEEDED;
}

static void begin_result(struct interrupted *in)
{
	outcome_begin(&in->result, in->order);
	if (in->history.count && in->history.events[0].started_at_ms)
		in->result.created_at_ms = in->result.started_at_ms = in->history.events[0].started_at_ms;
}

/* A deployment with a result only has its unfinished business settled; else this is its end. */
static void end_result(struct interrupted *in, bool restored)
{
	const struct outcome_state state = { in->previous, in->known, in->outcome, &in->deployment };
	bool succeeded = in->outcome == INSTALL_DONE && (in->history.marks[EVENT_LOG_ENDED] || restored);
	AUTO_FREE char *event = last_event(in) ? xstrdup(last_event(in)) : NULL;
	struct err cause = ERR_INIT;

	in->result.needs_recovery = false;
	if (in->had_result) {
		outcome_now(&in->result, &state);
		return;
	}
	find_cause(in, &cause);
	fill_events(in, &cause);
	outcome_end(&in->result, succeeded ? NULL : &cause, event, &state);
	if (!in->result.now)
		in->result.now = xstrdup(outcome_texts[in->outcome]);
}

static int recover(struct interrupted *in, struct err *err)
{
	bool restoring;

	if (load(in, err) < 0)
		return -1;
	if (!in->had_result)
		begin_result(in);
	if (event_history_kill_hook(&in->history, in->id))
		note(in, "what was left of its hook has been killed");
	restoring = wants_restore(in);
	if (recover_install(in, restoring, err) < 0 || drop_unpacked(in, err) < 0)
		return -1;
	/* not undone although that was asked for: it had ended well, and only its last word in the log was lost */
	if (restoring && in->outcome != INSTALL_DONE && !in->result.restore.files && restore(in, err) < 0)
		return -1;
	end_result(in, restoring);
	no_restore_tidy(in->fd);
	if (group_write_result(in->fd, &in->deployment, &in->result, err) < 0)
		return -1;
	progress_recovered(in->r->progress, &in->deployment, &in->result);
	note(in, in->result.now ? in->result.now : outcome_texts[in->outcome]);
	return 0;
}

static int recover_one(const struct recovery *r, const char *id, struct err *err)
{
	AUTO(interrupted_done)
	struct interrupted in = {
		.r = r,
		.id = id,
		.fd = openat(r->group->fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
		.path = xasprintf("%s/%s/%s", r->group->root, r->group->id, id),
		.events.fd = -1,
	};

	if (in.fd < 0)
		return 0;
	if (faccessat(in.fd, GROUP_REQUEST, F_OK, 0) < 0) {
		/* another agent's folder, or one of ours cut off before its request was written: that one is empty */
		(void)fs_rmdir(r->group->fd, id);
		return 0;
	}
	in.had_result = group_read_result(in.fd, &in.result);
	if (in.had_result && !in.result.needs_recovery)
		return 0;
	return recover(&in, err) < 0 ? err_add(err, "deployment %s", id) : 0;
}

static int drop_half_written(const struct group *g, struct err *err)
{
	static const char *const names[] = { "last_successful_install", "most_recent_install" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		AUTO_FREE char *name = xasprintf("%s_%s.new", g->id, names[i]);

		if (fs_unlink(g->instructions_fd, name) < 0 && errno != ENOENT)
			return err_sys(err, "removing '%s'", name);
	}
	return 0;
}

int recovery_run(const struct recovery *r, struct err *err)
{
	int fd = openat(r->group->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		return err_sys(err, "listing deployment group '%s'", r->group->id);
	if (drop_half_written(r->group, err) < 0)
		return -1;
	for (;;) {
		errno = 0;
		const struct dirent *e = readdir(dir);

		if (!e)
			return errno ? err_sys(err, "listing deployment group '%s'", r->group->id) : 0;
		if (e->d_name[0] != '.' && recover_one(r, e->d_name, err) < 0)
			return -1;
	}
}
