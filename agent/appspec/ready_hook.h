/* appspec/ready_hook.h - ready-made hooks: what `use: NAME` names, and what `with:` may hold.
 *
 * A ready-made hook is hooks/NAME.lua of this repository, part of the program. It begins with a Lua comment that holds
 * YAML:
 *     --[[ hook
 *     summary: ask a URL until it answers as it should
 *     events: [ValidateService]               # where it makes sense, else lint warns; absent: anywhere
 *     with:
 *       url: {type: text, required: true, help: what to ask}
 *       for: {type: duration, default: 30s, help: how long to go on asking}
 *       proxy: {type: text, choices: [nginx, haproxy], help: which one}
 *     ]]
 * Types, and what becomes of them in JSON: text (any scalar as it is written), integer, number, boolean, duration (90,
 * 30s, 5m, 1h, 250ms: a number of seconds), list (scalars in it are texts as written; mappings keep their types; one
 * value will do for a list of one), map (YAML's own types below it).
 */
#pragma once

#include "format/yaml.h"
#include "util/err.h"

#include <stdbool.h>
#include <stddef.h>

#define READY_MAX	    1000 /* ready-made hooks of an appspec: each is looked at with care */
#define READY_ARGUMENTS_MAX 100
#define READY_WITH_MAX	    (64 * 1024) /* bytes of JSON: it travels in one variable of the environment */

enum ready_type {
	READY_TEXT,
	READY_INTEGER,
	READY_NUMBER,
	READY_BOOLEAN,
	READY_DURATION,
	READY_LIST,
	READY_MAP,
	READY_TYPE_COUNT
};
const char *ready_type_name(enum ready_type type); /* "duration" */

struct ready_argument {
	const char *name, *help;
	enum ready_type type;
	bool required;
	const struct yml_node *fallback, *choices; /* NULL: none */
};

struct ready_hook {
	const char *name, *summary;
	const struct yml_node *events; /* NULL: any */
	struct ready_argument *arguments;
	size_t argument_count;
	struct yml_doc *doc;
	struct arena *arena; /* these two own all of the above */
};

const char *ready_hook_name(size_t index);		    /* of all that there are; NULL behind the last */
const char *ready_hook_text(const char *name, size_t *len); /* the Lua; NULL: there is no such hook */

/* 1: OUT is the caller's: ready_hook_free(); 0: there is no such hook; -1: ERR_CONFIG, its header is wrong. */
int ready_hook_load(const char *name, struct ready_hook **out, struct err *err);
/* The same from a text, for NAME. */
int ready_hook_parse(const char *name, const char *text, size_t len, struct ready_hook **out, struct err *err);
void ready_hook_free(struct ready_hook *h); /* NULL is fine */
void ready_hook_freep(struct ready_hook **h);
bool ready_hook_suits(const struct ready_hook *h, const char *event);

struct reading;
/* What the script N of an appspec says with `use` and `with`: errors go to the findings of R. NAME and WITH (JSON, all
 * defaults filled in) belong to its arena, and are not touched when there is no such hook. */
void ready_hook_read(struct reading *r, const struct yml_node *n, const char **name, const char **with);
/* The values WITH (a mapping; NULL: none) for H, as JSON that belongs to the arena of R; NULL after an error. AT: where
 * to complain of what is missing. */
const char *ready_hook_arguments(struct reading *r, const struct ready_hook *h, const struct yml_node *with,
				 const struct yml_node *at);
void ready_hook_refuse_name(struct reading *r, const struct yml_node *n); /* N names none */
/* WITH of the words "ARGUMENT=VALUE": a text as it stands, any other type in YAML. The caller frees JSON. ERR_USAGE:
 * no such hook or argument, one missing, or of the wrong type. */
int ready_hook_with_words(const char *name, char *const *words, size_t count, char **json, struct err *err);
