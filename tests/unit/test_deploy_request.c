#include "control/deploy_request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format/json.h"
#include "util/auto.h"
#include "util/str.h"

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define START  "{\"schema\":1,\"revision\":{\"type\":\"Local File\",\"location\":\"/b.tgz\",\"bundle_type\":\"tgz\"}"

static int parse(const char *text, struct deploy_request *out, struct err *err)
{
	json_error_t where;
	json_t *json = json_loads(text, 0, &where);

	if (!json)
		fail_msg("the test's own JSON: %s: %s", where.text, text);

	int r = deploy_request_from_json(json, out, err);

	json_decref(json);
	return r;
}

static void a_revision_is_all_it_takes(void **state)
{
	AUTO(deploy_request_done) struct deploy_request r = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	if (parse(START "}", &r, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(REVISION_LOCAL_FILE, r.revision.type);
	assert_string_equal("/b.tgz", r.revision.location);
	assert_null(r.group);
	assert_null(r.events);
	assert_null(r.environment);
	assert_true(r.host_on_failure);
	assert_true(r.host_deadline);
	assert_false(r.force);
}

static void everything_arrives_as_it_was_sent(void **state)
{
	char *events[] = { "DownloadBundle", "Install", "ValidateService", NULL };
	char *environment[] = { "A=1", "_b2=x=y", "EMPTY=", NULL };
	struct deploy_request sent = {
		.revision = { REVISION_LOCAL_DIRECTORY, "/srv/b\xfc", "directory" },
		.application = "shop",
		.group = "web \xff",
		.group_name = "Web",
		.appspec_filename = "other.yml",
		.file_exists_behavior = "RETAIN",
		.events = events,
		.digest = DIGEST,
		.plan_id = "p-0123456789ab-0123456789ab",
		.token = "t-1",
		.requested_by_text = "job 1234",
		.environment = environment,
		.on_failure = ON_FAILURE_NONE,
		.deadline_s = 90,
		.force = true,
	};
	AUTO(deploy_request_done) struct deploy_request r = { 0 };
	json_t *json = deploy_request_to_json(&sent);
	struct err err = ERR_INIT;

	(void)state;
	if (deploy_request_from_json(json, &r, &err) < 0)
		fail_msg("%s", err.msg);

	json_t *again = deploy_request_to_json(&r);

	assert_true(json_equal(json, again));
	assert_string_equal("web \xff", r.group);
	assert_string_equal("_b2=x=y", r.environment[1]);
	assert_string_equal("p-0123456789ab-0123456789ab", r.plan_id);
	assert_int_equal(ON_FAILURE_NONE, r.on_failure);
	assert_int_equal(90, r.deadline_s);
	assert_true(r.force);
	assert_false(r.host_on_failure);
	assert_false(r.host_deadline);
	json_decref(json);
	json_decref(again);
}

static void what_is_not_said_stays_unsaid(void **state)
{
	struct deploy_request sent = {
		.revision = { REVISION_LOCAL_FILE, "/b", "tgz" },
		.host_on_failure = true,
		.host_deadline = true,
	};
	AUTO(deploy_request_done) struct deploy_request r = { 0 };
	json_t *json = deploy_request_to_json(&sent);
	struct err err = ERR_INIT;

	(void)state;
	assert_null(json_object_get(json, "on_failure"));
	assert_null(json_object_get(json, "deadline_s"));
	assert_int_equal(0, deploy_request_from_json(json, &r, &err));
	assert_true(r.host_on_failure);
	assert_true(r.host_deadline);
	json_decref(json);
}

static void events_and_digest_are_settled(void **state)
{
	AUTO(deploy_request_done) struct deploy_request r = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	if (parse(START ",\"events\":[\"ValidateService\"],"
			"\"digest\":\"sha256:0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF\"}",
		  &r, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(DIGEST, r.digest);
	assert_string_equal("DownloadBundle", r.events[0]);
	assert_string_equal("Install", r.events[1]);
	assert_string_equal("ValidateService", r.events[2]);
	assert_null(r.events[3]);
}

static const struct {
	const char *why, *text, *message; /* part of it */
} refused[] = {
	{ "no object", "[]", "deploy request: not a JSON object" },
	{ "nothing", "{}", "'schema'" },
	{ "a newer schema", "{\"schema\":2}", "'schema' is not a whole number from 1 to 1" },
	{ "no revision", "{\"schema\":1}", "revision of the request: not a JSON object" },
	{ "a revision from nowhere", "{\"schema\":1,\"revision\":{\"type\":\"S3\"}}",
	  "'type' is not one of the names this version knows" },
	{ "a relative location",
	  "{\"schema\":1,\"revision\":{\"type\":\"Local File\",\"location\":\"b.tgz\",\"bundle_type\":\"tgz\"}}",
	  "'location' is not an absolute path" },
	{ "an unknown type of bundle",
	  "{\"schema\":1,\"revision\":{\"type\":\"Local File\",\"location\":\"/b\",\"bundle_type\":\"rar\"}}",
	  "'bundle_type' of the revision is none of directory, tgz, tar, tar.zst and zip" },
	{ "an unknown key", START ",\"colour\":1}", "has a key that this version does not know" },
	{ "settings are not the client's", START ",\"settings\":{}}", "has a key that this version does not know" },
	{ "nor is who asks", START ",\"requested_by_uid\":0}", "has a key that this version does not know" },
	{ "nor whether it is a trial", START ",\"trial\":true}", "has a key that this version does not know" },
	{ "nor that it is to fail", START ",\"fail_at\":\"Install\"}", "has a key that this version does not know" },
	{ "a group with a slash", START ",\"group\":\"a/b\"}", "'a/b' cannot be a deployment group" },
	{ "a group above", START ",\"group\":\"..\"}", "'..' cannot be a deployment group" },
	{ "a folder of the agent", START ",\"group\":\"deployment-logs\"}", "cannot be a deployment group" },
	{ "an empty group", START ",\"group\":\"\"}", "'group' is empty: give it a value, or leave it out" },
	{ "an empty token", START ",\"token\":\"\"}", "'token' is empty" },
	{ "a number for a name", START ",\"application\":7}", "'application' is not a string of at most 4096 bytes" },
	{ "an unknown behaviour", START ",\"file_exists_behavior\":\"MERGE\"}", "is none of DISALLOW, OVERWRITE" },
	{ "a short digest", START ",\"digest\":\"sha256:12\"}", "'digest' is not 'sha256:' and 64 hexadecimal digits" },
	{ "a digest of another kind", START ",\"digest\":\"md5:0123456789abcdef0123456789abcdef\"}",
	  "'digest' is not" },
	{ "half the id of a plan", START ",\"plan_id\":\"p-0123456789ab\"}",
	  "'plan_id' is not an id as 'slipway plan' prints it: e.g. p-0c4f5e9a1b23-7d60a9e8c1f2" },
	{ "a digest with more after it", START ",\"digest\":\"" DIGEST "0\"}", "'digest' is not" },
	{ "events that are no list", START ",\"events\":\"Install\"}", "'events' is not a list of at most 200" },
	{ "no events", START ",\"events\":[]}", "'events' is an empty list" },
	{ "an event that is two", START ",\"events\":[\"Install,Install\"]}", "'events' holds a name with other than" },
	{ "an empty event", START ",\"events\":[\"\"]}", "'events' holds a name with other than" },
	{ "events in a wrong order", START ",\"events\":[\"ValidateService\",\"Install\"]}",
	  "The only events that can be specified before Install are" },
	{ "a variable without a value", START ",\"environment\":[\"A\"]}",
	  "'environment' has 'A', which is not NAME=VALUE" },
	{ "a variable without a name", START ",\"environment\":[\"=1\"]}", "'environment' has '=1'" },
	{ "a variable beginning with a digit", START ",\"environment\":[\"1A=1\"]}", "'environment' has '1A=1'" },
	{ "a variable with a blank", START ",\"environment\":[\"A B=1\"]}", "'environment' has 'A B=1'" },
	{ "a variable in other letters", START ",\"environment\":[\"\u00c4=1\"]}", "'environment' has" },
	{ "a variable of the agent's own", START ",\"environment\":[\"A=1\",\"SLIPWAY_RESTORE=1\"]}",
	  "the variable 'SLIPWAY_RESTORE' is the agent's own (LIFECYCLE_EVENT, DEPLOYMENT_*" },
	{ "one that tells hooks whose they are", START ",\"environment\":[\"DEPLOYMENT_ID=d-1\"]}",
	  "'DEPLOYMENT_ID' is" },
	{ "an unknown policy", START ",\"on_failure\":\"cry\"}", "'on_failure' is not one of the names" },
	{ "a deadline below nothing", START ",\"deadline_s\":-1}", "'deadline_s' is not a whole number from 0" },
	{ "a deadline in words", START ",\"deadline_s\":\"1h\"}", "'deadline_s' is not a whole number from 0" },
	{ "a deadline after us all", START ",\"deadline_s\":4000000000}", "'deadline_s' is not a whole number from 0" },
	{ "a word for a switch", START ",\"force\":\"yes\"}", "'force' is not true or false" },
};

static void what_is_wrong_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		AUTO(deploy_request_done) struct deploy_request r = { 0 };
		struct err err = ERR_INIT;

		print_message("  %s\n", refused[i].why);
		assert_int_equal(-1, parse(refused[i].text, &r, &err));
		assert_int_equal(ERR_USAGE, err.kind);
		if (!strstr(err.msg, refused[i].message))
			fail_msg("'%s' is not in '%s'", refused[i].message, err.msg);
		assert_null(r.revision.location);
	}
}

/* A request whose environment has COUNT variables of LEN bytes. */
static int with_environment(size_t count, size_t len, struct err *err)
{
	AUTO(deploy_request_done) struct deploy_request r = { 0 };
	AUTO_FREE char *value = xmalloc(len + 1);
	json_t *list = json_array();

	memset(value, 'x', len);
	value[len] = '\0';
	value[1] = '=';
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_string(value));

	json_t *json = json_pack("{s:i, s:{s:s, s:s, s:s}, s:o}", "schema", 1, "revision", "type", "Local File",
				 "location", "/b", "bundle_type", "tgz", "environment", list);
	int result = deploy_request_from_json(json, &r, err);

	json_decref(json);
	return result;
}

static void an_environment_has_limits(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(0, with_environment(1000, 100, &err));
	assert_int_equal(0, with_environment(3, 32768, &err));
	assert_int_equal(-1, with_environment(1001, 10, &err));
	assert_int_equal(-1, with_environment(1, 32769, &err));
	assert_int_equal(-1, with_environment(5, 32768, &err));
	assert_non_null(strstr(err.msg, "more than 128 KiB"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_revision_is_all_it_takes),	 cmocka_unit_test(everything_arrives_as_it_was_sent),
		cmocka_unit_test(what_is_not_said_stays_unsaid), cmocka_unit_test(events_and_digest_are_settled),
		cmocka_unit_test(what_is_wrong_is_named),	 cmocka_unit_test(an_environment_has_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
