/* Which destinations a pattern of 'slipway: overwrite' speaks of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appspec/path_glob.h"
#include "util/auto.h"
#include "util/str.h"

#include <string.h>

static const struct {
	const char *why, *pattern, *path;
	bool want;
} cases[] = {
	{ "the path itself", "/etc/shop/a.conf", "/etc/shop/a.conf", true },
	{ "another path", "/etc/shop/a.conf", "/etc/shop/b.conf", false },
	{ "not what is below", "/etc/shop", "/etc/shop/a", false },
	{ "not what is above", "/etc/shop/a", "/etc/shop", false },
	{ "doubled slashes are one", "//etc///shop/a", "/etc/shop/a", true },
	{ "a slash at the end says nothing", "/etc/shop/a/", "/etc/shop/a", true },
	{ "any run of bytes", "/etc/shop/*.conf", "/etc/shop/a.conf", true },
	{ "an empty run, too", "/etc/shop/*.conf", "/etc/shop/.conf", true },
	{ "a dot in front is a byte like others", "/etc/*", "/etc/.hidden", true },
	{ "not across a slash", "/etc/*.conf", "/etc/shop/a.conf", false },
	{ "a star for a folder", "/etc/*/a.conf", "/etc/shop/a.conf", true },
	{ "one folder only", "/etc/*/a.conf", "/etc/shop/x/a.conf", false },
	{ "a folder there must be", "/etc/*/a.conf", "/etc/a.conf", false },
	{ "one byte", "/a?c", "/abc", true },
	{ "never none", "/a?c", "/ac", false },
	{ "never a slash", "/a?c", "/a/c", false },
	{ "a set", "/a[bc]", "/ac", true },
	{ "the others", "/a[!bc]", "/ac", false },
	{ "a range", "/v[0-9]", "/v7", true },
	{ "a sign taken literally", "/a\\*", "/a*", true },
	{ "and nothing else", "/a\\*", "/ab", false },
	{ "case counts", "/etc/A", "/etc/a", false },
	{ "bytes that are no UTF-8", "/etc/*\xff?", "/etc/a\xff\xfe", true },
	{ "everything below", "/srv/shop/**", "/srv/shop/a", true },
	{ "at any depth", "/srv/shop/**", "/srv/shop/a/b/c", true },
	{ "not the folder itself", "/srv/shop/**", "/srv/shop", false },
	{ "nor its neighbour", "/srv/shop/**", "/srv/shopping/a", false },
	{ "with a slash at the end, too", "/srv/**/", "/srv/a", true },
	{ "all there is", "/**", "/a", true },
	{ "no folder in between", "/srv/**/a.conf", "/srv/a.conf", true },
	{ "several folders in between", "/srv/**/a.conf", "/srv/x/y/z/a.conf", true },
	{ "the name must fit", "/srv/**/a.conf", "/srv/x/a.conf/b", false },
	{ "the first that fits need not be the right one", "/**/a/b", "/a/a/b", true },
	{ "nor the second", "/**/a/b/c", "/a/b/a/b/a/b/c", true },
	{ "twice", "/**/conf/**/x", "/a/conf/b/c/x", true },
	{ "twice, and no x", "/**/conf/**/x", "/a/conf/b/c/y", false },
	{ "twice in a row is once", "/a/**/**/b", "/a/b", true },
	{ "at the beginning", "/**/*.conf", "/etc/shop/a.conf", true },
	{ "inside a name two stars are one", "/etc/a**b", "/etc/axxb", true },
	{ "which does not cross either", "/etc/a**b", "/etc/a/b", false },
	{ "the root is nothing anybody installs", "/", "/a", false },
};

static void patterns_speak_of_whole_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = ERR_INIT;

		print_message("  %s\n", cases[i].why);
		assert_int_equal(0, path_glob_check(cases[i].pattern, &err));
		assert_int_equal(cases[i].want, path_glob_matches(cases[i].pattern, cases[i].path));
	}
}

static void what_no_path_can_match_is_refused(void **state)
{
	AUTO_FREE char *of_all = xcalloc(1, PATH_GLOB_MAX + 1);
	const struct {
		const char *pattern, *want;
	} refused[] = {
		{ "", "'' is no absolute path" }, { "etc/a", "begin it with '/'" },
		{ "**/a", "or with '/**/'" },	  { "/a/./b", "holds '.'" },
		{ "/..", "holds '..'" },	  { of_all, "longer than 4095 bytes" },
	};

	(void)state;
	memset(of_all, '/', PATH_GLOB_MAX);
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct err err = ERR_INIT;

		assert_int_equal(-1, path_glob_check(refused[i].pattern, &err));
		assert_int_equal(ERR_APPSPEC, err.kind);
		assert_non_null(strstr(err.msg, refused[i].want));
	}
}

/* No destination is so long; nothing matches it. */
static void a_name_longer_than_any_path_ends_it(void **state)
{
	AUTO_FREE char *path = xcalloc(1, PATH_GLOB_MAX + 2);

	(void)state;
	memset(path, 'a', PATH_GLOB_MAX + 1);
	path[0] = '/';
	assert_false(path_glob_matches("/*", path));
	assert_false(path_glob_matches("/**", path));
	path[PATH_GLOB_MAX] = '\0';
	assert_true(path_glob_matches("/*", path));
}

/* A pattern whose every star could try every length would not come back. */
static void many_stars_take_no_time(void **state)
{
	AUTO(str_done) struct str pattern = STR_INIT(PATH_GLOB_MAX), path = STR_INIT(PATH_GLOB_MAX);

	(void)state;
	for (int i = 0; i < 1000; i++)
		(void)str_add(&path, "/aa");
	for (int i = 0; i < 400; i++)
		(void)str_add(&pattern, "/**/*a*a");
	(void)str_add(&pattern, "/b");
	assert_false(path_glob_matches(str_text(&pattern), str_text(&path)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_speak_of_whole_paths),
		cmocka_unit_test(what_no_path_can_match_is_refused),
		cmocka_unit_test(a_name_longer_than_any_path_ends_it),
		cmocka_unit_test(many_stars_take_no_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
