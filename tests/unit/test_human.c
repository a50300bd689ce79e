#include "cli/human.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/auto.h"

static void durations_have_two_units_at_most(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {
		{ -1, "-" },
		{ 0, "0.00 s" },
		{ 210, "0.21 s" },
		{ 9990, "9.99 s" },
		{ 10000, "10 s" },
		{ 59999, "59 s" },
		{ 60000, "1 min 0 s" },
		{ 7500000, "2 h 5 min" },
		{ 356400000, "4 d 3 h" },
	};
	char text[HUMAN_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		human_duration(cases[i].ms, text);
		assert_string_equal(cases[i].text, text);
	}
}

static void ages_have_one_unit(void **state)
{
	static const struct {
		const char *why;
		int64_t then_ms, now_ms;
		const char *text;
	} cases[] = {
		{ "it has not happened", 0, 1000, "-" },
		{ "less than a second", 5000, 5900, "now" },
		{ "a clock that was set back", 9000, 5000, "now" },
		{ "seconds", 1000, 43000, "42 s ago" },
		{ "minutes", 1000, 181000, "3 min ago" },
		{ "hours", 1000, 18001000, "5 h ago" },
		{ "days", 1000, 345601000, "4 d ago" },
	};
	char text[HUMAN_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("  %s\n", cases[i].why);
		human_age(cases[i].then_ms, cases[i].now_ms, text);
		assert_string_equal(cases[i].text, text);
	}
}

static void times_are_read_as_utc(void **state)
{
	(void)state;
	assert_int_equal(1000, human_time_from("1970-01-01T00:00:01Z"));
	assert_int_equal(1000, human_time_from("1970-01-01T00:00:01.420Z"));
	assert_int_equal(0, human_time_from("yesterday"));
	assert_int_equal(0, human_time_from("1970-01-01T00:00:01+01:00"));
	assert_int_equal(0, human_time_from(NULL));
}

static void cells_stand_below_one_another_by_characters(void **state)
{
	AUTO(table_done) struct table t = { 0 };
	AUTO_FREE char *text = NULL;
	size_t len = 0;
	FILE *to = open_memstream(&text, &len);

	(void)state;
	table_add(&t, "ID", "GROUP", "", NULL);
	table_add(&t, "d-1", "caf\xc3\xa9", "x", NULL);
	table_add(&t, "d-22", "\x1b[2J\xff", NULL);
	table_print(&t, "> ", to);
	(void)fclose(to);
	assert_string_equal("> ID    GROUP\n"
			    "> d-1   caf\xc3\xa9         x\n"
			    "> d-22  \\x1b[2J\\xff\n",
			    text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_have_two_units_at_most),
		cmocka_unit_test(ages_have_one_unit),
		cmocka_unit_test(times_are_read_as_utc),
		cmocka_unit_test(cells_stand_below_one_another_by_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
