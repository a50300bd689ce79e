"""Hooks in Lua, through `slipway local` and `slipway hook`: how they run, fail, and what they can do with the world."""
import http.server
import os
import pathlib
import re
import ssl
import subprocess
import threading

import pytest
from conftest import BUILD, CHECKOUT, processes_of, wait_until


class Server(http.server.ThreadingHTTPServer):
    """Answers by path; counts."""
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = {}
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.release = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):  # noqa: N802 (the library's name)
        count = self.server.asked[self.path] = self.server.asked.get(self.path, 0) + 1
        status, headers, body = 200, {}, b"fine"
        if self.path == "/slow":
            self.server.release.wait(60)
        elif self.path == "/third":
            status, body = (200, b"up") if count >= 3 else (503, b"starting")
        elif self.path == "/never":
            status, body = 503, b"db: connection\nrefused"
        elif self.path == "/big":
            body = b"x" * 3_000_000
        elif self.path == "/loop":
            status, headers = 302, {"Location": "/loop"}
        elif self.path == "/there":
            status, headers = 302, {"Location": "/fine"}
        elif self.path == "/file":
            status, headers = 302, {"Location": "file:///etc/passwd"}
        elif self.path == "/headers":
            headers = {"X-One": "1", "X-Got": self.headers.get("X-Sent", "none")}
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            pass  # the client had enough

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server() as s:
        thread = threading.Thread(target=s.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield s
        s.release.set()
        s.shutdown()
        thread.join()


@pytest.fixture
def lua_bundle(tmp_path, target):
    """lua_bundle(text, event=..., timeout=...) -> a folder whose scripts/check.lua is TEXT."""
    count = 0

    def make(text, event="ValidateService", timeout=60, extra="", mode=0o644):
        nonlocal count
        count += 1
        top = tmp_path / f"lua-{count}"
        (top / "scripts").mkdir(parents=True)
        (top / "content").mkdir()
        (top / "content/a").write_text("1")
        (top / "appspec.yml").write_text(
            f"version: 0.0\nos: linux\nfiles:\n  - source: content\n    destination: {target.path}\nhooks:\n  {event}:\n"
            f"    - location: scripts/check.lua\n      timeout: {timeout}\n{extra}")
        path = top / "scripts/check.lua"
        path.write_text(text)
        path.chmod(mode)
        return top

    return make


@pytest.fixture
def try_hook(agent, tmp_path):
    """try_hook(text, *words) -> the outcome of `slipway hook` of a file with TEXT."""
    count = 0

    def run(text, *words, **rest):
        nonlocal count
        count += 1
        path = tmp_path / f"hook-{count}.lua"
        path.write_text(text)
        return agent("hook", *words, path, **rest)

    return run


def log_of(agent):
    logs = sorted(agent.deployment_root.glob("*/d-*/logs/scripts.log"), key=lambda p: p.stat().st_mtime_ns)
    return re.sub(r"(?m)^\S+ \S+ ", "", logs[-1].read_text())


def test_a_lua_hook_succeeds_and_its_lines_are_in_the_log(agent, lua_bundle):
    done = agent.local(lua_bundle("""
slipway.log("event", slipway.event, slipway.group, slipway.restore)
assert(slipway.deployment == slipway.env.DEPLOYMENT_ID and slipway.application and slipway.previous == nil)
assert(slipway.fs.read(slipway.archive_dir .. "/content/a") == "1")
slipway.run{ shell = "echo from the shell >&2; umask; pwd", check = true }
print(select(2, slipway.run{ shell = "umask; pwd; cat" }))
return true
"""), "--json")
    assert done.code == 0, done.err
    assert log_of(agent) == ("LifecycleEvent - ValidateService\nScript - scripts/check.lua\n"
                             "[stdout]event ValidateService LocalFleet false\n[stdout]0022\n[stdout]/\n[stdout] \n")


def test_a_failed_check_names_file_and_line_and_what_to_do(agent, lua_bundle):
    done = agent.local(lua_bundle('local function deep()\n  slipway.fail("the database is down", "start it")\nend\ndeep()\n'),
                       "--json")
    error = done.json["error"]
    assert done.code == 1
    assert (error["error_code"], error["event"]) == ("ScriptFailed", "ValidateService")
    assert error["message"] == "scripts/check.lua:2: the database is down"
    assert error["action"] == "start it"
    event = next(e for e in done.json["events"] if e["event"] == "ValidateService")
    assert (event["script"], event["exit_code"]) == ("scripts/check.lua", 1)
    assert "[stderr]scripts/check.lua:2: the database is down\n[stderr]start it\n[stderr]stack traceback:\n" in log_of(agent)


@pytest.mark.parametrize("text, code, message", [
    ("return 7", 7, "scripts/check.lua returned 7"),
    ("return false", 1, "scripts/check.lua returned false"),
    ("local x = nil\nx.y = 1", 1, "scripts/check.lua:2: attempt to index a nil value (local 'x')"),
    ("string.rep('x', 1 << 30)", 1, "scripts/check.lua: needs more than 64 MiB of memory"),
    ("io.open('/etc/passwd')", 1, "scripts/check.lua:1: attempt to index a nil value (global 'io')"),
    ("require 'scripts.no'", 1, "scripts/check.lua:1: require: there is neither 'scripts/no.lua' nor 'scripts/no/init.lua' "
                                "in the bundle or in slipway's library; a name begins at the top of the bundle, as in "
                                "'scripts.shared' for scripts/shared.lua"),
], ids=["code", "false", "mistake", "memory", "sandbox", "require"])
def test_how_a_hook_fails(agent, lua_bundle, text, code, message):
    done = agent.local(lua_bundle(text), "--json")
    event = next(e for e in done.json["events"] if e["event"] == "ValidateService")
    assert (event["error_code"], event["exit_code"], event["message"]) == ("ScriptFailed", code, message)


def test_a_hook_that_takes_too_long_says_where_it_was(agent, lua_bundle):
    done = agent.local(lua_bundle("local function spin()\n  while true do pcall(string.rep, 'x') end\nend\nspin()\n", timeout=1),
                       "--json")
    event = next(e for e in done.json["events"] if e["event"] == "ValidateService")
    assert event["error_code"] == "ScriptTimedOut"
    assert event["message"] == ("Script at specified location: scripts/check.lua failed to complete in 1 seconds; "
                                "scripts/check.lua:2: still running when its time was over")


def test_the_timeout_ends_programs_of_the_hook_too(agent, lua_bundle, tmp_path):
    pid = tmp_path / "pid"
    done = agent.local(lua_bundle(f'slipway.run{{ shell = "sleep 1000 & echo $! >{pid}; wait" }}', timeout=1), "--json")
    assert done.json["error"]["error_code"] == "ScriptTimedOut"
    wait_until(lambda: not pathlib.Path(f"/proc/{pid.read_text().strip()}").exists())
    wait_until(lambda: not processes_of(agent.root))


def test_a_hook_runs_as_another_user(agent, lua_bundle, as_root, tmp_path):
    tmp_path.chmod(0o755)
    for folder in (tmp_path.parent, tmp_path.parent.parent):
        if folder.stat().st_uid == os.geteuid() and folder != pathlib.Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    done = agent.local(lua_bundle("print(select(2, slipway.run{'id', '-un'}), slipway.env.HOME)",
                                  extra="      runas: nobody\n"), "--json")
    assert done.code == 0, done.err
    assert "[stdout]nobody\n" in log_of(agent)


def test_modules_come_from_the_bundle(agent, lua_bundle):
    top = lua_bundle('local shared = require "scripts.shared"\nassert(shared.answer() == 42)\nshared.broken()')
    (top / "scripts/shared.lua").write_text("return { answer = function() return 42 end,\nbroken = function() error('x') end }")
    done = agent.local(top, "--json")
    assert done.json["error"]["message"] == "scripts/shared.lua:2: x"


def test_an_executable_lua_file_without_interpreter_is_lua_all_the_same(agent, lua_bundle):
    assert agent.local(lua_bundle("assert(slipway)", mode=0o755)).code == 0


def test_a_lua_file_with_an_interpreter_is_executed(agent, lua_bundle):
    done = agent.local(lua_bundle("#!/bin/sh\nexit 5\n", mode=0o755), "--json")
    assert done.json["error"]["message"] == "Script at specified location: scripts/check.lua failed with exit code 5"


def test_waiting_for_a_server_that_comes_up(server, try_hook):
    done = try_hook(f'local a = slipway.http.wait("{server.url}/third", {{ interval = 0.01 }})\nprint(a.status, a.body)')
    assert done.code == 0, done.err
    assert re.fullmatch(rf"waiting for GET {server.url}/third = 200 \(503, attempt 1, \d+ s left\)\n"
                        rf"GET {server.url}/third = 200: yes, after 3 attempts, \d+\.\d s\n200 up\n", done.out)


def test_waiting_for_a_server_that_does_not(server, try_hook):
    done = try_hook(f'\nslipway.http.wait("{server.url}/never", {{ timeout = 0.2, interval = 0.05 }})')
    assert done.code == 1
    assert re.match(rf'hook-1.lua:2: GET {server.url}/never answered 503 for 0.2 s; last body: "db: connection refused"\n',
                    done.err)


def test_http_answers(server, try_hook):
    done = try_hook(f"""
local get, url = slipway.http.get, "{server.url}"
local a = get(url .. "/headers", {{ headers = {{ ["X-Sent"] = "yes" }} }})
assert(a.status == 200 and a.headers["x-one"] == "1" and a.headers["x-got"] == "yes" and a.body == "fine")
assert(get(url .. "/never").status == 503)
assert(get(url .. "/there").body == "fine")
assert(get(url .. "/there", {{ redirects = 0 }}).status == 302)
assert(#get(url .. "/big").body == 3000000)
""")
    assert done.code == 0, done.err


@pytest.mark.parametrize("path, options, kind, said", [
    ("/big", "max_body = 1000", "failed", "the answer is larger than 1000 bytes"),
    ("/loop", "", "unreachable", "Maximum (5) redirects followed"),
    ("/file", "", "unreachable", 'Protocol "file"'),
    ("/slow", "timeout = 0.2", "timeout", "timed out after 2"),
], ids=["body", "loop", "file", "slow"])
def test_http_failures(server, try_hook, path, options, kind, said):
    done = try_hook(f'local ok, e = pcall(slipway.http.get, "{server.url}{path}", {{ {options} }})\n'
                    "assert(not ok)\nprint(e.kind, e.message)")
    assert done.code == 0, done.err
    assert done.out.startswith(f"{kind} GET {server.url}{path}: ") and said in done.out


def test_nobody_listens(try_hook):
    done = try_hook('slipway.http.get("http://127.0.0.1:1/x")')
    assert done.code == 1
    assert done.err.startswith("hook-1.lua:1: GET http://127.0.0.1:1/x: Failed to connect to 127.0.0.1 port 1")
    assert "Connection refused" in done.err.splitlines()[0]


def test_a_certificate_that_nobody_trusts_is_refused(server, try_hook, tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", "key", "-out", "cert"], cwd=tmp_path, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    url = server.url.replace("http:", "https:")
    done = try_hook(f'local ok, e = pcall(slipway.http.get, "{url}/x")\nprint(ok, e.kind, e.message)')
    assert done.out.startswith(f"false unreachable GET {url}/x: SSL certificate problem: self-signed certificate"), done
    assert not server.asked


def test_no_restore_is_written_where_the_agent_says(try_hook, agent, tmp_path):
    assert try_hook('slipway.no_restore("migrated")').code == 0  # a trial forbids nothing
    mark = tmp_path / "mark"
    done = try_hook('slipway.no_restore("migrated to schema 42")', "--env", f"SLIPWAY_NO_RESTORE={mark}")
    assert done.code == 0, done.err
    assert mark.read_text() == "migrated to schema 42\n"
    done = try_hook('slipway.no_restore("x")', env={"LIFECYCLE_EVENT": "x", "DEPLOYMENT_ID": "d-1"})
    assert done.code == 1
    assert "this agent did not say where to write it (SLIPWAY_NO_RESTORE is not set)" in done.err


def test_a_point_of_no_return_is_heeded(agent, lua_bundle, target):
    assert agent.local(lua_bundle("return true")).code == 0
    bad = lua_bundle('slipway.no_restore("migrated to schema 42")\nslipway.fail("and then it broke")')
    (bad / "content/a").write_text("2")
    done = agent.local(bad, "--json", "--on-failure", "restore")
    assert done.code == 1
    assert (done.json["restore"]["tried"], done.json["restore"]["files"]) == (False, False)
    assert "migrated to schema 42" in done.json["restore"]["message"]
    assert target.read("a") == "2"


def test_a_hook_knows_that_its_revision_is_brought_back(agent, lua_bundle, target, tmp_path):
    told = tmp_path / "told"
    good = lua_bundle(f'if slipway.restore then slipway.fs.write("{told}", slipway.event) end')
    assert agent.local(good).code == 0
    assert not told.exists()
    bad = lua_bundle('assert(slipway.previous and not slipway.restore)\nslipway.fail("no")')
    (bad / "content/a").write_text("2")
    done = agent.local(bad, "--json", "--on-failure", "restore")
    assert done.json["restore"]["validated"], done.err
    assert (told.read_text(), target.read("a")) == ("ValidateService", "1")
    assert done.json["error"]["message"] == "scripts/check.lua:2: no"


def test_a_trial_runs_as_the_agent_would(agent, tmp_path):
    script = tmp_path / "h.sh"
    script.write_text("#!/bin/sh\necho $LIFECYCLE_EVENT $DEPLOYMENT_ID $A\npwd\numask\ncat\nenv | grep -c SECRET\nexit 3\n")
    script.chmod(0o755)
    done = agent("hook", "--event", "AfterInstall", "--env", "A=b c", script, env={"SECRET": "x"})
    assert (done.code, done.out) == (1, "AfterInstall d-TRYHOOK00 b c\n/\n0022\n0\n")
    assert re.match(r"error: \S*h\.sh failed with exit code 3 after ", done.err)


def test_a_trial_has_a_timeout(agent, tmp_path, try_hook):
    done = try_hook("slipway.sleep(1000)", "--timeout", "1")
    assert done.code == 1
    assert "hook-1.lua timed out: it did not end within 1 s\n" in done.err
    assert "hook-1.lua:1: still running when its time was over\n" in done.err


@pytest.mark.parametrize("words, said", [
    ([], "name a file"), (["--nothing", "x"], "--nothing"), (["--timeout", "x", "f"], "seconds expected"),
    (["--env", "x", "f"], "NAME=VALUE expected"), (["a", "b"], "name one file only"),
], ids=["none", "option", "timeout", "env", "two"])
def test_wrong_usage_of_hook(agent, words, said):
    done = agent("hook", *words)
    assert done.code == 2 and said in done.err


def test_a_trial_of_nothing(agent):
    done = agent("hook", "/nonexistent.lua")
    assert (done.code, done.err) == (1, "error: '/nonexistent.lua': No such file or directory\n")


def test_slipway_is_an_interpreter_under_any_agent(agent, tmp_path):
    """As `#!/usr/bin/slipway hook`: environment, folder and exit code are the other agent's and the script's."""
    script = tmp_path / "any"
    script.write_text(f"#!{BUILD / 'slipway'} hook\nlocal _, pwd = slipway.run{{'pwd'}}\n"
                      "print(slipway.event, slipway.deployment, slipway.env.MINE, pwd)\nreturn 9\n")
    script.chmod(0o755)
    env = {**agent.env, "LIFECYCLE_EVENT": "AfterInstall", "DEPLOYMENT_ID": "d-1", "MINE": "yes"}
    done = subprocess.run([script], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (9, f"AfterInstall d-1 yes {tmp_path}\n\n"), done.stderr
    assert done.stderr == "any returned 9\n"


@pytest.mark.parametrize("mode, found", [(0o755, "top"), (0o777, "top"), (0o1777, "own")])
def test_a_bundle_is_not_looked_for_where_everybody_writes(agent, tmp_path, mode, found):
    """In a folder such as /tmp anybody can put an appspec, and modules beside it that root would run."""
    own = tmp_path / "top/scripts"
    own.mkdir(parents=True)
    for folder, name in ((tmp_path / "top", "top"), (own, "own")):
        (folder / "shared.lua").write_text(f'return "{name}"')
    (tmp_path / "top/appspec.yml").touch()
    (own / "x.lua").write_text('print(require("shared"), slipway.archive_dir)')
    (tmp_path / "top").chmod(mode)
    done = agent("hook", own / "x.lua")
    assert done.out == f"{found} {own if found == 'own' else own.parent}\n", done.err


def test_the_stubs_describe_the_fields():
    """test_lua_library.py compares the functions."""
    stubs = (CHECKOUT / "lua/slipway.d.lua").read_text()
    fields = set(re.findall(r"^---@field (\w+)", stubs[stubs.index("---@class slipway\n"):stubs.index("slipway = {}")], re.M))
    assert fields == {"event", "deployment", "application", "group", "instance", "region", "archive_dir", "previous",
                      "restore", "env", "with"}
