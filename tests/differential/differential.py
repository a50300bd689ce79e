#!/usr/bin/python3
"""Random deployments, by slipway and by a model of the CodeDeploy agent: what is left on the disk must be the same.

usage: differential.py BUILD [--cases N] [--seed N] [--case N] [--keep] [--parallel N]

BUILD holds the programs. A case is a small world and one to four deployments by `slipway local`, as root, into a folder of its
own; reference.py tells what each must leave (types, contents, links, modes, owners, times, ACLs), or that it is refused, and then
nothing may have changed. Before each `slipway plan` is asked: what it announces, path by path, is what the deployment must do.
--case N repeats one case of a seed and shows it; --keep leaves its folder. Exit status: 0 all the same, 1 not, 2 usage.
"""
import argparse
import concurrent.futures
import io
import json
import os
import pathlib
import shutil
import signal
import stat
import struct
import subprocess
import sys
import tarfile
import tempfile

import cases
from reference import FILE, FOLDER, LINK, Bundle, Node, Refused, World, install

NAMES = {0: ("root", "root"), 1: ("daemon", "daemon")}  # others come by number
TIME_S = 120
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def write_node(path, node):
    if os.path.islink(path) or os.path.isfile(path):
        os.unlink(path)
    if node.kind == FOLDER:
        os.makedirs(path, exist_ok=True)
    elif node.kind == LINK:
        os.symlink(node.data, path)
        os.lchown(path, node.uid, node.gid)
        return
    else:
        with open(path, "w", encoding="utf-8") as out:
            out.write(node.data)
    os.chown(path, node.uid, node.gid)
    remove_acl(path)  # handed down by the folder
    write_acl(path, node.acl)
    os.chmod(path, node.mode)
    if node.kind == FILE:
        os.utime(path, (node.mtime, node.mtime))


def write_acl(path, acl):
    tags = {("user", False): 1, ("user", True): 2, ("group", False): 4, ("group", True): 8, ("mask", False): 16, ("other", False): 32}
    for name in ("access", "default"):
        entries = [(tags[tag, who is not None], perms, 0xffffffff if who is None else who)
                   for is_default, tag, who, perms in acl if is_default == (name == "default")]
        if entries:
            raw = b"".join(struct.pack("<HHI", *each) for each in sorted(entries, key=lambda each: (each[0], each[2])))
            os.setxattr(path, f"system.posix_acl_{name}", struct.pack("<I", 2) + raw)


def remove_acl(path):
    for name in ("access", "default"):
        try:
            os.removexattr(path, f"system.posix_acl_{name}")
        except OSError:
            pass


def change(path, node, other):
    """What the user does: NODE at PATH, as another name of OTHER or instead of it; None: PATH goes, or is OTHER's new name."""
    if node and other:
        os.link(other, path)
    elif node:
        write_node(path, node)
    elif other:
        os.rename(other, path)
    else:
        os.unlink(path)


def read_acl(path, kind):
    found = []
    for name in ("access", "default")[:2 if kind == FOLDER else 1]:
        try:
            raw = os.getxattr(path, f"system.posix_acl_{name}")
        except OSError:
            continue
        for at in range(4, len(raw), 8):
            tag, perms, who = struct.unpack_from("<HHI", raw, at)
            found.append((name == "default", {1: "user", 2: "user", 4: "group", 8: "group", 16: "mask", 32: "other"}[tag],
                          who if tag in (2, 8) else None, perms))
    return tuple(sorted(found, key=str))


def read_node(path):
    """(Node, inode)"""
    st = os.lstat(path)
    if stat.S_ISLNK(st.st_mode):
        return Node(LINK, 0, st.st_uid, st.st_gid, os.readlink(path)), st.st_ino
    mode = stat.S_IMODE(st.st_mode)
    if stat.S_ISDIR(st.st_mode):
        return Node(FOLDER, mode, st.st_uid, st.st_gid, acl=read_acl(path, FOLDER)), st.st_ino
    with open(path, encoding="utf-8") as content:
        return Node(FILE, mode, st.st_uid, st.st_gid, content.read(), st.st_mtime_ns / 10**9, read_acl(path, FILE)), st.st_ino


def read_tree(top):
    """path -> (Node, inode)"""
    nodes = {top: read_node(top)}
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(folder, name)
            nodes[path] = read_node(path)
    return nodes


def pack(path, entries, hard):
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as out:
        for name, node in entries.items():
            info = tarfile.TarInfo(name)
            content = node.data.encode() if node.kind == FILE else b""
            info.type = {FOLDER: tarfile.DIRTYPE, LINK: tarfile.SYMTYPE, FILE: tarfile.REGTYPE}[node.kind]
            info.linkname = node.data if node.kind == LINK else ""
            info.size, info.mode, info.uid, info.gid, info.mtime = len(content), node.mode, node.uid, node.gid, node.mtime
            if name in hard:
                info.type, info.linkname, info.size = tarfile.LNKTYPE, hard[name], 0
            if node.uid in NAMES and node.gid in NAMES:
                info.uname, info.gname = NAMES[node.uid][0], NAMES[node.gid][1]
            out.addfile(info, io.BytesIO(content))


def slipway(build, folder, step, words):
    """The exit status, and what it has to say."""
    environment = {name: value for name, value in os.environ.items() if name == "PATH" or name.endswith("SAN_OPTIONS")}
    done = subprocess.run([f"{build}/slipway", "--root", f"{folder}/root", *words, "--type", "tar", "--file-exists-behavior",
                           step.behavior, "--json"], env={**environment, "LC_ALL": "C.UTF-8"},
                          capture_output=True, timeout=TIME_S, check=False, umask=step.umask)
    if done.returncode not in (0, 1, 6):
        raise RuntimeError(f"exit status {done.returncode}: " + done.stderr.decode(errors="replace"))
    return done.returncode, json.loads(done.stdout or "{}")


def shown(path):
    """As a plan spells it: on one line, and all of it printable."""
    text = path.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return "".join(f"\\x{ord(char):02x}" if char < " " else char for char in text)


def differences(want, got, base):
    for path in sorted(set(want) | set(got)):
        if want.get(path) != got.get(path):
            yield f"  {os.path.relpath(path, base)!r}: expected {want.get(path)}\n      found {got.get(path)}"


def has_done(action, before, after):
    """Is what ACTION announces what became of a path? Each is (Node, inode), or None."""
    if action == "add":
        return after is not None and (before is None or before[0].kind == FOLDER != after[0].kind)
    if action == "change":  # a folder may keep its inode, and be the same when its ACL is set once more
        return before is not None and after is not None and (before[1] != after[1] or after[0].kind == FOLDER)
    if action == "remove":
        return before is not None and after is None
    return before == after


def unlike_plan(plan, result, before, after, base):
    """Where PLAN announced something else than what the deployment has made of it."""
    status, document = plan
    if bool(status) != bool(result[0]):
        yield f"  plan: exit status {status}, deployment: {result[0]}: {document.get('errors')}"
    if status == 0 and document["files"] != result[1]["files"]:
        yield f"  plan: counts {document['files']}\n    deployment: {result[1]['files']}"
    announced = {each["path"]: each["action"] for each in document.get("paths", ())} if not status else {}
    before, after = ({shown(path): each for path, each in tree.items()} for tree in (before, after))
    for path in sorted(set(before) | set(after) | set(announced)):
        if not has_done(announced.get(path), before.get(path), after.get(path)):
            yield (f"  {os.path.relpath(path, base)!r}: the plan says {announced.get(path) or 'nothing'}\n      before {before.get(path)}"
                   f"\n      after  {after.get(path)}")


def other_conflicts(plan, run, base):
    """What stands in the way: the model's list, and the plan's."""
    told = {each["path"]: (each["conflict"]["verdict"], each["conflict"]["by"]) for each in plan["paths"] if each["conflict"]}
    known = {shown(path): each for path, each in run.conflicts.items()}
    for path in sorted(set(told) | set(known)):
        if told.get(path) != known.get(path):
            yield f"  {os.path.relpath(path, base)!r}: in the way by the plan: {told.get(path)}, by the model: {known.get(path)}"


def show(step):
    for path, node, other in step.changes:
        print(f"  user: {path!r}: {node or 'gone'}" + (f", by {other!r}" if other else ""))
    print(f"deployment of {step.group}, {step.behavior}, umask {step.umask:03o}\n{step.text}  bundle:")
    for name, node in sorted(step.entries.items()):
        print(f"    {name!r}: {node}" + (f", a hard link to {step.hard[name]!r}" if name in step.hard else ""))


class Case:
    def __init__(self, build, seed, number, folder, verbose=False):
        self.build, self.folder, self.verbose, self.top = build, folder, verbose, f"{folder}/top"
        self.maker = cases.Maker(seed, number, self.top)
        self.world, self.records = World(self.top, [cases.ELSEWHERE]), {}
        self.deployments = self.refused = 0
        os.mkdir(folder)
        self.world.nodes.update(self.maker.world())
        for path, node in self.world.nodes.items():
            write_node(path, node)
            if verbose:
                print(f"  world: {path!r}: {node}")

    def run(self):
        """What is different: a list of lines."""
        step = None
        for _ in range(self.maker.step_count()):
            changes = self.maker.changes(self.world)
            for each in changes:
                change(*each)
            step = self.maker.step(step, changes)
            lines = self.deploy(step)
            if lines:
                return lines
        return []

    def expect(self, step):
        """(the world to come, the model's Install or why it is refused)"""
        try:
            return install(self.world, self.records.get(step.group, {}), Bundle(step.entries), step.appspec, step.behavior, step.umask)
        except Refused as reason:
            return self.world, reason

    def deploy(self, step):
        self.deployments += 1
        if self.verbose:
            show(step)
        step.entries["appspec.yml"] = Node(FILE, 0o644, 0, 0, step.text)
        wanted, run = self.expect(step)
        bundle = f"{self.folder}/bundle.tar"
        pack(bundle, step.entries, step.hard)
        plan = slipway(self.build, self.folder, step, ["plan", bundle, "--group", step.group])
        before = read_tree(self.top)
        result = slipway(self.build, self.folder, step, ["local", bundle, "--deployment-group", step.group])
        os.unlink(bundle)
        del step.entries["appspec.yml"]
        after = read_tree(self.top)
        error = result[1].get("error")
        model, said = (f"refused: {run}" if isinstance(run, Refused) else "installed",
                       f"{error['error_code']}: {error['message']}" if error else "installed")
        if self.verbose:
            print(f"model: {model}\nslipway: {said}")
        base = self.maker.base
        lines = [f"  the plan has changed something:\n{each}" for each in differences(self.world.nodes, nodes_of(before), base)]
        lines += list(unlike_plan(plan, result, before, after, base)) + list(differences(wanted.nodes, nodes_of(after), base))
        lines += [f"  beside the destination: {name}" for name in set(os.listdir(self.folder)) - {"top", "root"}]
        if isinstance(run, Refused):
            self.refused += 1
        elif not plan[0]:
            lines += list(other_conflicts(plan[1], run, base))
            self.world, self.records[step.group] = wanted, run.records
        if lines or isinstance(run, Refused) != bool(result[0]):
            return [f"deployment {self.deployments}: the model says: {model}; slipway: {said}"] + lines
        return []


def nodes_of(tree):
    return {path: node for path, (node, _) in tree.items()}


def run_and_clean(job):
    build, seed, number, scratch = job
    folder = f"{scratch}/{number}"
    try:
        case = Case(build, seed, number, folder)
        try:
            lines = case.run()
        except (RuntimeError, subprocess.TimeoutExpired) as failed:
            lines = [str(failed)]
        return number, case.deployments, case.refused, lines
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main():
    about = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n")[0])
    about.add_argument("build")
    about.add_argument("--cases", type=int, default=2000)
    about.add_argument("--seed", type=int, default=1)
    about.add_argument("--case", type=int)
    about.add_argument("--keep", action="store_true")
    about.add_argument("--parallel", type=int, default=os.cpu_count() or 1)
    options = about.parse_args()
    build = str(pathlib.Path(options.build).resolve())
    if os.geteuid() != 0:
        print("SKIPPED: owners are part of what is compared, and so this needs root")
        return 0
    for number in SIGNALS:
        signal.signal(number, give_up)
    scratch = tempfile.mkdtemp(prefix="differential.", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    os.chmod(scratch, 0o755)
    try:
        return run_all(build, options, scratch) if options.case is None else run_one(build, options, scratch)
    finally:
        if options.keep:
            print(f"kept: {scratch}")
        else:
            shutil.rmtree(scratch, ignore_errors=True)


def run_one(build, options, scratch):
    lines = Case(build, options.seed, options.case, f"{scratch}/{options.case}", verbose=True).run()
    print("\n".join(lines) or "no difference")
    return 1 if lines else 0


def ignore_signals():
    """By a function: what is started from here shall not inherit it."""
    for number in SIGNALS:
        signal.signal(number, lambda *_: None)


def give_up(number, _):
    ignore_signals()  # the next one would disturb the clearing up
    sys.exit(128 + number)


def run_all(build, options, scratch):
    deployments = refused = bad = 0
    jobs = [(build, options.seed, number, scratch) for number in range(options.cases)]
    pool = concurrent.futures.ProcessPoolExecutor(options.parallel, initializer=ignore_signals)
    try:
        for number, count, refusals, lines in pool.map(run_and_clean, jobs, chunksize=4):
            deployments, refused = deployments + count, refused + refusals
            if lines:
                bad += 1
                print(f"case {number} differs; repeat it: {sys.argv[0]} {options.build} --seed {options.seed} --case {number} --keep")
                print("\n".join(lines), flush=True)
    finally:
        pool.shutdown(cancel_futures=True)
    print(f"differential: {deployments} plans and deployments of {options.cases} cases, seed {options.seed}: {refused} refused by all, "
          f"{bad} cases differ")
    if not bad:
        print("differential: ok")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
