/* daemon/live.c - from messages to a document. */
#include "daemon/live.h"

#include "format/json.h"
#include "util/str.h"

#include <stdlib.h>
#include <string.h>

void live_init(struct live *l, struct deployment *d, int64_t now_ms)
{
	*l = (struct live){
		.deployment = *d,
		.result = { .status = DEPLOYMENT_QUEUED, .created_at_ms = now_ms },
		.past = json_array(),
	};
	*d = (struct deployment){ 0 };
}

void live_done(struct live *l)
{
	deployment_done(&l->deployment);
	deployment_result_done(&l->result);
	json_decref(l->end);
	json_decref(l->past);
	json_decref(l->doing);
	*l = (struct live){ 0 };
}

void live_start(struct live *l, int64_t now_ms)
{
	l->result.status = DEPLOYMENT_IN_PROGRESS;
	l->result.started_at_ms = now_ms;
}

/* The event's entry, made when it is new: a restore runs events of the same name again, and those count last. */
static struct event_result *entry_of(struct live *l, const char *event)
{
	struct deployment_result *r = &l->result;

	for (size_t i = r->event_count; i-- > 0;)
		if (!strcmp(r->events[i].event, event))
			return &r->events[i];
	if (r->event_count == LIVE_MAX_EVENTS)
		return NULL;
	r->events = xrealloc(r->events, (r->event_count + 1) * sizeof(*r->events));
	r->events[r->event_count] = (struct event_result){ .event = xstrdup(event), .exit_code = -1 };
	return &r->events[r->event_count++];
}

static void apply_event(struct live *l, const struct worker_message *m, int64_t now_ms)
{
	struct event_result *e = entry_of(l, m->event);

	if (!e)
		return;
	e->status = m->status;
	if (m->status == EVENT_IN_PROGRESS || (!e->started_at_ms && m->status != EVENT_SKIPPED))
		e->started_at_ms = now_ms;
	e->duration_ms = m->status == EVENT_IN_PROGRESS || !e->started_at_ms ? 0 : now_ms - e->started_at_ms;
	free(e->message);
	e->message = m->text && *m->text && m->status == EVENT_FAILED ? xstrndup(m->text, LIVE_MAX_TEXT) : NULL;
}

static size_t text_bytes(const json_t *progress)
{
	return json_string_length(json_object_get(progress, "text")) +
	       json_string_length(json_object_get(progress, "event"));
}

static void remember(struct live *l, json_t *progress)
{
	if (text_bytes(progress) > LIVE_MAX_TEXT)
		return; /* told now, and not again */
	l->past_bytes += text_bytes(progress);
	(void)json_array_append(l->past, progress); /* memory only, as the next */
	while (json_array_size(l->past) > LIVE_MAX_PAST || l->past_bytes > LIVE_MAX_PAST_BYTES) {
		l->past_bytes -= text_bytes(json_array_get(l->past, 0));
		(void)json_array_remove(l->past, 0);
	}
}

/* Only what is so now counts, and nothing once its event has ended. */
static void remember_doing(struct live *l, const struct worker_message *m, json_t *progress)
{
	json_decref(l->doing);
	l->doing = m->kind == WORKER_DOING && *m->text ? json_incref(progress) : NULL;
}

json_t *live_progress(const struct worker_message *m)
{
	const struct worker_work *w = &m->work;

	switch (m->kind) {
	case WORKER_EVENT:
		return json_pack("{s:s, s:o, s:s, s:o}", "progress", "event", "event", jpath(m->event), "status",
				 event_status_name(m->status), "text", jtext(m->text ? m->text : ""));
	case WORKER_NOTE:
		return json_pack("{s:s, s:o, s:o}", "progress", "note", "event", jpath(m->event ? m->event : ""),
				 "text", jtext(m->text));
	case WORKER_DOING:
		return json_pack("{s:s, s:o, s:o}", "progress", "doing", "event", jpath(m->event), "text",
				 jtext(m->text));
	case WORKER_WORK:
		return json_pack("{s:s, s:o, s:I, s:I, s:I, s:I}", "progress", "work", "event", jpath(m->event),
				 "files", (json_int_t)w->files, "files_total", (json_int_t)w->files_total, "bytes",
				 (json_int_t)w->bytes, "bytes_total", (json_int_t)w->bytes_total);
	case WORKER_STARTED:
		return json_pack("{s:s, s:o}", "progress", "started", "folder", jbytes(m->folder));
	default:
		return NULL;
	}
}

json_t *live_apply(struct live *l, const struct worker_message *m, int64_t now_ms)
{
	json_t *progress = live_progress(m);

	if (m->kind == WORKER_EVENT)
		apply_event(l, m, now_ms);
	if (m->kind == WORKER_EVENT || m->kind == WORKER_DOING)
		remember_doing(l, m, progress);
	if (m->kind == WORKER_EVENT || m->kind == WORKER_NOTE)
		remember(l, progress);
	return progress;
}

json_t *live_document(const struct live *l)
{
	return l->end ? json_incref(l->end) : deployment_result_to_json(&l->deployment, &l->result);
}

void live_end(struct live *l, enum deployment_status status, const struct err *why, const char *now, int64_t now_ms)
{
	struct deployment_result *r = &l->result;

	if (l->end)
		return;
	r->status = status;
	r->finished_at_ms = now_ms;
	r->kind = why->kind;
	free(r->error_message);
	r->error_message = xstrdup(why->msg);
	free(r->now);
	r->now = now ? xstrdup(now) : NULL;
	r->needs_recovery = why->kind == ERR_NEEDS_RECOVERY;
	for (size_t i = 0; i < r->event_count; i++)
		if (r->events[i].status == EVENT_IN_PROGRESS)
			r->events[i].status = EVENT_UNKNOWN;
	l->end = deployment_result_to_json(&l->deployment, r);
}
