"""The client and the daemon with one another; what each of them says by itself is in test_client*.py and test_daemon*.py."""
import json
import signal
import subprocess

import jsonschema
import pytest
from conftest import CHECKOUT, wait_until
from daemon_kit import PATIENCE, Daemon
from test_client import validate


@pytest.fixture
def daemon(agent, tmp_path):
    made = Daemon(agent, tmp_path)
    yield made
    made.clean_up()


@pytest.fixture
def played(agent, tmp_path):
    """A daemon whose workers only play; they go on without it."""
    made = Daemon(agent, tmp_path, fake=True)
    yield made
    made.clean_up()


@pytest.fixture
def plan(tmp_path):
    folder = tmp_path / "plan"
    folder.mkdir()
    (folder / "appspec.yml").write_text("version: 0.0\nos: linux\n")
    return folder


def start(agent, *words):
    return subprocess.Popen([agent.program, "--root", agent.root, *words], env=agent.env, text=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_deployment_is_asked_for_seen_and_forgotten(agent, daemon, bundle, target):
    daemon.start()
    made = bundle(files={"a": "1"}, hooks={"AfterInstall": "echo hello"})
    done = agent("deploy", made, "--group", "web", "--requested-by", "job 7", "--json")
    assert done.code == 0, done.err
    assert target.read("a") == "1"
    for line in done.out.splitlines():
        validate(json.loads(line), "deployment-result")
    name = done.last["deployment_id"]
    assert done.last["status"] == "Succeeded" and done.last["requested_by"]["text"] == "job 7"
    status, listed = agent("status", "--json").json, agent("list", "--json").json
    validate(status, "status")
    validate(listed, "list")
    assert status["groups"][0]["last_successful"]["deployment_id"] == name
    assert [d["deployment_id"] for d in listed["deployments"]] == [name]
    assert agent("show", name, "--json").json == done.last
    assert "[stdout]hello\n" in agent("logs", "--latest").out
    assert agent("wait", name).code == 0
    assert agent("doctor").code == 0
    assert agent("forget", "web").code == 0
    assert agent("list").err == "nothing has been deployed\n"


def test_a_failure_names_the_commands_that_say_more(agent, daemon, bundle):
    daemon.start()
    done = agent("deploy", bundle(hooks={"ValidateService": "echo no db; exit 3"}), "--group", "web")
    assert done.code == 1 and "error[ScriptFailed]: ValidateService failed on " in done.err
    name = agent("list", "--json").json["deployments"][0]["deployment_id"]
    assert done.err.splitlines()[-1] == f"  next: slipway logs {name} | slipway explain ScriptFailed"
    assert "no db" in agent("logs", name).out


def test_a_failure_that_was_restored_ends_with_6_and_what_runs_already_with_0(agent, daemon, bundle, target):
    daemon.start()
    good = bundle(files={"a": "1"}, pack=True)
    assert agent("deploy", good, "--group", "web").code == 0
    again = agent("deploy", good, "--group", "web", "--json")
    assert again.code == 0 and again.last["changed"] is False and "nothing to do in group 'web' on " in again.err
    done = agent("deploy", bundle(files={"a": "2"}, hooks={"ValidateService": "exit 3"}), "--group", "web")
    assert done.code == 6 and "(previous) is back: files restored, started, validated\n" in done.err, done.err
    assert target.read("a") == "1"


@pytest.mark.parametrize("words, code", [
    (["deploy", "PLAN", "--group", "a/b"], 2), (["deploy", "PLAN", "--digest", "sha256:12"], 2), (["show", "d-NOTTHERE1"], 1),
    (["deploy", "PLAN", "--events", "A B"], 2), (["rollback", "--group", "nobody"], 1), (["stop", "--latest"], 1)])
def test_what_the_daemon_refuses_is_an_error_with_words(agent, daemon, plan, words, code):
    daemon.start()
    done = agent(*[plan if word == "PLAN" else word for word in words])
    assert done.code == code and done.err.startswith("error") and "does not understand" not in done.err, done.err


def test_a_waiting_client_sees_a_deployment_to_its_end_though_the_daemon_is_killed(agent, played, plan, tmp_path):
    played.start()
    with start(agent, "deploy", plan, "--group", "web", "--env", f"GO={tmp_path / 'go'}") as client:
        wait_until(lambda: (played.program.parent / "order").exists(), PATIENCE)
        played.kill()
        assert "waiting up to 30 s" in client.stderr.readline()
        played.start()
        assert client.stderr.readline() == "asking the daemon again\n"
        (tmp_path / "go").touch()
        _, err = client.communicate(timeout=PATIENCE)
    assert client.returncode == 0 and "deployed d-" in err, err
    assert len((played.program.parent / "order").read_text().splitlines()) == 1, "it was deployed twice"


def test_an_interrupted_client_leaves_the_deployment_to_the_daemon(agent, played, plan, tmp_path):
    played.start()
    with start(agent, "deploy", plan, "--group", "web", "--env", f"GO={tmp_path / 'go'}") as client:
        wait_until(lambda: (played.program.parent / "order").exists(), PATIENCE)
        client.send_signal(signal.SIGINT)
        _, err = client.communicate(timeout=PATIENCE)
    assert client.returncode == 130 and err.startswith("error: interrupted: "), err
    assert agent("wait", "--latest", "--timeout", "1").code == 4
    (tmp_path / "go").touch()
    assert agent("wait", "--latest").code == 0


def test_a_queued_deployment_that_is_replaced_ends_as_stopped(agent, played, plan, tmp_path):
    played.start()
    first = agent("deploy", plan, "--group", "web", "--env", f"GO={tmp_path / 'go'}", "--detach").out.strip()
    second = agent("deploy", plan, "--group", "web", "--detach").out.strip()
    with start(agent, "wait", second) as waiting:
        third = agent("deploy", plan, "--group", "web", "--detach").out.strip()
        _, err = waiting.communicate(timeout=PATIENCE)
    assert waiting.returncode == 1 and err.startswith("error[Stopped]: ") and f"superseded by {third}" in err
    assert agent("stop", first).code == 0
    assert agent("wait", first).code == 1 and agent("wait", third).code == 0


def test_the_schemas_are_schemas():
    for path in (CHECKOUT / "docs").glob("*.schema.json"):
        jsonschema.Draft7Validator.check_schema(json.loads(path.read_text()))
