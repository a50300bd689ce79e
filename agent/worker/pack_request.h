/* worker/pack_request.h - a worker packs a folder for another command: what is asked, and the answer, as JSON.
 *
 * Both directions check what they read like a stranger's. Strings are owned.
 */
#pragma once

#include "bundle/pack.h"
#include "util/digest.h"
#include "util/err.h"

#include <jansson.h>
#include <stdint.h>

struct pack_request {
	char *folder, *output; /* absolute */
	enum pack_type type;
	uint64_t latest_s; /* SOURCE_DATE_EPOCH; INT64_MAX: none */
};

struct pack_answer {
	enum err_kind kind; /* ERR_NONE: it is packed */
	char *message;	    /* why not; NULL: it is */
	char **warnings;    /* NULL-terminated; NULL: none */
	uint64_t entries, files, bytes, size;
	char *digest; /* SHA-256 of the bundle, DIGEST_HEX_SIZE; NULL: it is not packed */
};

void pack_request_done(struct pack_request *r);
void pack_answer_done(struct pack_answer *a);

json_t *pack_request_to_json(const struct pack_request *r); /* new reference, as is the other's */
int pack_request_from_json(const json_t *json, struct pack_request *out, struct err *err);
json_t *pack_answer_to_json(const struct pack_answer *a);
int pack_answer_from_json(const json_t *json, struct pack_answer *out, struct err *err);
