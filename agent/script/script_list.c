/* script/script_list.c - which tables are lists. */
#include "script/script_internal.h"

#include <string.h>

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

static bool is_item(lua_State *L, int key, lua_Integer count)
{
	return lua_isinteger(L, key) && lua_tointeger(L, key) >= 1 && lua_tointeger(L, key) <= count;
}

lua_Integer script_check_list(lua_State *L, int index, const char *fn)
{
	lua_Integer n = (lua_Integer)lua_rawlen(L, index), seen = 0;
	bool items = true;

	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1), seen++)
		items = items && is_item(L, -2, n);
	if (!items || seen != n)
		(void)script_misuse(L, "%s: a list (1 to n) or texts as keys expected, got both or a gap", fn);
	return n;
}

void script_check_key(lua_State *L, int index, const char *fn)
{
	if (lua_type(L, index) != LUA_TSTRING)
		(void)script_misuse(L, "%s: a list (1 to n) or texts as keys expected, got %s", fn,
				    luaL_tolstring(L, index, NULL));
	else if (strlen(lua_tostring(L, index)) != lua_rawlen(L, index))
		(void)script_misuse(L, "%s: keys without a NUL byte expected, got one", fn);
}
