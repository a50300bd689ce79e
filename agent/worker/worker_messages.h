/* worker/worker_messages.h - one line that a worker (or the daemon, passing it on) has sent, taken apart and checked.
 */
#pragma once

#include "model/deployment.h"
#include "worker/pack_request.h"
#include "worker/plan_request.h"
#include "worker/unpack_request.h"

struct worker_work {
	uint64_t files, files_total, bytes, bytes_total;
};

enum worker_message_kind {
	WORKER_EVENT,	  /* event, status, text */
	WORKER_NOTE,	  /* event (may be ""), text */
	WORKER_WORK,	  /* event, work */
	WORKER_DOING,	  /* event, text (may be "") */
	WORKER_STARTED,	  /* folder */
	WORKER_RESULT,	  /* deployment: of the request; the last one */
	WORKER_RECOVERED, /* deployment: an earlier one that was finished or undone */
	WORKER_UNPACKED,  /* unpacked */
	WORKER_PACKED,	  /* packed */
	WORKER_PLANNED,	  /* planned */
	WORKER_MESSAGE_COUNT
};

struct worker_message {
	enum worker_message_kind kind;
	char *event, *text, *folder; /* owned; NULL where the kind has none */
	enum event_status status;
	struct worker_work work;
	json_t *deployment; /* owned: a document that deployment_result_from_json() has accepted */
	struct unpack_answer unpacked;
	struct pack_answer packed;
	struct plan_answer planned;
};

/* -1, ERR_STATE: not a line of worker/protocol.h. OUT is the caller's: worker_message_done(). */
int worker_message_parse(const char *line, size_t len, struct worker_message *out, struct err *err);
int worker_message_from_json(const json_t *json, struct worker_message *out, struct err *err);
void worker_message_done(struct worker_message *m);

/* The request to finish or undo what was interrupted in GROUP below the deployment root ROOT. New reference. */
json_t *worker_recover_request(const char *root, const char *group);
