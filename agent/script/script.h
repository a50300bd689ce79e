/* script/script.h - one Lua state with limits, for one script that is not trusted to behave.
 *
 * What a script sees is an allow list: no io, no os.execute, no debug but traceback, no bytecode, no __gc, `require`
 * only below the bundle and the shipped library. Memory that Lua takes has a limit. At its deadline, or when *stop is
 * set, an error is raised at the instruction being run, and again at each following one, so that neither pcall nor a
 * coroutine can go on; what goes on in C is ended by whoever supervises the process (script_place()).
 *
 * Bindings have two halves (Lua raises by longjmp, which skips cleanup attributes): the C half owns things and never
 * sees a lua_State; the Lua half checks arguments, calls it and pushes or raises, owning nothing but what script_hold()
 * keeps. This folder knows nothing of deployments: lifecycle/hook_lua.c adds what does.
 * Source: DESIGN.md section 7; spec/reliability-security.md P14.
 */
#pragma once

#include "util/err.h"
#include "util/mask.h"
#include "util/str.h"

#include <lauxlib.h>
#include <lua.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#define SCRIPT_MEMORY	  (64u * 1024 * 1024)
#define SCRIPT_MAX_SOURCE (1024u * 1024)

struct script;

struct script_options {
	size_t memory_max;		   /* bytes; 0: SCRIPT_MEMORY */
	int64_t deadline_ms;		   /* proc_clock_ms(), of a pure state proc_cpu_ms(0); 0: none */
	const volatile sig_atomic_t *stop; /* NULL: none */
	int bundle_fd, library_fd;	   /* where `require` looks; borrowed; -1: nowhere */
	bool pure; /* string, table, math and utf8 alone: a script that cannot tell one time or host from another */
	/* TEXT is what the script does now, behind the place of its own line; "": nothing to tell any more. Must not
	 * raise. NULL: nobody asks. */
	void (*doing)(void *context, const char *text);
	void *doing_context;
	/* Nobody shall see these LEN bytes from here on: wherever else they may come up, hide them there. -1: that
	 * cannot be said. NULL: there is no elsewhere. */
	int (*secret)(void *context, const char *bytes, size_t len);
	void *secret_context;
	/* For tests: shall Lua be told that there is no memory, this time? NULL: never. */
	bool (*refuse)(void *context);
	void *refuse_context;
};

/* How a script ended. Zero-initialise; script_outcome_done(). */
struct script_outcome {
	bool ok;
	int exit_code;	    /* 0; 1; or the number from 1 to 255 that the script returned */
	bool ended;	    /* by the deadline or by *stop */
	char message[1024]; /* "": it succeeded; else one or more lines, "scripts/check.lua:14: ..." */
	char action[512];   /* what the script says to do about it; may be "" */
	struct str trace;   /* lines of a traceback; may be empty */
};
void script_outcome_done(struct script_outcome *o);

/* A table of functions: slipway.NAME, or slipway itself when NAME is NULL. */
struct script_lib {
	const char *name;
	const luaL_Reg *functions;
	void (*open)(lua_State *L); /* for more than functions; the table is on top; NULL: there is no more */
};
extern const struct script_lib *const script_libs[]; /* what every script gets; NULL-terminated */

/* ERR_SYS: no memory. The caller owns OUT: script_free(). */
int script_new(const struct script_options *options, struct script **out, struct err *err);
void script_free(struct script *s); /* NULL is fine */
/* Call OPEN with the table `slipway` on top of the stack and CONTEXT as light userdata below it, in protected mode. */
int script_extend(struct script *s, void (*open)(lua_State *L, const void *context), const void *context,
		  struct err *err);
/* Run the file at PATH, called NAME in messages. A chunk that returns nothing, true or 0 has succeeded. What is not
 * there or cannot be read is a failure of the script as well. */
void script_run_file(struct script *s, const char *path, const char *name, struct script_outcome *out);
/* Run TEXT, a script of our own: what it raises on purpose is said by NAME alone, without a line. */
void script_run_text(struct script *s, const char *text, size_t len, const char *name, struct script_outcome *out);

/* Is TEXT, called NAME in messages, Lua? Nothing of it is run. -1, ERR_SCRIPT_FAILED: "scripts/check.lua:14: '='
 * expected near 'x'"; ERR_SYS. */
int script_compile(const char *text, size_t len, const char *name, struct err *err);

/* For the signal handler of whoever ends a script that goes on all the same.
 * "scripts/check.lua:14: ", where its own line is known, without a NUL: what it wrote of SIZE bytes. Of a coroutine,
 * the line that resumed it. */
size_t script_place(const struct script *s, char *text, size_t size);

/* For bindings. */

const struct mask *script_mask(const struct script *s); /* what slipway.secret was told */
struct script *script_of(lua_State *L);
/* Must it end now? For C halves that wait: false again and again until it is time. CONTEXT is a struct script. */
bool script_must_end(void *context);
int64_t script_deadline_ms(const struct script *s);
/* Raise when it must end. To be called after waiting. */
void script_check_end(lua_State *L);
/* SIZE zeroed bytes on the stack that DONE is called for when Lua forgets them, or at script_drop(). Of those that
 * calls which failed have left, no more than a few are kept: Lua does not know how much hangs on them. */
void *script_hold(lua_State *L, size_t size, void (*done)(void *));
void script_drop(lua_State *L, int index);
/* A held struct str. */
struct str *script_str(lua_State *L, size_t max);

/* For tests of hooks (`slipway hook --test`): in a state with stand-ins a function that reaches outside of the process
 * answers what the test says. It asks when it has found its arguments right, so that a test refuses what production
 * would. */

/* The table on top, functions by name ("http.get"), stands in for the world from here on; it is popped. */
void script_set_stand_ins(lua_State *L);
/* Does somebody stand in for FN ("slipway.http.get"), whose arguments are the first COUNT values of the stack? Then
 * what he gives for them is all that is on the stack. May raise, so nothing may be held that nobody would release. */
bool script_stands_in(lua_State *L, const char *fn, int count);

/* These raise. An error of ours is a table { kind, message, errno, action } with the place of the script's own line;
 * tostring() and `..` give "place: message". */
int script_raise(lua_State *L, const struct err *err);
int script_raise_kind(lua_State *L, const char *kind, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The same with values of the stack; ACTION 0: none. */
int script_raise_with(lua_State *L, const char *kind, int message, int action);
/* The script itself is wrong: a string, which retry and wait_for do not take for a failure of the outside world. */
int script_misuse(lua_State *L, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Arguments of a function FN ("slipway.fs.read", "slipway.Lock:release"), under the NAME that the stubs give them. All
 * that is wrong with one is told in one form, as script_misuse(): "slipway.fs.read: path: string expected, got table".
 */

/* Borrowed for as long as it stays on the stack; a number becomes a string. LEN NULL: a NUL byte is wrong. */
const char *script_argument_string(lua_State *L, int index, const char *fn, const char *name, size_t *len);
double script_argument_number(lua_State *L, int index, const char *fn, const char *name);
lua_Integer script_argument_integer(lua_State *L, int index, const char *fn, const char *name);
void script_argument_table(lua_State *L, int index, const char *fn, const char *name);
void script_argument_any(lua_State *L, int index, const char *fn, const char *name); /* nil is one, too */
/* What a method belongs to: userdata of CLASS. */
void *script_argument_self(lua_State *L, const char *fn, const char *class);

/* Fields of the table of options at INDEX (or nothing there: all absent). */
void script_check_options(lua_State *L, int index, const char *fn, const char *const *known);
double script_option_number(lua_State *L, int index, const char *fn, const char *name, double fallback);
/* Push the field NAME of the table at INDEX, nil when there is none, and return its type. Raw, as all options are read:
 * what a metamethod makes up nobody would hold while it is used. */
int script_push_option(lua_State *L, int index, const char *name);
/* Borrowed for as long as the table holds it; NULL: absent. LEN NULL: a NUL byte is wrong. */
const char *script_option_string(lua_State *L, int index, const char *fn, const char *name, size_t *len);
bool script_option_bool(lua_State *L, int index, const char *fn, const char *name);
/* Seconds, as milliseconds, at most a year; must not be negative. */
int64_t script_milliseconds(lua_State *L, double seconds, const char *what);
