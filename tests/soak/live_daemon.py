"""`slipway daemon` below a folder of its own, and a connection to it (agent/control/socket_protocol.h)."""
import contextlib
import json
import pathlib
import socket
import subprocess
import time

DEADLINE_S = 60


class Daemon:
    """`slipway daemon` below ROOT, and one connection to it."""

    def __init__(self, slipway, root, env=None):
        self.root, self.lines = root, None
        self.process = subprocess.Popen([slipway, "--root", root, "daemon"], stderr=subprocess.DEVNULL,
                                        stdin=subprocess.DEVNULL, env=env)
        self.connect()

    def connect(self):
        """A new connection, in place of the one there may be."""
        path = str(self.root / "run/slipway/slipway.sock")
        self.drop()
        end = time.monotonic() + DEADLINE_S
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(path)
                break
            except OSError:
                self.socket.close()
                if time.monotonic() > end or self.process.poll() is not None:
                    raise
                time.sleep(0.01)
        self.lines = self.socket.makefile("rb")

    def ask(self, **request):
        """The last line of the answer."""
        self.socket.sendall(json.dumps({"schema": 1, **request}).encode() + b"\n")
        while True:
            line = self.lines.readline()
            if not line:
                raise ConnectionError("the daemon has closed the connection")
            answer = json.loads(line)
            if "done" in answer:
                if not answer["done"]:
                    raise RuntimeError(answer["error"]["message"])
                return answer

    def deploy(self, bundle, group):
        """Seconds from the request to the end of the deployment, and when the request was sent."""
        wanted = {"revision": {"type": "Local File", "location": str(bundle), "bundle_type": "tgz"}, "group": group,
                  "force": True}
        sent, began = time.time(), time.perf_counter()
        answer = self.ask(request="deploy", deploy=wanted, wait=True)
        took = time.perf_counter() - began
        if answer["deployment"]["status"] != "Succeeded":
            raise RuntimeError(json.dumps(answer["deployment"]["error"]))
        return took, sent

    def status(self):
        fields = {}
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            fields[name] = value.split()
        return fields

    def drop(self):
        """Leave the daemon alone."""
        if self.lines:
            self.lines.close()
            self.socket.close()
            self.lines = None

    def close(self):
        self.drop()
        self.process.terminate()
        self.process.wait(DEADLINE_S)


@contextlib.contextmanager
def daemon(slipway, root):
    it = Daemon(slipway, root)
    try:
        yield it
    finally:
        it.close()
