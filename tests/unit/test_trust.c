/* What may be obeyed, by its owner and mode. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/trust.h"
#include "util/auto.h"

static const struct {
	const char *why;
	mode_t mode;
	uid_t owner;
	const char *want; /* NULL: it may be obeyed */
} cases[] = {
	{ "root's script", S_IFREG | 0755, 0, NULL },
	{ "root's folder", S_IFDIR | 0755, 0, NULL },
	{ "one's own script", S_IFREG | 0700, 7, NULL },
	{ "somebody else's", S_IFREG | 0755, 8, "'/a b' belongs to user 8, who may write to it: chown root '/a b'" },
	{ "somebody else's folder", S_IFDIR | 0700, 8,
	  "'/a b' belongs to user 8, who may write to it: chown root '/a b'" },
	{ "a group may write", S_IFREG | 0775, 0,
	  "'/a b' has mode 0775, so others may write to it: chmod go-w '/a b'" },
	{ "all may write", S_IFREG | 0757, 0, "'/a b' has mode 0757, so others may write to it: chmod go-w '/a b'" },
	{ "all may write to the folder, and remove only their own", S_IFDIR | 01777, 0,
	  "'/a b' has mode 1777, so others may write to it: chmod go-w '/a b'" },
};

static void only_what_nobody_else_can_write_is_obeyed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct stat st = { .st_mode = cases[i].mode, .st_uid = cases[i].owner };
		AUTO_FREE char *refusal = trust_refusal("/a b", &st, 7);

		print_message("  %s\n", cases[i].why);
		if (cases[i].want)
			assert_string_equal(cases[i].want, refusal);
		else
			assert_null(refusal);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_nobody_else_can_write_is_obeyed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
