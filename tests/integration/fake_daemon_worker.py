#!/usr/bin/python3
"""A stand-in for the worker that keeps folders as the real one does (lock, request.json, result.json) and plays what
the deployment's environment says: PLAY=name, GO=file to wait for. A recovery ends every deployment of the group that
has no result, unless there is a file "no-recovery" beside this program; it waits for the group's lock, too."""
import fcntl
import json
import os
import pathlib
import select
import signal
import socket
import sys
import time

HERE = pathlib.Path(__file__).parent
signal.signal(signal.SIGTERM, lambda *_: stops.append("TERM"))
stops = []
sock = socket.socket(fileno=3)
received = b""
while b"\n" not in received:
    received += sock.recv(65536)
line, received = received.split(b"\n", 1)
request = json.loads(line)


def say(progress, **fields):
    try:
        sock.sendall(json.dumps({"progress": progress, **fields}).encode() + b"\n")
    except OSError:
        pass  # nobody listens any more: the deployment outlives that


def stopped():
    """Has somebody asked for a stop? The end of the socket is none."""
    global received
    while select.select([sock], [], [], 0)[0]:
        try:
            data = sock.recv(65536)
        except ConnectionResetError:  # it died with something unread
            data = b""
        if not data:
            break
        received += data
    return bool(stops) or b'"stop"' in received


def document(asked, status, error=None, **more):
    return {
        "schema": 1, "deployment_id": asked["id"], "changed": True,
        "requested_by": {"uid": asked["requested_by_uid"], "login": asked["requested_by_login"],
                         "text": asked["requested_by_text"]},
        "application": asked["application"], "group": asked["group"], "group_name": asked["group_name"],
        "creator": asked["creator"], "type": asked["type"],
        "revision": {"type": asked["revision"]["type"], "location": asked["revision"]["location"],
                     "bundle_type": asked["revision"]["bundle_type"], "digest": None},
        "status": status, "created_at": "2026-11-22T20:11:00Z", "started_at": "2026-11-22T20:11:00.000Z",
        "finished_at": "2026-11-22T20:11:00.420Z",
        "files": {name: 0 for name in ("planned", "added", "changed", "unchanged", "removed", "retained", "bytes")},
        "events": [], "error": error, "restore": None, "now": None, "conflicts": None, "warnings": None,
        "needs_recovery": False, **more}


def write_result(folder, result):
    (folder / "result.json.new").write_text(json.dumps(result))
    (folder / "result.json.new").rename(folder / "result.json")


def locked(group):
    group.mkdir(parents=True, exist_ok=True)
    fd = os.open(group, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    return fd


def recover():
    asked = request["recover"]
    group = pathlib.Path(asked["deployment_root"]) / asked["group"]
    locked(group)
    if (HERE / "no-recovery").exists():
        sys.exit(1)
    for folder in sorted(group.iterdir()):
        if (folder / "request.json").exists() and not (folder / "result.json").exists():
            old = json.loads((folder / "request.json").read_text())["request"]
            result = document(old, "Failed", {"event": "Install", "error_code": "FailedAfterRestart",
                                              "message": "interrupted", "action": None, "refused": False})
            write_result(folder, result)
            say("recovered", deployment=result)


def deploy():
    settings = dict(entry.split("=", 1) for entry in request["environment"] or [])
    play = settings.get("PLAY", "succeed")
    if play == "die_early":
        os.kill(os.getpid(), signal.SIGKILL)
    root = pathlib.Path(request["settings"]["deployment_root"])
    locked(root / request["group"])
    folder = root / request["group"] / request["id"]
    folder.mkdir()
    (folder / "deployment-archive").mkdir()
    (folder / "request.json").write_text(json.dumps(
        {"schema": 1, "pid": os.getpid(), "started_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "request": request}))
    with open(HERE / "order", "a", encoding="utf-8") as order:
        order.write(f"{request['group']} {request['id']}\n")
    say("started", folder=str(folder))
    say("event", event="Install", status="InProgress", text="")
    if play == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if play == "babble":
        sock.sendall(b"this is no JSON\n")
        time.sleep(3600)
    if play == "lie":
        say("result", deployment=document({**request, "id": "d-OTHER"}, "Succeeded"))
        time.sleep(3600)
    if play.startswith("usurp-"):
        say("recovered", deployment=document({**request, "id": play.removeprefix("usurp-")}, "Failed"))
    if play.startswith("unended-"):
        say("result", deployment=document(request, play.removeprefix("unended-")))
        sys.exit(0)
    if play in ("restore-slowly", "fail-slowly"):
        while play == "restore-slowly" and not stopped():
            time.sleep(0.02)
        say("event", event="Install", status="Failed", text="")
        say("event", event="Restore", status="InProgress", text="")
        say("event", event="ApplicationStart", status="InProgress", text="")
        time.sleep(40)
        say("result", deployment=document(request, "Failed", {"event": "Install", "error_code": "UnknownError",
                                                              "message": "slow, and done", "action": None, "refused": False}))
        sys.exit(0)
    if play == "flood":
        while True:
            sock.sendall(b"x" * 65536)
    error = None
    while "GO" in settings and not pathlib.Path(settings["GO"]).exists() and not error:
        if stopped() and play != "deaf":
            error = {"event": "Install", "error_code": "Stopped", "message": "asked to stop", "action": None,
                     "refused": False}
        time.sleep(0.02)
    if play == "fail":
        error = {"event": "ValidateService", "error_code": "ScriptFailed", "message": "no", "action": None,
                 "refused": False}
    say("event", event="Install", status="Failed" if error else "Succeeded", text="1 files")
    status = "Succeeded" if not error else "Stopped" if error["error_code"] == "Stopped" else "Failed"
    result = document(request, status, error)
    if not error:
        pointers = root / "deployment-instructions"
        pointers.mkdir(exist_ok=True)
        (pointers / f"{request['group']}_last_successful_install").write_text(str(folder))
    write_result(folder, result)
    if play == "die_after_result":
        os.kill(os.getpid(), signal.SIGKILL)
    say("result", deployment=result)


recover() if "recover" in request else deploy()
