/* script/script_sandbox.c - the globals that a script sees, and where its `require` looks. */
#include "script/script_internal.h"

#include "util/auto.h"

#include <ctype.h>
#include <lualib.h>
#include <string.h>

#define REQUIRED      "slipway.required" /* in the registry: what `require` has loaded */
#define LOADING_CLASS "slipway.loading"

static const char being_loaded; /* its address, among what is required */

/* Names of libraries that stay; of the others nothing does. NULL keep: all. */
static const char *const os_keep[] = { "clock", "date", "difftime", "getenv", "time", NULL };
static const char *const debug_keep[] = { "traceback", NULL };

static const struct {
	const char *name;
	lua_CFunction open;
	const char *const *keep;
} libraries[] = {
	{ LUA_GNAME, luaopen_base, NULL },	 { LUA_COLIBNAME, luaopen_coroutine, NULL },
	{ LUA_TABLIBNAME, luaopen_table, NULL }, { LUA_STRLIBNAME, luaopen_string, NULL },
	{ LUA_MATHLIBNAME, luaopen_math, NULL }, { LUA_UTF8LIBNAME, luaopen_utf8, NULL },
	{ LUA_OSLIBNAME, luaopen_os, os_keep },	 { LUA_DBLIBNAME, luaopen_debug, debug_keep },
};

static void keep_only(lua_State *L, const char *const *keep)
{
	lua_newtable(L);
	for (; *keep; keep++) {
		lua_getfield(L, -2, *keep);
		lua_setfield(L, -2, *keep);
	}
	lua_remove(L, -2);
}

/* load(chunk, name, mode, env): whatever the mode, only text. */
static int l_load(lua_State *L)
{
	int n = lua_gettop(L);

	luaL_checkany(L, 1);
	if (n < 3)
		lua_settop(L, n = 3);
	lua_pushliteral(L, "t");
	lua_replace(L, 3);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, n, LUA_MULTRET);
	return lua_gettop(L);
}

/* Finalizers run where no deadline reaches them. */
static int l_setmetatable(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 2);
	if (lua_istable(L, 2)) {
		lua_pushliteral(L, "__gc");
		if (lua_rawget(L, 2) != LUA_TNIL)
			return script_misuse(L, "setmetatable: __gc is not available here: use a variable <close>");
		lua_pop(L, 1);
	}
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, 2, 1);
	return 1;
}

/* Lua calls message handlers, and closes the variables of a coroutine, where the error was raised: when that was in our
 * count hook, no hook is called any more and neither would ever be stopped. So when the time is over, neither is run.
 */
static int handler(lua_State *L)
{
	if (script_must_end(script_of(L)))
		return 1;
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, 1, 1);
	return 1;
}

static int l_xpcall(lua_State *L)
{
	luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_pushvalue(L, 2);
	lua_pushcclosure(L, handler, 1);
	lua_replace(L, 2);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
	return lua_gettop(L);
}

static int l_close(lua_State *L) /* coroutine.close */
{
	script_check_end(L);
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
	return lua_gettop(L);
}

static int l_wrapped(lua_State *L)
{
	lua_State *co = lua_tothread(L, lua_upvalueindex(1));
	int n = lua_gettop(L), results = 0;

	if (!lua_checkstack(co, n + 1))
		return luaL_error(L, "too many arguments to resume");
	if (lua_status(co) == LUA_OK && lua_gettop(co) == 0)
		return luaL_error(L, "cannot resume dead coroutine");
	lua_xmove(L, co, n);

	int status = lua_resume(co, L, n, &results);

	if (status == LUA_OK || status == LUA_YIELD) {
		luaL_checkstack(L, results + 1, "too many results to resume");
		lua_xmove(co, L, results);
		return results;
	}
	script_check_end(L);
	if (lua_status(co) != LUA_OK && lua_status(co) != LUA_YIELD) /* it failed now, not before */
		(void)lua_resetthread(co);
	lua_xmove(co, L, 1);
	return lua_error(L);
}

static int l_wrap(lua_State *L) /* coroutine.wrap */
{
	luaL_checktype(L, 1, LUA_TFUNCTION);

	lua_State *co = lua_newthread(L);

	lua_pushvalue(L, 1);
	lua_xmove(L, co, 1);
	lua_pushcclosure(L, l_wrapped, 1);
	return 1;
}

/* "a.b-c" to "a/b-c"; false: not a name of a module. */
static bool module_path(const char *name, char *out, size_t size)
{
	size_t n = strlen(name);

	if (!n || n + 10 > size || *name == '.' || name[n - 1] == '.' || strstr(name, ".."))
		return false;
	for (size_t i = 0; i <= n; i++) {
		if (name[i] && !isalnum((unsigned char)name[i]) && !strchr("_-.", name[i]))
			return false;
		out[i] = name[i] == '.' ? '/' : name[i];
	}
	return true;
}

static bool load_embedded(lua_State *L, const char *name)
{
	size_t len;
	const char *text = str_starts(name, "slipway.") ? script_embedded(name + strlen("slipway."), &len) : NULL;

	if (!text)
		return false;
	lua_pushfstring(L, "=%s.lua", name);
	script_load(L, text, len, lua_tostring(L, -1));
	return true;
}

static bool load_below(lua_State *L, int dir_fd, const char *path)
{
	struct err err = ERR_INIT;
	int found = 0;

	if (dir_fd < 0)
		return false;

	struct str *text = script_str(L, SCRIPT_MAX_SOURCE);

	found = script_read_source(dir_fd, path, text, &err);
	if (found < 0)
		(void)script_misuse(L, "require: %s", err.msg);
	if (!found)
		return false;
	lua_pushfstring(L, "@%s", path);
	script_load(L, str_text(text), text->len, lua_tostring(L, -1));
	script_drop(L, -3);
	return true;
}

/* Push the chunk of a module. */
static void find_module(lua_State *L, const char *name)
{
	const struct script *s = script_of(L);
	const int fds[] = { s->options.bundle_fd, s->options.library_fd };
	char path[256], file[300];

	if (!module_path(name, path, sizeof(path)))
		(void)script_misuse(L,
				    "require: '%s' is not a module: folders and the file's name joined by dots, "
				    "such as 'scripts.shared'",
				    name);
	if (load_embedded(L, name))
		return;
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		(void)snprintf(file, sizeof(file), "%s.lua", path);
		if (load_below(L, fds[i], file))
			return;
		(void)snprintf(file, sizeof(file), "%s/init.lua", path);
		if (load_below(L, fds[i], file))
			return;
	}
	(void)script_misuse(L,
			    "require: there is neither '%s.lua' nor '%s/init.lua' in the bundle or in slipway's "
			    "library; a name begins "
			    "at the top of the bundle, as in 'scripts.shared' for scripts/shared.lua",
			    path, path);
}

static bool is_being_loaded(lua_State *L, int index)
{
	return lua_islightuserdata(L, index) && lua_touserdata(L, index) == &being_loaded;
}

/* However the loading of the module at 1 ended: one that failed may be tried again. */
static int l_loaded(lua_State *L)
{
	luaL_getsubtable(L, LUA_REGISTRYINDEX, REQUIRED);
	lua_rawgeti(L, 1, 1);
	lua_pushvalue(L, -1);
	if (lua_rawget(L, -3) != LUA_TNIL && is_being_loaded(L, -1)) {
		lua_pop(L, 1);
		lua_pushnil(L);
		lua_rawset(L, -3);
	}
	return 0;
}

static int l_require(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);

	lua_settop(L, 1);
	luaL_getsubtable(L, LUA_REGISTRYINDEX, REQUIRED);
	if (lua_getfield(L, 2, name) != LUA_TNIL) {
		if (is_being_loaded(L, -1))
			return script_misuse(L, "require: '%s' needs itself while it is being loaded", name);
		return 1;
	}
	lua_pushlightuserdata(L, (void *)&being_loaded);
	lua_setfield(L, 2, name);
	lua_createtable(L, 1, 0);
	lua_pushstring(L, name);
	lua_rawseti(L, -2, 1);
	luaL_setmetatable(L, LOADING_CLASS);
	lua_toclose(L, -1);
	find_module(L, name);
	lua_pushvalue(L, 1);
	lua_call(L, 1, 1);
	if (lua_isnil(L, -1))
		lua_pushboolean(L, true);
	lua_pushvalue(L, -1);
	lua_setfield(L, 2, name);
	return 1;
}

/* For the functions written in Lua: raise a text as a mistake of the script, at the line that is its own. */
static int l_misuse(lua_State *L)
{
	return script_misuse(L, "%s", luaL_checkstring(L, 1));
}

/* slipway.NAME, or slipway.http.NAME, that is written in Lua: loaded when first asked for. */
static int l_lazy(lua_State *L)
{
	const char *key = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
	size_t len;

	luaL_checktype(L, 1, LUA_TTABLE); /* a script can find this function and call it itself */
	lua_settop(L, 2);
	lua_pushfstring(L, "%s%s", lua_tostring(L, lua_upvalueindex(1)), key);

	const char *name = lua_tostring(L, -1);
	const char *text = script_embedded(name, &len);

	if (!text)
		return 0;
	lua_pushfstring(L, "=slipway.%s.lua", name);
	script_load(L, text, len, lua_tostring(L, -1));
	lua_call(L, 0, 1);
	lua_pushvalue(L, 2);
	lua_pushvalue(L, -2);
	lua_rawset(L, 1);
	return 1;
}

void script_lazy(lua_State *L, const char *prefix)
{
	lua_createtable(L, 0, 1);
	lua_pushstring(L, prefix);
	lua_pushcclosure(L, l_lazy, 1);
	lua_setfield(L, -2, "__index");
	lua_setmetatable(L, -2);
}

static void wrap(lua_State *L, const char *name, lua_CFunction wrapper)
{
	lua_getglobal(L, name);
	lua_pushcclosure(L, wrapper, 1);
	lua_setglobal(L, name);
}

static void forget(lua_State *L, const char *name)
{
	lua_pushnil(L);
	lua_setglobal(L, name);
}

/* The same script asked the same thing answers the same: no clock, no chance, no environment, no files. */
void script_sandbox_open_pure(lua_State *L)
{
	static const luaL_Reg open[] = { { LUA_GNAME, luaopen_base },
					 { LUA_TABLIBNAME, luaopen_table },
					 { LUA_STRLIBNAME, luaopen_string },
					 { LUA_MATHLIBNAME, luaopen_math },
					 { LUA_UTF8LIBNAME, luaopen_utf8 } };
	static const char *const gone[] = { "collectgarbage", "dofile", "load", "loadfile", "print", "warn" };
	static const char *const unlucky[] = { "random", "randomseed" };

	for (size_t i = 0; i < ARRAY_LEN(open); i++) {
		luaL_requiref(L, open[i].name, open[i].func, 1);
		lua_pop(L, 1);
	}
	for (size_t i = 0; i < ARRAY_LEN(gone); i++)
		forget(L, gone[i]);
	lua_getglobal(L, "math");
	for (size_t i = 0; i < ARRAY_LEN(unlucky); i++) {
		lua_pushnil(L);
		lua_setfield(L, -2, unlucky[i]);
	}
	lua_getglobal(L, "string");
	lua_pushnil(L);
	lua_setfield(L, -2, "dump");
	lua_pop(L, 2);
	wrap(L, "setmetatable", l_setmetatable);
	wrap(L, "xpcall", l_xpcall);
}

void script_sandbox_open(lua_State *L)
{
	luaL_newmetatable(L, LOADING_CLASS);
	lua_pushcfunction(L, l_loaded);
	lua_setfield(L, -2, "__close");
	lua_pop(L, 1);
	for (size_t i = 0; i < ARRAY_LEN(libraries); i++) {
		luaL_requiref(L, libraries[i].name, libraries[i].open, 1);
		if (libraries[i].keep) {
			keep_only(L, libraries[i].keep);
			lua_pushvalue(L, -1);
			lua_setglobal(L, libraries[i].name);
		}
		lua_pop(L, 1);
	}
	forget(L, "dofile");
	forget(L, "loadfile");
	wrap(L, "load", l_load);
	wrap(L, "setmetatable", l_setmetatable);
	wrap(L, "xpcall", l_xpcall);
	lua_getglobal(L, "coroutine");
	lua_getfield(L, -1, "close");
	lua_pushcclosure(L, l_close, 1);
	lua_setfield(L, -2, "close");
	lua_pushcfunction(L, l_wrap);
	lua_setfield(L, -2, "wrap");
	lua_getglobal(L, "string");
	lua_pushnil(L);
	lua_setfield(L, -2, "dump"); /* nothing could load it */
	lua_pop(L, 2);
	lua_pushcfunction(L, l_require);
	lua_setglobal(L, "require");
	luaL_getsubtable(L, LUA_REGISTRYINDEX, REQUIRED);
	lua_pushcfunction(L, l_misuse);
	lua_setfield(L, -2, "slipway.internal.misuse");
	lua_pop(L, 1);

	lua_newtable(L);
	script_lazy(L, "");
	luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
	lua_pushvalue(L, -2);
	lua_setfield(L, -2, "slipway"); /* where messages about arguments look for names */
	lua_pop(L, 1);
	lua_pushvalue(L, -1);
	lua_setglobal(L, "slipway");
}
