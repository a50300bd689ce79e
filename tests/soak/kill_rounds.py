#!/usr/bin/python3
"""kill -9 of daemon, worker, zygote and hook, alone and all at once, at random moments of real upgrades.

usage: kill_rounds.py BUILD [--rounds N] [--parallel N] [--seed N] [--only N] [--local] [--keep]

Each round has a root, a group and a destination of its own. Revision 1 is installed, then the upgrade to revision 2 is
killed somewhere, the daemon is started again as systemd would do it, and the request is repeated with its token as a
client does. Then these must hold:
- the deployment has ended, and the destination is revision 1 or 2 as a whole; what the result says of it is true;
- a further deployment to the group succeeds, and leaves exactly its own files;
- every deployment has exactly one result, in its folder and in the daemon;
- when the daemon has ended, there is no process, lock, temporary file or private folder left.
--local kills `slipway local` instead, without a daemon. A failed round says how to repeat its moment: --seed and --only.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import live_daemon
import own_processes

VICTIMS = ["agent", "worker", "zygote", "hook", "all"]
PATIENCE_S = 120
EVENTS = ["ApplicationStop", "BeforeInstall", "AfterInstall", "ApplicationStart", "ValidateService"]
ENDED = ["Succeeded", "Failed", "Stopped"]
HOOK = """#!/bin/sh
set -e
sleep 0.03
case $LIFECYCLE_EVENT in
ApplicationStop) rm -f '{service}' ;;
ApplicationStart) echo {version} >'{service}.tmp' && mv '{service}.tmp' '{service}' ;;
ValidateService) test "$(cat '{service}')" = {version} && test "$(cat '{app}/version')" = {version} ;;
*) ls -R '{app}' >/dev/null 2>&1 || true ;;
esac
(sleep 0.02)
"""


class Wrong(Exception):
    """What a round has found."""


def need(truth, text):
    if not truth:
        raise Wrong(text)


def eventually(condition, text):
    """Wait for CONDITION, whose last value TEXT may tell."""
    end = time.monotonic() + PATIENCE_S
    while left := condition():
        need(time.monotonic() < end, f"{text}: {left}")
        time.sleep(0.02)


def content(version):
    """{name: text} of a revision: some files stay, some change, come or go, some folders become files and back."""
    files = {"version": f"{version}\n", "turns": "a file\n"} if version % 2 else {"version": f"{version}\n", "turns/x": "x\n"}
    files |= {f"same/{i}": f"{i}\n" * 50 for i in range(30)}
    files |= {f"changed/{i % 5}/{i}": f"{version} {i}\n" * 100 for i in range(60)}
    return files | {f"only-{version}/{i}": f"{i}\n" for i in range(20)}


def tree(top):
    found = {}
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            path = pathlib.Path(folder, name)
            found[path.relative_to(top).as_posix()] = (
                oct(path.lstat().st_mode), path.read_text(encoding="utf-8") if name in files else None)
    return found


class Round:
    def __init__(self, build, folder, rng):
        self.slipway, self.folder, self.rng = build / "slipway", folder, rng
        self.root, self.app, self.service = folder / "root", folder / "app", folder / "service"
        self.victim = rng.choice(VICTIMS)
        self.moment = rng.random()
        self.trees, self.asked = {}, 0
        self.root.mkdir(parents=True)

    def bundle(self, version):
        top = self.folder / f"bundle-{version}"
        for name, text in content(version).items():
            path = top / "tree" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            path.chmod(0o644)
        lines = ["version: 0.0", "os: linux", f"files: [{{source: tree, destination: {self.app}}}]", "hooks:"]
        lines += [f"  {event}: [{{location: hook.sh, timeout: 60}}]" for event in EVENTS]
        (top / "appspec.yml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (top / "hook.sh").write_text(HOOK.format(service=self.service, app=self.app, version=version), encoding="utf-8")
        (top / "hook.sh").chmod(0o755)
        self.trees[version] = tree(top / "tree")
        return top

    def strike(self, took, busy):
        """Kill the victim at its moment; one that is not there just then is waited for while the upgrade is BUSY."""
        time.sleep(self.moment * took)
        while True:
            roles = own_processes.by_role(self.folder)
            pids = sum(roles.values(), []) if self.victim == "all" else roles[self.victim]
            if pids or not busy():
                break
        self.rng.shuffle(pids)
        return own_processes.kill(pids) > 0

    def judge(self, document):
        """The state of the destination is whole, and the one that DOCUMENT (None: there is none) tells of."""
        now = tree(self.app)
        which = [version for version, want in self.trees.items() if now == want]
        need(which, f"the destination is neither revision: {self.differences(now)}")
        if document:
            need(document["status"] in ENDED, f"not ended: {document['status']}")
            need(not document["needs_recovery"], "it still needs recovery")
            self.judge_words(document, which)
        return "new" if which == [2] else "old"

    def judge_words(self, document, which):
        """Is true what DOCUMENT says about files and service? WHICH: the revisions that are there."""
        restore, running = document.get("restore") or {}, self.service.read_text().strip() if self.service.exists() else ""
        if document["status"] == "Succeeded":
            need((which, running) == ([2], "2"), f"it succeeded, but the files are {which} and '{running}' runs")
        if restore.get("files"):
            need(which == [1], f"the files are said to be restored, but they are {which}")
        if restore.get("started"):
            need(running == "1", f"revision 1 is said to be started, but '{running}' runs")

    def differences(self, now):
        return {version: sorted(name for name in {*now, *want} if now.get(name) != want.get(name))[:5]
                for version, want in self.trees.items()}

    def run(self):
        began = time.monotonic()
        self.deploy(self.bundle(1), good=True)
        took = time.monotonic() - began
        hit, document = self.upgrade(self.bundle(2), took)
        state = self.judge(document)
        self.deploy(self.bundle(3), good=True)
        need(tree(self.app) == self.trees[3], f"the further deployment left {self.differences(tree(self.app))[3]}")
        self.results()
        self.end()
        eventually(lambda: [str(p) for p in own_processes.marked(self.folder).values()], "processes left")
        eventually(lambda: own_processes.locks(self.folder), "locks left")
        need(not own_processes.temporary(self.folder), f"left: {own_processes.temporary(self.folder)}")
        return hit, document["status"] if document else "none", state

    def folders(self):
        """{id: result} of every deployment's folder."""
        found = {}
        for path in self.root.glob("var/lib/slipway/deployment-root/*/d-*"):
            result = path / "result.json"
            need(result.exists(), f"{path.name} has no result")
            found[path.name] = json.loads(result.read_text(encoding="utf-8"))
        return found

    def results(self):
        for name, document in self.folders().items():
            need(document["deployment_id"] == name, f"{name} has the result of {document['deployment_id']}")
            need(document["status"] in ENDED, f"{name} is {document['status']}")


class LocalRound(Round):
    """`slipway local`, where the next deployment of the group does what the killed one has left."""

    def command(self, bundle):
        return subprocess.Popen([self.slipway, "--root", self.root, "local", "--json", "--bundle-location", bundle, "--type",
                                 "directory"], env=own_processes.environment(self.folder), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def deploy(self, bundle, good):
        end = time.monotonic() + PATIENCE_S
        while True:
            process = self.command(bundle)
            out, err = process.communicate(timeout=PATIENCE_S)
            if process.returncode != 5 or time.monotonic() > end:  # the killed one's worker may not have ended yet
                break
            time.sleep(0.02)
        need(not good or process.returncode == 0, f"a deployment failed ({process.returncode}): {err.decode()[-600:]}")
        return json.loads(out) if out else None

    def upgrade(self, bundle, took):
        process = self.command(bundle)
        hit = self.strike(took, lambda: process.poll() is None)
        out, _ = process.communicate(timeout=PATIENCE_S)
        eventually(lambda: [str(p) for p in own_processes.marked(self.folder).values()], "processes go on")
        return hit, json.loads(out) if out else None

    def judge(self, document):
        """Before recovery anything may be there; nothing is restored without somebody who asks for it."""
        if document and not document["needs_recovery"]:
            return super().judge(document)
        return "unknown"

    def end(self):
        pass


class DaemonRound(Round):
    """Through `slipway daemon`."""

    def __init__(self, build, folder, rng):
        super().__init__(build, folder, rng)
        self.agent = None

    def start(self):
        """A connection to a daemon, as systemd sees to it: the one that runs, or a new one."""
        if self.agent and self.agent.process.poll() is None:
            if not self.agent.lines:
                self.agent.connect()
            return
        self.agent = live_daemon.Daemon(self.slipway, self.root, env=own_processes.environment(self.folder))

    def wish(self, bundle):
        self.asked += 1
        return {"request": "deploy", "wait": True, "deploy": {
            "schema": 1,
            "revision": {"type": "Local Directory", "location": str(bundle), "bundle_type": "directory"},
            "group": "g", "token": f"{self.folder.name}-{self.asked}"}}

    def follow(self, wish):
        """The document of the deployment that WISH asks for, through any number of daemons."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                self.start()
                return self.agent.ask(**wish)["deployment"]
            except OSError as broken:  # the connection, or the daemon did not come up
                need(time.monotonic() < end, f"no answer: {broken}")
                if self.agent:
                    self.agent.drop()
                time.sleep(0.02)

    def deploy(self, bundle, good):
        document = self.follow(self.wish(bundle))
        need(not good or document["status"] == "Succeeded", f"a deployment is {document['status']}: {document['error']}")
        return document

    def upgrade(self, bundle, took):
        wish, answer = self.wish(bundle), []
        client = threading.Thread(target=lambda: answer.append(self.follow(wish)))
        client.start()
        hit = self.strike(took, client.is_alive)
        client.join(2 * PATIENCE_S)
        need(answer, "the client has got no answer")
        need(self.victim != "agent" or answer[0]["status"] != "Stopped", "the worker did not outlive the daemon")
        return hit, answer[0]

    def results(self):
        super().results()
        listed = self.agent.ask(request="list", group="g", limit=100)["deployments"]
        ids = [document["deployment_id"] for document in listed]
        need(len(ids) == len(set(ids)) == self.asked, f"{self.asked} deployments were asked for, listed are {ids}")
        in_folders = self.folders()
        for document in listed:
            name = document["deployment_id"]
            need(document["status"] in ENDED, f"{name} is listed as {document['status']}")
            need(name in in_folders or document["status"] == "Failed", f"{name} has no folder")
            need(name not in in_folders or in_folders[name]["status"] == document["status"],
                 f"{name} is listed as {document['status']}, its folder says {in_folders.get(name, {}).get('status')}")

    def end(self):
        self.agent.close()
        need(self.agent.process.returncode == 0, f"the daemon ended with {self.agent.process.returncode}")


def one(kind, build, top, seed, number):
    folder = top / f"round-{number}"
    it = kind(build, folder, random.Random(f"{seed}:{number}"))
    try:
        hit, status, state = it.run()
        wrong = None
        shutil.rmtree(folder)
    except (Wrong, OSError, RuntimeError, ValueError, subprocess.TimeoutExpired) as why:
        hit, status, state, wrong = False, "wrong", "?", f"{type(why).__name__}: {why}"
    finally:
        own_processes.kill(own_processes.marked(folder))
    return it.victim, it.moment, hit, status, state, wrong


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("build", type=pathlib.Path, help="the folder that holds slipway and worker")
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--parallel", type=int, default=2 * (os.cpu_count() or 1))
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--only", type=int, action="append", help="this round alone; may be repeated")
    parser.add_argument("--local", action="store_true", help="kill `slipway local`, without a daemon")
    parser.add_argument("--keep", action="store_true", help="keep the folders of failed rounds")
    return parser.parse_args()


def main():
    a = arguments()
    os.umask(0o022)
    numbers = a.only or range(a.rounds)
    kind = LocalRound if a.local else DaemonRound
    counts, missed, wrong = collections.Counter(), collections.Counter(), 0
    print(f"kill_rounds: {len(numbers)} rounds, {a.parallel} at a time, --seed {a.seed}", flush=True)
    top = pathlib.Path(tempfile.mkdtemp(prefix="kill-rounds."))
    with concurrent.futures.ThreadPoolExecutor(a.parallel) as pool:
        runs = {pool.submit(one, kind, a.build.resolve(), top, a.seed, number): number for number in numbers}
        for run in concurrent.futures.as_completed(runs):
            victim, moment, hit, status, state, why = run.result()
            counts[victim, status, state] += 1
            missed[victim] += not hit and not why
            if why:
                wrong += 1
                print(f"WRONG: --seed {a.seed} --only {runs[run]} ({victim} at {moment:.3f}): {why}", flush=True)
    for victim in VICTIMS:
        ends = ", ".join(f"{n} {status} ({state})" for (who, status, state), n in sorted(counts.items()) if who == victim)
        print(f"  {victim}: {ends or 'never'}; {missed[victim]} not there any more")
    if wrong and a.keep:
        print(f"kept: {top}")
    else:
        shutil.rmtree(top, ignore_errors=True)
    print(f"kill_rounds: {len(numbers) - wrong} of {len(numbers)} rounds: ok")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
