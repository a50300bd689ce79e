#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "script/script_internal.h"
#include "util/auto.h"

static const struct {
	const char *why, *message, *advice;
} cases[] = {
	{ "io", "s.lua:1: attempt to index a nil value (global 'io')", "there is no io: slipway.fs" },
	{ "os.execute", "s.lua:1: attempt to call a nil value (field 'execute')", "slipway.run{" },
	{ "os.exit", "s.lua:1: attempt to call a nil value (field 'exit')", "slipway.fail(\"why\")" },
	{ "!= of other languages", "s.lua:1: 'then' expected near '!'", "unequal is ~=" },
	{ "$NAME of the shell", "s.lua:1: unexpected symbol near '$'", "slipway.env.NAME" },
	{ "null of JSON", "s.lua:1: attempt to index a userdata value (field 'db')", "slipway.json.null" },
	{ "a part of the library", "s.lua:1: attempt to index a nil value (field 'htpp')",
	  "did you mean slipway.http?" },
	{ "a function in C", "s.lua:1: attempt to call a nil value (field 'gett')", "did you mean slipway.http.get?" },
	{ "a function in Lua", "s.lua:1: attempt to call a nil value (field 'waitfor')",
	  "did you mean slipway.wait_for?" },
	{ "none that is internal", "s.lua:1: attempt to call a nil value (field 'optons')", "" },
	{ "only functions are called", "s.lua:1: attempt to index a nil value (field 'gett')", "" },
	{ "a variable that nobody has set", "s.lua:1: attempt to concatenate a nil value (field 'PORT_2')",
	  "is PORT_2 meant to come from the environment?" },
	{ "a field like any other", "s.lua:1: attempt to index a nil value (field 'state')", "" },
	{ "a field without a name", "s.lua:1: attempt to index a nil value (field '?')", "" },
	{ "a field with a very long name",
	  "nil value (field 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA')", "" },
	{ "a name that does not end", "nil value (field 'PORT", "" },
	{ "something else", "s.lua:1: the database is down", "" },
};

static void a_common_mistake_is_told_its_cure(void **state)
{
	char advice[512];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("  %s\n", cases[i].why);
		script_hint(cases[i].message, advice, sizeof(advice));
		if (*cases[i].advice)
			assert_non_null(strstr(advice, cases[i].advice));
		else
			assert_string_equal("", advice);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_common_mistake_is_told_its_cure) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
