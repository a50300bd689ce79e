/* appspec/ready_hook.c - the header of a ready-made hook. */
#include "appspec/ready_hook.h"

#include "util/arena.h"
#include "util/auto.h"
#include "util/str.h"

#include <stdlib.h>
#include <string.h>

#define BEGINS "--[[ hook\n"
#define ENDS   "\n]]"

static const char *const type_names[READY_TYPE_COUNT] = {
	[READY_TEXT] = "text",	     [READY_INTEGER] = "integer",   [READY_NUMBER] = "number",
	[READY_BOOLEAN] = "boolean", [READY_DURATION] = "duration", [READY_LIST] = "list",
	[READY_MAP] = "map",
};

const char *ready_type_name(enum ready_type type)
{
	return type_names[type];
}

void ready_hook_free(struct ready_hook *h)
{
	if (!h)
		return;
	yml_free(h->doc);
	arena_free(h->arena);
	free(h);
}

void ready_hook_freep(struct ready_hook **h)
{
	ready_hook_free(*h);
}

static int read_type(const struct yml_node *n, enum ready_type *out)
{
	for (int t = 0; n && n->type == YML_TEXT && t < READY_TYPE_COUNT; t++)
		if (!strcmp(n->text, type_names[t])) {
			*out = (enum ready_type)t;
			return 0;
		}
	return -1;
}

static int read_argument(const struct yml_pair *pair, struct ready_argument *out, struct err *err)
{
	static const char *const known[] = { "type", "required", "default", "choices", "help" };
	const struct yml_node *n = pair->value, *required = yml_get(n, "required"), *help = yml_get(n, "help");

	*out = (struct ready_argument){ .name = pair->key->text,
					.required = required && required->truth,
					.fallback = yml_get(n, "default"),
					.choices = yml_get(n, "choices"),
					.help = help ? help->text : "" };
	for (size_t i = 0; n->type == YML_MAP && i < n->count; i++) {
		bool is_known = false;

		for (size_t k = 0; k < ARRAY_LEN(known); k++)
			is_known = is_known || !strcmp(n->pairs[i].key->text, known[k]);
		if (!is_known)
			return err_set(err, ERR_CONFIG, "'%s': unknown key '%s'", out->name, n->pairs[i].key->text);
	}
	if (!*out->name || read_type(yml_get(n, "type"), &out->type) < 0)
		return err_set(err, ERR_CONFIG, "'%s' has no type that is known", out->name);
	if (!*out->help || (out->required && out->fallback) || (out->choices && out->choices->type != YML_LIST))
		return err_set(err, ERR_CONFIG,
			       "'%s' needs a help text, a list if any as choices, and no default when it is required",
			       out->name);
	return 0;
}

static int read_header(struct ready_hook *h, struct err *err)
{
	const struct yml_node *root = h->doc->root, *summary = yml_get(root, "summary"), *with = yml_get(root, "with");

	h->events = yml_get(root, "events");
	if (!summary || summary->type != YML_TEXT || (h->events && h->events->type != YML_LIST) ||
	    (with && with->type != YML_MAP))
		return err_set(err, ERR_CONFIG,
			       "a text 'summary', perhaps a list 'events' and a mapping 'with' expected");
	h->summary = summary->text;
	h->argument_count = with ? with->count : 0;
	h->arguments = arena_alloc(h->arena, h->argument_count * sizeof(*h->arguments));
	for (size_t i = 0; i < h->argument_count; i++)
		if (read_argument(&with->pairs[i], &h->arguments[i], err) < 0)
			return -1;
	return 0;
}

int ready_hook_parse(const char *name, const char *text, size_t len, struct ready_hook **out, struct err *err)
{
	AUTO(ready_hook_freep) struct ready_hook *h = xcalloc(1, sizeof(*h));
	const size_t before = sizeof(BEGINS) - 1;
	const char *end = len < before || memcmp(text, BEGINS, before) != 0 ? NULL
									    : memmem(text, len, ENDS, sizeof(ENDS) - 1);
	struct yml_place where = { 0 };

	h->arena = arena_new();
	h->name = arena_strdup(h->arena, name);
	if (!end)
		return err_set(err, ERR_CONFIG, "hook '%s': it does not begin with a comment '--[[ hook'", name);
	if (yml_load(text + before, (size_t)(end - text) - before, &h->doc, &where, err) < 0)
		return err_add(err, "hook '%s', line %u", name, where.line + 1);
	if (read_header(h, err) < 0)
		return err_add(err, "hook '%s'", name);
	*out = TAKE_PTR(h);
	return 0;
}

int ready_hook_load(const char *name, struct ready_hook **out, struct err *err)
{
	size_t len;
	const char *text = ready_hook_text(name, &len);

	if (!text)
		return 0;
	return ready_hook_parse(name, text, len, out, err) < 0 ? -1 : 1;
}

bool ready_hook_suits(const struct ready_hook *h, const char *event)
{
	for (size_t i = 0; h->events && i < h->events->count; i++)
		if (!strcmp(h->events->items[i]->text, event))
			return true;
	return !h->events;
}
