"""Talks to a worker as agent/worker/protocol.h says: a request down, lines up."""
import json
import os
import pathlib
import random
import socket
import string
import subprocess

from conftest import BUILD

GROUP = "default-local-deployment-group"


def request(agent, bundle, **more):
    """A complete deployment of BUNDLE; MORE replaces keys."""
    bundle = pathlib.Path(bundle)
    word = "".join(random.choices(string.ascii_uppercase + string.digits, k=9))
    folder = bundle.is_dir()
    return {
        "schema": 1, "id": f"d-{word}", "application": "shop", "group": GROUP, "group_name": "g1", "creator": "user",
        "type": "IN_PLACE", "requested_by_login": "test", "requested_by_uid": 0, "requested_by_text": None,
        "appspec_filename": None, "file_exists_behavior": None, "digest": None, "token": None, "compatible": False,
        "on_failure": "restore", "force": True, "waits": False, "outlives": False, "deadline_s": 0, "events": None,
        "environment": None,
        "revision": {"type": "Local Directory" if folder else "Local File", "location": str(bundle),
                     "bundle_type": "directory" if folder else "tgz"},
        "settings": {"deployment_root": str(agent.deployment_root), "install_prefix": "", "file_exists_behavior": None,
                     "max_revisions": 5, "max_entries": 1000000, "max_unpacked_bytes": 1 << 34, "max_ratio": 1000,
                     "outputs_left_open": "wait", "refuse_outside_links": False, "deployments_log": True,
                     "worker_threads": True},
        **more,
    }


class Worker:
    """A worker at work on REQUEST; with it ends the worker, too."""

    def __init__(self, agent, document):
        ours, theirs = socket.socketpair()
        self.process = subprocess.Popen([BUILD / "worker"], env=agent.env, start_new_session=True, pass_fds=[3],
                                        stdin=subprocess.DEVNULL, preexec_fn=lambda: os.dup2(theirs.fileno(), 3))
        theirs.close()
        self.sock, self.reader = ours, ours.makefile("r", encoding="utf-8")
        self.send(document)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.hang_up()
        if error[0]:
            self.process.kill()
        self.process.wait(60)

    def send(self, document):
        self.sock.sendall(json.dumps(document).encode() + b"\n")

    def say(self, **words):
        self.send(words)

    def hang_up(self):
        self.reader.close()
        self.sock.close()

    def line(self):
        return json.loads(self.reader.readline())

    def lines(self):
        """All that is still to come."""
        return [json.loads(line) for line in self.reader]

    def result(self):
        for line in self.reader:
            message = json.loads(line)
            if message["progress"] == "result":
                return message["deployment"]
        raise AssertionError(f"no result; the worker's exit status: {self.process.wait(60)}")
