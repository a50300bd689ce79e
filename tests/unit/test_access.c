#include "control/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/json.h"
#include "util/auto.h"
#include "util/str.h"

#define OWN 999

static int known_user(void *context, const char *name, uid_t *out)
{
	(void)context;
	*out = 1001;
	return !strcmp(name, "ci");
}

static int known_group(void *context, const char *name, gid_t *out)
{
	(void)context;
	*out = strcmp(name, "slipway") ? 201 : 200;
	return !strcmp(name, "slipway") || !strcmp(name, "slipway-deploy");
}

static const struct access_names names = { known_user, known_group, NULL };

static const struct {
	const char *why;
	uid_t uid;
	gid_t gids[3]; /* 0 ends them */
	bool status, deploy;
} cases[] = {
	{ "root", 0, { 0 }, true, true },
	{ "the daemon's own user", OWN, { 999 }, true, true },
	{ "a stranger", 1500, { 1500 }, false, false },
	{ "a stranger without any group", 1500, { 0 }, false, false },
	{ "by the first group", 1500, { 200 }, true, false },
	{ "by a supplementary group", 1500, { 1500, 200 }, true, false },
	{ "who may deploy may see", 1500, { 1500, 201 }, true, true },
	{ "both groups", 1500, { 200, 201 }, true, true },
	{ "by name", 1001, { 1001 }, true, true },
	{ "a group with the number of a user", 1500, { 1001 }, false, false },
	{ "a user with the number of a group", 201, { 1500 }, false, false },
};

static void load(struct access *out, char ***unknown)
{
	char *status[] = { "group:slipway", "user:nobody-here", NULL };
	char *deploy[] = { "group:slipway-deploy", "user:ci", NULL };
	char *const *const lists[ACCESS_CLASS_COUNT] = { [ACCESS_STATUS] = status, [ACCESS_DEPLOY] = deploy };
	struct err err = ERR_INIT;

	assert_int_equal(0, access_load(lists, OWN, &names, out, unknown, &err));
}

static void the_lists_decide(void **state)
{
	AUTO(access_done) struct access a = { 0 };
	char **unknown = NULL;

	(void)state;
	load(&a, &unknown);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct access_peer peer = { .uid = cases[i].uid, .gids = cases[i].gids };
		struct err err = ERR_INIT;

		print_message("  %s\n", cases[i].why);
		while (peer.gid_count < ARRAY_LEN(cases[i].gids) && cases[i].gids[peer.gid_count])
			peer.gid_count++;
		assert_int_equal(cases[i].status ? 0 : -1, access_check(&a, ACCESS_STATUS, &peer, &err));
		assert_int_equal(cases[i].deploy ? 0 : -1, access_check(&a, ACCESS_DEPLOY, &peer, &err));
	}
	jstrings_free(unknown);
}

static void a_name_nobody_has_lets_nobody_in_and_is_told(void **state)
{
	AUTO(access_done) struct access a = { 0 };
	char **unknown = NULL;

	(void)state;
	load(&a, &unknown);
	assert_non_null(unknown);
	assert_string_equal("user:nobody-here", unknown[0]);
	assert_null(unknown[1]);
	jstrings_free(unknown);
}

static void the_refusal_says_who_may_and_what_to_do(void **state)
{
	AUTO(access_done) struct access a = { 0 };
	const struct access_peer peer = { .uid = 1500 };
	char **unknown = NULL;
	struct err err = ERR_INIT;

	(void)state;
	load(&a, &unknown);
	jstrings_free(unknown);
	assert_int_equal(-1, access_check(&a, ACCESS_DEPLOY, &peer, &err));
	assert_int_equal(ERR_DENIED, err.kind);
	assert_int_equal(5, err_exit_status(err.kind));
	assert_string_equal("user 1500 may not deploy: that is for root, group:slipway-deploy, user:ci; use sudo, or "
			    "have the administrator add you there ('access: deploy' of slipway.yml) and log in again",
			    err.msg);
	assert_int_equal(-1, access_check(&a, ACCESS_STATUS, &peer, &err));
	assert_true(str_starts(err.msg, "user 1500 may not see the status: that is for root, group:slipway, "
					"user:nobody-here, group:slipway-deploy, user:ci; use sudo"));
}

static void nobody_is_listed_and_only_root_may(void **state)
{
	AUTO(access_done) struct access a = { 0 };
	char *const *const lists[ACCESS_CLASS_COUNT] = { NULL, NULL };
	char **unknown = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(0, access_load(lists, OWN, &names, &a, &unknown, &err));
	assert_null(unknown);
	assert_int_equal(-1, access_check(&a, ACCESS_STATUS, &(struct access_peer){ .uid = 1001 }, &err));
	assert_int_equal(0, access_check(&a, ACCESS_DEPLOY, &(struct access_peer){ .uid = 0 }, &err));
}

static void what_is_no_entry_is_refused(void **state)
{
	static const char *const bad[] = { "slipway", "user:", "group:", "", "uid:1", "User:ci" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		AUTO(access_done) struct access a = { 0 };
		AUTO_FREE char *entry = xstrdup(bad[i]);
		char *list[] = { "user:nobody-here", entry, NULL };
		char *const *const lists[ACCESS_CLASS_COUNT] = { [ACCESS_DEPLOY] = list };
		char **unknown = NULL;
		struct err err = ERR_INIT;

		print_message("  '%s'\n", bad[i]);
		assert_int_equal(-1, access_load(lists, OWN, &names, &a, &unknown, &err));
		assert_int_equal(ERR_CONFIG, err.kind);
		assert_null(unknown);
	}
}

static void the_system_knows_root(void **state)
{
	uid_t uid = 77;
	gid_t gid = 77;

	(void)state;
	assert_int_equal(1, access_system_names.user(NULL, "root", &uid));
	assert_int_equal(0, uid);
	assert_int_equal(1, access_system_names.group(NULL, "root", &gid));
	assert_int_equal(0, gid);
	assert_int_equal(0, access_system_names.user(NULL, "no-such-user-here", &uid));
	assert_int_equal(0, access_system_names.group(NULL, "no-such-group-here", &gid));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_lists_decide),
		cmocka_unit_test(a_name_nobody_has_lets_nobody_in_and_is_told),
		cmocka_unit_test(the_refusal_says_who_may_and_what_to_do),
		cmocka_unit_test(nobody_is_listed_and_only_root_may),
		cmocka_unit_test(what_is_no_entry_is_refused),
		cmocka_unit_test(the_system_knows_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
