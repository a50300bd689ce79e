"""How long bringing the previous revision back takes, against the Install that is taken back.

Both times are the agent's own: Install from its event, the restore from the end of the failed event to the end of the
deployment, with the comparison of every file and two events without scripts. So neither start nor result is in them.
"""
import datetime
import json
import statistics
import subprocess


def ms(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000


def times(side, old, bad):
    """(restore, install) in seconds, of one deployment that changes every file and then fails."""
    side.disk.fresh()
    subprocess.run([str(word) for word in side.local(old)], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    subprocess.run(["sync"], check=True)
    done = subprocess.run([str(word) for word in [*side.local(bad), "--json"]], check=False, capture_output=True)
    document = json.loads(done.stdout)
    assert done.returncode == 6, document["now"]
    events = {e["event"]: e for e in document["events"]}
    failed = events["ValidateService"]
    restore = ms(document["finished_at"]) - ms(failed["started_at"]) - failed["duration_ms"]
    return restore / 1000, events["Install"]["duration_ms"] / 1000


def measure(side, old, bad, runs, wanted, line):
    """Rows for bench.py: LINE prints one and says whether its goal was met."""
    if not wanted("10k-restore"):
        return []
    restores, installs = zip(*(times(side, old, bad) for _ in range(runs)))
    ratio = statistics.median(restores) / statistics.median(installs)
    shown = [f"{statistics.median(v):.3f} [{min(v):.3f}-{max(v):.3f}]" for v in (restores, installs)]
    return [line("10k-restore", *shown, f"{ratio:.2f}", "0.15", ratio <= 0.15)]
