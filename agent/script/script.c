/* script/script.c - a state, its limits, and one run of one file in it. */
#include "script/script_internal.h"

#include "util/auto.h"
#include "util/fs.h"
#include "util/proc.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define COUNT	      1000	   /* instructions between two looks at the time */
#define REPORT_MEMORY (256 * 1024) /* on top of the limit, to be able to say that it was passed */
#define TRACE_MAX     (16 * 1024)

void script_outcome_done(struct script_outcome *o)
{
	str_done(&o->trace);
}

static void *allocate(void *context, void *old, size_t old_size, size_t size)
{
	struct script *s = context;
	size_t had = old ? old_size : 0; /* for a new block Lua passes a type there */

	if (!size) {
		free(old);
		s->used -= had;
		return NULL;
	}
	if (size > had && (size - had > s->options.memory_max || s->used > s->options.memory_max - (size - had)))
		return NULL;

	if (size > had && s->options.refuse && s->options.refuse(s->options.refuse_context))
		return NULL;

	void *block = realloc(old, size);

	if (block)
		s->used = s->used - had + size;
	return block;
}

struct script *script_of(lua_State *L)
{
	return *(struct script **)lua_getextraspace(L); /* a new coroutine gets a copy of it */
}

bool script_must_end(void *context)
{
	const struct script *s = context;

	return (s->options.stop && *s->options.stop) ||
	       (s->options.deadline_ms &&
		(s->options.pure ? proc_cpu_ms(0) : proc_clock_ms()) >= s->options.deadline_ms);
}

int64_t script_deadline_ms(const struct script *s)
{
	return s->options.deadline_ms;
}

static void on_count(lua_State *L, lua_Debug *ar)
{
	(void)ar;
	script_check_end(L);
}

/* From the first time on each instruction raises, in every coroutine that comes to one: a script that catches the error
 * comes no further than the next. */
void script_check_end(lua_State *L)
{
	struct script *s = script_of(L);

	if (!script_must_end(s))
		return;
	s->ended = true;
	lua_sethook(L, on_count, LUA_MASKCOUNT, 1);
	(void)script_raise_kind(L, "ended", "still running when its time was over");
}

struct opening {
	void (*open)(lua_State *L, const void *context);
	const void *context;
};

static int open_protected(lua_State *L)
{
	const struct opening *o = lua_touserdata(L, 1);

	lua_getglobal(L, "slipway");
	o->open(L, o->context);
	return 0;
}

static int set_up(lua_State *L)
{
	script_error_open(L);
	if (script_of(L)->options.pure) {
		script_sandbox_open_pure(L);
		return 0;
	}
	script_sandbox_open(L);
	for (size_t i = 0; script_libs[i]; i++) {
		const struct script_lib *lib = script_libs[i];

		if (lib->name)
			lua_newtable(L);
		else
			lua_pushvalue(L, -1);
		luaL_setfuncs(L, lib->functions, 0);
		if (lib->open)
			lib->open(L);
		if (lib->name) { /* among the loaded ones, too, where messages about arguments look for names */
			luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
			lua_pushfstring(L, "slipway.%s", lib->name);
			lua_pushvalue(L, -3);
			lua_settable(L, -3);
			lua_pop(L, 1);
			lua_setfield(L, -2, lib->name);
		} else {
			lua_pop(L, 1);
		}
	}
	return 0;
}

static int said(lua_State *L, int status, struct err *err)
{
	if (status == LUA_OK)
		return 0;
	err_set(err, ERR_SYS, "setting up Lua: %s", lua_tostring(L, -1) ? lua_tostring(L, -1) : "no memory");
	lua_settop(L, 0);
	return -1;
}

static void script_freep(struct script **s)
{
	script_free(*s);
}

int script_new(const struct script_options *options, struct script **out, struct err *err)
{
	AUTO(script_freep) struct script *s = xcalloc(1, sizeof(*s));

	s->options = *options;
	if (!s->options.memory_max)
		s->options.memory_max = SCRIPT_MEMORY;
	s->L = lua_newstate(allocate, s);
	if (!s->L)
		return err_set(err, ERR_SYS, "setting up Lua: no memory");
	*(struct script **)lua_getextraspace(s->L) = s;
	lua_pushcfunction(s->L, set_up);
	if (said(s->L, lua_pcall(s->L, 0, 0, 0), err) < 0)
		return -1;
	lua_sethook(s->L, on_count, LUA_MASKCOUNT, COUNT); /* before any coroutine: they inherit it */
	*out = TAKE_PTR(s);
	return 0;
}

void script_free(struct script *s)
{
	if (!s)
		return;
	if (s->L)
		lua_close(s->L);
	script_let_go_all(s);
	mask_done(&s->mask);
	free(s);
}

int script_extend(struct script *s, void (*open)(lua_State *L, const void *context), const void *context,
		  struct err *err)
{
	struct opening o = { open, context };

	lua_pushcfunction(s->L, open_protected);
	lua_pushlightuserdata(s->L, &o);
	return said(s->L, lua_pcall(s->L, 1, 0, 0), err);
}

int script_read_source(int dir_fd, const char *path, struct str *out, struct err *err)
{
	AUTO_FD int fd = fs_open_beneath(dir_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct stat st;
	char buffer[4096];
	ssize_t n;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, "opening '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_STATE, "'%s' is not a file", path);
	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		if (str_append(out, buffer, (size_t)n) < 0)
			return err_set(err, ERR_STATE, "'%s' is larger than %zu bytes", path, out->max);
	return n < 0 ? err_sys(err, "reading '%s'", path) : 1;
}

/* A first line that begins with # is for the kernel; a byte order mark is for nobody. */
static void skip_first_line(const char **text, size_t *len)
{
	size_t n = *len >= 3 && !memcmp(*text, "\xef\xbb\xbf", 3) ? 3 : 0;

	if (n < *len && (*text)[n] == '#')
		while (n < *len && (*text)[n] != '\n')
			n++; /* the newline stays, so that lines are counted right */
	*text += n;
	*len -= n;
}

void script_load(lua_State *L, const char *text, size_t len, const char *name)
{
	skip_first_line(&text, &len);
	if (luaL_loadbufferx(L, len ? text : "", len, name, "t") != LUA_OK)
		(void)lua_error(L);
}

int script_compile(const char *text, size_t len, const char *name, struct err *err)
{
	const struct script_options options = { .bundle_fd = -1, .library_fd = -1, .pure = true };
	AUTO(script_freep) struct script *s = NULL;
	AUTO_FREE char *chunk = xasprintf("@%s", name);

	if (script_new(&options, &s, err) < 0)
		return -1;
	skip_first_line(&text, &len);
	if (luaL_loadbufferx(s->L, len ? text : "", len, chunk, "t") == LUA_OK)
		return 0;

	const char *why = lua_tostring(s->L, -1);
	bool has_place = str_starts(why, name) || str_starts(why, "..."); /* as Lua shortens a long name */

	return err_set(err, ERR_SCRIPT_FAILED, "%s%s%s", has_place ? "" : name, has_place ? "" : ": ", why);
}

struct job { /* one run, as the protected functions see it */
	const char *path, *name;
	const char *text; /* in place of the file at PATH */
	size_t len;
	struct script_outcome *out;
};

/* Of the error on the stack: its text, the traceback. An error in here is noticed by the caller. The error itself goes
 * on: Lua calls this for those of its parser, too, which load() catches. */
static int on_error(lua_State *L)
{
	struct script_outcome *o = script_of(L)->out;

	script_error_text(L, 1, o->message, sizeof(o->message), o->action, sizeof(o->action));
	if (lua_type(L, 1) == LUA_TSTRING)
		script_hint(o->message, o->action, sizeof(o->action));
	script_push_trace(L);
	str_clear(&o->trace);
	(void)str_add(&o->trace, lua_tostring(L, -1)); /* one that is too long is left out */
	lua_settop(L, 1);
	return 1;
}

static int load_protected(lua_State *L)
{
	const struct job *job = lua_touserdata(L, 1);
	struct str *text = script_str(L, SCRIPT_MAX_SOURCE);
	struct err err = ERR_INIT;
	struct stat st;

	if (job->text) {
		lua_pushfstring(L, "=%s", job->name);
		script_load(L, job->text, job->len, lua_tostring(L, -1));
		return 1;
	}
	if (stat(job->path, &st) == 0 && !S_ISREG(st.st_mode))
		return script_misuse(L, "%s is not a file", job->name);
	if (fs_read_file(AT_FDCWD, job->path, text, &err) != 1)
		return script_misuse(L, "%s", err.kind ? err.msg : "it is not there");
	lua_pushfstring(L, "@%s", job->name);
	script_load(L, str_text(text), text->len, lua_tostring(L, -1));
	script_drop(L, 2); /* a collector that is refused memory would lose it */
	return 1;
}

/* What the chunk returned. */
static int judge(lua_State *L)
{
	const struct job *job = lua_touserdata(L, 1);
	struct script_outcome *o = job->out;
	lua_Integer code = 0;
	int is_integer = 0;

	o->message[0] = o->action[0] = '\0'; /* of an error that was caught */
	str_clear(&o->trace);
	if (lua_type(L, 2) == LUA_TNUMBER)
		code = lua_tointegerx(L, 2, &is_integer);
	if (lua_isnil(L, 2) || (lua_isboolean(L, 2) && lua_toboolean(L, 2)) || (is_integer && code == 0)) {
		o->ok = true;
		o->exit_code = 0;
		return 0;
	}
	if (is_integer && code > 0 && code < 256)
		o->exit_code = (int)code;
	if (lua_isboolean(L, 2) || lua_type(L, 2) == LUA_TNUMBER)
		(void)snprintf(o->message, sizeof(o->message), "%s returned %s", job->name, luaL_tolstring(L, 2, NULL));
	else
		(void)snprintf(o->message, sizeof(o->message),
			       "%s returned a %s: return nothing, true or 0 when all is well, false or a number when "
			       "not",
			       job->name, luaL_typename(L, 2));
	return 0;
}

/* The handler did not get to its end, or was not asked (no memory). */
static void describe(struct script *s, int status, const struct job *job)
{
	struct script_outcome *o = job->out;

	if (status == LUA_ERRMEM)
		(void)snprintf(o->message, sizeof(o->message), "%s: needs more than %zu MiB of memory", job->name,
			       (s->options.memory_max - REPORT_MEMORY) / (1024 * 1024));
	else if (!o->message[0])
		(void)snprintf(o->message, sizeof(o->message), "%s: an error, and another one while it was handled",
			       job->name);
}

static void hide(const struct mask *mask, struct script_outcome *o)
{
	size_t len = strlen(o->message);

	if (len == sizeof(o->message) - 1) /* it was cut */
		o->message[len - mask_partial(mask, o->message, len)] = '\0';
	mask_hide_string(mask, o->message);
	mask_hide_string(mask, o->action);
	if (o->trace.len)
		o->trace.len = mask_hide(mask, o->trace.data, o->trace.len);
	if (o->trace.data)
		o->trace.data[o->trace.len] = '\0';
}

static void run(struct script *s, struct job job)
{
	struct script_outcome *out = job.out;
	lua_State *L = s->L;

	*out = (struct script_outcome){ .exit_code = 1, .trace = STR_INIT(TRACE_MAX) };
	s->name = job.name;
	s->out = out;
	lua_settop(L, 0);
	if (!lua_checkstack(L, 16)) {
		describe(s, LUA_ERRMEM, &job);
		return;
	}
	lua_pushcfunction(L, on_error); /* up to the call nothing here takes memory: who would catch the error? */
	lua_pushcfunction(L, load_protected);
	lua_pushlightuserdata(L, &job);

	int status = lua_pcall(L, 1, 1, 1);

	if (status == LUA_OK)
		status = lua_pcall(L, 0, 1, 1);
	s->options.memory_max += REPORT_MEMORY;
	if (status == LUA_OK) {
		lua_pushcfunction(L, judge);
		lua_insert(L, -2);
		lua_pushlightuserdata(L, &job);
		lua_insert(L, -2);
		lua_sethook(L, NULL, 0, 0); /* it has ended in time */
		status = lua_pcall(L, 2, 0, 1);
	}
	if (status != LUA_OK)
		describe(s, status, &job);
	hide(&s->mask, out);
	out->ended = s->ended && !out->ok;
	lua_settop(L, 0);
	s->name = NULL;
	s->out = NULL;
}

void script_run_file(struct script *s, const char *path, const char *name, struct script_outcome *out)
{
	run(s, (struct job){ .path = path, .name = name, .out = out });
}

void script_run_text(struct script *s, const char *text, size_t len, const char *name, struct script_outcome *out)
{
	run(s, (struct job){ .text = text, .len = len, .name = name, .out = out });
}
