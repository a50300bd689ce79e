"""A stand-in for the daemon: speaks agent/control/socket_protocol.h at the socket of a test's agent and plays what it is told
to, one play a connection (the last one again and again), so that the client side is tested by itself.

A play is a function of a Line: what the client asks is line.request, line.say() and line.done() answer.
"""
import contextlib
import json
import os
import pathlib
import socket
import threading

ID, OTHER = "d-AAAAAAAA1", "d-BBBBBBBB2"


def document(status="Succeeded", **more):
    """As docs/deployment-result.schema.json has it."""
    ended = status in ("Succeeded", "Failed", "Stopped")
    begun = status != "Queued"
    return {
        "schema": 1, "deployment_id": ID, "changed": True,
        "requested_by": {"uid": 0, "login": "ci", "text": "job 1234"},
        "application": "shop", "group": "web", "group_name": "web", "creator": "user", "type": "IN_PLACE",
        "revision": {"type": "Local File", "location": "/srv/shop.tgz", "bundle_type": "tgz", "digest": "sha256:" + "0" * 64},
        "status": status, "created_at": "2026-11-22T20:11:00.000Z",
        "started_at": "2026-11-22T20:11:01.000Z" if begun else None,
        "finished_at": "2026-11-22T20:11:04.250Z" if ended else None,
        "files": {"planned": 3, "added": 2, "changed": 1, "unchanged": 0, "removed": 0, "retained": 0, "bytes": 42},
        "events": [], "error": None, "restore": None, "now": None, "conflicts": None, "warnings": None,
        "needs_recovery": False, **more,
    }


def failed_event(**more):
    return {"event": "ValidateService", "status": "Failed", "started_at": "2026-11-22T20:11:02.000Z", "duration_ms": 412,
            "error_code": "ScriptFailed", "script": "scripts/check.sh", "exit_code": 1,
            "message": "scripts/check.sh: exit code 1", "log_tail": "one\n\033[31mred\033[0m\n", **more}


def failed(**more):
    return document("Failed", events=[failed_event()], error={
        "event": "ValidateService", "error_code": "ScriptFailed", "message": "scripts/check.sh: exit code 1",
        "action": None, "refused": False}, **more)


def restored(validated=True):
    return failed(restore={"tried": True, "files": True, "started": True, "validated": validated, "message": None},
                  now="revision d-OLD (previous) is back: files restored, started, validated")


def stopped():
    return document("Stopped", error={"event": "Install", "error_code": "Stopped", "message": "asked to stop",
                                      "action": None, "refused": False})


def status_answer(**more):
    return {"agent": {"version": "0.1.0", "pid": 4711, "started_at": "2026-11-22T20:00:00.000Z",
                      "deployment_root": "/var/lib/slipway/deployment-root", "stopping": False, "unhappy": [], **more},
            "groups": [
                {"group": "web", "last_successful": {"deployment_id": ID, "finished_at": "2026-11-22T20:11:04.250Z",
                                                     "digest": None, "location": "/srv/shop.tgz"},
                 "running": OTHER, "queued": None,
                 "last": {"deployment_id": ID, "status": "Succeeded", "finished_at": "2026-11-22T20:11:04.250Z"},
                 "needs_recovery": False},
                {"group": "a-longer-name", "last_successful": None, "running": None, "queued": None,
                 "last": {"deployment_id": OTHER, "status": "Failed", "finished_at": "2026-11-22T20:11:04.250Z"},
                 "needs_recovery": True}]}


class Line:
    """One connection: its requests and the answers to them."""

    def __init__(self, connection, request):
        self.connection, self.request = connection, request

    def raw(self, data):
        self.connection.sendall(data)

    def say(self, **fields):
        self.raw(json.dumps(fields).encode() + b"\n")

    def accept(self, repeated=False, behind=None):
        self.say(accepted={"deployment_id": ID, "repeated": repeated, "behind": behind})

    def progress(self, kind, **fields):
        self.say(deployment_id=ID, progress={"progress": kind, **fields})

    def event(self, name, status, text=""):
        self.progress("event", event=name, status=status, text=text)

    def document(self, what):
        self.say(deployment_id=what["deployment_id"], deployment=what)

    def done(self, **fields):
        self.say(done=True, **fields)

    def end(self, what, folder=None):
        self.done(deployment=what, folder=folder)

    def refuse(self, code="UnknownError", message="no", action=None, status=1):
        self.say(done=False, error={"error_code": code, "message": message, "action": action, "exit": status})

    def until_it_leaves(self):
        with contextlib.suppress(OSError):
            while self.connection.recv(65536):
                pass


class FakeDaemon:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.requests, self.plays, self.errors = [], [], []
        self.listener = None
        self.threads = []

    def start(self, *plays):
        self.plays = list(plays)
        self.listener = socket.socket(socket.AF_UNIX)
        folder = os.open(self.path.parent, os.O_PATH)  # a path may be too long for an address
        try:
            with contextlib.suppress(FileNotFoundError):
                self.path.unlink()
            self.listener.bind(f"/proc/self/fd/{folder}/{self.path.name}")
        finally:
            os.close(folder)
        self.listener.listen()
        self.run(self.serve, self.listener)
        return self

    def run(self, target, *words):
        thread = threading.Thread(target=target, args=words, daemon=True)
        self.threads.append(thread)
        thread.start()

    def serve(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            play = self.plays.pop(0) if len(self.plays) > 1 else self.plays[0]
            self.run(self.talk, connection, play)

    def talk(self, connection, play):
        with connection:
            try:
                text = connection.makefile("rb").readline()
                if not text:
                    return
                request = json.loads(text)
                self.requests.append(request)
                play(Line(connection, request))
            except (BrokenPipeError, ConnectionResetError):
                pass  # the client has left
            except Exception as error:  # pylint: disable=broad-except
                self.errors.append(error)

    def stop(self):
        if self.listener:
            with contextlib.suppress(OSError):
                self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None
            with contextlib.suppress(FileNotFoundError):
                self.path.unlink()
