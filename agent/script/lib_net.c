/* script/lib_net.c - slipway.http. */
#include "net/http.h"
#include "script/script_internal.h"
#include "script/script_libs.h"

#include "util/auto.h"

#include <string.h>

#define FN	   "slipway.http.get"
#define TIMEOUT_S  30
#define MAX_HEADER 200

static void done_response(void *bytes)
{
	http_response_done(bytes);
}

static bool is_token(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if (*s <= ' ' || *s == ':' || *s == 0x7f)
			return false;
	return true;
}

/* The option `headers`, as lines that lie in memory of Lua. NULL: none. */
static const char *const *take_headers(lua_State *L)
{
	size_t n = 0;

	if (script_push_option(L, 2, "headers") == LUA_TNIL)
		return NULL;
	if (!lua_istable(L, -1))
		(void)script_misuse(L, FN ": headers: table expected, got %s", luaL_typename(L, -1));

	int headers = lua_gettop(L);
	const char **list = lua_newuserdatauv(L, (MAX_HEADER + 1) * sizeof(*list), 0);

	memset(list, 0, (MAX_HEADER + 1) * sizeof(*list));
	lua_newtable(L);
	for (lua_pushnil(L); lua_next(L, headers); lua_pop(L, 1)) {
		if (lua_type(L, -2) != LUA_TSTRING || !is_token(lua_tostring(L, -2)))
			(void)script_misuse(L, FN ": headers: names expected as keys");
		if (lua_type(L, -1) != LUA_TSTRING || strpbrk(lua_tostring(L, -1), "\r\n"))
			(void)script_misuse(L, FN ": headers: %s: text of one line expected", lua_tostring(L, -2));
		if (n == MAX_HEADER)
			(void)script_misuse(L, FN ": headers: at most %d", MAX_HEADER);
		lua_pushfstring(L, "%s: %s", lua_tostring(L, -2), lua_tostring(L, -1));
		list[n++] = lua_tostring(L, -1);
		lua_rawseti(L, headers + 2, (lua_Integer)n);
	}
	return list;
}

/* Several of one name are joined, as RFC 9110 section 5.2 says. */
static void push_headers(lua_State *L, const struct str *headers)
{
	const char *p = str_text(headers);

	lua_newtable(L);
	while (*p) {
		size_t len = strcspn(p, "\n"), name = strcspn(p, ":");
		size_t blank = name + 1 + strspn(p + name + 1, " \t");

		if (blank > len)
			blank = len;
		lua_pushlstring(L, p, name);
		lua_pushvalue(L, -1);
		if (lua_rawget(L, -3) == LUA_TSTRING)
			lua_pushliteral(L, ", ");
		else
			lua_pop(L, 1), lua_pushliteral(L, ""), lua_pushliteral(L, "");
		lua_pushlstring(L, p + blank, len - blank);
		lua_concat(L, 3);
		lua_rawset(L, -3);
		p += len + (p[len] == '\n');
	}
}

static int l_get(lua_State *L) /* get(url, {timeout, headers, max_body, redirects}) -> { status, body, headers } */
{
	static const char *const known[] = { "timeout", "headers", "max_body", "redirects", NULL };
	struct http_request request = { .url = luaL_checkstring(L, 1),
					.give_up = script_must_end,
					.context = script_of(L) };
	struct err err = ERR_INIT;

	lua_settop(L, 2);
	script_check_options(L, 2, FN, known);
	request.timeout_ms = script_milliseconds(L, script_option_number(L, 2, FN, "timeout", TIMEOUT_S),
						 FN ": timeout");

	double max = script_option_number(L, 2, FN, "max_body", HTTP_MAX_BODY);
	double redirects = script_option_number(L, 2, FN, "redirects", HTTP_MAX_REDIRECTS);

	if (request.timeout_ms < 1)
		return script_misuse(L, FN ": timeout: more than 0 expected");
	if (!(max >= 0) || max > HTTP_MAX_BODY)
		return script_misuse(L, FN ": max_body: 0 to %u bytes expected", HTTP_MAX_BODY);
	if (!(redirects >= 0) || redirects > 50)
		return script_misuse(L, FN ": redirects: 0 to 50 expected");
	request.max_body = (size_t)max;
	request.max_redirects = (int)redirects;
	request.headers = take_headers(L);

	struct http_response *response = script_hold(L, sizeof(*response), done_response);
	int at = lua_gettop(L);

	if (http_get(&request, response, &err) < 0) {
		script_check_end(L);
		return script_raise(L, &err);
	}
	lua_createtable(L, 0, 3);
	lua_pushinteger(L, response->status);
	lua_setfield(L, -2, "status");
	lua_pushlstring(L, str_text(&response->body), response->body.len);
	lua_setfield(L, -2, "body");
	push_headers(L, &response->headers);
	lua_setfield(L, -2, "headers");
	script_drop(L, at);
	return 1;
}

static const luaL_Reg functions[] = { { "get", l_get }, { NULL, NULL } };

static void open_net(lua_State *L)
{
	script_lazy(L, "http.");
}

const struct script_lib lib_net = { "http", functions, open_net };
