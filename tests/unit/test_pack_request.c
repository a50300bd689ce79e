/* What a worker and its client say about a packing: there and back, and what is refused on the way. */
#include "util/auto.h"
#include "util/str.h"
#include "worker/pack_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_request_comes_back_as_it_was(void **state)
{
	(void)state;
	struct pack_request back,
		r = { .folder = "/a/odd\xff", .output = "/b.zip", .type = PACK_ZIP, .latest_s = INT64_MAX };
	struct err err = ERR_INIT;
	json_t *json = pack_request_to_json(&r);

	assert_int_equal(pack_request_from_json(json, &back, &err), 0);
	assert_string_equal(back.folder, r.folder);
	assert_string_equal(back.output, r.output);
	assert_int_equal(back.type, PACK_ZIP);
	assert_true(back.latest_s == INT64_MAX);
	pack_request_done(&back);
	json_decref(json);
}

static void an_answer_comes_back_as_it_was(void **state)
{
	static char *warnings[] = { "odd", NULL };
	static const struct pack_answer answers[] = {
		{ .kind = ERR_BUNDLE, .message = "bad" },
		{ .digest = "aa", .entries = 3, .files = 2, .bytes = 5, .size = 7, .warnings = warnings },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		const struct pack_answer *a = &answers[i];
		struct pack_answer back;
		struct err err = ERR_INIT;
		json_t *json = pack_answer_to_json(a);

		assert_int_equal(pack_answer_from_json(json, &back, &err), 0);
		assert_int_equal(back.kind, a->kind);
		assert_string_equal(back.message ? back.message : "", a->message ? a->message : "");
		assert_string_equal(back.digest ? back.digest : "", a->digest ? a->digest : "");
		assert_int_equal(back.entries, a->entries);
		assert_int_equal(back.files, a->files);
		assert_int_equal(back.bytes, a->bytes);
		assert_int_equal(back.size, a->size);
		assert_string_equal(a->warnings ? back.warnings[0] : "", a->warnings ? "odd" : "");
		pack_answer_done(&back);
		json_decref(json);
	}
}

#define REST "\"output\":\"/x\",\"type\":\"tgz\",\"latest_s\":1"

static const struct {
	const char *why, *json, *message;
} requests[] = {
	{ "a newer schema", "{\"schema\":2,\"pack\":{}}", "'schema'" },
	{ "no object", "{\"schema\":1,\"pack\":3}", "pack" },
	{ "no folder", "{\"schema\":1,\"pack\":{" REST "}}", "'folder'" },
	{ "a relative folder", "{\"schema\":1,\"pack\":{\"folder\":\"a\"," REST "}}", "absolute" },
	{ "no type", "{\"schema\":1,\"pack\":{\"folder\":\"/a\",\"output\":\"/x\",\"latest_s\":1}}", "'type'" },
	{ "a type that is none",
	  "{\"schema\":1,\"pack\":{\"folder\":\"/a\",\"output\":\"/x\",\"type\":\"rar\",\"latest_s\":1}}", "'type'" },
	{ "an unknown key", "{\"schema\":1,\"pack\":{\"folder\":\"/a\",\"y\":1," REST "}}", "pack" },
};

static void a_request_that_is_none_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		json_t *json = json_loads(requests[i].json, 0, NULL);
		struct pack_request r = { 0 };
		struct err err = ERR_INIT;

		print_message("  %s\n", requests[i].why);
		assert_int_equal(pack_request_from_json(json, &r, &err), -1);
		assert_int_equal(err.kind, ERR_STATE);
		assert_non_null(strstr(err.msg, requests[i].message));
		json_decref(json);
	}
}

static void an_answer_that_contradicts_itself_is_refused(void **state)
{
	static const char numbers[] = "\"entries\":1,\"files\":1,\"bytes\":1,\"size\":1";
	static const char *const cases[] = {
		"\"digest\":null",
		"\"error_code\":\"BundleInvalid\"",
		"\"message\":\"bad\"",
		"\"digest\":\"aa\",\"error_code\":\"BundleInvalid\",\"message\":\"bad\"",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_FREE char *text = xasprintf("{%s,%s}", numbers, cases[i]);
		json_t *json = json_loads(text, 0, NULL);
		struct pack_answer a;
		struct err err = ERR_INIT;

		assert_int_equal(pack_answer_from_json(json, &a, &err), -1);
		assert_int_equal(err.kind, ERR_STATE);
		json_decref(json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_comes_back_as_it_was),
		cmocka_unit_test(an_answer_comes_back_as_it_was),
		cmocka_unit_test(a_request_that_is_none_is_refused),
		cmocka_unit_test(an_answer_that_contradicts_itself_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
