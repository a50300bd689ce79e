#!/usr/bin/python3
"""Random deployments, by slipway and by a model of the CodeDeploy agent: what is left on the disk must be the same.

usage: differential.py BUILD [--cases N] [--seed N] [--only N] [--parallel N] [--verbose]

BUILD holds the programs. A case is a small world and one to four deployments by `slipway local`, as root, into a folder of its
own; reference.py tells what each must leave (types, contents, links, modes, owners), or that it is refused, and then nothing may
have changed. --only N repeats one case of a seed, shows it and keeps its folder. Exit status: 0 all the same, 1 not, 2 usage.
"""
import argparse
import concurrent.futures
import io
import json
import os
import pathlib
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile

import cases
from reference import FILE, FOLDER, LINK, Bundle, Node, Refused, World, install

NAMES = {0: ("root", "root"), 1: ("daemon", "daemon")}  # others come by number
TIME_S = 120


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
    os.chmod(path, node.mode)


def read_node(path):
    st = os.lstat(path)
    if stat.S_ISLNK(st.st_mode):
        return Node(LINK, 0, st.st_uid, st.st_gid, os.readlink(path))
    mode = stat.S_IMODE(st.st_mode)
    if stat.S_ISDIR(st.st_mode):
        return Node(FOLDER, mode, st.st_uid, st.st_gid)
    with open(path, encoding="utf-8") as content:
        return Node(FILE, mode, st.st_uid, st.st_gid, content.read())


def read_tree(top):
    nodes = {top: read_node(top)}
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(folder, name)
            nodes[path] = read_node(path)
    return nodes


def pack(path, entries):
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as out:
        for name, node in entries.items():
            info = tarfile.TarInfo(name)
            content = node.data.encode() if node.kind == FILE else b""
            info.type = {FOLDER: tarfile.DIRTYPE, LINK: tarfile.SYMTYPE, FILE: tarfile.REGTYPE}[node.kind]
            info.linkname = node.data if node.kind == LINK else ""
            info.size, info.mode, info.uid, info.gid = len(content), node.mode, node.uid, node.gid
            if node.uid in NAMES and node.gid in NAMES:
                info.uname, info.gname = NAMES[node.uid][0], NAMES[node.gid][1]
            out.addfile(info, io.BytesIO(content))


def deploy(build, folder, number, step):
    bundle = f"{folder}/{number}.tar"
    pack(bundle, {**step.entries, "appspec.yml": Node(FILE, 0o644, 0, 0, step.text)})
    environment = {name: value for name, value in os.environ.items() if name == "PATH" or name.endswith("SAN_OPTIONS")}
    done = subprocess.run([f"{build}/slipway", "--root", f"{folder}/root", "local", bundle, "--type", "tar", "--deployment-group",
                           step.group, "--file-exists-behavior", step.behavior, "--json"], env={**environment, "LC_ALL": "C.UTF-8"},
                          capture_output=True, timeout=TIME_S, check=False, umask=step.umask)
    os.unlink(bundle)
    if done.returncode == 0:
        return None
    if done.returncode not in (1, 6):
        return f"exit status {done.returncode}: " + done.stderr.decode(errors="replace")
    error = json.loads(done.stdout)["error"]
    return f"{error['error_code']}: {error['message']}"


def differences(want, got, base):
    for path in sorted(set(want) | set(got)):
        if want.get(path) != got.get(path):
            yield f"  {os.path.relpath(path, base)!r}: expected {want.get(path)}\n      found {got.get(path)}"


def show(step, changes):
    for path, node in changes:
        print(f"  user: {path!r}: {node or 'removed'}")
    print(f"deployment of {step.group}, {step.behavior}, umask {step.umask:03o}\n{step.text}  bundle:")
    for name, node in sorted(step.entries.items()):
        print(f"    {name!r}: {node}")


def run_case(build, seed, number, folder, verbose=False):
    """(deployments, refused, unclear, what is different: a list of lines)"""
    top = f"{folder}/top"
    os.mkdir(folder)
    maker = cases.Maker(seed, number, top)
    world, installed, step = World(top, [cases.ELSEWHERE]), {}, None
    world.nodes.update(maker.world())
    for path, node in world.nodes.items():
        write_node(path, node)
        if verbose:
            print(f"  world: {path!r}: {node}")
    refused = unclear = 0
    for count in range(1, maker.step_count() + 1):
        changes = maker.changes(world)
        for path, node in changes:
            os.unlink(path) if node is None else write_node(path, node)
        step = maker.step(step, changes)
        if verbose:
            show(step, changes)
        wanted, why = world, None
        try:
            wanted, paths = install(world, installed.get(step.group, []), Bundle(
                {**step.entries, "appspec.yml": Node(FILE, 0o644, 0, 0, step.text)}), step.appspec, step.behavior, step.umask)
        except Refused as reason:
            why = reason
        said = deploy(build, folder, count, step)
        found = read_tree(top)
        if verbose:
            print(f"model: {why or 'installed'}\nslipway: {said or 'installed'}")
        if why and why.unclear and not said:
            return count, refused, unclear + 1, []  # what it made of it nobody has said: the case ends here
        refused += why is not None
        lines = list(differences(wanted.nodes, found, maker.base))
        lines += [f"  beside the destination: {name}" for name in set(os.listdir(folder)) - {"top", "root"}]
        if lines or (why is None) != (said is None):
            return count, refused, unclear, [f"deployment {count}: the model says: {why or 'installed'}; slipway: {said or 'installed'}"] + lines
        if not why:
            world, installed[step.group] = wanted, paths
    return count, refused, unclear, []


def run_and_clean(job):
    build, seed, number, scratch = job
    folder = f"{scratch}/{number}"
    try:
        return number, run_case(build, seed, number, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main():
    about = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n")[0])
    about.add_argument("build")
    about.add_argument("--cases", type=int, default=2000)
    about.add_argument("--seed", type=int, default=1)
    about.add_argument("--only", type=int)
    about.add_argument("--parallel", type=int, default=os.cpu_count() or 1)
    about.add_argument("--verbose", action="store_true")
    options = about.parse_args()
    build = str(pathlib.Path(options.build).resolve())
    if os.geteuid() != 0:
        print("SKIPPED: owners are part of what is compared, and so this needs root")
        return 0
    scratch = tempfile.mkdtemp(prefix="differential.", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    os.chmod(scratch, 0o755)
    if options.only is not None:
        lines = run_case(build, options.seed, options.only, f"{scratch}/{options.only}", verbose=True)[3]
        print("\n".join(lines) or "no difference", f"\nkept: {scratch}")
        return 1 if lines else 0
    try:
        return run_all(build, options, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def run_all(build, options, scratch):
    deployments = refused = unclear = bad = 0
    jobs = [(build, options.seed, number, scratch) for number in range(options.cases)]
    with concurrent.futures.ProcessPoolExecutor(options.parallel) as pool:
        for number, (count, refusals, open_ones, lines) in pool.map(run_and_clean, jobs, chunksize=8):
            deployments, refused, unclear = deployments + count, refused + refusals, unclear + open_ones
            if lines:
                bad += 1
                print(f"case {number} differs; repeat it: {sys.argv[0]} {options.build} --seed {options.seed} --only {number}")
                print("\n".join(lines))
    print(f"differential: {deployments} deployments of {options.cases} cases, seed {options.seed}: {refused} refused by both, "
          f"{unclear} that the specification leaves open, {bad} cases differ")
    if not bad:
        print("differential: ok")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
