/* format/yaml.c - build the tree from libyaml's events. What a scalar is stands in yaml_scalar.c, which of two equal
 * keys counts in yaml_pairs.c. */
#include "format/yaml.h"

#include "format/yaml_pairs.h"
#include "format/yaml_scalar.h"
#include "util/arena.h"
#include "util/auto.h"
#include "util/str.h"

#include <assert.h>
#include <string.h>
#include <yaml.h>

#define MAX_NOTES 1000 /* a hostile document must not make more of them than anybody reads */

struct anchor {
	const char *name;
	struct yml_node *node; /* NULL while what it names is still being read */
};

struct load {
	yaml_parser_t parser;
	struct yml_doc *doc;
	struct scalar_rules rules;
	struct anchor *anchors;
	size_t anchor_count, anchor_capacity;
	size_t note_capacity;
	size_t expanded;
	struct yml_place *where;
	struct err *err;
};

/* A list of node pointers while their number is not known yet. */
struct nodes {
	struct yml_node **items;
	size_t count, capacity;
};

static const char *const type_names[YML_TYPE_COUNT] = {
	[YML_NULL] = "nothing", [YML_BOOL] = "a boolean", [YML_INT] = "a number",  [YML_FLOAT] = "a number",
	[YML_TEXT] = "text",	[YML_LIST] = "a list",	  [YML_MAP] = "a mapping",
};

/* libyaml's words are exact but seldom say what to do. */
static const struct {
	const char *problem, *cure;
} cures[] = {
	{ "mapping values are not allowed in this context",
	  "is this line indented like its neighbours, or does its text hold ': ' and needs quotes?" },
	{ "did not find expected '-' indicator", "every item of a list starts with '- ' in the same column" },
	{ "did not find expected key", "is this line indented like the other keys, and is text with {{ }} in quotes?" },
	{ "did not find expected ',' or '}'", "text that starts with {{ needs quotes, and every { its }" },
	{ "did not find expected ',' or ']'", "items of a [list] have commas between them, and every [ its ]" },
	{ "found unexpected ':'", "text with {{ }} or ': ' in it needs quotes" },
	{ "did not find expected alphabetic or numeric character", "text that starts with '*' or '&' needs quotes" },
	{ "could not find expected ':'", "a key is followed by ':' and a blank" },
	{ "found character that cannot start any token",
	  "indent with blanks, not tabs; text that starts with @, ` or % "
	  "needs quotes" },
	{ "found a tab character", "indent with blanks, not tabs" },
	{ "found unexpected end of stream", "a quote or bracket is not closed" },
	{ "found unknown escape character", "in double quotes a backslash is written \\\\" },
};

const char *yml_type_name(enum yml_type type)
{
	return type_names[type];
}

bool yml_is_scalar(const struct yml_node *node)
{
	return node->type != YML_LIST && node->type != YML_MAP;
}

static struct yml_place place_of(yaml_mark_t mark)
{
	return (struct yml_place){ (unsigned)mark.line + 1, (unsigned)mark.column + 1 };
}

static int fail(struct load *l, struct yml_place place, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static int fail(struct load *l, struct yml_place place, const char *fmt, ...)
{
	struct str text = STR_INIT(sizeof(l->err->msg));
	va_list ap;

	va_start(ap, fmt);
	(void)str_vprintf(&text, fmt, ap); /* longer than the message can be: cut to nothing rather than wrong */
	va_end(ap);
	*l->where = place;
	(void)err_set(l->err, ERR_CONFIG, "%s", str_text(&text));
	str_done(&text);
	return -1;
}

static void note(struct load *l, struct yml_place place, const char *message)
{
	struct yml_doc *doc = l->doc;

	if (doc->note_count == MAX_NOTES)
		return;
	if (doc->note_count == l->note_capacity) {
		l->note_capacity = l->note_capacity ? l->note_capacity * 2 : 16;
		struct yml_note *grown = arena_alloc(doc->arena, l->note_capacity * sizeof(*grown));

		if (doc->note_count)
			memcpy(grown, doc->notes, doc->note_count * sizeof(*grown));
		doc->notes = grown;
	}
	doc->notes[doc->note_count++] = (struct yml_note){ place, message };
}

/* The reader complains by byte offset, before there are lines. */
static struct yml_place place_of_offset(const yaml_parser_t *p)
{
	const unsigned char *text = p->input.string.start;
	size_t len = (size_t)(p->input.string.end - text);
	size_t upto = p->problem_offset < len ? p->problem_offset : len;
	struct yml_place place = { 1, 1 };

	for (size_t i = 0; i < upto; i++) {
		if (text[i] == '\n')
			place = (struct yml_place){ place.line + 1, 1 };
		else if ((text[i] & 0xc0) != 0x80)
			place.column++;
	}
	return place;
}

static int syntax_error(struct load *l)
{
	const yaml_parser_t *p = &l->parser;
	const char *problem = p->problem ? p->problem : "this is no YAML";
	const char *cure = NULL;

	if (p->error == YAML_READER_ERROR)
		return fail(l, place_of_offset(p), "%s: the file must be UTF-8 text", problem);
	for (size_t i = 0; i < ARRAY_LEN(cures) && !cure; i++)
		if (str_starts(problem, cures[i].problem))
			cure = cures[i].cure;
	if (p->context && p->context_mark.line != p->problem_mark.line)
		return fail(l, place_of(p->problem_mark), "%s %s that starts on line %zu%s%s", problem, p->context,
			    p->context_mark.line + 1, cure ? ": " : "", cure ? cure : "");
	return fail(l, place_of(p->problem_mark), "%s%s%s%s%s", problem, p->context ? " " : "",
		    p->context ? p->context : "", cure ? ": " : "", cure ? cure : "");
}

static int next_event(struct load *l, yaml_event_t *event)
{
	return yaml_parser_parse(&l->parser, event) ? 0 : syntax_error(l);
}

static struct yml_node *node_new(struct load *l, enum yml_type type, const yaml_event_t *event)
{
	struct yml_node *n = arena_alloc(l->doc->arena, sizeof(*n));

	*n = (struct yml_node){
		.type = type, .place = place_of(event->start_mark), .text = "", .weight = 1, .depth = 1
	};
	return n;
}

static void nodes_add(struct nodes *list, struct yml_node *node)
{
	if (list->count == list->capacity) {
		list->capacity = list->capacity ? list->capacity * 2 : 8;
		list->items = xrealloc(list->items, list->capacity * sizeof(struct yml_node *));
	}
	list->items[list->count++] = node;
}

static void nodes_done(struct nodes *list)
{
	free(list->items);
}

/* *INDEX: where the node of the anchor NAME will be entered, -1 when there is no name. A later anchor of the same name
 * hides an earlier one. */
static int anchor_add(struct load *l, const yaml_event_t *event, const yaml_char_t *name, ptrdiff_t *index)
{
	*index = -1;
	if (!name)
		return 0;
	if (l->anchor_count == YML_MAX_ANCHORS)
		return fail(l, place_of(event->start_mark), "more than %d anchors", YML_MAX_ANCHORS);
	if (l->anchor_count == l->anchor_capacity) {
		l->anchor_capacity = l->anchor_capacity ? l->anchor_capacity * 2 : 8;
		l->anchors = xrealloc(l->anchors, l->anchor_capacity * sizeof(*l->anchors));
	}
	l->anchors[l->anchor_count] = (struct anchor){ .name = arena_strdup(l->doc->arena, (const char *)name),
						       .node = NULL };
	*index = (ptrdiff_t)l->anchor_count++;
	return 0;
}

static int expand(struct load *l, struct yml_place place, size_t nodes)
{
	l->expanded += nodes;
	if (l->expanded > YML_MAX_EXPANDED)
		return fail(l, place, "aliases expand to more than %d nodes: write the values out", YML_MAX_EXPANDED);
	return 0;
}

static int too_deep(struct load *l, struct yml_place place)
{
	return fail(l, place, "nested more than %d levels deep", YML_MAX_DEPTH);
}

static int load_alias(struct load *l, const yaml_event_t *event, unsigned level, struct yml_node **out)
{
	const char *name = (const char *)event->data.alias.anchor;
	struct yml_place place = place_of(event->start_mark);

	for (size_t i = l->anchor_count; i-- > 0;) {
		struct yml_node *node = l->anchors[i].node;

		if (strcmp(l->anchors[i].name, name))
			continue;
		if (!node)
			return fail(l, place, "the alias '*%s' stands inside what it names", name);
		if (level + node->depth - 1 > YML_MAX_DEPTH)
			return too_deep(l, place);
		*out = node;
		return expand(l, place, node->weight);
	}
	return fail(l, place, "unknown alias: nothing before this line is named '&%s'", name);
}

static int load_scalar(struct load *l, const yaml_event_t *event, struct yml_node **out)
{
	const char *value = (const char *)event->data.scalar.value;
	const char *tag = (const char *)event->data.scalar.tag;
	bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	struct yml_node *n = node_new(l, YML_TEXT, event);

	n->len = event->data.scalar.length;
	if (memchr(value, '\0', n->len))
		return fail(l, n->place, "this text holds a NUL character");
	n->text = arena_strndup(l->doc->arena, value, n->len);
	if (tag && !scalar_tag_is_known(tag))
		note(l, n->place,
		     arena_printf(l->doc->arena, "the tag '%.100s' is not known and has no effect: remove it", tag));
	/* A quoted number stays text unless a tag asks for the number. */
	if (!scalar_tag_asks_for_text(tag) && (plain || (tag && scalar_tag_is_known(tag))))
		scalar_resolve(&l->rules, n);
	*out = n;
	return 0;
}

static int load_node(struct load *l, const yaml_event_t *event, unsigned level, struct yml_node **out);

/* Read nodes until END comes. NODE gets their weight and depth. */
static int load_children(struct load *l, yaml_event_type_t end, unsigned level, struct nodes *list,
			 struct yml_node *node)
{
	for (;;) {
		yaml_event_t event;
		struct yml_node *child;

		if (next_event(l, &event) < 0)
			return -1;
		if (event.type == end) {
			yaml_event_delete(&event);
			return 0;
		}

		int r = load_node(l, &event, level + 1, &child);

		yaml_event_delete(&event);
		if (r < 0)
			return -1;
		nodes_add(list, child);
		node->weight += child->weight;
		if (child->depth >= node->depth)
			node->depth = child->depth + 1;
	}
}

static int load_list(struct load *l, const yaml_event_t *event, unsigned level, struct yml_node **out)
{
	AUTO(nodes_done) struct nodes list = { 0 };
	struct yml_node *n = node_new(l, YML_LIST, event);

	if (load_children(l, YAML_SEQUENCE_END_EVENT, level, &list, n) < 0)
		return -1;
	n->count = list.count;
	n->items = arena_alloc(l->doc->arena, list.count * sizeof(struct yml_node *));
	if (list.count)
		memcpy(n->items, list.items, list.count * sizeof(struct yml_node *));
	*out = n;
	return 0;
}

static bool is_merge_key(const struct yml_node *key)
{
	return key->type == YML_TEXT && !strcmp(key->text, "<<");
}

/* What "<<" names: a map or a list of maps. Anything else leaves "<<" an ordinary key, as in the reference. */
static bool can_merge(const struct yml_pair *pair)
{
	const struct yml_node *v = pair->value;

	if (!is_merge_key(pair->key) || (v->type != YML_MAP && v->type != YML_LIST))
		return false;
	for (size_t i = 0; v->type == YML_LIST && i < v->count; i++)
		if (v->items[i]->type != YML_MAP)
			return false;
	return true;
}

static int merge_from(struct load *l, struct yml_pairs *c, const struct yml_node *key, const struct yml_node *map)
{
	for (size_t i = 0; i < map->count; i++) {
		if (expand(l, key->place, map->pairs[i].key->weight + map->pairs[i].value->weight) < 0)
			return -1;
		yml_pairs_add(c, map->pairs[i], true);
	}
	return 0;
}

static void note_double(void *context, const struct yml_node *key, const struct yml_node *winner)
{
	struct load *l = context;

	note(l, key->place,
	     arena_printf(l->doc->arena,
			  "the key '%.100s' stands again on line %u: only that one counts, remove the other", key->text,
			  winner->place.line));
}

static int load_map(struct load *l, const yaml_event_t *event, unsigned level, struct yml_node **out)
{
	AUTO(nodes_done) struct nodes list = { 0 };
	AUTO(yml_pairs_done) struct yml_pairs c = { 0 };
	struct yml_node *n = node_new(l, YML_MAP, event);

	if (load_children(l, YAML_MAPPING_END_EVENT, level, &list, n) < 0)
		return -1;
	assert(list.count % 2 == 0); /* libyaml gives every key a value */
	for (size_t i = 0; i < list.count; i += 2) {
		struct yml_pair pair = { list.items[i], list.items[i + 1] };
		const struct yml_node *from = pair.value;

		if (!can_merge(&pair)) {
			yml_pairs_add(&c, pair, false);
		} else if (from->type == YML_MAP) {
			if (merge_from(l, &c, pair.key, from) < 0)
				return -1;
		} else {
			for (size_t k = 0; k < from->count; k++)
				if (merge_from(l, &c, pair.key, from->items[k]) < 0)
					return -1;
		}
	}
	yml_pairs_settle(&c, note_double, l);
	n->pairs = arena_alloc(l->doc->arena, c.count * sizeof(*n->pairs));
	n->weight = 1;
	for (size_t i = 0; i < c.count; i++) {
		if (c.items[i].dropped)
			continue;
		n->pairs[n->count++] = c.items[i].pair;
		n->weight += c.items[i].pair.key->weight + c.items[i].pair.value->weight;
	}
	*out = n;
	return 0;
}

static int load_collection(struct load *l, const yaml_event_t *event, unsigned level, struct yml_node **out)
{
	bool map = event->type == YAML_MAPPING_START_EVENT;
	const yaml_char_t *name = map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
	const yaml_char_t *tag = map ? event->data.mapping_start.tag : event->data.sequence_start.tag;
	ptrdiff_t anchor;

	if (anchor_add(l, event, name, &anchor) < 0)
		return -1;
	if (tag && !scalar_tag_is_known((const char *)tag))
		note(l, place_of(event->start_mark),
		     arena_printf(l->doc->arena, "the tag '%.100s' is not known and has no effect: remove it",
				  (const char *)tag));
	if ((map ? load_map : load_list)(l, event, level, out) < 0)
		return -1;
	if (anchor >= 0)
		l->anchors[anchor].node = *out;
	return 0;
}

static int load_node(struct load *l, const yaml_event_t *event, unsigned level, struct yml_node **out)
{
	if (level > YML_MAX_DEPTH)
		return too_deep(l, place_of(event->start_mark));
	if (event->type == YAML_ALIAS_EVENT)
		return load_alias(l, event, level, out);
	if (event->type != YAML_SCALAR_EVENT)
		return load_collection(l, event, level, out);

	ptrdiff_t anchor;

	if (anchor_add(l, event, event->data.scalar.anchor, &anchor) < 0 || load_scalar(l, event, out) < 0)
		return -1;
	if (anchor >= 0)
		l->anchors[anchor].node = *out;
	return 0;
}

/* What follows the first document is not used, but not passed over in silence either. */
static void note_rest(struct load *l)
{
	for (;;) {
		yaml_event_t event;

		if (!yaml_parser_parse(&l->parser, &event)) {
			note(l, place_of(l->parser.problem_mark),
			     "only the first document counts; what follows it is no YAML, remove it");
			return;
		}

		yaml_event_type_t type = event.type;
		struct yml_place place = place_of(event.start_mark);

		yaml_event_delete(&event);
		if (type == YAML_DOCUMENT_START_EVENT)
			note(l, place, "only the first document counts; this one has no effect, remove it");
		if (type == YAML_DOCUMENT_START_EVENT || type == YAML_STREAM_END_EVENT || type == YAML_NO_EVENT)
			return;
	}
}

static int load_document(struct load *l)
{
	for (;;) {
		yaml_event_t event;

		if (next_event(l, &event) < 0)
			return -1;

		yaml_event_type_t type = event.type;
		bool starts = type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_START_EVENT;
		bool ends = type == YAML_STREAM_END_EVENT || type == YAML_DOCUMENT_END_EVENT;
		int r = starts || ends ? 0 : load_node(l, &event, 1, &l->doc->root);

		yaml_event_delete(&event);
		if (r < 0)
			return -1;
		if (type == YAML_DOCUMENT_END_EVENT)
			note_rest(l);
		if (ends)
			return 0;
	}
}

int yml_load(const char *text, size_t len, struct yml_doc **out, struct yml_place *where, struct err *err)
{
	AUTO(yml_freep) struct yml_doc *doc = xcalloc(1, sizeof(*doc));
	struct load l = { .doc = doc, .where = where, .err = err };

	doc->arena = arena_new();
	*where = (struct yml_place){ 0, 0 };
	if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
		text += 3;
		len -= 3;
	}
	if (!yaml_parser_initialize(&l.parser))
		return err_set(err, ERR_CONFIG, "out of memory");
	yaml_parser_set_input_string(&l.parser, (const unsigned char *)text, len);
	scalar_rules_init(&l.rules);

	int r = load_document(&l);

	scalar_rules_done(&l.rules);
	yaml_parser_delete(&l.parser);
	free(l.anchors);
	if (r < 0)
		return -1;
	*out = TAKE_PTR(doc);
	return 0;
}

void yml_free(struct yml_doc *doc)
{
	if (!doc)
		return;
	arena_free(doc->arena);
	free(doc);
}

void yml_freep(struct yml_doc **doc)
{
	yml_free(*doc);
}

const struct yml_node *yml_get(const struct yml_node *map, const char *key)
{
	if (map->type != YML_MAP)
		return NULL;
	for (size_t i = 0; i < map->count; i++)
		if (map->pairs[i].key->type == YML_TEXT && !strcmp(map->pairs[i].key->text, key))
			return map->pairs[i].value;
	return NULL;
}
