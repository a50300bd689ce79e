/* util/fs: every change is announced and concluded, opening beneath stays beneath, state files are whole or not there.
 */
#include "observer.h"
#include "scratch.h"

#include "util/auto.h"
#include "util/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* --- the observer --- */

struct recording {
	struct str lines;
	unsigned fail_at; /* 0: none */
	unsigned count;
};

static int record_before(void *context, const struct fs_call *call)
{
	struct recording *r = context;
	char text[256];

	observer_describe(call, text, sizeof(text));
	(void)str_printf(&r->lines, "before %s\n", text);
	return ++r->count == r->fail_at ? EIO : 0;
}

static void record_after(void *context, const struct fs_call *call, int result)
{
	struct recording *r = context;

	(void)str_printf(&r->lines, "after %s %s\n", fs_op_name(call->op), result < 0 ? strerrorname_np(errno) : "ok");
	errno = EXDEV; /* what an observer does to errno must not be seen by the caller */
}

static void before_and_after_enclose_the_call_and_errno_survives(void **state)
{
	(void)state;
	AUTO(scratch_removep) char *path = scratch_new();
	AUTO_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct recording r = { .lines = STR_INIT(4096) };
	const struct fs_observer observer = { .before = record_before, .after = record_after, .context = &r };

	fs_observe(&observer);
	assert_int_equal(fs_mkdir(dir, "a", 0755), 0);
	assert_int_equal(fs_mkdir(dir, "a", 0755), -1);
	assert_int_equal(errno, EEXIST);
	assert_int_equal(fs_rename(dir, "a", dir, "b"), 0);
	fs_observe(NULL);
	assert_int_equal(fs_rmdir(dir, "b"), 0);
	assert_string_equal(str_text(&r.lines), "before mkdir 'a'\nafter mkdir ok\n"
						"before mkdir 'a'\nafter mkdir EEXIST\n"
						"before rename 'a' -> 'b'\nafter rename ok\n");
	str_done(&r.lines);
}

static void a_call_that_must_fail_is_not_made_and_not_concluded(void **state)
{
	(void)state;
	AUTO(scratch_removep) char *path = scratch_new();
	AUTO_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct recording r = { .lines = STR_INIT(4096), .fail_at = 1 };
	const struct fs_observer observer = { .before = record_before, .after = record_after, .context = &r };

	fs_observe(&observer);
	errno = 0;
	assert_int_equal(fs_mkdir(dir, "a", 0755), -1);
	assert_int_equal(errno, EIO);
	fs_observe(NULL);
	assert_int_equal(faccessat(dir, "a", F_OK, 0), -1);
	assert_string_equal(str_text(&r.lines), "before mkdir 'a'\n");
	str_done(&r.lines);
}

/* One of each call; what it does is looked at afterwards. */
static void make_every_call(int dir)
{
	const struct timespec times[2] = { { .tv_sec = 1000, .tv_nsec = 5 }, { .tv_sec = 2000, .tv_nsec = 6 } };
	AUTO_FD int fd = fs_create(dir, "file", O_RDWR, 0600);
	AUTO_FD int log = fs_open_create(dir, "log", O_WRONLY | O_APPEND, 0600);
	AUTO_FD int clone = fs_create(dir, "clone", O_RDWR, 0600);

	assert_true(fd >= 0 && log >= 0 && clone >= 0);
	assert_int_equal(fs_write(fd, "hello", 5) | fs_pwrite(fd, "J", 1, 0), 0);
	assert_int_equal(fs_mkdir(dir, "folder", 0700) | fs_symlink("file", dir, "link"), 0);
	assert_int_equal(fs_link(dir, "file", dir, "hard") | fs_rename(dir, "hard", dir, "harder"), 0);
	assert_int_equal(fs_rename_new(dir, "harder", dir, "file"), -1);
	assert_int_equal(errno, EEXIST);
	assert_int_equal(fs_exchange(dir, "harder", dir, "folder"), 0);
	assert_int_equal(fs_chmod(fd, 0640) | fs_chown(fd, getuid(), getgid()), 0);
	assert_int_equal(fs_chown_at(dir, "link", getuid(), getgid()), 0);
	assert_int_equal(fs_allocate(fd, 8192) | fs_truncate(fd, 3), 0);
	assert_int_equal(fs_utimens(fd, times) | fs_utimens_at(dir, "link", times), 0);
	(void)fs_clone(clone, fd); /* only some file systems can */
	(void)(fs_set_label(fd, "a:b:c", 5) | fs_set_label_at(dir, "link", "a:b:c", 5)); /* only root */
	assert_int_equal(fs_fsync(fd) | fs_fdatasync(fd) | fs_syncfs(fd), 0);
	assert_int_equal(fs_unlink(dir, "folder") | fs_rmdir(dir, "harder"), 0);
}

static void every_call_does_what_it_says_and_is_counted(void **state)
{
	(void)state;
	AUTO(scratch_removep) char *path = scratch_new();
	AUTO_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct observer o = { .action = OBSERVER_COUNT };
	struct stat st;
	char text[8] = "";

	observer_start(&o);
	make_every_call(dir);
	observer_stop();
	assert_int_equal(observer_calls(&o), 26);
	assert_int_equal(fstatat(dir, "file", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0640);
	assert_int_equal(st.st_size, 3);
	assert_int_equal(st.st_mtim.tv_sec, 2000);
	assert_int_equal(st.st_mtim.tv_nsec, 6);
	assert_int_equal(fstatat(dir, "link", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mtim.tv_sec, 2000);

	AUTO_FD int fd = openat(dir, "file", O_RDONLY | O_CLOEXEC);

	assert_int_equal(read(fd, text, sizeof(text) - 1), 3);
	assert_string_equal(text, "Jel");
}

static void every_operation_has_a_name(void **state)
{
	(void)state;
	for (int op = 0; op < FS_OP_COUNT; op++)
		assert_non_null(fs_op_name((enum fs_op)op));
}

static void a_created_file_is_new_and_never_behind_a_link(void **state)
{
	(void)state;
	AUTO(scratch_removep) char *path = scratch_new();
	AUTO_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(symlinkat("elsewhere", dir, "link"), 0);
	assert_int_equal(fs_create(dir, "link", O_WRONLY, 0600), -1);
	assert_int_equal(errno, EEXIST);
	assert_int_equal(fs_open_create(dir, "link", O_WRONLY, 0600), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(faccessat(dir, "elsewhere", F_OK, 0), -1);
}

static void *make_and_remove_files(void *dir_fd)
{
	for (int i = 0; i < 250; i++) {
		char name[64];

		(void)snprintf(name, sizeof(name), "%lx", (unsigned long)pthread_self());
		auto_closep(&(int){ fs_create(*(int *)dir_fd, name, O_WRONLY, 0600) });
		(void)fs_unlink(*(int *)dir_fd, name);
	}
	return NULL;
}

static void calls_of_several_threads_are_all_seen(void **state)
{
	(void)state;
	AUTO(scratch_removep) char *path = scratch_new();
	AUTO_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct observer o = { .action = OBSERVER_COUNT };
	pthread_t threads[4];

	observer_start(&o);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, make_and_remove_files, &dir), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	observer_stop();
	assert_int_equal(observer_calls(&o), 4 * 250 * 2);
}

/* --- opening beneath a folder: once with openat2, once without --- */

static const struct {
	const char *why, *path;
	int flags, want; /* errno, 0: opens */
} beneath[] = {
	{ "a file", "file", O_RDONLY, 0 },
	{ "a file in a folder", "folder/inner", O_RDONLY, 0 },
	{ "doubled slashes and dots", "folder//./inner", O_RDONLY, 0 },
	{ "the folder itself", ".", O_RDONLY | O_DIRECTORY, 0 },
	{ "a folder with a slash behind", "folder/", O_RDONLY | O_DIRECTORY, 0 },
	{ "nothing there", "absent", O_RDONLY, ENOENT },
	{ "nothing there, deeper", "absent/inner", O_RDONLY, ENOENT },
	{ "an empty path", "", O_RDONLY, ENOENT },
	{ "a file used as a folder", "file/inner", O_RDONLY, ENOTDIR },
	{ "a link to a file", "link", O_RDONLY, ELOOP },
	{ "a link to a file, by path only", "link", O_PATH, ELOOP },
	{ "a dangling link", "dangling", O_RDONLY, ELOOP },
	{ "through a link to a folder", "way/inner", O_RDONLY, ELOOP },
	{ "a link to a folder, asked for as one", "way", O_RDONLY | O_DIRECTORY, ELOOP },
	{ "a link that leads out", "out/etc/passwd", O_RDONLY, ELOOP },
	{ "a link to itself", "loop", O_RDONLY, ELOOP },
	{ "an absolute path", "/etc/passwd", O_RDONLY, EXDEV },
	{ "up", "..", O_RDONLY, EXDEV },
	{ "up and down again", "../x", O_RDONLY, EXDEV },
	{ "down and too far up", "folder/../../x", O_RDONLY, EXDEV },
	{ "a magic link", "self", O_RDONLY, ELOOP },
};

static void fill_for_beneath(int dir)
{
	assert_int_equal(mkdirat(dir, "folder", 0755), 0);
	auto_closep(&(int){ openat(dir, "file", O_CREAT | O_WRONLY, 0644) });
	auto_closep(&(int){ openat(dir, "folder/inner", O_CREAT | O_WRONLY, 0644) });
	assert_int_equal(symlinkat("file", dir, "link") | symlinkat("absent", dir, "dangling"), 0);
	assert_int_equal(symlinkat("folder", dir, "way") | symlinkat("/", dir, "out"), 0);
	assert_int_equal(symlinkat("loop", dir, "loop") | symlinkat("/proc/self/cwd", dir, "self"), 0);
}

/* The number of the first case that goes wrong, from 1; 0: none. */
static int try_beneath(int dir)
{
	for (size_t i = 0; i < ARRAY_LEN(beneath); i++) {
		errno = 0;
		AUTO_FD int fd = fs_open_beneath(dir, beneath[i].path, beneath[i].flags, 0);
		int got = fd >= 0 ? 0 : errno;

		if (got != beneath[i].want) {
			(void)fprintf(stderr, "  %s: '%s': errno %d, expected %d\n", beneath[i].why, beneath[i].path,
				      got, beneath[i].want);
			return (int)i + 1;
		}
		if (fd >= 0 && !(fcntl(fd, F_GETFD) & FD_CLOEXEC))
			return (int)i + 1;
	}
	return 0;
}

static void opening_beneath_never_follows_a_link_nor_leads_out(void **state)
{
	(void)state;
	AUTO(scratch_removep) char *path = scratch_new();
	AUTO_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	fill_for_beneath(dir);
	assert_int_equal(try_beneath(dir), 0);
}

/* From here on openat2 fails with ERROR in this process. */
static int forbid_openat2(int error)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { .len = ARRAY_LEN(filter), .filter = filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		return -1;
	return syscall(SYS_openat2, AT_FDCWD, ".", NULL, 0) == -1 && errno == error ? 0 : -1;
}

static void the_walk_without_openat2_gives_the_same_answers(void **state)
{
	(void)state;
	static const int errors[] = { ENOSYS, EPERM };

	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		AUTO(scratch_removep) char *path = scratch_new();
		AUTO_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		int status;

		fill_for_beneath(dir);

		pid_t child = fork();

		if (child == 0)
			_exit(forbid_openat2(errors[i]) < 0 ? 99 : try_beneath(dir));
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) == 99) {
			print_message("seccomp is not available here: the walk is not tested\n");
			skip();
		}
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

/* --- whole files --- */

static bool holds(int dir, const char *name, const char *want)
{
	struct str s = STR_INIT(100);
	struct err err = ERR_INIT;
	bool same = fs_read_file(dir, name, &s, &err) == 1 && !strcmp(str_text(&s), want);

	str_done(&s);
	return same;
}

static void a_file_is_read_whole_or_refused(void **state)
{
	(void)state;
	AUTO(scratch_removep) char *path = scratch_new();
	AUTO_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct str s = STR_INIT(5);
	struct err err = ERR_INIT;

	assert_int_equal(fs_read_file(dir, "absent", &s, &err), 0);
	assert_int_equal(fs_write_file(dir, "five", "12345", 5, 0600, &err), 0);
	assert_int_equal(fs_read_file(dir, "five", &s, &err), 1);
	assert_string_equal(str_text(&s), "12345");
	str_clear(&s);
	assert_int_equal(fs_write_file(dir, "six", "123456", 6, 0600, &err), 0);
	assert_int_equal(fs_read_file(dir, "six", &s, &err), -1);
	assert_string_equal(err.msg, "'six' is larger than 5 bytes");
	assert_int_equal(fs_read_file(dir, ".", &s, &err), -1);
	str_done(&s);
}

static void a_state_file_is_old_or_new_when_any_call_fails(void **state)
{
	(void)state;
	unsigned long calls = 1;

	for (unsigned long k = 1; k <= calls; k++) {
		AUTO(scratch_removep) char *path = scratch_new();
		AUTO_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		struct observer o = { .action = OBSERVER_COUNT };
		struct err err = ERR_INIT;

		assert_int_equal(fs_write_file(dir, "state", "old", 3, 0644, &err), 0);
		observer_start(&o);
		assert_int_equal(fs_write_file(dir, "state", "new", 3, 0644, &err), 0);
		observer_stop();
		calls = observer_calls(&o);
		assert_true(holds(dir, "state", "new"));
		assert_int_equal(fs_write_file(dir, "state", "old", 3, 0644, &err), 0);

		struct observer failing = { .action = OBSERVER_FAIL_ONCE, .at = k, .error = ENOSPC };

		observer_start(&failing);
		assert_int_equal(fs_write_file(dir, "state", "new", 3, 0644, &err), -1);
		observer_stop();
		assert_int_equal(err.kind, ERR_NO_SPACE);
		assert_true(holds(dir, "state", k == calls ? "new" : "old")); /* the last is the flush of the folder */
		assert_int_equal(faccessat(dir, "state.new", F_OK, 0), -1);
	}
	assert_int_equal(calls, 6);
}

static void a_state_file_is_old_or_new_when_the_process_dies_at_any_call(void **state)
{
	(void)state;
	for (unsigned long k = 1; k <= 6; k++)
		for (int after = 0; after < 2; after++) {
			AUTO(scratch_removep) char *path = scratch_new();
			AUTO_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
			struct err err = ERR_INIT;
			int status;

			assert_int_equal(fs_write_file(dir, "state", "old", 3, 0644, &err), 0);

			pid_t child = fork();

			if (child == 0) {
				struct observer o = { .action = after ? OBSERVER_KILL_AFTER : OBSERVER_KILL_BEFORE,
						      .at = k };

				observer_start(&o);
				(void)fs_write_file(dir, "state", "new", 3, 0644, &err);
				_exit(0);
			}
			assert_int_equal(waitpid(child, &status, 0), child);
			assert_int_equal(WEXITSTATUS(status), OBSERVER_KILLED);
			assert_true(holds(dir, "state", "old") || holds(dir, "state", "new"));
			assert_int_equal(fs_write_file(dir, "state", "next", 4, 0644, &err), 0);
			assert_true(holds(dir, "state", "next"));
		}
}

static void a_tree_is_removed_without_following_links(void **state)
{
	(void)state;
	AUTO(scratch_removep) char *path = scratch_new();
	AUTO_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err err = ERR_INIT;

	assert_int_equal(mkdirat(dir, "outside", 0755) | mkdirat(dir, "t", 0755) | mkdirat(dir, "t/sub", 0755), 0);
	auto_closep(&(int){ openat(dir, "outside/keep", O_CREAT | O_WRONLY, 0644) });
	auto_closep(&(int){ openat(dir, "t/sub/gone", O_CREAT | O_WRONLY, 0644) });
	assert_int_equal(symlinkat("../outside", dir, "t/link") | symlinkat("absent", dir, "t/sub/dangling"), 0);
	assert_int_equal(fs_remove_tree(dir, "t", &err), 0);
	assert_int_equal(faccessat(dir, "t", F_OK, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(faccessat(dir, "outside/keep", F_OK, 0), 0);
	assert_int_equal(fs_remove_tree(dir, "t", &err), 0); /* what is not there is no failure */
	assert_int_equal(symlinkat("outside", dir, "link"), 0);
	assert_int_equal(fs_remove_tree(dir, "link", &err), 0);
	assert_int_equal(faccessat(dir, "outside/keep", F_OK, 0), 0);
}

/* Root is asked nothing, so a child that is nobody does it. */
static int remove_locked_tree(const char *path)
{
	struct err err = ERR_INIT;

	if (geteuid() == 0 && (chmod(path, 0777) < 0 || setuid(65534) < 0))
		return 2;

	AUTO_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (mkdirat(dir, "t", 0755) | mkdirat(dir, "t/closed", 0755) | mkdirat(dir, "t/closed/deep", 0) |
	    mkdirat(dir, "t/blind", 0300))
		return 2;
	auto_closep(&(int){ openat(dir, "t/closed/file", O_CREAT | O_WRONLY, 0) });
	if (fchmodat(dir, "t/closed", 0555, 0) | fchmodat(dir, "t", 0500, 0))
		return 2;
	return fs_remove_tree(dir, "t", &err) == 0 && faccessat(dir, "t", F_OK, 0) < 0 ? 0 : 1;
}

static void folders_that_forbid_it_are_removed_as_well(void **state)
{
	(void)state;
	AUTO(scratch_removep) char *path = scratch_new();
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(remove_locked_tree(path));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void removing_a_tree_that_fails_says_where(void **state)
{
	(void)state;
	AUTO(scratch_removep) char *path = scratch_new();
	AUTO_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct observer o = { .action = OBSERVER_FAIL_ONCE, .at = 2, .error = EIO };
	struct err err = ERR_INIT;

	assert_int_equal(mkdirat(dir, "t", 0755), 0);
	auto_closep(&(int){ openat(dir, "t/file", O_CREAT | O_WRONLY, 0644) });
	observer_start(&o);
	assert_int_equal(fs_remove_tree(dir, "t", &err), -1);
	observer_stop();
	assert_string_equal(err.msg, "'t': removing 'file': Input/output error");
	assert_int_equal(fs_remove_tree(dir, "t", &err), 0);
}

static void a_path_is_made_with_the_folders_it_lacks(void **state)
{
	(void)state;
	AUTO(scratch_removep) char *path = scratch_new();
	AUTO_FREE char *deep = xasprintf("%s//a/./b/c/", path);
	AUTO_FREE char *through_file = xasprintf("%s/file/x", path);
	AUTO_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err err = ERR_INIT;
	struct stat st;

	assert_int_equal(fs_make_path(deep, 0750, &err), 0);
	assert_int_equal(fs_make_path(deep, 0750, &err), 0);
	assert_int_equal(fstatat(dir, "a/b/c", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0750);
	auto_closep(&(int){ openat(dir, "file", O_CREAT | O_WRONLY, 0644) });
	assert_int_equal(fs_make_path(through_file, 0750, &err), -1);
	assert_non_null(strstr(err.msg, "Not a directory"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(before_and_after_enclose_the_call_and_errno_survives),
		cmocka_unit_test(a_call_that_must_fail_is_not_made_and_not_concluded),
		cmocka_unit_test(every_call_does_what_it_says_and_is_counted),
		cmocka_unit_test(every_operation_has_a_name),
		cmocka_unit_test(a_created_file_is_new_and_never_behind_a_link),
		cmocka_unit_test(calls_of_several_threads_are_all_seen),
		cmocka_unit_test(opening_beneath_never_follows_a_link_nor_leads_out),
		cmocka_unit_test(the_walk_without_openat2_gives_the_same_answers),
		cmocka_unit_test(a_file_is_read_whole_or_refused),
		cmocka_unit_test(a_state_file_is_old_or_new_when_any_call_fails),
		cmocka_unit_test(a_state_file_is_old_or_new_when_the_process_dies_at_any_call),
		cmocka_unit_test(a_tree_is_removed_without_following_links),
		cmocka_unit_test(folders_that_forbid_it_are_removed_as_well),
		cmocka_unit_test(removing_a_tree_that_fails_says_where),
		cmocka_unit_test(a_path_is_made_with_the_folders_it_lacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
