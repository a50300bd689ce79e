"""What the CodeDeploy agent was observed to install: every scenario of tests/cases/install, and that three ways.

All go through `codedeploy-local`. More than a third, among them all that deploy more than once or fail, go through a
daemon and `slipway deploy`; with --on-failure none and --force, for the reference restores nothing and deploys again what
runs already. When the corpus that they come from is there ($SLIPWAY_SHARED, else ../shared beside the checkout), its own
runner has to come to the same result with `slipway local`, on another file system where there is one.
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
import threading

import pytest
from conftest import BUILD, CHECKOUT, Agent, leftovers
from daemon_kit import Daemon

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


def kind_of(bundle):
    return "directory" if bundle.is_dir() else "tgz"


def codedeploy_local(scenario, top):
    """deploy(bundle, step) with an agent of its own below TOP."""
    agent, umask = Agent(top / "root"), int(scenario.get("umask", "022"), 8)
    return lambda bundle, step: agent.codedeploy_local(
        "--bundle-location", bundle, "--type", kind_of(bundle), "--file-exists-behavior", step["behavior"],
        "--deployment-group", step.get("group", "g1"), cwd="/", umask=umask)


class Daemons:
    """One for each umask, shared by the scenarios: each has deployment groups of its own."""

    def __init__(self, top):
        self.top, self.running, self.lock = top, {}, threading.Lock()

    def of(self, umask):
        with self.lock:
            if umask not in self.running:
                top = self.top / umask
                (top / "root").mkdir(parents=True)
                self.running[umask] = Daemon(Agent(top / "root"), top).start(umask=int(umask, 8))
            return self.running[umask]

    def __call__(self, scenario, top):
        daemon = self.of(scenario.get("umask", "022"))
        return lambda bundle, step: daemon.agent(
            "deploy", bundle, "--type", kind_of(bundle), "--file-exists-behavior", step["behavior"],
            "--group", f"{scenario['id']}-{step.get('group', 'g1')}", "--on-failure", "none", "--force")

    def stop(self):
        """What they have left behind."""
        found = []
        for daemon in self.running.values():
            if daemon.stop() != 0:
                found.append(daemon.log)
            found += leftovers(daemon.top) + [f"worker {pid}" for pid in daemon.workers()]
            daemon.clean_up()
        return found


def run(scenario, way):
    """[(succeeded, listing)] of its deployments, and what the last one said."""
    with tempfile.TemporaryDirectory(prefix="scenario-") as folder:
        top = pathlib.Path(folder)
        dest, results = top / "dest", []
        deploy = way(scenario, top)
        make_folder(dest)
        put(dest, scenario["seed"], str(dest))
        for number, step in enumerate([scenario, *scenario["steps"]]):
            bundle = top / f"bundle-{number}"
            bundle.mkdir()
            put(bundle, [*step["bundle"], {"path": "appspec.yml", "type": "file", "content": step["appspec"]}], str(dest))
            put(dest, step.get("before", []), str(dest))
            done = deploy(pack(bundle) if scenario.get("via") == "tgz" else bundle, step)
            assert done.code in (0, 1), done.err
            assert leftovers(top) == []
            results.append((done.code == 0, listing(dest, scenario.get("check_mtime"))))
        return results, done.err.replace(str(dest), ROOT)


def chosen_for_the_daemon():
    every = scenarios()
    return [scenario for number, scenario in enumerate(every)
            if number % 3 == 0 or scenario["steps"] or not all(result["ok"] for result in right(scenario))]


@pytest.fixture(scope="module")
def outcomes(request, tmp_path_factory):
    """{(test, id): future} of the scenarios that are asked for: a few at a time, the time goes into waiting for the disk."""
    chosen = [(item.originalname, item.callspec.params["scenario"]) for item in request.session.items
              if item.path == request.path and hasattr(item, "callspec")]
    daemons = Daemons(tmp_path_factory.mktemp("daemons"))
    ways = {"test_it_installs_what_the_reference_installs": codedeploy_local, "test_the_daemon_installs_the_same": daemons}
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        try:
            yield {(test, scenario["id"]): pool.submit(run, scenario, ways[test]) for test, scenario in chosen}
        finally:
            pool.shutdown(cancel_futures=True)
            assert daemons.stop() == []


def right(scenario):
    """The results that slipway is to have."""
    return scenario.get("expect_slipway") or scenario["expect"]


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


def judge(scenario, results, said):
    wanted = [right(scenario), *scenario.get("also_ok", [])]
    if not any(not wrong(want, results) for want in wanted):
        pytest.fail("\n".join([scenario["title"], *wrong(wanted[0], results), said]), pytrace=False)
    assert [text for text in scenario.get("report", []) if text not in said] == []


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda scenario: scenario["id"])
def test_it_installs_what_the_reference_installs(as_root, outcomes, scenario):
    judge(scenario, *outcomes["test_it_installs_what_the_reference_installs", scenario["id"]].result())


@pytest.mark.parametrize("scenario", chosen_for_the_daemon(), ids=lambda scenario: scenario["id"])
def test_the_daemon_installs_the_same(as_root, outcomes, scenario):
    judge(scenario, *outcomes["test_the_daemon_installs_the_same", scenario["id"]].result())


def test_a_stated_deviation_has_its_reason():
    every = scenarios()
    assert len(every) == 162 and 3 * len(chosen_for_the_daemon()) >= len(every)
    assert [s["id"] for s in every if bool(s.get("expect_slipway")) != bool(s.get("deviates"))] == []
    assert [s["id"] for s in every if s.get("also_ok") and not s.get("ambiguous")] == []


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
