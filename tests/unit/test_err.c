/* util/err: context is put in front, the kind and the cause stay. */
#include "util/auto.h"
#include "util/err.h"

#include <errno.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void context_is_put_in_front_and_the_kind_stays(void **state)
{
	(void)state;
	struct err e = ERR_INIT;

	assert_int_equal(err_set(&e, ERR_APPSPEC, "line %d", 7), -1);
	assert_int_equal(err_add(&e, "bundle '%s'", "shop.tgz"), -1);
	assert_int_equal(err_add(&e, "deployment"), -1);
	assert_string_equal(e.msg, "deployment: bundle 'shop.tgz': line 7");
	assert_int_equal(e.kind, ERR_APPSPEC);
	assert_int_equal(e.sys, 0);
}

static const struct {
	int sys;
	enum err_kind kind;
} system_errors[] = {
	{ ENOENT, ERR_SYS }, { EIO, ERR_SYS }, { EMFILE, ERR_SYS }, { ENOSPC, ERR_NO_SPACE }, { EDQUOT, ERR_NO_SPACE },
};

static void a_failed_system_call_is_named_and_a_full_disk_has_its_own_kind(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(system_errors); i++) {
		struct err e = ERR_INIT;

		errno = system_errors[i].sys;
		assert_int_equal(err_sys(&e, "writing '%s'", "a"), -1);
		assert_int_equal(e.kind, system_errors[i].kind);
		assert_int_equal(e.sys, system_errors[i].sys);
		assert_true(strstr(e.msg, "writing 'a': ") == e.msg);
		assert_string_equal(e.msg + strlen("writing 'a': "), strerrordesc_np(system_errors[i].sys));
	}
}

static void an_unknown_errno_still_makes_a_message(void **state)
{
	(void)state;
	struct err e = ERR_INIT;

	errno = 99999;
	err_sys(&e, "x");
	assert_string_equal(e.msg, "x: unknown error");
}

static void context_is_cut_before_the_cause_is(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	char long_text[2048];

	memset(long_text, 'x', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	err_set(&e, ERR_SYS, "the cause");
	err_add(&e, "%s", long_text);
	assert_int_equal(strlen(e.msg), sizeof(e.msg) - 1);
	assert_string_equal(e.msg + strlen(e.msg) - strlen(": the cause"), ": the cause");
	err_add(&e, "more"); /* no room: nothing changes */
	assert_string_equal(e.msg + strlen(e.msg) - strlen(": the cause"), ": the cause");

	errno = ENOENT;
	err_sys(&e, "%s", long_text);
	assert_string_equal(e.msg + strlen(e.msg) - strlen(": No such file or directory"),
			    ": No such file or directory");
}

static void every_kind_has_a_code_and_an_exit_status(void **state)
{
	(void)state;
	for (int k = 0; k < ERR_KIND_COUNT; k++) {
		assert_non_null(err_code((enum err_kind)k));
		assert_int_equal(err_exit_status((enum err_kind)k) == 0, k == ERR_NONE);
	}
}

static const struct {
	const char *code;
	enum err_kind kind;
} codes[] = {
	{ "Success", ERR_NONE },
	{ "ScriptMissing", ERR_SCRIPT_MISSING },
	{ "ScriptNotExecutable", ERR_SCRIPT_NOT_EXECUTABLE },
	{ "ScriptTimedOut", ERR_SCRIPT_TIMED_OUT },
	{ "ScriptFailed", ERR_SCRIPT_FAILED },
	{ "OutputsLeftOpen", ERR_OUTPUTS_LEFT_OPEN },
	{ "FileExists", ERR_EXISTS },
	{ "AppSpecInvalid", ERR_APPSPEC },
	{ "DiskFull", ERR_NO_SPACE },
	{ "PlanChanged", ERR_PLAN_CHANGED },
	{ "DeniedByPolicy", ERR_VETOED },
	{ "UnknownError", ERR_SYS },
	{ "nonsense", ERR_SYS },
	{ "", ERR_SYS },
};

static void the_code_of_an_event_leads_back_to_its_kind(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		print_message("  %s\n", codes[i].code);
		assert_int_equal(err_kind_of_code(codes[i].code), codes[i].kind);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(context_is_put_in_front_and_the_kind_stays),
		cmocka_unit_test(a_failed_system_call_is_named_and_a_full_disk_has_its_own_kind),
		cmocka_unit_test(an_unknown_errno_still_makes_a_message),
		cmocka_unit_test(context_is_cut_before_the_cause_is),
		cmocka_unit_test(every_kind_has_a_code_and_an_exit_status),
		cmocka_unit_test(the_code_of_an_event_leads_back_to_its_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
