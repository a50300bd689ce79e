/* worker/plan_request.h - plan a deployment without doing it: what is asked of a worker, and what it answers.
 *
 * The asker owns the folder: the worker unpacks into it and leaves there PLAN_PATHS, one JSON object a line for every
 * path that the plan speaks of (docs/plan.schema.json, "paths"): a million of them would make no line of the socket.
 */
#pragma once

#include "model/deployment.h"

#define PLAN_PATHS "paths.jsonl"

struct plan_request {
	struct deployment deployment; /* its id is not used */
	char *folder;		      /* absolute, empty, private to the asker */
};
void plan_request_done(struct plan_request *r);
json_t *plan_request_to_json(const struct plan_request *r); /* new reference */
/* -1, ERR_STATE. OUT is the caller's: plan_request_done(). */
int plan_request_from_json(const json_t *json, struct plan_request *out, struct err *err);

struct plan_answer {
	enum err_kind kind; /* why there is no plan; ERR_NONE: there is one */
	char *message;	    /* NULL with ERR_NONE */
	json_t *plan;	    /* docs/plan.schema.json without "paths"; NULL: there is none. Owned */
};
void plan_answer_done(struct plan_answer *a);
json_t *plan_answer_to_json(const struct plan_answer *a); /* the line, with "progress":"planned" */
int plan_answer_from_json(const json_t *json, struct plan_answer *out, struct err *err);
