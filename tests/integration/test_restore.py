"""After a failure the previous revision comes back: files, start, validation, and what the deployment says of it."""
import hashlib
import json
import os
import pathlib
import signal
import tempfile
import subprocess
import time

import pytest
from conftest import Agent, leftovers, processes_of, wait_until
from worker_talk import GROUP, Worker, request

OLD = {"a": "old", "sub/b": "old b", "gone": "only in the old one"}
NEW = {"a": "new, longer", "sub/b": "old b", "more/c": "c"}
EVENTS = ["ApplicationStop", "BeforeInstall", "AfterInstall", "ApplicationStart", "ValidateService"]


def say(file, more=""):
    """A hook that writes down which event of which revision ran, and whether as a restore."""
    return f'echo "$LIFECYCLE_EVENT ${{SLIPWAY_RESTORE:-0}} $(cat $SLIPWAY_ARCHIVE_DIR/name)" >>{file}\n{more}'


@pytest.fixture
def told(tmp_path):
    return tmp_path / "told"


@pytest.fixture
def revision(bundle, told):
    """revision("v1", files, ApplicationStart="exit 1"): every hook writes to TOLD first."""
    def make(name, files, **more):
        top = bundle(files=files, hooks={e: say(told, more.get(e, "")) for e in EVENTS})
        (top / "name").write_text(name)
        return top
    return make


@pytest.fixture
def good(scene, revision, told):
    """The good revision runs."""
    scene.install(revision("v1", OLD))
    told.unlink()
    return scene


def restored(bad):
    return tuple(bad.json["restore"][k] for k in ("tried", "files", "started", "validated"))


def pointer(agent, name="last_successful_install", group=GROUP):
    return agent.deployment_root / "deployment-instructions" / f"{group}_{name}"


def instructions(agent):
    return {p.name: p.read_bytes() for p in (agent.deployment_root / "deployment-instructions").iterdir()
            if "most_recent" not in p.name}


BEGUN = {"ApplicationStop": 1, "BeforeInstall": 2, "AfterInstall": 3, "ApplicationStart": 4, "ValidateService": 5}


@pytest.mark.parametrize("event", [e for e in EVENTS if e != "ApplicationStop"])
def test_a_failure_brings_files_and_service_of_the_previous_revision_back(good, revision, told, event):
    before = instructions(good.agent)
    bad = good.agent.local(revision("v2", NEW, **{event: "exit 3"}), "--json")
    assert bad.code == 6, bad.err
    assert restored(bad) == (True, True, True, True)
    assert bad.json["restore"]["message"] is None
    assert (bad.json["error"]["event"], bad.json["error"]["error_code"]) == (event, "ScriptFailed")
    now = good.RESTARTED if event == "BeforeInstall" else good.RESTORED
    assert good.plain(bad.json["now"]) == now and f"  now:  {bad.json['now']}" in bad.err
    ran = [f"{e} 0 {'v1' if e == 'ApplicationStop' else 'v2'}" for e in EVENTS[:EVENTS.index(event) + 1]]
    assert told.read_text().splitlines() == [*ran, "ApplicationStart 1 v1", "ValidateService 1 v1"]
    assert good.target.tree() == good.before[0]
    assert instructions(good.agent) == before
    good.clean()


def test_the_stop_of_the_previous_revision_failing_starts_it_again(scene, revision, told):
    scene.install(revision("v1", OLD, ApplicationStop="exit 3"))
    told.unlink()
    bad = scene.agent.local(revision("v2", NEW), "--json")
    assert (bad.code, restored(bad)) == (6, (True, True, True, True)), bad.err
    assert told.read_text().splitlines() == ["ApplicationStop 0 v1", "ApplicationStart 1 v1", "ValidateService 1 v1"]
    assert scene.target.tree() == scene.before[0]


def test_traffic_hooks_before_the_stop_restore_nothing(scene, bundle):
    scene.install(bundle(files=OLD, hooks={"BeforeBlockTraffic": "exit 3"}))
    bad = scene.agent.local(bundle(files=NEW), "--json")
    assert (bad.code, bad.json["restore"]) == (1, None), bad.err
    assert scene.plain(bad.json["now"]) == scene.UNTOUCHED


def test_after_a_restore_the_next_deployment_succeeds(good, revision):
    assert good.agent.local(revision("v2", NEW, ValidateService="exit 3")).code == 6
    assert good.agent.local(revision("v3", NEW)).code == 0
    assert {n: v[2] for n, v in good.target.tree().items() if v[0] == "file"} == {
        "a": b"new, longer", "sub/b": b"old b", "more/c": b"c"}
    assert leftovers(good.top) == []


def test_a_first_deployment_that_fails_is_undone_to_nothing(agent, bundle, target):
    target.path = target.path / "app"  # made by the deployment
    bad = agent.local(bundle(files=NEW, hooks={"ValidateService": "exit 3"}), "--json")
    assert (bad.code, restored(bad)) == (1, (True, True, False, False)), bad.err
    assert bad.json["restore"]["message"] == "nothing was there before"
    assert bad.json["now"] == "nothing was there before, and what was installed is removed again"
    assert not target.path.exists() and not pointer(agent).exists()
    assert instructions(agent) == {}
    assert leftovers(agent.root) == []
    assert agent.local(bundle(files=NEW)).code == 0


def test_what_a_hook_put_into_a_new_folder_stays_and_is_named(agent, bundle, target):
    target.path = target.path / "app"
    mine = f"mkdir -p {target.path}/data; echo precious >{target.path}/data/mine; echo edited >{target.path}/a"
    bad = agent.local(bundle(files=NEW, hooks={"AfterInstall": mine, "ValidateService": "exit 3"}), "--json")
    assert restored(bad) == (True, True, False, False), bad.err
    assert {n: v[0] for n, v in target.tree().items()} == {"data": "folder", "data/mine": "file"}
    assert [w for w in bad.json["warnings"] if str(target.path) in w and "stays" in w], bad.json["warnings"]
    assert leftovers(target.path.parent) == []


def test_a_hook_that_made_an_old_folder_anew_does_not_stop_the_restore(scene, bundle):
    scene.install(bundle(files={"a": "1", "cache/one": "1", "cache/two": "2"}))
    again = f"mkdir -p {scene.target.path}/cache; echo new >{scene.target.path}/cache/three; echo x >{scene.target.path}/cache/one"
    bad = scene.agent.local(bundle(files={"a": "2"}, hooks={"AfterInstall": again, "ValidateService": "exit 3"}), "--json")
    assert bad.code == 6, bad.err
    assert {n: v[2] for n, v in scene.target.tree().items() if v[0] == "file"} == {
        "a": b"1", "cache/one": b"1", "cache/two": b"2", "cache/three": b"new\n"}


@pytest.mark.parametrize("event, started", [("ApplicationStart", False), ("ValidateService", True)])
def test_a_previous_revision_that_does_not_come_up_is_said(scene, revision, told, event, started):
    once = '[ "${SLIPWAY_RESTORE:-0}" = 0 ] || { echo it is broken; exit 4; }'
    scene.install(revision("v1", OLD, **{event: once}))
    bad = scene.agent.local(revision("v2", NEW, AfterInstall="exit 3"), "--json")
    assert (bad.code, restored(bad)) == (1, (True, True, started, False)), bad.err
    assert f"{event}: Script at specified location: {event}.sh failed with exit code 4" == bad.json["restore"]["message"]
    assert bad.json["error"]["event"] == "AfterInstall"
    words = "started, but not validated" if started else "but not started"
    assert scene.plain(bad.json["now"]).startswith(f"revision GOOD (previous) is back: files restored, {words}: {event}: ")
    assert scene.target.tree() == scene.before[0]


def test_files_that_are_not_as_installed_are_not_called_validated(good, revision):
    (good.target.path / "sub/b").write_text("edited by hand")
    bad = good.agent.local(revision("v2", NEW, AfterInstall="exit 3"), "--json")
    assert (bad.code, restored(bad)) == (1, (True, True, True, False)), bad.err
    assert bad.json["restore"]["message"] == ("1 of its files are not as they were installed, the first: "
                                             f"'{good.target.path}/sub/b'")


@pytest.mark.parametrize("mark, why", [("echo migrated to schema 42 >$SLIPWAY_NO_RESTORE", "migrated to schema 42"),
                                       ("touch $SLIPWAY_NO_RESTORE", "a hook marked a point of no return")])
def test_past_a_point_of_no_return_nothing_is_restored(good, revision, told, mark, why):
    bad = good.agent.local(revision("v2", NEW, AfterInstall=mark, ValidateService="exit 3"), "--json")
    assert (bad.code, restored(bad), bad.json["restore"]["message"]) == (1, (False, False, False, False), why), bad.err
    assert "ApplicationStart 1 v1" not in told.read_text()
    assert good.target.read("a") == "new, longer"
    assert why in bad.json["now"] and "nothing was restored" in bad.json["now"]
    assert leftovers(good.top) == []
    assert good.agent.local(revision("v3", NEW)).code == 0


@pytest.fixture
def open_folder():
    """A folder that every user may enter; pytest's own are closed."""
    with tempfile.TemporaryDirectory(prefix="slipway-test.") as path:
        os.chmod(path, 0o755)
        yield pathlib.Path(path)


def test_a_hook_of_another_user_marks_it_as_well(as_root, open_folder, bundle):
    agent = Agent(open_folder / "root")
    assert agent.local(bundle(files=OLD)).code == 0
    top = bundle(files=NEW, hooks={"AfterInstall": "id -un >>$SLIPWAY_NO_RESTORE", "ValidateService": "exit 3"})
    text = (top / "appspec.yml").read_text().replace("AfterInstall.sh\n", "AfterInstall.sh\n      runas: nobody\n")
    (top / "appspec.yml").write_text(text)
    bad = agent.local(top, "--json")
    assert (bad.json["restore"]["tried"], bad.json["restore"]["message"]) == (False, "nobody"), bad.err


def test_a_stopped_deployment_is_restored_too(good, revision, told, tmp_path):
    up = tmp_path / "up"
    with Worker(good.agent, request(good.agent, revision("v2", NEW, AfterInstall=f"touch {up}; sleep 60"))) as worker:
        wait_until(up.exists)
        worker.say(stop=True)
        done = worker.result()
    assert (done["status"], done["error"]["error_code"]) == ("Stopped", "Stopped")
    assert done["restore"] == {"tried": True, "files": True, "started": True, "validated": True, "message": None}
    assert told.read_text().splitlines()[-2:] == ["ApplicationStart 1 v1", "ValidateService 1 v1"]
    assert good.target.tree() == good.before[0]


def test_past_its_deadline_a_deployment_has_failed(good, revision, tmp_path):
    up = tmp_path / "up"
    with Worker(good.agent, request(good.agent, revision("v2", NEW, AfterInstall=f"touch {up}; sleep 60"),
                                    deadline_s=7)) as worker:
        wait_until(up.exists)
        worker.say(stop=True, deadline=True)
        done = worker.result()
    assert (done["status"], done["restore"]["validated"]) == ("Failed", True)
    assert "longer than its deadline of 7 s" in done["error"]["message"]


def test_variables_of_the_request_reach_every_hook(good, revision, told, tmp_path):
    seen = tmp_path / "seen"
    top = revision("v2", NEW, AfterInstall=f"echo $COLOUR >{seen}")
    with Worker(good.agent, request(good.agent, top, environment=["COLOUR=blue green"])) as worker:
        assert worker.result()["status"] == "Succeeded"
    assert seen.read_text() == "blue green\n"


def test_a_restored_revision_gets_its_own_variables(scene, bundle, tmp_path):
    seen = tmp_path / "seen"
    hooks = {"ApplicationStart": f"echo $COLOUR ${{SLIPWAY_RESTORE:-0}} >>{seen}"}
    with Worker(scene.agent, request(scene.agent, bundle(files=OLD, hooks=hooks), environment=["COLOUR=old"])) as worker:
        assert worker.result()["status"] == "Succeeded"
    bad = bundle(files=NEW, hooks={**hooks, "ValidateService": "exit 3"})
    with Worker(scene.agent, request(scene.agent, bad, environment=["COLOUR=new"])) as worker:
        assert worker.result()["restore"]["validated"]
    assert seen.read_text() == "old 0\nnew 0\nold 1\n"


@pytest.mark.parametrize("policy, said", [("none", "its later hooks did not all succeed"),
                                          ("redeploy", "the newest good revision is deployed again")])
def test_nobody_wants_a_restore(good, revision, policy, said):
    with Worker(good.agent, request(good.agent, revision("v2", NEW, ValidateService="exit 3"), on_failure=policy)) as worker:
        done = worker.result()
    assert (done["status"], done["restore"]) == ("Failed", None)
    assert done["now"].endswith(said)
    assert good.target.read("a") == "new, longer"


def test_redeploy_is_refused_without_a_daemon(agent, bundle):
    bad = agent.local(bundle(files=NEW), "--on-failure", "redeploy")
    assert bad.code == 2 and "needs the daemon" in bad.err


# Recovery

def recover(agent, group=GROUP):
    with Worker(agent, {"schema": 1, "recover": {"deployment_root": str(agent.deployment_root), "group": group}}) as worker:
        lines = worker.lines()
        assert worker.process.wait(60) == 0, lines
    return [line["deployment"] for line in lines if line["progress"] == "recovered"]


@pytest.mark.parametrize("event", [e for e in EVENTS if e != "ApplicationStop"])
def test_a_worker_killed_in_a_hook_is_recovered_to_the_previous_revision(scene, revision, told, tmp_path, event):
    up = tmp_path / "up"
    with Worker(scene.agent, request(scene.agent, revision("v1", OLD))) as worker:
        assert worker.result()["status"] == "Succeeded"
    before = scene.target.tree()
    told.unlink()
    bad = request(scene.agent, revision("v2", NEW, **{event: f"touch {up}; sleep 60"}))
    with Worker(scene.agent, bad) as worker:
        wait_until(up.exists)
        worker.process.send_signal(signal.SIGKILL)
        worker.process.wait()
    wait_until(lambda: not processes_of(scene.agent.root))  # the hook has gone with it
    done, = recover(scene.agent)
    assert (done["deployment_id"], done["status"]) == (bad["id"], "Failed")
    assert (done["error"]["error_code"], done["error"]["event"]) == ("FailedAfterRestart", event)
    assert done["restore"] == {"tried": True, "files": True, "started": True, "validated": True, "message": None}
    assert [e["status"] for e in done["events"] if e["event"] in EVENTS[:EVENTS.index(event)]] == \
        ["Succeeded"] * EVENTS.index(event)
    assert told.read_text().splitlines()[-2:] == ["ApplicationStart 1 v1", "ValidateService 1 v1"]
    assert scene.target.tree() == before
    assert recover(scene.agent) == []
    assert leftovers(scene.top) == []


def test_the_next_deployment_recovers_first_and_tells(scene, revision, told, tmp_path):
    up = tmp_path / "up"
    with Worker(scene.agent, request(scene.agent, revision("v1", OLD))) as worker:
        worker.result()
    bad = request(scene.agent, revision("v2", NEW, ValidateService=f"touch {up}; sleep 60"))
    with Worker(scene.agent, bad) as worker:
        wait_until(up.exists)
        worker.process.kill()
        worker.process.wait()
    with Worker(scene.agent, request(scene.agent, revision("v3", NEW))) as worker:
        lines = worker.lines()
    assert [d["deployment"]["deployment_id"] for d in lines if d["progress"] == "recovered"] == [bad["id"]]
    assert lines[-1]["deployment"]["status"] == "Succeeded"
    order = [line["progress"] for line in lines]
    assert order.index("recovered") < order.index("started")


def test_a_zygote_killed_in_a_hook_leaves_the_rest_to_recovery(scene, revision, told, tmp_path):
    up = tmp_path / "up"
    with Worker(scene.agent, request(scene.agent, revision("v1", OLD))) as worker:
        worker.result()
    before = scene.target.tree()
    bad = request(scene.agent, revision("v2", NEW, AfterInstall=f"echo $PPID >{up}.new; mv {up}.new {up}; sleep 60"))
    with Worker(scene.agent, bad) as worker:
        wait_until(up.exists)
        os.kill(int(up.read_text()), signal.SIGKILL)
        lines = worker.lines()
        assert worker.process.wait(60) != 0
    assert [line for line in lines if line["progress"] == "result"] == []
    wait_until(lambda: not processes_of(scene.agent.root))
    done, = recover(scene.agent)
    assert done["restore"]["validated"] and scene.target.tree() == before


@pytest.mark.parametrize("victim", ["worker", "zygote"])
def test_local_starts_another_worker_when_its_own_is_gone(good, revision, tmp_path, victim):
    up = tmp_path / "up"
    who = "$PPID" if victim == "zygote" else "$(ps -o ppid= -p $PPID)"
    bad = good.agent.local(revision("v2", NEW, ValidateService=f"kill -KILL {who}; touch {up}; sleep 60"), "--json")
    assert (bad.code, restored(bad)) == (6, (True, True, True, True)), bad.err
    assert (bad.json["error"]["error_code"], bad.json["error"]["event"]) == ("FailedAfterRestart", "ValidateService")
    assert "another one recovers" in bad.err and f"  now:  {bad.json['now']}" in bad.err
    assert good.target.tree() == good.before[0]
    good.clean()


def test_killed_while_restoring_the_restore_is_done_again(scene, revision, told, tmp_path):
    up = tmp_path / "up"
    slow = f'[ -z "$SLIPWAY_RESTORE" ] || [ -e {up} ] || {{ touch {up}; sleep 60; }}'
    with Worker(scene.agent, request(scene.agent, revision("v1", OLD, ApplicationStart=slow))) as worker:
        assert worker.result()["status"] == "Succeeded"
    before = scene.target.tree()
    with Worker(scene.agent, request(scene.agent, revision("v2", NEW, ValidateService="exit 3"))) as worker:
        wait_until(up.exists)
        worker.process.kill()
        worker.process.wait()
    done, = recover(scene.agent)
    assert (done["error"]["event"], done["error"]["error_code"]) == ("ValidateService", "ScriptFailed")
    assert done["restore"]["validated"] and scene.target.tree() == before


def test_a_worker_whose_deployment_outlives_its_starter_carries_on(good, revision, tmp_path):
    up, go = tmp_path / "up", tmp_path / "go"
    top = revision("v2", NEW, AfterInstall=f"touch {up}; while [ ! -e {go} ]; do sleep 0.05; done")
    asked = request(good.agent, top, outlives=True)
    with Worker(good.agent, asked) as worker:
        wait_until(up.exists)
        worker.hang_up()
        time.sleep(0.3)  # would be enough to stop; nothing depends on it
        go.touch()
        assert worker.process.wait(60) == 0
    result = good.agent.deployment_root / GROUP / asked["id"] / "result.json"
    assert json.loads(result.read_text())["status"] == "Succeeded"


def test_a_deployment_waits_for_its_group_when_it_is_told_to(good, revision, tmp_path):
    up, go = tmp_path / "up", tmp_path / "go"
    top = revision("v2", NEW, AfterInstall=f"touch {up}; while [ ! -e {go} ]; do sleep 0.05; done")
    with Worker(good.agent, request(good.agent, top)) as first:
        wait_until(up.exists)
        with Worker(good.agent, request(good.agent, revision("v3", OLD), waits=True)) as second:
            note = second.line()
            assert note["progress"] == "note" and "is running" in note["text"]
            go.touch()
            assert first.result()["status"] == "Succeeded"
            first.hang_up()
            assert second.result()["status"] == "Succeeded"
    with Worker(good.agent, request(good.agent, top)) as worker:
        assert worker.result()["status"] == "Succeeded"


def test_a_waiting_deployment_can_be_stopped(good, revision, tmp_path):
    up, go = tmp_path / "up", tmp_path / "go"
    top = revision("v2", NEW, AfterInstall=f"touch {up}; while [ ! -e {go} ]; do sleep 0.05; done")
    with Worker(good.agent, request(good.agent, top)) as first:
        wait_until(up.exists)
        with Worker(good.agent, request(good.agent, revision("v3", OLD), waits=True)) as second:
            assert second.line()["progress"] == "note"
            second.say(stop=True)
            assert second.result()["status"] == "Stopped"
        go.touch()
        assert first.result()["status"] == "Succeeded"


# Digests

def sha256(path):
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_digest_that_was_asked_for_is_deployed(agent, bundle):
    top = bundle(files=OLD, pack=True)
    with Worker(agent, request(agent, top, digest=sha256(top))) as worker:
        done = worker.result()
    assert (done["status"], done["revision"]["digest"]) == ("Succeeded", sha256(top))


@pytest.mark.parametrize("pack", [True, False])
def test_another_digest_than_that_which_was_asked_for_is_refused(good, bundle, pack):
    top, other = bundle(files=NEW, pack=pack), "sha256:" + 64 * "0"
    with Worker(good.agent, request(good.agent, top, digest=other)) as worker:
        done = worker.result()
    assert (done["status"], done["error"]["error_code"], done["error"]["event"]) == ("Failed", "DigestMismatch", "Preflight")
    assert other in done["error"]["message"] and (not pack or sha256(top) in done["error"]["message"])
    assert good.fingerprint() == good.before


def test_what_runs_already_is_not_deployed_again(agent, bundle, target):
    top = bundle(files=OLD, pack=True)
    first = request(agent, top, force=False)
    with Worker(agent, first) as worker:
        assert worker.result()["changed"]
    before = target.tree(), instructions(agent)
    again = request(agent, top, force=False)
    with Worker(agent, again) as worker:
        done = worker.result()
    assert (done["status"], done["changed"], {e["status"] for e in done["events"]}) == ("Succeeded", False, {"Skipped"})
    assert done["now"] == f"revision {first['id']} has this digest and is in place already; nothing was done"
    assert done["revision"]["digest"] == sha256(top)
    assert not (agent.deployment_root / GROUP / again["id"]).exists()
    assert (target.tree(), instructions(agent)) == before
    with Worker(agent, request(agent, top, force=True)) as worker:
        assert worker.result()["changed"]


def test_what_failed_is_deployed_again_even_with_the_same_digest(agent, bundle):
    top = bundle(files=OLD, hooks={"ValidateService": "exit 3"}, pack=True)
    for _ in range(2):
        with Worker(agent, request(agent, top, force=False, on_failure="none")) as worker:
            done = worker.result()
        assert (done["status"], done["changed"]) == ("Failed", True)


@pytest.mark.parametrize("edit, same", [(lambda p: p.write_text("my own"), True), (lambda p: p.chmod(0o600), True),
                                        (lambda p: (p.unlink(), p.symlink_to("elsewhere")), True),
                                        (lambda p: p.unlink(), False)])
def test_what_was_edited_and_retained_is_as_it_should_be(scene, revision, bundle, edit, same):
    keep = f"slipway:\n  overwrite:\n    - path: {scene.target.path}/*.conf\n      behavior: RETAIN\n"
    scene.install(bundle(files={"a": "1", "my.conf": "shipped"}))
    (scene.target.path / "my.conf").write_text("edited")
    assert scene.agent.local(bundle(files={"a": "2", "my.conf": "shipped"}, extra=keep)).code == 0
    assert scene.target.read("my.conf") == "edited"
    edit(scene.target.path / "my.conf")
    bad = scene.agent.local(bundle(files={"a": "3", "my.conf": "shipped"}, extra=keep, hooks={"BeforeInstall": "exit 3"}), "--json")
    assert restored(bad) == (True, True, True, same), bad.err
    assert same or "my.conf'" in bad.json["restore"]["message"]


def deploy_archive(agent, archive, **more):
    """A request for an archive, which is no new deployment when its digest runs already."""
    with Worker(agent, request(agent, archive, force=False, **more)) as worker:
        return worker.result()


@pytest.mark.parametrize("policy, hooks, restart, again", [
    ("restore", {"BeforeInstall": "exit 3"}, "", False),  # it is back, started and validated
    ("restore", {"BeforeInstall": "exit 3"}, "exit 4", True),  # it is back and does not run
    ("none", {"BeforeInstall": "exit 3"}, "", True),  # it was stopped, nobody has started it again
])
def test_what_a_failure_stopped_is_deployed_again(agent, bundle, target, tmp_path, policy, hooks, restart, again):
    fixed = tmp_path / "fixed"
    start = f'[ -z "$SLIPWAY_RESTORE" ] || [ -e {fixed} ] || {{ {restart or "true"}; }}'
    good = bundle(files=OLD, hooks={"ApplicationStart": start}, pack=True)
    assert deploy_archive(agent, good)["changed"] is True
    assert deploy_archive(agent, good)["changed"] is False
    assert deploy_archive(agent, bundle(files=NEW, hooks=hooks, pack=True), on_failure=policy)["status"] == "Failed"
    fixed.touch()
    done = deploy_archive(agent, good)
    assert (done["status"], done["changed"]) == ("Succeeded", again)
    assert deploy_archive(agent, good)["changed"] is False


def test_what_failed_before_it_touched_anything_counts_for_nothing(agent, bundle):
    good = bundle(files=OLD, pack=True)
    assert deploy_archive(agent, good)["changed"] is True
    assert deploy_archive(agent, bundle(appspec="no: appspec\n", pack=True))["status"] == "Failed"
    assert deploy_archive(agent, good)["changed"] is False


def test_a_part_of_the_events_brought_nothing_to_run(agent, bundle):
    archive = bundle(files=OLD, hooks={"ApplicationStart": "exit 0"}, pack=True)
    part = {"events": ["DownloadBundle", "Install"]}
    assert deploy_archive(agent, archive, **part)["changed"] is True
    assert deploy_archive(agent, archive, **part)["changed"] is False
    assert deploy_archive(agent, archive)["changed"] is True
    assert deploy_archive(agent, archive)["changed"] is False
    assert deploy_archive(agent, archive, **part)["changed"] is False


def test_nothing_to_do_costs_no_old_revision(agent, bundle):
    packed = [bundle(files={"a": text}, pack=True) for text in "123"]
    settings = {**request(agent, packed[0])["settings"], "max_revisions": 2}
    for archive in packed:
        assert deploy_archive(agent, archive, settings=settings)["changed"] is True
    folders = lambda: sorted(p.name for p in (agent.deployment_root / GROUP).iterdir())
    before = folders()
    assert len(before) == 2
    assert deploy_archive(agent, packed[-1], settings=settings)["changed"] is False
    assert folders() == before


def test_a_point_of_no_return_in_a_restore_does_not_stop_it_being_done_again(scene, revision, tmp_path):
    up = tmp_path / "up"
    slow = f'echo no >$SLIPWAY_NO_RESTORE; [ -z "$SLIPWAY_RESTORE" ] || [ -e {up} ] || {{ touch {up}; sleep 60; }}'
    with Worker(scene.agent, request(scene.agent, revision("v1", OLD, ApplicationStart=slow))) as worker:
        assert worker.result()["status"] == "Succeeded"
    before = scene.target.tree()
    with Worker(scene.agent, request(scene.agent, revision("v2", NEW, ValidateService="exit 3"))) as worker:
        wait_until(up.exists)
        worker.process.kill()
        worker.process.wait()
    done, = recover(scene.agent)
    assert done["restore"]["validated"] and scene.target.tree() == before


def test_a_folder_that_a_hook_made_of_an_old_file_makes_room_for_it(scene, bundle):
    scene.install(bundle(files={"a": "1", "conf": "old"}))
    made = f"mkdir {scene.target.path}/conf; echo precious >{scene.target.path}/conf/mine"
    bad = scene.agent.local(bundle(files={"a": "2"}, hooks={"AfterInstall": made, "ValidateService": "exit 3"}), "--json")
    assert (bad.code, restored(bad)) == (6, (True, True, True, True)), bad.err
    aside = f"conf.left-by-{bad.json['deployment_id']}"
    assert {n: v[2] for n, v in scene.target.tree().items() if v[0] == "file"} == {
        "a": b"1", "conf": b"old", f"{aside}/mine": b"precious\n"}
    assert [w for w in bad.json["warnings"] if f"{scene.target.path}/{aside}'" in w], bad.json["warnings"]


@pytest.mark.parametrize("command", ["cp -a {0} {0}.x && rm -r {0} && mv {0}.x {0}", "rm -r {0}", "mv {0} {0}.moved"])
def test_a_hook_that_replaces_the_destination_does_not_stop_the_restore(scene, bundle, command):
    scene.install(bundle(files={"a": "1", "b": "2", "gone": "3"}))
    bad = scene.agent.local(bundle(files={"a": "new", "b": "2", "c": "4"}, hooks={
        "AfterInstall": command.format(scene.target.path), "ValidateService": "exit 3"}), "--json")
    assert bad.json["restore"]["files"] and bad.json["restore"]["started"], bad.err
    files = {n: v[2] for n, v in scene.target.tree().items() if v[0] == "file"}
    assert (files["a"], files["gone"], "c" in files) == (b"1", b"3", False)
    assert bad.json["restore"]["validated"] == ("b" in files)  # what was never replaced nobody has kept
    assert leftovers(scene.top) == []
    assert scene.agent.local(bundle(files={"a": "5", "b": "2"})).code == 0


def test_a_revision_is_stopped_by_its_own_appspec(agent, bundle, target, tmp_path):
    said = tmp_path / "said"
    first = bundle(files=OLD, hooks={"ApplicationStop": f"echo wrong >>{said}"})
    (first / "prod.yml").write_text((first / "appspec.yml").read_text().replace("ApplicationStop.sh", "prod.sh"))
    (first / "prod.sh").write_text(f"#!/bin/sh\necho right >>{said}\n")
    assert agent.local(first, "--appspec-filename", "prod.yml").code == 0
    assert agent.local(bundle(files=NEW)).code == 0
    assert said.read_text() == "right\n"


def test_a_group_that_needs_recovery_refuses_and_says_which_deployment(as_root, scene, bundle, tmp_path):
    scene.install(bundle(files={"a": "1"}))
    seal = f"mount --bind {scene.target.path} {scene.target.path} && mount -o remount,bind,ro {scene.target.path}"
    bad = scene.agent.local(bundle(files={"a": "2"}, hooks={"ValidateService": f"{seal} || exit 0; exit 3"}), "--json")
    if bad.code == 0:
        pytest.skip("nothing can be mounted here")
    try:
        assert (bad.json["needs_recovery"], restored(bad)) == (True, (True, False, False, False)), bad.err
        refused = scene.agent.local(bundle(files={"a": "3"}), "--json")
        assert refused.code == 5, refused.err
        assert refused.json["error"]["message"].startswith(
            f"deployment {bad.json['deployment_id']}: it was interrupted and can be neither finished nor undone yet")
    finally:
        subprocess.run(["umount", scene.target.path], check=True)
    done = scene.agent.local(bundle(files={"a": "3"}), "--json")
    assert done.code == 0, done.err
    assert [w for w in done.json["warnings"] if "is back: files restored, started, validated" in w]
