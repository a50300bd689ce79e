#include "cli/local_options.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#define MAX_WORDS 12

static int count_words(const char *const *words)
{
	int n = 0;

	while (words[n])
		n++;
	return n;
}

static int read_words(const char *const *words, bool compatible, struct local_options *o, struct err *err)
{
	return local_options_read(count_words(words), (char *const *)words, compatible, o, err);
}

static const struct {
	const char *why;
	const char *words[MAX_WORDS];
} same[] = {
	{ "long options with their values beside them",
	  { "local", "--bundle-location", "L", "--type", "T", "--file-exists-behavior", "B", "--events", "E" } },
	{ "long options with a sign of equality",
	  { "local", "--bundle-location=L", "--type=T", "--file-exists-behavior=B", "--events=E" } },
	{ "short options", { "local", "-l", "L", "-t", "T", "-b", "B", "-e", "E" } },
	{ "short options with their values attached", { "local", "-lL", "-tT", "-bB", "-eE" } },
	{ "the last one of two counts", { "local", "-l", "x", "-tT", "-bB", "-eE", "--bundle-location=L" } },
};

static void options_may_be_written_in_every_usual_way(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		struct local_options o;
		struct err err = ERR_INIT;

		print_message("  %s\n", same[i].why);
		assert_int_equal(0, read_words(same[i].words, true, &o, &err));
		assert_string_equal("L", o.location);
		assert_string_equal("T", o.type);
		assert_string_equal("B", o.file_exists_behavior);
		assert_string_equal("E", o.events);
		assert_null(o.group);
		assert_false(o.json || o.help || o.version);
	}
}

/* Each of the reference's options: short, with its value beside or behind it, and long, with a blank or a '='. */
static void every_option_of_the_reference_has_four_spellings(void **state)
{
	static const struct {
		const char letter, *name;
		size_t offset;
	} options[] = {
		{ 'l', "bundle-location", offsetof(struct local_options, location) },
		{ 't', "type", offsetof(struct local_options, type) },
		{ 'b', "file-exists-behavior", offsetof(struct local_options, file_exists_behavior) },
		{ 'g', "deployment-group", offsetof(struct local_options, group) },
		{ 'd', "deployment-group-name", offsetof(struct local_options, group_name) },
		{ 'a', "application-name", offsetof(struct local_options, application) },
		{ 'e', "events", offsetof(struct local_options, events) },
		{ 'c', "agent-configuration-file", offsetof(struct local_options, agent_configuration_file) },
		{ 'A', "appspec-filename", offsetof(struct local_options, appspec_filename) },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		AUTO_FREE char *letter = xasprintf("-%c", options[i].letter);
		AUTO_FREE char *joined = xasprintf("-%cvalue", options[i].letter);
		AUTO_FREE char *name = xasprintf("--%s", options[i].name);
		AUTO_FREE char *equals = xasprintf("--%s=value", options[i].name);
		const char *const spellings[][4] = {
			{ "codedeploy-local", letter, "value" },
			{ "codedeploy-local", joined },
			{ "codedeploy-local", name, "value" },
			{ "codedeploy-local", equals },
		};

		print_message("  %s\n", name);
		for (size_t k = 0; k < ARRAY_LEN(spellings); k++) {
			struct local_options o;
			struct err err = ERR_INIT;

			assert_int_equal(0, read_words(spellings[k], true, &o, &err));
			assert_string_equal("value", *(const char **)((char *)&o + options[i].offset));
		}
	}
}

static void the_other_options_find_their_places(void **state)
{
	static const char *const words[] = { "local", "-g", "G",  "-d", "D",	  "-a",	    "A",
					     "-c",    "C",  "-A", "F",	"--json", "SOURCE", NULL };
	struct local_options o;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(0, read_words(words, false, &o, &err));
	assert_string_equal("G", o.group);
	assert_string_equal("D", o.group_name);
	assert_string_equal("A", o.application);
	assert_string_equal("C", o.agent_configuration_file);
	assert_string_equal("F", o.appspec_filename);
	assert_string_equal("SOURCE", o.location);
	assert_true(o.json);
}

static const struct {
	const char *why;
	bool compatible;
	const char *words[MAX_WORDS];
	const char *message;
} wrong[] = {
	{ "an unknown option",
	  false,
	  { "local", "--nosuch" },
	  "option '--nosuch' is not known, is ambiguous or takes no value" },
	{ "an unknown letter", false, { "local", "-x" }, "option '-x' is not known, is ambiguous or takes no value" },
	{ "a value where none goes",
	  false,
	  { "local", "--json=1" },
	  "option '--json=1' is not known, is ambiguous or takes no value" },
	{ "ambiguous",
	  false,
	  { "local", "--deploy", "x" },
	  "option '--deploy' is not known, is ambiguous or takes no value" },
	{ "a value is missing", false, { "local", "--type" }, "option '--type' needs a value" },
	{ "a value is missing after a letter", false, { "local", "-t" }, "option '-t' needs a value" },
	{ "a global option at the wrong place",
	  false,
	  { "local", "--root", "x" },
	  "option '--root' goes before the command: slipway --root ... local" },
	{ "escape sequences",
	  false,
	  { "local", "--\033[2J" },
	  "option '--\\x1b[2J' is not known, is ambiguous or takes no value" },
	{ "two sources", false, { "local", "a", "b" }, "'b' is one argument too many" },
	{ "a source twice over",
	  false,
	  { "local", "-l", "x", "y" },
	  "'y' and --bundle-location both say what to deploy: give one of them" },
	{ "the reference knows no arguments", true, { "codedeploy-local", "dir" }, "'dir' is one argument too many" },
};

static void wrong_usage_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct local_options o;
		struct err err = ERR_INIT;

		print_message("  %s\n", wrong[i].why);
		assert_int_equal(-1, read_words(wrong[i].words, wrong[i].compatible, &o, &err));
		assert_int_equal(ERR_USAGE, err.kind);
		assert_string_equal(wrong[i].message, err.msg);
	}
}

/* A folder with a bundle, as a folder and as files; the working directory of these tests. */
static char folder[] = "/tmp/test_options.XXXXXX";

static void put(int dir, const char *name, const char *text)
{
	struct err err = ERR_INIT;

	if (fs_write_file(dir, name, text, strlen(text), 0644, &err) < 0)
		fail_msg("%s", err.msg);
}

static int set_up(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	if (!mkdtemp(folder) || chdir(folder) < 0 || fs_make_path("app", 0755, &err) < 0 ||
	    fs_make_path("yaml", 0755, &err) < 0 || fs_make_path("empty", 0755, &err) < 0 ||
	    fs_make_path("my app", 0755, &err) < 0)
		return -1;

	AUTO_FD int here = fs_open_dir(".", &err);

	put(here, "appspec.yml", "version: 0.0\n");
	put(here, "app.tgz", "not read here");
	put(here, "app.zip", "");
	put(here, "app.tar.zst", "");

	AUTO_FD int app = fs_open_dir("app", &err);
	AUTO_FD int yaml = fs_open_dir("yaml", &err);
	AUTO_FD int blank = fs_open_dir("my app", &err);

	put(app, "appspec.yml", "version: 0.0\n");
	put(yaml, "appspec.yaml", "version: 0.0\n");
	put(blank, "other.yml", "version: 0.0\n");
	return 0;
}

static int tear_down(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	return chdir("/") < 0 ? -1 : fs_remove_tree(AT_FDCWD, folder, &err);
}

#define SECOND_HALF "it is not found there. Please either run the CLI from within a directory containing the "

static const struct {
	const char *why;
	bool compatible;
	struct local_options options;
	const char *message; /* NULL: it is fine */
} checks[] = {
	{ "the working directory", true, { 0 }, NULL },
	{ "a folder", true, { .location = "app" }, NULL },
	{ "the longer name of the appspec", true, { .location = "yaml" }, NULL },
	{ "an appspec by another name", false, { .location = "my app", .appspec_filename = "other.yml" }, NULL },
	{ "an archive", true, { .location = "app.tgz", .type = "tgz" }, NULL },
	{ "an archive without a type", false, { .location = "app.tgz" }, NULL },
	{ "any case of a behaviour", false, { .location = "app", .file_exists_behavior = "retain" }, NULL },
	{ "the reference takes any behaviour", true, { .location = "app", .file_exists_behavior = "x" }, NULL },
	{ "a type that is none comes first",
	  true,
	  { .location = "http://x", .type = "rar" },
	  "type rar is not a valid type. Must be one of tgz,tar,zip,directory" },
	{ "ours has one more type",
	  false,
	  { .location = "app", .type = "rar" },
	  "type rar is not a valid type. Must be one of tgz,tar,zip,directory,tar.zst" },
	{ "the reference does not know it",
	  true,
	  { .location = "app.tar.zst", .type = "tar.zst" },
	  "type tar.zst is not a valid type. Must be one of tgz,tar,zip,directory" },
	{ "no URI", true, { .location = "https://x y/" }, "location https://x y/ is not a valid uri" },
	{ "a broken escape", true, { .location = "file:///a%2" }, "location file:///a%2 is not a valid uri" },
	{ "a file on another host", true, { .location = "file://web/a" }, "location file://web/a is not a valid uri" },
	{ "http",
	  true,
	  { .location = "http://x/y.tgz" },
	  "location http://x/y.tgz cannot be http, only encrypted (https) url endpoints supported" },
	{ "https",
	  false,
	  { .location = "https://x/y.tgz" },
	  "location https://x/y.tgz cannot be fetched: this version deploys local folders and archives. Download it "
	  "first "
	  "and give its path" },
	{ "s3",
	  false,
	  { .location = "s3://b/k" },
	  "location s3://b/k cannot be fetched: this version deploys local folders and archives. Download it first and "
	  "give its path" },
	{ "github",
	  false,
	  { .location = "github:o/r@c" },
	  "location github:o/r@c cannot be fetched: this version deploys local folders and archives. Download it first "
	  "and give its path" },
	{ "another scheme",
	  true,
	  { .location = "gopher://x" },
	  "unknown location gopher://x cannot be determined to be S3, Github, or a local file / directory" },
	{ "not there",
	  true,
	  { .location = "gone" },
	  "location gone is specified as a file or directory which does not exist" },
	{ "below a file",
	  true,
	  { .location = "app.tgz/x" },
	  "location app.tgz/x is specified as a file or directory which does not exist" },
	{ "a folder that is a file",
	  true,
	  { .location = "app.tgz" },
	  "location app.tgz is specified with type directory but it is a file" },
	{ "an archive that is a folder",
	  true,
	  { .location = "app", .type = "zip" },
	  "location app is specified as a compressed local file but it is a directory" },
	{ "a device", false, { .location = "/dev/null" }, "location /dev/null is neither a file nor a directory" },
	{ "no appspec",
	  true,
	  { .location = "empty" },
	  "Expecting appspec file at location empty/appspec.yml or empty/appspec.yaml but " SECOND_HALF
	  "appspec.yml or appspec.yaml file or specify a bundle location containing an appspec.yml or appspec.yaml "
	  "file in "
	  "its root directory" },
	{ "no appspec by that name",
	  true,
	  { .location = "app", .appspec_filename = "x.yml" },
	  "Expecting appspec file at location app/x.yml but " SECOND_HALF
	  "x.yml file or specify a bundle location containing an x.yml file in its root directory" },
	{ "an appspec outside",
	  true,
	  { .location = "app", .appspec_filename = "../appspec.yml" },
	  "appspec-filename '../appspec.yml' is not a name inside the bundle" },
	{ "events before DownloadBundle",
	  true,
	  { .location = "app", .events = "AfterInstall,DownloadBundle" },
	  "The only events that can be specified before DownloadBundle are "
	  "BeforeBlockTraffic,AfterBlockTraffic,ApplicationStop. Please fix the order of your specified events: "
	  "AfterInstall,DownloadBundle" },
	{ "events before Install",
	  true,
	  { .location = "app", .events = "ValidateService,Install" },
	  "The only events that can be specified before Install are "
	  "BeforeBlockTraffic,AfterBlockTraffic,ApplicationStop,DownloadBundle,BeforeInstall. Please fix the order of "
	  "your "
	  "specified events: ValidateService,Install" },
	{ "escape sequences in an event",
	  false,
	  { .location = "app", .events = "A\033[2J" },
	  "events 'A\\x1b[2J' hold characters that no event name has" },
	{ "a group that leads out",
	  true,
	  { .location = "app", .group = "../x" },
	  "deployment group '../x' cannot be the name of a folder of its own: use letters, digits, '-' and '_'" },
	{ "a group that is a place of the agent's",
	  true,
	  { .location = "app", .group = "deployment-instructions" },
	  "deployment group 'deployment-instructions' cannot be the name of a folder of its own: use letters, digits, "
	  "'-' "
	  "and '_'" },
	{ "S3 without a key",
	  true,
	  { .location = "s3://bucket/" },
	  "s3 location s3://bucket/ not in the expected format of 's3://bucket/key'" },
	{ "S3 without a bucket",
	  true,
	  { .location = "s3:///key" },
	  "s3 location s3:///key not in the expected format of 's3://bucket/key'" },
	{ "S3 with nothing",
	  true,
	  { .location = "s3:" },
	  "s3 location s3: not in the expected format of 's3://bucket/key'" },
	{ "S3 with a version of nothing",
	  true,
	  { .location = "s3://bucket?versionId=1" },
	  "s3 location s3://bucket?versionId=1 not in the expected format of 's3://bucket/key'" },
	{ "S3 as it should be",
	  true,
	  { .location = "s3://bucket/a/key?versionId=1&etag=2" },
	  "location s3://bucket/a/key?versionId=1&etag=2 cannot be fetched: this version deploys local folders and "
	  "archives. Download it first and give its path" },
	{ "any case of a scheme",
	  true,
	  { .location = "S3://bucket/key" },
	  "location S3://bucket/key cannot be fetched: this version deploys local folders and archives. Download it "
	  "first and give its path" },
	{ "GitHub without a repository",
	  true,
	  { .location = "https://github.com/owner" },
	  "github location https://github.com/owner not in the expected format of 'https://github.com/owner/repo'" },
	{ "a page of GitHub",
	  true,
	  { .location = "https://github.com/owner/repo/tree/main" },
	  "github location https://github.com/owner/repo/tree/main not in the expected format of "
	  "'https://github.com/owner/repo'" },
	{ "a repository of GitHub",
	  true,
	  { .location = "https://github.com/owner/repo" },
	  "location https://github.com/owner/repo cannot be fetched: this version deploys local folders and archives. "
	  "Download it first and give its path" },
	{ "an archive without a commit",
	  true,
	  { .location = "https://api.github.com/repos/owner/repo/zipball" },
	  "github location https://api.github.com/repos/owner/repo/zipball not in the expected format of "
	  "'https://api.github.com/repos/owner/repo/(tarball|zipball)/commit'" },
	{ "an archive of an unknown kind",
	  true,
	  { .location = "https://api.github.com/repos/owner/repo/rarball/1" },
	  "github location https://api.github.com/repos/owner/repo/rarball/1 not in the expected format of "
	  "'https://api.github.com/repos/owner/repo/(tarball|zipball)/commit'" },
	{ "an archive of GitHub",
	  true,
	  { .location = "https://api.github.com/repos/owner/repo/tarball/1a2b" },
	  "location https://api.github.com/repos/owner/repo/tarball/1a2b cannot be fetched: this version deploys local "
	  "folders and archives. Download it first and give its path" },
	{ "https to anywhere else",
	  true,
	  { .location = "https://example.com/shop.tgz" },
	  "unknown location https://example.com/shop.tgz cannot be determined to be S3, Github, or a local file / "
	  "directory" },
	{ "mail",
	  true,
	  { .location = "mailto:a@example.com" },
	  "unknown location mailto:a@example.com cannot be determined to be S3, Github, or a local file / directory" },
	{ "events come before what is to be fetched",
	  true,
	  { .location = "s3://bucket", .events = "Install,DownloadBundle" },
	  "The only events that can be specified before DownloadBundle are "
	  "BeforeBlockTraffic,AfterBlockTraffic,ApplicationStop. Please fix the order of your specified events: "
	  "Install,DownloadBundle" },
	{ "http comes before events",
	  true,
	  { .location = "http://x", .events = "Install,DownloadBundle" },
	  "location http://x cannot be http, only encrypted (https) url endpoints supported" },
	{ "a location before events",
	  true,
	  { .location = "gone", .events = "Install,DownloadBundle" },
	  "location gone is specified as a file or directory which does not exist" },
	{ "no name of a group",
	  true,
	  { .location = "app", .group = "", .group_name = "", .application = "" },
	  "Deployment Spec has no DeploymentGroupId" },
	{ "no name for a group",
	  true,
	  { .location = "app", .group_name = "", .application = "" },
	  "Deployment Spec has no DeploymentGroupName" },
	{ "no name of an application",
	  true,
	  { .location = "app", .application = "" },
	  "Deployment Spec has no ApplicationName" },
	{ "an empty group",
	  false,
	  { .location = "app", .group = "" },
	  "deployment group '' cannot be the name of a folder of its own: use letters, digits, '-' and '_'" },
	{ "a plan", false, { .location = "app", .plan_id = "p-0123456789ab-0123456789ab" }, NULL },
	{ "half a plan",
	  false,
	  { .location = "app", .plan_id = "p-0123456789ab" },
	  "plan 'p-0123456789ab' is not an id as 'slipway plan' prints it: e.g. p-0c4f5e9a1b23-7d60a9e8c1f2" },
	{ "the reference knows no plan",
	  true,
	  { .location = "app", .plan_id = "p-0123456789ab-0123456789ab" },
	  "codedeploy-local knows no plan: use slipway local --plan p-0123456789ab-0123456789ab" },
	{ "a behaviour that is none",
	  false,
	  { .location = "app", .file_exists_behavior = "merge" },
	  "file-exists-behavior merge is not valid. Must be one of DISALLOW,OVERWRITE,RETAIN" },
};

static void options_are_checked_with_the_references_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
		AUTO(deployment_done) struct deployment d = { 0 };
		struct err err = ERR_INIT;
		int r = local_options_check(&checks[i].options, checks[i].compatible, &d, &err);

		print_message("  %s\n", checks[i].why);
		if (!checks[i].message && r < 0)
			fail_msg("%s", err.msg);
		assert_int_equal(checks[i].message ? -1 : 0, r);
		if (!checks[i].message)
			continue;
		assert_int_equal(ERR_USAGE, err.kind);
		assert_string_equal(checks[i].message, err.msg);
	}
}

static void a_request_is_complete_with_the_references_defaults(void **state)
{
	AUTO(deployment_done) struct deployment d = { 0 };
	AUTO_FREE char *here = realpath(".", NULL);
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(0, local_options_check(&(struct local_options){ 0 }, true, &d, &err));
	assert_true(str_starts(d.id, "d-") && str_ends(d.id, "-local"));
	assert_string_equal(here, d.revision.location);
	assert_string_equal(here, d.application);
	assert_string_equal("directory", d.revision.bundle_type);
	assert_int_equal(REVISION_LOCAL_DIRECTORY, d.revision.type);
	assert_string_equal("default-local-deployment-group", d.group);
	assert_string_equal("LocalFleet", d.group_name);
	assert_string_equal("user", d.creator);
	assert_string_equal("IN_PLACE", d.type);
	assert_null(d.events);
	assert_null(d.file_exists_behavior);
	assert_null(d.appspec_filename);
	assert_true(d.compatible);
}

static const struct {
	const char *location, *path, *type;
} archives[] = {
	{ "app.tgz", "app.tgz", "tgz" },
	{ "app.zip", "app.zip", "zip" },
	{ "app.tar.zst", "app.tar.zst", "tar.zst" },
	{ "my app/../app.tgz", "app.tgz", "tgz" },
	{ "file:%FOLDER/app.tgz", "app.tgz", "tgz" },
	{ "file://%FOLDER/app.zip", "app.zip", "zip" },
	{ "FILE://localhost%FOLDER/my%20app/%2e%2E/app.zip", "app.zip", "zip" },
};

static void archives_are_found_by_path_and_by_url(void **state)
{
	AUTO_FREE char *here = realpath(".", NULL);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(archives); i++) {
		AUTO(deployment_done) struct deployment d = { 0 };
		const char *hole = strstr(archives[i].location, "%FOLDER");
		AUTO_FREE char *location = hole ? xasprintf("%.*s%s%s", (int)(hole - archives[i].location),
							    archives[i].location, here, hole + strlen("%FOLDER"))
						: xstrdup(archives[i].location);
		AUTO_FREE char *want = xasprintf("%s/%s", here, archives[i].path);
		struct err err = ERR_INIT;

		print_message("  %s\n", location);
		if (local_options_check(&(struct local_options){ .location = location }, false, &d, &err) < 0)
			fail_msg("%s", err.msg);
		assert_string_equal(want, d.revision.location);
		assert_string_equal(archives[i].type, d.revision.bundle_type);
		assert_int_equal(REVISION_LOCAL_FILE, d.revision.type);
	}
}

static void events_get_what_every_deployment_needs(void **state)
{
	AUTO(deployment_done) struct deployment d = { 0 };
	static const char *const want[] = { "DownloadBundle", "Install", "ApplicationStop", "ApplicationStart" };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(0, local_options_check(&(struct local_options){ .location = "app",
									 .events = "ApplicationStop,ApplicationStart" },
						true, &d, &err));
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		assert_string_equal(want[i], d.events[i]);
	assert_null(d.events[ARRAY_LEN(want)]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_may_be_written_in_every_usual_way),
		cmocka_unit_test(every_option_of_the_reference_has_four_spellings),
		cmocka_unit_test(the_other_options_find_their_places),
		cmocka_unit_test(wrong_usage_is_named),
		cmocka_unit_test(options_are_checked_with_the_references_words),
		cmocka_unit_test(a_request_is_complete_with_the_references_defaults),
		cmocka_unit_test(archives_are_found_by_path_and_by_url),
		cmocka_unit_test(events_get_what_every_deployment_needs),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
