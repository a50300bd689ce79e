/* cli/worker_client.h - start a worker for one request, show what it says, and see it to its end.
 *
 * The worker runs in a session of its own: a Ctrl-C at the terminal comes to this process alone, which asks the
 * worker to stop ({"stop":true}) and waits; a second signal kills it. SIGTERM does the same, and SIGHUP where the
 * caller holds it. What the worker says is checked like a stranger's; anything that is not understood ends the
 * conversation, which the worker takes as a stop.
 * Source: agent/worker/protocol.h.
 */
#pragma once

#include "model/deployment.h"
#include "worker/worker_messages.h"

/* Whom to tell; each may be NULL. Strings are borrowed and come from the worker as they are. */
struct worker_watch {
	void (*started)(void *context, const char *folder);
	void (*event)(void *context, const char *event, enum event_status status, const char *text);
	void (*note)(void *context, const char *event, const char *text);
	void (*doing)(void *context, const char *event, const char *text); /* TEXT "": no more of that */
	void (*work)(void *context, const char *event, const struct worker_work *work);
	/* Of worker_recover(): DOCUMENT, borrowed, is what an earlier deployment of the group has come to. */
	void (*recovered)(void *context, const json_t *document);
	void (*interrupted)(void *context, int signal, bool killed); /* KILLED: the second signal */
	void (*tick)(void *context);				     /* about once a second */
	void *context;
};

struct worker_end {
	bool has_result;		 /* of a recovery: nothing is left to recover */
	struct deployment_result result; /* owned, as is the other: of worker_run() */
	struct unpack_answer unpacked;	 /* of worker_unpack() */
	struct pack_answer packed;	 /* of worker_pack() */
	struct plan_answer planned;	 /* of worker_plan() */
	int signal;			 /* the first SIGINT, SIGTERM or SIGHUP that came meanwhile; 0: none */
	char how[512];			 /* without a result: how the worker went, one line for people */
};
void worker_end_done(struct worker_end *end);

/* Run the worker at PATH on D to its end. Blocks SIGINT and SIGTERM meanwhile. -1: it could not be started. */
int worker_run(const char *path, const struct deployment *d, const struct worker_watch *watch, struct worker_end *out,
	       struct err *err);
/* The same for an unpacking, of which there is nothing to watch. */
int worker_unpack(const char *path, const struct unpack_request *r, struct worker_end *out, struct err *err);
/* The same for a packing. */
int worker_pack(const char *path, const struct pack_request *r, struct worker_end *out, struct err *err);
/* The same for a plan: WATCH sees the notes and the work. */
int worker_plan(const char *path, const struct plan_request *r, const struct worker_watch *watch,
		struct worker_end *out, struct err *err);
/* The same for finishing or undoing what was interrupted in GROUP below the deployment root ROOT. */
int worker_recover(const char *path, const char *root, const char *group, const struct worker_watch *watch,
		   struct worker_end *out, struct err *err);
