/* What appspec_parse() accepts, refuses and warns of: top level, files, hooks; and that no bytes at all upset it. */
#include "appspec/appspec.h"
#include "appspec/appspec_file.h"
#include "scratch.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define HEAD   "version: 0.0\nos: linux\n"
#define FAILED "The deployment failed because "

static struct findings found;

static int teardown(void **state)
{
	(void)state;
	findings_done(&found);
	return 0;
}

/* NULL: refused, then ERR says why. */
static struct appspec *parse(const char *text, struct err *err)
{
	struct appspec *a = NULL;

	findings_done(&found);
	*err = ERR_INIT;
	if (appspec_parse(text, strlen(text), &a, &found, err) < 0)
		assert_int_equal(err->kind, ERR_APPSPEC);
	return a;
}

static struct appspec *accepted(const char *text)
{
	struct err err;
	struct appspec *a = parse(text, &err);

	if (!a)
		fail_msg("%s", err.msg);
	return a;
}

static void expect_finding(enum finding_level level, const char *part, unsigned line)
{
	for (size_t i = 0; i < found.count; i++)
		if (found.items[i].level == level && strstr(found.items[i].message, part) &&
		    (!line || found.items[i].place.line == line))
			return;
	for (size_t i = 0; i < found.count; i++)
		print_message("  found: %u:%u %s\n", found.items[i].place.line, found.items[i].place.column,
			      found.items[i].message);
	fail_msg("nothing says '%s' on line %u", part, line);
}

static const struct {
	const char *why, *text, *message;
} refusals[] = {
	{ "empty", "",
	  FAILED "the application specification file was empty. Make sure your AppSpec file defines at minimum the "
		 "'version' and 'os' properties." },
	{ "null", "~\n", "the application specification file was empty" },
	{ "false", "no\n", "the application specification file was empty" },
	{ "a list", "- a\n", "an appspec is a mapping" },
	{ "no version", "os: linux\n",
	  FAILED
	  "an invalid version value () was entered in the application specification file. Make sure your AppSpec "
	  "file specifies \"0.0\" as the version, and then try again." },
	{ "quoted version", "version: \"0.0\"\nos: linux\n",
	  "line 1 column 10: " FAILED "an invalid version value (0.0)" },
	{ "version 1.1", "version: 1.1\nos: linux\n", "an invalid version value (1.1)" },
	{ "no os", "version: 0.0\n",
	  FAILED "the application specification file specifies an unsupported operating system (). Specify either "
		 "\"linux\" or \"windows\" in the os section of the AppSpec file, and then try again." },
	{ "windows", "version: 0.0\nos: windows\n", "line 2 column 5: " FAILED "the application" },
	{ "Linux", "version: 0.0\nos: Linux\n", "unsupported operating system (Linux)" },
	{ "behavior in small letters", HEAD "file_exists_behavior: retain\n",
	  FAILED
	  "an invalid file_exists_behavior value (retain) was entered in the application specification file. Make "
	  "sure your AppSpec file specifies one of DISALLOW,OVERWRITE,RETAIN as the file_exists_behavior, and "
	  "then try again." },
	{ "behavior as a list", HEAD "file_exists_behavior: [RETAIN]\n", "value ([\"RETAIN\"]) was" },
	{ "files as a mapping", HEAD "files: {source: a, destination: b}\n", "'files' must be a list, not a mapping" },
	{ "a file as text", HEAD "files: [a]\n", "must be a mapping with 'source' and 'destination', not text" },
	{ "no source", HEAD "files:\n  - destination: /b\n",
	  FAILED
	  "the application specification file specifies a destination file, but no source file. Update the files "
	  "section of the AppSpec file, and then try again." },
	{ "no destination", HEAD "files:\n  - source: a/b\n",
	  FAILED
	  "the application specification file specifies only a source file (a/b). Add the name of the destination "
	  "file to the files section of the AppSpec file, and then try again." },
	{ "empty destination", HEAD "files:\n  - source: a\n    destination: ''\n",
	  "specifies only a source file (a)" },
	{ "destination is a list", HEAD "files: [{source: a, destination: [/c]}]\n",
	  "'destination' must be text, not a list" },
	{ "source out of the bundle", HEAD "files: [{source: a/../../b, destination: /c}]\n",
	  "the source 'a/../../b' leads out of the bundle" },
	{ "source is a list", HEAD "files: [{source: [a], destination: /c}]\n", "'source' must be text, not a list" },
	{ "hooks as a list", HEAD "hooks: []\n", "'hooks' must be a mapping of lifecycle events" },
	{ "scripts as text", HEAD "hooks: {A: a.sh}\n", "'A' must be a list, not text: put '- '" },
	{ "a script as text", HEAD "hooks: {A: [a.sh]}\n", "write '- location: a.sh'" },
	{ "a script as a list", HEAD "hooks: {A: [[a.sh]]}\n", "not a list: write '- location: ...'" },
	{ "a location that is a list", HEAD "hooks: {A: [{location: [a]}]}\n", "'location' must be text, not a list" },
	{ "a user that is a list", HEAD "hooks: {A: [{location: a, runas: [b]}]}\n",
	  "'runas' must be text, not a list" },
	{ "a script that is nothing", HEAD "hooks:\n  A:\n    -\n", "must be a mapping with 'location', not nothing" },
	{ "no location", HEAD "hooks: {A: [{timeout: 5}]}\n",
	  FAILED
	  "the application specification file specifies a script with no location value. Specify the location in "
	  "the hooks section of the AppSpec file, and then try again." },
	{ "blank location", HEAD "hooks: {A: [{location: ' '}]}\n", "a script with no location value" },
	{ "location out of the bundle", HEAD "hooks: {A: [{location: ../x}]}\n", "the location '../x' leads out" },
	{ "timeout 0", HEAD "hooks: {A: [{location: a, timeout: 0}]}\n",
	  FAILED "an invalid timeout value was provided for a script in the application specification file. Make "
		 "corrections in the hooks section of the AppSpec file, and then try again." },
	{ "timeout in text, below one", HEAD "hooks: {A: [{location: a, timeout: '-5'}]}\n",
	  "an invalid timeout value" },
	{ "timeout in words", HEAD "hooks: {A: [{location: a, timeout: abc}]}\n", "an invalid timeout value" },
	{ "timeout below one", HEAD "hooks: {A: [{location: a, timeout: 0.5}]}\n", "an invalid timeout value" },
	{ "timeout for ever", HEAD "hooks: {A: [{location: a, timeout: .inf}]}\n", "an invalid timeout value" },
	{ "timeout as a list", HEAD "hooks: {A: [{location: a, timeout: [5]}]}\n", "an invalid timeout value" },
#define OWN HEAD "slipway: "
	{ "our own key as text", OWN "x\n", "'slipway' must be a mapping, not text" },
	{ "a newer version", OWN "{requires: 1.0}\n",
	  "line 3 column 21: this revision requires slipway 1.0, and this is slipway " SLIPWAY_VERSION
	  ": upgrade slipway on this host first" },
	{ "a newer version as a whole number", OWN "{requires: 1}\n", "requires slipway 1, and" },
	{ "a newer version of three parts", OWN "{requires: 0.1.1}\n", "requires slipway 0.1.1, and" },
	{ "a newer version in quotes", OWN "{requires: '0.2.3'}\n", "requires slipway 0.2.3, and" },
	{ "a version beyond all numbers", OWN "{requires: '99999999999999999999999'}\n", "upgrade slipway" },
	{ "a version with a name", OWN "{requires: 0.1-beta}\n", "such as 0.1 or 1.0.2, not 0.1-beta" },
	{ "a version of four parts", OWN "{requires: 0.1.0.0}\n", "not 0.1.0.0" },
	{ "a version that ends in a dot", OWN "{requires: 0.}\n", "not 0." },
	{ "no version", OWN "{requires: yes}\n", "'requires' must be the number of a version of slipway" },
	{ "versions", OWN "{requires: [0.1]}\n", "'requires' must be the number of a version of slipway" },
	{ "a key nobody knows", OWN "{exchange: true}\n",
	  "line 3 column 11: unknown key 'exchange' in 'slipway'. This is slipway " SLIPWAY_VERSION
	  ", a newer one may know it" },
	{ "a slip of the keyboard", OWN "{overwrites: []}\n", "in 'slipway', did you mean 'overwrite'? This is" },
	{ "a key of the top level", OWN "{permissions: []}\n", "in 'slipway': it belongs to the top level. This is" },
	{ "a key that is a list", OWN "{? [a] : b}\n", "unknown key '[\"a\"]' in 'slipway'." },
	{ "overwrite as a mapping", OWN "{overwrite: {path: /a}}\n", "'overwrite' must be a list" },
	{ "a rule as text", OWN "{overwrite: [/a]}\n", "must be a mapping with 'path' and 'behavior', not text" },
	{ "a behavior of ours, wrong", OWN "{overwrite: [{path: /a, behavior: KEEP}]}\n",
	  "'behavior' must be DISALLOW, OVERWRITE or RETAIN, not 'KEEP'" },
	{ "a behavior of ours that is a list", OWN "{overwrite: [{path: /a, behavior: [RETAIN]}]}\n",
	  "'behavior' must be DISALLOW, OVERWRITE or RETAIN, not '[\"RETAIN\"]'" },
	{ "a rule for a list", OWN "{overwrite: [{path: [/a], behavior: RETAIN}]}\n",
	  "'path' must be text, not a list" },
	{ "a rule without a behavior", OWN "{overwrite: [{path: /a}]}\n", "has no 'behavior'" },
	{ "a rule with both", OWN "{overwrite: [{path: /a, behavior: RETAIN, policy: a.lua}]}\n",
	  "has a 'behavior' and a 'policy': one of them decides" },
	{ "a policy that leads out", OWN "{overwrite: [{path: /a, policy: ../a.lua}]}\n",
	  "the policy '../a.lua' leads out of the bundle" },
	{ "a policy that is no Lua", OWN "{overwrite: [{path: /a, policy: a.sh}]}\n",
	  "the policy 'a.sh' must be a script in Lua" },
	{ "a policy that is a list", OWN "{overwrite: [{path: /a, policy: [a.lua]}]}\n",
	  "'policy' must be text, not a list" },
	{ "no policy at all", OWN "{overwrite: [{path: /a, policy: }]}\n", "'policy' is blank" },
	{ "a rule without a path", OWN "{overwrite: [{behavior: RETAIN}]}\n", "has no 'path'" },
	{ "a relative path", OWN "{overwrite: [{path: a, behavior: RETAIN}]}\n", "the path 'a' is no absolute path" },
	{ "a path with ..", OWN "{overwrite: [{path: /a/../b, behavior: RETAIN}]}\n", "the path '/a/../b' holds '..'" },
	{ "a slip in a rule", OWN "{overwrite: [{path: /a, behaviour: RETAIN}]}\n", "did you mean 'behavior'?" },
	{ "hooks of ours as a list", OWN "{hooks: []}\n", "'hooks' must be a mapping of lifecycle events" },
	{ "a hook of ours without a script", OWN "{hooks: {A: [{timeout: 5}]}}\n", "a script with no location value" },
	{ "a hook of ours out of the bundle", OWN "{hooks: {A: [{location: ../a}]}}\n", "leads out of the bundle" },
	{ "a slip in a hook of ours", OWN "{hooks: {A: [{location: a, run_as: b}]}}\n", "did you mean 'runas'?" },
	{ "a ready-made hook that is none", OWN "{hooks: {A: [{use: frobnicate}]}}\n",
	  "there is no ready-made hook 'frobnicate'" },
	{ "arguments for nothing", OWN "{hooks: {A: [{location: a, with: {b: c}}]}}\n", "there is no 'use'" },
	{ "env as a list", OWN "{env: [A=b]}\n", "'env' must be a mapping of names to values, not a list" },
	{ "a variable with a digit in front", OWN "{env: {1A: b}}\n", "'1A' is no name for a variable" },
	{ "a variable with a blank", OWN "{env: {'A B': c}}\n", "'A B' is no name for a variable" },
	{ "a variable with a sign", OWN "{env: {A=B: c}}\n", "'A=B' is no name for a variable" },
	{ "a variable whose name is a list", OWN "{env: {? [A] : b}}\n", "'[\"A\"]' is no name for a variable" },
	{ "a variable without a name", OWN "{env: {'': c}}\n", "'' is no name for a variable" },
	{ "a variable of the agent", OWN "{env: {DEPLOYMENT_GROUP_ID: b}}\n", "'DEPLOYMENT_GROUP_ID' in 'env' is the" },
	{ "a variable with the agent's name", OWN "{env: {SLIPWAY_X: b}}\n",
	  "'SLIPWAY_X' in 'env' is the agent's own" },
	{ "a variable that is a list", OWN "{env: {A: [b]}}\n", "'A' in 'env' must be text, not a list" },
	{ "no YAML", "a: [\n", "line 2 column 1: did not find expected" },
};

static void what_cannot_be_installed_is_refused_in_the_words_of_the_reference(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		struct err err;

		print_message("  %s\n", refusals[i].why);
		assert_null(parse(refusals[i].text, &err));
		if (!strstr(err.msg, refusals[i].message))
			fail_msg("'%s' instead of '%s'", err.msg, refusals[i].message);
		assert_true(found.errors > 0);
	}
}

static const char *const zeros[] = { "0.0", "0", "0.00", "-0.0", ".0", "+0.000", "0x0" };

static void every_way_to_write_zero_is_a_version(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(zeros); i++) {
		AUTO_FREE char *text = xasprintf("version: %s\nos: linux\n", zeros[i]);
		struct appspec *a = accepted(text);

		assert_string_equal(a->version, zeros[i]);
		appspec_free(a);
	}
}

static const struct {
	const char *text;
	int seconds;
	bool warned;
} timeouts[] = {
	{ "30", 30, false },	  { "\"30\"", 30, false },
	{ "10s", 10, true },	  { "~", 3600, false },
	{ "false", 3600, false }, { "1.9", 1, true },
	{ "\" 7\"", 7, false },	  { "+5", 5, false },
	{ "\"1e3\"", 1, true },	  { "010", 8, true },
	{ "'010'", 10, false },	  { "1:30", 5400, true },
	{ "5m", 5, true },	  { "1_000", 1000, false },
	{ "'1_0'", 10, false },	  { "99999999999999999999", 2147483647, true },
	{ "'1__0'", 1, true },	  { "'1_'", 1, true },
	{ "'+7'", 7, false },	  { "0x10", 16, true },
	{ "007", 7, true },	  { "7.0", 7, false },
	{ "0b11", 3, true },	  { "07.0", 7, false },
};

static void timeouts_are_whole_seconds_however_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(timeouts); i++) {
		AUTO_FREE char *text = xasprintf(HEAD "hooks: {A: [{location: a, timeout: %s}]}\n", timeouts[i].text);
		struct appspec *a = accepted(text);

		print_message("  %s\n", timeouts[i].text);
		assert_int_equal(a->hooks[0].scripts[0].timeout_s, timeouts[i].seconds);
		assert_int_equal(found.count, timeouts[i].warned);
		appspec_free(a);
	}
}

static void hooks_keep_order_names_and_defaults(void **state)
{
	(void)state;
	struct appspec *a = accepted(HEAD "hooks:\n"
					  "  AfterInstall:\n"
					  "    - {location: ' a.sh ', runas: ' app ', sudo: 'false'}\n"
					  "    - {location: /b.sh, runas: ~, sudo: no}\n"
					  "  Empty:\n"
					  "  None: []\n");
	const struct appspec_hook *h = appspec_hook(a, "AfterInstall");

	assert_int_equal(a->hook_count, 2);
	assert_null(appspec_hook(a, "Empty"));
	assert_int_equal(appspec_hook(a, "None")->script_count, 0);
	assert_int_equal(h->script_count, 2);
	assert_string_equal(h->scripts[0].location, "a.sh");
	assert_string_equal(h->scripts[0].runas, "app");
	assert_true(h->scripts[0].sudo);
	assert_int_equal(h->scripts[0].timeout_s, 3600);
	assert_int_equal(h->scripts[0].place.line, 5);
	assert_string_equal(h->scripts[1].location, "/b.sh");
	assert_null(h->scripts[1].runas);
	assert_false(h->scripts[1].sudo);
	expect_finding(FINDING_WARNING, "'sudo: false' counts as true", 5);
	appspec_free(a);
}

static void files_stay_as_written(void **state)
{
	(void)state;
	struct appspec *a = accepted(HEAD "files:\n"
					  "  - source: '  a '\n"
					  "    destination: /x/../y//\n"
					  "  - source: 5\n"
					  "    destination: b\n"
					  "file_exists_behavior: OVERWRITE\n");

	assert_string_equal(a->files[0].source, "  a ");
	assert_string_equal(a->files[0].destination, "/x/../y//");
	assert_string_equal(a->files[1].source, "5");
	assert_int_equal(a->file_exists_behavior, FILE_EXISTS_OVERWRITE);
	assert_int_equal(found.count, 1);
	expect_finding(FINDING_WARNING, "the destination 'b' is relative and is taken below /: write '/b'", 7);
	appspec_free(a);
}

static void our_own_key_adds_to_what_other_agents_read(void **state)
{
	(void)state;
	struct appspec *a = accepted(HEAD "hooks:\n"
					  "  AfterInstall: [{location: one, timeout: 5}]\n"
					  "  ValidateService: [{location: two}]\n"
					  "slipway:\n"
					  "  requires: " SLIPWAY_VERSION "\n"
					  "  overwrite:\n"
					  "    - {path: /etc/shop/*.conf, behavior: RETAIN}\n"
					  "    - {path: '/**', behavior: OVERWRITE}\n"
					  "  hooks:\n"
					  "    ValidateService: [{location: three, runas: bob}, {location: four}]\n"
					  "    ApplicationStart: [{location: five, sudo: true}]\n"
					  "    ApplicationStop:\n"
					  "  env: {PORT: 8080, MODE: 0755, ON: yes, NOTHING: , TEXT: 'a b=c'}\n");
	const char *const want[] = { "PORT=8080", "MODE=0755", "ON=yes", "NOTHING=", "TEXT=a b=c" };
	const struct appspec_hook *validate = appspec_hook(a, "ValidateService");

	assert_int_equal(found.count, 0);
	assert_string_equal(a->requires, SLIPWAY_VERSION);
	assert_int_equal(a->overwrite_count, 2);
	assert_string_equal(a->overwrites[0].path, "/etc/shop/*.conf");
	assert_int_equal(a->overwrites[0].behavior, FILE_EXISTS_RETAIN);
	assert_int_equal(a->overwrites[1].behavior, FILE_EXISTS_OVERWRITE);
	assert_int_equal(a->overwrites[1].place.line, 10);
	assert_int_equal(a->hook_count, 3);
	assert_int_equal(validate->script_count, 3);
	assert_string_equal(validate->scripts[0].location, "two");
	assert_false(validate->scripts[0].own);
	assert_string_equal(validate->scripts[1].location, "three");
	assert_string_equal(validate->scripts[1].runas, "bob");
	assert_string_equal(validate->scripts[2].location, "four");
	assert_true(validate->scripts[2].own);
	assert_true(appspec_hook(a, "ApplicationStart")->scripts[0].sudo);
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		assert_string_equal(a->environment[i], want[i]);
	assert_null(a->environment[ARRAY_LEN(want)]);
	for (size_t i = 0; i < a->hook_count; i++)
		for (size_t k = 0; k < a->hooks[i].script_count; k++)
			assert_ptr_equal(a->hooks[i].scripts[k].environment, a->environment);
	appspec_free(a);
	appspec_free(accepted(OWN "{requires: 0, overwrite: , hooks: ~, env: }\n"));
	appspec_free(accepted(OWN "\n"));
	assert_int_equal(found.count, 0);
}

static void a_revision_for_a_newer_agent_is_judged_by_nothing_else_of_our_key(void **state)
{
	(void)state;
	struct err err;

	assert_null(parse(OWN "{zebra: 1, hooks: {A: [{use: x}]}, requires: 7.5, env: 4}\n", &err));
	assert_int_equal(found.count, 1);
	assert_non_null(strstr(err.msg, "requires slipway 7.5"));
}

static void too_much_of_our_own_is_refused(void **state)
{
	(void)state;
	AUTO(str_done) struct str rules = STR_INIT(APPSPEC_MAX_BYTES), env = STR_INIT(APPSPEC_MAX_BYTES);
	struct err err;

	(void)str_add(&rules, HEAD "slipway:\n  overwrite:\n");
	for (int i = 0; i <= APPSPEC_MAX_OVERWRITES; i++)
		(void)str_add(&rules, "  - {path: /a, behavior: RETAIN}\n");
	assert_null(parse(rules.data, &err));
	assert_non_null(strstr(err.msg, "'overwrite' has more than 1000 entries"));

	(void)str_add(&env, HEAD "slipway:\n  env:\n    A: &a ");
	for (int i = 0; i < APPSPEC_MAX_ENVIRONMENT / 2; i++)
		(void)str_add(&env, "x");
	(void)str_add(&env, "\n");
	appspec_free(accepted(env.data));
	(void)str_add(&env, "    B: *a\n");
	assert_null(parse(env.data, &err));
	assert_non_null(strstr(err.msg, "the variables in 'env' have more than 131072 bytes together"));
}

static void nothing_where_a_section_could_be_is_fine(void **state)
{
	(void)state;
	appspec_free(accepted(HEAD "hooks:\nfiles: ~\npermissions: no\nfile_exists_behavior:\n"));
	assert_int_equal(found.count, 0);
}

static const struct {
	const char *text, *message;
	unsigned line;
} warnings[] = {
	{ HEAD "file_exists_behaviour: RETAIN\n", "did you mean 'file_exists_behavior'?", 3 },
	{ HEAD "permission: []\n", "did you mean 'permissions'?", 3 },
	{ HEAD "Files: []\n", "did you mean 'files'?", 3 },
	{ HEAD "overwrite: yes\n", "write 'file_exists_behavior: OVERWRITE' at the top level", 3 },
	{ HEAD "files:\n  - source: a\n    destination: /a\n    overwrite: yes\n", "file_exists_behavior: OVERWRITE",
	  6 },
	{ HEAD "files:\n  - source: a\n    destination: /a\n    owner: me\n", "it belongs to an entry of 'permissions'",
	  6 },
	{ HEAD "AfterInstall: []\n", "it belongs to 'hooks'; check the indentation", 3 },
	{ HEAD "Resources: []\n", "an appspec for Amazon ECS or AWS Lambda", 3 },
	{ HEAD "hooks:\n  A:\n    - location: a\n      run_as: b\n", "did you mean 'runas'?", 6 },
	{ HEAD "? [a, b]\n: 1\n", "the key [\"a\", \"b\"] has no meaning here", 3 },
	{ HEAD "zebra: 1\n", "unknown key 'zebra' is ignored", 3 },
	{ HEAD "os: linux\n", "stands again on line 3", 2 },
	{ HEAD "---\nx: 1\n", "only the first document counts", 3 },
	{ HEAD "env: {A: b}\n", "the key 'env' is ignored here: it belongs to 'slipway'", 3 },
	{ HEAD "hooks: {A: [{location: a, use: b}]}\n", "unknown key 'use' is ignored", 3 },
	{ OWN "{hooks: {A: [{location: a, timeout: 5m}]}}\n", "is read as 5 seconds", 3 },
	{ HEAD "hooks: {A: [{location: a, runas: ' '}]}\n", "'runas' is blank", 3 },
	{ HEAD "files: {}\n", "'files' is an empty mapping", 3 },
};

static void whatever_has_no_effect_is_warned_about_with_its_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(warnings); i++) {
		print_message("  %s\n", warnings[i].message);
		appspec_free(accepted(warnings[i].text));
		expect_finding(FINDING_WARNING, warnings[i].message, warnings[i].line);
	}
}

static void all_errors_are_found_and_the_first_of_the_reference_is_told(void **state)
{
	(void)state;
	struct err err;

	assert_null(parse("files: [{source: a}]\n"
			  "permissions: [{mode: 9}]\n"
			  "hooks: {A: [{timeout: 5}, {location: b, timeout: 0}]}\n"
			  "os: windows\n"
			  "version: 1\n",
			  &err));
	assert_int_equal(found.errors, 7);
	assert_non_null(strstr(err.msg, "line 5 column 10: " FAILED "an invalid version value (1)"));
}

static void findings_end_at_a_thousand(void **state)
{
	(void)state;
	struct str text = STR_INIT(APPSPEC_MAX_BYTES);

	(void)str_add(&text, HEAD);
	for (int i = 0; i < 5000; i++)
		(void)str_printf(&text, "unknown%d: 1\n", i);
	appspec_free(accepted(text.data));
	assert_int_equal(found.count, 1001);
	expect_finding(FINDING_WARNING, "more to say than these 1000 messages", 0);
	str_done(&text);
}

/* The list is full of warnings by then; it is refused all the same. */
static void an_error_behind_a_thousand_warnings_counts(void **state)
{
	(void)state;
	AUTO(str_done) struct str text = STR_INIT(APPSPEC_MAX_BYTES);
	struct err err;

	(void)str_add(&text, HEAD "files:\n");
	for (int i = 0; i < 1001; i++)
		(void)str_add(&text, "  - {source: a, destination: b}\n");
	(void)str_add(&text, "permissions: [{mode: 644}]\n");
	assert_null(parse(text.data, &err));
	assert_int_equal(found.errors, 1);
	assert_string_equal(err.msg, "the appspec has more errors than can be listed");
}

static void a_message_longer_than_anybody_reads_becomes_a_short_one(void **state)
{
	(void)state;
	AUTO_FREE char *words = xmalloc(20001);
	struct findings f = { 0 };

	memset(words, 'x', 20000);
	words[20000] = '\0';
	findings_add(&f, FINDING_WARNING, (struct appspec_place){ 1, 1 }, "%s", words);
	assert_string_equal(f.items[0].message, "a message about this place is too long to be shown");
	findings_done(&f);

	AUTO_FREE char *text = xasprintf(HEAD "permissions: [{object: /a, context: {type: t, range: 's0:%s.'}}]\n",
					 words);
	struct err err;

	assert_null(parse(text, &err));
	expect_finding(FINDING_ERROR, "a message about this place is too long to be shown", 3);
}

static void more_than_a_mebibyte_is_refused(void **state)
{
	(void)state;
	AUTO_FREE char *text = xcalloc(1, APPSPEC_MAX_BYTES + 2);
	struct err err;

	memset(text, ' ', APPSPEC_MAX_BYTES + 1);
	assert_null(parse(text, &err));
	assert_non_null(strstr(err.msg, "larger than 1048576 bytes"));
}

/* BEGIN, then one and the same thing a thousand times, in a version that is shown because it is none. */
static const struct {
	const char *why, *begin, *again, *shown;
} floods[] = {
	{ "two bytes a letter", "", "é", "é...)" },	 { "cut before a letter, not within", "x", "é", "é...)" },
	{ "a list", "[", "one, ", "\"one\", \"on...)" }, { "lists in lists", "[", "[two], ", "..." },
	{ "a mapping", "{", "? [a]\n: [b], ", "..." },
};

static void a_long_value_does_not_flood_a_message(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(floods); i++) {
		AUTO(str_done) struct str text = STR_INIT(APPSPEC_MAX_BYTES);
		struct err err;

		print_message("  %s\n", floods[i].why);
		(void)str_printf(&text, "os: linux\nversion: %s", floods[i].begin);
		for (int k = 0; k < 1000; k++)
			(void)str_add(&text, floods[i].again);
		(void)str_add(&text, *floods[i].begin == '[' ? "]" : *floods[i].begin == '{' ? "}" : "");
		assert_null(parse(text.data, &err));
		assert_true(strlen(err.msg) < 600);
		if (!strstr(err.msg, floods[i].shown))
			fail_msg("%s", err.msg);
	}
}

/* How the names are looked for is told by NAMES, words of a folder that is made for it. */
static const struct {
	const char *why, *names, *filename, *used, *message; /* USED: NULL, none is there, unless MESSAGE tells more */
} lookups[] = {
	{ "the usual name", "appspec.yml", NULL, "appspec.yml", NULL },
	{ "the other ending", "appspec.yaml", NULL, "appspec.yaml", NULL },
	{ "both", "appspec.yaml appspec.yml", NULL, "appspec.yml", NULL },
	{ "a name that was asked for", "mine.yml appspec.yml", "mine.yml", "mine.yml", NULL },
	{ "a name that is not there", "appspec.yaml appspec.yml", "mine.yml", "appspec.yaml", NULL },
	{ "the last that is tried", "appspec.yml", "mine.yml", "appspec.yml", NULL },
	{ "a name below a file", "appspec.yml", "appspec.yml/a", "appspec.yml", NULL },
	{ "none at all", "other.yml", NULL, NULL, NULL },
	{ "a folder", "appspec.yml/", NULL, NULL, "'appspec.yml' is not a file" },
	{ "a link", "a appspec.yml->a", NULL, NULL, "'appspec.yml' is a link or leads out of the bundle" },
	{ "a way out", "appspec.yml", "../appspec.yml", NULL, "'../appspec.yml' is a link or leads out" },
};

static void make(int dir_fd, char *word)
{
	char *arrow = strstr(word, "->");
	AUTO_FD int fd = -1;

	if (arrow) {
		*arrow = '\0';
		assert_int_equal(fs_symlink(arrow + 2, dir_fd, word), 0);
	} else if (str_ends(word, "/")) {
		assert_int_equal(fs_mkdir(dir_fd, word, 0755), 0);
	} else {
		fd = fs_create(dir_fd, word, O_WRONLY, 0644);
		assert_int_equal(fs_write(fd, word, strlen(word)), 0);
	}
}

static void an_appspec_is_looked_for_under_its_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lookups); i++) {
		AUTO(scratch_removep) char *path = scratch_new();
		AUTO(str_done) struct str text = STR_INIT(APPSPEC_MAX_BYTES);
		AUTO_FREE char *names = xstrdup(lookups[i].names);
		struct err err = ERR_INIT;
		AUTO_FD int dir = fs_open_dir(path, &err);
		const char *used = NULL;

		print_message("  %s\n", lookups[i].why);
		for (char *rest = names, *word; (word = strsep(&rest, " "));)
			make(dir, word);
		assert_int_equal(appspec_file_read(dir, lookups[i].filename, &text, &used, &err),
				 lookups[i].message ? -1
				 : lookups[i].used  ? 1
						    : 0);
		if (lookups[i].message && !strstr(err.msg, lookups[i].message))
			fail_msg("%s", err.msg);
		if (lookups[i].used) {
			assert_string_equal(used, lookups[i].used);
			assert_string_equal(str_text(&text), lookups[i].used); /* its content, too */
		}
	}
}

static void what_cannot_be_read_is_no_missing_appspec(void **state)
{
	(void)state;
	AUTO(scratch_removep) char *path = scratch_new();
	AUTO(str_done) struct str text = STR_INIT(APPSPEC_MAX_BYTES);
	struct err err = ERR_INIT;
	AUTO_FD int dir = fs_open_dir(path, &err);
	const char *used = NULL;

	assert_int_equal(appspec_file_read(-1, NULL, &text, &used, &err), -1);
	assert_non_null(strstr(err.msg, "opening 'appspec.yml'"));
	assert_int_equal(appspec_file_read_fd(dir, "x", &text, &err), -1);
	assert_non_null(strstr(err.msg, "reading 'x': Is a directory"));
}

static void a_file_is_read_up_to_a_mebibyte(void **state)
{
	(void)state;
	AUTO(scratch_removep) char *path = scratch_new();
	struct err err = ERR_INIT;
	AUTO_FD int dir = fs_open_dir(path, &err);
	AUTO_FREE char *bytes = xcalloc(1, APPSPEC_MAX_BYTES + 1);

	for (int more = 0; more < 2; more++) {
		AUTO(str_done) struct str text = STR_INIT(2 * APPSPEC_MAX_BYTES), small = STR_INIT(100);
		const char *used = NULL;

		assert_int_equal(
			fs_write_file(dir, "appspec.yml", bytes, (size_t)(APPSPEC_MAX_BYTES + more), 0644, &err), 0);
		assert_int_equal(appspec_file_read(dir, NULL, &text, &used, &err), more ? -1 : 1);
		assert_int_equal(appspec_file_read(dir, NULL, &small, &used, &err), -1); /* the caller's own limit */
		assert_non_null(strstr(err.msg, "larger than 1048576 bytes"));
	}
}

/* Each case of the corpus, cut short at every seventh byte: any answer, but no crash (see `make asan`). */
static void cut(const char *text, size_t len)
{
	for (size_t n = 0; n < len; n += 7) {
		AUTO_FREE char *exact = xmalloc(n); /* so that reading past the end is seen */
		struct appspec *a = NULL;
		struct findings f = { 0 };
		struct err err = ERR_INIT;

		memcpy(exact, text, n);
		if (appspec_parse(exact, n, &a, &f, &err) == 0)
			appspec_free(a);
		else
			assert_true(f.errors > 0 && err.msg[0]);
		findings_done(&f);
	}
}

static void bytes_of_any_kind_get_an_answer(void **state)
{
	(void)state;
	DIR *dir = opendir("tests/cases/appspec");
	size_t files = 0;

	assert_non_null(dir);
	for (const struct dirent *e; (e = readdir(dir));) {
		struct str text = STR_INIT(APPSPEC_MAX_BYTES);
		struct err err = ERR_INIT;

		if (!str_ends(e->d_name, ".yml"))
			continue;

		AUTO_FD int fd = openat(dirfd(dir), e->d_name, O_RDONLY | O_CLOEXEC);

		assert_int_equal(appspec_file_read_fd(fd, e->d_name, &text, &err), 0);
		cut(str_text(&text), text.len);
		for (size_t i = 0; i < text.len; i++) { /* and with one bit of each byte turned */
			text.data[i] ^= (char)(1 << (i % 8));

			struct appspec *a = NULL;
			struct findings f = { 0 };

			if (appspec_parse(text.data, text.len, &a, &f, &err) == 0)
				appspec_free(a);
			findings_done(&f);
			text.data[i] ^= (char)(1 << (i % 8));
		}
		str_done(&text);
		files++;
	}
	(void)closedir(dir);
	print_message("  %zu files\n", files);
	assert_true(files >= 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_installed_is_refused_in_the_words_of_the_reference),
		cmocka_unit_test(every_way_to_write_zero_is_a_version),
		cmocka_unit_test(timeouts_are_whole_seconds_however_written),
		cmocka_unit_test(hooks_keep_order_names_and_defaults),
		cmocka_unit_test(files_stay_as_written),
		cmocka_unit_test(our_own_key_adds_to_what_other_agents_read),
		cmocka_unit_test(a_revision_for_a_newer_agent_is_judged_by_nothing_else_of_our_key),
		cmocka_unit_test(too_much_of_our_own_is_refused),
		cmocka_unit_test(nothing_where_a_section_could_be_is_fine),
		cmocka_unit_test(whatever_has_no_effect_is_warned_about_with_its_line),
		cmocka_unit_test(all_errors_are_found_and_the_first_of_the_reference_is_told),
		cmocka_unit_test(findings_end_at_a_thousand),
		cmocka_unit_test(an_error_behind_a_thousand_warnings_counts),
		cmocka_unit_test(a_message_longer_than_anybody_reads_becomes_a_short_one),
		cmocka_unit_test(an_appspec_is_looked_for_under_its_names),
		cmocka_unit_test(what_cannot_be_read_is_no_missing_appspec),
		cmocka_unit_test(a_file_is_read_up_to_a_mebibyte),
		cmocka_unit_test(more_than_a_mebibyte_is_refused),
		cmocka_unit_test(a_long_value_does_not_flood_a_message),
		cmocka_unit_test(bytes_of_any_kind_get_an_answer),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
