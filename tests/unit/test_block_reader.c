/* tests/unit/test_block_reader.c */
#include "bundle/block_reader.h"

#include "bundle/write_back.h"
#include "util/auto.h"
#include "util/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>

static int file_of(const unsigned char *bytes, size_t len)
{
	int fd = memfd_create("blocks", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, 0), len);
	return fd;
}

static void blocks_and_digest_are_those_of_the_file(void **state)
{
	static const size_t sizes[] = { 0, 1, 65536, 65537, 3000000 };
	AUTO_FREE unsigned char *bytes = xmalloc(3000000);
	struct digest *d = digest_new();

	(void)state;
	for (size_t i = 0; i < 3000000; i++)
		bytes[i] = (unsigned char)(i * i >> 7);
	for (size_t i = 0; i < ARRAY_LEN(sizes) * 2; i++) {
		AUTO_FD int fd = file_of(bytes, sizes[i / 2]);
		struct block_reader *b = block_reader_new(fd, i % 2);
		struct err err = ERR_INIT;
		const unsigned char *block;
		size_t len, at = 0;
		unsigned char want[DIGEST_BYTES], have[DIGEST_BYTES];

		while (block_reader_next(b, &block, &len, &err) > 0) {
			assert_memory_equal(block, bytes + at, len);
			at += len;
		}
		assert_int_equal(at, sizes[i / 2]);
		assert_int_equal(block_reader_next(b, &block, &len, &err), 0);
		digest_start(d);
		digest_update(d, bytes, at);
		digest_finish(d, want);
		block_reader_digest(b, have);
		assert_memory_equal(have, want, DIGEST_BYTES);
		block_reader_free(b);
	}
	digest_free(d);
}

static void it_may_be_left_at_any_time(void **state)
{
	AUTO_FREE unsigned char *bytes = xcalloc(1, 1000000);
	AUTO_FD int fd = file_of(bytes, 1000000);

	(void)state;
	for (int blocks = 0; blocks < 12; blocks++) {
		struct block_reader *b = block_reader_new(fd, true);
		struct err err = ERR_INIT;
		const unsigned char *block;
		size_t len;

		assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
		for (int i = 0; i < blocks; i++)
			assert_int_equal(block_reader_next(b, &block, &len, &err), 1);
		block_reader_free(b);
	}
	block_reader_free(NULL);
}

static void what_cannot_be_read_is_an_error(void **state)
{
	const unsigned char *block;
	size_t len;

	(void)state;
	for (int threaded = 0; threaded < 2; threaded++) {
		struct block_reader *b = block_reader_new(-1, threaded);
		struct err err = ERR_INIT;

		assert_int_equal(block_reader_next(b, &block, &len, &err), -1);
		assert_string_equal(err.msg, "reading: Bad file descriptor");
		block_reader_free(b);
	}
}

/* The lowest descriptor that is free. */
static int next_free(void)
{
	AUTO_FD int fd = dup(0);

	return fd;
}

static void early_writing_leaves_no_descriptor_open(void **state)
{
	unsigned char bytes[8192] = { 1 };
	AUTO_FD int fd = file_of(bytes, sizeof(bytes));
	int before = next_free();
	struct write_back *w = write_back_new();
	int begun = 0;

	(void)state;
	assert_non_null(w);
	for (int i = 0; i < 500; i++)
		begun += write_back_range(w, fd, 0, sizeof(bytes));
	assert_in_range(begun, 1, 500);
	write_back_free(w);
	write_back_free(NULL);
	assert_int_equal(next_free(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_and_digest_are_those_of_the_file),
		cmocka_unit_test(it_may_be_left_at_any_time),
		cmocka_unit_test(what_cannot_be_read_is_an_error),
		cmocka_unit_test(early_writing_leaves_no_descriptor_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
