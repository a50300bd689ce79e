/* Names against patterns, destinations as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appspec/pattern.h"
#include "util/auto.h"
#include "util/str.h"

#include <limits.h>
#include <string.h>

static const struct {
	const char *pattern, *name;
	bool want;
} matches[] = {
	{ "**", "anything", true },
	{ "*", "anything", true },
	{ "*", "", true },
	{ "*", ".hidden", true },
	{ "", "", true },
	{ "", "a", false },
	{ "prefix*", "prefix", true },
	{ "prefix*", "prefix_matches", true },
	{ "prefix*", "a_prefix", false },
	{ "*.tmp", "a.tmp", true },
	{ "*.tmp", ".tmp", true },
	{ "*.tmp", "a.tmp.b", false },
	{ "*.tmp", "a.tmp.tmp", true },
	{ "a*b*c", "abc", true },
	{ "a*b*c", "aXbYbZc", true },
	{ "a*b*c", "aXcYb", false },
	{ "a**b", "ab", true },
	{ "a?c", "abc", false },
	{ "a?c", "a?c", true },
	{ "[ab]", "a", false },
	{ "[ab]", "[ab]", true },
	{ "{a,b}", "a", false },
	{ "a\\*", "a\\b", true },
	{ "A", "a", false },
	{ "abc", "ab", false },
	{ "ab", "abc", false },
	{ "*aab", "aaaab", true },
	{ "\xff*", "\xff\xfe", true },
};

static void only_the_asterisk_is_special(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(matches); i++) {
		print_message("  '%s' '%s'\n", matches[i].pattern, matches[i].name);
		assert_int_equal(matches[i].want, pattern_matches(matches[i].pattern, matches[i].name));
	}
}

static const struct {
	const char *prefix, *text, *want; /* NULL: refused */
} paths[] = {
	{ "", "/srv/app", "/srv/app" },
	{ "", "/srv//app///", "/srv/app" },
	{ "", "//srv", "/srv" },
	{ "", "/srv/./app/.", "/srv/app" },
	{ "", "/srv/../app", "/app" },
	{ "", "/srv/app/..", "/srv" },
	{ "", "/..", "/" },
	{ "", "..", "/" },
	{ "", "/../../srv", "/srv" },
	{ "", "/srv/..", "/" },
	{ "", "/", "/" },
	{ "", "srv/app", "/srv/app" },
	{ "", "./srv", "/srv" },
	{ "", "../srv", "/srv" },
	{ "", ".", "/" },
	{ "", "/..a/b..", "/..a/b.." },
	{ "", "/...", "/..." },
	{ "", "/ srv /a b", "/ srv /a b" },
	{ "/try", "/srv", "/try/srv" },
	{ "/try/", "/srv", "/try/srv" },
	{ "/try", "srv", "/try/srv" },
	{ "/try", "/", "/try" },
	{ "/try", "/../../etc", "/try/etc" },
	{ "/try", "/a/../../../etc", "/try/etc" },
	{ "/try/a", "/b/../..", "/try/a" },
	{ "/", "/srv", "/srv" },
	{ "", "", NULL },
	{ "", " \t\n", NULL },
	{ "/try", "", NULL },
};

static void destinations_become_canonical_in_the_text_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		AUTO_FREE char *out = NULL;
		struct err err = ERR_INIT;

		print_message("  '%s' '%s'\n", paths[i].prefix, paths[i].text);
		assert_int_equal(paths[i].want ? 0 : -1, path_canonical(paths[i].prefix, paths[i].text, &out, &err));
		if (paths[i].want)
			assert_string_equal(paths[i].want, out);
		else
			assert_int_equal(ERR_APPSPEC, err.kind);
	}
}

static void a_destination_longer_than_a_path_can_be_is_refused(void **state)
{
	char text[PATH_MAX + 1];
	AUTO_FREE char *out = NULL;
	struct err err = ERR_INIT;

	(void)state;
	memset(text, 'a', sizeof(text));
	text[0] = '/';
	text[PATH_MAX] = '\0';
	assert_int_equal(-1, path_canonical("", text, &out, &err));
	assert_int_equal(ERR_APPSPEC, err.kind);
	text[PATH_MAX - 1] = '\0';
	assert_int_equal(0, path_canonical("", text, &out, &err));
	assert_int_equal(PATH_MAX - 1, strlen(out));

	AUTO_FREE char *longer = NULL;

	err = ERR_INIT;
	assert_int_equal(-1, path_canonical("/p", text, &longer, &err));
	assert_int_equal(-1, path_canonical(text, "/p", &longer, &err));
	text[PATH_MAX - 1] = 'a';
	assert_int_equal(-1, path_canonical(text, "/", &longer, &err));
}

static const struct {
	const char *text, *want;
} names[] = {
	{ "a", "a" }, { "web/a", "a" }, { "web/./a/", "a" },	{ "web/a///", "a" },
	{ "/", "" },  { "./a", "a" },	{ "web/.a b", ".a b" },
};

static void the_last_component_is_the_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		size_t len;
		const char *name = path_basename(names[i].text, &len);

		print_message("  '%s'\n", names[i].text);
		if (!*names[i].want)
			continue; /* a root has no name of its own: only that nothing is read beyond it */
		assert_int_equal(strlen(names[i].want), len);
		assert_memory_equal(names[i].want, name, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_asterisk_is_special),
		cmocka_unit_test(destinations_become_canonical_in_the_text_alone),
		cmocka_unit_test(a_destination_longer_than_a_path_can_be_is_refused),
		cmocka_unit_test(the_last_component_is_the_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
