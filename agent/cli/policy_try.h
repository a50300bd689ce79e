/* cli/policy_try.h - is the policy of this host fit to be asked? For check-config and doctor.
 *
 * The worker reads and compiles it (worker/host_policy.h), since Lua is not linked into this program.
 */
#pragma once

#include "config/config.h"

/* 0: there is none, and none is needed; 1: it can be asked; -1: ERR says what is wrong with it. */
int policy_try(const struct config *c, struct err *err);
