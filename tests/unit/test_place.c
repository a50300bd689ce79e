/* Private folders: made, entered and emptied, and nobody else's touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "installer/place.h"
#include "scratch.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <fcntl.h>
#include <string.h>

#define PLACE ".slipway-d-1-0"
enum { MANY = 1000 };

struct scene {
	char *path;
	int fd;
	struct steps steps;
};

/* COUNT steps, every third of which needs no place. */
static void scene_init(struct scene *s, uint32_t count)
{
	*s = (struct scene){ .path = scratch_new() };
	s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(s->fd >= 0);
	steps_init(&s->steps);
	(void)steps_add_place(&s->steps, s->path, PLACE, 1234000000000);
	for (uint32_t i = 0; i < count; i++)
		*steps_add(&s->steps) = (struct step){ .name = "x",
						       .number = i,
						       .kind = i % 3 == 1 ? STEP_ATTRIBUTES : STEP_PLACE };
}

static void scene_done(struct scene *s)
{
	auto_closep(&s->fd);
	steps_done(&s->steps);
	scratch_removep(&s->path);
}

static void every_step_has_a_name_of_its_own(void **state)
{
	AUTO(scene_done) struct scene s;
	struct err err = ERR_INIT;
	struct stat st;

	(void)state;
	scene_init(&s, MANY);
	assert_int_equal(0, place_make(&s.steps, &err));
	assert_int_equal(0, fstatat(s.fd, PLACE, &st, AT_SYMLINK_NOFOLLOW));
	assert_int_equal(0700, st.st_mode & 07777);
	for (uint32_t i = 0; i < MANY; i++) {
		struct place_names n = place_names(i);
		AUTO_FD int fd = place_open(&s.steps, 0, i, &err);

		assert_true(fd >= 0);
		assert_int_equal(0, mkdirat(fd, n.entry, 0700)); /* EEXIST were two steps to share it */
		assert_int_equal(0, mkdirat(fd, n.old, 0700));
		assert_int_equal(0, fstat(fd, &st));
		assert_int_equal(0700, st.st_mode & 07777);
		assert_true(i == 0 || place_shares_folder(i, i));
	}
}

static void steps_of_one_folder_share_its_descriptor(void **state)
{
	AUTO(scene_done) struct scene s;
	struct err err = ERR_INIT;

	(void)state;
	scene_init(&s, MANY);
	assert_int_equal(0, place_make(&s.steps, &err));
	for (uint32_t i = 1; i < MANY; i++) {
		AUTO_FD int one = place_open(&s.steps, 0, i - 1, &err);
		AUTO_FD int other = place_open(&s.steps, 0, i, &err);
		struct stat a, b;

		assert_int_equal(0, fstat(one, &a) | fstat(other, &b));
		assert_int_equal(a.st_ino == b.st_ino, place_shares_folder(i - 1, i));
	}
}

static void a_folder_of_that_name_is_never_taken_over(void **state)
{
	AUTO(scene_done) struct scene s;
	struct err err = ERR_INIT;

	(void)state;
	scene_init(&s, 1);
	assert_int_equal(0, mkdirat(s.fd, PLACE, 0777));
	assert_int_equal(-1, place_make(&s.steps, &err));
	assert_int_equal(EEXIST, err.sys);
	assert_int_equal(0, unlinkat(s.fd, PLACE, AT_REMOVEDIR));
	assert_int_equal(0, symlinkat("/tmp", s.fd, PLACE));
	assert_int_equal(-1, place_make(&s.steps, &err));
	assert_int_equal(-1, place_open(&s.steps, 0, 0, &err));
}

static void fill(const struct scene *s)
{
	struct err err = ERR_INIT;

	for (uint32_t i = 0; i < MANY; i++) {
		struct place_names n = place_names(i);
		AUTO_FD int fd = place_open(&s->steps, 0, i, &err);

		if (i % 2)
			assert_int_equal(0, symlinkat(s->path, fd, n.entry));
		else
			assert_int_equal(0, mkdirat(fd, n.entry, 0700));
	}
}

static void places_go_with_all_that_is_in_them(void **state)
{
	(void)state;
	for (unsigned how = 0; how <= (PLACE_QUIETLY | PLACE_THREADED); how++) {
		AUTO(scene_done) struct scene s;
		struct err err = ERR_INIT;
		struct stat st;

		scene_init(&s, MANY);
		assert_int_equal(0, mkdirat(s.fd, "mine", 0755));
		assert_int_equal(0, place_make(&s.steps, &err));
		fill(&s);
		assert_int_equal(0, place_remove(&s.steps, how, &err));
		assert_int_equal(-1, fstatat(s.fd, PLACE, &st, AT_SYMLINK_NOFOLLOW));
		assert_int_equal(0, fstatat(s.fd, "mine", &st, AT_SYMLINK_NOFOLLOW));
		assert_int_equal(0, fstat(s.fd, &st));
		assert_int_equal(how & PLACE_QUIETLY, st.st_mtim.tv_sec == 1234);
		assert_int_equal(0, place_remove(&s.steps, how, &err)); /* it may be gone already */
	}
}

static int fail_rmdir(void *context, const struct fs_call *call)
{
	(void)context;
	return call->op == FS_RMDIR ? EIO : 0;
}

static void ignore_end(void *context, const struct fs_call *call, int result)
{
	(void)context, (void)call, (void)result;
}

static void what_cannot_be_removed_is_told_and_removed_another_time(void **state)
{
	static const struct fs_observer observer = { fail_rmdir, ignore_end, NULL };
	static const unsigned ways[] = { PLACE_QUIETLY, PLACE_QUIETLY | PLACE_THREADED };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		AUTO(scene_done) struct scene s;
		struct err err = ERR_INIT;

		scene_init(&s, MANY);
		assert_int_equal(0, place_make(&s.steps, &err));
		fill(&s);
		fs_observe(&observer);
		assert_int_equal(-1, place_remove(&s.steps, ways[i], &err));
		fs_observe(NULL);
		assert_int_equal(EIO, err.sys);
		assert_non_null(strstr(err.msg, PLACE));
		err = ERR_INIT;
		assert_int_equal(0, place_remove(&s.steps, ways[i], &err));
	}
}

static void links_are_not_followed_on_the_way_to_a_place(void **state)
{
	AUTO(scene_done) struct scene s;
	AUTO_FREE char *path = NULL;

	(void)state;
	scene_init(&s, 0);
	path = xasprintf("%s/l/x", s.path);
	assert_int_equal(0, mkdirat(s.fd, "d", 0755));
	assert_int_equal(0, mkdirat(s.fd, "d/x", 0755));
	assert_int_equal(0, symlinkat("d", s.fd, "l"));
	assert_int_equal(-1, place_open_absolute(path, O_PATH | O_DIRECTORY));
	assert_int_equal(ELOOP, errno);
	path[strlen(s.path) + 1] = 'd';

	AUTO_FD int fd = place_open_absolute(path, O_PATH | O_DIRECTORY);
	AUTO_FD int root = place_open_absolute("/", O_PATH | O_DIRECTORY);

	assert_true(fd >= 0 && root >= 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_step_has_a_name_of_its_own),
		cmocka_unit_test(steps_of_one_folder_share_its_descriptor),
		cmocka_unit_test(a_folder_of_that_name_is_never_taken_over),
		cmocka_unit_test(places_go_with_all_that_is_in_them),
		cmocka_unit_test(what_cannot_be_removed_is_told_and_removed_another_time),
		cmocka_unit_test(links_are_not_followed_on_the_way_to_a_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
