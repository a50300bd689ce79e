"""`slipway plan`: what a deployment would do, without doing it."""
import fcntl
import json
import os
import signal
import subprocess

import jsonschema
import pytest
from conftest import CHECKOUT, processes_of, tree_of, wait_until
from daemon_kit import Daemon

SCHEMA = json.loads((CHECKOUT / "docs/plan.schema.json").read_text(encoding="utf-8"))
GROUP = ("--deployment-group", "default")


def planned(agent, source, *words, code=0):
    done = agent("plan", source, "--json", *words)
    assert done.code == code, done.err + done.out
    jsonschema.validate(done.json, SCHEMA)
    assert os.listdir(agent.root / "var/lib/slipway/plans") == []
    return done.json


def fates(plan, target):
    return {p["path"][len(str(target.path)) + 1:]: p["action"] for p in plan["paths"] if p["type"] != "folder"}


def deploy(agent, source, *words):
    done = agent.local(source, *GROUP, "--json", *words)
    assert done.code == 0, done.err
    return done.json


def rule(target, pattern, behavior):
    return f"slipway:\n  overwrite:\n    - path: {target.path}/{pattern}\n      behavior: {behavior}\n"


def test_nothing_is_touched_and_every_path_is_told(agent, bundle, target):
    deploy(agent, bundle(files={"same": "1", "old": "1", "gone": "1"}))
    top = bundle(files={"same": "1", "old": "two", "new": "1"}, hooks={"BeforeInstall": f"touch {target.path}/ran"})
    os.utime(top / "content/same", ns=((target.path / "same").stat().st_mtime_ns,) * 2)
    state = agent.deployment_root
    before = target.tree(), tree_of(state)
    plan = planned(agent, top)
    assert (target.tree(), tree_of(state)) == before
    assert fates(plan, target) == {"same": "unchanged", "old": "change", "gone": "remove", "new": "add"}
    assert plan["destinations"] == [{"path": str(target.path), "added": 1, "changed": 1, "unchanged": 1, "removed": 1,
                                     "kept": 0, "refused": 0}]
    assert plan["files"]["bytes"] == 4 and plan["changes"] and not plan["hooks_run"]
    assert plan["space"][0]["needed"] > 0 and plan["space"][0]["free"] > 0
    done = agent("plan", top, "-v")
    for line in (f"{target.path}:  1 added  1 changed  1 unchanged  1 removed", f"  add        {target.path}/new",
                 f"  remove     {target.path}/gone", "hooks that would run, in this order (none was run):"):
        assert line in done.out.splitlines()
    assert "/same" not in agent("plan", top).out


@pytest.mark.parametrize("why, files, before, words, extra", [
    ("first install", {"a": "1", "b/c": "2"}, {}, [], ""),
    ("the same again", {"old": "1", "gone": "1"}, {}, [], ""),
    ("an upgrade", {"old": "2", "new": "1"}, {}, [], ""),
    ("a file becomes a folder", {"old/x": "2"}, {}, [], ""),
    ("foreign files overwritten", {"old": "2", "x": "1"}, {"x": "theirs"}, ["-b", "OVERWRITE"], ""),
    ("foreign files retained", {"old": "2", "x": "1"}, {"x": "theirs"}, ["-b", "RETAIN"], ""),
    ("the appspec decides", {"x": "1"}, {"x": "theirs"}, [], "file_exists_behavior: OVERWRITE\n"),
    ("an edit is kept", {"old": "2"}, {"old": "mine"}, [], "RULE"),
    ("an edit is replaced", {"old": "2"}, {"old": "mine"}, [], ""),
    ("an edit that is gone from the revision is kept", {"new": "2"}, {"old": "mine"}, [], "RULE"),
])
def test_what_is_announced_is_what_is_done(agent, bundle, target, why, files, before, words, extra):
    if why != "first install":
        deploy(agent, bundle(files={"old": "1", "gone": "1"}))
    for name, text in before.items():
        target.write(name, text)
    top = bundle(files=files, extra=rule(target, "old", "RETAIN") if extra == "RULE" else extra)
    plan, was = planned(agent, top, *words), target.tree()
    assert deploy(agent, top, *words)["files"] == plan["files"]
    now = target.tree()
    for name, fate in fates(plan, target).items():
        assert {"add": name in now, "remove": name not in now, "keep": now.get(name) == was.get(name),
                "unchanged": now.get(name) == was.get(name), "change": name in now}[fate], (name, fate)
    listed = {p["path"][len(str(target.path)) + 1:] for p in plan["paths"]}
    assert {name for name in was.keys() | now.keys() if was.get(name) != now.get(name)} <= listed


@pytest.mark.parametrize("by, words, extra, host, behavior, verdict", [
    ("default", [], "", "", "DISALLOW", "refuse"),
    ("host", [], "", "file_exists_behavior: RETAIN\n", "RETAIN", "retain"),
    ("deployment", ["-b", "OVERWRITE"], "", "file_exists_behavior: RETAIN\n", "OVERWRITE", "overwrite"),
    ("appspec", ["-b", "OVERWRITE"], "file_exists_behavior: RETAIN\n", "", "RETAIN", "retain"),
    ("rule", ["-b", "OVERWRITE"], "RULE", "", "DISALLOW", "refuse"),
])
def test_every_conflict_names_the_policy_that_decides(agent, bundle, target, by, words, extra, host, behavior, verdict):
    if host:
        agent.configure(host)
    target.write("x", "theirs")
    target.write("y", "theirs")
    top = bundle(files={"x": "1", "y": "1", "z": "1"}, extra=rule(target, "*", "DISALLOW") if extra == "RULE" else extra)
    plan = planned(agent, top, *words, code=1 if verdict == "refuse" else 0)
    line = 8 if by == "rule" else None
    expected = {"verdict": verdict, "by": by, "behavior": behavior, "line": line}
    assert {p["path"][-1]: p["conflict"] for p in plan["paths"] if p["type"] != "folder"} == {
        **{"x": expected, "y": expected}, **({"z": None})}
    assert len(plan["errors"]) == (2 if verdict == "refuse" else 0), "all of them, not only the first"


def test_a_folder_in_a_files_place_is_refused_by_no_policy(agent, bundle, target):
    (target.path / "x").mkdir()
    plan = planned(agent, bundle(files={"x": "1"}), "-b", "OVERWRITE", code=1)
    assert [(p["action"], p["conflict"]["by"]) for p in plan["paths"] if p["path"].endswith("/x")] == [("refuse", "types")]
    done = agent("plan", bundle(files={"x": "1"}))
    assert done.code == 1 and "this would be refused before anything is touched" in done.out


def test_edits_by_hand_are_told_with_what_becomes_of_them(agent, bundle, target):
    files = {"a": "1", "b": "1", "c": "1", "d": "1"}
    deploy(agent, bundle(files=files))
    target.write("a", "mine")
    (target.path / "b").unlink()
    (target.path / "c").chmod(0o600)
    target.write("d", "mine")
    plan = planned(agent, bundle(files={"a": "2", "b": "1", "c": "1"}))
    told = {p["path"][-1]: (p["deviates"], p["action"]) for p in plan["paths"] if p["deviates"]}
    assert told == {"a": (["changed"], "change"), "b": (["missing"], "add"), "c": (["mode"], "change"), "d": (["changed"], "remove")}


def test_hooks_are_told_in_order_with_whose_they_are(agent, bundle, target):
    first = deploy(agent, bundle(files={"a": "1"}, hooks={"ApplicationStop": "true", "AfterInstall": "true"}))
    plan = planned(agent, bundle(files={"a": "1"}, hooks={"ValidateService": "true", "ApplicationStop": "exit 1",
                                                          "BeforeInstall": f"touch {target.path}/ran"}))
    assert [(h["event"], h["revision"], h["deployment_id"]) for h in plan["hooks"]] == [
        ("ApplicationStop", "previous", first["deployment_id"]), ("BeforeInstall", "this", None),
        ("ValidateService", "this", None)]
    assert not (target.path / "ran").exists()


def test_what_before_install_may_put_right_is_said_so(agent, bundle, target):
    target.write("x", "theirs")
    done = agent("plan", bundle(files={"x": "1"}, hooks={"BeforeInstall": f"rm {target.path}/x"}))
    assert done.code == 1 and "unless the revision's own BeforeInstall changes that" in done.out


def test_diff_shows_text_and_says_of_the_rest_that_it_differs(agent, bundle, target):
    deploy(agent, bundle(files={"text": "one\ntwo\n", "binary": b"\0\1", "same": "1"}))
    top = bundle(files={"text": "one\n2\x1b[31m\n", "binary": b"\0\2", "same": "1"})
    out = agent("plan", top, "--diff").out
    name = f"{target.path}/text"
    assert f"--- a{name}\n+++ b{name}\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n" in out and "\x1b" not in out
    assert f"Binary files a{target.path}/binary and b{target.path}/binary differ\n" in out
    diffs = {p["path"].rsplit("/")[-1]: p.get("diff") for p in planned(agent, top, "--diff")["paths"]}
    assert "+2\n" in diffs["text"] and diffs["same"] in ("", None)


@pytest.mark.parametrize("why, files, plain, detailed", [
    ("no changes", None, 0, 0), ("changes", {"a": "2"}, 0, 2), ("a conflict", {"x": "1"}, 1, 1)])
def test_the_detailed_exit_status(agent, bundle, target, why, files, plain, detailed):
    first = bundle(files={"a": "1"})
    deploy(agent, first)
    target.write("x", "theirs")
    top = bundle(files=files) if files else first
    assert agent("plan", top).code == plain
    assert agent("plan", top, "--detailed-exitcode").code == detailed


@pytest.mark.parametrize("words", [["/nosuch"], [], ["--colour"], ["/", "/"], ["/etc", "--group", "a/b"]])
def test_wrong_usage_is_2_and_1_with_detailed_exitcode(agent, words):
    assert agent("plan", *words).code == 2
    assert agent("plan", *words, "--detailed-exitcode").code == 1


def test_the_id_is_bound_to_the_bundle_and_to_what_stands_there(agent, bundle, target):
    top = bundle(files={"a": "1", "b": "1"}, pack=True)
    deploy(agent, bundle(files={"a": "0", "b": "0"}))
    ids = [planned(agent, top)["plan_id"], planned(agent, top)["plan_id"]]
    assert ids[0] == ids[1], "the same as long as nothing has changed"
    target.write("unrelated", "1")
    assert planned(agent, top)["plan_id"] == ids[0], "other files do not count"
    target.write("a", "edited")
    ids.append(planned(agent, top)["plan_id"])
    ids.append(planned(agent, bundle(files={"a": "1", "b": "2"}, pack=True))["plan_id"])
    ids.append(planned(agent, top, "--group", "other", "-b", "OVERWRITE")["plan_id"])
    assert len(set(ids)) == 4


def test_the_digest_that_runs_already_is_said_to(agent, bundle):
    top = bundle(files={"a": "1"}, pack=True)
    assert not planned(agent, top)["already_runs"]
    deploy(agent, top)
    assert planned(agent, top, "--detailed-exitcode")["already_runs"]


def test_a_busy_group_is_told_and_is_no_obstacle(agent, bundle):
    deploy(agent, bundle(files={"a": "1"}))
    fd = os.open(agent.deployment_root / "default", os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        assert planned(agent, bundle(files={"a": "2"}))["busy"] == "another deployment"
        assert "busy: another deployment is running" in agent("plan", bundle(files={"a": "2"})).out
    finally:
        os.close(fd)


def test_a_bundle_that_cannot_be_unpacked_is_1_and_leaves_nothing(agent, tmp_path):
    bad = tmp_path / "bad.tgz"
    bad.write_bytes(b"no archive")
    done = agent("plan", bad)
    assert done.code == 1 and done.err.startswith("error: ")
    assert os.listdir(agent.root / "var/lib/slipway/plans") == []


def test_what_a_killed_plan_has_left_is_removed_by_the_next_one(agent, bundle, tmp_path):
    plans = agent.root / "var/lib/slipway/plans"
    fifo = bundle(files={"a": "1"})
    (plans / "d-AAAAAAAAA/deployment-archive").mkdir(parents=True)
    planned(agent, fifo)
    big = bundle(files={f"f{i}": "x" * 2000 for i in range(3000)})
    run = subprocess.Popen([agent.program, "--root", agent.root, "plan", big], env=agent.env, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: os.listdir(plans) or run.poll() is not None)
    finally:
        run.send_signal(signal.SIGKILL)
        run.wait()
    wait_until(lambda: not processes_of(agent.root))
    planned(agent, fifo)


def test_what_a_killed_plan_has_left_is_removed_when_the_daemon_starts(agent, tmp_path):
    plans = agent.root / "var/lib/slipway/plans"
    (plans / "d-AAAAAAAAA/deployment-archive").mkdir(parents=True)
    (plans / "d-BBBBBBBBB").mkdir()
    fd = os.open(plans / "d-BBBBBBBBB", os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_SH)  # somebody is planning just now
        daemon = Daemon(agent, tmp_path)
        try:
            daemon.start()
            assert os.listdir(plans) == ["d-BBBBBBBBB"]
        finally:
            daemon.stop()
    finally:
        os.close(fd)
