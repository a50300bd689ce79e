/* tests/crash/test_crash.c - a deployment is killed before and after every file call, then the next start comes.
 *
 * The same with a deployment that fails after its Install and is restored, killed on the way back.
 * Afterwards the tree is the old or the new one exactly, nothing temporary is left, and the result says which.
 * SLIPWAY_CRASH_EVERY=n takes every n-th call only; SLIPWAY_CRASH_TALK=1 shows what differs.
 */
#include "policy_stand_in.h"
#include "sweep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RECOVERY_SAMPLE 23 /* recovery is killed at each of its calls after every such call of the deployment */
#define DISK_SAMPLE	17 /* on a real file system every such call is enough: each flush costs a millisecond */
#define UNDO_SAMPLE	2  /* of a deployment that is restored: its first half is the same as of any other */
#define AGAIN_SAMPLE	7  /* after every such call the group is deployed to again */

static struct tally *tally; /* of the scenario being swept */

static bool on_disk; /* the sample on a real file system */

static unsigned long every(void)
{
	const char *text = getenv("SLIPWAY_CRASH_EVERY");
	unsigned long n = text ? strtoul(text, NULL, 10) : 1;

	return (n ? n : 1) * (on_disk ? DISK_SAMPLE : 1);
}

static void complain(const struct sweep *s, const char *where, const char *what)
{
	print_message("  %s, killed %s: %s\n", s->scenario->name, where, what);
	atomic_fetch_add(&tally->failures, 1);
}

/* The state after a start that nobody disturbed. */
static void inspect(struct sweep *s, const char *where, bool old_expected)
{
	enum tree_state tree = sweep_tree(s), told = sweep_result(s);
	char *left = scenario_leftovers(s->base);
	char text[256];

	if (tree == TREE_IS_MIXED || tree == TREE_IS_OLD) {
		(void)snprintf(text, sizeof(text), "the tree is %s", tree_state_name(tree));
		complain(s, where, text);
	} else if ((tree == TREE_IS_NEW) != (told == TREE_IS_NEW)) {
		(void)snprintf(text, sizeof(text), "the tree is %s, the result says %s", tree_state_name(tree),
			       tree_state_name(told));
		complain(s, where, text);
	}
	if (old_expected && tree != TREE_IS_OLD_EXACTLY)
		complain(s, where, "the tree changed before the commit record");
	if (*left) {
		(void)snprintf(text, sizeof(text), "left behind: %.200s", left);
		complain(s, where, text);
	}
	if (sweep_unfinished(s))
		complain(s, where, "a deployment has no result");
	free(left);
}

static void recover(struct sweep *s, const char *where)
{
	struct ending e = sweep_recover(s, NULL);

	if (e.crashed || !e.succeeded)
		complain(s, where, e.disorder ? "recovery flushes in the wrong order" : "recovery fails");
}

static void deploy_again(struct sweep *s, const char *where)
{
	struct ending e = sweep_deploy(s, NULL);

	if (!e.succeeded || sweep_tree(s) != TREE_IS_NEW)
		complain(s, where, "the group cannot be deployed to any more");
}

typedef struct ending (*deploy_fn)(struct sweep *s, struct observer *o);

/* Whatever happened to a deployment that fails and is restored: the old tree, and whoever asks is told of it. */
static void inspect_restored(struct sweep *s, const char *where)
{
	inspect(s, where, true);
	if (!sweep_records_are_old(s))
		complain(s, where, "pointer and records are not those of the old revision");
}

static void inspect_after(struct sweep *s, deploy_fn deploy, const char *where)
{
	if (deploy == sweep_fail)
		inspect_restored(s, where);
	else
		inspect(s, where, false);
}

/* Kill the recovery, too, at each of its own calls, then let another one finish. */
static void kill_recovery(struct sweep *s, deploy_fn begin, enum observer_action action, unsigned long at,
			  const char *where)
{
	for (unsigned long k = 1;; k++) {
		struct observer deploy = { .action = action, .at = at };
		struct observer rescue = { .action = k % 2 ? OBSERVER_KILL_BEFORE : OBSERVER_KILL_AFTER,
					   .at = (k + 1) / 2 };
		char text[128];

		sweep_reset(s);
		(void)begin(s, &deploy);

		struct ending e = sweep_recover(s, &rescue);

		(void)snprintf(text, sizeof(text), "%s and recovery %s call %lu", where, k % 2 ? "before" : "after",
			       rescue.at);
		if (e.crashed || e.disorder)
			complain(s, text, "recovery crashed or flushed in the wrong order");
		if (!e.killed)
			return;
		atomic_fetch_add(&tally->more, 1);
		recover(s, text);
		inspect_after(s, begin, text);
	}
}

static void kill_at(struct sweep *s, deploy_fn begin, enum observer_action action, unsigned long at)
{
	struct observer o = { .action = action, .at = at };
	char where[64];

	(void)snprintf(where, sizeof(where), "%s call %lu", action == OBSERVER_KILL_BEFORE ? "before" : "after", at);
	sweep_reset(s);

	struct ending e = begin(s, &o);

	atomic_fetch_add(&tally->points, 1);
	if (!e.killed)
		complain(s, where, e.disorder ? "flushed in the wrong order" : "did not die there");
	recover(s, where);
	inspect_after(s, begin, where);
	if (at % AGAIN_SAMPLE == 0)
		deploy_again(s, where);
	if (at % RECOVERY_SAMPLE == 0)
		kill_recovery(s, begin, action, at, where);
}

/* The way there and back again, killed on the way back. */
static void sweep_undo(struct sweep *s)
{
	sweep_reset(s);

	struct ending whole = sweep_fail(s, NULL);

	if (whole.succeeded || whole.crashed || whole.disorder)
		complain(s, "nowhere", "a deployment that fails is not restored in order");
	inspect_restored(s, "nowhere");
	for (unsigned long k = whole.calls / 2, n = 0; k <= whole.calls; k += UNDO_SAMPLE * every(), n++)
		kill_at(s, sweep_fail, n % 2 ? OBSERVER_KILL_BEFORE : OBSERVER_KILL_AFTER, k);
}

static void sweep_scenario(const struct scenario *scenario, struct tally *shared)
{
	struct tally own = { 0 };
	struct sweep s;

	tally = &own;
	sweep_begin(&s, scenario);
	sweep_reset(&s);

	struct ending whole = sweep_deploy(&s, NULL);

	if (!whole.succeeded)
		complain(&s, "nowhere", "the deployment fails");
	for (unsigned long k = 1; k <= whole.calls; k += every()) {
		kill_at(&s, sweep_deploy, OBSERVER_KILL_BEFORE, k);
		kill_at(&s, sweep_deploy, OBSERVER_KILL_AFTER, k);
	}
	sweep_undo(&s);
	print_message("  %-18s %4lu calls, %5lu points, %lu failures\n", scenario->name, whole.calls, own.points,
		      own.failures);
	atomic_fetch_add(&shared->points, own.points);
	atomic_fetch_add(&shared->more, own.more);
	atomic_fetch_add(&shared->failures, own.failures);
	sweep_end(&s);
}

static void killed_anywhere_a_deployment_ends_at_the_old_or_the_new_tree(void **state)
{
	(void)state;

	struct tally all = sweep_all(sweep_scenario);

	print_message("crash: %lu points, %lu more with recovery killed too, %lu failures\n", all.points, all.more,
		      all.failures);
	assert_int_equal(all.failures, 0);
}

static void the_same_holds_on_a_real_disk(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	if (setenv("SLIPWAY_CRASH_DIR", tmp ? tmp : "/tmp", 0) < 0) /* an own choice stands */
		fail();
	on_disk = true;

	struct tally all = sweep_all(sweep_scenario);

	print_message("crash on disk: %lu points, %lu more with recovery killed too, %lu failures\n", all.points,
		      all.more, all.failures);
	assert_int_equal(all.failures, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_anywhere_a_deployment_ends_at_the_old_or_the_new_tree),
		cmocka_unit_test(the_same_holds_on_a_real_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
