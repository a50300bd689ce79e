/* tests/unit/test_ring.c */
#include "bundle/ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { RECORDS = 20000, SIZE = 4096 };

struct numbered {
	size_t number, len;
	unsigned char bytes[];
};

/* Sizes of all kinds, the same for both sides. */
static size_t len_of(size_t number)
{
	return number * 7919 % 900;
}

static void *read_all(void *context)
{
	struct ring *r = context;
	size_t wrong = 0, n = 0;
	const struct numbered *rec;

	while ((rec = ring_peek(r))) {
		wrong += rec->number != n || rec->len != len_of(n);
		for (size_t i = 0; i < rec->len; i++)
			wrong += rec->bytes[i] != (unsigned char)n;
		ring_release(r);
		n++;
	}
	return (void *)(uintptr_t)(wrong ? wrong : n == RECORDS ? 0 : 1);
}

static void records_come_out_whole_and_in_order(void **state)
{
	struct ring *r = ring_new(SIZE);
	pthread_t reader;
	void *wrong;

	(void)state;
	assert_int_equal(pthread_create(&reader, NULL, read_all, r), 0);
	for (size_t n = 0; n < RECORDS; n++) {
		struct numbered *rec = ring_reserve(r, sizeof(*rec) + len_of(n));

		assert_non_null(rec);
		rec->number = n;
		rec->len = len_of(n);
		memset(rec->bytes, (int)n, rec->len);
		ring_commit(r);
	}
	ring_close(r);
	assert_int_equal(pthread_join(reader, &wrong), 0);
	assert_null(wrong);
	ring_free(r);
}

static void *abort_after_one(void *context)
{
	(void)ring_peek(context);
	ring_abort(context);
	return NULL;
}

static void aborting_wakes_a_writer_that_waits_for_room(void **state)
{
	struct ring *r = ring_new(SIZE);
	pthread_t reader;
	int written = 0;

	(void)state;
	assert_int_equal(pthread_create(&reader, NULL, abort_after_one, r), 0);
	while (ring_reserve(r, 1000)) {
		ring_commit(r);
		written++;
	}
	assert_in_range(written, 1, 4);
	assert_int_equal(pthread_join(reader, NULL), 0);
	assert_null(ring_peek(r));
	ring_free(r);
	ring_free(NULL);
}

static void it_is_crowded_from_half_on(void **state)
{
	struct ring *r = ring_new(SIZE);

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ring_crowded(r), i > 2);
		assert_non_null(ring_reserve(r, 900));
		ring_commit(r);
	}
	assert_true(ring_crowded(r));
	assert_non_null(ring_peek(r));
	ring_release(r);
	assert_false(ring_crowded(r));
	ring_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_come_out_whole_and_in_order),
		cmocka_unit_test(aborting_wakes_a_writer_that_waits_for_room),
		cmocka_unit_test(it_is_crowded_from_half_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
