/* script/lib_socket.c - slipway.socket: connect, and what a connection can do. wait is Lua. */
#include "script/line_client.h"
#include "script/script_internal.h"
#include "script/script_libs.h"

#include "util/auto.h"

#include <stdio.h>

#define CLASS	  "slipway.Connection" /* as the stubs call it */
#define CONNECT	  "slipway.socket.connect"
#define TIMEOUT_S 30

/* HELD is NULL before it is connected and after it is closed. */
struct box {
	struct line_client *held;
};

/* FN is "slipway.Connection:send". */
static struct line_client *check_client(lua_State *L, const char *fn)
{
	struct box *b = script_argument_self(L, fn, CLASS);

	if (!b->held)
		(void)script_misuse(L, "%s: self: open connection expected, got one that is closed", fn);
	return b->held;
}

/* A port is a number or a name ("http"). TEXT takes the number. */
static const char *take_port(lua_State *L, char *text, size_t size)
{
	int is_integer = 0;

	if (script_push_option(L, 1, "port") != LUA_TNUMBER) {
		lua_pop(L, 1);
		return script_option_string(L, 1, CONNECT, "port", NULL);
	}

	lua_Integer port = lua_tointegerx(L, -1, &is_integer);

	if (!is_integer || port < 1 || port > 65535)
		(void)script_misuse(L, CONNECT ": port: 1 to 65535 or a name expected, got %s", lua_tostring(L, -1));
	(void)snprintf(text, size, "%d", (int)port);
	lua_pop(L, 1);
	return text;
}

/* What there is of an address, for the message that it is not one way. */
static const char *name_given(const struct line_address *a)
{
	static const char *const names[] = { "neither", "port=",	   "host=",	      "host= and port=",
					     "path=",	"path= and port=", "path= and host=", "both" };

	return names[(a->path ? 4 : 0) + (a->host ? 2 : 0) + (a->port ? 1 : 0)];
}

static int l_connect(lua_State *L) /* connect{path= or host=, port=, timeout=} -> connection */
{
	static const char *const known[] = { "path", "host", "port", "timeout", NULL };
	struct line_limits limits = { .give_up = script_must_end, .context = script_of(L) };
	struct line_address a = { 0 };
	struct err err = ERR_INIT;
	char port[16];

	script_argument_table(L, 1, CONNECT, "options");
	script_check_options(L, 1, CONNECT, known);
	a.path = script_option_string(L, 1, CONNECT, "path", NULL);
	a.host = script_option_string(L, 1, CONNECT, "host", NULL);
	a.port = take_port(L, port, sizeof(port));
	limits.timeout_ms = script_milliseconds(L, script_option_number(L, 1, CONNECT, "timeout", TIMEOUT_S),
						CONNECT ": timeout");
	if (a.path ? a.host || a.port : !a.host || !a.port)
		return script_misuse(L,
				     CONNECT ": path, host, port: path= of a Unix socket, or host= and port= expected, "
					     "got %s",
				     name_given(&a));
	if (limits.timeout_ms < 1)
		return script_misuse(L, CONNECT ": timeout: more than 0 seconds expected, got 0");
	if (script_stands_in(L, CONNECT, 1))
		return lua_gettop(L);

	struct box *b = lua_newuserdatauv(L, sizeof(*b), 0);

	b->held = NULL;
	luaL_setmetatable(L, CLASS);
	script_check_end(L);
	if (line_client_open(&a, &limits, &b->held, &err) < 0) {
		script_check_end(L);
		return script_raise(L, &err);
	}
	return 1;
}

static int l_send(lua_State *L) /* connection:send(text) -> connection */
{
	struct line_client *c = check_client(L, CLASS ":send");
	struct err err = ERR_INIT;
	size_t len;
	const char *text = script_argument_string(L, 2, CLASS ":send", "text", &len);

	if (line_client_send(c, text, len, &err) < 0) {
		script_check_end(L);
		return script_raise(L, &err);
	}
	lua_settop(L, 1);
	return 1;
}

/* R is what one of the functions that take bytes returned. */
static int give(lua_State *L, int r, const char *bytes, size_t len, const struct err *err)
{
	if (r < 0) {
		script_check_end(L);
		return script_raise(L, err);
	}
	if (r)
		lua_pushlstring(L, bytes, len);
	else
		lua_pushnil(L);
	return 1;
}

static int l_line(lua_State *L) /* connection:line() -> text without its end, nil: the other side has ended */
{
	struct line_client *c = check_client(L, CLASS ":line");
	struct err err = ERR_INIT;
	const char *bytes = NULL;
	size_t len = 0;
	int r = line_client_line(c, &bytes, &len, &err);

	return give(L, r, bytes, len, &err);
}

static int l_read(lua_State *L) /* connection:read(count) -> text, nil: the other side has ended */
{
	struct line_client *c = check_client(L, CLASS ":read");
	lua_Integer count = script_argument_integer(L, 2, CLASS ":read", "count");
	struct err err = ERR_INIT;
	const char *bytes = NULL;
	size_t len = 0;

	if (count < 1 || count > LINE_CLIENT_MAX_ALL)
		return script_misuse(L, CLASS ":read: count: 1 to %u bytes expected, got %lld", LINE_CLIENT_MAX_ALL,
				     (long long)count);

	int r = line_client_read(c, (size_t)count, &bytes, &len, &err);

	return give(L, r, bytes, len, &err);
}

static int l_all(lua_State *L) /* connection:all() -> text, perhaps "" */
{
	struct line_client *c = check_client(L, CLASS ":all");
	struct err err = ERR_INIT;
	const char *bytes = NULL;
	size_t len = 0;
	int r = line_client_all(c, &bytes, &len, &err);

	return give(L, r, bytes, len, &err);
}

static int l_close(lua_State *L) /* connection:close(), __close, __gc: twice is fine */
{
	struct box *b = script_argument_self(L, CLASS ":close", CLASS);

	line_client_free(TAKE_PTR(b->held));
	return 0;
}

static const luaL_Reg functions[] = { { "connect", l_connect }, { NULL, NULL } };
static const luaL_Reg methods[] = { { "all", l_all },	{ "close", l_close }, { "line", l_line },
				    { "read", l_read }, { "send", l_send },   { NULL, NULL } };
static const luaL_Reg meta[] = { { "__close", l_close }, { "__gc", l_close }, { NULL, NULL } };

static void open_socket(lua_State *L)
{
	script_lazy(L, "socket.");
	luaL_newmetatable(L, CLASS);
	luaL_setfuncs(L, meta, 0);
	luaL_newlib(L, methods);
	lua_setfield(L, -2, "__index");
	lua_pushliteral(L, CLASS);
	lua_setfield(L, -2, "__metatable"); /* a script sees this instead, and cannot change the class */
	lua_pop(L, 1);
}

const struct script_lib lib_socket = { "socket", functions, open_socket };
