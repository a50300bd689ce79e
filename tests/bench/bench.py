#!/usr/bin/python3
"""How long a complete, durable `slipway local` takes, against what one would type instead.

usage: bench.py --build FOLDER     (needs root: every run gets a fresh ext4 on a loop device)

  BENCH_RUNS=5       runs of each side; BENCH_ONLY=regex   cases whose name matches;
  BENCH_DIR=folder   where the image and the inputs go (default build/bench; must not be a tmpfs)

Both sides start from the same tgz with a warm page cache and end durable: the base is `bsdtar -xf` into one folder, `cp -a`
(for upgrades `rsync -a --delete`) into the destination, `sync -f`. Both leave two trees, as an agent that keeps its
revisions must. Runs of both sides are interleaved in random order, each on a new file system made without lazy
initialisation in an image whose blocks were all written before. Times are wall clock with process start; medians.
"""
import argparse
import dataclasses
import os
import pathlib
import random
import re
import shutil
import statistics
import subprocess
import sys
import time

import bench_agent
import bench_lua
import bench_restore

IMAGE_BYTES = 6 << 30
GIB = 1 << 30
# Runs a command and prints the largest resident set among it and what it waited for, in KiB. A small process of its own:
# a child counts what its parent had at the time of the fork.
MEASURE = ("import os,sys\npid=os.posix_spawnp(sys.argv[1],sys.argv[1:],os.environ,file_actions=[(os.POSIX_SPAWN_OPEN,1,"
           "'/dev/null',os.O_WRONLY,0)])\n_,status,usage=os.wait4(pid,0)\nprint(usage.ru_maxrss)\n"
           "sys.exit(os.waitstatus_to_exitcode(status))")


def run(*command, **rest):
    return subprocess.run([str(word) for word in command], check=True, **rest)


class Disk:
    """A loop device that gets a new ext4 for every run."""

    def __init__(self, folder):
        self.image, self.mounted, self.device = folder / "disk.img", folder / "mnt", None
        self.mounted.mkdir(exist_ok=True)
        if not self.image.exists() or self.image.stat().st_blocks * 512 < IMAGE_BYTES:
            free = shutil.disk_usage(folder).free
            if free < IMAGE_BYTES + 3 * GIB:
                sys.exit(f"bench: {folder} needs {(IMAGE_BYTES >> 30) + 3} GiB free, has {free / GIB:.1f}")
            print(f"writing the image {self.image} ({IMAGE_BYTES >> 30} GiB) once", file=sys.stderr)
            run("dd", "if=/dev/zero", f"of={self.image}", "bs=4M", f"count={IMAGE_BYTES >> 22}", "conv=fsync", "status=none")

    def attach(self):
        for direct in (["--direct-io=on"], []):
            done = subprocess.run(["losetup", "--find", "--show", *direct, self.image], capture_output=True, text=True,
                                  check=False)
            if done.returncode == 0:
                self.device = done.stdout.strip()
                return bool(direct)
        sys.exit(f"bench: no loop device: {done.stderr.strip()}")

    def fresh(self):
        self.unmount()
        run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard", self.device)
        run("mount", self.device, self.mounted)
        return self.mounted

    def unmount(self):
        if os.path.ismount(self.mounted):
            run("umount", self.mounted)

    def detach(self):
        self.unmount()
        if self.device:
            run("losetup", "--detach", self.device)


# --- inputs ---

TEXT = (b"The quick brown fox jumps over the lazy dog; a deployment agent copies files all day long. " * 64)


def content(rng, size):
    half = size // 2
    out = bytearray()
    while len(out) < half:
        out += rng.randbytes(min(1 << 20, half - len(out)))
    while len(out) < size:
        out += TEXT[:size - len(out)]
    return bytes(out)


def write_tree(top, count, size, changed):
    """COUNT files of SIZE bytes, a hundred a folder; the share CHANGED of them differs from the tree with CHANGED 0."""
    for number in range(count):
        folder = top / f"d{number // 100:04d}"
        if number % 100 == 0:
            folder.mkdir(parents=True, exist_ok=True)
        path, new = folder / f"f{number:06d}.x{number % 100:02d}", number % 1000 < changed * 1000
        path.write_bytes(content(random.Random(number * 2 + new), size))
        os.utime(path, (1_700_000_000 + new * 1000,) * 2)


def appspec(destination, permissions):
    lines = ["version: 0.0", "os: linux", "files:", "  - source: tree", f"    destination: {destination}"]
    if permissions:
        lines.append("permissions:")
    for number in range(permissions):
        below = f"/d{number:04d}" if permissions > 1 else ""
        lines += [f"  - object: {destination}{below}", "    type: [file]", "    mode: 640"]
    return "\n".join(lines) + "\n"


FAILING = "hooks:\n  ValidateService:\n    - location: fail.sh\n"


@dataclasses.dataclass(frozen=True)
class Input:
    count: int
    size: int = 4096
    changed: float = 0
    permissions: int = 0
    fails: bool = False  # at its end

    def path(self, folder, destination):
        """The tgz, made when it is not there yet."""
        name = f"{self.count}x{self.size}-{int(self.changed * 100)}-{self.permissions}{'-fails' * self.fails}.tgz"
        made = folder / name
        if not made.exists():
            print(f"making {name}", file=sys.stderr)
            top = folder / "tree.new"
            shutil.rmtree(top, ignore_errors=True)
            write_tree(top / "tree", self.count, self.size, self.changed)
            (top / "appspec.yml").write_text(appspec(destination, self.permissions) + FAILING * self.fails)
            (top / "fail.sh").write_text("exit 1\n")
            run("bsdtar", "-czf", f"{made}.new", "-C", top, "appspec.yml", "fail.sh", "tree")
            os.rename(f"{made}.new", made)
            shutil.rmtree(top)
        return made


# --- the two sides; each is a shell command whose time counts ---

class Side:
    def __init__(self, disk, slipway, inputs):
        self.disk, self.slipway, self.inputs = disk, slipway, inputs
        self.destination = disk.mounted / "app"

    def tgz(self, given):
        return given.path(self.inputs, self.destination)

    def local(self, given):
        return [self.slipway, "--root", self.disk.mounted / "root", "local", "--bundle-location", self.tgz(given), "--type",
                "tgz", "--application-name", "bench", "--deployment-group", "bench"]

    def ours(self, given, _old):
        return self.local(given)

    def base(self, given, old):
        archive, app = self.disk.mounted / "archive-new", self.destination
        if old:
            put = f"rsync -a --delete {archive}/tree/ {app}/"
        else:
            put = f"mkdir -p {app} && cp -a {archive}/tree/. {app}"
        return ["sh", "-ec", f"mkdir {archive} && bsdtar -xf {self.tgz(given)} -C {archive} && {put} && sync -f {app}"]

    def prepare(self, which, given, old, existing):
        """Everything that is there before the clock starts."""
        self.disk.fresh()
        if existing:
            for number in range(0, given.count, 100):
                (self.destination / f"d{number // 100:04d}").mkdir(parents=True, exist_ok=True)
        if old and which == "ours":
            run(*self.local(old), stdout=subprocess.DEVNULL)
        elif old:
            archive = self.disk.mounted / "archive-old"
            archive.mkdir()
            run("bsdtar", "-xf", self.tgz(old), "-C", archive)
            run("cp", "-a", archive / "tree", self.destination)
        with open(self.tgz(given), "rb") as f:  # warm
            while f.read(1 << 20):
                pass
        run("sync")

    def check(self, which, given):
        found = sum(len(files) for _, _, files in os.walk(self.destination))
        if found != given.count:
            sys.exit(f"bench: {which} left {found} files instead of {given.count} in {self.destination}")

    def timed(self, which, given, old=None, existing=False):
        self.prepare(which, given, old, existing)
        command = [str(word) for word in getattr(self, which)(given, old)]
        begin = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        took = time.perf_counter() - begin
        self.check(which, given)
        return took

    def peak_mib(self, given):
        self.prepare("ours", given, None, False)
        done = run(sys.executable, "-I", "-S", "-c", MEASURE, *self.local(given), stdout=subprocess.PIPE, text=True)
        self.check("ours", given)
        return int(done.stdout) / 1024


# --- the cases ---

SMALL, TEN_K, HUNDRED_K = Input(10), Input(10_000), Input(100_000)


@dataclasses.dataclass
class Case:
    name: str
    goal: float
    given: Input
    old: Input = None
    existing: bool = False
    against: Input = None  # compare with ourselves on this input instead of with the base


CASES = [
    Case("10k-new", 0.60, TEN_K),
    Case("10k-existing", 0.70, TEN_K, existing=True),
    Case("100k-new", 0.65, HUNDRED_K),
    Case("10k-upgrade-all", 0.50, Input(10_000, changed=1), old=TEN_K),
    Case("10k-upgrade-5", 0.55, Input(10_000, changed=0.05), old=TEN_K),
    Case("1gib", 1.0, Input(16, size=GIB // 16)),
    Case("10-files", 3.0, SMALL),
    Case("10k-permissions-100-to-1", 1.1, Input(10_000, permissions=100), against=Input(10_000, permissions=1)),
]


def rows_of(case, side, runs):
    """(seconds of ours, seconds of the base), RUNS of each, interleaved in random order."""
    ours, base = [], []
    for number in range(runs):
        order = ["ours", "base"]
        random.shuffle(order)
        for which in order:
            if which == "ours":
                ours.append(side.timed("ours", case.given, case.old, case.existing))
            elif case.against:
                base.append(side.timed("ours", case.against, case.old, case.existing))
            else:
                base.append(side.timed("base", case.given, case.old, case.existing))
        print(f"  {case.name} {number + 1}/{runs}: ours {ours[-1]:.3f} s, base {base[-1]:.3f} s", file=sys.stderr)
    return ours, base


def line(name, ours, base, ratio, goal, met):
    print(f"{name:<28} {ours:>22} {base:>22} {ratio:>7} {goal:>7}  {'ok' if met else 'MISSED'}", flush=True)
    return met


def spread(values):
    return f"{statistics.median(values):.3f} [{min(values):.3f}-{max(values):.3f}]"


def measure(side, runs, wanted):
    met, per_file = [], {}
    print(f"{'case':<28} {'ours s [min-max]':>22} {'base s [min-max]':>22} {'ratio':>7} {'goal':>7}")
    for case in CASES:
        if not wanted(case.name) and not (wanted("100k-per-file") and case.name in ("10k-new", "100k-new")):
            continue
        ours, base = rows_of(case, side, runs)
        per_file[case.name] = statistics.median(ours) / case.given.count
        ratio = statistics.median(ours) / statistics.median(base)
        met.append(line(case.name, spread(ours), spread(base), f"{ratio:.2f}", f"{case.goal:.2f}", ratio <= case.goal))
    if {"10k-new", "100k-new"} <= per_file.keys():
        a, b = per_file["100k-new"], per_file["10k-new"]
        met.append(line("100k-per-file", f"{a * 1e6:.1f} us", f"{b * 1e6:.1f} us (10k)", f"{a / b:.2f}", "1.30", a / b <= 1.3))
    for given, name in ((TEN_K, "memory-10k"), (HUNDRED_K, "memory-100k")):
        if wanted(name):
            peak = side.peak_mib(given)
            met.append(line(name, f"{peak:.1f} MiB", "", "", "32 MiB", peak <= 32))
    met += bench_restore.measure(side, TEN_K, Input(10_000, changed=1, fails=True), runs, wanted, line)
    met += bench_lua.measure(side.slipway, side.inputs, runs, wanted, line)
    return met + bench_agent.measure(side.disk, side.slipway, runs, wanted, line)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    build = parser.parse_args().build.resolve()
    runs, only = int(os.environ.get("BENCH_RUNS", "5")), os.environ.get("BENCH_ONLY", "")
    if os.geteuid() != 0:
        sys.exit("bench: needs root, for loop devices and mounts: sudo make bench")
    folder = pathlib.Path(os.environ.get("BENCH_DIR", pathlib.Path(__file__).parents[2] / "build/bench")).resolve()
    (folder / "input").mkdir(parents=True, exist_ok=True)
    disk = Disk(folder)
    direct = disk.attach()
    print(f"slipway bench: {os.uname().machine}, {os.cpu_count()} CPUs, Linux {os.uname().release}, loop ext4 "
          f"{'with' if direct else 'WITHOUT'} direct I/O, {runs} runs a side, load {os.getloadavg()[0]:.2f}")
    try:
        met = measure(Side(disk, build / "slipway", folder / "input"), runs, lambda name: re.search(only, name))
    finally:
        disk.detach()
    if not met:
        sys.exit(f"bench: no case matches '{only}'")
    print(f"{sum(met)} of {len(met)} goals met")
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
