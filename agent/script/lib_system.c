/* script/lib_system.c - slipway.log, sleep, clock, time, fail, raise, run, sha256. */
#include "script/script_libs.h"

#include "script/run_command.h"
#include "script/script_internal.h"
#include "util/auto.h"
#include "util/digest.h"
#include "util/proc.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define MAX_ARGUMENTS 4096
#define SLICE_MS      200

static int l_log(lua_State *L) /* log(...): one line on standard output */
{
	int n = lua_gettop(L);
	luaL_Buffer b;

	luaL_buffinit(L, &b);
	for (int i = 1; i <= n; i++) {
		if (i > 1)
			luaL_addchar(&b, ' ');
		luaL_tolstring(L, i, NULL);
		luaL_addvalue(&b);
	}
	luaL_addchar(&b, '\n');
	luaL_pushresult(&b);

	size_t len;
	const char *p = script_hide(L, -1, &len);

	while (len) {
		ssize_t done = write(STDOUT_FILENO, p, len);

		if (done < 0 && errno != EINTR)
			break; /* nobody reads any more: that is no reason to fail */
		p += done > 0 ? done : 0;
		len -= done > 0 ? (size_t)done : 0;
		if (len)
			script_check_end(L); /* what interrupts it may have let it write something */
	}
	return 0;
}

static int l_doing(lua_State *L) /* doing(text): for whoever watches; nothing or "": no more of that */
{
	const struct script_options *o = &script_of(L)->options;
	size_t any; /* what is behind a NUL is not shown */
	const char *text = lua_isnoneornil(L, 1) ? "" : script_argument_string(L, 1, "slipway.doing", "text", &any);
	char shown[1024] = "";

	if (script_stands_in(L, "slipway.doing", 1))
		return lua_gettop(L);
	if (!o->doing)
		return 0;
	if (*text) {
		text = script_hide(L, 1, NULL);
		script_push_where(L); /* "scripts/check.lua:14: " */

		size_t len = lua_rawlen(L, -1);

		(void)snprintf(shown, sizeof(shown), "%.*s  %s", len > 2 ? (int)len - 2 : 0, lua_tostring(L, -1), text);
	}
	o->doing(o->doing_context, shown);
	return 0;
}

static int l_clock(lua_State *L) /* clock() -> seconds since some moment, never set back */
{
	if (script_stands_in(L, "slipway.clock", 0))
		return lua_gettop(L);
	lua_pushnumber(L, (lua_Number)proc_clock_ms() / 1000);
	return 1;
}

static int l_time(lua_State *L) /* time() -> seconds since 1970, with their fraction */
{
	struct timespec now;

	if (script_stands_in(L, "slipway.time", 0))
		return lua_gettop(L);
	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail */
	lua_pushnumber(L, (lua_Number)now.tv_sec + (lua_Number)now.tv_nsec / 1e9);
	return 1;
}

static int l_sha256(lua_State *L) /* sha256(text) -> 64 digits */
{
	unsigned char digest[DIGEST_BYTES];
	char hex[DIGEST_HEX_SIZE];
	size_t len;
	const char *text = script_argument_string(L, 1, "slipway.sha256", "text", &len);
	struct digest *d = digest_new(); /* nothing raises while it is there */

	digest_start(d);
	digest_update(d, text, len);
	digest_finish(d, digest);
	digest_free(d);
	digest_hex(digest, hex);
	lua_pushstring(L, hex);
	return 1;
}

static int l_sleep(lua_State *L) /* sleep(seconds) */
{
	double seconds = script_argument_number(L, 1, "slipway.sleep", "seconds");
	int64_t until = script_milliseconds(L, seconds, "slipway.sleep: seconds") + proc_clock_ms();

	if (script_stands_in(L, "slipway.sleep", 1))
		return lua_gettop(L);
	for (;;) {
		int64_t left = until - proc_clock_ms();
		struct timespec t = { 0 };

		script_check_end(L);
		if (left <= 0)
			return 0;
		left = left < SLICE_MS ? left : SLICE_MS;
		t.tv_nsec = left * 1000000;
		(void)nanosleep(&t, NULL); /* a signal only ends it earlier */
	}
}

static int l_fail(lua_State *L) /* fail(message, action) */
{
	size_t len; /* NUL bytes do no harm in them */

	(void)script_argument_string(L, 1, "slipway.fail", "message", &len);
	if (!lua_isnoneornil(L, 2))
		(void)script_argument_string(L, 2, "slipway.fail", "action", &len);
	lua_settop(L, 2);
	return script_raise_with(L, "fail", 1, 2);
}

static int l_raise(lua_State *L) /* raise(kind, message): an error as the functions here raise them */
{
	const char *kind = script_argument_string(L, 1, "slipway.raise", "kind", NULL);
	size_t len; /* NUL bytes do no harm in a message */

	(void)script_argument_string(L, 2, "slipway.raise", "message", &len);
	lua_settop(L, 2);
	return script_raise_with(L, kind, 2, 0);
}

/* The lists that execvp() takes live in memory of Lua, so that nothing is lost when something raises. */
static const char **new_list(lua_State *L, size_t count)
{
	const char **list = lua_newuserdatauv(L, (count + 1) * sizeof(*list), 0);

	memset(list, 0, (count + 1) * sizeof(*list));
	return list;
}

/* Arguments of the table at 1, or a shell with a line. Numbers become strings in a list of their own, which keeps them.
 */
static const char *const *take_arguments(lua_State *L)
{
	const char *shell = script_option_string(L, 1, "slipway.run", "shell", NULL);
	lua_Unsigned n = lua_rawlen(L, 1);

	if (shell && n)
		(void)script_misuse(L, "slipway.run: shell: a program with its arguments or this expected, got both");
	if (!shell && !n)
		(void)script_misuse(L, "slipway.run: options: a program and its arguments, such as {\"systemctl\", "
				       "\"restart\", \"shop\"}, or shell= expected, got neither");
	if (n > MAX_ARGUMENTS)
		(void)script_misuse(L, "slipway.run: options: at most %d words expected, got %llu", MAX_ARGUMENTS,
				    (unsigned long long)n);

	const char **argv = new_list(L, shell ? 3 : n);

	lua_createtable(L, (int)n, 0);
	for (lua_Unsigned i = 1; i <= n; i++) {
		char what[32];

		(void)snprintf(what, sizeof(what), "argument %u", (unsigned)i);
		lua_rawgeti(L, 1, (lua_Integer)i);
		argv[i - 1] = script_argument_string(L, -1, "slipway.run", what, NULL);
		lua_rawseti(L, -2, (lua_Integer)i);
	}
	if (shell)
		argv[0] = "/bin/sh", argv[1] = "-c", argv[2] = shell;
	return argv;
}

/* Our own environment with the options' on top. NULL: nothing is changed. */
static const char *const *take_environment(lua_State *L)
{
	size_t n = 0, had = 0, changed = 0;

	if (script_push_option(L, 1, "env") == LUA_TNIL)
		return NULL;
	script_argument_table(L, -1, "slipway.run", "env");

	int env = lua_gettop(L);

	while (environ[had])
		had++;
	for (lua_pushnil(L); lua_next(L, env); lua_pop(L, 1))
		changed++;

	const char **list = new_list(L, had + changed);

	lua_newtable(L);
	for (lua_pushnil(L); lua_next(L, env); lua_pop(L, 1)) {
		if (lua_type(L, -2) != LUA_TSTRING || strchr(lua_tostring(L, -2), '='))
			(void)script_misuse(L, "slipway.run: env: names of variables as keys expected, got %s",
					    luaL_tolstring(L, -2, NULL));

		const char *value = script_argument_string(L, -1, "slipway.run", "env", NULL);

		lua_pushfstring(L, "%s=%s", lua_tostring(L, -2), value);
		list[n++] = lua_tostring(L, -1);
		lua_rawseti(L, env + 2, (lua_Integer)n);
	}

	size_t own = n;

	for (size_t i = 0; i < had; i++) {
		size_t name = strcspn(environ[i], "=") + 1, k = 0;

		while (k < own && strncmp(list[k], environ[i], name) != 0)
			k++;
		if (k == own)
			list[n++] = environ[i];
	}
	return list;
}

/* "systemctl restart shop" for messages, pushed. */
static const char *push_command(lua_State *L, const struct run_command *c)
{
	luaL_Buffer b;
	bool shell = !strcmp(c->argv[0], "/bin/sh") && lua_rawlen(L, 1) == 0;

	luaL_buffinit(L, &b);
	for (size_t i = shell ? 2 : 0; c->argv[i] && i < 10; i++) {
		if (i > (shell ? 2u : 0u))
			luaL_addchar(&b, ' ');
		luaL_addstring(&b, c->argv[i]);
	}
	luaL_pushresult(&b);
	return lua_tostring(L, -1);
}

static void last_line(const struct str *s, char *out, size_t size)
{
	size_t end = s->len, begin;

	while (end && strchr("\r\n", s->data[end - 1]))
		end--;
	for (begin = end; begin && s->data[begin - 1] != '\n'; begin--)
		;
	(void)snprintf(out, size, "%.*s", (int)(end - begin), end ? s->data + begin : "");
}

static int l_run(lua_State *L) /* run{argv... or shell=, timeout, cwd, env, input, check} -> code, out, err */
{
	static const char *const known[] = { "shell", "timeout", "cwd", "env", "input", "check", NULL };
	struct run_command c = { .give_up = script_must_end, .context = script_of(L) };
	struct err err = ERR_INIT;
	int status = 0;

	script_argument_table(L, 1, "slipway.run", "options");
	lua_settop(L, 1);
	script_check_options(L, 1, "slipway.run", known);
	c.cwd = script_option_string(L, 1, "slipway.run", "cwd", NULL);
	c.input = script_option_string(L, 1, "slipway.run", "input", &c.input_len);
	c.timeout_ms = script_milliseconds(L, script_option_number(L, 1, "slipway.run", "timeout", 0),
					   "slipway.run: timeout");
	c.argv = take_arguments(L);
	c.environment = take_environment(L);

	bool check = script_option_bool(L, 1, "slipway.run", "check");

	if (script_stands_in(L, "slipway.run", 1))
		return lua_gettop(L);

	struct str *out = script_str(L, RUN_MAX_OUTPUT), *error = script_str(L, RUN_MAX_OUTPUT);
	int at = lua_gettop(L);

	script_check_end(L);
	if (run_command(&c, &status, out, error, &err) < 0) {
		script_check_end(L);
		return script_raise(L, &err);
	}
	if (check && status) {
		char why[300];

		last_line(error, why, sizeof(why));
		return script_raise_kind(L, "failed", "'%s' ended with exit code %d%s%s", push_command(L, &c), status,
					 *why ? ": " : "", why);
	}
	lua_pushinteger(L, status);
	lua_pushlstring(L, str_text(out), out->len);
	lua_pushlstring(L, str_text(error), error->len);
	script_drop(L, at - 1);
	script_drop(L, at);
	return 3;
}

static const luaL_Reg functions[] = { { "clock", l_clock }, { "doing", l_doing },   { "fail", l_fail },
				      { "log", l_log },	    { "raise", l_raise },   { "run", l_run },
				      { "sleep", l_sleep }, { "sha256", l_sha256 }, { "time", l_time },
				      { NULL, NULL } };

static void open_system(lua_State *L)
{
	(void)L;
	lua_pushcfunction(L, l_log);
	lua_setglobal(L, "print");
}

const struct script_lib lib_system = { NULL, functions, open_system };
