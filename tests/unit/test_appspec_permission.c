/* 'permissions' of an appspec: modes, ACLs, SELinux contexts, types. */
#include "appspec/appspec.h"
#include "util/auto.h"
#include "util/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define FAILED "The deployment failed because "
#define ACL    FAILED "of a problem with the acls permission settings in the application specification file. "

/* Parse one permission with LINE in it. NULL: refused, then *MESSAGE has the first error (the caller frees it). */
static struct appspec *parse(const char *line, char **message, size_t *warnings)
{
	AUTO_FREE char *text = xasprintf(
		"version: 0.0\nos: linux\npermissions:\n  - object: /o\n    owner: root\n    %s\n", line);
	struct findings f = { 0 };
	struct appspec *a = NULL;
	struct err err = ERR_INIT;

	(void)appspec_parse(text, strlen(text), &a, &f, &err);
	*message = a ? NULL : xstrdup(err.msg);
	*warnings = f.count - f.errors;
	findings_done(&f);
	return a;
}

static const struct {
	const char *why, *text, *mode_text, *error;
	mode_t mode;
	size_t warnings;
} modes[] = {
	{ "three digits", "755", "755", NULL, 0755, 0 },
	{ "quoted", "\"0644\"", "0644", NULL, 0644, 0 },
	{ "read as written", "0755", "0755", NULL, 0755, 1 },
	{ "which YAML takes for 420", "0644", "0644", NULL, 0644, 1 },
	{ "one digit", "7", "007", NULL, 07, 0 },
	{ "two digits", "64", "064", NULL, 064, 0 },
	{ "zero", "0", "000", NULL, 0, 0 },
	{ "sticky", "'1777'", "1777", NULL, 01777, 0 },
	{ "five with a leading zero", "01777", "01777", NULL, 01777, 1 },
	{ "setuid", "4755", "4755", NULL, 04755, 0 },
	{ "empty", "''", "000", NULL, 0, 1 },
	{ "null is none", "~", NULL, NULL, 0, 0 },
	{ "five digits", "17777", NULL, "the length of a permissions mode (17777)", 0, 0 },
	{ "five quoted digits", "'01777'", NULL,
	  FAILED
	  "the length of a permissions mode (01777) in the application specification file is invalid. Permissions "
	  "modes must be between one and four characters long. Update the permissions section of the AppSpec "
	  "file, and then try again.",
	  0, 0 },
	{ "no octal digit", "0888", NULL,
	  FAILED "the permissions mode (0888) in the application specification file contains an invalid character (8). "
		 "Update the permissions section of the AppSpec file, and then try again.",
	  0, 0 },
	{ "letters", "u+x", NULL, "invalid character (u)", 0, 0 },
	{ "hexadecimal", "0x1ff", NULL,
	  "the permissions mode (0x1ff) in the application specification file contains an invalid character (x)", 0,
	  0 },
	{ "underscores", "7_5_5", NULL, "the length of a permissions mode (7_5_5)", 0, 0 },
	{ "new octal", "0o644", NULL, "the length of a permissions mode (0o644)", 0, 0 },
	{ "a fraction", "6.44", NULL, "invalid character (.)", 0, 0 },
	{ "a blank", "' 644'", NULL, "invalid character ( )", 0, 0 },
	{ "a character of several bytes", "'7é'", NULL, "invalid character (é)", 0, 0 },
	{ "a list", "[7]", NULL, "'mode' must be text, not a list", 0, 0 },
};

static void modes_mean_what_is_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		AUTO_FREE char *line = xasprintf("mode: %s", modes[i].text), *message;
		size_t warnings;
		struct appspec *a = parse(line, &message, &warnings);

		print_message("  %s\n", modes[i].why);
		if (modes[i].error) {
			assert_null(a);
			if (!strstr(message, modes[i].error))
				fail_msg("%s", message);
			continue;
		}
		if (!a)
			fail_msg("%s", message);
		assert_int_equal(warnings, modes[i].warnings);
		assert_int_equal(a->permissions[0].mode, modes[i].mode);
		if (modes[i].mode_text)
			assert_string_equal(a->permissions[0].mode_text, modes[i].mode_text);
		else
			assert_null(a->permissions[0].mode_text);
		appspec_free(a);
	}
}

static const struct {
	const char *entry, *want; /* the canonical form, or a part of the error, which has blanks */
} acls[] = {
	{ "u:henry:7", "user:henry:rwx" },
	{ "user:bob:rw-", "user:bob:rw-" },
	{ "bob:0", "user:bob:---" },
	{ "bob:", "user:bob:---" },
	{ "bob:xr", "user:bob:r-x" },
	{ "bob:rrr", "user:bob:r--" },
	{ "g:staff:rx", "group:staff:r-x" },
	{ "group:www:--x", "group:www:--x" },
	{ "d:bob:rwx", "default:user:bob:rwx" },
	{ "default::rw", "default:user::rw-" },
	{ "d:u:bob:5", "default:user:bob:r-x" },
	{ "default:group::r", "default:group::r--" },
	{ "d:m:7", "default:mask::rwx" },
	{ "d:o:r", "default:other::r--" },
	{ "d:other::r", "default:other::r--" },
	{ "m:7", "mask::rwx" },
	{ "mask::rw", "mask::rw-" },
	{ "mask:", "mask::---" },
	{ "u:mask:7", "user:mask:rwx" },
	{ "u:other:r", "user:other:r--" },
	{ "g:m:r", "group:mask:r--" },
	{ "u:d:r", "user:d:r--" },
	{ "u::rwx",
	  ACL "Use mode to set the base acl entry (u::rwx). Update the permissions section of the AppSpec file, "
	      "and then try again." },
	{ "g::7", ACL "Use mode to set the base acl entry (g::7)." },
	{ "o:7", ACL "Use mode to set the base acl entry (o:7)." },
	{ "o::7", ACL "Use mode to set the base acl entry (o::7)." },
	{ ":7", ACL "Use mode to set the base acl entry (:7)." },
	{ "u:bob:8",
	  FAILED "the access control list (ACL) named u:bob:8 in the application specification file contains an "
		 "invalid character (8). Correct the ACL in the hooks section of the AppSpec file, and then "
		 "try again." },
	{ "bob:\303\251\303\251", "contains an invalid character (\303\251). Correct" },
	{ "bob:77", "The deployment" },
	{ "bob:rwq", "The deployment" },
	{ "", ACL "Invalid acl entry ()." },
	{ "rwx", ACL "Invalid acl entry (rwx)." },
	{ "z:bob:r", ACL "Invalid acl entry (z:bob:r)." },
	{ "x:u:bob:r", ACL "Invalid acl entry (x:u:bob:r)." },
	{ "d:d:bob:r", ACL "Invalid acl entry (d:d:bob:r)." },
	{ "d:u:bob:r:x", ACL "Invalid acl entry (d:u:bob:r:x)." },
	{ "o:bob:r", ACL "Invalid acl entry (o:bob:r)." },
	{ "m:bob:r", ACL "Invalid acl entry (m:bob:r)." },
	{ "m:mask:r", ACL "Invalid acl entry (m:mask:r)." },
};

static void acl_entries_are_read_from_the_right(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(acls); i++) {
		AUTO_FREE char *line = xasprintf("acls: [\"%s\"]", acls[i].entry), *message;
		size_t warnings;
		struct appspec *a = parse(line, &message, &warnings);

		print_message("  %s\n", acls[i].entry);
		if (strchr(acls[i].want, ' ')) {
			assert_null(a);
			if (!strstr(message, acls[i].want))
				fail_msg("%s", message);
			continue;
		}
		if (!a)
			fail_msg("%s", message);
		assert_int_equal(a->permissions[0].acl_count, 1);
		assert_string_equal(a->permissions[0].acls[0].canonical, acls[i].want);
		appspec_free(a);
	}
}

static const struct {
	const char *range, *want, *error;
} ranges[] = {
	{ "s0", "s0", NULL },
	{ "s2-s3", "s2-s3", NULL },
	{ "s2-s3:c0,c2.c4,c6", "s2-s3:c0,c2.c4,c6", NULL },
	{ "s2:c0,c1", "s2:c0.c1", NULL },
	{ "s0:c7,c1.c5", "s0:c1.c5,c7", NULL },
	{ "s0:c3,c1,c2", "s0:c1.c3", NULL },
	{ "s0:c0.c1023", "s0:c0.c1023", NULL },
	{ "s00:c007", "s0:c7", NULL },
	{ "s3-s2", NULL,
	  FAILED
	  "of a problem with the SELinux range specified (s3-s2) for the context parameter in the permissions section "
	  "of the application specification file. Make corrections in the permissions section of the AppSpec "
	  "file, and then try again." },
	{ "s0-", NULL, "invalid range part s0-" },
	{ "s0:", NULL, "invalid range part s0:" },
	{ ":c0", NULL, "invalid range part :c0" },
	{ "s0:c1.", NULL, "invalid range part c1." },
	{ "s0:.c1", NULL, "invalid range part .c1" },
	{ "", NULL, "invalid sensitivity " },
	{ "s", NULL, "invalid sensitivity s" },
	{ "x0", NULL, "invalid sensitivity x0" },
	{ "s1x", NULL, "invalid sensitivity s1x" },
	{ "s0-s1-s2", NULL, "invalid sensitivity s1-s2" },
	{ "s99999999999999999999", NULL, "invalid sensitivity" },
	{ "s0:c", NULL, "invalid category c" },
	{ "s0:c1,", NULL, "invalid category " },
	{ "s0:c1024", NULL, "invalid category c1024" },
	{ "s0:c0.c1024", NULL, "invalid category c1024" },
	{ "s0:c1:c2", NULL, "invalid category c1:c2" },
	{ "s0:c5.c3", NULL, "invalid category range c5.c3" },
	{ "s0:c1,c1", NULL, "duplicate categories" },
	{ "s0:c1.c3,c2", NULL, "duplicate categories" },
};

static void ranges_are_checked_and_put_in_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
		AUTO_FREE char *line = xasprintf("context: {type: t, range: \"%s\"}", ranges[i].range), *message;
		size_t warnings;
		struct appspec *a = parse(line, &message, &warnings);

		print_message("  '%s'\n", ranges[i].range);
		if (ranges[i].error) {
			assert_null(a);
			if (!strstr(message, ranges[i].error))
				fail_msg("%s", message);
			continue;
		}
		if (!a)
			fail_msg("%s", message);
		assert_string_equal(a->permissions[0].context->range, ranges[i].want);
		appspec_free(a);
	}
}

static const struct {
	const char *why, *line, *error;
} others[] = {
	{ "context without type", "context: {name: u, range: s0}",
	  FAILED "the application specification file specifies an invalid context type ({\"name\"=>\"u\", "
		 "\"range\"=>\"s0\"}). Update the permissions section of the AppSpec file, and then try again." },
	{ "a type that would be an option", "context: {type: -d}", "'type' of a context is the name of an SELinux" },
	{ "a type with a blank", "context: {type: a b}", "'type' of a context is the name of an SELinux" },
	{ "a whole label as the type", "context: {type: 'system_u:object_r:etc_t:s0'}",
	  "not 'system_u:object_r:etc_t:s0'" },
	{ "a user that is none", "context: {name: 'a;b', type: t}", "'name' of a context is the name of an SELinux" },
	{ "a user of no letters", "context: {name: '', type: t}", "'name' of a context is the name of an SELinux" },
	{ "a blank type of a context", "context: {type: ''}", "an invalid context type ({\"type\"=>\"\"})" },
	{ "a type that is a list", "context: {type: [t]}", "'type' must be text, not a list" },
	{ "a range that is a list", "context: {type: t, range: [s0]}", "'range' must be text, not a list" },
	{ "context as text", "context: t", "'context' must be a mapping with 'type', not text" },
	{ "unknown type", "type: [file, link]",
	  FAILED "the application specification filespecifies a permission for an object type not supported for "
		 "permissions (link). Update the permissions section of the AppSpec file, and then try again." },
	{ "a list of types as a type", "type: [[file]]", "not supported for permissions ([\"file\"])" },
	{ "a pattern that is a list", "pattern: [a]", "'pattern' must be text, not a list" },
	{ "type as text", "type: file", "'type' must be a list, not text" },
	{ "except as text", "except: a", "'except' must be a list, not text" },
	{ "acls as text", "acls: u:bob:r", "'acls' must be a list, not text" },
	{ "an acl as a mapping", "acls: [{u: b}]", "'acls' must be text, not a mapping" },
	{ "a blank object", "object: ' '",
	  FAILED
	  "a permission listed in the application specification file has no object value. Update the permissions "
	  "section of the AppSpec file, and then try again." },
	{ "an object that is a list", "object: [/a]", "'object' must be text, not a list" },
	{ "owner as a list", "owner: [a]", "'owner' must be text, not a list" },
};

static void what_no_permission_can_hold_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		AUTO_FREE char *message = NULL;
		size_t warnings;

		print_message("  %s\n", others[i].why);
		assert_null(parse(others[i].line, &message, &warnings));
		if (!strstr(message, others[i].error))
			fail_msg("%s", message);
	}
}

static void defaults_are_those_of_the_reference(void **state)
{
	(void)state;
	AUTO_FREE char *message = NULL;
	size_t warnings;
	struct appspec *a = parse("context: {type: t}", &message, &warnings);
	const struct appspec_permission *p = &a->permissions[0];

	assert_string_equal(p->pattern, "**");
	assert_int_equal(p->except_count, 0);
	assert_int_equal(p->types, APPSPEC_TYPE_FILE | APPSPEC_TYPE_DIRECTORY);
	assert_false(p->has_acls);
	assert_null(p->mode_text);
	assert_null(p->group);
	assert_null(p->context->user);
	assert_null(p->context->range); /* which the reference cannot do */
	assert_int_equal(warnings, 0);
	appspec_free(a);
}

static void given_but_empty_lists_stay_empty(void **state)
{
	(void)state;
	AUTO_FREE char *message = NULL, *more = NULL;
	size_t warnings;
	struct appspec *a = parse("acls: []", &message, &warnings), *b = parse("type: []", &more, &warnings);

	assert_true(a->permissions[0].has_acls);
	assert_int_equal(a->permissions[0].acl_count, 0);
	assert_int_equal(b->permissions[0].types, 0);
	assert_int_equal(warnings, 1);
	appspec_free(a);
	appspec_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modes_mean_what_is_written),
		cmocka_unit_test(acl_entries_are_read_from_the_right),
		cmocka_unit_test(ranges_are_checked_and_put_in_order),
		cmocka_unit_test(what_no_permission_can_hold_is_refused),
		cmocka_unit_test(defaults_are_those_of_the_reference),
		cmocka_unit_test(given_but_empty_lists_stay_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
