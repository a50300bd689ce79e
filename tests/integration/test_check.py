"""`slipway check`: what was installed, compared with what is there."""
import json
import os
import shutil

import jsonschema
import pytest
from conftest import CHECKOUT

SCHEMA = json.loads((CHECKOUT / "docs/check.schema.json").read_text(encoding="utf-8"))
GROUP = "default-local-deployment-group"


@pytest.fixture
def installed(agent, bundle, target):
    """Three files in a folder of their own, and a link."""
    top = bundle(files={"etc/a.conf": "one\n", "etc/b.conf": "two\n", "bin/run": ("#!/bin/sh\n", 0o755)})
    (top / "content/current").symlink_to("etc/a.conf")
    done = agent.local(top, "--json")
    assert done.code == 0, done.err
    return done.json["deployment_id"]


def checked(agent, *words, code):
    done = agent("check", "--json", *words)
    assert done.code == code, done.err
    jsonschema.validate(done.json, SCHEMA)
    assert done.json["clean"] == (code == 0)
    return done.json["groups"]


def test_what_is_as_it_was_installed_is_clean(agent, installed):
    done = agent("check")
    assert (done.code, done.err) == (0, "")
    assert done.out == f"group '{GROUP}': all 6 paths of {installed} are as they were installed\n"
    [group] = checked(agent, code=0)
    assert group["status"] == "clean" and group["deployment_id"] == installed and group["checked"] == 6


def swap_for_folder(path):
    path.unlink()
    path.mkdir()


def relink(path):
    path.unlink()
    path.symlink_to("etc/b.conf")


def chown(path):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    os.chown(path, 12345, 12346)


@pytest.mark.parametrize("name, do, said", [
    ("etc/a.conf", lambda p: p.write_text("longer than it was\n"), "changed (expected 4 bytes, is 19 bytes)"),
    ("etc/a.conf", lambda p: p.write_text("eno\n"),
     "changed (expected sha256:2c8b08da5ce6.., is other content of the same size)"),
    ("etc/b.conf", lambda p: p.unlink(), "missing (expected a file, is not there)"),
    ("etc/b.conf", swap_for_folder, "type (expected a file, is a folder)"),
    ("bin/run", lambda p: p.chmod(0o600), "mode (expected 0755, is 0600)"),
    ("bin", lambda p: p.chmod(0o711), "mode (expected 0755, is 0711)"),
    ("bin/run", chown, "owner (expected root:root, is 12345:12346)"),
    ("current", relink, "link (expected 'etc/a.conf', is 'etc/b.conf')"),
])
def test_each_deviation_is_one_line(agent, target, installed, name, do, said):
    path = target.path / name
    do(path)
    done = agent("check")
    assert done.code == 1
    assert done.out.splitlines() == [f"{path}: {said}",
                                     f"group '{GROUP}': 1 of 6 paths of {installed} are not as they were installed"]
    [group] = checked(agent, code=1)
    assert [(d["path"], d["problems"]) for d in group["drift"]] == [(str(path), [said])]


def test_a_file_that_only_was_touched_or_copied_is_no_drift(agent, target, installed):
    os.utime(target.path / "etc/a.conf")
    shutil.copy2(target.path / "etc/b.conf", target.path / "copy")
    os.replace(target.path / "copy", target.path / "etc/b.conf")
    assert agent("check").code == 0


def test_below_a_missing_folder_everything_is_missing(agent, target, installed):
    shutil.rmtree(target.path / "etc")
    [group] = checked(agent, code=1)
    assert [(d["type"], d["path"]) for d in group["drift"]] == [
        (kind, str(target.path / name)) for kind, name in (("folder", "etc"), ("file", "etc/a.conf"), ("file", "etc/b.conf"))]


def test_what_a_rule_keeps_is_told_and_is_no_drift(agent, bundle, target):
    rule = f"slipway:\n  overwrite:\n    - path: {target.path}/*.conf\n      behavior: RETAIN\n"
    line = 8
    assert agent.local(bundle(files={"a.conf": "one\n", "page": "1\n"}, extra=rule)).code == 0
    target.write("a.conf", "mine\n")
    edited = f"{target.path}/a.conf: edited, kept (rule of 'overwrite' in line {line})\n"
    for round_ in ("edited since", "retained by a deployment"):
        done = agent("check")
        assert done.code == 0, round_
        assert done.out.startswith(edited) and done.out.endswith("as they were installed; 1 of them was edited and is kept\n"), round_
        [group] = checked(agent, code=0)
        assert group["kept"] == [{"path": f"{target.path}/a.conf", "line": line}]
        assert agent.local(bundle(files={"a.conf": "two\n", "page": "2\n"}, extra=rule)).code == 0
    assert target.read("a.conf") == "mine\n"
    (target.path / "a.conf").chmod(0o600)
    target.write("page", "x\n")
    [group] = checked(agent, code=1)
    assert [d["path"] for d in group["drift"]] == [f"{target.path}/page"]


def test_nothing_installed_is_said(agent, bundle):
    done = agent("check")
    assert (done.code, done.out) == (0, "nothing is installed: no deployment group is known on this host\n")
    assert agent.local(bundle(files={"a": "1"}, hooks={"BeforeInstall": "exit 1"}), "--deployment-group", "web").code == 1
    done = agent("check", "--group", "web")
    assert (done.code, done.out) == (0, "group 'web': nothing is installed\n")
    [group] = checked(agent, code=0)
    assert (group["status"], group["deployment_id"]) == ("nothing installed", None)


@pytest.mark.parametrize("words, code, said", [
    (["--group", "nosuch"], 2, "nothing was ever deployed to a group 'nosuch' on this host"),
    (["--group", "a/b"], 2, "cannot be a deployment group"),
    (["--colour"], 2, "'--colour' is not known"),
    (["x"], 2, "one argument too many"),
])
def test_wrong_usage_is_2(agent, installed, words, code, said):
    done = agent("check", *words)
    assert done.code == code and said in done.err and done.out == ""


def test_records_that_cannot_be_read_are_5_and_named(agent, bundle, installed, tmp_path):
    assert agent.local(bundle(files={"b/x": "1"}), "--deployment-group", "other").code == 0
    manifest = agent.deployment_root / GROUP / installed / "manifest"
    manifest.write_bytes(manifest.read_bytes()[:-7])
    done = agent("check")
    assert done.code == 5 and f"group '{GROUP}'" in done.err and "group 'other': all" in done.out
    assert {g["group"]: g["status"] for g in checked(agent, code=5)} == {GROUP: "unreadable", "other": "clean"}


def test_who_may_not_look_is_told_so_and_not_that_files_are_missing(agent, bundle, target, as_root):
    assert agent.local(bundle(files={"secret/a": "1"})).code == 0
    (target.path / "secret").chmod(0o700)
    for path in agent.deployment_root.rglob("manifest"):
        path.chmod(0o644)
    for path in (*agent.root.parents, agent.root):
        if str(path).startswith("/tmp/"):
            path.chmod(path.stat().st_mode | 0o011)
    done = agent("check", user=65534, group=65534, extra_groups=[])
    assert done.code == 5 and "missing" not in done.out + done.err and "Permission denied" in done.err


def test_help_never_acts(agent):
    done = agent("check", "--help")
    assert done.code == 0 and done.out.startswith("Usage: slipway")
