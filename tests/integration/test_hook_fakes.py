"""In `slipway hook --test` a call is refused exactly when production would refuse it, and none reaches the world."""
import re

import pytest
from conftest import CHECKOUT

REAL = {"fail", "fs", "json", "raise", "secret", "sha256", "yaml"}  # as docs/lua.md lists them

# A right call of every other function, and what it asks the test for first; None: it is answered without a fake.
RIGHT = {
    "clock": ("clock()", None),
    "doing": ('doing("x")', None),
    "haproxy.open": ('haproxy.open{ socket = "/run/h.sock" }:command("show info")', "socket.connect"),
    "http.delete": ('http.delete("http://x/")', "http.delete"),
    "http.get": ('http.get("http://x/")', "http.get"),
    "http.head": ('http.head("http://x/")', "http.head"),
    "http.post": ('http.post("http://x/", { json = { a = 1 }, expect = { 200, 204 } })', "http.post"),
    "http.put": ('http.put("http://x/", { body = "x", headers = { ["X-A"] = "b" } })', "http.put"),
    "http.request": ('http.request{ url = "http://x/", method = "OPTIONS" }', "http.options"),
    "http.wait": ('http.wait("http://x/")', "http.get"),
    "log": ('log("x", 1, nil)', None),
    "nginx.include": ('nginx.include{ path = slipway.env.TO, content = "x" }', "run"),
    "nginx.reload": ("nginx.reload()", "run"),
    "nginx.test": ("nginx.test()", "run"),
    "no_restore": ('no_restore("x")', None),
    "notify": ('notify{ url = "http://x/", text = "t" }', "http.post"),
    "retry": ('retry{ fn = function() slipway.run{ "true" } end }', "run"),
    "run": ('run{ "true", 1, timeout = 5, env = { A = "b" }, check = true }', "run"),
    "sleep": ("sleep(100000)", None),
    "socket.connect": ('socket.connect{ host = "127.0.0.1", port = "http" }', "socket.connect"),
    "socket.wait": ('socket.wait{ path = "/run/x.sock" }', "socket.connect"),
    "systemd.daemon_reload": ("systemd.daemon_reload()", "systemd.daemon_reload"),
    "systemd.disable": ('systemd.disable("x")', "systemd.disable"),
    "systemd.enable": ('systemd.enable("x")', "systemd.enable"),
    "systemd.is_active": ('systemd.is_active("x")', "systemd.is_active"),
    "systemd.is_enabled": ('systemd.is_enabled("x")', "systemd.is_enabled"),
    "systemd.reload": ('systemd.reload("x", { timeout = 5 })', "systemd.reload"),
    "systemd.reset_failed": ('systemd.reset_failed("x")', "systemd.reset_failed"),
    "systemd.restart": ('systemd.restart("x")', "systemd.restart"),
    "systemd.start": ('systemd.start("x")', "systemd.start"),
    "systemd.status": ('systemd.status("x")', "systemd.status"),
    "systemd.stop": ('systemd.stop("x")', "systemd.stop"),
    "systemd.try_restart": ('systemd.try_restart("x")', "systemd.try_restart"),
    "systemd.wait_active": ('systemd.wait_active("x")', "systemd.status"),
    "time": ("time()", None),
    "wait_for": ('wait_for{ fn = function() slipway.run{ "true" } end }', "run"),
}

# Calls that are wrong in themselves.
WRONG = {
    "doing": ["doing({})"],
    "haproxy.open": ["haproxy.open()", 'haproxy.open{ soket = "/x" }', "haproxy.open{ socket = 1 }", 'haproxy.open{ host = "x" }'],
    "http.delete": ["http.delete()", 'http.delete("http://x/", { timout = 1 })'],
    "http.get": ["http.get()", "http.get({})", 'http.get("http://x/", 1)', 'http.get("http://x/", { timout = 1 })',
                 'http.get("http://x/", { timeout = "1" })', 'http.get("http://x/", { timeout = 0 })',
                 'http.get("http://x/", { expect = 1000 })', 'http.get("http://x/", { headers = { 1 } })',
                 'http.get("http://x/", { to = "relative" })', 'http.get("http://x/", { max_body = -1 })',
                 'http.get("http://x\\0/")', 'http.get("http://x/", { redirects = 51 })'],
    "http.head": ['http.head("http://x/", { body = "x" })'],
    "http.post": ['http.post("http://x/", { body = "x", json = {} })', 'http.post("http://x/", { json = print })',
                  'http.post("http://x/", { form = { a = {} } })', 'http.post("http://x/", { body = {} })'],
    "http.put": ["http.put(nil, {})"],
    "http.request": ["http.request()", "http.request{}", 'http.request{ url = "http://x/", method = "get" }',
                     'http.request{ url = "http://x/", metod = "GET" }'],
    "http.wait": ["http.wait()", 'http.wait("http://x/", { expct = 200 })', 'http.wait("http://x/", { expect = "200" })',
                  'http.wait("http://x/", { headers = { ["a b"] = 1 } })', 'http.wait("http://x/", { timeout = {} })',
                  'http.wait("http://x/", { json = 1 })'],
    "nginx.include": ["nginx.include()", "nginx.include{}", 'nginx.include{ path = "/x", content = 1 }',
                      'nginx.include{ path = "/x", content = "x", prgram = "x" }'],
    "nginx.reload": ["nginx.reload(1)", 'nginx.reload{ timeout = "1" }', "nginx.reload{ x = 1 }"],
    "nginx.test": ["nginx.test(1)", "nginx.test{ pid_file = 1 }"],
    "no_restore": ["no_restore()", "no_restore({})"],
    "notify": ["notify()", 'notify{ text = "t" }', 'notify{ url = "http://x/" }', 'notify{ url = "http://x/", txt = "t" }',
               'notify{ url = "http://x/", text = 1 }', 'notify{ url = "http://x/", payload = { print } }',
               'notify{ url = "http://x/", text = "t", timeout = 0 }'],
    "retry": ["retry()", "retry{}", "retry{ fn = 1 }", "retry{ fn = print, trys = 1 }", "retry{ fn = print, tries = 0 }"],
    "run": ["run()", 'run("true")', "run{}", 'run{ "true", chek = true }', 'run{ "true", check = 1 }', 'run{ "true", {} }',
            'run{ "true", shell = "x" }', 'run{ "true", env = { "A" } }', 'run{ "true", env = 1 }', 'run{ "true", timeout = -1 }',
            'run{ "true", cwd = 1 }', 'run{ "true", input = {} }', 'run{ "tr\\0ue" }'],
    "sleep": ["sleep()", 'sleep("x")', "sleep(-1)", "sleep(1e9)"],
    "socket.connect": ["socket.connect()", "socket.connect{}", 'socket.connect{ path = "/x", host = "x" }',
                       'socket.connect{ host = "x", port = 70000 }', 'socket.connect{ path = "/x", timeot = 1 }',
                       'socket.connect{ path = "/x", timeout = 0 }'],
    "socket.wait": ["socket.wait()", "socket.wait{}", 'socket.wait{ path = "/x", intervall = 1 }', "socket.wait{ path = 1 }"],
    "systemd.daemon_reload": ["systemd.daemon_reload(1)", "systemd.daemon_reload{ tmeout = 1 }"],
    "systemd.disable": ["systemd.disable()"],
    "systemd.enable": ['systemd.enable("a b/c")'],
    "systemd.is_active": ["systemd.is_active()", "systemd.is_active({})"],
    "systemd.is_enabled": ["systemd.is_enabled()"],
    "systemd.reload": ['systemd.reload("x", { timeout = true })'],
    "systemd.reset_failed": ["systemd.reset_failed()"],
    "systemd.restart": ["systemd.restart()", 'systemd.restart("x", { tmeout = 1 })', 'systemd.restart("x", { timeout = 0 })',
                        'systemd.restart("x", 5)', 'systemd.restart("")'],
    "systemd.start": ['systemd.start("x", { timeout = "5" })'],
    "systemd.status": ["systemd.status()"],
    "systemd.stop": ["systemd.stop(nil, {})"],
    "systemd.try_restart": ["systemd.try_restart()"],
    "systemd.wait_active": ["systemd.wait_active()", 'systemd.wait_active("x", { setle = 1 })',
                            'systemd.wait_active("x", { settle = 60 })', 'systemd.wait_active("x", { timeout = "1" })'],
    "wait_for": ["wait_for()", "wait_for{}", "wait_for{ fn = print, timout = 1 }", "wait_for{ fn = print, interval = {} }"],
}

TRY = """
local function try(fn)
	local ok, err = pcall(fn)
	print(ok and "it was taken" or tostring(err))
end
"""


def wrong_calls():
    return TRY + "".join(f"try(function() slipway.{call} end)\n" for calls in WRONG.values() for call in calls)


@pytest.fixture
def shop(tmp_path):
    """shop(tests, hook) -> the folder with both."""
    def make(tests, hook):
        (tmp_path / "appspec.yml").touch()
        (tmp_path / "hook.lua").write_text(hook)
        (tmp_path / "hook_test.lua").write_text("local t = slipway.test\n" + tests)
        return tmp_path
    return make


def test_every_function_is_faked_or_said_to_be_real():
    stubs = (CHECKOUT / "lua/slipway.d.lua").read_text()
    names = set(re.findall(r"^function slipway\.([\w.]+)\(", stubs, re.M))
    there = {name for name in names if not name.startswith("test.")}
    real = {name for name in there if {name, name.split(".")[0]} & REAL}
    assert there - real == set(RIGHT)
    assert set(RIGHT) - set(WRONG) == {"clock", "log", "time"}, "these take anything"
    listed = re.search(r"return \{(.*?)\}", (CHECKOUT / "lua/test/real.lua").read_text()).group(1)
    assert set(re.findall(r"(\w+) = true", listed)) == REAL
    page = re.search(r"Real in tests are (.*?)\.\s", (CHECKOUT / "docs/lua.md").read_text(), re.S).group(1)
    assert set(re.findall(r"`slipway\.(\w+)`", page)) == REAL


def test_no_right_call_reaches_the_world(agent, shop, tmp_path):
    calls = "".join(f'if slipway.env.CALL == "{name}" then slipway.{call} end\n' for name, (call, _) in RIGHT.items())
    tests = "".join(f't.case("{name}", function() t.ok(t.hook("hook.lua", {{ env = {{ CALL = "{name}", TO = t.folder() .. "/x" }} }}))'
                    " end)\n" for name in RIGHT)
    done = agent("hook", "--test", "--json", shop(tests, calls))
    said = {one["case"]: one.get("message") for one in done.json["cases"]}
    asked = {name: message and re.search(r"there is no fake: slipway\.([\w.]+)", message) for name, message in said.items()}
    assert {name: found and found[1] for name, found in asked.items()} == {name: wants for name, (_, wants) in RIGHT.items()}, said


def test_a_right_call_is_taken_by_a_fake(agent, shop):
    hook = "".join(f"slipway.{call}\n" for name, (call, _) in RIGHT.items() if name not in ("haproxy.open", "http.request"))
    fakes = "".join(f't.fake("{name}", {"{}" if name == "run" or name.startswith("http.") and name != "http.wait" else "true"})\n'
                    for name in RIGHT if name not in ("http.request", "clock", "time", "socket.connect"))
    done = agent("hook", "--test", shop('t.fake.socket.connect({})' + fakes.join(
        ['t.case("all", function()\n', 't.ok(t.hook("hook.lua", { env = { TO = "/nonexistent/x" } })) end)']), hook))
    assert done.code == 0, done.out


@pytest.mark.parametrize("faked", [False, True], ids=["without fakes", "with a fake for each"])
def test_a_wrong_call_is_refused_as_in_production(agent, shop, faked):
    fakes = "".join(f't.fake("{name}", {"{}" if name == "run" or name.startswith("http.") else "true"})\n'
                    for name in WRONG if name != "http.request") if faked else ""
    folder = shop(f't.case("all", function()\n{fakes}for _, line in ipairs(t.ok(t.hook("hook.lua")).log) do print(line) end end)',
                  wrong_calls())
    real = agent("hook", folder / "hook.lua")
    tested = agent("hook", "--test", folder)
    assert real.code == 0 and tested.code == 0, (real, tested)
    lines = real.out.splitlines()
    assert len(lines) == sum(map(len, WRONG.values())) and "it was taken" not in lines
    assert all(line.startswith("hook.lua:") for line in lines), lines
    assert tested.err.splitlines() == lines


def test_a_typo_fails_the_test_of_the_hook(agent, shop):
    done = agent("hook", "--test", shop("""
t.case("restarts", function()
	t.fake.systemd.restart("shop", true)
	t.ok(t.hook("hook.lua"))
end)
""", 'print("before")\nslipway.systemd.restart("shop", { tmeout = 5 })'))
    assert (done.code, done.out.splitlines()[1:5]) == (1, [
        "  FAIL  restarts",
        "        hook_test.lua:5: the hook failed: hook.lua:2: slipway.systemd.restart: there is no option 'tmeout', only timeout",
        "        log of the hook:",
        "          before"]), done


@pytest.mark.parametrize("call, message", [
    ("c:send({})", "slipway.Connection:send: text: string expected, got table"),
    ("c:send()", "slipway.Connection:send: text: string expected, got no value"),
    ("c:read()", "slipway.Connection:read: count: integer expected, got no value"),
    ("c:read(1.5)", "slipway.Connection:read: count: integer expected, got 1.5"),
    ("c:read(0)", "slipway.Connection:read: count: 1 to 16777216 bytes expected, got 0"),
    ("c:close() c:line()", "slipway.Connection:line: self: open connection expected, got one that is closed"),
    ("c:sned()", "attempt to call a nil value (method 'sned')"),
    ("print(c:send(5):line(), c:read('3'))", None),
])
def test_a_connection_refuses_what_a_real_one_does(agent, shop, call, message):
    done = agent("hook", "--test", "--json", shop("""
t.case("talks", function()
	t.fake.socket.connect(function() return "answer\\n" end)
	t.ok(t.hook("hook.lua"))
end)
""", f'local c = slipway.socket.connect{{ path = "/x" }}\n{call}'))
    if message:
        assert done.code == 1 and f"hook.lua:2: {message}" in done.json["cases"][0]["message"], done
    else:
        assert done.code == 0, done


def test_an_answer_that_is_no_json_says_whose_it_is(agent, shop):
    done = agent("hook", "--test", shop("""
t.case("asks", function()
	t.fake.http.get({ body = "<html>" })
	t.fails(t.hook("hook.lua"), "GET http://x/health: the answer is not JSON: line 1 column 1: ")
end)
""", 'slipway.http.get("http://x/health").json()'))
    assert done.code == 0, done
