#include "config/config.h"

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

static char root[] = "/tmp/test_config.XXXXXX";

static int set_up(void **state)
{
	struct err err = ERR_INIT;
	AUTO_FREE char *folder = NULL;

	(void)state;
	(void)strcpy(root + strlen(root) - 6, "XXXXXX");
	if (!mkdtemp(root))
		return -1;
	folder = xasprintf("%s/etc/slipway/conf.d", root);
	return fs_make_path(folder, 0755, &err);
}

static int tear_down(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	return fs_remove_tree(AT_FDCWD, root, &err);
}

static void put(const char *name, const char *text)
{
	AUTO_FREE char *path = xasprintf("%s/%s", root, name);
	AUTO_FREE char *folder = xstrdup(path);
	struct err err = ERR_INIT;

	*strrchr(folder, '/') = '\0';

	AUTO_FD int dir = fs_open_dir(folder, &err);

	if (dir < 0 || fs_write_file(dir, strrchr(path, '/') + 1, text, strlen(text), 0644, &err) < 0)
		fail_msg("%s", err.msg);
}

static int load(struct config *c, struct err *err)
{
	return config_load(&(struct config_place){ .root = root }, c, err);
}

static void must_load(struct config *c)
{
	struct err err = ERR_INIT;

	if (load(c, &err) < 0)
		fail_msg("%s", err.msg);
}

static void no_file_at_all_is_fine(void **state)
{
	AUTO(config_done) struct config c = { 0 };
	AUTO_FREE char *want = xasprintf("%s/var/lib/slipway/deployment-root", root);
	AUTO_FREE char *socket_path = xasprintf("%s/run/slipway/slipway.sock", root);

	(void)state;
	must_load(&c);
	assert_string_equal(want, c.settings.deployment_root);
	assert_string_equal("", c.settings.install_prefix);
	assert_int_equal(5, c.settings.max_revisions);
	assert_int_equal(1000000, c.settings.max_entries);
	assert_null(c.settings.file_exists_behavior);
	assert_null(c.warnings);
	assert_string_equal(socket_path, c.socket);
	assert_string_equal("group:slipway", c.access_status[0]);
	assert_null(c.access_status[1]);
	assert_string_equal("group:slipway-deploy", c.access_deploy[0]);
	assert_null(c.access_deploy[1]);
	assert_int_equal(ON_FAILURE_RESTORE, c.on_failure);
	assert_int_equal(3600, c.deadline_s);
	assert_int_equal(60, c.stop_timeout_s);
	assert_int_equal(100, c.history);
}

static void without_a_root_the_places_are_those_of_the_system(void **state)
{
	AUTO(config_done) struct config c = { 0 };
	AUTO_FREE char *file = xasprintf("%s/own.yml", root);
	struct err err = ERR_INIT;

	(void)state;
	put("own.yml", "max_revisions: 9\n");
	assert_int_equal(0, config_load(&(struct config_place){ .file = file }, &c, &err));
	assert_string_equal("/var/lib/slipway/deployment-root", c.settings.deployment_root);
	assert_int_equal(9, c.settings.max_revisions);
}

static void later_files_win_key_by_key(void **state)
{
	AUTO(config_done) struct config c = { 0 };

	(void)state;
	put("etc/slipway/slipway.yml",
	    "max_revisions: 2\nlimits:\n  entries: 10\n  ratio: 7\noutputs_left_open: warn\n");
	put("etc/slipway/conf.d/20-b.yml", "limits: {entries: 30}\n");
	put("etc/slipway/conf.d/10-a.yml",
	    "max_revisions: 3\nlimits: {entries: 20, unpacked_size: 4GB}\nstate_dir: /x/\n");
	put("etc/slipway/conf.d/30-c.yml", "max_revisions:\nlimits:\n# nothing is said here\n");
	put("etc/slipway/conf.d/40-d.yaml", "max_revisions: 99\n");
	put("etc/slipway/conf.d/.hidden.yml", "max_revisions: 99\n");
	put("etc/slipway/conf.d/empty.yml", "");
	must_load(&c);
	assert_int_equal(3, c.settings.max_revisions);
	assert_int_equal(30, c.settings.max_entries);
	assert_int_equal(7, c.settings.max_ratio);
	assert_true(c.settings.max_unpacked_bytes == UINT64_C(4000000000));
	assert_int_equal(OUTPUTS_WARN, c.settings.outputs_left_open);
	assert_string_equal("/x/deployment-root", c.settings.deployment_root);
}

static void another_configuration_is_read_alone(void **state)
{
	AUTO(config_done) struct config c = { 0 };
	AUTO_FREE char *file = xasprintf("%s/own.yml", root);
	struct err err = ERR_INIT;

	(void)state;
	put("own.yml", "outputs_left_open: fail\n");
	put("etc/slipway/slipway.yml", "max_revisions: 2\n");
	assert_int_equal(0, config_load(&(struct config_place){ .root = root, .file = file }, &c, &err));
	assert_int_equal(5, c.settings.max_revisions);
	assert_int_equal(OUTPUTS_FAIL, c.settings.outputs_left_open);
}

static void the_host_itself_says_what_no_key_does(void **state)
{
	AUTO(config_done) struct config c = { 0 }, elsewhere = { 0 };
	char host[256] = "";

	(void)state;
	assert_int_equal(0, gethostname(host, sizeof(host) - 1));
	assert_int_equal(0, unsetenv("AWS_REGION"));
	must_load(&c);
	assert_string_equal(host, c.settings.instance);
	assert_null(c.settings.region);
	assert_int_equal(RUNAS_DIRECT, c.settings.runas_method);
	assert_int_equal(0, setenv("AWS_REGION", "us-east-2", 1));
	put("etc/slipway/slipway.yml", "instance: 17\n");
	must_load(&elsewhere);
	assert_string_equal("us-east-2", elsewhere.settings.region);
	assert_string_equal("17", elsewhere.settings.instance);
	assert_int_equal(0, unsetenv("AWS_REGION"));
}

static void every_key_is_taken(void **state)
{
	AUTO(config_done) struct config c = { 0 };

	(void)state;
	put("etc/slipway/slipway.yml",
	    "state_dir: /var/lib/other\ninstall_prefix: /srv/try/\nmax_revisions: 1\nfile_exists_behavior: overwrite\n"
	    "outputs_left_open: fail\nrunas_method: su\ninstance: i-17\nregion: eu-west-1\nrefuse_outside_links: "
	    "yes\nenable_deployments_log: false\n"
	    "limits: {entries: 5, unpacked_size: 20 GiB, ratio: 0}\n"
	    "socket: /run/other.sock\naccess: {status: [group:ops, user:ci], deploy: []}\non_failure: redeploy\n"
	    "deadline: 10m\nstop_timeout: 0\nhistory: 7\n");
	must_load(&c);
	assert_string_equal("/var/lib/other", c.state_dir);
	assert_string_equal("/srv/try", c.settings.install_prefix);
	assert_int_equal(1, c.settings.max_revisions);
	assert_string_equal("OVERWRITE", c.settings.file_exists_behavior);
	assert_int_equal(OUTPUTS_FAIL, c.settings.outputs_left_open);
	assert_int_equal(RUNAS_SU, c.settings.runas_method);
	assert_string_equal("i-17", c.settings.instance);
	assert_string_equal("eu-west-1", c.settings.region);
	assert_true(c.settings.refuse_outside_links);
	assert_false(c.settings.deployments_log);
	assert_int_equal(5, c.settings.max_entries);
	assert_int_equal(0, c.settings.max_ratio);
	assert_true(c.settings.max_unpacked_bytes == UINT64_C(20) << 30);
	assert_string_equal("/run/other.sock", c.socket);
	assert_string_equal("group:ops", c.access_status[0]);
	assert_string_equal("user:ci", c.access_status[1]);
	assert_null(c.access_status[2]);
	assert_null(c.access_deploy[0]);
	assert_int_equal(ON_FAILURE_REDEPLOY, c.on_failure);
	assert_int_equal(600, c.deadline_s);
	assert_int_equal(0, c.stop_timeout_s);
	assert_int_equal(7, c.history);
	assert_null(c.warnings);
}

static void a_later_file_replaces_a_list_as_a_whole(void **state)
{
	AUTO(config_done) struct config c = { 0 };

	(void)state;
	put("etc/slipway/slipway.yml", "access:\n  status: [group:a, group:b]\n  deploy: [user:c]\n");
	put("etc/slipway/conf.d/50.yml", "access: {status: [user:d]}\n");
	put("etc/slipway/conf.d/60.yml", "access: {deploy: }\n");
	must_load(&c);
	assert_string_equal("user:d", c.access_status[0]);
	assert_null(c.access_status[1]);
	assert_string_equal("user:c", c.access_deploy[0]);
}

static const struct {
	const char *why, *text;
	int seconds; /* -1: refused */
} durations[] = {
	{ "seconds", "90", 90 },
	{ "seconds by name", "90s", 90 },
	{ "minutes", "10m", 600 },
	{ "hours", "2h", 7200 },
	{ "none", "0", 0 },
	{ "a year", "8760h", 31536000 },
	{ "more than a year", "8761h", -1 },
	{ "more than there is", "99999999999999999999", -1 },
	{ "below nothing", "-1", -1 },
	{ "a fraction", "1.5h", -1 },
	{ "two units", "1h30m", -1 },
	{ "a clock", "1:30", -1 },
	{ "capitals", "1H", -1 },
	{ "a blank", "1 h", -1 },
	{ "a word", "never", -1 },
};

static void durations_have_units(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(durations); i++) {
		AUTO(config_done) struct config c = { 0 };
		AUTO_FREE char *text = xasprintf("deadline: %s\n", durations[i].text);
		struct err err = ERR_INIT;

		print_message("  %s\n", durations[i].why);
		put("etc/slipway/slipway.yml", text);
		assert_int_equal(durations[i].seconds < 0 ? -1 : 0, load(&c, &err));
		if (durations[i].seconds >= 0)
			assert_int_equal(durations[i].seconds, c.deadline_s);
	}
}

static void a_socket_has_a_path_that_the_kernel_takes(void **state)
{
	(void)state;
	for (int len = 107; len <= 108; len++) {
		AUTO(config_done) struct config c = { 0 };
		AUTO_FREE char *text = xasprintf("socket: /%0*d\n", len - 1, 0);
		struct err err = ERR_INIT;

		put("etc/slipway/slipway.yml", text);
		assert_int_equal(len == 107 ? 0 : -1, load(&c, &err));
		if (len == 107)
			assert_int_equal(107, strlen(c.socket));
	}
}

static void a_reload_shares_nothing_with_what_was_loaded_before(void **state)
{
	struct config old = { 0 }, new = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	put("etc/slipway/slipway.yml", "history: 2\naccess: {deploy: [user:a]}\n");
	must_load(&old);
	put("etc/slipway/slipway.yml", "history: 3\naccess: {deploy: [user:b]}\n");
	must_load(&new);
	config_done(&old);
	assert_int_equal(3, new.history);
	assert_string_equal("user:b", new.access_deploy[0]);
	put("etc/slipway/slipway.yml", "history: none\n");
	assert_int_equal(-1, load(&old, &err)); /* and what failed to load left nothing behind */
	assert_null(old.socket);
	config_done(&new);
}

static const struct {
	const char *why, *text;
	uint64_t bytes; /* 0: refused */
} sizes[] = {
	{ "bytes", "12345", 12345 },
	{ "kibibytes", "3KiB", 3072 },
	{ "kilobytes", "3kB", 3000 },
	{ "capitals do not count", "3gib", UINT64_C(3) << 30 },
	{ "terabytes", "'2 TB'", UINT64_C(2000000000000) },
	{ "nothing", "0", 0 },
	{ "below nothing", "-1", 0 },
	{ "a fraction", "1.5GiB", 0 },
	{ "another unit", "3 parsecs", 0 },
	{ "more than there is", "9223372036854775808", 0 },
	{ "more than there is, by its unit", "9000000000TiB", 0 },
};

static void sizes_have_units(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		AUTO(config_done) struct config c = { 0 };
		AUTO_FREE char *text = xasprintf("limits:\n  unpacked_size: %s\n", sizes[i].text);
		struct err err = ERR_INIT;

		print_message("  %s\n", sizes[i].why);
		put("etc/slipway/slipway.yml", text);
		assert_int_equal(sizes[i].bytes ? 0 : -1, load(&c, &err));
		if (sizes[i].bytes)
			assert_true(c.settings.max_unpacked_bytes == sizes[i].bytes);
	}
}

static const struct {
	const char *why, *text, *message; /* after "ROOT/etc/slipway/slipway.yml:" */
} errors[] = {
	{ "no number", "max_revisions: many\n",
	  "1:16: 'max_revisions' is 'many', not a whole number of at least 1: write e.g. 'max_revisions: 5'" },
	{ "nothing to keep", "# x\nmax_revisions: 0\n",
	  "2:16: 'max_revisions' is '0', not a whole number of at least 1: write e.g. 'max_revisions: 5'" },
	{ "a list", "max_revisions: [5]\n",
	  "1:16: 'max_revisions' is a list, not a whole number of at least 1: write e.g. 'max_revisions: 5'" },
	{ "a relative state folder", "state_dir: var\n",
	  "1:12: 'state_dir' is 'var', not a path from '/': write e.g. 'state_dir: /var/lib/slipway'" },
	{ "a relative prefix", "install_prefix: x\n",
	  "1:17: 'install_prefix' is 'x', not a path from '/' or empty: write e.g. 'install_prefix: /srv/try'" },
	{ "an unknown behaviour", "file_exists_behavior: MERGE\n",
	  "1:23: 'file_exists_behavior' is 'MERGE', not one of DISALLOW, OVERWRITE and RETAIN: write e.g. "
	  "'file_exists_behavior: DISALLOW'" },
	{ "an unknown way to change users", "runas_method: sudo\n",
	  "1:15: 'runas_method' is 'sudo', not one of direct and su: write e.g. 'runas_method: su'" },
	{ "an instance of two lines", "instance: \"a\\nb\"\n",
	  "1:11: 'instance' is 'a\nb', not a line of 1 to 255 bytes: write e.g. 'instance: web-17'" },
	{ "an empty region", "region: \"\"\n",
	  "1:9: 'region' is '', not a line of 1 to 255 bytes: write e.g. 'region: eu-central-1'" },
	{ "an unknown policy", "outputs_left_open: ask\n",
	  "1:20: 'outputs_left_open' is 'ask', not one of wait, warn and fail: write e.g. 'outputs_left_open: warn'" },
	{ "a number for a switch", "refuse_outside_links: 1\n",
	  "1:23: 'refuse_outside_links' is '1', not true or false: write 'refuse_outside_links: true'" },
	{ "a word for a switch", "enable_deployments_log: \"true\"\n",
	  "1:25: 'enable_deployments_log' is 'true', not true or false: write 'enable_deployments_log: true'" },
	{ "no entry allowed", "limits:\n  entries: 0\n",
	  "2:12: 'limits.entries' is '0', not a whole number from 1 to 4294967294: write e.g. 'entries: 1000000'" },
	{ "a size in words", "limits: {unpacked_size: big}\n",
	  "1:25: 'limits.unpacked_size' is 'big', not a size above 0: write bytes, or e.g. '20GiB' or '4GB'" },
	{ "a ratio below any", "limits: {ratio: -1}\n",
	  "1:17: 'limits.ratio' is '-1', not a whole number, 0 for any ratio: write e.g. 'ratio: 1000'" },
	{ "limits that are no map", "limits: 5\n",
	  "1:9: 'limits' is a number, not a map: write 'key: value', one a line" },
	{ "a relative socket", "socket: run/s\n",
	  "1:9: 'socket' is 'run/s', not a path from '/' of at most 107 bytes: write e.g. 'socket: "
	  "/run/slipway/slipway.sock'" },
	{ "an unknown way to go on", "on_failure: retry\n",
	  "1:13: 'on_failure' is 'retry', not one of restore, redeploy and none: write e.g. 'on_failure: restore'" },
	{ "a deadline in words", "deadline: soon\n",
	  "1:11: 'deadline' is 'soon', not a time of at most a year: write seconds, or e.g. '10m' or '1h'; 0 for "
	  "none" },
	{ "a wait in words", "stop_timeout: long\n",
	  "1:15: 'stop_timeout' is 'long', not a time of at most a year: write seconds, or e.g. '60s' or '10m'" },
	{ "no history at all", "history: 0\n",
	  "1:10: 'history' is '0', not a whole number of at least 1: write e.g. 'history: 100'" },
	{ "one name in place of a list", "access: {deploy: user:a}\n",
	  "1:18: 'access.deploy' is 'user:a', not a list of 'group:NAME' and 'user:NAME': write e.g. 'deploy: "
	  "[group:slipway-deploy]', or [] for root alone" },
	{ "a name without its kind", "access:\n  status: [group:a, slipway]\n",
	  "2:21: 'access.status' has 'slipway', neither 'group:NAME' nor 'user:NAME': write e.g. 'status: "
	  "[group:slipway]', or [] for root alone" },
	{ "a kind without its name", "access: {status: ['user:']}\n",
	  "1:19: 'access.status' has 'user:', neither 'group:NAME' nor 'user:NAME': write e.g. 'status: "
	  "[group:slipway]', or [] for root alone" },
	{ "a list in the list", "access: {status: [[a]]}\n",
	  "1:19: 'access.status' has a list, neither 'group:NAME' nor 'user:NAME': write e.g. 'status: "
	  "[group:slipway]', or [] for root alone" },
	{ "access that is no map", "access: [root]\n",
	  "1:9: 'access' is a list, not a map: write 'key: value', one a line" },
	{ "a list for everything", "- a\n",
	  "1:1: the configuration is a list, not a map: write 'key: value', one a line" },
	{ "escape sequences", "outputs_left_open: \"\\e[2Jx\"\n",
	  "1:20: 'outputs_left_open' is 'x', not one of wait, warn and fail: write e.g. 'outputs_left_open: warn'" },
};

static void a_wrong_value_is_an_error_with_place_and_cure(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		AUTO(config_done) struct config c = { 0 };
		AUTO_FREE char *want = xasprintf("%s/etc/slipway/slipway.yml:%s", root, errors[i].message);
		struct err err = ERR_INIT;

		print_message("  %s\n", errors[i].why);
		put("etc/slipway/slipway.yml", errors[i].text);
		assert_int_equal(-1, load(&c, &err));
		assert_int_equal(ERR_CONFIG, err.kind);
		assert_string_equal(want, err.msg);
	}
}

static void what_is_no_yaml_is_an_error_with_its_place(void **state)
{
	AUTO(config_done) struct config c = { 0 };
	AUTO_FREE char *place = xasprintf("%s/etc/slipway/conf.d/x.yml:2:", root);
	struct err err = ERR_INIT;

	(void)state;
	put("etc/slipway/conf.d/x.yml", "a: 1\nb: [1\n");
	assert_int_equal(-1, load(&c, &err));
	assert_int_equal(ERR_CONFIG, err.kind);
	print_message("  %s\n", err.msg);
	place[strlen(place) - 2] = '\0'; /* libyaml names this line or the next one */
	assert_true(str_starts(err.msg, place));
}

static void unknown_keys_are_warned_about_with_the_nearest_one(void **state)
{
	AUTO(config_done) struct config c = { 0 };
	AUTO_FREE char *first = xasprintf("%s/etc/slipway/slipway.yml:1:1: unknown key 'max_revision': did you mean "
					  "'max_revisions'?",
					  root);
	AUTO_FREE char *second = xasprintf("%s/etc/slipway/slipway.yml:3:3: unknown key 'limits.entires': did you mean "
					   "'entries'?",
					   root);
	AUTO_FREE char *third = xasprintf("%s/etc/slipway/slipway.yml:4:1: unknown key 'colour' is ignored", root);

	(void)state;
	put("etc/slipway/slipway.yml", "max_revision: 3\nlimits:\n  entires: 3\ncolour: blue\n");
	must_load(&c);
	assert_int_equal(3, c.warning_count);
	assert_string_equal(first, c.warnings[0]);
	assert_string_equal(second, c.warnings[1]);
	assert_string_equal(third, c.warnings[2]);
	assert_int_equal(5, c.settings.max_revisions);
}

static void a_named_configuration_must_be_there(void **state)
{
	AUTO(config_done) struct config c = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(-1, config_load(&(struct config_place){ .file = "/nowhere/x.yml" }, &c, &err));
	assert_int_equal(ERR_CONFIG, err.kind);
	assert_string_equal("the configuration '/nowhere/x.yml' is not there: give another --config, or none", err.msg);
}

#define LONG_NAME "0123456789012345678901234567890123456789012345678901234567890123456789"

static void the_references_file_is_read_leniently(void **state)
{
	AUTO(config_done) struct config c = { 0 };
	AUTO_FREE char *file = xasprintf("%s/agent.yml", root);
	struct err err = ERR_INIT;

	(void)state;
	must_load(&c);
	put("agent.yml",
	    "---\n:log_dir: /x\n:root_dir: /opt/first\nmax_revisions: 3\n:max_revisions: 8\n"
	    "root_dir: /opt/root/\n:enable_deployments_log: false\n:program_name: agent-2\n:whatever: [1, 2]\n");
	if (config_take_codedeployagent(&c, file, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal("/opt/root", c.settings.deployment_root);
	assert_int_equal(8, c.settings.max_revisions);
	assert_string_equal("agent-2", c.settings.program_name);
	assert_false(c.settings.deployments_log);
}

/* The file that the agent's package brings. */
static void the_references_shipped_file_is_taken(void **state)
{
	AUTO(config_done) struct config c = { 0 };
	AUTO_FREE char *file = xasprintf("%s/agent.yml", root);
	struct err err = ERR_INIT;

	(void)state;
	must_load(&c);
	put("agent.yml", "---\n:log_aws_wire: false\n:log_dir: '/var/log/aws/codedeploy-agent/'\n"
			 ":pid_dir: '/opt/codedeploy-agent/state/.pid/'\n:program_name: codedeploy-agent\n"
			 ":root_dir: '/opt/codedeploy-agent/deployment-root'\n:verbose: false\n"
			 ":wait_between_runs: 1\n:proxy_uri:\n:max_revisions: 5\n");
	if (config_take_codedeployagent(&c, file, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal("/opt/codedeploy-agent/deployment-root", c.settings.deployment_root);
	assert_string_equal("codedeploy-agent", c.settings.program_name);
	assert_int_equal(5, c.settings.max_revisions);
	assert_true(c.settings.deployments_log);
	assert_int_equal(0, c.warning_count);
}

static void without_a_word_of_the_references_file_all_is_as_before(void **state)
{
	AUTO(config_done) struct config c = { 0 };
	AUTO_FREE char *file = xasprintf("%s/agent.yml", root);
	AUTO_FREE char *before = NULL;
	struct err err = ERR_INIT;

	(void)state;
	must_load(&c);
	before = xstrdup(c.settings.deployment_root);
	put("agent.yml", "root_dir:\nmax_revisions:\nprogram_name:\nenable_deployments_log:\n");
	assert_int_equal(0, config_take_codedeployagent(&c, file, &err));
	assert_string_equal(before, c.settings.deployment_root);
	assert_null(c.settings.program_name);
	assert_int_equal(5, c.settings.max_revisions);
	assert_true(c.settings.deployments_log);
}

static const struct {
	const char *why, *text, *message; /* text NULL: no file */
} agent_errors[] = {
	{ "not there", NULL, "configuration file %s does not exist or is not readable" },
	{ "empty", "",
	  "An error occurred loading the CodeDeploy agent config file at %s. Error message: it is empty, not a map" },
	{ "keep nothing", ":max_revisions: 0\n",
	  "An error occurred loading the CodeDeploy agent config file at %s. Error message: Invalid configuration "
	  ":max_revision=0" },
	{ "relative", ":root_dir: x\n",
	  "An error occurred loading the CodeDeploy agent config file at %s. Error message: root_dir is not a path "
	  "from "
	  "'/'" },
	{ "no YAML", ":root_dir: [x\n",
	  "An error occurred loading the CodeDeploy agent config file at %s. Error message: " },
	{ "a name that leads out", ":program_name: ../x\n",
	  "An error occurred loading the CodeDeploy agent config file at %s. Error message: program_name cannot be a "
	  "part of a file's name" },
	{ "a name that is too long", ":program_name: '" LONG_NAME LONG_NAME LONG_NAME "'\n",
	  "An error occurred loading the CodeDeploy agent config file at %s. Error message: program_name cannot be a "
	  "part of a file's name" },
	{ "a name that is a list", ":program_name: [a]\n",
	  "An error occurred loading the CodeDeploy agent config file at %s. Error message: program_name cannot be a "
	  "part of a file's name" },
};

static void errors_in_the_references_file_use_its_words(void **state)
{
	AUTO_FREE char *file = xasprintf("%s/agent.yml", root);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(agent_errors); i++) {
		AUTO(config_done) struct config c = { 0 };
		const char *hole = strstr(agent_errors[i].message, "%s");
		AUTO_FREE char *want = xasprintf("%.*s%s%s", (int)(hole - agent_errors[i].message),
						 agent_errors[i].message, file, hole + 2);
		struct err err = ERR_INIT;

		print_message("  %s\n", agent_errors[i].why);
		must_load(&c);
		if (agent_errors[i].text)
			put("agent.yml", agent_errors[i].text);
		assert_int_equal(-1, config_take_codedeployagent(&c, file, &err));
		assert_int_equal(ERR_CONFIG, err.kind);
		if (agent_errors[i].message[strlen(agent_errors[i].message) - 1] == ' ') /* YAML's own words follow */
			assert_true(str_starts(err.msg, want));
		else
			assert_string_equal(want, err.msg);
	}
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(no_file_at_all_is_fine),
		EACH(without_a_root_the_places_are_those_of_the_system),
		EACH(later_files_win_key_by_key),
		EACH(another_configuration_is_read_alone),
		EACH(the_host_itself_says_what_no_key_does),
		EACH(every_key_is_taken),
		EACH(sizes_have_units),
		EACH(durations_have_units),
		EACH(a_socket_has_a_path_that_the_kernel_takes),
		EACH(a_later_file_replaces_a_list_as_a_whole),
		EACH(a_reload_shares_nothing_with_what_was_loaded_before),
		EACH(a_wrong_value_is_an_error_with_place_and_cure),
		EACH(what_is_no_yaml_is_an_error_with_its_place),
		EACH(unknown_keys_are_warned_about_with_the_nearest_one),
		EACH(a_named_configuration_must_be_there),
		EACH(the_references_file_is_read_leniently),
		EACH(the_references_shipped_file_is_taken),
		EACH(without_a_word_of_the_references_file_all_is_as_before),
		EACH(errors_in_the_references_file_use_its_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
