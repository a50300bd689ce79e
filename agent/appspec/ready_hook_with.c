/* appspec/ready_hook_with.c - the arguments of a ready-made hook: checked against its header, then JSON. */
#include "appspec/reading.h"
#include "appspec/ready_hook.h"
#include "util/arena.h"
#include "util/auto.h"
#include "util/nearest.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#define WHOLE_MAX 9007199254740992.0 /* 2^53: up to there a double holds every whole number */

static const char *const expected[READY_TYPE_COUNT] = {
	[READY_TEXT] = "text",
	[READY_INTEGER] = "a whole number",
	[READY_NUMBER] = "a number",
	[READY_BOOLEAN] = "true or false",
	[READY_DURATION] = "a duration such as 30s, 5m or 1h",
	[READY_LIST] = "a list",
	[READY_MAP] = "a mapping",
};

static bool is_whole(double number)
{
	return trunc(number) == number && fabs(number) <= WHOLE_MAX;
}

static json_t *number_to_json(double number)
{
	return is_whole(number) ? json_integer((json_int_t)number) : json_real(number);
}

/* A tree with YAML's own types. Its size and depth have limits: format/yaml.h. */
static json_t *tree_to_json(const struct yml_node *n)
{
	json_t *all;

	switch (n->type) {
	case YML_BOOL:
		return json_boolean(n->truth);
	case YML_INT:
	case YML_FLOAT:
		return isfinite(n->number) ? number_to_json(n->number) : json_string(n->text);
	case YML_TEXT:
		return json_stringn(n->text, n->len);
	case YML_LIST:
		all = json_array();
		for (size_t i = 0; i < n->count; i++)
			json_array_append_new(all, tree_to_json(n->items[i]));
		return all;
	case YML_MAP:
		all = json_object();
		for (size_t i = 0; i < n->count; i++)
			json_object_set_new(all, n->pairs[i].key->text, tree_to_json(n->pairs[i].value));
		return all;
	default:
		return json_null();
	}
}

/* Seconds; NULL: it is none. */
static json_t *duration_to_json(const struct yml_node *n)
{
	static const struct {
		const char *unit;
		double seconds;
	} units[] = { { "", 1 }, { "ms", 0.001 }, { "s", 1 }, { "m", 60 }, { "h", 3600 } };
	size_t digits = strspn(n->text, "0123456789.");
	char *end;
	double number = strtod(n->text, &end);

	if (!yml_is_scalar(n) || !digits || end != n->text + digits)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (!strcmp(end, units[i].unit))
			return number_to_json(number * units[i].seconds);
	return NULL;
}

/* What stands directly in the list are texts as written: 0640 and yes are what they look like. */
static json_t *list_to_json(const struct yml_node *n)
{
	json_t *all = json_array();

	for (size_t i = 0; i < (n->type == YML_LIST ? n->count : 1); i++) {
		const struct yml_node *item = n->type == YML_LIST ? n->items[i] : n;

		json_array_append_new(all,
				      yml_is_scalar(item) ? json_stringn(item->text, item->len) : tree_to_json(item));
	}
	return all;
}

/* NULL: N is nothing of that type. */
static json_t *value_to_json(enum ready_type type, const struct yml_node *n)
{
	switch (type) {
	case READY_TEXT:
		return yml_is_scalar(n) ? json_stringn(n->text, n->len) : NULL;
	case READY_INTEGER:
		return n->type == YML_INT && is_whole(n->number) ? number_to_json(n->number) : NULL;
	case READY_NUMBER:
		return (n->type == YML_INT || n->type == YML_FLOAT) && isfinite(n->number) ? number_to_json(n->number)
											   : NULL;
	case READY_BOOLEAN:
		return n->type == YML_BOOL ? json_boolean(n->truth) : NULL;
	case READY_DURATION:
		return duration_to_json(n);
	case READY_LIST:
		return list_to_json(n);
	case READY_MAP:
		return n->type == YML_MAP ? tree_to_json(n) : NULL;
	default:
		return NULL;
	}
}

static bool is_chosen(const struct ready_argument *a, const struct yml_node *n)
{
	for (size_t i = 0; a->choices && i < a->choices->count; i++)
		if (!strcmp(a->choices->items[i]->text, n->text))
			return true;
	return !a->choices;
}

/* "url, expect and for" */
static const char *names_text(struct reading *r, const char *const *names, size_t count)
{
	const char *text = "";

	for (size_t i = 0; i < count; i++)
		text = arena_printf(r->arena, "%s%s%s", text, i == 0 ? "" : i + 1 < count ? ", " : " and ", names[i]);
	return text;
}

static const char **argument_names(struct reading *r, const struct ready_hook *h)
{
	const char **names = arena_alloc(r->arena, (h->argument_count + 1) * sizeof(*names));

	for (size_t i = 0; i < h->argument_count; i++)
		names[i] = h->arguments[i].name;
	return names;
}

static void refuse_unknown(struct reading *r, const struct ready_hook *h, const struct yml_node *with)
{
	const char **names = argument_names(r, h);

	for (size_t i = 0; i < with->count; i++) {
		const struct yml_node *key = with->pairs[i].key;
		const char *meant = nearest_name(key->text, names, h->argument_count);
		bool known = false;

		for (size_t k = 0; k < h->argument_count && yml_is_scalar(key); k++)
			known = known || !strcmp(key->text, names[k]);
		if (known)
			continue;
		if (meant)
			reading_error(r, key, "%s has no argument '%s': did you mean '%s'?", h->name,
				      reading_shown(r, key), meant);
		else
			reading_error(r, key, "%s has no argument '%s': it takes %s", h->name, reading_shown(r, key),
				      h->argument_count ? names_text(r, names, h->argument_count) : "none");
	}
}

static void take_argument(struct reading *r, const struct ready_hook *h, const struct ready_argument *a,
			  const struct yml_node *n, json_t *out)
{
	json_t *value = value_to_json(a->type, n);

	if (!value)
		reading_error(r, n, "'%s' of %s must be %s, not %s", a->name, h->name, expected[a->type],
			      yml_is_scalar(n) ? arena_printf(r->arena, "'%s'", reading_shown(r, n))
					       : yml_type_name(n->type));
	else if (!is_chosen(a, n))
		reading_error(r, n, "'%s' of %s must be one of %s, not '%s'", a->name, h->name,
			      reading_shown(r, a->choices), reading_shown(r, n));
	json_object_set_new(out, a->name, value ? value : json_null());
}

const char *ready_hook_arguments(struct reading *r, const struct ready_hook *h, const struct yml_node *with,
				 const struct yml_node *at)
{
	size_t errors = r->findings->errors;
	AUTO(json_decrefp) json_t *all = json_object();
	AUTO_FREE char *text = NULL;

	if (with && with->count > READY_ARGUMENTS_MAX) {
		reading_error(r, with, "'with' has more than %d arguments, and %s takes %zu", READY_ARGUMENTS_MAX,
			      h->name, h->argument_count);
		return NULL;
	}
	if (with)
		refuse_unknown(r, h, with);
	for (size_t i = 0; i < h->argument_count; i++) {
		const struct ready_argument *a = &h->arguments[i];
		const struct yml_node *n = with ? yml_get(with, a->name) : NULL;

		if (reading_is_null(n))
			n = a->fallback;
		if (n)
			take_argument(r, h, a, n, all);
		else if (a->required)
			reading_error(r, at, "%s lacks its argument '%s' (%s): write it below 'with'", h->name, a->name,
				      a->help);
	}
	if (r->findings->errors > errors)
		return NULL;
	text = json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS);
	if (text && strlen(text) <= READY_WITH_MAX)
		return arena_strdup(r->arena, text);
	reading_error(r, at, "the arguments of %s are more than %d bytes: put such an amount into a file of the bundle",
		      h->name, READY_WITH_MAX);
	return NULL;
}

void ready_hook_refuse_name(struct reading *r, const struct yml_node *n)
{
	const char *names[64];
	size_t count = 0;

	while (count < ARRAY_LEN(names) && ready_hook_name(count)) {
		names[count] = ready_hook_name(count);
		count++;
	}

	const char *meant = nearest_name(n->text, names, count);

	reading_error(r, n,
		      "there is no ready-made hook '%s'%s This is slipway " SLIPWAY_VERSION ", a newer one may know it",
		      reading_shown(r, n),
		      meant ? arena_printf(r->arena, ", did you mean '%s'?", meant)
			    : arena_printf(r->arena, "; there are %s.", names_text(r, names, count)));
}

void ready_hook_read(struct reading *r, const struct yml_node *n, const char **name, const char **with)
{
	AUTO(ready_hook_freep) struct ready_hook *h = NULL;
	const struct yml_node *use = yml_get(n, "use"), *arguments = yml_get(n, "with");
	struct err bad = ERR_INIT;

	if (r->ready_made == READY_MAX)
		reading_error(r, use, "there are more than %d ready-made hooks: let a script do so much", READY_MAX);
	if (r->ready_made++ >= READY_MAX)
		return;

	int found = yml_is_scalar(use) ? ready_hook_load(use->text, &h, &bad) : 0;

	if (found < 0)
		reading_error(r, use, "%s", bad.msg);
	else if (!found)
		ready_hook_refuse_name(r, use);
	else if (!reading_is_null(arguments) && arguments->type != YML_MAP)
		reading_error(r, arguments, "'with' must be a mapping of arguments to values, not %s",
			      yml_type_name(arguments->type));
	if (found <= 0)
		return;
	*name = arena_strdup(r->arena, use->text);
	if (reading_is_null(arguments) || arguments->type == YML_MAP)
		*with = ready_hook_arguments(r, h, reading_is_null(arguments) ? NULL : arguments, use);
}
