/* script/lib_yaml.c - slipway.yaml: decode, encode. */
#include "script/script_internal.h"
#include "script/script_libs.h"

#include "format/yaml.h"
#include "format/yaml_write.h"
#include "util/auto.h"

#include <math.h>
#include <string.h>

#define DECODE	 "slipway.yaml.decode"
#define ENCODE	 "slipway.yaml.encode"
#define VALUE	 ENCODE ": value"   /* for messages */
#define TEXT_MAX (256u * 1024)	    /* nothing ends its reading, and a node takes a hundred bytes */
#define EXACT	 9007199254740992.0 /* beyond it a double has no odd numbers */

static void done_document(void *bytes)
{
	yml_free(*(struct yml_doc **)bytes);
}

static void push_node(lua_State *L, const struct yml_node *n);

static void push_list(lua_State *L, const struct yml_node *n)
{
	lua_createtable(L, (int)n->count, 0);
	script_mark_list(L);
	for (size_t i = 0; i < n->count; i++) {
		push_node(L, n->items[i]);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
}

/* A key is the text it was written with: `8080:` is "8080", `on:` is "on". */
static void push_map(lua_State *L, const struct yml_node *n)
{
	lua_createtable(L, 0, (int)n->count);
	for (size_t i = 0; i < n->count; i++) {
		const struct yml_node *key = n->pairs[i].key;

		if (!yml_is_scalar(key))
			(void)script_raise_kind(L, "failed", DECODE ": line %u column %u: %s as a key", key->place.line,
						key->place.column, yml_type_name(key->type));
		lua_pushlstring(L, key->text, key->len);
		push_node(L, n->pairs[i].value);
		lua_rawset(L, -3);
	}
}

static void push_whole_number(lua_State *L, const struct yml_node *n)
{
	if (fabs(n->number) < EXACT)
		lua_pushinteger(L, (lua_Integer)n->number);
	else if (!strchr("123456789", n->text[strspn(n->text, "+-")]) || !lua_stringtonumber(L, n->text))
		lua_pushnumber(L, n->number); /* neither decimal nor without "_" */
}

/* The depth has a limit: YML_MAX_DEPTH. */
static void push_node(lua_State *L, const struct yml_node *n)
{
	luaL_checkstack(L, 4, "YAML");
	switch (n->type) {
	case YML_NULL:
		lua_pushlightuserdata(L, NULL);
		break;
	case YML_BOOL:
		lua_pushboolean(L, n->truth);
		break;
	case YML_INT:
		push_whole_number(L, n);
		break;
	case YML_FLOAT:
		lua_pushnumber(L, n->number);
		break;
	case YML_LIST:
		push_list(L, n);
		break;
	case YML_MAP:
		push_map(L, n);
		break;
	default:
		lua_pushlstring(L, n->text, n->len);
	}
}

static int l_decode(lua_State *L) /* decode(text) -> value */
{
	struct err err = ERR_INIT;
	struct yml_place where;
	size_t len;
	const char *text = script_argument_string(L, 1, DECODE, "text", &len);

	if (len > TEXT_MAX)
		return script_raise_kind(L, "failed", DECODE ": %zu bytes: at most %u are read", len, TEXT_MAX);

	struct yml_doc **doc = script_hold(L, sizeof(*doc), done_document);

	if (yml_load(text, len, doc, &where, &err) < 0)
		return script_raise_kind(L, "failed", DECODE ": line %u column %u: %s", where.line, where.column,
					 err.msg);
	if ((*doc)->root)
		push_node(L, (*doc)->root);
	else
		lua_pushlightuserdata(L, NULL);
	script_drop(L, -2);
	return 1;
}

static void done_writer(void *bytes)
{
	yml_writer_free(*(struct yml_writer **)bytes);
}

static void must(lua_State *L, int result, const struct err *err)
{
	if (result < 0)
		(void)script_raise_kind(L, "failed", VALUE ": %s", err->msg);
}

static void write_value(lua_State *L, int index, struct yml_writer *w, int depth);

static void write_list(lua_State *L, int index, struct yml_writer *w, int depth)
{
	lua_Integer n = script_check_list(L, index, VALUE);
	struct err err = ERR_INIT;

	must(L, yml_write_list(w, &err), &err);
	for (lua_Integer i = 1; i <= n; i++) {
		lua_rawgeti(L, index, i);
		write_value(L, lua_gettop(L), w, depth + 1);
		lua_pop(L, 1);
	}
	must(L, yml_write_list_end(w, &err), &err);
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The keys of the table in their order, in memory of Lua; the table holds the texts. */
static const char **sorted_keys(lua_State *L, int index, size_t *count)
{
	size_t n = 0, i = 0;

	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1), n++)
		script_check_key(L, -2, VALUE);

	const char **keys = lua_newuserdatauv(L, (n + 1) * sizeof(*keys), 0);

	for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1))
		keys[i++] = lua_tostring(L, -2);
	qsort(keys, n, sizeof(*keys), by_bytes);
	*count = n;
	return keys;
}

static void write_map(lua_State *L, int index, struct yml_writer *w, int depth)
{
	size_t count;
	const char **keys = sorted_keys(L, index, &count);
	struct err err = ERR_INIT;

	must(L, yml_write_map(w, &err), &err);
	for (size_t i = 0; i < count; i++) {
		must(L, yml_write_text(w, keys[i], strlen(keys[i]), &err), &err);
		lua_pushstring(L, keys[i]);
		lua_rawget(L, index);
		write_value(L, lua_gettop(L), w, depth + 1);
		lua_pop(L, 1);
	}
	must(L, yml_write_map_end(w, &err), &err);
	lua_pop(L, 1);
}

static int write_scalar(lua_State *L, int index, struct yml_writer *w, struct err *err)
{
	size_t len;

	switch (lua_type(L, index)) {
	case LUA_TBOOLEAN:
		return yml_write_bool(w, lua_toboolean(L, index), err);
	case LUA_TNUMBER:
		return lua_isinteger(L, index) ? yml_write_int(w, lua_tointeger(L, index), err)
					       : yml_write_float(w, lua_tonumber(L, index), err);
	case LUA_TSTRING: {
		const char *text = lua_tolstring(L, index, &len);

		return yml_write_text(w, text, len, err);
	}
	default:
		if (!lua_isnil(L, index) && (!lua_islightuserdata(L, index) || lua_touserdata(L, index)))
			(void)script_misuse(L, VALUE ": what YAML has a form for expected, got %s",
					    luaL_typename(L, index));
		return yml_write_null(w, err);
	}
}

static void write_value(lua_State *L, int index, struct yml_writer *w, int depth)
{
	struct err err = ERR_INIT;

	luaL_checkstack(L, 8, "YAML");
	if (depth > YML_MAX_DEPTH)
		(void)script_misuse(L, VALUE ": at most %d levels expected, got more (is it in itself?)",
				    YML_MAX_DEPTH);
	if (lua_istable(L, index))
		(script_is_list(L, index) ? write_list : write_map)(L, index, w, depth);
	else
		must(L, write_scalar(L, index, w, &err), &err);
}

static int l_encode(lua_State *L) /* encode(value) -> text, keys in their order */
{
	struct err err = ERR_INIT;
	const char *text = NULL;
	size_t len = 0;

	script_argument_any(L, 1, ENCODE, "value");
	lua_settop(L, 1);

	struct yml_writer **w = script_hold(L, sizeof(*w), done_writer);

	*w = yml_writer_new(TEXT_MAX);
	write_value(L, 1, *w, 1);
	must(L, yml_writer_finish(*w, &text, &len, &err), &err);
	lua_pushlstring(L, text, len);
	script_drop(L, 2);
	return 1;
}

static const luaL_Reg functions[] = { { "decode", l_decode }, { "encode", l_encode }, { NULL, NULL } };

const struct script_lib lib_yaml = { "yaml", functions, NULL };
