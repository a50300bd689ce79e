/* lifecycle/hook_with.h - slipway.with: the arguments of a ready-made hook, out of its environment.
 *
 * In every text of theirs {{NAME}} stands for the variable NAME of the hook's environment (`vars:` of the host, `env`
 * of the appspec, --env), so that a port or the secret part of an address need not stand in a bundle.
 */
#pragma once

#include <lua.h>

/* Push the table that JSON tells of (NULL: an empty one). Raises when a variable is missing or JSON is none. */
void hook_with_push(lua_State *L, const char *json);
