/* tests/unit/test_tree.c */
#include "model/tree.h"

#include "bundle_help.h"

static void make_tree(struct place *p)
{
	static const char *const folders[] = { "b", "b/inner", "b/inner/deep", "empty", "c d" };
	static const char *const files[] = { "a", "b/z", "b/y", "b/inner/deep/f", "b.txt", "\xff\n" };
	static const char *const links[][2] = {
		{ "to_b", "b" },	{ "to_inner", "to_b/inner" }, { "b/up", "../b.txt" },
		{ "out", "../canary" }, { "absolute", "/etc" },	      { "dangling", "nowhere" },
		{ "loop", "loop" },	{ "b/inner/top", "../.." },   { "via_file", "a/../a" },
	};

	assert_int_equal(mkdirat(p->fd, "bundle", 0755), 0);

	AUTO_FD int fd = openat(p->fd, "bundle", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; i < ARRAY_LEN(folders); i++)
		assert_int_equal(mkdirat(fd, folders[i], 0750), 0);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		AUTO_FD int file = openat(fd, files[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0640);

		assert_int_equal(write(file, "12345", 5), 5);
	}
	for (size_t i = 0; i < ARRAY_LEN(links); i++)
		assert_int_equal(symlinkat(links[i][1], fd, links[i][0]), 0);
	assert_int_equal(mkfifoat(fd, "pipe", 0600), 0);
}

static struct tree scan(struct place *p)
{
	struct tree t;
	struct err err = ERR_INIT;
	AUTO_FD int fd = openat(p->fd, "bundle", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (tree_scan(fd, 1000, &t, &err) < 0)
		fail_msg("%s", err.msg);
	return t;
}

static void listing_is_sorted_with_parents_first_and_siblings_together(void **state)
{
	AUTO(place_done) struct place p = place_new();

	(void)state;
	make_tree(&p);

	AUTO(tree_done) struct tree t = scan(&p);

	assert_string_equal(tree_name(&t, 0), "");
	assert_int_equal(t.entries[0].parent, 0);
	assert_int_equal(t.count, 1 + 5 + 6 + 9 + 1);
	for (uint32_t i = 0; i < t.count; i++) {
		const struct tree_entry *e = &t.entries[i];

		assert_true(i == 0 || e->parent < i);
		for (uint32_t c = e->first; c < e->first + e->count; c++) {
			assert_int_equal(t.entries[c].parent, i);
			assert_true(c == e->first || strcmp(tree_name(&t, c - 1), tree_name(&t, c)) < 0);
		}
	}
}

static void entries_say_what_stat_says(void **state)
{
	AUTO(place_done) struct place p = place_new();

	(void)state;
	make_tree(&p);

	AUTO(tree_done) struct tree t = scan(&p);
	const struct tree_entry *e = &t.entries[tree_find(&t, "b/z")];
	struct stat st;

	assert_int_equal(fstatat(p.fd, "bundle/b/z", &st, 0), 0);
	assert_int_equal(e->type, TREE_FILE);
	assert_int_equal(e->mode, 0640);
	assert_int_equal(e->size, 5);
	assert_int_equal(e->ino, st.st_ino);
	assert_int_equal(e->uid, st.st_uid);
	assert_int_equal(e->mtime_ns, st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec);
	assert_int_equal(e->ctime_ns, st.st_ctim.tv_sec * 1000000000 + st.st_ctim.tv_nsec);
	assert_int_equal(t.entries[tree_find(&t, "pipe")].type, TREE_OTHER);
	assert_int_equal(t.entries[tree_find(&t, "empty")].count, 0);
	assert_string_equal(tree_link_text(&t, tree_find(&t, "to_inner")), "to_b/inner");
}

static void paths_are_found_through_links_but_never_outside(void **state)
{
	static const struct {
		const char *path, *want; /* NULL: not there */
	} cases[] = {
		{ "", "" },
		{ ".", "" },
		{ "/", "" },
		{ "..", "" },
		{ "../../a", "a" },
		{ "a", "a" },
		{ "./b//z", "b/z" },
		{ "b/", "b" },
		{ "a/", NULL },
		{ "a/x", NULL },
		{ "b.tx", NULL },
		{ "b.txt2", NULL },
		{ "c d", "c d" },
		{ "\xff\n", "\xff\n" },
		{ "to_b", "to_b" },
		{ "to_b/", "b" },
		{ "to_b/z", "b/z" },
		{ "to_inner/deep/f", "b/inner/deep/f" },
		{ "to_inner/..", "b" },
		{ "b/inner/top/a", "a" },
		{ "out", "out" },
		{ "out/x", NULL },
		{ "absolute/passwd", NULL },
		{ "dangling/x", NULL },
		{ "loop/x", NULL },
		{ "b/up/x", NULL },
	};
	AUTO(place_done) struct place p = place_new();

	(void)state;
	make_tree(&p);

	AUTO(tree_done) struct tree t = scan(&p);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint32_t found = tree_find(&t, cases[i].path);

		print_message("  %s\n", cases[i].path);
		if (!cases[i].want) {
			assert_int_equal(found, TREE_NONE);
			continue;
		}

		assert_int_not_equal(found, TREE_NONE);

		AUTO_FREE char *path = tree_path(&t, found);

		assert_string_equal(path, cases[i].want);
	}
}

static void links_resolve_inside_only(void **state)
{
	static const struct {
		const char *link, *want;
	} cases[] = {
		{ "to_b", "b" },  { "to_inner", "b/inner" }, { "b/up", "b.txt" },
		{ "out", NULL },  { "absolute", NULL },	     { "dangling", NULL },
		{ "loop", NULL }, { "b/inner/top", "" },     { "via_file", NULL },
		{ "a", "a" },
	};
	AUTO(place_done) struct place p = place_new();

	(void)state;
	make_tree(&p);

	AUTO(tree_done) struct tree t = scan(&p);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint32_t found = tree_resolve(&t, tree_find(&t, cases[i].link));

		print_message("  %s\n", cases[i].link);
		assert_int_equal(found, cases[i].want ? tree_find(&t, cases[i].want) : TREE_NONE);
	}
}

static void too_many_entries_are_refused(void **state)
{
	AUTO(place_done) struct place p = place_new();
	struct tree t;
	struct err err = ERR_INIT;

	(void)state;
	make_tree(&p);

	AUTO_FD int fd = openat(p.fd, "bundle", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(tree_scan(fd, 21, &t, &err), 0);
	tree_done(&t);
	assert_int_equal(tree_scan(fd, 20, &t, &err), -1);
	assert_int_equal(err.kind, ERR_BUNDLE);
	assert_non_null(strstr(err.msg, "more than 20 entries, the limit (limits: entries)"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(listing_is_sorted_with_parents_first_and_siblings_together),
		cmocka_unit_test(entries_say_what_stat_says),
		cmocka_unit_test(paths_are_found_through_links_but_never_outside),
		cmocka_unit_test(links_resolve_inside_only),
		cmocka_unit_test(too_many_entries_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
