/* script/lib_json.c - slipway.json: encode, decode, array, null. */
#include "script/script_internal.h"
#include "script/script_libs.h"

#include "util/auto.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#define TEXT_MAX  (4u * 1024 * 1024)
#define DEPTH_MAX 100

static void done_json(void *bytes)
{
	json_decref(*(json_t **)bytes);
}

static json_t **hold_json(lua_State *L)
{
	return script_hold(L, sizeof(json_t *), done_json);
}

static void push_value(lua_State *L, const json_t *v, int depth);

static void push_array(lua_State *L, const json_t *v, int depth)
{
	size_t n = json_array_size(v);

	lua_createtable(L, (int)n, 0);
	script_mark_list(L);
	for (size_t i = 0; i < n; i++) {
		push_value(L, json_array_get(v, i), depth + 1);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
}

static void push_object(lua_State *L, const json_t *v, int depth)
{
	const char *key;
	json_t *field;

	lua_createtable(L, 0, (int)json_object_size(v));
	json_object_foreach((json_t *)v, key, field)
	{
		lua_pushstring(L, key);
		push_value(L, field, depth + 1);
		lua_rawset(L, -3);
	}
}

static void push_value(lua_State *L, const json_t *v, int depth)
{
	luaL_checkstack(L, 4, "JSON");
	if (depth > DEPTH_MAX)
		(void)script_raise_kind(L, "failed", "JSON that is nested more than %d deep", DEPTH_MAX);
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		push_object(L, v, depth);
		break;
	case JSON_ARRAY:
		push_array(L, v, depth);
		break;
	case JSON_STRING:
		lua_pushlstring(L, json_string_value(v), json_string_length(v));
		break;
	case JSON_INTEGER:
		lua_pushinteger(L, json_integer_value(v));
		break;
	case JSON_REAL:
		lua_pushnumber(L, json_real_value(v));
		break;
	case JSON_NULL:
		lua_pushlightuserdata(L, NULL);
		break;
	default:
		lua_pushboolean(L, json_is_true(v));
	}
}

static int push_root(lua_State *L)
{
	push_value(L, lua_touserdata(L, 1), 0);
	return 1;
}

void script_json_decode(lua_State *L, const char *text, size_t len, const char *name)
{
	json_error_t where;

	if (len > TEXT_MAX)
		(void)script_raise_kind(L, "failed", "%sJSON of %zu bytes: at most %u are read", name, len, TEXT_MAX);

	json_t **root = hold_json(L);
	int at = lua_gettop(L);

	*root = json_loadb(text, len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &where);
	if (!*root)
		(void)script_raise_kind(L, "failed", "%snot JSON: line %d column %d: %s", name, where.line,
					where.column, where.text);
	lua_pushcfunction(L, push_root);
	lua_pushlightuserdata(L, *root);

	int failed = lua_pcall(L, 1, 1, 0);

	script_drop(L, at); /* it may be large: it goes now, not when Lua comes round to it */
	if (failed == LUA_ERRMEM)
		(void)script_raise_kind(L, "failed", "%sJSON of more values than there is memory for", name);
	if (failed)
		(void)lua_error(L);
	lua_remove(L, at);
}

static int l_decode(lua_State *L) /* decode(text) -> value */
{
	size_t len;
	const char *text = script_argument_string(L, 1, "slipway.json.decode", "text", &len);

	script_json_decode(L, text, len, "");
	return 1;
}

/* Each value is put into its place in the tree at once, so that the tree owns it when something raises. */
struct place {
	json_t **root, *parent; /* PARENT NULL: the root itself */
	const char *key;	/* NULL: at the end of an array */
	const char *fn;		/* for messages */
	size_t *left;		/* of TEXT_MAX: a table that is in many places would be too large before it is a text */
};

/* LEN bytes of text at least will come. */
static void reserve(lua_State *L, const struct place *at, size_t len)
{
	if (len > *at->left)
		(void)script_raise_kind(L, "failed", "%s: JSON of more than %u bytes", at->fn, TEXT_MAX);
	*at->left -= len;
}

static json_t *put(lua_State *L, const struct place *at, json_t *value)
{
	int failed = 0;

	if (!value)
		failed = -1;
	else if (!at->parent)
		*at->root = value;
	else if (at->key)
		failed = json_object_set_new(at->parent, at->key, value);
	else
		failed = json_array_append_new(at->parent, value);
	if (failed)
		(void)script_raise_kind(L, "failed", "%s: a text that is not UTF-8", at->fn);
	return value;
}

static void take_value(lua_State *L, int index, const struct place *at, int depth);

static void take_array(lua_State *L, int index, const struct place *at, int depth)
{
	json_t *array = put(L, at, json_array());
	const struct place below = { at->root, array, NULL, at->fn, at->left };
	lua_Integer n = script_check_list(L, index, at->fn);

	for (lua_Integer i = 1; i <= n; i++) {
		lua_rawgeti(L, index, i);
		take_value(L, lua_gettop(L), &below, depth + 1);
		lua_pop(L, 1);
	}
}

static void take_object(lua_State *L, int index, const struct place *at, int depth)
{
	json_t *object = put(L, at, json_object());

	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
		script_check_key(L, -2, at->fn);

		const struct place below = { at->root, object, lua_tostring(L, -2), at->fn, at->left };

		reserve(L, at, strlen(below.key) + 3); /* "": */
		take_value(L, lua_gettop(L), &below, depth + 1);
	}
}

static void take_value(lua_State *L, int index, const struct place *at, int depth)
{
	size_t len;

	luaL_checkstack(L, 8, "JSON");
	if (depth > DEPTH_MAX)
		(void)script_misuse(L, "%s: at most %d levels expected, got more (is it in itself?)", at->fn,
				    DEPTH_MAX);
	reserve(L, at, lua_type(L, index) == LUA_TNUMBER ? 1 : 2);
	switch (lua_type(L, index)) {
	case LUA_TNIL:
		(void)put(L, at, json_null());
		return;
	case LUA_TBOOLEAN:
		(void)put(L, at, json_boolean(lua_toboolean(L, index)));
		return;
	case LUA_TSTRING: {
		const char *text = lua_tolstring(L, index, &len);

		reserve(L, at, len);
		(void)put(L, at, json_stringn(text, len));
		return;
	}
	case LUA_TNUMBER:
		if (lua_isinteger(L, index))
			(void)put(L, at, json_integer(lua_tointeger(L, index)));
		else if (isfinite(lua_tonumber(L, index)))
			(void)put(L, at, json_real(lua_tonumber(L, index)));
		else
			(void)script_misuse(L, "%s: finite number expected, got %g", at->fn, lua_tonumber(L, index));
		return;
	case LUA_TTABLE:
		(script_is_list(L, index) ? take_array : take_object)(L, index, at, depth);
		return;
	default:
		if (!lua_islightuserdata(L, index) || lua_touserdata(L, index))
			(void)script_misuse(L, "%s: what JSON has a form for expected, got %s", at->fn,
					    luaL_typename(L, index));
		(void)put(L, at, json_null());
	}
}

static void done_text(void *bytes)
{
	free(*(char **)bytes);
}

void script_json_encode(lua_State *L, int index, const char *fn)
{
	json_t **root = hold_json(L);
	int at = lua_gettop(L);
	char **text = script_hold(L, sizeof(*text), done_text);
	size_t left = TEXT_MAX;
	const struct place top = { root, NULL, NULL, fn, &left };

	take_value(L, index, &top, 0);
	*text = json_dumps(*root, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
	if (!*text)
		(void)script_raise_kind(L, "failed", "%s: no memory", fn);
	lua_pushstring(L, *text);
	script_drop(L, at);
	script_drop(L, at + 1);
	lua_replace(L, at);
	lua_settop(L, at);
}

static int l_encode(lua_State *L) /* encode(value) -> text, keys in their order */
{
	script_argument_any(L, 1, "slipway.json.encode", "value");
	lua_settop(L, 1);
	script_json_encode(L, 1, "slipway.json.encode: value");
	return 1;
}

static int l_array(lua_State *L) /* array(table) -> the same table, which is [] when it is empty */
{
	script_argument_table(L, 1, "slipway.json.array", "list");
	lua_settop(L, 1);
	script_mark_list(L);
	return 1;
}

static const luaL_Reg functions[] = {
	{ "array", l_array }, { "decode", l_decode }, { "encode", l_encode }, { NULL, NULL }
};

static void open_json(lua_State *L)
{
	lua_pushlightuserdata(L, NULL);
	lua_setfield(L, -2, "null");
}

const struct script_lib lib_json = { "json", functions, open_json };
