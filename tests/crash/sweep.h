/* tests/crash/sweep.h - runs deployments of a scenario in child processes, with an observer at every file call.
 *
 * Each child is a fork of the test: no exec, no hooks, one thread, so that call number k is the same call every time.
 */
#pragma once

#include "observer.h"
#include "scenario.h"

struct sweep {
	const struct scenario *scenario;
	char *base;
	char *old_tree, *old_tree_exact; /* listings; exact: with the times of folders and links */
	char *new_tree;
	char *old_records; /* the group's pointer and its records for the other agent */
	const char *asked; /* bundle of the last deployment */
};

enum tree_state { TREE_IS_OLD, TREE_IS_OLD_EXACTLY, TREE_IS_NEW, TREE_IS_MIXED };

/* How a child ended. */
struct ending {
	bool killed, disorder, crashed;
	bool succeeded;	     /* the deployment */
	unsigned long calls; /* mutating file calls it made */
};

/* Learns how SCENARIO's trees look. The folder is on tmpfs (or $SLIPWAY_CRASH_DIR). */
void sweep_begin(struct sweep *s, const struct scenario *scenario);
void sweep_end(struct sweep *s);

void sweep_reset(struct sweep *s);				 /* the old tree, deployed, and nothing else */
struct ending sweep_deploy(struct sweep *s, struct observer *o); /* O NULL: undisturbed */
/* One that fails after its Install, and is restored. */
struct ending sweep_fail(struct sweep *s, struct observer *o);
struct ending sweep_recover(struct sweep *s, struct observer *o); /* what the next start does first */
enum tree_state sweep_tree(const struct sweep *s);
bool sweep_records_are_old(const struct sweep *s);
const char *tree_state_name(enum tree_state state);

/* What the newest result says: which tree it speaks of. TREE_IS_MIXED: it says that it needs recovery, or there is
 * none. */
enum tree_state sweep_result(const struct sweep *s);
unsigned sweep_deployments(const struct sweep *s); /* folders of the group, and how many of them have no result */
unsigned sweep_unfinished(const struct sweep *s);

/* What all sweeps of a test counted, in all its processes. */
struct tally {
	atomic_ulong points, more, failures;
};
/* Run ONE for each scenario, in two processes side by side. */
struct tally sweep_all(void (*one)(const struct scenario *scenario, struct tally *tally));
