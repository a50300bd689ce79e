/* script/lib_net.c - slipway.http: its Lua half. */
#include "script/http_call.h"
#include "script/script_internal.h"
#include "script/script_libs.h"

#include "util/auto.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TIMEOUT_S   30
#define MAX_HEADERS 200
#define MAX_FIELDS  1000
#define FILE_BODY   (1024.0 * 1024 * 1024) /* bytes of an answer that goes to a file, when nothing is said */
#define MAX_FILE    (1024 * FILE_BODY)

static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" };

/* A request that is being read from its options. What it borrows lies on the stack or in the table. */
struct asking {
	const char *fn; /* "slipway.http.get" */
	int options;	/* where the table is, or nothing */
	struct http_call *call;
};

static void done_call(void *bytes)
{
	http_call_done(bytes);
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

/* The option `headers` as lines, which a table below the list keeps. TYPE: of the content, where they name none; NULL:
 * there is nothing to name. */
static const char *const *take_headers(lua_State *L, const struct asking *a, const char *type)
{
	size_t n = 0;
	int headers;

	if (script_push_option(L, a->options, "headers") == LUA_TNIL)
		lua_newtable(L);
	script_argument_table(L, -1, a->fn, "headers");
	headers = lua_gettop(L);

	const char **list = lua_newuserdatauv(L, (MAX_HEADERS + 2) * sizeof(*list), 0);

	memset(list, 0, (MAX_HEADERS + 2) * sizeof(*list));
	lua_newtable(L);
	for (lua_pushnil(L); lua_next(L, headers); lua_pop(L, 1)) {
		if (lua_type(L, -2) != LUA_TSTRING || !is_token(lua_tostring(L, -2)))
			(void)script_misuse(L, "%s: headers: names as keys expected, got '%s'", a->fn,
					    luaL_tolstring(L, -2, NULL));
		if (lua_type(L, -1) != LUA_TSTRING || strpbrk(lua_tostring(L, -1), "\r\n"))
			(void)script_misuse(L, "%s: headers: %s: text of one line expected, got %s", a->fn,
					    lua_tostring(L, -2),
					    lua_type(L, -1) == LUA_TSTRING ? "several" : luaL_typename(L, -1));
		if (n == MAX_HEADERS)
			(void)script_misuse(L, "%s: headers: at most %d of them expected, got more", a->fn,
					    MAX_HEADERS);
		if (!strcasecmp(lua_tostring(L, -2), "content-type"))
			type = NULL;
		lua_pushfstring(L, "%s: %s", lua_tostring(L, -2), lua_tostring(L, -1));
		list[n++] = lua_tostring(L, -1);
		lua_rawseti(L, headers + 2, (lua_Integer)n);
	}
	if (type) {
		lua_pushfstring(L, "Content-Type: %s", type);
		list[n++] = lua_tostring(L, -1);
		lua_rawseti(L, headers + 2, (lua_Integer)n);
	}
	return list;
}

/* Push the string at INDEX with all but RFC 3986's unreserved characters as %XX. */
static void push_encoded(lua_State *L, int index)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t len, n = 0;
	const char *text = lua_tolstring(L, index, &len);
	char *out = lua_newuserdatauv(L, 3 * len + 1, 0);

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x80 && (isalnum(c) || (c && strchr("-._~", c)))) {
			out[n++] = text[i];
		} else {
			out[n++] = '%';
			out[n++] = digits[c >> 4];
			out[n++] = digits[c & 15];
		}
	}
	lua_pushlstring(L, out, n);
	lua_remove(L, -2);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names of the table at FORM in their order, in memory of Lua that is pushed. */
static const char **push_names(lua_State *L, const struct asking *a, int form, size_t *count)
{
	const char **names = lua_newuserdatauv(L, MAX_FIELDS * sizeof(*names), 0);
	size_t n = 0;

	for (lua_pushnil(L); lua_next(L, form); lua_pop(L, 1)) {
		if (lua_type(L, -2) != LUA_TSTRING)
			(void)script_misuse(L, "%s: form: names as keys expected, got %s", a->fn, luaL_typename(L, -2));
		if (n == MAX_FIELDS)
			(void)script_misuse(L, "%s: form: at most %d fields expected, got more", a->fn, MAX_FIELDS);
		names[n++] = lua_tostring(L, -2);
	}
	qsort(names, n, sizeof(*names), compare_names);
	*count = n;
	return names;
}

/* "a=1&b=2" of the table on top, in its place. */
static void encode_form(lua_State *L, const struct asking *a)
{
	int form = lua_gettop(L);
	size_t n;

	script_argument_table(L, form, a->fn, "form");

	const char **names = push_names(L, a, form, &n);

	lua_pushliteral(L, "");
	for (size_t i = 0; i < n; i++) {
		lua_pushstring(L, names[i]);
		lua_pushvalue(L, -1);
		if (lua_rawget(L, form) != LUA_TSTRING && !lua_isnumber(L, -1))
			(void)script_misuse(L, "%s: form: %s: text or number expected, got %s", a->fn, names[i],
					    luaL_typename(L, -1));
		push_encoded(L, -2);
		lua_pushliteral(L, "=");
		push_encoded(L, -3);
		lua_concat(L, 3);
		lua_replace(L, -3);
		lua_pop(L, 1);
		lua_pushstring(L, i ? "&" : "");
		lua_insert(L, -2);
		lua_concat(L, 3);
	}
	lua_replace(L, form);
	lua_settop(L, form);
}

/* Of `body`, `json` and `form` the one that is there; pushed. Returns the type of its content, NULL: none is there. */
static const char *take_body(lua_State *L, const struct asking *a)
{
	static const struct {
		const char *option, *type;
	} kinds[] = { { "body", "application/octet-stream" },
		      { "json", "application/json" },
		      { "form", "application/x-www-form-urlencoded" } };
	struct http_request *r = &a->call->request;
	int top = lua_gettop(L);
	size_t kind = 0;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (script_push_option(L, a->options, kinds[i].option) == LUA_TNIL)
			lua_pop(L, 1);
		else
			kind = i;
	}
	if (lua_gettop(L) == top)
		return NULL;
	if (lua_gettop(L) > top + 1)
		(void)script_misuse(L, "%s: body, json, form: one of them expected, got %d", a->fn,
				    lua_gettop(L) - top);
	if (!strcmp(r->method, "HEAD"))
		(void)script_misuse(L, "%s: %s: nothing (HEAD sends none) expected, got %s", a->fn, kinds[kind].option,
				    luaL_typename(L, -1));
	if (kind == 1) {
		lua_pushfstring(L, "%s: json", a->fn);
		lua_insert(L, -2);
		script_json_encode(L, lua_gettop(L), lua_tostring(L, -2));
	} else if (kind == 2) {
		encode_form(L, a);
	} else if (lua_type(L, -1) != LUA_TSTRING) {
		(void)script_misuse(L, "%s: body: string expected, got %s", a->fn, luaL_typename(L, -1));
	}
	r->body = lua_tolstring(L, -1, &r->body_len);
	return kinds[kind].type;
}

static int check_status(lua_State *L, const struct asking *a)
{
	lua_Integer status = lua_type(L, -1) == LUA_TNUMBER ? lua_tointeger(L, -1) : 0;

	if (status < 100 || status > 599)
		(void)script_misuse(L, "%s: expect: a status from 100 to 599 or a list of them expected, got %s", a->fn,
				    luaL_tolstring(L, -1, NULL));
	return (int)status;
}

static void take_expect(lua_State *L, const struct asking *a)
{
	struct http_call *call = a->call;
	int type = script_push_option(L, a->options, "expect");

	if (type == LUA_TTABLE) {
		lua_Unsigned n = lua_rawlen(L, -1);

		if (n < 1 || n > HTTP_MAX_EXPECT)
			(void)script_misuse(L, "%s: expect: 1 to %d of them expected, got %u", a->fn, HTTP_MAX_EXPECT,
					    (unsigned)n);
		for (lua_Unsigned i = 1; i <= n; i++) {
			lua_rawgeti(L, -1, (lua_Integer)i);
			call->expect[call->expect_count++] = check_status(L, a);
			lua_pop(L, 1);
		}
	} else if (type != LUA_TNIL) {
		call->expect[call->expect_count++] = check_status(L, a);
	}
	lua_pop(L, 1);
}

static int64_t take_time(lua_State *L, const struct asking *a, const char *name, double fallback)
{
	double seconds = script_option_number(L, a->options, a->fn, name, fallback);

	lua_pushfstring(L, "%s: %s", a->fn, name);

	int64_t ms = script_milliseconds(L, seconds, lua_tostring(L, -1));

	if (ms < 1)
		(void)script_misuse(L, "%s: more than 0 seconds expected, got 0", lua_tostring(L, -1));
	lua_pop(L, 1);
	return ms;
}

/* A method that changes something is not sent to another place without being told so. */
static void take_limits(lua_State *L, const struct asking *a)
{
	struct http_request *r = &a->call->request;
	bool asks = !strcmp(r->method, "GET") || !strcmp(r->method, "HEAD");
	bool to_file = a->call->to;
	double most = to_file ? MAX_FILE : HTTP_MAX_BODY;
	double max = script_option_number(L, a->options, a->fn, "max_body", to_file ? FILE_BODY : most);
	double redirects = script_option_number(L, a->options, a->fn, "redirects", asks ? HTTP_MAX_REDIRECTS : 0);

	if (!(max >= 0) || max > most)
		(void)script_misuse(L, "%s: max_body: 0 to %.0f bytes expected, got %.14g", a->fn, most, max);
	if (!(redirects >= 0) || redirects > 50)
		(void)script_misuse(L, "%s: redirects: 0 to 50 expected, got %.14g", a->fn, redirects);
	r->max_body = (uint64_t)max;
	r->max_redirects = (int)redirects;
	r->timeout_ms = take_time(L, a, "timeout", TIMEOUT_S);
	r->connect_ms = take_time(L, a, "connect_timeout", (double)HTTP_CONNECT_MS / 1000);
}

static void take_places(lua_State *L, const struct asking *a)
{
	struct http_call *c = a->call;

	c->to = script_option_string(L, a->options, a->fn, "to", NULL);
	if (c->to && *c->to != '/')
		(void)script_misuse(L, "%s: to: absolute path expected, got '%s'", a->fn, c->to);
	if (c->to && !strcmp(c->request.method, "HEAD"))
		(void)script_misuse(L, "%s: to: nothing (HEAD brings no body) expected, got '%s'", a->fn, c->to);
	c->request.ca = script_option_string(L, a->options, a->fn, "ca", NULL);
	c->request.unix_socket = script_option_string(L, a->options, a->fn, "unix_socket", NULL);
	c->request.user = script_option_string(L, a->options, a->fn, "user", NULL);
	c->request.password = script_option_string(L, a->options, a->fn, "password", NULL);
	if (c->request.password)
		(void)script_secret(L, c->request.password, strlen(c->request.password)); /* if it is long enough */
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

static int l_answer_json(lua_State *L) /* answer.json() -> value */
{
	size_t len;
	const char *body = lua_tolstring(L, lua_upvalueindex(1), &len);

	lua_settop(L, 0);
	script_json_decode(L, body, len, lua_tostring(L, lua_upvalueindex(2)));
	return 1;
}

static int l_answer_excerpt(lua_State *L) /* answer.excerpt() -> text for messages */
{
	size_t len;
	const char *body = lua_tolstring(L, lua_upvalueindex(1), &len);

	lua_settop(L, 0);

	struct str *out = script_str(L, HTTP_EXCERPT_MAX);

	http_excerpt(script_mask(script_of(L)), body, len, out);
	lua_pushlstring(L, str_text(out), out->len);
	script_drop(L, 1);
	return 1;
}

static void push_answer(lua_State *L, const struct http_call *call)
{
	const struct http_response *r = &call->response;

	lua_createtable(L, 0, 5);
	lua_pushinteger(L, r->status);
	lua_setfield(L, -2, "status");
	lua_pushlstring(L, str_text(&r->body), r->body.len);
	lua_pushvalue(L, -1);
	lua_setfield(L, -3, "body");
	lua_pushvalue(L, -1);
	lua_pushcclosure(L, l_answer_excerpt, 1);
	lua_setfield(L, -3, "excerpt");
	lua_pushfstring(L, "%s %s: the answer is ", call->request.method, call->request.name);
	lua_pushcclosure(L, l_answer_json, 2);
	lua_setfield(L, -2, "json");
	push_headers(L, &r->headers);
	lua_setfield(L, -2, "headers");
}

/* Ask URL with METHOD and the options at OPTIONS. Nothing else may be on the stack behind them. */
static int ask(lua_State *L, const char *fn, const char *method, const char *url, int options)
{
	struct http_call *call = script_hold(L, sizeof(*call), done_call);
	const struct asking a = { fn, options, call };
	int at = lua_gettop(L);
	struct err err = ERR_INIT;

	luaL_checkstack(L, 20, fn);
	call->mask = script_mask(script_of(L));
	call->request.url = url;
	call->request.method = method;
	call->request.give_up = script_must_end;
	call->request.context = script_of(L);
	take_places(L, &a);
	take_limits(L, &a);
	take_expect(L, &a);
	call->request.headers = take_headers(L, &a, take_body(L, &a));
	if (script_stands_in(L, fn, options))
		return lua_gettop(L);
	if (http_call_run(call, &err) < 0) {
		script_drop(L, at); /* half a file goes now, not when Lua comes round to it */
		script_check_end(L);
		return script_raise(L, &err);
	}
	push_answer(L, call);
	script_drop(L, at);
	return 1;
}

#define OPTIONS                                                                                                        \
	"timeout", "connect_timeout", "headers", "max_body", "redirects", "body", "json", "form", "expect", "to",      \
		"ca", "unix_socket", "user", "password"

static int verb(lua_State *L, const char *fn, const char *method)
{
	static const char *const known[] = { OPTIONS, NULL };
	const char *url = script_argument_string(L, 1, fn, "url", NULL);

	lua_settop(L, 2);
	script_check_options(L, 2, fn, known);
	return ask(L, fn, method, url, 2);
}

static int l_get(lua_State *L) /* get(url, {...}) -> { status, body, headers, json }; so the others */
{
	return verb(L, "slipway.http.get", "GET");
}

static int l_head(lua_State *L)
{
	return verb(L, "slipway.http.head", "HEAD");
}

static int l_post(lua_State *L)
{
	return verb(L, "slipway.http.post", "POST");
}

static int l_put(lua_State *L)
{
	return verb(L, "slipway.http.put", "PUT");
}

static int l_delete(lua_State *L)
{
	return verb(L, "slipway.http.delete", "DELETE");
}

static int l_request(lua_State *L) /* request{url=, [method="GET"], ...} */
{
	static const char *const known[] = { "url", "method", OPTIONS, NULL };
	const char *fn = "slipway.http.request", *method, *url;
	size_t i = 0;

	script_argument_table(L, 1, fn, "options");
	lua_settop(L, 1);
	script_check_options(L, 1, fn, known);
	url = script_option_string(L, 1, fn, "url", NULL);
	if (!url)
		return script_misuse(L, "%s: url: string expected, got nil", fn);
	method = script_option_string(L, 1, fn, "method", NULL);
	while (method && i < ARRAY_LEN(methods) && strcmp(methods[i], method) != 0)
		i++;
	if (i == ARRAY_LEN(methods))
		return script_misuse(L, "%s: method: GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS expected, got '%s'",
				     fn, method);
	return ask(L, fn, methods[i], url, 1);
}

static const luaL_Reg functions[] = { { "delete", l_delete }, { "get", l_get }, { "head", l_head },
				      { "post", l_post },     { "put", l_put }, { "request", l_request },
				      { NULL, NULL } };

static void open_net(lua_State *L)
{
	script_lazy(L, "http.");
}

const struct script_lib lib_net = { "http", functions, open_net };
