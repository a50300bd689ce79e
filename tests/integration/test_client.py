"""The commands that talk to the daemon, with a stand-in for it (fake_daemon.py)."""
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import jsonschema
import pytest
from conftest import CHECKOUT, Agent, wait_until
from fake_daemon import ID, OTHER, FakeDaemon, document, failed, restored, status_answer, stopped

HOST = socket.gethostname()


def schema(name):
    return json.loads((CHECKOUT / "docs" / f"{name}.schema.json").read_text(encoding="utf-8"))


def validate(value, name):
    where = schema(name)
    result = schema("deployment-result")
    store = {"deployment-result.schema.json": result}
    jsonschema.Draft7Validator(where, resolver=jsonschema.RefResolver("", where, store=store)).validate(value)


@pytest.fixture
def daemon(agent):
    fake = FakeDaemon(agent.root / "run/slipway/slipway.sock")
    yield fake
    fake.stop()
    assert fake.errors == []


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "shop.tgz"
    path.write_bytes(b"not read by the client")
    return path


def start(agent, *words, **options):
    return subprocess.Popen([agent.program, "--root", agent.root, *words], env=agent.env, text=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def succeeds(line):
    line.accept()
    line.event("Preflight", "InProgress")
    line.event("Preflight", "Succeeded", "3 files")
    line.progress("note", event="Install", text="a word")
    line.progress("started", folder="/nowhere")
    line.event("Install", "InProgress")
    line.progress("work", event="Install", files=1, files_total=3, bytes=14, bytes_total=42)
    line.event("Install", "Succeeded", "3 files  42 B")
    line.end(document(), "/nowhere")


def ends_as(what, folder=None):
    def play(line):
        if line.request["request"] in ("deploy", "rollback"):
            line.accept()
        line.end(what, folder)
    return play


def answers(**fields):
    return lambda line: line.done(**fields)


# deploy: what is asked

def test_deploy_asks_for_the_file_by_its_absolute_path_and_waits(agent, daemon, source):
    daemon.start(succeeds)
    done = agent("deploy", source.name, cwd=source.parent)
    assert done.code == 0, done.err
    request, = daemon.requests
    assert request["schema"] == 1 and request["request"] == "deploy"
    assert request["wait"] is True and request["documents"] is False
    wanted = request["deploy"]
    assert wanted["revision"] == {"type": "Local File", "location": str(source.resolve()), "bundle_type": "tgz"}
    assert wanted["force"] is False and len(wanted["token"]) > 8
    assert "on_failure" not in wanted and "deadline_s" not in wanted  # the host's configuration decides


def test_deploy_passes_on_every_option(agent, daemon, source):
    daemon.start(succeeds)
    done = agent("deploy", source, "--application", "shop", "--group", "web", "--file-exists-behavior", "retain",
                 "--events", "ValidateService", "--digest", "sha256:" + "a" * 64, "--on-failure", "none", "--force",
                 "--requested-by", "job 7", "--env", "A=1", "--env", "B=x=y", "--deadline", "10m", "--token", "t-1",
                 "--appspec-filename", "x.yml", "--type", "zip")
    assert done.code == 0, done.err
    wanted = daemon.requests[0]["deploy"]
    assert wanted["events"] == ["DownloadBundle", "Install", "ValidateService"]
    assert wanted["environment"] == ["A=1", "B=x=y"]
    assert {k: wanted[k] for k in ("application", "group", "file_exists_behavior", "on_failure", "force", "deadline_s",
                                   "token", "requested_by_text", "digest", "appspec_filename")} == {
        "application": "shop", "group": "web", "file_exists_behavior": "RETAIN", "on_failure": "none", "force": True,
        "deadline_s": 600, "token": "t-1", "requested_by_text": "job 7", "digest": "sha256:" + "a" * 64,
        "appspec_filename": "x.yml"}
    assert wanted["revision"]["bundle_type"] == "zip"


def test_bytes_that_are_no_utf8_arrive_unchanged(agent, daemon, tmp_path):
    daemon.start(succeeds)
    path = os.path.join(os.fsencode(tmp_path), b"caf\xe9.tgz")
    with open(path, "wb"):
        pass
    assert agent("deploy", path).code == 0
    assert daemon.requests[0]["deploy"]["revision"]["location"] == {"hex": os.path.realpath(path).hex()}


@pytest.mark.parametrize("words, said", [
    (["deploy"], "error: name a folder or archive: see 'slipway deploy --help'\n"),
    (["deploy", "s3://bucket/key"], "error: location s3://bucket/key cannot be fetched: this version deploys local folders and "
     "archives. Download it first and give its path\n"),
    (["deploy", "/nowhere/at/all"], "error: location /nowhere/at/all is specified as a file or directory which does not exist\n"),
    (["deploy", "SOURCE", "--on-failure", "pray"], "error: --on-failure is not valid: write restore, redeploy or none\n"),
    (["deploy", "SOURCE", "--env", "SLIPWAY_RESTORE=1"], "error: --env: the variable 'SLIPWAY_RESTORE' is the agent's own ("
     "LIFECYCLE_EVENT, DEPLOYMENT_*, APPLICATION_NAME, SLIPWAY_*): take another name\n"),
    (["deploy", "SOURCE", "--env", "X"], "error: --env 'X' is not of the form NAME=VALUE\n"),
    (["deploy", "SOURCE", "--deadline", "soon"], "error: --deadline 'soon' is no time: write seconds, or e.g. '90s', '10m' or "
     "'1h'\n"),
    (["deploy", "SOURCE", "--timeout", "99999999999"], "error: --timeout '99999999999' is no time: write seconds, or e.g. '90s', "
     "'10m' or '1h'\n"),
    (["deploy", "SOURCE", "--frobnicate"], "error: option '--frobnicate' is not known, is ambiguous or takes no value: see "
     "'slipway deploy --help'\n"),
    (["deploy", "SOURCE", "--group"], "error: option '--group' needs a value\n"),
    (["deploy", "SOURCE", "--group", ""], "error: --group needs a value\n"),
    (["deploy", "SOURCE", "other"], "error: 'other' is one argument too many: see 'slipway deploy --help'\n"),
    (["deploy", "SOURCE", "--root", "/x"], "error: option '--root' goes before the command: slipway --root ... deploy\n"),
    (["show"], "error: name a deployment, or say --latest: 'slipway list' shows them\n"),
    (["show", ID, "--latest"], f"error: '{ID}' and --latest both name a deployment: give one of them\n"),
    (["wait", ""], "error: the deployment is empty\n"),
    (["forget"], "error: name a deployment group: see 'slipway forget --help'\n"),
    (["list", "--limit", "0"], "error: --limit '0' is not a whole number from 1 to 100000\n"),
])
def test_wrong_usage_is_told_without_asking_the_daemon(agent, daemon, source, words, said):
    daemon.start(succeeds)
    done = agent(*[source if word == "SOURCE" else word for word in words])
    assert (done.code, done.out, done.err) == (2, "", said)
    assert daemon.requests == []


@pytest.mark.parametrize("command", ["deploy", "status", "watch", "list", "show", "logs", "wait", "stop", "rollback", "forget",
                                     "prune", "explain", "doctor", "check-config"])
def test_help_never_acts(agent, daemon, command):
    daemon.start(succeeds)
    done = agent(command, "x", "--help")
    assert (done.code, done.err) == (0, "") and command in done.out.splitlines()[0]
    assert agent("help", command).out == done.out
    assert all(len(line) <= 110 for line in done.out.splitlines())
    assert daemon.requests == [] and not (agent.root / "var").exists()


# deploy: how it is shown

def test_progress_has_the_words_of_a_local_deployment(agent, daemon, source):
    daemon.start(succeeds)
    done = agent("deploy", source)
    assert done.out == ""
    lines = [re.sub(r" {2,}[0-9.]+ s$", " T", line) for line in done.err.splitlines()]
    assert lines == ["Preflight           3 files T", "Install             a word", "Install             3 files  42 B T",
                     f"deployed {ID} to group 'web' on {HOST} in 3.25 s"]


def test_a_terminal_gets_the_running_event_redrawn(agent, daemon, source):
    daemon.start(succeeds)
    master, slave = pty.openpty()
    env = {**agent.env, "TERM": "xterm"}
    with subprocess.Popen([agent.program, "--root", agent.root, "deploy", source], env=env, stdin=subprocess.DEVNULL,
                          stdout=slave, stderr=slave) as process:
        os.close(slave)
        seen = b""
        while select.select([master], [], [], 20)[0]:
            try:
                seen += os.read(master, 65536)
            except OSError:
                break
        assert process.wait(20) == 0
    os.close(master)
    assert b"\r\033[K" in seen and b"[######--------------]  33 %  1/3 files  14 B/42 B" in seen
    assert f"deployed {ID} to group 'web'".encode() in seen


def test_a_failure_says_five_things(agent, daemon, source):
    daemon.start(ends_as(restored()))
    done = agent("deploy", source)
    assert (done.code, done.out) == (6, "")
    assert done.err == (f"error[ScriptFailed]: ValidateService failed on {HOST}\n"
                        "  scripts/check.sh: exit code 1\n"
                        "  | one\n"
                        "  | red\n"
                        "  now:  revision d-OLD (previous) is back: files restored, started, validated\n"
                        f"  next: slipway logs {ID} | slipway explain ScriptFailed\n")


def refused_document():
    return document("Failed", error={"event": None, "error_code": "UnknownError", "message": "the group is busy", "action": None,
                                     "refused": True})


@pytest.mark.parametrize("what, code", [
    (document(), 0), (failed(), 1), (restored(), 6), (restored(validated=False), 1), (stopped(), 1), (refused_document(), 5),
    (document(changed=False), 0),
], ids=["succeeded", "failed", "restored", "not validated", "stopped", "busy", "unchanged"])
@pytest.mark.parametrize("words", [["deploy", "SOURCE"], ["wait", ID], ["watch", ID], ["rollback"]], ids=lambda words: words[0])
def test_the_exit_status_is_how_the_deployment_ended(agent, daemon, source, words, what, code):
    daemon.start(ends_as(what))
    done = agent(*[source if word == "SOURCE" else word for word in words])
    assert done.code == code, done.err


def test_a_revision_that_runs_already_is_no_new_deployment(agent, daemon, source):
    daemon.start(ends_as(document(changed=False)))
    done = agent("deploy", source)
    assert (done.code, done.err) == (0, f"nothing to do in group 'web' on {HOST}: this revision runs already (--force deploys "
                                        "it again)\n")


def test_json_is_a_document_a_line_and_the_last_one_is_final(agent, daemon, source):
    def play(line):
        line.accept()
        line.document(document("Queued"))
        line.document(document("InProgress"))
        line.document(failed())
        line.end(failed())

    daemon.start(play)
    done = agent("deploy", source, "--json")
    documents = [json.loads(line) for line in done.out.splitlines()]
    assert daemon.requests[0]["documents"] is True
    assert done.code == 1 and [d["status"] for d in documents] == ["Queued", "InProgress", "Failed"]
    for one in documents:
        validate(one, "deployment-result")


def test_detached_the_id_is_all_there_is(agent, daemon, source):
    daemon.start(ends_as(document("Queued")))
    done = agent("deploy", source, "--detach")
    assert (done.code, done.out, done.err) == (0, ID + "\n", "")
    assert daemon.requests[0]["wait"] is False
    done = agent("deploy", source, "--detach", "--json")
    assert done.json["status"] == "Queued"


def test_a_queued_and_a_repeated_deployment_say_so(agent, daemon, source):
    def play(line):
        line.accept(repeated=True, behind=OTHER)
        line.end(document())

    daemon.start(play)
    done = agent("deploy", source, "--token", "mine")
    assert done.err.splitlines()[:2] == [
        f"this token was used before: nothing new, it is deployment {ID}",
        f"deployment {ID} is queued: it waits for {OTHER} of the same group"]


# No daemon, not allowed, refused

def test_no_daemon_ends_with_3_and_the_cure(agent, source):
    path = agent.root / "run/slipway/slipway.sock"
    for words in (["deploy", source], ["status"], ["watch"], ["wait", ID], ["logs", ID, "-f"]):
        done = agent(*words)
        assert (done.code, done.out) == (3, "")
        assert done.err == (f"error: no daemon answers at '{path}': start it with 'systemctl start slipway', or deploy with "
                            "'slipway local', which needs none\n")


def test_a_socket_that_a_dead_daemon_left_counts_as_none(agent, daemon):
    daemon.start(succeeds)
    daemon.listener.shutdown(socket.SHUT_RDWR)
    daemon.listener.close()
    daemon.listener = None
    assert agent("status").code == 3


@pytest.fixture
def open_agent(as_root):
    """An agent below a folder that every user may enter, which pytest's own is not."""
    with tempfile.TemporaryDirectory() as top:
        os.chmod(top, 0o755)
        yield Agent(pathlib.Path(top) / "root")


def test_a_user_who_may_not_is_told_the_group(open_agent):
    daemon = FakeDaemon(open_agent.root / "run/slipway/slipway.sock").start(succeeds)
    os.chown(daemon.path, 0, 4)  # adm
    os.chmod(daemon.path, 0o660)
    words = [shutil.copy(open_agent.program, open_agent.root), "--root", open_agent.root, "status"]
    done = subprocess.run(words, env={**open_agent.env, "HOME": "/"}, user=65534, group=65534, extra_groups=[], cwd="/",
                          capture_output=True, text=True, timeout=60, check=False)
    daemon.stop()
    assert done.returncode == 5
    assert done.stderr == (f"error: not allowed to talk to the daemon at '{daemon.path}': root and the members of group 'adm' are "
                           "(usermod -aG adm USER, then log in again)\n")


@pytest.mark.parametrize("status", [1, 2, 5])
def test_a_refusal_is_shown_with_its_cure(agent, daemon, source, status):
    daemon.start(lambda line: line.refuse("UnknownError", "group 'web' is busy\033[2J", "slipway wait d-1", status))
    for words in (["deploy", source], ["status"], ["stop", ID], ["watch", ID], ["watch"], ["rollback", "--dry-run"]):
        done = agent(*words)
        assert (done.code, done.out, done.err) == (status, "", "error: group 'web' is busy\n  next: slipway wait d-1\n")
    daemon.plays = [lambda line: line.refuse("FileExists", "a\nb")]
    assert agent("prune").err == "error[FileExists]: a\nb\n"


# A daemon that is not what it should be

def newer_document(line):
    line.end({**document(), "schema": 2, "surprise": 1})


@pytest.mark.parametrize("play, said", [
    (lambda line: line.raw(b"hello\n"), "the daemon said what this version does not understand: not JSON: "),
    (lambda line: line.raw(b"[]\n"), "the daemon said what this version does not understand: not a JSON object"),
    (lambda line: line.raw(b'{"done":1}\n'), "the daemon said what this version does not understand: neither an answer nor a "
     "refusal"),
    (lambda line: line.raw(b'{"done":true,"done":false}\n'), "the daemon said what this version does not understand: not JSON: "),
    (lambda line: line.say(done=False), "the daemon said what this version does not understand: its refusal: not a JSON object"),
    (lambda line: line.say(done=False, error={"error_code": "x", "message": "y", "exit": 77}),
     "the daemon said what this version does not understand: its refusal: 'exit' is not a whole number from 1 to 6"),
    (lambda line: line.say(schema=9, done=True), "it speaks schema 9 of the protocol, this slipway 1: install the slipway of the "
     "same version"),
    (newer_document, "the daemon said what this version does not understand: its documents have schema 2, this slipway knows 1: "
     "install the slipway of the same version"),
    (lambda line: line.done(), "the daemon said what this version does not understand: the deployment: not a JSON object"),
    (lambda line: line.end({**document(), "status": "Great"}), "the daemon said what this version does not understand: "),
    (lambda line: line.end({**document(), "group": 7}), "the daemon said what this version does not understand: "),
    (lambda line: line.raw(b"x" * (16 * 1024 * 1024 + 70000)), "the daemon said a line of more than 16777216 bytes"),
])
@pytest.mark.parametrize("command", ["show", "wait"])
def test_what_is_not_understood_is_an_error_and_no_crash(agent, daemon, command, play, said):
    daemon.start(play)
    done = agent(command, ID)
    assert (done.code, done.out) == (1, "") and said in done.err, done.err


@pytest.mark.parametrize("say", [
    lambda line: line.say(deployment_id=OTHER, progress={"progress": "note", "event": "x", "text": "y"}),
    lambda line: line.say(deployment_id=7, progress={"progress": "note", "event": "x", "text": "y"}),
    lambda line: line.progress("dance"),
    lambda line: line.say(accepted="yes"),
])
def test_a_stream_that_is_wrong_is_an_error(agent, daemon, say):
    daemon.start(say)
    done = agent("wait", ID)
    assert done.code == 1
    assert done.err.startswith("error: the daemon said what this version does not understand: ")
    assert f"next: slipway show {ID}" in done.err


def test_a_daemon_that_goes_without_an_answer_is_told(agent, daemon):
    daemon.start(lambda line: None)
    done = agent("status")
    assert (done.code, done.err) == (3, "error: the daemon went away without an answer: see 'journalctl -u slipway', then try "
                                        "again\n")


def test_a_daemon_that_hangs_is_left_after_the_timeout(agent, daemon):
    daemon.start(lambda line: line.until_it_leaves())
    done = agent("list", "--timeout", "1")
    assert (done.code, done.err) == (4, "error: the daemon has not answered within 1 s: see 'systemctl status slipway'\n")


def test_a_request_that_is_too_long_is_not_sent(agent, daemon, source):
    daemon.start(succeeds)
    values = [word for i in range(11) for word in ("--env", f"V{i}=" + "x" * 100_000)]
    done = agent("deploy", source, *values)
    assert done.code == 2 and "the daemon takes 1048576" in done.err
    assert daemon.requests == []


# Waiting: time, signals, a daemon that is restarted

def accepted_and_hanging(line):
    line.accept()
    line.event("Install", "InProgress")
    line.until_it_leaves()


def test_the_end_of_the_timeout_leaves_the_deployment_going(agent, daemon, source):
    daemon.start(accepted_and_hanging)
    done = agent("deploy", source, "--timeout", "1")
    assert (done.code, done.out) == (4, "")
    assert done.err == f"error: timed out waiting: deployment {ID} goes on; see it with 'slipway watch {ID}'\n"


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_the_deployment_going(agent, daemon, source, number, code):
    daemon.start(accepted_and_hanging)
    with start(agent, "deploy", source) as process:
        wait_until(lambda: daemon.requests)
        # a signal that comes before the answer gives the other words
        process.send_signal(number)
        _, err = process.communicate(timeout=20)
    assert process.returncode == code
    assert re.fullmatch(f"error: interrupted: (deployment {ID} goes on; see it with 'slipway watch {ID}'|it is not known .*)\n", err)


def test_interrupted_before_the_answer_the_token_tells_how_to_go_on(agent, daemon, source):
    daemon.start(lambda line: line.until_it_leaves())
    with start(agent, "deploy", source, "--token", "mine") as process:
        wait_until(lambda: daemon.requests)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err == ("error: interrupted: it is not known whether the daemon has taken the deployment; ask again with '--token mine', "
                   "then it is not done twice\n")


def test_a_deployment_waits_through_a_restart_of_the_daemon(agent, daemon, source):
    def first(line):
        line.accept()
        line.event("Preflight", "InProgress")
        line.event("Preflight", "Succeeded", "3 files")
        line.progress("note", event="Install", text="a word")

    def second(line):
        line.accept(repeated=True)
        line.event("Preflight", "Succeeded", "3 files")
        line.progress("note", event="Install", text="a word")
        line.progress("note", event="Install", text="another word")
        line.event("Install", "Succeeded", "3 files  42 B")
        line.end(document())

    daemon.start(first, second)
    done = agent("deploy", source)
    assert done.code == 0, done.err
    one, two = daemon.requests
    assert one == two and one["deploy"]["token"]
    lines = [re.sub(r" {2,}[0-9.]+ s$", " T", line) for line in done.err.splitlines()]
    assert lines == ["Preflight           3 files T", "Install             a word",
                     "the daemon went away: waiting up to 30 s for it to come back", "asking the daemon again",
                     "Install             another word", "Install             3 files  42 B",
                     f"deployed {ID} to group 'web' on {HOST} in 3.25 s"]


def test_a_daemon_that_is_away_for_a_while_is_waited_for(agent, daemon, source):
    def first(line):
        daemon.stop()
        line.accept()

    daemon.start(first)
    with start(agent, "deploy", source) as process:
        assert "waiting up to 30 s" in process.stderr.readline()
        time.sleep(0.6)
        daemon.start(ends_as(document()))
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0 and "deployed" in err


def test_the_timeout_counts_while_the_daemon_is_away(agent, daemon, source):
    def first(line):
        daemon.stop()
        line.accept()

    daemon.start(first)
    done = agent("deploy", source, "--timeout", "1")
    assert done.code == 4 and f"deployment {ID} goes on" in done.err


# wait, watch

def test_wait_shows_nothing_but_the_end(agent, daemon):
    daemon.start(succeeds)
    done = agent("wait", ID)
    assert (done.code, done.out, done.err) == (0, "", f"deployed {ID} to group 'web' on {HOST} in 3.25 s\n")
    assert daemon.requests[0] == {"schema": 1, "request": "watch", "deployment_id": ID, "documents": False}


@pytest.mark.parametrize("command", ["wait", "watch"])
def test_the_latest_deployment_is_found_by_asking(agent, daemon, command):
    daemon.start(answers(deployment=document("InProgress"), folder=None), ends_as(document()))
    assert agent(command, "--latest", "--group", "web").code == 0
    assert daemon.requests[0] == {"schema": 1, "request": "show", "deployment_id": None, "group": "web"}
    assert daemon.requests[1]["deployment_id"] == ID


def test_watching_all_names_the_deployment_on_every_line(agent, daemon):
    def play(line):
        for one in (ID, OTHER):
            for status in ("InProgress", "Succeeded"):
                line.say(deployment_id=one, progress={"progress": "event", "event": "Install", "status": status, "text": "x"})
        line.document(document("InProgress"))
        line.document(failed(deployment_id=OTHER))
        line.document(document())
        line.until_it_leaves()

    daemon.start(play)
    with start(agent, "watch") as process:
        lines = [process.stderr.readline() for _ in range(4)]
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130 and (out, err) == ("", "")
    assert [re.sub(r" {2,}[0-9.]+ s\n$", " T\n", line) for line in lines] == [
        f"{ID}  Install             x T\n", f"{OTHER}  Install             x T\n",
        f"{OTHER}  Failed of group 'web': scripts/check.sh: exit code 1\n", f"{ID}  Succeeded of group 'web'\n"]
    assert daemon.requests[0]["deployment_id"] is None


def test_watching_all_with_json_gives_every_document(agent, daemon):
    def play(line):
        line.document(document("InProgress"))
        line.document(document())
        line.until_it_leaves()

    daemon.start(play)
    with start(agent, "watch", "--json") as process:
        documents = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert [d["status"] for d in documents] == ["InProgress", "Succeeded"]


# list, show, status

def test_list_is_a_table(agent, daemon):
    daemon.start(answers(deployments=[failed(deployment_id=OTHER, group="a-longer-name"), document()]))
    done = agent("list", "--group", "web", "--limit", "5")
    assert done.code == 0 and daemon.requests[0]["group"] == "web" and daemon.requests[0]["limit"] == 5
    lines = [re.sub(r"\d+ (d|h|min|s) ago|now ", "AGE", line) for line in done.out.splitlines()]
    head, one, two = (re.split(r" {2,}", line.strip()) for line in lines)
    assert head == ["ID", "GROUP", "STATUS", "ASKED FOR", "TOOK", "BY", "REVISION"]
    assert one == [OTHER, "a-longer-name", "Failed", "AGE", "3.25 s", "ci", "/srv/shop.tgz", "ScriptFailed at ValidateService"]
    assert two == [ID, "web", "Succeeded", "AGE", "3.25 s", "ci", "/srv/shop.tgz"]
    assert len({line.index("Failed" if "Failed" in line else "S") for line in done.out.splitlines()[1:]}) == 1


def test_list_as_json_follows_its_schema(agent, daemon):
    daemon.start(answers(deployments=[failed(), document("Queued")]))
    done = agent("list", "--json")
    validate(done.json, "list")
    assert [d["status"] for d in done.json["deployments"]] == ["Failed", "Queued"]


def test_an_empty_list_says_so(agent, daemon):
    daemon.start(answers(deployments=[]))
    assert (agent("list").out, agent("list").err) == ("", "nothing has been deployed\n")
    assert agent("list", "--json").json == {"schema": 1, "deployments": []}


def test_show_tells_all_of_one_deployment(agent, daemon):
    daemon.start(answers(deployment=restored(), folder="/var/x"))
    done = agent("show", ID)
    assert done.code == 0, done.err
    assert re.sub(r" {2,}", "  ", done.out).startswith(f"deployment  {ID}\nstatus  Failed\ngroup  web\napplication  shop\n"
                                                       "revision  /srv/shop.tgz\ndigest  sha256:0")
    for words in ("asked for by  ci (uid 0): job 1234\n", "took          3.25 s\n", "folder        /var/x\n",
                  "files         3 files  42 B   2 added  1 changed  0 unchanged  0 removed  0 kept\n",
                  "  ValidateService  Failed  0.41 s  scripts/check.sh: exit code 1\n",
                  "\nerror[ScriptFailed]: ValidateService failed on ", "\n  | red\n",
                  f"  next: slipway logs {ID} | slipway explain ScriptFailed\n"):
        assert words in done.out, done.out
    validate(agent("show", "--latest", "--json").json, "deployment-result")


def test_what_others_wrote_cannot_draw_on_the_terminal(agent, daemon):
    bad = failed(group="g\033[2J", now="\033]0;x\aplain", warnings=["w\033[1m"])
    bad["events"][0]["message"] = "m\033[31m\nsecond"
    bad["requested_by"]["text"] = "\033cboo"
    daemon.start(answers(deployment=bad, folder="/f\033[2J", deployments=[bad]))
    for words in (["show", ID], ["list"]):
        done = agent(*words)
        assert done.code == 0 and "\033" not in done.out + done.err


def test_status_shows_the_daemon_and_every_group(agent, daemon):
    daemon.start(answers(**status_answer(unhappy=["the disk is nearly full"])))
    done = agent("status")
    assert done.code == 0, done.err
    lines = [re.sub(r"\d+ (d|h|min|s) ago|now\b", "AGE", line) for line in done.out.splitlines()]
    assert [re.split(r" {2,}", line) for line in lines] == [
        ["daemon", "0.1.0, process 4711, started AGE"], ["state", "/var/lib/slipway/deployment-root"],
        ["unhappy", "the disk is nearly full"], [""],
        ["GROUP", "RUNS", "SINCE", "LAST", "DEPLOYING", "QUEUED", "REVISION"],
        ["web", ID, "AGE", "Succeeded", OTHER, "-", "/srv/shop.tgz"],
        ["a-longer-name", "-", "-", "NEEDS RECOVERY", "-", "-", "-"]]
    assert "warning: group 'a-longer-name' can be neither finished nor undone" in done.err


def test_status_as_json_follows_its_schema(agent, daemon):
    daemon.start(answers(**status_answer()))
    done = agent("status", "--json")
    validate(done.json, "status")
    assert done.json["groups"][1]["needs_recovery"] is True and "done" not in done.json


# stop, rollback, forget, prune

def test_stop_asks_and_says_how_to_wait(agent, daemon):
    daemon.start(answers(deployment_id=ID))
    done = agent("stop", "--latest", "--group", "web")
    assert (done.code, done.out) == (0, f"deployment {ID} is asked to stop; 'slipway wait {ID}' tells when it has\n")
    assert daemon.requests[0] == {"schema": 1, "request": "stop", "deployment_id": None, "group": "web"}
    assert agent("stop", ID, "--json").json == {"schema": 1, "deployment_id": ID}


def test_rollback_asks_for_the_newest_good_revision_and_waits(agent, daemon):
    daemon.start(succeeds)
    assert agent("rollback", "--group", "web", "--requested-by", "me").code == 0
    request = daemon.requests[0]
    assert request.pop("token")
    assert request == {"schema": 1, "request": "rollback", "deployment_id": None, "group": "web", "dry_run": False, "wait": True,
                       "documents": False, "requested_by_text": "me"}


def test_a_dry_run_of_rollback_names_the_revision(agent, daemon):
    target = {"deployment_id": ID, "group": "web", "finished_at": "2026-11-22T20:11:04.250Z", "digest": None,
              "location": "/srv/shop.tgz"}
    daemon.start(answers(target=target))
    done = agent("rollback", "--dry-run")
    assert done.out.splitlines() == [f"would go back to  {ID}", "of group          web",
                                     "deployed          2026-11-22T20:11:04.250Z", "from              /srv/shop.tgz",
                                     "digest            - (a folder has none)"]
    assert daemon.requests[0]["dry_run"] is True and daemon.requests[0]["wait"] is False
    assert agent("rollback", "--dry-run", "--json").json == {"schema": 1, "target": target}


def test_forget_and_prune_say_what_went(agent, daemon):
    daemon.start(answers(group="web", deployments=3), answers(deployments=2, rows=40))
    assert agent("forget", "web").out == "group 'web' is forgotten: 3 deployments; what they installed stays\n"
    assert agent("prune").out == "removed 2 revisions and 40 entries of the history\n"
    assert agent("prune", "--json").json == {"schema": 1, "deployments": 2, "rows": 40}
    assert daemon.requests[0] == {"schema": 1, "request": "forget", "group": "web"}


# logs

@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "deployment"
    (path / "logs").mkdir(parents=True)
    return path


def test_logs_prints_the_log_without_escapes(agent, daemon, folder):
    text = b"2026-11-22 20:11:02 [stdout]\033[31mred\033[0m caf\xe9\nno end"
    (folder / "logs/scripts.log").write_bytes(text)
    daemon.start(answers(deployment=document(), folder=str(folder)))
    done = agent("logs", ID)
    assert (done.code, done.out, done.err) == (0, "2026-11-22 20:11:02 [stdout]red caf\\xe9\nno end", "")
    raw = subprocess.run([agent.program, "--root", agent.root, "logs", ID, "--raw"], env=agent.env, capture_output=True, check=True,
                         timeout=20)
    assert raw.stdout == text


def test_a_long_log_is_printed_whole(agent, daemon, folder):
    text = "".join(f"line {i}\n" for i in range(300_000)) + "x" * 3_000_000
    (folder / "logs/scripts.log").write_text(text)
    daemon.start(answers(deployment=document(), folder=str(folder)))
    assert agent("logs", ID).out == text


def test_logs_of_what_has_none_say_so(agent, daemon, folder):
    daemon.start(answers(deployment=document(), folder=str(folder)))
    assert agent("logs", ID).err == f"no script of deployment {ID} has said anything\n"
    daemon.plays = [answers(deployment=document("Queued"), folder=None)]
    done = agent("logs", ID)
    assert (done.code, done.err) == (0, f"deployment {ID} is queued; 'slipway logs -f {ID}' waits for it\n")


def test_logs_are_not_read_through_a_link_or_from_elsewhere(agent, daemon, folder, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (folder / "logs/scripts.log").symlink_to(secret)
    daemon.start(answers(deployment=document(), folder=str(folder)))
    done = agent("logs", ID)
    assert done.code == 1 and "secret" not in done.out
    daemon.plays = [answers(deployment=document(), folder="relative")]
    assert "'folder' is not an absolute path" in agent("logs", ID).err


def test_logs_follow_a_queued_deployment_to_its_end(agent, daemon, folder):
    log = folder / "logs/scripts.log"
    seen = []

    def play(line):
        line.event("Preflight", "InProgress")
        line.progress("started", folder=str(folder))
        log.write_text("one\n")
        wait_until(lambda: seen)
        with log.open("a") as out:
            out.write("two\n")
        wait_until(lambda: len(seen) > 1)
        with log.open("a") as out:
            out.write("thr")
        line.end(document(), str(folder))

    daemon.start(answers(deployment=document("Queued"), folder=None), play)
    with start(agent, "logs", "-f", ID) as process:
        seen.append(process.stdout.readline())
        seen.append(process.stdout.readline())
        out, err = process.communicate(timeout=20)
    assert (process.returncode, seen, out, err) == (0, ["one\n", "two\n"], "thr", "")


def test_following_logs_ends_when_nobody_reads_them(agent, daemon, folder):
    log = folder / "logs/scripts.log"
    log.write_text("one\n")

    def play(line):
        line.until_it_leaves()

    daemon.start(answers(deployment=document("InProgress"), folder=str(folder)), play)
    with start(agent, "logs", "-f", ID) as process:
        assert process.stdout.readline() == "one\n"
        process.stdout.close()
        log.write_text("one\ntwo\n")
        assert process.wait(20) == 1
