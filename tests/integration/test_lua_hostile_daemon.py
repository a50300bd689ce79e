"""The same hostile scripts through the daemon, several groups side by side: it serves all others meanwhile and loses nothing."""
import concurrent.futures
import itertools
import pathlib
import threading

import hostile_scripts
import pytest
from conftest import leftovers, processes_of, wait_until
from daemon_kit import PATIENCE, Daemon, descriptors, memory_kib

SIDE_BY_SIDE = 4
GROWTH_KIB = 2048


@pytest.fixture
def daemon(agent, tmp_path):
    made = Daemon(agent, tmp_path)
    yield made.start()
    made.clean_up()


def zombies(daemon):
    """Children of the daemon that it has not heard of."""
    states = [path.read_text().rpartition(")")[2].split() for path in pathlib.Path("/proc").glob("[0-9]*/stat") if path.exists()]
    return [fields for fields in states if fields[:2] == ["Z", str(daemon.process.pid)]]


def idle(daemon):
    """Nobody is left but the daemon, and it has nothing in hand."""
    return [pid for pid, _ in processes_of(daemon.agent.root)] == [daemon.process.pid] and not zombies(daemon)


def complaint(daemon, script, folder, group):
    """Deploy SCRIPT to a group of its own, then what is good to another. None: all is as it should be."""
    event = {}
    bad = daemon.deploy(script.bundle(folder), group=f"hostile-{group}")["deployment"]
    for event in bad["events"]:
        if event["event"] == "ValidateService":
            break
    said = event.get("message", "")
    if (bad["status"], event.get("error_code")) != ("Failed", script.error_code):
        return script.name, bad["status"], event
    if not any(words in said for words in script.messages):
        return script.name, said
    good = daemon.deploy(folder.parent / "good", group=f"good-{group}")["deployment"]
    return None if good["status"] == "Succeeded" and daemon.ask("status")["done"] else (script.name, good)


def complaints(daemon, scripts, top, numbers):
    groups, mine = itertools.count(), threading.local()

    def one(script):
        if not hasattr(mine, "group"):
            mine.group = next(groups)
        return complaint(daemon, script, top / str(next(numbers)), mine.group)

    with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        return [found for found in pool.map(one, scripts) if found]


def test_each_ends_with_its_code_and_takes_nothing_from_the_daemon(daemon, tmp_path):
    numbers = itertools.count()
    hostile_scripts.bundle(tmp_path / "good", "return true")
    assert complaints(daemon, hostile_scripts.ALL[:2 * SIDE_BY_SIDE], tmp_path, numbers) == []
    wait_until(lambda: idle(daemon), PATIENCE)
    before, memory = descriptors(daemon), memory_kib(daemon)

    assert complaints(daemon, hostile_scripts.ALL, tmp_path, numbers) == []
    wait_until(lambda: idle(daemon), PATIENCE)
    wait_until(lambda: descriptors(daemon) == before, PATIENCE)
    print(f"    memory of the daemon: {memory} KiB before, {memory_kib(daemon)} KiB after")
    assert "asan" in str(daemon.agent.program) or memory_kib(daemon) < memory + GROWTH_KIB
    assert leftovers(daemon.state) == []
    assert daemon.stop() == 0
