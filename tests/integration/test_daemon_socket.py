"""The daemon's socket: hostile clients harm nobody, memory stays bounded, access is by who calls."""
import json
import os
import pathlib
import socket
import stat
import subprocess
import sys
import threading

import pytest
from conftest import wait_until
from daemon_kit import PATIENCE, Client, Daemon, descriptors, memory_kib, wanted


@pytest.fixture
def daemon(agent, tmp_path):
    made = Daemon(agent, tmp_path, fake=True)
    yield made
    made.clean_up()


def works(daemon):
    return daemon.ask("status")["done"]


def test_requests_come_one_after_another_on_one_connection(daemon):
    daemon.start()
    with daemon.client() as client:
        one = json.dumps({"schema": 1, "request": "status"}).encode() + b"\n"
        client.socket.sendall(one * 100 + b"\n" + one[:10])
        for _ in range(100):
            assert client.line()["done"]
        client.socket.sendall(one[10:])
        assert client.line()["done"]


def test_who_has_asked_may_close_his_half_and_is_answered(daemon):
    daemon.start()
    with daemon.client() as client:
        client.send("status")
        client.socket.shutdown(socket.SHUT_WR)
        assert client.line()["done"]
        assert client.line() is None


@pytest.mark.parametrize("text, words", [
    (b"hello\n", "the request is no JSON"),
    (b"[1]\n", "the request is no JSON object"),
    (b"\xff\xfe\x00\n", "the request is no JSON"),
    (b'{"schema":1,"schema":1,"request":"status"}\n', "the request is no JSON"),
    (b"[" * 200000 + b"\n", "the request is no JSON"),
    (b"x" * (1024 * 1024 + 1), "more than 1 MiB"),
])
def test_who_does_not_speak_the_protocol_is_told_and_dismissed(daemon, text, words):
    daemon.start()
    with daemon.client() as client:
        client.socket.sendall(text)
        answer = client.line()
        assert (answer["done"], answer["error"]["exit"]) == (False, 2)
        assert words in answer["error"]["message"]
        assert client.line() is None
    assert works(daemon)


@pytest.mark.parametrize("request_, words", [
    ({"schema": 2, "request": "status"}, "knows schema 1"),
    ({"request": "status"}, "'schema'"),
    ({"schema": 1}, "'' is no request"),
    ({"schema": 1, "request": "dance"}, "'dance' is no request"),
    ({"schema": 1, "request": 7}, "'request'"),
    ({"schema": 1, "request": "status", "x": 1}, "has a key that this version does not know"),
    ({"schema": 1, "request": "deploy"}, "'deploy' is missing"),
    ({"schema": 1, "request": "deploy", "deploy": {"schema": 1}}, "revision of the request"),
    ({"schema": 1, "request": "deploy", "wait": "yes", "deploy": {}}, "'wait' is neither true nor false"),
    ({"schema": 1, "request": "list", "limit": 0}, "'limit'"),
    ({"schema": 1, "request": "forget", "group": "../x"}, "cannot be a deployment group"),
    ({"schema": 1, "request": "forget"}, "cannot be a deployment group"),
])
def test_a_wrong_request_is_refused_with_its_reason_and_the_next_is_heard(daemon, request_, words):
    daemon.start()
    with daemon.client() as client:
        client.socket.sendall(json.dumps(request_).encode() + b"\n")
        answer = client.line()
        assert (answer["done"], answer["error"]["exit"]) == (False, 2), answer
        assert words in answer["error"]["message"], answer
        assert client.ask("status")[-1]["done"]


def test_what_is_not_there_is_said(daemon):
    daemon.start()
    for request in ("show", "watch", "stop"):
        answer = daemon.ask(request, deployment_id="d-NOBODY")
        assert (answer["error"]["exit"], "there is no deployment 'd-NOBODY'" in answer["error"]["message"]) == (1, True)
    assert "there is no deployment yet" in daemon.ask("show")["error"]["message"]


def flood(path):
    """A gigabyte without a newline, as far as it is taken."""
    with Client(path) as client:
        sent = 0
        block = b"x" * 1024 * 1024
        try:
            while sent < 1024 * len(block):
                client.socket.settimeout(2)
                sent += client.socket.send(block)
        except OSError:
            pass  # the daemon has closed, or reads no more
        return sent


def test_hostile_clients_harm_nobody_and_memory_stays_bounded(daemon, tmp_path):
    daemon.start()
    before = descriptors(daemon)
    threads = [threading.Thread(target=flood, args=(daemon.socket,)) for _ in range(8)]
    silent = [daemon.client() for _ in range(40)]
    half = [daemon.client() for _ in range(20)]
    for client in half:
        client.socket.sendall(b'{"schema":1,')
    for thread in threads:
        thread.start()
    for _ in range(50):  # those who vanish in the middle of everything
        client = daemon.client()
        client.socket.sendall(b'{"schema":1,"request":"status"}\n{"sche')
        client.close()
    assert works(daemon)
    assert daemon.deploy(tmp_path)["deployment"]["status"] == "Succeeded"
    for thread in threads:
        thread.join(PATIENCE)
    for client in silent + half:
        client.close()
    wait_until(lambda: descriptors(daemon) <= before, PATIENCE)
    assert "asan" in str(daemon.agent.program) or memory_kib(daemon, "VmHWM") < 64 * 1024


def test_who_never_reads_loses_the_connection_and_only_that(daemon, tmp_path):
    daemon.start()
    for n in range(3):
        daemon.deploy(tmp_path, group=f"g{n}", requested_by_text="x" * 4000)
    deaf = daemon.client()
    request = json.dumps({"schema": 1, "request": "list"}).encode() + b"\n"
    deaf.socket.settimeout(2)
    try:
        for _ in range(100000):
            deaf.socket.sendall(request * 100)  # until nothing is taken any more
    except OSError:
        pass
    assert works(daemon)
    assert "asan" in str(daemon.agent.program) or memory_kib(daemon, "VmHWM") < 64 * 1024
    deaf.close()
    assert works(daemon)


def test_too_many_connections_are_turned_away(daemon):
    daemon.start()
    before = descriptors(daemon)
    clients = [daemon.client() for _ in range(256)]
    for client in clients:
        assert client.ask("status")[-1]["done"]
    with daemon.client() as one_more:
        answer = one_more.line()
        assert (answer["done"], answer["error"]["exit"]) == (False, 5)
    for client in clients:
        client.close()
    wait_until(lambda: descriptors(daemon) <= before, PATIENCE)
    assert works(daemon)


def test_running_out_of_descriptors_is_survived(daemon):
    daemon.start(preexec_fn=lambda: __import__("resource").setrlimit(__import__("resource").RLIMIT_NOFILE, (40, 40)))
    clients = [daemon.client() for _ in range(60)]
    wait_until(lambda: "no more clients for a second" in daemon.log, PATIENCE)
    for client in clients:
        client.close()
    assert works(daemon)


AS_NOBODY = """
import json, os, socket, sys
os.setgroups([int(g) for g in sys.argv[2].split(",") if g]); os.setgid(65534); os.setuid(65534)
for request in sys.argv[3:]:
    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
    s.sendall(request.encode() + b"\\n")
    print(s.makefile().readline(), end="")
"""


def as_nobody(daemon, groups, *requests):
    """What an ordinary user with these groups is answered (a number in /proc lets long paths be reached)."""
    folder = os.open(daemon.socket.parent, os.O_PATH)
    try:
        done = subprocess.run([sys.executable, "-c", AS_NOBODY, f"/proc/self/fd/{folder}/{daemon.socket.name}", groups,
                               *(json.dumps({"schema": 1, **request}) for request in requests)],
                              capture_output=True, text=True, check=True, pass_fds=[folder], timeout=PATIENCE)
    finally:
        os.close(folder)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_access_is_by_who_calls(daemon, agent, as_root, tmp_path):
    agent.configure("access:\n  status: [user:nobody]\n  deploy: [group:daemon]\n")
    daemon.start()
    daemon.socket.chmod(0o666)
    deploy = {"request": "deploy", "deploy": wanted(tmp_path)}
    status, refused = as_nobody(daemon, "", {"request": "status"}, deploy)
    assert status["done"]
    assert (refused["done"], refused["error"]["exit"]) == (False, 5)
    assert "group:daemon" in refused["error"]["message"]
    daemon_gid = __import__("grp").getgrnam("daemon").gr_gid
    accepted, = as_nobody(daemon, str(daemon_gid), deploy)
    document = daemon.finish(accepted["accepted"]["deployment_id"])
    assert (document["requested_by"]["uid"], document["requested_by"]["login"]) == (65534, "nobody")


def test_an_ordinary_user_gets_no_more_than_his_connections(daemon, agent, as_root):
    agent.configure("access:\n  status: [user:nobody]\n")
    daemon.start()
    daemon.socket.chmod(0o666)
    script = AS_NOBODY.split("for request")[0] + """
held = []
for n in range(65):
    s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); held.append(s)
    try:
        s.sendall(b'{"schema":1,"request":"status"}\\n')
    except BrokenPipeError:
        pass  # turned away before it could ask; why is there to be read
    print(json.loads(s.makefile().readline())["done"])
"""
    folder = os.open(daemon.socket.parent, os.O_PATH)
    done = subprocess.run([sys.executable, "-c", script, f"/proc/self/fd/{folder}/{daemon.socket.name}", ""], timeout=PATIENCE,
                          capture_output=True, text=True, check=False, pass_fds=[folder])
    os.close(folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True"] * 64 + ["False"]
    assert works(daemon)


def test_the_socket_is_for_its_owner_alone(daemon):
    """Without a group of its name: 0600, in a folder that everybody may enter."""
    daemon.start()
    mode = stat.S_IMODE(daemon.socket.stat().st_mode)
    try:
        __import__("grp").getgrnam("slipway")
        assert mode == 0o660
    except KeyError:
        assert mode == 0o600
    assert stat.S_IMODE(daemon.socket.parent.stat().st_mode) == 0o755
    assert stat.S_IMODE((daemon.state / "state.db").stat().st_mode) == 0o600
    assert stat.S_IMODE(daemon.state.stat().st_mode) == 0o711


def test_a_socket_of_the_service_manager_is_used(daemon, tmp_path):
    path = tmp_path / "given.sock"
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    folder = os.open(tmp_path, os.O_PATH)
    listening.bind(f"/proc/self/fd/{folder}/given.sock")
    os.close(folder)
    listening.listen()

    def hand_over():
        os.dup2(listening.fileno(), 3)
        os.environ["LISTEN_PID"] = str(os.getpid())

    # the environment of Popen is fixed before the child's number is known, so a shell sets it
    script = f'exec env LISTEN_PID=$$ LISTEN_FDS=1 "{daemon.program}" --root "{daemon.agent.root}" daemon'
    with open(daemon.log_path, "ab") as log:
        daemon.process = subprocess.Popen(["/bin/sh", "-c", script], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          env=daemon.agent.env, preexec_fn=hand_over, close_fds=False)
    wait_until(lambda: "event='ready'" in daemon.log, PATIENCE)
    with Client(path) as client:
        assert client.ask("status")[-1]["done"]
    assert not daemon.socket.exists()
    assert daemon.stop() == 0
    assert path.exists()


def test_an_idle_daemon_is_small_and_sleeps(daemon):
    daemon.start()
    assert works(daemon)
    status = pathlib.Path(f"/proc/{daemon.process.pid}/status")
    wait_until(lambda: descriptors(daemon) < 20, PATIENCE)

    def wakeups():
        return [line for line in status.read_text().splitlines() if "voluntary_ctxt_switches" in line]

    # the end of the connection above is dealt with; from then on nothing happens by itself
    before = None
    while before != wakeups():
        before = wakeups()
        threading.Event().wait(0.5)
    threading.Event().wait(2)
    assert wakeups() == before
    assert "asan" in str(daemon.agent.program) or memory_kib(daemon) <= 8 * 1024
