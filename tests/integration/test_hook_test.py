"""`slipway hook --test`: tests of hooks, written in Lua."""
import pathlib
import signal
import subprocess
import time
import xml.etree.ElementTree as ElementTree

import pytest


@pytest.fixture
def shop(tmp_path):
    """shop(tests, name=text...): a bundle with scripts/NAME.lua and scripts/x_test.lua."""
    folder = tmp_path / "shop"
    (folder / "scripts").mkdir(parents=True)
    (folder / "appspec.yml").touch()

    def make(tests, **scripts):
        for name, text in scripts.items():
            (folder / f"scripts/{name}.lua").write_text(text)
        (folder / "scripts/x_test.lua").write_text("local t = slipway.test\n" + tests)
        return folder
    return make


@pytest.fixture
def tried(agent, shop, tmp_path):
    """tried(tests, name=text...) -> the outcome of the run; nothing may be left in TMPDIR."""
    def run(tests, *words, **scripts):
        temporary = tmp_path / "tmp"
        temporary.mkdir(exist_ok=True)
        done = agent("hook", "--test", *words, shop(tests, **scripts), env={"TMPDIR": str(temporary)})
        assert list(temporary.iterdir()) == []
        return done
    return run


def case(body, name="one"):
    return f't.case("{name}", function() {body} end)\n'


def test_answers_come_in_turn_and_waiting_takes_no_time(tried):
    begun = time.monotonic()
    done = tried("""
t.case("waits until the database answers", function()
	t.fake.http.get("http://db:8080/health", t.in_turn(t.error("unreachable", "refused"), { status = 503 }, {}))
	t.fake.run({ "systemctl", "is-active", "db" }, { out = "active" })
	local r = t.ok(t.hook("scripts/check.lua", { event = "AfterInstall", env = { PORT = 8080 } }))
	t.equal(r, { ok = true, code = 0, log = { "waiting for GET http://db:8080/health = 200 (refused, attempt 1, 90000 s left)",
		"waiting for GET http://db:8080/health = 200 (503, attempt 2, 60000 s left)",
		"GET http://db:8080/health = 200: yes, after 3 attempts, 60000.0 s", "AfterInstall d-TRYHOOK00 active" } })
	t.equal(t.clock(), 60000)
	t.equal(t.calls("http.get")[3], { n = 2, "http://db:8080/health", { timeout = 10 } })
end)
""", check="""
slipway.http.wait("http://db:" .. slipway.env.PORT .. "/health", { timeout = 90000, interval = 30000 })
local code, out = slipway.run{ "systemctl", "is-active", "db" }
assert(code == 0)
print(slipway.event, slipway.deployment, out)
""")
    assert (done.code, done.out.splitlines()[:2]) == (0, ["scripts/x_test.lua", "  ok    waits until the database answers"]), done
    assert done.out.splitlines()[2].startswith("1 passed, 0 failed in ") and done.err == ""
    assert time.monotonic() - begun < 3600


def test_a_call_without_an_answer_fails_the_case_even_when_the_hook_does_not_mind(tried, tmp_path):
    done = tried(case("""
        t.fake.run({ "systemctl", "stop", "a" }, {})
        t.hook("scripts/check.lua")"""), check=f"""
pcall(slipway.run, {{ "touch", "{tmp_path}/touched" }})
pcall(slipway.sleep, 1)
""")
    assert done.code == 1 and not (tmp_path / "touched").exists()
    assert done.out.splitlines()[2:4] == [
        f'        scripts/x_test.lua:4: scripts/check.lua:2: unexpected call, for which there is no fake: slipway.run{{ "touch", "{tmp_path}/touched" }}',
        '          there is one for slipway.run{ "systemctl", "stop", "a" }'], done.out


@pytest.mark.parametrize("call", ['http.get("http://127.0.0.1:1")', 'http.wait("http://127.0.0.1:1")', 'run{ "true" }',
                                  'socket.connect{ path = "/x" }', 'socket.wait{ host = "127.0.0.1", port = 1 }', 'http.request{ url = "http://127.0.0.1:1", method = "PUT" }',
                                  'systemd.restart("x")', 'systemd.is_active("x")', 'systemd.wait_active("x")',
                                  'notify{ url = "http://127.0.0.1:1", text = "x" }'])
def test_nothing_reaches_the_world(tried, call):
    done = tried(case('t.hook("scripts/check.lua")'), check=f"slipway.{call}")
    assert done.code == 1 and "scripts/check.lua:1: unexpected call, for which there is no fake: slipway." in done.out, done


ASSERTIONS = [
    ('t.ok(false)', "something true expected, got false"),
    ('t.ok(nil, "the port")', "the port: something true expected, got nil"),
    ('t.ok(t.hook("scripts/bad.lua"))', "the hook failed: scripts/bad.lua:1: no database"),
    ('t.equal(1, 2)', "expected 2, got 1"),
    ('t.equal("1", 1)', 'expected 1, got "1"'),
    ('t.equal("a\\nb\\t", "", "text")', r'text: expected "", got "a\nb\t"'),
    ('t.equal({ a = { 1, 2 } }, { a = { 1, 3 } })', "at .a[2]: expected 3, got 2"),
    ('t.equal({ 1 }, { 1, 2 })', "at [2]: expected 2, got nil"),
    ('t.equal({ ["a b"] = 1 }, {})', 'at ["a b"]: expected nil, got 1'),
    ('t.equal({}, 1)', "expected 1, got {}"),
    ('t.equal(1, { 1, 2, x = { y = true } })', "expected { 1, 2, x = { y = true } }, got 1"),
    ('t.contains("abc", "d")', 'a text with "d" expected, got "abc"'),
    ('t.contains(nil, "d")', 'a text with "d" expected, got nil'),
    ('t.contains("a%d", "%d") t.matches("abc", "^b")', 'a text that fits the pattern "^b" expected, got "abc"'),
    ('t.fails(t.hook("scripts/good.lua"))', "a failure expected, but it succeeded"),
    ('t.fails(function() end)', "a failure expected, but it succeeded"),
    ('t.fails(t.hook("scripts/bad.lua"), "xyz")', 'a text with "xyz" expected, got "scripts/bad.lua:1: no database"'),
    ('error("my own")', "my own"),
    ('slipway.nothing()', "attempt to call a nil value (field 'nothing')"),
    ('t.hook("scripts/nothing.lua")', "slipway.test.hook: 'scripts/nothing.lua': there is no such file in the bundle"),
    ('t.hook("../shop/../outside.lua")', "slipway.test.hook: '../shop/../outside.lua' leads out of the bundle '{shop}'"),
    ('t.hook("scripts/out.lua")', "slipway.test.hook: 'scripts/out.lua' leads out of the bundle '{shop}'"),
    ('t.hook("/etc/passwd.lua")', "slipway.test.hook: '/etc/passwd.lua': there is no such file in the bundle"),
    ('t.fake.systemd.restrat(true)', "slipway.test.fake: there is no function slipway.systemd.restrat"),
    ('t.fake("own.pair", true)', "slipway.test.fake: there is no function slipway.own.pair"),
    ('t.fake.http(true)', "slipway.test.fake: there is no function slipway.http"),
    ('t.fake.fs.read("/x", "text")', "slipway.test.fake: there is no fake for fs.read, which is real in tests: "
     "give the hook paths below slipway.test.folder()"),
    ('t.fake.json.decode(1)', "slipway.test.fake: there is no fake for json.decode, which is real in tests"),
    ('t.fake.http.request({})', "slipway.test.fake: http.request arrives as http.get, http.post, ...: name that one"),
    ('t.equal(#t.calls("htp.get"), 0)', "slipway.test.calls: there is no function slipway.htp.get"),
    ('t.fake.run({ code = "1" }) t.hook("scripts/runs.lua")',
     "scripts/runs.lua:1: slipway.test.fake.run: answer: code: integer expected, got string"),
    ('t.hook("scripts/shell.lua")', "slipway.test.hook: 'scripts/shell.lua': not a script in Lua: NAME.lua without a `#!` line"),
    ('t.hook("scripts/good.lua", { evnt = "x" })', "slipway.test.hook: there is no option 'evnt'"),
    ('t.hook("scripts/good.lua", { event = 1 })', "slipway.test.hook: event: string expected, got number"),
    ('t.hook()', "slipway.test.hook: location: string expected, got nil"),
    ('t.fake("run")', "slipway.test.fake: run: an answer expected, got nothing"),
    ('t.use("http-chek")', "slipway.test.use: there is no ready-made hook 'http-chek', "
     "did you mean 'http-check'? This is slipway 0.1.0, a newer one may know it"),
    ('t.fake.run({ cod = 1 }) t.hook("scripts/runs.lua")',
     "scripts/runs.lua:1: slipway.test.fake.run: answer: there is no field 'cod'"),
    ('t.fake.run(1) t.hook("scripts/runs.lua")', "scripts/runs.lua:1: slipway.test.fake.run: answer: table expected, got number"),
    ('t.fake.run(function() t.equal(1, 2) end) t.hook("scripts/runs.lua")',
     "scripts/runs.lua:1: scripts/x_test.lua:2: expected 2, got 1"),
]


@pytest.mark.parametrize("body, message", ASSERTIONS, ids=[body for body, _ in ASSERTIONS])
def test_what_a_failed_case_says(tried, tmp_path, body, message):
    (tmp_path / "outside.lua").write_text("")
    (tmp_path / "shop/scripts/out.lua").symlink_to(tmp_path / "outside.lua")
    done = tried(case(body), "--json", bad='slipway.fail("no database")', good="", shell="#!/bin/sh\n",
                 runs='pcall(slipway.run, { "x" })')
    message = message.replace("{shop}", str(tmp_path / "shop"))
    assert done.code == 1 and done.json["cases"][0]["message"] == f"scripts/x_test.lua:2: {message}", done


@pytest.mark.parametrize("body", [
    't.equal({ 1, { a = "x" } }, { 1, { a = "x" } }) t.equal(t.ok(1), 1) t.equal(0/1, 0)',
    't.contains(t.fails(function() error("abc", 0) end, "b"), "abc") t.matches("abc", "^a.c$")',
    't.equal(t.fails(function() slipway.fs.read("/nonexistent") end), '
    '"reading \'/nonexistent\': No such file or directory")',
    'local r = t.hook("scripts/bad.lua") t.equal({ r.ok, r.code, r.message, r.action }, '
    '{ false, 1, "scripts/bad.lua:1: no database", "start it" }) t.contains(r.trace, "scripts/bad.lua:1: in main chunk")',
    't.equal(t.hook("scripts/seven.lua").code, 7)',
    'local r = t.hook("scripts/tells.lua", { restore = true, env = { A = "b" } }) '
    't.equal({ r.doing, r.no_restore, r.log }, { "work", "schema 42", { "true b nil" } })',
    'slipway.fs.write(t.folder() .. "/a", "x") assert(t.folder() ~= t.folder())',
    't.equal(slipway.fs.exists(slipway.archive_dir .. "/appspec.yml"), true)',
    't.fake.run({ "x" }, { code = 3, err = "a\\nb\\n" }) t.fails(t.hook("scripts/checks.lua"), "\'x\' ended with exit code 3: b")',
    't.fake("haproxy.open", { socket = "/run/h" }, { drain = function(_, s) return s end }) '
    't.equal(t.ok(t.hook("scripts/drains.lua")).log, { "web/1" }) t.equal(#t.calls("haproxy.open"), 1)',
    't.fake.systemd.is_active(t.values(nil, "failed", 3)) t.equal(t.hook("scripts/triple.lua").log[1], "nil failed 3")',
    't.fake.http.get({ headers = { ["Content-Type"] = "text/x" } }) t.equal(t.ok(t.hook("scripts/header.lua")).log, { "text/x" })',
    't.fake.http.patch({ body = "patched" }) t.equal(t.ok(t.hook("scripts/patches.lua")).log, { "patched" }) '
    't.equal(t.calls("http.patch")[1][2], { timeout = 3 })',
    't.fake.wait_for({ what = "w" }, "seen") t.equal(t.ok(t.hook("scripts/waits.lua")).log, { "seen" }) t.equal(t.clock(), 0)',
    't.fake.nginx.include(true) local f = t.folder() .. "/slot.conf" '
    't.ok(t.hook("scripts/includes.lua", { env = { TO = f } })) t.equal(slipway.fs.exists(f), false)',
    't.fake.no_restore(t.error("failed", "no place")) t.fails(t.hook("scripts/tells.lua"), "no place")',
    't.fake.run(function(o) t.advance(5) return { out = o[1] } end) t.hook("scripts/checks.lua") t.equal(t.clock(), 5)',
    't.fake.run({}) t.fake.run(function(o) return o[1] == "x" end, { code = 1 }) t.fails(t.hook("scripts/checks.lua"))',
    't.fake.time(86400) t.equal(t.hook("scripts/date.lua").log, { "1970-01-02 86400 86400.0" })',
    't.fake.haproxy.open({ drain = function() end }) t.fails(t.hook("scripts/deep.lua"), "cannot cross")',
    't.fake.http.put({ status = 409, body = "no\\nway" }) t.equal(t.hook("scripts/puts.lua").message, '
    '"scripts/puts.lua:1: PUT http://x/ answered 409, not 200, 201 or 204; body: no way")',
    't.fake.http.put({ status = 201, body = { a = 1 } }) t.equal(t.ok(t.hook("scripts/puts.lua")).log, { \'{"a":1} 1\' })',
    'local to = t.folder() .. "/f" t.fake.http.get("http://x/", t.in_turn({ status = 404 }, { body = "new" })) '
    'local with = { env = { TO = to } } t.fails(t.hook("scripts/loads.lua", with), "answered 404, not 2xx") '
    't.ok(t.hook("scripts/loads.lua", with)) t.equal(slipway.fs.read(to), "new")',
    't.equal(t.ok(t.hook("scripts/secret.lua")).log, { "it is ***" })',
    't.fake.http.post(t.in_turn({ status = 500 }, {})) t.ok(t.hook("scripts/notifies.lua")) '
    't.equal(t.calls("http.post")[2][2].json.text, "done")',
], ids=str)
def test_what_holds(tried, body):
    done = tried(case(body), bad='slipway.fail("no database", "start it")', seven="return 7", runs='slipway.run{ "x" }',
                 tells='slipway.doing("work") slipway.no_restore("schema 42") print(slipway.restore, slipway.env.A, leaked)\n'
                       'leaked = 1',
                 checks='slipway.run{ "x", check = true }', drains='print(slipway.haproxy.open{ socket = "/run/h", timeout = 5 }:drain("web/1"))',
                 triple='print(slipway.systemd.is_active("shop"))',
                 header='print(slipway.http.get("http://x/").headers["content-type"])',
                 patches='print(slipway.http.request{ url = "http://x", method = "PATCH", timeout = 3 }.body)',
                 waits='print(slipway.wait_for{ what = "w", fn = function() error("is not called") end })',
                 includes='slipway.nginx.include{ path = slipway.env.TO, content = "x" }', date='print(os.date("!%Y-%m-%d"), os.time(), slipway.time() + 0.0)',
                 puts='print(slipway.http.put("http://x/", { json = {}, expect = { 200, 201, 204 } }).body, 1)',
                 loads='slipway.http.request{ url = "http://x/", to = slipway.env.TO }',
                 secret='slipway.secret("geheim") print("it is geheim")',
                 notifies='slipway.notify{ url = "http://hooks/", text = "done" }',
                 deep='local a = {} a.a = a slipway.haproxy.open{ socket = "/run/h" }.drain(a)')
    assert done.code == 0, done


def test_a_connection_answers_line_by_line(tried):
    done = tried(case("""
        t.fake.socket.connect({ path = "/run/haproxy.sock" }, { ["show info"] = "Name: HAProxy\\nVersion: 2.6\\n\\n", ["quit"] = "" })
        t.equal(t.ok(t.hook("scripts/ask.lua")).log, { "Name: HAProxy", "Versi", "on: 2.6\\n\\n", "nil nil" })
        t.fake.socket.connect(function(line) return line:upper() .. "\\n" end)
        t.contains(t.fails(function() t.ok(t.hook("scripts/ask.lua")) end), "attempt to")
    """) + case("""
        t.fake.socket.connect({ ["x"] = "" })
        t.hook("scripts/ask.lua")
    """, "two"), ask="""
local c <close> = slipway.socket.connect{ path = "/run/haproxy.sock", timeout = 5 }
c:send("show "):send("info\\nquit\\n")
print(c:line())
print(c:read(5))
print((c:all()))
print(c:line(), c:read(1))
assert(getmetatable(c).__close)
if c:send("") ~= nil then return end
""")
    assert done.code == 1
    assert '"show info", for which the fake has no answer' in done.out


def test_every_case_and_every_hook_begins_anew(tried):
    done = tried("""
count = (count or 0) + 1
t.case("one", function() count = 5 t.fake.run({}) t.advance(9) string.rep = nil t.ok(t.hook("scripts/fresh.lua")) end)
t.case("two", function()
	t.equal({ count, t.clock(), #t.calls("run") }, { 1, 0, 0 })
	t.ok(t.hook("scripts/fresh.lua"))
	t.ok(t.hook("scripts/fresh.lua"))
	t.ok(string.rep)
end)
""", fresh="assert(not mine and string.rep and not slipway.test) mine = 1 string.rep = nil")
    assert done.code == 0, done.out


def test_cases_that_do_not_end_leave_the_others_alone(tried):
    done = tried(case("while true do end", "loops") + case("while true do pcall(function() while true do end end) end", "catches")
                 + case('t.hook("scripts/loops.lua")', "hook") + case('t.folder() ("a"):rep(100000):find((".-"):rep(30) .. "b")'.replace(
                     "t.folder() ", "t.folder(); "), "hangs in C") + case('local s = {} for i = 1, 1e9 do s[i] = i end', "hog")
                 + case("t.ok(true)", "last"), "--json", "--timeout", "2", loops="\nwhile true do end")
    said = {one["case"]: one.get("message") for one in done.json["cases"]}
    assert done.code == 1 and (done.json["passed"], done.json["failed"]) == (1, 5), done
    assert said == {
        "loops": "scripts/x_test.lua:2: still running when its time was over",
        "catches": "scripts/x_test.lua:3: still running when its time was over",
        "hook": "scripts/x_test.lua:4: scripts/loops.lua:2: still running when its time was over",
        "hangs in C": "scripts/x_test.lua: did not come to an end within 2 s, and was killed",
        "hog": "scripts/x_test.lua: needs more than 64 MiB of memory",
        "last": None}


def test_results_for_machines(tried, tmp_path):
    odd = r'''<a & \34b\34>\27[31m]]>\xff\xef\xbf\xbe'''
    done = tried(case("", odd) + case(f't.equal("{odd}", "")', "second"), "--json", "--junit", tmp_path / "junit.xml")
    assert done.code == 1 and done.json["schema"] == 1 and not done.json["ok"], done
    assert [(one["file"], one["line"], one["ok"]) for one in done.json["cases"]] == [
        ("scripts/x_test.lua", 2, True), ("scripts/x_test.lua", 3, False)]
    assert "scripts/x_test.lua:3: in" in done.json["cases"][1]["trace"]

    root = ElementTree.parse(tmp_path / "junit.xml").getroot()
    suite, = root
    assert root.attrib == {"tests": "2", "failures": "1"}
    assert (suite.tag, suite.get("name"), suite.get("tests"), suite.get("failures")) == ("testsuite", "scripts/x_test.lua", "2", "1")
    first, second = suite
    assert first.get("name") == done.json["cases"][0]["case"].replace("\ufffe", "\\ufffe") and len(first) == 0
    assert first.get("name").startswith('<a & "b">')
    assert second.find("failure").get("message") == done.json["cases"][1]["message"].replace("\ufffe", "\\ufffe")
    assert second.find("failure").text == done.json["cases"][1]["trace"]
    assert all(float(one.get("time")) >= 0 for one in suite)


def test_files_and_folders(agent, tmp_path):
    for name in ("b_test.lua", "a/c_test.lua", "a/hook.lua", ".git/d_test.lua", "named.lua"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text('slipway.test.case("passes", function() end)')
    (tmp_path / "a/e_test.lua").write_text("local x = \n")
    (tmp_path / "a/f_test.lua").write_text("return")
    (tmp_path / "a/g_test.lua").write_text('if not slipway.fs.exists("%s/seen") then slipway.fs.write("%s/seen", "") '
                                           'slipway.test.case("gone", function() end) end' % (tmp_path, tmp_path))
    done = agent("hook", "--test", "--json", tmp_path, tmp_path / "named.lua")
    assert done.code == 1
    assert [(pathlib.Path(one["file"]).name, one["case"], one.get("message")) for one in done.json["cases"]] == [
        ("c_test.lua", "passes", None),
        ("e_test.lua", "(the file)", "e_test.lua:2: unexpected symbol near <eof>"),
        ("f_test.lua", "(the file)", "there is no case in it: slipway.test.case(name, function)"),
        ("g_test.lua", "gone", "the case is not there when the file is loaded again: which cases a file has must not depend "
                               "on anything"),
        ("b_test.lua", "passes", None), ("named.lua", "passes", None)], done.out
    assert agent("hook", "--test", "named.lua", "b_test.lua", cwd=tmp_path).code == 0


@pytest.mark.parametrize("words, code, said", [
    ([], 2, "name files or folders of tests"), (["--event", "x", "."], 2, "not with '--test'"),
    (["--env", "A=b", "."], 2, "not with '--test'"), (["--use", "http-check"], 2, "not with '--test'"),
    (["/nonexistent"], 1, "'/nonexistent': No such file or directory"), (["--timeout", "0", "."], 2, "seconds expected"),
    (["{}"], 2, "there is no file *_test.lua below"),
    (["--junit", "/nonexistent/x.xml", "{}/shop/scripts/x_test.lua"], 1, "--junit: "),
], ids=str)
def test_wrong_usage(agent, shop, tmp_path, words, code, said):
    shop(case(""))
    (tmp_path / "empty").mkdir()
    words = [word.format(tmp_path / "empty" if word == "{}" else tmp_path) for word in words]
    done = agent("hook", "--test", *words)
    assert done.code == code and said in done.err, done


def test_options_of_tests_are_for_tests(agent, tmp_path):
    for words in (["--json"], ["--junit", "x"], ["--filter", "x"]):
        done = agent("hook", *words, tmp_path)
        assert done.code == 2 and f"only with --test: '{words[0]}'" in done.err


def test_an_interrupt_leaves_nothing_behind(agent, shop, tmp_path):
    (tmp_path / "tmp").mkdir()
    folder = shop(case('slipway.fs.write(t.folder() .. "/here", "") slipway.run{ "sleep", "1000" }'))
    running = subprocess.Popen([agent.program, "hook", "--test", "--timeout", "1000", folder],
                               env={**agent.env, "TMPDIR": str(tmp_path / "tmp")}, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list((tmp_path / "tmp").glob("*/*/here")):
        assert time.monotonic() < deadline and running.poll() is None
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    assert running.wait(60) == 130
    assert list((tmp_path / "tmp").iterdir()) == []


def test_ready_made_hooks_take_their_arguments(tried):
    done = tried(case("""
        t.fake.http.get("http://x/health", t.in_turn({ status = 503, body = "starting" }, {}))
        t.equal(t.ok(t.use("http-check", { with = { url = "http://x/health", ["for"] = "1m" } })).log[3], "GET http://x/health = 200: yes")
        t.fails(function() t.use("http-check", { with = { ulr = "x" } }) end, "ulr")
    """))
    assert done.code == 0, done


THREE = case("", "restarts the database") + case("", "Waits for it") + case("t.ok(false)", "tells what systemd says")


@pytest.mark.parametrize("text, passed, failed, left_out", [("WAITS", 1, 0, 2), ("s", 2, 1, 0), ("systemd says", 0, 1, 2), (".", None, None, 3)])
def test_some_cases_alone(tried, text, passed, failed, left_out):
    done = tried(THREE, "--filter", text)
    if passed is None:
        assert (done.code, done.out) == (2, "") and done.err == (
            "error: --filter: no case has '.' in its name; there are 'restarts the database', 'Waits for it', "
            "'tells what systemd says'\n"), done
        return
    assert done.code == (1 if failed else 0), done
    shown = f", {left_out} left out" if left_out else ""
    assert done.out.splitlines()[-1].startswith(f"{passed} passed, {failed} failed{shown} in "), done.out
    document = tried(THREE, "--filter", text, "--json").json
    assert (document["passed"], document["failed"], document["left_out"]) == (passed, failed, left_out)


def test_a_filter_leaves_no_broken_file_out(tried):
    done = tried(case("", "one") + "local x =", "--filter", "nothing")
    assert done.code == 1 and "scripts/x_test.lua:3: unexpected symbol near <eof>" in done.out, done


def test_two_cases_of_one_name_are_a_mistake(tried):
    done = tried(case("", "one") + case("", "two") + case("", "one"))
    assert done.code == 1 and done.out.splitlines()[:3] == [
        "scripts/x_test.lua", "  FAIL  (the file)",
        "        scripts/x_test.lua:4: slipway.test.case: there is another case 'one', at line 2"], done


def test_a_failed_case_shows_what_its_last_hook_has_said(tried, tmp_path):
    done = tried(case('t.ok(t.hook("scripts/a.lua")) t.ok(t.hook("scripts/b.lua", { env = { N = 25 } }))')
                 + case('t.ok(t.hook("scripts/b.lua", { env = { N = 2 } })) t.equal(1, 2)', "two") + case('t.equal(1, 2)', "three"),
                 "--junit", tmp_path / "junit.xml", a='print("not shown")',
                 b='slipway.secret("geheim")\nfor i = 1, tonumber(slipway.env.N) do print("line " .. i, "geheim \\27[31m") end\n'
                   'assert(slipway.env.N == "2", "no")')
    assert done.code == 1 and done.out.splitlines()[:-1] == [
        "scripts/x_test.lua", "  FAIL  one", "        scripts/x_test.lua:2: the hook failed: scripts/b.lua:3: no",
        "        log of the hook, the last 20 lines:", *(f"          line {i} *** " for i in range(6, 26)),
        "  FAIL  two", "        scripts/x_test.lua:3: expected 2, got 1", "        log of the hook:",
        "          line 1 *** ", "          line 2 *** ",
        "  FAIL  three", "        scripts/x_test.lua:4: expected 2, got 1"], done.out
    root = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert [len(one.findtext("system-out", "").splitlines()) for one in root.iter("testcase")] == [25, 2, 0]
