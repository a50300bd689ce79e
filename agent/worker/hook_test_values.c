/* worker/hook_test_values.c - see hook_test_values.h.
 *
 * Reading a state raises nothing and takes no memory of it, so each half raises in one state only: arguments are copied
 * in a protected call of the test's, results in the hook, where its own pcall stands ready.
 */
#include "worker/hook_test_values.h"

#include "script/script.h"

#include <stdio.h>

#define MAX_DEPTH 50

static int call_test(lua_State *L);

struct crossing { /* one call, as the protected function in the test's state sees it */
	struct bridge *bridge;
	lua_State *hook;
	lua_Integer id;
	const char *place;
};

/* The number of a function of the test that came to the hook; 0: it is none. */
static lua_Integer id_of(lua_State *hook, int index)
{
	lua_Integer id = 0;

	if (lua_tocfunction(hook, index) == call_test && lua_getupvalue(hook, index, 2)) {
		id = lua_tointeger(hook, -1);
		lua_pop(hook, 1);
	}
	return id;
}

static void push_scalar(lua_State *from, int index, lua_State *to)
{
	size_t len;
	const char *text;

	switch (lua_type(from, index)) {
	case LUA_TBOOLEAN:
		lua_pushboolean(to, lua_toboolean(from, index));
		break;
	case LUA_TNUMBER:
		if (lua_isinteger(from, index))
			lua_pushinteger(to, lua_tointeger(from, index));
		else
			lua_pushnumber(to, lua_tonumber(from, index));
		break;
	case LUA_TSTRING:
		text = lua_tolstring(from, index, &len);
		lua_pushlstring(to, text, len);
		break;
	case LUA_TLIGHTUSERDATA:
		lua_pushlightuserdata(to, lua_touserdata(from, index));
		break;
	case LUA_TNIL:
	case LUA_TNONE:
		lua_pushnil(to);
		break;
	default:
		lua_pushfstring(to, "a %s", luaL_typename(from, index));
	}
}

static void copy(struct bridge *b, lua_State *from, int index, lua_State *to, int depth);

static void copy_table(struct bridge *b, lua_State *from, int index, lua_State *to, int depth)
{
	if (depth == MAX_DEPTH || !lua_checkstack(from, 4) || !lua_checkstack(to, 8))
		(void)luaL_error(to, "a table that is too deep, or holds itself, cannot cross between hook and test");
	lua_newtable(to);
	for (lua_pushnil(from); lua_next(from, index); lua_pop(from, 1)) {
		push_scalar(from, lua_gettop(from) - 1, to); /* a key is a text or a number in all that matters */
		copy(b, from, lua_gettop(from), to, depth + 1);
		lua_rawset(to, -3);
	}
}

static void copy_function(struct bridge *b, lua_State *from, int index, lua_State *to)
{
	lua_Integer id;

	if (to == b->test && (id = id_of(from, index))) {
		lua_rawgeti(to, LUA_REGISTRYINDEX, b->ids);
		lua_rawgeti(to, -1, id);
		lua_remove(to, -2);
	} else if (from == b->test) {
		lua_rawgeti(from, LUA_REGISTRYINDEX, b->ids);
		lua_pushvalue(from, index);
		lua_rawget(from, -2);
		id = lua_tointeger(from, -1);
		lua_pop(from, 2);
		bridge_push(to, b, id);
	} else {
		push_scalar(from, index, to);
	}
}

/* Push a copy of the value at INDEX (absolute). Raises in TO alone. */
static void copy(struct bridge *b, lua_State *from, int index, lua_State *to, int depth)
{
	if (lua_istable(from, index))
		copy_table(b, from, index, to, depth);
	else if (lua_isfunction(from, index))
		copy_function(b, from, index, to);
	else
		push_scalar(from, index, to);
}

static int ask(lua_State *test)
{
	const struct crossing *c = lua_touserdata(test, 1);
	int n = lua_gettop(c->hook);

	lua_settop(test, 0);
	luaL_checkstack(test, n + 4, "too many arguments");
	lua_rawgeti(test, LUA_REGISTRYINDEX, c->bridge->answer);
	lua_pushstring(test, c->place);
	lua_pushinteger(test, c->id);
	for (int i = 1; i <= n; i++)
		copy(c->bridge, c->hook, i, test, 0);
	lua_call(test, n + 2, LUA_MULTRET);
	return lua_gettop(test);
}

/* "scripts/check.lua:14" of the nearest line that is the hook's own. */
static void find_place(lua_State *hook, char *out, size_t size)
{
	lua_Debug ar;

	*out = '\0';
	for (int level = 0; !*out && lua_getstack(hook, level, &ar); level++)
		if (lua_getinfo(hook, "Sl", &ar) && ar.currentline > 0 && *ar.source == '@')
			(void)snprintf(out, size, "%s:%d", ar.short_src, ar.currentline);
}

/* In the hook: ask the test what this call gives. */
static int call_test(lua_State *L)
{
	struct bridge *b = lua_touserdata(L, lua_upvalueindex(1));
	lua_State *test = b->test;
	char place[LUA_IDSIZE + 16], why[200];
	const struct crossing c = { b, L, lua_tointeger(L, lua_upvalueindex(2)), place };
	int n = lua_gettop(L), top = lua_gettop(test);

	script_check_end(L);
	find_place(L, place, sizeof(place));
	if (!lua_checkstack(test, n + 20) || !lua_checkstack(L, 20))
		return luaL_error(L, "too many arguments");
	lua_pushcfunction(test, ask);
	lua_pushlightuserdata(test, (void *)&c);
	if (lua_pcall(test, 1, LUA_MULTRET, 0) != LUA_OK) {
		const char *text = lua_type(test, -1) == LUA_TSTRING ? lua_tostring(test, -1) : "the test is over";

		(void)snprintf(why, sizeof(why), "%s", text);
		lua_settop(test, top);
		script_check_end(L);
		return script_raise_kind(L, "fail", "%s", why);
	}

	int results = lua_gettop(test) - top;

	luaL_checkstack(L, results + 4, "too many results");
	for (int i = top + 1; i <= top + results; i++)
		copy(b, test, i, L, 0);
	lua_settop(test, top);
	if (lua_toboolean(L, n + 1))
		return results - 1;
	return script_raise_kind(L, luaL_checkstring(L, n + 2), "%s", luaL_checkstring(L, n + 3));
}

void bridge_push(lua_State *hook, struct bridge *bridge, lua_Integer id)
{
	lua_pushlightuserdata(hook, bridge);
	lua_pushinteger(hook, id);
	lua_pushcclosure(hook, call_test, 2);
}
