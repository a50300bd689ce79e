/* util/str: buffers stop at their limit, and what is shown to people is printable. */
#include "util/auto.h"
#include "util/str.h"

#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void a_buffer_takes_up_to_its_limit_and_nothing_of_what_passes_it(void **state)
{
	(void)state;
	struct str s = STR_INIT(8);

	assert_int_equal(str_add(&s, "12345678"), 0);
	assert_int_equal(str_add(&s, "9"), -1);
	assert_int_equal(str_printf(&s, "%d", 9), -1);
	assert_string_equal(str_text(&s), "12345678");
	assert_int_equal(s.len, 8);
	str_clear(&s);
	assert_int_equal(str_add(&s, "123456789"), -1);
	assert_string_equal(str_text(&s), "");
	str_done(&s);
}

static void an_empty_buffer_has_a_text_and_can_be_taken(void **state)
{
	(void)state;
	struct str s = STR_INIT(8);

	assert_string_equal(str_text(&s), "");

	AUTO_FREE char *taken = str_take(&s);

	assert_string_equal(taken, "");
	assert_int_equal(str_add(&s, "x"), 0);

	AUTO_FREE char *again = str_take(&s);

	assert_string_equal(again, "x");
	assert_int_equal(s.len, 0);
	assert_int_equal(s.max, 8);
	str_done(&s);
}

static void growing_keeps_bytes_whatever_they_are(void **state)
{
	(void)state;
	struct str s = STR_INIT(100000);
	char block[1000];

	for (int i = 0; i < 100; i++) {
		memset(block, i, sizeof(block));
		assert_int_equal(str_append(&s, block, sizeof(block)), 0);
	}
	assert_int_equal(s.len, 100000);
	for (size_t i = 0; i < s.len; i++)
		assert_int_equal(s.data[i], (char)(i / 1000));
	assert_int_equal(s.data[s.len], '\0');
	str_done(&s);
}

static const struct {
	const char *why, *bytes;
	size_t len;
	const char *want;
} printables[] = {
	{ "plain text", "abc ~", 5, "abc ~" },
	{ "an escape sequence", "\033[31mred", 8, "\\x1b[31mred" },
	{ "newline and tab", "a\n\t", 3, "a\\x0a\\x09" },
	{ "delete", "\x7f", 1, "\\x7f" },
	{ "a NUL", "a\0b", 3, "a\\x00b" },
	{ "UTF-8 of two, three and four bytes", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x9a\xa2", 9,
	  "\xc3\xa4\xe2\x82\xac\xf0\x9f\x9a\xa2" },
	{ "Latin-1", "\xe4", 1, "\\xe4" },
	{ "a sequence that breaks off", "\xe2\x82", 2, "\\xe2\\x82" },
	{ "a sequence that is interrupted", "\xe2\x82x", 3, "\\xe2\\x82x" },
	{ "an overlong slash", "\xc0\xaf", 2, "\\xc0\\xaf" },
	{ "an overlong slash in three bytes", "\xe0\x80\xaf", 3, "\\xe0\\x80\\xaf" },
	{ "an overlong one in four", "\xf0\x80\x80\xaf", 4, "\\xf0\\x80\\x80\\xaf" },
	{ "a surrogate", "\xed\xa0\x80", 3, "\\xed\\xa0\\x80" },
	{ "past the last code point", "\xf4\x90\x80\x80", 4, "\\xf4\\x90\\x80\\x80" },
	{ "a control of the upper set (CSI)", "\xc2\x9b", 2, "\\xc2\\x9b" },
	{ "a non-breaking space", "\xc2\xa0", 2, "\xc2\xa0" },
};

static void what_a_terminal_could_act_on_is_shown_as_hex(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(printables); i++) {
		struct str s = STR_INIT(100);

		print_message("  %s\n", printables[i].why);
		assert_int_equal(str_append_printable(&s, printables[i].bytes, printables[i].len), 0);
		assert_string_equal(str_text(&s), printables[i].want);
		str_done(&s);
	}
}

static void printable_text_stops_at_the_limit_too(void **state)
{
	(void)state;
	struct str s = STR_INIT(6);

	assert_int_equal(str_append_printable(&s, "\n\n", 2), -1);
	assert_string_equal(str_text(&s), "\\x0a");
	str_done(&s);
}

static void prefixes_and_suffixes(void **state)
{
	(void)state;
	assert_true(str_starts("abc", "ab"));
	assert_true(str_starts("abc", ""));
	assert_false(str_starts("a", "ab"));
	assert_true(str_ends("abc", "bc"));
	assert_true(str_ends("abc", ""));
	assert_false(str_ends("c", "bc"));
}

static void the_base_name_of_a_path_stands_behind_its_last_slash(void **state)
{
	(void)state;
	assert_string_equal(str_base_name("/opt/shop/d-1"), "d-1");
	assert_string_equal(str_base_name("d-1"), "d-1");
	assert_string_equal(str_base_name("/opt/"), "");
	assert_null(str_base_name(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_buffer_takes_up_to_its_limit_and_nothing_of_what_passes_it),
		cmocka_unit_test(an_empty_buffer_has_a_text_and_can_be_taken),
		cmocka_unit_test(growing_keeps_bytes_whatever_they_are),
		cmocka_unit_test(what_a_terminal_could_act_on_is_shown_as_hex),
		cmocka_unit_test(printable_text_stops_at_the_limit_too),
		cmocka_unit_test(prefixes_and_suffixes),
		cmocka_unit_test(the_base_name_of_a_path_stands_behind_its_last_slash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
