"""What somebody who is new gets wrong, and that he is told the cure as well as the cause."""
import re

import pytest
from daemon_kit import Daemon


@pytest.fixture
def daemon(agent, tmp_path):
    made = Daemon(agent, tmp_path)
    yield made
    made.clean_up()


def next_line(done):
    return [line for line in done.err.splitlines() if line.startswith("  next: ")][-1]


def test_a_stop_script_of_the_last_revision_that_fails_can_be_left_out(agent, bundle, target):
    assert agent.local(bundle(files={"a": "1"}, hooks={"ApplicationStop": "exit 1"})).code == 0
    made = bundle(files={"a": "2"}, hooks={"ApplicationStop": "exit 0"})
    done = agent.local(made)
    assert done.code == 6 and "ApplicationStop failed" in done.err
    assert "the script is the earlier revision's: correct it there" in next_line(done)
    events = next_line(done).partition("--events ")[2].split()[0]
    assert agent.local(made, "--events", events).code == 0
    assert target.read("a") == "2"
    assert agent.local(bundle(files={"a": "3"}, hooks={"ApplicationStart": "exit 1"})).err.count("earlier revision's") == 0


def test_a_hook_of_the_host_is_not_taken_for_one_of_the_revision(agent, bundle):
    assert agent.local(bundle(files={"a": "1"})).code == 0
    hook = agent.root / "etc/slipway/hooks.d/ApplicationStop/10-no"
    hook.parent.mkdir(parents=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    for path in (hook, hook.parent, hook.parent.parent):
        path.chmod(0o755)
    done = agent.local(bundle(files={"a": "2"}))
    assert done.code == 6 and str(hook) in done.err and "earlier revision's" not in done.err


def test_a_hook_of_the_host_that_others_may_write_is_told_once(agent, bundle):
    hook = agent.root / "etc/slipway/hooks.d/ApplicationStop/10-no"
    hook.parent.mkdir(parents=True)
    hook.write_text("#!/bin/sh\n")
    hook.chmod(0o777)
    done = agent.local(bundle(files={"a": "1"}))
    assert done.code == 1 and done.err.count("so others may write to it") == 1, done.err


def test_the_advice_of_a_script_reaches_who_deploys(agent, daemon, bundle):
    daemon.start()
    made = bundle(files={"a": "1"}, extra="slipway:\n  hooks:\n    ValidateService:\n      - location: check.lua\n")
    (made / "check.lua").write_text('slipway.fail("no answer", "start the database")')
    done = agent("deploy", made)
    assert done.code == 1
    assert next_line(done).startswith("  next: start the database | slipway logs d-"), done.err
    (made / "check.lua").write_text('slipway.http.gett("http://127.0.0.1:1/")')
    done = agent("deploy", made)
    assert next_line(done).startswith("  next: did you mean slipway.http.get? | slipway logs d-"), done.err


def test_the_log_of_the_daemon_tells_why_a_deployment_was_refused(agent, daemon, bundle, target):
    daemon.start()
    target.write("a", "by hand")
    assert agent("deploy", bundle(files={"a": "1"})).code == 1
    ended = [line for line in daemon.log.splitlines() if "event='ended'" in line]
    assert len(ended) == 1 and "already exists at this location" in ended[0]


def test_options_of_hook_may_come_behind_the_file(agent, tmp_path):
    script = tmp_path / "a.lua"
    script.write_text("print(slipway.event, slipway.env.PORT)")
    done = agent("hook", script, "--event", "AfterInstall", "--env", "PORT=80")
    assert done.code == 0 and done.out.startswith("AfterInstall 80\n"), done
    (tmp_path / "a_test.lua").write_text('slipway.test.case("one", function() end)')
    junit = tmp_path / "junit.xml"
    assert agent("hook", "--test", tmp_path, "--junit", junit).code == 0
    assert junit.exists()


def test_a_line_of_shell_is_no_program(agent, tmp_path):
    script = tmp_path / "a.lua"
    script.write_text('slipway.run{ "systemctl restart shop" }')
    assert "each word is a text of its own" in agent("hook", script).err


def test_a_name_of_a_module_begins_at_the_top_of_the_bundle(agent, bundle):
    made = bundle(files={"a": "1"}, extra="slipway:\n  hooks:\n    ValidateService:\n      - location: scripts/check.lua\n")
    (made / "scripts/lib").mkdir(parents=True, exist_ok=True)
    (made / "scripts/lib/shared.lua").write_text("return 1")
    (made / "scripts/check.lua").write_text('require "lib.shared"')
    assert "a name begins at the top of the bundle" in agent.local(made).err
    (made / "scripts/check.lua").write_text('require "scripts.lib.shared"')
    assert agent.local(made).code == 0


def test_what_init_shows_in_its_comments_is_taken(agent, tmp_path):
    assert agent("init", tmp_path).code == 0
    path = tmp_path / "appspec.yml"
    path.write_text(re.sub(r"^# (?=[a-z_]+:| +- |  +[A-Za-z_]+:)", "", path.read_text(), flags=re.M))
    found = agent("lint", "--json", path).json  # the appspec alone: its scripts are nowhere
    assert found["ok"], found
    assert found["appspec"]["slipway"]["hooks"]["ValidateService"][0]["use"] == "http-check"
