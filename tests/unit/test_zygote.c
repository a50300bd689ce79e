/* The process that hooks are forked from: what a hook gets, how it ends, and who goes with whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lifecycle/zygote.h"
#include "process_help.h"

#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>

struct fixture {
	struct zygote *z;
	char *folder;
	int null;
};

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct err err = ERR_INIT;

	if (zygote_start(NULL, &f->z, &err) < 0)
		fail_msg("%s", err.msg);
	f->folder = folder_new();
	f->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	zygote_free(f->z);
	scratch_removep(&f->folder);
	(void)close(f->null);
	free(f);
	return 0;
}

static const char *const plain_environment[] = { "PATH=/usr/bin:/bin", "GIVEN=yes", NULL };

static struct zygote_request request_for(const struct fixture *f, const char *const *argv)
{
	return (struct zygote_request){ .kind = ZYGOTE_EXEC,
					.argv = argv,
					.environment = plain_environment,
					.cwd = "/",
					.umask = 022,
					.in = f->null,
					.out = f->null,
					.err = f->null };
}

static void must_run(struct fixture *f, const struct zygote_request *r, struct zygote_child *child)
{
	struct err err = ERR_INIT;
	int got = zygote_run(f->z, r, child, &err);

	if (got != 1)
		fail_msg("%s %s %s", err.msg, child->step, strerror(child->error));
}

static int wait_end(struct fixture *f, struct zygote_child *child)
{
	struct err err = ERR_INIT;
	int status = -1;

	if (zygote_ended(f->z, &status, &err) != 1)
		fail_msg("%s", err.msg);
	auto_closep(&child->pidfd);
	zygote_release(f->z);
	return status;
}

/* Run R, its output in a file; the text, which the caller frees. */
static char *output_of(struct fixture *f, struct zygote_request r)
{
	AUTO_FREE char *path = xasprintf("%s/output", f->folder);
	AUTO_FD int out = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct zygote_child child;

	r.out = r.err = out;
	must_run(f, &r, &child);
	assert_int_equal(0, wait_end(f, &child));
	return file_get(f->folder, "output");
}

static char *shell(struct fixture *f, const char *script)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };

	return output_of(f, request_for(f, argv));
}

static void a_hook_ends_with_its_status(void **state)
{
	struct fixture *f = *state;

	for (int code = 0; code < 4; code++) {
		AUTO_FREE char *script = xasprintf("exit %d", code);
		const char *const argv[] = { "/bin/sh", "-c", script, NULL };
		struct zygote_request r = request_for(f, argv);
		struct zygote_child child;

		must_run(f, &r, &child);

		int status = wait_end(f, &child);

		assert_true(WIFEXITED(status));
		assert_int_equal(code, WEXITSTATUS(status));
	}
}

static void a_signal_that_ends_a_hook_is_told(void **state)
{
	struct fixture *f = *state;
	const char *const argv[] = { "/bin/sleep", "100", NULL };
	struct zygote_request r = request_for(f, argv);
	struct zygote_child child;

	must_run(f, &r, &child);
	assert_int_equal(child.pid, getpgid(child.pid));
	assert_int_equal(0, kill(-child.pid, SIGTERM));

	int status = wait_end(f, &child);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(SIGTERM, WTERMSIG(status));
}

static void the_pid_stays_until_it_is_released(void **state)
{
	struct fixture *f = *state;
	const char *const argv[] = { "/bin/true", NULL };
	struct zygote_request r = request_for(f, argv);
	struct zygote_child child;
	struct err err = ERR_INIT;
	int status;

	must_run(f, &r, &child);
	assert_int_equal(1, zygote_ended(f->z, &status, &err));
	pause_ms(50);
	assert_int_equal(0, kill(child.pid, 0));
	zygote_release(f->z);
	for (int i = 0; i < 200 && kill(child.pid, 0) == 0; i++)
		pause_ms(10);
	assert_int_equal(-1, kill(child.pid, 0));
	auto_closep(&child.pidfd);
}

static void a_hook_gets_the_environment_that_was_given_and_nothing_else(void **state)
{
	struct fixture *f = *state;
	const char *const argv[] = { "/usr/bin/env", NULL };

	assert_int_equal(0, setenv("SECRET_OF_THE_WORKER", "1", 1));

	AUTO_FREE char *text = output_of(f, request_for(f, argv));

	assert_string_equal("PATH=/usr/bin:/bin\nGIVEN=yes\n", text);
}

static void a_hook_has_no_descriptor_above_two(void **state)
{
	struct fixture *f = *state;
	AUTO_FD int inherited = dup(f->null); /* without close-on-exec, before and after the zygote's start */
	AUTO_FREE char *text = shell(f, "exec ls /proc/self/fd"); /* 3 is the folder that ls reads */

	assert_true(inherited > 2);
	assert_string_equal("0\n1\n2\n3\n", text);
}

static void a_hook_starts_in_its_folder_with_its_umask(void **state)
{
	struct fixture *f = *state;
	const char *const argv[] = { "/bin/sh", "-c", "pwd; umask", NULL };
	struct zygote_request r = request_for(f, argv);

	r.cwd = f->folder;
	r.umask = 027;

	AUTO_FREE char *text = output_of(f, r);
	AUTO_FREE char *want = xasprintf("%s\n0027\n", f->folder);

	assert_string_equal(want, text);
}

static unsigned long long mask_in(const char *status, const char *name)
{
	const char *at = strstr(status, name);

	assert_non_null(at);
	return strtoull(at + strlen(name), NULL, 16);
}

/* The C library keeps signals 32 and 33 to itself: whoever ignored them for us has the last word. */
#define LIBRARY_SIGNALS 0x180000000ULL

static void a_hook_starts_with_default_signals(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	sigset_t mask, old;

	zygote_free(f->z);
	assert_int_equal(0, sigemptyset(&mask));
	assert_int_equal(0, sigaddset(&mask, SIGTERM));
	assert_int_equal(0, sigprocmask(SIG_BLOCK, &mask, &old));
	assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
	assert_int_equal(0, zygote_start(NULL, &f->z, &err));

	AUTO_FREE char *text = shell(f, "cat /proc/self/status");

	assert_int_equal(0, mask_in(text, "SigBlk:"));
	assert_int_equal(0, mask_in(text, "SigIgn:") & ~LIBRARY_SIGNALS);
	assert_int_equal(0, sigprocmask(SIG_SETMASK, &old, NULL));
	assert_true(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
}

static void standard_input_is_at_its_end(void **state)
{
	AUTO_FREE char *text = shell(*state, "cat; echo ended");

	assert_string_equal("ended\n", text);
}

static void a_script_without_an_interpreter_line_is_run_by_the_shell(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *path = xasprintf("%s/plain", f->folder);
	const char *const argv[] = { path, "an argument", NULL };

	file_put(f->folder, "plain", "echo \"$0 $1\"\n", 0755);

	AUTO_FREE char *text = output_of(f, request_for(f, argv));
	AUTO_FREE char *want = xasprintf("%s an argument\n", path);

	assert_string_equal(want, text);
}

static void what_cannot_be_started_says_why(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *vanished = xasprintf("%s/vanished", f->folder);
	AUTO_FREE char *closed = xasprintf("%s/closed", f->folder);
	const struct {
		const char *path, *cwd;
		int error;
		const char *step;
	} cases[] = {
		{ vanished, "/", ENOENT, "executing it" },
		{ closed, "/", EACCES, "executing it" },
		{ "/no/such/file", "/", ENOENT, "executing it" },
		{ "/bin/true", "/no/such/folder", ENOENT, "changing to its folder" },
	};

	file_put(f->folder, "vanished", "#!/no/such/interpreter\n", 0755);
	file_put(f->folder, "closed", "#!/bin/sh\n", 0644);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *const argv[] = { cases[i].path, NULL };
		struct zygote_request r = request_for(f, argv);
		struct zygote_child child;
		struct err err = ERR_INIT;

		print_message("  %s in %s\n", cases[i].path, cases[i].cwd);
		r.cwd = cases[i].cwd;
		assert_int_equal(0, zygote_run(f->z, &r, &child, &err));
		assert_int_equal(cases[i].error, child.error);
		assert_string_equal(cases[i].step, child.step);
	}
	a_hook_ends_with_its_status(state);
}

static void a_hook_runs_as_the_user_that_was_asked_for(void **state)
{
	struct fixture *f = *state;
	const gid_t groups[] = { 1, 12 };
	const char *const argv[] = { "/bin/sh", "-c", "id -u; id -g; id -G; grep -E '^Cap(Prm|Eff)' /proc/self/status",
				     NULL };
	struct zygote_request r = request_for(f, argv);

	if (geteuid() != 0) {
		print_message("  skipped: only root can change users\n");
		skip();
	}
	r.change_user = true;
	r.uid = 65534;
	r.gid = 1;
	r.groups = groups;
	r.group_count = ARRAY_LEN(groups);

	AUTO_FREE char *text = output_of(f, r);

	assert_string_equal("65534\n1\n1 12\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n", text);
}

static void a_request_beyond_the_limit_is_refused_and_the_zygote_lives_on(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *large = xmalloc(ZYGOTE_MAX_REQUEST + 1);
	const char *const argv[] = { "/bin/true", NULL };
	const char *const environment[] = { large, NULL };
	struct zygote_request r = request_for(f, argv);
	struct zygote_child child;
	struct err err = ERR_INIT;

	memset(large, 'x', ZYGOTE_MAX_REQUEST);
	large[ZYGOTE_MAX_REQUEST] = '\0';
	r.environment = environment;
	assert_int_equal(-1, zygote_run(f->z, &r, &child, &err));
	assert_string_equal("arguments and environment of the hook are larger than 1048576 bytes", err.msg);
	large[ZYGOTE_MAX_REQUEST - 100] = '\0'; /* fits the request, not the kernel's limit of a string */
	assert_int_equal(0, zygote_run(f->z, &r, &child, &err));
	assert_int_equal(E2BIG, child.error);
	a_hook_ends_with_its_status(state);
}

static void one_hook_at_a_time(void **state)
{
	struct fixture *f = *state;
	const char *const argv[] = { "/bin/sleep", "100", NULL };
	struct zygote_request r = request_for(f, argv);
	struct zygote_child child, second;
	struct err err = ERR_INIT;

	must_run(f, &r, &child);
	assert_int_equal(0, zygote_run(f->z, &r, &second, &err));
	assert_int_equal(EBUSY, second.error);
	assert_int_equal(0, kill(child.pid, SIGKILL));
	wait_end(f, &child);
	a_hook_ends_with_its_status(state);
}

/* Another user's process, say: the watch over it ended without an end. */
static void a_hook_that_is_given_up_is_in_nobodys_way(void **state)
{
	struct fixture *f = *state;
	const char *const argv[] = { "/bin/sleep", "100", NULL }, *const quick[] = { "/bin/true", NULL };
	struct zygote_request r = request_for(f, argv), at_once = request_for(f, quick);
	struct zygote_child child;

	must_run(f, &r, &child);
	zygote_release(f->z);
	a_hook_ends_with_its_status(state);
	assert_true(process_lives(child.pid));
	assert_int_equal(0, kill(child.pid, SIGKILL));
	auto_closep(&child.pidfd);
	pause_ms(50); /* the zygote has seen its end, and told nobody */
	a_hook_ends_with_its_status(state);

	must_run(f, &at_once, &child);
	pause_ms(50); /* here it has told, and nobody has listened */
	zygote_release(f->z);
	auto_closep(&child.pidfd);
	a_hook_ends_with_its_status(state);
}

static void a_killed_zygote_is_noticed(void **state)
{
	struct fixture *f = *state;
	const char *const argv[] = { "/bin/sleep", "100", NULL };
	struct zygote_request r = request_for(f, argv);
	struct zygote_child child, second;
	struct err err = ERR_INIT;
	int status;

	must_run(f, &r, &child);
	assert_int_equal(0, kill(zygote_pid(f->z), SIGKILL));
	assert_int_equal(-1, zygote_ended(f->z, &status, &err));
	assert_string_equal("the process that starts hooks has gone away (was it killed?)", err.msg);
	assert_int_equal(-1, zygote_run(f->z, &r, &second, &err));
	assert_int_equal(0, kill(-child.pid, SIGKILL));
	auto_closep(&child.pidfd);
}

/* A worker of its own that starts a hook and is then killed; returns its zygote's pid. */
static pid_t killed_worker(struct fixture *f, const char *script)
{
	int said[2];
	pid_t zygote = -1;

	assert_int_equal(0, pipe2(said, O_CLOEXEC));

	pid_t worker = fork();

	assert_true(worker >= 0);
	if (worker == 0) {
		const char *const argv[] = { "/bin/sh", "-c", script, NULL };
		struct zygote_request r = request_for(f, argv);
		struct zygote_child child;
		struct err err = ERR_INIT;
		struct zygote *z;

		r.cwd = f->folder;
		if (zygote_start(NULL, &z, &err) < 0 || zygote_run(z, &r, &child, &err) != 1)
			_exit(1);
		zygote = zygote_pid(z);
		(void)!write(said[1], &zygote, sizeof(zygote));
		for (;;)
			(void)pause();
	}
	assert_int_equal(sizeof(zygote), read(said[0], &zygote, sizeof(zygote)));
	(void)close(said[0]);
	(void)close(said[1]);
	pid_from(f->folder, "ready");
	assert_int_equal(0, kill(worker, SIGKILL));
	assert_int_equal(worker, waitpid(worker, NULL, 0));
	return zygote;
}

static void a_running_hook_and_its_group_die_with_the_worker(void **state)
{
	struct fixture *f = *state;
	pid_t zygote = killed_worker(
		f, "trap '' TERM; sleep 100 & echo $! > child; (setsid sh -c 'echo $$ > daemon; sleep 100'&);"
		   "echo $$ > hook; sleep 0.2; echo 1 > ready; wait");

	pid_t daemon = pid_from(f->folder, "daemon");

	assert_true(process_ends_within(pid_from(f->folder, "hook"), 2000));
	assert_true(process_ends_within(pid_from(f->folder, "child"), 2000));
	assert_true(process_ends_within(zygote, 2000));
	assert_true(process_lives(daemon)); /* a service, perhaps */
	assert_int_equal(0, kill(daemon, SIGKILL));
}

static void what_an_ended_hook_left_running_survives_the_worker(void **state)
{
	struct fixture *f = *state;
	pid_t zygote = killed_worker(f, "sleep 100 & echo $! > child; (sleep 0.3; echo 1 > ready) &");
	pid_t child = pid_from(f->folder, "child");

	assert_true(process_ends_within(zygote, 2000));
	assert_true(process_lives(child));
	assert_int_equal(0, kill(child, SIGKILL));
}

static void the_zygote_goes_when_it_is_given_back(void **state)
{
	struct fixture *f = *state;
	const char *const argv[] = { "/bin/sleep", "100", NULL };
	struct zygote_request r = request_for(f, argv);
	struct zygote_child child;
	pid_t zygote = zygote_pid(f->z);
	struct err err = ERR_INIT;

	must_run(f, &r, &child);
	zygote_free(f->z);
	assert_int_equal(-1, kill(zygote, 0));
	assert_true(process_ends_within(child.pid, 2000));
	auto_closep(&child.pidfd);
	assert_int_equal(0, zygote_start(NULL, &f->z, &err));
}

static double seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool prepared; /* in the zygote, and so in what it forks */

static void be_prepared(void)
{
	prepared = true;
}

/* What a called hook is and has, on its standard output. */
static int called(char **argv, char **environment)
{
	int above = 0;

	for (int fd = 3; fd < 64; fd++)
		above += fcntl(fd, F_GETFD) >= 0;
	printf("%s %s %d %d %04o %d%s\n", argv[1], environment[1], getpid() == getpgrp(), above, (unsigned)umask(0),
	       fcntl(ZYGOTE_REPORT_FD, F_GETFD) == FD_CLOEXEC, prepared ? " prepared" : "");
	(void)fflush(stdout);
	return atoi(argv[2]);
}

static const struct zygote_calls calls = { called, be_prepared };

static void restart_with_call(struct fixture *f)
{
	struct err err = ERR_INIT;

	zygote_free(f->z);
	assert_int_equal(0, zygote_start(&calls, &f->z, &err));
}

static void a_function_is_called_as_a_hook_would_be(void **state)
{
	struct fixture *f = *state;
	const char *const argv[] = { "/x", "given", "0", NULL };
	struct zygote_request r = request_for(f, argv);
	int report[2];

	restart_with_call(f);
	r.kind = ZYGOTE_CALL;
	r.umask = 027;

	AUTO_FREE char *without = output_of(f, r);

	assert_string_equal("given GIVEN=yes 1 0 0027 0\n", without);
	assert_int_equal(0, pipe2(report, O_CLOEXEC));
	r.report = report[1];

	AUTO_FREE char *with = output_of(f, r);

	assert_string_equal("given GIVEN=yes 1 1 0027 1\n", with);
	(void)close(report[0]);
	(void)close(report[1]);
}

static void a_zygote_prepares_once_for_all_its_functions(void **state)
{
	struct fixture *f = *state;
	const char *const argv[] = { "/x", "given", "0", NULL };
	struct zygote_request r = request_for(f, argv);

	zygote_prepare(f->z); /* has nothing to prepare */
	restart_with_call(f);
	r.kind = ZYGOTE_CALL;
	for (int i = 0; i < 2; i++) {
		zygote_prepare(f->z);

		AUTO_FREE char *said = output_of(f, r);

		assert_string_equal("given GIVEN=yes 1 0 0022 0 prepared\n", said);
	}
}

static void a_function_ends_with_its_status(void **state)
{
	struct fixture *f = *state;

	restart_with_call(f);
	for (int code = 0; code < 4; code++) {
		AUTO_FREE char *text = xasprintf("%d", code);
		const char *const argv[] = { "/x", "given", text, NULL };
		struct zygote_request r = request_for(f, argv);
		struct zygote_child child;

		r.kind = ZYGOTE_CALL;
		must_run(f, &r, &child);

		int status = wait_end(f, &child);

		assert_true(WIFEXITED(status));
		assert_int_equal(code, WEXITSTATUS(status));
	}
}

static void a_function_that_cannot_be_called_says_why(void **state)
{
	struct fixture *f = *state;
	const char *const argv[] = { "/x", "given", "0", NULL };
	struct zygote_request r = request_for(f, argv);
	struct zygote_child child;
	struct err err = ERR_INIT;

	r.kind = ZYGOTE_CALL;
	assert_int_equal(0, zygote_run(f->z, &r, &child, &err)); /* this zygote was given none */
	assert_int_equal(ENOSYS, child.error);
	restart_with_call(f);
	r.cwd = "/nonexistent";
	assert_int_equal(0, zygote_run(f->z, &r, &child, &err));
	assert_int_equal(ENOENT, child.error);
	assert_string_equal("changing to its folder", child.step);
	r.cwd = "/";
	assert_int_equal(1, zygote_run(f->z, &r, &child, &err)); /* and it goes on */
	assert_int_equal(0, wait_end(f, &child));
}

/* No bar here: the machine decides. The goal (DESIGN section 4) is about half of `sh -c :`. */
static void starting_a_hook_is_cheap(void **state)
{
	struct fixture *f = *state;
	const char *const argv[] = { "/bin/true", NULL };
	char *const sh[] = { (char *)"sh", (char *)"-c", (char *)":", NULL };
	char *const environment[] = { NULL };
	struct zygote_request r = request_for(f, argv);
	double by_zygote = 0, by_spawn = 0;

	for (int i = 0; i < 200; i++) {
		struct zygote_child child;
		double start = seconds();

		must_run(f, &r, &child);
		wait_end(f, &child);
		by_zygote += seconds() - start;
		start = seconds();

		pid_t pid;

		assert_int_equal(0, posix_spawn(&pid, "/bin/sh", NULL, NULL, sh, environment));
		assert_int_equal(pid, waitpid(pid, NULL, 0));
		by_spawn += seconds() - start;
	}
	print_message("  zygote /bin/true %.0f us, posix_spawn sh -c : %.0f us, ratio %.2f\n", by_zygote * 5000,
		      by_spawn * 5000, by_zygote / by_spawn);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_hook_ends_with_its_status),
		TEST(a_signal_that_ends_a_hook_is_told),
		TEST(the_pid_stays_until_it_is_released),
		TEST(a_hook_gets_the_environment_that_was_given_and_nothing_else),
		TEST(a_hook_has_no_descriptor_above_two),
		TEST(a_hook_starts_in_its_folder_with_its_umask),
		TEST(a_hook_starts_with_default_signals),
		TEST(standard_input_is_at_its_end),
		TEST(a_script_without_an_interpreter_line_is_run_by_the_shell),
		TEST(what_cannot_be_started_says_why),
		TEST(a_hook_runs_as_the_user_that_was_asked_for),
		TEST(a_request_beyond_the_limit_is_refused_and_the_zygote_lives_on),
		TEST(one_hook_at_a_time),
		TEST(a_hook_that_is_given_up_is_in_nobodys_way),
		TEST(a_killed_zygote_is_noticed),
		TEST(a_running_hook_and_its_group_die_with_the_worker),
		TEST(what_an_ended_hook_left_running_survives_the_worker),
		TEST(the_zygote_goes_when_it_is_given_back),
		TEST(a_function_is_called_as_a_hook_would_be),
		TEST(a_zygote_prepares_once_for_all_its_functions),
		TEST(a_function_ends_with_its_status),
		TEST(a_function_that_cannot_be_called_says_why),
		TEST(starting_a_hook_is_cheap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
