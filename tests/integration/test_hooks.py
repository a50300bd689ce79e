"""Hooks by way of real deployments: su, what describes the host, whose scripts run, what is left of the last revision."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import textwrap

import pytest
from conftest import BUILD, processes_of, wait_until
from worker_talk import GROUP, Worker, request


def write_bundle(top, scripts, extra=""):
    """{(event, location): (text, further lines of the appspec)} -> a folder."""
    top.mkdir()
    lines = ["version: 0.0", "os: linux", "hooks:"]
    for (event, location), (text, *more) in scripts.items():
        path = top / location
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        path.chmod(0o755)
        lines += [f"  {event}:", f"    - location: {location}", *(f"      {line}" for line in more)]
    (top / "appspec.yml").write_text("\n".join(lines) + "\n" + extra)
    top.chmod(0o755)
    return top


@pytest.fixture
def open_agent(agent, tmp_path):
    """Every user may come to where the hooks lie."""
    for folder in [tmp_path, *tmp_path.parents[:2], agent.root]:
        folder.chmod(0o755)
    return agent


def comm_of(pid):
    return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()


def log_of(agent, deployment_id):
    return (agent.deployment_root / GROUP / deployment_id / "logs/scripts.log").read_text()


def entries(agent, deployment_id):
    """Of scripts.log, without the times."""
    return [line[20:] for line in log_of(agent, deployment_id).splitlines()]


# su


@pytest.fixture
def su_agent(as_root, open_agent, tmp_path):
    """An agent in whose world the user `daemon` has a shell, and runas goes through su."""
    passwd, program = tmp_path / "passwd", tmp_path / "slipway-with-a-shell"
    passwd.write_text(re.sub(r"(?m)^(daemon:.*):[^:\n]*$", r"\1:/bin/sh", open("/etc/passwd", encoding="utf-8").read()))
    program.write_text(f"#!/bin/sh\nexec unshare --mount sh -c 'mount --bind {passwd} /etc/passwd && exec \"$@\"' "
                       f"sh {BUILD}/slipway \"$@\"\n")
    program.chmod(0o755)
    if subprocess.run([program, "--version"], check=False, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    open_agent.program = program
    open_agent.configure("runas_method: su\ninstance: web-17\n")
    return open_agent


def test_su_runs_a_script_as_its_user_and_keeps_the_environment(su_agent, tmp_path):
    bundle = write_bundle(tmp_path / "b", {("AfterInstall", "scripts/it's a script.sh"): (
        "#!/bin/sh\nid -un; echo $HOME $USER $LOGNAME $SHELL; echo $LIFECYCLE_EVENT $DEPLOYMENT_GROUP_NAME $SLIPWAY_INSTANCE\n"
        "[ -w \"$SLIPWAY_NO_RESTORE\" ] && echo may forbid\n", "runas: daemon")})
    done = su_agent.local(bundle, "--json")
    assert done.code == 0, done.err
    assert entries(su_agent, done.json["deployment_id"]) == [
        "LifecycleEvent - AfterInstall", "Script - scripts/it's a script.sh", "[stdout]daemon",
        "[stdout]/usr/sbin daemon daemon /bin/sh", "[stdout]AfterInstall LocalFleet web-17", "[stdout]may forbid"]


def test_a_script_behind_su_fails_with_its_own_exit_code(su_agent, tmp_path):
    bundle = write_bundle(tmp_path / "b", {("AfterInstall", "s.sh"): ("#!/bin/sh\nexit 7\n", "runas: daemon")})
    error = su_agent.local(bundle, "--json").json["error"]
    assert (error["error_code"], error["message"]) == (
        "ScriptFailed", "Script at specified location: s.sh run as user daemon failed with exit code 7")


def test_what_su_says_about_a_user_without_a_shell_is_in_the_report(as_root, open_agent, tmp_path):
    open_agent.configure("runas_method: su\n")
    bundle = write_bundle(tmp_path / "b", {("AfterInstall", "s.sh"): ("#!/bin/sh\n", "runas: daemon")})
    event = next(e for e in open_agent.local(bundle, "--json").json["events"] if e["event"] == "AfterInstall")
    assert (event["error_code"], event["exit_code"]) == ("ScriptFailed", 1)
    assert "[stdout]This account is currently not available.\n" in event["log_tail"]


def test_the_timeout_ends_all_that_su_has_started(su_agent, tmp_path):
    """After `su -c` it would be in a session of its own, where nobody finds it."""
    bundle = write_bundle(tmp_path / "b", {("AfterInstall", "s.sh"): (
        "#!/bin/sh\ntrap '' TERM\nsleep 1000 &\nsleep 1000\n", "runas: daemon", "timeout: 1")})
    error = su_agent.local(bundle, "--json").json["error"]
    assert error["error_code"] == "ScriptTimedOut"
    wait_until(lambda: not processes_of(su_agent.root), 10)


def test_a_worker_that_dies_takes_along_what_su_has_started(su_agent, tmp_path):
    up = tmp_path / "up"
    bundle = write_bundle(tmp_path / "b", {("AfterInstall", "s.sh"): (
        f"#!/bin/sh\nsleep 1000 &\ntouch {up}/here\nsleep 1000\n", "runas: daemon")})
    up.mkdir()
    up.chmod(0o777)
    command = subprocess.Popen([su_agent.program, "--root", su_agent.root, "local", bundle, "--json"], env=su_agent.env,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    wait_until((up / "here").exists)
    worker = next(pid for pid, _ in processes_of(su_agent.root) if comm_of(pid) == "worker")
    os.kill(worker, signal.SIGKILL)
    done = json.loads(command.communicate(timeout=60)[0])
    assert (done["status"], done["error"]["error_code"]) == ("Failed", "FailedAfterRestart")
    wait_until(lambda: not processes_of(su_agent.root), 10)


def test_lua_changes_its_user_without_su(as_root, open_agent, tmp_path):
    """It is called, not executed, so no shell of the user is needed."""
    open_agent.configure("runas_method: su\ninstance: web-17\nregion: eu-west-1\n")
    bundle = write_bundle(tmp_path / "b", {("AfterInstall", "s.lua"): (
        "local _, out = slipway.run{ 'id', '-un' }\nprint(out:gsub('%s', ''), slipway.instance, slipway.region)\n",
        "runas: daemon", "sudo: true")})
    done = open_agent.local(bundle, "--json")
    assert done.code == 0, done.err
    assert re.search(r"\[stdout\]daemon\s.*web-17\s+eu-west-1\n", log_of(open_agent, done.json["deployment_id"]))


def test_a_blank_runas_is_nobody(as_root, agent, tmp_path):
    """The reference composes `su  -c PATH`, which is root."""
    bundle = write_bundle(tmp_path / "b", {("AfterInstall", "s.sh"): ("#!/bin/sh\n", "runas: ' '")})
    done = agent.local(bundle, "--json")
    assert done.code == 1
    assert "is to run as user '', but there is no such user" in done.json["error"]["message"]


# What describes the host


def test_a_hook_knows_its_instance_and_region(agent, tmp_path):
    bundle = write_bundle(tmp_path / "b", {("AfterInstall", "s.sh"): (
        "#!/bin/sh\necho \"$SLIPWAY_INSTANCE,${SLIPWAY_REGION-unset}\"\n",)})
    done = agent.local(bundle, "--json")
    assert f"[stdout]{socket.gethostname()},unset" in entries(agent, done.json["deployment_id"])
    done = agent.local(bundle, "--json", env={"AWS_REGION": "us-east-2"})
    assert f"[stdout]{socket.gethostname()},us-east-2" in entries(agent, done.json["deployment_id"])
    agent.configure("instance: i-0abc\nregion: eu-central-1\n")
    done = agent.local(bundle, "--json", env={"AWS_REGION": "us-east-2"})
    assert "[stdout]i-0abc,eu-central-1" in entries(agent, done.json["deployment_id"])


def test_a_trial_knows_its_instance_too(agent, tmp_path):
    script = tmp_path / "s.sh"
    script.write_text("#!/bin/sh\necho $SLIPWAY_INSTANCE\n")
    script.chmod(0o755)
    assert agent("hook", script).out == f"{socket.gethostname()}\n"


# The log


def test_log_lines_are_those_of_the_reference(agent, tmp_path):
    """Sample of the specification, and a last line that does not end, behind which the next script's line begins."""
    bundle = write_bundle(tmp_path / "b", {
        ("BeforeInstall", "s/open.sh"): ("#!/bin/sh\nprintf 'no end'\n",),
        ("AfterInstall", "s/ok.sh"): ("#!/bin/sh\necho err >&2\nsleep 0.2\necho ' out '\n",)})
    done = agent.local(bundle, "--json")
    assert done.code == 0, done.err
    name, stamp = done.json["deployment_id"], r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    assert re.fullmatch(
        f"{stamp} LifecycleEvent - BeforeInstall\n{stamp} Script - s/open.sh\n{stamp} \\[stdout\\]no end"
        f"{stamp} LifecycleEvent - AfterInstall\n{stamp} Script - s/ok.sh\n{stamp} \\[stderr\\]err\n"
        f"{stamp} \\[stdout\\] out \n", log_of(agent, name))
    shared = agent.deployment_root / "deployment-logs/codedeploy-agent-deployments.log"
    at = f"\\[{stamp}\\.\\d{{3}}\\] \\[{name}\\]"
    assert re.fullmatch(
        f"# Logfile created on {stamp} [+-]\\d{{4}} by slipway/.*\n{at}LifecycleEvent - BeforeInstall\n"
        f"{at}Script - s/open.sh\n{at}\\[stdout\\]no end\n{at}LifecycleEvent - AfterInstall\n{at}Script - s/ok.sh\n"
        f"{at}\\[stderr\\]err\n{at}\\[stdout\\] out\n", shared.read_text())


# The last successful revision


@pytest.fixture
def stopped(agent, tmp_path):
    """A revision that is installed and says so when it is stopped, and a second one; the file that it says it to."""
    said = tmp_path / "stopped"
    first = write_bundle(tmp_path / "first", {("ApplicationStop", "stop.sh"): (
        f"#!/bin/sh\necho \"${{SLIPWAY_PREVIOUS_ARCHIVE_DIR-none}}\" >{said}\n",)})
    second = write_bundle(tmp_path / "second", {("AfterInstall", "s.sh"): (
        f"#!/bin/sh\necho \"${{SLIPWAY_PREVIOUS_ARCHIVE_DIR-none}}\" >{said}.next\n",)})
    done = agent.local(first, "--json")
    assert done.code == 0, done.err
    return agent.deployment_root / GROUP / done.json["deployment_id"], second, said


def pointer_of(agent):
    return agent.deployment_root / f"deployment-instructions/{GROUP}_last_successful_install"


@pytest.mark.parametrize("text", ["{folder}", "{folder}\n", "{folder} \t\r\n\n", "{group}/{id}\n"])
def test_a_pointer_to_the_last_revision_is_read_leniently(agent, stopped, text):
    folder, second, said = stopped
    pointer_of(agent).write_text(text.format(folder=folder, group=GROUP, id=folder.name))
    done = agent.local(second, "--json")
    assert (done.code, done.json["warnings"]) == (0, None), done.err
    assert said.read_text() == f"{folder}/deployment-archive\n"


@pytest.mark.parametrize("text, named", [("/no/such/folder\n", "/no/such/folder"), ("what is this", "{root}/what is this"),
                                         ("../../../../etc", "{root}/../../../../etc"), ("/etc/passwd", "/etc/passwd"),
                                         ("a\nb", "{root}/a\nb")])
def test_a_pointer_to_nothing_is_skipped_with_a_warning(agent, stopped, text, named):
    _, second, said = stopped
    pointer_of(agent).write_text(text)
    done = agent.local(second, "--json")
    assert done.code == 0, done.err
    named = named.format(root=agent.deployment_root)
    assert [w for w in done.json["warnings"] if f"the last successful revision '{named}' is gone or holds no appspec" in w], \
        done.json["warnings"]
    assert not said.exists()


def test_what_cannot_be_a_pointer_says_where_it_is(agent, stopped):
    _, second, _ = stopped
    pointer_of(agent).write_text("x" * 10000)
    done = agent.local(second, "--json")
    assert (done.code, done.json["error"]["message"]) == (
        1, f"in '{agent.deployment_root}/deployment-instructions', from where it may be removed: "
           f"'{GROUP}_last_successful_install' is larger than 4096 bytes"), done.err
    pointer_of(agent).unlink()
    assert agent.local(second).code == 0


def test_an_empty_pointer_is_none(agent, stopped):
    _, second, said = stopped
    pointer_of(agent).write_text("\n")
    done = agent.local(second, "--json")
    assert (done.code, done.json["warnings"], said.exists()) == (0, None, False), done.err


def test_a_revision_without_its_appspec_is_skipped_with_a_warning(agent, stopped):
    folder, second, said = stopped
    (folder / "deployment-archive/appspec.yml").unlink()
    done = agent.local(second, "--json")
    assert (done.code, said.exists()) == (0, False), done.err
    assert done.json["warnings"][-1].startswith("ApplicationStop was skipped: the last successful revision ")


def test_a_revision_whose_folder_is_gone_is_not_told_to_hooks(agent, stopped):
    folder, second, said = stopped
    (folder / "deployment-archive").rename(folder / "elsewhere")
    assert agent.local(second).code == 0
    assert said.with_name("stopped.next").read_text() == "none\n"


@pytest.mark.parametrize("text, why, event", [
    ("version: 0.0\nos: linux\nhooks: [\n", "AppSpecInvalid", "BeforeBlockTraffic"),
    ("version: 0.0\nos: linux\nhooks:\n  ApplicationStop:\n    - location: no.sh\n", "ScriptMissing", "ApplicationStop")])
def test_a_broken_last_revision_fails_and_says_the_way_out(agent, stopped, text, why, event):
    folder, second, said = stopped
    archive = folder / "deployment-archive"
    (archive / "appspec.yml").write_text(text)
    done = agent.local(second, "--json")
    error = done.json["error"]
    assert (done.json["status"], error["event"], error["error_code"]) == ("Failed", event, why), done.err
    assert not said.exists()
    assert error["action"] == f"correct '{archive}', or move it away: then its scripts are skipped with a warning"
    assert "slipway lint" not in done.err, "the new bundle is not to blame"
    archive.rename(folder / "away")
    assert agent.local(second).code == 0


# Whose scripts

ORDER = ["BeforeBlockTraffic", "AfterBlockTraffic", "ApplicationStop", "BeforeAllowTraffic", "AfterAllowTraffic",
         "DownloadBundle", "BeforeInstall", "Install", "AfterInstall", "ApplicationStart", "ValidateService"]
HOOKS = [event for event in ORDER if event not in ("DownloadBundle", "Install")]


def deploy(agent, bundle, **more):
    with Worker(agent, request(agent, bundle, on_failure="none", **more)) as worker:
        return worker.result()


@pytest.mark.parametrize("creator, kind, whose", [
    ("codeDeployRollback", "BLUE_GREEN", "most most last last last new new new new"),
    ("codeDeployRollback", "IN_PLACE", "last last last new new new new new new"),
    ("user", "BLUE_GREEN", "last last last new new new new new new"),
    ("CodeDeployRollback", "BLUE_GREEN", "last last last new new new new new new")])
def test_a_rollback_of_a_blue_green_deployment_runs_the_scripts_of_its_own_table(agent, tmp_path, creator, kind, whose):
    """`last` was installed; `most` was downloaded later, and not installed."""
    said = tmp_path / "said"

    def revision(name, fails=""):
        return write_bundle(tmp_path / name, {(event, f"{event}.sh"): (
            f"#!/bin/sh\necho {name} >>{said}\n[ $LIFECYCLE_EVENT != '{fails}' ]\n",) for event in HOOKS})

    assert deploy(agent, revision("last"))["status"] == "Succeeded"
    assert deploy(agent, revision("most", "BeforeInstall"))["error"]["event"] == "BeforeInstall"
    said.unlink()
    done = deploy(agent, revision("new"), creator=creator, type=kind, events=ORDER)
    assert done["status"] == "Succeeded", done
    assert (done["creator"], done["type"]) == (creator, kind)
    assert said.read_text().split() == whose.split()
