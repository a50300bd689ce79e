/* worker/hook_try.h - what `slipway hook` execs: one hook, outside of any deployment. */
#pragma once

#include "appspec/appspec.h"
#include "lifecycle/hook_environment.h"

/* argv after "--hook":
 *   as-is FILE
 *	run FILE as Lua in this process, with its environment and folder; status: the script's
 *   try FILE EVENT TIMEOUT "" [NAME=VALUE]...
 *	run FILE as the agent would, output straight to ours; status: 0, 1, or 2 when these words are wrong
 *   use NAME EVENT TIMEOUT WITH [NAME=VALUE]...
 *	the same with a ready-made hook and its arguments in JSON; the working directory stands for its bundle
 *   test ...
 *	hook_test.h */
int hook_try_main(int argc, char **argv);

/* What SCRIPT of BUNDLE would see in a deployment called "try". VARIABLES: "NAME=VALUE", NULL-terminated. OUT may hold
 * something already. */
void hook_try_environment(const struct appspec_script *script, const char *bundle, const char *event,
			  char *const *variables, struct environment *out);
