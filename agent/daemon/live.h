/* daemon/live.h - the document of a deployment that has not ended, kept up to date from what its worker says.
 *
 * Pure: it is handed the clock. Documents are those of deployment_result_to_json(); the worker's own result replaces
 * what was put together here. What has happened so far is kept for those who begin to watch later: the newest lines of
 * it, LIVE_MAX_PAST at most and LIVE_MAX_PAST_BYTES of text. A worker's words have no other limit than that of a line.
 */
#pragma once

#include "model/deployment.h"
#include "worker/worker_messages.h"

#define LIVE_MAX_PAST	    1000
#define LIVE_MAX_PAST_BYTES (1024 * 1024)
#define LIVE_MAX_TEXT	    65536 /* of a line that is kept for later, and of an event's message */
#define LIVE_MAX_EVENTS	    200

struct live {
	struct deployment deployment;	 /* owned */
	struct deployment_result result; /* owned; not up to date any more once there is an end */
	json_t *end;			 /* the worker's result, or ours; NULL: not yet */
	json_t *past;			 /* progress objects, in order */
	size_t past_bytes;		 /* of their texts */
	json_t *doing;			 /* what a hook does now, a progress object; NULL: nothing to tell */
};

/* Takes what *D holds. */
void live_init(struct live *l, struct deployment *d, int64_t now_ms);
void live_done(struct live *l);
void live_start(struct live *l, int64_t now_ms);
/* The progress object to be told to those who watch (new reference); NULL: M is none of these. */
json_t *live_apply(struct live *l, const struct worker_message *m, int64_t now_ms);
/* M as the worker has sent it, for kinds started, event, note, work and doing; NULL: another kind. New reference. */
json_t *live_progress(const struct worker_message *m);
json_t *live_document(const struct live *l); /* new reference */
/* The end without a result of the worker. NOW and ACTION may be NULL. */
void live_end(struct live *l, enum deployment_status status, const struct err *why, const char *now, int64_t now_ms);
