/* What format/yaml.c makes of documents: types, places, aliases, limits, notes. */
#include "format/yaml.h"
#include "util/auto.h"
#include "util/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct yml_doc *load(const char *text)
{
	struct yml_doc *doc = NULL;
	struct yml_place where;
	struct err err = ERR_INIT;

	if (yml_load(text, strlen(text), &doc, &where, &err) < 0)
		fail_msg("line %u column %u: %s", where.line, where.column, err.msg);
	return doc;
}

static void refused(const char *text, size_t len, const char *message, unsigned line, unsigned column)
{
	struct yml_doc *doc = NULL;
	struct yml_place where;
	struct err err = ERR_INIT;

	assert_int_equal(yml_load(text, len, &doc, &where, &err), -1);
	assert_null(doc);
	assert_int_equal(err.kind, ERR_CONFIG);
	if (!strstr(err.msg, message))
		fail_msg("'%s' instead of '%s'", err.msg, message);
	assert_int_equal(where.line, line);
	assert_int_equal(where.column, column);
}

static const struct {
	const char *text;
	enum yml_type type;
	double number;
} scalars[] = {
	{ "0755", YML_INT, 493 },      { "755", YML_INT, 755 },
	{ "08", YML_TEXT, 0 },	       { "0o644", YML_TEXT, 0 },
	{ "1_000", YML_INT, 1000 },    { "0x1f", YML_INT, 31 },
	{ "0b101", YML_INT, 5 },       { "-7", YML_INT, -7 },
	{ "+7", YML_INT, 7 },	       { "1:30", YML_INT, 5400 },
	{ "1:2:3", YML_INT, 3723 },    { "1,000", YML_INT, 1000 },
	{ "0.0", YML_FLOAT, 0 },       { ".0", YML_FLOAT, 0 },
	{ "1.5e+3", YML_FLOAT, 1500 }, { "-0.0", YML_FLOAT, 0 },
	{ "1e3", YML_TEXT, 0 },	       { ".", YML_TEXT, 0 },
	{ "1.2.3", YML_TEXT, 0 },      { "2024-05-06", YML_TEXT, 0 },
	{ "yes", YML_BOOL, 1 },	       { "On", YML_BOOL, 1 },
	{ "TRUE", YML_BOOL, 1 },       { "no", YML_BOOL, 0 },
	{ "off", YML_BOOL, 0 },	       { "y", YML_TEXT, 0 },
	{ "~", YML_NULL, 0 },	       { "null", YML_NULL, 0 },
	{ "", YML_NULL, 0 },	       { "\"yes\"", YML_TEXT, 0 },
	{ "'0755'", YML_TEXT, 0 },     { "!!str 5", YML_TEXT, 0 },
	{ "! 5", YML_TEXT, 0 },	       { "!!int '5'", YML_INT, 5 },
	{ "u:bob:rwx", YML_TEXT, 0 },  { "m:7", YML_TEXT, 0 },
	{ "0", YML_INT, 0 },	       { "99999999999999999999", YML_INT, 1e20 },
};

static void scalars_are_what_psych_makes_of_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(scalars); i++) {
		AUTO_FREE char *text = xasprintf("k: %s\n", scalars[i].text);
		AUTO(yml_freep) struct yml_doc *doc = load(text);
		const struct yml_node *n = yml_get(doc->root, "k");

		if (n->type != scalars[i].type)
			fail_msg("%s is %s", scalars[i].text, yml_type_name(n->type));
		if (n->type == YML_BOOL)
			assert_int_equal(n->truth, scalars[i].number != 0);
		else
			assert_true(n->number >= scalars[i].number - 1 && n->number <= scalars[i].number + 1);
	}
}

static void every_node_knows_its_line_and_column(void **state)
{
	(void)state;
	AUTO(yml_freep)
	struct yml_doc *doc = load("\xef\xbb\xbf"
				   "a: 1\n"
				   "é: [x,\n"
				   "  {b: y}]\n");
	const struct yml_node *list = yml_get(doc->root, "é");

	assert_int_equal(yml_get(doc->root, "a")->place.column, 4);
	assert_int_equal(list->place.line, 2);
	assert_int_equal(list->place.column, 4); /* characters, not bytes */
	assert_int_equal(yml_get(list->items[1], "b")->place.line, 3);
	assert_int_equal(yml_get(list->items[1], "b")->place.column, 7);
}

static void the_last_of_equal_keys_counts_and_the_first_is_noted(void **state)
{
	(void)state;
	AUTO(yml_freep) struct yml_doc *doc = load("a: 1\nb: 2\na: 3\n");

	assert_int_equal(doc->root->count, 2);
	assert_true(yml_get(doc->root, "a")->number == 3);
	assert_int_equal(doc->note_count, 1);
	assert_int_equal(doc->notes[0].place.line, 1);
	assert_string_equal(doc->notes[0].message,
			    "the key 'a' stands again on line 3: only that one counts, remove the other");
}

static void only_the_first_document_counts_and_the_second_is_noted(void **state)
{
	(void)state;
	AUTO(yml_freep) struct yml_doc *doc = load("a: 1\n---\na: 2\n");

	assert_true(yml_get(doc->root, "a")->number == 1);
	assert_int_equal(doc->note_count, 1);
	assert_int_equal(doc->notes[0].place.line, 2);
}

static void merge_keys_give_way_to_own_keys(void **state)
{
	(void)state;
	AUTO(yml_freep)
	struct yml_doc *doc = load("d: &d {x: 1, y: 1}\n"
				   "e: &e {y: 2, z: 2}\n"
				   "one: {x: 9, <<: *d}\n"
				   "two: {<<: [*d, *e], z: 9}\n"
				   "odd: {<<: 5}\n");
	const struct yml_node *one = yml_get(doc->root, "one"), *two = yml_get(doc->root, "two");

	assert_int_equal(one->count, 2);
	assert_true(yml_get(one, "x")->number == 9);
	assert_true(yml_get(one, "y")->number == 1);
	assert_true(yml_get(two, "y")->number == 1); /* the earlier map wins */
	assert_true(yml_get(two, "z")->number == 9);
	assert_non_null(yml_get(yml_get(doc->root, "odd"), "<<"));
	assert_int_equal(doc->note_count, 0);
}

static void unknown_tags_are_noted(void **state)
{
	(void)state;
	AUTO(yml_freep) struct yml_doc *doc = load("a: !ruby/object:Object {}\nb: !Ref x\n");

	assert_int_equal(doc->note_count, 2);
	assert_string_equal(yml_get(doc->root, "b")->text, "x");
}

static void an_empty_document_has_no_root(void **state)
{
	(void)state;
	AUTO(yml_freep) struct yml_doc *nothing = load(""), *comment = load("# nothing\n");

	assert_null(nothing->root);
	assert_null(comment->root);
}

static const struct {
	const char *why, *text, *message;
	unsigned line, column;
} bad[] = {
	{ "a tab", "a:\n\t- b\n", "indent with blanks, not tabs", 2, 1 },
	{ "indentation", "version: 0.0\n os: linux\n", "is this line indented like its neighbours", 2, 4 },
	{ "an open bracket", "a: [b\n", "did not find expected ',' or ']'", 2, 1 },
	{ "a variable among others", "a: {b: {{URL}}/x}\n", "text that starts with {{ needs quotes", 1, 15 },
	{ "a variable as a value", "a: {{URL}}/x\n", "is text with {{ }} in quotes", 1, 11 },
	{ "a variable in a URL", "a: {b: http://x:{{PORT}}/}\n", "text with {{ }} or ': ' in it needs quotes", 1, 16 },
	{ "a star", "a: *\n", "text that starts with '*' or '&' needs quotes", 1, 5 },
	{ "bad UTF-8", "a: b\nc: caf\xe9\n", "the file must be UTF-8 text", 2, 7 },
	{ "an unknown alias", "a: *b\n", "nothing before this line is named '&b'", 1, 4 },
	{ "a circle", "a: &a [*a]\n", "stands inside what it names", 1, 8 },
	{ "a NUL", "a: \"b\\0c\"\n", "holds a NUL character", 1, 4 },
};

static void what_is_no_yaml_is_refused_with_its_place_and_a_cure(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		print_message("  %s\n", bad[i].why);
		refused(bad[i].text, strlen(bad[i].text), bad[i].message, bad[i].line, bad[i].column);
	}
}

static void a_billion_laughs_are_refused(void **state)
{
	(void)state;
	struct str text = STR_INIT(65536);

	assert_int_equal(str_add(&text, "l0: &l0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"), 0);
	for (int i = 1; i < 10; i++) {
		(void)str_printf(&text, "l%d: &l%d [", i, i);
		for (int k = 0; k < 10; k++)
			(void)str_printf(&text, "%s*l%d", k ? ", " : "", i - 1);
		(void)str_add(&text, "]\n");
	}
	refused(text.data, text.len, "aliases expand to more than 10000 nodes", 4, 45);
	str_done(&text);
}

static void merging_counts_as_expansion_too(void **state)
{
	(void)state;
	struct str text = STR_INIT(1 << 20);
	struct yml_doc *doc = NULL;
	struct yml_place where;
	struct err err = ERR_INIT;

	(void)str_add(&text, "m: &m {");
	for (int i = 0; i < 1000; i++)
		(void)str_printf(&text, "k%d: 1, ", i);
	(void)str_add(&text, "}\n");
	for (int i = 0; i < 10; i++)
		(void)str_printf(&text, "u%d: {<<: *m}\n", i);
	assert_int_equal(yml_load(text.data, text.len, &doc, &where, &err), -1);
	assert_non_null(strstr(err.msg, "aliases expand"));
	str_done(&text);
}

static void nest(struct str *text, unsigned levels)
{
	(void)str_add(text, "a: ");
	for (unsigned i = 0; i < levels; i++)
		(void)str_add(text, "[");
	for (unsigned i = 0; i < levels; i++)
		(void)str_add(text, "]");
}

static void nesting_ends_at_64_levels(void **state)
{
	(void)state;
	struct str fine = STR_INIT(4096), deep = STR_INIT(1 << 20);

	nest(&fine, YML_MAX_DEPTH - 1); /* the mapping is a level itself */
	nest(&deep, 100000);

	AUTO(yml_freep) struct yml_doc *doc = load(fine.data);

	assert_int_equal(doc->root->depth, YML_MAX_DEPTH);
	refused(deep.data, deep.len, "nested more than 64 levels deep", 1, YML_MAX_DEPTH + 3);
	str_done(&fine);
	str_done(&deep);
}

static void aliases_cannot_nest_deeper_either(void **state)
{
	(void)state;
	struct str text = STR_INIT(65536);
	struct yml_doc *doc = NULL;
	struct yml_place where;
	struct err err = ERR_INIT;

	(void)str_add(&text, "l0: &l0 [x]\n");
	for (int i = 1; i < 70; i++)
		(void)str_printf(&text, "l%d: &l%d [*l%d]\n", i, i, i - 1);
	assert_int_equal(yml_load(text.data, text.len, &doc, &where, &err), -1);
	assert_non_null(strstr(err.msg, "nested more than 64 levels deep"));
	str_done(&text);
}

static void a_hundred_thousand_keys_are_no_burden(void **state)
{
	(void)state;
	struct str text = STR_INIT(8 << 20);

	for (int i = 0; i < 100000; i++)
		(void)str_printf(&text, "k%d: 1\n", i % 50000);

	AUTO(yml_freep) struct yml_doc *doc = load(text.data);

	assert_int_equal(doc->root->count, 50000);
	assert_int_equal(doc->note_count, 1000); /* bounded */
	str_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scalars_are_what_psych_makes_of_them),
		cmocka_unit_test(every_node_knows_its_line_and_column),
		cmocka_unit_test(the_last_of_equal_keys_counts_and_the_first_is_noted),
		cmocka_unit_test(only_the_first_document_counts_and_the_second_is_noted),
		cmocka_unit_test(merge_keys_give_way_to_own_keys),
		cmocka_unit_test(unknown_tags_are_noted),
		cmocka_unit_test(an_empty_document_has_no_root),
		cmocka_unit_test(what_is_no_yaml_is_refused_with_its_place_and_a_cure),
		cmocka_unit_test(a_billion_laughs_are_refused),
		cmocka_unit_test(merging_counts_as_expansion_too),
		cmocka_unit_test(nesting_ends_at_64_levels),
		cmocka_unit_test(aliases_cannot_nest_deeper_either),
		cmocka_unit_test(a_hundred_thousand_keys_are_no_burden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
