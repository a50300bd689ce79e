"""A server that answers with what it was asked, on TCP, with TLS or on a Unix socket."""
import contextlib
import http.server
import json
import re
import socketserver
import threading

import pytest


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with what it was asked; /N with the status N."""

    def answer(self):
        server = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked = {"method": self.command, "path": self.path, "body": body.decode(),
                 "headers": {name.lower(): value for name, value in self.headers.items()}}
        server.asked.append(asked)
        status, headers, text = 200, {"Content-Type": "application/json"}, json.dumps(asked).encode()
        if match := re.fullmatch(r"/(\d\d\d)", self.path):
            status, text = int(match[1]), b"it is\nnot so\x01"
        elif self.path == "/third":
            status, text = (200, b"ok") if len(server.asked) >= 3 else (503, b"later")
        elif self.path == "/elsewhere":
            status, headers["Location"] = 302, server.elsewhere
        elif self.path == "/loop":
            status, headers["Location"] = 302, "/loop"
        elif self.path == "/large":
            text = b"0123456789abcdef" * 100_000
        elif self.path == "/torn":
            headers["Content-Length"] = "1000000"
            text = b"x" * 1000
        elif self.path == "/slow":
            server.release.wait(60)
        elif self.path == "/empty":
            text = b""
        elif self.path == "/starting":
            text = [b"<html>", b'{"status": "DOWN"}', b'{"status": "UP"}'][min(len(server.asked), 3) - 1]
        self.send_response(status)
        for name, value in {"Content-Length": str(len(text)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            if self.command != "HEAD":
                self.wfile.write(text)
        except OSError:
            pass  # the client had enough

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    scheme = "http"

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}"


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@contextlib.contextmanager
def http_server(tls=None, path=None):
    """A running server; TLS is a context, PATH that of a Unix socket."""
    s = UnixServer(str(path), Handler) if path else Server(("127.0.0.1", 0), Handler)
    s.asked, s.release = [], threading.Event()
    if tls:
        s.socket = tls.wrap_socket(s.socket, server_side=True)
        s.scheme = "https"
    thread = threading.Thread(target=s.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield s
    finally:
        s.release.set()
        s.shutdown()
        thread.join()
        s.server_close()


@pytest.fixture
def serve():
    """serve() -> a running server; serve(tls=context), serve(path=Unix socket)."""
    with contextlib.ExitStack() as servers:
        yield lambda **how: servers.enter_context(http_server(**how))
