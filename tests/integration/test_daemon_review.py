"""What a review with fresh eyes found: rare orders of events, a disk that is full, clients and workers that do not behave."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess

import pytest
from conftest import wait_until
from daemon_kit import PATIENCE, Daemon, wanted
from test_daemon import begun, order, play
from test_daemon_real import Lock, start_without_folder, waiting


@pytest.fixture
def daemon(agent, tmp_path):
    made = Daemon(agent, tmp_path)
    yield made
    made.clean_up()


@pytest.fixture
def played(agent, tmp_path):
    """With the worker that plays."""
    made = Daemon(agent, tmp_path, fake=True)
    yield made
    made.clean_up()


@pytest.fixture
def plan(tmp_path):
    folder = tmp_path / "plan"
    folder.mkdir()
    (folder / "appspec.yml").write_text("version: 0.0\nos: linux\n")
    return folder


@contextlib.contextmanager
def unwritable(daemon):
    """Somebody has the database locked: no change gets in, as when the disk is full."""
    with contextlib.closing(sqlite3.connect(daemon.state / "state.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def start(agent, *words):
    return subprocess.Popen([agent.program, "--root", agent.root, *words], env=agent.env, text=True, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_worker_that_dies_while_the_daemon_stops_and_none_can_be_started_gets_its_end(played, plan, tmp_path):
    played.start()
    dead = played.deploy_id(plan, group="web", **play("succeed", tmp_path / "never"))
    wait_until(lambda: begun(played, dead), PATIENCE)
    (worker,) = played.workers()
    (played.program.parent / "worker").unlink()
    with played.client() as client:
        client.send("watch", deployment_id=dead)
        client.line()
        played.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "event='stopping'" in played.log, PATIENCE)
        os.kill(worker, signal.SIGKILL)
        last = client.rest()[-1]
    assert last["done"] and last["deployment"]["status"] == "Failed" and last["deployment"]["needs_recovery"], last
    assert played.ended() == 0, played.log


def test_a_deployment_that_waits_for_a_forget_is_not_forgotten(played, plan):
    played.start()
    old = played.deploy(plan, group="web")["deployment"]["deployment_id"]
    for i in range(20000):  # so that forgetting takes a moment
        (played.state / "deployment-root/web" / old / f"{i}").touch()
    with played.client() as forgets, played.client() as deploys:
        forgets.send("forget", group="web")
        accepted = deploys.ask("deploy", deploy=wanted(plan, group="web"))[0]["accepted"]
        assert forgets.rest()[-1]["done"]
    new = accepted["deployment_id"]
    assert played.finish(new)["status"] == "Succeeded"
    with contextlib.closing(sqlite3.connect(played.state / "state.db")) as db:
        assert db.execute("SELECT status FROM deployments WHERE id = ? AND request IS NULL", (new,)).fetchall() == [("Succeeded",)]
    assert [d["deployment_id"] for d in played.ask("list")["deployments"]] == [new]


@pytest.mark.parametrize("how", ["stopped", "superseded"])
def test_what_ended_while_it_waited_does_not_come_back_though_it_could_not_be_recorded(played, plan, tmp_path, how):
    go = tmp_path / "go"
    played.start()
    running = played.deploy_id(plan, group="web", **play("succeed", go))
    wait_until(lambda: begun(played, running), PATIENCE)
    waits = played.deploy_id(plan, group="web")
    if how == "stopped":
        with unwritable(played):
            assert played.ask("stop", deployment_id=waits)["done"]
    else:
        newer = played.deploy_id(plan, group="web")
        with contextlib.closing(sqlite3.connect(played.state / "state.db")) as db, db:
            # as a daemon leaves it that died between the two
            db.execute("UPDATE deployments SET status = 'Queued', finished_at = 0, request = (SELECT request FROM deployments "
                       "WHERE id = ?) WHERE id = ?", (newer, waits))
            request = json.loads(db.execute("SELECT request FROM deployments WHERE id = ?", (waits,)).fetchone()[0])
            db.execute("UPDATE deployments SET request = ? WHERE id = ?", (json.dumps({**request, "id": waits}), waits))
        go.touch()
        assert played.finish(newer)["status"] == "Succeeded"
    if how == "stopped":
        wait_until(lambda: "event='recorded'" in played.log, PATIENCE)
    played.kill()
    go.touch()
    played.start()
    assert played.finish(running)["status"] == "Succeeded"
    assert played.finish(waits)["status"] == "Stopped"
    assert waits not in order(played, "web")


@pytest.mark.parametrize("status", ["InProgress", "Queued"])
def test_a_result_that_is_no_end_is_not_believed(played, plan, status):
    played.start()
    end = played.deploy(plan, group="web", **play(f"unended-{status}"))["deployment"]
    assert end["status"] == "Failed", end
    assert played.deploy(plan, group="web")["deployment"]["status"] == "Succeeded"


def test_a_worker_does_not_speak_for_another_group(played, plan):
    played.start()
    other = played.deploy(plan, group="db")["deployment"]
    assert played.deploy(plan, group="web", **play(f"usurp-{other['deployment_id']}"))["deployment"]["status"] == "Succeeded"
    assert played.show(other["deployment_id"]) == other


def test_prune_spares_what_a_recovery_needs(played, agent, plan):
    played.start()
    ids = [played.deploy(plan, group="web")["deployment"]["deployment_id"] for _ in range(2)]
    group = played.state / "deployment-root/web"
    result = json.loads((group / ids[1] / "result.json").read_text())
    (group / ids[1] / "result.json").write_text(json.dumps({**result, "status": "Failed", "needs_recovery": True}))
    (played.state / "deployment-root/deployment-instructions/web_last_successful_install").write_text(str(group / ids[0]))
    agent.configure("max_revisions: 1\n")
    played.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "event='reloaded'" in played.log, PATIENCE)
    assert played.ask("prune")["deployments"] == 0
    assert sorted(p.name for p in group.iterdir()) == sorted(ids)


def test_what_prune_could_not_remove_whole_is_no_good_revision(played, agent, plan, mount):
    played.start()
    ids = [played.deploy(plan, group="web")["deployment"]["deployment_id"] for _ in range(3)]
    mount(played.state / "deployment-root/web" / ids[0] / "deployment-archive/busy", "size=1m")
    (played.state / "deployment-root/web" / ids[0] / "deployment-archive/file").touch()
    agent.configure("max_revisions: 1\n")
    played.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "event='reloaded'" in played.log, PATIENCE)
    assert not played.ask("prune")["done"]
    refused = played.ask("rollback", group="web", deployment_id=ids[0])["error"]
    left = played.state / "deployment-root/web" / ids[0] / "deployment-archive-removed"
    left.rename(left.with_name("deployment-archive"))  # where the fixture looks for it
    assert refused["message"] == f"the bundle of deployment {ids[0]} is not on disk any more"


def test_rollback_of_a_group_with_a_path_for_a_name_is_refused(played, plan):
    played.start()
    last = played.ask("rollback", group="../../web")
    assert last["error"]["exit"] == 2, last


def test_an_adopted_worker_that_finds_its_revision_in_place_has_not_failed(daemon, agent, bundle, tmp_path):
    daemon.start()
    archive = bundle(files={"a": "1"}, pack=True)
    assert daemon.deploy(archive, group="web")["deployment"]["status"] == "Succeeded"
    lock = Lock(daemon.state / "deployment-root/web")
    again = start_without_folder(daemon, archive)
    daemon.kill()
    daemon.start()
    assert "event='adopted'" in daemon.log
    lock.close()
    end = daemon.finish(again)
    assert (end["status"], end["changed"]) == ("Succeeded", False), end


def test_a_waiting_client_sees_a_deployment_to_its_end_though_the_daemon_is_restarted(agent, played, plan, tmp_path):
    agent.configure("stop_timeout: 1s\n")
    played.start()
    with start(agent, "deploy", plan, "--group", "web", "--env", f"GO={tmp_path / 'go'}") as client:
        wait_until(lambda: (played.program.parent / "order").exists(), PATIENCE)
        assert played.stop() == 0
        played.start()
        (tmp_path / "go").touch()
        _, err = client.communicate(timeout=PATIENCE)
    assert client.returncode == 0 and "deployed d-" in err, err
    assert len((played.program.parent / "order").read_text().splitlines()) == 1, "it was deployed twice"


def test_logs_of_a_queued_deployment_come_as_they_are_written(agent, daemon, bundle, target, tmp_path):
    daemon.start()
    go, started, go2 = tmp_path / "go", tmp_path / "started", tmp_path / "go2"
    daemon.deploy_id(bundle(files={"a": "1"}, hooks={"ApplicationStart": waiting(go, started)}), group="web")
    wait_until(started.exists, PATIENCE)
    behind = daemon.deploy_id(bundle(files={"a": "2"}, hooks={"AfterInstall": f"echo hello; {waiting(go2, tmp_path / 's2')}"}),
                              group="web")
    with start(agent, "logs", "-f", behind) as client:
        wait_until(lambda: pathlib.Path(f"/proc/{client.pid}/fd").exists(), PATIENCE)
        go.touch()
        wait_until((tmp_path / "s2").exists, PATIENCE)
        os.set_blocking(client.stdout.fileno(), False)
        text = b""

        def said():
            nonlocal text
            with contextlib.suppress(BlockingIOError):
                text += os.read(client.stdout.fileno(), 4096)
            return b"hello" in text

        try:
            wait_until(said, PATIENCE)
        finally:
            go2.touch()
        client.wait(PATIENCE)
    assert client.returncode == 0


def test_clients_that_do_not_read_take_no_room_from_those_who_do(played, plan):
    """Who hoards answers loses the connection, not who asks next."""
    played.start()
    ids = [played.deploy(plan, group="web")["deployment"]["deployment_id"] for _ in range(3)]
    with contextlib.closing(sqlite3.connect(played.state / "state.db")) as db, db:
        for one in ids:
            text = db.execute("SELECT document FROM deployments WHERE id = ?", (one,)).fetchone()[0]
            db.execute("UPDATE deployments SET document = ? WHERE id = ?", (json.dumps({**json.loads(text), "now": "x" * 5000000}), one))
    with contextlib.ExitStack() as stack:
        for _ in range(10):
            hoarder = stack.enter_context(played.client())
            hoarder.send("list")
            hoarder.socket.recv(1)  # so it was answered, and is not read any further
        assert len(played.ask("show", deployment_id=ids[0])["deployment"]["now"]) == 5000000
        assert len(played.ask("list")["deployments"]) == 3


@pytest.mark.skipif(not os.environ.get("SLIPWAY_SLOW_TESTS"), reason="takes 40 s: `make check` runs it, here set SLIPWAY_SLOW_TESTS=1")
def test_a_restore_that_takes_its_time_in_silence_is_not_killed_for_the_deadline(played, plan):
    """35 s is how long a worker may be silent that has not answered at all; side by side, since they take longer."""
    played.start()
    ids = {"told": played.deploy_id(plan, group="told", deadline_s=1, **play("restore-slowly")),
           "failed": played.deploy_id(plan, group="failed", deadline_s=2, **play("fail-slowly")),
           "stopped": played.deploy_id(plan, group="stopped", deadline_s=3, **play("restore-slowly"))}
    wait_until(lambda: begun(played, ids["stopped"]), PATIENCE)
    assert played.ask("stop", deployment_id=ids["stopped"])["done"]
    assert {why: played.finish(one)["error"]["message"] for why, one in ids.items()} == dict.fromkeys(ids, "slow, and done")


def test_a_worker_stopped_before_it_began_is_stopped_though_it_is_adopted(daemon, bundle):
    daemon.start()
    (daemon.state / "deployment-root/web").mkdir(parents=True)
    lock = Lock(daemon.state / "deployment-root/web")
    waits = start_without_folder(daemon, bundle(files={"a": "1"}))
    daemon.kill()
    daemon.start()
    assert daemon.ask("stop", deployment_id=waits)["done"]
    assert daemon.finish(waits)["status"] == "Stopped"
    lock.close()


def test_what_nobody_asked_the_daemon_for_is_not_started_by_it(daemon, agent, bundle, target, tmp_path):
    """A deployment of `slipway local` that was seen, killed and removed by hand."""
    daemon.start()
    go, started = tmp_path / "go", tmp_path / "started"
    plan = bundle(files={"a": "1"}, hooks={"BeforeInstall": waiting(go, started)})
    with start(agent, "local", "--bundle-location", plan, "--type", "directory", "--deployment-group", "web") as local:
        wait_until(started.exists, PATIENCE)
        (seen,) = [d["deployment_id"] for d in daemon.ask("list", group="web")["deployments"]]
        daemon.kill()
        local.kill()
    for pid in daemon.workers():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not daemon.workers(), PATIENCE)
    shutil.rmtree(daemon.state / "deployment-root/web")
    started.unlink()
    go.touch()
    daemon.start()
    end = daemon.finish(seen)
    assert (end["status"], started.exists()) == ("Failed", False), end
