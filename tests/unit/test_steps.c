/* Steps survive their journal; what makes no sense there is never carried out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "installer/steps.h"
#include "open_scratch.h"
#include "util/auto.h"
#include "util/str.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static void journal_freep(struct journal **j)
{
	journal_free(*j);
}

static const struct step list[] = {
	{ .name = "a", .acl_before = "", .acl_after = "", .kind = STEP_PLACE, .new_dev = 1, .new_ino = UINT64_MAX },
	{ .name = " odd\nname\xff ",
	  .acl_before = "",
	  .acl_after = "",
	  .folder = 1,
	  .place = 1,
	  .number = UINT32_MAX,
	  .kind = STEP_EXCHANGE,
	  .new_dev = 2,
	  .new_ino = 3,
	  .old_ino = UINT64_MAX },
	{ .name = "..a", .acl_before = "", .acl_after = "", .number = 2, .kind = STEP_REMOVE, .old_ino = 5 },
	{ .name = "f", .acl_before = "", .acl_after = "", .number = 3, .kind = STEP_REMOVE_FOLDER, .old_ino = 6 },
	{ .name = "g",
	  .acl_before = "user::rwx|default",
	  .acl_after = "",
	  .number = 4,
	  .kind = STEP_ATTRIBUTES,
	  .old_ino = 7,
	  .before = { 0755, 1, 2 },
	  .after = { 02700, UINT32_MAX - 1, 4 } },
};

static const struct step_label labels[] = {
	{ "/srv/ odd\nname\xff ", "", "u:t:s0", LABEL_FORTH, UINT32_MAX },
	{ "/srv/gone", ":t:", "", LABEL_BACK | LABEL_FOREIGN, 0 },
};

static void fill(struct steps *s)
{
	steps_init(s);
	assert_int_equal(0, steps_add_place(s, "/", ".slipway-d-1-0", 5));
	assert_int_equal(1, steps_add_place(s, "/data disk", ".slipway-d-1-1", -6));
	assert_int_equal(0, steps_add_folder(s, "/srv", UINT64_MAX, 8, INT64_MIN));
	assert_int_equal(1, steps_add_folder(s, "/data disk/app", 9, 10, 11));
	for (size_t i = 0; i < ARRAY_LEN(list); i++)
		*steps_add(s) = list[i];
	for (size_t i = 0; i < ARRAY_LEN(labels); i++)
		steps_add_label(s, &labels[i]);
}

static void steps_come_back_from_a_journal_as_they_went_in(void **state)
{
	AUTO(place_done) struct place p = place_new();
	AUTO(journal_freep) struct journal *j = NULL;
	AUTO(journal_freep) struct journal *again = NULL;
	AUTO(steps_done) struct steps s, t;
	enum steps_state how;
	struct err err = ERR_INIT;

	(void)state;
	fill(&s);
	assert_int_equal(0, journal_create(p.fd, &j, &err));
	assert_int_equal(0, steps_write_places(&s, j, &err));
	assert_int_equal(0, steps_write(&s, j, &err));
	assert_int_equal(0, journal_mark(j, JOURNAL_COMMIT, &err));
	assert_int_equal(1, journal_open(p.fd, &again, &err));
	assert_int_equal(0, steps_read(again, &t, &how, &err));
	assert_int_equal(STEPS_COMMITTED, how);
	assert_int_equal(2, t.place_count);
	assert_string_equal("/data disk", t.places[1].parent);
	assert_string_equal(".slipway-d-1-1", t.places[1].name);
	assert_int_equal(-6, t.places[1].parent_mtime_ns);
	assert_int_equal(2, t.folder_count);
	assert_string_equal("/srv", t.folders[0].path);
	assert_int_equal(UINT64_MAX, t.folders[0].dev);
	assert_int_equal(8, t.folders[0].ino);
	assert_int_equal(INT64_MIN, t.folders[0].mtime_ns);
	assert_int_equal(ARRAY_LEN(labels), t.label_count);
	for (size_t i = 0; i < t.label_count; i++) {
		assert_string_equal(labels[i].path, t.labels[i].path);
		assert_string_equal(labels[i].before, t.labels[i].before);
		assert_string_equal(labels[i].after, t.labels[i].after);
		assert_int_equal(labels[i].flags, t.labels[i].flags);
		assert_int_equal(labels[i].line, t.labels[i].line);
	}
	assert_int_equal(ARRAY_LEN(list), t.count);
	for (size_t i = 0; i < t.count; i++) {
		struct step st = t.items[i];

		assert_string_equal(list[i].name, st.name);
		assert_string_equal(list[i].acl_before, st.acl_before);
		assert_string_equal(list[i].acl_after, st.acl_after);
		assert_int_equal(list[i].folder, st.folder);
		assert_int_equal(list[i].place, st.place);
		assert_int_equal(list[i].number, st.number);
		assert_int_equal(list[i].kind, st.kind);
		assert_int_equal(list[i].new_dev, st.new_dev);
		assert_int_equal(list[i].new_ino, st.new_ino);
		assert_int_equal(list[i].old_ino, st.old_ino);
		assert_memory_equal(&list[i].before, &st.before, sizeof(st.before));
		assert_memory_equal(&list[i].after, &st.after, sizeof(st.after));
	}
}

static const struct {
	enum journal_type marks[4]; /* 0: no more */
	enum steps_state want;
} histories[] = {
	{ { 0 }, STEPS_STAGED },
	{ { JOURNAL_COMMIT }, STEPS_COMMITTED },
	{ { JOURNAL_COMMIT, JOURNAL_DONE }, STEPS_DONE },
	{ { JOURNAL_COMMIT, JOURNAL_FAILED }, STEPS_FAILED },
	{ { JOURNAL_COMMIT, JOURNAL_DONE, JOURNAL_FAILED }, STEPS_FAILED },
	{ { JOURNAL_COMMIT, JOURNAL_FAILED, JOURNAL_UNDONE }, STEPS_UNDONE },
	{ { JOURNAL_COMMIT, JOURNAL_FAILED, JOURNAL_UNDONE, JOURNAL_END }, STEPS_ENDED },
	{ { JOURNAL_COMMIT, JOURNAL_DONE, JOURNAL_END }, STEPS_ENDED },
	{ { JOURNAL_END }, STEPS_ENDED },
};

static void the_last_mark_tells_the_state(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(histories); i++) {
		AUTO(place_done) struct place p = place_new();
		AUTO(journal_freep) struct journal *j = NULL;
		AUTO(journal_freep) struct journal *again = NULL;
		AUTO(steps_done) struct steps s = { 0 };
		enum steps_state how;
		struct err err = ERR_INIT;

		assert_int_equal(0, journal_create(p.fd, &j, &err));
		assert_int_equal(0, journal_flush(j, &err));
		for (size_t k = 0; k < 4 && histories[i].marks[k]; k++)
			assert_int_equal(0, journal_mark(j, histories[i].marks[k], &err));
		assert_int_equal(1, journal_open(p.fd, &again, &err));
		assert_int_equal(0, steps_read(again, &s, &how, &err));
		assert_int_equal(histories[i].want, how);
	}
}

/* The fixed part of a step's record, as the journal has it. */
struct raw_step {
	uint32_t kind, folder, place, number;
	uint64_t new_dev, new_ino, old_ino;
	struct step_attributes before, after;
};

#define TEXTS(text) text, sizeof(text) - 1

static const struct {
	const char *why;
	struct raw_step head;
	const char *texts; /* name, acl before, acl after, each with its NUL */
	size_t len;
	bool sound;
} records[] = {
	{ "as it should be", { 0 }, TEXTS("a\0\0\0"), true },
	{ "no such kind", { .kind = STEP_KIND_COUNT }, TEXTS("a\0\0\0"), false },
	{ "a kind that is negative", { .kind = UINT32_MAX }, TEXTS("a\0\0\0"), false },
	{ "no such folder", { .folder = 1 }, TEXTS("a\0\0\0"), false },
	{ "no such place", { .place = 1 }, TEXTS("a\0\0\0"), false },
	{ "attributes need no place", { .kind = STEP_ATTRIBUTES, .place = 1 }, TEXTS("a\0\0\0"), true },
	{ "a name that leads down", { 0 }, TEXTS("a/b\0\0\0"), false },
	{ "a name that leads up", { 0 }, TEXTS("..\0\0\0"), false },
	{ "a name that leads nowhere", { 0 }, TEXTS(".\0\0\0"), false },
	{ "no name", { 0 }, TEXTS("\0\0\0"), false },
	{ "a text missing", { 0 }, TEXTS("a\0\0"), false },
	{ "a text too many", { 0 }, TEXTS("a\0\0\0b\0"), false },
	{ "no end of the last text", { 0 }, TEXTS("a\0\0b"), false },
	{ "no texts", { 0 }, TEXTS(""), false },
};

static int read_one(const void *record, size_t len, enum journal_type type, struct err *err)
{
	AUTO(place_done) struct place p = place_new();
	AUTO(journal_freep) struct journal *j = NULL;
	AUTO(journal_freep) struct journal *again = NULL;
	AUTO(steps_done) struct steps s, t = { 0 };
	enum steps_state how;

	steps_init(&s);
	(void)steps_add_place(&s, "/", ".slipway-d-1-0", 0);
	(void)steps_add_folder(&s, "/srv", 1, 2, 3);
	assert_int_equal(0, journal_create(p.fd, &j, err));
	assert_int_equal(0, steps_write_places(&s, j, err));
	assert_int_equal(0, steps_write(&s, j, err));
	assert_int_equal(0, journal_add(j, type, record, len, err));
	assert_int_equal(0, journal_flush(j, err));
	assert_int_equal(1, journal_open(p.fd, &again, err));
	return steps_read(again, &t, &how, err);
}

static void a_step_that_makes_no_sense_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(records); i++) {
		char record[sizeof(struct raw_step) + 64];
		struct err err = ERR_INIT;

		print_message("  %s\n", records[i].why);
		memcpy(record, &records[i].head, sizeof(struct raw_step));
		memcpy(record + sizeof(struct raw_step), records[i].texts, records[i].len);
		assert_int_equal(records[i].sound ? 0 : -1,
				 read_one(record, sizeof(struct raw_step) + records[i].len, JOURNAL_STEP, &err));
		assert_int_equal(records[i].sound ? ERR_NONE : ERR_STATE, err.kind);
	}
}

static const struct {
	const char *why;
	enum journal_type type;
	const char *bytes;
	size_t len;
} others[] = {
	{ "a step that is too short", JOURNAL_STEP, TEXTS("short") },
	{ "a folder by a relative path", JOURNAL_FOLDER, TEXTS("0123456789abcdef01234567srv\0") },
	{ "a folder without a path", JOURNAL_FOLDER, TEXTS("0123456789abcdef01234567") },
	{ "a place in a relative folder", JOURNAL_PLACE, TEXTS("01234567srv\0x\0") },
	{ "a place that leads up", JOURNAL_PLACE, TEXTS("01234567/srv\0..\0") },
	{ "a place that leads down", JOURNAL_PLACE, TEXTS("01234567/srv\0a/b\0") },
	{ "a place without a name", JOURNAL_PLACE, TEXTS("01234567/srv\0\0") },
	{ "a place with one text only", JOURNAL_PLACE, TEXTS("01234567/srv\0") },
};

static void folders_and_places_that_make_no_sense_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct err err = ERR_INIT;

		print_message("  %s\n", others[i].why);
		assert_int_equal(-1, read_one(others[i].bytes, others[i].len, others[i].type, &err));
		assert_int_equal(ERR_STATE, err.kind);
	}
}

static void the_longest_texts_that_can_be_written_can_be_read(void **state)
{
	AUTO(place_done) struct place p = place_new();
	AUTO(journal_freep) struct journal *j = NULL;
	AUTO(journal_freep) struct journal *again = NULL;
	AUTO(steps_done) struct steps s, t = { 0 };
	AUTO_FREE char *acl = xmalloc(128 * 1024 + 1); /* two halves of 64 KiB, the limit of fs_get_acl() */
	enum steps_state how;
	struct err err = ERR_INIT;

	(void)state;
	memset(acl, 'x', 128 * 1024);
	acl[128 * 1024] = '\0';
	steps_init(&s);
	(void)steps_add_folder(&s, "/srv", 1, 2, 3);
	*steps_add(&s) = (struct step){ .kind = STEP_ATTRIBUTES, .name = "d", .acl_before = acl, .acl_after = acl };
	assert_int_equal(0, journal_create(p.fd, &j, &err));
	assert_int_equal(0, steps_write(&s, j, &err));
	assert_int_equal(0, journal_flush(j, &err));
	assert_int_equal(1, journal_open(p.fd, &again, &err));
	assert_int_equal(0, steps_read(again, &t, &how, &err));
	assert_string_equal(acl, t.items[0].acl_after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_come_back_from_a_journal_as_they_went_in),
		cmocka_unit_test(the_last_mark_tells_the_state),
		cmocka_unit_test(a_step_that_makes_no_sense_is_refused),
		cmocka_unit_test(folders_and_places_that_make_no_sense_are_refused),
		cmocka_unit_test(the_longest_texts_that_can_be_written_can_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
