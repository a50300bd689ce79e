"""What a Lua hook does now, on the screen of whoever deploys or watches: through `slipway local` and the daemon."""
import os
import pty
import re
import subprocess

import pytest
from daemon_kit import PATIENCE, Daemon


def until(path):
    """Lua that goes on when there is a file PATH."""
    return f'while slipway.run{{ "test", "-e", "{path}" }} ~= 0 do slipway.sleep(0.05) end\n'


def paused(path):
    return 'slipway.doing("until the file is there")\n' + until(path)


@pytest.fixture
def hooked(bundle):
    """hooked(text) -> a bundle whose ValidateService is the Lua script TEXT."""
    def make(text):
        top = bundle(files={"a": "1"}, extra="hooks:\n  ValidateService:\n    - location: check.lua\n      timeout: 600\n")
        (top / "check.lua").write_text(text)
        return top

    return make


@pytest.fixture
def daemon(agent, tmp_path):
    made = Daemon(agent, tmp_path)
    yield made
    made.clean_up()


def start(agent, *words):
    return subprocess.Popen([agent.program, "--root", agent.root, *words], env=agent.env, text=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def line_with(stream, text):
    """The first line with TEXT; the ones before it are not looked at."""
    for line in stream:
        if text in line:
            return line
    raise AssertionError(f"no line says '{text}'")


def lines_of(outcome, text):
    return [line for line in outcome.err.splitlines() if text in line]


@pytest.mark.parametrize("call, said", [
    ('slipway.wait_for{ what = "the third time", interval = 0.01, timeout = 6000, fn = fn }',
     r"waiting for the third time \(not yet, attempt 1, 6000 s left\)"),
    ('slipway.retry{ what = "the third time", delay = 0.01, fn = fn }',
     r"the third time: not yet \(try 1 of 3, the next in 0\.01 s\)"),
], ids=["wait_for", "retry"])
def test_a_pipe_is_told_once_what_a_hook_waits_for(agent, hooked, tmp_path, call, said):
    made = hooked(f"""local n = 0
local function fn()
    n = n + 1
    if n == 2 then {until(tmp_path / "go")} end
    return n > 2, "not yet"
end
{call}
""")
    with start(agent, "local", "--bundle-location", made, "--type", "directory") as client:
        line = line_with(client.stderr, "the third time")
        assert re.fullmatch(rf"ValidateService     check\.lua:8  {said}\n", line), line
        (tmp_path / "go").touch()
        assert "the third time" not in client.stderr.read()
        assert client.wait(PATIENCE) == 0


def test_a_hook_that_waited_in_vain_still_says_why_it_failed(agent, hooked):
    done = agent.local(hooked("""slipway.doing("something")
slipway.doing("x")
slipway.fail("the database is down", "start it")
"""), "--json")
    assert (done.code, done.json["error"]["message"]) == (1, "check.lua:3: the database is down")
    assert done.json["error"]["action"] == "start it"


@pytest.mark.parametrize("text, shown", [
    (r'"\27[2J\27]0;title\7up\nerror: \0 not shown"', "check.lua:1   [2J ]0;title up error:"),
    (r'"\xff\xfe"', r"check.lua:1  \xff\xfe"),
    ('("x"):rep(100000)', "check.lua:1  " + "x" * (510 - len("check.lua:1  "))),
], ids=["control characters", "no UTF-8", "long"])
def test_the_words_of_a_hook_cannot_draw_on_the_screen(agent, hooked, text, shown):
    done = agent.local(hooked(f"slipway.doing({text})"))
    assert done.code == 0, done.err
    assert lines_of(done, "check.lua:1")[0] == f"ValidateService     {shown}"
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", done.err)


def test_a_terminal_has_it_in_the_line_of_the_running_event(agent, hooked, tmp_path):
    made = hooked(paused(tmp_path / "go") + 'slipway.doing()\nslipway.sleep(0.3)\nslipway.doing("and now this")\n')
    master, slave = pty.openpty()
    env = {**agent.env, "TERM": "xterm"}
    with subprocess.Popen([agent.program, "--root", agent.root, "local", "--bundle-location", made, "--type", "directory"],
                          env=env, stdin=subprocess.DEVNULL, stdout=slave, stderr=slave) as process:
        os.close(slave)
        seen = b""
        while True:
            try:
                more = os.read(master, 65536)
            except OSError:  # the other end is closed
                break
            seen += more
            if b"until the file is there" in seen:
                (tmp_path / "go").touch()
        assert process.wait(PATIENCE) == 0
    os.close(master)
    text = seen.decode().replace("\r\n", "\n")
    assert "\r\033[KValidateService     check.lua:1  until the file is there " in text
    assert "\r\033[KValidateService     check.lua:5  and now this " in text
    final = [line.split("\r\033[K")[-1] for line in text.split("\n")]
    assert not [line for line in final if "until the file" in line or "and now" in line], "a line of its own"


def test_the_daemon_tells_it_to_those_who_wait_and_to_those_who_come_later(agent, daemon, hooked, tmp_path):
    daemon.start()
    said = "ValidateService     check.lua:1  until the file is there\n"
    with start(agent, "deploy", hooked(paused(tmp_path / "go")), "--group", "web") as first:
        assert line_with(first.stderr, "until") == said
        with start(agent, "watch", "--latest") as later:
            assert line_with(later.stderr, "until") == said
            (tmp_path / "go").touch()
            assert later.wait(PATIENCE) == 0
            assert "until" not in later.stderr.read()
        assert first.wait(PATIENCE) == 0
        assert "until" not in first.stderr.read()
    name = agent("list", "--json").json["deployments"][0]["deployment_id"]
    with daemon.client() as client:
        assert "until" not in str(client.ask("watch", deployment_id=name)), "kept although it is over"
    assert "until" not in agent("show", name, "--json").out


def test_what_is_over_is_not_told_to_those_who_come_later(agent, daemon, hooked, tmp_path):
    daemon.start()
    name = daemon.deploy_id(hooked(paused(tmp_path / "go") + "slipway.doing()\n" + until(tmp_path / "end")), group="web")

    def doing(client):
        """The text of the next line of this kind."""
        while (progress := client.line()["progress"])["progress"] != "doing":
            pass
        return progress["text"]

    with daemon.client() as first, daemon.client() as later:
        first.send("watch", deployment_id=name)
        assert doing(first) == "check.lua:1  until the file is there"
        (tmp_path / "go").touch()
        assert doing(first) == ""
        later.send("watch", deployment_id=name)
        assert later.line()["progress"]["progress"] == "event", "it watches from here on"
        (tmp_path / "end").touch()
        assert "doing" not in str(later.rest())


def test_a_hook_of_another_agent_writes_to_no_descriptor_of_that_agent(agent, tmp_path):
    script, other = tmp_path / "any.lua", tmp_path / "descriptor 3"
    script.write_text('slipway.doing("hello")\nslipway.fail("no")\n')
    done = subprocess.run(["/bin/sh", "-c", 'exec "$0" hook "$1" 3>"$2"', agent.program, script, other],
                          env={**agent.env, "LIFECYCLE_EVENT": "AfterInstall", "DEPLOYMENT_ID": "d-1"},
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False)
    assert done.returncode == 1 and other.read_bytes() == b"", done.stderr
