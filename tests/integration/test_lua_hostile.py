"""Lua scripts that mean harm, through the real agent: each ends in time, with the right code, and harms nobody else.

A script ends within its timeout and 100 ms. On a machine that does other things as well everybody is late, so what is
asserted is only that no script went on until the agent had to kill it, which comes GRACE_MS after the timeout; the true
figures are printed (pytest -s).
"""
import hostile_scripts
import pytest
from conftest import processes_of, wait_until
from hostile_scripts import ENDLESS_IN_C_SCRIPTS, ENDLESS_SCRIPTS, LIMITED_SCRIPTS, PATIENCE_S, TIMEOUT_S, Script

GRACE_MS = 5000  # hook.h: between TERM and KILL
LATE_MS = 3000   # for a busy machine; far from GRACE_MS


def each(scripts):
    return pytest.mark.parametrize("script", scripts, ids=lambda script: script.name)


@pytest.fixture
def event_of(agent, tmp_path):
    """event_of(script) -> ValidateService of a deployment with it; then one that is good must succeed."""
    def run(script):
        done = agent.local(script.bundle(tmp_path / "hostile"), "--json")
        assert done.code == 1, (done.out, done.err)
        wait_until(lambda: processes_of(agent.root) == [], PATIENCE_S)
        assert agent.local(hostile_scripts.bundle(tmp_path / "good", "return true")).code == 0
        return next(e for e in done.json["events"] if e["event"] == "ValidateService")

    return run


def ended_in_time(event, script):
    print(f"    ended {event['duration_ms'] - TIMEOUT_S * 1000} ms after its time")
    assert event["error_code"] == script.error_code == "ScriptTimedOut", event
    assert f"failed to complete in {TIMEOUT_S} seconds" in event["message"]
    assert any(said in event["message"] for said in script.messages), event["message"]
    assert TIMEOUT_S * 1000 <= event["duration_ms"] < TIMEOUT_S * 1000 + LATE_MS < TIMEOUT_S * 1000 + GRACE_MS


@each(ENDLESS_SCRIPTS)
def test_nothing_goes_on_for_ever(event_of, script):
    ended_in_time(event_of(script), script)


@each(ENDLESS_IN_C_SCRIPTS)
def test_not_even_inside_a_function_in_c(event_of, script):
    ended_in_time(event_of(script), script)


@each(LIMITED_SCRIPTS)
def test_what_takes_too_much_fails(event_of, script):
    event = event_of(script)
    assert (event["error_code"], event["exit_code"]) == (script.error_code, 1), event
    assert any(said in event["message"] for said in script.messages), event["message"]


def test_secrets_that_are_everywhere_do_not_keep_the_worker(event_of):
    """How long it looks for four hundred of them, each as long as may be, is not of the script's time; it comes to an end."""
    text = ("for i = 0, 400 do slipway.secret(('a'):rep(16384 - i)) end slipway.run{ shell = [[set -- $(cat /proc/$PPID/stat); "
            "head -c 300000 /dev/zero | tr '\\0' a >/proc/$4/fd/1; sleep 1000]] }")
    event = event_of(Script("secrets", text, TIMEOUT_S, "ScriptTimedOut", ()))
    assert event["error_code"] == "ScriptTimedOut", event


def test_a_script_that_has_itself_killed_has_failed(event_of):
    text = "slipway.run{ shell = 'set -- $(cat /proc/$PPID/stat); kill -9 $4; sleep 1000' }"
    event = event_of(Script("killed", text, PATIENCE_S, "ScriptFailed", ()))
    assert event["error_code"] == "ScriptFailed", event


def test_a_program_has_two_seconds_after_its_own_timeout(event_of, tmp_path):
    done = tmp_path / "done"
    text = f"slipway.run{{ shell = [[trap 'sleep 0.5; touch {done}; exit' TERM; while :; do sleep 0.05; done]], timeout = 0.2 }}"
    event = event_of(Script("tidy", text, PATIENCE_S, "ScriptFailed", ()))
    assert "did not end within 0.2 s" in event["message"]
    assert done.exists()


def test_a_program_is_told_to_end_with_its_script(event_of, tmp_path):
    """How long it has for that is too short for a promise; `make bench` measures it."""
    text = f"slipway.run{{ shell = [[trap 'echo >{tmp_path}/told; exit' TERM; while :; do sleep 0.01; done]] }}"
    script = Script("told", text, TIMEOUT_S, "ScriptTimedOut", ("failed to complete",))
    ended_in_time(event_of(script), script)
