/* worker/unpack_request.h - a worker unpacks an archive for another command: what is asked, and the answer, as JSON.
 *
 * Whoever asks makes the folder and removes it; the bundle is in `deployment-archive` beneath it when the answer says
 * so. Both directions check what they read like a stranger's. Strings are owned.
 */
#pragma once

#include "util/err.h"

#include <jansson.h>
#include <stdint.h>

struct unpack_request {
	char *location; /* of the archive, absolute */
	char *folder;	/* absolute; empty and private */
	uint64_t max_entries, max_bytes, max_ratio;
};

struct unpack_answer {
	enum err_kind kind; /* ERR_NONE: it is unpacked */
	char *message;	    /* why not; NULL: it is */
	char **warnings;    /* NULL-terminated; NULL: none */
};

void unpack_request_done(struct unpack_request *r);
void unpack_answer_done(struct unpack_answer *a);

json_t *unpack_request_to_json(const struct unpack_request *r); /* new reference, as is the other's */
int unpack_request_from_json(const json_t *json, struct unpack_request *out, struct err *err);
json_t *unpack_answer_to_json(const struct unpack_answer *a);
int unpack_answer_from_json(const json_t *json, struct unpack_answer *out, struct err *err);
