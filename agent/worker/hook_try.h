/* worker/hook_try.h - what `slipway hook` execs: one hook, outside of any deployment. */
#pragma once

#include "appspec/appspec.h"
#include "lifecycle/hook_environment.h"

/* argv after "--hook":
 *   as-is FILE
 *	run FILE as Lua in this process, with its environment and folder; status: the script's
 *   try FILE EVENT TIMEOUT "" GROUP [NAME=VALUE]...
 *	run FILE as the agent would, output straight to ours; status: 0, 1, or 2 when these words are wrong. GROUP "":
 *	none of this host's; else HOOK_TRY_VARS of the environment has its variables
 *   use NAME EVENT TIMEOUT WITH GROUP [NAME=VALUE]...
 *	the same with a ready-made hook and its arguments in JSON; the working directory stands for its bundle
 *   test ...
 *	hook_test.h */
int hook_try_main(int argc, char **argv);

/* The variables of the host for the group, a JSON list of "NAME=VALUE": not among the words, which everybody sees. */
#define HOOK_TRY_VARS "SLIPWAY_TRY_VARS"

/* A deployment that there is none of. Lists are of "NAME=VALUE", NULL-terminated; all is borrowed. */
struct hook_scene {
	const char *bundle, *event;
	const char *group; /* NULL: "try" */
	char **host;	   /* variables of the host; NULL: none */
	char *const *own;  /* those of this run; NULL: none */
};
/* What SCRIPT would see in it. OUT may hold something already. */
void hook_try_environment(const struct appspec_script *script, const struct hook_scene *scene, struct environment *out);
