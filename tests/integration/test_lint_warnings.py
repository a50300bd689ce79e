"""Every warning of `slipway lint` that docs/appspec.md lists: what triggers it, what does not, and that no other is left out.

Appspecs from public repositories are looked for in $SLIPWAY_SHARED, else in ../shared beside the checkout.
"""
import collections
import os
import pathlib
import re

import pytest
from conftest import CHECKOUT

SHARED = pathlib.Path(os.environ.get("SLIPWAY_SHARED", CHECKOUT.parent / "shared")) / "corpus/appspec"
PAGE = CHECKOUT / "docs/appspec.md"
HEAD = "version: 0.0\nos: linux\n"
RUN = "hooks: {AfterInstall: [{location: a.sh%s}]}\n"
MAY = "permissions: [{object: /srv, %s}]\n"
SRV = "files: [{source: a.txt, destination: /srv}]\n"
OWN = "slipway: {%s}\n"
SCRIPT = {"a.sh": "#!/bin/sh\n"}

# (the warning as docs/appspec.md has it, what triggers it, what does not): the text of an appspec behind HEAD, or that and
# a bundle, of files and, with "->" in front, links. A file is executable when its name ends in "sh".
PLAIN = [
    ("unknown key '…' is ignored: did you mean '…'?", "file_exists_behaviour: RETAIN\n", "file_exists_behavior: RETAIN\n"),
    ("unknown key '…' is ignored: to replace files that are there, write '…'", "overwrite: yes\n", "file_exists_behavior: OVERWRITE\n"),
    ("unknown key '…' is ignored: it belongs to an appspec for Amazon ECS or AWS Lambda", "Resources: []\n", "files: []\n"),
    ("unknown key '…' is ignored: roles are not supported in a context",
     MAY % "context: {type: t, role: r}", MAY % "context: {type: t}"),
    ("unknown key '…' is ignored: to run a script as another user, write '…'", RUN % ", user: root", RUN % ", runas: root"),
    ("unknown key '…' is ignored: ready-made hooks are named in 'hooks' below 'slipway'", RUN % ", use: http-check", RUN % ""),
    ("unknown key '…' is ignored: remove it, or write it as a comment", "nonsense: 1\n", "# nonsense: 1\n"),
    ("the key '…' is ignored here: it belongs to …; check the indentation", "runas: root\n", RUN % ", runas: root"),
    ("the key … has no meaning here and is ignored", "? [a, b]\n: 1\n", "# a\n"),
    ("the key '…' stands again on line …: only that one counts", "files: []\nfiles: []\n", "files: []\n"),
    ("the tag '…' is not known and has no effect", "files: !list []\n", "files: []\n"),
    ("only the first document counts", "---\nfiles: []\n", "files: []\n"),
    ("the file starts with a byte order mark", "\ufeff", ""),
    ("there is no lifecycle event '…', so its scripts are not run: did you mean '…'?",
     "hooks: {BeforInstall: [{location: a.sh}]}\n", "hooks: {BeforeInstall: [{location: a.sh}]}\n"),
    ("no scripts are run at '…': use …", "hooks: {Install: [{location: a.sh}]}\n", RUN % ""),
    ("'…' is no event of a standard deployment", "hooks: {WarmUp: [{location: a.sh}]}\n", RUN % ""),
    ("the event '…' has no scripts", "hooks: {AfterInstall: }\n", RUN % ""),
    ("the event '…' has an empty list of scripts", "hooks: {AfterInstall: []}\n", RUN % ""),
    ("the timeouts of '…' add up to … seconds", RUN % ", timeout: 3601", RUN % ", timeout: 3600"),
    ("the timeout … is read as … seconds: write a whole number of seconds", RUN % ", timeout: 5m", RUN % ", timeout: 300"),
    ("there is no user '…' on this host", RUN % ", runas: no-such-user-here", RUN % ", runas: root"),
    ("'runas' is blank", RUN % ", runas: ' '", RUN % ", runas: root"),
    ("'sudo: …' counts as true", RUN % ", sudo: 'false'", RUN % ", sudo: false"),
    ("'…' is hardly meant for …: it is made for …", OWN % "hooks: {ApplicationStop: [{use: tcp-check, with: {port: 1}}]}",
     OWN % "hooks: {ValidateService: [{use: tcp-check, with: {port: 1}}]}"),
    ("the destination '…' is relative and is taken below /", "files: [{source: /, destination: srv}]\n",
     "files: [{source: /, destination: /srv}]\n"),
    ("the object '…' is relative and is taken below /", "permissions: [{object: srv, mode: 644}]\n", MAY % "mode: 644"),
    ("other agents read the unquoted mode … as the number …", MAY % "mode: 0644", MAY % 'mode: "0644"'),
    ("an empty mode means 000", MAY % "mode: ''", MAY % "mode: '000'"),
    ("'…: …' is taken as a name, never as a numeric id", MAY % "owner: 0", MAY % "owner: root"),
    ("with an empty 'type' this permission applies to nothing", MAY % "mode: 644, type: []", MAY % "mode: 644, type: [file]"),
    ("this permission sets nothing", MAY % "pattern: a", MAY % "pattern: a, mode: 644"),
    ("'…' is an empty mapping: write an empty list, [], or leave it out", "files: {}\n", "files: []\n"),
    ("slipway … does not act on 'restart_safe' yet", OWN % "restart_safe: true", OWN % "requires: 0.1"),
    ("a destination is always a folder: this installs '…'",
     ("files: [{source: a.txt, destination: /srv/a.txt}]\n", {"a.txt": ""}), (SRV, {"a.txt": ""})),
    ("the pattern '…' matches nothing that is installed directly in '…'",
     (SRV + MAY % "pattern: '*.c', mode: 644", {"a.txt": ""}), (SRV + MAY % "pattern: '*.txt', mode: 644", {"a.txt": ""})),
    ("this permission matches nothing", (SRV + "permissions: [{object: /var, mode: 644}]\n", {"a.txt": ""}),
     (SRV + MAY % "mode: 644", {"a.txt": ""})),
    ("the path '…' matches no file that is installed", (SRV + OWN % "overwrite: [{path: /srv, behavior: RETAIN}]", {"a.txt": ""}),
     (SRV + OWN % "overwrite: [{path: /srv/*, behavior: RETAIN}]", {"a.txt": ""})),
    ("the script '…' is empty and does nothing", (RUN % "", {"a.sh": ""}), (RUN % "", SCRIPT)),
    ("the script '…' has no '#!' line and is run by /bin/sh", (RUN % "", {"a.sh": "true\n"}), (RUN % "", SCRIPT)),
    ("the first line of '…' ends in CR LF", (RUN % "", {"a.sh": "#!/bin/sh\r\n"}), (RUN % "", SCRIPT)),
    ("the script '…' is not executable", ("hooks: {AfterInstall: [{location: a}]}\n", {"a": "#!/bin/sh\n"}), (RUN % "", SCRIPT)),
    ("the link '…' leads out of the bundle to '…'", ("", {"l": "->../x"}), ("", {"l": "->x"})),
]
PORTABLE = [
    ("an alias repeats this", "a: &a [x]\nb: *a\n", "a: [x]\nb: [x]\n"),
    ("the CodeDeploy agent 1.8.1 refuses the revision for the date …", "files: [{source: 2024-01-01, destination: /srv}]\n",
     "files: [{source: '2024-01-01', destination: /srv}]\n"),
    ("the CodeDeploy agents refuse the revision for the mode …, which is … to them", MAY % "mode: 0755", MAY % "mode: '0755'"),
    ("the CodeDeploy agents set the mode … where … is written", MAY % "mode: 0644", MAY % "mode: 644"),
    ("the CodeDeploy agent 2.x refuses the mode …", MAY % "mode: 4755", MAY % "mode: 1755"),
    ("the CodeDeploy agent 1.8.1 breaks off at a context without a range", MAY % "context: {type: t}",
     MAY % "context: {type: t, range: s0}"),
    ("the CodeDeploy agents ignore '…' below 'slipway'", OWN % "env: {A: b}", OWN % ""),
    ("where CodeDeploy names its events, its agents refuse the revision for '…'", "hooks: {WarmUp: [{location: a.sh}]}\n", RUN % ""),
    ("CodeDeploy never runs '…' in an in-place deployment without a load balancer",
     "hooks: {AfterBlockTraffic: [{location: a.sh}]}\n", RUN % ""),
    ("the CodeDeploy agent 1.8.1 does not quote '…'", "hooks: {AfterInstall: [{location: a b.sh}]}\n", RUN % ""),
    ("the CodeDeploy agent 1.8.1 takes the … '…' to be below the folder it was started in",
     "files: [{source: /, destination: srv}]\n", "files: [{source: /, destination: /srv}]\n"),
    ("the CodeDeploy agents let /bin/sh run the Lua script '…'",
     ("hooks: {AfterInstall: [{location: a.lua}]}\n", {"a.lua": "return true\n"}),
     ("hooks: {AfterInstall: [{location: a.lua}]}\n", {"a.lua": "#!/usr/bin/slipway hook\n"})),
    ("there are links in the bundle", ("", {"l": "->x"}), ("", {"x": ""})),
]


def pattern(row):
    return re.compile(".*?".join(re.escape(part) for part in row.split("…")))


def warnings(agent, top, case, *options):
    text, files = case if isinstance(case, tuple) else (case, None)
    top.mkdir()
    for name, content in (files or {}).items():
        if content.startswith("->"):
            (top / name).symlink_to(content[2:])
        else:
            (top / name).write_text(content, newline="")
            (top / name).chmod(0o755 if name.endswith("sh") else 0o644)
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    (top / "appspec.yml").write_text(mark + HEAD + text.removeprefix(mark))
    done = agent("lint", "--json", *options, top if files is not None else top / "appspec.yml")
    assert (done.code, done.err, done.json["errors"]) == (0, "", [])
    return [w["message"] for w in done.json["warnings"]]


@pytest.mark.parametrize("row, bad, good", PLAIN, ids=lambda value: value if isinstance(value, str) and "…" in value else "")
def test_a_warning_comes_when_it_should_and_only_then(agent, tmp_path, row, bad, good):
    assert any(pattern(row).match(m) for m in warnings(agent, tmp_path / "bad", bad))
    assert not any(pattern(row).match(m) for m in warnings(agent, tmp_path / "good", good))


@pytest.mark.parametrize("row, bad, good", PORTABLE, ids=lambda value: value if isinstance(value, str) and "…" in value else "")
def test_what_other_agents_do_is_told_to_those_who_ask(agent, tmp_path, row, bad, good):
    assert any(pattern(row).match(m) for m in warnings(agent, tmp_path / "bad", bad, "--portable"))
    assert not any(pattern(row).match(m) for m in warnings(agent, tmp_path / "unasked", bad))
    assert not any(pattern(row).match(m) for m in warnings(agent, tmp_path / "good", good, "--portable"))


@pytest.mark.parametrize("text, refused", [
    ("2024-01-01", "Date"), ("2024-1-1", "Date"), ("2024-12-31", "Date"), ("2024-1-01T10:00:00Z", "Time"), ("2024-01-01 10:00:00", "Time"),
    ("2024-01-01t1:00:00.5 +02:00", "Time"), ("-2024-01-01 10:00:00 -0800", "Time"),
    ("2024-13-01", None), ("2024-01-32", None), ("24-01-01", None), ("2024-01", None), ("v2024-01-01", None), ("2024-01-01.sh", None),
    ("2024-01-01 10:00", None), ("/2024-01-01", None), ("!!str 2024-01-01", None), ('"2024-01-01 10:00:00"', None),
    ("2024-02-31", "Date"),
])
def test_a_date_is_what_ruby_takes_for_one(agent, tmp_path, text, refused):
    told = [m for m in warnings(agent, tmp_path / "top", f"files:\n- source: {text}\n  destination: /srv\n", "--portable") if " date " in m]
    assert [m.split("class: ")[1].split("'")[0] for m in told] == ([refused] if refused else [])
    assert all(m.endswith(f'write "{text}"') for m in told)


def test_a_date_that_an_alias_repeats_is_told_once(agent, tmp_path):
    told = warnings(agent, tmp_path / "top", "x: &a 2024-01-01\ny: *a\n2024-01-02: 1\n", "--portable")
    assert [m.split(" date ")[1].split(" ")[0] for m in told if " date " in m] == ["2024-01-01", "2024-01-02"]


def test_portable_warnings_fail_a_strict_run_only(agent, tmp_path):
    path = tmp_path / "appspec.yml"
    path.write_text(HEAD + MAY % "mode: '4755'")
    assert [agent("lint", *words, path).code for words in (["--portable"], ["--strict"], ["--strict", "--portable"])] == [0, 0, 1]


def test_an_appspec_yaml_is_not_portable(agent, tmp_path):
    (tmp_path / "appspec.yaml").write_text(HEAD)
    assert [w["message"] for w in agent("lint", "--json", tmp_path).json["warnings"]] == []
    told = agent("lint", "--json", "--portable", tmp_path).json["warnings"]
    assert len(told) == 1 and told[0]["message"].startswith("the CodeDeploy agent 1.8.1 does not find 'appspec.yaml'")


def test_a_tar_zst_is_not_portable(agent, bundle, tmp_path):
    archive = tmp_path / "a.tar.zst"
    assert agent("bundle", bundle(files={"a": "1"}), "-o", archive, "--type", "tar.zst").code == 0
    assert agent("lint", "--json", archive).json["warnings"] == []
    told = agent("lint", "--json", "--portable", archive).json["warnings"]
    assert [w["message"] for w in told] == ["the CodeDeploy agents do not unpack tar.zst: pack it as tgz, tar or zip"]


def test_the_cure_for_a_mode_of_five_digits_is_one(agent, tmp_path):
    told = warnings(agent, tmp_path / "bad", MAY % "mode: 01777")
    assert len(told) == 1 and told[0].endswith('write "1777"')
    assert warnings(agent, tmp_path / "good", MAY % 'mode: "1777"') == []


def rows_of_the_page():
    return re.findall(r"^\| `(.+?)` \|", PAGE.read_text().split("## What lint warns of", 1)[1].split("\n## ", 1)[0], re.M)


def test_the_page_lists_what_is_tested_here():
    tested = [row for row, _, _ in PLAIN + PORTABLE] + ["the CodeDeploy agent 1.8.1 does not find '…'",
                                                        "the CodeDeploy agents do not unpack tar.zst"]
    assert sorted(rows_of_the_page()) == sorted(tested)


def test_real_appspecs_get_no_warning_that_the_page_does_not_list(agent):
    if not SHARED.is_dir():
        pytest.skip(f"no real appspecs: {SHARED} is not there (set SLIPWAY_SHARED to the folder that holds corpus/)")
    rows, counts = rows_of_the_page(), collections.Counter()
    every = sorted(path for path in SHARED.iterdir() if path.suffix in (".yml", ".yaml"))
    for path in every:
        for warning in agent("lint", "--json", "--portable", path, timeout=30).json["warnings"]:
            kinds = [row for row in rows if pattern(row).match(warning["message"])]
            assert kinds, f"{path.name}: {warning}"
            counts[kinds[0]] += 1
    print(f"{len(every)} appspecs")
    for kind, count in counts.most_common():
        print(f"{count:5} {kind}")
