/* script/script_stand_in.c - tests of hooks answer in place of the world. */
#include "script/script_internal.h"

#include <string.h>

#define STAND_INS "slipway.stand_ins" /* in the registry, out of reach of scripts: functions by name, "http.get" */

void script_set_stand_ins(lua_State *L)
{
	lua_setfield(L, LUA_REGISTRYINDEX, STAND_INS);
}

bool script_stands_in(lua_State *L, const char *fn, int count)
{
	int top = lua_gettop(L);

	luaL_checkstack(L, 3, fn);
	if (lua_getfield(L, LUA_REGISTRYINDEX, STAND_INS) != LUA_TTABLE ||
	    lua_getfield(L, -1, fn + strlen("slipway.")) != LUA_TFUNCTION) {
		lua_settop(L, top);
		return false;
	}
	lua_replace(L, top + 1);
	while (count && lua_isnoneornil(L, count))
		count--;
	lua_rotate(L, 1, 1);
	lua_settop(L, count + 1);
	lua_call(L, count, LUA_MULTRET);
	return true;
}
