"""Hooks and variables of the host: what its operator runs around every deployment, and what nobody else may slip in."""
import json
import os
import pathlib
import shutil
import tempfile
import textwrap

import pytest
from conftest import BUILD, Agent, leftovers
from daemon_kit import Daemon
from test_plan import planned
from worker_talk import GROUP

NOBODY = 65534
EVERY = ["BeforeBlockTraffic", "AfterBlockTraffic", "ApplicationStop", "DownloadBundle", "BeforeInstall", "Install",
         "AfterInstall", "ApplicationStart", "ValidateService", "BeforeAllowTraffic", "AfterAllowTraffic"]


class Host:
    """hooks.d of an agent; what its hooks tell lies in a file."""

    def __init__(self, agent, told):
        self.agent, self.told = agent, told
        self.top = agent.root / "etc/slipway/hooks.d"

    def put(self, name, text=None, mode=0o755):
        """A hook that tells its name, event and revision, then does what TEXT says; Lua when it is called so."""
        path = self.top / name
        for folder in (self.top, path.parent):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)
        if not name.endswith(".lua"):
            text = f'#!/bin/sh\necho "{name} $LIFECYCLE_EVENT ${{SLIPWAY_RESTORE:-0}}" >>{self.told}\n{text or ""}\n'
        path.write_text(textwrap.dedent(text))
        path.chmod(mode)
        return path

    @property
    def heard(self):
        """What they told since the last time."""
        lines = self.told.read_text().splitlines() if self.told.exists() else []
        self.told.unlink(missing_ok=True)
        return lines


@pytest.fixture
def host(agent, tmp_path):
    return Host(agent, tmp_path / "told")


def tell(host, word):
    return f"echo {word} >>{host.told}"


def scripts_log(agent, done, group=GROUP):
    text = (agent.deployment_root / group / done.json["deployment_id"] / "logs/scripts.log").read_text()
    return [line[20:] for line in text.splitlines()]


def event(done, name):
    return next(e for e in done.json["events"] if e["event"] == name)


def test_they_run_before_and_after_those_of_the_application(host, agent, bundle):
    for name in ("50-after", "10-before", "49-before.sh", "99-last"):
        host.put(f"ValidateService/{name}")
    host.put("ValidateService/README", mode=0o644)
    host.put("ValidateService/.hidden", mode=0o666)
    top = bundle(hooks={"ValidateService": tell(host, "own")})
    plan = planned(agent, top)
    assert not host.told.exists()
    done = agent.local(top, "--json")
    assert done.code == 0, done.err
    assert host.heard == ["ValidateService/10-before ValidateService 0", "ValidateService/49-before.sh ValidateService 0",
                          "own", "ValidateService/50-after ValidateService 0", "ValidateService/99-last ValidateService 0"]
    ran = [line[len("Script - "):] for line in scripts_log(agent, done) if line.startswith("Script - ")]
    assert ran == ["hooks.d/ValidateService/10-before", "hooks.d/ValidateService/49-before.sh", "ValidateService.sh",
                   "hooks.d/ValidateService/50-after", "hooks.d/ValidateService/99-last"]
    assert [h["script"] for h in plan["hooks"]] == ran
    assert [h["revision"] for h in plan["hooks"]] == ["host", "host", "this", "host", "host"]
    assert plan["hooks"][0]["timeout"] == 3600 and plan["hooks"][0]["runas"] is None
    warning = f"'{host.top}/ValidateService/README' is ignored: hooks of the host are called NN-NAME, with two digits"
    assert done.json["warnings"] == plan["warnings"] == [warning]
    assert "hooks.d/ValidateService/10-before and 4 more" in event(done, "ValidateService")["message"]
    assert "hooks.d/ValidateService/99-last  of this host" in agent("plan", top).out


def test_every_event_has_them_whether_the_application_has_scripts_or_not(host, agent, bundle, target):
    for name in EVERY:
        host.put(f"{name}/10-a")
        host.put(f"{name}/60-b")
    host.put("Install/10-a", f"[ ! -e {target.path}/a ]")
    host.put("Install/60-b", f"[ -e {target.path}/a ]")
    want = [f"{name}/{script} {name} 0" for name in EVERY for script in ("10-a", "60-b")]
    for _ in range(2):  # the first deployment has no earlier revision whose ApplicationStop there would be
        done = agent.local(bundle(files={"a": "1"}), "--json")
        assert done.code == 0, done.err
        assert host.heard == want
        host.put("Install/10-a")
    message = event(done, "Install")["message"]
    assert message.startswith("1 files") and message.endswith("   hooks.d/Install/10-a   hooks.d/Install/60-b")
    assert event(done, "DownloadBundle")["message"].startswith("2 files") and leftovers(agent.root) == []


def test_an_event_of_one_s_own_has_them(host, agent, bundle):
    host.put("Custom/10-a")
    host.put("ValidateService/10-a")
    top = bundle(hooks={"Custom": tell(host, "own")})
    assert agent.local(top, "--events", "DownloadBundle,Install,Custom").code == 0
    assert host.heard == ["Custom/10-a Custom 0", "own"]


def test_those_of_the_reference_s_command_are_the_same(host, agent, bundle):
    host.put("Install/10-a")
    assert agent.codedeploy_local("-l", bundle(), "-t", "directory").code == 0
    assert host.heard == ["Install/10-a Install 0"]


def test_a_restore_has_them_too(host, scene, bundle, target):
    scene.install(bundle(files={"a": "1"}, hooks={"ApplicationStart": tell(host, "start")}))
    host.heard  # pylint: disable=pointless-statement
    for name in ("ApplicationStart/10-a", "ValidateService/60-b", "AfterInstall/60-c"):
        host.put(name)
    bad = scene.agent.local(bundle(files={"a": "2"}, hooks={"AfterInstall": "exit 3"}), "--json")
    assert bad.code == 6 and target.read("a") == "1"
    assert host.heard == ["ApplicationStart/10-a ApplicationStart 1", "start", "ValidateService/60-b ValidateService 1"]


@pytest.mark.parametrize("name, now", [("ApplicationStop/10-a", "untouched"), ("Install/10-a", "untouched"),
                                       ("Install/60-a", "restored"), ("AfterInstall/60-a", "restored")])
def test_one_that_fails_fails_the_event(host, scene, bundle, target, name, now):
    scene.install(bundle(files={"a": "1"}))
    path = host.put(name, "exit 3")
    bad = scene.agent.local(bundle(files={"a": "2"}, hooks={"ApplicationStart": tell(host, "never")}), "--json")
    failed = name.split("/", maxsplit=1)[0]
    assert bad.code == 6 and target.read("a") == "1", bad.err
    assert bad.json["error"]["event"] == failed and bad.json["error"]["error_code"] == "ScriptFailed"
    assert bad.json["error"]["message"] == f"Script at specified location: {path} failed with exit code 3"
    assert event(bad, failed)["script"] == f"hooks.d/{name}" and event(bad, failed)["exit_code"] == 3
    assert bad.json["now"].endswith(f"is back: files {now}, started, validated")
    assert host.heard == [f"{name} {failed} 0"]
    scene.clean()


def test_one_in_lua_names_its_line_and_finds_its_modules_beside_it(host, agent, bundle):
    top = bundle(hooks={"ValidateService": "true"})
    (top / "lib.lua").write_text("error('of the bundle')")
    path = host.put("ValidateService/60-x.lua", """\
        local lib = require("lib")
        lib.check(slipway.archive_dir)
        error("the database is down")
        """, mode=0o644)
    host.put("lib.lua", "return { check = function(dir) print('lib of the host', dir) end }", mode=0o644)
    bad = agent.local(top, "--json")
    assert bad.code == 1, bad.err
    assert bad.json["error"]["message"].endswith("/60-x.lua:3: the database is down")
    archive = agent.deployment_root / GROUP / bad.json["deployment_id"] / "deployment-archive"
    log = scripts_log(agent, bad)
    assert f"[stdout]lib of the host {archive}" in log
    assert any(str(path)[-30:] in line for line in log)


def test_without_a_revision_there_is_no_archive(host, agent, bundle):
    host.put("ApplicationStop/10-a", 'echo "<${SLIPWAY_ARCHIVE_DIR-none}>" "<$SLIPWAY_HOOKS_DIR>"')
    host.put("ApplicationStop/20-b.lua", "print(slipway.archive_dir, slipway.event)", mode=0o644)
    done = agent.local(bundle(), "--json")
    assert done.code == 0, done.err
    assert f"[stdout]<none> <{host.top}>" in scripts_log(agent, done)
    assert "[stdout]nil ApplicationStop" in scripts_log(agent, done)


def test_they_have_a_timeout_of_their_own(host, agent, bundle):
    agent.configure("hooks_timeout: 1s\n")
    path = host.put("ValidateService/10-a", "sleep 60")
    bad = agent.local(bundle(), "--json")
    assert bad.code == 1 and bad.json["error"]["error_code"] == "ScriptTimedOut"
    assert bad.json["error"]["message"] == f"Script at specified location: {path} failed to complete in 1 seconds"
    assert "'hooks_timeout'" in bad.json["error"]["action"]


# Who may write to them

def damage_mode(host, path):
    path.chmod(0o775)
    return f"'{path}' has mode 0775, so others may write to it: chmod go-w {path}"


def damage_folder(host, path):
    path.parent.chmod(0o757)
    return f"'{path.parent}' has mode 0757, so others may write to it: chmod go-w {path.parent}"


def damage_top(host, path):
    host.top.chmod(0o777)
    return f"'{host.top}' has mode 0777, so others may write to it: chmod go-w {host.top}"


def damage_link(host, path):
    path.rename(host.top / "elsewhere")
    path.symlink_to("../elsewhere")
    return f"'{path}' is a link, and who owns what it leads to is not looked at: put the thing itself there"


def damage_x(host, path):
    path.chmod(0o644)
    return f"'{path}' is not executable: chmod +x {path}"


def damage_kind(host, path):
    path.unlink()
    path.mkdir()
    return f"'{path}' is no file: move it away"


def damage_gone(host, path):
    """Such as a folder on a file system that is not mounted."""
    shutil.move(host.top, f"{host.top}.away")
    host.top.symlink_to("/no/such/folder")
    return f"'{host.top}' is a link that leads to nothing: let it lead to the folder, or remove it"


@pytest.mark.parametrize("damage", [damage_mode, damage_folder, damage_top, damage_link, damage_x, damage_kind, damage_gone])
def test_what_others_could_have_written_stops_a_deployment_before_it_begins(host, scene, bundle, damage):
    scene.install(bundle(files={"a": "1"}, hooks={"ApplicationStop": tell(host, "stopped")}))
    said = damage(host, host.put("ValidateService/60-a"))
    top = bundle(files={"a": "2"})
    bad = scene.agent.local(top, "--json")
    assert bad.json["error"]["event"] == "Preflight" and bad.json["error"]["message"] == f"hooks of the host: {said}"
    assert bad.json["now"].endswith("(previous) is in place, its files untouched")
    assert scene.fingerprint() == scene.before and host.heard == []
    plan = planned(scene.agent, top, "--group", GROUP, code=1)
    assert [e["message"] for e in plan["errors"]] == [f"hooks of the host: {said}"]


def test_all_that_is_wrong_is_told_at_once(host, agent, bundle):
    paths = [host.put("Install/10-a", mode=0o777), host.put("ValidateService/10-b", mode=0o600)]
    bad = agent.local(bundle(), "--json")
    assert bad.code == 1 and all(any(str(p) in line for line in bad.json["conflicts"]) for p in paths), bad.json
    assert "slipway doctor" in bad.json["error"]["action"]


def test_what_becomes_unsafe_on_the_way_fails_its_event(host, scene, bundle, target):
    scene.install(bundle(files={"a": "1"}))
    path = host.put("ValidateService/10-a")
    bad = scene.agent.local(bundle(files={"a": "2"}, hooks={"AfterInstall": f"chmod 0777 {path}"}), "--json")
    assert bad.json["error"]["event"] == "ValidateService" and target.read("a") == "1"
    assert bad.json["error"]["message"].startswith(f"hooks of the host: '{path}' has mode 0777")
    assert host.heard == []


def test_what_belongs_to_another_user_is_not_run(as_root, host, agent, bundle):
    path = host.put("Install/10-a")
    os.chown(path, 1, 0)
    bad = agent.local(bundle(), "--json")
    assert bad.code == 1 and bad.json["error"]["message"].startswith(f"hooks of the host: '{path}' belongs to user 1, ")


@pytest.fixture
def nobodys():
    """An agent of an ordinary user, in a folder that such a user reaches."""
    top = pathlib.Path(tempfile.mkdtemp(prefix="operator-"))
    top.chmod(0o755)
    (top / "programs").mkdir()
    for name in ("slipway", "worker"):
        shutil.copy2(BUILD / name, top / "programs" / name)
    (top / "root").mkdir()
    agent = Agent(top / "root")
    agent.program = top / "programs/slipway"
    (top / "bundle").mkdir()
    (top / "bundle/appspec.yml").write_text("version: 0.0\nos: linux\n")
    yield agent, top
    shutil.rmtree(top)


@pytest.mark.parametrize("owner, code", [(NOBODY, 0), (0, 0), (1, 1)])
def test_an_ordinary_agent_trusts_root_and_itself(as_root, nobodys, owner, code):
    agent, top = nobodys
    host = Host(agent, top / "told")
    path = host.put("Install/10-a")
    host.told.touch()
    for entry in [agent.root, *agent.root.rglob("*"), host.told]:
        os.chown(entry, NOBODY, NOBODY)
    os.chown(path, owner, 0)
    done = agent.local(top / "bundle", "--json", user=NOBODY, group=NOBODY, extra_groups=[], cwd="/")
    assert done.code == code, done.err
    assert host.heard == ([] if code else ["Install/10-a Install 0"])
    if code:
        assert f"'{path}' belongs to user 1, " in done.json["error"]["message"]


def test_there_are_none_where_the_configuration_says_so(host, agent, bundle, tmp_path):
    path = host.put("Install/10-a", mode=0o777)
    agent.configure("hooks_dir: ''\n")
    assert agent.local(bundle()).code == 0 and host.heard == []
    path.chmod(0o755)
    host.top.rename(tmp_path / "hooks")
    agent.configure(f"hooks_dir: {tmp_path}/hooks\n")
    done = agent.local(bundle(), "--json")
    assert done.code == 0 and host.heard == ["Install/10-a Install 0"]
    assert "Script - hooks.d/Install/10-a" in scripts_log(agent, done)


def test_a_try_has_none_of_them(host, agent, bundle):
    host.put("Install/10-a", mode=0o777)
    agent.configure("vars: {'*': {COLOR: blue}}\n")
    done = agent("try", bundle(hooks={"AfterInstall": tell(host, "$COLOR")}))
    assert done.code == 0, done.err
    assert host.heard == ["blue", "blue"]


def test_an_agent_that_dies_in_one_is_recovered_as_from_any_other(host, scene, bundle, target):
    scene.install(bundle(files={"a": "1"}))
    host.put("Install/60-a", "kill -KILL $(ps -o ppid= -p $PPID)\nsleep 60")
    host.put("ValidateService/10-b")
    bad = scene.agent.local(bundle(files={"a": "2"}), "--json")
    assert bad.code != 0 and target.read("a") == "1", bad.err
    assert host.heard == ["Install/60-a Install 0", "ValidateService/10-b ValidateService 1"]
    scene.clean()


def test_the_doctor_looks_at_them(host, agent):
    def said():
        return [(c["level"], c["message"]) for c in agent("doctor", "--json").json["checks"] if c["check"] == "hooks"]

    assert said() == []
    host.put("Install/10-a")
    lua = host.put("ValidateService/60-b.lua", "return true", mode=0o644)
    assert said() == [("ok", f"2 of this host in '{host.top}'")]
    lua.chmod(0o666)
    host.put("Install/10-a", mode=0o640)
    host.put("ValidateServce/10-c")
    host.put("10-alone")
    assert sorted(said()) == sorted([
        ("error", f"'{lua}' has mode 0666, so others may write to it: chmod go-w {lua}"),
        ("error", f"'{host.top}/Install/10-a' is not executable: chmod +x {host.top}/Install/10-a"),
        ("warning", f"'ValidateServce' in '{host.top}' is no event of a usual deployment: did you mean 'ValidateService'?"),
        ("warning", f"'{host.top}/10-alone' is never run")])
    host.top.chmod(0o777)
    assert said() == [("error", f"'{host.top}' has mode 0777, so others may write to it: chmod go-w {host.top}")]


# Variables of the host

VARS = "vars:\n  '*': {COLOR: all, SHAPE: all, SIZE: all}\n  shop: {SHAPE: shop, SIZE: shop}\n  other: {SECRET: of the other}\n"
SHOW = 'echo "$COLOR,$SHAPE,$SIZE,$EDGE,${SECRET-none}"'


def test_variables_win_over_the_appspec_and_lose_to_the_request(host, agent, bundle, tmp_path):
    agent.configure(VARS)
    extra = "slipway: {env: {COLOR: appspec, EDGE: appspec}}\n"
    top = bundle(hooks={"AfterInstall": SHOW}, extra=extra)
    host.put("AfterInstall/60-a.lua", "print(slipway.env.COLOR, slipway.env.SHAPE, slipway.env.EDGE)", mode=0o644)
    done = agent.local(top, "--json")
    assert "[stdout]all,all,all,appspec,none" in scripts_log(agent, done)
    assert "[stdout]all all nil" in scripts_log(agent, done), "an appspec's variables are for its own scripts"
    done = agent.local(top, "-g", "shop", "--json")
    assert "[stdout]all,shop,shop,appspec,none" in scripts_log(agent, done, "shop")
    request = (agent.deployment_root / "shop" / done.json["deployment_id"] / "request.json")
    assert "of the other" not in request.read_text() and request.stat().st_mode & 0o077 == 0
    assert "of the other" not in done.out + json.dumps(planned(agent, top)) + agent("check-config", "--json").out
    daemon = Daemon(agent, tmp_path).start()
    try:
        last = daemon.deploy(top, group="shop", environment=["SIZE=asked"])
        text = (agent.deployment_root / "shop" / last["deployment"]["deployment_id"] / "logs/scripts.log").read_text()
        assert "[stdout]all,shop,asked,appspec,none\n" in text
    finally:
        daemon.clean_up()


def test_a_revision_that_is_brought_back_gets_the_variables_of_today(host, scene, bundle):
    scene.agent.configure("vars: {'*': {COLOR: old}}\n")
    scene.install(bundle(files={"a": "1"}, hooks={"ValidateService": tell(host, "$COLOR")}))
    scene.agent.configure("vars: {'*': {COLOR: new}}\n")
    assert scene.agent.local(bundle(files={"a": "2"}, hooks={"AfterInstall": "exit 1"})).code == 6
    assert host.heard == ["old", "new"]


@pytest.mark.parametrize("name, text", [("h.sh", "#!/bin/sh\n" + SHOW + '\necho "$DEPLOYMENT_GROUP_NAME"'),
                                        ("h.lua", "local e = slipway.env print(e.COLOR, e.SHAPE, e.EDGE, e.SECRET) print(slipway.group)")])
def test_a_hook_is_tried_with_the_variables_of_a_group(agent, tmp_path, name, text):
    agent.configure(VARS)
    hook = tmp_path / name
    hook.write_text(text)
    hook.chmod(0o755)
    lua = name.endswith("lua")
    assert agent("hook", "--group", "shop", hook).out == ("all shop nil nil\nshop\n" if lua else "all,shop,shop,,none\nshop\n")
    assert agent("hook", "--env", "SHAPE=mine", "--group", "shop", "--env", "EDGE=x", hook).out == (
        "all mine x nil\nshop\n" if lua else "all,mine,shop,x,none\nshop\n")
    assert agent("hook", "--group", "new", hook).out == ("all all nil nil\nnew\n" if lua else "all,all,all,,none\nnew\n")
    assert agent("hook", hook).out == ("nil nil nil nil\ntry\n" if lua else ",,,,none\ntry\n")


def test_what_a_group_s_variables_are_is_no_business_of_ps(agent, tmp_path):
    agent.configure("vars: {shop: {TOKEN: geheim}}\n")
    hook = tmp_path / "h"
    hook.write_text('#!/bin/sh\necho "$TOKEN"; env | grep TRY_VARS\n'
                    'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" "\\n" | grep -c "gehei[m]"\n')
    hook.chmod(0o755)
    assert agent("hook", "--group", "shop", hook).out == "geheim\n0\n"


def test_a_configuration_that_cannot_be_read_ends_a_trial_for_a_group_alone(agent, tmp_path):
    agent.configure("vars: 5\n")
    (tmp_path / "h.lua").write_text("")
    assert agent("hook", tmp_path / "h.lua").code == 0
    done = agent("hook", "--group", "shop", tmp_path / "h.lua")
    assert done.code == 2 and "slipway.yml:1:" in done.err and "'vars'" in done.err
    done = agent("hook", "--group", "", tmp_path / "h.lua")
    assert done.code == 2 and "--group" in done.err


def test_one_in_lua_with_a_misprint_stops_a_deployment_before_it_begins(host, scene, bundle, target):
    scene.install(bundle(files={"a": "1"}, hooks={"ApplicationStop": tell(host, "stopped")}))
    host.put("Other/10-a.lua", "not of this deployment", mode=0o644)
    path = host.put("ValidateService/10-a.lua", "if x = 1 then end", mode=0o644)
    host.put("ValidateService/20-b.lua", "print(", mode=0o644)
    top = bundle(files={"a": "2"})
    plan = scene.agent("plan", top, "--group", GROUP, "--json")
    errors = [e["message"] for e in plan.json["errors"]]
    assert plan.code == 1 and len(errors) == 2, plan
    assert errors[0].startswith(f"hooks of the host: '{path}' cannot be compiled: ") and errors[0].endswith("10-a.lua:1: 'then' expected near '='")
    assert errors[1].endswith("20-b.lua:1: unexpected symbol near <eof>")
    done = scene.agent.local(top, "--json")
    error = done.json["error"]
    assert (error["event"], error["message"]) == ("Preflight", errors[0]) and len(done.json["conflicts"]) == 2, done
    assert host.heard == [] and target.read("a") == "1"
    path.write_text("if x == 1 then end")
    (path.parent / "20-b.lua").unlink()
    assert scene.agent.local(top).code == 0


def test_show_lists_them_like_the_others(host, agent, bundle, tmp_path):
    host.put("BeforeInstall/10-a.lua", "", mode=0o644)
    host.put("Install/10-a.lua", "", mode=0o644)
    host.put("Install/60-b")
    host.put("AfterInstall/60-b")
    host.put("ValidateService/10-a", "echo of the host")
    host.put("ValidateService/60-b.lua", 'print("ready") slipway.fail("no quorum", "ask the operator")', mode=0o644)
    top = bundle(files={"a": "1"}, hooks={"AfterInstall": "true", "ValidateService": "echo own"})
    daemon = Daemon(agent, tmp_path).start()
    try:
        name = daemon.deploy(top)["deployment"]["deployment_id"]
        document, text = agent("show", name, "--json").json, agent("show", name).out
    finally:
        daemon.clean_up()
    events = {e["event"]: e for e in document["events"]}
    assert events["BeforeInstall"]["message"] == "hooks.d/BeforeInstall/10-a.lua"
    assert events["Install"]["message"].endswith("   hooks.d/Install/10-a.lua   hooks.d/Install/60-b")
    assert events["AfterInstall"]["message"] == "AfterInstall.sh and 1 more"
    failed = events["ValidateService"]
    assert (failed["script"], failed["exit_code"], failed["error_code"]) == ("hooks.d/ValidateService/60-b.lua", 1, "ScriptFailed")
    assert "\nScript - hooks.d/ValidateService/10-a\n[stdout]of the host\nScript - ValidateService.sh\n[stdout]own\n" in failed["log_tail"]
    assert "\nScript - hooks.d/ValidateService/60-b.lua\n[stdout]ready\n" in failed["log_tail"]
    assert document["error"]["message"].endswith("ValidateService/60-b.lua:1: no quorum")
    assert document["error"]["action"] == "ask the operator"
    for event in ("BeforeInstall", "AfterInstall"):
        assert f"{events[event]['message']}\n" in text, text
    assert "hooks.d/Install/10-a.lua   hooks.d/Install/60-b\n" in text and "ValidateService/60-b.lua:1: no quorum\n" in text
