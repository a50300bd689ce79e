#include "model/deployment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/auto.h"
#include "util/str.h"

static char **list(const char *a, const char *b)
{
	char **out = xcalloc(3, sizeof(*out));

	out[0] = xstrdup(a);
	out[1] = b ? xstrdup(b) : NULL;
	return out;
}

static struct deployment sample(void)
{
	struct deployment d = {
		.id = xstrdup("d-ABCDEFGH1-local"),
		.application = xstrdup("shop"),
		.group = xstrdup("web"),
		.group_name = xstrdup("Web \xc3\xa9"),
		.creator = xstrdup("user"),
		.type = xstrdup("IN_PLACE"),
		.requested_by_login = xstrdup("ci"),
		.requested_by_uid = 1000,
		.appspec_filename = xstrdup("app\xff.yml"),
		.plan_id = xstrdup("p-1"),
		.compatible = true,
		.events = list("DownloadBundle", "Install"),
		.revision = { REVISION_LOCAL_FILE, xstrdup("/srv/\xfe\xff\nshop.tgz"), xstrdup("tgz") },
	};

	settings_defaults(&d.settings, "/var/lib/x\x80/deployment-root");
	d.settings.outputs_left_open = OUTPUTS_FAIL;
	d.settings.file_exists_behavior = xstrdup("RETAIN");
	d.settings.runas_method = RUNAS_SU;
	d.settings.instance = xstrdup("web-17");
	d.settings.program_name = xstrdup("my-agent");
	return d;
}

/* Through text, as between processes. */
static json_t *through_text(json_t *json)
{
	AUTO_FREE char *text = json_dumps(json, JSON_COMPACT);
	json_error_t at;

	assert_non_null(text);
	assert_null(strchr(text, '\n'));
	json_decref(json);
	return json_loads(text, JSON_REJECT_DUPLICATES, &at);
}

static void a_request_arrives_byte_for_byte(void **state)
{
	AUTO(deployment_done) struct deployment d = sample();
	AUTO(deployment_done) struct deployment back = { 0 };
	struct err err = ERR_INIT;
	json_t *json = through_text(deployment_to_json(&d));

	(void)state;
	if (deployment_from_json(json, &back, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(d.id, back.id);
	assert_string_equal(d.group_name, back.group_name);
	assert_string_equal(d.revision.location, back.revision.location);
	assert_string_equal(d.appspec_filename, back.appspec_filename);
	assert_string_equal(d.plan_id, back.plan_id);
	assert_string_equal(d.settings.deployment_root, back.settings.deployment_root);
	assert_string_equal("RETAIN", back.settings.file_exists_behavior);
	assert_string_equal("my-agent", back.settings.program_name);
	assert_null(back.requested_by_text);
	assert_null(back.file_exists_behavior);
	assert_string_equal("Install", back.events[1]);
	assert_null(back.events[2]);
	assert_int_equal(REVISION_LOCAL_FILE, back.revision.type);
	assert_int_equal(1000, back.requested_by_uid);
	assert_int_equal(OUTPUTS_FAIL, back.settings.outputs_left_open);
	assert_int_equal(RUNAS_SU, back.settings.runas_method);
	assert_string_equal("web-17", back.settings.instance);
	assert_null(back.settings.region);
	assert_true(back.compatible && back.settings.worker_threads && back.settings.deployments_log);
	assert_int_equal(5, back.settings.max_revisions);
	assert_true(back.settings.max_unpacked_bytes == UINT64_C(20) << 30);
	json_decref(json);
}

static void a_trial_arrives_as_one(void **state)
{
	AUTO(deployment_done) struct deployment d = sample();
	AUTO(deployment_done) struct deployment back = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	free(d.settings.install_prefix);
	d.settings.install_prefix = xstrdup("/tmp/x");
	d.trial = true;
	d.fail_at = xstrdup("ApplicationStop");

	json_t *json = through_text(deployment_to_json(&d));

	if (deployment_from_json(json, &back, &err) < 0)
		fail_msg("%s", err.msg);
	json_decref(json);
	assert_true(back.trial);
	assert_string_equal("ApplicationStop", back.fail_at);
}

static const struct {
	const char *why;
	const char *section; /* NULL: the request itself */
	const char *key;
	const char *value; /* JSON; NULL: the key is taken away */
	const char *message;
} damages[] = {
	{ "another schema", NULL, "schema", "2", "request: 'schema' is not a whole number from 1 to 1" },
	{ "no schema", NULL, "schema", NULL, "request: 'schema' is not a whole number from 1 to 1" },
	{ "no id", NULL, "id", NULL, "request: 'id' is missing" },
	{ "an id that leads out", NULL, "id", "\"../x\"", "request: 'id' is not the name of a folder" },
	{ "a group that is a path", NULL, "group", "\"a/b\"", "request: 'group' is not the name of a folder" },
	{ "an empty group", NULL, "group", "\"\"", "request: 'group' is not the name of a folder" },
	{ "a group of the wrong type", NULL, "group", "7", "request: 'group' is not a string of at most 255 bytes" },
	{ "hexadecimal bytes that are none", NULL, "group", "{\"hex\":\"6z\"}",
	  "request: 'group' is not a string of at most 255 bytes" },
	{ "half a byte", NULL, "group", "{\"hex\":\"616\"}", "request: 'group' is not a string of at most 255 bytes" },
	{ "a NUL in disguise", NULL, "group", "{\"hex\":\"610061\"}",
	  "request: 'group' is not a string of at most 255 bytes" },
	{ "an unknown key", NULL, "sudo", "true", "request: has a key that this version does not know" },
	{ "a negative uid", NULL, "requested_by_uid", "-1",
	  "request: 'requested_by_uid' is not a whole number from 0 to 4294967295" },
	{ "a number for a switch", NULL, "compatible", "1", "request: 'compatible' is not true or false" },
	{ "events that are no list", NULL, "events", "\"Install\"",
	  "request: 'events' is not a list of at most 200 strings" },
	{ "an event that is no string", NULL, "events", "[1]", "request: 'events' is not a list of strings" },
	{ "a trial of the host itself", NULL, "trial", "true", "request: 'trial' needs an 'install_prefix'" },
	{ "a trial in words", NULL, "trial", "\"yes\"", "request: 'trial' is not true or false" },
	{ "a failure on purpose of a real deployment", NULL, "fail_at", "\"Install\"",
	  "request: 'fail_at' is for a trial" },
	{ "no revision", NULL, "revision", NULL, "revision of the request: not a JSON object" },
	{ "a relative location", "revision", "location", "\"x\"",
	  "revision of the request: 'location' is not an absolute path" },
	{ "an unknown source", "revision", "type", "\"S3\"",
	  "revision of the request: 'type' is not one of the names this version knows" },
	{ "no source", "revision", "type", NULL, "revision of the request: 'type' is missing" },
	{ "a program's name that is a path", "settings", "program_name", "\"a/b\"",
	  "settings of the request: 'program_name' is not the name of a folder" },
	{ "a relative root", "settings", "deployment_root", "\"\"",
	  "settings of the request: 'deployment_root' is not an absolute path" },
	{ "a relative prefix", "settings", "install_prefix", "\"x\"",
	  "settings of the request: 'install_prefix' is not an absolute path" },
	{ "keep no revision at all", "settings", "max_revisions", "0",
	  "settings of the request: 'max_revisions' is not a whole number from 1 to 4294967295" },
	{ "a fraction", "settings", "max_entries", "1.5",
	  "settings of the request: 'max_entries' is not a whole number from 1 to 9223372036854775807" },
	{ "an unknown policy", "settings", "outputs_left_open", "\"shrug\"",
	  "settings of the request: 'outputs_left_open' is not one of the names this version knows" },
	{ "an unknown way to change users", "settings", "runas_method", "\"sudo\"",
	  "settings of the request: 'runas_method' is not one of the names this version knows" },
	{ "an unknown setting", "settings", "speed", "11",
	  "settings of the request: has a key that this version does not know" },
};

static void a_damaged_request_is_refused_with_the_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
		AUTO(deployment_done) struct deployment d = sample();
		struct deployment back = { 0 };
		struct err err = ERR_INIT;
		json_t *json = deployment_to_json(&d);
		json_t *in = damages[i].section ? json_object_get(json, damages[i].section) : json;

		print_message("  %s\n", damages[i].why);
		if (damages[i].value)
			json_object_set_new(in, damages[i].key, json_loads(damages[i].value, JSON_DECODE_ANY, NULL));
		else
			json_object_del(in, damages[i].key);
		assert_int_equal(-1, deployment_from_json(json, &back, &err));
		assert_int_equal(ERR_STATE, err.kind);
		assert_string_equal(damages[i].message, err.msg);
		assert_null(back.id);
		json_decref(json);
	}
}

static struct deployment_result sample_result(void)
{
	struct deployment_result r = {
		.status = DEPLOYMENT_FAILED,
		.created_at_ms = 1795378260000,
		.started_at_ms = 1795378260123,
		.finished_at_ms = 1795378261007,
		.revision_digest = xstrdup("sha256:00"),
		.files = { 9, 1, 2, 3, 4, 5, 1048576 },
		.events = xcalloc(3, sizeof(*r.events)),
		.event_count = 3,
		.kind = ERR_SCRIPT_FAILED,
		.error_event = xstrdup("ValidateService"),
		.error_message = xstrdup("two\nlines, \033[31mred\033[0m"),
		.restore = { true, true, true, false },
		.now = xstrdup("revision x is back"),
		.conflicts = list("/srv/\xff\n", NULL),
		.warnings = list("one", "two"),
		.needs_recovery = true,
	};

	r.events[0] = (struct event_result){ .event = xstrdup("Install"),
					     .status = EVENT_SUCCEEDED,
					     .started_at_ms = 1795378260500,
					     .duration_ms = 17,
					     .exit_code = -1 };
	r.events[1] = (struct event_result){ .event = xstrdup("ValidateService"),
					     .status = EVENT_FAILED,
					     .kind = ERR_SCRIPT_FAILED,
					     .script = xstrdup("check.sh"),
					     .exit_code = 3,
					     .message = xstrdup("exit code 3"),
					     .log_tail = xstrdup("a\n\033[2Jb\n") };
	r.events[2] = (struct event_result){ .event = xstrdup("AllowTraffic"),
					     .status = EVENT_PENDING,
					     .exit_code = -1 };
	return r;
}

static void a_result_keeps_what_it_says_and_loses_escapes(void **state)
{
	AUTO(deployment_done) struct deployment d = sample();
	AUTO(deployment_result_done) struct deployment_result r = sample_result();
	AUTO(deployment_result_done) struct deployment_result back = { 0 };
	struct err err = ERR_INIT;
	json_t *json = through_text(deployment_result_to_json(&d, &r));

	(void)state;
	if (deployment_result_from_json(json, &back, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(DEPLOYMENT_FAILED, back.status);
	assert_int_equal(r.created_at_ms, back.created_at_ms);
	assert_int_equal(r.started_at_ms, back.started_at_ms);
	assert_int_equal(r.finished_at_ms, back.finished_at_ms);
	assert_string_equal("sha256:00", back.revision_digest);
	assert_memory_equal(&r.files, &back.files, sizeof(r.files));
	assert_int_equal(3, back.event_count);
	assert_int_equal(17, back.events[0].duration_ms);
	assert_int_equal(ERR_NONE, back.events[0].kind);
	assert_int_equal(-1, back.events[0].exit_code);
	assert_int_equal(3, back.events[1].exit_code);
	assert_int_equal(ERR_SCRIPT_FAILED, back.events[1].kind);
	assert_string_equal("a\nb\n", back.events[1].log_tail);
	assert_int_equal(0, back.events[2].started_at_ms);
	assert_int_equal(ERR_SCRIPT_FAILED, back.kind);
	assert_string_equal("two\nlines, red", back.error_message);
	assert_string_equal("/srv/\\xff\\x0a", back.conflicts[0]);
	assert_string_equal("two", back.warnings[1]);
	assert_true(back.needs_recovery && back.restore.tried && back.restore.started && !back.restore.validated);
	json_decref(json);
}

static void a_refusal_keeps_its_kind_or_is_busy(void **state)
{
	static const struct {
		enum err_kind kind, back;
		bool refused;
	} kinds[] = {
		{ ERR_BUSY, ERR_BUSY, true },
		{ ERR_NEEDS_RECOVERY, ERR_BUSY, true },
		{ ERR_PLAN_CHANGED, ERR_PLAN_CHANGED, true },
		{ ERR_DIGEST, ERR_DIGEST, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		AUTO(deployment_done) struct deployment d = sample();
		AUTO(deployment_result_done) struct deployment_result r = sample_result();
		AUTO(deployment_result_done) struct deployment_result back = { 0 };
		struct err err = ERR_INIT;

		r.kind = kinds[i].kind;

		json_t *json = through_text(deployment_result_to_json(&d, &r));

		assert_int_equal(kinds[i].refused,
				 json_is_true(json_object_get(json_object_get(json, "error"), "refused")));
		assert_int_equal(0, deployment_result_from_json(json, &back, &err));
		assert_int_equal(kinds[i].back, back.kind);
		json_decref(json);
	}
}

static const struct {
	const char *why;
	const char *json; /* merged over the sample */
	const char *message;
} bad_results[] = {
	{ "an unknown status", "{\"status\":\"Fine\"}", "result: 'status' is not one of the names this version knows" },
	{ "no status", "{\"status\":null}", "result: 'status' is missing" },
	{ "a time that is none", "{\"started_at\":\"yesterday\"}", "result: 'started_at' is not a time in UTC" },
	{ "a time elsewhere", "{\"started_at\":\"2026-11-22T20:11:00+01:00\"}",
	  "result: 'started_at' is not a time in UTC" },
	{ "a time with a tail", "{\"started_at\":\"2026-11-22T20:11:00.123Zx\"}",
	  "result: 'started_at' is not a time in UTC" },
	{ "counts that are missing", "{\"files\":{}}",
	  "files of the result: 'planned' is not a whole number from 0 to 9223372036854775807" },
	{ "no events", "{\"events\":null}", "result: 'events' is not a list of at most 200" },
	{ "an event without a name", "{\"events\":[{}]}", "event of the result: 'event' is missing" },
	{ "an exit code below 0",
	  "{\"events\":[{\"event\":\"x\",\"status\":\"Failed\",\"duration_ms\":0,\"exit_code\":-9}]}",
	  "event of the result: 'exit_code' is not a whole number from 0 to 2147483647" },
	{ "an error that is text", "{\"error\":\"no\"}", "error of the result: not a JSON object" },
};

static void a_result_is_checked_like_a_strangers(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad_results); i++) {
		AUTO(deployment_done) struct deployment d = sample();
		AUTO(deployment_result_done) struct deployment_result r = sample_result();
		struct deployment_result back = { 0 };
		struct err err = ERR_INIT;
		json_t *json = deployment_result_to_json(&d, &r);
		json_t *change = json_loads(bad_results[i].json, 0, NULL);

		print_message("  %s\n", bad_results[i].why);
		json_object_update(json, change);
		assert_int_equal(-1, deployment_result_from_json(json, &back, &err));
		assert_string_equal(bad_results[i].message, err.msg);
		json_decref(change);
		json_decref(json);
	}
}

static void a_refusal_for_being_busy_survives_the_round_trip(void **state)
{
	AUTO(deployment_done) struct deployment d = sample();
	AUTO(deployment_result_done) struct deployment_result r = sample_result();
	AUTO(deployment_result_done) struct deployment_result back = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	r.kind = ERR_BUSY;

	json_t *json = deployment_result_to_json(&d, &r);

	assert_int_equal(0, deployment_result_from_json(json, &back, &err));
	assert_int_equal(ERR_BUSY, back.kind);
	json_decref(json);
}

static void ids_have_the_shape_of_the_reference_and_differ(void **state)
{
	AUTO_FREE char *a = deployment_id_new("-local");
	AUTO_FREE char *b = deployment_id_new("");

	(void)state;
	assert_int_equal(17, strlen(a));
	assert_int_equal(11, strlen(b));
	assert_int_equal(9, strspn(a + 2, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"));
	assert_true(str_starts(a, "d-") && str_ends(a, "-local"));
	assert_memory_not_equal(a, b, 11);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_arrives_byte_for_byte),
		cmocka_unit_test(a_trial_arrives_as_one),
		cmocka_unit_test(a_damaged_request_is_refused_with_the_place),
		cmocka_unit_test(a_result_keeps_what_it_says_and_loses_escapes),
		cmocka_unit_test(a_refusal_keeps_its_kind_or_is_busy),
		cmocka_unit_test(a_result_is_checked_like_a_strangers),
		cmocka_unit_test(a_refusal_for_being_busy_survives_the_round_trip),
		cmocka_unit_test(ids_have_the_shape_of_the_reference_and_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
