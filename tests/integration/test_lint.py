"""`slipway lint` and `slipway init` as people and scripts use them."""
import json
import os

import pytest

GOOD = "version: 0.0\nos: linux\n"


@pytest.fixture
def appspec(tmp_path):
    """appspec(text) -> a file of its own, for lint to look at alone."""
    def make(text):
        path = tmp_path / "appspec.yml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path
    return make


def test_a_good_bundle_is_ok(agent, bundle):
    done = agent("lint", bundle(files={"a": "1"}, hooks={"AfterInstall": "exit 0"}))
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith("appspec.yml: ok\n") and done.out.count("\n") == 1


def test_errors_come_with_place_line_and_caret(agent, appspec):
    path = appspec(GOOD + "hooks:\n  AfterInstall:\n    - timeout: 5\n\ttimeout: 7\n")
    done = agent("lint", path)
    assert done.code == 1
    assert done.out.splitlines()[0].startswith(f"{path}:6:1: error: found a tab character")
    assert done.out.splitlines()[1:] == ["  \ttimeout: 7", "  ^", f"{path}: not ok, 1 error, 0 warnings"]


def test_the_caret_stands_below_the_place(agent, appspec):
    done = agent("lint", appspec(GOOD + "files:\n  - {source: é, destination: srv}\n"))
    lines = done.out.splitlines()
    assert lines[0].split(": ")[0].endswith(":4:30")
    assert lines[1][lines[2].index("^"):] == "srv}"


def test_warnings_alone_are_fine_unless_strict(agent, appspec):
    path = appspec(GOOD + "overwrite: yes\n")
    relaxed, strict = agent("lint", path), agent("lint", "--strict", path)
    assert (relaxed.code, strict.code) == (0, 1)
    assert "file_exists_behavior: OVERWRITE" in relaxed.out
    assert relaxed.out.endswith(": ok, 0 errors, 1 warning\n") and strict.out.endswith(": not ok, 0 errors, 1 warning\n")
    assert agent("lint", "--json", path).json["ok"] is True
    assert agent("lint", "--json", "--strict", path).json["ok"] is False


def test_json_has_the_findings_and_the_appspec(agent, appspec):
    text = GOOD + """files: [{source: /, destination: /srv}]
hooks: {AfterInstall: [{location: a.sh, timeout: "10s", runas: root, sudo: yes}]}
permissions:
  - {object: /srv, except: [x], type: [file], owner: app, mode: 0644, acls: ["bob:7"], context: {type: t, range: "s0:c1,c0"}}
file_exists_behavior: RETAIN
"""
    done = agent("lint", "--json", appspec(text))
    assert (done.code, done.err) == (0, "")
    assert [(w["line"], w["column"]) for w in done.json["warnings"]] == [(4, 50), (6, 65)]
    assert done.json["warnings"][0]["source"] == text.splitlines()[3]
    assert done.json["errors"] == []
    assert done.json["appspec"] == {
        "version": 0.0, "os": "linux", "file_exists_behavior": "RETAIN",
        "files": [{"source": "/", "destination": "/srv"}],
        "hooks": {"AfterInstall": [{"location": "a.sh", "timeout": 10, "runas": "root", "sudo": True}]},
        "permissions": [{"object": "/srv", "pattern": "**", "except": ["x"], "type": ["file"], "owner": "app",
                         "group": None, "mode": "0644", "acls": ["user:bob:rwx"],
                         "context": {"user": None, "role": None, "type": "t", "range": "s0:c0.c1"}}]}


def test_json_of_a_bad_appspec_has_no_appspec(agent, appspec):
    done = agent("lint", appspec("os: linux\n"), "--json")
    assert (done.code, done.json["ok"], done.json["appspec"]) == (1, False, None)
    assert done.json["errors"][0]["message"].startswith("The deployment failed because an invalid version value ()")


def test_a_bundle_is_looked_into(agent, bundle):
    top = bundle(files={"a": "1"}, hooks={"BeforInstall": "exit 0", "AfterInstall": "exit 0"})
    (top / "AfterInstall.sh").unlink()
    done = agent("lint", top)
    assert done.code == 1
    assert "appspec.yml:11:7: error: the script 'AfterInstall.sh' is not in the bundle: add it" in done.out
    assert "appspec.yml:7:3: warning: there is no lifecycle event 'BeforInstall'" in done.out


def test_an_error_hides_nothing_else(agent, bundle):
    top = bundle(files={"a": "1"})
    (top / "appspec.yml").write_text("""version: 0.0
os: windows
files:
  - source: nowhere
    destination: /srv
hooks:
  BeforInstall:
    - timeout: 5
    - location: nowhere.sh
""")
    done = agent("lint", "--json", top).json
    assert [e["line"] for e in done["errors"]] == [2, 4, 8, 9]
    assert [w["line"] for w in done["warnings"]] == [7] and done["appspec"] is None


def test_permissions_are_not_held_against_files_that_cannot_be_read(agent, bundle):
    top = bundle(files={"a": "1"})
    (top / "appspec.yml").write_text(GOOD + "files: [{source: a}]\npermissions: [{object: /srv, mode: 644}]\n")
    done = agent("lint", "--json", top).json
    assert [e["line"] for e in done["errors"]] == [3] and done["warnings"] == []


def test_appspec_yaml_is_found_too(agent, tmp_path):
    (tmp_path / "appspec.yaml").write_text(GOOD)
    assert agent("lint", tmp_path).code == 0


def test_an_appspec_is_not_read_through_a_link(agent, tmp_path):
    (tmp_path / "elsewhere.yml").write_text("secret: x\n")
    (tmp_path / "b").mkdir()
    (tmp_path / "b/appspec.yml").symlink_to("../elsewhere.yml")
    done = agent("lint", tmp_path / "b")
    assert done.code == 1 and "must be a file in it" in done.out and "secret" not in done.out


def test_a_folder_without_appspec_is_told_what_to_do(agent, tmp_path):
    done = agent("lint", tmp_path)
    assert done.code == 1 and "'slipway init' writes one" in done.out


@pytest.mark.parametrize("words, message", [
    ((), "name an appspec file, a folder or an archive"),
    (("a", "b"), "name one path only"),
    (("--nonsense", "a"), "unknown option '--nonsense'"),
    (("/nowhere/at/all",), "opening '/nowhere/at/all': No such file or directory"),
    (("/dev/null",), "is neither a file nor a folder"),
])
def test_wrong_usage_is_2(agent, words, message):
    done = agent("lint", *words)
    assert (done.code, done.out) == (2, "") and message in done.err


def test_a_huge_file_is_refused(agent, appspec):
    done = agent("lint", appspec(b" " * (1 << 20) + b"\n"))
    assert done.code == 1 and "larger than 1048576 bytes" in done.out


def test_nothing_in_an_appspec_reaches_the_terminal_raw(agent, appspec):
    done = agent("lint", appspec(GOOD + '"a\\e[31mb": 1\n'))
    assert done.code == 0 and "\x1b" not in done.out and "a\\x1b[31mb" in done.out


@pytest.mark.parametrize("command", ["lint", "init"])
def test_help_never_acts(agent, tmp_path, command):
    done = agent(command, "--help", tmp_path)
    assert (done.code, done.err) == (0, "") and done.out.startswith(f"Usage: slipway {command}")
    assert not (tmp_path / "appspec.yml").exists()


def test_what_init_writes_lints_clean(agent, tmp_path):
    top = tmp_path / "new"
    top.mkdir()
    assert agent("init", top).code == 0
    done = agent("lint", "--strict", "--json", top)
    assert (done.code, done.json["errors"], done.json["warnings"]) == (0, [], [])
    assert done.json["appspec"]["files"] == [{"source": "/", "destination": "/srv/app"}]


def test_init_with_all_its_comments_taken_away_is_valid(agent, tmp_path):
    agent("init", tmp_path)
    text = (tmp_path / "appspec.yml").read_text()
    keys = ("hooks:", "permissions:", "slipway:", "file_exists_behavior:")
    lines = [line[2:] if line[2:3] in (" ", "-") or line[2:].startswith(keys) else line
             for line in text.splitlines() if line.startswith("# ")]
    (tmp_path / "appspec.yml").write_text(GOOD + "\n".join(lines) + "\n")
    done = agent("lint", "--json", tmp_path / "appspec.yml")
    assert done.code == 0 and done.json["warnings"] == []
    assert len(done.json["appspec"]["hooks"]) == 5 and done.json["appspec"]["permissions"]
    assert all(done.json["appspec"]["slipway"].values())


@pytest.mark.parametrize("name", ["appspec.yml", "appspec.yaml"])
def test_init_never_overwrites(agent, tmp_path, name):
    (tmp_path / name).write_text("mine")
    done = agent("init", tmp_path)
    assert done.code == 1 and f"there is a '{name}'" in done.err
    assert (tmp_path / name).read_text() == "mine" and sorted(os.listdir(tmp_path)) == sorted([name, "root"])


@pytest.mark.parametrize("words, code", [(("--nonsense",), 2), (("a", "b"), 2), (("/nowhere/at/all",), 1)])
def test_init_that_cannot_says_so(agent, words, code):
    done = agent("init", *words)
    assert done.code == code and done.err.startswith("slipway init: ") and done.out == ""


def test_lint_uses_the_current_folder_when_told_so(agent, tmp_path):
    assert agent("init", cwd=tmp_path).code == 0
    assert agent("lint", ".", cwd=tmp_path).out == "./appspec.yml: ok\n"
    assert json.loads(agent("lint", "--json", ".", cwd=tmp_path).out)["ok"] is True
