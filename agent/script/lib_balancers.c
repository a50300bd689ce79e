/* script/lib_balancers.c - slipway.haproxy and slipway.nginx: all of it is Lua, on top of socket, run and fs. */
#include "script/script_internal.h"
#include "script/script_libs.h"

static const luaL_Reg none[] = { { NULL, NULL } };

static void open_haproxy(lua_State *L)
{
	script_lazy(L, "haproxy.");
}

static void open_nginx(lua_State *L)
{
	script_lazy(L, "nginx.");
}

const struct script_lib lib_haproxy = { "haproxy", none, open_haproxy };
const struct script_lib lib_nginx = { "nginx", none, open_nginx };
