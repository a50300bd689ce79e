/* script/script_internal.h - shared by script.c and its neighbours in this folder, by nobody else. */
#pragma once

#include "script/script.h"

struct script {
	lua_State *L;
	struct script_options options;
	const char *name;	    /* of the script being run; NULL: none yet */
	struct script_outcome *out; /* of that run */
	size_t used;		    /* bytes that Lua holds */
	struct mask mask;	    /* secrets */
	bool ended;		    /* an error was raised because of the time */
	struct held *holds;	    /* all that script_hold() gave and nobody has given back */
	unsigned held;		    /* what script_hold() gave since Lua has looked for what it may forget */
};

/* Globals and `require`. The table `slipway` is left on the stack. */
void script_sandbox_open(lua_State *L);
void script_sandbox_open_pure(lua_State *L); /* the few globals of a pure state; nothing on the stack */
void script_error_open(lua_State *L);	     /* the class of our errors */
void script_let_go_all(struct script *s);    /* when Lua is closed: what its collector has lost */
/* The error at INDEX for people, into BYTES; its action, if any. May raise. */
void script_error_text(lua_State *L, int index, char *message, size_t size, char *action, size_t action_size);
/* What to write instead, for a message of Lua's about a common mistake; else "". */
void script_hint(const char *message, char *out, size_t size);
/* "scripts/check.lua:14: " of the nearest line that is the script's own, pushed. */
void script_push_where(lua_State *L);
/* For the handler of an error: a traceback, pushed. It begins at the nearest line that is none of the library's, which
 * says what is wrong in the message; all of it when there is no such line. */
void script_push_trace(lua_State *L);

/* Keep the lines of a text from being seen, here and wherever the agent shows something. false: none is long enough.
 * Raises when that cannot be done. */
bool script_secret(lua_State *L, const char *text, size_t len);
/* Push something that holds the string at INDEX without its secrets, and return that; LEN may be NULL. */
const char *script_hide(lua_State *L, int index, size_t *len);

/* What the table on top lacks is looked for among our Lua files, as PREFIX and its name. */
void script_lazy(lua_State *L, const char *prefix);
/* JSON, as slipway.json has it. FN is for messages. Push the value of a text, which NAME ("the answer is ") introduces
 * in a message; push the text of the value at INDEX. Both raise. */
void script_json_decode(lua_State *L, const char *text, size_t len, const char *name);
void script_json_encode(lua_State *L, int index, const char *fn);
/* Lists, as JSON and YAML tell them from objects: a table with items, or one marked as a list (slipway.json.array). */
void script_mark_list(lua_State *L); /* the table on top */
bool script_is_list(lua_State *L, int index);
/* Its length; raises when it has keys besides 1 to n. FN ("slipway.json.encode: value") is for the message. */
lua_Integer script_check_list(lua_State *L, int index, const char *fn);
/* The key of a table that is no list; raises when it is not a text. */
void script_check_key(lua_State *L, int index, const char *fn);

/* A Lua file of ours that is part of the program (embedded.c); NULL: there is none. */
const char *script_embedded(const char *name, size_t *len);
/* The names, one after the other; NULL behind the last. */
const char *script_embedded_name(size_t index);
/* The whole of PATH below DIR_FD. 0: not there. */
int script_read_source(int dir_fd, const char *path, struct str *out, struct err *err);
/* Load text, push the function or raise. NAME as Lua takes it: "@file" or "=name". */
void script_load(lua_State *L, const char *text, size_t len, const char *name);
