/* worker/hook_try.h - what `slipway hook` execs: one hook, outside of any deployment. */
#pragma once

/* argv after "--hook":
 *   as-is FILE
 *	run FILE as Lua in this process, with its environment and folder; status: the script's
 *   try FILE EVENT TIMEOUT "" [NAME=VALUE]...
 *	run FILE as the agent would, output straight to ours; status: 0, 1, or 2 when these words are wrong
 *   use NAME EVENT TIMEOUT WITH [NAME=VALUE]...
 *	the same with a ready-made hook and its arguments in JSON; the working directory stands for its bundle */
int hook_try_main(int argc, char **argv);
