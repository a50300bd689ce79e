"""A haproxy or nginx with services behind it, and clients that count every request that fails."""
import contextlib
import http.client
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import pytest
from conftest import wait_until

SBIN = f"{os.environ.get('PATH', '/usr/bin:/bin')}:/usr/sbin"

# Serves the text that VERSION holds when it starts, until it is killed: whoever stops it must know that nobody needs it.
SERVICE = '''
import os, socket, sys, threading, time
address, version = sys.argv[1], open(sys.argv[2]).read().strip()
if address.startswith("/"):
    if os.path.exists(address):
        os.unlink(address)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
else:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(address.split(":")[1])))
listener.listen(100)

def answer(connection):
    stream = connection.makefile("rwb")
    while True:
        head = stream.readline()
        while stream.readline().strip():
            pass
        if not head:
            return
        if b"/slow" in head:
            time.sleep(0.05)
        while b"/hold" in head and os.path.exists("hold"):
            time.sleep(0.01)
        status = b"503 Broken" if version == "broken" else b"200 OK"
        body = version.encode()
        stream.write(b"HTTP/1.1 %s\\r\\nContent-Length: %d\\r\\n\\r\\n%s" % (status, len(body), body))
        stream.flush()

def serve(connection):
    try:
        answer(connection)
    except OSError:
        pass

while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
'''

# ctl start|stop NAME [ADDRESS]: by the process id in a file.
CONTROL = '''#!/bin/sh
set -eu
cd {folder}
case $1 in
start)
	! {{ [ -e "$2.pid" ] && kill -0 "$(cat "$2.pid")" 2>/dev/null; }} || exit 0
	setsid {python} -S service.py "$3" {version} </dev/null >/dev/null 2>&1 &
	echo $! >"$2.pid" ;;
stop)
	[ -e "$2.pid" ] || exit 0
	pid=$(cat "$2.pid")
	kill -9 "$pid" 2>/dev/null || :
	while kill -0 "$pid" 2>/dev/null; do sleep 0.01; done
	rm "$2.pid" ;;
esac
'''


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Services:
    """FOLDER/ctl starts and stops services by name; `stop` ends what is left."""

    def __init__(self, folder, version):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(exist_ok=True)
        (self.folder / "service.py").write_text(SERVICE)
        self.ctl = self.folder / "ctl"
        self.ctl.write_text(CONTROL.format(folder=folder, python=sys.executable, version=version))
        self.ctl.chmod(0o755)

    @property
    def running(self):
        return sorted(path.stem for path in self.folder.glob("*.pid"))

    def stop(self):
        for path in self.folder.glob("*.pid"):
            with contextlib.suppress(ProcessLookupError, ValueError):
                os.kill(int(path.read_text()), signal.SIGKILL)


class Balancer:
    """A program in the foreground, until `stop`."""

    def __init__(self, folder, port):
        self.folder, self.port, self.process = pathlib.Path(folder), port, None
        self.folder.mkdir(exist_ok=True)

    def start(self, *words):
        self.words = words
        with open(self.folder / "out", "ab") as out:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                            env={**os.environ, "PATH": SBIN})
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5):
                return self
            assert self.process.poll() is None and time.monotonic() < deadline, (self.folder / "out").read_text()
            time.sleep(0.02)

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(60)
            self.process = None

    def ask(self, path="/"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()


class Haproxy(Balancer):
    def __init__(self, folder, text):
        super().__init__(folder, free_port())
        self.socket, self.map = f"{folder}/admin.sock", f"{folder}/active.map"
        pathlib.Path(self.map).write_text("# which slot\n\nshop blue\n")
        pathlib.Path(folder, "haproxy.cfg").write_text(f"""
global
  stats socket {self.socket} mode 600 level admin
defaults
  mode http
  timeout connect 10s
  timeout client 60s
  timeout server 60s
  default-server check inter 50ms fastinter 20ms rise 1 fall 2
frontend fe
  bind 127.0.0.1:{self.port}
{text.format(map=self.map)}
""")

    def start(self):
        super().start("haproxy", "-db", "-f", f"{self.folder}/haproxy.cfg")
        wait_until(self.has_socket, 60)  # it binds that last
        return self

    def has_socket(self):
        with socket.socket(socket.AF_UNIX) as s:
            return s.connect_ex(self.socket) == 0


class Nginx(Balancer):
    def __init__(self, folder, text):
        super().__init__(folder, free_port())
        self.pid_file, self.include = f"{folder}/nginx.pid", f"{folder}/slot.conf"
        user = "user root;" if os.geteuid() == 0 else ""
        pathlib.Path(folder, "nginx.conf").write_text(f"""
{user}
daemon off;
worker_processes 2;
pid {self.pid_file};
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
	access_log off;
	client_body_temp_path {folder}/body;
	proxy_temp_path {folder}/proxy;
	fastcgi_temp_path {folder}/fastcgi;
	uwsgi_temp_path {folder}/uwsgi;
	scgi_temp_path {folder}/scgi;
	{text}
	server {{
		listen 127.0.0.1:{self.port};
		location / {{ proxy_pass http://shop; }}
	}}
}}
""")

    def start(self):
        return super().start("nginx", "-p", self.folder, "-c", f"{self.folder}/nginx.conf")


class Clients:
    """`with Clients(port) as clients:` asks all the time, one thread for each style; nothing is ever asked twice.

    keep: one connection, asked without a pause. idle: one that rests between two requests. new: one for each request.
    """
    STYLES = ("keep", "idle", "new")

    def __init__(self, port, styles=STYLES):
        self.port, self.ended, self.failed, self.count = port, threading.Event(), [], dict.fromkeys(styles, 0)
        self.threads = [threading.Thread(target=self.run, args=(style,)) for style in styles]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def run(self, style):
        connection = None
        while not self.ended.is_set():
            if not connection or style == "new":
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            try:
                connection.request("GET", "/slow" if self.count[style] % 3 == 0 else "/")
                answer = connection.getresponse()
                answer.read()
                if answer.status != 200:
                    self.failed.append((style, answer.status))
            except (OSError, http.client.HTTPException) as e:
                self.failed.append((style, repr(e)))
                connection.close()
                connection = None
            self.count[style] += 1
            if connection and style == "new":
                connection.close()
            self.ended.wait(0.11 if style == "idle" else 0.005)


TWO_POOLS = """
  http-request set-var(txn.pool) str(shop),map({map},blue)
  use_backend %[var(txn.pool)]
backend blue
  server one 127.0.0.1:1
backend green
  server one 127.0.0.1:1
  server two 127.0.0.1:1 weight 7
"""


@pytest.fixture
def place():
    """A folder with a short name, for sockets."""
    with tempfile.TemporaryDirectory(prefix="lb-") as folder:
        yield pathlib.Path(folder)


@pytest.fixture
def balancer(place):
    """balancer(Haproxy, text) -> one that runs."""
    started = []

    def start(kind, text):
        started.append(kind(place / f"{kind.__name__.lower()}-{len(started)}", text))
        return started[-1].start()

    yield start
    for b in started:
        b.stop()
