/* The process in which Lua decides: what scripts there can and cannot do, how they are ended, and that nothing stays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lifecycle/policy_process.h"
#include "process_help.h"
#include "util/auto.h"
#include "util/proc.h"

#include <errno.h>
#include <signal.h>

struct fixture {
	struct zygote *z;
	struct policy_process *p;
};

static const struct zygote_calls calls = { policy_process_main, NULL };

static int set_up(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct err err = ERR_INIT;

	if (zygote_start(&calls, &f->z, &err) < 0 || policy_process_start(f->z, &f->p, &err) < 0)
		fail_msg("%s", err.msg);
	*state = f;
	return 0;
}

/* The child is gone with its process, and the zygote can start the next. */
static int tear_down(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	policy_process_free(f->p);
	if (policy_process_start(f->z, &f->p, &err) < 0)
		fail_msg("%s", err.msg);
	policy_process_free(f->p);
	zygote_free(f->z);
	free(f);
	return 0;
}

static int load(struct fixture *f, const char *text, unsigned *number, struct err *err)
{
	return policy_process_load(f->p, "p.lua", text, strlen(text), number, err);
}

/* The answer to Q as compact JSON; the caller frees it. NULL: there is none. */
static char *ask(struct fixture *f, unsigned number, const char *q, struct err *err)
{
	struct policy_answer_values v;

	if (policy_process_ask(f->p, number, json_loads(q, JSON_DECODE_ANY, NULL), &v, err) < 0)
		return NULL;

	char *text = json_dumps(v.values, JSON_COMPACT);

	json_decref(v.values);
	return text;
}

static const struct {
	const char *script, *question, *answer;
} answers[] = {
	{ "return function(q) return q.a.b, q.list[2] end", "{\"a\":{\"b\":\"x\"},\"list\":[1,2.5]}", "[\"x\",2.5]" },
	{ "return function(q) return q.none, q.yes end", "{\"none\":null,\"yes\":true}", "[null,true]" },
	{ "return function(q) return #q, q:byte() end", "{\"hex\":\"fe2f\"}", "[2,254]" },
	{ "return function() return {}, print end", "1", "[{\"type\":\"table\"},null]" },
	{ "return function() return ipairs, 0/0 end", "1", "[{\"type\":\"function\"},{\"type\":\"number\"}]" },
	{ "return function() return 'a\\255\\27[1m' end", "1", "[\"a\\\\xff\",null]" },
	{ "#!/usr/bin/lua\nreturn function() return 1, 2, 3 end", "1", "[1,2]" },
	{ "local n = 0 return function() n = n + 1 return n end", "1", "[1,null]" },
	/* the same question has the same answer, wherever and whenever it is asked */
	{ "return function() return os or io or debug or coroutine or package or slipway or require or load "
	  "or loadfile or dofile or print or collectgarbage or warn end",
	  "1", "[null,null]" },
	{ "return function() return math.random or math.randomseed or string.dump end", "1", "[null,null]" },
	{ "return function() return (getmetatable('') or {}).__index == string, pcall(setmetatable, {}, {__gc = 1}) "
	  "end",
	  "1", "[true,false]" },
};

static void values_go_in_and_come_out(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		struct err err = ERR_INIT;
		unsigned number;

		print_message("  %s\n", answers[i].script);
		assert_int_equal(0, load(f, answers[i].script, &number, &err));
		assert_int_equal(i, number);

		AUTO_FREE char *text = ask(f, number, answers[i].question, &err);

		if (!text)
			fail_msg("%s", err.msg);
		assert_string_equal(answers[i].answer, text);
	}
}

static const struct {
	const char *script, *message;
} bad_scripts[] = {
	{ "", "p.lua: it returns nothing, not a function: write 'return function(...) ... end'" },
	{ "return {}", "p.lua: it returns a table, not a function: write 'return function(...) ... end'" },
	{ "x = = 1", "p.lua:1: unexpected symbol near '='" },
	{ "\n\nerror('no')", "p.lua:3: no" },
	{ "\033Lua", "p.lua: attempt to load a binary chunk (mode is 't')" },
};

static void a_script_that_returns_no_function_is_told(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(bad_scripts); i++) {
		struct err err = ERR_INIT;
		unsigned number;

		assert_int_equal(-1, load(f, bad_scripts[i].script, &number, &err));
		assert_int_equal(ERR_SCRIPT_FAILED, err.kind);
		assert_string_equal(bad_scripts[i].message, err.msg);
		assert_false(policy_process_is_over(f->p));
	}
}

static void an_error_names_its_line_and_the_next_question_is_answered(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	unsigned number;

	assert_int_equal(
		0, load(f, "return function(q)\n\tif q == 1 then error('no') end\n\treturn q.x.y\nend", &number, &err));
	assert_null(ask(f, number, "1", &err));
	assert_string_equal("p.lua:2: no", err.msg);
	assert_null(ask(f, number, "{}", &err));
	assert_string_equal("p.lua:3: attempt to index a nil value (field 'x')", err.msg);

	AUTO_FREE char *text = ask(f, number, "{\"x\":{\"y\":\"yes\"}}", &err);

	assert_string_equal("[\"yes\",null]", text);
}

static const struct {
	const char *why, *script, *message;
	bool early; /* it is not over when this was refused */
} hostile[] = {
	{ "an endless loop", "return function()\n\twhile true do end\nend",
	  "p.lua:2: still running when its time was over", false },
	{ "a loop inside pcall",
	  "return function()\n\twhile true do pcall(function()\n\t\twhile true do end end) end\nend",
	  "p.lua:3: still running when its time was over", false },
	{ "a loop in a metamethod",
	  "return function()\n\treturn setmetatable({}, {__add = function() while true do end end}) + 1\nend",
	  "p.lua:2: still running when its time was over", false },
	{ "a loop in a callback of gsub",
	  "return function()\n\treturn (('x'):rep(9):gsub('x', function() while true do end end))\nend",
	  "p.lua:2: still running when its time was over", false },
	{ "a loop in sort", "return function()\n\ttable.sort({1, 2, 3}, function() while true do end end)\nend",
	  "p.lua:2: still running when its time was over", false },
	{ "a pattern that never ends, where no line can be told",
	  "\nreturn function() return (('a'):rep(100000):find(('a*'):rep(60) .. 'b')) end",
	  "p.lua:2: did not answer in time", false },
	{ "a memory hog",
	  "return function()\n\tlocal t = {}\n\twhile true do t[#t + 1] = ('x'):rep(4096) .. #t end\nend",
	  "p.lua:1: needs more than 16 MiB of memory", false },
	{ "one huge string", "return function() return ('x'):rep(1 << 40) end", "p.lua:1: ", true },
	{ "a deep recursion", "local function f(n) return 1 + f(n + 1) end\nreturn function() return f(1) end",
	  "p.lua:", true },
	{ "an error whose text never comes",
	  "return function()\n\terror(setmetatable({}, {__tostring = function() while true do end end}))\nend",
	  "p.lua:2: ", true },
	{ "an error about which nothing is known", "return function() error() end", "p.lua:1: ", true },
};

static void who_takes_too_much_is_ended_and_the_worker_lives(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
		void *own = NULL;
		struct err err = ERR_INIT, again = ERR_INIT;
		unsigned number;

		print_message("  %s\n", hostile[i].why);
		(void)set_up(&own);

		struct fixture *f = own;

		assert_int_equal(0, load(f, hostile[i].script, &number, &err));
		assert_null(ask(f, number, "1", &err));
		assert_int_equal(ERR_SCRIPT_FAILED, err.kind);
		/* on a machine that is very busy the killing may come before the script notices itself */
		if (!str_starts(err.msg, hostile[i].message) && !strstr(err.msg, "did not answer in time"))
			fail_msg("%s", err.msg);
		if (!hostile[i].early) {
			assert_true(policy_process_is_over(f->p));
			assert_null(ask(f, number, "1", &again));
			assert_string_equal(err.msg, again.msg);
		}
		(void)tear_down(&own);
	}
}

static void all_answers_together_have_their_time_too(void **state)
{
	static const char slow[] = "return function()\n\tlocal s = ('a'):rep(2000)\n\tfor i = 1, 1 << 22 do "
				   "if i % 4096 == 0 then s:find('a*b') end end\nend";
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	unsigned number, asked = 0;

	assert_int_equal(0, load(f, slow, &number, &err));
	for (int64_t begun = proc_clock_ms(); asked < 100000 && proc_clock_ms() - begun < 300000; asked++) {
		char *text = ask(f, number, "1", &err);

		if (!text)
			break;
		free(text);
	}
	assert_true(policy_process_is_over(f->p));
	if (!strstr(err.msg, "p.lua:1: has taken more than 10 s of processor time") &&
	    !strstr(err.msg, "time was over") && !strstr(err.msg, "did not answer in time"))
		fail_msg("%s", err.msg);
}

static void a_child_that_is_killed_refuses(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	unsigned number;

	assert_int_equal(0, load(f, "return function() return 1 end", &number, &err));
	assert_int_equal(0, kill(policy_process_pid(f->p), SIGKILL));
	assert_null(ask(f, number, "1", &err));
	assert_string_equal("p.lua:1: the process that asks it went away", err.msg);
}

static void only_so_many_and_so_long_scripts_are_taken(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;
	AUTO_FREE char *text = xmalloc(POLICY_MAX_SOURCE + 2);
	unsigned number;

	memset(text, ' ', POLICY_MAX_SOURCE + 1);
	text[POLICY_MAX_SOURCE + 1] = '\0';
	assert_int_equal(-1, load(f, text, &number, &err));
	assert_string_equal("p.lua: it is longer than 256 KiB", err.msg);
	memcpy(text, "return ipairs", 13);
	text[POLICY_MAX_SOURCE] = '\0';
	for (unsigned i = 0; i < POLICY_SCRIPTS; i++)
		assert_int_equal(0, load(f, text, &number, &err));
	assert_int_equal(-1, load(f, "return ipairs", &number, &err));
	assert_string_equal("p.lua: only 16 policies can be asked", err.msg);
	assert_int_equal(-1, policy_process_load(f->p, "p.lua", "a\0b", 3, &number, &err));
	assert_string_equal("p.lua: there is a NUL byte in it", err.msg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(values_go_in_and_come_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_script_that_returns_no_function_is_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_error_names_its_line_and_the_next_question_is_answered, set_up,
						tear_down),
		cmocka_unit_test(who_takes_too_much_is_ended_and_the_worker_lives),
		cmocka_unit_test_setup_teardown(all_answers_together_have_their_time_too, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_child_that_is_killed_refuses, set_up, tear_down),
		cmocka_unit_test_setup_teardown(only_so_many_and_so_long_scripts_are_taken, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
