#include "cli/client_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/explain.h"
#include "util/auto.h"

static const struct command_spec all = {
	.name = "try",
	.options = "json latest timeout limit env group follow",
	.word = WORD_OR_LATEST,
	.word_name = "deployment",
};

static int read_words(const struct command_spec *spec, char **words, struct client_options *out, struct err *err)
{
	int argc = 0;

	while (words[argc])
		argc++;
	return client_options_read(spec, argc, words, out, err);
}

static void times_are_seconds_or_have_a_unit(void **state)
{
	static const struct {
		const char *why;
		char *text;
		long seconds; /* -1: refused */
	} cases[] = {
		{ "a number is seconds", "90", 90 },
		{ "seconds", "5s", 5 },
		{ "minutes", "10m", 600 },
		{ "hours", "1h", 3600 },
		{ "days", "2d", 172800 },
		{ "none at all", "0", 0 },
		{ "as much as fits", "2147483647", 2147483647 },
		{ "too much", "2147483648", -1 },
		{ "too much by its unit", "2147483647h", -1 },
		{ "digits without end", "99999999999999999999999999", -1 },
		{ "another unit", "5y", -1 },
		{ "two units", "1h30m", -1 },
		{ "a sign", "-5", -1 },
		{ "a word", "soon", -1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *words[] = { "try", "--latest", "--timeout", cases[i].text, NULL };
		AUTO(client_options_done) struct client_options o;
		struct err err = ERR_INIT;

		print_message("  %s\n", cases[i].why);
		assert_int_equal(cases[i].seconds < 0 ? -1 : 0, read_words(&all, words, &o, &err));
		if (cases[i].seconds < 0)
			assert_int_equal(ERR_USAGE, err.kind);
		else
			assert_true(o.has_timeout && o.timeout_s == (unsigned)cases[i].seconds);
	}
}

static void an_option_of_another_command_is_not_known(void **state)
{
	char *words[] = { "try", "--latest", "--force", NULL };
	AUTO(client_options_done) struct client_options o;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(-1, read_words(&all, words, &o, &err));
	assert_int_equal(ERR_USAGE, err.kind);
}

static void help_goes_before_what_is_missing(void **state)
{
	char *words[] = { "try", "-h", NULL };
	AUTO(client_options_done) struct client_options o;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(0, read_words(&all, words, &o, &err));
	assert_true(o.help);
}

static void values_of_env_are_kept_in_order(void **state)
{
	char *words[] = { "try", "--env", "A=1", "d-1", "--env=B=", "-f", NULL };
	AUTO(client_options_done) struct client_options o;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(0, read_words(&all, words, &o, &err));
	assert_string_equal("A=1", o.environment[0]);
	assert_string_equal("B=", o.environment[1]);
	assert_null(o.environment[2]);
	assert_string_equal("d-1", o.word);
	assert_true(o.follow && !o.json);
}

static void every_code_that_an_error_can_have_is_explained(void **state)
{
	(void)state;
	for (int kind = 0; kind < ERR_KIND_COUNT; kind++) {
		const char *code = err_code((enum err_kind)kind);
		const struct explanation *e = explain_find(code);

		assert_non_null(e);
		assert_string_equal(code, e->name);
	}
}

static void a_code_counts_as_a_word_only(void **state)
{
	static const struct {
		const char *why, *text, *name;
	} cases[] = {
		{ "in brackets", "error[DiskFull]: no", "DiskFull" },
		{ "capitals do not count when it stands alone", "DISKFULL", "DiskFull" },
		{ "part of another word", "MyDiskFullness", NULL },
		{ "a code goes before a phrase", "DigestMismatch: No space left on device", "DigestMismatch" },
		{ "a phrase goes before the code that says nothing", "UnknownError: Disk quota exceeded", "DiskFull" },
		{ "nothing", "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct explanation *e = explain_find(cases[i].text);

		print_message("  %s\n", cases[i].why);
		if (cases[i].name)
			assert_string_equal(cases[i].name, e ? e->name : "none");
		else
			assert_null(e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_seconds_or_have_a_unit),
		cmocka_unit_test(an_option_of_another_command_is_not_known),
		cmocka_unit_test(help_goes_before_what_is_missing),
		cmocka_unit_test(values_of_env_are_kept_in_order),
		cmocka_unit_test(every_code_that_an_error_can_have_is_explained),
		cmocka_unit_test(a_code_counts_as_a_word_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
