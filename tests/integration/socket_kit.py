"""A server whose answers a test decides, on TCP or a Unix socket."""
import socket
import threading

import pytest


class Server:
    """Gives each connection, one after the other, to ANSWER in a thread."""

    def __init__(self, family, address, answer):
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.bind(address)
        self.listener.listen(5)
        self.answer = answer
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                try:
                    self.answer(connection)
                except OSError:
                    pass  # the client had enough

    def stop(self):
        self.done.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()


@pytest.fixture
def serve(tmp_path):
    """serve(answer) -> options for slipway.socket.connect that reach it, on TCP or with unix=True on a Unix socket."""
    servers = []

    def start(answer, unix=False):
        if unix:
            path = f"{tmp_path}/{len(servers)}.sock"
            servers.append(Server(socket.AF_UNIX, path, answer))
            return f'path = "{path}"'
        servers.append(Server(socket.AF_INET, ("127.0.0.1", 0), answer))
        return f'host = "127.0.0.1", port = {servers[-1].listener.getsockname()[1]}'

    yield start
    for server in servers:
        server.stop()


def echo_upper(connection):
    with connection.makefile("rwb", buffering=0) as stream:
        for line in stream:
            if line == b"quit\n":
                return
            stream.write(line.upper())
