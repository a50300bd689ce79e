/* cli/follow.c - one deployment's stream on the screen. */
#include "cli/follow.h"
#include "cli/deployment_view.h"
#include "format/json.h"
#include "util/auto.h"
#include "util/str.h"
#include "worker/worker_messages.h"

#include <stdio.h>
#include <string.h>

#define MAX_ID	  64
#define MAX_SHOWN 4096 /* lines that are remembered for a second telling */

/* A line of progress that was shown, so that a daemon that is back does not tell it twice. */
struct shown {
	char *key;
	bool told; /* again, since the daemon is back */
};

struct following {
	struct client *client;
	const struct follow_options *options;
	char *id;	 /* NULL: not known yet */
	json_t *printed; /* the last document on stdout */
	struct shown *shown;
	size_t shown_count;
	bool closed; /* nobody reads stdout any more; the deployment counts, so it is seen to its end */
	bool again;  /* the daemon was away: it tells from the beginning */
};

static void following_done(struct following *f)
{
	for (size_t i = 0; i < f->shown_count; i++)
		free(f->shown[i].key);
	free(f->shown);
	free(f->id);
	json_decref(f->printed);
}

/* Was this line shown before the daemon went away? */
static bool shown_before(struct following *f, const struct worker_message *m)
{
	AUTO_FREE char *key = xasprintf("%d %d %s %s", (int)m->kind, (int)m->status, m->event ? m->event : "",
					m->text ? m->text : "");

	for (size_t i = 0; f->again && i < f->shown_count; i++)
		if (!f->shown[i].told && !strcmp(f->shown[i].key, key)) {
			f->shown[i].told = true;
			return true;
		}
	if (f->shown_count < MAX_SHOWN) {
		f->shown = xrealloc(f->shown, (f->shown_count + 1) * sizeof(*f->shown));
		f->shown[f->shown_count++] = (struct shown){ .key = TAKE_PTR(key), .told = true };
	}
	return false;
}

static void show_progress(struct following *f, const struct worker_message *m)
{
	struct output *o = &f->client->output;
	const struct worker_work *w = &m->work;

	if (f->options->quiet)
		return;
	if (m->kind == WORKER_WORK)
		output_work(o, m->event, w->files, w->files_total, w->bytes, w->bytes_total);
	else if (m->kind == WORKER_DOING)
		output_doing(o, m->event, m->text);
	else if ((m->kind != WORKER_EVENT && m->kind != WORKER_NOTE) || shown_before(f, m))
		return;
	else if (m->kind == WORKER_EVENT)
		output_event(o, m->event, m->status, m->text ? m->text : "");
	else
		output_note(o, m->event ? m->event : "", m->text);
}

static int take_progress(struct following *f, const json_t *json, struct err *err)
{
	AUTO(worker_message_done) struct worker_message m = { 0 };

	if (worker_message_from_json(json, &m, err) < 0)
		return -1;
	show_progress(f, &m);
	return 0;
}

static void print_document(struct following *f, const json_t *document)
{
	if (!f->client->options.json || f->closed || (f->printed && json_equal(f->printed, document)))
		return;
	json_decref(f->printed);
	f->printed = json_incref((json_t *)document);
	f->closed = client_print_json(f->client, json_incref((json_t *)document)) != 0;
}

static int take_document(struct following *f, const json_t *document, struct err *err)
{
	AUTO(deployment_view_done) struct deployment_view v = { 0 };

	if (deployment_view_read(document, &v, err) < 0)
		return -1;
	print_document(f, document);
	return 0;
}

static int take_id(struct following *f, struct jobject *o, struct err *err)
{
	AUTO_FREE char *id = NULL;

	if (jobject_need_string(o, "deployment_id", MAX_ID, &id, err) < 0)
		return -1;
	if (f->id && strcmp(f->id, id))
		return err_set(err, ERR_STATE, "it speaks of deployment '%s', not of '%s'", id, f->id);
	if (!f->id)
		f->id = TAKE_PTR(id);
	return 0;
}

static int take_accepted(struct following *f, const json_t *json, struct err *err)
{
	AUTO_FREE char *behind = NULL;
	struct jobject o;
	bool repeated;

	if (jobject_open(json, "'accepted'", &o, err) < 0 || jobject_bool(&o, "repeated", &repeated, err) < 0 ||
	    jobject_string(&o, "behind", MAX_ID, &behind, err) < 0 || take_id(f, &o, err) < 0)
		return -1;
	if (f->again || f->options->quiet)
		return 0;
	if (repeated)
		output_line(&f->client->output, "this token was used before: nothing new, it is deployment %s", f->id);
	if (behind)
		output_line(&f->client->output, "deployment %s is queued: it waits for %s of the same group", f->id,
			    behind);
	return 0;
}

static int take_line(void *context, const json_t *line, struct err *err)
{
	struct following *f = context;
	const json_t *accepted = json_object_get(line, "accepted");
	const json_t *progress = json_object_get(line, "progress");
	const json_t *document = json_object_get(line, "deployment");
	struct jobject o;

	if (accepted)
		return take_accepted(f, accepted, err);
	if (jobject_open(line, "a line of its stream", &o, err) < 0 || take_id(f, &o, err) < 0)
		return -1;
	if (progress)
		return take_progress(f, progress, err);
	return document ? take_document(f, document, err) : 0; /* what a newer daemon adds is passed over */
}

static bool on_tick(void *context)
{
	output_tick(&((struct following *)context)->client->output);
	return false;
}

static void on_gone(void *context, bool back)
{
	struct following *f = context;
	struct output *o = &f->client->output;

	if (back) {
		f->again = true;
		for (size_t i = 0; i < f->shown_count; i++)
			f->shown[i].told = false;
		output_line(o, "asking the daemon again");
	} else {
		output_line(o, "the daemon went away: waiting up to %d s for it to come back", DAEMON_BACK_WITHIN_S);
	}
}

static int show_end(struct following *f, const json_t *answer, struct err *err)
{
	AUTO(deployment_view_done) struct deployment_view v = { 0 };
	const json_t *document = json_object_get(answer, "deployment");
	const json_t *folder = json_object_get(answer, "folder");
	struct client *c = f->client;

	if (deployment_view_read(document, &v, err) < 0)
		return err_add(err, "the daemon said what this version does not understand");
	print_document(f, document);
	if (!deployment_has_ended(&v.r)) { /* detached */
		if (!c->options.json)
			(void)printf("%s\n", v.d.id);
		return 0;
	}
	output_result(&c->output, &v.d, &v.r, json_string_value(folder), c->host);
	return deployment_exit_status(&v.r);
}

/* What goes on without us, and how to come back to it. */
static void say_goes_on(struct following *f, const char *why)
{
	struct output *o = &f->client->output;

	if (f->id)
		output_error(o, "%s: deployment %s goes on; see it with 'slipway watch %s'", why, f->id, f->id);
	else if (f->options->token)
		output_error(o,
			     "%s: it is not known whether the daemon has taken the deployment; ask again with "
			     "'--token %s', then it is not done twice",
			     why, f->options->token);
	else
		output_error(o, "%s before the daemon has answered", why);
}

static int say_end(struct following *f, const struct daemon_answer *a)
{
	struct client *c = f->client;
	struct err err = ERR_INIT;
	int status;

	switch (a->end) {
	case DAEMON_REFUSED:
		return client_say_refusal(c, a);
	case DAEMON_LOST:
		say_goes_on(f, "the daemon went away and is not back (systemctl status slipway)");
		return err_exit_status(ERR_UNREACHABLE);
	case DAEMON_TIMED_OUT:
		say_goes_on(f, "timed out waiting");
		return err_exit_status(ERR_TIMED_OUT);
	case DAEMON_INTERRUPTED:
		say_goes_on(f, "interrupted");
		return 128 + a->signal;
	case DAEMON_DONE:
		break;
	}
	status = show_end(f, a->json, &err);
	return status < 0 ? client_fail(c, &err) : status;
}

int follow(struct client *c, const json_t *request, const struct follow_options *options)
{
	AUTO(following_done)
	struct following f = { .client = c, .options = options, .id = options->id ? xstrdup(options->id) : NULL };
	AUTO(daemon_answer_done) struct daemon_answer a = { 0 };
	const struct daemon_talk talk = {
		.socket = c->config.socket,
		.request = request,
		.timeout_s = c->options.timeout_s,
		.repeats = true,
		.line = take_line,
		.tick = c->output.live ? on_tick : NULL,
		.gone = on_gone,
		.context = &f,
	};
	struct err err = ERR_INIT;

	c->output.by_daemon = true;
	if (daemon_talk(&talk, &a, &err) < 0) {
		int status = client_fail(c, &err);

		if (f.id && err.kind == ERR_STATE)
			output_line(&c->output, "  next: slipway show %s", f.id);
		return status;
	}
	return say_end(&f, &a);
}
