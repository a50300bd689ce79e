"""The commands that look at this machine and need no daemon: explain, doctor, check-config."""
import json
import re
import socket

import pytest
from conftest import CHECKOUT
from fake_daemon import FakeDaemon, status_answer

CODES = json.loads((CHECKOUT / "docs/deployment-result.schema.json").read_text())["definitions"]["error_code"]["enum"]


# explain

@pytest.mark.parametrize("code", CODES)
def test_every_code_of_a_result_is_explained(agent, code):
    done = agent("explain", code)
    assert done.code == 0 and done.out.startswith(f"{code}: ") and "\nWhat to do:\n  " in done.out
    assert all(len(line) <= 100 for line in done.out.splitlines())
    assert agent("explain", "--json", code).json["code"] == code


@pytest.mark.parametrize("words, code", [
    (["scriptfailed"], "ScriptFailed"),
    (["error[FileExists]:", "Install", "failed", "on", "web-17"], "FileExists"),
    (["error: the deployment failed: UnknownError: write: No space left on device"], "DiskFull"),
    (["error: no daemon answers at '/run/slipway/slipway.sock': start it"], "NoDaemon"),
    (["group 'web' is busy: pid 12 deploys d-1"], "Busy"),
    (["superseded by d-2"], "Stopped"),
    (["Script at specified location: a.sh failed to complete in 5 seconds"], "ScriptTimedOut"),
    (["Script at specified location: a.sh run as user x failed with exit code 3"], "ScriptFailed"),
    (["Script at specified location: a.sh failed to close STDOUT: held by 12 (sleep)"], "OutputsLeftOpen"),
    (["appspec.yml line 3: Script does not exist at specified location: /x/a.sh. Add it"], "ScriptMissing"),
    (["deployment d-1 was interrupted and can be neither finished nor undone yet"], "NeedsRecovery"),
    (["not allowed to talk to the daemon at '/run/slipway/slipway.sock'"], "NotAllowed"),
    (["UnknownError"], "UnknownError"),
    (["error: timed out waiting: deployment d-1 goes on"], "TimedOut"),
])
def test_a_pasted_message_finds_its_code(agent, words, code):
    done = agent("explain", *words)
    assert done.code == 0 and done.out.startswith(f"{code}: "), done.out + done.err


def test_without_a_code_all_are_listed(agent):
    done = agent("explain")
    names = [line.split()[0] for line in done.out.splitlines()]
    assert done.code == 0 and set(CODES) <= set(names)
    assert {entry["code"] for entry in agent("explain", "--json").json} == set(names)


@pytest.mark.parametrize("text, said", [
    ("ScriptFaled", "error: 'ScriptFaled' is no code: did you mean 'slipway explain ScriptFailed'?\n"),
    ("xyzzy\033[2J", "error: 'xyzzy' holds no code that is known: 'slipway explain' lists them\n"),
])
def test_what_is_no_code_is_said_to_be_none(agent, text, said):
    assert (agent("explain", text).code, agent("explain", text).err) == (2, said)


# check-config

def test_a_configuration_without_mistakes_is_fine(agent):
    assert (agent("check-config").code, agent("check-config").out) == (0, "the configuration is fine\n")


def test_the_settings_in_force_are_told_as_json(agent):
    agent.configure("max_revisions: 9\nlimits:\n  entries: 10\nrunas_method: su\n")
    done = agent("check-config", "--json").json
    assert done["ok"] is True and done["errors"] == [] and done["warnings"] == []
    settings = done["settings"]
    assert (settings["max_revisions"], settings["limits"]["entries"]) == (9, 10)
    assert (settings["file_exists_behavior"], settings["on_failure"], settings["deadline"]) == ("DISALLOW", "restore", 3600)
    assert (settings["runas_method"], settings["instance"], settings["region"]) == ("su", socket.gethostname(), None)
    assert settings["state_dir"] == f"{agent.root}/var/lib/slipway"
    assert settings["socket"] == f"{agent.root}/run/slipway/slipway.sock"


def test_an_error_has_its_place_and_a_warning_is_no_error(agent):
    agent.configure("max_revisions: many\n")
    file = agent.root / "etc/slipway/slipway.yml"
    done = agent("check-config", "--json")
    assert done.code == 2 and done.json["ok"] is False and done.json["settings"] is None
    assert done.json["errors"][0].startswith(f"{file}:1:16: 'max_revisions' is 'many'")
    assert done.err == f"error: {done.json['errors'][0]}\n"
    agent.configure("max_revision: 3\n")
    done = agent("check-config")
    assert (done.code, done.out) == (0, "the configuration is fine but for the warnings\n")
    assert f"warning: {file}:1:1: unknown key 'max_revision': did you mean 'max_revisions'?" in done.err


# doctor

@pytest.fixture
def daemon(agent):
    fake = FakeDaemon(agent.root / "run/slipway/slipway.sock")
    yield fake
    fake.stop()


def checks(done, name):
    return [(c["level"], c["message"], c["cure"]) for c in done.json["checks"] if c["check"] == name]


def healthy(line):
    answer = status_answer()
    answer["groups"] = answer["groups"][:1]
    line.done(**answer)


def test_a_healthy_host_has_no_error(agent, daemon):
    daemon.start(healthy)
    done = agent("doctor")
    assert done.code == 0, done.out
    lines = [re.split(r" {2,}", line)[:2] for line in done.out.splitlines()]
    assert ["ok", "configuration"] in lines and ["ok", "daemon"] in lines and ["ok", "group"] in lines
    assert {level for level, _ in lines} <= {"ok", "warning"}
    assert agent("doctor", "--json").json["ok"] is True
    assert not (agent.root / "var").exists(), "the doctor only looks"


def test_a_daemon_that_does_not_answer_is_an_error(agent, daemon):
    done = agent("doctor", "--json")
    (level, message, _), = checks(done, "daemon")
    assert done.code == 1 and level == "error" and "systemctl start slipway" in message
    daemon.start(lambda line: line.until_it_leaves())
    done = agent("doctor", "--json", "--timeout", "1")
    assert done.code == 1 and checks(done, "daemon") == [("error", "it has not answered within 1 s", "systemctl restart slipway")]


def test_an_older_and_unhappy_daemon_is_a_warning(agent, daemon):
    daemon.start(lambda line: line.done(**{**status_answer(version="0.0.9", unhappy=["no disk"]), "groups": []}))
    found = checks(agent("doctor", "--json"), "daemon")
    assert [level for level, _, _ in found] == ["warning", "warning"]
    assert found[0][1].startswith("version 0.0.9 is running, version ") and found[1][1] == "unhappy: no disk"


def test_a_group_that_needs_recovery_is_an_error(agent, daemon):
    daemon.start(lambda line: line.done(**status_answer()))
    done = agent("doctor", "--json")
    assert done.code == 1
    assert ("error", "'a-longer-name' can be neither finished nor undone (d-BBBBBBBB2)", "slipway explain NeedsRecovery") in \
        checks(done, "group")


def test_a_wrong_configuration_is_an_error_with_its_place(agent):
    agent.configure("max_revisions: many\n")
    done = agent("doctor", "--json")
    (level, message, _), = checks(done, "configuration")
    assert done.code == 1 and level == "error" and ":1:16: " in message


def test_without_a_daemon_the_folders_of_the_groups_tell(agent, bundle):
    assert agent.local(bundle(files={"a": "1"}), "--deployment-group", "web").code == 0
    assert checks(agent("doctor", "--json"), "group") == [("ok", "'web': 1 deployments on disk", None)]
    result, = agent.deployment_root.glob("web/d-*/result.json")
    name = result.parent.name
    result.write_text(json.dumps({**json.loads(result.read_text()), "needs_recovery": True}))
    assert checks(agent("doctor", "--json"), "group") == [
        ("error", f"'web' can be neither finished nor undone ({name})", "slipway explain NeedsRecovery")]
    result.unlink()
    (level, message, _), = checks(agent("doctor", "--json"), "group")
    assert (level, message) == ("warning", f"'web': deployment {name} was interrupted")


@pytest.mark.parametrize("mode, level", [(0o711, "ok"), (0o755, "warning"), (0o777, "error")])
def test_modes_of_the_state_folder_that_are_too_wide_are_told(agent, mode, level):
    state = agent.root / "var/lib/slipway"
    state.mkdir(parents=True)
    state.chmod(mode)
    found = checks(agent("doctor", "--json"), "state")
    assert [entry[0] for entry in found] == [level]
    assert level == "ok" or found[0][2] == f"chmod 711 {state}"


def test_a_full_file_system_is_an_error(agent, mount):
    state = agent.root / "var/lib/slipway"
    mount(state, "size=1m,nr_inodes=100,mode=711")
    done = agent("doctor", "--json")
    assert done.code == 1
    assert [entry[0] for name in ("space", "inodes") for entry in checks(done, name)] == ["error", "error"]
