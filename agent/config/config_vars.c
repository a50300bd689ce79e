/* config/config_vars.c - groups, their variables, and what is wrong with them. */
#include "config/config_vars.h"

#include "format/json.h"
#include "format/plain.h"
#include "model/names.h"
#include "util/auto.h"
#include "util/str.h"

#include <stdarg.h>
#include <string.h>

#define ALL  "*"
#define CURE "write e.g. 'vars: {shop: {PORT: 8080}}'"

void config_vars_done(struct config *c)
{
	for (size_t i = 0; i < c->vars_count; i++) {
		free(c->vars[i].group);
		jstrings_free(c->vars[i].items);
	}
	free(c->vars);
	c->vars = NULL;
	c->vars_count = 0;
}

static struct config_vars *vars_of(struct config *c, const char *group)
{
	for (size_t i = 0; i < c->vars_count; i++)
		if (!strcmp(c->vars[i].group, group))
			return &c->vars[i];
	c->vars = xrealloc(c->vars, (c->vars_count + 1) * sizeof(*c->vars));
	c->vars[c->vars_count] = (struct config_vars){ .group = xstrdup(group) };
	return &c->vars[c->vars_count++];
}

/* Takes ITEM. */
static void append(char ***list, char *item)
{
	size_t n = 0;

	while (*list && (*list)[n])
		n++;
	*list = xrealloc(*list, (n + 2) * sizeof(**list));
	(*list)[n] = item;
	(*list)[n + 1] = NULL;
}

/* In place of the one of this name, if there is one. */
static void put(struct config_vars *v, const char *name, const char *value)
{
	size_t len = strlen(name);
	char *item = xasprintf("%s=%s", name, value);

	for (char **i = v->items; i && *i; i++)
		if (!strncmp(*i, name, len) && (*i)[len] == '=') {
			free(*i);
			*i = item;
			return;
		}
	append(&v->items, item);
}

static size_t bytes_of(const struct config_vars *v)
{
	size_t bytes = 0;

	for (char **i = v->items; i && *i; i++)
		bytes += strlen(*i) + 1;
	return bytes;
}

static __attribute__((format(printf, 4, 5))) int wrong(const char *shown, const struct yml_node *at, struct err *err,
						       const char *fmt, ...)
{
	AUTO_FREE char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	return err_set(err, ERR_CONFIG, "%s:%u:%u: %s", shown, at->place.line, at->place.column, text);
}

static int take_variable(struct config_vars *v, const struct yml_pair *pair, const char *shown, struct err *err)
{
	const struct yml_node *key = pair->key, *value = pair->value;
	AUTO_FREE char *name = plain_path(key->text);

	if (!yml_is_scalar(key) || !name_is_variable(key->text, strlen(key->text)))
		return wrong(shown, key, err,
			     "'%s' is no name for a variable in 'vars': letters, digits and _ only, no digit in front",
			     name);
	if (name_is_reserved(key->text, strlen(key->text)))
		return wrong(shown, key, err, "the variable '%s' in 'vars' " NAME_RESERVED_RULE, name);
	if (value->type == YML_NULL)
		return 0; /* not given, as with every key */
	if (!yml_is_scalar(value))
		return wrong(shown, value, err, "the variable '%s' in 'vars' is %s, not text", name,
			     yml_type_name(value->type));
	put(v, key->text, value->text);
	if (bytes_of(v) > CONFIG_VARS_MAX_BYTES)
		return wrong(shown, key, err,
			     "the variables of '%s' in 'vars' have more than %d bytes together: put such an amount "
			     "into a file that hooks read",
			     v->group, CONFIG_VARS_MAX_BYTES);
	return 0;
}

static int take_group(struct config *c, const struct yml_pair *pair, const char *shown, struct err *err)
{
	const struct yml_node *key = pair->key, *map = pair->value;
	AUTO_FREE char *name = plain_path(key->text);

	if (!yml_is_scalar(key) || (strcmp(key->text, ALL) && !name_is_group(key->text)))
		return wrong(shown, key, err, "'%s' in 'vars' " NAME_GROUP_RULE "; '*' stands for all of them", name);
	if (map->type == YML_NULL)
		return 0;
	if (map->type != YML_MAP)
		return wrong(shown, map, err, "'vars' has %s for '%s', not a map of names to values: " CURE,
			     yml_type_name(map->type), name);

	struct config_vars *v = vars_of(c, key->text);

	for (size_t i = 0; i < map->count; i++)
		if (take_variable(v, &map->pairs[i], shown, err) < 0)
			return -1;
	return 0;
}

int config_vars_apply(struct config *c, const struct yml_node *node, const char *shown, struct err *err)
{
	if (node->type == YML_NULL)
		return 0;
	if (node->type != YML_MAP)
		return wrong(shown, node, err, "'vars' is %s, not a map of groups: " CURE, yml_type_name(node->type));
	for (size_t i = 0; i < node->count; i++)
		if (take_group(c, &node->pairs[i], shown, err) < 0)
			return -1;
	return 0;
}

static void add_all(const struct config *c, const char *group, char ***list)
{
	for (size_t i = 0; i < c->vars_count; i++)
		for (char **item = c->vars[i].items; !strcmp(c->vars[i].group, group) && item && *item; item++)
			append(list, xstrdup(*item));
}

void config_settings(const struct config *c, const char *group, struct settings *out)
{
	settings_copy(out, &c->settings);
	add_all(c, ALL, &out->variables);
	if (strcmp(group, ALL))
		add_all(c, group, &out->variables);
}
