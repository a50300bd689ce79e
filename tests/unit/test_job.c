/* One worker and the daemon's loop; the worker is a shell script that says what it is told to say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/job.h"
#include "process_help.h"

struct scene {
	char *folder;
	sd_event *loop;
	bool gone, clean;
	char how[600];
};

static void take_message(void *context, struct worker_message *m)
{
	(void)context, (void)m;
}

static void take_end(void *context, bool clean, const char *how)
{
	struct scene *s = context;

	s->gone = true;
	s->clean = clean;
	(void)snprintf(s->how, sizeof(s->how), "%s", how);
	(void)sd_event_exit(s->loop, 0);
}

#define SAY_STARTED "echo '{\"progress\":\"started\",\"folder\":\"/d\"}' >&3\n"
#define SAY_EVENT(what)                                                                                                \
	"echo '{\"progress\":\"event\",\"event\":\"" what "\",\"status\":\"InProgress\",\"text\":\"\"}' >&3\n"

static const struct {
	const char *why, *script;
	bool clean;
} overdue[] = {
	{ "it goes in silence", "", true },
	{ "it stays in silence", "exec sleep 60\n", false },
	{ "it restores after it was told to stop", SAY_EVENT("Restore") "sleep 3\n", true },
	{ "it says something, then nothing", SAY_EVENT("AfterInstall") "exec sleep 60\n", false },
};

/* The script reads the request, then, being told at once, that its time is over. */
static void after_its_deadline_only_a_silent_worker_is_killed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(overdue); i++) {
		AUTO(scratch_removep) char *folder = folder_new();
		AUTO_FREE char *path = xasprintf("%s/worker", folder);
		AUTO_FREE char *text = xasprintf("#!/bin/sh\nread request <&3\n" SAY_STARTED "read stop <&3\n%s",
						 overdue[i].script);
		struct scene s = { .folder = folder };
		const struct job_watch watch = { take_message, take_end, &s, .grace_s = 1 };
		struct err err = ERR_INIT;
		struct job *j = NULL;

		print_message("  %s\n", overdue[i].why);
		file_put(folder, "worker", text, 0755);
		assert_true(sd_event_new(&s.loop) >= 0);
		if (job_start(s.loop, path, "d-1", json_object(), &watch, &j, &err) < 0)
			fail_msg("%s", err.msg);
		job_set_deadline(j, 0);
		assert_true(sd_event_loop(s.loop) >= 0);
		assert_true(s.gone);
		if (s.clean != overdue[i].clean)
			fail_msg("%s", s.how);
		job_free(j);
		(void)sd_event_unref(s.loop);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(after_its_deadline_only_a_silent_worker_is_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
