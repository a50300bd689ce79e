/* script/script_question.c - one function kept in a state, called with a value, and what it answers. */
#include "script/script_question.h"

#include "format/json.h"
#include "script/script_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX     20
#define REPORT_MEMORY (256 * 1024) /* on top of the limit, to be able to say what went wrong */

static const char function_key; /* its address, in the registry */

void script_answer_done(struct script_answer *a)
{
	json_decref(a->values);
	*a = (struct script_answer){ 0 };
}

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* {"hex":"2f73.."}, as jbytes() writes what is no UTF-8. */
static bool push_bytes(lua_State *L, const json_t *object)
{
	const char *hex = json_object_size(object) == 1 ? json_string_value(json_object_get(object, "hex")) : NULL;
	luaL_Buffer b;

	if (!hex)
		return false;
	luaL_buffinit(L, &b);
	for (; digit(hex[0]) >= 0 && digit(hex[1]) >= 0; hex += 2)
		luaL_addchar(&b, (char)(digit(hex[0]) * 16 + digit(hex[1])));
	luaL_pushresult(&b);
	return true;
}

static void push_value(lua_State *L, const json_t *v, int depth);

static void push_table(lua_State *L, const json_t *v, int depth)
{
	const char *key;
	json_t *field;

	lua_newtable(L);
	if (json_is_object(v)) {
		json_object_foreach((json_t *)v, key, field)
		{
			push_value(L, field, depth + 1);
			lua_setfield(L, -2, key);
		}
		return;
	}
	for (size_t i = 0; i < json_array_size(v); i++) {
		push_value(L, json_array_get(v, i), depth + 1);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
}

static void push_value(lua_State *L, const json_t *v, int depth)
{
	luaL_checkstack(L, 6, "a question");
	if (depth > DEPTH_MAX)
		(void)script_misuse(L, "a question that is nested more than %d deep", DEPTH_MAX);
	if (json_is_string(v))
		lua_pushlstring(L, json_string_value(v), json_string_length(v));
	else if (json_is_integer(v))
		lua_pushinteger(L, json_integer_value(v));
	else if (json_is_real(v))
		lua_pushnumber(L, json_real_value(v));
	else if (json_is_boolean(v))
		lua_pushboolean(L, json_is_true(v));
	else if (json_is_array(v) || (json_is_object(v) && !push_bytes(L, v)))
		push_table(L, v, depth);
	else if (!json_is_object(v))
		lua_pushnil(L);
}

/* New reference. Nothing here raises. */
static json_t *value_of(lua_State *L, int index)
{
	char text[SCRIPT_ANSWER_MAX + 1];
	size_t len;

	switch (lua_type(L, index)) {
	case LUA_TNIL:
		return json_null();
	case LUA_TBOOLEAN:
		return json_boolean(lua_toboolean(L, index));
	case LUA_TSTRING:
		(void)snprintf(text, sizeof(text), "%s", lua_tolstring(L, index, &len));
		return jtext(text);
	case LUA_TNUMBER:
		if (lua_isinteger(L, index))
			return json_integer(lua_tointeger(L, index));
		if (isfinite(lua_tonumber(L, index)))
			return json_real(lua_tonumber(L, index));
		break;
	default:
		break;
	}
	return json_pack("{s:s}", "type", luaL_typename(L, index));
}

struct call { /* as the protected functions see it */
	const char *text, *name;
	size_t len;
	const json_t *question;
	struct script_answer *out;
};

static int on_error(lua_State *L)
{
	struct call *c = lua_touserdata(L, lua_upvalueindex(1));
	char action[8];

	script_error_text(L, 1, c->out->message, sizeof(c->out->message), action, sizeof(action));
	return 0;
}

/* The chunk at 1 is run; what it returns must be a function. */
static int load_protected(lua_State *L)
{
	struct call *c = lua_touserdata(L, 1);
	lua_Debug ar;

	lua_pushfstring(L, "@%s", c->name);
	script_load(L, c->text, c->len, lua_tostring(L, -1));
	lua_call(L, 0, 1);
	if (!lua_isfunction(L, -1))
		return luaL_error(L, "%s: it returns %s%s, not a function: write 'return function(...) ... end'",
				  c->name, lua_isnil(L, -1) ? "" : "a ",
				  lua_isnil(L, -1) ? "nothing" : luaL_typename(L, -1));
	lua_pushvalue(L, -1);
	(void)lua_getinfo(L, ">S", &ar);
	if (ar.linedefined > 0)
		(void)snprintf(c->out->where, sizeof(c->out->where), "%s:%d", c->name, ar.linedefined);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &function_key);
	return 0;
}

static int ask_protected(lua_State *L)
{
	struct call *c = lua_touserdata(L, 1);
	lua_Debug ar;

	(void)lua_rawgetp(L, LUA_REGISTRYINDEX, &function_key);
	lua_pushvalue(L, -1);
	(void)lua_getinfo(L, ">S", &ar);
	if (ar.linedefined > 0)
		(void)snprintf(c->out->where, sizeof(c->out->where), "%s:%d", ar.short_src, ar.linedefined);
	push_value(L, c->question, 0);
	lua_call(L, 1, SCRIPT_ANSWERS);
	return SCRIPT_ANSWERS;
}

/* What the handler did not get to say. */
static void describe(const struct script *s, int status, struct script_answer *out)
{
	if (status == LUA_ERRMEM)
		(void)snprintf(out->message, sizeof(out->message), "%s: needs more than %zu MiB of memory", out->where,
			       s->options.memory_max / (1024 * 1024));
	else if (!out->message[0])
		(void)snprintf(out->message, sizeof(out->message), "%s: an error, and another one while it was handled",
			       out->where);
}

/* Call FN with the call C in protected mode, leaving RESULTS values. */
static int protect(struct script *s, lua_CFunction fn, struct call *c, int results, int64_t deadline_ms)
{
	lua_State *L = s->L;
	const size_t limit = s->options.memory_max;

	s->options.deadline_ms = deadline_ms;
	lua_settop(L, 0);
	s->options.memory_max += REPORT_MEMORY; /* what these four lines need is there even after a script was greedy */
	lua_pushlightuserdata(L, c);
	lua_pushcclosure(L, on_error, 1);
	lua_pushcfunction(L, fn);
	lua_pushlightuserdata(L, c);
	s->options.memory_max = limit;

	int status = lua_pcall(L, 1, results, 1);

	if (status == LUA_OK)
		return 0;
	c->out->ended = s->ended || status == LUA_ERRMEM;
	describe(s, status, c->out);
	return -1;
}

/* Of bytecode Lua does not say where it was found. */
static void name_it(struct script_answer *out, const char *name)
{
	char text[sizeof(out->message)];

	if (str_starts(out->message, name))
		return;
	memcpy(text, out->message, sizeof(text));
	(void)snprintf(out->message, sizeof(out->message), "%s: %.600s", name, text);
}

int script_question_load(struct script *s, const char *text, size_t len, const char *name, int64_t deadline_ms,
			 struct script_answer *out)
{
	struct call c = { .text = text, .len = len, .name = name, .out = out };

	*out = (struct script_answer){ 0 };
	(void)snprintf(out->where, sizeof(out->where), "%s", name);
	s->name = name;
	if (protect(s, load_protected, &c, 0, deadline_ms) == 0)
		return 0;
	name_it(out, name);
	return -1;
}

int script_question_ask(struct script *s, const json_t *question, int64_t deadline_ms, struct script_answer *out)
{
	struct call c = { .question = question, .out = out };

	*out = (struct script_answer){ 0 };
	(void)snprintf(out->where, sizeof(out->where), "%s", s->name);
	if (protect(s, ask_protected, &c, SCRIPT_ANSWERS, deadline_ms) < 0)
		return -1;
	out->values = json_array();
	for (int i = 0; i < SCRIPT_ANSWERS; i++)
		json_array_append_new(out->values, value_of(s->L, 2 + i));
	lua_settop(s->L, 0);
	return 0;
}
