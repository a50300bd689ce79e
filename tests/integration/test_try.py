"""`slipway try`: the whole lifecycle of a bundle in a folder that is thrown away, as an ordinary user and as root."""
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import tempfile

import jsonschema
import pytest
from conftest import BUILD, CHECKOUT, Agent, processes_of, wait_until
from test_real_appspecs import CORPUS, Appspec, real_appspecs

SCHEMA = json.loads((CHECKOUT / "docs/try.schema.json").read_text(encoding="utf-8"))
DEPLOYMENT = json.loads((CHECKOUT / "docs/deployment-result.schema.json").read_text(encoding="utf-8"))
EVENTS = ["BeforeBlockTraffic", "AfterBlockTraffic", "ApplicationStop", "DownloadBundle", "BeforeInstall", "Install",
          "AfterInstall", "ApplicationStart", "ValidateService", "BeforeAllowTraffic", "AfterAllowTraffic"]
HOOKS = [event for event in EVENTS if event not in ("DownloadBundle", "Install")]
NOBODY = 65534


class Place:
    """A folder that an ordinary user reaches, with programs in it, a $TMPDIR and a way to try a bundle."""

    def __init__(self, top):
        self.top, self.tmp = top, top / "tmp"
        self.tmp.mkdir()
        self.tmp.chmod(0o777)
        self.user = NOBODY if os.geteuid() == 0 else None
        (top / "programs").mkdir()
        for name in ("slipway", "worker"):
            shutil.copy2(BUILD / name, top / "programs" / name)
        self.agent = Agent(top / "none")
        self.agent.program = top / "programs/slipway"
        self.agent.env |= {"TMPDIR": str(self.tmp), "HOME": "/", "TOP": str(top)}
        (top / "log").touch()
        (top / "log").chmod(0o666)

    def who(self):
        return {} if self.user is None else {"user": self.user, "group": self.user, "extra_groups": []}

    def __call__(self, *words, **rest):
        done = self.agent("try", *words, cwd="/", **self.who(), **rest)
        assert "--keep" in words or os.listdir(self.tmp) == [], "something is left"
        return done

    def tried(self, *words, code=0):
        done = self(*words, "--json")
        assert done.code == code, done.err + done.out
        jsonschema.validate(done.json, SCHEMA)
        for phase in done.json["phases"]:
            jsonschema.validate(phase["deployment"], DEPLOYMENT)
        assert done.json["ok"] == (code == 0)
        return done.json

    def log(self):
        return (self.top / "log").read_text().splitlines()


@pytest.fixture
def top():
    path = pathlib.Path(tempfile.mkdtemp(prefix="try-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def place(top):
    return Place(top)


@pytest.fixture
def shop(top):
    """shop(hooks, permissions, extra) -> a folder with two files for /srv/shop and one for /etc/shop."""
    def make(hooks=(), more="", extra=""):
        path = top / "shop"
        (path / "html/deep").mkdir(parents=True)
        (path / "html/index").write_text("hello\n")
        (path / "html/deep/page").write_text("page\n")
        (path / "shop.conf").write_text("port 80\n")
        lines = ["version: 0.0", "os: linux", "files:", "  - {source: html, destination: /srv/shop}",
                 "  - {source: shop.conf, destination: /etc/shop}"]
        lines += ["hooks:"] if dict(hooks) else []
        for event, script in dict(hooks).items():
            (path / f"{event}.sh").write_text(f"#!/bin/sh\n{script}\n")
            (path / f"{event}.sh").chmod(0o755)
            lines.append(f"  {event}: [{{location: {event}.sh, timeout: 60{more}}}]")
        (path / "appspec.yml").write_text("\n".join(lines) + "\n" + extra)
        return path
    return make


NOTE = 'echo "$LIFECYCLE_EVENT ${SLIPWAY_RESTORE:-0}" >>$TOP/log'


@pytest.mark.parametrize("who", ["an ordinary user", "root"])
def test_a_bundle_is_installed_and_upgraded_and_nothing_is_left(place, shop, who, request):
    if who == "root":
        request.getfixturevalue("as_root")
        place.user = 0
    see = NOTE + '; echo "$SLIPWAY_TRY $(id -u) $(cat $SLIPWAY_INSTALL_PREFIX/srv/shop/deep/page)" >>$TOP/log'
    done = place(shop({event: NOTE for event in HOOKS} | {"ValidateService": see}))
    assert done.code == 0, done.err
    uid = os.geteuid() if place.user is None else place.user
    notes = [f"{event} 0" for event in HOOKS]
    own = notes[3:7] + [f"1 {uid} page"] + notes[7:]  # behind ValidateService
    assert place.log() == own + notes[:3] + own
    assert f"hooks run for real on this host, as {'root' if uid == 0 else ''}" in done.err
    assert ("less harm" in done.err) == (uid == 0)
    for line in (r"\s+first install +upgrade", r"ApplicationStop +- +\d.*s", r"Install +\d.*s +\d.*s", "files added +3 +0",
                 "files unchanged +0 +3", "installed: 3 files", "  /srv/shop  2 files", "  /etc/shop  1 file",
                 "ok: it installs and upgrades; .* --fail-at ValidateService"):
        assert any(re.fullmatch(line, found) for found in done.out.splitlines()), line + "\n" + done.out
    assert not pathlib.Path("/srv/shop/deep").exists()


@pytest.mark.parametrize("event", EVENTS)
def test_any_event_may_fail_and_the_old_revision_comes_back(place, shop, event):
    result = place.tried(shop({name: NOTE for name in HOOKS}), "--fail-at", event)
    assert [p["name"] for p in result["phases"]] == ["first install", "upgrade", "failure"]
    failed = result["phases"][2]["deployment"]
    upgraded = result["phases"][1]["deployment"]["deployment_id"]
    assert (failed["error"]["event"], failed["error"]["error_code"]) == (event, "ScriptFailed")
    assert [e["status"] for e in failed["events"]] == ["Succeeded" if e < EVENTS.index(event) else "Failed"
                                                      if e == EVENTS.index(event) else "Skipped" for e in range(len(EVENTS))]
    files = "untouched" if EVENTS.index(event) < EVENTS.index("Install") else "restored"
    if event in EVENTS[:2]:
        assert failed["restore"] is None and failed["now"] == f"revision {upgraded} (previous) is in place, its files untouched"
    else:
        assert failed["restore"] == {"tried": True, "files": True, "started": True, "validated": True, "message": None}
        assert failed["now"] == f"revision {upgraded} (previous) is back: files {files}, started, validated"
    ran = [f"{name} 0" for name in EVENTS[:EVENTS.index(event) + 1] if name in HOOKS]
    restored = [] if event in EVENTS[:2] else ["ApplicationStart 1", "ValidateService 1"]
    assert place.log()[-len(ran + restored):] == ran + restored, "it fails after its own work"
    assert result["installed"]["files"] == 3


def test_a_failure_on_purpose_looks_like_a_real_one(place, shop):
    done = place(shop({"ApplicationStart": "echo starting"}), "--fail-at", "ApplicationStart")
    assert done.code == 0
    block = "error[" + done.err.partition("\nerror[")[2]
    for line in (r"error\[ScriptFailed\]: ApplicationStart failed on .+", r"  asked to by --fail-at, .*ApplicationStart\.sh",
                 r"  \| \[stdout\]starting", r"  now:  revision d-.* is back: files restored, started, validated",
                 "  next: nothing, .*"):
        assert any(re.fullmatch(line, found) for found in block.splitlines()), line + "\n" + done.err
    assert "ok: it installs and upgrades, and after a failure at ApplicationStart the old revision is back\n" in done.out
    assert re.search(r"^Restore +- +- +\d", done.out, re.M)


@pytest.mark.parametrize("why, hooks, words, phases, problem", [
    ("the first install fails", {"AfterInstall": "echo why; exit 3"}, [], 1, "first install: it failed at AfterInstall"),
    ("the upgrade fails", {"ApplicationStop": "exit 3"}, [], 2, "upgrade: it failed at ApplicationStop"),
    ("it fails by itself", {"ApplicationStop": "n=$(wc -l <$TOP/log); echo >>$TOP/log; [ $n = 0 ]"}, ["--fail-at", "Install"],
     3, "failure: it failed by itself, at ApplicationStop"),
    ("the event itself fails", {"ApplicationStop": "n=$(wc -l <$TOP/log); echo >>$TOP/log; [ $n = 0 ]"},
     ["--fail-at", "ApplicationStop"], 3, "failure: it failed by itself, at ApplicationStop"),
    ("it does not come back", {"ValidateService": '[ -z "$SLIPWAY_RESTORE" ]'}, ["--fail-at", "ApplicationStart"], 3,
     "failure: what ran before is not back as it was: revision"),
    ("a hook forbids that", {"AfterInstall": 'echo schema 42 >"$SLIPWAY_NO_RESTORE"'}, ["--fail-at", "ApplicationStart"], 3,
     "failure: what ran before is not back as it was: "),
    ("a hook edits what is installed", {"AfterInstall": 'echo x >>"$SLIPWAY_INSTALL_PREFIX/etc/shop/shop.conf"'},
     ["--fail-at", "ApplicationStart"], 3, "failure: what ran before is not back as it was: "),
])
def test_a_real_failure_is_one(place, shop, why, hooks, words, phases, problem):
    result = place.tried(shop(hooks), *words, code=1)
    assert len(result["phases"]) == phases and result["problem"].startswith(problem), result["problem"]
    if phases == 1:
        failed = result["phases"][0]["deployment"]
        assert failed["now"] == "nothing was there before, and what was installed is removed again"
        assert result["installed"]["files"] == 0
        done = place(top_of(place), *words)
        assert done.code == 1 and "  | [stdout]why\n" in done.err and f"not ok: {problem}\n" in done.out
        assert "less " not in done.err, "the log is gone with the folder"


def top_of(place):
    return place.top / "shop"


def test_what_only_root_may_do_is_left_out_and_listed(place, shop):
    extra = """permissions:
  - object: /srv/shop
    owner: root
    group: root
    mode: 640
    acls: ["u:no-such-user:rwx", "u:root:r-x"]
    type: [file]
"""
    result = place.tried(shop({"AfterInstall": 'id -u >>$TOP/log; stat -c %a $SLIPWAY_INSTALL_PREFIX/srv/shop/index >>$TOP/log'},
                              more=", runas: root, sudo: true", extra=extra))
    assert [finding["message"] for finding in result["not_tried"]] == [
        "owner 'root' of '/srv/shop'", "group 'root' of '/srv/shop'",
        "acl 'user:no-such-user:rwx' of '/srv/shop': there is no such user here",
        "AfterInstall: 'runas: root' of 'AfterInstall.sh', which runs as you",
        "AfterInstall: 'sudo' of 'AfterInstall.sh', which runs as you"]
    assert place.log()[0] == str(os.geteuid() if place.user is None else place.user) and place.log()[1] in ("640", "650")
    done = place(top_of(place))
    assert "not tried, since you are not root:\n  line " in done.err


def test_root_does_what_the_appspec_says(place, shop, as_root):
    place.user = 0
    see = 'id -un >>$TOP/log; stat -c %U "$SLIPWAY_INSTALL_PREFIX/srv/shop/index" >>$TOP/log'
    extra = "permissions:\n  - {object: /srv/shop, owner: daemon, type: [file]}\n"
    result = place.tried(shop({"AfterInstall": see}, more=", runas: nobody", extra=extra))
    assert result["not_tried"] == [] and place.log() == ["nobody", "daemon"] * 2


def test_a_trial_and_nothing_else_is_one(place, shop, agent, bundle):
    assert place(shop(), "--keep", "--fail-at", "Install").code == 0
    kept, = place.tmp.iterdir()
    requests = [json.loads(path.read_text())["request"] for path in kept.glob("deployment-root/try/d-*/request.json")]
    assert sorted(r["fail_at"] or "" for r in requests) == ["", "", "Install"]
    assert all(r["trial"] and r["settings"]["install_prefix"] == f"{kept}/root" for r in requests)
    assert agent.local(bundle(files={"a": "1"}), "--deployment-group", "real").code == 0
    real, = agent.deployment_root.glob("real/d-*/request.json")
    assert not {"trial", "fail_at"} & json.loads(real.read_text())["request"].keys()


def test_keep_leaves_the_folder_and_says_where(place, shop):
    done = place(shop({"ApplicationStart": "exit 3"}), "--keep")
    kept, = place.tmp.iterdir()
    assert done.code == 1 and f"kept: {kept} (rm -r it when done)\n" in done.out
    assert kept.stat().st_mode & 0o777 == 0o700
    log = re.search(r"less (\S+scripts\.log)", done.err)[1]
    assert "Script - ApplicationStart.sh" in pathlib.Path(log).read_text()
    shutil.rmtree(kept)
    (top_of(place) / "ApplicationStart.sh").write_text("#!/bin/sh\n")
    result = place.tried(top_of(place), "--keep")
    assert (pathlib.Path(result["folder"]) / "root/srv/shop/deep/page").read_text() == "page\n"


def test_an_archive_is_tried_like_a_folder(place, shop):
    folder = shop({"AfterInstall": "true"})
    archive = folder.with_suffix(".tgz")
    subprocess.run(["tar", "-C", folder, "-czf", archive, "."], check=True)
    result = place.tried(archive, "--fail-at", "Install")
    assert result["installed"] == {"files": 3, "destinations": [{"path": "/srv/shop", "files": 2}, {"path": "/etc/shop", "files": 1}]}
    assert [p["deployment"]["files"]["unchanged"] for p in result["phases"]] == [0, 3, 3]


def test_warnings_are_said_once_and_errors_of_lint_end_it(place, shop):
    done = place(shop(extra="frobnicate: 1\n"))
    assert done.code == 0 and done.err.count("frobnicate") == 2, "the finding and the line that it shows\n" + done.err
    (top_of(place) / "appspec.yml").write_text("version: 0.0\nos: linux\nfiles: 7\n")
    done = place(top_of(place))
    assert done.code == 1 and "appspec.yml:3:" in done.err
    assert done.out == "not ok: lint has found errors, so nothing was tried\n"
    result = place.tried(top_of(place), code=1)
    assert result["lint_errors"] and result["phases"] == result["timings"] == [] and result["installed"] is None


def test_timings_are_there_for_what_ran(place, shop):
    result = place.tried(shop({"ApplicationStop": "true", "ValidateService": "sleep 0.2"}), "--fail-at", "ValidateService")
    rows = {row["event"]: row["ms"] for row in result["timings"]}
    assert list(rows) == ["Preflight", "ApplicationStop", "DownloadBundle", "Install", "ValidateService", "Restore"]
    assert rows["ApplicationStop"][0] is None and rows["Restore"][:2] == [None, None]
    assert all(ms is not None for row in ("Preflight", "DownloadBundle", "Install") for ms in rows[row])
    assert min(rows["ValidateService"]) >= 200 and rows["Restore"][2] >= 200


def test_what_hooks_leave_running_is_named_and_not_ended(place, shop):
    start = "sleep 600 >/dev/null 2>&1 & echo $! >>$TOP/log"
    done = place(shop({"ApplicationStart": start}))
    pids = place.log()
    assert done.code == 0 and len(pids) == 2
    for pid in pids:
        assert f"  pid {pid}  sleep 600\n" in done.out
        os.kill(int(pid), signal.SIGKILL)
    assert f"kill {' '.join(sorted(pids, key=int))}\n" in done.out


@pytest.mark.parametrize("number, times, code", [(signal.SIGINT, 1, 130), (signal.SIGTERM, 1, 143), (signal.SIGHUP, 1, 129),
                                                 (signal.SIGINT, 2, 130)])
def test_an_interrupted_try_leaves_nothing(place, shop, number, times, code):
    wait = "echo waiting >>$TOP/log; trap '' TERM; sleep 30 & wait; sleep 30" if times == 2 else "echo waiting >>$TOP/log; sleep 30"
    process = subprocess.Popen([place.agent.program, "--root", place.top / "none", "try", shop({"ApplicationStop": wait})],
                               env=place.agent.env, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               **place.who())
    wait_until(lambda: place.log() == ["waiting"])
    process.send_signal(number)
    if times == 2:
        wait_until(lambda: "stopping the deployment" in process.stderr.readline())
        process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "not ok: upgrade: " in out and os.listdir(place.tmp) == []
    wait_until(lambda: not processes_of(place.tmp))


def test_folders_that_forbid_it_are_removed_all_the_same(place, shop):
    done = place(shop(extra="permissions:\n  - {object: /srv/shop, mode: 500, type: [directory]}\n"))
    assert done.code == 0, done.err + done.out


@pytest.mark.parametrize("words, code, said", [
    ([], 2, "name a folder or archive: see 'slipway try --help'"),
    (["/none"], 2, "/none"),
    (["SHOP", "--fail-at", "Instal"], 2, "--fail-at 'Instal' is no lifecycle event: did you mean Install?"),
    (["SHOP", "--fail-at", "x"], 2, "it is one of BeforeBlockTraffic, AfterBlockTraffic, "),
    (["SHOP", "--fail-at"], 2, "option '--fail-at' needs a value"),
    (["SHOP/appspec.yml"], 2, "appspec.yml"),
])
def test_wrong_usage_runs_nothing(place, shop, words, code, said):
    path = str(shop({"AfterInstall": NOTE}))
    done = place(*(word.replace("SHOP", path) for word in words))
    assert (done.code, done.out) == (code, "") and said in done.err, done.err
    assert place.log() == []


def test_a_folder_where_no_hook_can_run_is_refused(place, shop, mount):
    mount(place.tmp, "mode=1777,noexec")
    done = place(shop({"AfterInstall": NOTE}))
    assert done.code == 2 and "is mounted noexec; set TMPDIR" in done.err
    assert place.log() == []


def test_help_never_acts(place):
    done = place("--help")
    assert done.code == 0 and done.out.startswith("Usage: slipway")


def test_real_appspecs_are_tried(place):
    """Ten of them, others at each change of their number, by an ordinary user, without a name of theirs being changed."""
    if not (CORPUS / "expected.jsonl").exists():
        pytest.skip(f"no real appspecs: {CORPUS} is not there (set SLIPWAY_SHARED to the folder that holds corpus/)")
    rows = [row for row in real_appspecs() if set(row["hooks"]) <= set(EVENTS)]
    for row, event in zip(random.Random(len(rows)).sample(rows, 10), EVENTS):
        top = place.top / row["file"].partition(".")[0]
        top.mkdir()
        one = Appspec(row, top)
        one.text = (CORPUS / row["file"]).read_bytes()
        result = place.tried(one.bundle("bundle"), "--fail-at", event)
        assert result["installed"]["files"] > 0
