/* appspec/ready_hook_words.c - the arguments of a ready-made hook from a command line. */
#include "appspec/reading.h"
#include "appspec/ready_hook.h"
#include "util/arena.h"
#include "util/auto.h"
#include "util/str.h"

#include <stdlib.h>
#include <string.h>

struct words { /* as the mapping that they stand for */
	struct yml_node map;
	struct yml_doc **docs;
	size_t count;
};

static void words_done(struct words *w)
{
	for (size_t i = 0; i < w->count; i++)
		yml_free(w->docs[i]);
	free(w->docs);
}

static enum ready_type type_of(const struct ready_hook *h, const char *argument)
{
	for (size_t i = 0; i < h->argument_count; i++)
		if (!strcmp(h->arguments[i].name, argument))
			return h->arguments[i].type;
	return READY_TEXT;
}

static struct yml_node *text_node(struct arena *arena, const char *text, size_t len)
{
	struct yml_node *n = arena_alloc(arena, sizeof(*n));

	*n = (struct yml_node){ .type = YML_TEXT, .text = arena_strndup(arena, text, len), .len = len };
	return n;
}

static int add_word(struct words *w, const struct ready_hook *h, const char *word, struct arena *arena, struct err *err)
{
	const char *value = strchr(word, '=');
	struct yml_pair *pair = &w->map.pairs[w->map.count];
	struct yml_place where;

	if (!value || value == word)
		return err_set(err, ERR_USAGE, "ARGUMENT=VALUE expected, got '%s'", word);
	pair->key = text_node(arena, word, (size_t)(value++ - word));
	if (type_of(h, pair->key->text) == READY_TEXT) {
		pair->value = text_node(arena, value, strlen(value));
	} else if (yml_load(value, strlen(value), &w->docs[w->count], &where, err) < 0) {
		return err_add(err, "'%s'", pair->key->text);
	} else {
		pair->value = w->docs[w->count++]->root;
		if (!pair->value)
			return err_set(err, ERR_USAGE, "'%s' has no value", pair->key->text);
	}
	w->map.count++;
	return 0;
}

static int judge(const struct findings *f, struct err *err)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->items[i].level == FINDING_ERROR)
			return err_set(err, ERR_USAGE, "%s", f->items[i].message);
	return 0;
}

static int read_words(struct reading *r, const struct ready_hook *h, char *const *words, size_t count, char **json,
		      struct err *err)
{
	AUTO(words_done) struct words all = { .docs = xcalloc(count + 1, sizeof(struct yml_doc *)) };
	const char *text;

	all.map.type = YML_MAP;
	all.map.text = "";
	all.map.pairs = arena_alloc(r->arena, (count + 1) * sizeof(*all.map.pairs));
	for (size_t i = 0; i < count; i++)
		if (add_word(&all, h, words[i], r->arena, err) < 0)
			return -1;
	text = ready_hook_arguments(r, h, &all.map, &all.map);
	if (!text)
		return judge(r->findings, err);
	*json = xstrdup(text);
	return 0;
}

int ready_hook_with_words(const char *name, char *const *words, size_t count, char **json, struct err *err)
{
	AUTO(ready_hook_freep) struct ready_hook *h = NULL;
	AUTO(findings_done) struct findings findings = { 0 };
	struct reading r = { .findings = &findings };
	struct yml_node use = { .type = YML_TEXT, .text = name, .len = strlen(name) };
	int found = ready_hook_load(name, &h, err);

	if (found < 0)
		return -1;
	r.arena = arena_new();

	int failed = 0;

	if (found) {
		failed = read_words(&r, h, words, count, json, err);
	} else {
		ready_hook_refuse_name(&r, &use);
		failed = judge(&findings, err);
	}
	arena_free(r.arena);
	return failed;
}
