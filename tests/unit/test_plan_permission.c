/* Which paths an entry of the permissions section speaks of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan_help.h"

/* Permissions: which paths an entry speaks of, as "path:mode" of what has the mode 0700 of the entry. */
#define TREE_WORDS "w/a=1 w/b.tmp=2 w/c.tmp=3 w/d/e=4 w/d/f/g=5"
#define TREE_SPEC  FILES PUT("w", "/srv/app") PERMISSIONS

static const struct {
	const char *why, *disk, *spec;
	const char *want;    /* paths below /srv/app that the entries reach, NULL: refused */
	const char *message; /* of the first finding; NULL: none */
	enum finding_level level;
} permissions[] = {
	{ "everything below, at any depth, not the object", "/srv/", TREE_SPEC PERMIT("/srv/app", "mode: 700"),
	  "a b.tmp c.tmp d d/e d/f d/f/g", NULL, 0 },
	{ "an object above what is installed", "/srv/", TREE_SPEC PERMIT("/", "mode: 700"),
	  " a b.tmp c.tmp d d/e d/f d/f/g", NULL, 0 },
	{ "a pattern is for direct children", "/srv/", TREE_SPEC PERMIT("/srv/app", "pattern: '*', mode: 700"),
	  "a b.tmp c.tmp d", NULL, 0 },
	{ "a pattern with a name", "/srv/", TREE_SPEC PERMIT("/srv/app/", "pattern: '*.tmp', mode: 700"), "b.tmp c.tmp",
	  NULL, 0 },
	{ "but for", "/srv/", TREE_SPEC PERMIT("/srv/app", "except: ['*.tmp', d], mode: 700"), "a d/e d/f d/f/g", NULL,
	  0 },
	{ "** as an exception is direct children only", "/srv/",
	  TREE_SPEC PERMIT("/srv/app", "except: ['**'], mode: 700"), "d/e d/f d/f/g", NULL, 0 },
	{ "files only", "/srv/", TREE_SPEC PERMIT("/srv/app", "type: [file], mode: 700"), "a b.tmp c.tmp d/e d/f/g",
	  NULL, 0 },
	{ "folders only", "/srv/", TREE_SPEC PERMIT("/srv/app", "type: [directory], mode: 700"), "d d/f", NULL, 0 },
	{ "the folder itself by its parent and its name", "/srv/", TREE_SPEC PERMIT("/srv", "pattern: app, mode: 700"),
	  "", NULL, 0 },
	{ "a file as the object", "/srv/", TREE_SPEC PERMIT("/srv/app/a", "mode: 700"), "a", NULL, 0 },
	{ "a file as the object of an entry for folders: nothing, not even its pattern is looked at", "/srv/",
	  TREE_SPEC PERMIT("/srv/app/a", "type: [directory], pattern: x, mode: 700"), "-", "match nothing",
	  FINDING_WARNING },
	{ "a file as the object with a pattern", "/srv/", TREE_SPEC PERMIT("/srv/app/a", "pattern: 'x*', mode: 700"),
	  NULL, "includes an object (/srv/app/a) with an invalid pattern (x*)", FINDING_ERROR },
	{ "a file as the object with an exception", "/srv/", TREE_SPEC PERMIT("/srv/app/a", "except: [x], mode: 700"),
	  NULL,
	  "the except parameter for a pattern in the permissions section ([\"x\"]) for the object named /srv/app/a",
	  FINDING_ERROR },
	{ "a file as the object with exceptions", "/srv/", TREE_SPEC PERMIT("/srv/app/a", "except: [x, y], mode: 700"),
	  NULL,
	  "the except parameter for a pattern in the permissions section ([\"x\", ...]) for the object named "
	  "/srv/app/a",
	  FINDING_ERROR },
	{ "a default ACL for a file behind one that is none", "/srv/",
	  TREE_SPEC PERMIT("/srv/app/a", "acls: ['bob:r', 'd:bob:7']"), NULL, "the -d parameter", FINDING_ERROR },
	{ "ACLs for a file", "/srv/", TREE_SPEC PERMIT("/srv/app/a", "mode: 700, acls: ['bob:r', 'g:web:r', 'm:r']"),
	  "a", NULL, 0 },
	{ "a default ACL for a file", "/srv/", TREE_SPEC PERMIT("/srv/app/a", "acls: ['d:bob:7']"), NULL,
	  "the -d parameter", FINDING_ERROR },
	{ "a default ACL for folders", "/srv/",
	  TREE_SPEC PERMIT("/srv/app", "type: [directory], mode: 700, acls: ['d:bob:7']"), "d d/f", NULL, 0 },
	{ "the object twice", "/srv/", TREE_SPEC PERMIT("/srv/app/a", "mode: 600") PERMIT("/srv/app", "mode: 700"),
	  NULL, "the permissions setting for (/srv/app/a) is specified more than once", FINDING_ERROR },
	{ "files and folders by two entries", "/srv/",
	  TREE_SPEC PERMIT("/srv/app", "type: [file], mode: 700") PERMIT("/srv/app", "type: [directory], mode: 700"),
	  "a b.tmp c.tmp d d/e d/f d/f/g", NULL, 0 },
	{ "nothing is there", "/srv/", TREE_SPEC PERMIT("/opt", "mode: 700"), "-",
	  "the permissions for object '/opt' match nothing", FINDING_WARNING },
	{ "what was there before is not touched", "/srv/app/d/mine=x", TREE_SPEC PERMIT("/srv/app", "mode: 700"),
	  "a b.tmp c.tmp d/e d/f d/f/g", NULL, 0 },
	{ "the spelling by way of a link, as in the files section", "/data/ /srv->/data",
	  TREE_SPEC PERMIT("/srv/app", "pattern: a, mode: 700"), "a", NULL, 0 },
	{ "the real path of something spelled by way of a link", "/data/ /srv->/data",
	  TREE_SPEC PERMIT("/data/app", "mode: 700"), "-", "match nothing", FINDING_WARNING },
	{ "an unknown owner", "/srv/", TREE_SPEC PERMIT("/srv/app", "owner: nobodyknows"), NULL,
	  "can't find user for nobodyknows", FINDING_ERROR },
	{ "an unknown group", "/srv/", TREE_SPEC PERMIT("/srv/app", "group: nobodyknows"), NULL,
	  "can't find group for nobodyknows", FINDING_ERROR },
	{ "an unknown name in an ACL", "/srv/", TREE_SPEC PERMIT("/srv/app", "acls: ['u:nobodyknows:7']"), NULL,
	  "There is no user called 'nobodyknows'", FINDING_ERROR },
	{ "an SELinux context", "/srv/", TREE_SPEC PERMIT("/srv/app", "mode: 700, type: [file], context: {type: t}"),
	  "a b.tmp c.tmp d/e d/f/g", NULL, 0 },
	{ "an unknown group in an ACL", "/srv/", TREE_SPEC PERMIT("/srv/app", "acls: ['g:nobodyknows:7']"), NULL,
	  "There is no group called 'nobodyknows'", FINDING_ERROR },
	{ "an unknown owner of nothing", "/srv/", TREE_SPEC PERMIT("/srv/app", "pattern: '*.old', owner: nobodyknows"),
	  "-", "match nothing that this deployment installs: can't find user for nobodyknows", FINDING_WARNING },
	{ "an unknown group of nothing", "/srv/", TREE_SPEC PERMIT("/opt", "group: nobodyknows"), "-",
	  "match nothing that this deployment installs: can't find group for nobodyknows", FINDING_WARNING },
	{ "an unknown name in an ACL of nothing", "/srv/", TREE_SPEC PERMIT("/opt", "acls: ['u:nobodyknows:7']"), "-",
	  "There is no user called 'nobodyknows'", FINDING_WARNING },
	{ "an unknown owner in an entry for folders whose object is a file", "/srv/",
	  TREE_SPEC PERMIT("/srv/app/a", "type: [directory], owner: nobodyknows"), "-", "match nothing",
	  FINDING_WARNING },
};

/* Below FOLDER, what has the mode 0700; "-" when nothing has. FOLDER itself shows as an empty word. */
static char *reached(const struct plan *p, const char *folder)
{
	char *words[FAKE_MAX];
	size_t count = 0;
	struct str s = STR_INIT(4096);

	for (uint32_t i = 0; i != TREE_NONE; i = plan_next(p, i, true)) {
		AUTO_FREE char *path = plan_path(p, i);
		struct plan_attributes a;

		if (p->nodes[i].real != i || !plan_is_wanted(&p->nodes[i]))
			continue;
		plan_attributes(p, i, &a);
		if (a.mode == 0700)
			words[count++] = xasprintf("  %s", path + strlen(folder) + (path[strlen(folder)] == '/'));
	}
	qsort(words, count, sizeof(*words), by_text);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(0, str_printf(&s, "%s%s", i ? " " : "", words[i] + 2));
		free(words[i]);
	}
	return count ? str_take(&s) : xstrdup("-");
}

static void every_rule_of_the_permissions_section(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(permissions); i++) {
		struct host h;
		struct err err;

		print_message("  %s\n", permissions[i].why);
		host_init(&h, TREE_WORDS, permissions[i].disk, NULL, permissions[i].spec);
		assert_int_equal(permissions[i].want ? 0 : -1, host_plan(&h, &err));
		if (permissions[i].message) {
			assert_true(h.plan->findings.count > 0);
			assert_int_equal(permissions[i].level, h.plan->findings.items[0].level);
			assert_non_null(strstr(h.plan->findings.items[0].message, permissions[i].message));
		} else {
			assert_int_equal(0, h.plan->findings.count);
		}
		if (permissions[i].want) {
			AUTO_FREE char *text = reached(h.plan,
						       strstr(permissions[i].disk, "->") ? "/data/app" : "/srv/app");

			assert_string_equal(permissions[i].want, text);
		}
		host_done(&h);
	}
}

static const struct {
	const char *why;
	uid_t uid;
	bool no_tools;
	enum err_kind want;
	const char *message;
} needs[] = {
	{ "root, and the tools are there", 0, false, ERR_NONE, NULL },
	{ "no semanage: a hook may install it", 0, true, ERR_NOT_READY,
	  "object '/srv/app' has an SELinux context: there is no semanage on this host" },
	{ "an ordinary user", 1001, false, ERR_APPSPEC, "only root sets one" },
};

static void a_context_needs_root_and_the_tools(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(needs); i++) {
		struct host h;
		struct err err;

		print_message("  %s\n", needs[i].why);
		host_init(&h, TREE_WORDS, "/srv/", NULL, TREE_SPEC PERMIT("/srv/app", "context: {type: t}"));
		h.in.uid = needs[i].uid;
		h.disk.no_tools = needs[i].no_tools;
		assert_int_equal(needs[i].message ? -1 : 0, host_plan(&h, &err));
		assert_int_equal(needs[i].want, err.kind);
		if (needs[i].message)
			assert_non_null(strstr(err.msg, needs[i].message));
		host_done(&h);
	}
}

/* A folder that two entries spell differently is one object, reached by either name and only once. */
static void a_folder_with_two_spellings_answers_to_both(void **state)
{
	static const char *const orders[] = {
		FILES PUT("a", "/data/app") PUT("b", "/srv/app"),
		FILES PUT("b", "/srv/app") PUT("a", "/data/app"),
	};
	static const char *const objects[] = {
		PERMISSIONS PERMIT("/srv", "pattern: app, mode: 700"),
		PERMISSIONS PERMIT("/data", "pattern: app, mode: 700"),
		PERMISSIONS PERMIT("/", "type: [directory], mode: 700"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(orders) * ARRAY_LEN(objects); i++) {
		AUTO_FREE char *spec = xasprintf("%s%s", orders[i % 2], objects[i / 2]);
		struct host h;
		struct err err;

		print_message("  %zu: %s\n", i % 2, objects[i / 2]);
		host_init(&h, "a=1 b=2", "/data/ /srv->/data", NULL, spec);
		if (host_plan(&h, &err) < 0)
			fail_msg("%s", err.msg);

		AUTO_FREE char *text = reached(h.plan, "/data/app");

		assert_string_equal("", text);
		host_done(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_rule_of_the_permissions_section),
		cmocka_unit_test(a_context_needs_root_and_the_tools),
		cmocka_unit_test(a_folder_with_two_spellings_answers_to_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
