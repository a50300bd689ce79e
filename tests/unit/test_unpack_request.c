/* What a worker and its client say about an unpacking: there and back, and what is refused on the way. */
#include "util/auto.h"
#include "util/str.h"
#include "worker/unpack_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_request_comes_back_as_it_was(void **state)
{
	(void)state;
	struct unpack_request back, r = { .location = "/a/odd\xff.tgz", .folder = "/tmp/x", .max_entries = 3 };
	struct err err = ERR_INIT;
	json_t *json = unpack_request_to_json(&r);

	assert_int_equal(unpack_request_from_json(json, &back, &err), 0);
	assert_string_equal(back.location, r.location);
	assert_string_equal(back.folder, r.folder);
	assert_int_equal(back.max_entries, 3);
	unpack_request_done(&back);
	json_decref(json);
}

static void an_answer_comes_back_as_it_was(void **state)
{
	(void)state;
	struct unpack_answer back, a = { .kind = ERR_BUNDLE, .message = "bad", .warnings = (char *[]){ "odd", NULL } };
	struct err err = ERR_INIT;
	json_t *json = unpack_answer_to_json(&a);

	assert_int_equal(unpack_answer_from_json(json, &back, &err), 0);
	assert_int_equal(back.kind, ERR_BUNDLE);
	assert_string_equal(back.message, "bad");
	assert_string_equal(back.warnings[0], "odd");
	assert_null(back.warnings[1]);
	unpack_answer_done(&back);
	json_decref(json);
}

#define LIMITS "\"max_entries\":1,\"max_bytes\":1,\"max_ratio\":1"

static const struct {
	const char *why, *json, *message;
} requests[] = {
	{ "a newer schema", "{\"schema\":2,\"unpack\":{}}", "'schema'" },
	{ "no object", "{\"schema\":1,\"unpack\":3}", "unpack" },
	{ "no location", "{\"schema\":1,\"unpack\":{\"folder\":\"/x\"," LIMITS "}}", "'location'" },
	{ "a relative folder", "{\"schema\":1,\"unpack\":{\"location\":\"/a\",\"folder\":\"x\"," LIMITS "}}",
	  "absolute" },
	{ "an unknown key", "{\"schema\":1,\"unpack\":{\"location\":\"/a\",\"folder\":\"/x\",\"y\":1," LIMITS "}}",
	  "unpack" },
	{ "a deployment's key beside it", "{\"schema\":1,\"id\":\"d-1\",\"unpack\":{}}", "request" },
	{ "a limit that is text",
	  "{\"schema\":1,\"unpack\":{\"location\":\"/a\",\"folder\":\"/x\",\"max_entries\":\"1\"}}", "'max_entries'" },
};

static void what_is_no_request_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		struct unpack_request r;
		struct err err = ERR_INIT;
		json_t *json = json_loads(requests[i].json, 0, NULL);

		print_message("  %s\n", requests[i].why);
		assert_non_null(json);
		assert_int_equal(unpack_request_from_json(json, &r, &err), -1);
		assert_int_equal(err.kind, ERR_STATE);
		assert_non_null(strstr(err.msg, requests[i].message));
		json_decref(json);
	}
}

static void an_answer_that_is_half_an_error_is_refused(void **state)
{
	(void)state;
	static const char *const answers[] = { "{\"error_code\":\"BundleInvalid\"}", "{\"message\":\"bad\"}",
					       "{\"warnings\":[3]}", "[]" };

	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		struct unpack_answer a;
		struct err err = ERR_INIT;
		json_t *json = json_loads(answers[i], 0, NULL);

		assert_int_equal(unpack_answer_from_json(json, &a, &err), -1);
		assert_int_equal(err.kind, ERR_STATE);
		json_decref(json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_comes_back_as_it_was),
		cmocka_unit_test(an_answer_comes_back_as_it_was),
		cmocka_unit_test(what_is_no_request_is_refused),
		cmocka_unit_test(an_answer_that_is_half_an_error_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
