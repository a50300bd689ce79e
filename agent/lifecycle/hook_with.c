/* lifecycle/hook_with.c - see hook_with.h. All here owns nothing: what it calls may raise. */
#include "lifecycle/hook_with.h"

#include "model/names.h"
#include "script/script.h"

#include <stdlib.h>
#include <string.h>

/* Push the value of the variable that begins at *P, behind "{{", and go behind its "}}". False: that is none. */
static bool push_variable(lua_State *L, const char **p)
{
	size_t len = strcspn(*p, "}");

	if (!name_is_variable(*p, len) || strncmp(*p + len, "}}", 2) != 0)
		return false;
	lua_pushlstring(L, *p, len);

	const char *name = lua_tostring(L, -1), *value = getenv(name);

	if (!value)
		(void)luaL_error(L,
				 "with: there is no variable '%s', which {{%s}} stands for: set it below 'vars' in the "
				 "configuration of the host, or below 'env' in the appspec",
				 name, name);
	lua_pop(L, 1);
	lua_pushstring(L, value);
	*p += len + 2;
	return true;
}

/* The text on top, with its variables in their places. */
static void fill_text(lua_State *L)
{
	const int text = lua_gettop(L);
	const char *p = lua_tostring(L, text), *open;
	luaL_Buffer b;

	if (!strstr(p, "{{"))
		return;
	luaL_buffinit(L, &b);
	while ((open = strstr(p, "{{"))) {
		luaL_addlstring(&b, p, (size_t)(open - p));
		p = open + 2;
		if (push_variable(L, &p))
			luaL_addvalue(&b);
		else
			luaL_addstring(&b, "{{");
	}
	luaL_addstring(&b, p);
	luaL_pushresult(&b);
	lua_replace(L, text);
	lua_settop(L, text);
}

/* The table on top, and all below it. */
static void fill_table(lua_State *L)
{
	luaL_checkstack(L, 8, "with");
	for (lua_pushnil(L); lua_next(L, -2);) { /* an existing field may be set meanwhile */
		if (lua_type(L, -1) == LUA_TTABLE)
			fill_table(L);
		else if (lua_type(L, -1) == LUA_TSTRING)
			fill_text(L);
		lua_pushvalue(L, -2);
		lua_insert(L, -2);
		lua_rawset(L, -4);
	}
}

void hook_with_push(lua_State *L, const char *json)
{
	if (!json) {
		lua_newtable(L);
		return;
	}
	lua_getfield(L, -1, "json");
	lua_getfield(L, -1, "decode");
	lua_remove(L, -2);
	lua_pushstring(L, json);
	lua_call(L, 1, 1);
	if (lua_type(L, -1) != LUA_TTABLE)
		(void)luaL_error(L, "SLIPWAY_WITH holds no arguments");
	fill_table(L);
}
