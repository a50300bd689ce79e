/* script/lib_systemd.c - slipway.systemd: units are started, stopped, looked at. wait_active is Lua. */
#include "script/script_internal.h"
#include "script/script_libs.h"
#include "script/systemd_client.h"

#include "util/auto.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define JOB_S	 90 /* as long as systemd itself waits for a service, unless told otherwise */
#define ANSWER_S 25 /* for what needs no job */

/* The unit that is the first argument; its complete name into NAME. */
static void take_unit(lua_State *L, const char *fn, char name[UNIT_NAME_SIZE])
{
	const char *text = script_argument_string(L, 1, fn, "unit", NULL);

	if (!systemd_unit_name(text, name))
		(void)script_misuse(L, "%s: unit: name of a unit expected, got '%s'", fn, text);
}

/* Of the table of options at INDEX, which may hold nothing else. */
static int64_t take_timeout(lua_State *L, int index, const char *fn)
{
	static const char *const known[] = { "timeout", NULL };
	char what[64];

	lua_settop(L, index);
	script_check_options(L, index, fn, known);
	(void)snprintf(what, sizeof(what), "%s: timeout", fn);

	int64_t ms = script_milliseconds(L, script_option_number(L, index, fn, "timeout", JOB_S), what);

	if (ms < 1)
		(void)script_misuse(L, "%s: more than 0 seconds expected, got 0", what);
	return ms;
}

/* DOING ("restarting") is for the message. */
static void ask(lua_State *L, struct systemd_question *q, const char *doing)
{
	struct err err = ERR_INIT;

	q->give_up = script_must_end;
	q->context = script_of(L);
	script_check_end(L);
	if (systemd_ask(q, &err) == 0)
		return;
	script_check_end(L);
	(void)err_add(&err, "%s %s", doing, q->unit ? q->unit : "systemd's configuration");
	(void)script_raise(L, &err);
}

/* FN(unit, {timeout=90}) */
static int job(lua_State *L, const char *fn, const char *method, const char *doing)
{
	char unit[UNIT_NAME_SIZE];
	struct systemd_question q = { .task = SYSTEMD_JOB, .unit = unit, .method = method };

	take_unit(L, fn, unit);
	q.timeout_ms = take_timeout(L, 2, fn);
	if (script_stands_in(L, fn, 2))
		return lua_gettop(L);
	ask(L, &q, doing);
	return 0;
}

static int l_start(lua_State *L)
{
	return job(L, "slipway.systemd.start", "StartUnit", "starting");
}

static int l_stop(lua_State *L)
{
	return job(L, "slipway.systemd.stop", "StopUnit", "stopping");
}

static int l_restart(lua_State *L)
{
	return job(L, "slipway.systemd.restart", "RestartUnit", "restarting");
}

static int l_try_restart(lua_State *L)
{
	return job(L, "slipway.systemd.try_restart", "TryRestartUnit", "restarting");
}

static int l_reload(lua_State *L)
{
	return job(L, "slipway.systemd.reload", "ReloadUnit", "reloading");
}

/* FN(unit, {timeout=90}) -> was there anything to change? */
static int change_file(lua_State *L, const char *fn, enum systemd_task task, const char *doing)
{
	char unit[UNIT_NAME_SIZE];
	struct systemd_question q = { .task = task, .unit = unit };

	take_unit(L, fn, unit);
	q.timeout_ms = take_timeout(L, 2, fn);
	if (script_stands_in(L, fn, 2))
		return lua_gettop(L);
	ask(L, &q, doing);
	lua_pushboolean(L, q.changed);
	return 1;
}

static int l_enable(lua_State *L)
{
	return change_file(L, "slipway.systemd.enable", SYSTEMD_ENABLE, "enabling");
}

static int l_disable(lua_State *L)
{
	return change_file(L, "slipway.systemd.disable", SYSTEMD_DISABLE, "disabling");
}

static int l_daemon_reload(lua_State *L) /* daemon_reload({timeout=90}) */
{
	struct systemd_question q = { .task = SYSTEMD_RELOAD };

	q.timeout_ms = take_timeout(L, 1, "slipway.systemd.daemon_reload");
	if (script_stands_in(L, "slipway.systemd.daemon_reload", 1))
		return lua_gettop(L);
	ask(L, &q, "reloading");
	return 0;
}

static int l_reset_failed(lua_State *L) /* reset_failed(unit) */
{
	char unit[UNIT_NAME_SIZE];
	struct systemd_question q = { .task = SYSTEMD_RESET_FAILED, .unit = unit, .timeout_ms = ANSWER_S * 1000 };

	take_unit(L, "slipway.systemd.reset_failed", unit);
	if (script_stands_in(L, "slipway.systemd.reset_failed", 1))
		return lua_gettop(L);
	ask(L, &q, "resetting the failure of");
	return 0;
}

/* TEXTS is NULL-terminated. */
static bool is_one_of(const char *text, const char *const *texts)
{
	for (; *texts; texts++)
		if (!strcmp(text, *texts))
			return true;
	return false;
}

static int l_is_active(lua_State *L) /* is_active(unit) -> boolean, ActiveState */
{
	static const char *const active[] = { "active", "reloading", NULL };
	char unit[UNIT_NAME_SIZE];
	struct systemd_question q = { .task = SYSTEMD_STATUS, .unit = unit, .timeout_ms = ANSWER_S * 1000 };

	take_unit(L, "slipway.systemd.is_active", unit);
	if (script_stands_in(L, "slipway.systemd.is_active", 1))
		return lua_gettop(L);
	ask(L, &q, "looking at");
	lua_pushboolean(L, is_one_of(q.status.active, active));
	lua_pushstring(L, q.status.active);
	return 2;
}

static int l_is_enabled(lua_State *L) /* is_enabled(unit) -> boolean, UnitFileState */
{
	/* those for which `systemctl is-enabled` succeeds */
	static const char *const enabled[] = { "enabled",  "enabled-runtime", "static", "alias",
					       "indirect", "generated",	      NULL };
	char unit[UNIT_NAME_SIZE];
	struct systemd_question q = { .task = SYSTEMD_FILE_STATE, .unit = unit, .timeout_ms = ANSWER_S * 1000 };

	take_unit(L, "slipway.systemd.is_enabled", unit);
	if (script_stands_in(L, "slipway.systemd.is_enabled", 1))
		return lua_gettop(L);
	ask(L, &q, "looking at");
	lua_pushboolean(L, is_one_of(q.file_state, enabled));
	lua_pushstring(L, q.file_state);
	return 2;
}

static void set_text(lua_State *L, const char *name, const char *text)
{
	if (!*text)
		return;
	lua_pushstring(L, text);
	lua_setfield(L, -2, name);
}

static int l_status(lua_State *L) /* status(unit) -> table */
{
	char unit[UNIT_NAME_SIZE];
	struct systemd_question q = { .task = SYSTEMD_STATUS, .unit = unit, .timeout_ms = ANSWER_S * 1000 };
	const struct unit_status *u = &q.status;

	take_unit(L, "slipway.systemd.status", unit);
	if (script_stands_in(L, "slipway.systemd.status", 1))
		return lua_gettop(L);
	ask(L, &q, "looking at");
	lua_createtable(L, 0, 8);
	set_text(L, "unit", unit);
	set_text(L, "load", u->load);
	set_text(L, "active", u->active);
	set_text(L, "sub", u->sub);
	set_text(L, "result", u->result);
	if (u->main_pid) {
		lua_pushinteger(L, u->main_pid);
		lua_setfield(L, -2, "main_pid");
	}
	if (u->exec_code) { /* a signal as in slipway.run */
		lua_pushinteger(L, u->exec_status + (u->exec_code == CLD_EXITED ? 0 : 128));
		lua_setfield(L, -2, "exit_code");
	}
	if (u->since_us) {
		lua_pushnumber(L, (double)u->since_us / 1e6);
		lua_setfield(L, -2, "since");
	}
	return 1;
}

static const luaL_Reg functions[] = { { "daemon_reload", l_daemon_reload },
				      { "disable", l_disable },
				      { "enable", l_enable },
				      { "is_active", l_is_active },
				      { "is_enabled", l_is_enabled },
				      { "reload", l_reload },
				      { "reset_failed", l_reset_failed },
				      { "restart", l_restart },
				      { "start", l_start },
				      { "status", l_status },
				      { "stop", l_stop },
				      { "try_restart", l_try_restart },
				      { NULL, NULL } };

static void open_systemd(lua_State *L)
{
	script_lazy(L, "systemd.");
}

const struct script_lib lib_systemd = { "systemd", functions, open_systemd };
