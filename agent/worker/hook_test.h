/* worker/hook_test.h - `slipway hook --test`: the cases of test files in Lua, each in a process of its own.
 *
 * A test file is Lua whose name ends in _test.lua; a folder stands for all that it and its folders hold. Each file is
 * loaded once to learn its cases, then anew for each. A case that does not come to its end is killed, and the next
 * runs.
 */
#pragma once

/* argv after "test": TIMEOUT "text"|"json" JUNIT FILTER PATH...
 * TIMEOUT: seconds for each case; JUNIT: a file to write, "": none; FILTER: only cases with this text in their name, in
 * whatever case it is written. Exit status: 0 all passed, 1 not, 2 wrong usage or
 * nothing to test, 130 or 143 when a signal came. */
int hook_test_main(int argc, char **argv);
