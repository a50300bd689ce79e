/* What becomes of a file that stands where one of the bundle is to go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "installer/policy.h"
#include "util/auto.h"

static const struct {
	const char *why;
	enum file_exists behavior;
	bool exists, ours;
	enum verdict want;
} cases[] = {
	{ "nothing there", FILE_EXISTS_DISALLOW, false, false, VERDICT_WRITE },
	{ "nothing there", FILE_EXISTS_RETAIN, false, false, VERDICT_WRITE },
	{ "left by our last revision", FILE_EXISTS_DISALLOW, true, true, VERDICT_WRITE },
	{ "left by our last revision", FILE_EXISTS_OVERWRITE, true, true, VERDICT_WRITE },
	{ "retaining is for foreign files", FILE_EXISTS_RETAIN, true, true, VERDICT_WRITE },
	{ "somebody else's file", FILE_EXISTS_DISALLOW, true, false, VERDICT_REFUSE },
	{ "somebody else's file", FILE_EXISTS_OVERWRITE, true, false, VERDICT_WRITE },
	{ "somebody else's file", FILE_EXISTS_RETAIN, true, false, VERDICT_RETAIN },
	{ "nobody said anything", FILE_EXISTS_UNSET, true, false, VERDICT_REFUSE },
	{ "nobody said anything", FILE_EXISTS_UNSET, true, true, VERDICT_WRITE },
};

static void existing_files_follow_the_policy(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("  %s, %d\n", cases[i].why, cases[i].behavior);
		assert_int_equal(cases[i].want, policy_verdict(cases[i].behavior, cases[i].exists, cases[i].ours));
	}
}

static const struct {
	const char *why;
	enum file_exists appspec, deployment, host, want;
} behaviors[] = {
	{ "nobody says", FILE_EXISTS_UNSET, FILE_EXISTS_UNSET, FILE_EXISTS_UNSET, FILE_EXISTS_DISALLOW },
	{ "only the host says", FILE_EXISTS_UNSET, FILE_EXISTS_UNSET, FILE_EXISTS_RETAIN, FILE_EXISTS_RETAIN },
	{ "the deployment goes before the host", FILE_EXISTS_UNSET, FILE_EXISTS_OVERWRITE, FILE_EXISTS_RETAIN,
	  FILE_EXISTS_OVERWRITE },
	{ "the appspec goes before all", FILE_EXISTS_DISALLOW, FILE_EXISTS_OVERWRITE, FILE_EXISTS_RETAIN,
	  FILE_EXISTS_DISALLOW },
};

static void the_appspec_wins_over_deployment_and_host(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(behaviors); i++) {
		print_message("  %s\n", behaviors[i].why);
		assert_int_equal(behaviors[i].want,
				 policy_behavior(behaviors[i].appspec, behaviors[i].deployment, behaviors[i].host));
	}
}

static void the_first_rule_that_speaks_of_a_path_counts(void **state)
{
	struct appspec_overwrite rules[] = {
		{ .path = "/etc/shop/*.conf", .behavior = FILE_EXISTS_RETAIN },
		{ .path = "/etc/**", .behavior = FILE_EXISTS_OVERWRITE },
	};
	const struct appspec spec = { .overwrites = rules, .overwrite_count = ARRAY_LEN(rules) }, none = { 0 };

	(void)state;
	assert_ptr_equal(&rules[0], policy_rule(&spec, "/etc/shop/a.conf"));
	assert_ptr_equal(&rules[1], policy_rule(&spec, "/etc/shop/a"));
	assert_null(policy_rule(&spec, "/srv/a"));
	assert_null(policy_rule(&none, "/etc/a"));
}

static const struct {
	const char *answer;
	bool ours;
	int want; /* enum verdict; -1: no answer at all */
} answers[] = {
	{ "overwrite", false, VERDICT_WRITE },
	{ "overwrite", true, VERDICT_WRITE },
	{ "retain", false, VERDICT_RETAIN },
	{ "retain", true, VERDICT_RETAIN_OURS },
	{ "disallow", false, VERDICT_REFUSE },
	{ "disallow", true, VERDICT_REFUSE },
	{ "backup", false, VERDICT_BACKUP },
	{ "backup", true, VERDICT_BACKUP },
	{ "OVERWRITE", false, -1 },
	{ "", false, -1 },
	{ "backup ", true, -1 },
};

static void a_script_answers_with_one_of_four_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		enum policy_answer a;
		int r = policy_answer_from_name(answers[i].answer, &a);

		print_message("  '%s', %s\n", answers[i].answer, answers[i].ours ? "ours" : "somebody else's");
		assert_int_equal(answers[i].want < 0 ? -1 : 0, r);
		if (r < 0)
			continue;
		assert_int_equal(answers[i].want, policy_answer_verdict(a, answers[i].ours));
		assert_string_equal(answers[i].answer, policy_answer_name(a));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(existing_files_follow_the_policy),
		cmocka_unit_test(the_first_rule_that_speaks_of_a_path_counts),
		cmocka_unit_test(a_script_answers_with_one_of_four_words),
		cmocka_unit_test(the_appspec_wins_over_deployment_and_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
