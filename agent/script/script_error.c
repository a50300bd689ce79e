/* script/script_error.c - errors as scripts see them: raised, caught, shown. */
#include "script/script_internal.h"

#include "util/auto.h"
#include "util/str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ERROR_CLASS "slipway.error"
#define HELD_CLASS  "slipway.held"
#define HELD_MAX    2
#define LOOKED_AT   1000 /* calls */

/* What a script can tell apart; every other kind is "failed". */
static const char *const kind_names[ERR_KIND_COUNT] = {
	[ERR_SYS] = "system",	     [ERR_TIMED_OUT] = "timeout", [ERR_UNREACHABLE] = "unreachable",
	[ERR_NO_SPACE] = "no_space", [ERR_STOPPED] = "ended",
};

/* The nearest call that is a line of the script's own. Lines of our own Lua code ("=slipway...") are none that help its
 * author, and after a tail call no line is known. -1: there is none among the nearest; Lua counts to each from the
 * first one anew, so a script that recurses in a text it has loaded could keep us for minutes. */
static int own_level(lua_State *L, lua_Debug *ar)
{
	for (int level = 0; level < LOOKED_AT && lua_getstack(L, level, ar); level++) {
		(void)lua_getinfo(L, "Sl", ar);
		if (ar->currentline > 0 && *ar->source == '@')
			return level;
	}
	return -1;
}

void script_push_where(lua_State *L)
{
	lua_Debug ar;

	if (own_level(L, &ar) >= 0)
		lua_pushfstring(L, "%s:%d: ", ar.short_src, ar.currentline);
	else
		lua_pushfstring(L, script_of(L)->name ? "%s: " : "", script_of(L)->name);
}

static bool is_library(const lua_Debug *ar)
{
	return *ar->what == 'C' || str_starts(ar->source, "=slipway");
}

void script_push_trace(lua_State *L)
{
	lua_Debug ar;

	for (int level = 1; level < LOOKED_AT && lua_getstack(L, level, &ar); level++) {
		(void)lua_getinfo(L, "S", &ar);
		if (!is_library(&ar)) {
			luaL_traceback(L, L, NULL, level);
			return;
		}
	}
	luaL_traceback(L, L, NULL, 1);
}

/* Lua keeps its list of calls whole at any moment for the sake of signals (lua_sethook), so it can be read in one. */
size_t script_place(const struct script *s, char *text, size_t size)
{
	lua_Debug ar;
	char digits[16];
	size_t n, k = sizeof(digits);

	if (own_level(s->L, &ar) < 0)
		return 0;
	for (int line = ar.currentline; line; line /= 10)
		digits[--k] = (char)('0' + line % 10);
	n = strlen(ar.short_src);
	if (n + sizeof(digits) - k + 3 > size)
		return 0;
	memcpy(text, ar.short_src, n);
	text[n++] = ':';
	memcpy(text + n, digits + k, sizeof(digits) - k);
	n += sizeof(digits) - k;
	memcpy(text + n, ": ", 2);
	return n + 2;
}

/* The message is on top of the stack, the table below it. */
static int raise_table(lua_State *L, const char *kind, int sys)
{
	lua_setfield(L, -2, "message");
	lua_pushstring(L, kind);
	lua_setfield(L, -2, "kind");
	if (sys) {
		lua_pushstring(L, strerrorname_np(sys));
		lua_setfield(L, -2, "errno");
	}
	script_push_where(L);
	lua_setfield(L, -2, "where");
	luaL_setmetatable(L, ERROR_CLASS);
	return lua_error(L);
}

int script_raise(lua_State *L, const struct err *err)
{
	const char *kind = kind_names[err->kind];

	lua_createtable(L, 0, 5);
	lua_pushstring(L, err->msg);
	return raise_table(L, kind ? kind : "failed", err->sys);
}

/* What is cut must not end in the beginning of a secret, which would not be known as one any more. */
static __attribute__((format(printf, 4, 0))) void format(lua_State *L, char *text, size_t size, const char *fmt,
							 va_list ap)
{
	if ((size_t)vsnprintf(text, size, fmt, ap) >= size)
		text[size - 1 - mask_partial(&script_of(L)->mask, text, size - 1)] = '\0';
}

int script_raise_kind(lua_State *L, const char *kind, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	format(L, text, sizeof(text), fmt, ap);
	va_end(ap);
	lua_createtable(L, 0, 5);
	lua_pushstring(L, text);
	return raise_table(L, kind, 0);
}

int script_raise_with(lua_State *L, const char *kind, int message, int action)
{
	lua_createtable(L, 0, 5);
	if (action) {
		lua_pushvalue(L, action);
		lua_setfield(L, -2, "action");
	}
	lua_pushvalue(L, message);
	return raise_table(L, kind, 0);
}

int script_misuse(lua_State *L, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	format(L, text, sizeof(text), fmt, ap);
	va_end(ap);
	script_push_where(L);
	lua_pushstring(L, text);
	lua_concat(L, 2);
	return lua_error(L);
}

static bool is_ours(lua_State *L, int index)
{
	return lua_istable(L, index) && lua_getmetatable(L, index) && luaL_getmetatable(L, ERROR_CLASS) == LUA_TTABLE &&
	       lua_rawequal(L, -1, -2);
}

static void copy_field(lua_State *L, int index, const char *name, char *out, size_t size)
{
	lua_pushstring(L, name);
	lua_rawget(L, index);
	if (lua_type(L, -1) == LUA_TSTRING)
		(void)snprintf(out + strlen(out), size - strlen(out), "%s", lua_tostring(L, -1));
	lua_pop(L, 1);
}

static int to_string(lua_State *L)
{
	luaL_tolstring(L, 1, NULL);
	return 1;
}

void script_error_text(lua_State *L, int index, char *message, size_t size, char *action, size_t action_size)
{
	int top = lua_gettop(L), type = lua_type(L, index);

	*message = *action = '\0';
	if (type == LUA_TSTRING || type == LUA_TNUMBER) {
		(void)snprintf(message, size, "%s", lua_tostring(L, index));
	} else if (is_ours(L, index)) {
		copy_field(L, index, "where", message, size);
		copy_field(L, index, "message", message, size);
		copy_field(L, index, "action", action, action_size);
	} else {
		script_push_where(L);
		lua_pushcfunction(L, to_string);
		lua_pushvalue(L, index);
		if (luaL_getmetafield(L, index, "__tostring") == LUA_TNIL)
			(void)snprintf(message, size, "%sthe error is a %s without a text", lua_tostring(L, -3),
				       luaL_typename(L, index));
		else if (lua_pop(L, 1), lua_pcall(L, 1, 1, 0) == LUA_OK)
			(void)snprintf(message, size, "%s", lua_tostring(L, -1));
		else
			(void)snprintf(message, size, "%sthe error is a %s whose __tostring fails", lua_tostring(L, -2),
				       luaL_typename(L, index));
	}
	lua_settop(L, top);
}

static int l_error_tostring(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_getfield(L, 1, "where");
	lua_getfield(L, 1, "message");
	lua_pushfstring(L, "%s%s", lua_isstring(L, -2) ? lua_tostring(L, -2) : "",
			lua_isstring(L, -1) ? lua_tostring(L, -1) : "");
	return 1;
}

static int l_error_concat(lua_State *L)
{
	luaL_tolstring(L, 1, NULL);
	luaL_tolstring(L, 2, NULL);
	lua_concat(L, 2);
	return 1;
}

/* Not in Lua's memory: a finalizer that is refused the memory to be called in is never called again. */
struct held {
	void (*done)(void *);
	struct held *next, **link; /* of all that the script holds */
	_Alignas(16) char bytes[];
};

static void let_go(struct held *h)
{
	*h->link = h->next;
	if (h->next)
		h->next->link = h->link;
	h->done(h->bytes);
	free(h);
}

static void let_go_of(struct held **box)
{
	if (*box)
		let_go(TAKE_PTR(*box));
}

static int l_held_gc(lua_State *L)
{
	let_go_of(lua_touserdata(L, 1));
	return 0;
}

void *script_hold(lua_State *L, size_t size, void (*done)(void *))
{
	struct script *s = script_of(L);

	if (++s->held > HELD_MAX) {
		s->held = 0;
		(void)lua_gc(L, LUA_GCCOLLECT);
	}

	struct held **box = lua_newuserdatauv(L, sizeof(*box), 0);

	*box = NULL;
	luaL_setmetatable(L, HELD_CLASS);

	struct held *h = xcalloc(1, sizeof(*h) + size);

	*h = (struct held){ .done = done, .next = s->holds, .link = &s->holds };
	if (h->next)
		h->next->link = &h->next;
	s->holds = *box = h;
	return h->bytes;
}

void script_drop(lua_State *L, int index)
{
	struct script *s = script_of(L);

	let_go_of(lua_touserdata(L, index));
	if (s->held)
		s->held--;
}

void script_let_go_all(struct script *s)
{
	while (s->holds)
		let_go(s->holds);
}

static void done_str(void *bytes)
{
	str_done(bytes);
}

struct str *script_str(lua_State *L, size_t max)
{
	struct str *s = script_hold(L, sizeof(*s), done_str);

	*s = STR_INIT(max);
	return s;
}

void script_error_open(lua_State *L)
{
	static const luaL_Reg meta[] = { { "__tostring", l_error_tostring },
					 { "__concat", l_error_concat },
					 { NULL, NULL } };

	luaL_newmetatable(L, ERROR_CLASS);
	luaL_setfuncs(L, meta, 0);
	lua_pushliteral(L, "an error of slipway");
	lua_setfield(L, -2, "__metatable"); /* a script sees this instead, and cannot change the class */
	luaL_newmetatable(L, HELD_CLASS);
	lua_pushcfunction(L, l_held_gc);
	lua_setfield(L, -2, "__gc");
	lua_pop(L, 2);
}
