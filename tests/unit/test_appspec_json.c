/* An appspec and its findings as JSON: every key, defaults filled in, and what is not there as null. */
#include "appspec/appspec_json.h"
#include "util/auto.h"
#include "util/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HEAD "version: 0.0\nos: linux\n"

static const struct {
	const char *why, *text, *part, *want; /* PART: the key that is compared; NULL: all of it */
} cases[] = {
	{ "almost nothing", HEAD, NULL,
	  "{\"version\":0.0,\"os\":\"linux\",\"files\":[],\"hooks\":{},\"permissions\":[],"
	  "\"file_exists_behavior\":null}" },
	{ "a behavior", HEAD "file_exists_behavior: RETAIN\n", "file_exists_behavior", "\"RETAIN\"" },
	{ "files as written", HEAD "files: [{source: a, destination: /b/../c}]\n", "files",
	  "[{\"source\":\"a\",\"destination\":\"/b/../c\"}]" },
	{ "hooks with their defaults", HEAD "hooks: {A: [{location: a}], B: [], C: }\n", "hooks",
	  "{\"A\":[{\"location\":\"a\",\"timeout\":3600,\"runas\":null,\"sudo\":false}],\"B\":[]}" },
	{ "permissions with their defaults", HEAD "permissions: [{object: /a, owner: o}]\n", "permissions",
	  "[{\"object\":\"/a\",\"pattern\":\"**\",\"except\":[],\"type\":[\"file\",\"directory\"],\"owner\":\"o\","
	  "\"group\":null,\"mode\":null,\"acls\":null,\"context\":null}]" },
	{ "permissions in full",
	  HEAD "permissions: [{object: /a, pattern: 'x*', except: [xa, xb], type: [directory], group: g, mode: 7,"
	       " acls: ['bob:r', 'm:7'], context: {type: t, name: u, range: s0}}]\n",
	  "permissions",
	  "[{\"object\":\"/a\",\"pattern\":\"x*\",\"except\":[\"xa\",\"xb\"],\"type\":[\"directory\"],\"owner\":null,"
	  "\"group\":\"g\",\"mode\":\"007\",\"acls\":[\"user:bob:r--\",\"mask::rwx\"],"
	  "\"context\":{\"user\":\"u\",\"role\":null,\"type\":\"t\",\"range\":\"s0\"}}]" },
	{ "acls that are given and empty", HEAD "permissions: [{object: /a, type: [file], mode: 644, acls: []}]\n",
	  "permissions",
	  "[{\"object\":\"/a\",\"pattern\":\"**\",\"except\":[],\"type\":[\"file\"],\"owner\":null,\"group\":null,"
	  "\"mode\":\"644\",\"acls\":[],\"context\":null}]" },
	{ "our own key", HEAD "slipway:\n", "slipway", NULL },
	{ "our own key in full",
	  HEAD "hooks: {A: [{location: a}]}\n"
	       "slipway: {requires: 0.1, overwrite: [{path: /a, behavior: RETAIN}], env: {B: c=d},"
	       " hooks: {A: [{location: own, runas: bob}], D: [{location: d, sudo: true, timeout: 5}], E: []}}\n",
	  "slipway",
	  "{\"requires\":\"0.1\",\"overwrite\":[{\"path\":\"/a\",\"behavior\":\"RETAIN\",\"policy\":null}],"
	  "\"hooks\":{\"A\":[{\"location\":\"own\",\"timeout\":3600,\"runas\":\"bob\",\"sudo\":false}],"
	  "\"D\":[{\"location\":\"d\",\"timeout\":5,\"runas\":null,\"sudo\":true}]},\"env\":{\"B\":\"c=d\"}}" },
};

static struct appspec *parse(const char *text, struct findings *f)
{
	struct appspec *a = NULL;
	struct err err = ERR_INIT;

	if (appspec_parse(text, strlen(text), &a, f, &err) < 0)
		fail_msg("%s", err.msg);
	return a;
}

static void an_appspec_shows_with_its_defaults(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct findings f = { 0 };
		struct appspec *a = parse(cases[i].text, &f);
		json_t *json = appspec_to_json(a);
		const json_t *part = cases[i].part ? json_object_get(json, cases[i].part) : json;
		AUTO_FREE char *text = part ? json_dumps(part, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

		print_message("  %s\n", cases[i].why);
		if (cases[i].want)
			assert_string_equal(cases[i].want, text);
		else
			assert_null(text);
		json_decref(json);
		appspec_free(a);
		findings_done(&f);
	}
}

/* YAML is UTF-8, but what others put into an appspec (an event of the daemon's) may be any bytes. */
static void bytes_that_are_no_text_show_as_their_numbers(void **state)
{
	struct appspec_file file = { .source = "a\xff", .destination = "/b" };
	struct appspec a = { .os = "linux", .files = &file, .file_count = 1 };
	json_t *json = appspec_to_json(&a);
	AUTO_FREE char *text = json_dumps(json_object_get(json, "files"), JSON_COMPACT);

	(void)state;
	assert_string_equal("[{\"source\":\"a\\\\xff\",\"destination\":\"/b\"}]", text);
	json_decref(json);
}

static void findings_are_sorted_into_errors_and_warnings(void **state)
{
	struct findings f = { 0 };

	(void)state;
	findings_add(&f, FINDING_WARNING, (struct appspec_place){ 3, 4 }, "odd");
	findings_add(&f, FINDING_ERROR, (struct appspec_place){ 0, 0 }, "wrong");

	json_t *json = appspec_lint_to_json(false, NULL, &f);
	AUTO_FREE char *text = json_dumps(json, JSON_COMPACT);

	assert_string_equal("{\"ok\":false,\"errors\":[{\"line\":0,\"column\":0,\"message\":\"wrong\"}],"
			    "\"warnings\":[{\"line\":3,\"column\":4,\"message\":\"odd\"}],\"appspec\":null}",
			    text);
	json_decref(json);
	findings_done(&f);
}

static void a_good_appspec_comes_along(void **state)
{
	struct findings f = { 0 };
	struct appspec *a = parse(HEAD, &f);
	json_t *json = appspec_lint_to_json(true, a, &f);

	(void)state;
	assert_true(json_is_true(json_object_get(json, "ok")));
	assert_true(json_is_object(json_object_get(json, "appspec")));
	json_decref(json);
	appspec_free(a);
	findings_done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_appspec_shows_with_its_defaults),
		cmocka_unit_test(bytes_that_are_no_text_show_as_their_numbers),
		cmocka_unit_test(findings_are_sorted_into_errors_and_warnings),
		cmocka_unit_test(a_good_appspec_comes_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
