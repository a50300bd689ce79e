"""Ready-made hooks (`use:` with `with:`): in deployments, in lint and plan, tried by hand; and what each of them does."""
import concurrent.futures
import http.server
import json
import os
import pathlib
import shutil
import socket
import subprocess
import threading

import pytest
from conftest import CHECKOUT, Agent
from systemd_kit import manager  # noqa: F401


class Server(http.server.ThreadingHTTPServer):
    """Answers 200 to /fine and POST /hook, 503 to /broken, 200 to /third from the third time on; counts."""
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = {}
        self.headers = {}
        self.posted = []
        self.port = self.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):  # noqa: N802 (the library's name)
        count = self.server.asked[self.path] = self.server.asked.get(self.path, 0) + 1
        self.server.headers = dict(self.headers)
        status = 503 if self.path == "/broken" or (self.path == "/third" and count < 3) else 200
        body = b"version 42\nall is well\n" if status == 200 else b"no\ndatabase"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):  # noqa: N802
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posted.append(json.loads(body))
        answer = b"" if self.path == "/hook" else f"cannot POST {self.path}".encode() if "echo" in self.path else b"no\ndatabase"
        self.send_response(200 if self.path == "/hook" else 404)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server() as s:
        thread = threading.Thread(target=s.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield s
        s.shutdown()
        thread.join()


@pytest.fixture
def try_hook(agent, tmp_path):
    """try_hook("http-check", url=..., env=["A=b"]) -> what `slipway hook --use` did, in an empty folder."""
    work = tmp_path / "work"
    work.mkdir()

    def run(hook, env=(), **arguments):
        words = [f"--with={key}={value}" for key, value in arguments.items()]
        return agent("hook", "--use", hook, *words, *(f"--env={item}" for item in env), cwd=work)

    run.work = work
    return run


def own(event, *entries, env=None):
    """Hooks below 'slipway', as text of an appspec (JSON is YAML)."""
    return "slipway: " + json.dumps({"hooks": {event: entries}, **({"env": env} if env else {})}) + "\n"


def check(url, **more):
    return {"use": "http-check", "with": {"url": url, "for": "5s", "interval": "20ms", **more}}


def test_a_deployment_runs_it_and_names_it(agent, target, bundle, server):
    done = agent.local(bundle({"a": "1"}, extra=own("ValidateService", check(f"{server.url}/third"))), "--json")
    assert done.code == 0, done.err
    assert server.asked == {"/third": 3}
    log = next(agent.deployment_root.glob("*/*/logs/scripts.log")).read_text()
    assert "[stdout]waiting for GET " in log and " Script - use: http-check\n" in log


def test_its_failure_is_told_in_its_name(agent, bundle, server):
    bad = agent.local(bundle({"a": "1"}, extra=own("ValidateService", check(f"{server.url}/broken", **{"for": "100ms"}))), "--json")
    assert (bad.code, bad.json["error"]["error_code"]) == (1, "ScriptFailed")
    message = bad.json["error"]["message"]
    assert message.startswith(f"use: http-check: waited 0.1 s for GET {server.url}/broken = 200: 503 ("), message
    assert message.endswith('; last body: "no database"')
    failed = [e for e in bad.json["events"] if e["status"] == "Failed"]
    assert [e["script"] for e in failed] == ["use: http-check"], bad.json["events"]


def test_arguments_take_variables(agent, bundle, server):
    entry = check("http://{{HOST}}:{{PORT}}/fine", headers={"X-A": "{{HOST}} {{ no name }} {{", "X-B": 7})
    made = bundle({"a": "1"}, extra=own("ValidateService", entry, env={"HOST": "127.0.0.1", "PORT": str(server.port)}))
    done = agent.local(made, "--json")
    assert done.code == 0, done.err
    assert server.headers["X-A"] == "127.0.0.1 {{ no name }} {{" and server.headers["X-B"] == "7"


def test_a_variable_that_is_missing_is_named(agent, bundle):
    bad = agent.local(bundle({"a": "1"}, extra=own("ValidateService", check("http://{{NO_HOST}}/"))), "--json")
    assert bad.json["error"]["message"].startswith("use: http-check: with: there is no variable 'NO_HOST', which {{NO_HOST}} stands for")


def test_its_timeout_counts(agent, bundle):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        entry = {**check(f"http://127.0.0.1:{deaf.getsockname()[1]}/", **{"for": "1h", "timeout": "1h"}), "timeout": 1}
        bad = agent.local(bundle({"a": "1"}, extra=own("ValidateService", entry)), "--json")
    assert bad.json["error"]["error_code"] == "ScriptTimedOut"
    assert "use: http-check failed to complete in 1 seconds" in bad.json["error"]["message"]


def test_it_runs_as_the_user_that_is_named(agent, bundle, tmp_path, as_root):
    folder = tmp_path / "once"
    folder.mkdir()
    for path in (folder, *folder.parents[:-2]):
        path.chmod(0o777 if path == folder else path.stat().st_mode & 0o7777 | 0o111)
    entry = {"use": "run-migrations-once", "with": {"shell": f"id -un >{folder}/who", "folder": str(folder)}, "runas": "nobody"}
    done = agent.local(bundle({"a": "1"}, extra=own("AfterInstall", entry)), "--json")
    assert done.code == 0, done.err
    assert (folder / "who").read_text() == "nobody\n"


@pytest.mark.parametrize("entry, said", [
    ({"use": "http-check"}, "http-check lacks its argument 'url'"),
    ({"use": "http-check", "with": {"url": "u", "expect": "ok"}}, "'expect' of http-check must be a whole number, not 'ok'"),
    ({"use": "systemd-restart", "with": {"units": ["a"], "action": "stop"}}, "must be one of [\"restart\", \"start\", \"reload\"], not 'stop'"),
])
def test_wrong_arguments_are_found_before_anything_is_touched(agent, target, bundle, entry, said):
    bad = agent.local(bundle({"a": "1"}, extra=own("ValidateService", entry)), "--json")
    assert (bad.code, bad.json["error"]["error_code"]) == (1, "AppSpecInvalid")
    assert said in bad.json["error"]["message"]
    assert target.tree() == {}


def test_plan_and_lint_show_it(agent, bundle, server):
    made = bundle({"a": "1"}, extra=own("ValidateService", check(server.url)))
    plan = agent("plan", made, "--json")
    assert plan.code == 0, plan.err
    assert [h["script"] for h in plan.json["hooks"]] == ["use: http-check"]
    assert agent("lint", "--strict", made).code == 0
    shown = agent("lint", "--json", made).json["appspec"]["slipway"]["hooks"]["ValidateService"][0]
    assert (shown["use"], shown["with"]["expect"], shown["with"]["for"]) == ("http-check", 200, 5)
    assert "location" not in shown
    portable = agent("lint", "--portable", made)
    assert "the CodeDeploy agents ignore 'hooks' below 'slipway'" in portable.out
    assert server.asked == {}


def test_the_revision_that_is_brought_back_is_checked_by_it(scene, bundle, server):
    good = own("ValidateService", check(f"{server.url}/fine"))
    scene.install(bundle({"a": "1"}, extra=good))
    bad = scene.agent.local(bundle({"a": "2"}, {"ValidateService": "exit 3"}, extra=good), "--on-failure", "restore", "--json")
    assert bad.code == 6, bad.err
    assert scene.RESTORED in scene.plain(bad.err)
    assert server.asked == {"/fine": 2} and scene.target.read("a") == "1"


def test_a_try_swaps_a_link_in_its_own_folder_and_only_tells_of_the_rest(agent, bundle, server, tmp_path):
    entries = [{"use": "symlink-release", "with": {"link": f"{tmp_path}/current", "releases": f"{tmp_path}/releases", "from": "content"}},
               {"use": "systemd-restart", "with": {"units": "no-such-unit"}}, check(server.url),
               {"use": "tcp-check", "with": {"port": 1}}, {"use": "warm-up", "with": {"urls": server.url}},
               {"use": "webhook", "with": {"url": server.url}},
               {"use": "run-migrations-once", "with": {"shell": f"touch {tmp_path}/ran", "folder": str(tmp_path / "once")}}]
    tried = agent("try", bundle({"a": "1"}, extra=own("ApplicationStart", *entries)))
    assert tried.code == 0, tried.out + tried.err
    assert server.asked == {}
    assert [p.name for p in tmp_path.iterdir() if p.name in ("current", "releases", "ran", "once")] == []


def test_trying_one_by_hand(agent, try_hook, server):
    done = try_hook("http-check", url="http://127.0.0.1:{{PORT}}/fine", env=[f"PORT={server.port}"])
    assert (done.code, done.out) == (0, f"GET {server.url}/fine = 200: yes\n")
    assert done.err.startswith("use: http-check succeeded in ")
    listed = agent("hook", "--list")
    names = [line.split()[0] for line in listed.out.splitlines()]
    assert names == sorted(p.stem for p in (CHECKOUT / "hooks").glob("*.lua"))
    for name in names:
        shown = agent("hook", "--use", name, "--help")
        assert shown.code == 0 and shown.out.startswith(f"{name}: "), shown.err


@pytest.mark.parametrize("words, said", [
    (["--use", "http-chek"], "there is no ready-made hook 'http-chek', did you mean 'http-check'?"),
    (["--use", "http-chek", "--help"], "there is no ready-made hook 'http-chek'"),
    (["--use", "http-check"], "http-check lacks its argument 'url'"),
    (["--use", "http-check", "--with", "url"], "ARGUMENT=VALUE expected, got 'url'"),
    (["--use", "http-check", "--with", "url=u", "x.lua"], "--use stands for a file; what comes after it is 'x.lua'"),
    (["--with", "url=u", "x.lua"], "--with belongs to --use"),
])
def test_wrong_words_are_named(agent, words, said):
    bad = agent("hook", *words)
    assert bad.code == 2 and said in bad.err, bad.err


# http-check

def test_http_check_looks_at_the_body(try_hook, server):
    assert try_hook("http-check", url=f"{server.url}/fine", body="version 4%d").code == 0
    bad = try_hook("http-check", url=f"{server.url}/fine", body="version 43", **{"for": "50ms", "interval": "20ms"})
    assert bad.code == 1
    assert f"use: http-check: waited 0.05 s for GET {server.url}/fine = 200 with 'version 43': 200, another body (" in bad.err
    assert try_hook("http-check", url=f"{server.url}/broken", expect=503).code == 0
    bad = try_hook("http-check", url=server.url, body="[")
    assert "use: http-check: body: '[' is no Lua pattern\n" in bad.err


def test_http_check_tells_who_does_not_answer(try_hook):
    bad = try_hook("http-check", url="http://127.0.0.1:1/", **{"for": "50ms"})
    assert "use: http-check: waited 0.05 s for GET http://127.0.0.1:1/ = 200: Failed to connect " in bad.err


# tcp-check

def test_tcp_check_waits_for_a_port_or_a_socket(try_hook, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as there, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(f"{tmp_path}/s")
        unix.listen()
        port = there.getsockname()[1]
        assert try_hook("tcp-check", port=port).out == f"127.0.0.1:{port}: somebody listens\n"
        assert try_hook("tcp-check", port="{{P}}", host="localhost", env=[f"P={port}"]).code == 0
        assert try_hook("tcp-check", path=f"{tmp_path}/s").out == f"{tmp_path}/s: somebody listens\n"
    bad = try_hook("tcp-check", port=1, **{"for": "50ms", "interval": "20ms"})
    assert bad.code == 1 and "use: tcp-check: waited 0.05 s for 127.0.0.1:1: Connection refused (" in bad.err
    for wrong in ({}, {"port": 1, "path": "/x"}, {"path": "/x", "host": "localhost"}):
        assert "takes either 'port' (and 'host') or 'path'" in try_hook("tcp-check", **wrong).err


# run-migrations-once

@pytest.fixture
def migrate(try_hook, tmp_path):
    """migrate(key="1") runs a migration that writes a line into the file `ran`."""
    def run(shell="echo ran >>{}; echo done", **more):
        return try_hook("run-migrations-once", folder=tmp_path / "once", shell=shell.format(run.ran), **more)

    run.ran = tmp_path / "ran"
    return run


def test_a_migration_runs_once_for_a_key(migrate):
    for _ in range(2):
        done = migrate(key="42")
        assert done.code == 0, done.err
    assert "was migrated for '42' already: by " in done.out
    assert migrate.ran.read_text() == "ran\n"
    assert migrate(key="43").code == 0 and migrate(key="43", name="other/one").code == 0
    assert migrate.ran.read_text() == "ran\n" * 3


def test_a_migration_that_fails_is_tried_again(migrate):
    bad = migrate(shell="echo begun; echo no such table >&2; exit 3")
    assert bad.code == 1 and bad.out == "begun\nno such table\n"
    assert "ended with exit code 3: no such table\n" in bad.err
    assert migrate().code == 0 and migrate.ran.read_text() == "ran\n"


def test_a_password_in_a_variable_is_not_shown(try_hook, tmp_path):
    for key, how in (("1", {"shell": 'test {{PW}} = "$PW" && exit 3'}), ("2", {"command": "[ls, '/{{PW}}']"})):
        bad = try_hook("run-migrations-once", folder=tmp_path / "once", key=key, env=["PW=x7Kq-42aP"], **how)
        first = bad.err.splitlines()[0]
        assert bad.code == 1 and "{{PW}}" in first and "x7Kq" not in first.split(" ended with ")[0], bad.err


def test_a_migration_runs_in_the_bundle_and_takes_a_list(try_hook, tmp_path):
    done = try_hook("run-migrations-once", folder=tmp_path, command="[printf, '%s|', 0640, yes, a b]")
    assert done.out == "0640|yes|a b|\n"
    assert try_hook("run-migrations-once", folder=tmp_path, key="2", command="[pwd]").out == f"{try_hook.work}\n"
    for wrong in ({}, {"command": "[a]", "shell": "b"}):
        assert "takes either 'command' or 'shell'" in try_hook("run-migrations-once", folder=tmp_path, **wrong).err


def test_two_hosts_at_once_migrate_once(tmp_path, bundle):
    """Two agents share the folder, as two hosts do; both deploy at the same time."""
    shell = f"echo ran >>{tmp_path}/ran; sleep 0.3"
    entry = {"use": "run-migrations-once", "with": {"shell": shell, "folder": str(tmp_path / "once"), "key": "42", "name": "shop"}}
    made = bundle({}, extra=own("AfterInstall", entry))
    agents = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        agents.append(Agent(tmp_path / name))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda agent: agent.local(made, "--json"), agents))
    assert [d.code for d in done] == [0, 0], done[0].err + done[1].err
    assert (tmp_path / "ran").read_text() == "ran\n"
    logs = [next(agent.deployment_root.glob("*/*/logs/scripts.log")).read_text() for agent in agents]
    assert sum("was migrated for '42' already" in log for log in logs) == 1


def test_somebody_who_holds_the_lock_for_too_long(migrate, tmp_path):
    assert migrate(key="1", name="n").code == 0
    with subprocess.Popen(["flock", tmp_path / "once/n.lock", "sh", "-c", "echo held; exec cat"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        bad = migrate(key="2", name="n", wait="100ms")
        holder.stdin.close()
    assert bad.code == 1 and "once/n.lock' is held by another process, still after 0.1 s" in bad.err
    assert migrate.ran.read_text() == "ran\n"


@pytest.mark.parametrize("forbids", [True, False])
def test_a_migration_forbids_to_bring_the_old_revision_back(scene, bundle, tmp_path, forbids):
    scene.install(bundle({"a": "1"}))
    entry = {"use": "run-migrations-once", "with": {"shell": "true", "folder": str(tmp_path / "once"), "name": "shop", "key": "42",
                                                    **({} if forbids else {"no_restore": False})}}
    bad = scene.agent.local(bundle({"a": "2"}, {"ValidateService": "exit 3"}, extra=own("AfterInstall", entry)),
                            "--on-failure", "restore", "--json")
    assert bad.code == (1 if forbids else 6), bad.err
    assert ("shop is migrated for '42'" in bad.err) is forbids
    assert scene.target.read("a") == ("2" if forbids else "1")


def test_what_the_old_revision_was_deployed_with_does_not_forbid_to_bring_it_back(scene, bundle, tmp_path):
    """A key stays the same for many deployments: only the one that brings another schema has no way back."""
    def made(version, key, **hooks):
        entry = {"use": "run-migrations-once", "with": {"shell": f"echo {key} >>{tmp_path}/ran", "folder": str(tmp_path / "once"),
                                                        "name": "shop", "key": key}}
        return bundle({"a": version}, hooks, extra=own("AfterInstall", entry))

    fails = {"ValidateService": "exit 3"}
    scene.install(made("1", "42"))
    back = scene.agent.local(made("2", "42", **fails), "--on-failure", "restore", "--json")
    assert back.code == 6 and scene.target.read("a") == "1", back.err
    scene.agent.local(made("3", "42"))
    back = scene.agent.local(made("4", "42", **fails), "--on-failure", "restore", "--json")
    assert back.code == 6 and scene.target.read("a") == "3", back.err
    stays = scene.agent.local(made("5", "43", **fails), "--on-failure", "restore", "--json")
    assert stays.code == 1 and scene.target.read("a") == "5" and "shop is migrated for '43'" in stays.err
    assert (tmp_path / "ran").read_text() == "42\n43\n"


def test_nobody_else_can_hold_the_lock(migrate, tmp_path):
    """flock(1) needs no more than the right to read."""
    assert migrate(key="1", name="n").code == 0
    assert (tmp_path / "once").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "once/n.lock").stat().st_mode & 0o777 == 0o600


def test_the_mark_of_a_key_does_not_grow_for_ever(try_hook, tmp_path):
    first = "by host in deployment d-FIRST0000\n"
    assert try_hook("run-migrations-once", folder=tmp_path / "once", key="1", name="n", shell="true").code == 0
    (mark,) = (tmp_path / "once").glob("*.done")
    mark.write_text(first + "".join(f"by host in deployment d-{n:09}\n" for n in range(3000)))
    done = try_hook("run-migrations-once", folder=tmp_path / "once", key="1", name="n", shell="false")
    assert done.code == 0 and "migrated for '1' already: by host in deployment d-FIRST0000" in done.out
    lines = mark.read_text().splitlines(True)
    assert len(lines) < 1100 and lines[0] == first and lines[-2:-1] == ["by host in deployment d-000002999\n"]


# symlink-release

def release(tmp_path, **more):
    entry = {"use": "symlink-release", "with": {"link": f"{tmp_path}/current", "releases": f"{tmp_path}/releases/", "from": "content", **more}}
    return own("ApplicationStart", entry)


def test_releases_lie_side_by_side(agent, bundle, tmp_path):
    ids = []
    for version in "1234":
        done = agent.local(bundle({"a": version, "run": ("#!/bin/sh\n", 0o755)}, extra=release(tmp_path)), "--json")
        assert done.code == 0, done.err
        ids.append(done.json["deployment_id"])
        assert (tmp_path / "current/a").read_text() == version
        assert os.readlink(tmp_path / "current") == f"{tmp_path}/releases/{ids[-1]}"
    assert sorted(p.name for p in (tmp_path / "releases").iterdir()) == sorted(ids[1:])
    assert (tmp_path / "current/run").stat().st_mode & 0o777 == 0o755


def test_the_link_goes_back_with_the_revision(agent, bundle, tmp_path):
    good = agent.local(bundle({"a": "1"}, extra=release(tmp_path)), "--json")
    bad = agent.local(bundle({"a": "2"}, {"ValidateService": f"grep 2 {tmp_path}/current/a && exit 3"}, extra=release(tmp_path)),
                      "--on-failure", "restore", "--json")
    assert bad.code == 6, bad.err
    assert os.readlink(tmp_path / "current").endswith("/" + good.json["deployment_id"])
    assert (tmp_path / "current/a").read_text() == "1"


def test_what_is_no_release_stays(agent, bundle, tmp_path):
    """A careless 'releases' names a folder where other things lie, too."""
    kept = {"uploads", "shared", "2024-01-01", "d-notes.d"}
    for name in kept:
        (tmp_path / "releases" / name).mkdir(parents=True)
        (tmp_path / "releases" / name / "x").touch()
    ids = [agent.local(bundle({"a": v}, extra=release(tmp_path, keep=2)), "--json").json["deployment_id"] for v in "123"]
    assert {p.name for p in (tmp_path / "releases").iterdir()} == {*kept, *ids[1:]}
    assert all((tmp_path / "releases" / name / "x").exists() for name in kept)


def test_the_release_before_stays_however_the_link_spells_it(agent, bundle, tmp_path):
    ids = []
    for version in "123":
        ids.append(agent.local(bundle({"a": version}, extra=release(tmp_path, keep=2)), "--json").json["deployment_id"])
        (tmp_path / "current").unlink()
        (tmp_path / "current").symlink_to(f"./releases/../releases/{ids[-1]}/")
    assert sorted(p.name for p in (tmp_path / "releases").iterdir()) == sorted(ids[1:])


def test_a_release_that_cannot_be_removed_fails_nothing(agent, bundle, tmp_path, as_root):
    """The oldest release holds a file of root's, and the hook runs as nobody."""
    for path in tmp_path.parents[:-2]:
        path.chmod(path.stat().st_mode & 0o7777 | 0o111)
    tmp_path.chmod(0o777)
    extra = release(tmp_path, keep=2)
    extra = extra.replace('"use":', '"runas": "nobody", "use":')
    for version in "12":
        assert agent.local(bundle({"a": version}, extra=extra)).code == 0
    oldest = min((tmp_path / "releases").iterdir(), key=lambda p: p.stat().st_mtime_ns)
    (oldest / "root").mkdir(mode=0o755)
    (oldest / "root/file").touch()
    done = agent.local(bundle({"a": "3"}, extra=extra), "--json")
    assert done.code == 0 and (tmp_path / "current/a").read_text() == "3", done.err
    (log,) = agent.deployment_root.glob(f"*/{done.json['deployment_id']}/logs/scripts.log")
    assert f"removing the release {oldest}: " in log.read_text()


def test_a_copy_that_fails_leaves_nothing_behind(try_hook, tmp_path):
    """On a full disk its room is needed by others."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/sync").write_text("#!/bin/sh\necho no space >&2\nexit 1\n")
    (tmp_path / "bin/sync").chmod(0o755)
    (try_hook.work / "a").write_text("1")
    arguments = {"link": tmp_path / "l", "releases": tmp_path / "r"}
    bad = try_hook("symlink-release", env=[f"PATH={tmp_path}/bin:/usr/bin:/bin"], **arguments)
    assert bad.code == 1 and "no space" in bad.err, bad.err
    assert list((tmp_path / "r").iterdir()) == [] and not (tmp_path / "l").is_symlink()
    assert try_hook("symlink-release", **arguments).code == 0 and (tmp_path / "l/a").read_text() == "1"


def test_a_link_to_what_is_there(try_hook, tmp_path):
    (tmp_path / "v1").mkdir()
    done = try_hook("symlink-release", link=tmp_path / "current", target=tmp_path / "v1")
    assert done.code == 0 and os.readlink(tmp_path / "current") == f"{tmp_path}/v1"
    bad = try_hook("symlink-release", link=tmp_path / "current", target=tmp_path / "v2")
    assert f"use: symlink-release: target: '{tmp_path}/v2' is no folder\n" in bad.err
    bad = try_hook("symlink-release", link=tmp_path / "v1", target=tmp_path / "current")
    assert bad.code == 1 and (tmp_path / "v1").is_dir() and not (tmp_path / "v1").is_symlink()


@pytest.mark.parametrize("arguments, said", [
    ({}, "takes either 'releases' or 'target'"),
    ({"releases": "/r", "target": "/t"}, "takes either 'releases' or 'target'"),
    ({"releases": "/r", "keep": 1}, "keep: at least 2 expected, got 1"),
    ({"releases": "/r", "from": "a/../../b"}, "from: a folder of the bundle expected, got 'a/../../b'"),
    ({"releases": "/r", "from": "/etc"}, "from: a folder of the bundle expected"),
    ({"releases": "{{HERE}}", "from": "none"}, "from: the bundle holds no folder 'none'"),
])
def test_wrong_arguments_of_symlink_release(try_hook, tmp_path, arguments, said):
    bad = try_hook("symlink-release", link=tmp_path / "l", env=[f"HERE={tmp_path}"], **arguments)
    assert bad.code == 1 and said in bad.err, bad.err


# warm-up

def test_warm_up_asks_each_url(try_hook, server):
    done = try_hook("warm-up", urls=f"[{server.url}/a, {server.url}/b]", requests=3, within="60s")
    assert done.code == 0 and server.asked == {"/a": 3, "/b": 3}
    assert f"GET {server.url}/b: 3 answers, the first in " in done.out
    assert try_hook("warm-up", urls=f"{server.url}/c", requests=1).code == 0
    bad = try_hook("warm-up", urls=f"{server.url}/broken")
    assert f"use: warm-up: GET {server.url}/broken answered 503, not 200 (request 1 of 20)\n" in bad.err
    assert "requests: at least 1 expected, got 0" in try_hook("warm-up", urls="a", requests=0).err


# systemd-restart

def test_systemd_restart_restarts_all_and_waits_for_each(try_hook, manager):
    done = try_hook("systemd-restart", units="[ok, app@1]", daemon_reload="true", settle="100ms", env=[manager.variable])
    assert done.code == 0, done.err
    assert manager.calls == ["Reload", "ResetFailedUnit ok.service", "RestartUnit ok.service", "ResetFailedUnit app@1.service",
                             "RestartUnit app@1.service"]
    assert [line for line in done.out.splitlines() if ": active" in line] == ["ok: active for 0.1 s", "app@1: active for 0.1 s"]
    assert try_hook("systemd-restart", units="late", action="start", settle=0, env=[manager.variable]).code == 0
    assert manager.calls[5:] == ["ResetFailedUnit late.service", "StartUnit late.service"]


def test_systemd_restart_tells_why_a_unit_does_not_start(try_hook, manager):
    bad = try_hook("systemd-restart", units="[failing, ok]", env=[manager.variable])
    assert bad.code == 1
    assert "use: systemd-restart: restarting failing.service: the job ended as failed: ActiveState=failed" in bad.err
    assert manager.calls == ["ResetFailedUnit failing.service", "RestartUnit failing.service"]
    bad = try_hook("systemd-restart", units="dying", settle="60s", env=[manager.variable])
    assert "use: systemd-restart: dying.service is not active: ActiveState=failed" in bad.err


# webhook

def test_webhook_sends_what_it_is_told(try_hook, server):
    url = f"{server.url}/hook"
    about = {"application": "try", "group": "try", "deployment": "d-TRYHOOK00", "event": "ValidateService"}
    assert try_hook("webhook", url="{{HOOK}}", text="hello {{PORT}}", env=[f"HOOK={url}", "PORT=80"]).code == 0
    assert try_hook("webhook", url=url, payload='{a: [1, {b: ~}], text: "{{PORT}}"}', env=["PORT=80"]).code == 0
    assert try_hook("webhook", url=url).code == 0
    assert server.posted == [{"text": "hello 80", **about}, {"a": [1, {"b": None}], "text": "80"},
                             {"text": "try on try: ValidateService of deployment d-TRYHOOK00", **about}]


def test_webhook_fails_only_when_it_must(try_hook, server):
    url = f"{server.url}/gone"
    done = try_hook("webhook", url=url, text="hello")
    assert (done.code, done.out) == (0, 'slipway.notify: POST *** answered 404: "no database"; nobody is told\n'), done.err
    bad = try_hook("webhook", url=url, text="hello", optional="false")
    assert bad.code == 1 and "use: webhook: slipway.notify: POST *** answered 404" in bad.err
    assert url not in done.out + bad.out + bad.err
    assert "either 'text' or 'payload'" in try_hook("webhook", url=url, text="a", payload="{}").err


def test_the_address_of_a_webhook_is_nowhere_in_any_part(try_hook, server):
    """Not when messages leave out user and password, and not when the server repeats the path."""
    for url in (f"http://me:pass@127.0.0.1:{server.port}/hook-x7Kq", f"{server.url}/services/T0/B0/echo-x7Kq"):
        done = try_hook("webhook", url=url, text="hello")
        assert done.code == 0 and "nobody is told" in done.out, done.err
        assert "x7Kq" not in done.out + done.err and "pass" not in done.out + done.err, done.out


def test_webhook_without_an_address_fails_only_when_it_must(try_hook):
    """A host that has no chat sets its variable to nothing."""
    done = try_hook("webhook", url="{{HOOK}}", text="hello", env=["HOOK="])
    assert done.code == 0 and "nobody is told" in done.out, done.err
    assert try_hook("webhook", url="{{HOOK}}", text="hello", optional="false", env=["HOOK="]).code == 1


def test_they_are_installed_for_readers(tmp_path):
    assert shutil.which("make")
    done = subprocess.run(["make", "-s", "-n", "install", f"DESTDIR={tmp_path}"], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert f"hooks/*.lua {tmp_path}/usr/share/slipway/hooks" in done.stdout
