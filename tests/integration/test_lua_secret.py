"""slipway.secret: what a hook declared a secret is nowhere: not on the screen, not in a log, not in a result."""
import os
import pathlib
import re

import pytest

# In no file of the bundle does it stand in one piece.
SECRET = "hunter22-and-more"
DECLARE = 'local s = slipway.secret("hunter22" .. "-and-more")\n'


@pytest.fixture
def hooked(tmp_path, target):
    """hooked(AfterInstall="text", ...) -> a bundle with these hooks, in Lua or, when they begin with #!, not."""
    count = 0

    def make(content="1", **hooks):
        nonlocal count
        count += 1
        top = tmp_path / f"secret-{count}"
        (top / "content").mkdir(parents=True)
        (top / "content/a").write_text(content)
        text = f"version: 0.0\nos: linux\nfiles:\n  - source: content\n    destination: {target.path}\nhooks:\n"
        for event, body in hooks.items():
            name = event + (".sh" if body.startswith("#!") else ".lua")
            (top / name).write_text(body)
            (top / name).chmod(0o755)
            text += f"  {event}:\n    - location: {name}\n      timeout: 60\n"
        (top / "appspec.yml").write_text(text)
        return top

    return make


def seen(agent, done):
    """All that anybody could see of the deployments; no archive holds the secret in one piece."""
    files = [path for path in agent.root.rglob("*") if path.is_file()]
    assert any(path.name == "scripts.log" for path in files)
    return done.out + done.err + "".join(path.read_bytes().decode(errors="replace") for path in files)


def log_of(agent):
    logs = sorted(agent.deployment_root.glob("*/d-*/logs/scripts.log"), key=lambda p: p.stat().st_mtime_ns)
    return re.sub(r"(?m)^\S+ \S+ ", "", logs[-1].read_text())


def test_a_secret_is_hidden_wherever_it_comes_up(agent, hooked):
    done = agent.local(hooked(AfterInstall=DECLARE + """
print("stdout:", s, s .. s, "x" .. s .. "y")
slipway.run{ shell = "echo stderr: " .. s .. " >&2", check = true }
local code, out, err = slipway.run{ "printf", "out %s\\nnext %s", s, s }
print(out)
slipway.doing("login with " .. s)
slipway.sleep(0.3)
local ok, e = pcall(slipway.http.get, "http://127.0.0.1:1/?token=" .. s)
print(e)
slipway.fail("no login with " .. s, "look at " .. s)
"""), "--json")
    assert done.code == 1
    assert SECRET not in seen(agent, done)
    assert done.json["error"]["message"] == "AfterInstall.lua:11: no login with ***"
    assert done.json["error"]["action"] == "look at ***"
    log = log_of(agent)
    assert "[stdout]stdout: *** *** x***y\n" in log
    assert "[stdout]out ***\n[stdout]next ***\n" in log
    assert "GET http://127.0.0.1:1/?token=***: Failed to connect" in log
    assert "[stderr]AfterInstall.lua:11: no login with ***\n" in log
    event = next(e for e in done.json["events"] if e["event"] == "AfterInstall")
    assert "*** *** x***y" in event["log_tail"]


def test_what_a_script_does_is_shown_without_it(agent, hooked):
    done = agent.local(hooked(AfterInstall=DECLARE + 'slipway.doing("login with " .. s)\nslipway.sleep(1)\n'))
    assert done.code == 0
    assert "AfterInstall.lua:2  login with ***" in done.err
    assert SECRET not in seen(agent, done)


def test_a_secret_stays_one_for_later_hooks(agent, hooked):
    """Of any kind; the message of one that fails, too."""
    later = "#!/bin/sh\nprintf 'hunter%s\\n' 22-and-more\nprintf 'hunter' >&2\nsleep 0.1\nprintf '22-and-more' >&2\n"
    done = agent.local(hooked(BeforeInstall=DECLARE, AfterInstall=later, ApplicationStart='print("hunter22" .. "-and-more")',
                              ValidateService='slipway.doing("hunter22" .. "-and-more") slipway.sleep(0.5)\n'
                                              'slipway.fail("hunter22" .. "-and-more", "take hunter22" .. "-and-more")'), "--json")
    assert done.code == 1
    assert SECRET not in seen(agent, done)
    assert done.json["error"]["message"] == "ValidateService.lua:2: ***"
    assert done.json["error"]["action"] == "take ***"
    assert "[stdout]***\n[stderr]***" in log_of(agent)


def test_a_secret_stays_one_when_the_previous_revision_comes_back(agent, hooked, target):
    good = hooked(ValidateService='if slipway.restore then print("hunter22" .. "-and-more") end')
    assert agent.local(good).code == 0
    bad = hooked("2", BeforeInstall=DECLARE, AfterInstall='slipway.fail("no")')
    done = agent.local(bad, "--json", "--on-failure", "restore")
    assert done.json["restore"]["validated"] and target.read("a") == "1"
    assert SECRET not in seen(agent, done)
    assert "[stdout]***\n" in log_of(agent)


def test_a_point_of_no_return_is_told_without_it(agent, hooked):
    assert agent.local(hooked()).code == 0
    write = '#!/bin/sh\nprintf \'moved by hunter%s\\n\' 22-and-more >"$SLIPWAY_NO_RESTORE"\nexit 1\n'
    for last in (DECLARE + 'slipway.no_restore("moved by " .. s) slipway.fail("no")', write):
        done = agent.local(hooked("2", AfterInstall=DECLARE, ValidateService=last), "--json", "--on-failure", "restore")
        assert "moved by ***" in done.json["restore"]["message"]
        assert SECRET not in done.out + done.err


def test_a_point_of_no_return_is_told_without_half_a_secret_or_a_changed_one(agent, hooked):
    """Of the reason 1023 bytes are read; and what makes it fit to be shown would make another text of this secret."""
    assert agent.local(hooked()).code == 0
    for secret, text, told in (("hunter22-and-more", "x" * 1018 + "hunter%s", "x" * 1018),
                               ("hunter\\27\\1and-more", "moved by hunter\\033\\001and-more", "moved by ***")):
        declare = f'slipway.secret(("{secret}"):gsub("%%%%", "%%%%"))\n'
        write = f"#!/bin/sh\nprintf '{text}' 22-and-more >\"$SLIPWAY_NO_RESTORE\"\nexit 1\n"
        done = agent.local(hooked("2", AfterInstall=declare, ValidateService=write), "--json", "--on-failure", "restore")
        assert done.json["restore"]["message"].endswith(told), done.json["restore"]


def test_many_secrets_and_much_output(agent, hooked):
    """More than the pipe takes at once, each printed as soon as it is declared."""
    done = agent.local(hooked(AfterInstall="""
for i = 1, 300 do
  local s = slipway.secret(("%03d"):format(i) .. ("secret" .. "text"):rep(200))
  print(s, ("x"):rep(1000))
end
"""))
    assert done.code == 0, done.err
    log = log_of(agent)
    assert "secrettext" not in log
    assert log.count("[stdout]*** xxx") == 300


def test_lines_of_a_secret_are_hidden_each(agent, hooked):
    done = agent.local(hooked(AfterInstall="""
local key = slipway.secret("-----BEGIN " .. "KEY-----\\nAbCd" .. "EfGh\\nIjKl" .. "MnOp\\n-----END " .. "KEY-----\\n")
print(key)
slipway.run{ shell = "cat >&2", input = key }
print((slipway.json.encode{ key = key }))
"""))
    assert done.code == 0, done.err
    log = log_of(agent)
    assert "[stdout]***\n[stdout]***\n[stdout]***\n[stdout]***\n" in log
    assert '{"key":"***\\n***\\n***\\n***\\n"}' in log
    assert "EfGh" not in log and "MnOp" not in log


def test_more_secrets_than_can_be_are_told_about(agent, hooked):
    many = 'for i = 1, 400 do slipway.secret(slipway.event .. " secret " .. i) end'
    done = agent.local(hooked(BeforeInstall=many, AfterInstall=many))
    assert done.code == 0
    assert log_of(agent).count("more than 500 secrets in this deployment: what comes now is not hidden\n") == 1


def test_a_trial_hides_it_too(agent, tmp_path):
    script = tmp_path / "x.lua"
    script.write_text(DECLARE + 'print(s, "and", s)\nslipway.http.get("http://127.0.0.1:1/" .. s)\n')
    for env in ({}, {"LIFECYCLE_EVENT": "x", "DEPLOYMENT_ID": "d-1"}):  # by hand; under another agent
        done = agent("hook", script, env=env)
        assert done.out == "*** and ***\n"
        assert "x.lua:3: GET http://127.0.0.1:1/***: " in done.err
        assert SECRET not in done.err


def test_what_another_user_declares_is_hidden(agent, hooked, as_root, tmp_path):
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        if folder.stat().st_uid == os.geteuid() and folder != pathlib.Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    top = hooked(AfterInstall=DECLARE + "print(s)")
    appspec = top / "appspec.yml"
    appspec.write_text(appspec.read_text().replace("      timeout: 60\n", "      timeout: 60\n      runas: nobody\n"))
    done = agent.local(top)
    assert done.code == 0, done.err
    assert "[stdout]***\n" in log_of(agent)
    assert SECRET not in seen(agent, done)
