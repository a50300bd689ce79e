/* Did a phase of `slipway try` go as it should? */
#include "cli/try_phase.h"
#include "util/auto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define BACK                                                                                                           \
	{                                                                                                              \
		.tried = true, .files = true, .started = true, .validated = true                                       \
	}
#define NOT_VALID                                                                                                      \
	{                                                                                                              \
		.tried = true, .files = true, .started = true                                                          \
	}

static const struct {
	const char *why;
	const char *fail_at; /* NULL: it should have succeeded */
	enum deployment_status status;
	const char *failed; /* event */
	enum err_kind kind;
	const char *script;
	bool stopped_before; /* ApplicationStop was reached */
	struct restore_result restore;
	const char *problem; /* NULL: all is well */
} cases[] = {
	{ "it went well", NULL, DEPLOYMENT_SUCCEEDED, NULL, ERR_NONE, NULL, true, { 0 }, NULL },
	{ "it failed", NULL, DEPLOYMENT_FAILED, "Install", ERR_SYS, NULL, true, BACK, "it failed at Install" },
	{ "it could not begin",
	  NULL,
	  DEPLOYMENT_FAILED,
	  NULL,
	  ERR_SYS,
	  NULL,
	  false,
	  { 0 },
	  "it failed at its beginning" },
	{ "it was stopped", NULL, DEPLOYMENT_STOPPED, "Install", ERR_STOPPED, NULL, true, BACK,
	  "it was stopped at Install" },
	{ "it failed as it was asked to", "Install", DEPLOYMENT_FAILED, "Install", ERR_SCRIPT_FAILED, NULL, true, BACK,
	  NULL },
	{ "it did not",
	  "Install",
	  DEPLOYMENT_SUCCEEDED,
	  NULL,
	  ERR_NONE,
	  NULL,
	  true,
	  { 0 },
	  "Install did not fail, as it was asked to" },
	{ "another event came first", "Install", DEPLOYMENT_FAILED, "ApplicationStop", ERR_SCRIPT_FAILED, "a.sh", true,
	  BACK, "it failed by itself, at ApplicationStop" },
	{ "its own script came first", "ApplicationStop", DEPLOYMENT_FAILED, "ApplicationStop", ERR_SCRIPT_FAILED,
	  "a.sh", true, BACK, "it failed by itself, at ApplicationStop" },
	{ "the disk came first", "Install", DEPLOYMENT_FAILED, "Install", ERR_NO_SPACE, NULL, true, BACK,
	  "it failed by itself, at Install" },
	{ "the old revision is not valid", "Install", DEPLOYMENT_FAILED, "Install", ERR_SCRIPT_FAILED, NULL, true,
	  NOT_VALID, "what ran before is not back as it was: NOW" },
	{ "a hook forbade the way back",
	  "Install",
	  DEPLOYMENT_FAILED,
	  "Install",
	  ERR_SCRIPT_FAILED,
	  NULL,
	  true,
	  { .message = (char *)"schema 42" },
	  "what ran before is not back as it was: NOW" },
	{ "nobody brought anything back",
	  "Install",
	  DEPLOYMENT_FAILED,
	  "Install",
	  ERR_SCRIPT_FAILED,
	  NULL,
	  true,
	  { 0 },
	  "what ran before is not back as it was: NOW" },
	{ "nothing was stopped yet",
	  "BeforeBlockTraffic",
	  DEPLOYMENT_FAILED,
	  "BeforeBlockTraffic",
	  ERR_SCRIPT_FAILED,
	  NULL,
	  false,
	  { 0 },
	  NULL },
};

static void a_phase_is_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct event_result events[] = {
			{ .event = (char *)"BeforeBlockTraffic", .status = EVENT_SUCCEEDED },
			{ .event = (char *)"ApplicationStop",
			  .status = cases[i].stopped_before ? EVENT_SUCCEEDED : EVENT_SKIPPED },
			{ .event = (char *)"Install", .status = EVENT_SUCCEEDED },
		};
		const struct deployment_result r = {
			.status = cases[i].status,
			.kind = cases[i].kind,
			.error_event = (char *)cases[i].failed,
			.events = events,
			.event_count = ARRAY_LEN(events),
			.restore = cases[i].restore,
			.now = (char *)"NOW",
		};

		for (size_t k = 0; cases[i].failed && k < ARRAY_LEN(events); k++)
			if (!strcmp(events[k].event, cases[i].failed)) {
				events[k].status = EVENT_FAILED;
				events[k].script = (char *)cases[i].script;
			}

		AUTO_FREE char *problem = try_phase_problem(&r, cases[i].fail_at);

		print_message("  %s\n", cases[i].why);
		assert_string_equal(cases[i].problem ? cases[i].problem : "", problem ? problem : "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_phase_is_judged) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
