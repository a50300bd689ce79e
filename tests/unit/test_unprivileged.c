/* What `slipway try` leaves out for an ordinary user: exactly what this user cannot give, each with its line. */
#include "appspec/unprivileged.h"
#include "util/auto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char text[] = "version: 0.0\n"
			   "os: linux\n"
			   "files:\n"
			   "  - {source: a, destination: /a}\n"
			   "permissions:\n"
			   "  - object: /a\n"
			   "    owner: shop\n"
			   "    group: shop\n"
			   "    mode: '755'\n"
			   "    acls: ['u:bob:rwx', 'g:ghosts:rwx', 'u:ghost:rwx', 'g:staff:r-x']\n"
			   "    context: {user: u, type: t_t, range: s0}\n"
			   "  - object: /b\n"
			   "    owner: me\n"
			   "    group: mine\n"
			   "hooks:\n"
			   "  AfterInstall:\n"
			   "    - {location: a.sh, runas: shop}\n"
			   "    - {location: b.sh, runas: me}\n"
			   "    - {location: c.sh, sudo: true}\n"
			   "    - {location: d.sh, runas: shop, sudo: true}\n";

static bool is_me(void *context, const char *name)
{
	(void)context;
	return !strcmp(name, "me");
}

static bool is_mine(void *context, const char *name)
{
	(void)context;
	return !strcmp(name, "mine");
}

static bool is_known(void *context, const char *name, bool group)
{
	(void)context;
	return !strcmp(name, group ? "staff" : "bob");
}

static const struct unprivileged may = { is_me, is_mine, is_known, NULL };

struct fixture {
	struct appspec *appspec;
	struct findings read, left_out;
};

static int setup(void **state)
{
	static struct fixture f;
	struct err err = ERR_INIT;

	f = (struct fixture){ 0 };
	if (appspec_parse(text, strlen(text), &f.appspec, &f.read, &err) < 0)
		fail_msg("%s", err.msg);
	unprivileged_appspec(f.appspec, &may, &f.left_out);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	appspec_free(f->appspec);
	findings_done(&f->read);
	findings_done(&f->left_out);
	return 0;
}

static void what_others_own_is_left_out(void **state)
{
	const struct fixture *f = *state;
	const struct appspec_permission *p = f->appspec->permissions;

	assert_null(p[0].owner);
	assert_null(p[0].group);
	assert_null(p[0].context);
	assert_int_equal(0755, p[0].mode);
	assert_int_equal(2, p[0].acl_count);
	assert_string_equal("bob", p[0].acls[0].name);
	assert_string_equal("staff", p[0].acls[1].name);
}

static void what_one_may_give_stays(void **state)
{
	const struct fixture *f = *state;

	assert_string_equal("me", f->appspec->permissions[1].owner);
	assert_string_equal("mine", f->appspec->permissions[1].group);
}

static void hooks_run_as_the_caller(void **state)
{
	const struct fixture *f = *state;
	const struct appspec_script *s = appspec_hook(f->appspec, "AfterInstall")->scripts;

	assert_null(s[0].runas);
	assert_string_equal("me", s[1].runas);
	assert_false(s[2].sudo);
	assert_null(s[3].runas);
	assert_false(s[3].sudo);
}

static void all_of_it_is_told_with_its_line(void **state)
{
	static const struct {
		unsigned line;
		const char *message;
	} want[] = {
		{ 6, "owner 'shop' of '/a'" },
		{ 6, "group 'shop' of '/a'" },
		{ 6, "the SELinux context of '/a'" },
		{ 6, "acl 'group:ghosts:rwx' of '/a': there is no such group here" },
		{ 6, "acl 'user:ghost:rwx' of '/a': there is no such user here" },
		{ 17, "AfterInstall: 'runas: shop' of 'a.sh', which runs as you" },
		{ 19, "AfterInstall: 'sudo' of 'c.sh', which runs as you" },
		{ 20, "AfterInstall: 'runas: shop' of 'd.sh', which runs as you" },
		{ 20, "AfterInstall: 'sudo' of 'd.sh', which runs as you" },
	};
	const struct fixture *f = *state;

	assert_int_equal(ARRAY_LEN(want), f->left_out.count);
	for (size_t i = 0; i < ARRAY_LEN(want); i++) {
		assert_string_equal(want[i].message, f->left_out.items[i].message);
		assert_int_equal(want[i].line, f->left_out.items[i].place.line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_others_own_is_left_out, setup, teardown),
		cmocka_unit_test_setup_teardown(what_one_may_give_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(hooks_run_as_the_caller, setup, teardown),
		cmocka_unit_test_setup_teardown(all_of_it_is_told_with_its_line, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
