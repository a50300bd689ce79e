"""A running daemon with a root of its own, and a client that speaks agent/control/socket_protocol.h by itself."""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

from conftest import BUILD, wait_until

PATIENCE = 60  # seconds; nothing below depends on how fast anything is


class Client:
    """One connection. ask() sends one request and gives all lines of its answer."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE)
        folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)  # the path may be too long for an address
        try:
            self.socket.connect(f"/proc/self/fd/{folder}/{path.name}")
        finally:
            os.close(folder)
        self.file = self.socket.makefile("rb")

    def send(self, request, **fields):
        self.socket.sendall(json.dumps({"schema": 1, "request": request, **fields}).encode() + b"\n")

    def line(self):
        """The next line; None at the end of the connection."""
        try:
            text = self.file.readline()
        except ConnectionResetError:
            return None
        return json.loads(text) if text else None

    def rest(self):
        """All lines up to the last one of this answer."""
        lines = []
        while not lines or "done" not in lines[-1]:
            lines.append(self.line())
            assert lines[-1] is not None, f"the connection ended after {lines[:-1]}"
        return lines

    def ask(self, request, **fields):
        self.send(request, **fields)
        return self.rest()

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Daemon:
    """daemon.start(); daemon.deploy(bundle); daemon.stop(). With a FAKE folder the worker is fake_daemon_worker.py."""

    def __init__(self, agent, top, fake=False):
        self.agent, self.top = agent, top
        self.program = BUILD / "slipway"
        self.process = None
        self.log_path = top / "daemon.log"
        self.socket = agent.root / "run/slipway/slipway.sock"
        if fake:
            self.program = top / "programs/slipway"
            self.program.parent.mkdir()
            shutil.copy2(BUILD / "slipway", self.program)
            shutil.copy2(pathlib.Path(__file__).with_name("fake_daemon_worker.py"), self.program.parent / "worker")
            (self.program.parent / "worker").chmod(0o755)

    @property
    def state(self):
        return self.agent.root / "var/lib/slipway"

    def launch(self, env=None, **rest):
        """Start the process and come back at once."""
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([self.program, "--root", self.agent.root, "daemon"], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, env={**self.agent.env, **(env or {})}, **rest)
        return self.process

    def start(self, **rest):
        ready = self.log.count("event='ready'")
        self.launch(**rest)
        wait_until(lambda: self.log.count("event='ready'") > ready or self.process.poll() is not None, PATIENCE)
        assert self.process.poll() is None, self.log
        return self

    @property
    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def stop(self, how=signal.SIGTERM):
        """The exit status."""
        self.process.send_signal(how)
        return self.ended()

    def ended(self):
        return self.process.wait(PATIENCE)

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)

    def client(self):
        return Client(self.socket)

    def ask(self, request, **fields):
        """The last line of the answer."""
        with self.client() as client:
            return client.ask(request, **fields)[-1]

    def deploy(self, bundle, wait=True, **fields):
        """The last line; FIELDS go into the deploy request."""
        return self.ask("deploy", wait=wait, deploy=wanted(bundle, **fields))

    def deploy_id(self, bundle, **fields):
        """Start a deployment and wait for nothing; its id."""
        with self.client() as client:
            lines = client.ask("deploy", deploy=wanted(bundle, **fields))
            assert "accepted" in lines[0], lines
            return lines[0]["accepted"]["deployment_id"]

    def finish(self, deployment_id):
        """Wait to the end of a deployment; its document."""
        return self.ask("watch", deployment_id=deployment_id)["deployment"]

    def show(self, deployment_id):
        return self.ask("show", deployment_id=deployment_id)["deployment"]

    def group(self, name):
        return next((g for g in self.ask("status")["groups"] if g["group"] == name), None)

    def workers(self):
        """Numbers of the worker processes that were started for this root or by this daemon's programs."""
        found = []
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if ((folder / "comm").read_text() == "worker\n"
                        and f"HOME={self.agent.root}".encode() in (folder / "environ").read_bytes().split(b"\0")):
                    found.append(int(folder.name))
        return found

    def clean_up(self):
        if self.process and self.process.poll() is None:
            self.kill()
        for pid in self.workers():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        end = time.monotonic() + PATIENCE
        while self.workers() and time.monotonic() < end:
            time.sleep(0.02)


def memory_kib(daemon, what="VmRSS"):
    text = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text()
    return int(text.partition(f"{what}:")[2].split()[0])


def descriptors(daemon):
    return len(os.listdir(f"/proc/{daemon.process.pid}/fd"))


def wanted(bundle, **fields):
    """A deploy request for BUNDLE."""
    kind = "Local Directory" if pathlib.Path(bundle).is_dir() else "Local File"
    return {"schema": 1, "revision": {"type": kind, "location": str(bundle),
                                      "bundle_type": "directory" if kind == "Local Directory" else "tgz"}, **fields}
