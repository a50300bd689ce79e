/* The observer and its oracle, tried on small right and wrong sequences: what the crash tests rely on. */
#include "observer.h"
#include "scratch.h"

#include "util/auto.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* --- the oracle: each case is a sequence of steps in a folder that holds `private` and `public` --- */

struct bench {
	int top, private, public;
};

static void make(int dir_fd, const char *name, const char *text, bool flushed)
{
	AUTO_FD int fd = fs_create(dir_fd, name, O_WRONLY, 0644);

	assert_true(fd >= 0);
	assert_int_equal(fs_write(fd, text, strlen(text)), 0);
	if (flushed)
		assert_int_equal(fs_fsync(fd), 0);
}

static void change(int dir_fd, const char *name, int (*how)(int fd))
{
	AUTO_FD int fd = openat(dir_fd, name, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(how(fd), 0);
}

static int do_chmod(int fd)
{
	return fs_chmod(fd, 0600);
}

static int do_chown(int fd)
{
	return fs_chown(fd, getuid(), getgid());
}

static int do_utimens(int fd)
{
	return fs_utimens(fd, (const struct timespec[2]){ { .tv_sec = 1 }, { .tv_sec = 1 } });
}

static int do_truncate(int fd)
{
	return fs_truncate(fd, 1);
}

static int do_write(int fd)
{
	return fs_pwrite(fd, "x", 1, 0);
}

static int do_fail_to_chmod(int fd)
{
	(void)fd;
	assert_int_equal(fs_chmod(-1, 0600), -1);
	return 0;
}

static void publish(const struct bench *b, const char *name)
{
	assert_int_equal(fs_rename(b->private, name, b->public, name), 0);
}

static void a_flushed_file(const struct bench *b)
{
	make(b->private, "a", "new", true);
	publish(b, "a");
}

static void an_unflushed_file(const struct bench *b)
{
	make(b->private, "a", "new", false);
	publish(b, "a");
}

static void a_file_flushed_by_syncfs(const struct bench *b)
{
	make(b->private, "a", "new", false);
	assert_int_equal(fs_syncfs(b->top), 0);
	publish(b, "a");
}

static void flushed_then(const struct bench *b, int (*how)(int fd))
{
	make(b->private, "a", "new", true);
	change(b->private, "a", how);
	publish(b, "a");
}

static void chmod_after_the_flush(const struct bench *b)
{
	flushed_then(b, do_chmod);
}

static void chown_after_the_flush(const struct bench *b)
{
	flushed_then(b, do_chown);
}

static void times_after_the_flush(const struct bench *b)
{
	flushed_then(b, do_utimens);
}

static void truncate_after_the_flush(const struct bench *b)
{
	flushed_then(b, do_truncate);
}

static void write_after_the_flush(const struct bench *b)
{
	flushed_then(b, do_write);
}

static void a_change_that_failed(const struct bench *b)
{
	flushed_then(b, do_fail_to_chmod);
}

static void the_wrong_file_flushed(const struct bench *b)
{
	make(b->private, "a", "new", false);
	make(b->private, "b", "new", true);
	publish(b, "a");
}

static void between_private_folders(const struct bench *b)
{
	assert_int_equal(fs_mkdir(b->private, "d", 0755), 0);
	make(b->private, "a", "new", false);
	assert_int_equal(fs_rename(b->private, "a", b->private, "d/a"), 0);
}

static void a_tree(const struct bench *b, bool file_flushed, bool tree_flushed, bool touched_later)
{
	assert_int_equal(fs_mkdir(b->private, "t", 0755), 0);
	assert_int_equal(fs_mkdir(b->private, "t/sub", 0755), 0);
	make(b->private, "t/sub/file", "new", file_flushed);
	if (tree_flushed)
		assert_int_equal(fs_syncfs(b->top), 0);
	if (touched_later)
		make(b->private, "t/sub/late", "new", true);
	publish(b, "t");
}

static void a_flushed_tree(const struct bench *b)
{
	a_tree(b, false, true, false);
}

static void a_tree_of_which_only_the_file_is_flushed(const struct bench *b)
{
	a_tree(b, true, false, false);
}

static void a_tree_with_a_late_name(const struct bench *b)
{
	a_tree(b, false, true, true);
}

static void a_tree_flushed_folder_by_folder(const struct bench *b)
{
	assert_int_equal(fs_mkdir(b->private, "t", 0755), 0);
	make(b->private, "t/file", "new", true);
	assert_int_equal(fs_symlink("file", b->private, "t/link"), 0);

	AUTO_FD int fd = openat(b->private, "t", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(fs_fsync(fd), 0);
	publish(b, "t");
}

static void an_unflushed_link(const struct bench *b)
{
	assert_int_equal(fs_symlink("x", b->private, "l"), 0);
	publish(b, "l");
}

static void an_exchange(const struct bench *b, bool flushed)
{
	make(b->public, "a", "old", true);
	make(b->private, "a", "new", flushed);
	assert_int_equal(fs_exchange(b->private, "a", b->public, "a"), 0);
}

static void a_flushed_exchange(const struct bench *b)
{
	an_exchange(b, true);
}

static void an_unflushed_exchange(const struct bench *b)
{
	an_exchange(b, false);
}

static void an_exchange_named_the_other_way_round(const struct bench *b)
{
	make(b->public, "a", "old", true);
	make(b->private, "a", "new", false);
	assert_int_equal(fs_exchange(b->public, "a", b->private, "a"), 0);
}

static void a_folder_emptied_and_put_aside(const struct bench *b)
{
	assert_int_equal(fs_mkdir(b->public, "d", 0755), 0);
	make(b->public, "d/file", "old", true);
	assert_int_equal(fs_syncfs(b->top), 0);
	assert_int_equal(fs_unlink(b->public, "d/file"), 0);
	assert_int_equal(fs_rename(b->public, "d", b->private, "d"), 0);
}

static void a_folder_emptied_and_published(const struct bench *b)
{
	assert_int_equal(fs_mkdir(b->private, "d", 0755), 0);
	make(b->private, "d/file", "old", true);
	assert_int_equal(fs_syncfs(b->top), 0);
	assert_int_equal(fs_unlink(b->private, "d/file"), 0);
	publish(b, "d");
}

static void an_inode_used_again(const struct bench *b)
{
	make(b->private, "a", "new", false);
	assert_int_equal(fs_unlink(b->private, "a"), 0);
	make(b->private, "a", "new", true);
	publish(b, "a");
}

static void a_state_file(const struct bench *b)
{
	struct err err = ERR_INIT;

	assert_int_equal(fs_write_file(b->public, "state", "1", 1, 0644, &err), 0);
	assert_int_equal(fs_write_file(b->public, "state", "2", 1, 0644, &err), 0);
}

static void commit(const struct bench *b, bool staged_flushed, bool record_flushed)
{
	AUTO_FD int journal = fs_create(b->top, "journal", O_WRONLY, 0600);

	make(b->private, "a", "new", false);
	if (staged_flushed)
		assert_int_equal(fs_syncfs(b->top), 0);
	assert_int_equal(fs_write(journal, "COMMIT", 6), 0);
	if (record_flushed)
		assert_int_equal(fs_fdatasync(journal), 0);
	publish(b, "a");
}

static void a_commit_in_order(const struct bench *b)
{
	commit(b, true, true);
}

static void a_commit_before_the_barrier(const struct bench *b)
{
	commit(b, false, true);
}

static void a_rename_before_the_commit_is_flushed(const struct bench *b)
{
	AUTO_FD int journal = fs_create(b->top, "journal", O_WRONLY, 0600);

	make(b->private, "a", "new", false);
	assert_int_equal(fs_syncfs(b->top), 0);
	assert_int_equal(fs_write(journal, "COMMIT", 6), 0);
	publish(b, "a");
}

static void an_intent_before_the_barrier(const struct bench *b)
{
	AUTO_FD int journal = fs_create(b->top, "journal", O_WRONLY, 0600);

	make(b->private, "a", "new", false);
	assert_int_equal(fs_write(journal, "INTENT", 6), 0);
}

static void a_commit_that_relies_on_an_unflushed_private_folder(const struct bench *b)
{
	AUTO_FD int journal = fs_create(b->top, "journal", O_WRONLY, 0600);

	assert_int_equal(fs_mkdir(b->public, "private", 0700), 0);

	AUTO_FD int staging = openat(b->public, "private", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	make(staging, "a", "new", true);
	assert_int_equal(fs_fsync(staging), 0);
	assert_int_equal(fs_write(journal, "COMMIT", 6), 0);
}

/* A new and an old file change places under a journal. */
static void commit_an_exchange(const struct bench *b, int journal)
{
	make(b->public, "a", "old", true);
	make(b->private, "a", "new", true);
	assert_int_equal(fs_syncfs(b->top), 0);
	assert_int_equal(fs_write(journal, "COMMIT", 6) | fs_fdatasync(journal), 0);
	assert_int_equal(fs_exchange(b->private, "a", b->public, "a"), 0);
}

static void settle(const struct bench *b, bool barrier, bool record_flushed)
{
	AUTO_FD int journal = fs_create(b->top, "journal", O_WRONLY, 0600);

	commit_an_exchange(b, journal);
	if (barrier)
		assert_int_equal(fs_syncfs(b->top), 0);
	assert_int_equal(fs_write(journal, "DONE", 4), 0);
	if (record_flushed)
		assert_int_equal(fs_fdatasync(journal), 0);
	assert_int_equal(fs_unlink(b->private, "a"), 0);
}

static void a_settled_commit_in_order(const struct bench *b)
{
	settle(b, true, true);
}

static void a_commit_settled_before_the_barrier(const struct bench *b)
{
	settle(b, false, true);
}

static void the_old_file_removed_before_the_settling_record_is_flushed(const struct bench *b)
{
	settle(b, true, false);
}

static void the_old_file_overwritten_in_place(const struct bench *b)
{
	AUTO_FD int journal = fs_create(b->top, "journal", O_WRONLY, 0600);

	commit_an_exchange(b, journal);

	AUTO_FD int fd = openat(b->private, "a", O_WRONLY | O_CLOEXEC);

	assert_int_equal(fs_write(fd, "x", 1) | fs_truncate(fd, 1), 0);
}

static void the_old_file_replaced_by_a_rename(const struct bench *b)
{
	AUTO_FD int journal = fs_create(b->top, "journal", O_WRONLY, 0600);

	make(b->public, "a", "old", true);
	make(b->private, "a", "new", true);
	assert_int_equal(fs_syncfs(b->top), 0);
	assert_int_equal(fs_write(journal, "COMMIT", 6) | fs_fdatasync(journal), 0);
	publish(b, "a");
}

static void a_new_file_that_goes_again(const struct bench *b)
{
	AUTO_FD int journal = fs_create(b->top, "journal", O_WRONLY, 0600);

	commit_an_exchange(b, journal);
	make(b->public, "temporary", "1", true);
	assert_int_equal(fs_unlink(b->public, "temporary"), 0);
}

static const struct {
	const char *why;
	void (*steps)(const struct bench *b);
	unsigned violations;
	const char *text; /* in the report */
} sequences[] = {
	{ "fsync, then rename", a_flushed_file, 0, "" },
	{ "rename without a flush", an_unflushed_file, 1, "private/a" },
	{ "syncfs, then rename", a_file_flushed_by_syncfs, 0, "" },
	{ "chmod between flush and rename", chmod_after_the_flush, 1, "attributes" },
	{ "chown between flush and rename", chown_after_the_flush, 1, "attributes" },
	{ "utimens between flush and rename", times_after_the_flush, 1, "attributes" },
	{ "truncate between flush and rename", truncate_after_the_flush, 1, "content" },
	{ "write between flush and rename", write_after_the_flush, 1, "content" },
	{ "a failed chmod changes nothing", a_change_that_failed, 0, "" },
	{ "another file was flushed", the_wrong_file_flushed, 1, "private/a" },
	{ "between private folders anything goes", between_private_folders, 0, "" },
	{ "a whole tree after syncfs", a_flushed_tree, 0, "" },
	{ "a whole tree without", a_tree_of_which_only_the_file_is_flushed, 2, "t/sub" },
	{ "a tree that got a name after syncfs", a_tree_with_a_late_name, 1, "t/sub' is a folder with a new name" },
	{ "every folder of a tree flushed by itself", a_tree_flushed_folder_by_folder, 0, "" },
	{ "a symbolic link", an_unflushed_link, 1, "private/l" },
	{ "an exchange after fsync", a_flushed_exchange, 0, "" },
	{ "an exchange without", an_unflushed_exchange, 1, "exchange" },
	{ "an exchange named the other way round", an_exchange_named_the_other_way_round, 1, "exchange" },
	{ "an emptied folder put aside", a_folder_emptied_and_put_aside, 0, "" },
	{ "an emptied folder published", a_folder_emptied_and_published, 1, "was taken" },
	{ "an inode number used again", an_inode_used_again, 0, "" },
	{ "fs_write_file", a_state_file, 0, "" },
	{ "barrier, commit record, fsync, rename", a_commit_in_order, 0, "" },
	{ "a commit record before the barrier", a_commit_before_the_barrier, 3, "commit record" },
	{ "a rename before the commit record is flushed", a_rename_before_the_commit_is_flushed, 1,
	  "before the commit" },
	{ "an intent is no commit record", an_intent_before_the_barrier, 0, "" },
	{ "commit, barrier, settled, the old file removed", a_settled_commit_in_order, 0, "" },
	{ "settled before the barrier", a_commit_settled_before_the_barrier, 2, "settles a commit" },
	{ "the old file removed before that is settled", the_old_file_removed_before_the_settling_record_is_flushed, 1,
	  "private/a' was there before" },
	{ "the old file written to and truncated", the_old_file_overwritten_in_place, 2, "was there before" },
	{ "the old file replaced instead of exchanged", the_old_file_replaced_by_a_rename, 1, "public/a' was there" },
	{ "a file made after the commit may go", a_new_file_that_goes_again, 0, "" },
	{ "a private folder whose name may be lost", a_commit_that_relies_on_an_unflushed_private_folder, 1,
	  "own name" },
};

static bool named_private(void *context, const char *folder)
{
	(void)context;
	return strstr(folder, "/private");
}

static unsigned words_of(void *context, const struct fs_call *call, const char *file)
{
	(void)context;
	if (!strstr(file, "/journal"))
		return 0;
	return call->len == 6 && !memcmp(call->bytes, "COMMIT", 6) ? ORACLE_COMMIT
	       : call->len == 4 && !memcmp(call->bytes, "DONE", 4) ? ORACLE_SETTLED
								   : 0;
}

static const struct oracle_rules rules = { .is_private = named_private, .words = words_of };

static struct bench bench_open(const char *path)
{
	struct bench b = { .top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };

	assert_int_equal(mkdirat(b.top, "private", 0700) | mkdirat(b.top, "public", 0755), 0);
	b.private = openat(b.top, "private", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	b.public = openat(b.top, "public", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(b.private >= 0 && b.public >= 0);
	return b;
}

static void bench_close(const struct bench *b)
{
	(void)close(b->private), (void)close(b->public), (void)close(b->top);
}

static void the_oracle_tells_right_order_from_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sequences); i++) {
		AUTO(scratch_removep) char *path = scratch_new();
		struct bench b = bench_open(path);
		struct oracle *oracle = oracle_new(&rules);
		struct observer o = { .action = OBSERVER_COUNT, .oracle = oracle };

		print_message("  %s\n", sequences[i].why);
		observer_start(&o);
		sequences[i].steps(&b);
		observer_stop();
		if (oracle_violations(oracle) != sequences[i].violations)
			print_message("%s", oracle_report(oracle));
		assert_int_equal(oracle_violations(oracle), sequences[i].violations);
		assert_non_null(strstr(oracle_report(oracle), sequences[i].text));
		assert_int_equal(observer_exit_status(&o), sequences[i].violations ? OBSERVER_DISORDER : 0);
		oracle_free(oracle);
		bench_close(&b);
	}
}

static void a_named_moment_wants_everything_below_a_path_flushed(void **state)
{
	(void)state;
	AUTO(scratch_removep) char *path = scratch_new();
	struct bench b = bench_open(path);
	struct oracle *oracle = oracle_new(&rules);
	struct observer o = { .oracle = oracle };

	observer_start(&o);
	make(b.public, "a", "text", false);
	oracle_require_clean(oracle, path, "the end");
	assert_int_equal(oracle_violations(oracle), 2); /* the file and its name */
	assert_non_null(strstr(oracle_report(oracle), "the end: '"));
	assert_int_equal(fs_syncfs(b.top), 0);
	oracle_require_clean(oracle, path, "after syncfs");
	oracle_require_clean(oracle, "/is/not/there", "nothing");
	assert_int_equal(oracle_violations(oracle), 2);
	observer_stop();
	oracle_free(oracle);
	bench_close(&b);
}

/* --- what began before a flush is flushed by it, what began later is not --- */

static void changes_during_a_syncfs_are_not_flushed_by_it(void **state)
{
	(void)state;
	AUTO(scratch_removep) char *path = scratch_new();
	struct bench b = bench_open(path);
	struct oracle *oracle = oracle_new(&rules);
	AUTO_FD int fd = openat(b.private, "a", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	const struct fs_call flush = { .op = FS_SYNCFS, .fd = b.top, .dir_fd = -1, .to_dir_fd = -1 };
	const struct fs_call chmod_call = { .op = FS_CHMOD, .fd = fd, .dir_fd = -1, .to_dir_fd = -1 };

	oracle_before(oracle, &flush);
	oracle_after(oracle, &chmod_call, 0); /* as if another thread did it meanwhile */
	oracle_after(oracle, &flush, 0);
	oracle_require_clean(oracle, path, "then");
	assert_int_equal(oracle_violations(oracle), 1);
	oracle_free(oracle);
	bench_close(&b);
}

/* --- kill, fail, count --- */

static void three_calls(int dir_fd)
{
	AUTO_FD int fd = fs_create(dir_fd, "one", O_WRONLY, 0600);

	(void)fs_write(fd, "x", 1);
	(void)fs_mkdir(dir_fd, "two", 0700);
}

static bool is_there(int dir_fd, const char *name)
{
	return faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static const struct {
	const char *why;
	enum observer_action action;
	unsigned long at;
	bool one, two;
	int status;
} kills[] = {
	{ "before the first", OBSERVER_KILL_BEFORE, 1, false, false, OBSERVER_KILLED },
	{ "after the first", OBSERVER_KILL_AFTER, 1, true, false, OBSERVER_KILLED },
	{ "before the last", OBSERVER_KILL_BEFORE, 3, true, false, OBSERVER_KILLED },
	{ "after the last", OBSERVER_KILL_AFTER, 3, true, true, OBSERVER_KILLED },
	{ "a number that is never reached", OBSERVER_KILL_BEFORE, 4, true, true, 0 },
};

static void the_process_dies_at_the_call_that_was_asked_for(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kills); i++) {
		AUTO(scratch_removep) char *path = scratch_new();
		AUTO_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		int status;

		print_message("  %s\n", kills[i].why);

		pid_t child = fork();

		if (child == 0) {
			struct observer o = { .action = kills[i].action, .at = kills[i].at };

			observer_start(&o);
			three_calls(dir);
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), kills[i].status);
		assert_int_equal(is_there(dir, "one"), kills[i].one);
		assert_int_equal(is_there(dir, "two"), kills[i].two);
	}
}

static void a_call_fails_once_with_the_errno_asked_for(void **state)
{
	(void)state;
	AUTO(scratch_removep) char *path = scratch_new();
	AUTO_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct observer o = { .action = OBSERVER_FAIL_ONCE, .at = 2, .error = EDQUOT };

	observer_start(&o);
	assert_int_equal(fs_mkdir(dir, "a", 0700), 0);
	assert_int_equal(fs_mkdir(dir, "b", 0700), -1);
	assert_int_equal(errno, EDQUOT);
	assert_false(is_there(dir, "b"));
	assert_int_equal(fs_mkdir(dir, "b", 0700), 0);
	assert_int_equal(observer_calls(&o), 3);
	assert_int_equal(observer_failed(&o), 1);
	observer_stop();
}

static void a_full_disk_fails_what_needs_space_and_nothing_else(void **state)
{
	(void)state;
	AUTO(scratch_removep) char *path = scratch_new();
	AUTO_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD int fd = openat(dir, "journal", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	static char block[65536];
	struct observer o = { .action = OBSERVER_FAIL_FROM, .at = 1, .error = ENOSPC };

	assert_int_equal(mkdirat(dir, "folder", 0700), 0);
	assert_int_equal(fallocate(fd, 0, 0, 8192), 0);
	observer_start(&o);
	assert_int_equal(fs_create(dir, "new", O_WRONLY, 0600), -1);
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(fs_mkdir(dir, "new", 0700), -1);
	assert_int_equal(fs_symlink("x", dir, "new"), -1);
	assert_int_equal(fs_link(dir, "journal", dir, "new"), -1);
	assert_int_equal(fs_rename(dir, "folder", dir, "new"), -1);
	assert_int_equal(fs_allocate(fd, 1 << 20), -1);
	assert_int_equal(fs_write(fd, block, sizeof(block)), -1);
	assert_int_equal(observer_failed(&o), 7);
	assert_int_equal(fs_write(fd, block, 8192), 0); /* into blocks that the file has */
	assert_int_equal(fs_chmod(fd, 0644) | fs_fsync(fd) | fs_rmdir(dir, "folder") | fs_unlink(dir, "journal"), 0);
	assert_int_equal(observer_failed(&o), 7);
	observer_stop();
}

static void *make_a_hundred_folders(void *dir_fd)
{
	for (int i = 0; i < 100; i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "%lx-%d", (unsigned long)pthread_self(), i);
		(void)fs_mkdir(*(int *)dir_fd, name, 0700);
	}
	return NULL;
}

static void calls_of_all_threads_are_counted_and_followed(void **state)
{
	(void)state;
	AUTO(scratch_removep) char *path = scratch_new();
	AUTO_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct oracle *oracle = oracle_new(&rules);
	struct observer o = { .oracle = oracle };
	pthread_t threads[4];

	observer_start(&o);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, make_a_hundred_folders, &dir), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(observer_calls(&o), 400);
	assert_int_equal(fs_syncfs(dir), 0);
	observer_stop();
	oracle_require_clean(oracle, path, "then");
	assert_int_equal(oracle_violations(oracle), 0);
	oracle_free(oracle);
}

static void calls_are_described_for_people(void **state)
{
	(void)state;
	char text[128];

	observer_describe(&(struct fs_call){ .op = FS_RENAME, .name = "a", .to_name = "b" }, text, sizeof(text));
	assert_string_equal(text, "rename 'a' -> 'b'");
	observer_describe(&(struct fs_call){ .op = FS_MKDIR, .name = "a" }, text, sizeof(text));
	assert_string_equal(text, "mkdir 'a'");
	observer_describe(&(struct fs_call){ .op = FS_WRITE, .fd = 4, .len = 10 }, text, sizeof(text));
	assert_string_equal(text, "write 10 bytes to descriptor 4");
	observer_describe(&(struct fs_call){ .op = FS_SYNCFS, .fd = 4 }, text, sizeof(text));
	assert_string_equal(text, "syncfs of descriptor 4");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_oracle_tells_right_order_from_wrong),
		cmocka_unit_test(a_named_moment_wants_everything_below_a_path_flushed),
		cmocka_unit_test(changes_during_a_syncfs_are_not_flushed_by_it),
		cmocka_unit_test(the_process_dies_at_the_call_that_was_asked_for),
		cmocka_unit_test(a_call_fails_once_with_the_errno_asked_for),
		cmocka_unit_test(a_full_disk_fails_what_needs_space_and_nothing_else),
		cmocka_unit_test(calls_of_all_threads_are_counted_and_followed),
		cmocka_unit_test(calls_are_described_for_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
