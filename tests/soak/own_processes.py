"""The processes of one agent, found by a mark in their environment and told apart by what they are."""
import os
import pathlib
import signal

MARK = "SOAK_ROUND"  # nothing of SLIPWAY_*: hooks would not get it


def environment(folder):
    """That of every process that is started for FOLDER."""
    return {**os.environ, MARK: str(folder)}


class Process:
    def __init__(self, pid):
        here = pathlib.Path(f"/proc/{pid}")
        self.pid = pid
        self.environ = (here / "environ").read_bytes()
        self.program = os.path.basename(os.readlink(here / "exe"))
        self.command = (here / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        self.parent = int((here / "stat").read_bytes().rpartition(b")")[2].split()[1])

    def __str__(self):
        return f"{self.pid} {self.command}"


def marked(folder):
    """{pid: Process} of all that were started for FOLDER; what has ended does not count."""
    mark = f"{MARK}={folder}".encode()
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            process = Process(int(name))
        except (OSError, ValueError):  # gone meanwhile, a zombie, or none of ours
            continue
        if mark in process.environ.split(b"\0"):
            found[process.pid] = process
    return found


def by_role(folder):
    """{"agent": [pid, ..], "worker": .., "zygote": .., "hook": ..}: the agent is the daemon, or the command itself."""
    every = marked(folder)
    roles = {"agent": [], "worker": [], "zygote": [], "hook": []}

    def role(process):
        parent = every.get(process.parent)
        if process.program == "slipway":
            return "agent"
        if process.program != "worker":
            return "hook"
        if not parent or parent.program != "worker":
            return "worker"
        return "zygote" if role(parent) == "worker" else "hook"

    for process in every.values():
        roles[role(process)].append(process.pid)
    return roles


def kill(pids):
    """How many of them were still there."""
    killed = 0
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
            killed += 1
        except ProcessLookupError:
            pass
    return killed


def locks(folder):
    """Locks that somebody still holds on a file below FOLDER."""
    inodes = {str(path.lstat().st_ino) for path in pathlib.Path(folder).rglob("*")}
    held = []
    for line in pathlib.Path("/proc/locks").read_text(encoding="ascii").splitlines():
        fields = line.split()
        if len(fields) > 5 and fields[5].rpartition(":")[2] in inodes:
            held.append(line)
    return held


def temporary(folder):
    """Names that nothing leaves behind when it has ended."""
    return [str(path) for path in pathlib.Path(folder).rglob("*")
            if path.name.startswith(".slipway") or path.name.endswith((".new", ".staged", ".moved"))
            or path.name == "deployment-archive-temp"]
