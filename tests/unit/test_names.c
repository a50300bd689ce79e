#include "model/names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/auto.h"

#define HALF   "0123456789ab"
#define DIGITS "0123456789abcdefABCDEF0123456789abcdefABCDEF0123456789abcdefABCD"

static const struct {
	const char *why, *text;
	bool group, variable, digest, plan;
} cases[] = {
	{ "a plain word", "web", true, true, false, false },
	{ "nothing", "", false, false, false, false },
	{ "with an underscore", "_a_1", true, true, false, false },
	{ "beginning with a digit", "1a", true, false, false, false },
	{ "bytes that are no text", "a\xff", true, false, false, false },
	{ "with a blank", "a b", true, false, false, false },
	{ "with a dash", "a-b", true, false, false, false },
	{ "a path", "a/b", false, false, false, false },
	{ "this folder", ".", false, false, false, false },
	{ "the one above", "..", false, false, false, false },
	{ "a hidden one", ".a", true, false, false, false },
	{ "a folder of the agent", "deployment-instructions", false, false, false, false },
	{ "a digest", "sha256:" DIGITS, true, false, true, false },
	{ "a digest and more", "sha256:" DIGITS "0", true, false, false, false },
	{ "a short digest", "sha256:0123", true, false, false, false },
	{ "a digest without its kind", DIGITS, true, false, false, false },
	{ "a digest that is none", "sha256:g" DIGITS, true, false, false, false },
	{ "the id of a plan", "p-" HALF "-" HALF, true, false, false, true },
	{ "the id of a plan and more", "p-" HALF "-" HALF "0", true, false, false, false },
	{ "half the id of a plan", "p-" HALF, true, false, false, false },
	{ "an id with halves of other lengths", "p-0" HALF "-0123456789a", true, false, false, false },
	{ "an id without its letter", HALF "-" HALF, true, false, false, false },
	{ "an id in capitals", "p-" HALF "-0123456789AB", true, false, false, false },
};

static void names_are_told_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("  %s\n", cases[i].why);
		assert_int_equal(cases[i].group, name_is_group(cases[i].text));
		assert_int_equal(cases[i].variable, name_is_variable(cases[i].text, strlen(cases[i].text)));
		assert_int_equal(cases[i].digest, name_is_digest(cases[i].text));
		assert_int_equal(cases[i].plan, name_is_plan_id(cases[i].text));
	}
}

static void a_group_has_a_limit(void **state)
{
	char name[NAME_MAX_GROUP + 2];

	(void)state;
	memset(name, 'a', sizeof(name));
	name[NAME_MAX_GROUP] = '\0';
	assert_true(name_is_group(name));
	name[NAME_MAX_GROUP] = 'a';
	name[NAME_MAX_GROUP + 1] = '\0';
	assert_false(name_is_group(name));
}

static void a_variable_ends_where_it_is_said_to(void **state)
{
	(void)state;
	assert_true(name_is_variable("AB=1", 2));
	assert_false(name_is_variable("AB=1", 3));
	assert_false(name_is_variable("=1", 0));
}

static void what_tells_hooks_whose_they_are_is_reserved(void **state)
{
	static const struct {
		const char *name;
		bool reserved;
	} names[] = {
		{ "LIFECYCLE_EVENT", true },
		{ "DEPLOYMENT_ID", true },
		{ "APPLICATION_NAME", true },
		{ "DEPLOYMENT_GROUP_NAME", true },
		{ "SLIPWAY_RESTORE", true },
		{ "SLIPWAY_", true },
		{ "DEPLOYMENT_IDS", false },
		{ "DEPLOYMENT", false },
		{ "SLIPWAY", false },
		{ "slipway_restore", false },
		{ "", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		print_message("  '%s'\n", names[i].name);
		assert_int_equal(names[i].reserved, name_is_reserved(names[i].name, strlen(names[i].name)));
	}
	assert_true(name_is_reserved("DEPLOYMENT_ID=d-1", strlen("DEPLOYMENT_ID")));
	assert_false(name_is_reserved("PORT=SLIPWAY_", strlen("PORT")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_told_apart),
		cmocka_unit_test(a_group_has_a_limit),
		cmocka_unit_test(what_tells_hooks_whose_they_are_is_reserved),
		cmocka_unit_test(a_variable_ends_where_it_is_said_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
