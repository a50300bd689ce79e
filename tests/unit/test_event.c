/* Which events a deployment has, in which order, and whose scripts they run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lifecycle/event.h"
#include "util/auto.h"
#include "util/str.h"

#include <string.h>

static const struct appspec *spec_of(struct appspec *a, struct appspec_hook *hooks, const char *const *names)
{
	*a = (struct appspec){ .hooks = hooks };
	for (size_t i = 0; names[i]; i++)
		hooks[a->hook_count++] = (struct appspec_hook){ .event = names[i] };
	return a;
}

static char *joined(char **order)
{
	struct str s = STR_INIT(4096);

	for (size_t i = 0; order[i]; i++)
		assert_int_equal(0, str_printf(&s, "%s%s", i ? "," : "", order[i]));
	return str_take(&s);
}

static const struct {
	const char *why, *asked, *want;
} orders[] = {
	{ "nothing asked", NULL,
	  "BeforeBlockTraffic,AfterBlockTraffic,ApplicationStop,DownloadBundle,BeforeInstall,Install,AfterInstall,"
	  "ApplicationStart,ValidateService,BeforeAllowTraffic,AfterAllowTraffic" },
	{ "an empty list is no list", "",
	  "BeforeBlockTraffic,AfterBlockTraffic,ApplicationStop,DownloadBundle,BeforeInstall,Install,AfterInstall,"
	  "ApplicationStart,ValidateService,BeforeAllowTraffic,AfterAllowTraffic" },
	{ "both missing", "Stop,Start", "DownloadBundle,Install,Stop,Start" },
	{ "Install missing", "DownloadBundle,ApplicationStart", "DownloadBundle,Install,ApplicationStart" },
	{ "DownloadBundle missing", "BeforeInstall,Install", "DownloadBundle,BeforeInstall,Install" },
	{ "Install put in front changes places", "ApplicationStop,DownloadBundle,AfterInstall",
	  "DownloadBundle,ApplicationStop,Install,AfterInstall" },
	{ "all there", "ApplicationStop,DownloadBundle,BeforeInstall,Install",
	  "ApplicationStop,DownloadBundle,BeforeInstall,Install" },
	{ "BeforeInstall is tolerated before DownloadBundle", "BeforeInstall,DownloadBundle,Install",
	  "BeforeInstall,DownloadBundle,Install" },
	{ "so are names that are not known", "Mine,DownloadBundle,Install", "Mine,DownloadBundle,Install" },
	{ "a comma at the end", "DownloadBundle,Install,,", "DownloadBundle,Install" },
};

static void missing_built_in_events_are_put_in_front(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
		struct err err = ERR_INIT;
		char **order = NULL;

		print_message("  %s\n", orders[i].why);
		assert_int_equal(0, event_order_parse(orders[i].asked, &order, &err));

		AUTO_FREE char *text = joined(order);

		assert_string_equal(orders[i].want, text);
		event_order_free(order);
	}
}

static const struct {
	const char *why, *asked, *message;
} bad_orders[] = {
	{ "a new revision's event before DownloadBundle", "AfterInstall,DownloadBundle",
	  "The only events that can be specified before DownloadBundle are "
	  "BeforeBlockTraffic,AfterBlockTraffic,ApplicationStop. Please fix the order of your specified events: "
	  "AfterInstall,DownloadBundle" },
	{ "Install before DownloadBundle", "Install,DownloadBundle",
	  "The only events that can be specified before DownloadBundle are "
	  "BeforeBlockTraffic,AfterBlockTraffic,ApplicationStop. Please fix the order of your specified events: "
	  "Install,DownloadBundle" },
	{ "a new revision's event before Install", "ApplicationStart,Install",
	  "The only events that can be specified before Install are "
	  "BeforeBlockTraffic,AfterBlockTraffic,ApplicationStop,DownloadBundle,BeforeInstall. Please fix the order of "
	  "your specified events: ApplicationStart,Install" },
	{ "an empty name", "ApplicationStop,,Install",
	  "there is an empty name among the events 'ApplicationStop,,Install'" },
	{ "Install twice", "DownloadBundle,Install,Install",
	  "Install is named twice among the events 'DownloadBundle,Install,Install'" },
};

static void an_order_that_cannot_work_is_refused_in_the_references_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad_orders); i++) {
		struct err err = ERR_INIT;
		char **order = NULL;

		print_message("  %s\n", bad_orders[i].why);
		assert_int_equal(-1, event_order_parse(bad_orders[i].asked, &order, &err));
		assert_int_equal(ERR_USAGE, err.kind);
		assert_string_equal(bad_orders[i].message, err.msg);
		assert_null(order);
	}
}

static const struct {
	const char *why, *event;
	bool downloaded, rollback;
	enum event_revision want;
} revisions[] = {
	{ "stop what runs", "ApplicationStop", false, false, EVENT_REVISION_LAST_SUCCESSFUL },
	{ "traffic is blocked by what runs", "BeforeBlockTraffic", false, false, EVENT_REVISION_LAST_SUCCESSFUL },
	{ "traffic is blocked by what runs", "AfterBlockTraffic", false, false, EVENT_REVISION_LAST_SUCCESSFUL },
	{ "after DownloadBundle all is new", "ApplicationStop", true, false, EVENT_REVISION_CURRENT },
	{ "new by its class", "BeforeInstall", false, false, EVENT_REVISION_CURRENT },
	{ "new by its class", "ValidateService", true, false, EVENT_REVISION_CURRENT },
	{ "traffic is allowed by the new one", "AfterAllowTraffic", false, false, EVENT_REVISION_CURRENT },
	{ "custom events are new", "Mine", false, false, EVENT_REVISION_CURRENT },
	{ "rollback: the failed revision blocks", "BeforeBlockTraffic", false, true, EVENT_REVISION_MOST_RECENT },
	{ "rollback: the failed revision blocks", "AfterBlockTraffic", false, true, EVENT_REVISION_MOST_RECENT },
	{ "rollback: the old one stops", "ApplicationStop", false, true, EVENT_REVISION_LAST_SUCCESSFUL },
	{ "rollback: the old one allows", "BeforeAllowTraffic", false, true, EVENT_REVISION_LAST_SUCCESSFUL },
	{ "rollback: the old one allows", "AfterAllowTraffic", false, true, EVENT_REVISION_LAST_SUCCESSFUL },
	{ "rollback: new by its class", "ApplicationStart", false, true, EVENT_REVISION_CURRENT },
	{ "rollback with an archive", "BeforeBlockTraffic", true, true, EVENT_REVISION_CURRENT },
	{ "rollback with an archive", "AfterAllowTraffic", true, true, EVENT_REVISION_CURRENT },
	{ "rollback: custom events are new", "Mine", false, true, EVENT_REVISION_CURRENT },
};

static void each_event_runs_the_scripts_of_its_class(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(revisions); i++) {
		print_message("  %s: %s\n", revisions[i].why, revisions[i].event);
		assert_int_equal(revisions[i].want,
				 event_revision(revisions[i].event, revisions[i].downloaded, revisions[i].rollback));
	}
}

static void the_place_in_the_order_decides_and_not_the_archive(void **state)
{
	static const char *const order[] = { "ApplicationStop", "DownloadBundle", "Install", "ApplicationStop", NULL };

	(void)state;
	assert_int_equal(EVENT_REVISION_LAST_SUCCESSFUL, event_revision_at(order, 0, false));
	assert_int_equal(EVENT_REVISION_CURRENT, event_revision_at(order, 1, false));
	assert_int_equal(EVENT_REVISION_CURRENT, event_revision_at(order, 3, false));
	assert_string_equal("last successful", event_revision_name(EVENT_REVISION_LAST_SUCCESSFUL));
}

static void only_a_rollback_of_a_blue_green_deployment_has_its_own_table(void **state)
{
	(void)state;
	assert_true(event_is_blue_green_rollback(
		&(struct deployment){ .creator = (char *)"codeDeployRollback", .type = (char *)"BLUE_GREEN" }));
	assert_false(event_is_blue_green_rollback(
		&(struct deployment){ .creator = (char *)"codeDeployRollback", .type = (char *)"IN_PLACE" }));
	assert_false(event_is_blue_green_rollback(
		&(struct deployment){ .creator = (char *)"user", .type = (char *)"BLUE_GREEN" }));
	assert_false(event_is_blue_green_rollback(&(struct deployment){ .creator = NULL }));
}

static void the_eleven_default_events_are_known(void **state)
{
	const char *const *order = event_default_order();
	size_t n = 0, built_in = 0;

	(void)state;
	for (; order[n]; n++) {
		assert_true(event_is_default(order[n]));
		built_in += event_is_built_in(order[n]);
	}
	assert_int_equal(EVENT_DEFAULT_COUNT, n);
	assert_int_equal(2, built_in);
	assert_false(event_is_default("applicationstop"));
}

static void a_hook_of_an_event_that_is_not_possible_is_refused(void **state)
{
	static const char *const hooks[] = { "ApplicationStop", "Odd", "Other", NULL };
	static const char *const possible[] = { "ApplicationStop", "ApplicationStart", NULL };
	static const char *const handled[] = { "ApplicationStop", "ValidateService", NULL };
	struct appspec_hook space[3];
	struct appspec a;
	struct err err = ERR_INIT;

	(void)state;
	spec_of(&a, space, hooks);
	assert_int_equal(-1, event_check_hooks(&a, "appspec.yml", possible, handled, &err));
	assert_int_equal(ERR_APPSPEC, err.kind);
	assert_string_equal(
		"appspec.yml file contains unknown lifecycle events: [\"Odd\", \"Other\", \"ValidateService\"]",
		err.msg);
	assert_int_equal(0, event_check_hooks(&a, "appspec.yml", NULL, handled, &err));
}

static void a_custom_event_must_be_in_the_appspec(void **state)
{
	static const char *const hooks[] = { "Mine", NULL };
	static const char *const order[] = { "DownloadBundle", "Install", "Mine", "A", "B", "A", NULL };
	static const char *const fine[] = { "DownloadBundle", "Install", "Mine", NULL };
	static const char *const without[] = { "DownloadBundle", "Install", NULL };
	struct appspec_hook space[1];
	struct appspec a;
	struct err err = ERR_INIT;

	(void)state;
	spec_of(&a, space, hooks);
	assert_int_equal(-1, event_check_local_hooks(&a, "my.yml", order, &err));
	assert_string_equal("You specified a lifecycle event which is not a default one and doesn't exist in your "
			    "my.yml file: A,B",
			    err.msg);
	assert_int_equal(0, event_check_local_hooks(&a, "my.yml", fine, &err));
	assert_int_equal(-1, event_check_local_hooks(&a, "my.yml", without, &err));
	assert_string_equal("my.yml file contains unknown lifecycle events: [\"Mine\"]", err.msg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(missing_built_in_events_are_put_in_front),
		cmocka_unit_test(an_order_that_cannot_work_is_refused_in_the_references_words),
		cmocka_unit_test(each_event_runs_the_scripts_of_its_class),
		cmocka_unit_test(the_place_in_the_order_decides_and_not_the_archive),
		cmocka_unit_test(only_a_rollback_of_a_blue_green_deployment_has_its_own_table),
		cmocka_unit_test(the_eleven_default_events_are_known),
		cmocka_unit_test(a_hook_of_an_event_that_is_not_possible_is_refused),
		cmocka_unit_test(a_custom_event_must_be_in_the_appspec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
