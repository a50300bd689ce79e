/* Lines of a worker: what each kind gives, and what is not believed. */
#include "util/auto.h"
#include "util/str.h"
#include "worker/worker_messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static json_t *a_document(void)
{
	AUTO(deployment_result_done)
	struct deployment_result r = {
		.status = DEPLOYMENT_SUCCEEDED,
		.created_at_ms = 1000,
		.started_at_ms = 1000,
		.finished_at_ms = 2000,
	};
	struct deployment d = { .id = "d-1", .application = "a", .group = "g", .group_name = "n" };

	d.creator = "user";
	d.type = "IN_PLACE";
	d.revision = (struct revision){ REVISION_LOCAL_DIRECTORY, "/b", "directory" };
	return deployment_result_to_json(&d, &r);
}

static void every_kind_gives_what_it_carries(void **state)
{
	(void)state;
	static const struct {
		const char *line;
		enum worker_message_kind kind;
		const char *event, *text, *folder;
	} cases[] = {
		{ "{\"progress\":\"event\",\"event\":\"Install\",\"status\":\"Failed\",\"text\":\"no\"}", WORKER_EVENT,
		  "Install", "no", NULL },
		{ "{\"progress\":\"event\",\"event\":\"Install\",\"status\":\"Failed\"}", WORKER_EVENT, "Install", NULL,
		  NULL },
		{ "{\"progress\":\"note\",\"text\":\"hm\"}", WORKER_NOTE, NULL, "hm", NULL },
		{ "{\"progress\":\"work\",\"event\":\"Install\",\"files\":1,\"files_total\":2,\"bytes\":3,\"bytes_"
		  "total\":"
		  "4}",
		  WORKER_WORK, "Install", NULL, NULL },
		{ "{\"progress\":\"doing\",\"event\":\"E\",\"text\":\"hm\"}", WORKER_DOING, "E", "hm", NULL },
		{ "{\"progress\":\"doing\",\"event\":\"E\",\"text\":\"\"}", WORKER_DOING, "E", "", NULL },
		{ "{\"progress\":\"started\",\"folder\":\"/f\"}", WORKER_STARTED, NULL, NULL, "/f" },
		{ "{\"progress\":\"unpacked\",\"error_code\":null,\"message\":null,\"warnings\":null}", WORKER_UNPACKED,
		  NULL, NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(worker_message_done) struct worker_message m = { 0 };
		struct err err = ERR_INIT;

		print_message("  %s\n", cases[i].line);
		assert_int_equal(0, worker_message_parse(cases[i].line, strlen(cases[i].line), &m, &err));
		assert_int_equal(cases[i].kind, m.kind);
		assert_int_equal(cases[i].event ? 0 : 1, m.event ? strcmp(m.event, cases[i].event) : 1);
		assert_int_equal(cases[i].text ? 0 : 1, m.text ? strcmp(m.text, cases[i].text) : 1);
		assert_int_equal(cases[i].folder ? 0 : 1, m.folder ? strcmp(m.folder, cases[i].folder) : 1);
		if (m.kind == WORKER_EVENT)
			assert_int_equal(EVENT_FAILED, m.status);
		if (m.kind == WORKER_WORK)
			assert_true(m.work.files == 1 && m.work.files_total == 2 && m.work.bytes == 3 &&
				    m.work.bytes_total == 4);
	}
}

static void a_result_and_a_recovery_carry_a_checked_document(void **state)
{
	(void)state;
	static const struct {
		const char *progress;
		enum worker_message_kind kind;
	} cases[] = { { "result", WORKER_RESULT }, { "recovered", WORKER_RECOVERED } };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(worker_message_done) struct worker_message m = { 0 };
		struct err err = ERR_INIT;
		json_t *json = json_pack("{s:s, s:o}", "progress", cases[i].progress, "deployment", a_document());

		assert_int_equal(0, worker_message_from_json(json, &m, &err));
		assert_int_equal(cases[i].kind, m.kind);
		assert_string_equal("d-1", json_string_value(json_object_get(m.deployment, "deployment_id")));
		json_decref(json);
	}
}

static void a_document_without_an_id_is_refused(void **state)
{
	(void)state;
	struct worker_message m;
	struct err err = ERR_INIT;
	json_t *document = a_document();

	(void)json_object_set_new(document, "deployment_id", json_null());

	json_t *json = json_pack("{s:s, s:o}", "progress", "result", "deployment", document);

	assert_int_equal(-1, worker_message_from_json(json, &m, &err));
	assert_int_equal(ERR_STATE, err.kind);
	json_decref(json);
}

static void a_result_that_is_no_end_is_refused(void **state)
{
	(void)state;
	static const char *const names[] = { "Queued", "InProgress" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct worker_message m;
		struct err err = ERR_INIT;
		json_t *document = a_document();

		(void)json_object_set_new(document, "status", json_string(names[i]));

		json_t *json = json_pack("{s:s, s:o}", "progress", "result", "deployment", document);

		assert_int_equal(-1, worker_message_from_json(json, &m, &err));
		assert_non_null(strstr(err.msg, "has not ended"));
		json_decref(json);
	}
}

static const struct {
	const char *why, *line, *message;
} refused[] = {
	{ "no JSON", "hello", "not JSON" },
	{ "nothing", "", "not JSON" },
	{ "a list", "[]", "not a JSON object" },
	{ "a key twice", "{\"progress\":\"note\",\"progress\":\"event\"}", "not JSON" },
	{ "no kind", "{}", "'' is not a kind of progress" },
	{ "an unknown kind", "{\"progress\":\"dance\"}", "'dance' is not a kind of progress" },
	{ "a kind that is a number", "{\"progress\":1}", "is not a kind of progress" },
	{ "an event without a status", "{\"progress\":\"event\",\"event\":\"Install\"}", "'status'" },
	{ "an unknown status", "{\"progress\":\"event\",\"event\":\"Install\",\"status\":\"Fine\"}", "'status'" },
	{ "a note without a text", "{\"progress\":\"note\",\"event\":\"Install\"}", "'text'" },
	{ "doing without a text", "{\"progress\":\"doing\",\"event\":\"Install\"}", "'text'" },
	{ "doing outside of events", "{\"progress\":\"doing\",\"text\":\"hm\"}", "'event'" },
	{ "negative work",
	  "{\"progress\":\"work\",\"event\":\"I\",\"files\":-1,\"files_total\":2,\"bytes\":3,\"bytes_total\":4}",
	  "'files'" },
	{ "started nowhere", "{\"progress\":\"started\"}", "'folder'" },
	{ "a result that is none", "{\"progress\":\"result\",\"deployment\":{}}", "" },
	{ "a result without a document", "{\"progress\":\"result\"}", "" },
};

static void what_no_worker_says_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct worker_message m;
		struct err err = ERR_INIT;

		print_message("  %s\n", refused[i].why);
		assert_int_equal(-1, worker_message_parse(refused[i].line, strlen(refused[i].line), &m, &err));
		assert_int_equal(ERR_STATE, err.kind);
		assert_non_null(strstr(err.msg, refused[i].message));
	}
}

static void a_recovery_is_asked_for_by_group(void **state)
{
	(void)state;
	json_t *json = worker_recover_request("/r", "g");
	const json_t *recover = json_object_get(json, "recover");

	assert_string_equal("/r", json_string_value(json_object_get(recover, "deployment_root")));
	assert_string_equal("g", json_string_value(json_object_get(recover, "group")));
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_gives_what_it_carries),
		cmocka_unit_test(a_result_and_a_recovery_carry_a_checked_document),
		cmocka_unit_test(a_result_that_is_no_end_is_refused),
		cmocka_unit_test(a_document_without_an_id_is_refused),
		cmocka_unit_test(what_no_worker_says_is_refused),
		cmocka_unit_test(a_recovery_is_asked_for_by_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
