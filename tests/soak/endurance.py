#!/usr/bin/python3
"""Hundreds of deployments through one daemon leave nothing behind: descriptors, memory, rows and files are as at the start.

usage: endurance.py BUILD [COUNT]     (BUILD holds the programs; COUNT deployments, default 500)

The start is when every group has as many revisions and rows as the configuration keeps: a hundred deployments before that
are not counted. Every tenth deployment fails in a hook and is restored, every seventh changes nothing.
"""
import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import time

from live_daemon import daemon

GROUPS, REVISIONS, HISTORY, BEFORE = 4, 2, 20, 100
RSS_GROWTH_KIB, SETTLE_S = 1024, 30
APPSPEC = """version: 0.0
os: linux
files:
  - source: tree
    destination: {destination}
hooks:
  ApplicationStart:
    - location: start.sh
      timeout: 30
"""


def bundle(folder, name, destination, good=True):
    top = folder / name
    (top / "tree").mkdir(parents=True)
    for number in range(5):
        (top / "tree" / f"f{number}").write_text(f"{name} {number}\n", encoding="utf-8")
    (top / "start.sh").write_text(f"#!/bin/sh\nexit {0 if good else 3}\n", encoding="utf-8")
    (top / "start.sh").chmod(0o755)
    (top / "appspec.yml").write_text(APPSPEC.format(destination=destination), encoding="utf-8")
    made = folder / f"{name}.tgz"
    subprocess.run(["tar", "-czf", made, "-C", top, "."], check=True)
    return made


def bundles_of(folder, group):
    """Two good ones, so that each deployment changes something, and one whose ApplicationStart fails."""
    here, destination = folder / group, folder / f"{group}-app"
    here.mkdir()
    return [bundle(here, "a", destination), bundle(here, "b", destination), bundle(here, "bad", destination, good=False)]


def deploy(agent, made, group, number):
    which = 2 if number % 10 == 9 else 0 if number % 7 == 6 else number // GROUPS % 2
    wanted = {"schema": 1, "revision": {"type": "Local File", "location": str(made[which]), "bundle_type": "tgz"}, "group": group,
              "force": number % 7 != 6}
    document = agent.ask(request="deploy", deploy=wanted, wait=True)["deployment"]
    if document["status"] != ("Failed" if which == 2 else "Succeeded"):
        sys.exit(f"endurance: deployment {number} of group {group}: {document['status']}: {document['error']}")


def children(agent):
    path = pathlib.Path(f"/proc/{agent.process.pid}/task/{agent.process.pid}/children")
    return len(path.read_text(encoding="ascii").split())


def count(agent, root):
    """When the last worker is gone, too."""
    end = time.monotonic() + SETTLE_S
    while children(agent) and time.monotonic() < end:
        time.sleep(0.02)
    agent.ask(request="status")
    state = root / "var/lib/slipway"
    database = sqlite3.connect(f"file:{state}/state.db?mode=ro", uri=True)
    rows = sum(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
               for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall())
    database.close()
    return {
        "descriptors": len(os.listdir(f"/proc/{agent.process.pid}/fd")),
        "rows": rows,
        "files": sum(len(folders) + len(files) for _, folders, files in os.walk(state)),
        "KiB resident": int(agent.status()["VmRSS"][0]),
        "children": children(agent),
    }


def run(slipway, folder, wanted):
    root = folder / "root"
    (root / "etc/slipway").mkdir(parents=True)
    (root / "etc/slipway/slipway.yml").write_text(f"max_revisions: {REVISIONS}\nhistory: {HISTORY}\n", encoding="utf-8")
    groups = {f"g{number}": bundles_of(folder, f"g{number}") for number in range(GROUPS)}
    with daemon(slipway, root) as agent:
        for number in range(BEFORE + wanted):
            if number == BEFORE:
                before = count(agent, root)
            group = f"g{number % GROUPS}"
            deploy(agent, groups[group], group, number)
        agent.ask(request="prune")
        after = count(agent, root)
        sanitized = "libasan" in pathlib.Path(f"/proc/{agent.process.pid}/maps").read_text(encoding="utf-8")
    return before, after, sanitized


def main():
    build, wanted = pathlib.Path(sys.argv[1]).resolve(), int(sys.argv[2]) if len(sys.argv) > 2 else 500
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # what is counted needs no disk
    with tempfile.TemporaryDirectory(prefix="endurance.", dir=memory) as name:
        before, after, sanitized = run(build / "slipway", pathlib.Path(name), wanted)
    bad = []
    for what, was in before.items():
        resident = what == "KiB resident"
        word = ", not judged: the sanitizer keeps what was freed" if resident and sanitized else ""
        print(f"  {what}: {was} at the start, {after[what]} at the end{word}")
        if after[what] > was + (RSS_GROWTH_KIB if resident else 0) and not word:
            bad.append(what)
    print(f"endurance: {wanted} deployments in one daemon, {len(bad)} figures grew")
    if bad:
        sys.exit(f"endurance: grew: {', '.join(bad)}")
    print("endurance: ok")


if __name__ == "__main__":
    main()
