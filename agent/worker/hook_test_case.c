/* worker/hook_test_case.c - see hook_test_case.h. */
#include "worker/hook_test_case.h"

#include "appspec/ready_hook.h"
#include "format/json.h"
#include "lifecycle/hook_language.h"
#include "lifecycle/hook_lua.h"
#include "script/script.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/mask.h"
#include "util/proc.h"
#include "worker/hook_test_values.h"
#include "worker/hook_try.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

#define MAX_VARIABLES 1000
#define MAX_ARGUMENTS 100
#define MAX_LOG	      1000 /* lines of a hook that are told */

struct play { /* a case being run */
	const struct hook_test_case *c;
	int64_t deadline_ms;
	int bundle_fd, library_fd;
	int folders;   /* made so far */
	bool ran;      /* the case was there */
	json_t *cases; /* when they are listed */
	json_t *log;   /* what the last hook has said; NULL: none has run */
};

struct stage { /* one run of a hook; held by the test's state, so that nothing is lost when that raises */
	struct environment environment;
	struct script_outcome outcome;
	struct script *script;
	char *path;
};

static void stage_done(void *bytes)
{
	struct stage *s = bytes;

	environment_done(&s->environment);
	script_outcome_done(&s->outcome);
	script_free(s->script);
	free(s->path);
}

static struct play *play_of(lua_State *L)
{
	return lua_touserdata(L, lua_upvalueindex(1));
}

/* Load a file of ours. */
static void push_text(lua_State *L, const char *name)
{
	size_t len;
	const char *text = hook_test_text(name, &len);

	lua_pushfstring(L, "=slipway.test.%s", name);
	if (luaL_loadbufferx(L, text, len, lua_tostring(L, -1), "t") != LUA_OK)
		(void)lua_error(L);
	lua_remove(L, -2);
}

/* The line of the test's file that is being run. */
static int line_of(lua_State *L)
{
	lua_Debug ar;

	for (int level = 0; lua_getstack(L, level, &ar); level++)
		if (lua_getinfo(L, "Sl", &ar) && ar.currentline > 0 && *ar.source == '@')
			return ar.currentline;
	return 0;
}

/* Two of one name: a report could not tell them apart. */
static int note_case(lua_State *L, json_t *cases, const char *name)
{
	json_t *one = json_pack("{s:o, s:i}", "name", jtext(name), "line", line_of(L)), *other;
	size_t i;

	json_array_append_new(cases, one);
	json_array_foreach(cases, i, other)
	{
		if (other != one && json_equal(json_object_get(other, "name"), json_object_get(one, "name")))
			return script_misuse(L, "slipway.test.case: there is another case '%s', at line %d", name,
					     (int)json_integer_value(json_object_get(other, "line")));
	}
	return 0;
}

static int l_found(lua_State *L) /* found(name, index) -> run it? */
{
	struct play *p = play_of(L);
	const char *name = luaL_checkstring(L, 1);
	const bool wanted = luaL_checkinteger(L, 2) == p->c->index;

	if (p->cases)
		(void)note_case(L, p->cases, name);
	p->ran = p->ran || wanted;
	lua_pushboolean(L, wanted);
	return 1;
}

static int make_folder(struct play *p, char *path, size_t size, struct err *err)
{
	(void)snprintf(path, size, "%s/%d", p->c->folder, p->folders++);
	return fs_make_path(path, 0700, err);
}

static int l_folder(lua_State *L) /* folder() -> an empty one, gone when the case is over */
{
	struct err err = ERR_INIT;
	char path[4096];

	if (make_folder(play_of(L), path, sizeof(path), &err) < 0)
		return script_raise(L, &err);
	lua_pushstring(L, path);
	return 1;
}

static int l_said(lua_State *L) /* said(text): a line of the hook that runs */
{
	struct play *p = play_of(L);

	if (json_array_size(p->log) < MAX_LOG)
		json_array_append_new(p->log, jtext(luaL_checkstring(L, 1)));
	return 0;
}

static void free_text(void *bytes)
{
	free(*(char **)bytes);
}

static int l_with(lua_State *L) /* with(name, {"ARGUMENT=VALUE", ...}) -> JSON for the ready-made hook */
{
	const char *name = luaL_checkstring(L, 1);
	char **json = script_hold(L, sizeof(*json), free_text);
	const char **words = lua_newuserdatauv(L, MAX_ARGUMENTS * sizeof(*words), 0);
	struct err err = ERR_INIT;
	size_t n = 0;

	for (; n < MAX_ARGUMENTS && lua_rawgeti(L, 2, (lua_Integer)n + 1) == LUA_TSTRING; lua_pop(L, 1))
		words[n++] = lua_tostring(L, -1); /* the list holds it */
	if (ready_hook_with_words(name, (char *const *)words, n, json, &err) < 0)
		return script_misuse(L, "slipway.test.use: %s", err.msg);
	lua_pushstring(L, *json);
	return 1;
}

/* In the hook's state. */
static int l_hide(lua_State *L) /* hide(text) -> text as a log would show it */
{
	size_t len;
	const char *text = luaL_checklstring(L, 1, &len);
	char *shown = lua_newuserdatauv(L, len + 1, 0);

	memcpy(shown, text, len + 1);
	lua_pushlstring(L, shown, mask_hide(script_mask(script_of(L)), shown, len));
	return 1;
}

/* From here on the functions of the hook's `slipway` ask the test; CONTEXT is the bridge. */
static void open_stand_ins(lua_State *L, const void *context)
{
	push_text(L, "stand_ins");
	bridge_push(L, (struct bridge *)context, 0);
	lua_pushcfunction(L, l_hide);
	push_text(L, "real");
	lua_call(L, 0, 1);
	lua_call(L, 3, 1);
	script_set_stand_ins(L);
}

/* Texts of the list at INDEX on top of what a trial has. */
static void surround(lua_State *L, int index, const struct play *p, const struct appspec_script *script,
		     struct environment *out)
{
	const struct hook_scene scene = { .bundle = p->c->bundle, .event = "ValidateService" };

	hook_try_environment(script, &scene, out);
	for (lua_Integer i = 1; i <= MAX_VARIABLES && lua_rawgeti(L, index, i) == LUA_TSTRING; i++) {
		environment_put(out, lua_tostring(L, -1));
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
}

static int prepare(struct stage *s, struct play *p, const char *name, struct bridge *bridge, struct err *err)
{
	const struct script_options options = { .deadline_ms = p->deadline_ms,
						.bundle_fd = p->bundle_fd,
						.library_fd = p->library_fd };

	if (script_new(&options, &s->script, err) < 0)
		return -1;
	/* environ is the hook's */
	if (hook_lua_extend(s->script, name, p->c->bundle, err) < 0)
		return -1;
	return script_extend(s->script, open_stand_ins, bridge, err);
}

/* USE: a ready-made hook of that name. */
static int perform(struct stage *s, struct play *p, struct bridge *bridge, const char *name, const char *use,
		   struct err *err)
{
	char **ours = environ;
	size_t len = 0;
	const char *text = use ? ready_hook_text(use, &len) : NULL;

	if (use && !text)
		return err_set(err, ERR_STATE, "there is no ready-made hook '%s'", use);
	environ = s->environment.items;

	int r = prepare(s, p, name, bridge, err);

	if (r == 0 && text)
		script_run_text(s->script, text, len, name, &s->outcome);
	else if (r == 0)
		script_run_file(s->script, s->path, name, &s->outcome);
	environ = ours;
	return r;
}

static void set_text(lua_State *L, const char *name, const char *text)
{
	if (*text)
		lua_pushstring(L, text);
	else
		lua_pushnil(L);
	lua_setfield(L, -2, name);
}

static void push_outcome(lua_State *L, const struct script_outcome *o)
{
	lua_createtable(L, 0, 8);
	lua_pushboolean(L, o->ok);
	lua_setfield(L, -2, "ok");
	lua_pushinteger(L, o->exit_code);
	lua_setfield(L, -2, "code");
	set_text(L, "message", o->message);
	set_text(L, "action", o->action);
	set_text(L, "trace", str_text(&o->trace));
}

/* Is LOCATION, which is at PATH, a hook that a test can run? As hook_run() would find it. */
static void check_hook(lua_State *L, const char *bundle, const char *location, const char *path)
{
	const size_t n = strcmp(bundle, "/") ? strlen(bundle) : 0;
	char real[PATH_MAX];

	if (!realpath(path, real))
		(void)script_misuse(L, "slipway.test.hook: '%s': there is no such file in the bundle", location);
	else if (strncmp(real, bundle, n) != 0 || real[n] != '/')
		(void)script_misuse(L, "slipway.test.hook: '%s' leads out of the bundle '%s'", location, bundle);
	else if (!hook_is_lua(path))
		(void)script_misuse(L, "slipway.test.hook: '%s': not a script in Lua: NAME.lua without a `#!` line",
				    location);
}

/* hook(location, use or nil, variables, answer, ids) -> what became of it. Five arguments, always. */
static int l_hook(lua_State *L)
{
	struct play *p = play_of(L);
	const char *asked = luaL_checkstring(L, 1), *use = luaL_optstring(L, 2, NULL);
	const char *location = asked + strspn(asked, "/");
	const struct appspec_script script = { .location = location };
	struct stage *s = script_hold(L, sizeof(*s), stage_done);
	const int at = lua_gettop(L);
	struct bridge bridge = { .test = L };
	struct err err = ERR_INIT;

	s->path = xasprintf("%s/%s", p->c->bundle, location);
	if (!use)
		check_hook(L, p->c->bundle, asked, s->path);
	json_decref(p->log);
	p->log = json_array();
	surround(L, 3, p, &script, &s->environment);
	lua_pushvalue(L, 5);
	bridge.ids = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_pushvalue(L, 4);
	bridge.answer = luaL_ref(L, LUA_REGISTRYINDEX);
	if (perform(s, p, &bridge, location, use, &err) < 0)
		return script_raise(L, &err);
	if (s->outcome.ended)
		return script_raise_kind(L, "ended", "%s", s->outcome.message);
	luaL_unref(L, LUA_REGISTRYINDEX, bridge.ids);
	luaL_unref(L, LUA_REGISTRYINDEX, bridge.answer);
	push_outcome(L, &s->outcome);
	script_drop(L, at); /* what a hook took is more than Lua knows of here */
	return 1;
}

static void open_test(lua_State *L, const void *context)
{
	static const luaL_Reg natives[] = {
		{ "folder", l_folder }, { "found", l_found }, { "hook", l_hook },
		{ "said", l_said },	{ "with", l_with },   { NULL, NULL },
	};
	static const char *const parts[] = { "compare", "real", "answers", "fakes" }; /* each gets those before it */
	const struct play *p = context;
	const int top = lua_gettop(L);

	lua_newtable(L);
	lua_pushlightuserdata(L, (void *)context);
	luaL_setfuncs(L, natives, 1);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		push_text(L, parts[i]);
		lua_pushvalue(L, top + 1);
		lua_call(L, 1, 1);
		lua_setfield(L, top + 1, parts[i]);
	}
	push_text(L, "test");
	lua_pushvalue(L, top + 1);
	lua_call(L, 1, 1);
	lua_setfield(L, top, "test");
	lua_pushstring(L, p->c->bundle);
	lua_setfield(L, top, "archive_dir");
}

static json_t *tell(const struct play *p, const struct script_outcome *o)
{
	json_t *j = json_pack("{s:b, s:b, s:o, s:o, s:o}", "ok", o->ok, "ran", p->ran, "message", jtext(o->message),
			      "action", jtext(o->action), "trace", jtext(str_text(&o->trace)));

	if (p->cases)
		json_object_set(j, "cases", p->cases);
	if (p->log)
		json_object_set(j, "log", p->log);
	return j;
}

json_t *hook_test_case_run(const struct hook_test_case *c)
{
	AUTO_FD int bundle = open(c->bundle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD int library = open(SLIPWAY_LUADIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO(script_outcome_done) struct script_outcome outcome = { .exit_code = 1 };
	struct play play = { .c = c,
			     .deadline_ms = proc_clock_ms() + c->timeout_ms,
			     .bundle_fd = bundle,
			     .library_fd = library,
			     .cases = c->index == HOOK_TEST_LIST ? json_array() : NULL };
	const struct script_options options = { .deadline_ms = play.deadline_ms,
						.bundle_fd = bundle,
						.library_fd = library };
	struct script *s = NULL;
	struct err err = ERR_INIT;

	if (script_new(&options, &s, &err) < 0 || script_extend(s, open_test, &play, &err) < 0)
		(void)snprintf(outcome.message, sizeof(outcome.message), "%s", err.msg);
	else
		script_run_file(s, c->path, c->name, &outcome);
	script_free(s);

	json_t *told = tell(&play, &outcome);

	json_decref(play.cases);
	json_decref(play.log);
	return told;
}
