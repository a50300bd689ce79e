#include "util/nearest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "util/auto.h"

static const char *const names[] = { "local", "lint", "init", "max_revisions" };

static const struct {
	const char *why, *word, *want; /* NULL: nothing is near */
} cases[] = {
	{ "a letter missing", "loca", "local" },
	{ "a letter too many", "locall", "local" },
	{ "another letter", "lokal", "local" },
	{ "neighbours swapped", "lcoal", "local" },
	{ "capitals", "LOCAL", "local" },
	{ "two slips in a longer word", "max_revsion", "max_revisions" },
	{ "something else", "deploy", NULL },
	{ "nothing", "", NULL },
	{ "very long", "locallocallocallocallocallocallocallocallocal", NULL },
	{ "the name itself is no slip", "local", NULL },
};

static void a_slip_of_the_keyboard_finds_its_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *found = nearest_name(cases[i].word, names, ARRAY_LEN(names));

		print_message("  %s\n", cases[i].why);
		if (cases[i].want)
			assert_string_equal(cases[i].want, found);
		else
			assert_null(found);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_slip_of_the_keyboard_finds_its_name) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
