/* fuzz_message.c - any bytes as a line of JSON between the processes: a worker's, a request to a worker, a client's.
 *
 * What must hold besides no crash, leak or endless loop: a refusal says why, and what was accepted can be written, and
 * is accepted again as the same.
 */
#include "control/deploy_request.h"
#include "worker/worker_messages.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_worker_message(const char *line, size_t size)
{
	struct worker_message m = { 0 };
	struct err err = ERR_INIT;

	if (worker_message_parse(line, size, &m, &err) < 0)
		assert(err.kind == ERR_STATE && *err.msg);
	else
		assert(m.kind < WORKER_MESSAGE_COUNT);
	worker_message_done(&m);
}

/* What TYPE_from_json() takes, TYPE_to_json() writes; read again it writes the same. */
#define TRY(TYPE)                                                                                                      \
	static void try_##TYPE(const json_t *json)                                                                     \
	{                                                                                                              \
		struct TYPE first = { 0 }, second = { 0 };                                                             \
		struct err err = ERR_INIT;                                                                             \
                                                                                                                       \
		if (TYPE##_from_json(json, &first, &err) < 0) {                                                        \
			assert(err.kind != ERR_NONE && *err.msg);                                                      \
		} else {                                                                                               \
			json_t *once = TYPE##_to_json(&first);                                                         \
                                                                                                                       \
			assert(once &&TYPE##_from_json(once, &second, &err) == 0);                                     \
                                                                                                                       \
			json_t *twice = TYPE##_to_json(&second);                                                       \
                                                                                                                       \
			assert(json_equal(once, twice));                                                               \
			json_decref(once);                                                                             \
			json_decref(twice);                                                                            \
			TYPE##_done(&second);                                                                          \
		}                                                                                                      \
		TYPE##_done(&first);                                                                                   \
	}
TRY(deploy_request)
TRY(deployment)
TRY(pack_request)
TRY(plan_request)
TRY(unpack_request)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *line = (const char *)data;
	json_t *json = json_loadb(line, size, JSON_REJECT_DUPLICATES, NULL);

	try_worker_message(line, size);
	if (json) {
		try_deploy_request(json);
		try_deployment(json);
		try_pack_request(json);
		try_plan_request(json);
		try_unpack_request(json);
	}
	json_decref(json);
	return 0;
}
