"""What hooks in Lua cost: one by way of the zygote against one in sh, one HTTP check against sh and curl, a state by itself.

Each figure of a hook is that of one among HOOK_COUNT of the same event, from the agent's own clock. So is what `hostile` says
of each script that would not end (tests/integration/hostile_scripts.py): how long after its timeout it had.
"""
import contextlib
import http.server
import json
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "integration"))
import hostile_scripts  # noqa: E402 (the path comes first)

HOOK_COUNT = 200
GOALS = {"lua-hook": 1.5, "lua-http": 0.5}
STATE_GOAL_MS = 2
HOSTILE_GOAL_MS = 100


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):  # noqa: N802 (the library's name)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as s:
        threading.Thread(target=s.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{s.server_address[1]}/"
        s.shutdown()


def event_ms(slipway, top, name, code):
    """Milliseconds of the event NAME of a deployment of TOP/bundle, which ends with CODE; then TOP is gone."""
    done = subprocess.run([slipway, "--root", top / "root", "local", top / "bundle", "--json"], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    shutil.rmtree(top)
    if done.returncode != code:
        sys.exit(f"bench: a deployment ended with {done.returncode}: {done.stdout.decode()}")
    return next(e for e in json.loads(done.stdout)["events"] if e["event"] == name)["duration_ms"]


def hook_ms(slipway, folder, text):
    """Milliseconds for each of HOOK_COUNT hooks of one event."""
    name = "h.sh" if text.startswith("#!") else "h.lua"
    top = folder / "hooks"
    shutil.rmtree(top, ignore_errors=True)
    (top / "bundle").mkdir(parents=True)
    (top / "bundle" / name).write_text(text)
    (top / "bundle" / name).chmod(0o755)
    lines = ["version: 0.0", "os: linux", "hooks:", "  AfterInstall:", *[f"    - location: {name}"] * HOOK_COUNT]
    (top / "bundle/appspec.yml").write_text("\n".join(lines) + "\n")
    return event_ms(slipway, top, "AfterInstall", 0) / HOOK_COUNT


def spread(values):
    return f"{statistics.median(values):.3f} [{min(values):.3f}-{max(values):.3f}] ms"


def against(name, slipway, folder, lua, sh, runs, line):
    """One row: a hook in Lua against the same in sh, in random order."""
    ours, base = [], []
    for _ in range(runs):
        sides = [(lua, ours), (sh, base)]
        random.shuffle(sides)
        for text, times in sides:
            times.append(hook_ms(slipway, folder, text))
    ratio = statistics.median(ours) / statistics.median(base)
    return line(name, spread(ours), spread(base), f"{ratio:.2f}", f"{GOALS[name]:.2f}", ratio <= GOALS[name])


def late_ms(slipway, folder, script):
    """Milliseconds from the timeout of SCRIPT to its end."""
    top = folder / "hostile"
    shutil.rmtree(top, ignore_errors=True)
    script.bundle(top / "bundle")
    return event_ms(slipway, top, "ValidateService", 1) - script.timeout_s * 1000


def hostile(slipway, folder, runs, line):
    """A line for each script, then the row of all of them: the goal is for the latest."""
    everything = []
    print(f"{'hostile: ms past its limit':<64} {'median':>7} {'worst':>7}")
    for script in hostile_scripts.ENDLESS_SCRIPTS + hostile_scripts.ENDLESS_IN_C_SCRIPTS:
        late = [late_ms(slipway, folder, script) for _ in range(runs)]
        print(f"  {script.name:<62} {statistics.median(late):>7.0f} {max(late):>7.0f}", flush=True)
        everything += late
    return line("hostile", f"{statistics.median(everything):.0f}, worst {max(everything):.0f} ms", "", "",
                f"{HOSTILE_GOAL_MS} ms", max(everything) <= HOSTILE_GOAL_MS)


def measure(slipway, folder, runs, wanted, line):
    """Rows for bench.py: LINE prints one and says whether its goal was met."""
    met = []
    if wanted("lua-hook"):
        met.append(against("lua-hook", slipway, folder, "return true\n", "#!/bin/sh\n:\n", runs, line))
    if wanted("lua-http"):
        with server() as url:
            lua = f'assert(slipway.http.get("{url}").status == 200)\n'
            sh = f"#!/bin/sh\ncurl -fsS -o /dev/null {url}\n"
            met.append(against("lua-http", slipway, folder, lua, sh, runs, line))
    if wanted("lua-state"):
        done = subprocess.run([slipway.parent / "bench/state"], check=True, stdout=subprocess.PIPE, text=True)
        ms = float(done.stdout)
        met.append(line("lua-state", f"{ms:.3f} ms", "", "", f"{STATE_GOAL_MS} ms", ms <= STATE_GOAL_MS))
    if wanted("hostile"):
        met.append(hostile(slipway, folder, runs, line))
    return met
