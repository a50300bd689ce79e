/* appspec/reading.c - see reading.h. */
#include "appspec/reading.h"

#include "appspec/lint.h"
#include "util/auto.h"
#include "util/nearest.h"
#include "util/str.h"

#include <stdarg.h>
#include <string.h>

#define LONGEST_SHOWN 200

static const struct {
	const char *where; /* "'x' belongs to ..." */
	const char *keys[9];
	size_t count;
} levels[LEVEL_COUNT] = {
	[LEVEL_TOP] = { "the top level",
			{ "version", "os", "files", "hooks", "permissions", "file_exists_behavior", "slipway" },
			7 },
	[LEVEL_FILE] = { "an entry of 'files'", { "source", "destination" }, 2 },
	[LEVEL_SCRIPT] = { "a script of 'hooks'", { "location", "timeout", "runas", "sudo" }, 4 },
	[LEVEL_PERMISSION] = { "an entry of 'permissions'",
			       { "object", "pattern", "except", "type", "owner", "group", "mode", "acls", "context" },
			       9 },
	[LEVEL_CONTEXT] = { "a 'context'", { "name", "type", "range" }, 3 },
	[LEVEL_SLIPWAY] = { "'slipway'", { "requires", "overwrite", "hooks", "env", "restart_safe" }, 5 },
	[LEVEL_OWN_SCRIPT] = { "a script of 'hooks' below 'slipway'",
			       { "location", "timeout", "runas", "sudo", "use", "with" },
			       6 },
	[LEVEL_OVERWRITE] = { "an entry of 'overwrite'", { "path", "behavior", "policy" }, 3 },
};

/* Keys that people write, and what to write instead. */
static const struct {
	const char *key, *cure;
} habits[] = {
	{ "overwrite", "to replace files that are there, write 'file_exists_behavior: OVERWRITE' at the top level" },
	{ "Resources", "it belongs to an appspec for Amazon ECS or AWS Lambda, which is not for this agent" },
	{ "Hooks", "it belongs to an appspec for Amazon ECS or AWS Lambda; for an instance write 'hooks'" },
	{ "role", "roles are not supported in a context" },
	{ "user", "to run a script as another user, write 'runas'" },
	{ "run_as", "to run a script as another user, write 'runas'" },
	{ "runs_as", "to run a script as another user, write 'runas'" },
	{ "use", "ready-made hooks are named in 'hooks' below 'slipway', not in the standard ones" },
	{ "with", "ready-made hooks are named in 'hooks' below 'slipway', not in the standard ones" },
};

struct appspec_place reading_place(const struct yml_node *n)
{
	return (struct appspec_place){ n ? n->place.line : 0, n ? n->place.column : 0 };
}

static void complain(struct reading *r, enum finding_level level, const struct yml_node *n, const char *fmt, va_list ap)
	__attribute__((format(printf, 4, 0)));
static void complain(struct reading *r, enum finding_level level, const struct yml_node *n, const char *fmt, va_list ap)
{
	struct str text = STR_INIT(8192);

	if (str_vprintf(&text, fmt, ap) < 0)
		(void)str_add(&text, "a message about this place is too long to be shown"); /* fits: it is empty */
	findings_add(r->findings, level, reading_place(n), "%s", str_text(&text));
	str_done(&text);
}

void reading_error(struct reading *r, const struct yml_node *n, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(r, FINDING_ERROR, n, fmt, ap);
	va_end(ap);
}

void reading_warning(struct reading *r, const struct yml_node *n, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(r, FINDING_WARNING, n, fmt, ap);
	va_end(ap);
}

static void show_scalar(struct str *out, const struct yml_node *n, bool inside)
{
	if (n->type == YML_NULL)
		(void)str_add(out, inside ? "nil" : "");
	else if (n->type == YML_BOOL)
		(void)str_add(out, n->truth ? "true" : "false");
	else if (n->type == YML_TEXT && inside)
		(void)str_printf(out, "\"%s\"", n->text);
	else
		(void)str_add(out, n->text);
}

/* What does not fit is left out; the caller cuts the text anyway. */
static void show(struct str *out, const struct yml_node *n, bool inside)
{
	if (out->len > LONGEST_SHOWN)
		return;
	if (yml_is_scalar(n)) {
		show_scalar(out, n, inside);
		return;
	}
	(void)str_add(out, n->type == YML_MAP ? "{" : "[");
	for (size_t i = 0; i < n->count && out->len <= LONGEST_SHOWN; i++) {
		if (i)
			(void)str_add(out, ", ");
		show(out, n->type == YML_MAP ? n->pairs[i].key : n->items[i], true);
		if (n->type == YML_LIST)
			continue;
		(void)str_add(out, "=>");
		show(out, n->pairs[i].value, true);
	}
	(void)str_add(out, n->type == YML_MAP ? "}" : "]");
}

const char *reading_shown(struct reading *r, const struct yml_node *n)
{
	struct str text = STR_INIT(2 * APPSPEC_MAX_BYTES);
	size_t cut = LONGEST_SHOWN;

	if (n)
		show(&text, n, false);
	while (cut < text.len && (text.data[cut] & 0xc0) == 0x80)
		cut--; /* never inside a character */

	const char *shown = text.len <= LONGEST_SHOWN ? arena_strdup(r->arena, str_text(&text))
						      : arena_printf(r->arena, "%.*s...", (int)cut, text.data);

	str_done(&text);
	return shown;
}

bool reading_is_null(const struct yml_node *n)
{
	return !n || n->type == YML_NULL;
}

bool reading_is_absent(const struct yml_node *n)
{
	return reading_is_null(n) || (n->type == YML_BOOL && !n->truth);
}

const char *reading_text(struct reading *r, const struct yml_node *n, const char *what)
{
	if (yml_is_scalar(n))
		return arena_strndup(r->arena, n->text, n->len);
	reading_error(r, n, "'%s' must be text, not %s", what, yml_type_name(n->type));
	return "";
}

const char *reading_trimmed(struct reading *r, const struct yml_node *n, const char *what)
{
	const char *text = reading_text(r, n, what);

	text += strspn(text, " \t\n\v\f\r");

	size_t len = strlen(text);

	while (len && strchr(" \t\n\v\f\r", text[len - 1]))
		len--;
	return arena_strndup(r->arena, text, len);
}

const struct yml_node *reading_list(struct reading *r, const struct yml_node *n, const char *what)
{
	static const struct yml_node empty = { .type = YML_LIST, .text = "" };

	if (n->type == YML_LIST)
		return n;
	if (n->type == YML_MAP && !n->count)
		reading_warning(r, n, "'%s' is an empty mapping: write an empty list, [], or leave it out", what);
	else
		reading_error(r, n, "'%s' must be a list, not %s: put '- ' before each of its entries", what,
			      yml_type_name(n->type));
	return &empty;
}

void reading_check_inside(struct reading *r, const struct yml_node *n, const char *what, const char *path)
{
	int depth = 0;

	for (const char *p = path; *p;) {
		size_t len = strcspn(p, "/");

		if (len == 2 && !strncmp(p, "..", 2))
			depth--;
		else if (len && !(len == 1 && *p == '.'))
			depth++;
		if (depth < 0) {
			reading_error(r, n, "the %s '%s' leads out of the bundle: only what is in it can be named",
				      what, reading_shown(r, n));
			return;
		}
		p += len;
		p += strspn(p, "/");
	}
}

static const char *habit(const char *key)
{
	for (size_t i = 0; i < ARRAY_LEN(habits); i++)
		if (!strcmp(key, habits[i].key))
			return habits[i].cure;
	return NULL;
}

static const char *home_of(const char *key, enum reading_level here)
{
	for (int level = 0; level < LEVEL_OWN_SCRIPT; level++)
		for (size_t i = 0; level != (int)here && i < levels[level].count; i++)
			if (!strcmp(key, levels[level].keys[i]))
				return levels[level].where;
	return lint_event_is_standard(key) ? "'hooks'" : NULL;
}

/* What an older agent skips may be what the revision relies on, so nothing of our own is skipped. */
static void refuse_key(struct reading *r, const struct yml_node *key, enum reading_level level)
{
	const char *shown = reading_shown(r, key);
	const char *meant = nearest_name(key->text, levels[level].keys, levels[level].count);
	const char *home = meant ? NULL : home_of(key->text, level);

	const char *guess = meant  ? arena_printf(r->arena, ", did you mean '%s'?", meant)
			    : home ? arena_printf(r->arena, ": it belongs to %s.", home)
				   : ".";

	reading_error(r, key, "unknown key '%s' in %s%s This is slipway " SLIPWAY_VERSION ", a newer one may know it",
		      shown, levels[level].where, guess);
}

static void check_key(struct reading *r, const struct yml_node *key, enum reading_level level)
{
	const char *shown = reading_shown(r, key);
	const char *meant, *cure, *home;

	for (size_t i = 0; yml_is_scalar(key) && i < levels[level].count; i++)
		if (!strcmp(key->text, levels[level].keys[i]))
			return;
	if (level >= LEVEL_SLIPWAY)
		refuse_key(r, key, level);
	else if (!yml_is_scalar(key))
		reading_warning(r, key, "the key %s has no meaning here and is ignored: remove it", shown);
	else if ((meant = nearest_name(key->text, levels[level].keys, levels[level].count)))
		reading_warning(r, key, "unknown key '%s' is ignored: did you mean '%s'?", shown, meant);
	else if ((cure = habit(key->text)))
		reading_warning(r, key, "unknown key '%s' is ignored: %s", shown, cure);
	else if ((home = home_of(key->text, level)))
		reading_warning(r, key, "the key '%s' is ignored here: it belongs to %s; check the indentation", shown,
				home);
	else
		reading_warning(r, key, "unknown key '%s' is ignored: remove it, or write it as a comment", shown);
}

void reading_check_keys(struct reading *r, const struct yml_node *map, enum reading_level level)
{
	for (size_t i = 0; i < map->count; i++)
		check_key(r, map->pairs[i].key, level);
}
