/* config/config_keys.c - one table of keys, one function a type. */
#include "config/config_keys.h"
#include "format/plain.h"
#include "util/auto.h"
#include "util/nearest.h"
#include "util/str.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct key {
	const char *name;
	size_t offset; /* in struct config */
	/* Takes NODE into SLOT; false: it is not what the key wants. */
	bool (*take)(const struct yml_node *node, void *slot);
	const char *wants; /* "a whole number of at least 1" */
	const char *cure;  /* an example */
};

static void put(char **slot, const char *text)
{
	free(*slot);
	*slot = xstrdup(text);
}

static bool take_path(const struct yml_node *node, void *slot)
{
	if (!yml_is_scalar(node) || node->text[0] != '/' || node->len >= PATH_MAX)
		return false;
	put(slot, node->text);
	for (size_t len = node->len; len > 1 && (*(char **)slot)[len - 1] == '/';)
		(*(char **)slot)[--len] = '\0';
	return true;
}

static bool take_path_or_empty(const struct yml_node *node, void *slot)
{
	if (yml_is_scalar(node) && !node->len) {
		put(slot, "");
		return true;
	}
	if (!take_path(node, slot))
		return false;
	if (!strcmp(*(char **)slot, "/"))
		put(slot, ""); /* before every destination: nothing */
	return true;
}

static bool take_bool(const struct yml_node *node, void *slot)
{
	if (node->type != YML_BOOL)
		return false;
	*(bool *)slot = node->truth;
	return true;
}

/* Digits alone; what stands after them goes to *REST. Numbers are read as they are written: 010 is ten here. */
static bool digits(const char *text, uint64_t *out, const char **rest)
{
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	*out = strtoull(text, &end, 10);
	*rest = end;
	return errno == 0 && *out <= INT64_MAX;
}

static bool number(const struct yml_node *node, uint64_t min, uint64_t max, uint64_t *out)
{
	const char *rest;

	return yml_is_scalar(node) && digits(node->text, out, &rest) && !*rest && *out >= min && *out <= max;
}

static bool take_revisions(const struct yml_node *node, void *slot)
{
	uint64_t n;

	if (!number(node, 1, UINT_MAX, &n))
		return false;
	*(unsigned *)slot = (unsigned)n;
	return true;
}

static bool take_entries(const struct yml_node *node, void *slot)
{
	uint64_t n;

	if (!number(node, 1, UINT32_MAX - 1, &n))
		return false;
	*(uint64_t *)slot = n;
	return true;
}

static bool take_ratio(const struct yml_node *node, void *slot)
{
	uint64_t n;

	if (!number(node, 0, INT64_MAX, &n))
		return false;
	*(uint64_t *)slot = n;
	return true;
}

static const struct {
	const char *name;
	uint64_t bytes;
} units[] = {
	{ "", 1 },
	{ "B", 1 },
	{ "KiB", UINT64_C(1) << 10 },
	{ "MiB", UINT64_C(1) << 20 },
	{ "GiB", UINT64_C(1) << 30 },
	{ "TiB", UINT64_C(1) << 40 },
	{ "kB", UINT64_C(1000) },
	{ "MB", UINT64_C(1000000) },
	{ "GB", UINT64_C(1000000000) },
	{ "TB", UINT64_C(1000000000000) },
};

static bool take_size(const struct yml_node *node, void *slot)
{
	const char *rest;
	uint64_t n;

	if (!yml_is_scalar(node) || !digits(node->text, &n, &rest) || !n)
		return false;
	while (*rest == ' ')
		rest++;
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (!strcasecmp(rest, units[i].name) && n <= INT64_MAX / units[i].bytes) {
			*(uint64_t *)slot = n * units[i].bytes;
			return true;
		}
	return false;
}

static bool take_behavior(const struct yml_node *node, void *slot)
{
	static const char *const names[] = { "DISALLOW", "OVERWRITE", "RETAIN" };

	for (size_t i = 0; yml_is_scalar(node) && i < ARRAY_LEN(names); i++)
		if (!strcasecmp(node->text, names[i])) {
			put(slot, names[i]);
			return true;
		}
	return false;
}

static bool take_outputs(const struct yml_node *node, void *slot)
{
	return yml_is_scalar(node) && outputs_left_open_from_name(node->text, slot) == 0;
}

#define AT(member)	 offsetof(struct config, member)
#define WANTS_BOOL(name) take_bool, "true or false", "write '" name ": true'"
#define WANTS_PATH	 "a path from '/'"

static const struct key top_keys[] = {
	{ "state_dir", AT(state_dir), take_path, WANTS_PATH, "write e.g. 'state_dir: /var/lib/slipway'" },
	{ "install_prefix", AT(settings.install_prefix), take_path_or_empty, WANTS_PATH " or empty",
	  "write e.g. 'install_prefix: /srv/try'" },
	{ "max_revisions", AT(settings.max_revisions), take_revisions, "a whole number of at least 1",
	  "write e.g. 'max_revisions: 5'" },
	{ "file_exists_behavior", AT(settings.file_exists_behavior), take_behavior,
	  "one of DISALLOW, OVERWRITE and RETAIN", "write e.g. 'file_exists_behavior: DISALLOW'" },
	{ "outputs_left_open", AT(settings.outputs_left_open), take_outputs, "one of wait, warn and fail",
	  "write e.g. 'outputs_left_open: warn'" },
	{ "refuse_outside_links", AT(settings.refuse_outside_links), WANTS_BOOL("refuse_outside_links") },
	{ "enable_deployments_log", AT(settings.deployments_log), WANTS_BOOL("enable_deployments_log") },
};

static const struct key limit_keys[] = {
	{ "entries", AT(settings.max_entries), take_entries, "a whole number from 1 to 4294967294",
	  "write e.g. 'entries: 1000000'" },
	{ "unpacked_size", AT(settings.max_unpacked_bytes), take_size, "a size above 0",
	  "write bytes, or e.g. '20GiB' or '4GB'" },
	{ "ratio", AT(settings.max_ratio), take_ratio, "a whole number, 0 for any ratio", "write e.g. 'ratio: 1000'" },
};

/* A map of keys; MORE is the name of the one key whose value is such a map itself, NULL: none. */
struct section {
	const char *name; /* "" at the top, "limits." */
	const struct key *keys;
	size_t count;
	const char *more;
};

static const struct section top = { "", top_keys, ARRAY_LEN(top_keys), "limits" };
static const struct section limits = { "limits.", limit_keys, ARRAY_LEN(limit_keys), NULL };

static void warn(struct config *c, char *text)
{
	c->warnings = xrealloc(c->warnings, (c->warning_count + 2) * sizeof(*c->warnings));
	c->warnings[c->warning_count++] = text;
	c->warnings[c->warning_count] = NULL;
}

static void warn_unknown(struct config *c, const struct section *s, const struct yml_node *key, const char *shown)
{
	const char *names[16];
	size_t n = 0;

	for (; n < s->count; n++)
		names[n] = s->keys[n].name;
	if (s->more)
		names[n++] = s->more;

	const char *meant = nearest_name(key->text, names, n);
	AUTO_FREE char *name = plain_path(key->text);

	warn(c, xasprintf("%s:%u:%u: unknown key '%s%s'%s%s%s", shown, key->place.line, key->place.column, s->name,
			  name, meant ? ": did you mean '" : " is ignored", meant ? meant : "", meant ? "'?" : ""));
}

static int bad_value(const struct section *s, const struct key *key, const struct yml_node *value, const char *shown,
		     struct err *err)
{
	AUTO_FREE char *text = yml_is_scalar(value) ? plain_text(value->text, 80) : NULL;

	if (!text)
		return err_set(err, ERR_CONFIG, "%s:%u:%u: '%s%s' is %s, not %s: %s", shown, value->place.line,
			       value->place.column, s->name, key->name, yml_type_name(value->type), key->wants,
			       key->cure);
	return err_set(err, ERR_CONFIG, "%s:%u:%u: '%s%s' is '%s', not %s: %s", shown, value->place.line,
		       value->place.column, s->name, key->name, text, key->wants, key->cure);
}

static int apply_pair(struct config *c, const struct section *s, const struct yml_pair *pair, const char *shown,
		      struct err *err)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct key *key = &s->keys[i];

		if (strcmp(pair->key->text, key->name))
			continue;
		if (pair->value->type == YML_NULL || key->take(pair->value, (char *)c + key->offset))
			return 0;
		return bad_value(s, key, pair->value, shown, err);
	}
	warn_unknown(c, s, pair->key, shown);
	return 0;
}

static int apply_map(struct config *c, const struct section *s, const struct yml_node *map, const char *shown,
		     struct err *err)
{
	if (map->type == YML_NULL)
		return 0;
	if (map->type != YML_MAP)
		return err_set(err, ERR_CONFIG, "%s:%u:%u: %s is %s, not a map: write 'key: value', one a line", shown,
			       map->place.line, map->place.column, *s->name ? "'limits'" : "the configuration",
			       yml_type_name(map->type));
	for (size_t i = 0; i < map->count; i++) {
		const struct yml_pair *pair = &map->pairs[i];
		bool nested = s->more && !strcmp(pair->key->text, s->more);
		int r = nested ? apply_map(c, &limits, pair->value, shown, err) : apply_pair(c, s, pair, shown, err);

		if (r < 0)
			return -1;
	}
	return 0;
}

int config_keys_apply(struct config *c, const struct yml_doc *doc, const char *shown, struct err *err)
{
	for (size_t i = 0; i < doc->note_count; i++)
		warn(c, xasprintf("%s:%u:%u: %s", shown, doc->notes[i].place.line, doc->notes[i].place.column,
				  doc->notes[i].message));
	return apply_map(c, &top, doc->root, shown, err);
}

/* "root_dir" or ":root_dir", the one that stands last; NULL: neither, or without a value. */
static const struct yml_node *ruby_get(const struct yml_node *map, const char *name)
{
	const struct yml_node *found = NULL;

	for (size_t i = 0; i < map->count; i++) {
		const char *key = map->pairs[i].key->text;

		if (!strcmp(key + (*key == ':'), name))
			found = map->pairs[i].value;
	}
	return found && found->type != YML_NULL ? found : NULL;
}

int config_keys_take_codedeployagent(struct config *c, const struct yml_node *root, struct err *err)
{
	if (!root || root->type != YML_MAP)
		return err_set(err, ERR_CONFIG, "it is %s, not a map", root ? yml_type_name(root->type) : "empty");

	const struct yml_node *dir = ruby_get(root, "root_dir");
	const struct yml_node *revisions = ruby_get(root, "max_revisions");
	const struct yml_node *log = ruby_get(root, "enable_deployments_log");

	if (dir && !take_path(dir, &c->settings.deployment_root))
		return err_set(err, ERR_CONFIG, "root_dir is not a path from '/'");
	if (revisions && !take_revisions(revisions, &c->settings.max_revisions))
		return err_set(err, ERR_CONFIG, "Invalid configuration :max_revision=%s", revisions->text);
	if (log)
		c->settings.deployments_log = log->type != YML_BOOL || log->truth; /* Ruby: all but false is true */
	return 0;
}
