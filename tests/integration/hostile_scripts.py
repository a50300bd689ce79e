"""Lua scripts that mean harm: for the tests, which ask how each ends, and for `make bench`, which asks how late.

The text of each is line 2 of its script, behind one that is harmless.
"""
import dataclasses

TIMEOUT_S = 1
PATIENCE_S = 60  # for those that end by themselves

# Each would go on for ever.
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
    "the collector, taught everything": "collectgarbage('stop') local t = {} while true do t[#t % 1000 + 1] = {} "
                                        "collectgarbage('generational') collectgarbage('incremental', 1, 1, 1) end",
    "the collector, at the limit of memory": "local t = {} while true do pcall(function() t[#t + 1] = { {} } end) end",
    "an error while a variable is closed, for ever":
        "local m = { __close = function() error('x') end } "
        "while true do pcall(function() local x <close> = setmetatable({}, m) error('y') end) end",
    "yielding through pcall": "local f = coroutine.wrap(function() while true do pcall(coroutine.yield) end end) while true do f() end",
    "a coroutine that catches what ends it":
        "while true do pcall(coroutine.wrap(function() while true do pcall(coroutine.wrap(function() while true do "
        "pcall(error) end end)) end end)) end",
    "a reader for load": "load(function() return ' ' end)",
    "print": "print(setmetatable({}, { __tostring = function() while true do end end }))",
    "a concat of what is made up": "table.concat(setmetatable({}, { __len = function() return 1 << 62 end, "
                                   "__index = function() return '' end }))",
    "dates": "while true do os.date(('%c'):rep(1 << 16)) end",
    "__index of slipway": "getmetatable(slipway).__index = function() while true do end end return slipway.nothing",
    "JSON that fails": "local s = '[' .. ('['):rep(101) .. (']'):rep(101) .. (',[]'):rep(1 << 20) .. ']' "
                       "while true do pcall(slipway.json.decode, s) end",
    "wait_for without a pause": "slipway.wait_for{ fn = function() return false end, interval = 0, timeout = 1e6 }",
    "wait_for with a loop": "slipway.wait_for{ fn = function() while true do end end, timeout = 0 }",
    "retry without a pause": "slipway.retry{ fn = function() return false end, delay = 0, tries = 1e9 }",
    "words of what it does": "while true do slipway.doing(('x'):rep(1 << 10) .. math.random()) end",
    "secrets": "while true do pcall(slipway.secret, 'secret ' .. math.random(1 << 40)) end",
    "a lock that never comes": "local path = slipway.archive_dir .. '/l' local held = slipway.fs.lock(path) "
                               "slipway.fs.lock(path, { timeout = 1e6 })",
    "a socket that never comes": "slipway.socket.wait{ path = '/nonexistent/socket', timeout = 1e6 }",
    "a server that never comes": "slipway.http.wait('http://127.0.0.1:1/', { timeout = 1e6, interval = 0.001 })",
    "many files to look at": "while true do pcall(slipway.fs.glob, '/usr/*/../*/../*/*') end",
    "a program that does not listen": "slipway.run{ shell = [[trap '' TERM; while :; do sleep 0.05; done]] }",
    "one that has been told to end before":
        "slipway.run{ shell = [[trap '' TERM; while :; do sleep 0.05; done]], timeout = 0.5 }",
    "thirty that do not listen":
        "slipway.run{ shell = [[trap '' TERM; for i in 1 2 3 4 5 6 7 8 9 10; do (sleep 1000 | sleep 1000 | sleep 1000) & done; wait]] }",
    "one that stops": "slipway.run{ shell = 'kill -STOP $$' }",
    "one that stops its hook": "slipway.run{ shell = 'set -- $(cat /proc/$PPID/stat); kill -STOP $4' } while true do end",
    "one that stops whoever watches it": "slipway.run{ shell = 'kill -STOP $PPID; sleep 1000' }",
    "one that prints": "slipway.run{ 'yes' }",
    "one that reads nothing": "slipway.run{ 'sleep', '1000', input = ('x'):rep(1 << 24) }",
    "a loop deep in a text that was loaded":
        "load('local function f(n) if n > 0 then f(n - 1) end while true do end end f(120000)')()",
    "a pattern deep in a text that was loaded":
        "load([[local function f(n) if n > 0 then f(n - 1) end (('a'):rep(1 << 20) .. 'c'):find('.-.-.-b') end f(120000)]])()",
    "one that left its output to another": "slipway.sleep(0.5) slipway.run{ shell = 'setsid sleep 2 &' } while true do end",
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
    "a text that is long to read": "local t = {} for i = 1, 60000 do t[i] = ('goto a%d ::b%d::'):format(i, i) end "
                                   "load(table.concat(t, ' '))",
}

# These end by themselves, at a limit: the text, and what may be said of it.
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
    "finalizers of our objects":
        ("getmetatable(slipway.fs.lock(slipway.archive_dir .. '/l')).__gc = error", "attempt to index a string value"),
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
    "a table of everything": ("local s, t = ('x'):rep(1 << 20), {} for i = 1, 1000 do t[i] = s end table.concat(t)", "memory"),
    "a replacement that is long": ("(('x'):rep(1 << 20)):gsub('x', ('y'):rep(1 << 10))", "memory"),
    "nothing, with something between": ("string.rep('', 1 << 40, 'x')", "too large", "memory"),
    "a word that is long to read": ("assert(load(function() return ('x'):rep(1 << 20) end))", "memory"),
    "a pattern that recurses": ("(('x'):rep(3e5)):match(('x?'):rep(3e5) .. 'y')", "pattern too complex"),
    "bytes": ("return utf8.codepoint(('x'):rep(1 << 24), 1, -1)", "string slice too long"),
    "a text that is its own": ("local t = setmetatable({}, {}) getmetatable(t).__tostring = function() return tostring(t) end print(t)",
                               "overflow"),
    "JSON of what holds itself": ("local t = {} t[1] = t slipway.json.encode(t)", "at most 100 levels expected, got more (is it in itself?)"),
    "JSON of what is in many places": ("local t = {} for i = 1, 60 do t = { t, t } end slipway.json.encode(t)",
                                       "JSON of more than 4194304 bytes"),
    "JSON of one text in many places": ("local s, t = ('x'):rep(1 << 20), {} for i = 1, 1e5 do t[i] = s end slipway.json.encode(t)",
                                        "JSON of more than 4194304 bytes"),
    "JSON that is deep": ("slipway.json.decode(('['):rep(1 << 20))", "maximum parsing depth"),
    "YAML of what is in many places": ("local t = {} for i = 1, 30 do t = { t, t } end slipway.yaml.encode(t)", "slipway.yaml.encode: "),
    "YAML that is deep": ("slipway.yaml.decode(('['):rep(1 << 17))", "slipway.yaml.decode: line 1"),
    "YAML that repeats": ("local s = 'a0: &a0 [x,x]\\n' for i = 1, 40 do s = s .. ('a%d: &a%d [*a%d,*a%d]\\n'):format(i, i, i - 1, i - 1) end "
                          "slipway.yaml.decode(s)", "slipway.yaml.decode: line", "memory"),
    "a file without an end": ("slipway.fs.read('/dev/zero')", "it is not a file"),
    "a digest without an end": ("slipway.fs.sha256('/dev/zero')", "it is not a file"),
    "a pipe that nobody writes to": ("local path = slipway.archive_dir .. '/pipe' slipway.run{ 'mkfifo', path } slipway.fs.read(path)",
                                     "it is not a file"),
    "modules in a circle": ("for a, b in pairs{ a = 'b', b = 'a' } do slipway.fs.write(slipway.archive_dir .. '/' .. a .. '.lua', "
                            "'require [[' .. b .. ']]') end require 'a'", "'a' needs itself while it is being loaded"),
    "bytecode in pieces": ("local n = 0 assert(load(function() n = n + 1 return ('\\27Lua'):sub(n, n) end, 'x', 'b'))",
                           "attempt to load a binary chunk"),
    "bytecode in a module": ("slipway.fs.write(slipway.archive_dir .. '/a.lua', '\\27Lua') require 'a'", "attempt to load a binary chunk"),
    "bytecode made here": ("string.dump(print)", "attempt to call a nil value (field 'dump')"),
    "no globals": ("local all = _G for name in pairs(all) do all[name] = nil end print()", "attempt to call a nil value (global 'print')"),
    "a library that is no more": ("slipway.clock = nil slipway.wait_for{ fn = function() end }", "attempt to call a nil value (field 'clock')"),
    "a sleep of no number": ("slipway.sleep(0 / 0)", "seconds from 0 to a year expected"),
    "a sleep without an end": ("slipway.sleep(math.huge)", "seconds from 0 to a year expected"),
    "a pause of no number": ("slipway.wait_for{ fn = function() return false end, interval = 0 / 0 }", "seconds from 0 to a year expected"),
    "a pause before now": ("slipway.wait_for{ fn = function() return false end, interval = -1 }", "seconds from 0 to a year expected"),
    "a timeout of no number": ("slipway.run{ 'true', timeout = 0 / 0 }", "seconds from 0 to a year expected"),
    "an error whose __tostring yields":
        ("error(setmetatable({}, { __tostring = function() return coroutine.yield() end }))", "whose __tostring fails"),
    "an error that draws": ("error('\\27[2J\\xff and then\\n\\n\\0', 0)", "and then"),
    "an error in a function with a long name": ("_G[('x'):rep(1 << 20)] = function() error('and then') end "
                                                "for name, value in pairs(_G) do if #name > 1000 then value() end end", "and then"),
    "reasons not to restore": ("for i = 1, 64 do slipway.no_restore(('x'):rep(1 << 20)) end error('and then')", "and then"),
    "an alarm": ("slipway.run{ shell = 'set -- $(cat /proc/$PPID/stat); kill -ALRM $4' } error('and then')", "and then"),
    "an end before its time": ("slipway.run{ shell = 'set -- $(cat /proc/$PPID/stat); kill -TERM $4' } while true do end",
                               "still running when its time was over"),
    "what is written where reports come from":
        ("slipway.run{ shell = 'set -- $(cat /proc/$PPID/stat); head -c 300000 /dev/zero | tr \\\\0 m >/proc/$4/fd/3' } error('and then')", ""),
    "whoever watches a program, killed":
        ("slipway.run{ shell = 'kill -9 $PPID; while :; do sleep 0.05; done' } error('and then')", "and then"),
}


@dataclasses.dataclass(frozen=True)
class Script:
    name: str
    text: str
    timeout_s: int
    error_code: str
    messages: tuple  # one of these is in the error's

    def bundle(self, top):
        """The folder TOP as a bundle whose ValidateService is this script."""
        return bundle(top, f"local first = 1\n{self.text}\n", self.timeout_s)


def bundle(top, text, timeout_s=PATIENCE_S):
    (top / "scripts").mkdir(parents=True)
    (top / "scripts/check.lua").write_text(text)
    (top / "appspec.yml").write_text("version: 0.0\nos: linux\nhooks:\n  ValidateService:\n    - location: scripts/check.lua\n"
                                     f"      timeout: {timeout_s}\n")
    return top


def late(said, texts):
    return [Script(name, text, TIMEOUT_S, "ScriptTimedOut", (said,)) for name, text in texts.items()]


ENDLESS_SCRIPTS = late(f"failed to complete in {TIMEOUT_S} seconds", ENDLESS)
ENDLESS_IN_C_SCRIPTS = late("scripts/check.lua:2: still running when its time was over", ENDLESS_IN_C)
LIMITED_SCRIPTS = [Script(name, text, PATIENCE_S, "ScriptFailed", tuple(said)) for name, (text, *said) in LIMITED.items()]
ALL = ENDLESS_SCRIPTS + ENDLESS_IN_C_SCRIPTS + LIMITED_SCRIPTS
