/* Names of users and groups. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "util/account.h"

static void a_name_of_this_host_has_a_number(void **state)
{
	uid_t uid = 7;
	gid_t gid = 7;

	(void)state;
	assert_int_equal(1, account_user("root", &uid));
	assert_int_equal(0, uid);
	assert_int_equal(1, account_group("root", &gid));
	assert_int_equal(0, gid);
}

static void a_name_that_nobody_has_leaves_the_number_alone(void **state)
{
	uid_t uid = 7;
	gid_t gid = 7;

	(void)state;
	assert_int_equal(0, account_user("nobody knows", &uid));
	assert_int_equal(0, account_user("", &uid));
	assert_int_equal(7, uid);
	assert_int_equal(0, account_group("nobody knows", &gid));
	assert_int_equal(7, gid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_of_this_host_has_a_number),
		cmocka_unit_test(a_name_that_nobody_has_leaves_the_number_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
