/* config/config_keys.c - one table of keys. */
#include "config/config_keys.h"
#include "config/config_values.h"
#include "config/config_vars.h"
#include "format/plain.h"
#include "util/auto.h"
#include "util/nearest.h"
#include "util/str.h"

#include <string.h>

struct key {
	const char *name;
	size_t offset; /* in struct config */
	/* Takes NODE into SLOT; false: it is not what the key wants. */
	bool (*take)(const struct yml_node *node, void *slot);
	const char *wants; /* "a whole number of at least 1" */
	const char *cure;  /* an example */
};

#define AT(member)	 offsetof(struct config, member)
#define WANTS_BOOL(name) config_value_bool, "true or false", "write '" name ": true'"
#define WANTS_PATH	 "a path from '/'"
#define WANTS_LABEL	 "a line of 1 to 255 bytes"
#define WANTS_COUNT	 "a whole number of at least 1"
#define WANTS_DURATION	 "a time of at most a year"

static const struct key top_keys[] = {
	{ "state_dir", AT(state_dir), config_value_path, WANTS_PATH, "write e.g. 'state_dir: /var/lib/slipway'" },
	{ "install_prefix", AT(settings.install_prefix), config_value_path_or_empty, WANTS_PATH " or empty",
	  "write e.g. 'install_prefix: /srv/try'" },
	{ "max_revisions", AT(settings.max_revisions), config_value_count, WANTS_COUNT,
	  "write e.g. 'max_revisions: 5'" },
	{ "file_exists_behavior", AT(settings.file_exists_behavior), config_value_behavior,
	  "one of DISALLOW, OVERWRITE and RETAIN", "write e.g. 'file_exists_behavior: DISALLOW'" },
	{ "outputs_left_open", AT(settings.outputs_left_open), config_value_outputs, "one of wait, warn and fail",
	  "write e.g. 'outputs_left_open: warn'" },
	{ "runas_method", AT(settings.runas_method), config_value_runas_method, "one of direct and su",
	  "write e.g. 'runas_method: su'" },
	{ "instance", AT(settings.instance), config_value_label, WANTS_LABEL, "write e.g. 'instance: web-17'" },
	{ "region", AT(settings.region), config_value_label, WANTS_LABEL, "write e.g. 'region: eu-central-1'" },
	{ "hooks_dir", AT(settings.hooks_dir), config_value_hooks_dir, WANTS_PATH " or empty",
	  "write e.g. 'hooks_dir: /etc/slipway/hooks.d', or '' for none" },
	{ "hooks_timeout", AT(settings.hooks_timeout_s), config_value_timeout, "a time above 0 of at most a year",
	  "write seconds, or e.g. '10m' or '1h'" },
	{ "refuse_outside_links", AT(settings.refuse_outside_links), WANTS_BOOL("refuse_outside_links") },
	{ "enable_deployments_log", AT(settings.deployments_log), WANTS_BOOL("enable_deployments_log") },
	{ "policy", AT(settings), config_value_policy, WANTS_PATH, "write e.g. 'policy: /etc/slipway/policy.lua'" },
	{ "socket", AT(socket), config_value_socket, WANTS_PATH " of at most 107 bytes",
	  "write e.g. 'socket: /run/slipway/slipway.sock'" },
	{ "on_failure", AT(on_failure), config_value_on_failure, "one of restore, redeploy and none",
	  "write e.g. 'on_failure: restore'" },
	{ "deadline", AT(deadline_s), config_value_duration, WANTS_DURATION,
	  "write seconds, or e.g. '10m' or '1h'; 0 for none" },
	{ "stop_timeout", AT(stop_timeout_s), config_value_duration, WANTS_DURATION,
	  "write seconds, or e.g. '60s' or '10m'" },
	{ "history", AT(history), config_value_count, WANTS_COUNT, "write e.g. 'history: 100'" },
};

#define WANTS_ACCESS "a list of 'group:NAME' and 'user:NAME'"

static const struct key access_keys[] = {
	{ "status", AT(access_status), config_value_access, WANTS_ACCESS,
	  "write e.g. 'status: [group:slipway]', or [] for root alone" },
	{ "deploy", AT(access_deploy), config_value_access, WANTS_ACCESS,
	  "write e.g. 'deploy: [group:slipway-deploy]', or [] for root alone" },
};

static const struct key limit_keys[] = {
	{ "entries", AT(settings.max_entries), config_value_entries, "a whole number from 1 to 4294967294",
	  "write e.g. 'entries: 1000000'" },
	{ "unpacked_size", AT(settings.max_unpacked_bytes), config_value_size, "a size above 0",
	  "write bytes, or e.g. '20GiB' or '4GB'" },
	{ "ratio", AT(settings.max_ratio), config_value_ratio, "a whole number, 0 for any ratio",
	  "write e.g. 'ratio: 1000'" },
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

	if (key->take != config_value_access || list->type != YML_LIST)
		return 0;
	for (size_t i = 0; i < list->count && !item; i++)
		item = config_value_is_access_entry(list->items[i]) ? NULL : list->items[i];
	if (!item)
		return err_set(err, ERR_CONFIG, "%s:%u:%u: '%s%s' has more than %d entries: use a group", shown,
			       list->place.line, list->place.column, s->prefix, key->name, CONFIG_MAX_ACCESS);

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

	if (dir && !config_value_path(dir, &c->settings.deployment_root))
		return err_set(err, ERR_CONFIG, "root_dir is not a path from '/'");
	if (revisions && !config_value_count(revisions, &c->settings.max_revisions))
		return err_set(err, ERR_CONFIG, "Invalid configuration :max_revision=%s", revisions->text);
	if (program && !config_value_file_name(program, &c->settings.program_name))
		return err_set(err, ERR_CONFIG, "program_name cannot be a part of a file's name");
	if (log)
		c->settings.deployments_log = log->type != YML_BOOL || log->truth; /* Ruby: all but false is true */
	return 0;
}
