/* tests/crash/test_fault.c - every file call of a deployment fails once, with each error a disk may answer; and the
 * disk is full from every call on.
 *
 * Afterwards either the new tree is there and the deployment says Succeeded, or the old one, exactly, with a clear
 * error and nothing temporary; or the result says needs_recovery, and the next start with space heals it.
 * The same with a deployment that fails after its Install and is restored: it ends at the old tree.
 * SLIPWAY_CRASH_EVERY=n takes every n-th call only.
 */
#include "policy_stand_in.h"
#include "sweep.h"

#include "util/auto.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *name;
	enum observer_action action;
	int error;
} faults[] = {
	{ "ENOSPC once", OBSERVER_FAIL_ONCE, ENOSPC },
	{ "EIO once", OBSERVER_FAIL_ONCE, EIO },
	{ "EDQUOT once", OBSERVER_FAIL_ONCE, EDQUOT },
	{ "EMFILE once", OBSERVER_FAIL_ONCE, EMFILE },
	{ "disk full from there on", OBSERVER_FAIL_FROM, ENOSPC },
};

static struct tally *tally; /* of the scenario being swept; more: healed by the next start */

static unsigned long every(void)
{
	const char *text = getenv("SLIPWAY_CRASH_EVERY");
	unsigned long n = text ? strtoul(text, NULL, 10) : 1;

	return n ? n : 1;
}

static void complain(const struct sweep *s, unsigned long at, const char *fault, const char *what)
{
	print_message("  %s, %s at call %lu: %s\n", s->scenario->name, fault, at, what);
	atomic_fetch_add(&tally->failures, 1);
}

static bool clean(const struct sweep *s)
{
	char *left = scenario_leftovers(s->base);
	bool nothing = !*left;

	if (!nothing && getenv("SLIPWAY_CRASH_TALK"))
		print_message("    left behind: %s", left);
	free(left);
	return nothing;
}

/* Right as it is, without another start? */
static bool settled(const struct sweep *s, bool succeeded)
{
	enum tree_state want = succeeded ? TREE_IS_NEW : TREE_IS_OLD_EXACTLY;

	return sweep_tree(s) == want && clean(s) && !sweep_unfinished(s) &&
	       (sweep_result(s) == TREE_IS_NEW) == (want == TREE_IS_NEW);
}

/* Says so itself, or could not even say that: the next start sees it. */
static bool needs_recovery(const struct sweep *s)
{
	return sweep_unfinished(s) || sweep_result(s) == TREE_IS_MIXED;
}

static void check_after(struct sweep *s, struct ending e, unsigned long at, const char *fault)
{
	if (e.crashed || e.disorder) {
		complain(s, at, fault, e.crashed ? "the worker crashed" : "flushed in the wrong order");
		return;
	}
	if (settled(s, e.succeeded))
		return;
	if (!needs_recovery(s) && sweep_deployments(s)) {
		bool tree_ok = sweep_tree(s) == (e.succeeded ? TREE_IS_NEW : TREE_IS_OLD_EXACTLY);

		complain(s, at, fault, tree_ok ? "temporary files are left" : "the tree is wrong and nobody says so");
		return;
	}

	struct ending rescue = sweep_recover(s, NULL);
	enum tree_state tree = sweep_tree(s);

	atomic_fetch_add(&tally->more, 1);
	if (!rescue.succeeded)
		complain(s, at, fault, "the next start cannot heal it");
	else if (tree != TREE_IS_NEW && tree != TREE_IS_OLD_EXACTLY)
		complain(s, at, fault, "the next start leaves a wrong tree");
	else if (!clean(s) || sweep_unfinished(s))
		complain(s, at, fault, "the next start leaves temporary files or no result");
}

/* The second half, which is the way back, with one error and with a full disk. */
static void sweep_undo(struct sweep *s)
{
	static const size_t samples[] = { 1, ARRAY_LEN(faults) - 1 };

	sweep_reset(s);

	struct ending whole = sweep_fail(s, NULL);

	for (unsigned long k = whole.calls / 2, n = 0; k <= whole.calls; k += every(), n++) {
		size_t f = samples[n % ARRAY_LEN(samples)];
		struct observer o = { .action = faults[f].action, .at = k, .error = faults[f].error };

		sweep_reset(s);
		check_after(s, sweep_fail(s, &o), k, faults[f].name);
		if (sweep_tree(s) != TREE_IS_OLD_EXACTLY)
			complain(s, k, faults[f].name, "a deployment that fails has not ended at the old tree");
		else if (!sweep_unfinished(s) && !sweep_records_are_old(s))
			complain(s, k, faults[f].name, "pointer and records are not those of the old revision");
		atomic_fetch_add(&tally->points, 1);
	}
}

static void sweep_scenario(const struct scenario *scenario, struct tally *shared)
{
	struct tally own = { 0 };
	struct sweep s;

	tally = &own;
	sweep_begin(&s, scenario);
	sweep_reset(&s);

	struct ending whole = sweep_deploy(&s, NULL);

	for (unsigned long k = 1; k <= whole.calls; k += every())
		for (size_t f = 0; f < sizeof(faults) / sizeof(faults[0]); f++) {
			struct observer o = { .action = faults[f].action, .at = k, .error = faults[f].error };

			sweep_reset(&s);
			check_after(&s, sweep_deploy(&s, &o), k, faults[f].name);
			atomic_fetch_add(&own.points, 1);
		}
	sweep_undo(&s);
	print_message("  %-18s %4lu calls, %5lu points, %4lu healed by the next start, %lu failures\n", scenario->name,
		      whole.calls, own.points, own.more, own.failures);
	atomic_fetch_add(&shared->points, own.points);
	atomic_fetch_add(&shared->more, own.more);
	atomic_fetch_add(&shared->failures, own.failures);
	sweep_end(&s);
}

static void whatever_call_fails_the_old_tree_stays_or_the_new_one_is_whole(void **state)
{
	(void)state;

	struct tally all = sweep_all(sweep_scenario);

	print_message("faults: %lu points, %lu healed by the next start, %lu failures\n", all.points, all.more,
		      all.failures);
	assert_int_equal(all.failures, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_call_fails_the_old_tree_stays_or_the_new_one_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
