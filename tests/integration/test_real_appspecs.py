"""Appspecs from public repositories, deployed twice each with the real program, below an `install_prefix`.

Each gets a bundle with what its `files` name and a stand-in for each hook that writes down when, for whom and as which
user it ran. The appspecs are not part of the project: they are looked for in $SLIPWAY_SHARED, else in ../shared beside
the checkout. Users and groups that this host does not have are replaced by root in the copy.
"""
import concurrent.futures
import grp
import json
import os
import pathlib
import pwd
import re
import shutil
import tempfile

import pytest
from conftest import CHECKOUT, Agent, leftovers, processes_of

CORPUS = pathlib.Path(os.environ.get("SLIPWAY_SHARED", CHECKOUT.parent / "shared")) / "corpus/appspec"
EARLIER = ["BeforeBlockTraffic", "AfterBlockTraffic", "ApplicationStop"]  # scripts of the last successful revision
OWN = ["BeforeInstall", "AfterInstall", "ApplicationStart", "ValidateService", "BeforeAllowTraffic", "AfterAllowTraffic"]
BUILT_IN = ["DownloadBundle", "Install"]  # a hook of that name never runs
AT_LEAST = 25


def real_appspecs():
    rows = [json.loads(line) for line in (CORPUS / "expected.jsonl").read_text(encoding="utf-8").splitlines()]
    return [row for row in rows if re.fullmatch(r"\d+\.yml", row["file"]) and row["os"] == "linux"
            and (row.get("slipway") or row)["ok"]]


def is_known(kind, name):
    try:
        return (grp.getgrnam if kind == "group" else pwd.getpwnam)(name)
    except KeyError:
        return None


def rewritten(text, row):
    """The appspec with names that mean nothing here replaced by root, and how often that was done."""
    uses = [("runas", script["runas"]) for scripts in row["hooks"].values() for script in scripts]
    uses += [(kind, permission[kind]) for permission in row["permissions"] for kind in ("owner", "group")]
    count = 0
    for kind, name in {use for use in uses if use[1] and not is_known(*use)}:
        text, n = re.subn(rb"(\b%s\s*:\s*)([\"']?)%s\2(?=\s|$)" % (kind.encode(), re.escape(name).encode()), rb"\1root", text)
        assert n, f"{kind} {name} was not found in the text"
        count += n
    return text, count


class Appspec:
    """One of them, with a host of its own: bundle, agent, prefix, and the notes of its hooks."""

    def __init__(self, row, top):
        self.row, self.top = row, top
        self.text, self.rewritten = rewritten((CORPUS / row["file"]).read_bytes(), row)
        self.agent, self.prefix, self.notes = Agent(top / "agent"), top / "prefix", top / "notes"
        self.agent.configure(f"install_prefix: {self.prefix}\n")
        self.notes.touch()
        self.notes.chmod(0o666)  # hooks run as several users

    def bundle(self, revision):
        bundle = self.top / revision
        bundle.mkdir()
        for script in [script for scripts in self.row["hooks"].values() for script in scripts]:
            path = bundle / script["location"].lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f'#!/bin/sh\necho "$LIFECYCLE_EVENT {script["location"]} {revision} $(id -un)" >>{self.notes}\n')
            path.chmod(0o755)
        for entry in self.row["files"]:
            self.add_source(bundle / entry["source"].strip("/"), entry["source"], revision)
        (bundle / "appspec.yml").write_bytes(self.text)
        return bundle

    @staticmethod
    def add_source(path, source, revision):
        """A file when it looks like one, else a folder with something in it."""
        if not path.exists() and "." in path.name and not source.endswith("/"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(revision)
        elif not path.is_file():
            (path / "deep").mkdir(parents=True)
            (path / "deep/content").write_text(revision)

    def installed(self, bundle):
        """{path below the prefix: content} as `files` says."""
        want = {}
        for entry in self.row["files"]:
            source = bundle / entry["source"].strip("/")
            base = source.parent if source.is_file() else source
            for path in [source] if source.is_file() else [p for p in source.rglob("*") if p.is_file()]:
                place = self.prefix / entry["destination"].lstrip("/") / path.relative_to(base)
                want[place.relative_to(self.prefix).as_posix()] = path.read_bytes()
        return want

    def ran(self, events, revision):
        scripts = [(event, script) for event in events for script in self.row["hooks"].get(event, [])]
        return [f"{event} {script['location']} {revision} {self.user(script)}" for event, script in scripts]

    @staticmethod
    def user(script):
        return script["runas"] if script["runas"] and is_known("runas", script["runas"]) else "root"

    def deploy(self, revision, before):
        bundle = self.bundle(revision)
        done = self.agent.local(bundle, "--json")
        assert (done.code, done.out and done.json["status"]) == (0, "Succeeded"), done.err
        found = {path.relative_to(self.prefix).as_posix(): path.read_bytes()
                 for path in self.prefix.rglob("*") if path.is_file()}
        assert found == self.installed(bundle)
        assert self.notes.read_text().splitlines() == (self.ran(EARLIER, before) if before else []) + self.ran(OWN, revision)
        assert leftovers(self.top) == [] and processes_of(self.top) == []
        self.notes.write_text("")


def refused(row, agent, bundle):
    """Hooks for events that do not exist: the reference's words."""
    unknown = [event for event in row["hooks"] if event not in EARLIER + OWN + BUILT_IN]
    if not unknown:
        return False
    done = agent.local(bundle, "--json")
    names = ", ".join(f'"{event}"' for event in unknown)
    assert (done.code, done.json["error"]["error_code"]) == (1, "AppSpecInvalid"), done.err
    assert done.json["error"]["message"] == f"appspec.yml file contains unknown lifecycle events: [{names}]"
    return True


def try_one(row):
    """(deployed, turned away, names rewritten, what is wrong)"""
    top = pathlib.Path(tempfile.mkdtemp(prefix="appspec-"))
    top.chmod(0o755)  # hooks of other users run from below it
    try:
        one = Appspec(row, top)
        if refused(row, one.agent, one.bundle("refused")):
            return 0, 1, 0, None
        one.deploy("first", None)
        one.deploy("second", "first")
        return 1, 0, one.rewritten, None
    except AssertionError as why:
        return 0, 0, 0, f"{row['file']}: {why}"
    finally:
        shutil.rmtree(top)


def test_real_appspecs_are_deployed_twice(as_root, capsys):
    if not (CORPUS / "expected.jsonl").exists():
        pytest.skip(f"no real appspecs: {CORPUS} is not there (set SLIPWAY_SHARED to the folder that holds corpus/)")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:  # the time goes into waiting for the disk
        deployed, turned_away, names, wrong = zip(*pool.map(try_one, real_appspecs()))
    with capsys.disabled():
        print(f"\n{sum(deployed)} real appspecs deployed, twice each; {sum(names)} names of users and groups became root; "
              f"{sum(turned_away)} refused for hooks of unknown events, as by the reference")
    assert not any(wrong), "\n\n".join(filter(None, wrong))
    assert sum(deployed) >= AT_LEAST
