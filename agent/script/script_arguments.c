/* script/script_arguments.c - the checks of arguments and options, and the one form of what is wrong with them. */
#include "script/script_internal.h"

#include <math.h>
#include <string.h>

#define YEAR_S	(366.0 * 86400)
#define NO_NULS "string without a NUL byte expected, got one"

static void wrong_type(lua_State *L, int index, const char *fn, const char *name, const char *expected)
{
	(void)script_misuse(L, "%s: %s: %s expected, got %s", fn, name, expected, luaL_typename(L, index));
}

const char *script_argument_string(lua_State *L, int index, const char *fn, const char *name, size_t *len)
{
	size_t n;
	const char *text = lua_tolstring(L, index, &n);

	if (!text)
		wrong_type(L, index, fn, name, "string");
	else if (len)
		*len = n;
	else if (strlen(text) != n)
		(void)script_misuse(L, "%s: %s: " NO_NULS, fn, name);
	return text;
}

double script_argument_number(lua_State *L, int index, const char *fn, const char *name)
{
	if (!lua_isnumber(L, index))
		wrong_type(L, index, fn, name, "number");
	return lua_tonumber(L, index);
}

lua_Integer script_argument_integer(lua_State *L, int index, const char *fn, const char *name)
{
	int is_integer = 0;
	lua_Integer value = lua_tointegerx(L, index, &is_integer);

	if (!lua_isnumber(L, index))
		wrong_type(L, index, fn, name, "integer");
	else if (!is_integer)
		(void)script_misuse(L, "%s: %s: integer expected, got %s", fn, name, lua_tostring(L, index));
	return value;
}

void script_argument_table(lua_State *L, int index, const char *fn, const char *name)
{
	if (!lua_istable(L, index))
		wrong_type(L, index, fn, name, "table");
}

void script_argument_any(lua_State *L, int index, const char *fn, const char *name)
{
	if (lua_isnone(L, index))
		wrong_type(L, index, fn, name, "value");
}

void *script_argument_self(lua_State *L, const char *fn, const char *class)
{
	void *self = luaL_testudata(L, 1, class);

	if (!self)
		wrong_type(L, 1, fn, "self", class);
	return self;
}

static bool is_known(const char *key, const char *const *known)
{
	for (; *known; known++)
		if (!strcmp(key, *known))
			return true;
	return false;
}

/* "shell, timeout, cwd", pushed. */
static const char *push_known(lua_State *L, const char *const *known)
{
	luaL_Buffer b;

	luaL_buffinit(L, &b);
	for (size_t i = 0; known[i]; i++) {
		luaL_addstring(&b, i ? ", " : "");
		luaL_addstring(&b, known[i]);
	}
	luaL_pushresult(&b);
	return lua_tostring(L, -1);
}

void script_check_options(lua_State *L, int index, const char *fn, const char *const *known)
{
	if (lua_isnoneornil(L, index))
		return;
	script_argument_table(L, index, fn, "options");
	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
		const char *key = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;

		if (key && !is_known(key, known))
			(void)script_misuse(L, "%s: there is no option '%s', only %s", fn, key, push_known(L, known));
	}
}

int script_push_option(lua_State *L, int index, const char *name)
{
	if (!lua_istable(L, index)) {
		lua_pushnil(L);
		return LUA_TNIL;
	}
	lua_pushstring(L, name);
	return lua_rawget(L, index);
}

/* Push the field. false: absent, and nothing is pushed. */
static bool get_option(lua_State *L, int index, const char *fn, const char *name, int type)
{
	if (script_push_option(L, index, name) == LUA_TNIL) {
		lua_pop(L, 1);
		return false;
	}
	if (lua_type(L, -1) != type)
		wrong_type(L, -1, fn, name, lua_typename(L, type));
	return true;
}

double script_option_number(lua_State *L, int index, const char *fn, const char *name, double fallback)
{
	if (!get_option(L, index, fn, name, LUA_TNUMBER))
		return fallback;
	fallback = lua_tonumber(L, -1);
	lua_pop(L, 1);
	return fallback;
}

const char *script_option_string(lua_State *L, int index, const char *fn, const char *name, size_t *len)
{
	if (!get_option(L, index, fn, name, LUA_TSTRING))
		return NULL;

	const char *text = lua_tolstring(L, -1, len);

	if (!len && strlen(text) != lua_rawlen(L, -1))
		(void)script_misuse(L, "%s: %s: " NO_NULS, fn, name);
	lua_pop(L, 1);
	return text;
}

bool script_option_bool(lua_State *L, int index, const char *fn, const char *name)
{
	if (!get_option(L, index, fn, name, LUA_TBOOLEAN))
		return false;

	bool value = lua_toboolean(L, -1);

	lua_pop(L, 1);
	return value;
}

int64_t script_milliseconds(lua_State *L, double seconds, const char *what)
{
	if (!(seconds >= 0) || seconds > YEAR_S)
		(void)script_misuse(L, "%s: seconds from 0 to a year expected, got %g", what, seconds);
	return (int64_t)ceil(seconds * 1000);
}
