"""A few of the rounds of tests/soak/kill_rounds.py: kill -9 at random moments of real upgrades."""
import subprocess
import sys

import pytest
from conftest import BUILD, CHECKOUT, Agent

PROGRAM = CHECKOUT / "tests/soak/kill_rounds.py"


def rounds(*words):
    done = subprocess.run([sys.executable, "-B", PROGRAM, BUILD, *words], capture_output=True, text=True, timeout=900,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith(" rounds: ok\n")


def test_kill_9_of_a_local_deployment_leaves_one_whole_revision():
    rounds("--local", "--rounds", "4", "--parallel", "2")


def test_kill_9_of_any_process_of_the_agent_leaves_one_whole_revision_and_one_result(tmp_path):
    if Agent(tmp_path)("daemon", "--help").code != 0:
        pytest.skip("this slipway has no daemon")
    rounds("--rounds", "5", "--parallel", "2")
