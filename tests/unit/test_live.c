/* The document of a running deployment: what its worker's words make of it. */
#include "daemon/live.h"
#include "util/auto.h"
#include "util/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct live a_live(void)
{
	struct deployment d = {
		.id = xstrdup("d-1"),
		.application = xstrdup("shop"),
		.group = xstrdup("web"),
		.group_name = xstrdup("web"),
		.creator = xstrdup("user"),
		.type = xstrdup("IN_PLACE"),
		.revision = { REVISION_LOCAL_DIRECTORY, xstrdup("/b"), xstrdup("directory") },
	};
	struct live l;

	live_init(&l, &d, 1000);
	assert_null(d.id); /* taken over */
	return l;
}

static void tell(struct live *l, enum worker_message_kind kind, const char *event, enum event_status status,
		 const char *text, int64_t now_ms)
{
	struct worker_message m = { .kind = kind, .event = xstrdup(event), .status = status, .text = xstrdup(text) };

	json_decref(live_apply(l, &m, now_ms));
	worker_message_done(&m);
}

/* The document passes the checks of whoever reads it. */
static struct deployment_result read_back(const struct live *l)
{
	struct deployment_result r = { 0 };
	struct err err = ERR_INIT;
	json_t *document = live_document(l);

	assert_int_equal(0, deployment_result_from_json(document, &r, &err));
	json_decref(document);
	return r;
}

static void a_new_deployment_is_queued_then_in_progress(void **state)
{
	(void)state;
	AUTO(live_done) struct live l = a_live();
	struct deployment_result r = read_back(&l);

	assert_int_equal(DEPLOYMENT_QUEUED, r.status);
	assert_int_equal(1000, r.created_at_ms);
	deployment_result_done(&r);
	live_start(&l, 2000);
	r = read_back(&l);
	assert_int_equal(DEPLOYMENT_IN_PROGRESS, r.status);
	assert_int_equal(2000, r.started_at_ms);
	deployment_result_done(&r);
}

static void events_have_times_status_and_the_reason_of_a_failure(void **state)
{
	(void)state;
	AUTO(live_done) struct live l = a_live();

	tell(&l, WORKER_EVENT, "BeforeInstall", EVENT_SKIPPED, "", 3000);
	tell(&l, WORKER_EVENT, "Install", EVENT_IN_PROGRESS, "", 4000);
	tell(&l, WORKER_NOTE, "Install", EVENT_PENDING, "a word", 4100);
	tell(&l, WORKER_EVENT, "Install", EVENT_FAILED, "no space", 4500);

	AUTO(deployment_result_done) struct deployment_result r = read_back(&l);

	assert_int_equal(2, r.event_count);
	assert_int_equal(EVENT_SKIPPED, r.events[0].status);
	assert_int_equal(0, r.events[0].started_at_ms);
	assert_int_equal(EVENT_FAILED, r.events[1].status);
	assert_int_equal(4000, r.events[1].started_at_ms);
	assert_int_equal(500, r.events[1].duration_ms);
	assert_string_equal("no space", r.events[1].message);
	assert_int_equal(4, json_array_size(l.past));
}

static void only_what_a_hook_does_now_is_kept(void **state)
{
	(void)state;
	AUTO(live_done) struct live l = a_live();

	tell(&l, WORKER_EVENT, "ValidateService", EVENT_IN_PROGRESS, "", 1);
	tell(&l, WORKER_DOING, "ValidateService", EVENT_PENDING, "attempt 1", 2);
	tell(&l, WORKER_DOING, "ValidateService", EVENT_PENDING, "attempt 2", 3);
	tell(&l, WORKER_NOTE, "ValidateService", EVENT_PENDING, "a word", 4);
	assert_string_equal("attempt 2", json_string_value(json_object_get(l.doing, "text")));
	assert_int_equal(2, json_array_size(l.past));
	tell(&l, WORKER_DOING, "ValidateService", EVENT_PENDING, "", 5);
	assert_null(l.doing);
	tell(&l, WORKER_DOING, "ValidateService", EVENT_PENDING, "attempt 3", 6);
	tell(&l, WORKER_EVENT, "ValidateService", EVENT_SUCCEEDED, "", 7);
	assert_null(l.doing);
}

static void an_end_of_ours_is_a_result_and_the_first_one_counts(void **state)
{
	(void)state;
	AUTO(live_done) struct live l = a_live();
	struct err why = ERR_INIT, later = ERR_INIT;

	tell(&l, WORKER_EVENT, "Install", EVENT_IN_PROGRESS, "", 4000);
	(void)err_set(&why, ERR_STOPPED, "superseded by d-2");
	(void)err_set(&later, ERR_SYS, "something else");
	live_end(&l, DEPLOYMENT_STOPPED, &why, "nothing was changed", 5000);
	live_end(&l, DEPLOYMENT_FAILED, &later, NULL, 6000);

	AUTO(deployment_result_done) struct deployment_result r = read_back(&l);

	assert_int_equal(DEPLOYMENT_STOPPED, r.status);
	assert_int_equal(5000, r.finished_at_ms);
	assert_string_equal("superseded by d-2", r.error_message);
	assert_string_equal("nothing was changed", r.now);
	assert_int_equal(EVENT_UNKNOWN, r.events[0].status);
	assert_false(r.needs_recovery);
}

static void the_past_has_a_limit_in_lines_and_in_bytes(void **state)
{
	(void)state;
	static const struct {
		const char *why;
		int lines;
		size_t text, kept;
	} cases[] = {
		{ "few short ones", 3, 10, 3 },
		{ "many short ones", LIVE_MAX_PAST + 5, 10, LIVE_MAX_PAST },
		{ "long ones", 100, 60000, LIVE_MAX_PAST_BYTES / 60001 },
		{ "one that is too long", 1, 2 * LIVE_MAX_TEXT, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(live_done) struct live l = a_live();
		AUTO_FREE char *text = xmalloc(cases[i].text + 1);

		print_message("  %s\n", cases[i].why);
		memset(text, 'x', cases[i].text);
		text[cases[i].text] = '\0';
		for (int n = 0; n < cases[i].lines; n++)
			tell(&l, WORKER_NOTE, "e", EVENT_PENDING, text, 1);
		assert_int_equal(cases[i].kept, json_array_size(l.past));
	}
}

static void no_worker_makes_more_events_than_a_document_may_have(void **state)
{
	(void)state;
	AUTO(live_done) struct live l = a_live();

	for (int n = 0; n < LIVE_MAX_EVENTS + 50; n++) {
		AUTO_FREE char *event = xasprintf("E%d", n);

		tell(&l, WORKER_EVENT, event, EVENT_IN_PROGRESS, "", n + 1);
	}

	AUTO(deployment_result_done) struct deployment_result r = read_back(&l);

	assert_int_equal(LIVE_MAX_EVENTS, r.event_count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_deployment_is_queued_then_in_progress),
		cmocka_unit_test(events_have_times_status_and_the_reason_of_a_failure),
		cmocka_unit_test(only_what_a_hook_does_now_is_kept),
		cmocka_unit_test(an_end_of_ours_is_a_result_and_the_first_one_counts),
		cmocka_unit_test(the_past_has_a_limit_in_lines_and_in_bytes),
		cmocka_unit_test(no_worker_makes_more_events_than_a_document_may_have),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
