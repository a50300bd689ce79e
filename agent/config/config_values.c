/* config/config_values.c - see config_values.h. */
#include "config/config_values.h"

#include "format/json.h"
#include "format/plain.h"
#include "model/deployment.h"
#include "util/auto.h"
#include "util/str.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_DURATION_S (365U * 24 * 3600)
#define MAX_SOCKET     107
#define MAX_LABEL      255

static void put(char **slot, const char *text)
{
	free(*slot);
	*slot = xstrdup(text);
}

bool config_value_path(const struct yml_node *node, void *slot)
{
	if (!yml_is_scalar(node) || node->text[0] != '/' || node->len >= PATH_MAX)
		return false;
	put(slot, node->text);
	for (size_t len = node->len; len > 1 && (*(char **)slot)[len - 1] == '/';)
		(*(char **)slot)[--len] = '\0';
	return true;
}

/* Who names a policy wants it asked: one that is not there allows nothing then. */
bool config_value_policy(const struct yml_node *node, void *slot)
{
	struct settings *s = slot;

	s->policy_needed = config_value_path(node, &s->policy);
	return s->policy_needed;
}

bool config_value_path_or_empty(const struct yml_node *node, void *slot)
{
	if (yml_is_scalar(node) && !node->len) {
		put(slot, "");
		return true;
	}
	if (!config_value_path(node, slot))
		return false;
	if (!strcmp(*(char **)slot, "/"))
		put(slot, ""); /* before every destination: nothing */
	return true;
}

bool config_value_hooks_dir(const struct yml_node *node, void *slot)
{
	char **dir = slot;

	if (yml_is_scalar(node) && !node->len) {
		free(*dir);
		*dir = NULL;
		return true;
	}
	return config_value_path(node, slot);
}

bool config_value_file_name(const struct yml_node *node, void *slot)
{
	AUTO_FREE char *shown = yml_is_scalar(node) ? plain_path(node->text) : NULL;

	if (!shown || !*shown || strcmp(shown, node->text) || strchr(shown, '/') || !strcmp(shown, ".") ||
	    !strcmp(shown, "..") || node->len > MAX_PROGRAM_NAME)
		return false;
	put(slot, node->text);
	return true;
}

bool config_value_bool(const struct yml_node *node, void *slot)
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

bool config_value_count(const struct yml_node *node, void *slot)
{
	uint64_t n;

	if (!number(node, 1, UINT_MAX, &n))
		return false;
	*(unsigned *)slot = (unsigned)n;
	return true;
}

bool config_value_entries(const struct yml_node *node, void *slot)
{
	uint64_t n;

	if (!number(node, 1, UINT32_MAX - 1, &n))
		return false;
	*(uint64_t *)slot = n;
	return true;
}

bool config_value_ratio(const struct yml_node *node, void *slot)
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

bool config_value_size(const struct yml_node *node, void *slot)
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

bool config_value_duration(const struct yml_node *node, void *slot)
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

bool config_value_timeout(const struct yml_node *node, void *slot)
{
	unsigned seconds;

	if (!config_value_duration(node, &seconds) || !seconds)
		return false;
	*(unsigned *)slot = seconds;
	return true;
}

/* The kernel has 108 bytes for the path of a socket and its end. */
bool config_value_socket(const struct yml_node *node, void *slot)
{
	return node->len <= MAX_SOCKET && config_value_path(node, slot) && strcmp(*(char **)slot, "/");
}

bool config_value_is_access_entry(const struct yml_node *node)
{
	static const char *const kinds[] = { "group:", "user:" };

	for (size_t i = 0; yml_is_scalar(node) && i < ARRAY_LEN(kinds); i++)
		if (str_starts(node->text, kinds[i]) && node->text[strlen(kinds[i])])
			return true;
	return false;
}

bool config_value_access(const struct yml_node *node, void *slot)
{
	char **list;

	if (node->type != YML_LIST || node->count > CONFIG_MAX_ACCESS)
		return false;
	for (size_t i = 0; i < node->count; i++)
		if (!config_value_is_access_entry(node->items[i]))
			return false;
	list = xcalloc(node->count + 1, sizeof(*list));
	for (size_t i = 0; i < node->count; i++)
		list[i] = xstrdup(node->items[i]->text);
	jstrings_free(*(char ***)slot);
	*(char ***)slot = list;
	return true;
}

bool config_value_on_failure(const struct yml_node *node, void *slot)
{
	return yml_is_scalar(node) && on_failure_from_name(node->text, slot) == 0;
}

bool config_value_behavior(const struct yml_node *node, void *slot)
{
	static const char *const names[] = { "DISALLOW", "OVERWRITE", "RETAIN" };

	for (size_t i = 0; yml_is_scalar(node) && i < ARRAY_LEN(names); i++)
		if (!strcasecmp(node->text, names[i])) {
			put(slot, names[i]);
			return true;
		}
	return false;
}

bool config_value_label(const struct yml_node *node, void *slot)
{
	if (!yml_is_scalar(node) || !node->len || node->len > MAX_LABEL || strlen(node->text) != node->len)
		return false;
	for (const char *p = node->text; *p; p++)
		if (iscntrl((unsigned char)*p))
			return false;
	put(slot, node->text);
	return true;
}

bool config_value_runas_method(const struct yml_node *node, void *slot)
{
	return yml_is_scalar(node) && runas_method_from_name(node->text, slot) == 0;
}

bool config_value_outputs(const struct yml_node *node, void *slot)
{
	return yml_is_scalar(node) && outputs_left_open_from_name(node->text, slot) == 0;
}
