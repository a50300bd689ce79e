#!/usr/bin/python3
"""A stand-in for the worker: speaks agent/worker/protocol.h on descriptor 3 and plays the scenario named by
FAKE_WORKER, so that the client side is tested by itself. What it was asked goes to FAKE_WORKER_REQUEST."""
import json
import os
import signal
import socket
import sys
import time

sock = socket.socket(fileno=3)
lines = sock.makefile("r", encoding="utf-8")
request = json.loads(lines.readline())
if "recover" in request:
    sys.exit(1)  # after a crash: nothing that was played can be recovered
if os.environ.get("FAKE_WORKER_REQUEST"):
    with open(os.environ["FAKE_WORKER_REQUEST"], "w", encoding="utf-8") as out:
        json.dump(request, out)


def say(progress, **fields):
    sock.sendall(json.dumps({"progress": progress, **fields}).encode() + b"\n")


def event(name, status, text=""):
    say("event", event=name, status=status, text=text)


def plain(value):
    return value if not isinstance(value, dict) else bytes.fromhex(value["hex"]).decode(errors="backslashreplace")


root = plain(request["settings"]["deployment_root"])
folder = f"{root}/{request['group']}/{request['id']}"


def result(status, *, error=None, events=(), **more):
    settings = request["revision"]
    document = {
        "schema": 1, "deployment_id": request["id"], "changed": True,
        "requested_by": {"uid": request["requested_by_uid"], "login": request["requested_by_login"], "text": None},
        "application": plain(request["application"]), "group": request["group"], "group_name": request["group_name"],
        "creator": request["creator"], "type": request["type"],
        "revision": {"type": settings["type"], "location": plain(settings["location"]),
                     "bundle_type": settings["bundle_type"], "digest": None},
        "status": status, "created_at": "2026-11-22T20:11:00Z", "started_at": "2026-11-22T20:11:00.000Z",
        "finished_at": "2026-11-22T20:11:00.420Z",
        "files": {"planned": 3, "added": 3, "changed": 0, "unchanged": 0, "removed": 0, "retained": 0, "bytes": 42},
        "events": list(events), "error": error, "restore": None, "now": None, "conflicts": None, "warnings": None,
        "needs_recovery": False, **more,
    }
    say("result", deployment=document)


def event_result(name, status, **more):
    return {"event": name, "status": status, "started_at": "2026-11-22T20:11:00.100Z", "duration_ms": 12,
            "error_code": "Success" if status == "Succeeded" else None, "script": None, "exit_code": None,
            "message": None, "log_tail": None, **more}


def install(text="3 files  42 B   3 added"):
    event("Install", "InProgress")
    for done in (1, 2, 3):
        say("work", event="Install", files=done, files_total=3, bytes=14 * done, bytes_total=42)
    event("Install", "Succeeded", text)


def play_succeeds():
    event("BeforeBlockTraffic", "Skipped")
    install()
    say("note", event="ValidateService", text="waiting for GET /health = 200 (503, attempt 7, 22 s left)")
    event("ValidateService", "InProgress", "scripts/check.sh")
    event("ValidateService", "Succeeded", "scripts/check.sh")
    result("Succeeded", events=[event_result("Install", "Succeeded"), event_result("ValidateService", "Succeeded")],
           warnings=["appspec.yml:3:1: mode is unquoted"])


def fail_script(**more):
    install()
    event("ValidateService", "InProgress")
    event("ValidateService", "Failed", "scripts/check.sh: exit code 3")
    failed = event_result("ValidateService", "Failed", error_code="ScriptFailed", script="scripts/check.sh", exit_code=3,
                          message="scripts/check.sh: exit code 3", log_tail="one\n\033[31mred\033[0m\nthree \033]0;title\a\n")
    result("Failed", events=[event_result("Install", "Succeeded"), failed],
           error={"event": "ValidateService", "error_code": "ScriptFailed", "message": "scripts/check.sh: exit code 3",
                  "action": None, "refused": False}, **more)


def play_script_fails():
    fail_script(now="revision d-OLD (previous) is back")


def play_restored():
    fail_script(restore={"tried": True, "files": True, "started": True, "validated": True, "message": None}, now="revision d-OLD (previous) is back: "
                "files restored, started, validated")


def play_restored_not_validated():
    fail_script(restore={"tried": True, "files": True, "started": True, "validated": False, "message": "x"})


def play_conflicts():
    event("Install", "InProgress")
    event("Install", "Failed", "3 files stand in the way")
    result("Failed", error={"event": "Install", "error_code": "FileExists", "action": None, "refused": False,
                            "message": "The deployment failed because a specified file already exists at this location: "
                                       "/srv/a"},
           events=[event_result("Install", "Failed", error_code="FileExists")],
           conflicts=["/srv/a", "/srv/b\nc", "/srv/\033[2Jd"], now="nothing was changed")


def play_busy():
    result("Failed", error={"event": None, "error_code": "UnknownError", "refused": True, "action": None,
                            "message": "group is busy: pid 12 deploys d-1 since 20:11:00"})


def play_appspec():
    result("Failed", error={"event": "DownloadBundle", "error_code": "AppSpecInvalid", "refused": False,
                            "message": "appspec.yml line 7 column 3: 'hooks' is not a mapping", "action": None})


def play_crashes():
    event("Install", "InProgress")
    os.kill(os.getpid(), signal.SIGKILL)


def play_exits():
    sys.exit(7)


def play_babbles():
    sock.sendall(b"this is no JSON\n")
    lines.read()  # until the other end hangs up, which means stop


def play_lies():
    request["id"] = "d-000000000-other"
    result("Succeeded")


def play_too_long():
    try:
        for _ in range(20):
            sock.sendall(b"x" * 1024 * 1024)
    except OSError:
        pass


def play_waits():
    event("ApplicationStart", "InProgress", "scripts/start.sh")
    word = lines.readline()
    assert json.loads(word) == {"stop": True}, word
    event("ApplicationStart", "Failed", "stopped")
    result("Stopped", error={"event": "ApplicationStart", "error_code": "Stopped", "message": "asked to stop",
                             "action": None, "refused": False})


def play_deaf():
    event("ApplicationStart", "InProgress", "scripts/start.sh")
    time.sleep(60)


def play_chatty():
    print("words on standard output")
    print("words on standard error", file=sys.stderr)
    assert sys.stdin.read() == ""
    result("Succeeded")


def play_slow():
    event("Install", "InProgress")
    say("work", event="Install", files=1, files_total=3, bytes=14, bytes_total=42)
    time.sleep(1.3)
    event("Install", "Succeeded", "3 files")
    result("Succeeded")


say("started", folder=folder)
globals()["play_" + os.environ.get("FAKE_WORKER", "succeeds")]()
