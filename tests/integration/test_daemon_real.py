"""The daemon with the real worker: what a killed daemon, a killed worker and a restored revision come to."""
import fcntl
import json
import os
import pathlib
import signal
import subprocess

import pytest
from conftest import leftovers, wait_until
from daemon_kit import PATIENCE, Daemon


@pytest.fixture
def daemon(agent, tmp_path):
    made = Daemon(agent, tmp_path)
    yield made.start()
    made.clean_up()


class Lock:
    def __init__(self, folder):
        self.fd = os.open(folder, os.O_RDONLY)
        fcntl.flock(self.fd, fcntl.LOCK_EX)

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1


def command(pid):
    """The words of a process; none when it is gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


def waiting(go, started):
    """A hook that says that it has begun and waits for a file."""
    return f"touch {started}; while [ ! -e {go} ]; do sleep 0.05; done"


def worker_of(daemon, group, deployment_id):
    path = daemon.state / "deployment-root" / group / deployment_id / "request.json"
    return json.loads(path.read_text())["pid"]


def test_a_deployment_goes_on_when_the_daemon_is_killed(daemon, bundle, target, tmp_path):
    go, started = tmp_path / "go", tmp_path / "started"
    running = daemon.deploy_id(bundle(files={"a": "new"}, hooks={"ApplicationStart": waiting(go, started)}), group="web")
    behind = daemon.deploy_id(bundle(files={"a": "newer"}), group="web")
    wait_until(started.exists, PATIENCE)
    daemon.kill()
    daemon.start()
    assert "event='adopted'" in daemon.log
    go.touch()
    assert daemon.finish(running)["status"] == "Succeeded"
    assert daemon.finish(behind)["status"] == "Succeeded"
    assert target.read("a") == "newer"
    assert leftovers(tmp_path) == []


def test_a_killed_worker_is_recovered_and_the_old_revision_is_back(daemon, bundle, target, tmp_path):
    assert daemon.deploy(bundle(files={"a": "old"}))["deployment"]["status"] == "Succeeded"
    go, started = tmp_path / "go", tmp_path / "started"
    dead = daemon.deploy_id(bundle(files={"a": "new"}, hooks={"ApplicationStart": waiting(go, started)}))
    wait_until(started.exists, PATIENCE)
    os.kill(worker_of(daemon, "default", dead), signal.SIGKILL)
    end = daemon.finish(dead)
    assert (end["status"], end["error"]["error_code"]) == ("Failed", "FailedAfterRestart"), end
    assert target.read("a") == "old"
    assert daemon.group("default")["needs_recovery"] is False
    assert daemon.deploy(bundle(files={"a": "next"}))["deployment"]["status"] == "Succeeded"
    assert leftovers(tmp_path) == []


def test_daemon_and_worker_both_killed_are_taken_care_of_by_the_next_daemon(daemon, bundle, target, tmp_path):
    assert daemon.deploy(bundle(files={"a": "old"}))["deployment"]["status"] == "Succeeded"
    go, started = tmp_path / "go", tmp_path / "started"
    dead = daemon.deploy_id(bundle(files={"a": "new"}, hooks={"ApplicationStart": waiting(go, started)}))
    waits = daemon.deploy_id(bundle(files={"a": "newer"}))
    wait_until(started.exists, PATIENCE)
    worker = worker_of(daemon, "default", dead)
    daemon.kill()
    os.kill(worker, signal.SIGKILL)
    daemon.start()
    assert daemon.finish(dead)["error"]["error_code"] == "FailedAfterRestart"
    assert daemon.finish(waits)["status"] == "Succeeded"
    assert target.read("a") == "newer"


def test_a_stop_restores_the_revision_before(daemon, bundle, target, tmp_path):
    assert daemon.deploy(bundle(files={"a": "old"}))["deployment"]["status"] == "Succeeded"
    go, started = tmp_path / "go", tmp_path / "started"
    running = daemon.deploy_id(bundle(files={"a": "new"}, hooks={"ApplicationStart": waiting(go, started)}))
    wait_until(started.exists, PATIENCE)
    assert daemon.ask("stop")["deployment_id"] == running
    end = daemon.finish(running)
    assert (end["status"], target.read("a")) == ("Stopped", "old"), end


def test_a_deployment_waits_for_local_and_local_for_nobody(daemon, agent, bundle, target, tmp_path):
    """The lock of the group's folder is between them: the daemon's worker waits, `slipway local` says who is there."""
    go, started = tmp_path / "go", tmp_path / "started"
    daemon.deploy_id(bundle(files={"a": "1"}, hooks={"ApplicationStart": waiting(go, started)}), group="web")
    wait_until(started.exists, PATIENCE)
    busy = agent.local(bundle(files={"a": "2"}), "--deployment-group", "web")
    assert (busy.code, "is busy" in busy.err) == (5, True), busy.err
    go.touch()


def test_what_local_is_at_can_be_seen_and_is_left_alone(daemon, agent, bundle, target, tmp_path):
    go, started = tmp_path / "go", tmp_path / "started"
    hooks = {"ApplicationStart": waiting(go, started)}
    with subprocess.Popen([agent.program, "--root", agent.root, "local", bundle(files={"a": "1"}, hooks=hooks)],
                          env=agent.env, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as local:
        wait_until(started.exists, PATIENCE)
        seen = daemon.ask("show")["deployment"]
        assert (seen["status"], seen["deployment_id"].endswith("-local")) == ("InProgress", True)
        for request in ("watch", "stop"):
            refused = daemon.ask(request, deployment_id=seen["deployment_id"])
            assert "in the hands of `slipway local`" in refused["error"]["message"], refused
        go.touch()
        assert local.wait(PATIENCE) == 0
    assert daemon.finish(seen["deployment_id"])["status"] == "Succeeded"


def test_redeploy_brings_back_what_a_failed_deployment_replaced(daemon, bundle, target):
    good = daemon.deploy(bundle(files={"a": "good"}))["deployment"]["deployment_id"]
    bad = daemon.deploy(bundle(files={"a": "bad"}, hooks={"ValidateService": "exit 3"}), on_failure="redeploy")
    assert bad["deployment"]["status"] == "Failed"
    wait_until(lambda: daemon.ask("show")["deployment"]["creator"] == "slipway", PATIENCE)
    again = daemon.finish(daemon.ask("show")["deployment"]["deployment_id"])
    assert (again["status"], target.read("a")) == ("Succeeded", "good"), again
    assert good in again["requested_by"]["text"]


def test_rollback_installs_the_revision_before(daemon, bundle, target):
    first = daemon.deploy(bundle(files={"a": "1"}))["deployment"]["deployment_id"]
    daemon.deploy(bundle(files={"a": "2"}))
    assert daemon.ask("rollback", dry_run=True)["target"]["deployment_id"] == first
    with daemon.client() as client:
        assert client.ask("rollback", wait=True)[-1]["deployment"]["status"] == "Succeeded"
    assert target.read("a") == "1"


@pytest.fixture
def locked(daemon):
    """The lock of a group's folder, as another process of ours holds it; locked.close() lets go."""
    folder = daemon.state / "deployment-root/web"
    folder.mkdir(parents=True)
    lock = Lock(folder)
    yield lock
    lock.close()


def start_without_folder(daemon, bundle):
    """A deployment whose worker waits for the group's lock, so that it has no folder yet."""
    waiting_one = daemon.deploy_id(bundle, group="web")
    wait_until(lambda: any(waiting_one in command(pid) for pid in daemon.workers()), PATIENCE)
    assert not (daemon.state / "deployment-root/web" / waiting_one).exists()
    return waiting_one


def test_a_worker_without_a_folder_is_found_again(daemon, bundle, target, locked):
    running = start_without_folder(daemon, bundle(files={"a": "1"}))
    daemon.kill()
    daemon.start()
    assert daemon.group("web")["running"] == running and "event='adopted'" in daemon.log
    locked.close()
    assert daemon.finish(running)["status"] == "Succeeded"
    assert target.read("a") == "1"


@pytest.mark.parametrize("moved_on", [False, True])
def test_what_had_not_begun_is_started_again_unless_the_group_has_moved_on(daemon, agent, bundle, target, locked, moved_on):
    running = start_without_folder(daemon, bundle(files={"a": "1"}))
    daemon.kill()
    for pid in daemon.workers():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not daemon.workers(), PATIENCE)
    locked.close()
    if moved_on:
        assert agent.local(bundle(files={"a": "2"}), "--deployment-group", "web").code == 0
    daemon.start()
    end = daemon.finish(running)
    assert (end["status"], target.read("a")) == (("Failed", "2") if moved_on else ("Succeeded", "1")), end
