"""Every command that README and docs/ show is run, and does what the page says.

A block fenced with ```console holds a recording: `$ command`, then lines of its output. All blocks of one page run one
after the other in one empty folder, as an ordinary shell would, with `slipway` in the PATH and SLIPWAY_ROOT set to
`root` in that folder. A line of output is compared as it stands; `...` stands for anything, within a line or as a line for
any number of lines. `$?` is shown by `echo $?`. Blocks fenced with ```sh are for the reader's own system (make demo, apt,
installing): they are listed in OUTSIDE and must be among these, so that a new one is not left untested by mistake.
"""
import os
import pathlib
import re
import subprocess

import pytest
from conftest import BUILD, CHECKOUT

PAGES = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
OUTSIDE = {"make demo", "make check", "make deb", "sudo apt install ./build/deb/slipway_*.deb"}  # test_deb.py installs it


def blocks(page, kind):
    return [text for fence, text in FENCE.findall(page.read_text()) if fence == kind]


def recorded(text):
    """[(command, expected output lines)] of one console block."""
    steps = []
    for line in text.splitlines():
        if steps and not steps[-1][1] and (line == ">" or line.startswith("> ")):
            steps[-1] = (steps[-1][0] + "\n" + line[2:], [])
        elif line.startswith("$ "):
            steps.append((line[2:], []))
        else:
            steps[-1][1].append(line)
    return steps


def pattern(lines):
    parts = []
    for line in lines:
        if line.strip() == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(".*?".join(re.escape(part.rstrip() if i else part) for i, part in enumerate(line.split("..."))) + "[ ]*\n")
    return re.compile("".join(parts) + r"\Z")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_shows_what_really_happens(page, tmp_path):
    steps = [step for text in blocks(page, "console") for step in recorded(text)]
    work = tmp_path / "work"
    work.mkdir()
    env = {"PATH": f"{BUILD}:{os.environ['PATH']}", "HOME": str(tmp_path), "LC_ALL": "C.UTF-8", "NO_COLOR": "1",
           "SLIPWAY_ROOT": str(work / "root"), "LAST": "0"}
    here = tmp_path / "here"
    here.write_text(str(work))
    for command, expected in steps:
        script = f'(exit $LAST); {command}\nr=$?; pwd >"{here}"; exit $r'
        done = subprocess.run(["/bin/sh", "-c", script], cwd=here.read_text().strip(), env=env, timeout=60, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        output = done.stdout.decode(errors="replace").replace(str(work), "...")
        env["LAST"] = str(done.returncode)
        output = "".join(line.rstrip() + "\n" for line in output.splitlines())
        assert pattern(expected).match(output), f"{page.name}: $ {command}\n--- shown\n" + "\n".join(expected) + \
            f"\n--- really (exit {done.returncode})\n{output}"


FIRST_HOOK_TEST = """
local t = slipway.test
t.case("the hook that README shows", function()
    local said
    local done = {}
    t.fake.systemd.restart("shop", true)
    t.fake.systemd.wait_active("shop", { settle = 3 }, true)
    t.fake.http.get("http://127.0.0.1:8080/health", t.in_turn({ status = 503 }, { body = { version = "1.0" } },
        { body = { version = "1.1" } }))
    t.fake.haproxy.open({ socket = "/run/haproxy/admin.sock" }, {
        ready = function(_, server) done[#done + 1] = server end,
    })
    t.fake.http.post("https://chat.example/T0/x9", function(_, options) said = options.json.text return {} end)
    local result = t.ok(t.hook("scripts/start.lua", {
        event = "ApplicationStart", instance = "web-17",
        env = { PORT = 8080, VERSION = "1.1", CHAT = "https://chat.example/T0/x9" },
    }))
    t.equal(done, { "shop/web-17" })
    t.equal(said, "shop is up on web-17")
    t.contains(table.concat(result.log, "\\n"), "waiting for GET http://127.0.0.1:8080/health = 200 (version 1.0, attempt 2, ")
end)
"""


def test_the_hook_on_the_first_page_does_what_it_says(agent, tmp_path):
    (hook,) = blocks(PAGES[0], "lua")
    assert len([line for line in hook.splitlines() if line]) <= 10
    waits = 1 + [line.startswith("slipway.http.wait") for line in hook.splitlines()].index(True)
    assert f"scripts/start.lua:{waits}  waiting for GET http://127.0.0.1:8080/health = 200 (version 1.0, " in PAGES[0].read_text()
    (tmp_path / "appspec.yml").touch()
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/start.lua").write_text(hook)
    (tmp_path / "scripts/start_test.lua").write_text(FIRST_HOOK_TEST)
    done = agent("hook", "--test", tmp_path / "scripts")
    assert done.code == 0, done.out + done.err


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_lua_that_is_shown_is_lua(agent, page, tmp_path):
    for number, text in enumerate(blocks(page, "lua")):
        file = tmp_path / f"{number}.lua"
        file.write_text(f"if false then return (function(...) {text} end)() end")
        done = agent("hook", file)
        assert done.code == 0, done.err


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_for_the_readers_system_are_known(page):
    lines = {line for text in blocks(page, "sh") for line in text.splitlines() if line and not line.startswith("#")}
    assert lines <= OUTSIDE
    targets = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.M))
    for line in (line for line in lines if "make" in line.split()):
        assert set(line.split()) - {"sudo", "make", "MODE=release"} <= targets


@pytest.mark.parametrize("page", [*PAGES, CHECKOUT / "ARCHITECTURE.md", CHECKOUT / "HACKING.md"], ids=lambda page: page.name)
def test_links_and_named_files_exist(page):
    text = page.read_text()
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (page.parent / link).exists(), f"{page.name} links to {link}"
    for name in re.findall(r"`((?:agent|tests|demo|docs|packaging)/[\w./-]+)`", text):
        assert (CHECKOUT / name).exists() or "NAME" in name, f"{page.name} names {name}"


@pytest.mark.parametrize("page", [CHECKOUT / "README.md", CHECKOUT / "HACKING.md"], ids=lambda page: page.name)
def test_make_targets_that_are_named_exist(page):
    targets = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.M))
    for target in re.findall(r"`make ([a-z-]+)`", page.read_text()):
        assert target in targets, f"{page.name} names `make {target}`"
