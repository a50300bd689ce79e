/* SELinux rules as words for semanage: what a path looks like as a regular expression, and which lines make a rule
 * another one. That a real semanage and a real libselinux understand them so was tried with those of Debian 12. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "installer/context_rule.h"
#include "util/auto.h"
#include "util/str.h"

#include <string.h>

static const struct {
	const char *why, *path, *want;
} specs[] = {
	{ "a plain path", "/srv/app_1-2/a,b@c:d=e~%#", "/srv/app_1-2/a,b@c:d=e~%#" },
	{ "a dot, which would match anything", "/srv/a.txt", "/srv/a\\.txt" },
	{ "all that has a meaning", "/^$?*+|[](){}\\", "/\\^\\$\\?\\*\\+\\|\\[\\]\\(\\)\\{\\}\\\\" },
	{ "a blank, which semanage refuses", "/srv/a b", "/srv/a[\\x20]b" },
	{ "other blanks", "/\t\n\v\f\r", "/[\\x09][\\x0a][\\x0b][\\x0c][\\x0d]" },
	{ "quotes, at which semanage import splits", "/a'b\"c", "/a[\\x27]b[\\x22]c" },
	{ "control characters", "/\x01\x1f\x7f", "/[\\x01][\\x1f][\\x7f]" },
	{ "bytes beyond ASCII stay", "/srv/\xc3\xa4\xff", "/srv/\xc3\xa4\xff" },
};

static void a_path_becomes_an_expression_that_matches_only_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
		AUTO_FREE char *spec = context_spec(specs[i].path);

		print_message("  %s\n", specs[i].why);
		assert_string_equal(specs[i].want, spec);
	}
}

static void rules_are_text_with_empty_parts(void **state)
{
	const struct appspec_context full = { "system_u", "etc_t", "s0:c1.c3" }, bare = { NULL, "etc_t", NULL };
	AUTO_FREE char *a = context_text(&full);
	AUTO_FREE char *b = context_text(&bare);
	AUTO_FREE char *none = context_text(NULL);

	(void)state;
	assert_string_equal("system_u:etc_t:s0:c1.c3", a);
	assert_string_equal(":etc_t:", b);
	assert_string_equal("", none);
	assert_true(context_needs_force(a));
	assert_true(context_needs_force(":etc_t:s0"));
	assert_true(context_needs_force("system_u:etc_t:"));
	assert_false(context_needs_force(b));
	assert_false(context_needs_force(""));
	assert_false(context_needs_force(CONTEXT_UNKNOWN));
}

static const struct {
	const char *why;
	struct step_label label;
	const char *forth, *back;
} changes[] = {
	{ "a new rule", { "/srv/a", "", ":t_t:", 0, 0 }, "fcontext -a -t t_t /srv/a\n", "fcontext -d /srv/a\n" },
	{ "with user and range, in the order of the reference",
	  { "/srv/a", "", "u_u:t_t:s0-s1:c0,c2.c5", 0, 0 },
	  "fcontext -a -s u_u -t t_t -r s0-s1:c0,c2.c5 /srv/a\n",
	  "fcontext -d /srv/a\n" },
	{ "with a user", { "/a", "", "u_u:t_t:", 0, 0 }, "fcontext -a -s u_u -t t_t /a\n", "fcontext -d /a\n" },
	{ "nothing to be labelled",
	  { "/a", "", ":<<none>>:", 0, 0 },
	  "fcontext -a -t <<none>> /a\n",
	  "fcontext -d /a\n" },
	{ "another rule",
	  { "/srv/a.b", "u_u:old_t:s0", ":new_t:", 0, 0 },
	  "fcontext -d /srv/a\\.b\nfcontext -a -t new_t /srv/a\\.b\n",
	  "fcontext -d /srv/a\\.b\nfcontext -a -s u_u -t old_t -r s0 /srv/a\\.b\n" },
	{ "no rule any more", { "/srv/a", ":t_t:", "", 0, 0 }, "fcontext -d /srv/a\n", "fcontext -a -t t_t /srv/a\n" },
	{ "the same rule", { "/srv/a", ":t_t:", ":t_t:", LABEL_FORTH, 0 }, "", "" },
	{ "one of another agent, which is not known",
	  { "/srv/a", CONTEXT_UNKNOWN, ":t_t:", LABEL_FOREIGN, 0 },
	  "fcontext -d /srv/a\nfcontext -a -t t_t /srv/a\n",
	  "fcontext -d /srv/a\n" },
	{ "the same for a path which that agent did not escape",
	  { "/srv/a.b", CONTEXT_UNKNOWN, "", LABEL_FOREIGN, 0 },
	  "fcontext -d /srv/a\\.b\nfcontext -d /srv/a.b\n",
	  "" },
	{ "and the rule is known after all",
	  { "/srv/a.b", ":t_t:", ":t_t:", LABEL_FOREIGN, 0 },
	  "fcontext -d /srv/a\\.b\nfcontext -d /srv/a.b\nfcontext -a -t t_t /srv/a\\.b\n",
	  "fcontext -d /srv/a\\.b\nfcontext -a -t t_t /srv/a.b\n" },
};

static void lines_make_a_rule_another_one_and_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		AUTO_FREE char *forth = context_lines(&changes[i].label, false);
		AUTO_FREE char *back = context_lines(&changes[i].label, true);

		print_message("  %s\n", changes[i].why);
		assert_string_equal(changes[i].forth, forth);
		assert_string_equal(changes[i].back, back);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_becomes_an_expression_that_matches_only_it),
		cmocka_unit_test(rules_are_text_with_empty_parts),
		cmocka_unit_test(lines_make_a_rule_another_one_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
