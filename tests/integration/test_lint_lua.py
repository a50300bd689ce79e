"""Scripts in Lua are compiled before they are needed: by lint, and in preflight, where nothing has been touched yet."""
import tarfile

import pytest
from worker_talk import GROUP

BROKEN = 'local x = 1\nif x = 2 then print("two") end\n'
WHY = "scripts/check.lua:2: 'then' expected near '='"
HOOKS = "slipway:\n  hooks:\n    ValidateService:\n      - location: scripts/check.lua\n"


@pytest.fixture
def shop(bundle):
    """shop(text, appspec...) -> a bundle with scripts/check.lua."""
    def make(text, extra=HOOKS, **rest):
        top = bundle(files={"a": "2"}, extra=extra, **rest)
        (top / "scripts").mkdir()
        (top / "scripts/check.lua").write_text(text)
        return top
    return make


def line_of(top, text="scripts/check.lua"):
    lines = (top / "appspec.yml").read_text().splitlines()
    return 1 + next(i for i, line in enumerate(lines) if text in line)


@pytest.mark.parametrize("text, why", [
    (BROKEN, WHY),
    ("#!/usr/bin/slipway hook\n" + "x = = 1\n", "scripts/check.lua:2: unexpected symbol near '='"),
    ("\ufeffx = = 1\n", "scripts/check.lua:1: unexpected symbol near '='"),
    ("goto nowhere\n", "no visible label 'nowhere' for <goto>"),
    ("local x <const> = 1\nx = 2", "scripts/check.lua:2: attempt to assign to const variable 'x'"),
    ("\x1bLua\x54", "scripts/check.lua: attempt to load a binary chunk (mode is 't')"),
    ("(" * 1000, "scripts/check.lua: C stack overflow"),
    ("return 1 == 1, error('is not run')", None), ("", None), ("\ufeff#!/usr/bin/env -S slipway hook\nreturn 0", None),
    ("#!/bin/sh\nif x = 2 then", None), ("#!/usr/bin/lua\nif x = 2 then", None),
])
def test_lint_tells_what_is_no_lua(agent, shop, text, why):
    top = shop(text)
    (top / "scripts/check.lua").chmod(0o755)
    found = agent("lint", "--json", top)
    errors = [(e["line"], e["message"]) for e in found.json["errors"]]
    if not why:
        assert found.code == 0 and errors == [], found
        return
    assert found.code == 1 and len(errors) == 1, found
    assert errors[0][0] == line_of(top) and errors[0][1].startswith("the script 'scripts/check.lua' cannot be compiled: "), errors
    assert why in errors[0][1]


def test_so_it_is_told_of_an_archive(agent, shop, tmp_path):
    top = shop(BROKEN)
    with tarfile.open(tmp_path / "shop.tgz", "w:gz") as out:
        out.add(top, ".")
    done = agent("lint", tmp_path / "shop.tgz")
    assert done.code == 1 and f"error: the script 'scripts/check.lua' cannot be compiled: {WHY}" in done.out, done


def test_nothing_broken_is_packed(agent, shop, tmp_path):
    done = agent("bundle", shop(BROKEN), "-o", tmp_path / "shop.tgz")
    assert done.code == 1 and WHY in done.err + done.out and not (tmp_path / "shop.tgz").exists()


def test_policies_and_every_hook_are_compiled(agent, shop):
    extra = ("slipway:\n  overwrite:\n    - {path: /srv/**, policy: scripts/policy.lua}\n    - {path: /opt/**, policy: scripts/check.lua}\n"
             "  hooks:\n    AfterInstall:\n      - location: /scripts/other.lua\n      - location: sub/../scripts/check.lua\n"
             "      - use: http-check\n        with: {url: 'http://127.0.0.1/'}\n")
    top = shop("return function() end", extra)
    (top / "scripts/policy.lua").write_text("return function(file) retrun true end")
    (top / "scripts/other.lua").write_text("print(1")
    done = agent("lint", "--json", top)
    assert [(e["line"], e["message"]) for e in done.json["errors"] if "compiled" in e["message"]] == [
        (line_of(top, "policy.lua"), "the script 'scripts/policy.lua' cannot be compiled: scripts/policy.lua:1: syntax error near 'true'"),
        (line_of(top, "other.lua"), "the script '/scripts/other.lua' cannot be compiled: scripts/other.lua:1: ')' expected near <eof>")]


def test_links_are_left_to_others(agent, shop, tmp_path):
    top = shop("")
    (tmp_path / "secret").write_text("root:secret")
    (top / "scripts/check.lua").unlink()
    (top / "scripts/check.lua").symlink_to(tmp_path / "secret")
    done = agent("lint", top)
    assert "root:" not in done.out and "compiled" not in done.out


def test_a_deployment_that_cannot_work_stops_nothing(agent, bundle, shop, target, tmp_path):
    assert agent.local(bundle(files={"a": "1"}, hooks={"ApplicationStop": f"touch {tmp_path}/stopped"})).code == 0
    top = shop(BROKEN)
    want = f"appspec.yml line {line_of(top)}: ValidateService: the script cannot be compiled: {WHY}"
    plan = agent("plan", top, "--group", GROUP, "--json")
    assert plan.code == 1 and [e["message"] for e in plan.json["errors"]] == [want]
    done = agent.local(top, "--json")
    error = done.json["error"]
    assert (done.code, error["event"], error["error_code"], error["message"]) == (1, "Preflight", "ScriptFailed", want), done
    assert not (tmp_path / "stopped").exists() and target.read("a") == "1"


def test_what_before_install_may_mend_fails_when_it_did_not(agent, shop, target, tmp_path):
    """Its own scripts are looked at."""
    mend = 'printf "return 0" >"$SLIPWAY_ARCHIVE_DIR/scripts/check.lua"'
    assert agent.local(shop(BROKEN, hooks={"BeforeInstall": mend})).code == 0
    done = agent.local(shop(BROKEN, hooks={"BeforeInstall": "true"}), "--json")
    assert done.code != 0 and done.json["error"]["event"] == "ValidateService" and WHY in done.json["error"]["message"]
    own = HOOKS.replace("ValidateService", "BeforeInstall")
    done = agent.local(shop(BROKEN, own), "--json")
    assert done.json["error"]["event"] == "Preflight" and f"BeforeInstall: the script cannot be compiled: {WHY}" in done.json["error"]["message"]
