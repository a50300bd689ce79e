#include "format/plain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/auto.h"

static const struct {
	const char *why, *in, *out;
} texts[] = {
	{ "plain words stay", "hello", "hello" },
	{ "lines and tabs stay", "a\tb\nc", "a\tb\nc" },
	{ "lines of DOS become plain ones", "a\r\nb", "a\nb" },
	{ "a lone carriage return would overwrite the line", "good\rbad", "good\\x0dbad" },
	{ "colours go", "\033[1;31mred\033[0m", "red" },
	{ "so does clearing the screen", "\033[2Jx", "x" },
	{ "private and intermediate bytes", "\033[?25l\033[0 qx", "x" },
	{ "a title, ended by BEL", "\033]0;owned\ax", "x" },
	{ "a link, ended by ST", "\033]8;;http://x\033\\text\033]8;;\033\\", "text" },
	{ "a device control string", "\033Pq#0\033\\x", "x" },
	{ "a character set", "\033(Bx", "x" },
	{ "a reset", "\033cx", "x" },
	{ "a sequence that is cut by the end", "x\033[1;", "x" },
	{ "one that is cut by a line", "x\033[1\ny", "x\ny" },
	{ "a title that never ends keeps to its line", "\033]0;x\nnext", "\nnext" },
	{ "an escape in front of a line", "\033\nx", "\nx" },
	{ "a lone escape", "\033", "" },
	{ "an escape inside another", "\033[\033[1mx", "x" },
	{ "bells and NULs' kin become visible", "a\ab\bc", "a\\x07b\\x08c" },
	{ "C1 controls in UTF-8",
	  "a\xc2\x9b"
	  "2J",
	  "a\\xc2\\x9b2J" },
	{ "letters of other scripts stay", "\xc3\xa9\xe2\x82\xac", "\xc3\xa9\xe2\x82\xac" },
	{ "bytes that are no UTF-8",
	  "a\xff"
	  "b",
	  "a\\xffb" },
};

static void strangers_cannot_write_to_the_terminal(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		AUTO_FREE char *out = plain_text(texts[i].in, strlen(texts[i].in));

		print_message("  %s\n", texts[i].why);
		assert_string_equal(texts[i].out, out);
	}
}

static const struct {
	const char *why, *in, *out;
} words[] = {
	{ "plain", "/srv/app-1.0", "/srv/app-1.0" },
	{ "a blank", "/srv/my app", "'/srv/my app'" },
	{ "a quote", "/srv/it's", "'/srv/it'\\''s'" },
	{ "a dollar", "/srv/$HOME", "'/srv/$HOME'" },
	{ "a backslash", "/srv/a\\b", "'/srv/a\\b'" },
	{ "nothing at all", "", "''" },
	{ "a newline", "/srv/a\nb", "$'/srv/a\\x0ab'" },
	{ "a newline, a quote and a backslash", "a\n'\\", "$'a\\x0a\\'\\\\'" },
	{ "no UTF-8", "/srv/\xff", "$'/srv/\\xff'" },
};

static void a_path_can_be_pasted_into_a_shell(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		AUTO_FREE char *out = plain_shell_word(words[i].in);

		print_message("  %s\n", words[i].why);
		assert_string_equal(words[i].out, out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strangers_cannot_write_to_the_terminal),
		cmocka_unit_test(a_path_can_be_pasted_into_a_shell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
