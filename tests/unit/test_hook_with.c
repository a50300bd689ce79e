/* {{NAME}} in the arguments of a ready-made hook. */
#include "lifecycle/hook_with.h"
#include "util/auto.h"
#include "util/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static char *large;

static const char *look_up(const char *name)
{
	static const struct {
		const char *name, *value;
	} all[] = {
		{ "HOST", "shop" }, { "PORT", "8080" }, { "EMPTY", "" }, { "ODD", "a\"{{HOST}}" }, { "RAW", "\xff" }
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (!strcmp(all[i].name, name))
			return all[i].value;
	return strcmp(name, "LARGE") != 0 ? NULL : large;
}

static const struct {
	const char *why, *text, *want;
} filled[] = {
	{ "nothing to fill in", "{\"a\":\"b\"}", "{\"a\":\"b\"}" },
	{ "one variable", "{\"a\":\"{{PORT}}\"}", "{\"a\":\"8080\"}" },
	{ "two, with text around", "{\"a\":\"http://{{HOST}}:{{PORT}}/x\"}", "{\"a\":\"http://shop:8080/x\"}" },
	{ "in lists and mappings, at any depth", "{\"a\":[\"{{HOST}}\",{\"b\":[\"{{PORT}}\",7,null]}]}",
	  "{\"a\":[\"shop\",{\"b\":[\"8080\",7,null]}]}" },
	{ "an empty one", "{\"a\":\"<{{EMPTY}}>\"}", "{\"a\":\"<>\"}" },
	{ "what a value holds stays", "{\"a\":\"{{ODD}}\"}", "{\"a\":\"a\\\"{{HOST}}\"}" },
	{ "keys stay", "{\"{{HOST}}\":\"a\"}", "{\"{{HOST}}\":\"a\"}" },
	{ "what is no name stays", "{\"a\":\"{{ HOST }} {{}} {{1A}} {{HOST} {{HOST\"}",
	  "{\"a\":\"{{ HOST }} {{}} {{1A}} {{HOST} {{HOST\"}" },
	{ "braces before a name", "{\"a\":\"{{{{HOST}}}}\"}", "{\"a\":\"{{shop}}\"}" },
};

static void variables_are_put_in_their_places(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(filled); i++) {
		AUTO_FREE char *out = NULL;
		struct err err = ERR_INIT;

		print_message("  %s\n", filled[i].why);
		if (hook_with_fill(filled[i].text, look_up, &out, &err) < 0)
			fail_msg("%s", err.msg);
		assert_string_equal(out, filled[i].want);
	}
}

static const struct {
	const char *why, *text, *want;
	enum err_kind kind;
} refused[] = {
	{ "a variable that is not there", "{\"a\":\"{{NONE}}\"}",
	  "there is no variable 'NONE', which {{NONE}} stands for", ERR_SCRIPT_FAILED },
	{ "a value that is no UTF-8", "{\"a\":\"{{RAW}}\"}", "a variable in '{{RAW}}' is not UTF-8",
	  ERR_SCRIPT_FAILED },
	{ "a text that becomes too long", "{\"a\":\"{{LARGE}}{{LARGE}}\"}", "a text becomes longer than",
	  ERR_SCRIPT_FAILED },
	{ "no JSON", "{", "no arguments: '{'", ERR_STATE },
	{ "a list", "[]", "no arguments: '[]'", ERR_STATE },
};

static void what_cannot_be_filled_in_is_told(void **state)
{
	(void)state;
	large = xcalloc(600 * 1024 + 1, 1);
	memset(large, 'x', 600 * 1024);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		char *out = NULL;
		struct err err = ERR_INIT;

		print_message("  %s\n", refused[i].why);
		assert_int_equal(hook_with_fill(refused[i].text, look_up, &out, &err), -1);
		assert_int_equal(err.kind, refused[i].kind);
		assert_null(out);
		if (!strstr(err.msg, refused[i].want))
			fail_msg("%s", err.msg);
	}
	free(large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(variables_are_put_in_their_places),
		cmocka_unit_test(what_cannot_be_filled_in_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
