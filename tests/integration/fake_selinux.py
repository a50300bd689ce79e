#!/usr/bin/python3
"""Stands in for semanage and restorecon, by whose names it is called, from a folder of its own that holds its state.

It refuses what semanage 3.4 of Debian 12 refuses, with the same words and exit statuses: a rule that is there already, one
that is not, an unknown type, a specification with a blank; `import` is one transaction. Files beside it:
  calls.jsonl      every call: [name, arguments..., standard input of an import]
  rules.json       {specification: "user:type:range"}
  types            the types that the policy knows, one a line; not there: any that ends in _t
  broken           semanage refuses everything but removals
  no-restorecon    restorecon fails for the paths named here
  kill-before, kill-after: whoever started us is killed at the rule or label of the path named here, once
Labels are kept in an extended attribute, so they move with a file, and setting one changes its time, as with real ones.
"""
import json
import os
import pathlib
import re
import signal
import sys
import time

HOME = pathlib.Path(sys.argv[0]).parent
LABEL = "trusted.slipway-test"


def text(name):
    return (HOME / name).read_text() if (HOME / name).exists() else ""


def load():
    return json.loads(text("rules.json") or "{}")


def save(rules):
    new = HOME / f"rules.{os.getpid()}"
    new.write_text(json.dumps(rules))
    new.rename(HOME / "rules.json")


def note(*words):
    with (HOME / "calls.jsonl").open("a") as out:
        out.write(json.dumps(words) + "\n")


def kill_starter(moment, spec):
    """Our parent is the guard that run_command() puts between; it ends us when its own parent dies."""
    if text(f"kill-{moment}") == spec:
        (HOME / f"kill-{moment}").unlink()
        stat = pathlib.Path(f"/proc/{os.getppid()}/stat").read_text()
        os.kill(int(stat.rpartition(")")[2].split()[1]), signal.SIGKILL)
        time.sleep(60)


def fail(message):
    sys.exit(f"ValueError: {message}")


def check(options, spec):
    if " " in spec:
        fail("File specification can not include spaces")
    kind = options.get("-t", "x_t")
    known = text("types").split()
    if kind != "<<none>>" and (kind not in known if known else not kind.endswith("_t")):
        fail(f"Type {kind} is invalid, must be a file or device type")
    if (HOME / "broken").exists():
        fail("Could not start semanage transaction")


def fcontext(rules, action, *words):
    *pairs, spec = words
    options = dict(zip(pairs[::2], pairs[1::2]))
    if action == "-d":
        if spec not in rules:
            fail(f"File context for {spec} is not defined")
        del rules[spec]
        return spec
    check(options, spec)
    if action == "-a" and spec in rules:
        fail(f"File context for {spec} already defined")
    if action == "-m" and spec not in rules:
        fail(f"File context for {spec} is not defined")
    user, _, level = rules.get(spec, "system_u:_:s0").split(":", 2)
    rules[spec] = f"{options.get('-s', user)}:{options['-t']}:{options.get('-r', level)}"
    return spec


def semanage(command, *words):
    if words == ("-E",):
        note("semanage", command, *words)
        for spec, rule in load().items():
            print("-a -f a -t {1} -r '{2}' '{0}'".format(spec, *rule.split(":", 2)[1:]))
        return
    lines = sys.stdin.read().splitlines() if command == "import" else []
    note("semanage", command, *words, *lines)
    rules = load()
    commands = [line.split()[1:] for line in lines] or [words]
    for one in commands:
        kill_starter("before", one[-1])
        fcontext(rules, *one)
    save(rules)
    for one in commands:
        kill_starter("after", one[-1])


def restorecon(verbose, *words):
    assert verbose == "-v"
    force = words[0] == "-F"
    note("restorecon", verbose, *words)
    for path in words[force:]:
        kill_starter("before", "label " + path)
        if path in text("no-restorecon").split("\n"):
            sys.exit(f"restorecon: Could not set context for {path}:  Operation not supported")
        label = next((rule for spec, rule in load().items() if re.fullmatch(spec, path)), "system_u:default_t:s0")
        if label.split(":")[1] != "<<none>>":
            os.setxattr(path, LABEL, label.encode(), follow_symlinks=False)


{"semanage": semanage, "restorecon": restorecon}[pathlib.Path(sys.argv[0]).name](*sys.argv[1:])
