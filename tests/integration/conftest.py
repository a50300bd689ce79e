"""Fixtures for tests that drive the real programs: an agent with a root of its own, bundles, a destination folder.

The programs come from $SLIPWAY_BUILD (make integration sets it), else from build/debug of this checkout.
"""
import dataclasses
import io
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tarfile
import time

import pytest

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SLIPWAY_BUILD", CHECKOUT / "build" / "debug")).resolve()


@dataclasses.dataclass
class Outcome:
    """What one command did."""
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def last(self):
        """The last JSON document of a stream of them."""
        return json.loads(self.out.strip().splitlines()[-1])


class Agent:
    """slipway with a root of its own: agent("lint", path), agent.local(bundle)."""

    def __init__(self, root):
        self.root = root
        self.program = BUILD / "slipway"
        self.env = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(root), "LC_ALL": "C.UTF-8",
                    "NO_COLOR": "1"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "GCOV_PREFIX"):
            if name in os.environ:
                self.env[name] = os.environ[name]

    def __call__(self, *words, env=None, timeout=120, **rest):
        done = subprocess.run([self.program, "--root", self.root, *words], env={**self.env, **(env or {})},
                              capture_output=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL, **rest)
        return Outcome(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))

    def local(self, bundle, *words, **rest):
        """`slipway local` of BUNDLE (a folder or an archive) and further options."""
        bundle = pathlib.Path(bundle)
        kind = "directory" if bundle.is_dir() else "tgz"
        return self("local", "--bundle-location", bundle, "--type", kind, *words, **rest)

    def codedeploy_local(self, *words, env=None, timeout=120, **rest):
        """The same program by the name of the CodeDeploy agent's, which has no option --root."""
        link = self.root.with_name(f"{self.root.name}-programs") / "codedeploy-local"
        if not link.is_symlink():
            link.parent.mkdir()
            link.symlink_to(self.program)
        done = subprocess.run([link, *words], env={**self.env, "SLIPWAY_ROOT": str(self.root), **(env or {})},
                              capture_output=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL, **rest)
        return Outcome(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))

    @property
    def deployment_root(self):
        return self.root / "var/lib/slipway/deployment-root"

    def configure(self, text):
        """Write slipway.yml."""
        path = self.root / "etc/slipway/slipway.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture(scope="session", autouse=True)
def programs():
    if not (BUILD / "slipway").exists() or not (BUILD / "worker").exists():
        pytest.exit(f"{BUILD} holds no slipway and worker: run `make` first", returncode=2)


@pytest.fixture
def agent(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    return Agent(root)


class Target:
    """The folder that bundles of a test install into."""

    def __init__(self, path):
        self.path = path
        path.mkdir()

    def write(self, name, text, mode=None):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        if mode is not None:
            path.chmod(mode)
        return path

    def read(self, name):
        return (self.path / name).read_text()

    def tree(self):
        """{relative name: (type, permission bits, content or link text)} of everything below."""
        return tree_of(self.path)


def tree_of(top):
    found = {}
    for path in sorted(pathlib.Path(top).rglob("*")):
        name, st = path.relative_to(top).as_posix(), path.lstat()
        if path.is_symlink():
            found[name] = ("link", os.readlink(path))
        elif path.is_dir():
            found[name] = ("folder", st.st_mode & 0o7777)
        else:
            found[name] = ("file", st.st_mode & 0o7777, path.read_bytes())
    return found


@pytest.fixture
def target(tmp_path):
    return Target(tmp_path / "target")


@pytest.fixture
def bundle(tmp_path, target):
    """bundle(files={"a": "text"}, hooks={"ValidateService": "exit 3"}, ...) -> a folder, or a tgz with pack=True.

    FILES are installed into the target by one `files` entry; a value (text, mode) sets the mode. HOOKS are shell scripts.
    EXTRA is put into the appspec as it is; APPSPEC replaces it altogether.
    """
    count = 0

    def make(files=(), hooks=(), extra="", appspec=None, pack=False):
        nonlocal count
        count += 1
        top = tmp_path / f"bundle-{count}"
        (top / "content").mkdir(parents=True)
        for name, text in dict(files).items():
            text, mode = text if isinstance(text, tuple) else (text, 0o644)
            path = top / "content" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode() if isinstance(text, str) else text)
            path.chmod(mode)
        lines = ["version: 0.0", "os: linux"]
        if dict(files):
            lines += ["files:", "  - source: content", f"    destination: {target.path}"]
        if dict(hooks):
            lines.append("hooks:")
        for event, script in dict(hooks).items():
            path = top / f"{event}.sh"
            path.write_text(f"#!/bin/sh\n{script}\n")
            path.chmod(0o755)
            lines += [f"  {event}:", f"    - location: {path.name}", "      timeout: 60"]
        (top / "appspec.yml").write_text(appspec if appspec is not None else "\n".join(lines) + "\n" + extra)
        return packed(top) if pack else top

    def packed(top):
        archive = top.with_suffix(".tgz")
        with tarfile.open(archive, "w:gz") as out:
            for path in sorted(top.rglob("*")):
                out.add(path, path.relative_to(top).as_posix(), recursive=False)
        return archive

    return make


@pytest.fixture
def archive(tmp_path):
    """archive([(name, content, {field: value}), ...]) -> a tgz with exactly these entries, hostile ones included."""
    count = 0

    def make(entries, mode="w:gz"):
        nonlocal count
        count += 1
        path = tmp_path / f"archive-{count}.tgz"
        with tarfile.open(path, mode, format=tarfile.PAX_FORMAT) as out:
            for name, content, *fields in entries:
                info = tarfile.TarInfo(name)
                content = content.encode() if isinstance(content, str) else content
                info.size, info.mode = len(content), 0o644
                for field, value in (fields[0] if fields else {}).items():
                    setattr(info, field, value)
                out.addfile(info, io.BytesIO(content))
        return path

    return make


@pytest.fixture
def as_root():
    if os.geteuid() != 0:
        pytest.skip("needs root (make check as root runs it)")


def leftovers(top):
    """Names below TOP that no ended deployment may leave behind."""
    return [str(path) for path in pathlib.Path(top).rglob("*")
            if path.name.startswith(".slipway") or path.name.endswith(".new") or path.name == "deployment-archive-temp"]


def processes_of(top):
    """(pid, command line) of every process that was started for the agent below TOP; ended ones do not count."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            command, environment = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
        except OSError:  # gone meanwhile, or somebody else's
            continue
        if int(folder.name) != os.getpid() and str(top).encode() in command + b"\0" + environment:
            found.append((int(folder.name), command.decode(errors="replace").replace("\0", " ")))
    return found


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


class Scene:
    """A host where a good revision runs, and everything that must still be so after a bad one."""
    UNTOUCHED = "revision GOOD (previous) is in place, its files untouched"
    RESTARTED = "revision GOOD (previous) is back: files untouched, started, validated"
    RESTORED = "revision GOOD (previous) is back: files restored, started, validated"

    def __init__(self, agent, target, top):
        self.agent, self.target, self.top = agent, target, top
        self.good = self.before = None

    def install(self, bundle):
        """The good revision."""
        done = self.agent.local(bundle, "--json")
        assert done.code == 0, done.err
        self.good, self.before = done.json["deployment_id"], self.fingerprint()
        return done

    def fingerprint(self):
        """The target with what a rewrite would change although it changes no content."""
        paths = [self.target.path, *sorted(self.target.path.rglob("*"))]
        return self.target.tree(), [(p.name, st.st_ino, st.st_mtime_ns, st.st_ctime_ns)
                                    for p in paths for st in [p.lstat()]]

    def plain(self, text):
        """TEXT without what differs from run to run: folders, ids, numbers of processes, times, this host's name."""
        text = text.replace(str(self.top), "TOP").replace(f" on {socket.gethostname()}\n", " on HOST\n")
        text = re.sub(r"d-[A-Z0-9]{9}-local", "BAD", text.replace(self.good or "no good one", "GOOD"))
        text = re.sub(r"TOP/root/var/lib/slipway/deployment-root/[^/]*/BAD/", "FOLDER/", text)
        return re.sub(r"since 20[-0-9:T]*Z", "since TIME", re.sub(r"\b(pid|process) \d+", r"\1 N", text))

    def refused(self, bundle, *words, code, said, event="Preflight", now=None, background=None, **rest):
        """Deploy BUNDLE: it must fail with CODE in EVENT and say exactly the lines SAID and what runs NOW (by default: the
        good revision, untouched). What it was allowed to leave running writes its pid to the file BACKGROUND and is ended
        here."""
        now = now or (self.UNTOUCHED if event == "Preflight" else self.RESTARTED)
        bad = self.agent.local(bundle, "--json", *words, **rest)
        status = 6 if now in (self.RESTARTED, self.RESTORED) else 1
        assert (bad.code, bad.json["error"]["error_code"]) == (status, code), bad.err
        assert self.screen(bad) == [f"error[{code}]: {event} failed on HOST", *said, f"  now:  {now}"], bad.err
        if background:
            assert processes_of(self.agent.root), "the agent ended what is not its own"
            os.kill(int(background.read_text()), signal.SIGKILL)
        self.clean()
        if now in (self.UNTOUCHED, self.RESTARTED):
            assert self.fingerprint() == self.before
        return bad

    def screen(self, bad):
        """The lines of a failure, without the advice."""
        block = self.plain("error" + bad.err.partition("\nerror")[2]) if "\nerror" in bad.err else self.plain(bad.err)
        return [line for line in block.splitlines() if not line.startswith("  next: ")]

    def clean(self):
        """Nothing temporary, nobody left."""
        assert leftovers(self.top) == []
        wait_until(lambda: not processes_of(self.agent.root), 3)


@pytest.fixture
def scene(agent, target, tmp_path):
    return Scene(agent, target, tmp_path)


@pytest.fixture
def mount(as_root):
    """mount(path, options) puts an empty tmpfs there; it goes at the end of the test."""
    paths = []

    def put(path, options):
        path.mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "slipway-test", path], check=True)
        paths.append(path)

    yield put
    for path in reversed(paths):
        subprocess.run(["umount", "--lazy", path], check=True)
