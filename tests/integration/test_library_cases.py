"""Every function of the Lua library: what it does, what it says to wrong arguments, what it says when the world outside
fails. The cases are data; tests/cases/library/README.md says how to write one."""
import os
import pathlib
import re
import subprocess
import tempfile

import pytest
from conftest import BUILD, CHECKOUT, Agent
from library_needs import *  # noqa: F401,F403 (the fixtures that `needs` names)
from test_lua_library import described

CASES = CHECKOUT / "tests/cases/library"
FORM = {"argument", "expected", "got"}
KINDS = {  # with what a case may have
    "success": {"why", "lua", "out", "needs", "env"},
    "wrong": {"why", "lua", *FORM, "says", "needs", "env"},
    "outside": {"why", "lua", "kind", "error", "needs", "env"},
}

READ = """
local all = {}
for _, path in ipairs(slipway.fs.glob("%s/*.yml")) do
  all[path:match("[^/]*$")] = slipway.yaml.decode(slipway.fs.read(path))
end
print(slipway.json.encode(all))
"""

# Runs the case, which is a module beside it, and tells how that ended: as slipway.retry and others tell errors apart.
RUN = """
local ok, e = pcall(require, "case")
local kind = ok and "none" or type(e) == "table" and e.kind or "wrong"
print(slipway.json.encode{ kind = kind, text = not ok and tostring(e) or nil })
"""


def read_cases():
    """{file: {function: {"success": [case...], ...}}}, read by slipway.yaml itself."""
    if not (BUILD / "slipway").exists():
        return {}  # the fixture `programs` says it
    with tempfile.TemporaryDirectory() as folder:
        script = pathlib.Path(folder, "read.lua")
        script.write_text(READ % CASES)
        done = Agent(pathlib.Path(folder))("hook", script)
        assert done.code == 0, done.err
        return done.json


FILES = read_cases()


def every():
    """A parameter (function, kind, case) for each case."""
    for functions in FILES.values():
        for function, of in functions.items():
            for kind in KINDS:
                for case in of[kind] if isinstance(of.get(kind), list) else []:
                    yield pytest.param(function, kind, case, id=f"{function} {kind}: {case['why']}")


@pytest.fixture
def run(agent, tmp_path, request):
    """run(case) -> (what it printed, {"kind", "text"} of how it ended, the text with placeholders filled in)."""
    def fill_in(text, places):
        for name, value in places.items():
            text = text.replace("{{%s}}" % name, str(value))
        return text

    def start(case):
        bundle, folder = tmp_path / "bundle", tmp_path / "dir"
        bundle.mkdir()
        folder.mkdir()
        places = {"dir": folder}
        for name in case.get("needs", []):
            places |= request.getfixturevalue(f"need_{name}")
        (bundle / "appspec.yml").write_text("version: 0.0\nos: linux\n")
        (bundle / "run.lua").write_text(RUN)
        (bundle / "case.lua").write_text(fill_in(case["lua"], places))
        words = [word for name, value in case.get("env", {}).items() for word in ("--env", f"{name}={fill_in(value, places)}")]
        done = agent("hook", *words, bundle / "run.lua")
        assert done.code == 0, done.err
        *out, _ = done.out.splitlines()
        return out, done.last, lambda text: fill_in(text, places)

    return start


@pytest.mark.parametrize("function, kind, case", every())
def test_a_case_of_the_library(run, function, kind, case):
    out, ended, fill_in = run(case)
    if kind == "success":
        assert ended == {"kind": "none"}
        assert "out" not in case or out == [fill_in(line) for line in case["out"]]
    elif kind == "wrong":
        says = case.get("says") or f"{case['argument']}: {case['expected']} expected, got {case['got']}"
        assert ended["kind"] == "wrong", ended
        assert re.sub(r"^case\.lua:\d+: ", "", ended["text"]).startswith(f"{function}: {fill_in(says)}"), ended
    else:
        assert ended["kind"] == case["kind"], ended
        assert re.match(r"case\.lua:\d+: ", ended["text"])
        assert not [text for text in case["error"] if fill_in(text) not in ended["text"]], ended


@pytest.mark.parametrize("function", ["print", "slipway.log"])
@pytest.mark.parametrize("where", ["a pipe", "/dev/full"])
def test_output_that_nobody_takes_is_no_reason_to_fail(agent, tmp_path, function, where):
    """The case `outside` of these two, which ask for nothing."""
    script = tmp_path / "script.lua"
    script.write_text(f'{function}(("x"):rep(1000000)) slipway.fs.write("{tmp_path}/went-on", "")')
    if where == "a pipe":
        reader, output = os.pipe()
        os.close(reader)
    else:
        output = os.open(where, os.O_WRONLY)
    try:
        done = subprocess.run([agent.program, "hook", script], env=agent.env, stdin=subprocess.DEVNULL, stdout=output,
                              stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    finally:
        os.close(output)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "went-on").exists()


def complaints(function, of):
    """What is missing or too much in the cases OF a function."""
    for kind, keys in KINDS.items():
        if of.get(kind) == "none" and kind != "success":
            if not of.get(f"{kind}_why"):
                yield f"{function}: {kind}: none, but no {kind}_why"
        elif not of.get(kind):
            yield f"{function}: no case of {kind}"
        else:
            for case in of[kind]:
                needed = {"why", "lua"}
                if kind == "outside":
                    needed |= {"kind", "error"}
                elif kind == "wrong" and "says" not in case:
                    needed |= FORM
                if case.keys() - keys or needed - case.keys():
                    yield f"{function}: {kind}: {case.get('why')}: unknown {case.keys() - keys}, missing {needed - case.keys()}"
    if isinstance(of.get("wrong"), list) and all("says" in case for case in of["wrong"]):
        yield f"{function}: wrong: no case with argument, expected and got"
    for key in of.keys() - KINDS.keys() - {f"{kind}_why" for kind in KINDS}:
        yield f"{function}: there is no '{key}'"


def test_every_function_and_method_has_cases_of_each_kind():
    """That what the stubs describe is what there is, is tested in test_lua_library.py."""
    there = {name for name in described() if not name.startswith("slipway.test.")} | {"print"}
    named = [function for functions in FILES.values() for function in functions]
    assert sorted(named) == sorted(set(named))
    assert sorted(set(named) - there) == []
    assert sorted(there - set(named)) == []
    assert [text for functions in FILES.values() for item in functions.items() for text in complaints(*item)] == []
