/* tests/unit/test_digest_index.c */
#include "model/digest_index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>

static void fill(unsigned char digest[DIGEST_SIZE], uint64_t n)
{
	memset(digest, 0, DIGEST_SIZE);
	memcpy(digest, &n, sizeof(n));
}

static void a_file_is_found_only_as_it_was_hashed(void **state)
{
	struct digest_index *ix = digest_index_new();
	unsigned char in[DIGEST_SIZE], out[DIGEST_SIZE];

	(void)state;
	fill(in, 7);
	digest_index_add(ix, 5, 100, 1000, in);
	assert_true(digest_index_find(ix, 5, 100, 1000, out));
	assert_memory_equal(in, out, DIGEST_SIZE);
	assert_false(digest_index_find(ix, 6, 100, 1000, out));
	assert_false(digest_index_find(ix, 5, 101, 1000, out));
	assert_false(digest_index_find(ix, 5, 100, 1001, out));
	digest_index_free(ix);
	digest_index_free(NULL);
}

static void the_second_digest_of_an_inode_replaces_the_first(void **state)
{
	struct digest_index *ix = digest_index_new();
	unsigned char in[DIGEST_SIZE], out[DIGEST_SIZE];

	(void)state;
	fill(in, 1);
	digest_index_add(ix, 0, 1, 1, in);
	fill(in, 2);
	digest_index_add(ix, 0, 2, 2, in);
	assert_false(digest_index_find(ix, 0, 1, 1, out));
	assert_true(digest_index_find(ix, 0, 2, 2, out));
	assert_memory_equal(in, out, DIGEST_SIZE);
	digest_index_free(ix);
}

enum { EACH = 50000 };

struct adder {
	struct digest_index *ix;
	uint64_t first;
};

static void *add_many(void *context)
{
	const struct adder *a = context;
	unsigned char digest[DIGEST_SIZE];

	for (uint64_t i = a->first; i < a->first + EACH; i++) {
		fill(digest, i);
		digest_index_add(a->ix, i * 4096, (int64_t)i, 1, digest); /* inodes that share their low bits */
	}
	return NULL;
}

static void two_threads_may_add_a_hundred_thousand_files(void **state)
{
	struct digest_index *ix = digest_index_new();
	struct adder a = { ix, 0 }, b = { ix, EACH };
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, add_many, &a), 0);
	add_many(&b);
	assert_int_equal(pthread_join(thread, NULL), 0);
	for (uint64_t i = 0; i < 2 * EACH; i++) {
		unsigned char want[DIGEST_SIZE], have[DIGEST_SIZE];

		fill(want, i);
		assert_true(digest_index_find(ix, i * 4096, (int64_t)i, 1, have));
		assert_memory_equal(want, have, DIGEST_SIZE);
	}
	digest_index_free(ix);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_found_only_as_it_was_hashed),
		cmocka_unit_test(the_second_digest_of_an_inode_replaces_the_first),
		cmocka_unit_test(two_threads_may_add_a_hundred_thousand_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
