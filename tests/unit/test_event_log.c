/* What the event log tells again, torn or not, and which process it has killed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "process_help.h"
#include "util/proc.h"
#include "worker/event_log.h"
#include "worker/no_restore.h"

#include <sys/prctl.h>
#include <sys/wait.h>

struct scene {
	char *path;
	int fd;
	struct event_log log;
};

static void scene_init(struct scene *s)
{
	struct err err = ERR_INIT;

	s->path = scratch_new();
	s->fd = fs_open_dir(s->path, &err);
	assert_true(s->fd >= 0);
	event_log_init(&s->log, s->fd);
}

static void scene_done(struct scene *s)
{
	event_log_done(&s->log);
	auto_closep(&s->fd);
	scratch_removep(&s->path);
}

static void add(struct scene *s, const char *name, enum event_status status)
{
	event_log_event(&s->log,
			&(struct event_result){ .event = (char *)name,
						.status = status,
						.exit_code = status == EVENT_FAILED ? 3 : -1,
						.kind = status == EVENT_FAILED ? ERR_SCRIPT_FAILED : ERR_NONE });
}

static struct event_history read_back(const struct scene *s)
{
	struct event_history h;
	struct err err = ERR_INIT;

	if (event_log_read(s->fd, &h, &err) < 0)
		fail_msg("%s", err.msg);
	return h;
}

static void an_event_is_known_as_it_was_last(void **state)
{
	AUTO(scene_done) struct scene s;

	(void)state;
	scene_init(&s);
	add(&s, "ApplicationStop", EVENT_IN_PROGRESS);
	add(&s, "ApplicationStop", EVENT_SUCCEEDED);
	add(&s, "DownloadBundle", EVENT_SUCCEEDED);
	add(&s, "BeforeInstall", EVENT_IN_PROGRESS);
	add(&s, "BeforeInstall", EVENT_FAILED);
	event_log_mark(&s.log, EVENT_LOG_RESTORE);

	AUTO(event_history_done) struct event_history h = read_back(&s);

	assert_int_equal(3, h.count);
	assert_string_equal("ApplicationStop", h.events[0].event);
	assert_int_equal(EVENT_SUCCEEDED, h.events[0].status);
	assert_int_equal(EVENT_FAILED, h.events[2].status);
	assert_int_equal(ERR_SCRIPT_FAILED, h.events[2].kind);
	assert_int_equal(3, h.events[2].exit_code);
	assert_true(h.marks[EVENT_LOG_RESTORE]);
	assert_false(h.marks[EVENT_LOG_ENDED]);
	assert_int_equal(0, h.hook);
}

static void no_log_says_nothing(void **state)
{
	AUTO(scene_done) struct scene s;

	(void)state;
	scene_init(&s);

	AUTO(event_history_done) struct event_history h = read_back(&s);

	assert_int_equal(0, h.count);
	assert_false(event_history_kill_hook(&h, "d-1"));
}

static void a_torn_line_says_nothing_and_spoils_no_other(void **state)
{
	(void)state;
	for (size_t cut = 1; cut < 40; cut++) {
		AUTO(scene_done) struct scene s;
		struct stat st;

		scene_init(&s);
		add(&s, "Install", EVENT_IN_PROGRESS);
		assert_int_equal(0, fstatat(s.fd, "events.jsonl", &st, 0));
		add(&s, "Install", EVENT_SUCCEEDED);
		assert_int_equal(0, ftruncate(s.log.fd, st.st_size + (off_t)cut));
		s.log.torn = true;
		add(&s, "AfterInstall", EVENT_IN_PROGRESS);

		AUTO(event_history_done) struct event_history h = read_back(&s);

		assert_int_equal(2, h.count);
		assert_int_equal(EVENT_IN_PROGRESS, h.events[0].status);
		assert_string_equal("AfterInstall", h.events[1].event);
	}
}

static pid_t sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)setpgid(0, 0);
		for (;;)
			(void)pause();
	}
	assert_true(pid > 0);
	(void)setpgid(pid, pid);
	return pid;
}

static char *first_line(const char *path)
{
	FILE *file = fopen(path, "re");
	char line[64] = "";

	if (file && !fgets(line, sizeof(line), file))
		*line = '\0';
	if (file)
		(void)fclose(file);
	line[strcspn(line, "\n")] = '\0';
	return xstrdup(line);
}

static bool lives(pid_t pid)
{
	return waitpid(pid, NULL, WNOHANG) == 0;
}

static void only_the_very_process_that_was_noted_is_killed(void **state)
{
	static const struct {
		const char *why;
		bool ended, other_start, other_boot, killed;
	} cases[] = {
		{ "it is still there", false, false, false, true },
		{ "it had ended", true, false, false, false },
		{ "its number belongs to another process now", false, true, false, false },
		{ "the host was started anew", false, false, true, false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(scene_done) struct scene s;
		pid_t pid = sleeper();

		print_message("  %s\n", cases[i].why);
		scene_init(&s);
		event_log_hook(&s.log, "scripts/start.sh", pid, false);
		if (cases[i].ended)
			event_log_hook(&s.log, "scripts/start.sh", pid, true);

		AUTO(event_history_done) struct event_history h = read_back(&s);

		h.hook_start += cases[i].other_start;
		h.hook_boot[0] = cases[i].other_boot ? '?' : h.hook_boot[0];
		assert_int_equal(cases[i].killed, event_history_kill_hook(&h, "d-1"));
		if (!cases[i].killed) {
			assert_true(lives(pid));
			assert_int_equal(0, kill(pid, SIGKILL));
		}
		assert_int_equal(pid, waitpid(pid, NULL, 0));
	}
}

/* A leader that is gone, its group of one that sleeps with ITEM as its environment; what it returns is that one. */
static pid_t orphan(char *item, struct scene *s, pid_t *leader)
{
	char *environment[] = { (char *)"A=1", item, NULL }, *words[] = { (char *)"sleep", (char *)"600", NULL };
	int ready[2], pid = 0;

	assert_int_equal(0, pipe2(ready, O_CLOEXEC));
	*leader = fork();
	if (*leader == 0) {
		(void)setpgid(0, 0);
		pid = fork();
		if (pid == 0) {
			(void)execve("/bin/sleep", words, environment);
			_exit(127);
		}
		(void)write(ready[1], &pid, sizeof(pid));
		for (;;)
			(void)pause();
	}
	(void)close(ready[1]);
	assert_int_equal(sizeof(pid), read(ready[0], &pid, sizeof(pid)));
	(void)close(ready[0]);
	event_log_hook(&s->log, "scripts/start.sh", *leader, false);
	assert_int_equal(0, kill(*leader, SIGKILL));
	assert_int_equal(*leader, waitpid(*leader, NULL, 0));
	return pid;
}

static void of_a_group_without_its_leader_only_our_own_are_killed(void **state)
{
	static const struct {
		const char *why;
		char item[32];
		bool killed;
	} cases[] = {
		{ "of this deployment", "DEPLOYMENT_ID=d-1", true },
		{ "of another one", "DEPLOYMENT_ID=d-12", false },
		{ "a stranger", "HOME=/", false },
	};

	(void)state;
	/* the orphan becomes our child, so that its end can be waited for */
	assert_int_equal(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(scene_done) struct scene s;
		pid_t leader, pid;

		print_message("  %s\n", cases[i].why);
		scene_init(&s);
		pid = orphan((char *)cases[i].item, &s, &leader);

		AUTO_FREE char *path = xasprintf("/proc/%d/comm", pid);
		AUTO_FREE char *name = NULL;

		do { /* until it is executed */
			free(name);
			name = first_line(path);
		} while (strcmp(name, "sleep") != 0);

		AUTO(event_history_done) struct event_history h = read_back(&s);

		assert_int_equal(leader, h.hook);
		assert_int_equal(cases[i].killed, event_history_kill_hook(&h, "d-1"));
		if (!cases[i].killed) {
			assert_true(lives(pid));
			assert_int_equal(0, kill(pid, SIGKILL));
		}
		assert_int_equal(pid, waitpid(pid, NULL, 0));
	}
	assert_int_equal(0, prctl(PR_SET_CHILD_SUBREAPER, 0));
}

static void a_point_of_no_return_is_marked_by_any_touch(void **state)
{
	static const struct {
		const char *why, *text, *reason;
		bool touched;
	} cases[] = {
		{ "nobody has touched it", "", NULL, false },
		{ "touched alone", "", "a hook marked a point of no return", true },
		{ "written to", "migrated to schema 42\nand more\n", "migrated to schema 42", false },
		{ "written to with escapes", "\033[2Jgone\n", "\\x1b[2Jgone", false },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(scene_done) struct scene s;
		struct err err = ERR_INIT;

		print_message("  %s\n", cases[i].why);
		scene_init(&s);

		AUTO_FD int fd = no_restore_open(s.fd, &err);
		AUTO_FD int again = no_restore_open(s.fd, &err);

		assert_true(fd >= 0 && again >= 0);
		if (*cases[i].text)
			assert_int_equal(strlen(cases[i].text), write(fd, cases[i].text, strlen(cases[i].text)));
		if (cases[i].touched)
			assert_int_equal(0, utimensat(s.fd, NO_RESTORE_NAME, NULL, 0));

		AUTO_FREE char *reason = no_restore_reason(s.fd, NULL);

		if (cases[i].reason)
			assert_string_equal(cases[i].reason, reason);
		else
			assert_null(reason);
		no_restore_tidy(s.fd);
		assert_int_equal(cases[i].reason ? 0 : -1, faccessat(s.fd, NO_RESTORE_NAME, F_OK, 0));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_is_known_as_it_was_last),
		cmocka_unit_test(no_log_says_nothing),
		cmocka_unit_test(a_torn_line_says_nothing_and_spoils_no_other),
		cmocka_unit_test(only_the_very_process_that_was_noted_is_killed),
		cmocka_unit_test(of_a_group_without_its_leader_only_our_own_are_killed),
		cmocka_unit_test(a_point_of_no_return_is_marked_by_any_touch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
