"""The daemon with a worker that plays: queue, streams, tokens, stop, recovery, adoption, its database."""
import json
import os
import signal
import subprocess
import threading

import pytest
from conftest import wait_until
from daemon_kit import PATIENCE, Daemon, wanted


@pytest.fixture
def daemon(agent, tmp_path):
    made = Daemon(agent, tmp_path, fake=True)
    yield made
    made.clean_up()


@pytest.fixture
def plan(tmp_path):
    """A folder to deploy; the worker that plays does not look into it."""
    folder = tmp_path / "plan"
    folder.mkdir()
    return folder


def play(name, go=None):
    return {"environment": [f"PLAY={name}"] + ([f"GO={go}"] if go else [])}


def order(daemon, group):
    lines = (daemon.program.parent / "order").read_text().splitlines()
    return [line.split()[1] for line in lines if line.split()[0] == group]


def begun(daemon, deployment_id):
    path = daemon.program.parent / "order"
    return path.exists() and deployment_id in path.read_text()


def test_a_deployment_is_streamed_to_its_end(daemon, plan):
    daemon.start()
    with daemon.client() as client:
        lines = client.ask("deploy", wait=True, documents=True, deploy=wanted(plan, group="web", token="t"))
    accepted, last = lines[0]["accepted"], lines[-1]
    assert (accepted["repeated"], accepted["behind"], last["done"]) == (False, None, True)
    assert last["deployment"]["status"] == "Succeeded"
    assert last["deployment"]["requested_by"]["uid"] == os.getuid()
    assert last["folder"] == str(daemon.state / "deployment-root/web" / accepted["deployment_id"])
    assert all(line["deployment_id"] == accepted["deployment_id"] for line in lines[1:-1])
    events = [(p["event"], p["status"]) for p in (line.get("progress", {}) for line in lines) if p.get("event")]
    assert events == [("Install", "InProgress"), ("Install", "Succeeded")]
    assert [line["deployment"]["status"] for line in lines if "deployment" in line] == \
        ["InProgress", "InProgress", "Succeeded", "Succeeded"]


def test_a_token_seen_before_starts_nothing(daemon, plan, tmp_path):
    daemon.start()
    first = daemon.deploy_id(plan, token="job-1", **play("succeed", tmp_path / "go"))
    with daemon.client() as client:
        client.send("deploy", wait=True, deploy=wanted(plan, token="job-1"))
        assert client.line() == {"accepted": {"deployment_id": first, "repeated": True, "behind": None}}
        (tmp_path / "go").touch()
        assert client.rest()[-1]["deployment"]["deployment_id"] == first
        again = client.ask("deploy", wait=True, deploy=wanted(plan, token="job-1"))
        assert (again[0]["accepted"]["repeated"], again[-1]["deployment"]["status"]) == (True, "Succeeded")
    assert len(daemon.ask("list")["deployments"]) == 1


def test_a_newer_request_supersedes_the_one_that_waits(daemon, plan, tmp_path):
    daemon.start()
    first = daemon.deploy_id(plan, **play("succeed", tmp_path / "go"))
    with daemon.client() as waiting:
        waiting.send("deploy", wait=True, deploy=wanted(plan))
        second = waiting.line()["accepted"]
        assert second["behind"] == first
        assert daemon.show(second["deployment_id"])["status"] == "Queued"
        third = daemon.deploy_id(plan)
        end = waiting.rest()[-1]["deployment"]
    assert (end["status"], end["error"]["message"]) == ("Stopped", f"superseded by {third}")
    (tmp_path / "go").touch()
    assert daemon.finish(third)["status"] == "Succeeded"
    assert order(daemon, "default") == [first, third]


def test_many_clients_get_their_order_and_none_is_lost(daemon, plan):
    """Twenty clients on ten groups, two each, one after the other in its group."""
    daemon.start()
    ends, lock = {}, threading.Lock()

    def one(number):
        with daemon.client() as client:
            for turn in range(3):
                group = f"g{number % 10}"
                lines = client.ask("deploy", wait=True, deploy=wanted(plan, group=group))
                with lock:
                    ends[number, turn] = (group, lines[0]["accepted"]["deployment_id"], lines[-1])

    threads = [threading.Thread(target=one, args=(n,)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE * 2)
    assert len(ends) == 60
    ended = {}
    for group, deployment_id, last in ends.values():
        assert last["done"] and last["deployment"]["status"] == "Succeeded", last
        ended.setdefault(group, set()).add(deployment_id)
    for group, ids in ended.items():
        assert set(order(daemon, group)) == ids and len(order(daemon, group)) == 6
    rows = daemon.ask("list", limit=100)["deployments"]
    assert len(rows) == 60 and {row["status"] for row in rows} == {"Succeeded"}
    assert all(g["running"] is None and g["queued"] is None for g in daemon.ask("status")["groups"])


def test_stop_ends_what_runs_and_what_waits(daemon, plan, tmp_path):
    daemon.start()
    running = daemon.deploy_id(plan, **play("succeed", tmp_path / "never"))
    waiting = daemon.deploy_id(plan)
    assert daemon.ask("stop", deployment_id=waiting)["deployment_id"] == waiting
    assert daemon.show(waiting)["status"] == "Stopped"
    wait_until(lambda: begun(daemon, running), PATIENCE)
    assert daemon.ask("stop", group="default")["deployment_id"] == running
    assert daemon.finish(running)["status"] == "Stopped"
    again = daemon.ask("stop", deployment_id=running)
    assert again["error"]["message"] == f"deployment {running} has ended already (Stopped)"
    assert daemon.ask("stop")["error"]["message"] == "no deployment is running or waiting"


def test_a_deadline_stops_a_deployment(daemon, plan, tmp_path):
    daemon.start()
    assert daemon.deploy(plan, deadline_s=1, **play("succeed", tmp_path / "never"))["deployment"]["status"] == "Stopped"


@pytest.mark.parametrize("name", ["die", "die_after_result", "babble", "lie", "flood"])
def test_whoever_waits_gets_an_end_when_the_worker_goes_wrong(daemon, plan, name):
    daemon.start()
    end = daemon.deploy(plan, **play(name))["deployment"]
    if name == "die_after_result":
        assert end["status"] == "Succeeded"
    else:
        assert (end["status"], end["error"]["error_code"]) == ("Failed", "FailedAfterRestart")
    assert daemon.deploy(plan)["deployment"]["status"] == "Succeeded"


def test_a_worker_that_dies_before_it_began_is_a_failed_deployment(daemon, plan):
    daemon.start()
    end = daemon.deploy(plan, **play("die_early"))["deployment"]
    assert (end["status"], end["error"]["error_code"]) == ("Failed", "FailedAfterRestart")
    assert end["error"]["message"] == "the worker is gone without a result: it was killed by signal 9 (Killed)"


def test_the_group_waits_while_it_is_recovered(daemon, plan):
    daemon.start()
    (daemon.program.parent / "no-recovery").touch()
    dead = daemon.deploy_id(plan, **play("die"))
    wait_until(lambda: "recovery failed" in daemon.log, PATIENCE)
    status = daemon.group("default")
    assert (status["running"], status["needs_recovery"]) == (dead, True)
    behind = daemon.deploy_id(plan)
    assert daemon.show(behind)["status"] == "Queued"
    refused = daemon.ask("stop", deployment_id=dead)
    assert (refused["done"], refused["error"]["exit"]) == (False, 5)
    (daemon.program.parent / "no-recovery").unlink()
    assert daemon.finish(dead)["error"]["error_code"] == "FailedAfterRestart"
    assert daemon.finish(behind)["status"] == "Succeeded"


def test_a_killed_daemon_leaves_its_workers_and_the_next_one_finds_them(daemon, plan, tmp_path):
    daemon.start()
    running = daemon.deploy_id(plan, group="a", token="ta", **play("succeed", tmp_path / "go"))
    behind = daemon.deploy_id(plan, group="a", token="tb")
    dead = daemon.deploy_id(plan, group="b", **play("succeed", tmp_path / "go"))
    wait_until(lambda: begun(daemon, running) and begun(daemon, dead), PATIENCE)
    daemon.kill()
    folder = daemon.state / "deployment-root/b" / dead
    os.kill(json.loads((folder / "request.json").read_text())["pid"], signal.SIGKILL)
    daemon.start()
    assert daemon.group("a")["running"] == running and daemon.group("a")["queued"] == behind
    assert daemon.finish(dead)["error"]["error_code"] == "FailedAfterRestart"
    with daemon.client() as client:
        client.send("deploy", wait=True, deploy=wanted(plan, group="a", token="ta"))
        assert client.line()["accepted"] == {"deployment_id": running, "repeated": True, "behind": None}
        (tmp_path / "go").touch()
        assert client.rest()[-1]["deployment"]["status"] == "Succeeded"
    assert daemon.finish(behind)["status"] == "Succeeded"
    assert order(daemon, "a") == [running, behind]


def test_an_adopted_worker_can_be_stopped(daemon, plan, tmp_path):
    daemon.start()
    running = daemon.deploy_id(plan, **play("succeed", tmp_path / "never"))
    wait_until(lambda: begun(daemon, running), PATIENCE)
    daemon.kill()
    daemon.start()
    assert daemon.ask("stop")["deployment_id"] == running
    assert daemon.finish(running)["status"] == "Stopped"


def test_what_ended_while_no_daemon_ran_is_known_to_the_next(daemon, plan, tmp_path):
    daemon.start()
    running = daemon.deploy_id(plan, **play("succeed", tmp_path / "go"))
    wait_until(lambda: begun(daemon, running), PATIENCE)
    daemon.kill()
    (tmp_path / "go").touch()
    wait_until(lambda: not daemon.workers(), PATIENCE)
    daemon.start()
    assert daemon.show(running)["status"] == "Succeeded"
    assert daemon.group("default")["running"] is None


@pytest.mark.parametrize("harm", ["delete", "truncate", "garbage"])
def test_a_lost_database_is_rebuilt_from_the_folders(daemon, plan, tmp_path, harm):
    daemon.start()
    done = [daemon.deploy(plan, group=f"g{n}", token=f"t{n}")["deployment"] for n in range(3)]
    running = daemon.deploy_id(plan, group="busy", **play("succeed", tmp_path / "go"))
    wait_until(lambda: begun(daemon, running), PATIENCE)
    daemon.kill()
    path = daemon.state / "state.db"
    for extra in ("state.db-wal", "state.db-shm"):
        (daemon.state / extra).unlink(missing_ok=True)
    if harm == "delete":
        path.unlink()
    elif harm == "truncate":
        path.write_bytes(path.read_bytes()[:3000])
    else:
        path.write_bytes(b"this is no database " * 1000)
    daemon.start()
    assert "event='database_made'" in daemon.log
    for deployment in done:
        assert daemon.show(deployment["deployment_id"]) == deployment
    again = daemon.ask("deploy", deploy=wanted(plan, group="g1", token="t1"))
    assert again["deployment"]["deployment_id"] == done[1]["deployment_id"]
    assert daemon.group("busy")["running"] == running
    (tmp_path / "go").touch()
    assert daemon.finish(running)["status"] == "Succeeded"


def test_an_idle_daemon_goes_at_once_and_takes_its_socket_along(daemon):
    daemon.start()
    assert daemon.stop() == 0
    assert not daemon.socket.exists()


def test_a_daemon_that_stops_waits_for_what_runs_and_takes_nothing_new(daemon, plan, tmp_path):
    daemon.start()
    running = daemon.deploy_id(plan, **play("succeed", tmp_path / "go"))
    waiting = daemon.deploy_id(plan)
    with daemon.client() as client:
        client.send("watch", deployment_id=running)
        daemon.process.send_signal(signal.SIGTERM)
        wait_until(lambda: daemon.ask("status")["agent"]["stopping"], PATIENCE)
        refused = daemon.deploy(plan)
        assert (refused["error"]["exit"], "is stopping" in refused["error"]["message"]) == (5, True)
        (tmp_path / "go").touch()
        assert client.rest()[-1]["deployment"]["status"] == "Succeeded"
    assert daemon.ended() == 0
    daemon.start()
    assert daemon.finish(waiting)["status"] == "Succeeded"


def test_told_twice_or_out_of_patience_it_leaves_work_to_the_next_daemon(daemon, plan, agent, tmp_path):
    agent.configure("stop_timeout: 1s\n")
    daemon.start()
    running = daemon.deploy_id(plan, **play("succeed", tmp_path / "go"))
    with daemon.client() as client:
        client.send("watch", deployment_id=running)
        assert daemon.stop() == 0
        last = client.rest()[-1]
    assert (last["done"], last["error"]["exit"]) == (False, 3)
    agent.configure("stop_timeout: 1h\n")
    daemon.start()
    daemon.process.send_signal(signal.SIGTERM)
    wait_until(lambda: "event='stopping'" in daemon.log, PATIENCE)
    wait_until(lambda: daemon.ask("status")["agent"]["stopping"], PATIENCE)
    assert daemon.stop() == 0
    daemon.start()
    (tmp_path / "go").touch()
    assert daemon.finish(running)["status"] == "Succeeded"


def test_a_second_daemon_says_who_is_first(daemon, agent):
    daemon.start()
    second = agent("daemon")
    assert second.code == 5
    assert f"another slipway daemon (process {daemon.process.pid})" in second.err
    assert daemon.ask("status")["done"]


def test_the_socket_of_a_dead_daemon_is_replaced_and_a_living_ones_is_not(daemon, agent, tmp_path):
    daemon.start()
    daemon.kill()
    assert daemon.socket.exists()
    daemon.start()
    assert daemon.ask("status")["done"]
    other = tmp_path / "other.yml"
    other.write_text(f"state_dir: {tmp_path}/other\n")  # and the same socket
    done = subprocess.run([daemon.program, "--root", agent.root, "--config", other, "daemon"], capture_output=True, text=True, check=False,
                          env=agent.env, timeout=PATIENCE)
    assert (done.returncode, f"another process listens at '{daemon.socket}'" in done.stderr) == (5, True), done.stderr


def test_a_reload_takes_the_new_and_keeps_the_old_when_it_is_wrong(daemon, agent, plan):
    daemon.start()
    agent.configure("max_revisions: 7\n")
    daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "event='reloaded'" in daemon.log, PATIENCE)
    done = daemon.deploy(plan)
    request = json.loads(open(done["folder"] + "/request.json", encoding="utf-8").read())["request"]
    assert request["settings"]["max_revisions"] == 7
    agent.configure("max_revisions: many\n")
    daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "event='reload_failed'" in daemon.log, PATIENCE)
    assert "slipway.yml:1:16" in daemon.log
    assert any("slipway.yml:1:16" in text for text in daemon.ask("status")["agent"]["unhappy"])
    request = json.loads(open(daemon.deploy(plan)["folder"] + "/request.json", encoding="utf-8").read())["request"]
    assert request["settings"]["max_revisions"] == 7


def test_a_wrong_configuration_stops_the_start_with_its_place(agent):
    agent.configure("max_revisions: many\n")
    done = agent("daemon")
    assert done.code == 2 and "slipway.yml:1:16" in done.err
    assert agent("daemon", "now").code == 2


def test_rollback_goes_to_the_newest_good_revision_that_is_not_in_place(daemon, plan):
    daemon.start()
    good = [daemon.deploy(plan)["deployment"]["deployment_id"] for _ in range(2)]
    daemon.deploy(plan, **play("fail"))
    target = daemon.ask("rollback", dry_run=True)["target"]
    assert (target["deployment_id"], target["group"]) == (good[0], "default")
    with daemon.client() as client:
        back = client.ask("rollback", wait=True)[-1]["deployment"]
    assert back["status"] == "Succeeded"
    assert back["revision"]["location"] == str(daemon.state / "deployment-root/default" / good[0] / "deployment-archive")
    assert back["requested_by"]["text"] == f"rollback to {good[0]}"
    failed = next(d for d in daemon.ask("list")["deployments"] if d["status"] == "Failed")["deployment_id"]
    refused = daemon.ask("rollback", deployment_id=failed)
    assert refused["error"]["message"] == f"deployment {failed} did not succeed (Failed)"
    nothing = daemon.ask("rollback", group="other")
    assert "has no good revision on disk" in nothing["error"]["message"]


def test_rolling_back_again_goes_on_to_an_older_revision(daemon, plan):
    daemon.start()
    good = [daemon.deploy(plan)["deployment"]["deployment_id"] for _ in range(3)]
    for target in (good[1], good[0]):
        with daemon.client() as client:
            back = client.ask("rollback", wait=True)[-1]["deployment"]
        assert (back["status"], back["requested_by"]["text"]) == ("Succeeded", f"rollback to {target}")
    assert "has no good revision on disk" in daemon.ask("rollback")["error"]["message"]


def test_redeploy_brings_the_newest_good_revision_again_and_only_once(daemon, plan):
    daemon.start()
    good = daemon.deploy(plan)["deployment"]["deployment_id"]
    bad = daemon.deploy(plan, on_failure="redeploy", **play("fail"))["deployment"]["deployment_id"]
    wait_until(lambda: daemon.ask("show")["deployment"]["creator"] == "slipway", PATIENCE)
    again = daemon.finish(daemon.ask("show")["deployment"]["deployment_id"])
    assert (again["status"], again["requested_by"]["text"]) == \
        ("Succeeded", f"deployment {bad} failed; revision {good} again")
    wait_until(lambda: daemon.group("default")["running"] is None, PATIENCE)
    assert len(daemon.ask("list")["deployments"]) == 3


def test_forget_takes_a_group_away_and_not_while_it_is_busy(daemon, plan, tmp_path):
    daemon.start()
    running = daemon.deploy_id(plan, group="web", **play("succeed", tmp_path / "go"))
    assert daemon.ask("forget", group="web")["error"]["exit"] == 5
    (tmp_path / "go").touch()
    daemon.finish(running)
    daemon.deploy(plan, group="web2")
    wait_until(lambda: daemon.group("web")["running"] is None, PATIENCE)
    assert daemon.ask("forget", group="web") == {"done": True, "group": "web", "deployments": 1}
    assert daemon.group("web") is None and daemon.group("web2")
    assert not (daemon.state / "deployment-root/web").exists()
    assert [p.name for p in (daemon.state / "deployment-root/deployment-instructions").iterdir()] == \
        ["web2_last_successful_install"]
    assert daemon.ask("forget", group="web")["error"]["exit"] == 1


def test_prune_keeps_what_the_configuration_says(daemon, agent, plan):
    daemon.start()
    ids = [daemon.deploy(plan)["deployment"]["deployment_id"] for _ in range(4)]
    agent.configure("max_revisions: 2\nhistory: 3\n")
    daemon.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "event='reloaded'" in daemon.log, PATIENCE)
    pruned = daemon.ask("prune")
    assert (pruned["deployments"], pruned["rows"]) == (2, 1), pruned
    left = sorted(p.name for p in (daemon.state / "deployment-root/default").iterdir())
    assert left == sorted(ids[2:])


def test_watching_all_hears_of_every_deployment(daemon, plan):
    daemon.start()
    with daemon.client() as client:
        client.send("watch", documents=True)
        wait_until(lambda: daemon.ask("status")["done"], PATIENCE)
        ids = [daemon.deploy(plan, group=f"g{n}")["deployment"]["deployment_id"] for n in range(3)]
        ended = []
        while len(ended) < 3:
            line = client.line()
            if line.get("deployment", {}).get("status") == "Succeeded":
                ended.append(line["deployment_id"])
    assert ended == ids


def test_what_local_did_is_seen(daemon, agent, bundle, target):
    daemon.start()
    agent.program = daemon.agent.program
    done = agent.local(bundle(files={"a": "1"}), "--json")
    assert done.code == 0, done.err
    assert daemon.show(done.json["deployment_id"])["status"] == "Succeeded"
    assert daemon.ask("list")["deployments"][0]["deployment_id"] == done.json["deployment_id"]
