/* installer/policy.h - what becomes of a file that stands where a file of the bundle is to go. Pure.
 *
 * Source: spec/codedeploy-agent.md section 7.4, PRODUCT section 4 "Overwrite policy".
 */
#pragma once

#include "appspec/appspec.h"

#include <stdbool.h>

enum verdict {
	VERDICT_WRITE,
	VERDICT_RETAIN,
	VERDICT_REFUSE,
	VERDICT_RETAIN_OURS, /* it stays, but the next revision may replace it: a rule's doing, never the behavior's */
	VERDICT_BACKUP,	     /* as WRITE, and what stood there stays beside it under another name: a script's doing */
};

/* What the script of a rule's 'policy' may answer. */
enum policy_answer { POLICY_OVERWRITE, POLICY_RETAIN, POLICY_DISALLOW, POLICY_BACKUP, POLICY_ANSWER_COUNT };
const char *policy_answer_name(enum policy_answer answer);		/* "overwrite", ... */
int policy_answer_from_name(const char *name, enum policy_answer *out); /* -1: not one */

/* EXISTS: something stands there that counts (a dangling link does not). OURS: our group's last successful revision
 * installed it, so that it would go anyway. FILE_EXISTS_UNSET means DISALLOW. */
enum verdict policy_verdict(enum file_exists behavior, bool exists, bool ours);

/* OURS: it was, and was edited since. */
enum verdict policy_answer_verdict(enum policy_answer answer, bool ours);

/* The first of the rules of 'slipway: overwrite' that speaks of PATH (absolute, canonical); NULL: none. */
const struct appspec_overwrite *policy_rule(const struct appspec *a, const char *path);

/* The behaviour in force: the appspec's, else the deployment's, else the host's, else DISALLOW. */
enum file_exists policy_behavior(enum file_exists appspec, enum file_exists deployment, enum file_exists host);
