/* script/script_list.c - which tables are lists. */
#include "script/script_internal.h"

#define LIST_CLASS "slipway.list" /* tells an empty list from an empty object */

void script_mark_list(lua_State *L)
{
	(void)luaL_newmetatable(L, LIST_CLASS); /* or the one that is there */
	lua_setmetatable(L, -2);
}

bool script_is_list(lua_State *L, int index)
{
	int top = lua_gettop(L);

	if (lua_rawlen(L, index))
		return true;
	if (!lua_getmetatable(L, index))
		return false;
	luaL_getmetatable(L, LIST_CLASS);

	bool same = lua_rawequal(L, -1, -2);

	lua_pushnil(L);
	if (same && lua_next(L, index))
		same = false; /* it was one, and was given keys since */
	lua_settop(L, top);
	return same;
}

lua_Integer script_check_list(lua_State *L, int index, const char *fn)
{
	lua_Integer n = (lua_Integer)lua_rawlen(L, index), seen = 0;

	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
		seen++;
	if (seen != n)
		(void)script_misuse(L, "%s: a table with list items and other keys, or a gap", fn);
	return n;
}
