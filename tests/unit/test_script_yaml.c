/* slipway.yaml: what is read means what it means in an appspec, and what is written is read back as the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "script_help.h"

static void documents_are_read(void **state)
{
	static const struct {
		const char *why, *text, *want; /* as JSON */
	} cases[] = {
		{ "nothing", "", "null" },
		{ "a text", "hello world", "\"hello world\"" },
		{ "numbers", "[1, -2, 0755, 0x10, 1_000, 1:30, 1.5]", "[1,-2,493,16,1000,5400,1.5]" },
		{ "a long number, to its last digit", "9007199254740993", "9007199254740993" },
		{ "quoted numbers", "['1', \"2\", !!str 3]", "[\"1\",\"2\",\"3\"]" },
		{ "booleans", "[yes, no, on, off, true, false]", "[true,false,true,false,true,false]" },
		{ "nothing among things", "[~, null, ]\n", "[null,null]" },
		{ "keys as they were written", "8080: a\non: b\n0755: c\n~: d\n",
		  "{\"0755\":\"c\",\"8080\":\"a\",\"on\":\"b\",\"~\":\"d\"}" },
		{ "empty things", "a: []\nb: {}\n", "{\"a\":[],\"b\":{}}" },
		{ "aliases and merged keys", "a: &x {b: 1}\nc: *x\nd: {<<: *x, e: 2}\n",
		  "{\"a\":{\"b\":1},\"c\":{\"b\":1},\"d\":{\"b\":1,\"e\":2}}" },
		{ "text of several lines", "a: |\n  one\n  two\n", "{\"a\":\"one\\\\ntwo\\\\n\"}" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_FREE char *text = xasprintf("local r = slipway.json.encode(slipway.yaml.decode([==[%s]==]))\n"
						 "local want = ('%s')\nassert(r == want, r)",
						 cases[i].text, cases[i].want);

		print_message("  %s\n", cases[i].why);
		must_succeed(f, text);
	}
}

static void what_cannot_be_read_has_a_place(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "'a: b: c'", "s.lua:2: slipway.yaml.decode: line 1 column 5: mapping values are not allowed" },
		{ "'a:\\n\\t- b'", "s.lua:2: slipway.yaml.decode: line 2 column 1: found character that cannot start" },
		{ "'? [b]\\n: c'", "s.lua:2: slipway.yaml.decode: line 1 column 3: a list as a key" },
		{ "'\\xff'", "slipway.yaml.decode: line 1 column 1: invalid leading UTF-8 octet" },
		{ "'\"a\\\\0b\"'", "slipway.yaml.decode: line 1 column 1: this text holds a NUL" },
		{ "('['):rep(1000)", "slipway.yaml.decode: line 1 column " },
		{ "(' '):rep(2 << 20)", "slipway.yaml.decode: 2097152 bytes: at most 262144 are read" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO_FREE char *text = xasprintf("slipway.yaml.decode(%s)", cases[i].text);

		must_fail(f, text, cases[i].message);
	}
	must_fail(
		f,
		"slipway.yaml.decode('a: &a [x, x, x, x, x, x, x, x, x]\\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]\\n"
		"c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]\\nd: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c]\\n"
		"e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d]')",
		"slipway.yaml.decode: line ");
	must_succeed(f, "local ok, e = pcall(slipway.yaml.decode, '{') assert(not ok and e.kind == 'failed')");
}

static void what_is_written_looks_like_yaml(void **state)
{
	struct fixture *f = *state;

	must_succeed(f,
		     "local j, text = slipway.json, slipway.yaml.encode{ b = { 1, 2.0, 1e20, true }, a = 'x', e = {},\n"
		     "l = slipway.json.array{}, n = slipway.json.null, m = { { k = 'one\\ntwo\\n' } } }\n"
		     "local want = [[\n"
		     "a: x\n"
		     "b:\n"
		     "- 1\n"
		     "- 2.0\n"
		     "- 1.0e+20\n"
		     "- true\n"
		     "e: {}\n"
		     "l: []\n"
		     "m:\n"
		     "- k: |\n"
		     "    one\n"
		     "    two\n"
		     "\"n\": null\n"
		     "]]\n"
		     "assert(text == want, text)");
}

static void texts_come_back_as_they_were(void **state)
{
	struct fixture *f = *state;

	must_succeed(f, "local texts = { '', ' ', 'x ', ' x', 'a: b', 'a #b', '# c', '- x', '-', '?', '? x', ':', '~', "
			"'null', 'Null',\n"
			"'yes', 'No', 'ON', 'true', 'y', 'n', '<<', '=', '1', '-1', '+1', '0755', '0o17', '0x1f', "
			"'1e3', '1.5', '.5',\n"
			"'.5e3', '.inf', '-.INF', '.nan', '1_000', '1,000', '1:30', '1:30.5', '2001-01-01', "
			"'2001-12-14t21:59:43.10-05:00',\n"
			"'@x', '`x', '%x', '&x', '*x', '!x', '|', '>', '\"', \"'\", \"it's\", '{', '}', '[x]', ',', "
			"'a,b', 'x\\n', '\\nx',\n"
			"'x\\n\\n', ' x\\ny', 'x\\n y\\n', 'x\\ny', '\\n', '\\n\\n', '\\t', 'x\\ty', 'x\\r\\ny', "
			"'\\r', '\\27[0m', '\\x7f', 'ä€😀',\n"
			"'\\u{85}', '\\u{2028}x', '\\u{feff}x', 'x\\u{a0}', '---', '--- x', '...', 'x\\n---\\ny', "
			"'x\\n...\\n', '\\\\', 'a\\\\n',\n"
			"('x'):rep(200), ('x y '):rep(100), ('x\\n'):rep(100), 'x: \\n', 'a\\n# b\\n', 'a\\n\\tb' }\n"
			"local y, keys = slipway.yaml, {}\n"
			"for i, text in ipairs(texts) do\n"
			"  local doc = y.encode{ a = text, b = { text, { text } } }\n"
			"  local back = y.decode(doc)\n"
			"  assert(back.a == text and back.b[1] == text and back.b[2][1] == text, doc)\n"
			"  doc = y.encode(text) assert(y.decode(doc) == text, doc)\n"
			"  doc = y.encode{ [text] = i } local key = next(y.decode(doc)) assert(key == text, doc)\n"
			"  keys[text] = i\n"
			"end\n"
			"local back = y.decode(y.encode(keys))\n"
			"for text, i in pairs(keys) do assert(back[text] == i, text) end");
	/* whatever texts are made of, they come back */
	must_succeed(f, "local parts = { ' ', '\\n', '\\n', 'a', 'b', ':', '#', '-', '\\t', '\"', \"'\", 'ä', '\\r', "
			"'0', '{', ',' }\n"
			"math.randomseed(1)\n"
			"for _ = 1, 3000 do\n"
			"  local t = {}\n"
			"  for i = 1, math.random(12) do t[i] = parts[math.random(#parts)] end\n"
			"  local text = table.concat(t)\n"
			"  local doc = slipway.yaml.encode{ a = { text }, [text] = 'x' }\n"
			"  local ok, back = pcall(slipway.yaml.decode, doc)\n"
			"  if text ~= 'a' then assert(ok and back.a[1] == text and back[text] == 'x',\n"
			"    ('%q gives %s'):format(text, doc)) end\n"
			"end");
}

static void numbers_come_back_as_they_were(void **state)
{
	struct fixture *f = *state;

	must_succeed(f, "for _, n in ipairs{ 0, -1, 8080, math.maxinteger, math.mininteger, 0.0, -0.5, 1.5, 0.1, 1e20, "
			"1e-7, 1e300,\n"
			"5e-324, 1/3, 123456789.125, 1/0, -1/0, 2^53, 2.0 } do\n"
			"  local doc = slipway.yaml.encode{ n } local back = slipway.yaml.decode(doc)[1]\n"
			"  assert(back == n and math.type(back) == math.type(n), doc)\n"
			"end\n"
			"local nan = slipway.yaml.decode(slipway.yaml.encode(0/0)) assert(nan ~= nan)\n"
			"assert(slipway.yaml.decode(slipway.yaml.encode(nil)) == slipway.json.null)");
}

static void what_cannot_be_written_is_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "slipway.yaml.encode()", "s.lua:2: slipway.yaml.encode: value: value expected, got no value" },
		{ "slipway.yaml.decode()", "s.lua:2: slipway.yaml.decode: text: string expected, got no value" },
		{ "slipway.yaml.decode({})", "s.lua:2: slipway.yaml.decode: text: string expected, got table" },
		{ "slipway.yaml.encode(print)",
		  "s.lua:2: slipway.yaml.encode: value: what YAML has a form for expected, got function" },
		{ "slipway.yaml.encode{ 1, a = 2 }",
		  "s.lua:2: slipway.yaml.encode: value: a list (1 to n) or texts as keys expected, got both or a gap" },
		{ "slipway.yaml.encode{ [1.5] = 2 }",
		  "s.lua:2: slipway.yaml.encode: value: a list (1 to n) or texts as keys expected, got 1.5" },
		{ "slipway.yaml.encode{ ['a\\0'] = 2 }",
		  "s.lua:2: slipway.yaml.encode: value: keys without a NUL byte expected, got one" },
		{ "slipway.yaml.encode('\\xff')", "s.lua:2: slipway.yaml.encode: value: a text that is not UTF-8" },
		{ "local t = {} t.t = t slipway.yaml.encode(t)",
		  "value: at most 64 levels expected, got more (is it in itself?)" },
		{ "slipway.yaml.encode(('x'):rep(2 << 20))",
		  "s.lua:2: slipway.yaml.encode: value: a document of more than" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		must_fail(f, cases[i].text, cases[i].message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(documents_are_read, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_cannot_be_read_has_a_place, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_written_looks_like_yaml, set_up, tear_down),
		cmocka_unit_test_setup_teardown(texts_come_back_as_they_were, set_up, tear_down),
		cmocka_unit_test_setup_teardown(numbers_come_back_as_they_were, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_cannot_be_written_is_refused, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
