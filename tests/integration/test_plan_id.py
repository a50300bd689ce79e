"""`--plan ID`: what was looked at with `slipway plan` is done, or nothing is."""
import json
import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile
import time
import zipfile

import jsonschema
import pytest
from conftest import CHECKOUT, Agent, Target, wait_until
from daemon_kit import PATIENCE, Daemon, wanted

RESULT = json.loads((CHECKOUT / "docs/deployment-result.schema.json").read_text(encoding="utf-8"))
GROUP = "web"
KINDS = ["directory", "tgz", "tar", "tar.zst", "zip"]
NEXT = ("  next: run `slipway plan` again with the same options, look at what has become of it, and deploy with the id that it "
        "prints\n")


def plan_id(agent, source, *words, code=0, **rest):
    done = agent("plan", source, "--group", GROUP, "--json", *words, **rest)
    assert done.code == code, done.err + done.out
    return done.json["plan_id"]


def local(agent, source, *words, **rest):
    return agent("local", source, "--deployment-group", GROUP, *words, **rest)


def refused(done, *said):
    """The deployment was refused because of SAID; its document."""
    assert done.code == 5, done.err + done.out
    document = done.json if done.out.startswith("{\n") else done.last
    jsonschema.validate(document, RESULT)
    error = document["error"]
    assert (document["status"], error["event"], error["error_code"], error["refused"]) == ("Failed", "Preflight", "PlanChanged", True)
    assert {e["status"] for e in document["events"]} == {"Skipped"}, "not even ApplicationStop has run"
    for text in said:
        assert text in error["message"], error["message"]
    assert "error[PlanChanged]: Preflight was refused on " in done.err and "run `slipway plan` again" in done.err
    return document


@pytest.fixture
def installed(agent, bundle, target):
    """A revision whose ApplicationStop tells that it has run."""
    done = local(agent, bundle(files={"a": "1", "b": "1"}, hooks={"ApplicationStop": f"touch {target.path}/../stopped"}), "--json")
    assert done.code == 0, done.err
    return done.json["deployment_id"]


@pytest.fixture
def daemon(agent, tmp_path):
    made = Daemon(agent, tmp_path)
    yield made
    made.clean_up()


def packed(agent, top, kind):
    """The bundle TOP as it would come out of a build."""
    if kind == "directory":
        return top
    archive = top.with_suffix("." + kind)
    if kind == "zip":
        with zipfile.ZipFile(archive, "w") as out:
            for path in sorted(top.rglob("*")):
                out.write(path, path.relative_to(top).as_posix())
    elif kind == "tar.zst":
        assert agent("bundle", top, "-o", archive, "--type", kind).code in (0, 1)
    else:
        with tarfile.open(archive, "w:gz" if kind == "tgz" else "w") as out:
            out.add(top, ".")
    return archive


def odd(bundle):
    """A bundle with more than plain files."""
    top = bundle(files={"a": "2", "sub/c": ("3", 0o750), "locked/x": ("4", 0o400)}, hooks={"ValidateService": "true"})
    os.link(top / "content/a", top / "content/z")
    os.symlink("sub/c", top / "content/l")
    os.utime(top / "content/a", ns=(10**18 + 123456789,) * 2)
    (top / "content/locked").chmod(0o550)
    return top


@pytest.mark.parametrize("earlier", ["nothing before", "an earlier revision", "files in the way"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_deployment_finds_the_id_that_the_plan_printed(agent, bundle, target, kind, earlier):
    words = ["-b", "OVERWRITE"] if earlier == "files in the way" else []
    if earlier == "files in the way":
        target.write("a", "theirs")
        (target.path / "l").symlink_to("elsewhere")
    if earlier == "an earlier revision":
        assert local(agent, bundle(files={"a": "1", "sub": "was a file"})).code == 0
        target.write("a", "edited")
    source = packed(agent, odd(bundle), kind)
    first = plan_id(agent, source, *words)
    assert plan_id(agent, source, *words) == first, "as long as nothing changes"
    done = local(agent, source, "--plan", first, *words)
    assert done.code == 0, done.err
    assert target.read("a") == "2" and target.read("z") == "2" and target.read("l") == "3"
    refused(local(agent, source, "--plan", first, "--json", *words), "this host has changed since plan " + first)
    assert local(agent, source, "--plan", plan_id(agent, source, *words), *words).code == 0


@pytest.mark.parametrize("kind", KINDS)
def test_an_ordinary_user_finds_it_too(as_root, kind):
    with tempfile.TemporaryDirectory() as name:
        top = pathlib.Path(name)
        agent = Agent(top / "root")
        for program in ("slipway", "worker"):
            shutil.copy(agent.program.parent / program, top)
        agent.program = top / "slipway"
        target = Target(top / "target")
        (top / "b/content/sub").mkdir(parents=True)
        (top / "b/content/a").write_text("1")
        (top / "b/content/sub/c").write_text("2")
        (top / "b/appspec.yml").write_text(f"version: 0.0\nos: linux\nfiles:\n  - source: content\n    destination: {target.path}\n")
        source = packed(agent, top / "b", kind)
        for path in (top, *top.rglob("*")):
            os.chown(path, 65534, 65534)
        top.chmod(0o755)
        nobody = {"user": 65534, "group": 65534, "extra_groups": [], "cwd": top}
        for text in ("first", "again"):
            known = plan_id(agent, source, **nobody)
            done = local(agent, source, "--plan", known, **nobody)
            assert done.code == 0, (text, done.err)
        target.write("a", "edited")
        refused(local(agent, source, "--plan", known, "--json", **nobody), "this host has changed")


def test_a_plan_that_cannot_be_carried_out_is_not_carried_out(agent, bundle, target):
    target.write("a", "theirs")
    top = bundle(files={"a": "1"})
    done = local(agent, top, "--plan", plan_id(agent, top, code=1), "--json")
    assert (done.code, done.json["error"]["error_code"]) == (1, "FileExists"), "it is that plan, and it says so"
    target.write("a", "others")
    refused(local(agent, top, "--plan", plan_id(agent, bundle(files={"a": "2"}), code=1), "--json"), "the bundle is another one")


# (why, what happens between plan and deployment, what is said)
CHANGES = [
    ("the bundle", lambda s: (s.top / "content/a").write_text("three"), "the bundle is another one: '{top}' has changed since plan "),
    ("a script", lambda s: (s.top / "ValidateService.sh").write_text("#!/bin/sh\n:\n"), "the bundle is another one"),
    ("a time in the bundle", lambda s: os.utime(s.top / "content/a", (1, 1)), "the bundle is another one"),
    ("an installed file", lambda s: s.target.write("a", "edited"), "'{target}/a' was changed at 20"),
    ("the mode of one", lambda s: (s.target.path / "a").chmod(0o600), "'{target}/a' was changed at 20"),
    ("one that is gone", lambda s: (s.target.path / "b").unlink(), "'{target}/b' is gone"),
    ("one in the way", lambda s: s.target.write("new", "theirs"), "'{target}/new' was changed at 20"),
    ("the configuration", lambda s: s.agent.configure("file_exists_behavior: RETAIN\n"), "or with other options or settings"),
    ("the prefix", lambda s: s.agent.configure(f"install_prefix: {s.target.path}/in\n"), "or with other options or settings"),
]


class Between:
    def __init__(self, agent, target, top):
        self.agent, self.target, self.top = agent, target, top


@pytest.mark.parametrize("why, change, said", CHANGES, ids=[case[0] for case in CHANGES])
def test_what_has_changed_since_is_refused_and_named(agent, bundle, target, installed, why, change, said):
    top = bundle(files={"a": "2", "b": "2", "new": "1"}, hooks={"BeforeInstall": "true", "ValidateService": "true"})
    known = plan_id(agent, top)
    change(Between(agent, target, top))
    before = target.tree()
    document = refused(local(agent, top, "--plan", known, "--json"), said.format(top=top, target=target.path), known)
    assert target.tree() == before and not (target.path / "../stopped").exists()
    assert document["now"] == f"revision {installed} (previous) is in place, its files untouched"
    if "bundle" not in said:
        assert f"now revision {installed} is in place since 20" in document["error"]["message"]


# (why, what happens in /etc/slipway, what is said of it; None: it is the plan still)
HOST_CHANGES = [
    ("a hook is edited", lambda etc: (etc / "hooks.d/Install/10-a").write_text("#!/bin/sh\nexit 0\n"), "hooks.d/Install/10-a"),
    ("its mode", lambda etc: (etc / "hooks.d/Install/10-a").chmod(0o700), "hooks.d/Install/10-a"),
    ("one in Lua is edited", lambda etc: (etc / "hooks.d/ValidateService/60-b.lua").write_text("return 0"),
     "hooks.d/ValidateService/60-b.lua"),
    ("one comes", lambda etc: shutil.copy2(etc / "hooks.d/Install/10-a", etc / "hooks.d/Install/20-b"), "hooks.d/Install/20-b"),
    ("one goes", lambda etc: (etc / "hooks.d/ValidateService/60-b.lua").unlink(), "hooks.d/ValidateService"),
    ("the policy is edited", lambda etc: (etc / "policy.lua").write_text("return function() return true end -- new"), "policy.lua"),
    ("what is ignored comes", lambda etc: (etc / "hooks.d/Install/README").touch(), None),
    ("one of an event that does not run", lambda etc: (etc / "hooks.d/Other/10-c").write_text("#!/bin/sh\nexit 1\n"), None),
]


@pytest.mark.parametrize("why, change, said", HOST_CHANGES, ids=[case[0] for case in HOST_CHANGES])
def test_what_has_changed_of_the_hosts_own_is_refused_and_named(agent, bundle, installed, why, change, said):
    etc = agent.root / "etc/slipway"
    for name, text in (("Install/10-a", "#!/bin/sh\n"), ("ValidateService/60-b.lua", ""), ("Other/10-c", "#!/bin/sh\n")):
        (etc / "hooks.d" / name).parent.mkdir(parents=True, exist_ok=True)
        (etc / "hooks.d" / name).write_text(text)
        (etc / "hooks.d" / name).chmod(0o755)
    (etc / "policy.lua").write_text("return function() return true end")
    top = bundle(files={"a": "2"})
    known = plan_id(agent, top)
    time.sleep(0.05)  # a file's time has the grain of the kernel's clock
    change(etc)
    if said:
        refused(local(agent, top, "--plan", known, "--json"), f"this host has changed since plan {known}", f"'{etc}/{said}' was changed at 20")
        known = plan_id(agent, top)
    assert local(agent, top, "--plan", known).code == 0


@pytest.mark.parametrize("words", [["-b", "OVERWRITE"], ["-e", "ApplicationStart"], ["-A", "other.yml"], ["-g", "other"]])
def test_other_options_are_another_plan(agent, bundle, installed, words):
    top = bundle(files={"a": "2"})
    shutil.copy2(top / "appspec.yml", top / "other.yml")
    refused(local(agent, top, "--plan", plan_id(agent, top), "--json", *words), "for another group or with other options or settings")


def test_another_revision_that_came_between_is_named(agent, bundle, target, installed):
    top = bundle(files={"a": "2"})
    known = plan_id(agent, top)
    between = local(agent, bundle(files={"a": "1", "c": "1"}), "--json").json["deployment_id"]
    done = local(agent, top, "--plan", known, "--json")
    refused(done, f"this host has changed since plan {known} was made", f"now revision {between} is in place since 20")
    assert done.err.endswith(NEXT), done.err
    assert plan_id(agent, top) != known


def test_what_before_install_changes_is_the_deployments_own(agent, bundle, target, installed):
    target.write("new", "theirs")
    top = bundle(files={"a": "2", "new": "1"}, hooks={"BeforeInstall": f"rm {target.path}/new; echo 1 >{target.path}/b"})
    done = local(agent, top, "--plan", plan_id(agent, top, code=1))
    assert done.code == 0 and target.read("new") == "1", done.err


def test_what_runs_already_is_left_when_it_is_the_plan(agent, daemon, bundle, target):
    daemon.start()
    top = bundle(files={"a": "1"}, pack=True)
    known = plan_id(agent, top)
    assert agent("deploy", top, "--group", GROUP, "--plan", known).code == 0
    refused(agent("deploy", top, "--group", GROUP, "--plan", known, "--json"), "this host has changed")
    done = agent("deploy", top, "--group", GROUP, "--plan", plan_id(agent, top), "--json")
    assert (done.code, done.last["changed"], done.last["revision"]["digest"][:7]) == (0, False, "sha256:"), done.err
    target.write("a", "edited")
    assert agent("deploy", top, "--group", GROUP, "--plan", plan_id(agent, top), "--force").code == 0
    assert target.read("a") == "1"


@pytest.mark.parametrize("kind", ["directory", "zip"])
def test_the_daemon_refuses_as_well(agent, daemon, bundle, target, kind):
    daemon.start()
    source = packed(agent, odd(bundle), kind)
    known = plan_id(agent, source)
    assert agent("deploy", source, "--group", GROUP, "--plan", known).code == 0
    before = target.tree()
    document = refused(agent("deploy", source, "--group", GROUP, "--plan", known, "--json", "--on-failure", "redeploy", "--force"),
                       "this host has changed")
    assert target.tree() == before
    name = document["deployment_id"]
    assert agent("wait", name).code == 5 and agent("show", name, "--json").json["error"]["error_code"] == "PlanChanged"
    assert len(agent("list", "--json").json["deployments"]) == 2, "nothing was deployed again because of it"
    assert agent("explain", "PlanChanged").out.startswith("PlanChanged: the bundle or the host is not as it was")
    assert agent("explain", document["error"]["message"]).out.startswith("PlanChanged: ")


def test_the_plan_is_compared_when_the_group_is_free(agent, daemon, bundle, target, tmp_path):
    daemon.start()
    top = bundle(files={"a": "2"})
    known = plan_id(agent, top)
    go, started = tmp_path / "go", tmp_path / "started"
    slow = bundle(files={"a": "1"}, hooks={"ApplicationStart": f"touch {started}; while [ ! -e {go} ]; do sleep 0.05; done"})
    running = daemon.deploy_id(slow, group=GROUP)
    wait_until(started.exists, PATIENCE)
    waiting = daemon.deploy_id(top, group=GROUP, plan_id=known)
    go.touch()
    assert daemon.finish(running)["status"] == "Succeeded"
    document = daemon.finish(waiting)
    assert document["error"]["error_code"] == "PlanChanged" and f"revision {running} is in place" in document["error"]["message"]
    assert target.read("a") == "1"


@pytest.mark.parametrize("bad", ["p-12", "p-0123456789ab", "", "p-0123456789AB-0123456789ab", "0123456789ab-0123456789ab"])
def test_what_is_no_id_is_wrong_usage(agent, daemon, bundle, bad):
    top = bundle(files={"a": "1"})
    done = local(agent, top, "--plan", bad)
    assert done.code == 2 and "p-0c4f5e9a1b23-7d60a9e8c1f2" in done.err
    daemon.start()
    done = agent("deploy", top, "--plan", bad)
    assert done.code == 2 and ("p-0c4f5e9a1b23-7d60a9e8c1f2" in done.err or not bad), done.err
    error = daemon.ask("deploy", deploy=wanted(top, plan_id=bad))["error"]
    assert error["exit"] == 2 and "'plan_id' is " in error["message"]


def test_codedeploy_local_knows_no_plan(agent, bundle, tmp_path):
    name = tmp_path / "codedeploy-local"
    name.symlink_to(agent.program)
    words = [name, "--bundle-location", bundle(files={"a": "1"}), "--plan", "p-0123456789ab-0123456789ab"]
    done = subprocess.run(words, env=agent.env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and "codedeploy-local knows no plan: use slipway local --plan " in done.stdout
    done = subprocess.run([name, "--help"], env=agent.env, capture_output=True, text=True, timeout=60, check=False)
    assert "--plan" not in done.stdout and "--plan ID" in agent("local", "--help").out
