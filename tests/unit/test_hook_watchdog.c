/* A script that was told to end and does not: ended by a signal handler, which says where it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lifecycle/hook_watchdog.h"
#include "lifecycle/zygote.h"
#include "script_help.h"

#include <sys/wait.h>

#define KEPT_FD 20 /* where a child finds the pipes of its parent */

/* What a child left: its status, what it reported and what it wrote to standard error. */
struct end {
	int status;
	char report[1024], said[1024];
};

static void read_all(int fd, char *text, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, text + len, size - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	(void)close(fd);
}

/* Run LIFE in a child, which has started the watchdog. */
static void child(void (*life)(void *context), void *context, struct end *end)
{
	int report[2], said[2];

	assert_int_equal(0, pipe(report));
	assert_int_equal(0, pipe(said));

	pid_t pid = fork();

	if (pid == 0) {
		struct hook_reporter reporter;

		(void)dup2(said[1], KEPT_FD);
		(void)dup2(report[1], KEPT_FD + 1);
		(void)dup2(KEPT_FD, STDERR_FILENO);
		(void)dup2(KEPT_FD + 1, ZYGOTE_REPORT_FD);
		closefrom(ZYGOTE_REPORT_FD + 1);
		hook_reporter_init(&reporter);
		reporter.stop = hook_watchdog_start(&reporter);
		life(context);
		_exit(99);
	}
	assert_true(pid > 0);
	(void)close(report[1]);
	(void)close(said[1]);
	read_all(report[0], end->report, sizeof(end->report));
	read_all(said[0], end->said, sizeof(end->said));
	assert_int_equal(pid, waitpid(pid, &end->status, 0));
}

static void hang(void)
{
	for (;;)
		(void)pause();
}

static void hang_before(void *context)
{
	(void)context;
	(void)raise(SIGTERM);
	hang();
}

static void one_that_has_not_begun_says_so(void **state)
{
	struct end end;

	(void)state;
	child(hang_before, NULL, &end);
	assert_true(WIFEXITED(end.status) && WEXITSTATUS(end.status) == 1);
	assert_string_equal("mits time was over before it had begun", end.report);
	assert_string_equal("its time was over before it had begun\n", end.said);
}

static int l_hang(lua_State *L)
{
	(void)L;
	(void)raise(SIGTERM);
	hang();
	return 0;
}

static void add_hang(lua_State *L, const void *context)
{
	(void)context;
	lua_pushcfunction(L, l_hang);
	lua_setglobal(L, "hang");
}

/* s.lua in the folder of the fixture F, which hangs in its second line. */
static struct script *begin(struct fixture *f, char **path)
{
	struct script *s = NULL;
	struct err err = ERR_INIT;

	file_put(f->folder, "s.lua", "local first = 1\nhang()\n", 0644);
	*path = xasprintf("%s/s.lua", f->folder);
	if (script_new(&f->options, &s, &err) < 0 || script_extend(s, add_hang, NULL, &err) < 0)
		_exit(98);
	hook_watchdog_watch(s);
	return s;
}

static void hang_within(void *context)
{
	struct fixture *f = context;
	char *path;
	struct script *s = begin(f, &path);

	script_run_file(s, path, "scripts/s.lua", &f->outcome);
}

static void one_that_hangs_in_c_says_where(void **state)
{
	struct end end;

	child(hang_within, *state, &end);
	assert_true(WIFEXITED(end.status) && WEXITSTATUS(end.status) == 1);
	assert_string_equal("mscripts/s.lua:2: still running when its time was over", end.report);
	assert_string_equal("scripts/s.lua:2: still running when its time was over\n", end.said);
}

static void hang_after(void *context)
{
	char *path;

	(void)begin(context, &path);
	hook_watchdog_release(7);
	(void)raise(SIGTERM);
	hang();
}

static void one_that_has_ended_keeps_its_status_and_its_words(void **state)
{
	struct end end;

	child(hang_after, *state, &end);
	assert_true(WIFEXITED(end.status) && WEXITSTATUS(end.status) == 7);
	assert_string_equal("", end.report);
	assert_string_equal("", end.said);
}

static void hear_an_alarm(void *context)
{
	(void)context;
	(void)raise(SIGALRM);
	_exit(42);
}

static void an_alarm_of_somebody_else_is_nothing(void **state)
{
	struct end end;

	(void)state;
	child(hear_an_alarm, NULL, &end);
	assert_true(WIFEXITED(end.status) && WEXITSTATUS(end.status) == 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_has_not_begun_says_so),
		cmocka_unit_test_setup_teardown(one_that_hangs_in_c_says_where, set_up, tear_down),
		cmocka_unit_test_setup_teardown(one_that_has_ended_keeps_its_status_and_its_words, set_up, tear_down),
		cmocka_unit_test(an_alarm_of_somebody_else_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
