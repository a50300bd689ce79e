/* worker/hook_test_case.h - one case of a test of hooks, in a process of its own.
 *
 * Two kinds of Lua states: that of the test has the library as it is and `slipway.test`; each hook it runs gets a fresh
 * one, as the agent would give it, but for the functions that reach outside of it: these ask the test (lua/test/).
 */
#pragma once

#include <jansson.h>
#include <stdint.h>

#define HOOK_TEST_LIST (-1)

struct hook_test_case {
	const char *path, *name; /* of the file: absolute, and as its bundle knows it */
	const char *bundle;	 /* absolute */
	int index;		 /* of the case in the file, from 0; HOOK_TEST_LIST: none is run, all are listed */
	int64_t timeout_ms;
	const char *folder; /* absolute: where it may make folders; not there before the first is asked for */
};

/* What became of it, a new reference: {"ok", "ran" (was there such a case?), "message", "action", "trace"}; when a hook
 * has run "log", the lines of the last one; of a listing also "cases": [{"name", "line"}]. */
json_t *hook_test_case_run(const struct hook_test_case *c);

/* A Lua file of ours (lua/test/NAME.lua); it is there. */
const char *hook_test_text(const char *name, size_t *len);
