/* config/config_keys.c - one table of keys, one function a type. */
#include "config/config_keys.h"
#include "config/config_vars.h"
#include "format/json.h"
#include "format/plain.h"
#include "util/auto.h"
#include "util/nearest.h"
#include "util/str.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_DURATION_S (365U * 24 * 3600)
#define MAX_SOCKET     107
#define MAX_ACCESS     1000
#define MAX_LABEL      255

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

/* Who names a policy wants it asked: one that is not there allows nothing then. */
static bool take_policy(const struct yml_node *node, void *slot)
{
	struct settings *s = slot;

	s->policy_needed = take_path(node, &s->policy);
	return s->policy_needed;
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

static bool take_hooks_dir(const struct yml_node *node, void *slot)
{
	char **dir = slot;

	if (yml_is_scalar(node) && !node->len) {
		free(*dir);
		*dir = NULL;
		return true;
	}
	return take_path(node, slot);
}

static bool take_file_name(const struct yml_node *node, void *slot)
{
	AUTO_FREE char *shown = yml_is_scalar(node) ? plain_path(node->text) : NULL;

	if (!shown || !*shown || strcmp(shown, node->text) || strchr(shown, '/') || !strcmp(shown, ".") ||
	    !strcmp(shown, "..") || node->len > MAX_PROGRAM_NAME)
		return false;
	put(slot, node->text);
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

/* A whole number of at least 1. */
static bool take_count(const struct yml_node *node, void *slot)
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

static const struct {
	const char *name;
	uint64_t seconds;
} times[] = { { "", 1 }, { "s", 1 }, { "m", 60 }, { "h", 3600 } };

static bool take_duration(const struct yml_node *node, void *slot)
{
	const char *rest;
	uint64_t n;

	if (!yml_is_scalar(node) || !digits(node->text, &n, &rest))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(times); i++)
		if (!strcmp(rest, times[i].name) && n <= MAX_DURATION_S / times[i].seconds) {
			*(unsigned *)slot = (unsigned)(n * times[i].seconds);
			return true;
		}
	return false;
}

static bool take_timeout(const struct yml_node *node, void *slot)
{
	unsigned seconds;

	if (!take_duration(node, &seconds) || !seconds)
		return false;
	*(unsigned *)slot = seconds;
	return true;
}

/* The kernel has 108 bytes for the path of a socket and its end. */
static bool take_socket(const struct yml_node *node, void *slot)
{
	return node->len <= MAX_SOCKET && take_path(node, slot) && strcmp(*(char **)slot, "/");
}

static bool is_access_entry(const struct yml_node *node)
{
	static const char *const kinds[] = { "group:", "user:" };

	for (size_t i = 0; yml_is_scalar(node) && i < ARRAY_LEN(kinds); i++)
		if (str_starts(node->text, kinds[i]) && node->text[strlen(kinds[i])])
			return true;
	return false;
}

/* The whole list is replaced: a later file can take a right away, too. */
static bool take_access(const struct yml_node *node, void *slot)
{
	char **list;

	if (node->type != YML_LIST || node->count > MAX_ACCESS)
		return false;
	for (size_t i = 0; i < node->count; i++)
		if (!is_access_entry(node->items[i]))
			return false;
	list = xcalloc(node->count + 1, sizeof(*list));
	for (size_t i = 0; i < node->count; i++)
		list[i] = xstrdup(node->items[i]->text);
	jstrings_free(*(char ***)slot);
	*(char ***)slot = list;
	return true;
}

static bool take_on_failure(const struct yml_node *node, void *slot)
{
	return yml_is_scalar(node) && on_failure_from_name(node->text, slot) == 0;
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

/* For the environment of hooks: one line of text. */
static bool take_label(const struct yml_node *node, void *slot)
{
	if (!yml_is_scalar(node) || !node->len || node->len > MAX_LABEL || strlen(node->text) != node->len)
		return false;
	for (const char *p = node->text; *p; p++)
		if (iscntrl((unsigned char)*p))
			return false;
	put(slot, node->text);
	return true;
}

static bool take_runas_method(const struct yml_node *node, void *slot)
{
	return yml_is_scalar(node) && runas_method_from_name(node->text, slot) == 0;
}

static bool take_outputs(const struct yml_node *node, void *slot)
{
	return yml_is_scalar(node) && outputs_left_open_from_name(node->text, slot) == 0;
}

#define AT(member)	 offsetof(struct config, member)
#define WANTS_BOOL(name) take_bool, "true or false", "write '" name ": true'"
#define WANTS_PATH	 "a path from '/'"
#define WANTS_LABEL	 "a line of 1 to 255 bytes"
#define WANTS_COUNT	 "a whole number of at least 1"
#define WANTS_DURATION	 "a time of at most a year"

static const struct key top_keys[] = {
	{ "state_dir", AT(state_dir), take_path, WANTS_PATH, "write e.g. 'state_dir: /var/lib/slipway'" },
	{ "install_prefix", AT(settings.install_prefix), take_path_or_empty, WANTS_PATH " or empty",
	  "write e.g. 'install_prefix: /srv/try'" },
	{ "max_revisions", AT(settings.max_revisions), take_count, WANTS_COUNT, "write e.g. 'max_revisions: 5'" },
	{ "file_exists_behavior", AT(settings.file_exists_behavior), take_behavior,
	  "one of DISALLOW, OVERWRITE and RETAIN", "write e.g. 'file_exists_behavior: DISALLOW'" },
	{ "outputs_left_open", AT(settings.outputs_left_open), take_outputs, "one of wait, warn and fail",
	  "write e.g. 'outputs_left_open: warn'" },
	{ "runas_method", AT(settings.runas_method), take_runas_method, "one of direct and su",
	  "write e.g. 'runas_method: su'" },
	{ "instance", AT(settings.instance), take_label, WANTS_LABEL, "write e.g. 'instance: web-17'" },
	{ "region", AT(settings.region), take_label, WANTS_LABEL, "write e.g. 'region: eu-central-1'" },
	{ "hooks_dir", AT(settings.hooks_dir), take_hooks_dir, WANTS_PATH " or empty",
	  "write e.g. 'hooks_dir: /etc/slipway/hooks.d', or '' for none" },
	{ "hooks_timeout", AT(settings.hooks_timeout_s), take_timeout, "a time above 0 of at most a year",
	  "write seconds, or e.g. '10m' or '1h'" },
	{ "refuse_outside_links", AT(settings.refuse_outside_links), WANTS_BOOL("refuse_outside_links") },
	{ "enable_deployments_log", AT(settings.deployments_log), WANTS_BOOL("enable_deployments_log") },
	{ "policy", AT(settings), take_policy, WANTS_PATH, "write e.g. 'policy: /etc/slipway/policy.lua'" },
	{ "socket", AT(socket), take_socket, WANTS_PATH " of at most 107 bytes",
	  "write e.g. 'socket: /run/slipway/slipway.sock'" },
	{ "on_failure", AT(on_failure), take_on_failure, "one of restore, redeploy and none",
	  "write e.g. 'on_failure: restore'" },
	{ "deadline", AT(deadline_s), take_duration, WANTS_DURATION,
	  "write seconds, or e.g. '10m' or '1h'; 0 for none" },
	{ "stop_timeout", AT(stop_timeout_s), take_duration, WANTS_DURATION, "write seconds, or e.g. '60s' or '10m'" },
	{ "history", AT(history), take_count, WANTS_COUNT, "write e.g. 'history: 100'" },
};

#define WANTS_ACCESS "a list of 'group:NAME' and 'user:NAME'"

static const struct key access_keys[] = {
	{ "status", AT(access_status), take_access, WANTS_ACCESS,
	  "write e.g. 'status: [group:slipway]', or [] for root alone" },
	{ "deploy", AT(access_deploy), take_access, WANTS_ACCESS,
	  "write e.g. 'deploy: [group:slipway-deploy]', or [] for root alone" },
};

static const struct key limit_keys[] = {
	{ "entries", AT(settings.max_entries), take_entries, "a whole number from 1 to 4294967294",
	  "write e.g. 'entries: 1000000'" },
	{ "unpacked_size", AT(settings.max_unpacked_bytes), take_size, "a size above 0",
	  "write bytes, or e.g. '20GiB' or '4GB'" },
	{ "ratio", AT(settings.max_ratio), take_ratio, "a whole number, 0 for any ratio", "write e.g. 'ratio: 1000'" },
};

/* A map of keys, some of whose values may be such maps themselves. */
struct section {
	const char *name;   /* "limits"; "" at the top */
	const char *prefix; /* for messages: "limits." */
	const struct key *keys;
	size_t count;
	const struct section *parts;
	size_t part_count;
};

static const struct section parts[] = {
	{ "limits", "limits.", limit_keys, ARRAY_LEN(limit_keys), NULL, 0 },
	{ "access", "access.", access_keys, ARRAY_LEN(access_keys), NULL, 0 },
};

static const struct section top = { "", "", top_keys, ARRAY_LEN(top_keys), parts, ARRAY_LEN(parts) };

static void warn(struct config *c, char *text)
{
	c->warnings = xrealloc(c->warnings, (c->warning_count + 2) * sizeof(*c->warnings));
	c->warnings[c->warning_count++] = text;
	c->warnings[c->warning_count] = NULL;
}

static void warn_unknown(struct config *c, const struct section *s, const struct yml_node *key, const char *shown)
{
	const char *names[ARRAY_LEN(top_keys) + ARRAY_LEN(parts) + 1]; /* no section has more */
	size_t n = 0;

	for (; n < s->count; n++)
		names[n] = s->keys[n].name;
	for (size_t i = 0; i < s->part_count; i++)
		names[n++] = s->parts[i].name;
	if (s == &top)
		names[n++] = CONFIG_VARS;

	const char *meant = nearest_name(key->text, names, n);
	AUTO_FREE char *name = plain_path(key->text);

	warn(c, xasprintf("%s:%u:%u: unknown key '%s%s'%s%s%s", shown, key->place.line, key->place.column, s->prefix,
			  name, meant ? ": did you mean '" : " is ignored", meant ? meant : "", meant ? "'?" : ""));
}

/* A list with something wrong in it: the item is to blame, not the list. 0: the list is no list of access. */
static int bad_entry(const struct section *s, const struct key *key, const struct yml_node *list, const char *shown,
		     struct err *err)
{
	const struct yml_node *item = NULL;

	if (key->take != take_access || list->type != YML_LIST)
		return 0;
	for (size_t i = 0; i < list->count && !item; i++)
		item = is_access_entry(list->items[i]) ? NULL : list->items[i];
	if (!item)
		return err_set(err, ERR_CONFIG, "%s:%u:%u: '%s%s' has more than %d entries: use a group", shown,
			       list->place.line, list->place.column, s->prefix, key->name, MAX_ACCESS);

	AUTO_FREE char *text = yml_is_scalar(item) ? plain_text(item->text, 80) : NULL;
	const char *quote = text ? "'" : "";

	return err_set(err, ERR_CONFIG, "%s:%u:%u: '%s%s' has %s%s%s, neither 'group:NAME' nor 'user:NAME': %s", shown,
		       item->place.line, item->place.column, s->prefix, key->name, quote,
		       text ? text : yml_type_name(item->type), quote, key->cure);
}

static int bad_value(const struct section *s, const struct key *key, const struct yml_node *value, const char *shown,
		     struct err *err)
{
	AUTO_FREE char *text = yml_is_scalar(value) ? plain_text(value->text, 80) : NULL;

	if (bad_entry(s, key, value, shown, err) < 0)
		return -1;
	if (!text)
		return err_set(err, ERR_CONFIG, "%s:%u:%u: '%s%s' is %s, not %s: %s", shown, value->place.line,
			       value->place.column, s->prefix, key->name, yml_type_name(value->type), key->wants,
			       key->cure);
	return err_set(err, ERR_CONFIG, "%s:%u:%u: '%s%s' is '%s', not %s: %s", shown, value->place.line,
		       value->place.column, s->prefix, key->name, text, key->wants, key->cure);
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

static const struct section *part_called(const struct section *s, const char *name)
{
	for (size_t i = 0; i < s->part_count; i++)
		if (!strcmp(s->parts[i].name, name))
			return &s->parts[i];
	return NULL;
}

static int apply_map(struct config *c, const struct section *s, const struct yml_node *map, const char *shown,
		     struct err *err)
{
	const char *quote = *s->name ? "'" : "";

	if (map->type == YML_NULL)
		return 0;
	if (map->type != YML_MAP)
		return err_set(err, ERR_CONFIG, "%s:%u:%u: %s%s%s is %s, not a map: write 'key: value', one a line",
			       shown, map->place.line, map->place.column, quote,
			       *s->name ? s->name : "the configuration", quote, yml_type_name(map->type));
	for (size_t i = 0; i < map->count; i++) {
		const struct yml_pair *pair = &map->pairs[i];
		const struct section *part = part_called(s, pair->key->text);
		int r = part ? apply_map(c, part, pair->value, shown, err)
			: s == &top && !strcmp(pair->key->text, CONFIG_VARS)
				? config_vars_apply(c, pair->value, shown, err)
				: apply_pair(c, s, pair, shown, err);

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
	const struct yml_node *program = ruby_get(root, "program_name");

	if (dir && !take_path(dir, &c->settings.deployment_root))
		return err_set(err, ERR_CONFIG, "root_dir is not a path from '/'");
	if (revisions && !take_count(revisions, &c->settings.max_revisions))
		return err_set(err, ERR_CONFIG, "Invalid configuration :max_revision=%s", revisions->text);
	if (program && !take_file_name(program, &c->settings.program_name))
		return err_set(err, ERR_CONFIG, "program_name cannot be a part of a file's name");
	if (log)
		c->settings.deployments_log = log->type != YML_BOOL || log->truth; /* Ruby: all but false is true */
	return 0;
}
