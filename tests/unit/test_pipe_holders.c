/* Naming the processes that hold a pipe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lifecycle/pipe_holders.h"
#include "process_help.h"
#include "util/proc.h"

#include <sys/wait.h>

static const struct mask nothing = { 0 };

/* A process that holds FD as its output, and nothing else of ours. NAME is what it calls itself. */
static pid_t holder_called(const char *name, int fd, int as)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (dup2(fd, as) < 0)
			_exit(1);
		(void)execl("/bin/sleep", name, "101", NULL);
		_exit(1);
	}
	for (int i = 0; i < 200; i++) { /* until it is executed: then only the copy is left */
		AUTO_FREE char *path = xasprintf("%d/cmdline", (int)pid);
		AUTO_FREE char *command = file_get("/proc", path);

		if (!strcmp(command, name) && !strcmp(command + strlen(name) + 1, "101"))
			break;
		pause_ms(10);
	}
	return pid;
}

static pid_t holder(int fd, int as)
{
	return holder_called("sleep", fd, as);
}

static void end(pid_t pid)
{
	assert_int_equal(0, kill(pid, SIGKILL));
	assert_int_equal(pid, waitpid(pid, NULL, 0));
}

static void holders_are_named_with_pid_and_command(void **state)
{
	int out[2], err[2];

	(void)state;
	assert_int_equal(0, pipe2(out, O_CLOEXEC));
	assert_int_equal(0, pipe2(err, O_CLOEXEC));

	pid_t pid = holder(out[1], 1);
	AUTO_FREE char *want = xasprintf("pid %d 'sleep 101'", (int)pid);
	const int fds[2] = { out[0], err[0] };
	struct pipe_holders found;

	pipe_holders_find(fds, &nothing, &found);
	assert_int_equal(1, found.count);
	assert_true(found.holds[0]);
	assert_false(found.holds[1]);
	assert_string_equal(want, str_text(&found.text));
	pipe_holders_done(&found);
	end(pid);
	pipe_holders_find(fds, &nothing, &found);
	assert_int_equal(0, found.count);
	assert_string_equal("", str_text(&found.text));
	pipe_holders_done(&found);
	for (int i = 0; i < 2; i++) {
		(void)close(out[i]);
		(void)close(err[i]);
	}
}

static void many_holders_are_counted_and_some_are_named(void **state)
{
	int err[2];
	pid_t pids[6];

	(void)state;
	assert_int_equal(0, pipe2(err, O_CLOEXEC));
	for (size_t i = 0; i < ARRAY_LEN(pids); i++)
		pids[i] = holder(err[1], 2);

	const int fds[2] = { -1, err[0] };
	struct pipe_holders found;

	pipe_holders_find(fds, &nothing, &found);
	assert_int_equal(6, found.count);
	assert_true(found.holds[1]);
	assert_true(str_ends(str_text(&found.text), " and 2 more"));
	pipe_holders_done(&found);
	for (size_t i = 0; i < ARRAY_LEN(pids); i++)
		end(pids[i]);
	(void)close(err[0]);
	(void)close(err[1]);
}

static void a_secret_in_a_command_is_hidden_also_where_it_is_cut(void **state)
{
	AUTO(mask_done) struct mask mask = { 0 };
	char filler[91];
	int out[2];

	(void)state;
	memset(filler, 'x', sizeof(filler) - 1);
	filler[sizeof(filler) - 1] = '\0';
	assert_int_equal(1, mask_add(&mask, "hunter22-and-more", 17));
	assert_int_equal(0, pipe2(out, O_CLOEXEC));

	AUTO_FREE char *cut = xasprintf("%s hunter22-and-more", filler);
	pid_t pids[] = { holder_called("--password=hunter22-and-more", out[1], 1), holder_called(cut, out[1], 1) };
	const int fds[2] = { out[0], -1 };
	struct pipe_holders found;

	pipe_holders_find(fds, &mask, &found);
	assert_int_equal(2, found.count);
	assert_non_null(strstr(str_text(&found.text), "'--password=*** 101'"));
	assert_non_null(strstr(str_text(&found.text), "xx '"));
	assert_null(strstr(str_text(&found.text), "hunter"));
	pipe_holders_done(&found);
	for (size_t i = 0; i < ARRAY_LEN(pids); i++)
		end(pids[i]);
	(void)close(out[0]);
	(void)close(out[1]);
}

static void a_group_lives_as_long_as_one_of_its_members_does(void **state)
{
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)setpgid(0, 0);
		for (;;)
			(void)pause();
	}
	(void)setpgid(pid, pid); /* whoever is first */
	assert_true(proc_group_lives(pid));
	assert_int_equal(0, kill(pid, SIGKILL));
	for (int i = 0; i < 200 && proc_group_lives(pid); i++)
		pause_ms(10);
	assert_int_equal(0, kill(pid, 0)); /* its zombie is still there */
	assert_false(proc_group_lives(pid));
	assert_int_equal(pid, waitpid(pid, NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holders_are_named_with_pid_and_command),
		cmocka_unit_test(many_holders_are_counted_and_some_are_named),
		cmocka_unit_test(a_secret_in_a_command_is_hidden_also_where_it_is_cut),
		cmocka_unit_test(a_group_lives_as_long_as_one_of_its_members_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
