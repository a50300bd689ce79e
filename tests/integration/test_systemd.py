"""slipway.systemd against a real dbus-daemon and a stand-in for systemd (service_manager.c), whose units behave as they
are called."""
import os
import re
import socket
import subprocess
import threading

import pytest
from systemd_kit import manager  # noqa: F401 (a fixture)

LOG = r"; its log: journalctl -u "


@pytest.fixture
def lua(agent, manager, tmp_path):
    """lua(text, words of `slipway hook`...) -> its outcome."""
    def run(text, *words, bus=manager.variable):
        path = tmp_path / "x.lua"
        path.write_text(f"local systemd = slipway.systemd {text}")
        return agent("hook", "--env", bus, *words, path)

    return run


def caught(lua, text, **rest):
    """(kind, message) of the error of a call."""
    done = lua(f"\nlocal ok, e = pcall(function() return {text} end)\nassert(not ok, 'no error')\n"
               "print(e.kind or e) print(e.message)", **rest)
    assert done.code == 0, done.err
    kind, message = done.out.splitlines()[-2:]
    return kind, message


@pytest.mark.parametrize("function, method", [
    ("start", "StartUnit"), ("stop", "StopUnit"), ("restart", "RestartUnit"), ("try_restart", "TryRestartUnit"),
    ("reload", "ReloadUnit")])
def test_a_job_is_waited_for(lua, manager, function, method):
    """late.service: until its signal; early.service: whose signal comes before the answer."""
    done = lua(f"""
for _, unit in ipairs{{ "ok", "ok.service", "ok.socket", "app@1", "late", "early", "skipped" }} do
  assert(select("#", systemd.{function}(unit, {{ timeout = 60 }})) == 0)
end
print(systemd.status("late").active, systemd.status("early").active)""")
    assert done.code == 0, done.err
    assert manager.calls == [f"{method} {unit}" for unit in (
        "ok.service", "ok.service", "ok.socket", "app@1.service", "late.service", "early.service", "skipped.service")]
    if function != "reload":
        assert done.out == ("inactive inactive\n" if function == "stop" else "active active\n")


@pytest.mark.parametrize("unit, message", [
    ("failing", "the job ended as failed: ActiveState=failed SubState=failed Result=exit-code ExecMainStatus=3" + LOG),
    ("killed", r"the job ended as failed: ActiveState=failed SubState=failed Result=signal ExecMainStatus=9 \(a signal\)" + LOG),
    ("timeout", "the job ended as timeout: ActiveState=activating SubState=start Result=success" + LOG),
    ("canceled", "the job ended as canceled: ActiveState=activating SubState=start Result=success" + LOG),
    ("dependency", "the job ended as dependency: ActiveState=activating SubState=start Result=success" + LOG),
    ("missing", r"Unit missing.service not found\.()"),
    ("denied", r"this user may not: the text of the refusal \(run the hook as root, or allow it by a polkit rule for "
               r"org.freedesktop.systemd1\)()"),
    ("polite", r"this user may not: the text of the refusal \(.*\)()"),
])
def test_a_job_that_fails_tells_how_the_unit_is(lua, unit, message):
    kind, text = caught(lua, f'systemd.restart("{unit}")')
    tail = "" if message.endswith("()") else rf"{unit}\.service"
    assert kind == "failed"
    assert re.fullmatch(rf"restarting {unit}\.service: {message}{tail}", text), text


def test_a_failure_nobody_catches_is_that_of_the_hook(lua):
    done = lua('\nsystemd.start("failing")')
    assert done.code == 1
    assert done.err.startswith("x.lua:2: starting failing.service: the job ended as failed: ActiveState=failed"), done.err


def test_a_job_has_a_timeout(lua):
    kind, text = caught(lua, 'systemd.start("slow", { timeout = 2 })')
    assert kind == "timeout"
    # on a very busy host there is no time left to look at the unit
    assert re.fullmatch(r"starting slow.service: not done within 2 s, and systemd still tries"
                        rf"(: ActiveState=activating SubState=start Result=success{LOG}slow.service)?", text), text


def test_an_answer_that_never_comes_has_a_timeout(lua):
    kind, text = caught(lua, 'systemd.start("silent", { timeout = 0.3 })')
    assert (kind, text) == ("timeout", "starting silent.service: no answer within 0.3 s")


@pytest.mark.parametrize("unit", ["slow", "silent"])
def test_a_wait_ends_with_the_script(lua, unit):
    done = lua(f'\nwhile true do pcall(systemd.start, "{unit}", {{ timeout = 1000 }}) end', "--timeout", "1")
    assert done.code == 1
    assert "x.lua timed out: it did not end within 1 s\n" in done.err
    assert "x.lua:2: still running when its time was over\n" in done.err


def test_a_manager_that_dies_is_noticed(lua):
    kind, text = caught(lua, 'systemd.start("fatal")')
    assert kind == "unreachable"
    assert text.startswith("starting fatal.service: the connection to systemd is lost: Message recipient disconnected"), text

def test_a_bus_without_systemd_is_told(lua, manager):
    kind, text = caught(lua, 'pcall(systemd.start, "fatal") and 1 or systemd.is_active("ok")')
    assert manager.calls == ["StartUnit fatal.service"]  # now the bus is alone
    assert kind == "unreachable"
    assert text.startswith("looking at ok.service: there is no systemd on the system bus: "), text


@pytest.mark.parametrize("call", ['start("ok")', 'status("ok")', 'is_enabled("ok")', 'daemon_reload()', 'enable("ok")',
                                  'wait_active("ok")'])
def test_no_bus_is_told_at_once(lua, call, tmp_path):
    kind, text = caught(lua, f"systemd.{call}", bus=f"DBUS_SYSTEM_BUS_ADDRESS=unix:path={tmp_path}/none")
    assert kind == "unreachable"
    assert text.endswith(": there is no system bus (No such file or directory): this needs a host, or a container, that "
                         "runs systemd and D-Bus"), text


def test_a_bus_that_does_not_speak_has_a_timeout(lua, manager):
    path = manager.folder / "dumb"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        kind, text = caught(lua, 'systemd.start("ok", { timeout = 0.3 })', bus=f"DBUS_SYSTEM_BUS_ADDRESS=unix:path={path}")
    assert (kind, text) == ("timeout", "starting ok.service: no answer within 0.3 s")


def test_a_bus_that_hangs_up_is_told(lua, manager):
    path = manager.folder / "rude"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def hang_up():
            connection, _ = listener.accept()
            with connection:
                connection.recv(1)
                connection.sendall(b"ERROR\r\n")

        thread = threading.Thread(target=hang_up)
        thread.start()
        kind, text = caught(lua, 'systemd.start("ok")', bus=f"DBUS_SYSTEM_BUS_ADDRESS=unix:path={path}")
        thread.join()
    assert kind == "unreachable"
    assert text.startswith("starting ok.service: the connection to "), text


def test_states_are_texts_of_systemd(lua):
    done = lua("""
print(systemd.is_active("ok"))
systemd.start("ok")
print(systemd.is_active("ok"))
pcall(systemd.start, "failing")
print(systemd.is_active("failing"))
print(systemd.is_active("missing"))
print(systemd.is_enabled("ok"))
print(systemd.is_enabled("static"))
print(systemd.is_enabled("missing"))""")
    assert done.out.splitlines() == ["false inactive", "true active", "false failed", "false inactive", "false disabled",
                                     "true static", "false not-found"], done.err


def test_a_status_is_a_table(lua):
    done = lua("""
systemd.start("ok")
pcall(systemd.start, "failing")
pcall(systemd.start, "killed")
for _, unit in ipairs{ "ok", "failing", "killed", "missing", "ok.socket" } do
  print(slipway.json.encode(systemd.status(unit)))
end""")
    assert done.out.splitlines() == [
        '{"active":"active","load":"loaded","main_pid":4711,"result":"success","since":1700000002.0,"sub":"running",'
        '"unit":"ok.service"}',
        '{"active":"failed","exit_code":3,"load":"loaded","result":"exit-code","since":1700000004.0,"sub":"failed",'
        '"unit":"failing.service"}',
        '{"active":"failed","exit_code":137,"load":"loaded","result":"signal","since":1700000006.0,"sub":"failed",'
        '"unit":"killed.service"}',
        '{"active":"inactive","load":"not-found","sub":"dead","unit":"missing.service"}',
        '{"active":"inactive","load":"loaded","sub":"dead","unit":"ok.socket"}'], done


def test_enabling_reads_the_files_again_when_something_has_changed(lua, manager):
    done = lua("""
print(systemd.enable("ok"), systemd.is_enabled("ok"))
print(systemd.enable("ok"))
print(systemd.disable("ok"), systemd.is_enabled("ok"))
print(systemd.disable("ok", { timeout = 60 }))
systemd.daemon_reload()
systemd.daemon_reload{ timeout = 60 }""")
    assert done.out.splitlines() == ["true true enabled", "false", "true false disabled", "false"], done.err
    assert manager.calls == ["EnableUnitFiles ok.service", "Reload", "EnableUnitFiles ok.service",
                             "DisableUnitFiles ok.service", "Reload", "DisableUnitFiles ok.service", "Reload", "Reload"]


@pytest.mark.parametrize("call, message", [
    ('enable("static")', "enabling static.service: it has no [Install] section: nothing tells when to start it"),
    ('enable("missing")', "enabling missing.service: Unit file missing.service does not exist."),
    ('disable("missing")', "disabling missing.service: Unit file missing.service does not exist."),
    ('reset_failed("missing")', "resetting the failure of missing.service: Unit missing.service not found."),
])
def test_what_cannot_be_is_told(lua, call, message):
    assert caught(lua, f"systemd.{call}") == ("failed", message)


def test_a_failure_can_be_reset(lua, manager):
    done = lua('\npcall(systemd.start, "failing") systemd.reset_failed("failing") print(systemd.status("failing").active)')
    assert done.out == "inactive\n", done.err
    assert manager.calls == ["StartUnit failing.service", "ResetFailedUnit failing.service"]


def test_waiting_until_a_unit_stays_active(lua):
    done = lua("""
systemd.start("ok")
systemd.wait_active("ok")
systemd.wait_active("settling", { interval = 0.01, settle = 0.1 })""")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0] == ("waiting for settling.service to stay active for 0.1 s (ActiveState=activating SubState=start "
                        "Result=success, attempt 1, 60 s left)")
    assert re.fullmatch(r"settling.service to stay active for 0.1 s: yes, after \d+ attempts, \d+\.\d s", lines[-1]), lines


@pytest.mark.parametrize("unit, options, kind, message", [
    ("slow", "timeout = 0.2, interval = 0.01", "timeout",
     r"waited 0.2 s for slow.service to be active: ActiveState=inactive SubState=dead Result=success \(\d+ attempts\)" + LOG),
    ("flapping", "timeout = 2, settle = 1.5, interval = 0.01", "timeout",
     r"waited 2 s for flapping.service to stay active for 1.5 s: (ActiveState=activating SubState=auto-restart Result=success, "
     r"active \d+ times before|active, \d+ times anew) \(\d+ attempts\)" + LOG),
    ("unsteady", "timeout = 2, settle = 1.5, interval = 0.01", "timeout",
     r"waited 2 s for unsteady.service to stay active for 1.5 s: active, \d+ times anew \(\d+ attempts\)" + LOG),
    ("dying", "timeout = 60, settle = 50, interval = 0.01", "failed",
     "dying.service is not active: ActiveState=failed SubState=failed Result=exit-code" + LOG),
    ("missing", "", "failed", "missing.service is not active: LoadState=not-found ActiveState=inactive SubState=dead" + LOG),
])
def test_waiting_in_vain(lua, unit, options, kind, message):
    got, text = caught(lua, f'systemd.wait_active("{unit}", {{ {options} }})')
    assert got == kind
    assert re.fullmatch(rf"{message}{unit}\.service", text), text


def test_another_user_may_ask(agent, manager, as_root):
    """Whether he is obeyed is for polkit to say."""
    script = manager.folder / "x.lua"
    script.write_text('slipway.systemd.start("ok") print(slipway.systemd.is_active("ok"))')
    name, value = manager.variable.split("=", 1)
    env = {**agent.env, name: value, "LIFECYCLE_EVENT": "x", "DEPLOYMENT_ID": "d-1"}
    done = subprocess.run([agent.program, "hook", script], env=env, user=65534, group=65534, extra_groups=[], cwd="/",
                          capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "true active\n"), done.stderr
    assert manager.calls == ["StartUnit ok.service"]


def test_a_hook_of_a_deployment_restarts_its_service(agent, manager, target, tmp_path):
    """And when it cannot, the report tells how the unit is."""
    name, value = manager.variable.split("=", 1)
    top = tmp_path / "bundle"
    top.mkdir()
    (top / "app").write_text("v1")
    (top / "start.lua").write_text('slipway.systemd.restart("ok")\nslipway.systemd.wait_active("ok", { settle = 0.1 })\n'
                                   'slipway.systemd.restart("failing")\n')
    (top / "appspec.yml").write_text(
        f"version: 0.0\nos: linux\nfiles:\n- source: app\n  destination: {target.path}\n"
        f"hooks:\n  ApplicationStart:\n  - location: start.lua\nslipway:\n  env: {{{name}: '{value}'}}\n")
    done = agent.local(top, "--json")
    assert done.code == 1, done
    assert done.json["error"]["message"].startswith(
        "start.lua:3: restarting failing.service: the job ended as failed: ActiveState=failed"), done
    assert manager.calls == ["RestartUnit ok.service", "RestartUnit failing.service"]
