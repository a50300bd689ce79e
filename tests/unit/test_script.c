/* Lua scripts: what they see, what they may take, what ends them, and each function of the library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "script_help.h"
#include "util/proc.h"

static void what_a_script_returns_decides(void **state)
{
	static const struct {
		const char *why, *text;
		int code;
		const char *message;
	} cases[] = {
		{ "nothing", "", 0, "" },
		{ "nil", "return nil", 0, "" },
		{ "true", "return true", 0, "" },
		{ "zero", "return 0", 0, "" },
		{ "zero as a float", "return 0.0", 0, "" },
		{ "false", "return false", 1, "s.lua returned false" },
		{ "an exit code", "return 7", 7, "s.lua returned 7" },
		{ "no possible exit code", "return 256", 1, "s.lua returned 256" },
		{ "a negative one", "return -1", 1, "s.lua returned -1" },
		{ "half a number", "return 1.5", 1, "s.lua returned 1.5" },
		{ "a text, which could mean anything", "return 'ok'", 1, "s.lua returned a string: return nothing" },
		{ "an error", "error('no')", 1, "s.lua:2: no" },
		{ "an error without a place", "error('no', 0)", 1, "no" },
		{ "an error that is a table", "error({})", 1, "s.lua:2: the error is a table without a text" },
		{ "one with a text", "error(setmetatable({}, { __tostring = function() return 'mine' end }))", 1,
		  "mine" },
		{ "one whose text fails", "error(setmetatable({}, { __tostring = function() error('x') end }))", 1,
		  "s.lua:2: the error is a table whose __tostring fails" },
		{ "one whose text is none", "error(setmetatable({}, { __tostring = function() return {} end }))", 1,
		  "s.lua:2: the error is a table whose __tostring fails" },
		{ "nil as an error", "error(nil)", 1, "s.lua:2: the error is a nil without a text" },
		{ "fail", "slipway.fail('the database is down')", 1, "s.lua:2: the database is down" },
		{ "fail in a tail call", "return slipway.fail('down')", 1, "s.lua:2: down" },
		{ "text that is no Lua", "if then", 1, "s.lua:2: unexpected symbol near 'then'" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("  %s\n", cases[i].why);
		run(f, cases[i].text);
		assert_int_equal(cases[i].code == 0, f->outcome.ok);
		assert_int_equal(cases[i].code, f->outcome.exit_code);
		assert_memory_equal(f->outcome.message, cases[i].message, strlen(cases[i].message));
	}
}

static void fail_says_what_to_do(void **state)
{
	struct fixture *f = *state;

	must_fail(f, "slipway.fail('down', 'start it')", "s.lua:2: down");
	assert_string_equal("start it", f->outcome.action);
	assert_non_null(strstr(str_text(&f->outcome.trace), "s.lua:2: in main chunk"));
}

static void a_traceback_begins_in_the_script(void **state)
{
#define TRACE "stack traceback:\n\t"
	static const struct {
		const char *why, *text, *trace;
	} cases[] = {
		{ "a function of Lua's", "error('no')", TRACE "s.lua:2: in main chunk" },
		{ "one of the library's, in C", "slipway.fs.read('/nonexistent')", TRACE "s.lua:2: in main chunk" },
		{ "one in Lua", "slipway.wait_for{ timeout = 0, fn = function() return false end }",
		  TRACE "s.lua:2: in main chunk" },
		{ "one that calls the script", "table.sort({ 1, 2 }, function() error('no') end)",
		  TRACE "s.lua:2: in function <s.lua:2>\n\t[C]: in function 'table.sort'\n\ts.lua:2: in main chunk" },
		{ "a text that was loaded", "load('error()', '=mine')()",
		  TRACE "mine:1: in main chunk\n\ts.lua:2: in main chunk" },
		{ "no line at all", "if then", TRACE "[C]: in " },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("  %s\n", cases[i].why);
		run(f, cases[i].text);
		assert_false(f->outcome.ok);
		if (!str_starts(str_text(&f->outcome.trace), cases[i].trace))
			fail_msg("%s\nwanted: %s", str_text(&f->outcome.trace), cases[i].trace);
	}
#undef TRACE
}

static void what_could_harm_is_not_there(void **state)
{
	static const char *const absent[] = { "io",
					      "os.execute",
					      "os.exit",
					      "os.remove",
					      "os.rename",
					      "os.tmpname",
					      "os.setlocale",
					      "package",
					      "dofile",
					      "loadfile",
					      "debug.sethook",
					      "debug.getregistry",
					      "debug.setmetatable",
					      "string.dump" };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(absent); i++) {
		AUTO_FREE char *text = xasprintf("assert(%s == nil, '%s')", absent[i], absent[i]);

		must_succeed(f, text);
	}
	must_succeed(f, "assert(os.time() and os.getenv('PATH') and os.date() and debug.traceback('x'))");
}

static void bytecode_is_refused(void **state)
{
	struct fixture *f = *state;

	must_succeed(f, "local fn, why = load('\\27Lua', 'x', 'b')\n"
			"assert(not fn and why:find('attempt to load a binary chunk'), why)");
	must_succeed(f, "assert(load('return 3')() == 3)");
	must_succeed(f, "assert(load('return a', 'x', 't', { a = 4 })() == 4)");
	file_put(f->folder, "b.lua", "\x1bLuaS", 0644);
	must_fail(f, "require 'b'", "attempt to load a binary chunk");
}

static void finalizers_are_refused(void **state)
{
	struct fixture *f = *state;

	must_fail(f, "setmetatable({}, { __gc = function() while true do end end })",
		  "s.lua:2: setmetatable: __gc is not");
	must_succeed(f, "local t = setmetatable({}, { __index = { a = 1 } }) assert(t.a == 1)\n"
			"assert(getmetatable(setmetatable(t, nil)) == nil)");
}

/* All these would go on for ever. */
static const struct {
	const char *why, *text;
} endless[] = {
	{ "a loop", "while true do end" },
	{ "a loop in pcall", "pcall(function() while true do end end)" },
	{ "a loop around pcall", "while true do pcall(function() while true do end end) end" },
	{ "pcall in pcall in a loop", "while true do pcall(pcall, pcall, function() while true do end end) end" },
	{ "xpcall with a handler that goes on", "while true do xpcall(function() while true do end end, "
						"function() while true do end end) end" },
	{ "recursion through pcall", "local function f() pcall(f) f() end f()" },
	{ "a coroutine", "coroutine.wrap(function() while true do end end)()" },
	{ "a coroutine that is resumed again and again",
	  "while true do local c = coroutine.create(function() while true do end end) coroutine.resume(c) end" },
	{ "two coroutines that wake each other",
	  "local a = coroutine.wrap(function() while true do coroutine.yield() end end) while true do a() end" },
	{ "sort with an order of its own", "local t = {} for i = 1, 100 do t[i] = i end\n"
					   "while true do table.sort(t, function(a, b) return a > b end) end" },
	{ "gsub with a function", "string.gsub('x', 'x', function() while true do end end)" },
	{ "__close", "local x <close> = setmetatable({}, { __close = function() while true do end end })" },
	{ "__close in a coroutine",
	  "coroutine.wrap(function() local x <close> = setmetatable({}, { __close = function()\n"
	  "while true do end end }) while true do end end)()" },
	{ "__close by coroutine.close",
	  "local c = coroutine.create(function() local x <close> = setmetatable({}, { __close =\n"
	  "function() while true do end end }) while true do end end) coroutine.resume(c)\n"
	  "coroutine.close(c)" },
	{ "__index", "local t = setmetatable({}, { __index = function() while true do end end }) return t.x" },
	{ "__tostring of an error", "error(setmetatable({}, { __tostring = function() while true do end end }))" },
	{ "sleep", "slipway.sleep(1000)" },
	{ "sleep in a loop that catches", "while true do pcall(slipway.sleep, 1000) end" },
	{ "a program", "slipway.run{'sleep', '1000'}" },
	{ "patterns", "while true do pcall(slipway.fs.glob, '/*/*/*/*/*') end" },
	{ "a socket that nobody listens to", "slipway.socket.wait{ path = FOLDER, timeout = 1000, interval = 0.01 }" },
	{ "wait_for", "slipway.wait_for{timeout = 1000, interval = 0.01, fn = function() return false end}" },
	{ "retry", "slipway.retry{tries = 1000000, delay = 0.01, fn = function() return false end}" },
};

static void nothing_goes_on_after_the_deadline(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(endless); i++) {
		print_message("  %s\n", endless[i].why);
		f->options.deadline_ms = proc_clock_ms() + 50;
		run(f, endless[i].text);
		assert_false(f->outcome.ok);
		assert_true(f->outcome.ended);
	}
	assert_non_null(strstr(f->outcome.message, "s.lua:2: still running when its time was over"));
}

static void a_word_from_outside_ends_it_as_well(void **state)
{
	static volatile sig_atomic_t stop = 1;
	struct fixture *f = *state;

	f->options.stop = &stop;
	must_fail(f, "while true do pcall(function() while true do end end) end",
		  "s.lua:2: still running when its time was over");
}

static void memory_has_a_limit(void **state)
{
	static const struct {
		const char *why, *text;
	} cases[] = {
		{ "one huge string", "string.rep('x', 1 << 40)" },
		{ "one that would just not fit", "string.rep('x', 9 << 20)" },
		{ "strings that grow", "local s = 'x' while true do s = s .. s end" },
		{ "a table that grows", "local t = {} while true do t[#t + 1] = {} end" },
		{ "many coroutines", "local t = {} while true do t[#t + 1] = coroutine.create(print) end" },
		{ "table.concat", "local t = {} for i = 1, 100 do t[i] = ('x'):rep(1 << 20) end" },
	};
	struct fixture *f = *state;

	f->options.memory_max = 8u << 20;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		print_message("  %s\n", cases[i].why);
		must_fail(f, cases[i].text, i ? "s.lua: needs more than 8 MiB of memory" : "");
	}
	must_succeed(f,
		     "local ok, why = pcall(string.rep, 'x', 9 << 20)\nassert(not ok and why == 'not enough memory')");
}

static void recursion_has_a_limit(void **state)
{
	struct fixture *f = *state;

	must_fail(f, "local function f() return 1 + f() end f()", "s.lua: needs more than 64 MiB of memory");
	must_fail(f, "local function f() return (string.gsub('x', 'x', f)) end f()", "overflow");
	must_fail(f,
		  "local t = setmetatable({}, {}) getmetatable(t).__index = function(_, k) return t[k] end return t.x",
		  "overflow");
	must_fail(f, "local function f() coroutine.wrap(f)() end f()", "overflow");
}

static void require_looks_into_the_bundle_and_nowhere_else(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *inner = xasprintf("%s/lib", f->folder);
	AUTO_FREE char *link = xasprintf("%s/out.lua", f->folder);

	assert_int_equal(0, mkdir(inner, 0755));
	file_put(inner, "one.lua", "#!/usr/bin/lua\nlocal name = ...\nreturn { name = name }", 0644);
	file_put(inner, "init.lua", "return 'the folder itself'", 0644);
	file_put(inner, "bad.lua", "return 1\n+ nil", 0644);
	file_put(inner, "loop.lua", "return require 'lib.loop'", 0644);
	assert_int_equal(0, symlink("/etc/passwd", link));
	must_succeed(f, "local m = require 'lib.one'\nassert(m.name == 'lib.one' and require 'lib.one' == m)");
	must_succeed(f, "assert(require 'lib' == 'the folder itself')");
	must_succeed(f, "assert(require 'slipway.retry' and slipway.retry)");
	must_fail(f, "require 'lib.bad'", "lib/bad.lua:2: attempt to perform arithmetic on a nil value");
	must_fail(f, "require 'lib.loop'", "lib/loop.lua:1: require: 'lib.loop' needs itself");
	must_fail(f, "require 'nothing'", "s.lua:2: require: there is neither 'nothing.lua' nor 'nothing/init.lua'");
	must_fail(f, "pcall(require, 'nothing')\nrequire 'nothing'",
		  "s.lua:3: require: there is neither 'nothing.lua'");
	must_fail(f, "pcall(require, 'lib.bad')\nrequire 'lib.bad'", "lib/bad.lua:2: attempt to perform arithmetic");
	must_fail(f, "require 'out'", "s.lua:2: require: opening 'out.lua'");

	static const char *const ways_out[] = { "..etc", "/etc/passwd", "a/../../b", "lib..one", ".lib", "lib.",
						"",	 "a\\0b",	"~root",     "lib one" };

	for (size_t i = 0; i < ARRAY_LEN(ways_out); i++) {
		AUTO_FREE char *text = xasprintf("require '%s'", ways_out[i]);

		must_fail(f, text, "s.lua:2: require: ");
	}
}

static void errors_can_be_caught_and_looked_at(void **state)
{
	struct fixture *f = *state;

	must_succeed(f, "local ok, e = pcall(slipway.fs.read, '/nonexistent')\n"
			"assert(not ok and e.kind == 'system' and e.errno == 'ENOENT', e)\n"
			"assert(e.message == \"reading '/nonexistent': No such file or directory\", e.message)\n"
			"assert(tostring(e) == 's.lua: ' .. e.message or tostring(e):find(e.message, 1, true))\n"
			"assert(('x ' .. e):find('x s.lua', 1, true) == 1)\n"
			"assert(getmetatable(e) == 'an error of slipway')");
	must_succeed(f, "local fn, why = load('return ' .. ('('):rep(100000))\n"
			"assert(not fn and why:find('overflow', 1, true), why)");
	assert_string_equal("", f->outcome.message);
	must_succeed(f, "local ok, e = pcall(slipway.raise, 'odd', 'as I said')\n"
			"assert(not ok and e.kind == 'odd' and e.message == 'as I said')");
}

/* What a metamethod returns belongs to nobody: it could be collected while a program is fed with it. */
static void options_are_what_the_table_itself_holds(void **state)
{
	struct fixture *f = *state;

	must_succeed(f, "local t = setmetatable({ 'cat' }, { __index = function(_, name)\n"
			"return name == 'input' and ('x'):rep(10000) .. os.time() or nil end })\n"
			"local code, out = slipway.run(t)\n"
			"assert(code == 0 and out == '', out)");
	must_succeed(f, "assert(not pcall(slipway.run, setmetatable({}, { __index = { shell = 'true' } })))");
}

static void what_finds_the_library_takes_any_arguments(void **state)
{
	struct fixture *f = *state;

	must_succeed(f, "for _, t in ipairs { slipway, slipway.http } do\n"
			"local find = getmetatable(t).__index\n"
			"assert(not pcall(find, 1, 'retry') and not pcall(find) and find({}, 'nothing') == nil)\n"
			"assert(type(find({}, t == slipway and 'retry' or 'wait', 3, 4)) == 'function')\n"
			"end");
}

static void run_tells_how_a_program_ended(void **state)
{
	struct fixture *f = *state;

	must_succeed(f, "local c, o, e = slipway.run{'sh', '-c', 'echo out; echo err >&2; exit 3'}\n"
			"assert(c == 3 and o == 'out\\n' and e == 'err\\n')");
	must_succeed(f, "local c, o = slipway.run{'printf', '%s|', 'a b', '$HOME', 1} assert(o == 'a b|$HOME|1|', o)");
	must_succeed(f, "local c, o = slipway.run{shell = 'echo a | tr a b'} assert(o == 'b\\n')");
	must_succeed(f, "local c, o = slipway.run{'pwd', cwd = FOLDER} assert(o == FOLDER .. '\\n', o)");
	must_succeed(f,
		     "local c, o = slipway.run{shell = 'echo $A; test -n \"$PATH\"', env = { A = 'x' }, check = true}\n"
		     "assert(o == 'x\\n')");
	must_succeed(f, "local text = ('x'):rep(300000)\n"
			"local c, o = slipway.run{'cat', input = text} assert(o == text)");
	must_succeed(f, "assert(slipway.run{'true', input = ('x'):rep(300000)} == 0)");
	must_succeed(f, "assert(slipway.run{shell = 'kill -9 $$'} == 128 + 9)");
	must_succeed(f, "local c, o = slipway.run{'head', '-c', '3000000', '/dev/zero'}\n"
			"assert(c == 0 and o:find('%[1951424 more bytes are left out%]\\n$') and #o < 1100000)");
	must_succeed(f, "local c, o = slipway.run{shell = 'ls -l /proc/self/fd | grep -c -e \"->\"'}\n"
			"assert(tonumber(o) == 4, o)"); /* 0, 1, 2 and the folder itself */
}

static void run_raises_when_it_must(void **state)
{
	struct fixture *f = *state;

	must_fail(f, "slipway.run{'/nonexistent'}", "s.lua:2: cannot start '/nonexistent': No such file or directory");
	must_fail(f, "slipway.run{'true', cwd = '/nonexistent'}", "cannot start 'true': No such file");
	must_fail(f, "slipway.run{shell = 'echo first >&2; echo last >&2; exit 4', check = true}",
		  "s.lua:2: 'echo first >&2; echo last >&2; exit 4' ended with exit code 4: last");
	must_fail(f, "slipway.run{'false', 'x', check = true}", "s.lua:2: 'false x' ended with exit code 1");
	must_fail(f, "slipway.run{'sleep', '1000', timeout = 0.05}", "s.lua:2: 'sleep' did not end within 0.05 s");
	must_succeed(f,
		     "local ok, e = pcall(slipway.run, {'sleep', '1000', timeout = 0.05}) assert(e.kind == 'timeout')");
}

static void a_timeout_ends_all_that_the_program_started(void **state)
{
	struct fixture *f = *state;

	must_fail(
		f,
		"slipway.run{shell = 'trap \"\" TERM; sleep 1000 & echo $! >' .. FOLDER .. '/pid; wait', timeout = 1}",
		"did not end within 1 s");
	assert_true(process_ends_within(pid_from(f->folder, "pid"), 20000));
}

static void a_program_that_kills_its_guard_goes_with_it(void **state)
{
	struct fixture *f = *state;

	must_succeed(f, "local code = slipway.run{shell = 'echo $$ >' .. FOLDER .. '/pid; kill -9 $PPID; sleep 1000'}\n"
			"assert(code == 128 + 9, code)");
	assert_true(process_ends_within(pid_from(f->folder, "pid"), 20000));
}

static void a_program_that_stopped_hears_of_its_end(void **state)
{
	struct fixture *f = *state;

	must_fail(f,
		  "slipway.run{shell = 'trap \"echo >' .. FOLDER .. '/told; exit\" TERM; kill -STOP $$; sleep 1000', "
		  "timeout = 1}",
		  "did not end within 1 s");

	AUTO_FREE char *told = file_get(f->folder, "told");

	assert_string_equal("\n", told);
}

static void what_a_program_leaves_running_is_left_alone(void **state)
{
	struct fixture *f = *state;

	must_succeed(f,
		     "assert(slipway.run{shell = 'sleep 1000 >/dev/null 2>&1 & echo $! >' .. FOLDER .. '/pid'} == 0)");

	pid_t pid = pid_from(f->folder, "pid");

	assert_true(process_lives(pid));
	assert_int_equal(0, kill(pid, SIGKILL));
}

static void files_are_read_and_written(void **state)
{
	struct fixture *f = *state;

	must_succeed(f, "slipway.fs.write(FOLDER .. '/a', 'one\\0two')\n"
			"assert(slipway.fs.read(FOLDER .. '/a') == 'one\\0two')\n"
			"slipway.fs.write(FOLDER .. '/a', 'secret', { mode = '0600' })\n"
			"slipway.fs.write(FOLDER .. '/a', 'other')\n" /* as it was */
			"local _, o = slipway.run{'stat', '-c', '%a', FOLDER .. '/a'} assert(o == '600\\n', o)");
	must_fail(f, "slipway.fs.read(FOLDER .. '/a', { max = 2 })", "it is larger than 2 bytes");
	must_fail(f, "slipway.fs.read(FOLDER)", "it is not a file");
	must_fail(f, "slipway.fs.write(FOLDER .. '/no/a', '')", "No such file or directory");
	must_fail(f, "slipway.fs.write(FOLDER, '')", "there is something that is not a file");
	must_fail(f, "slipway.fs.read('a')", "slipway.fs.read: path: absolute path expected, got 'a'");
}

static void json_goes_both_ways(void **state)
{
	static const char *const texts[] = { "{}",
					     "[]",
					     "null",
					     "true",
					     "\"a\\u0000b\"",
					     "-12",
					     "1.5",
					     "[1,[2,[]],{\"a\":null}]",
					     "{\"a\":{\"b\":\"\xc3\xa4\"},\"c\":[false]}" };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		AUTO_FREE char *text = xasprintf(
			"local t = [==[%s]==]\nlocal r = slipway.json.encode(slipway.json.decode(t))\n"
			"assert(r == t, r)",
			texts[i]);

		must_succeed(f, text);
	}
	must_succeed(f,
		     "assert(slipway.json.encode({ b = 1, a = { 2 } }) == '{\"a\":[2],\"b\":1}')\n"
		     "assert(slipway.json.encode(slipway.json.array{}) == '[]' and slipway.json.encode({}) == '{}')");
	must_succeed(f, "local o = setmetatable({ x = 1 }, {})\n"
			"assert(slipway.json.encode({ a = o, b = { o, setmetatable({}, {}), 2 }, c = 3 }) ==\n"
			"'{\"a\":{\"x\":1},\"b\":[{\"x\":1},{},2],\"c\":3}')");
	must_fail(f, "slipway.json.decode('{\"a\":\\n x}')", "s.lua:2: not JSON: line 2 column 2: ");
	must_fail(f, "slipway.json.decode(('['):rep(1000) .. (']'):rep(1000))", "nested more than 100 deep");
	must_fail(f, "slipway.json.decode((' '):rep(5 << 20))", "JSON of 5242880 bytes: at most 4194304 are read");
	must_fail(f, "local t = {} t.t = t slipway.json.encode(t)",
		  "slipway.json.encode: value: at most 100 levels expected, got more (is it in itself?)");
	must_fail(f, "slipway.json.encode{ 1, a = 2 }",
		  "slipway.json.encode: value: a list (1 to n) or texts as keys expected, got both or a gap");
	must_fail(f, "slipway.json.encode{ [1.5] = 2 }",
		  "slipway.json.encode: value: a list (1 to n) or texts as keys expected, got 1.5");
	must_fail(f, "slipway.json.encode(print)",
		  "slipway.json.encode: value: what JSON has a form for expected, got function");
	must_fail(f, "slipway.json.encode(0/0)", "slipway.json.encode: value: finite number expected, got");
	must_fail(f, "slipway.json.encode('\\xff')", "not UTF-8");
	must_succeed(f, "assert(#slipway.json.encode{ ('x'):rep((4 << 20) - 4) } == 4 << 20)");
	must_fail(f, "slipway.json.encode{ ('x'):rep(4 << 20) }", "JSON of more than 4194304 bytes");
	must_fail(f, "local t = {} for i = 1, 60 do t = { t, t } end slipway.json.encode(t)",
		  "of more than 4194304 bytes");
}

static int things; /* that somebody holds */

static void let_go_of_thing(void *bytes)
{
	(void)bytes;
	things--;
}

static int l_take_and_fail(lua_State *L)
{
	(void)script_hold(L, 1, let_go_of_thing);
	things++;
	lua_pushinteger(L, things);
	return lua_error(L);
}

static void add_take_and_fail(lua_State *L, const void *context)
{
	(void)context;
	lua_pushcfunction(L, l_take_and_fail);
	lua_setglobal(L, "take_and_fail");
}

/* A megabyte may hang on each, of which Lua knows nothing. */
static void what_failed_calls_held_does_not_pile_up(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *path = xasprintf("%s/s.lua", f->folder);
	struct script *s = NULL;
	struct err err = ERR_INIT;

	file_put(f->folder, "s.lua",
		 "collectgarbage('stop')\n"
		 "for i = 1, 100 do local _, n = pcall(take_and_fail) assert(n <= 3, n) end\n",
		 0644);
	assert_int_equal(0, script_new(&f->options, &s, &err));
	assert_int_equal(0, script_extend(s, add_take_and_fail, NULL, &err));
	script_run_file(s, path, "s.lua", &f->outcome);
	script_free(s);
	assert_string_equal("", f->outcome.message);
	assert_int_equal(0, things);
}

static void retry_tries_again(void **state)
{
	struct fixture *f = *state;

	must_succeed(f, "local n = 0\nlocal a, b = slipway.retry{ tries = 3, delay = 0, what = 'it', fn = function()\n"
			"n = n + 1 if n < 3 then slipway.raise('failed', 'not yet') end return 'a', 'b' end }\n"
			"assert(n == 3 and a == 'a' and b == 'b')");
	must_succeed(f, "slipway.retry{ delay = 0, fn = function() end }"); /* no value, no error: done */
	must_fail(f,
		  "slipway.retry{ tries = 2, delay = 0, what = 'the import', fn = function() return nil, 'busy' end }",
		  "s.lua:2: the import: busy (2 of 2 tries)");
	must_fail(f, "local n = 0 slipway.retry{ delay = 0, fn = function() n = n + 1 local x = nil + n end }",
		  "s.lua:2: attempt to perform arithmetic on a nil value");
	must_fail(f, "slipway.retry{ delay = 0, fn = function() slipway.fail('for good') end }", "s.lua:2: for good");
}

static void wait_for_asks_until_it_is_so(void **state)
{
	struct fixture *f = *state;

	must_succeed(f, "local n = 0\nlocal v = slipway.wait_for{ timeout = 100, interval = 0, what = 'three',\n"
			"fn = function() n = n + 1 return n >= 3 and n, 'at ' .. n end }\nassert(v == 3)");
	must_fail(f, "slipway.wait_for{ timeout = 0, what = 'the port', fn = function() return false, 'closed' end }",
		  "s.lua:2: waited 0 s for the port: closed (1 attempts)");
	must_fail(f, "slipway.wait_for{ timeout = 100, fn = function() error('my mistake') end }",
		  "s.lua:2: my mistake");
	must_fail(f, "slipway.http.wait('http://x/', { timout = 1 })",
		  "s.lua:2: slipway.http.wait: there is no option 'timout'");
}

/* What the agent was told. */
static int remember(void *context, const char *bytes, size_t len)
{
	struct str *told = context;

	return str_append(told, bytes, len) < 0 || str_add(told, "|") < 0 ? -1 : 0;
}

static int refuse_secret(void *context, const char *bytes, size_t len)
{
	(void)context, (void)bytes, (void)len;
	return -1;
}

static void a_secret_is_told_to_the_agent_and_shown_by_nobody(void **state)
{
	struct fixture *f = *state;
	AUTO(str_done) struct str told = STR_INIT(1000);

	f->options.secret = remember;
	f->options.secret_context = &told;
	must_fail(f,
		  "local s = slipway.secret('hunter22')\n"
		  "assert(s == 'hunter22' and slipway.secret('hunter22') == s)\n"
		  "slipway.secret('one line\\r\\nabc\\n\\nthree')\n"
		  "slipway.fail('not with ' .. s .. ' and three', 'take hunter22')",
		  "s.lua:5: not with *** and ***");
	assert_string_equal("hunter22|one line|three|", str_text(&told));
	assert_string_equal("take ***", f->outcome.action);
	must_fail(f, "error(slipway.secret('hunter22'))", "s.lua:2: ***");
	must_fail(f, "error(setmetatable({}, { __tostring = function() return slipway.secret('hunter22') end }))",
		  "***");
	must_fail(f, "slipway.secret('hunter22') load('hunter()', 'the hunter22')()", "the ***");
	assert_null(strstr(str_text(&f->outcome.trace), "hunter22"));

	must_fail(f, "error(('x'):rep(1005) .. slipway.secret('hunter22'))", "s.lua:2: xxx");
	assert_null(strstr(f->outcome.message, "hunt")); /* cut in the midst of it */
	must_fail(f, "slipway.raise('odd', ('x'):rep(1005) .. slipway.secret('hunter22'))", "s.lua:2: xxx");
	assert_null(strstr(f->outcome.message, "hunt"));

	f->options.secret = refuse_secret;
	must_fail(f, "slipway.secret('hunter22')", "s.lua:2: slipway.secret: the agent cannot be told");
}

static void wrong_arguments_are_named(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "slipway.sleep('x')", "s.lua:2: slipway.sleep: seconds: number expected, got string" },
		{ "slipway.sleep(-1)", "s.lua:2: slipway.sleep: seconds: seconds from 0 to a year expected, got -1" },
		{ "slipway.sleep(0/0)", "s.lua:2: slipway.sleep: seconds: seconds from 0 to a year expected" },
		{ "slipway.fail()", "s.lua:2: slipway.fail: message: string expected, got no value" },
		{ "slipway.raise('x')", "s.lua:2: slipway.raise: message: string expected, got no value" },
		{ "slipway.run()", "s.lua:2: slipway.run: options: table expected, got no value" },
		{ "slipway.run{}", "s.lua:2: slipway.run: options: a program and its arguments, such as" },
		{ "slipway.run{'a', {}}", "s.lua:2: slipway.run: argument 2: string expected, got table" },
		{ "slipway.run{'a\\0b'}", "s.lua:2: slipway.run: argument 1: string without a NUL byte expected" },
		{ "slipway.run{'a', shell = 'b'}",
		  "s.lua:2: slipway.run: shell: a program with its arguments or this expected, got both" },
		{ "slipway.run{'a', timout = 1}", "s.lua:2: slipway.run: there is no option 'timout'" },
		{ "slipway.run{'a', timeout = 'x'}", "s.lua:2: slipway.run: timeout: number expected, got string" },
		{ "slipway.run{'a', env = 1}", "s.lua:2: slipway.run: env: table expected, got number" },
		{ "slipway.run{'a', env = { 'x' }}",
		  "s.lua:2: slipway.run: env: names of variables as keys expected, got 1" },
		{ "slipway.run{'a', check = 1}", "s.lua:2: slipway.run: check: boolean expected, got number" },
		{ "slipway.fs.read()", "s.lua:2: slipway.fs.read: path: string expected, got no value" },
		{ "slipway.fs.write('/x')", "s.lua:2: slipway.fs.write: text: string expected, got no value" },
		{ "slipway.fs.write('/x', '', { mode = '9' })", "s.lua:2: slipway.fs.write: mode: octal digits" },
		{ "slipway.json.decode({})", "s.lua:2: slipway.json.decode: text: string expected, got table" },
		{ "slipway.json.encode()", "s.lua:2: slipway.json.encode: value: value expected, got no value" },
		{ "slipway.json.array(1)", "s.lua:2: slipway.json.array: list: table expected, got number" },
		{ "slipway.secret()", "s.lua:2: slipway.secret: text: string expected, got no value" },
		{ "slipway.secret('abc')",
		  "s.lua:2: slipway.secret: text: a line of at least 4 bytes expected, got none" },
		{ "slipway.secret('ab\\nc')",
		  "s.lua:2: slipway.secret: text: a line of at least 4 bytes expected, got none" },
		{ "slipway.secret('abcd\\0')",
		  "s.lua:2: slipway.secret: text: string without a NUL byte expected, got one" },
		{ "slipway.secret(('x'):rep(16385))",
		  "s.lua:2: slipway.secret: text: lines of at most 16384 bytes expected, got 16385" },
		{ "for i = 1, 501 do slipway.secret('secret ' .. i) end",
		  "s.lua:2: slipway.secret: more than 500 lines" },
		{ "slipway.retry()", "s.lua:2: slipway.retry: options: table expected, got nil" },
		{ "slipway.retry{}", "s.lua:2: slipway.retry: fn: function expected, got nil" },
		{ "slipway.retry{ fn = print, tries = 0 }",
		  "s.lua:2: slipway.retry: tries: 1 or more expected, got 0" },
		{ "slipway.retry{ fn = 1 }", "s.lua:2: slipway.retry: fn: function expected, got number" },
		{ "slipway.wait_for{ fn = print, timout = 1 }",
		  "s.lua:2: slipway.wait_for: there is no option 'timout'" },
		{ "slipway.wait_for{}", "s.lua:2: slipway.wait_for: fn: function expected, got nil" },
		{ "slipway.nothing()", "s.lua:2: attempt to call a nil value (field 'nothing')" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		must_fail(f, cases[i].text, cases[i].message);
}

static void a_file_that_is_none_is_a_failure(void **state)
{
	struct fixture *f = *state;
	struct script *s = NULL;
	struct err err = ERR_INIT;

	assert_int_equal(0, script_new(&f->options, &s, &err));
	script_run_file(s, "/nonexistent.lua", "scripts/x.lua", &f->outcome);
	assert_string_equal("scripts/x.lua: it is not there", f->outcome.message);
	script_outcome_done(&f->outcome);
	script_run_file(s, "/dev/zero", "scripts/x.lua", &f->outcome);
	assert_string_equal("scripts/x.lua: scripts/x.lua is not a file", f->outcome.message);
	script_free(s);
}

static void what_is_no_lua_is_told_without_running_it(void **state)
{
	static const struct {
		const char *why, *text, *message; /* NULL: it is Lua */
	} cases[] = {
		{ "nothing", "", NULL },
		{ "what would fail", "error('it was run')", NULL },
		{ "a line for the kernel", "#!/usr/bin/slipway hook\nreturn 1", NULL },
		{ "a misprint", "\nif x = 1 then end", "a.lua:2: 'then' expected near '='" },
		{ "an open end", "print(", "a.lua:1: unexpected symbol near <eof>" },
		{ "bytecode", "\x1bLuaT", "a.lua: attempt to load a binary chunk (mode is 't')" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = ERR_INIT;

		print_message("  %s\n", cases[i].why);
		assert_int_equal(cases[i].message ? -1 : 0,
				 script_compile(cases[i].text, strlen(cases[i].text), "a.lua", &err));
		assert_string_equal(cases[i].message ? cases[i].message : "", err.msg);
		assert_int_equal(cases[i].message ? ERR_SCRIPT_FAILED : ERR_NONE, err.kind);
	}
}

/* Stands in for slipway.run and slipway.systemd.restart: what they were given, as many as that. */
static void open_stand_ins(lua_State *L, const void *context)
{
	static const char *const names[] = { "run", "systemd.restart" };

	(void)context;
	lua_newtable(L);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_int_equal(LUA_OK, luaL_loadstring(L, "return select('#', ...), ..."));
		lua_setfield(L, -2, names[i]);
	}
	script_set_stand_ins(L);
}

static void who_stands_in_is_asked_when_the_arguments_are_right(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *path = xasprintf("%s/s.lua", f->folder);
	struct script *s = NULL;
	struct err err = ERR_INIT;

	file_put(f->folder, "s.lua",
		 "local n, given, more = slipway.run{ '/bin/false', check = true }\n"
		 "assert(n == 1 and given[1] == '/bin/false' and more == nil)\n"
		 "n, given, more = slipway.systemd.restart('shop')\n"
		 "assert(n == 1 and given == 'shop' and more == nil)\n"
		 "assert(select('#', slipway.systemd.restart('shop', { timeout = 5 }, 'more')) == 3)\n"
		 "local ok, why = pcall(slipway.run, { '/bin/false', chek = true })\n"
		 "assert(not ok and why == \"s.lua:6: slipway.run: there is no option 'chek', only shell, "
		 "timeout, cwd, env, input, check\", why)\n"
		 "assert(slipway.fs.exists('/') == true)\n",
		 0644);
	assert_int_equal(0, script_new(&f->options, &s, &err));
	assert_int_equal(0, script_extend(s, open_stand_ins, NULL, &err));
	script_run_file(s, path, "s.lua", &f->outcome);
	script_free(s);
	if (!f->outcome.ok)
		fail_msg("%s", f->outcome.message);
}

static void a_state_that_does_not_fit_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct script *s = NULL;
	struct err err = ERR_INIT;
	size_t limit = 100;

	/* at each of these it runs out at another place of the setting up */
	for (f->options.memory_max = limit; script_new(&f->options, &s, &err) < 0; f->options.memory_max += 100)
		assert_non_null(strstr(err.msg, "setting up Lua: "));
	assert_in_range(f->options.memory_max, 10000, 100000);
	script_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_a_script_returns_decides, set_up, tear_down),
		cmocka_unit_test_setup_teardown(fail_says_what_to_do, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_traceback_begins_in_the_script, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_could_harm_is_not_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(bytecode_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(finalizers_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_goes_on_after_the_deadline, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_word_from_outside_ends_it_as_well, set_up, tear_down),
		cmocka_unit_test_setup_teardown(memory_has_a_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(recursion_has_a_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(require_looks_into_the_bundle_and_nowhere_else, set_up, tear_down),
		cmocka_unit_test_setup_teardown(errors_can_be_caught_and_looked_at, set_up, tear_down),
		cmocka_unit_test_setup_teardown(options_are_what_the_table_itself_holds, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_finds_the_library_takes_any_arguments, set_up, tear_down),
		cmocka_unit_test_setup_teardown(run_tells_how_a_program_ended, set_up, tear_down),
		cmocka_unit_test_setup_teardown(run_raises_when_it_must, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_timeout_ends_all_that_the_program_started, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_program_that_kills_its_guard_goes_with_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_program_that_stopped_hears_of_its_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_failed_calls_held_does_not_pile_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_a_program_leaves_running_is_left_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(files_are_read_and_written, set_up, tear_down),
		cmocka_unit_test_setup_teardown(json_goes_both_ways, set_up, tear_down),
		cmocka_unit_test_setup_teardown(retry_tries_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(wait_for_asks_until_it_is_so, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_secret_is_told_to_the_agent_and_shown_by_nobody, set_up, tear_down),
		cmocka_unit_test_setup_teardown(wrong_arguments_are_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_file_that_is_none_is_a_failure, set_up, tear_down),
		cmocka_unit_test(what_is_no_lua_is_told_without_running_it),
		cmocka_unit_test_setup_teardown(who_stands_in_is_asked_when_the_arguments_are_right, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_state_that_does_not_fit_is_an_error, set_up, tear_down),
	};

	(void)signal(SIGPIPE, SIG_IGN); /* as in a hook */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
