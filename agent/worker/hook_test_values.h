/* worker/hook_test_values.h - values and calls that cross from the Lua state of a hook to that of its test.
 *
 * What crosses is copied: nil, booleans, numbers, texts, light userdata, and tables of these. A function of the test
 * becomes a function in the hook that calls it; on its way back it is the test's own again. Any other function or
 * object of the hook arrives as a text that tells its type. Metatables stay behind.
 */
#pragma once

#include <lua.h>

struct bridge {
	lua_State *test; /* waits in a call of C while the hook runs */
	int answer;	 /* in its registry: function(place, id, ...) -> true, results... | false, kind, message */
	int ids;	 /* in its registry: a table from each function that may cross to its number, and back */
};

/* Push a function on the stack of HOOK that calls bridge->answer with ID. BRIDGE is borrowed for as long as HOOK lives.
 * May raise there. */
void bridge_push(lua_State *hook, struct bridge *bridge, lua_Integer id);
