/* worker/host_policy.h - the host's own word on a deployment: a script of its owner that may veto it.
 *
 * `policy` of the configuration, by default /etc/slipway/policy.lua; without that file everything is allowed. It is
 * asked once, in preflight, with what is to be deployed, by whom, when and where to. Nobody
 * else may be able to write to it or to its folder (config/trust.h). One that cannot be asked allows nothing.
 * Source: PRODUCT section 4; docs/policies.md has the words of the question.
 */
#pragma once

#include "lifecycle/zygote.h"
#include "worker/preflight.h"

/* A deployment that is about to begin; all borrowed. */
struct host_question {
	const struct deployment *deployment;
	const struct revision_files *files;
	const char *digest; /* of the bundle, "sha256:.."; NULL: a folder */
	const struct plan *plan;
	const char *const *order; /* of events */
};

/* 0: it may. -1: ERR_VETOED says why not. */
int host_policy_check(const struct host_question *q, struct zygote *z, struct err *err);

/* For check-config and doctor: is there something wrong with the policy at PATH that is known before it is asked? */
int host_policy_try(const char *path, struct zygote *z, struct err *err);
/* The worker as `slipway-worker --policy PATH`: what is wrong on standard output. Status 0 or 1. */
int host_policy_main(int argc, char **argv);
