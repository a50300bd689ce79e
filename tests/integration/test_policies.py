"""Policies in Lua: scripts of the bundle that decide about files in the way, and the host's own that may veto."""
import getpass
import hashlib
import json
import os
import pathlib
import pwd
import shutil
import stat
import subprocess
import tempfile

import jsonschema
import pytest
from conftest import CHECKOUT, processes_of, tree_of, wait_until
from daemon_kit import Daemon

SCHEMA = json.loads((CHECKOUT / "docs/plan.schema.json").read_text(encoding="utf-8"))
GROUP = ("--deployment-group", "default")
NAMES = """return function(file)
  return file.path:match("([a-z]+)[^/]*$")
end
"""


@pytest.fixture
def deciding(bundle, target):
    """A bundle whose scripts/p.lua decides about all of the target."""
    def make(files, script=NAMES, hooks=(), extra="", pattern="**"):
        spec = f"slipway:\n  overwrite:\n    - path: {target.path}/{pattern}\n      policy: scripts/p.lua\n"
        top = bundle(files=files, hooks=hooks, extra=spec + extra)
        (top / "scripts").mkdir(exist_ok=True)
        (top / "scripts/p.lua").write_text(script)
        return top
    return make


def deploy(agent, source, *words, code=0):
    done = agent.local(source, *GROUP, "--json", *words)
    assert done.code == code, done.err + done.out
    return done.json


def planned(agent, source, *words, code=0):
    done = agent("plan", source, "--json", *words)
    assert done.code == code, done.err + done.out
    jsonschema.validate(done.json, SCHEMA)
    assert os.listdir(agent.root / "var/lib/slipway/plans") == []
    return done.json


def conflicts(plan):
    return {pathlib.Path(p["path"]).name: p["conflict"] for p in plan["paths"] if p["conflict"]}


def names(target):
    return sorted(p.name for p in target.path.iterdir())


def test_each_answer_is_planned_and_done(agent, target, deciding):
    for name in ("overwrite.conf", "retain.conf", "backup.conf"):
        target.write(name, "theirs", mode=0o640)
    top = deciding({name: "ours" for name in ("overwrite.conf", "retain.conf", "backup.conf", "new.conf")})
    before = tree_of(target.path)
    plan = planned(agent, top)
    assert tree_of(target.path) == before
    line = 8
    assert conflicts(plan) == {f"{v}.conf": {"verdict": v, "by": "policy", "behavior": None, "line": line, "policy": "scripts/p.lua"}
                               for v in ("overwrite", "retain", "backup")}
    inode = (target.path / "backup.conf").stat().st_ino
    done = deploy(agent, top, "--plan", plan["plan_id"])
    assert done["files"] == plan["files"]
    kept = f"backup.conf.backup-{done['deployment_id']}"
    assert names(target) == sorted(["overwrite.conf", "retain.conf", "backup.conf", "new.conf", kept])
    assert [target.read(n) for n in ("overwrite.conf", "retain.conf", "backup.conf", kept)] == ["ours", "theirs", "ours", "theirs"]
    st = (target.path / kept).stat()
    assert (st.st_ino, stat.S_IMODE(st.st_mode), st.st_nlink) == (inode, 0o640, 1), "it is the file itself"


def test_a_refusal_names_every_file_and_the_script(agent, target, deciding):
    for name in ("disallow.a", "disallow.b", "overwrite.c"):
        target.write(name, "theirs")
    top = deciding({name: "ours" for name in ("disallow.a", "disallow.b", "overwrite.c")})
    before = tree_of(target.path)
    done = deploy(agent, top, code=1)
    assert done["error"]["error_code"] == "FileExists" and done["error"]["event"] == "Preflight"
    assert [c for c in done["conflicts"] if "(scripts/p.lua answers 'disallow')" in c] == done["conflicts"] != []
    assert len(done["conflicts"]) == 2 and tree_of(target.path) == before
    assert planned(agent, top, code=1)["paths"][-1]["conflict"]["verdict"] == "overwrite"


def test_the_script_knows_what_stands_there_and_what_comes(agent, target, deciding):
    target.write("a.conf", "theirs!", mode=0o604)
    os.symlink("a.conf", target.path / "l.conf")
    script = """return function(file)
  local e, c = file.exists, file.comes
  local text = {}
  for _, k in ipairs({"type", "size", "mode", "uid", "owner", "group", "digest", "ours", "edited"}) do
    text[#text + 1] = k .. "=" .. tostring(e[k])
  end
  error(table.concat(text, " ") .. " comes " .. c.type .. " " .. c.size .. " " .. c.mode .. " " .. tostring(c.digest)
        .. " " .. file.application .. " " .. file.group .. " " .. file.rule.line .. " " .. file.path, 0)
end
"""
    plan = planned(agent, deciding({"a.conf": ("ours", 0o755), "l.conf": "x"}, script), code=1)
    first, second = (e["message"] for e in plan["errors"])
    me = pathlib.Path(target.path / "a.conf")
    assert f"type=file size=7 mode=0604 uid={os.geteuid()} owner={me.owner()} group={me.group()} digest=sha256:" in first
    assert "ours=false edited=false comes file 4 0755 sha256:" in first and first.endswith(f" 8 {target.path}/a.conf")
    assert hashlib.sha256(b"theirs!").hexdigest() in first and hashlib.sha256(b"ours").hexdigest() in first
    assert "type=link size=6 mode=0777" in second and "digest=nil" in second


def test_what_was_ours_and_edited_is_asked_about_again(agent, target, deciding):
    script = """return function(file)
  if not file.exists.ours then return "disallow" end
  assert(file.exists.edited)
  return file.path:match("([a-z]+)[^/]*$")
end
"""
    files = ("overwrite.conf", "retain.conf", "backup.conf", "untouched.conf")
    deploy(agent, deciding({name: "1" for name in files}, script))
    for name in files[:3]:
        target.write(name, "mine")
    top = deciding({name: "2" for name in files}, script)
    plan = planned(agent, top)
    assert {n: c["verdict"] for n, c in conflicts(plan).items()} == {
        "overwrite.conf": "overwrite", "retain.conf": "retain", "backup.conf": "backup"}
    done = deploy(agent, top)
    kept = f"backup.conf.backup-{done['deployment_id']}"
    assert [target.read(n) for n in (*files, kept)] == ["2", "mine", "2", "2", "mine"]
    assert "retain.conf' was edited since" in " ".join(done["warnings"])
    # the backup is nobody's: neither drift nor in the way of the next revision, which leaves it alone
    assert agent("check").code == 0 and kept not in agent("check", "--json").out
    deploy(agent, deciding({"retain.conf": "3"}, script))
    assert names(target) == sorted(["retain.conf", kept])


def test_two_backups_of_one_file_stand_side_by_side(agent, target, deciding):
    target.write("backup.conf", "theirs")
    first = deploy(agent, deciding({"backup.conf": "1"}))["deployment_id"]
    target.write("backup.conf", "mine")
    second = deploy(agent, deciding({"backup.conf": "2"}))["deployment_id"]
    assert [target.read(f"backup.conf.backup-{i}") for i in (first, second)] == ["theirs", "mine"]


def test_a_link_is_kept_beside_as_a_link(agent, target, deciding):
    target.write("x", "x")
    os.symlink("x", target.path / "backup.conf")
    done = deploy(agent, deciding({"backup.conf": "1"}))
    assert os.readlink(target.path / f"backup.conf.backup-{done['deployment_id']}") == "x"
    assert target.read("x") == "x" and target.read("backup.conf") == "1"


@pytest.mark.parametrize("before", [True, False], ids=["an upgrade", "a first install"])
def test_a_restore_takes_the_backup_back(agent, target, deciding, before):
    if before:
        deploy(agent, deciding({"own": "1"}))
    target.write("backup.conf", "theirs")
    was = tree_of(target.path)
    inode = (target.path / "backup.conf").stat().st_ino
    done = deploy(agent, deciding({"backup.conf": "2", "own": "2"}, hooks={"ValidateService": f"ls {target.path}; exit 3"}),
                  "--on-failure", "restore", code=6 if before else 1)
    assert f"backup.conf.backup-{done['deployment_id']}" in json.dumps(done["events"]), "it was there at ValidateService"
    assert done["restore"]["files"] and tree_of(target.path) == was
    assert (target.path / "backup.conf").stat().st_ino == inode and (target.path / "backup.conf").stat().st_nlink == 1


def test_a_name_too_long_for_a_backup_refuses_before_anything_is_touched(agent, target, deciding):
    name = "backup" + "x" * 240
    target.write(name, "theirs")
    top = deciding({name: "ours"}, "return function() return 'backup' end")
    done = deploy(agent, top, code=1)
    assert done["error"]["event"] == "Preflight" and "too long a name to be kept as a backup" in done["error"]["message"]
    assert "too long a name" in planned(agent, top, code=1)["errors"][0]["message"]
    assert target.read(name) == "theirs"


@pytest.mark.parametrize("why, script, said", [
    ("an error", "return function()\n  error('boom')\nend", "scripts/p.lua:2: boom"),
    ("no answer", "return function() end", "scripts/p.lua:1: answered nothing, not 'overwrite'"),
    ("a wrong word", "\nreturn function() return 'keep' end", "scripts/p.lua:2: answered 'keep', not 'overwrite'"),
    ("a table", "return function() return {} end", "scripts/p.lua:1: answered a table, not"),
    ("no Lua", "retrun 1", "scripts/p.lua:1: syntax error near '1'"),
    ("no function", "return 1", "scripts/p.lua: it returns a number, not a function"),
    ("an endless loop", "return function()\n  while true do end\nend", "scripts/p.lua:"),
    ("a memory hog", "return function()\n  local t = {}\n  while true do t[#t + 1] = ('x'):rep(9999) .. #t end\nend", "scripts/p.lua:1: needs"),
    ("a deep recursion", "local function f(n) return 1 + f(n) end\nreturn f", "scripts/p.lua:1"),
    ("something outside", "return function() return os.getenv('HOME') end", "attempt to index a nil value (global 'os')"),
])
def test_who_does_not_answer_refuses_with_file_and_line(agent, target, deciding, why, script, said):
    target.write("a", "theirs")
    top = deciding({"a": "ours"}, script)
    before = tree_of(target.path)
    plan = planned(agent, top, code=1)
    assert said in plan["errors"][0]["message"] and plan["errors"][0]["line"] == 8, plan["errors"]
    done = deploy(agent, top, code=1)
    assert (done["error"]["event"], done["error"]["error_code"]) == ("Preflight", "ScriptFailed")
    assert said in done["error"]["message"] and tree_of(target.path) == before
    wait_until(lambda: not processes_of(agent.root))


def test_a_script_that_is_not_there_is_missed_by_lint_plan_and_deploy(agent, target, deciding):
    top = deciding({"a": "ours"})
    shutil.rmtree(top / "scripts")
    assert "the policy 'scripts/p.lua' is not in the bundle" in agent("lint", top).out
    assert "the policy does not exist at its location" in planned(agent, top, code=1)["errors"][0]["message"]
    assert deploy(agent, top, code=1)["error"]["error_code"] == "ScriptMissing"
    (top / "scripts").mkdir()
    os.symlink("/etc/passwd", top / "scripts/p.lua")
    assert "the policy 'scripts/p.lua' is no file" in agent("lint", top).out
    assert deploy(agent, top, code=1)["error"]["event"] == "Preflight", "a link is not followed"


def test_the_plan_id_tells_another_answer(agent, target, deciding):
    target.write("retain", "theirs")
    top = deciding({"retain": "ours"})
    one = planned(agent, top)["plan_id"]
    (top / "scripts/p.lua").write_text(NAMES.replace("([a-z]+)", "()").replace("return file", "return 'overwrite', file"))
    assert planned(agent, top)["plan_id"] != one
    assert deploy(agent, top, "--plan", one, code=5)["error"]["error_code"] == "PlanChanged"


def user_of(pid):
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return int(status.partition("Uid:")[2].split()[1])


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_root_asks_as_nobody(agent, target, deciding):
    target.write("a", "theirs")
    top = deciding({"a": "ours"}, "return function(file)\n  for i = 1, 1 << 40 do end\nend")
    with subprocess.Popen([agent.program, "--root", agent.root, "plan", top], env=agent.env, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as plan:
        seen = []

        def asked():
            seen.extend(user_of(pid) for pid, _ in processes_of(agent.root))
            return any(seen) or plan.poll() is not None
        wait_until(asked)
        assert plan.wait() == 1
    assert set(seen) == {0, pwd.getpwnam("nobody").pw_uid}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
def test_an_ordinary_user_gets_the_same(agent, target, deciding, tmp_path):
    files = ("overwrite.conf", "retain.conf", "backup.conf")
    for name in files:
        target.write(name, "theirs")
    top = deciding({name: "ours" for name in files})
    for path in (tmp_path, *tmp_path.rglob("*")):
        os.lchown(path, 65534, 65534)
    with tempfile.TemporaryDirectory() as home:  # pytest's own folder is for root alone
        os.chmod(home, 0o755)
        moved = pathlib.Path(home) / "t"
        shutil.copytree(tmp_path, moved)
        for path in (moved, *moved.rglob("*")):
            os.lchown(path, 65534, 65534)
        spec = moved / top.name / "appspec.yml"
        spec.write_text(spec.read_text().replace(str(tmp_path), str(moved)))
        done = subprocess.run([agent.program, "--root", moved / "root", "local", moved / top.name, "--json"], env=agent.env,
                              user=65534, group=65534, extra_groups=[], capture_output=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        kept = f"backup.conf.backup-{json.loads(done.stdout)['deployment_id']}"
        assert [(moved / "target" / n).read_text() for n in (*files, kept)] == ["ours", "theirs", "ours", "theirs"]


# The host's own policy


VETO = """return function(d)
  if d.application ~= "" and #d.events == 11 and d.time.year > 2000 and d.time.utc > 0 and d.files.added == 1 then
    local hook = d.hooks[1]
    assert(#d.hooks == 1 and hook.event == "ApplicationStart" and hook.script and hook.runas == nil)
    return false, "not by " .. d.requested_by.login .. " to " .. d.destinations[1] .. " of " .. d.revision.type
  end
  error("asked wrongly")
end
"""


def host_policy(agent, text, name="policy.lua", mode=0o644):
    path = agent.root / "etc/slipway" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_veto_refuses_before_anything_is_touched_and_a_plan_tells(agent, bundle, target):
    host_policy(agent, VETO)
    top = bundle(files={"a": "1"}, hooks={"ApplicationStart": "true"})
    reason = f"this host's policy does not allow it: not by {getpass.getuser()} to {target.path} of Local Directory"
    plan = planned(agent, top, code=1)
    assert plan["vetoed"] and plan["errors"][0]["message"].startswith(reason)
    assert "this would be refused before anything is touched" in agent("plan", top).out
    done = agent.local(top, *GROUP, "--json")
    assert done.code == 5 and names(target) == []
    error = done.json["error"]
    assert (error["event"], error["error_code"], error["refused"]) == ("Preflight", "DeniedByPolicy", True)
    assert error["message"].startswith(reason) and error["message"].endswith(f"({agent.root}/etc/slipway/policy.lua:1)")
    assert "error[DeniedByPolicy]: Preflight was refused on " in agent.local(top, *GROUP).err
    assert agent("explain", error["message"]).out.startswith("DeniedByPolicy: ")
    host_policy(agent, "return function(d) return true end")
    assert deploy(agent, top)["status"] == "Succeeded" and not planned(agent, top)["vetoed"]


@pytest.fixture
def daemon(agent, tmp_path):
    made = Daemon(agent, tmp_path)
    yield made.start()
    made.clean_up()


def test_a_veto_through_the_daemon_leaves_the_running_revision_alone(agent, daemon, bundle, target, tmp_path):
    first = bundle(files={"a": "1"}, hooks={"ApplicationStop": f"touch {tmp_path}/stopped"})
    assert agent("deploy", "--group", "web", first).code == 0
    host_policy(agent, "return function(d)\n  return d.group ~= 'web', 'web is frozen'\nend")
    done = agent("deploy", "--group", "web", bundle(files={"a": "2"}), "--json")
    assert done.code == 5 and done.last["error"]["error_code"] == "DeniedByPolicy"
    assert "web is frozen" in done.last["error"]["message"]
    assert target.read("a") == "1" and not (tmp_path / "stopped").exists()
    assert agent("wait", done.last["deployment_id"]).code == 5
    assert agent("show", done.last["deployment_id"], "--json").json["error"]["error_code"] == "DeniedByPolicy"
    assert agent("deploy", "--group", "other", bundle(files={"b": "2"})).code == 0


def test_a_restore_is_nobody_to_veto(agent, bundle, target):
    deploy(agent, bundle(files={"a": "1"}))
    path = agent.root / "etc/slipway/policy.lua"
    host_policy(agent, "return function(d) return true end")
    text = "return function(d) return false, 'no' end"
    bad = bundle(files={"a": "2"}, hooks={"ValidateService": f"printf %s \"{text}\" >{path}; exit 1"})
    done = deploy(agent, bad, "--on-failure", "restore", code=6)
    assert done["restore"]["validated"] and target.read("a") == "1"
    assert deploy(agent, bundle(files={"a": "3"}), code=5)["error"]["error_code"] == "DeniedByPolicy"


@pytest.mark.parametrize("why, text, mode, said", [
    ("no Lua", "return funktion", 0o644, "policy.lua: it returns nothing, not a function"),
    ("a syntax error", "\nreturn = 1", 0o644, "policy.lua:2: unexpected symbol near '='"),
    ("writable by the group", "return function() return true end", 0o664, "policy.lua' has mode 0664, so others may write to it: chmod go-w "),
    ("writable by everybody", "return function() return true end", 0o646, "policy.lua' has mode 0646, so others may write to it: chmod go-w "),
])
def test_a_policy_that_cannot_be_asked_allows_nothing_and_is_found_before(agent, bundle, target, why, text, mode, said):
    host_policy(agent, text, mode=mode)
    done = deploy(agent, bundle(files={"a": "1"}), code=5)
    assert done["error"]["message"].startswith("this host's policy could not be asked, so nothing is allowed: ")
    assert said in done["error"]["message"] and names(target) == []
    config = agent("check-config")
    assert config.code == 2 and said in config.err
    assert said in json.dumps(agent("check-config", "--json").json["errors"])
    checks = {c["check"]: c for c in agent("doctor", "--json").json["checks"]}
    assert checks["policy"]["level"] == "error" and said in checks["policy"]["message"]


@pytest.mark.parametrize("text, said", [
    ("return function() return 'yes' end", "answered neither true nor false"),
    ("return function() end", "answered neither true nor false"),
    ("return function(d) return d.nothing.at.all end", "policy.lua:1: attempt to index a nil value"),
    ("return function() while true do end end", "policy.lua:1: "),
    ("return function() return false end", "it gives no reason"),
])
def test_whatever_is_not_true_is_a_veto(agent, bundle, target, text, said):
    host_policy(agent, text)
    assert agent("check-config").code == 0
    assert said in deploy(agent, bundle(files={"a": "1"}), code=5)["error"]["message"]
    assert names(target) == []


def test_the_configuration_names_another_policy_which_must_be_there(agent, bundle, target):
    other = host_policy(agent, "return function() return false, 'other' end", name="other.lua")
    agent.configure(f"policy: {other}\n")
    assert "other" in deploy(agent, bundle(files={"a": "1"}), code=5)["error"]["message"]
    assert agent("check-config", "--json").json["settings"]["policy"] == str(other)
    other.unlink()
    assert "is not there" in agent("check-config").err
    done = deploy(agent, bundle(files={"a": "1"}), code=5)
    assert "which 'policy' in the configuration names" in done["error"]["message"]
    agent.configure("policy: relative.lua\n")
    assert "'policy' is 'relative.lua', not a path from '/'" in agent("check-config").err


def test_a_link_to_a_policy_that_is_not_there_allows_nothing(agent, bundle, target):
    """Such as one on a file system that is not mounted (yet)."""
    path = host_policy(agent, "return function() return true end")
    path.unlink()
    path.symlink_to("/no/such/policy.lua")
    message = deploy(agent, bundle(files={"a": "1"}), code=5)["error"]["message"]
    assert f"'{path}' is a link that leads to nothing" in message and names(target) == []
    assert "a link that leads to nothing" in agent("check-config").err


def test_hooks_that_only_a_later_deployment_runs_are_asked_about_now(agent, bundle, tmp_path):
    """ApplicationStop runs when the next revision comes, and what that one's question holds is its own hooks."""
    host_policy(agent, """return function(d)
  for _, hook in ipairs(d.hooks) do
    if not hook.runas then return false, hook.event .. " would run as the agent" end
  end
  return true
end
""")
    made = bundle(files={"a": "1"}, hooks={"ApplicationStop": f"touch {tmp_path}/ran"})
    done = deploy(agent, made, "--events", "AfterInstall", code=5)
    assert "ApplicationStop would run as the agent" in done["error"]["message"]
    deploy(agent, bundle(files={"a": "2"}))
    assert not (tmp_path / "ran").exists()


def test_variables_of_the_request_are_asked_about(agent, daemon, bundle):
    """Hooks of the host get them, too, and run as root."""
    host_policy(agent, """return function(d)
  for name, value in pairs(d.env) do
    if name ~= "PORT" then return false, name .. "=" .. value .. " is no variable for this host" end
  end
  return true
end
""")
    top = bundle(files={"a": "1"})
    bad = agent("deploy", top, "--env", "LD_PRELOAD=/tmp/x=y.so", "--env", "PORT=1", "--json")
    assert bad.code == 5 and "LD_PRELOAD=/tmp/x=y.so is no variable for this host" in bad.last["error"]["message"]
    assert agent("deploy", top, "--env", "PORT=1").code == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give files away")
def test_a_policy_or_folder_of_somebody_else_allows_nothing(agent, bundle):
    path = host_policy(agent, "return function() return true end")
    os.chown(path, 65534, 0)
    assert f"'{path}' belongs to user 65534, who may write to it: chown root {path}" in deploy(agent, bundle(files={"a": "1"}), code=5)["error"]["message"]
    os.chown(path, 0, 0)
    path.parent.chmod(0o777)
    assert f"'{path.parent}' has mode 0777, so others may write to it: chmod go-w {path.parent}" in deploy(agent, bundle(files={"a": "1"}), code=5)["error"]["message"]
    path.parent.chmod(0o755)
    deploy(agent, bundle(files={"a": "1"}))


def test_what_runs_already_needs_nobodys_leave(agent, daemon, bundle):
    top = bundle(files={"a": "1"}, pack=True)
    assert agent("deploy", "--group", "web", top).code == 0
    host_policy(agent, "return function() return false, 'no' end")
    assert agent("deploy", "--group", "web", top, "--json").last["changed"] is False
    assert agent("deploy", "--group", "web", top, "--force").code == 5
