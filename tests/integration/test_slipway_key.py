"""The 'slipway:' key of an appspec: what only slipway acts on."""
import os

import pytest
from conftest import leftovers

RETAIN = "  overwrite:\n    - {path: \"%s/**/*.conf\", behavior: RETAIN}\n"


@pytest.fixture
def retaining(bundle, target):
    """retaining(files) -> a bundle whose *.conf files are retained when they are edited."""
    return lambda files, **rest: bundle(files, extra="slipway:\n" + RETAIN % target.path, **rest)


def deploy(agent, bundle, *words):
    done = agent.local(bundle, "--json", *words)
    assert done.code == 0, done.err
    return done.json


def counts(result):
    return {name: n for name, n in result["files"].items() if n and name not in ("planned", "bytes")}


def test_an_edited_file_is_retained_until_its_edit_is_given_up(agent, target, retaining):
    deploy(agent, retaining({"d/a.conf": "v1", "b": "v1"}))
    target.write("d/a.conf", "mine")
    target.write("b", "mine")

    second = deploy(agent, retaining({"d/a.conf": "v2", "b": "v2"}))
    assert (target.read("d/a.conf"), target.read("b")) == ("mine", "v2")
    assert counts(second) == {"retained": 1, "changed": 1}
    assert any(w.startswith("appspec.yml line 8: ") and "d/a.conf' was edited since" in w for w in second["warnings"])

    third = deploy(agent, retaining({"d/a.conf": "v2", "b": "v3"}))
    assert target.read("d/a.conf") == "mine"
    assert counts(third) == {"retained": 1, "changed": 1} and not third["warnings"]

    target.write("d/a.conf", "v2")
    last = retaining({"d/a.conf": "v4", "b": "v3"})
    assert counts(deploy(agent, last)) == {"changed": 2}
    assert target.read("d/a.conf") == "v4"
    assert counts(deploy(agent, last)) == {"unchanged": 2}
    assert leftovers(target.path) == []


def test_an_edit_that_the_new_revision_brings_is_the_revisions(agent, target, retaining):
    deploy(agent, retaining({"a.conf": "v1"}))
    target.write("a.conf", "v2")
    second = retaining({"a.conf": "v2"})
    assert counts(deploy(agent, second)) == {"changed": 1}
    assert counts(deploy(agent, second)) == {"unchanged": 1}
    deploy(agent, retaining({"a.conf": "v3"}))
    assert target.read("a.conf") == "v3"


def test_another_mode_is_no_edit(agent, target, retaining):
    deploy(agent, retaining({"a.conf": "v1"}))
    (target.path / "a.conf").chmod(0o600)
    deploy(agent, retaining({"a.conf": "v2"}))
    assert target.tree() == {"a.conf": ("file", 0o644, b"v2")}


def test_an_edited_file_that_is_in_no_revision_any_more_stays_and_is_nobodys(agent, target, retaining, bundle):
    deploy(agent, retaining({"d/a.conf": "v1", "d/e.conf": "v1", "d/b": "v1"}))
    target.write("d/a.conf", "mine")
    second = deploy(agent, retaining({"c": "v2"}))
    assert target.tree() == {"c": ("file", 0o644, b"v2"), "d": ("folder", 0o755), "d/a.conf": ("file", 0o644, b"mine")}
    assert counts(second) == {"added": 1, "removed": 2}
    assert any("d/a.conf' is not in this revision any more" in w for w in second["warnings"])

    deploy(agent, bundle({"c": "v3"}))  # no rule speaks of it now, and it is not ours to remove
    assert target.read("d/a.conf") == "mine"
    refused = agent.local(bundle({"d/a.conf": "v4"}))
    assert refused.code == 1 and "already exists" in refused.err
    assert counts(deploy(agent, retaining({"d/a.conf": "v4"}))) == {"retained": 1, "removed": 1}


def test_without_a_rule_an_edited_file_is_replaced(agent, target, bundle):
    deploy(agent, bundle({"a.conf": "v1"}, extra="file_exists_behavior: RETAIN\n"))
    target.write("a.conf", "mine")
    deploy(agent, bundle({"a.conf": "v2"}, extra="file_exists_behavior: RETAIN\n"))
    assert target.read("a.conf") == "v2"


def test_rules_decide_about_files_of_others(agent, target, bundle):
    target.write("keep/a", "theirs")
    target.write("take/a", "theirs")
    target.write("rest", "theirs")
    rules = "".join(f"    - {{path: '{target.path}/{path}', behavior: {what}}}\n"
                    for path, what in (("keep/*", "RETAIN"), ("take/**", "OVERWRITE")))
    files = {"keep/a": "ours", "take/a": "ours", "rest": "ours"}
    refused = agent.local(bundle(files, extra="slipway:\n  overwrite:\n" + rules), "--json")
    assert (refused.code, refused.json["error"]["error_code"]) == (1, "FileExists")
    assert refused.json["conflicts"] == [f"The deployment failed because a specified file already exists at this "
                                         f"location: {target.path}/rest"]
    files.pop("rest")
    done = deploy(agent, bundle(files, extra="slipway:\n  overwrite:\n" + rules))
    assert (target.read("keep/a"), target.read("take/a")) == ("theirs", "ours")
    assert counts(done) == {"retained": 1, "changed": 1}
    deploy(agent, bundle({}))  # what was retained is not ours, what was overwritten is
    assert target.tree() == {"keep": ("folder", 0o755), "keep/a": ("file", 0o644, b"theirs"),
                             "rest": ("file", 0o644, b"theirs"), "take": ("folder", 0o755)}


def test_hooks_of_our_own_run_behind_the_standard_ones_and_see_the_variables(agent, bundle, tmp_path):
    out = tmp_path / "out"
    top = bundle({"a": "1"}, hooks={"AfterInstall": f"echo standard $PORT $TZ >>{out}"}, extra=f"""slipway:
  requires: 0.1
  hooks:
    AfterInstall: [{{location: own.sh, timeout: 20}}]
    ValidateService: [{{location: own.sh}}]
  env: {{PORT: 0755, TZ: UTC}}
""")
    (top / "own.sh").write_text(f"#!/bin/sh\necho own $LIFECYCLE_EVENT $PORT >>{out}\n")
    (top / "own.sh").chmod(0o755)
    done = agent.local(top, "--json", env={"TZ": "Europe/Berlin", "PORT": "1"})
    assert done.code == 0, done.err
    assert out.read_text() == "standard 0755 UTC\nown AfterInstall 0755\nown ValidateService 0755\n"


def test_a_hook_of_our_own_that_is_missing_is_found_before_anything_is_touched(agent, target, bundle):
    bad = agent.local(bundle({"a": "1"}, extra="slipway: {hooks: {AfterInstall: [{location: no.sh}]}}\n"), "--json")
    assert (bad.code, bad.json["error"]["error_code"]) == (1, "ScriptMissing")
    assert target.tree() == {}


@pytest.mark.parametrize("text, said", [
    ("{requires: 99.0}", "this revision requires slipway 99.0, and this is slipway 0.1.0"),
    ("{overwritten: []}", "unknown key 'overwritten' in 'slipway'"),
    ("{hooks: {A: [{use: http-chekc}]}}", "there is no ready-made hook 'http-chekc', did you mean 'http-check'?"),
    ("{hooks: {A: [{use: http-check}]}}", "http-check lacks its argument 'url'"),
])
def test_what_this_version_cannot_do_is_refused_by_name(agent, target, bundle, text, said):
    bad = agent.local(bundle({"a": "1"}, extra=f"slipway: {text}\n"), "--json")
    assert (bad.code, bad.json["error"]["error_code"]) == (1, "AppSpecInvalid")
    assert said in bad.json["error"]["message"]
    assert target.tree() == {}


def test_lint_shows_what_was_understood(agent, bundle, target):
    text = "  requires: \"0.1\"\n" + RETAIN % target.path + "  hooks: {AfterInstall: []}\n  env: {A: yes}\n"
    done = agent("lint", "--json", bundle({"a.conf": "1"}, extra="slipway:\n" + text))
    assert done.code == 0, done.out
    assert [w["message"].split(":")[0] for w in done.json["warnings"]] == ["the event 'AfterInstall' has an empty list of scripts"]
    assert done.json["appspec"]["slipway"] == {
        "requires": "0.1", "overwrite": [{"path": f"{target.path}/**/*.conf", "behavior": "RETAIN", "policy": None}], "hooks": {},
        "env": {"A": "yes"}}


def test_an_edited_link_is_retained(agent, target, retaining):
    first = retaining({"x": "1"})
    os.symlink("x", first / "content" / "l.conf")
    deploy(agent, first)
    (target.path / "l.conf").unlink()
    os.symlink("elsewhere", target.path / "l.conf")
    second = retaining({"x": "1", "y": "1"})
    os.symlink("y", second / "content" / "l.conf")
    assert counts(deploy(agent, second))["retained"] == 1
    assert os.readlink(target.path / "l.conf") == "elsewhere"
