/* script/lib_lock.c - slipway.fs.lock. */
#include "script/file_lock.h"
#include "script/script_internal.h"
#include "script/script_libs.h"

#include "util/auto.h"

#define CLASS	  "slipway.fs lock"
#define FN	  "slipway.fs.lock"
#define TIMEOUT_S 60

/* HELD is NULL before it is taken and after it is given back. */
struct box {
	struct file_lock *held;
};

static int l_lock(lua_State *L) /* lock(path, {timeout = 60}) -> lock */
{
	static const char *const known[] = { "timeout", NULL };
	struct err err = ERR_INIT;
	const char *path = script_argument_path(L, 1, FN, "path");

	script_check_options(L, 2, FN, known);

	int64_t timeout_ms = script_milliseconds(L, script_option_number(L, 2, FN, "timeout", TIMEOUT_S),
						 FN ": timeout");
	struct box *b = lua_newuserdatauv(L, sizeof(*b), 0);

	b->held = NULL;
	luaL_setmetatable(L, CLASS);
	script_check_end(L);
	if (file_lock_take(path, timeout_ms, script_must_end, script_of(L), &b->held, &err) < 0) {
		script_check_end(L);
		return script_raise(L, &err);
	}
	return 1;
}

static int l_release(lua_State *L) /* lock:release(), __close, __gc: twice is fine */
{
	struct box *b = script_argument_self(L, "slipway.Lock:release", CLASS);

	file_lock_free(TAKE_PTR(b->held));
	return 0;
}

static const luaL_Reg functions[] = { { "lock", l_lock }, { NULL, NULL } };
static const luaL_Reg methods[] = { { "release", l_release }, { NULL, NULL } };
static const luaL_Reg meta[] = { { "__close", l_release }, { "__gc", l_release }, { NULL, NULL } };

void lib_lock_open(lua_State *L)
{
	luaL_setfuncs(L, functions, 0);
	luaL_newmetatable(L, CLASS);
	luaL_setfuncs(L, meta, 0);
	luaL_newlib(L, methods);
	lua_setfield(L, -2, "__index");
	lua_pushliteral(L, CLASS);
	lua_setfield(L, -2, "__metatable"); /* a script sees this instead, and cannot change the class */
	lua_pop(L, 1);
}
