/* Scripts of a lifecycle event, with real processes: how they end, and what becomes of their output. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hook_help.h"

#include <sys/resource.h>
#include <sys/wait.h>

static void output_goes_to_the_log_line_by_line(void **state)
{
	succeeds(*state, "echo one; echo; printf ' two \\nthree'");
	assert_log(*state, "Script - s.sh\n[stdout]one\n[stdout]\n[stdout] two \n[stdout]three");
}

static void a_failing_script_tells_its_exit_code(void **state)
{
	struct fixture *f = *state;

	fails(f, "echo why >&2; exit 3", ERR_SCRIPT_FAILED,
	      "Script at specified location: s.sh failed with exit code 3");
	assert_int_equal(3, f->outcome.exit_code);
	assert_int_equal(0, f->outcome.signal);
	assert_string_equal("s.sh", f->outcome.script);
	assert_log(f, "Script - s.sh\n[stderr]why\n");
}

static void a_killed_script_tells_the_signal(void **state)
{
	struct fixture *f = *state;

	fails(f, "kill -9 $$", ERR_SCRIPT_FAILED,
	      "Script at specified location: s.sh was killed by signal 9 (SIGKILL)");
	assert_int_equal(-1, f->outcome.exit_code);
	assert_int_equal(9, f->outcome.signal);
	fails(f, "kill -SEGV $$", ERR_SCRIPT_FAILED,
	      "Script at specified location: s.sh was killed by signal 11 (SIGSEGV)");
}

static void a_timeout_ends_the_whole_group(void **state)
{
	struct fixture *f = *state;
	long start = clock_ms();

	f->script.timeout_s = 1;
	fails(f, "echo begun; sleep 100 & echo $! > child; wait", ERR_SCRIPT_TIMED_OUT,
	      "Script at specified location: s.sh failed to complete in 1 seconds");
	assert_in_range(clock_ms() - start, 1000, 2500);
	assert_false(process_lives(pid_from(f->folder, "child")));
	assert_log(f, "Script - s.sh\n[stdout]begun\nScript at specified location: s.sh timed out\n");
	assert_string_equal("Script at specified location: s.sh timed out\n", str_text(&f->notes));
	succeeds(f, "true"); /* and the next one runs */
}

static void a_script_that_ignores_term_is_killed_after_the_grace(void **state)
{
	struct fixture *f = *state;
	long start = clock_ms();

	f->script.timeout_s = 1;
	fails(f, "trap 'echo heard' TERM; sh -c 'trap \"\" TERM; echo $$ > child; while :; do sleep 1; done'",
	      ERR_SCRIPT_TIMED_OUT, "Script at specified location: s.sh failed to complete in 1 seconds");
	assert_in_range(clock_ms() - start, 1200, 3000);
	assert_true(process_ends_within(pid_from(f->folder, "child"), 500));
}

static void a_timeout_ends_what_has_left_the_group(void **state)
{
	struct fixture *f = *state;

	f->script.timeout_s = 1;
	fails(f,
	      "setsid sh -c 'trap \"\" TERM; echo $$ > deaf; while :; do sleep 0.1; done' >/dev/null 2>&1 & exec sleep "
	      "100",
	      ERR_SCRIPT_TIMED_OUT, "Script at specified location: s.sh failed to complete in 1 seconds");
	assert_false(process_lives(pid_from(f->folder, "deaf")));
	fails(f, "(setsid sh -c 'echo $$ > daemon; exec sleep 100' >/dev/null 2>&1 &); sleep 100", ERR_SCRIPT_TIMED_OUT,
	      "Script at specified location: s.sh failed to complete in 1 seconds");
	assert_false(process_lives(pid_from(f->folder, "daemon")));
}

static void a_timeout_spares_what_an_earlier_script_has_left(void **state)
{
	struct fixture *f = *state;

	succeeds(f, "(setsid sh -c 'echo $$ > daemon; sleep 0.2; sleep 100 & echo $! > work; wait' >/dev/null 2>&1 &)");
	f->script.timeout_s = 1;
	fails(f, "sleep 100", ERR_SCRIPT_TIMED_OUT,
	      "Script at specified location: s.sh failed to complete in 1 seconds");

	pid_t daemon = pid_from(f->folder, "daemon"), work = pid_from(f->folder, "work");

	assert_true(process_lives(daemon));
	assert_true(process_lives(work));
	assert_int_equal(0, kill(work, SIGKILL));
	assert_true(process_ends_within(daemon, 2000));
	pause_ms(50);
	assert_int_equal(-1, kill(daemon, 0)); /* not even a zombie of the zygote */
}

static void a_script_may_use_the_grace_to_clean_up(void **state)
{
	struct fixture *f = *state;

	f->script.timeout_s = 1;
	f->run.grace_ms = 3000;
	fails(f, "trap 'echo cleaned; exit 0' TERM; sleep 100 & wait", ERR_SCRIPT_TIMED_OUT,
	      "Script at specified location: s.sh failed to complete in 1 seconds");
	assert_log(f, "Script - s.sh\nScript at specified location: s.sh timed out\n[stdout]cleaned\n");
}

/* A daemon in its own session that keeps the output of the script. */
#define LEAVE_DAEMON "(setsid sleep 103 & echo $! > child); sleep 0.05"

static void assert_holder_named(struct fixture *f, pid_t child)
{
	AUTO_FREE char *want = xasprintf("Script at specified location: s.sh has ended, but pid %d 'sleep 103' still "
					 "holds its STDOUT and STDERR open; redirect the output of what the script "
					 "starts: nohup COMMAND >/dev/null 2>&1 &\n",
					 (int)child);
	AUTO_FREE char *log = log_text(f);

	assert_string_equal(want, str_text(&f->notes));
	assert_non_null(strstr(log, want));
	assert_true(f->outcome.outputs_left_open);
	assert_true(process_lives(child));
}

static void outputs_left_open_may_be_waited_for(void **state)
{
	struct fixture *f = *state;

	f->deployment.settings.outputs_left_open = OUTPUTS_WAIT;
	f->script.timeout_s = 1;

	long start = clock_ms();

	assert_int_equal(-1, run_body(f, LEAVE_DAEMON));
	assert_in_range(clock_ms() - start, 1000, 2500);

	pid_t child = pid_from(f->folder, "child");
	AUTO_FREE char *want = xasprintf(
		"Script at specified location: s.sh failed to close STDOUT: held by pid %d 'sleep 103'", (int)child);

	assert_string_equal(want, f->err.msg);
	assert_int_equal(ERR_OUTPUTS_LEFT_OPEN, f->err.kind);
	assert_int_equal(0, f->outcome.exit_code);
	assert_holder_named(f, child);
	assert_int_equal(0, kill(child, SIGKILL));
}

static void outputs_that_are_closed_in_time_are_a_success(void **state)
{
	struct fixture *f = *state;

	succeeds(f, "(sleep 0.8; echo late) &");
	assert_false(f->outcome.outputs_left_open);
	assert_non_null(strstr(str_text(&f->notes), "still holds its STDOUT and STDERR open"));

	AUTO_FREE char *log = log_text(f);

	assert_true(str_ends(log, "[stdout]late\n"));
}

static void outputs_left_open_may_be_a_warning(void **state)
{
	struct fixture *f = *state;

	f->deployment.settings.outputs_left_open = OUTPUTS_WARN;

	long start = clock_ms();

	succeeds(f, LEAVE_DAEMON);
	assert_in_range(clock_ms() - start, 300, 1500);

	pid_t child = pid_from(f->folder, "child");

	assert_holder_named(f, child);
	assert_int_equal(0, kill(child, SIGKILL));
}

static void outputs_left_open_may_be_a_failure_at_once(void **state)
{
	struct fixture *f = *state;

	f->deployment.settings.outputs_left_open = OUTPUTS_FAIL;

	long start = clock_ms();

	assert_int_equal(-1, run_body(f, LEAVE_DAEMON " 2>/dev/null"));
	assert_in_range(clock_ms() - start, 300, 1500);
	assert_int_equal(ERR_OUTPUTS_LEFT_OPEN, f->err.kind);

	pid_t child = pid_from(f->folder, "child");

	assert_holder_named(f, child);
	assert_int_equal(0, kill(child, SIGKILL));
}

static void only_stderr_left_open_is_told_as_such(void **state)
{
	struct fixture *f = *state;

	f->deployment.settings.outputs_left_open = OUTPUTS_FAIL;
	assert_int_equal(-1, run_body(f, "setsid sleep 103 >/dev/null & echo $! > child; sleep 0.05"));
	assert_true(str_starts(f->err.msg, "Script at specified location: s.sh failed to close STDERR: held by pid "));
	assert_int_equal(0, kill(pid_from(f->folder, "child"), SIGKILL));
}

static void a_script_that_failed_is_not_blamed_for_its_outputs(void **state)
{
	struct fixture *f = *state;

	fails(f, LEAVE_DAEMON "; exit 4", ERR_SCRIPT_FAILED,
	      "Script at specified location: s.sh failed with exit code 4");
	assert_string_equal("", str_text(&f->notes));
	assert_int_equal(0, kill(pid_from(f->folder, "child"), SIGKILL));
}

static void a_redirected_daemon_is_no_matter(void **state)
{
	struct fixture *f = *state;
	long start = clock_ms();

	succeeds(f, "nohup sleep 103 >/dev/null 2>&1 & echo $! > child");
	assert_true(clock_ms() - start < 250);
	assert_string_equal("", str_text(&f->notes));

	pid_t child = pid_from(f->folder, "child");

	assert_true(process_lives(child));
	assert_int_equal(0, kill(child, SIGKILL));
}

static void closing_the_output_early_is_no_end(void **state)
{
	struct fixture *f = *state;

	fails(f, "echo out; exec >&- 2>&-; sleep 0.2; exit 5", ERR_SCRIPT_FAILED,
	      "Script at specified location: s.sh failed with exit code 5");
	assert_log(f, "Script - s.sh\n[stdout]out\n");
}

static void a_stop_request_ends_a_script(void **state)
{
	struct fixture *f = *state;
	atomic_bool stop = false;
	int ends[2];

	assert_int_equal(0, pipe2(ends, O_CLOEXEC));
	f->run.stop_fd = ends[0];
	f->run.stop = &stop;

	pid_t child = fork(); /* asks after a while, by closing */

	if (child == 0) {
		(void)close(ends[0]);
		pause_ms(300);
		_exit(0);
	}
	(void)close(ends[1]);

	long start = clock_ms();

	fails(f, "sleep 100", ERR_STOPPED, "Script at specified location: s.sh was stopped");
	assert_true(clock_ms() - start < 1500);
	assert_int_equal(child, waitpid(child, NULL, 0));
	(void)close(ends[0]);
	f->run.stop_fd = -1;
	atomic_store(&stop, true);
	fails(f, "true", ERR_STOPPED, "Script at specified location: s.sh was not started: asked to stop");
}

static void a_killed_zygote_fails_the_hook_and_ends_it(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *body = xasprintf("echo $$ > self; sleep 0.2; kill -9 %d; sleep 100",
					 (int)zygote_pid(f->zygote));

	fails(f, body, ERR_SYS,
	      "Script at specified location: s.sh: the process that starts hooks has gone away (was it killed?)");
	assert_true(process_ends_within(pid_from(f->folder, "self"), 1000));
}

static void names_with_blanks_are_no_matter(void **state)
{
	struct fixture *f = *state;

	file_put(f->archive, "a script; with $(odd) name", "#!/bin/sh\necho ran\n", 0755);
	f->script.location = "a script; with $(odd) name";
	assert_int_equal(0, hook_run(&f->run, &f->outcome, &f->err));
	assert_log(f, "Script - a script; with $(odd) name\n[stdout]ran\n");
}

static void bytes_of_any_kind_arrive_as_they_are(void **state)
{
	struct fixture *f = *state;

	succeeds(f, "printf 'a\\000b\\n\\377\\376\\033[31m\\n'");
	script_log_flush(f->log);

	AUTO_FREE char *path = xasprintf("%s/logs/scripts.log", f->folder);
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[256];
	ssize_t n = read(fd, text, sizeof(text));
	static const char want[] = "[stdout]a\0b\n";

	assert_true(n > 0);
	assert_non_null(memmem(text, (size_t)n, want, sizeof(want) - 1));
	assert_non_null(memmem(text, (size_t)n, "[stdout]\377\376\033[31m\n", 16));
}

static void a_line_is_kept_up_to_its_limit(void **state)
{
	struct fixture *f = *state;

	succeeds(f, "head -c 65536 /dev/zero | tr '\\0' x; echo; head -c 65537 /dev/zero | tr '\\0' y; echo; "
		    "head -c 1000000 /dev/zero | tr '\\0' z");

	AUTO_FREE char *text = log_text(f);
	const char *y = strstr(text, "[stdout]y"), *z = strstr(text, "[stdout]z");

	assert_non_null(y);
	assert_non_null(z);
	assert_int_equal(65536 + 9, y - strstr(text, "[stdout]x"));
	assert_non_null(strstr(y, "y [1 more bytes of this line are left out]\n[stdout]z"));
	assert_true(str_ends(z, "z [934464 more bytes of this line are left out]"));
}

/* Resident bytes now, in KiB. */
static long resident(void)
{
	AUTO_FREE char *text = file_get("/proc/self", "status");

	return atol(strstr(text, "VmRSS:") + 6);
}

static void a_secret_that_is_cut_is_hidden_all_the_same(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(1, mask_add(script_log_mask(f->run.log), "hunter22", 8));
	succeeds(f,
		 "head -c 65530 /dev/zero | tr '\\0' x; echo hunter22; echo the hunter22; printf hunter; sleep 0.05; "
		 "printf 22");

	AUTO_FREE char *text = log_text(f);

	assert_non_null(strstr(text, "xxx [8 more bytes of this line are left out]\n"));
	assert_non_null(strstr(text, "[stdout]the ***\n"));
	assert_true(str_ends(text, "[stdout]***"));
	assert_null(strstr(text, "hunt"));
}

static void a_hundred_megabytes_of_output_are_no_burden(void **state)
{
	struct fixture *f = *state;

	succeeds(f, "true");

	long before = resident(), start = clock_ms();

	succeeds(f, "yes 'a line of some sixty characters, as build tools like to print them' | head -c 100000000");
	print_message("  100 MB in lines: %ld ms, %ld KiB more\n", clock_ms() - start, resident() - before);
#ifndef __SANITIZE_ADDRESS__
	assert_true(resident() - before < 4096);
#endif
	start = clock_ms();
	succeeds(f, "head -c 100000000 /dev/zero");
	print_message("  100 MB in one line: %ld ms, %ld KiB more\n", clock_ms() - start, resident() - before);
#ifndef __SANITIZE_ADDRESS__
	assert_true(resident() - before < 4096);
#endif

	AUTO_FREE char *log = log_text(f);

	assert_true(strlen(log) <= 1024 * 1024);
	assert_non_null(strstr(log, " bytes of output are left out here: this log is capped at 1048576 bytes\n"));
}

static void an_endless_writer_is_ended_in_time(void **state)
{
	struct fixture *f = *state;
	long start = clock_ms();

	f->script.timeout_s = 1;
	fails(f, "exec yes", ERR_SCRIPT_TIMED_OUT,
	      "Script at specified location: s.sh failed to complete in 1 seconds");
	assert_in_range(clock_ms() - start, 1000, 2500);
}

static void an_event_runs_its_scripts_in_order_up_to_the_first_failure(void **state)
{
	struct fixture *f = *state;
	struct appspec_script scripts[] = { { .location = "1.sh", .timeout_s = 20 },
					    { .location = "2.sh", .timeout_s = 20 },
					    { .location = "3.sh", .timeout_s = 20 } };
	struct appspec_hook hook = { .event = "AfterInstall", .scripts = scripts, .script_count = 3 };
	char tail[SCRIPT_LOG_TAIL + 1];

	file_put(f->archive, "1.sh", "#!/bin/sh\necho one\n", 0755);
	file_put(f->archive, "2.sh", "#!/bin/sh\necho two; exit 2\n", 0755);
	file_put(f->archive, "3.sh", "#!/bin/sh\necho three\n", 0755);
	assert_int_equal(-1, hook_event_run(&f->run, &hook, &f->outcome, &f->err));
	assert_string_equal("2.sh", f->outcome.script);
	assert_int_equal(2, f->outcome.exit_code);
	assert_log(f, "LifecycleEvent - AfterInstall\nScript - 1.sh\n[stdout]one\nScript - 2.sh\n[stdout]two\n");
	script_log_tail(f->log, tail);
	assert_string_equal("LifecycleEvent - AfterInstall\nScript - 1.sh\n[stdout]one\nScript - 2.sh\n[stdout]two\n",
			    tail);
}

static void an_event_without_scripts_leaves_no_trace(void **state)
{
	struct fixture *f = *state;
	struct appspec_hook hook = { .event = "AfterInstall" };
	char tail[SCRIPT_LOG_TAIL + 1];

	assert_int_equal(0, hook_event_run(&f->run, NULL, &f->outcome, &f->err));
	assert_int_equal(0, hook_event_run(&f->run, &hook, &f->outcome, &f->err));
	assert_null(f->outcome.script);
	assert_log(f, "");
	script_log_event(f->log, "Another");
	assert_int_equal(0, hook_event_run(&f->run, &hook, &f->outcome, &f->err));
	assert_int_equal(0, script_log_tail(f->log, tail));
}

static void a_log_that_cannot_be_written_harms_no_hook(void **state)
{
	struct fixture *f = *state;

	file_put(f->folder, "logs", "", 0644);
	succeeds(f, "echo out");

	const char *trouble = script_log_trouble(f->log);

	assert_non_null(trouble);
	assert_true(str_ends(trouble, "Not a directory"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(output_goes_to_the_log_line_by_line),
		TEST(a_failing_script_tells_its_exit_code),
		TEST(a_killed_script_tells_the_signal),
		TEST(a_timeout_ends_the_whole_group),
		TEST(a_script_that_ignores_term_is_killed_after_the_grace),
		TEST(a_timeout_ends_what_has_left_the_group),
		TEST(a_timeout_spares_what_an_earlier_script_has_left),
		TEST(a_script_may_use_the_grace_to_clean_up),
		TEST(outputs_left_open_may_be_waited_for),
		TEST(outputs_that_are_closed_in_time_are_a_success),
		TEST(outputs_left_open_may_be_a_warning),
		TEST(outputs_left_open_may_be_a_failure_at_once),
		TEST(only_stderr_left_open_is_told_as_such),
		TEST(a_script_that_failed_is_not_blamed_for_its_outputs),
		TEST(a_redirected_daemon_is_no_matter),
		TEST(closing_the_output_early_is_no_end),
		TEST(a_stop_request_ends_a_script),
		TEST(a_killed_zygote_fails_the_hook_and_ends_it),
		TEST(names_with_blanks_are_no_matter),
		TEST(bytes_of_any_kind_arrive_as_they_are),
		TEST(a_line_is_kept_up_to_its_limit),
		TEST(a_secret_that_is_cut_is_hidden_all_the_same),
		TEST(a_hundred_megabytes_of_output_are_no_burden),
		TEST(an_endless_writer_is_ended_in_time),
		TEST(an_event_runs_its_scripts_in_order_up_to_the_first_failure),
		TEST(an_event_without_scripts_leaves_no_trace),
		TEST(a_log_that_cannot_be_written_harms_no_hook),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
