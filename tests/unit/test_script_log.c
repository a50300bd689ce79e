/* The log files of hooks: their lines, their limits, the tail for reports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lifecycle/script_log.h"
#include "process_help.h"

#include <regex.h>

static int set_up(void **state)
{
	*state = folder_new();
	return 0;
}

static int tear_down(void **state)
{
	char *folder = *state;

	scratch_removep(&folder);
	return 0;
}

/* The deployment's folder is the root itself: shorter, and nothing minds. */
static struct script_log *log_in(const char *folder, uint64_t max_bytes, uint64_t rotate_bytes)
{
	return script_log_new(&(struct script_log_place){ .folder = folder,
							  .deployment_root = folder,
							  .deployment_id = "d-1",
							  .max_bytes = max_bytes,
							  .rotate_bytes = rotate_bytes });
}

static void print_line(struct script_log *log, enum script_stream stream, const char *text)
{
	script_log_line(log, stream, text, strlen(text));
}

/* With each digit of stamps made 0. */
static char *scripts_log(const char *folder)
{
	char *text = file_get(folder, "logs/scripts.log");

	for (char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
		for (int i = 0; i < 19 && line[i] && line[i] != '\n'; i++)
			if (line[i] >= '0' && line[i] <= '9')
				line[i] = '0';
	return text;
}

static void lines_look_like_the_references(void **state)
{
	struct script_log *log = log_in(*state, SCRIPT_LOG_MAX_BYTES, SCRIPT_LOG_MAX_BYTES);

	script_log_event(log, "AfterInstall");
	script_log_script(log, "s/ok.sh");
	print_line(log, SCRIPT_STDERR, "err\n");
	print_line(log, SCRIPT_STDOUT, "  out \t\n");
	print_line(log, SCRIPT_STDOUT, "\n");
	print_line(log, SCRIPT_STDOUT, "no end");
	script_log_free(log);

	AUTO_FREE char *text = scripts_log(*state);

	assert_string_equal("0000-00-00 00:00:00 LifecycleEvent - AfterInstall\n"
			    "0000-00-00 00:00:00 Script - s/ok.sh\n"
			    "0000-00-00 00:00:00 [stderr]err\n"
			    "0000-00-00 00:00:00 [stdout]  out \t\n"
			    "0000-00-00 00:00:00 [stdout]\n"
			    "0000-00-00 00:00:00 [stdout]no end",
			    text);

	AUTO_FREE char *shared = file_get(*state, "deployment-logs/codedeploy-agent-deployments.log");
	regex_t re;
#define AT "\\[[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}\\] \\[d-1\\]"

	assert_int_equal(0, regcomp(&re,
				    "^# Logfile created on .* by slipway/[^\n]*\n" AT
				    "LifecycleEvent - AfterInstall\n" AT "Script - s/ok.sh\n" AT "\\[stderr\\]err\n" AT
				    "\\[stdout\\]  out\n" AT "\\[stdout\\]\n" AT "\\[stdout\\]no end\n$",
				    REG_EXTENDED | REG_NOSUB));
	print_message("%s", shared);
	assert_int_equal(0, regexec(&re, shared, 0, NULL, 0));
	regfree(&re);
}

static void no_file_appears_before_the_first_entry(void **state)
{
	script_log_free(log_in(*state, SCRIPT_LOG_MAX_BYTES, SCRIPT_LOG_MAX_BYTES));

	AUTO_FREE char *logs = xasprintf("%s/logs", (char *)*state);
	AUTO_FREE char *shared = xasprintf("%s/deployment-logs", (char *)*state);

	assert_int_equal(-1, access(logs, F_OK));
	assert_int_equal(-1, access(shared, F_OK));
}

static void a_second_process_goes_on_where_the_first_ended(void **state)
{
	for (int i = 0; i < 2; i++) {
		struct script_log *log = log_in(*state, SCRIPT_LOG_MAX_BYTES, SCRIPT_LOG_MAX_BYTES);

		script_log_event(log, i ? "Two" : "One");
		script_log_free(log);
	}

	AUTO_FREE char *text = scripts_log(*state);

	assert_string_equal("0000-00-00 00:00:00 LifecycleEvent - One\n0000-00-00 00:00:00 LifecycleEvent - Two\n",
			    text);
}

static void the_deployments_log_can_be_off(void **state)
{
	struct script_log *log = script_log_new(&(struct script_log_place){
		.folder = *state, .deployment_id = "d-1", .max_bytes = 4096, .rotate_bytes = 4096 });
	AUTO_FREE char *shared = xasprintf("%s/deployment-logs", (char *)*state);

	script_log_event(log, "One");
	script_log_free(log);
	assert_int_equal(-1, access(shared, F_OK));
}

static void the_deployments_log_bears_the_name_of_the_program(void **state)
{
	struct script_log *log = script_log_new(&(struct script_log_place){ .folder = *state,
									    .deployment_root = *state,
									    .deployment_id = "d-1",
									    .program_name = "my-agent",
									    .max_bytes = 4096,
									    .rotate_bytes = 4096 });

	script_log_event(log, "One");
	script_log_free(log);

	AUTO_FREE char *text = file_get(*state, "deployment-logs/my-agent-deployments.log");

	assert_non_null(strstr(text, "LifecycleEvent - One\n"));
}

/* COUNT numbered lines; every FLUSH_EVERYth is flushed. */
static void print_numbers(struct script_log *log, int from, int count, int flush_every)
{
	for (int i = from; i < from + count; i++) {
		AUTO_FREE char *line = xasprintf("line %06d\n", i);

		print_line(log, SCRIPT_STDOUT, line);
		if (i % flush_every == 0)
			script_log_flush(log);
	}
}

/* TEXT is lines 0..N-1 in order with one gap that is told, and bytes add up. */
static void assert_one_gap(const char *text, int count, size_t max)
{
	unsigned long told = 0, bytes = 0;
	int expected = 0, gaps = 0;

	for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
		const char *number = strstr(line, "[stdout]line ");
		const char *newline = strchr(line, '\n');

		assert_non_null(newline);
		if (number && number < newline) {
			if (atoi(number + 13) != expected) {
				assert_int_equal(1, gaps);
				bytes = 40UL * (unsigned long)(atoi(number + 13) - expected);
				expected = atoi(number + 13);
			}
			expected++;
			continue;
		}
		assert_int_equal(1, sscanf(line + 20, "%lu bytes of output are left out here", &told));
		gaps++;
	}
	assert_int_equal(1, gaps);
	assert_int_equal(count, expected);
	assert_int_equal(told, bytes);
	assert_true(strlen(text) <= max);
	assert_true(strlen(text) >= max / 2);
}

static void a_capped_log_keeps_head_and_tail_and_says_so(void **state)
{
	static const int flush_every[] = { 1, 7, 1000000 };

	for (size_t i = 0; i < ARRAY_LEN(flush_every); i++) {
		char *folder = folder_new();
		struct script_log *log = log_in(folder, 16384, SCRIPT_LOG_MAX_BYTES);

		print_message("  flushed every %d lines\n", flush_every[i]);
		print_numbers(log, 0, 5000, flush_every[i]);
		script_log_free(log);
		log = log_in(folder, 16384, SCRIPT_LOG_MAX_BYTES); /* the next process finds its way */
		print_numbers(log, 5000, 5000, flush_every[i]);
		script_log_free(log);

		AUTO_FREE char *text = file_get(folder, "logs/scripts.log");

		assert_one_gap(text, 10000, 16384);
		scratch_removep(&folder);
	}
	(void)state;
}

static void one_deployment_cannot_flood_the_deployments_log(void **state)
{
	struct script_log *log = log_in(*state, 16384, SCRIPT_LOG_MAX_BYTES);

	print_numbers(log, 0, 20000, 100);
	script_log_event(log, "Next");
	script_log_free(log);

	AUTO_FREE char *text = file_get(*state, "deployment-logs/codedeploy-agent-deployments.log");

	assert_true(strlen(text) < 16384 + 1000); /* our own lines come on top */
	assert_non_null(strstr(text, "more than 16384 bytes of output: the rest is left out here"));
	assert_non_null(strstr(text, "LifecycleEvent - Next\n"));
}

static void the_deployments_log_is_rotated_through_eight_files(void **state)
{
	struct script_log *log = log_in(*state, SCRIPT_LOG_MAX_BYTES, 1000);
	AUTO_FREE char *eighth = xasprintf("%s/deployment-logs/codedeploy-agent-deployments.log.7", (char *)*state);
	int last = 1000000;

	print_numbers(log, 0, 1000, 10);
	script_log_free(log);
	for (int i = -1; i < 7; i++) {
		AUTO_FREE char *name = i < 0 ? xstrdup("deployment-logs/codedeploy-agent-deployments.log")
					     : xasprintf("deployment-logs/codedeploy-agent-deployments.log.%d", i);
		AUTO_FREE char *text = file_get(*state, name);
		const char *number = strstr(text, "[stdout]line ");

		assert_true(str_starts(text, "# Logfile created on "));
		assert_true(strlen(text) < 2000);
		if (number) {
			assert_true(atoi(number + 13) < last);
			last = atoi(number + 13);
		} else {
			assert_int_equal(-1, i); /* only the newest may be just begun */
		}
	}
	assert_int_equal(-1, access(eighth, F_OK));
}

static void the_tail_is_the_last_bytes_of_the_event(void **state)
{
	struct script_log *log = log_in(*state, SCRIPT_LOG_MAX_BYTES, SCRIPT_LOG_MAX_BYTES);
	char tail[SCRIPT_LOG_TAIL + 1];

	script_log_event(log, "One");
	script_log_line(log, SCRIPT_STDOUT, "fir\0t\n", 6);
	assert_int_equal(35, script_log_tail(log, tail));
	assert_string_equal("LifecycleEvent - One\n[stdout]fir?t\n", tail);

	print_numbers(log, 0, 1000, 1000);
	assert_int_equal(SCRIPT_LOG_TAIL, script_log_tail(log, tail));
	assert_true(str_ends(tail, "[stdout]line 000999\n"));
	assert_true(str_starts(tail, "t]line ") || strstr(tail, "line ") < tail + 20); /* a partial oldest line */

	script_log_event(log, "Two");
	assert_int_equal(21, script_log_tail(log, tail));
	assert_string_equal("LifecycleEvent - Two\n", tail);
	script_log_free(log);
}

static void the_tail_of_a_long_line_is_its_end_and_no_half_character(void **state)
{
	struct script_log *log = log_in(*state, SCRIPT_LOG_MAX_BYTES, SCRIPT_LOG_MAX_BYTES);
	char line[30002], tail[SCRIPT_LOG_TAIL + 1];

	for (size_t i = 0; i < 30000; i += 3)
		memcpy(line + i, "\xe2\x82\xac", 3); /* a euro sign */
	memcpy(line + 30000, "\n", 2);
	script_log_event(log, "One");
	print_line(log, SCRIPT_STDOUT, line);
	assert_int_equal(2047, script_log_tail(log, tail));
	assert_memory_equal("\xe2\x82\xac", tail, 3);
	script_log_free(log);
}

static void a_secret_is_in_neither_file_nor_in_the_tail(void **state)
{
	struct script_log *log = log_in(*state, SCRIPT_LOG_MAX_BYTES, SCRIPT_LOG_MAX_BYTES);
	char tail[SCRIPT_LOG_TAIL + 1];

	print_line(log, SCRIPT_STDOUT, "before: hunter22\n");
	assert_int_equal(1, mask_add(script_log_mask(log), "hunter22", 8));
	print_line(log, SCRIPT_STDOUT, "hunter22 and hunter22\n");
	print_line(log, SCRIPT_STDERR, "\n");
	script_log_say(log, "login as hunter22");
	script_log_script(log, "scripts/hunter22.sh");
	assert_int_equal(strlen("[stdout]before: hunter22\n[stdout]*** and ***\n[stderr]\nlogin as ***\n"
				"Script - scripts/***.sh\n"),
			 script_log_tail(log, tail));
	assert_non_null(strstr(tail, "[stdout]*** and ***\n[stderr]\nlogin as ***\nScript - scripts/***.sh\n"));
	script_log_free(log);

	AUTO_FREE char *text = scripts_log(*state);
	AUTO_FREE char *shared = file_get(*state, "deployment-logs/codedeploy-agent-deployments.log");

	assert_non_null(strstr(text, "[stdout]*** and ***\n"));
	assert_non_null(strstr(shared, "[stdout]*** and ***\n"));
	assert_null(strstr(strstr(text, "***"), "hunter22"));
	assert_null(strstr(strstr(shared, "***"), "hunter22"));
}

static void what_cannot_be_written_is_told_once_and_harms_nothing(void **state)
{
	AUTO_FREE char *file = xasprintf("%s/file", (char *)*state);
	char tail[SCRIPT_LOG_TAIL + 1];

	file_put(*state, "file", "", 0644);

	struct script_log *log = log_in(file, SCRIPT_LOG_MAX_BYTES, SCRIPT_LOG_MAX_BYTES);

	script_log_event(log, "One");
	script_log_flush(log);
	print_line(log, SCRIPT_STDOUT, "out\n");
	script_log_flush(log);

	const char *trouble = script_log_trouble(log);

	assert_non_null(trouble);
	assert_true(str_ends(trouble, "Not a directory"));
	assert_null(script_log_trouble(log));
	assert_int_equal(33, script_log_tail(log, tail));
	script_log_free(log);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lines_look_like_the_references),
		TEST(no_file_appears_before_the_first_entry),
		TEST(a_second_process_goes_on_where_the_first_ended),
		TEST(the_deployments_log_can_be_off),
		TEST(the_deployments_log_bears_the_name_of_the_program),
		TEST(a_capped_log_keeps_head_and_tail_and_says_so),
		TEST(one_deployment_cannot_flood_the_deployments_log),
		TEST(the_deployments_log_is_rotated_through_eight_files),
		TEST(the_tail_is_the_last_bytes_of_the_event),
		TEST(the_tail_of_a_long_line_is_its_end_and_no_half_character),
		TEST(a_secret_is_in_neither_file_nor_in_the_tail),
		TEST(what_cannot_be_written_is_told_once_and_harms_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
