"""What the CodeDeploy agent was observed to install, against `slipway local`: every scenario of tests/cases/install.

When the corpus that they come from is there ($SLIPWAY_SHARED, else ../shared beside the checkout), its own runner has to
come to the same result, on another file system where there is one.
"""
import base64
import concurrent.futures
import grp
import hashlib
import json
import os
import pathlib
import pwd
import shutil
import stat
import struct
import subprocess
import sys
import tempfile

import pytest
from conftest import BUILD, CHECKOUT, Agent, leftovers

SCENARIOS = CHECKOUT / "tests/cases/install/scenarios.jsonl"
SHARED = pathlib.Path(os.environ.get("SLIPWAY_SHARED", CHECKOUT.parent / "shared")) / "corpus"
ROOT = "@DEST@"


def scenarios():
    return [json.loads(line) for line in SCENARIOS.read_text(encoding="utf-8").splitlines()]


# Putting items in place

def remove(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.is_symlink() or path.exists():
        path.unlink()


def make_folder(path):
    """PATH and its missing parents, each root's and 0755 whatever the umask is."""
    if path.is_dir():
        return
    remove(path)
    make_folder(path.parent)
    path.mkdir()
    path.chmod(0o755)


def create(path, item, top, dest):
    kind = item["type"]
    if kind == "dir":
        make_folder(path)
        return
    remove(path)
    make_folder(path.parent)
    if kind == "file":
        path.write_bytes(base64.b64decode(item["content_b64"]) if "content_b64" in item
                         else item.get("content", "").replace(ROOT, dest).encode())
    elif kind == "symlink":
        path.symlink_to(item["link"].replace(ROOT, dest))
    elif kind == "hardlink":
        path.hardlink_to(top / item["link"])


def adorn(path, item):
    if "owner" in item or "group" in item:
        os.chown(path, pwd.getpwnam(item.get("owner", "root")).pw_uid, grp.getgrnam(item.get("group", "root")).gr_gid,
                 follow_symlinks=False)
    if item["type"] in ("file", "dir"):  # last: a change of the owner takes setuid away
        path.chmod(int(item.get("mode", "0755" if item["type"] == "dir" else "0644"), 8))
        if item.get("mtime") is not None:
            os.utime(path, (item["mtime"], item["mtime"]))


def put(top, items, dest):
    present = []
    for item in items:
        path = top / item["path"]
        if item["type"] == "absent":
            remove(path)
        else:
            create(path, item, top, dest)
            present.append((path, item))
    for path, item in present:  # after all files are in: some folders may not be written then
        adorn(path, item)


# Listing what is there

def name_of(number, database):
    try:
        return database(number)[0]
    except KeyError:
        return str(number)


ACL_TAGS = {1: "user:", 2: "user:", 4: "group:", 8: "group:", 16: "mask:", 32: "other:"}


def acl_entries(path, attribute, prefix):
    """Of a POSIX ACL as the kernel stores it: version, then (tag, permissions, id) of eight bytes."""
    try:
        raw = os.getxattr(path, attribute, follow_symlinks=False)
    except OSError:
        return []
    entries = []
    for tag, bits, number in struct.iter_unpack("<HHI", raw[4:]):
        who = {2: lambda: name_of(number, pwd.getpwuid), 8: lambda: name_of(number, grp.getgrgid)}.get(tag, str)()
        rights = "".join(letter if bits & bit else "-" for letter, bit in zip("rwx", (4, 2, 1)))
        entries.append(f"{prefix}{ACL_TAGS[tag]}{who}:{rights}")
    return entries


def describe(path, name, dest, with_times):
    st = path.lstat()
    kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "dir", stat.S_IFLNK: "symlink"}
    entry = {"path": name, "type": kinds.get(stat.S_IFMT(st.st_mode), "other"), "mode": f"{stat.S_IMODE(st.st_mode):04o}",
             "owner": name_of(st.st_uid, pwd.getpwuid), "group": name_of(st.st_gid, grp.getgrgid)}
    if entry["type"] == "file":
        entry["sha256"] = hashlib.sha256(path.read_bytes().replace(dest.encode(), ROOT.encode())).hexdigest()
        if with_times:
            entry["mtime"] = int(st.st_mtime)
    if entry["type"] == "symlink":
        entry["link"] = os.readlink(path).replace(dest, ROOT)
    else:
        acl = acl_entries(path, "system.posix_acl_access", "") + acl_entries(path, "system.posix_acl_default", "default:")
        if acl:
            entry["acl"] = acl
    return entry


def listing(top, with_times):
    paths = [(".", top)] + [(path.relative_to(top).as_posix(), path) for path in top.rglob("*")]
    return sorted((describe(path, name, str(top), with_times) for name, path in paths),
                  key=lambda entry: os.fsencode(entry["path"]))


# Running one

def pack(folder):
    archive = folder.with_suffix(".tgz")
    subprocess.run(["tar", "-C", folder, "-czf", archive, "--", *sorted(os.listdir(folder))], check=True)
    return archive


def run(scenario):
    """[(succeeded, listing)] of its deployments, and what the last one said."""
    with tempfile.TemporaryDirectory(prefix="scenario-") as folder:
        top = pathlib.Path(folder)
        agent, dest, results = Agent(top / "root"), top / "dest", []
        make_folder(dest)
        put(dest, scenario["seed"], str(dest))
        for number, step in enumerate([scenario, *scenario["steps"]]):
            bundle = top / f"bundle-{number}"
            bundle.mkdir()
            put(bundle, [*step["bundle"], {"path": "appspec.yml", "type": "file", "content": step["appspec"]}], str(dest))
            put(dest, step.get("before", []), str(dest))
            done = agent.local(pack(bundle) if scenario.get("via") == "tgz" else bundle, "--file-exists-behavior",
                               step["behavior"], "--deployment-group", step.get("group", "g1"), cwd="/",
                               umask=int(scenario.get("umask", "022"), 8))
            assert done.code in (0, 1), done.err
            assert leftovers(top) == []
            results.append((done.code == 0, listing(dest, scenario.get("check_mtime"))))
        return results, done.err.replace(str(dest), ROOT)


@pytest.fixture(scope="module")
def outcomes(request):
    """{id: future} of the scenarios that are asked for: two at a time, the time goes into waiting for the disk."""
    chosen = [item.callspec.params["scenario"] for item in request.session.items
              if item.path == request.path and hasattr(item, "callspec")]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        yield {scenario["id"]: pool.submit(run, scenario) for scenario in chosen}
        pool.shutdown(cancel_futures=True)


def differences(want, got):
    want, got = ({entry["path"]: entry for entry in side} for side in (want, got))
    return [f"{path}: {got.get(path, 'is not there')}\n    instead of {want.get(path, 'nothing')}"
            for path in sorted({*want, *got}) if want.get(path) != got.get(path)]


def wrong(want, results):
    """What distinguishes RESULTS from a list of results that is right; []: nothing."""
    problems = []
    for number, (expected, (ok, found)) in enumerate(zip(want, results), 1):
        if expected["ok"] != ok:
            problems.append(f"deployment {number} {'succeeded' if ok else 'failed'}")
        problems += [f"deployment {number}: {text}" for text in differences(expected["listing"], found)]
    return problems


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda scenario: scenario["id"])
def test_it_installs_what_the_reference_installs(as_root, outcomes, scenario):
    results, said = outcomes[scenario["id"]].result()
    first = scenario.get("expect_slipway") or scenario["expect"]
    if not any(not wrong(want, results) for want in [first, *scenario.get("also_ok", [])]):
        pytest.fail("\n".join([scenario["title"], *wrong(first, results), said]), pytrace=False)
    assert [text for text in scenario.get("report", []) if text not in said] == []


def test_the_corpus_own_runner_comes_to_the_same_result(as_root, tmp_path):
    runner, corpus = SHARED / "run_install.py", SHARED / "install/scenarios.jsonl"
    if not runner.exists():
        pytest.skip(f"no corpus: {runner} is not there (set SLIPWAY_SHARED to the folder that holds corpus/)")
    assert corpus.read_bytes() == SCENARIOS.read_bytes(), "the copy of the scenarios is not that of the corpus"
    elsewhere = "/dev/shm" if os.access("/dev/shm", os.W_OK) else tmp_path
    done = subprocess.run([sys.executable, "-B", runner, corpus, BUILD / "slipway"], capture_output=True, text=True,
                          env={**os.environ, "TMPDIR": str(elsewhere)}, check=False, timeout=600)
    count = len(scenarios())
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, [f"{count} of {count} scenarios match"]), done.stdout
