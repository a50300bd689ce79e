/* tests/unit/test_entry_guard.c */
#include "bundle/entry_guard.h"

#include "util/auto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/stat.h>

static void good_names_become_canonical(void **state)
{
	static const struct {
		const char *why, *name, *want;
		unsigned depth;
	} cases[] = {
		{ "plain", "a/b", "a/b", 2 },
		{ "leading dot", "./a", "a", 1 },
		{ "several dots and slashes", "././/a//b/./c/", "a/b/c", 3 },
		{ "the bundle's own folder", ".", "", 0 },
		{ "the same with a slash", "./", "", 0 },
		{ "dots that are names", "...", "...", 1 },
		{ "hidden", "a/.b/..c", "a/.b/..c", 3 },
		{ "not UTF-8", "\xff\xfe/\x80", "\xff\xfe/\x80", 2 },
		{ "blanks and newlines", " a \n/ b ", " a \n/ b ", 2 },
		{ "backslashes are no slashes", "a\\..\\b", "a\\..\\b", 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct entry_path p;
		struct err err = ERR_INIT;

		print_message("  %s\n", cases[i].why);
		assert_int_equal(guard_path(cases[i].name, strlen(cases[i].name), &p, &err), 0);
		assert_string_equal(p.text, cases[i].want);
		assert_int_equal(p.depth, cases[i].depth);
		assert_int_equal(p.len, strlen(cases[i].want));
		assert_int_equal(p.base, strrchr(p.text, '/') ? strrchr(p.text, '/') + 1 - p.text : 0);
	}
}

#define PACK "; pack it with 'tar -C FOLDER -czf BUNDLE .'"

static void bad_names_are_refused_with_their_reason(void **state)
{
	static const struct {
		const char *why, *name;
		size_t len;
		const char *want;
	} cases[] = {
		{ "absolute", "/etc/passwd", 11, "entry '/etc/passwd' is an absolute path" PACK },
		{ "only a slash", "/", 1, "entry '/' is an absolute path" PACK },
		{ "upwards", "../x", 4, "entry '../x' leads out of the bundle by '..'" PACK },
		{ "upwards inside", "a/../b", 6, "entry 'a/../b' leads out of the bundle by '..'" PACK },
		{ "upwards at the end", "a/..", 4, "entry 'a/..' leads out of the bundle by '..'" PACK },
		{ "empty", "", 0, "entry '' has an empty name" PACK },
		{ "NUL", "a\0b", 3, "entry 'a\\x00b' has a NUL byte in its name" PACK },
		{ "escapes are shown, not sent", "\033[31m/../x", 10,
		  "entry '\\x1b[31m/../x' leads out of the bundle by '..'" PACK },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct entry_path p;
		struct err err = ERR_INIT;

		print_message("  %s\n", cases[i].why);
		assert_int_equal(guard_path(cases[i].name, cases[i].len, &p, &err), -1);
		assert_int_equal(err.kind, ERR_BUNDLE);
		assert_string_equal(err.msg, cases[i].want);
	}
}

/* N parts of WIDTH letters. */
static size_t make_name(char *name, size_t parts, size_t width)
{
	size_t len = 0;

	for (size_t i = 0; i < parts; i++) {
		if (i)
			name[len++] = '/';
		memset(name + len, 'n', width);
		len += width;
	}
	return len;
}

static void lengths_and_depth_have_limits(void **state)
{
	static const struct {
		size_t parts, width;
		const char *fault; /* NULL: fine */
	} cases[] = {
		{ 1, 255, NULL },
		{ 1, 256, "has a part that is longer than 255 bytes; rename it" },
		{ 128, 1, NULL },
		{ 129, 1, "lies more than 128 folders deep; pack a flatter tree" },
		{ 16, 255, NULL }, /* 4095 bytes */
		{ 17, 240, NULL }, /* 4096 bytes */
		{ 17, 241, "is longer than 4096 bytes; rename it" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char name[8192];
		size_t len = make_name(name, cases[i].parts, cases[i].width);
		struct entry_path p;
		struct err err = ERR_INIT;

		assert_int_equal(guard_path(name, len, &p, &err), cases[i].fault ? -1 : 0);
		if (cases[i].fault)
			assert_non_null(strstr(err.msg, cases[i].fault));
	}
}

static void only_files_folders_and_links_are_let_in(void **state)
{
	static const struct {
		mode_t type;
		const char *want;
	} cases[] = {
		{ S_IFREG, NULL },
		{ S_IFDIR, NULL },
		{ S_IFLNK, NULL },
		{ S_IFCHR,
		  "entry 'x' is a character device; a bundle holds files, folders and links only: leave it out" },
		{ S_IFBLK, "entry 'x' is a block device; a bundle holds files, folders and links only: leave it out" },
		{ S_IFIFO, "entry 'x' is a named pipe; a bundle holds files, folders and links only: leave it out" },
		{ S_IFSOCK, "entry 'x' is a socket; a bundle holds files, folders and links only: leave it out" },
		{ 0, "entry 'x' is of a kind that is not known; a bundle holds files, folders and links only: leave it "
		     "out" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = ERR_INIT;

		assert_int_equal(guard_type("x", 1, cases[i].type, &err), cases[i].want ? -1 : 0);
		if (cases[i].want)
			assert_string_equal(err.msg, cases[i].want);
	}
}

static void links_are_followed_as_text(void **state)
{
	static const struct {
		const char *path, *text;
		int floor;
	} cases[] = {
		{ "a", "b", 0 },
		{ "a", "../b", GUARD_OUTSIDE },
		{ "d/a", "../b", 0 },
		{ "d/a", "b", 1 },
		{ "d/a", "../../b", GUARD_OUTSIDE },
		{ "d/e/a", "./x/../..//f", 1 },
		{ "d/e/a", "../../..", GUARD_OUTSIDE },
		{ "d/e/a", "/etc/passwd", GUARD_OUTSIDE },
		{ "d/a", "x/../../../d/y", GUARD_OUTSIDE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct entry_path p;
		struct err err = ERR_INIT;

		assert_int_equal(guard_path(cases[i].path, strlen(cases[i].path), &p, &err), 0);
		print_message("  %s -> %s\n", cases[i].path, cases[i].text);
		assert_int_equal(guard_link_floor(&p, cases[i].text), cases[i].floor);
	}
}

static void limits_name_value_and_key(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(guard_entries(10, 10, &err), 0);
	assert_int_equal(guard_entries(11, 0, &err), 0);
	assert_int_equal(guard_entries(11, 10, &err), -1);
	assert_string_equal(err.msg,
			    "more than 10 entries, the limit (limits: entries); raise it if so many are right");
	assert_int_equal(guard_bytes(100, 100, &err), 0);
	assert_int_equal(guard_bytes(101, 100, &err), -1);
	assert_string_equal(err.msg,
			    "it unpacks to more than 100 bytes, the limit (limits: unpacked_size); raise it if "
			    "that much is right");
}

static void ratio_counts_from_64_mib_on(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(guard_ratio((64 << 20) - 1, 1, 10, &err), 0);
	assert_int_equal(guard_ratio(64 << 20, 1, 10, &err), -1);
	assert_string_equal(err.msg,
			    "it unpacks to more than 10 times its size, the limit (limits: ratio); raise it if "
			    "that is right");
	assert_int_equal(guard_ratio(100000000, 10000000, 10, &err), 0);
	assert_int_equal(guard_ratio(100000001, 10000000, 10, &err), -1);
	assert_int_equal(guard_ratio(UINT64_MAX, 1, 0, &err), 0);
}

static void long_names_are_cut_for_people(void **state)
{
	char name[1000];

	(void)state;
	memset(name, 'n', sizeof(name));

	struct shown s = guard_shown(name, sizeof(name));

	assert_int_equal(strlen(s.text), 255);
	assert_string_equal(s.text + 252, "...");
	memset(name, 1, sizeof(name));
	s = guard_shown(name, sizeof(name));
	assert_string_equal(s.text + strlen(s.text) - 7, "\\x01...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_names_become_canonical),
		cmocka_unit_test(bad_names_are_refused_with_their_reason),
		cmocka_unit_test(lengths_and_depth_have_limits),
		cmocka_unit_test(only_files_folders_and_links_are_let_in),
		cmocka_unit_test(links_are_followed_as_text),
		cmocka_unit_test(limits_name_value_and_key),
		cmocka_unit_test(ratio_counts_from_64_mib_on),
		cmocka_unit_test(long_names_are_cut_for_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
