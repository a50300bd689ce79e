"""What the daemon costs: from a request to the first hook, a small deployment through it, and doing nothing.

Measured on a fresh loop-mounted ext4 through the socket, as a client would: agent/control/socket_protocol.h. The figures are
absolute (milliseconds, MiB), so they say something about this machine, too; the goals are for two cores and a disk.
"""
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "soak"))
from live_daemon import daemon  # noqa: E402 (the path comes first)

IDLE_S = 10
BASH_HOOK = "#!/bin/bash\necho $EPOCHREALTIME >>{stamp}\n"


def bundle(folder, name, destination, stamp=None):
    """A tgz of ten files; with STAMP its ApplicationStop notes there when it was started."""
    top = folder / name
    shutil.rmtree(top, ignore_errors=True)
    (top / "tree").mkdir(parents=True)
    for number in range(10):
        (top / "tree" / f"f{number}").write_bytes(os.urandom(4096))
    spec = f"version: 0.0\nos: linux\nfiles:\n  - source: tree\n    destination: {destination}\n"
    if stamp:
        spec += "hooks:\n  ApplicationStop:\n    - location: stamp.sh\n      timeout: 30\n"
        (top / "stamp.sh").write_text(BASH_HOOK.format(stamp=stamp), encoding="utf-8")
        (top / "stamp.sh").chmod(0o755)
    (top / "appspec.yml").write_text(spec, encoding="utf-8")
    made = folder / f"{name}.tgz"
    subprocess.run(["bsdtar", "-czf", made, "-C", top, "."], check=True)
    return made


def request_to_hook(agent, folder, runs):
    """Milliseconds from sending the request to the first line of the first hook, which is bash itself."""
    stamp = folder / "stamps"
    made = bundle(folder, "stamped", folder / "app-stamped", stamp)
    agent.deploy(made, "stamped")  # from the second on there is a revision whose ApplicationStop runs
    times = []
    for _ in range(runs):
        stamp.write_text("", encoding="utf-8")
        _, sent = agent.deploy(made, "stamped")
        times.append((float(stamp.read_text(encoding="utf-8").split()[0].replace(",", ".")) - sent) * 1000)
    return times


def small_deployments(agent, folder, runs):
    made = bundle(folder, "small", folder / "app-small")
    agent.deploy(made, "small")
    return [agent.deploy(made, "small")[0] * 1000 for _ in range(runs)]


def idle(agent):
    """(MiB resident, times it was woken up in IDLE_S seconds)"""
    agent.ask(request="status")  # so that our own connection is taken
    before = int(agent.status()["voluntary_ctxt_switches"][0])
    time.sleep(IDLE_S)
    after = agent.status()
    return int(after["VmRSS"][0]) / 1024, int(after["voluntary_ctxt_switches"][0]) - before


def spread(values):
    return f"{statistics.median(values):.1f} [{min(values):.1f}-{max(values):.1f}]"


def measure(disk, slipway, runs, wanted, line):
    """Rows for bench.py: LINE prints one and says whether its goal was met."""
    names = ("request-to-hook", "10-files-daemon", "idle-memory", "idle-wake-ups")
    if not any(wanted(name) for name in names):
        return []
    met, runs = [], max(runs * 4, 10)
    mounted = disk.fresh()
    with daemon(slipway, mounted / "root") as agent:
        memory, woken = idle(agent) if wanted("idle-memory") or wanted("idle-wake-ups") else (0, 0)
        if wanted("idle-memory"):
            met.append(line("idle-memory", f"{memory:.1f} MiB", "", "", "8 MiB", memory <= 8))
        if wanted("idle-wake-ups"):
            met.append(line("idle-wake-ups", f"{woken} in {IDLE_S} s", "", "", "0", woken == 0))
        if wanted("request-to-hook"):
            times = request_to_hook(agent, mounted, runs)
            met.append(line("request-to-hook", f"{spread(times)} ms", "", "", "20 ms", statistics.median(times) <= 20))
        if wanted("10-files-daemon"):
            times = small_deployments(agent, mounted, runs)
            met.append(line("10-files-daemon", f"{spread(times)} ms", "", "", "60 ms", statistics.median(times) <= 60))
    return met
