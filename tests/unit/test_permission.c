/* Owner, mode and ACL of one object. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "appspec/appspec.h"
#include "installer/permission.h"
#include "scratch.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* The first permission entry of an appspec with these ACLs (a YAML list). */
static struct appspec *spec_with(const char *acls)
{
	AUTO_FREE char *text = xasprintf("version: 0.0\nos: linux\npermissions:\n- {object: /srv, acls: %s}\n", acls);
	struct findings findings = { 0 };
	struct appspec *spec = NULL;
	struct err err = ERR_INIT;

	if (appspec_parse(text, strlen(text), &spec, &findings, &err) < 0)
		fail_msg("%s", err.msg);
	findings_done(&findings);
	return spec;
}

static const struct {
	const char *why, *acls;
	mode_t mode;
	const char *want;
} completions[] = {
	{ "the example of section 7.8", "['user:bob:rwx', 'default:user:bob:rwx']", 0421,
	  "user:bob:rwx,user::r--,group::-w-,other::--x,mask::-w-|"
	  "user:bob:rwx,user::r--,group::-w-,other::--x,mask::-w-" },
	{ "a mask that is given stays", "['u:bob:7', 'm:4']", 0644,
	  "user:bob:rwx,mask::r--,user::rw-,group::r--,other::r--" },
	{ "no named entry, no mask", "['d:u::7']", 0750,
	  "user::rwx,group::r-x,other::---|user::rwx,group::r-x,other::---" },
	{ "default entries that are given stay, and the mask follows the default group",
	  "['default:group::rx', 'default:group:web:rw', 'd:o::0']", 0700,
	  "user::rwx,group::---,other::---|group::r-x,group:web:rw-,other::---,user::rwx,mask::r-x" },
	{ "a default mask that is given stays", "['d:bob:7', 'd:m:5']", 0700,
	  "user::rwx,group::---,other::---|user:bob:rwx,mask::r-x,user::rwx,group::---,other::---" },
	{ "setuid and sticky bits are no part of it", "['g:web:r']", 07755,
	  "group:web:r--,user::rwx,group::r-x,other::r-x,mask::r-x" },
	{ "no entries", "[]", 0644, "" },
};

static void acls_are_completed_from_the_mode(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(completions); i++) {
		struct appspec *spec = spec_with(completions[i].acls);
		AUTO_FREE char *text = permission_acl_text(&spec->permissions[0], completions[i].mode);

		print_message("  %s\n", completions[i].why);
		assert_string_equal(completions[i].want, text);
		appspec_free(spec);
	}
}

static void each_object_is_completed_by_itself(void **state)
{
	struct appspec *spec = spec_with("['u:bob:7']");
	AUTO_FREE char *first = permission_acl_text(&spec->permissions[0], 0600);
	AUTO_FREE char *second = permission_acl_text(&spec->permissions[0], 0755);

	(void)state;
	assert_string_equal("user:bob:rwx,user::rw-,group::---,other::---,mask::---", first);
	assert_string_equal("user:bob:rwx,user::rwx,group::r-x,other::r-x,mask::r-x", second);
	appspec_free(spec);
}

static bool skipped_without_root(const char *what)
{
	if (geteuid() == 0)
		return false;
	print_message("SKIPPED: %s needs root\n", what);
	return true;
}

static void setuid_and_setgid_survive_the_change_of_owner(void **state)
{
	AUTO(scratch_removep) char *dir = scratch_new();
	AUTO_FREE char *path = xasprintf("%s/tool", dir);
	AUTO_FD int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct err err = ERR_INIT;
	struct stat st;

	(void)state;
	if (skipped_without_root(__func__))
		return;
	assert_int_equal(0, permission_apply(fd, 06755, 1, 2, NULL, &err));
	assert_int_equal(0, fstat(fd, &st));
	assert_int_equal(06755, st.st_mode & 07777);
	assert_int_equal(1, st.st_uid);
	assert_int_equal(2, st.st_gid);

	/* again, with the mode as it is already: chown(2) must not be what is left */
	assert_int_equal(0, permission_apply(fd, 06755, 3, 4, NULL, &err));
	assert_int_equal(0, fstat(fd, &st));
	assert_int_equal(06755, st.st_mode & 07777);
}

static int changes;

static int count_change(void *context, const struct fs_call *call)
{
	(void)context, (void)call;
	changes++;
	return 0;
}

static void ignore_end(void *context, const struct fs_call *call, int result)
{
	(void)context, (void)call, (void)result;
}

static void what_is_right_already_is_not_set_again(void **state)
{
	static const struct fs_observer observer = { count_change, ignore_end, NULL };
	AUTO(scratch_removep) char *dir = scratch_new();
	AUTO_FREE char *path = xasprintf("%s/f", dir);
	AUTO_FD int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct err err = ERR_INIT;

	(void)state;
	changes = 0;
	fs_observe(&observer);
	assert_int_equal(0, permission_apply(fd, 0600, geteuid(), getegid(), "", &err));
	assert_int_equal(0, changes);
	assert_int_equal(0, permission_apply(fd, 0640, geteuid(), getegid(), NULL, &err));
	assert_int_equal(1, changes);
	fs_observe(NULL);
}

static void the_acl_is_set_with_the_default_one(void **state)
{
	AUTO(scratch_removep) char *dir = scratch_new();
	AUTO_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err err = ERR_INIT;

	(void)state;
	AUTO_FREE char *before = fs_get_acl(fd);

	if (!before) {
		print_message("SKIPPED: no POSIX ACLs on this file system\n");
		return;
	}
	assert_int_equal(0, permission_apply(fd, 0750, geteuid(), getegid(),
					     "user:1:rwx,user::rwx,group::r-x,other::---,mask::rwx|"
					     "user:1:rwx,user::rwx,group::r-x,other::---,mask::r-x",
					     &err));

	AUTO_FREE char *after = fs_get_acl(fd);

	assert_string_equal("user::rwx,user:1:rwx,group::r-x,mask::rwx,other::---|"
			    "user::rwx,user:1:rwx,group::r-x,mask::r-x,other::---",
			    after);
}

static void an_empty_acl_takes_the_old_one_away(void **state)
{
	AUTO(scratch_removep) char *dir = scratch_new();
	AUTO_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	if (fs_set_acl(fd, "user:1:rwx,user::rwx,group::r-x,other::---,mask::rwx", NULL) < 0) {
		assert_int_equal(EOPNOTSUPP, errno);
		print_message("SKIPPED: no POSIX ACLs on this file system\n");
		return;
	}
	assert_int_equal(0, fs_set_acl(fd, "", ""));

	AUTO_FREE char *after = fs_get_acl(fd);

	assert_string_equal("", after);
}

static const struct {
	const char *acl;
	int named;
	mode_t mode, set;
	const char *want;
} modes[] = {
	{ "user::rwx,group::r-x,other::---", 0, 0750, 0604, "user::rw-,group::---,other::r--" },
	{ "user::rwx,user:1:rwx,group::r-x,mask::rwx,other::---", 1, 0770, 0644,
	  "user::rw-,user:1:rwx,group::r-x,mask::r--,other::r--" },
	{ "user::r--,group::r-x,group:5:-wx,mask::-w-,other::r--", 1, 0424, 04751,
	  "user::rwx,group::r-x,group:5:-wx,mask::r-x,other::--x" },
};

static void an_acl_tells_a_mode_and_changes_with_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		AUTO_FREE char *changed = fs_acl_with_mode(modes[i].acl, modes[i].set);
		mode_t mode = 0;

		print_message("  %s\n", modes[i].acl);
		assert_int_equal(modes[i].named, fs_acl_mode(modes[i].acl, &mode));
		assert_int_equal(modes[i].mode, mode);
		assert_string_equal(modes[i].want, changed);
	}
	assert_int_equal(-1, fs_acl_mode("nonsense", NULL));
	assert_null(fs_acl_with_mode("nonsense", 0644));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(acls_are_completed_from_the_mode),
		cmocka_unit_test(each_object_is_completed_by_itself),
		cmocka_unit_test(setuid_and_setgid_survive_the_change_of_owner),
		cmocka_unit_test(what_is_right_already_is_not_set_again),
		cmocka_unit_test(the_acl_is_set_with_the_default_one),
		cmocka_unit_test(an_empty_acl_takes_the_old_one_away),
		cmocka_unit_test(an_acl_tells_a_mode_and_changes_with_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
