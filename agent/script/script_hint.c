/* script/script_hint.c - what everybody writes once, and what to write instead: Lua's own messages do not say. */
#include "script/script_internal.h"
#include "script/script_libs.h"

#include "util/auto.h"
#include "util/nearest.h"
#include "util/str.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define MAX_NAMES 200

static const struct {
	const char *part, *advice;
} habits[] = {
	{ "nil value (global 'io')", "there is no io: slipway.fs reads and writes files, slipway.run runs programs" },
	{ "nil value (field 'execute')",
	  "there is no os.execute: slipway.run{ \"program\", \"argument\", check = true }" },
	{ "nil value (field 'exit')",
	  "there is no os.exit: return ends a hook, slipway.fail(\"why\") ends it as failed" },
	{ "nil value (field 'remove')", "files are removed by slipway.fs.remove" },
	{ "nil value (field 'rename')", "files are renamed by slipway.fs.rename" },
	{ "nil value (global 'dofile')", "require \"scripts.shared\" loads scripts/shared.lua of the bundle" },
	{ "nil value (global 'loadfile')", "require \"scripts.shared\" loads scripts/shared.lua of the bundle" },
	{ "near '!'", "in Lua unequal is ~=, and the word not negates" },
	{ "near '$'", "a variable of the environment is slipway.env.NAME" },
	{ "near '&'", "in Lua the words and, or, not are used" },
	{ "near '|'", "in Lua the words and, or, not are used" },
	{ "near '#'", "in Lua a comment begins with --" },
	{ "index a userdata value",
	  "null in JSON and YAML becomes slipway.json.null, which is not nil: compare with it first" },
};

struct name {
	char full[48];	  /* "slipway.http.get" */
	const char *last; /* "get" */
};

static void add_name(struct name *names, size_t *count, const char *lib, const char *name)
{
	struct name *n = &names[*count];

	if (*count == MAX_NAMES)
		return;
	(void)snprintf(n->full, sizeof(n->full), "slipway.%s%s%s", lib ? lib : "", lib && name ? "." : "",
		       name ? name : "");
	n->last = strrchr(n->full, '.') + 1;
	++*count;
}

/* The parts of the library, and with FUNCTIONS what is in them. */
static size_t library_names(struct name *names, bool functions)
{
	const char *embedded;
	size_t count = 0;

	for (size_t i = 0; script_libs[i]; i++) {
		if (script_libs[i]->name)
			add_name(names, &count, script_libs[i]->name, NULL);
		for (const luaL_Reg *f = script_libs[i]->functions; functions && f->name; f++)
			add_name(names, &count, script_libs[i]->name, f->name);
	}
	for (size_t i = 0; functions && (embedded = script_embedded_name(i)); i++)
		if (!str_starts(embedded, "internal."))
			add_name(names, &count, NULL, embedded);
	return count;
}

static const char *meant(const struct name *names, size_t count, const char *word)
{
	const char *last[MAX_NAMES];

	for (size_t i = 0; i < count; i++)
		last[i] = names[i].last;

	const char *found = nearest_name(word, last, count);

	for (size_t i = 0; found && i < count; i++)
		if (names[i].last == found)
			return names[i].full;
	return NULL;
}

/* The name in "... nil value (field 'NAME')". */
static bool missing_field(const char *message, char *name, size_t size)
{
	static const char before[] = "nil value (field '";
	const char *start = strstr(message, before);
	size_t len = start ? strcspn(start += strlen(before), "'") : 0;

	if (!len || len >= size || !start[len])
		return false;
	memcpy(name, start, len);
	name[len] = '\0';
	return true;
}

static bool is_variable(const char *name)
{
	for (const char *c = name; *c; c++)
		if (!isupper((unsigned char)*c) && !isdigit((unsigned char)*c) && *c != '_')
			return false;
	return name[0] && name[1];
}

void script_hint(const char *message, char *out, size_t size)
{
	struct name names[MAX_NAMES];
	char field[48];
	const char *full;

	*out = '\0';
	for (size_t i = 0; i < ARRAY_LEN(habits); i++)
		if (strstr(message, habits[i].part)) {
			(void)snprintf(out, size, "%s", habits[i].advice);
			return;
		}
	if (!missing_field(message, field, sizeof(field)))
		return;
	full = meant(names, library_names(names, strstr(message, "call a nil") != NULL), field);
	if (full)
		(void)snprintf(out, size, "did you mean %s?", full);
	else if (is_variable(field))
		(void)snprintf(
			out, size,
			"is %s meant to come from the environment? 'env' below 'slipway:' in the appspec, 'vars' of "
			"the host or --env sets it",
			field);
}
