/* cli/cmd_logs.c - `slipway logs`: what the scripts of a deployment have said, as it is said.
 *
 * The daemon tells the folder, the log is read here: it never passes through the daemon, and who may not read it does
 * not get it.
 */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/deployment_view.h"
#include "format/json.h"
#include "format/plain.h"
#include "util/auto.h"
#include "util/str.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#define PENDING_MAX (1024 * 1024) /* a line longer than that is printed in parts */

static const struct command_spec spec = {
	.name = "logs",
	.options = "latest group follow raw timeout",
	.word = WORD_OR_LATEST,
	.word_name = "deployment",
	.usage = "Usage: slipway logs ID|--latest [OPTION]...\n"
		 "\n"
		 "Prints what the scripts of a deployment have said. Terminal escapes are taken out.\n"
		 "\n"
		 "  -f, --follow        go on until the deployment has ended; waits for one that is queued\n"
		 "      --raw           every byte as the scripts have written it\n"
		 "      --latest        of the one that was asked for last\n"
		 "  -g, --group GROUP   with --latest: of this deployment group\n"
		 "      --timeout TIME  with -f: no longer than this (90s, 10m, 1h)\n"
		 "  -h, --help          this text\n",
};

struct logs {
	struct client *client;
	char *id, *folder; /* FOLDER NULL: the deployment has none yet */
	int fd;		   /* scripts.log, -1: not there yet */
	int inotify;
	bool watched; /* the folder of the log */
	struct str pending;
	struct err err;
	bool failed, closed; /* CLOSED: nobody reads standard output any more */
};

static void logs_done(struct logs *l)
{
	free(l->id);
	free(l->folder);
	auto_closep(&l->fd);
	auto_closep(&l->inotify);
	str_done(&l->pending);
}

static void put(struct logs *l, const char *bytes, size_t len)
{
	AUTO(str_done) struct str plain = STR_INIT(5 * PENDING_MAX);

	if (!l->client->options.raw) {
		(void)plain_append(&plain, bytes, len); /* at most four for one */
		bytes = str_text(&plain);
		len = plain.len;
	}
	if (fwrite(bytes, 1, len, stdout) != len)
		l->closed = true;
}

/* Whole lines only, so that no escape sequence and no character is cut in two. */
static void put_pending(struct logs *l, bool all)
{
	const char *nl = l->pending.len ? memrchr(l->pending.data, '\n', l->pending.len) : NULL;
	size_t n = nl ? (size_t)(nl - l->pending.data) + 1 : 0;

	if (all || (!n && l->pending.len >= PENDING_MAX / 2))
		n = l->pending.len;
	if (!n)
		return;
	put(l, l->pending.data, n);
	memmove(l->pending.data, l->pending.data + n, l->pending.len - n + 1);
	l->pending.len -= n;
}

static int fail(struct logs *l, const char *path)
{
	AUTO_FREE char *shown = plain_path(path);
	int denied = errno == EACCES || errno == EPERM;

	l->failed = true;
	(void)err_sys(&l->err, "'%s' cannot be read%s", shown, denied ? " (root may)" : "");
	if (denied)
		l->err.kind = ERR_DENIED;
	return -1;
}

/* 1: open; 0: not there yet. */
static int open_log(struct logs *l)
{
	if (l->fd >= 0)
		return 1;
	if (!l->folder)
		return 0;

	AUTO_FREE char *folder = xasprintf("%s/logs", l->folder);
	AUTO_FREE char *path = xasprintf("%s/scripts.log", folder);
	struct stat st;

	if (l->inotify >= 0 && !l->watched) /* without it a look a second must do */
		l->watched = inotify_add_watch(l->inotify, folder, IN_CREATE | IN_MODIFY | IN_MOVED_TO | IN_ONLYDIR) >=
			     0;
	l->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (l->fd < 0)
		return errno == ENOENT ? 0 : fail(l, path);
	if (fstat(l->fd, &st) == 0 && S_ISREG(st.st_mode))
		return 1;
	errno = EINVAL;
	return fail(l, path);
}

/* A log that became shorter was capped: its head is what was printed already, so it goes on at its end. */
static void skip_what_was_capped(struct logs *l)
{
	struct stat st;
	off_t at = lseek(l->fd, 0, SEEK_CUR);

	if (fstat(l->fd, &st) == 0 && at > st.st_size)
		(void)lseek(l->fd, 0, SEEK_END);
}

/* Everything that there is now. */
static void pump(struct logs *l)
{
	char bytes[65536];
	ssize_t n;

	if (l->failed || l->closed || open_log(l) <= 0)
		return;
	skip_what_was_capped(l);
	while (!l->closed && (n = read(l->fd, bytes, sizeof(bytes))) > 0) {
		(void)str_append(&l->pending, bytes, (size_t)n); /* fits: half of it is free */
		put_pending(l, false);
	}
	if (fflush(stdout) != 0)
		l->closed = true;
}

static int take_folder(struct logs *l, const json_t *holder, struct err *err)
{
	AUTO_FREE char *folder = NULL;
	struct jobject o;

	if (jobject_open(holder, "the daemon's answer", &o, err) < 0 ||
	    jobject_string(&o, "folder", PATH_MAX, &folder, err) < 0)
		return -1;
	if (folder && *folder != '/')
		return err_set(err, ERR_STATE, "the daemon's answer: 'folder' is not an absolute path");
	if (folder && !l->folder)
		l->folder = TAKE_PTR(folder);
	return 0;
}

/* A deployment that was queued tells its folder when it begins. */
static int take_line(void *context, const json_t *line, struct err *err)
{
	struct logs *l = context;
	const json_t *progress = json_object_get(line, "progress");
	const char *kind = json_string_value(json_object_get(progress, "progress"));

	if (kind && !strcmp(kind, "started") && take_folder(l, progress, err) < 0)
		return -1;
	pump(l);
	return l->failed || l->closed;
}

static bool on_change(void *context)
{
	struct logs *l = context;
	char events[4096];

	while (read(l->inotify, events, sizeof(events)) > 0)
		; /* which file does not matter */
	pump(l);
	return l->failed || l->closed;
}

static bool on_tick(void *context)
{
	struct logs *l = context;

	pump(l);
	return l->failed || l->closed;
}

static void on_gone(void *context, bool back)
{
	struct output *o = &((struct logs *)context)->client->output;

	if (back)
		output_line(o, "asking the daemon again");
	else
		output_line(o, "the daemon went away: waiting up to %d s for it to come back", DAEMON_BACK_WITHIN_S);
}

static int say_end(struct logs *l, const struct daemon_answer *a)
{
	struct output *o = &l->client->output;

	switch (a->end) {
	case DAEMON_REFUSED:
		return client_say_refusal(l->client, a);
	case DAEMON_LOST:
		output_error(o, "the daemon went away and is not back: see 'systemctl status slipway'");
		return err_exit_status(ERR_UNREACHABLE);
	case DAEMON_TIMED_OUT:
		output_error(o, "timed out following: deployment %s goes on", l->id);
		return err_exit_status(ERR_TIMED_OUT);
	case DAEMON_INTERRUPTED:
		return 128 + a->signal;
	case DAEMON_DONE:
		break;
	}
	return l->closed ? 1 : 0;
}

static int follow_log(struct logs *l)
{
	AUTO(daemon_answer_done) struct daemon_answer a = { 0 };
	AUTO(json_freep)
	json_t *request = json_pack("{s:s, s:o, s:b}", "request", "watch", "deployment_id", client_text_or_null(l->id),
				    "documents", false);
	const struct daemon_talk talk = {
		.socket = l->client->config.socket,
		.request = request,
		.timeout_s = l->client->options.timeout_s,
		.repeats = true,
		.line = take_line,
		.tick = on_tick,
		.gone = on_gone,
		.watched_fd = l->inotify,
		.watched = on_change,
		.context = l,
	};

	pump(l);
	if (daemon_talk(&talk, &a, &l->err) < 0 || (a.json && take_folder(l, a.json, &l->err) < 0))
		return client_fail(l->client, &l->err);
	pump(l);
	put_pending(l, true);
	return l->failed ? client_fail(l->client, &l->err) : say_end(l, &a);
}

static int print_log(struct logs *l, const struct deployment_view *v)
{
	struct output *o = &l->client->output;

	pump(l);
	put_pending(l, true);
	if (l->failed)
		return client_fail(l->client, &l->err);
	if (l->fd >= 0)
		return l->closed || fflush(stdout) != 0 ? 1 : 0;
	if (v->r.status == DEPLOYMENT_QUEUED)
		output_line(o, "deployment %s is queued; 'slipway logs -f %s' waits for it", l->id, l->id);
	else
		output_line(o, "no script of deployment %s has said anything", l->id);
	return 0;
}

/* What `show` tells of the deployment. */
static int ask(struct logs *l, struct deployment_view *v)
{
	AUTO(json_freep) json_t *answer = NULL;
	const struct client_options *o = &l->client->options;
	int status = client_ask(l->client,
				json_pack("{s:s, s:o, s:o}", "request", "show", "deployment_id",
					  client_text_or_null(o->word), "group", client_text_or_null(o->group)),
				&answer);

	if (status)
		return status;
	if (deployment_view_read(json_object_get(answer, "deployment"), v, &l->err) < 0 ||
	    take_folder(l, answer, &l->err) < 0)
		return client_fail(l->client, &l->err);
	l->id = xstrdup(v->d.id);
	return 0;
}

int cmd_logs(const struct cli *cli, int argc, char **argv)
{
	AUTO(client_done) struct client c;
	AUTO(logs_done) struct logs l = { .client = &c, .fd = -1, .inotify = -1, .pending = STR_INIT(PENDING_MAX) };
	AUTO(deployment_view_done) struct deployment_view v = { 0 };
	int status = client_begin(&spec, cli, argc, argv, &c);

	if (status >= 0)
		return status;
	status = ask(&l, &v);
	if (status)
		return status;
	if (!c.options.follow || deployment_has_ended(&v.r))
		return print_log(&l, &v);
	l.inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK); /* without it a look a second must do */
	return follow_log(&l);
}
