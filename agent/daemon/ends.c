/* daemon/ends.c - a short list, as a rule empty, and a timer. */
#include "daemon/ends.h"

#include "util/log.h"
#include "util/str.h"

#include <string.h>

#define RETRY_US UINT64_C(5000000)

struct unrecorded {
	struct unrecorded *next;
	char *id;
	enum deployment_status status;
	int64_t finished_at_ms;
	json_t *document;
};

static void unrecorded_free(struct unrecorded *u)
{
	free(u->id);
	json_decref(u->document);
	free(u);
}

static int record(struct daemon *d, const struct unrecorded *u, struct err *err)
{
	return db_finish(d->db, u->id, u->status, u->finished_at_ms, u->document, err) < 0 ? -1 : 0;
}

static void prune(struct daemon *d)
{
	struct err err = ERR_INIT;
	unsigned rows;

	if (db_prune(d->db, d->config.history, &rows, &err) < 0)
		log_error("shortening the history: %s", err.msg);
}

/* One that fails is enough: each may wait for whoever has the database locked. */
static void try_all(struct daemon *d)
{
	struct err ignored = ERR_INIT; /* was told when it failed first */
	struct unrecorded *u;

	while ((u = d->unrecorded) && record(d, u, &ignored) == 0) {
		log_info("the end is recorded at last event='recorded' deployment='%s'", u->id);
		d->unrecorded = u->next;
		unrecorded_free(u);
	}
}

static void try_later(struct daemon *d);

static int on_retry(sd_event_source *source, uint64_t now, void *context)
{
	struct daemon *d = context;

	(void)source, (void)now;
	try_all(d);
	if (d->unrecorded)
		try_later(d);
	return 0;
}

static void try_later(struct daemon *d)
{
	d->ends_timer = sd_event_source_disable_unref(d->ends_timer);
	if (sd_event_add_time_relative(d->loop, &d->ends_timer, CLOCK_MONOTONIC, RETRY_US, 0, on_retry, d) < 0)
		log_error("no timer is left: what is not recorded is tried again at the end");
}

void ends_record(struct daemon *d, const char *id, enum deployment_status status, json_t *document)
{
	struct unrecorded *u = xcalloc(1, sizeof(*u));
	struct unrecorded **last = &d->unrecorded;
	struct err err = ERR_INIT;

	*u = (struct unrecorded){ NULL, xstrdup(id), status, daemon_now_ms(), json_incref(document) };
	if (!d->unrecorded && record(d, u, &err) == 0) {
		unrecorded_free(u);
		prune(d);
		return;
	}
	log_error("the end cannot be recorded%s%s; tried again soon deployment='%s'", *err.msg ? ": " : "", err.msg,
		  id);
	while (*last)
		last = &(*last)->next;
	*last = u; /* in order, should one deployment have two */
	try_later(d);
}

void ends_apply(const struct daemon *d, struct db_row *row)
{
	for (const struct unrecorded *u = d->unrecorded; u; u = u->next)
		if (!strcmp(u->id, row->id)) {
			json_decref(row->document);
			row->document = json_incref(u->document);
			row->status = u->status;
			row->finished_at_ms = u->finished_at_ms;
		}
}

size_t ends_count(const struct daemon *d)
{
	size_t n = 0;

	for (const struct unrecorded *u = d->unrecorded; u; u = u->next)
		n++;
	return n;
}

void ends_free(struct daemon *d)
{
	if (d->db)
		try_all(d);
	d->ends_timer = sd_event_source_disable_unref(d->ends_timer);
	for (struct unrecorded *u; (u = d->unrecorded);) {
		log_error("the end is not recorded, so the next daemon may take it up again deployment='%s'", u->id);
		d->unrecorded = u->next;
		unrecorded_free(u);
	}
}
