/* lifecycle/hook_with.h - the arguments of a ready-made hook, on their way from its environment to slipway.with.
 *
 * In every text of theirs {{NAME}} stands for the variable NAME of the hook's environment (`vars:` of the host, `env`
 * of the appspec, --env), so that a port or the secret part of an address need not stand in a bundle.
 */
#pragma once

#include "util/err.h"

/* The arguments TEXT (JSON) with variables in their places. LOOK_UP gives the value of one, NULL: there is none. OUT is
 * the caller's. ERR_SCRIPT_FAILED: a variable is missing, or the texts become too long; ERR_STATE: TEXT is none. */
int hook_with_fill(const char *text, const char *(*look_up)(const char *name), char **out, struct err *err);
