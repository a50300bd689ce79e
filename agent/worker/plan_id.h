/* worker/plan_id.h - a name for a plan, which is another one as soon as the bundle or the host has changed.
 *
 * "p-BBBBBBBBBBBB-HHHHHHHHHHHH": the first twelve hexadecimal digits of two SHA-256. B is the bundle: the listing of
 * what it unpacks to, with modes, owners, times and the digests of its files; the same archive or folder always gives
 * the same. H is the host and what would be done with the bundle there: group, previous revision, events, the appspec
 * that is used, the policy in force, install_prefix, and of every path the plan speaks of what is to be done, what it
 * will be and what stands there now, by its identity (device, inode, size, times, owner, mode); by theirs, too, the
 * operator hooks that would run, and the host's policy. Another bundle is mostly another plan, so H tells of the host
 * only while B is the same.
 */
#pragma once

#include "worker/preflight.h"

#define PLAN_ID_SIZE 28 /* with its NUL */

/* A plan and what it was made of; all of it is borrowed. */
struct plan_basis {
	const struct plan
		*plan; /* whole: plan_build() has not failed for want of an answer. Its world is asked again */
	const struct revision_files *files;
	const struct deployment *deployment;
	const char *const *order; /* of events */
	const char *previous;	  /* folder of the last successful revision; NULL: none */
};

int plan_id(const struct plan_basis *b, char out[PLAN_ID_SIZE], struct err *err);

/* Is what stands at N part of the id? */
bool plan_id_counts(const struct plan_node *n);
