/* appspec/appspec_slipway.c - 'slipway': what only slipway acts on. Other agents ignore the key (PRODUCT section 4).
 *
 * Here an unknown key is an error: a rule that an older agent skips may be the one that protects a file.
 */
#include "appspec/path_glob.h"
#include "appspec/reading.h"
#include "model/names.h"
#include "util/auto.h"
#include "util/str.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define VERSION_PARTS 3

/* "1", "1.0" or "1.0.2": what is not there counts as 0. */
static bool parse_version(const char *text, unsigned long out[VERSION_PARTS])
{
	memset(out, 0, VERSION_PARTS * sizeof(*out));
	for (size_t i = 0; i < VERSION_PARTS; i++) {
		char *end;

		if (!isdigit((unsigned char)*text))
			return false;
		out[i] = strtoul(text, &end, 10); /* beyond the largest number it stays at that: newer than any */
		if (!*end)
			return true;
		if (*end != '.')
			return false;
		text = end + 1;
	}
	return false;
}

/* False: what this revision needs is not there, and nothing else below 'slipway' is for us to judge. */
static bool read_requires(struct reading *r, const struct yml_node *n)
{
	unsigned long need[VERSION_PARTS], have[VERSION_PARTS];

	if (reading_is_null(n))
		return true;
	if (!yml_is_scalar(n) || n->type == YML_BOOL || !parse_version(n->text, need)) {
		reading_error(r, n,
			      "'requires' must be the number of a version of slipway, such as 0.1 or 1.0.2, not %s",
			      reading_shown(r, n));
		return true;
	}
	r->out->requires = reading_text(r, n, "requires");
	if (!parse_version(SLIPWAY_VERSION, have))
		return true;
	for (size_t i = 0; i < VERSION_PARTS; i++) {
		if (need[i] < have[i])
			return true;
		if (need[i] == have[i])
			continue;
		reading_error(r, n,
			      "this revision requires slipway %s, and this is slipway " SLIPWAY_VERSION
			      ": upgrade slipway on this host first",
			      r->out->requires);
		return false;
	}
	return true;
}

static void read_behavior(struct reading *r, const struct yml_node *n, struct appspec_overwrite *out)
{
	out->behavior = n->type == YML_TEXT ? file_exists_from_name(n->text, n->len) : FILE_EXISTS_UNSET;
	if (out->behavior == FILE_EXISTS_UNSET)
		reading_error(r, n, "'behavior' must be DISALLOW, OVERWRITE or RETAIN, not '%s'", reading_shown(r, n));
}

static void read_policy(struct reading *r, const struct yml_node *n, struct appspec_overwrite *out)
{
	out->behavior = FILE_EXISTS_DISALLOW; /* whatever it says, nothing is lost by a refusal */
	out->policy = reading_is_null(n) ? "" : reading_trimmed(r, n, "policy");
	if (!*out->policy && (reading_is_null(n) || yml_is_scalar(n)))
		reading_error(r, n, "'policy' is blank: name a script of the bundle, as in scripts/overwrite.lua");
	else if (*out->policy && !str_ends(out->policy, ".lua"))
		reading_error(r, n, "the policy '%s' must be a script in Lua: its name ends in .lua",
			      reading_shown(r, n));
	reading_check_inside(r, n, "policy", out->policy);
}

static void read_overwrite(struct reading *r, const struct yml_node *n, struct appspec_overwrite *out)
{
	const struct yml_node *path = yml_get(n, "path"), *behavior = yml_get(n, "behavior");
	const struct yml_node *policy = yml_get(n, "policy");
	struct err bad = ERR_INIT;

	out->place = reading_place(n);
	if (n->type != YML_MAP) {
		reading_error(r, n, "an entry of 'overwrite' must be a mapping with 'path' and 'behavior', not %s",
			      yml_type_name(n->type));
		return;
	}
	reading_check_keys(r, n, LEVEL_OVERWRITE);
	if (reading_is_null(path)) {
		reading_error(r, path ? path : n,
			      "an entry of 'overwrite' has no 'path': say which destinations it is "
			      "for, as in /etc/shop/*.conf");
	} else {
		out->path = reading_text(r, path, "path");
		if (yml_is_scalar(path) && path_glob_check(out->path, &bad) < 0)
			reading_error(r, path, "the path %s", bad.msg);
	}
	if (policy && behavior)
		reading_error(r, policy,
			      "an entry of 'overwrite' has a 'behavior' and a 'policy': one of them decides");
	else if (policy)
		read_policy(r, policy, out);
	else if (behavior)
		read_behavior(r, behavior, out);
	else
		reading_error(r, n,
			      "an entry of 'overwrite' has no 'behavior': write DISALLOW, OVERWRITE or RETAIN, or name "
			      "a script that decides with 'policy'");
}

static void read_overwrites(struct reading *r, const struct yml_node *n)
{
	const struct yml_node *list = reading_list(r, n, "overwrite");

	if (list->count > APPSPEC_MAX_OVERWRITES) {
		reading_error(r, n, "'overwrite' has more than %d entries: let patterns speak of many files at once",
			      APPSPEC_MAX_OVERWRITES);
		return;
	}
	r->out->overwrites = arena_alloc(r->arena, list->count * sizeof(*r->out->overwrites));
	r->out->overwrite_count = list->count;
	for (size_t i = 0; i < list->count; i++)
		read_overwrite(r, list->items[i], &r->out->overwrites[i]);
}

/* NULL after an error. */
static const char *read_variable(struct reading *r, const struct yml_pair *pair)
{
	const char *shown = reading_shown(r, pair->key);

	if (!yml_is_scalar(pair->key) || !name_is_variable(pair->key->text, strlen(pair->key->text)))
		reading_error(r, pair->key,
			      "'%s' is no name for a variable in 'env': letters, digits and _ only, no digit in front",
			      shown);
	else if (name_is_reserved(pair->key->text, strlen(pair->key->text)))
		reading_error(r, pair->key, "the variable '%s' in 'env' " NAME_RESERVED_RULE, shown);
	else if (!yml_is_scalar(pair->value))
		reading_error(r, pair->value, "the variable '%s' in 'env' must be text, not %s", shown,
			      yml_type_name(pair->value->type));
	else
		return arena_printf(r->arena, "%s=%s", pair->key->text, pair->value->text);
	return NULL;
}

static void read_env(struct reading *r, const struct yml_node *n)
{
	size_t bytes = 0, count = 0;

	if (n->type != YML_MAP) {
		reading_error(r, n, "'env' must be a mapping of names to values, not %s", yml_type_name(n->type));
		return;
	}

	const char **items = arena_alloc(r->arena, (n->count + 1) * sizeof(*items));

	for (size_t i = 0; i < n->count; i++) {
		const char *item = read_variable(r, &n->pairs[i]);

		if (!item)
			continue;
		items[count++] = item;
		bytes += strlen(item) + 1;
		if (bytes > APPSPEC_MAX_ENVIRONMENT) {
			reading_error(r, n,
				      "the variables in 'env' have more than %d bytes together: put such an amount "
				      "into a file of the bundle",
				      APPSPEC_MAX_ENVIRONMENT);
			return;
		}
	}
	if (count)
		r->out->environment = items;
}

/* Every script brings the variables of its revision along, whoever runs it. */
static void hand_out_environment(struct appspec *a)
{
	for (size_t i = 0; i < a->hook_count; i++)
		for (size_t k = 0; k < a->hooks[i].script_count; k++)
			a->hooks[i].scripts[k].environment = a->environment;
}

void appspec_read_slipway(struct reading *r, const struct yml_node *n)
{
	const struct yml_node *part;

	if (n->type == YML_NULL)
		return;
	if (n->type != YML_MAP) {
		reading_error(r, n, "'slipway' must be a mapping, not %s", yml_type_name(n->type));
		return;
	}
	r->out->has_slipway = true;
	if (!read_requires(r, yml_get(n, "requires")))
		return;
	reading_check_keys(r, n, LEVEL_SLIPWAY);
	if (!reading_is_null(part = yml_get(n, "overwrite")))
		read_overwrites(r, part);
	if (!reading_is_null(part = yml_get(n, "hooks")))
		appspec_read_hooks(r, part, LEVEL_OWN_SCRIPT);
	if (!reading_is_null(part = yml_get(n, "env")))
		read_env(r, part);
	if (!reading_is_null(part = yml_get(n, "restart_safe")))
		reading_warning(r, part,
				"slipway " SLIPWAY_VERSION " does not act on 'restart_safe' yet: a hook that was "
				"interrupted counts as failed");
	hand_out_environment(r->out);
}
