/* What the asker and the worker say to each other about a plan arrives as it was said, or is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "util/auto.h"
#include "util/str.h"
#include "worker/plan_request.h"

static struct plan_request request(const char *folder)
{
	struct plan_request r = { .folder = xstrdup(folder) };
	struct deployment *d = &r.deployment;

	settings_defaults(&d->settings, "/var/lib/slipway/deployment-root");
	d->id = xstrdup("d-AAAAAAAAA");
	d->application = xstrdup("shop");
	d->group = xstrdup("web");
	d->group_name = xstrdup("web");
	d->creator = xstrdup("user");
	d->type = xstrdup("IN_PLACE");
	d->revision = (struct revision){ REVISION_LOCAL_FILE, xstrdup("/srv/\xff.tgz"), xstrdup("tgz") };
	return r;
}

static void a_request_arrives_as_it_was_sent(void **state)
{
	AUTO(plan_request_done) struct plan_request r = request("/state/plans/d-1");
	AUTO(plan_request_done) struct plan_request got = { 0 };
	struct err err = ERR_INIT;
	json_t *json = plan_request_to_json(&r);

	(void)state;
	if (plan_request_from_json(json, &got, &err) < 0)
		fail_msg("%s", err.msg);
	json_decref(json);
	assert_string_equal(r.folder, got.folder);
	assert_string_equal(r.deployment.revision.location, got.deployment.revision.location);
	assert_string_equal("web", got.deployment.group);
}

static void a_request_that_is_none_is_refused(void **state)
{
	static const struct {
		const char *why, *key;
		bool inside; /* of "plan" */
	} cases[] = {
		{ "no folder", "folder", true },
		{ "no deployment", "deployment", true },
		{ "no plan", "plan", false },
		{ "no schema", "schema", false },
	};

	(void)state;
	for (size_t i = 0; i <= ARRAY_LEN(cases); i++) {
		AUTO(plan_request_done) struct plan_request r = request(i < ARRAY_LEN(cases) ? "/f" : "relative");
		AUTO(plan_request_done) struct plan_request got = { 0 };
		struct err err = ERR_INIT;
		json_t *json = plan_request_to_json(&r);

		print_message("  %s\n", i < ARRAY_LEN(cases) ? cases[i].why : "a relative folder");
		if (i < ARRAY_LEN(cases))
			json_object_del(cases[i].inside ? json_object_get(json, "plan") : json, cases[i].key);
		assert_int_equal(-1, plan_request_from_json(json, &got, &err));
		assert_int_equal(ERR_STATE, err.kind);
		json_decref(json);
	}
}

static void an_answer_is_a_plan_or_why_there_is_none(void **state)
{
	static const struct {
		const char *why, *text;
		int returned;
		enum err_kind kind;
	} cases[] = {
		{ "a plan", "{\"progress\":\"planned\",\"plan\":{\"schema\":1}}", 0, ERR_NONE },
		{ "an error", "{\"progress\":\"planned\",\"error_code\":\"BundleInvalid\",\"message\":\"m\"}", 0,
		  ERR_BUNDLE },
		{ "neither", "{\"progress\":\"planned\"}", -1, ERR_NONE },
		{ "both", "{\"progress\":\"planned\",\"plan\":{},\"error_code\":\"BundleInvalid\",\"message\":\"m\"}",
		  -1, ERR_NONE },
		{ "no object", "{\"progress\":\"planned\",\"plan\":7}", -1, ERR_NONE },
		{ "an error without words", "{\"progress\":\"planned\",\"error_code\":\"BundleInvalid\"}", -1,
		  ERR_NONE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(plan_answer_done) struct plan_answer a = { 0 };
		json_t *json = json_loads(cases[i].text, 0, NULL);
		struct err err = ERR_INIT;

		print_message("  %s\n", cases[i].why);
		assert_int_equal(cases[i].returned, plan_answer_from_json(json, &a, &err));
		assert_int_equal(cases[i].kind, a.kind);
		json_decref(json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_arrives_as_it_was_sent),
		cmocka_unit_test(a_request_that_is_none_is_refused),
		cmocka_unit_test(an_answer_is_a_plan_or_why_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
