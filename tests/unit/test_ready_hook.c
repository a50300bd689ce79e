/* Ready-made hooks: that every one of hooks/ has a good header, and what `use:` and `with:` make of arguments. */
#include "appspec/appspec.h"
#include "appspec/appspec_json.h"
#include "appspec/lint.h"
#include "appspec/ready_hook.h"
#include "util/auto.h"
#include "util/str.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define HEAD "version: 0.0\nos: linux\nslipway:\n  hooks:\n    ValidateService:\n"
#define USE  HEAD "      - use: http-check\n"
#define WITH USE "        with: {url: u, "

static struct ready_hook *parsed(const char *header, struct err *err)
{
	AUTO_FREE char *text = xasprintf("--[[ hook\n%s\n]]\nreturn true\n", header);
	struct ready_hook *h = NULL;

	*err = ERR_INIT;
	return ready_hook_parse("x", text, strlen(text), &h, err) < 0 ? NULL : h;
}

static void every_hook_of_the_folder_is_in_the_program(void **state)
{
	(void)state;
	DIR *dir = opendir("hooks");
	size_t files = 0, hooks = 0;

	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir));)
		files += strlen(e->d_name) > 4 && !strcmp(e->d_name + strlen(e->d_name) - 4, ".lua");
	(void)closedir(dir);
	for (; ready_hook_name(hooks); hooks++)
		assert_true(!hooks || strcmp(ready_hook_name(hooks - 1), ready_hook_name(hooks)) < 0);
	assert_int_equal(files, hooks);
}

/* Each default, taken for a value, must be of its type; what is required gets something of its own. */
static void every_header_can_be_used(void **state)
{
	(void)state;
	static const char *const values[READY_TYPE_COUNT] = {
		[READY_TEXT] = "a",	 [READY_INTEGER] = "1", [READY_NUMBER] = "1",	[READY_BOOLEAN] = "true",
		[READY_DURATION] = "1s", [READY_LIST] = "[a]",	[READY_MAP] = "{a: b}",
	};

	for (size_t i = 0; ready_hook_name(i); i++) {
		AUTO(ready_hook_freep) struct ready_hook *h = NULL;
		AUTO_FREE char *json = NULL;
		char *words[32] = { 0 };
		size_t count = 0;
		struct err err = ERR_INIT;

		if (ready_hook_load(ready_hook_name(i), &h, &err) != 1)
			fail_msg("%s", err.msg);
		for (size_t k = 0; h->events && k < h->events->count; k++)
			assert_true(lint_event_is_standard(h->events->items[k]->text));
		for (size_t k = 0; k < h->argument_count; k++) {
			const struct ready_argument *a = &h->arguments[k];
			const char *value = a->choices ? a->choices->items[0]->text : values[a->type];

			if (a->required)
				words[count++] = xasprintf("%s=%s", a->name, value);
		}
		if (ready_hook_with_words(h->name, words, count, &json, &err) < 0)
			fail_msg("%s", err.msg);
		while (count)
			free(words[--count]);
	}
}

static const struct {
	const char *why, *header, *want;
} headers[] = {
	{ "no YAML", "summary: [", "hook 'x', line" },
	{ "no summary", "with: {}", "a text 'summary'" },
	{ "events as a text", "summary: a\nevents: Install", "perhaps a list 'events'" },
	{ "arguments as a list", "summary: a\nwith: [b]", "a mapping 'with'" },
	{ "no type", "summary: a\nwith: {b: {help: c}}", "'b' has no type that is known" },
	{ "a type that is none", "summary: a\nwith: {b: {type: string, help: c}}", "'b' has no type that is known" },
	{ "no help", "summary: a\nwith: {b: {type: text}}", "'b' needs a help text" },
	{ "required with a default", "summary: a\nwith: {b: {type: text, help: c, required: true, default: d}}",
	  "no default when it is required" },
	{ "choices as a text", "summary: a\nwith: {b: {type: text, help: c, choices: d}}", "a list if any as choices" },
	{ "a slip", "summary: a\nwith: {b: {type: text, help: c, defualt: d}}", "'b': unknown key 'defualt'" },
};

static void headers_that_are_none_are_refused(void **state)
{
	(void)state;
	struct ready_hook *h = NULL;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		print_message("  %s\n", headers[i].why);
		assert_null(parsed(headers[i].header, &err));
		if (!strstr(err.msg, headers[i].want))
			fail_msg("%s", err.msg);
	}
	assert_int_equal(ready_hook_parse("x", "return", 6, &h, &err), -1);
	assert_int_equal(ready_hook_parse("x", "--[[ hook\nsummary: a", 20, &h, &err), -1);
}

static void a_hook_without_events_suits_all(void **state)
{
	(void)state;
	struct err err;
	AUTO(ready_hook_freep) struct ready_hook *any = parsed("summary: a", &err);
	AUTO(ready_hook_freep) struct ready_hook *one = parsed("summary: a\nevents: [AfterInstall]", &err);

	assert_true(ready_hook_suits(any, "ValidateService"));
	assert_false(ready_hook_suits(one, "ValidateService"));
	assert_true(ready_hook_suits(one, "AfterInstall"));
}

static const struct {
	const char *why, *text, *want;
	unsigned line, column;
} refused[] = {
	{ "a name that is a slip away", HEAD "      - use: http-chek\n",
	  "there is no ready-made hook 'http-chek', did you mean 'http-check'? This is slipway", 6, 14 },
	{ "a name that is far off", HEAD "      - use: frobnicate\n", "'frobnicate'; there are ", 6, 14 },
	{ "a name that is a list", HEAD "      - use: [http-check]\n", "no ready-made hook", 6, 14 },
	{ "use beside location", HEAD "      - use: http-check\n        with: {url: u}\n        location: a\n",
	  "either 'location' or 'use', and this one has both", 8, 19 },
	{ "arguments for a script", HEAD "      - location: a\n        with: {url: u}\n", "there is no 'use'", 7, 15 },
	{ "arguments as a list", USE "        with: [u]\n",
	  "'with' must be a mapping of arguments to values, not a list", 7, 15 },
	{ "nothing that is required", USE, "http-check lacks its argument 'url' (what to ask): write it below 'with'",
	  6, 14 },
	{ "null for what is required", USE "        with: {url: }\n", "lacks its argument 'url'", 6, 14 },
	{ "an argument that is a slip away", WITH "expekt: 200}\n",
	  "http-check has no argument 'expekt': did you mean 'expect'?", 7, 24 },
	{ "an argument that is far off", WITH "colour: red}\n",
	  "http-check has no argument 'colour': it takes url, expect, ", 7, 24 },
	{ "a text for a whole number", WITH "expect: ok}\n", "'expect' of http-check must be a whole number, not 'ok'",
	  7, 32 },
	{ "a fraction for a whole number", WITH "expect: 200.5}\n", "must be a whole number, not '200.5'", 7, 32 },
	{ "a list for a text", WITH "body: [a]}\n", "'body' of http-check must be text, not a list", 7, 30 },
	{ "a text for a mapping", WITH "headers: a}\n", "'headers' of http-check must be a mapping, not 'a'", 7, 33 },
	{ "a duration of days", WITH "for: 3d}\n",
	  "'for' of http-check must be a duration such as 30s, 5m or 1h, not '3d'", 7, 29 },
	{ "a duration below zero", WITH "for: -3}\n", "must be a duration", 7, 29 },
	{ "a duration with two points", WITH "for: 1.2.3s}\n", "must be a duration", 7, 29 },
	{ "a duration in base 60", WITH "for: 1:30}\n", "must be a duration", 7, 29 },
	{ "a list for a duration", WITH "for: [1]}\n", "must be a duration such as 30s, 5m or 1h, not a list", 7, 29 },
};

static void what_a_hook_cannot_take_is_refused_at_its_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		AUTO(findings_done) struct findings f = { 0 };
		struct appspec *a = NULL;
		struct err err = ERR_INIT;

		print_message("  %s\n", refused[i].why);
		assert_int_equal(appspec_parse(refused[i].text, strlen(refused[i].text), &a, &f, &err), -1);
		assert_true(f.count);
		if (!strstr(f.items[0].message, refused[i].want))
			fail_msg("%s", f.items[0].message);
		assert_int_equal(f.items[0].place.line, refused[i].line);
		assert_int_equal(f.items[0].place.column, refused[i].column);
		appspec_free(appspec_parse_rest(refused[i].text, strlen(refused[i].text), &f));
	}
}

static void arguments_that_are_too_large_are_refused(void **state)
{
	(void)state;
	AUTO_FREE char *big = xcalloc(READY_WITH_MAX + 1, 1), *json = NULL;

	memset(big, 'a', READY_WITH_MAX);

	AUTO_FREE char *word = xasprintf("url=%s", big);
	char *words[] = { word };
	struct err err = ERR_INIT;

	assert_int_equal(ready_hook_with_words("http-check", words, 1, &json, &err), -1);
	assert_non_null(strstr(err.msg, "are more than 65536 bytes"));
}

/* Each costs a look at a header; a hostile appspec must not make a worker busy with that. */
static void what_is_too_much_is_refused(void **state)
{
	(void)state;
	AUTO(str_done) struct str many = STR_INIT(APPSPEC_MAX_BYTES), with = STR_INIT(APPSPEC_MAX_BYTES);
	const struct {
		struct str *text;
		const char *want;
	} cases[] = {
		{ &many, "line 1006 column 14: there are more than 1000 ready-made hooks" },
		{ &with, "'with' has more than 100 arguments, and http-check takes " },
	};

	(void)str_add(&many, HEAD);
	for (int i = 0; i < 20000; i++)
		(void)str_add(&many, "      - use: tcp-check\n");
	(void)str_add(&with, WITH);
	for (int i = 0; i < 60000; i++)
		(void)str_printf(&with, "a%d: 1, ", i);
	(void)str_add(&with, "b: 1}\n");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(findings_done) struct findings f = { 0 };
		struct appspec *a = NULL;
		struct err err = ERR_INIT;

		assert_int_equal(appspec_parse(str_text(cases[i].text), cases[i].text->len, &a, &f, &err), -1);
		if (!strstr(err.msg, cases[i].want))
			fail_msg("%s", err.msg);
	}
}

#define DEFAULTS "\"expect\":200,\"for\":30,\"interval\":1,\"timeout\":10,\"url\":\"u\"}"

static const struct {
	const char *why, *words[4], *want;
} taken[] = {
	{ "defaults", { "url=u" }, "{" DEFAULTS },
	{ "a text that looks like a number", { "url=u", "body=0640" }, "{\"body\":\"0640\"," DEFAULTS },
	{ "a text with a colon", { "url=u", "body=a: b" }, "{\"body\":\"a: b\"," DEFAULTS },
	{ "a text with a = in it", { "url=u", "body=a=b" }, "{\"body\":\"a=b\"," DEFAULTS },
	{ "an empty text", { "url=u", "body=" }, "{\"body\":\"\"," DEFAULTS },
	{ "minutes", { "url=u", "for=5m" }, "{\"expect\":200,\"for\":300," },
	{ "hours", { "url=u", "for=1.5h" }, "{\"expect\":200,\"for\":5400," },
	{ "milliseconds", { "url=u", "for=250ms" }, "{\"expect\":200,\"for\":0.25," },
	{ "seconds without a unit", { "url=u", "for=7" }, "{\"expect\":200,\"for\":7," },
	{ "a mapping", { "url=u", "headers={a: [1, yes, 2.5, ~]}" }, "\"headers\":{\"a\":[1,true,2.5,null]}" },
};

static void words_of_a_command_line_become_json(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
		AUTO_FREE char *json = NULL;
		struct err err = ERR_INIT;
		size_t count = 0;

		print_message("  %s\n", taken[i].why);
		while (taken[i].words[count])
			count++;
		if (ready_hook_with_words("http-check", (char *const *)taken[i].words, count, &json, &err) < 0)
			fail_msg("%s", err.msg);
		if (!strstr(json, taken[i].want))
			fail_msg("%s", json);
	}
}

static const struct {
	const char *why, *word, *want;
} wrong[] = {
	{ "no =", "expect", "ARGUMENT=VALUE expected, got 'expect'" },
	{ "no argument", "=3", "ARGUMENT=VALUE expected, got '=3'" },
	{ "no YAML", "headers={a", "'headers': " },
	{ "nothing where something is needed", "expect=", "'expect' has no value" },
	{ "no UTF-8", "body=\xff", "'body' of http-check must be text" },
	{ "a name that is no UTF-8", "\xff=1", "http-check has no argument" },
};

static void wrong_words_of_a_command_line_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		char *words[] = { (char *)"url=u", (char *)wrong[i].word }, *json = NULL;
		struct err err = ERR_INIT;

		print_message("  %s\n", wrong[i].why);
		assert_int_equal(ready_hook_with_words("http-check", words, 2, &json, &err), -1);
		if (!strstr(err.msg, wrong[i].want))
			fail_msg("%s", err.msg);
		assert_null(json);
	}
}

static void lint_shows_what_a_hook_was_told(void **state)
{
	(void)state;
	static const char text[] = USE "        with: {url: u, for: 1m}\n        timeout: 90\n      - location: a.sh\n";
	AUTO(findings_done) struct findings f = { 0 };
	struct appspec *a = NULL;
	struct err err = ERR_INIT;

	if (appspec_parse(text, strlen(text), &a, &f, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(a->hooks[0].scripts[0].location, "use: http-check");
	assert_null(a->hooks[0].scripts[1].use);

	json_t *json = appspec_to_json(a);
	json_t *hooks = json_object_get(json_object_get(json_object_get(json, "slipway"), "hooks"), "ValidateService");
	char *shown = json_dumps(json_array_get(hooks, 0), JSON_COMPACT);

	assert_string_equal(shown, "{\"use\":\"http-check\",\"with\":{\"expect\":200,\"for\":60,\"interval\":1,"
				   "\"timeout\":10,\"url\":\"u\"},\"timeout\":90,\"runas\":null,\"sudo\":false}");
	free(shown);
	json_decref(json);
	appspec_free(a);
}

static void lint_warns_where_a_hook_makes_no_sense(void **state)
{
	(void)state;
	static const char text[] = "version: 0.0\nos: linux\nslipway:\n  hooks:\n    ApplicationStop:\n"
				   "      - {use: http-check, with: {url: u}}\n    ValidateService:\n"
				   "      - {use: http-check, with: {url: u}}\n";
	AUTO(findings_done) struct findings f = { 0 };
	struct appspec *a = NULL;
	struct err err = ERR_INIT;

	if (appspec_parse(text, strlen(text), &a, &f, &err) < 0)
		fail_msg("%s", err.msg);
	lint_ready_made(a, &f);
	assert_int_equal(f.count, 1);
	assert_int_equal(f.items[0].level, FINDING_WARNING);
	assert_int_equal(f.items[0].place.line, 6);
	assert_non_null(
		strstr(f.items[0].message, "'use: http-check' is hardly meant for ApplicationStop: it is made for "));
	appspec_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_hook_of_the_folder_is_in_the_program),
		cmocka_unit_test(every_header_can_be_used),
		cmocka_unit_test(headers_that_are_none_are_refused),
		cmocka_unit_test(a_hook_without_events_suits_all),
		cmocka_unit_test(what_a_hook_cannot_take_is_refused_at_its_place),
		cmocka_unit_test(arguments_that_are_too_large_are_refused),
		cmocka_unit_test(what_is_too_much_is_refused),
		cmocka_unit_test(words_of_a_command_line_become_json),
		cmocka_unit_test(wrong_words_of_a_command_line_are_refused),
		cmocka_unit_test(lint_shows_what_a_hook_was_told),
		cmocka_unit_test(lint_warns_where_a_hook_makes_no_sense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
