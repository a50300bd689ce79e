"""The command `slipway` from outside, with a stand-in for the worker (fake_worker.py) beside it."""
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import jsonschema
import pytest

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
BUILD = Path(os.environ.get("SLIPWAY_BUILD", TOP / "build" / "debug")).resolve()
SCHEMA = json.loads((TOP / "docs" / "deployment-result.schema.json").read_text(encoding="utf-8"))


class Agent:
    """A copy of the executable with the fake worker beside it, a root and a bundle."""

    def __init__(self, folder):
        self.root = folder / "root"
        self.bundle = folder / "bundle"
        self.bundle.mkdir()
        (self.bundle / "appspec.yml").write_text("version: 0.0\nos: linux\n")
        self.exe = folder / "slipway"
        self.compatible = folder / "codedeploy-local"
        self.request_file = folder / "request.json"
        self.worker = folder / "worker"
        shutil.copy(BUILD / "slipway", self.exe)
        shutil.copy(HERE / "fake_worker.py", self.worker)
        self.compatible.symlink_to(self.exe)

    def environment(self, scenario="succeeds", **more):
        keep = {k: v for k, v in os.environ.items() if not k.startswith("SLIPWAY_") and k != "NO_COLOR"}
        return keep | {"FAKE_WORKER": scenario, "FAKE_WORKER_REQUEST": str(self.request_file), "TERM": "xterm"} | more

    def run(self, *words, scenario="succeeds", env=None, **options):
        return subprocess.run([self.exe, *words], env=self.environment(scenario, **(env or {})), text=True, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **options)

    def local(self, *words, **options):
        return self.run("--root", self.root, "local", self.bundle, *words, **options)

    def codedeploy_local(self, *words, scenario="succeeds"):
        return subprocess.run([self.compatible, *words], text=True, timeout=60, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False,
                              env=self.environment(scenario, SLIPWAY_ROOT=str(self.root)))

    def start(self, *words, scenario):
        process = subprocess.Popen([self.exe, "--root", self.root, "local", self.bundle, *words], text=True,
                                   env=self.environment(scenario), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        wait_for(self.request_file.exists)
        return process

    def request(self):
        return json.loads(self.request_file.read_text(encoding="utf-8"))


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


@pytest.fixture
def agent(tmp_path):
    return Agent(tmp_path)


def no_worker_was_started(agent):
    return not agent.request_file.exists() and not agent.root.exists()


# Help, version, commands

@pytest.mark.parametrize("words", [["--help"], ["-h"], ["help"], ["help", "help"], ["--root", "/x", "--help"]])
def test_help_lists_the_commands_and_acts_on_nothing(agent, words):
    done = agent.run(*words)
    assert done.returncode == 0 and done.stderr == ""
    assert all(f"\n  {name} " in done.stdout for name in ("local", "lint", "init", "help"))


@pytest.mark.parametrize("words", [["local", "--help"], ["help", "local"], ["local", "-h", "/nowhere"],
                                   ["local", "--json", "--help", "--events", "nonsense,,"]])
def test_help_of_a_command_never_acts(agent, words):
    done = agent.run(*words)
    assert done.returncode == 0 and "--bundle-location" in done.stdout
    assert no_worker_was_started(agent)


@pytest.mark.parametrize("words", [["--version"], ["-V"], ["version"], ["local", "--version"], ["local", "-V"]])
def test_the_version_is_told(agent, words):
    done = agent.run(*words)
    assert done.returncode == 0 and re.fullmatch(r"slipway \d+\.\d+\.\d+\n", done.stdout)


def test_without_a_command_usage_goes_to_stderr(agent):
    done = agent.run()
    assert done.returncode == 2 and done.stdout == "" and done.stderr.startswith("Usage: slipway ")


@pytest.mark.parametrize("word, answer", [
    ("locla", "error: 'locla' is not a command: did you mean 'slipway local'?\n"),
    ("zebra", "error: 'zebra' is not a command: 'slipway help' lists them\n"),
    ("\033[2Jx", "error: '\\x1b[2Jx' is not a command: 'slipway help' lists them\n"),
])
def test_an_unknown_command_gets_the_nearest_one(agent, word, answer):
    done = agent.run(word)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", answer)
    assert agent.run("help", word).stderr == answer


@pytest.mark.parametrize("words, answer", [
    (["--nosuch", "local"], "--nosuch"),
    (["--root"], "--root"),
    (["--root=", "local"], "error: --root needs a value"),
    (["local", "--nosuch"], "error: option '--nosuch' is not known"),
    (["local", "a", "b"], "error: 'b' is one argument too many"),
    (["local", "s3://bucket/key"], "this version deploys local folders and archives"),
    (["local", "-l", "/nowhere"], "error: location /nowhere is specified as a file or directory which does not exist"),
    (["--config", "/nowhere.yml", "local", "BUNDLE"], "error: the configuration '/nowhere.yml' is not there"),
])
def test_wrong_usage_ends_with_2_and_touches_nothing(agent, words, answer):
    done = agent.run(*[str(agent.bundle) if w == "BUNDLE" else w for w in words], env={"SLIPWAY_ROOT": str(agent.root)})
    assert done.returncode == 2 and done.stdout == ""
    assert answer in done.stderr
    assert no_worker_was_started(agent)


# The request

def test_the_request_holds_the_options_and_the_configuration(agent):
    (agent.root / "etc/slipway/conf.d").mkdir(parents=True)
    (agent.root / "etc/slipway/slipway.yml").write_text("max_revisions: 2\ninstall_prefix: /p\nlimts: {}\n")
    (agent.root / "etc/slipway/conf.d/a.yml").write_text("max_revisions: 3\n")
    done = agent.local("-g", "web", "-d", "Web", "-a", "shop", "-e", "ApplicationStart", "-b", "retain")
    request = agent.request()
    assert done.returncode == 0
    assert re.fullmatch("d-[A-Z0-9]{9}-local", request["id"])
    assert (request["group"], request["group_name"], request["application"]) == ("web", "Web", "shop")
    assert request["events"] == ["DownloadBundle", "Install", "ApplicationStart"]
    assert request["file_exists_behavior"] == "RETAIN" and request["compatible"] is False
    assert request["revision"] == {"type": "Local Directory", "location": str(agent.bundle), "bundle_type": "directory"}
    settings = request["settings"]
    assert (settings["max_revisions"], settings["install_prefix"]) == (3, "/p")
    assert settings["deployment_root"] == f"{agent.root}/var/lib/slipway/deployment-root"
    assert f"warning: {agent.root}/etc/slipway/slipway.yml:3:1: unknown key 'limts': did you mean 'limits'?" in done.stderr


def test_a_wrong_configuration_names_place_and_cure(agent):
    (agent.root / "etc/slipway").mkdir(parents=True)
    (agent.root / "etc/slipway/slipway.yml").write_text("max_revisions: all\n")
    done = agent.local()
    assert done.returncode == 2 and not agent.request_file.exists()
    assert done.stderr == (f"error: {agent.root}/etc/slipway/slipway.yml:1:16: 'max_revisions' is 'all', not a whole "
                           "number of at least 1: write e.g. 'max_revisions: 5'\n")


def test_environment_stands_for_the_global_options_which_win(agent, tmp_path):
    own = tmp_path / "own.yml"
    own.write_text("max_revisions: 7\n")
    agent.run("local", agent.bundle, env={"SLIPWAY_ROOT": str(agent.root), "SLIPWAY_CONFIG": str(own)})
    assert agent.request()["settings"]["max_revisions"] == 7
    agent.run("--root", tmp_path / "other", "local", agent.bundle,
              env={"SLIPWAY_ROOT": str(agent.root), "SLIPWAY_CONFIG": str(own)})
    assert agent.request()["settings"]["deployment_root"].startswith(f"{tmp_path}/other/")


def test_a_path_that_is_not_utf8_survives(agent, tmp_path):
    odd = os.fsencode(tmp_path) + b"/b\xff\xfe\n"
    shutil.copytree(os.fsencode(agent.bundle), odd)
    done = agent.run("--root", agent.root, "local", "--json", odd)
    assert agent.request()["revision"]["location"] == {"hex": odd.hex()}
    assert json.loads(done.stdout)["revision"]["location"] == f"{tmp_path}/b\\xff\\xfe\\x0a"


def test_an_ordinary_user_is_told_of_root():
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to other users
        os.chmod(folder, 0o755)
        agent = Agent(Path(folder))
        other = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        done = agent.run("local", agent.bundle, **other)
        assert done.returncode == 2 and not agent.request_file.exists()
    assert "deployments cannot be recorded in '/var/lib/slipway/deployment-root': Permission denied" in done.stderr
    assert "slipway --root DIR" in done.stderr


# Results

def test_a_pipe_gets_plain_lines(agent):
    done = agent.local()
    lines = done.stderr.splitlines()
    assert done.returncode == 0 and done.stdout == ""
    assert re.fullmatch(r"Install             3 files  42 B   3 added {20,} +\d\.\d\d s", lines[0])
    assert lines[1] == "ValidateService     waiting for GET /health = 200 (503, attempt 7, 22 s left)"
    assert re.fullmatch(r"ValidateService     scripts/check.sh +\d\.\d\d s", lines[2])
    assert lines[3] == "warning: appspec.yml:3:1: mode is unquoted"
    assert re.fullmatch(r"deployed d-.{9}-local to group 'default-local-deployment-group' on \S+ in 0\.42 s", lines[4])
    assert len(lines) == 5 and "\033" not in done.stderr and "\r" not in done.stderr


@pytest.mark.parametrize("scenario, status", [
    ("succeeds", 0), ("script_fails", 1), ("conflicts", 1), ("appspec", 1), ("busy", 5), ("restored", 6),
    ("restored_not_validated", 1), ("crashes", 1), ("exits", 1), ("babbles", 1), ("lies", 1), ("too_long", 1),
])
def test_exit_status_and_document_of_every_end(agent, scenario, status):
    done = agent.local("--json", scenario=scenario)
    assert done.returncode == status
    document = json.loads(done.stdout)
    jsonschema.validate(document, SCHEMA)
    assert document["deployment_id"] == agent.request()["id"]
    assert (document["status"] == "Succeeded") == (status == 0)
    assert (document["error"] is None) == (status == 0)
    assert "\033" not in done.stdout + done.stderr and "\\u001b" not in done.stdout


def test_a_failed_script_explains_itself(agent):
    done = agent.local(scenario="script_fails")
    block = done.stderr[done.stderr.index("error["):]
    folder = f"{agent.root}/var/lib/slipway/deployment-root/default-local-deployment-group/{agent.request()['id']}"
    assert block == (f"error[ScriptFailed]: ValidateService failed on {os.uname().nodename}\n"
                     "  scripts/check.sh: exit code 3\n"
                     "  | one\n  | red\n  | three\n"
                     "  now:  revision d-OLD (previous) is back\n"
                     f"  next: less {folder}/logs/scripts.log\n")


def test_all_conflicts_are_listed_printably(agent):
    done = agent.local(scenario="conflicts")
    assert ("  The deployment failed because a specified file already exists at this location: /srv/a\n"
            "  /srv/a\n  /srv/b\\x0ac\n  /srv/\\x1b[2Jd\n  now:  nothing was changed\n  next: ") in done.stderr


@pytest.mark.parametrize("scenario, reason", [
    ("crashes", "it was killed by signal 9 (Killed)"),
    ("exits", "it ended with status 7"),
    ("babbles", "it said what this version does not understand: not JSON"),
    ("lies", "it said what this version does not understand: result: not of deployment d-"),
    ("too_long", "it sent a line of more than 16777216 bytes"),
])
def test_a_worker_without_a_result_is_an_error_that_says_what_happens_next(agent, scenario, reason):
    done = agent.local(scenario=scenario)
    assert done.returncode == 1
    assert f"the worker is gone without a result: {reason}" in done.stderr
    assert "the next deployment of group 'default-local-deployment-group' finishes or undoes it first" in done.stderr


def test_a_missing_worker_is_named(agent):
    agent.worker.unlink()
    done = agent.local()
    assert done.returncode == 3 and "the worker is neither beside this program nor at" in done.stderr


def test_in_a_folder_called_bin_the_worker_beside_is_somebody_elses(agent, tmp_path):
    (tmp_path / "bin").mkdir()
    for name in ("slipway", "worker"):
        shutil.copy(tmp_path / name, tmp_path / "bin" / name)
    agent.exe = tmp_path / "bin" / "slipway"
    if Path("/usr/libexec/slipway/worker").exists():
        pytest.skip("a worker is installed on this machine")
    assert agent.local().returncode == 3
    assert not agent.request_file.exists()


def test_stdout_of_the_worker_does_not_mix_with_the_document(agent):
    done = agent.local("--json", scenario="chatty")
    assert done.returncode == 0
    json.loads(done.stdout)
    assert "words on standard output\nwords on standard error\n" in done.stderr


def test_whoever_stops_reading_does_not_stop_the_deployment(agent):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([agent.exe, "--root", agent.root, "local", agent.bundle], stdout=write, stderr=write,
                          env=agent.environment(), timeout=60, check=False)
    os.close(write)
    assert done.returncode == 0


# Signals

@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_the_deployment_and_waits_for_its_end(agent, number, status):
    process = agent.start("--json", scenario="waits")
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == status
    assert json.loads(out)["status"] == "Stopped"
    assert f"{number.name}: stopping the deployment; once more kills it" in err
    assert "error[Stopped]: ApplicationStart was stopped on" in err


def test_a_second_signal_kills_the_worker(agent):
    process = agent.start(scenario="deaf")
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline() == "SIGINT: stopping the deployment; once more kills it\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "SIGINT again: the deployment is killed" in err
    assert "it was killed by signal 9" in err and "finishes or undoes it first" in err


def test_a_ctrl_c_at_the_terminal_does_not_reach_the_worker_itself(agent):
    agent.request_file.unlink(missing_ok=True)
    pid, screen = pty.fork()
    if pid == 0:
        os.execve(agent.exe, [agent.exe, "--root", agent.root, "local", agent.bundle], agent.environment("waits"))
    wait_for(agent.request_file.exists)
    os.write(screen, b"\x03")
    text = read_screen(screen)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
    assert "error[Stopped]" in re.sub("\033\\[[0-9;]*m", "", text)


# The terminal

def read_screen(screen, seconds=30):
    text, end = b"", time.monotonic() + seconds
    while time.monotonic() < end:
        if not select.select([screen], [], [], 0.1)[0]:
            continue
        try:
            more = os.read(screen, 65536)
        except OSError:  # EIO: the other end is closed
            break
        if not more:
            break
        text += more
    os.close(screen)
    return text.decode()


def on_a_terminal(agent, scenario, **environment):
    pid, screen = pty.fork()
    if pid == 0:
        os.execve(agent.exe, [agent.exe, "--root", agent.root, "local", agent.bundle],
                  agent.environment(scenario, **environment))
    text = read_screen(screen)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text


def test_a_terminal_gets_a_live_line_and_ends_with_the_words_of_a_pipe(agent):
    status, text = on_a_terminal(agent, "slow")
    assert status == 0
    assert "[######--------------]  33 %  1/3 files  14 B/42 B" in text
    assert text.count("\r\033[K") >= 3  # the work, the second that passed, the end
    final = [line.split("\033[K")[-1] for line in text.replace("\r\n", "\n").split("\n")]
    assert re.fullmatch(r"Install             3 files {40,} +1\.\d\d s", final[0])
    assert final[1].startswith("deployed d-")


def test_errors_have_colours_only_on_a_terminal_without_no_color(agent):
    assert "\033[1;31merror[FileExists]\033[0m: " in on_a_terminal(agent, "conflicts")[1]
    plain = on_a_terminal(agent, "conflicts", NO_COLOR="1")[1]
    assert "error[FileExists]: " in plain and "\033[1;31m" not in plain
    dumb = on_a_terminal(agent, "conflicts", TERM="dumb")[1]
    assert "\033" not in dumb


# codedeploy-local

def folder_of(agent):
    request = agent.request()
    return f"{request['settings']['deployment_root']}/{request['group']}/{request['id']}"


def test_called_by_the_references_name_it_says_its_words(agent):
    done = agent.codedeploy_local("--bundle-location", agent.bundle, "--deployment-group", "web")
    folder = folder_of(agent)
    assert done.returncode == 0 and agent.request()["compatible"] is True
    assert done.stdout == (f"Starting to execute deployment from within folder {folder}\n"
                           f"See the deployment log at {folder}/logs/scripts.log for more details\n"
                           "AppSpec file valid. Local deployment successful\n")


def test_the_references_words_for_a_failed_script(agent):
    done = agent.codedeploy_local("-l", agent.bundle, scenario="restored")
    folder = folder_of(agent)
    assert done.returncode == 1
    assert done.stdout.splitlines()[1:] == [
        f"See the deployment log at {folder}/logs/scripts.log for more details",
        f"Your local deployment failed while trying to execute your script at {folder}/deployment-archive/scripts/check.sh",
    ]


@pytest.mark.parametrize("scenario, last", [
    ("busy", "ERROR: group is busy: pid 12 deploys d-1 since 20:11:00"),
    ("conflicts", "ERROR: The deployment failed because a specified file already exists at this location: /srv/a"),
])
def test_the_references_words_for_other_failures(agent, scenario, last):
    done = agent.codedeploy_local("-l", agent.bundle, scenario=scenario)
    assert done.returncode == 1 and done.stdout.splitlines()[-1] == last


def test_the_references_configuration_file_sets_the_root(agent, tmp_path):
    (tmp_path / "agent.yml").write_text(f":root_dir: {tmp_path}/dr\n:max_revisions: 2\n")
    done = agent.codedeploy_local("-l", agent.bundle, "-c", tmp_path / "agent.yml")
    assert done.returncode == 0
    assert agent.request()["settings"]["deployment_root"] == f"{tmp_path}/dr"
    done = agent.codedeploy_local("-l", agent.bundle, "-c", "/nowhere")
    assert (done.returncode, done.stdout) == (
        1, "ERROR: configuration file /nowhere does not exist or is not readable\n")


def test_the_references_configuration_file_is_taken_from_its_usual_place(agent, tmp_path):
    usual = agent.root / "etc/codedeploy-agent/conf/codedeployagent.yml"
    usual.parent.mkdir(parents=True)
    usual.write_text(f":root_dir: {tmp_path}/usual\n:program_name: my-agent\n:log_dir: /nowhere\n:no_such_key: 1\n")
    done = agent.codedeploy_local("-l", agent.bundle)
    assert done.returncode == 0 and "key" not in done.stderr
    assert done.stdout.startswith(f"Starting to execute deployment from within folder {tmp_path}/usual/default-local-")
    assert agent.request()["settings"]["program_name"] == "my-agent"
    (tmp_path / "agent.yml").write_text(f":root_dir: {tmp_path}/named\n")
    assert agent.codedeploy_local("-l", agent.bundle, "-c", tmp_path / "agent.yml").returncode == 0
    assert agent.request()["settings"]["deployment_root"] == f"{tmp_path}/named"
    assert agent.request()["settings"]["program_name"] is None
    assert agent.local().returncode == 0
    assert agent.request()["settings"]["deployment_root"].startswith(str(agent.root)), "slipway local does not look there"
    usual.write_text("")
    assert agent.codedeploy_local("-l", agent.bundle).stdout == (
        f"ERROR: An error occurred loading the CodeDeploy agent config file at {usual}. Error message: it is empty, not a map\n")
    usual.unlink()
    usual.mkdir()
    assert agent.codedeploy_local("-l", agent.bundle).stdout == (
        f"ERROR: configuration file {usual} does not exist or is not readable\n")


@pytest.mark.parametrize("scenario", ["succeeds", "script_fails", "busy", "appspec", "crashes", "exits"])
def test_the_references_last_words_name_the_log_whatever_has_happened(agent, scenario):
    done = agent.codedeploy_local("-l", agent.bundle, scenario=scenario)
    log = f"See the deployment log at {folder_of(agent)}/logs/scripts.log for more details"
    assert done.stdout.splitlines()[1] == log and len(done.stdout.splitlines()) == 3
    assert done.returncode == (0 if scenario == "succeeds" else 1)


def test_with_json_stdout_of_codedeploy_local_holds_nothing_else(agent):
    done = agent.codedeploy_local("-l", agent.bundle, "--json")
    assert (done.returncode, json.loads(done.stdout)["status"]) == (0, "Succeeded")
    done = agent.codedeploy_local("-l", "gone", "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: location gone is specified as a file or directory which does not exist\n"


def test_the_references_help_and_version_end_with_1(agent):
    assert (agent.codedeploy_local("--version").stdout, agent.codedeploy_local("-v").returncode) == ("1.0\n", 1)
    done = agent.codedeploy_local("--help")
    assert done.returncode == 1 and "--bundle-location" in done.stdout
    done = agent.codedeploy_local("--type", "rar")
    assert (done.returncode, done.stdout) == (
        1, "ERROR: type rar is not a valid type. Must be one of tgz,tar,zip,directory\n")


# The shipped configuration and the documentation

def test_the_shipped_configuration_says_the_defaults(agent, tmp_path):
    agent.local()
    defaults = agent.request()["settings"]
    shipped = (TOP / "packaging" / "slipway.yml").read_text(encoding="utf-8")
    keys = tmp_path / "shipped.yml"
    keys.write_text(re.sub(r"^# ( *[a-z_]+:)", r"\1", shipped, flags=re.MULTILINE))
    assert "\nmax_revisions: 5\n" in keys.read_text() and "\n  ratio: 1000\n" in keys.read_text()
    keys.write_text(re.sub(r": (/(?:var/lib|etc)/slipway)", rf": {agent.root}\1", keys.read_text()))
    done = agent.run("--config", keys, "local", agent.bundle)
    assert done.returncode == 0 and "unknown key" not in done.stderr
    assert agent.request()["settings"] == defaults | {"file_exists_behavior": "DISALLOW", "policy": "/etc/slipway/policy.lua"}


@pytest.mark.parametrize("page", ["docs/configuration.md", "packaging/man/slipway.yml.5"])
def test_every_key_is_documented(page):
    text = (TOP / page).read_text(encoding="utf-8")
    source = (TOP / "agent" / "config" / "config_keys.c").read_text(encoding="utf-8")
    keys = re.findall(r'^\t\{ "([a-z_]+)", AT\(', source, flags=re.MULTILINE)
    assert len(keys) >= 10
    assert [key for key in keys if key not in text] == []
