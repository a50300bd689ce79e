/* Records that survive, tails that are cut, damage that is noticed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "installer/journal.h"
#include "open_scratch.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

static void journal_freep(struct journal **j)
{
	journal_free(*j);
}

/* Three batches: header; two places; a folder, steps of several lengths and COMMIT; and DONE. */
static const struct {
	enum journal_type type;
	const char *payload;
	bool flush;
} script[] = {
	{ JOURNAL_PLACE, "first place", false },
	{ JOURNAL_PLACE, "second", true },
	{ JOURNAL_FOLDER, "", false },
	{ JOURNAL_STEP, "a step", false },
	{ JOURNAL_STEP, "another and longer step, of more bytes than all the others", false },
	{ JOURNAL_COMMIT, "", true },
	{ JOURNAL_DONE, "", true },
};

enum { RECORDS = 1 + ARRAY_LEN(script), HEAD_AND_CRC = 20 };

/* Where record I starts, the header being number 0. */
static size_t start_of(size_t i)
{
	size_t at = i ? HEAD_AND_CRC + sizeof(uint32_t) : 0;

	for (size_t k = 1; k < i; k++)
		at += HEAD_AND_CRC + strlen(script[k - 1].payload);
	return at;
}

/* How many of the records a file that is sound for LEN bytes holds. */
static size_t records_in(size_t len)
{
	size_t n = 0;

	while (n < RECORDS && start_of(n + 1) <= len)
		n++;
	return n;
}

static void write_script(int dir_fd)
{
	struct err err = ERR_INIT;
	AUTO(journal_freep) struct journal *j = NULL;

	assert_int_equal(0, journal_create(dir_fd, &j, &err));
	assert_int_equal(0, journal_reserve(j, 4096, ARRAY_LEN(script), &err));
	for (size_t i = 0; i < ARRAY_LEN(script); i++) {
		size_t len = strlen(script[i].payload);

		assert_int_equal(0, journal_add(j, script[i].type, script[i].payload, len, &err));
		if (script[i].flush)
			assert_int_equal(0, journal_flush(j, &err));
	}
}

static char *read_image(int dir_fd, size_t *len)
{
	struct str image = STR_INIT(1024 * 1024);
	struct err err = ERR_INIT;

	assert_int_equal(1, fs_read_file(dir_fd, JOURNAL_NAME, &image, &err));
	*len = image.len;
	return str_take(&image);
}

static void write_image(int dir_fd, const char *image, size_t len)
{
	AUTO_FD int fd = openat(dir_fd, JOURNAL_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(len, write(fd, image, len));
}

static void assert_prefix(const struct journal *j, size_t count)
{
	assert_int_equal(count, journal_count(j));
	for (size_t i = 1; i < count; i++) {
		const struct journal_record *r = journal_record(j, i);

		assert_int_equal(script[i - 1].type, r->type);
		assert_int_equal(strlen(script[i - 1].payload), r->len);
		assert_memory_equal(script[i - 1].payload, r->payload, r->len);
	}
}

static void what_was_written_is_read(void **state)
{
	AUTO(place_done) struct place p = place_new();
	AUTO(journal_freep) struct journal *j = NULL;
	struct err err = ERR_INIT;

	(void)state;
	write_script(p.fd);
	assert_int_equal(1, journal_open(p.fd, &j, &err));
	assert_int_equal(JOURNAL_HEADER, journal_record(j, 0)->type);
	assert_prefix(j, RECORDS);
}

static void no_file_is_no_journal(void **state)
{
	AUTO(place_done) struct place p = place_new();
	struct journal *j = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(0, journal_open(p.fd, &j, &err));
	write_image(p.fd, "", 0);
	assert_int_equal(0, journal_open(p.fd, &j, &err));
	write_image(p.fd, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32);
	assert_int_equal(0, journal_open(p.fd, &j, &err));
	assert_null(j);
}

static void a_second_journal_is_refused(void **state)
{
	AUTO(place_done) struct place p = place_new();
	struct journal *j = NULL;
	struct err err = ERR_INIT;

	(void)state;
	write_script(p.fd);
	assert_int_equal(-1, journal_create(p.fd, &j, &err));
	assert_int_equal(EEXIST, err.sys);
}

/* Adds FAILED to what is there and sees that exactly this follows. */
static void assert_goes_on(int dir_fd, struct journal *j, size_t count)
{
	struct err err = ERR_INIT;
	AUTO(journal_freep) struct journal *again = NULL;

	assert_int_equal(0, journal_mark(j, JOURNAL_FAILED, &err));
	assert_int_equal(1, journal_open(dir_fd, &again, &err));
	assert_int_equal(count + 1, journal_count(again));
	assert_int_equal(JOURNAL_FAILED, journal_record(again, count)->type);
}

static void cut_anywhere_it_holds_what_was_whole_and_can_be_added_to(void **state)
{
	AUTO(place_done) struct place p = place_new();
	size_t len;

	(void)state;
	write_script(p.fd);

	AUTO_FREE char *image = read_image(p.fd, &len);

	for (int zeroes = 0; zeroes < 2; zeroes++) {
		for (size_t cut = 0; cut <= start_of(RECORDS); cut++) {
			AUTO_FREE char *torn = xcalloc(1, len);
			AUTO(journal_freep) struct journal *j = NULL;
			struct err err = ERR_INIT;
			size_t same = cut;

			memcpy(torn, image, cut);
			while (zeroes && same < len && !image[same])
				same++; /* zeroes that are missing are none that are missed */
			write_image(p.fd, torn, zeroes ? len : cut);

			size_t whole = records_in(same);
			int found = journal_open(p.fd, &j, &err);

			assert_int_equal(whole > 0, found);
			if (!found)
				continue;
			assert_prefix(j, whole);
			assert_goes_on(p.fd, j, whole);
		}
	}
}

/* The last batch is DONE: damage in it is a tear, damage before it cannot be one. */
static void every_flipped_bit_before_the_last_batch_is_noticed(void **state)
{
	AUTO(place_done) struct place p = place_new();
	size_t len;

	(void)state;
	write_script(p.fd);

	AUTO_FREE char *image = read_image(p.fd, &len);

	for (size_t at = 0; at < start_of(RECORDS); at++) {
		for (int bit = 0; bit < 8; bit++) {
			AUTO(journal_freep) struct journal *j = NULL;
			struct err err = ERR_INIT;

			image[at] = (char)(image[at] ^ 1 << bit);
			write_image(p.fd, image, len);
			image[at] = (char)(image[at] ^ 1 << bit);

			int found = journal_open(p.fd, &j, &err);

			if (at < start_of(RECORDS - 1)) {
				if (found != -1)
					fail_msg("byte %zu, bit %d: not noticed", at, bit);
				assert_int_equal(ERR_STATE, err.kind);
			} else {
				assert_int_equal(1, found);
				assert_prefix(j, RECORDS - 1);
				assert_goes_on(p.fd, j, RECORDS - 1);
			}
		}
	}
}

/* A batch is all or nothing only as far as its order goes: a sound record behind a torn one of the same batch. */
static void records_behind_a_tear_in_one_batch_never_happened(void **state)
{
	AUTO(place_done) struct place p = place_new();
	AUTO(journal_freep) struct journal *j = NULL;
	struct err err = ERR_INIT;
	size_t len;

	(void)state;
	write_script(p.fd);

	AUTO_FREE char *image = read_image(p.fd, &len);

	memset(image + start_of(RECORDS - 1), 0, HEAD_AND_CRC); /* DONE was never written */
	image[start_of(4) + 18] ^= 1;				/* and the first step is torn, COMMIT is not */
	write_image(p.fd, image, len);
	assert_int_equal(1, journal_open(p.fd, &j, &err));
	assert_prefix(j, 4);
	assert_goes_on(p.fd, j, 4);
}

static void a_journal_of_a_newer_agent_is_left_alone(void **state)
{
	AUTO(place_done) struct place p = place_new();
	struct journal *j = NULL;
	struct err err = ERR_INIT;
	size_t len;

	(void)state;
	write_script(p.fd);

	AUTO_FREE char *image = read_image(p.fd, &len);
	const uint32_t version = JOURNAL_VERSION + 1;

	memcpy(image + 16, &version, sizeof(version));

	const uint32_t crc = (uint32_t)crc32_z(crc32_z(0, NULL, 0), (const unsigned char *)image, 20);

	memcpy(image + 20, &crc, sizeof(crc));
	write_image(p.fd, image, len);
	assert_int_equal(-1, journal_open(p.fd, &j, &err));
	assert_int_equal(ERR_STATE, err.kind);
	assert_non_null(strstr(err.msg, "version 2"));
	assert_null(j);
}

static void an_endless_journal_is_refused_before_it_is_written(void **state)
{
	AUTO(place_done) struct place p = place_new();
	AUTO(journal_freep) struct journal *j = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(0, journal_create(p.fd, &j, &err));
	assert_int_equal(-1, journal_reserve(j, (size_t)3 << 30, 1, &err));
	assert_int_equal(ERR_STATE, err.kind);
}

static int fail_writes(void *context, const struct fs_call *call)
{
	int *left = context;

	return call->op == FS_WRITE && (*left)-- > 0 ? ENOSPC : 0;
}

static void ignore_end(void *context, const struct fs_call *call, int result)
{
	(void)context, (void)call, (void)result;
}

static void what_could_not_be_written_is_written_with_the_next_batch(void **state)
{
	AUTO(place_done) struct place p = place_new();
	AUTO(journal_freep) struct journal *j = NULL;
	AUTO(journal_freep) struct journal *again = NULL;
	struct err err = ERR_INIT;
	int failures = 1;
	const struct fs_observer observer = { fail_writes, ignore_end, &failures };

	(void)state;
	assert_int_equal(0, journal_create(p.fd, &j, &err));
	fs_observe(&observer);
	assert_int_equal(-1, journal_mark(j, JOURNAL_COMMIT, &err));
	fs_observe(NULL);
	assert_int_equal(ERR_NO_SPACE, err.kind);
	assert_int_equal(0, journal_mark(j, JOURNAL_FAILED, &err));
	assert_int_equal(1, journal_open(p.fd, &again, &err));
	assert_int_equal(3, journal_count(again));
	assert_int_equal(JOURNAL_FAILED, journal_record(again, 2)->type);
}

static void many_records_of_one_batch_are_read(void **state)
{
	enum { MANY = 20000 };
	AUTO(place_done) struct place p = place_new();
	AUTO(journal_freep) struct journal *j = NULL;
	AUTO(journal_freep) struct journal *again = NULL;
	struct err err = ERR_INIT;
	char payload[300] = "";

	(void)state;
	assert_int_equal(0, journal_create(p.fd, &j, &err));
	for (unsigned i = 0; i < MANY; i++) {
		(void)snprintf(payload, sizeof(payload), "%u", i);
		assert_int_equal(0, journal_add(j, JOURNAL_STEP, payload, i % sizeof(payload), &err));
	}
	assert_int_equal(0, journal_mark(j, JOURNAL_COMMIT, &err));
	assert_int_equal(1, journal_open(p.fd, &again, &err));
	assert_int_equal(MANY + 2, journal_count(again));
	(void)snprintf(payload, sizeof(payload), "%u", 12345);
	assert_int_equal(12345 % sizeof(payload), journal_record(again, 12346)->len);
	assert_memory_equal(payload, journal_record(again, 12346)->payload, 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(no_file_is_no_journal),
		cmocka_unit_test(a_second_journal_is_refused),
		cmocka_unit_test(cut_anywhere_it_holds_what_was_whole_and_can_be_added_to),
		cmocka_unit_test(every_flipped_bit_before_the_last_batch_is_noticed),
		cmocka_unit_test(records_behind_a_tear_in_one_batch_never_happened),
		cmocka_unit_test(a_journal_of_a_newer_agent_is_left_alone),
		cmocka_unit_test(an_endless_journal_is_refused_before_it_is_written),
		cmocka_unit_test(what_could_not_be_written_is_written_with_the_next_batch),
		cmocka_unit_test(many_records_of_one_batch_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
