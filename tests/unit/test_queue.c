#include "daemon/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/auto.h"
#include "util/str.h"

/* What happens, and what the queue says: add: "starts", "behind X", "behind X instead of Y"; else the next id. */
enum act { ADD, END, HOLD, RELEASE };

struct step {
	enum act act;
	const char *group, *id, *want;
};

static const struct {
	const char *why;
	struct step steps[8];
	const char *state; /* of group g at the end: running, waiting, held */
} cases[] = {
	{ "the first one starts", { { ADD, "g", "1", "starts" } }, "1 - -" },
	{ "the second one waits", { { ADD, "g", "1", "starts" }, { ADD, "g", "2", "behind 1" } }, "1 2 -" },
	{ "a newer one takes the place of the waiting one",
	  { { ADD, "g", "1", "starts" }, { ADD, "g", "2", "behind 1" }, { ADD, "g", "3", "behind 1 instead of 2" } },
	  "1 3 -" },
	{ "the end of one is the start of the next",
	  { { ADD, "g", "1", "starts" },
	    { ADD, "g", "2", "behind 1" },
	    { END, "g", "1", "2" },
	    { END, "g", "2", "-" } },
	  "- - -" },
	{ "groups do not know each other",
	  { { ADD, "g", "1", "starts" }, { ADD, "h", "2", "starts" }, { END, "h", "2", "-" } },
	  "1 - -" },
	{ "the waiting one may go",
	  { { ADD, "g", "1", "starts" },
	    { ADD, "g", "2", "behind 1" },
	    { END, "g", "2", "-" },
	    { END, "g", "1", "-" } },
	  "- - -" },
	{ "the end of a stranger changes nothing",
	  { { ADD, "g", "1", "starts" },
	    { ADD, "g", "2", "behind 1" },
	    { END, "g", "9", "-" },
	    { END, "x", "1", "-" } },
	  "1 2 -" },
	{ "nothing starts in a group that is recovered",
	  { { HOLD, "g", "0", "-" }, { ADD, "g", "1", "behind 0" }, { ADD, "g", "2", "behind 0 instead of 1" } },
	  "- 2 0" },
	{ "a released group goes on",
	  { { HOLD, "g", "0", "-" }, { ADD, "g", "1", "behind 0" }, { RELEASE, "g", NULL, "1" } },
	  "1 - -" },
	{ "a released group with nothing to do is gone",
	  { { HOLD, "g", "0", "-" }, { RELEASE, "g", NULL, "-" } },
	  "- - -" },
	{ "held before its end, the next one does not start",
	  { { ADD, "g", "1", "starts" },
	    { ADD, "g", "2", "behind 1" },
	    { HOLD, "g", "1", "-" },
	    { END, "g", "1", "-" },
	    { RELEASE, "g", NULL, "2" } },
	  "2 - -" },
	{ "released while one runs, nothing starts",
	  { { ADD, "g", "1", "starts" },
	    { ADD, "g", "2", "behind 1" },
	    { HOLD, "g", "0", "-" },
	    { RELEASE, "g", NULL, "-" } },
	  "1 2 -" },
	{ "held again, the id is the new one",
	  { { HOLD, "g", "0", "-" }, { HOLD, "g", "8", "-" }, { ADD, "g", "1", "behind 8" } },
	  "- 1 8" },
	{ "a release of what is not held changes nothing",
	  { { RELEASE, "g", NULL, "-" }, { ADD, "g", "1", "starts" }, { RELEASE, "g", NULL, "-" } },
	  "1 - -" },
	{ "the last one of a held group may go, and the group stays held",
	  { { HOLD, "g", "0", "-" },
	    { ADD, "g", "1", "behind 0" },
	    { END, "g", "1", "-" },
	    { ADD, "g", "2", "behind 0" } },
	  "- 2 0" },
};

static const char *or_dash(const char *text)
{
	return text ? text : "-";
}

static char *add(struct queue *q, const struct step *s)
{
	AUTO(queue_place_done) struct queue_place place = { 0 };
	struct err err = ERR_INIT;

	assert_int_equal(0, queue_add(q, s->group, s->id, &place, &err));
	if (place.starts) {
		assert_null(place.behind);
		assert_null(place.superseded);
		return xstrdup("starts");
	}
	if (place.superseded)
		return xasprintf("behind %s instead of %s", place.behind, place.superseded);
	return xasprintf("behind %s", place.behind);
}

static char *take(struct queue *q, const struct step *s)
{
	struct err err = ERR_INIT;

	switch (s->act) {
	case ADD:
		return add(q, s);
	case END:
		return xstrdup(or_dash(queue_end(q, s->group, s->id)));
	case HOLD:
		assert_int_equal(0, queue_hold(q, s->group, s->id, &err));
		return xstrdup("-");
	case RELEASE:
		return xstrdup(or_dash(queue_release(q, s->group)));
	}
	return NULL;
}

static void each_gets_its_turn(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(queue_freep) struct queue *q = queue_new();

		print_message("  %s\n", cases[i].why);
		for (const struct step *s = cases[i].steps; s->group; s++) {
			AUTO_FREE char *got = take(q, s);

			assert_string_equal(s->want, got);
		}

		AUTO_FREE char *got = xasprintf("%s %s %s", or_dash(queue_running(q, "g")),
						or_dash(queue_waiting(q, "g")), or_dash(queue_held(q, "g")));

		assert_string_equal(cases[i].state, got);
	}
}

static void there_is_a_limit_of_busy_groups(void **state)
{
	AUTO(queue_freep) struct queue *q = queue_new();
	AUTO(queue_place_done) struct queue_place place = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	for (int i = 0; i < QUEUE_MAX_GROUPS; i++) {
		AUTO_FREE char *group = xasprintf("g%d", i);

		queue_place_done(&place);
		assert_int_equal(0, queue_add(q, group, "1", &place, &err));
	}
	assert_int_equal(QUEUE_MAX_GROUPS, queue_running_count(q));
	assert_int_equal(-1, queue_add(q, "one more", "1", &place, &err));
	assert_int_equal(ERR_BUSY, err.kind);
	assert_int_equal(-1, queue_hold(q, "one more", "1", &err));
	assert_int_equal(0, queue_add(q, "g7", "2", &place, &err)); /* a busy group may go on */
	queue_place_done(&place);
	assert_null(queue_end(q, "g8", "1"));
	assert_int_equal(0, queue_add(q, "one more", "1", &place, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_gets_its_turn),
		cmocka_unit_test(there_is_a_limit_of_busy_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
