"""Lua scripts that mean harm, through the real agent: each ends in time, with the right code, and harms nobody else.

A script ends within its timeout and 100 ms. On a machine that does other things as well everybody is late, so what is
asserted is only that no script went on until the agent had to kill it, which comes GRACE_MS after the timeout; the true
figures are printed (pytest -s).
"""
import pytest
from conftest import processes_of

TIMEOUT_S = 1
PATIENCE_S = 60  # for those that end by themselves
GRACE_MS = 5000  # hook.h: between TERM and KILL
LATE_MS = 3000   # for a busy machine; far from GRACE_MS

# Each would go on for ever. The second line of the script is the first of the text.
ENDLESS = {
    "a loop": "while true do end",
    "goto": "::again:: goto again",
    "a loop in pcall": "while true do pcall(function() while true do end end) end",
    "a handler of xpcall that loops": "while true do xpcall(error, function() while true do end end) end",
    "an error in a handler, for ever": "local function h() error('x') end while true do xpcall(error, h) end",
    "a loop in a coroutine": "coroutine.wrap(function() while true do end end)()",
    "many coroutines": "while true do coroutine.wrap(function() coroutine.yield() end)() end",
    "coroutines made before, each with a loop in pcall":
        "local t = {} for i = 1, 20000 do t[i] = coroutine.create(function() while true do pcall(error) end end) end "
        "while true do for i = 1, #t do pcall(coroutine.resume, t[i]) end end",
    "closing a coroutine that loops while it is closed":
        "local c = coroutine.create(function() local x <close> = setmetatable({}, { __close = function() "
        "while true do end end }) coroutine.yield() end) coroutine.resume(c) coroutine.close(c)",
    "a variable that loops while it is closed":
        "local x <close> = setmetatable({}, { __close = function() while true do end end }) error('x')",
    "a callback of gsub": "string.gsub('x', '.', function() while true do end end)",
    "a callback of sort": "table.sort({ 3, 2, 1 }, function() while true do end end)",
    "an order that is none": "local t = {} for i = 1, 1000 do t[i] = i end "
                             "while true do pcall(table.sort, t, function() return true end) end",
    "__index": "return setmetatable({}, { __index = function() while true do end end }).x",
    "__index of strings": "getmetatable('').__index = function() while true do end end return ('x').y",
    "__index of _G": "setmetatable(_G, { __index = function() while true do end end }) return nothing",
    "__tostring of the error": "error(setmetatable({}, { __tostring = function() while true do end end }))",
    "__concat, __eq, __lt": "local m = {} m.__lt = function() while true do end end "
                            "return setmetatable({}, m) < setmetatable({}, m)",
    "the hook taken away": "debug = debug or {} pcall(function() debug.sethook() end) while true do end",
    "load": "while true do load('return ' .. ('('):rep(150) .. '1' .. (')'):rep(150))() end",
    "garbage": "local t = {} while true do t = { t, {} } if math.random(1000) == 1 then t = {} end end",
    "collecting it": "local t = {} for i = 1, 3e5 do t[i] = { i } end while true do collectgarbage() end",
    "a flood of output": "local s = ('x'):rep(1000) while true do print(s) end",
    "a flood in one line": "local s = ('x'):rep(1 << 20) while true do print(s) end",
    "memory, all of it, in pcall": "local t = {} while true do t[#t + 1] = select(2, pcall(string.rep, 'x', 1 << 20)) end",
    "sleeping": "while true do pcall(slipway.sleep, 1000) end",
    "programs": "while true do pcall(slipway.run, { 'sleep', '1000' }) end",
    "programs that start programs": "slipway.run{ shell = 'while :; do sleep 1000 & sleep 1000; done' }",
    "a program in a session of its own": "slipway.run{ shell = 'setsid sleep 1; sleep 1000' }",
}

# These do so in one call of a function in C, where no instruction of Lua comes by.
ENDLESS_IN_C = {
    "a pattern that tries everything": "(('a'):rep(1 << 20) .. 'c'):find('.-.-.-b')",
    "the same in pcall": "while true do pcall(string.find, ('a'):rep(1 << 20), '.-.-.-b') end",
    "the same in gsub": "('a'):rep(1 << 20):gsub('.-.-.-b', '')",
    "the same in a callback": "('xy'):gsub('.', function() (('a'):rep(1 << 20)):match('.-.-.-b') end)",
    "the same while an error is told":
        "error(setmetatable({}, { __tostring = function() return (('a'):rep(1 << 20)):match('.-.-.-b') end }))",
    "nothing, repeated": "string.rep('', 1 << 62)",
    "nothing, moved": "table.move({}, 1, math.maxinteger - 1, 2)",
    "the same in a coroutine": "coroutine.wrap(function() string.rep('', 1 << 62) end)()",
    "the same while a variable is closed":
        "local x <close> = setmetatable({}, { __close = function() string.rep('', 1 << 62) end }) error('x')",
    "a table that says that it is long":
        "table.insert(setmetatable({}, { __len = function() return 1 << 62 end }), 1, 'x')",
}

# These end by themselves, at a limit.
LIMITED = {
    "a huge string": ("string.rep('x', 1 << 40)", "check.lua:2: resulting string too large", "not enough memory", "memory"),
    "strings that grow": ("local s = 'x' while true do s = s .. s end", "memory"),
    "a table that grows": ("local t = {} while true do t[#t + 1] = { t } end", "memory"),
    "a concat that doubles": ("local t = {} for i = 1, 60 do t[i] = ('x'):rep(1 << 20) end table.concat(t)", "memory"),
    "recursion": ("local function f() return 1 + f() end f()", "memory", "overflow"),
    "recursion through C": ("local function f() return (string.gsub('x', 'x', f)) end f()", "overflow"),
    "recursion through tables": ("local t = {} t.__index = function(_, k) return t[k] end setmetatable(t, t) return t.x", "overflow"),
    "coroutines in coroutines": ("local function f() coroutine.wrap(f)() end f()", "overflow"),
    "brackets": ("assert(load('return ' .. ('('):rep(1e5)))", "overflow"),
    "many arguments": ("return table.unpack({}, 1, 1e7)", "too many results to unpack"),
    "formats": ("return string.format('%99999d', 1)", "invalid conversion"),
    "os.exit": ("os.exit(0)", "attempt to call a nil value (field 'exit')"),
    "io": ("io.stdout:close()", "attempt to index a nil value (global 'io')"),
    "debug": ("debug.sethook()", "attempt to call a nil value (field 'sethook')"),
    "bytecode": ("assert(load('\\27Lua'))", "attempt to load a binary chunk"),
    "finalizers": ("setmetatable({}, { __gc = function() while true do end end })", "__gc is not available here"),
    "require of itself": ("require 'scripts.check'", "needs itself while it is being loaded"),
    "an error that is nil": ("error(nil)", "the error is a nil without a text"),
    "an error that is huge": ("error(('x'):rep(30 << 20), 0)", "xxx"),
    "an error whose __tostring fails":
        ("error(setmetatable({}, { __tostring = function() error('x') end }))", "whose __tostring fails"),
    "an error whose __tostring returns none":
        ("error(setmetatable({}, { __tostring = function() return {} end }))", "whose __tostring fails"),
    "an error whose __name lies": ("error(setmetatable({}, { __name = {}, __index = error }))", "without a text"),
    "descriptors closed by a program": ("slipway.run{ shell = 'for i in 0 1 2 3 4 5 6 7 8 9; do eval \"exec $i>&-\"; done' } "
                                        "error('and then')", "and then"),
    "the program that runs it, killed": ("slipway.run{ shell = 'kill -9 $PPID; exit 3' } error('and then')", "and then"),
}


@pytest.fixture
def event_of(agent, tmp_path):
    """event_of(text) -> ValidateService of a deployment with that script; then one that is good must succeed."""
    def deploy(name, text, timeout):
        top = tmp_path / name
        (top / "scripts").mkdir(parents=True)
        (top / "scripts/check.lua").write_text(text)
        (top / "appspec.yml").write_text("version: 0.0\nos: linux\nhooks:\n  ValidateService:\n    - location: scripts/check.lua\n"
                                         f"      timeout: {timeout}\n")
        done = agent.local(top, "--json")
        return done, next(e for e in done.json["events"] if e["event"] == "ValidateService")

    def run(text, timeout=TIMEOUT_S):
        done, event = deploy("hostile", f"local first = 1\n{text}\n", timeout)
        assert done.code == 1, (done.out, done.err)
        assert processes_of(agent.root) == []
        assert deploy("good", "return true", PATIENCE_S)[0].code == 0
        return event

    return run


def ended_in_time(event):
    print(f"    ended {event['duration_ms'] - TIMEOUT_S * 1000} ms after its time")
    assert event["error_code"] == "ScriptTimedOut", event
    assert f"failed to complete in {TIMEOUT_S} seconds" in event["message"]
    assert TIMEOUT_S * 1000 <= event["duration_ms"] < TIMEOUT_S * 1000 + LATE_MS < TIMEOUT_S * 1000 + GRACE_MS


@pytest.mark.parametrize("text", ENDLESS.values(), ids=ENDLESS)
def test_nothing_goes_on_for_ever(event_of, text):
    ended_in_time(event_of(text))


@pytest.mark.parametrize("text", ENDLESS_IN_C.values(), ids=ENDLESS_IN_C)
def test_not_even_inside_a_function_in_c(event_of, text):
    event = event_of(text)
    ended_in_time(event)
    assert "scripts/check.lua:2: still running when its time was over" in event["message"]


@pytest.mark.parametrize("case", LIMITED.values(), ids=LIMITED)
def test_what_takes_too_much_fails(event_of, case):
    text, *messages = case
    event = event_of(text, PATIENCE_S)
    assert event["error_code"] == "ScriptFailed", event
    assert event["exit_code"] == 1
    assert any(message in event["message"] for message in messages), event["message"]


def test_a_program_that_is_told_to_end_gets_a_moment_for_it(event_of, tmp_path):
    done = tmp_path / "done"
    ended_in_time(event_of(f"slipway.run{{ shell = [[trap 'sleep 0.3; touch {done}; exit' TERM; while :; do sleep 0.05; done]] }}"))
    assert done.exists()


def test_a_program_that_does_not_listen_gets_no_more_than_that(event_of):
    ended_in_time(event_of("""slipway.run{ shell = [[trap '' TERM; while :; do sleep 0.05; done]] }"""))
