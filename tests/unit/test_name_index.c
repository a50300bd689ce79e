/* Names below parents, found again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "util/auto.h"
#include "util/name_index.h"
#include "util/str.h"

#include <stdio.h>
#include <string.h>

struct entry {
	uint32_t parent;
	char name[16];
};

static const char *name_of(const void *tree, uint32_t id, uint32_t *parent)
{
	const struct entry *e = tree;

	*parent = e[id].parent;
	return e[id].name;
}

static void an_empty_index_finds_nothing(void **state)
{
	AUTO(name_index_done) struct name_index ix;

	(void)state;
	name_index_init(&ix, name_of, NULL);
	assert_int_equal(NAME_INDEX_NONE, name_index_find(&ix, 0, "a", 1));
}

static void a_name_is_found_below_its_own_parent_only(void **state)
{
	static const struct entry tree[] = { { 0, "" }, { 0, "a" }, { 1, "a" }, { 1, "ab" }, { 0, "b" } };
	AUTO(name_index_done) struct name_index ix;

	(void)state;
	name_index_init(&ix, name_of, tree);
	for (uint32_t i = 1; i < ARRAY_LEN(tree); i++)
		name_index_add(&ix, i);
	assert_int_equal(1, name_index_find(&ix, 0, "a", 1));
	assert_int_equal(2, name_index_find(&ix, 1, "a", 1));
	assert_int_equal(3, name_index_find(&ix, 1, "ab", 2));
	assert_int_equal(4, name_index_find(&ix, 0, "b", 1));
	assert_int_equal(NAME_INDEX_NONE, name_index_find(&ix, 1, "b", 1));
	assert_int_equal(NAME_INDEX_NONE, name_index_find(&ix, 4, "a", 1));
	assert_int_equal(NAME_INDEX_NONE, name_index_find(&ix, 0, "ab", 2));
}

static void only_the_given_length_of_a_name_counts(void **state)
{
	static const struct entry tree[] = { { 0, "" }, { 0, "web" }, { 0, "we" } };
	AUTO(name_index_done) struct name_index ix;

	(void)state;
	name_index_init(&ix, name_of, tree);
	name_index_add(&ix, 1);
	name_index_add(&ix, 2);
	assert_int_equal(1, name_index_find(&ix, 0, "web/app", 3));
	assert_int_equal(2, name_index_find(&ix, 0, "web/app", 2));
	assert_int_equal(NAME_INDEX_NONE, name_index_find(&ix, 0, "web/app", 1));
	assert_int_equal(NAME_INDEX_NONE, name_index_find(&ix, 0, "web/app", 4));
}

static void every_name_is_found_while_the_index_grows(void **state)
{
	enum { MANY = 5000 };
	AUTO_FREE struct entry *tree = xcalloc(MANY, sizeof(*tree));
	AUTO(name_index_done) struct name_index ix;

	(void)state;
	name_index_init(&ix, name_of, tree);
	for (uint32_t i = 1; i < MANY; i++) {
		tree[i].parent = i % 7;
		(void)snprintf(tree[i].name, sizeof(tree[i].name), "%u", i / 7);
		assert_int_equal(NAME_INDEX_NONE,
				 name_index_find(&ix, tree[i].parent, tree[i].name, strlen(tree[i].name)));
		name_index_add(&ix, i);
	}
	for (uint32_t i = 1; i < MANY; i++)
		assert_int_equal(i, name_index_find(&ix, tree[i].parent, tree[i].name, strlen(tree[i].name)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_index_finds_nothing),
		cmocka_unit_test(a_name_is_found_below_its_own_parent_only),
		cmocka_unit_test(only_the_given_length_of_a_name_counts),
		cmocka_unit_test(every_name_is_found_while_the_index_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
