#include "cli/output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/auto.h"
#include "util/str.h"

/* Time passes by 210 ms a look. */
static int64_t clock_now;

static int64_t tick_clock(void)
{
	return clock_now += 210;
}

struct screen {
	struct output output;
	char *text;
	size_t len;
};

static void screen_init(struct screen *s, bool live, bool colour)
{
	*s = (struct screen){ 0 };
	clock_now = 0;
	s->output = (struct output){ .to = open_memstream(&s->text, &s->len),
				     .live = live,
				     .colour = colour,
				     .width = 60,
				     .now_ms = tick_clock };
}

static void screen_done(struct screen *s)
{
	if (s->output.to) {
		output_done(&s->output);
		(void)fclose(s->output.to);
	}
	free(s->text);
}

static void shows(struct screen *s, const char *want)
{
	output_done(&s->output);
	assert_string_equal(want, s->text);
}

static void a_pipe_gets_one_line_an_event(void **state)
{
	AUTO(screen_done) struct screen s;

	(void)state;
	screen_init(&s, false, false);
	output_event(&s.output, "ApplicationStop", EVENT_SKIPPED, "");
	output_event(&s.output, "Install", EVENT_IN_PROGRESS, "");
	output_work(&s.output, "Install", 1, 2, 3, 4);
	output_event(&s.output, "Install", EVENT_SUCCEEDED,
		     "812 files  10.0 MiB   412 added  28 changed  369 unchanged  9 removed  3 kept (RETAIN)");
	output_note(&s.output, "ValidateService", "waiting for GET /health = 200");
	output_event(&s.output, "AfterInstall", EVENT_IN_PROGRESS, "");
	output_event(&s.output, "AfterInstall", EVENT_SUCCEEDED, "");
	output_event(&s.output, "BeforeAllowTraffic", EVENT_FAILED, "a.sh:\033[31m exit\ncode 3");
	shows(&s, "Install             812 files  10.0 MiB   412 added  28 changed  369 unchanged  9 removed  3 kept "
		  "(RETAIN) "
		  "  0.21 s\n"
		  "ValidateService     waiting for GET /health = 200\n"
		  "AfterInstall        done                                                 0.21 s\n"
		  "BeforeAllowTraffic  failed: a.sh: exit code 3\n");
}

static void a_terminal_has_the_running_event_redrawn(void **state)
{
	AUTO(screen_done) struct screen s;

	(void)state;
	screen_init(&s, true, false);
	output_event(&s.output, "Install", EVENT_IN_PROGRESS, "");
	output_work(&s.output, "Install", 1, 4, 1024, 2048);
	output_event(&s.output, "Install", EVENT_SUCCEEDED, "4 files");
	shows(&s, "Install                                                    "
		  "\r\033[K"
		  "Install             [##########----------]  50 %  1/4 files"
		  "\r\033[K"
		  "Install             4 files                                              0.63 s\n");
}

static void work_without_a_known_total_is_counted_without_a_bar(void **state)
{
	AUTO(screen_done) struct screen s;

	(void)state;
	screen_init(&s, true, false);
	output_event(&s.output, "Preflight", EVENT_IN_PROGRESS, "");
	output_work(&s.output, "Preflight", 3, 0, 302, 0);
	shows(&s, "Preflight                                                  "
		  "\r\033[K"
		  "Preflight           3 files  302 B                         "
		  "\r\033[K");
}

static void a_terminal_shows_what_a_hook_does_now_in_the_line_of_its_event(void **state)
{
	AUTO(screen_done) struct screen s;

	(void)state;
	screen_init(&s, true, false);
	output_event(&s.output, "ValidateService", EVENT_IN_PROGRESS, "");
	output_doing(&s.output, "ValidateService", "c.lua:1  attempt 1\n\033[2J");
	output_doing(&s.output, "ValidateService", "");
	output_event(&s.output, "ValidateService", EVENT_SUCCEEDED, "c.lua");
	shows(&s, "ValidateService                                            "
		  "\r\033[K"
		  "ValidateService     c.lua:1  attempt 1                     "
		  "\r\033[K"
		  "ValidateService                                            "
		  "\r\033[K"
		  "ValidateService     c.lua                                                1.26 s\n");
}

static void a_pipe_is_told_what_a_hook_does_when_it_begins_and_every_ten_seconds(void **state)
{
	AUTO(screen_done) struct screen s;

	(void)state;
	screen_init(&s, false, false);
	output_event(&s.output, "ValidateService", EVENT_IN_PROGRESS, "");
	output_doing(&s.output, "ValidateService", "attempt 1");
	output_doing(&s.output, "ValidateService", "attempt 2");
	output_doing(&s.output, "ValidateService", "");
	output_doing(&s.output, "ValidateService", "attempt 3");
	clock_now += 10000;
	output_doing(&s.output, "ValidateService", "");
	output_doing(&s.output, "ValidateService", "attempt 4\033[2J");
	output_doing(&s.output, "ValidateService", "attempt 5");
	output_event(&s.output, "ValidateService", EVENT_SUCCEEDED, "c.lua");
	output_doing(&s.output, "AfterInstall", "attempt 1 of another event");
	shows(&s, "ValidateService     attempt 1\n"
		  "ValidateService     attempt 4\n"
		  "ValidateService     c.lua                                               11.68 s\n"
		  "AfterInstall        attempt 1 of another event\n");
}

static void a_failure_says_what_where_evidence_now_and_next(void **state)
{
	AUTO(screen_done) struct screen s;
	struct event_result events[] = { { .event = "ValidateService",
					   .status = EVENT_FAILED,
					   .kind = ERR_SCRIPT_FAILED,
					   .script = "check.sh",
					   .log_tail = "one\n\033[31mtwo\033[0m\n" } };
	struct deployment d = { .id = "d-1", .group = "web", .revision.location = "/srv/b" };
	struct deployment_result r = { .status = DEPLOYMENT_FAILED,
				       .events = events,
				       .event_count = 1,
				       .kind = ERR_SCRIPT_FAILED,
				       .error_event = "ValidateService",
				       .error_message = "check.sh: exit code 3",
				       .now = "revision 41f2 (previous) is back" };

	(void)state;
	screen_init(&s, false, false);
	output_result(&s.output, &d, &r, "/var/lib/slipway/my root/web/d-1", "web-17");
	shows(&s, "error[ScriptFailed]: ValidateService failed on web-17\n"
		  "  check.sh: exit code 3\n"
		  "  | one\n"
		  "  | two\n"
		  "  now:  revision 41f2 (previous) is back\n"
		  "  next: less '/var/lib/slipway/my root/web/d-1/logs/scripts.log'\n");
}

static void all_conflicts_are_listed_each_on_its_line(void **state)
{
	AUTO(screen_done) struct screen s;
	char *conflicts[] = { "already exists: /srv/a", "/srv/b\nc", "/srv/\xff", NULL };
	struct deployment d = { .id = "d-1", .group = "web", .revision.location = "/srv/b" };
	struct deployment_result r = { .status = DEPLOYMENT_FAILED,
				       .kind = ERR_EXISTS,
				       .error_event = "Install",
				       .error_message = "already exists: /srv/a",
				       .conflicts = conflicts };

	(void)state;
	screen_init(&s, false, false);
	output_result(&s.output, &d, &r, NULL, "web-17");
	shows(&s, "error[FileExists]: Install failed on web-17\n"
		  "  already exists: /srv/a\n"
		  "  /srv/b\\x0ac\n"
		  "  /srv/\\xff\n"
		  "  next: move them away, or deploy with --file-exists-behavior OVERWRITE or RETAIN\n");
}

static const struct {
	const char *why;
	enum err_kind kind;
	enum deployment_status status;
	char *action;
	bool needs_recovery;
	const char *want;
} failures[] = {
	{ "refused", ERR_BUSY, DEPLOYMENT_FAILED, "wait for d-2", false,
	  "error: the deployment was refused on h\n  why\n  next: wait for d-2\n" },
	{ "stopped", ERR_STOPPED, DEPLOYMENT_STOPPED, NULL, false,
	  "error[Stopped]: the deployment was stopped on h\n  why\n" },
	{ "an appspec", ERR_APPSPEC, DEPLOYMENT_FAILED, NULL, false,
	  "error[AppSpecInvalid]: the deployment failed on h\n  why\n  next: slipway lint '/srv/my b'\n" },
	{ "an advice goes first", ERR_APPSPEC, DEPLOYMENT_FAILED, "think", false,
	  "error[AppSpecInvalid]: the deployment failed on h\n  why\n  next: think | slipway lint '/srv/my b'\n" },
	{ "half way", ERR_SYS, DEPLOYMENT_FAILED, NULL, true,
	  "error[UnknownError]: the deployment failed on h\n  why\n"
	  "  now:  the files may be between two revisions; the next deployment of group 'web' finishes or undoes this "
	  "one "
	  "first\n" },
};

static void every_failure_names_only_what_can_be_typed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
		AUTO(screen_done) struct screen s;
		struct deployment d = { .id = "d-1", .group = "web", .revision.location = "/srv/my b" };
		struct deployment_result r = { .status = failures[i].status,
					       .kind = failures[i].kind,
					       .error_message = "why",
					       .error_action = failures[i].action,
					       .needs_recovery = failures[i].needs_recovery };

		print_message("  %s\n", failures[i].why);
		screen_init(&s, false, false);
		output_result(&s.output, &d, &r, NULL, "h");
		shows(&s, failures[i].want);
	}
}

static void only_the_end_of_a_long_log_is_shown(void **state)
{
	AUTO(screen_done) struct screen s;
	struct event_result e = { .event = "Install",
				  .status = EVENT_FAILED,
				  .log_tail = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n" };
	struct deployment d = { .id = "d-1", .group = "web", .revision.location = "/b" };
	struct deployment_result r = { .status = DEPLOYMENT_FAILED,
				       .kind = ERR_SCRIPT_FAILED,
				       .events = &e,
				       .event_count = 1,
				       .error_event = "Install" };

	(void)state;
	screen_init(&s, false, false);
	output_result(&s.output, &d, &r, NULL, "h");
	shows(&s, "error[ScriptFailed]: Install failed on h\n  no reason was given\n"
		  "  | 3\n  | 4\n  | 5\n  | 6\n  | 7\n  | 8\n  | 9\n  | 10\n  | 11\n  | 12\n");
}

static void colours_are_for_terminals_alone(void **state)
{
	AUTO(screen_done) struct screen s;

	(void)state;
	screen_init(&s, true, true);
	output_error(&s.output, "no '%s'", "x\033[2J");
	output_warning(&s.output, "hm");
	shows(&s, "\033[1;31merror: \033[0mno 'x'\n\033[33mwarning: \033[0mhm\n");
}

static const struct {
	uint64_t bytes;
	const char *text;
} sizes[] = {
	{ 0, "0 B" }, { 1023, "1023 B" }, { 1024, "1.0 KiB" }, { 10485760, "10.0 MiB" }, { UINT64_MAX, "16.0 EiB" },
};

static void bytes_are_told_in_units(void **state)
{
	char text[32];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		output_format_bytes(sizes[i].bytes, text);
		assert_string_equal(sizes[i].text, text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pipe_gets_one_line_an_event),
		cmocka_unit_test(a_terminal_has_the_running_event_redrawn),
		cmocka_unit_test(work_without_a_known_total_is_counted_without_a_bar),
		cmocka_unit_test(a_terminal_shows_what_a_hook_does_now_in_the_line_of_its_event),
		cmocka_unit_test(a_pipe_is_told_what_a_hook_does_when_it_begins_and_every_ten_seconds),
		cmocka_unit_test(a_failure_says_what_where_evidence_now_and_next),
		cmocka_unit_test(all_conflicts_are_listed_each_on_its_line),
		cmocka_unit_test(every_failure_names_only_what_can_be_typed),
		cmocka_unit_test(only_the_end_of_a_long_log_is_shown),
		cmocka_unit_test(colours_are_for_terminals_alone),
		cmocka_unit_test(bytes_are_told_in_units),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
