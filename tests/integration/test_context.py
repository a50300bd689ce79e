"""SELinux contexts of `permissions`: rules and labels come with an install and go with it.

The tools are stand-ins (fake_selinux.py) with the words of semanage 3.4: the real ones change the policy of the host, and
restorecon does nothing where the kernel has no SELinux.
"""
import json
import os
import pathlib
import shutil

import pytest
from conftest import leftovers, processes_of, wait_until
from worker_talk import GROUP, Worker, request

FAKE = pathlib.Path(__file__).with_name("fake_selinux.py")
SYSTEM = "/usr/sbin:/sbin:/usr/bin:/bin"

pytestmark = pytest.mark.usefixtures("as_root")


class Selinux:
    """A host with SELinux, as far as the tools go."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        for name in ("semanage", "restorecon"):
            shutil.copy(FAKE, folder / name)

    @property
    def rules(self):
        path = self.folder / "rules.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def calls(self):
        """What was called since the last time, each as its words."""
        path = self.folder / "calls.jsonl"
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    def put(self, name, text=""):
        (self.folder / name).write_text(str(text))

    @staticmethod
    def label(path):
        try:
            return os.getxattr(path, "trusted.slipway-test", follow_symlinks=False).decode()
        except OSError:
            return None

    def state(self, target):
        """All that an undone install must bring back."""
        return self.rules, {str(p): self.label(p) for p in sorted(target.path.rglob("*"))}, target.tree()


@pytest.fixture
def selinux(agent, tmp_path):
    tools = Selinux(tmp_path / "tools")
    agent.env["PATH"] = f"{tools.folder}:{agent.env['PATH']}"
    return tools


def permit(target, *entries):
    """The permissions section: ("pattern", "context") or ("pattern", "context", "type")."""
    lines = ["permissions:"]
    for pattern, context, *kind in entries:
        lines += [f"  - object: {target.path}", f"    pattern: '{pattern}'", f"    type: [{kind[0] if kind else 'file'}]"]
        lines += [f"    context: {{{context}}}"] if context else ["    mode: 644"]
    return "\n".join(lines) + "\n"


FULL = "name: staff_u, type: web_t, range: 's0-s1:c1,c0'"
LABEL = "staff_u:web_t:s0-s1:c0.c1"


def spec(path):
    return str(path).replace(".", "\\.")


def instructions(agent):
    return agent.deployment_root / "deployment-instructions"


def test_one_object_takes_the_commands_of_the_reference(agent, bundle, target, selinux):
    path = target.path / "a.txt"
    done = agent.local(bundle(files={"a.txt": "1", "b": "2"}, extra=permit(target, ("a.txt", FULL))), "--json")
    assert done.code == 0, done.err
    assert selinux.calls() == [
        ["semanage", "fcontext", "-a", "-s", "staff_u", "-t", "web_t", "-r", "s0-s1:c0.c1", spec(path)],
        ["restorecon", "-v", "-F", str(path)]]
    assert (selinux.label(path), selinux.label(target.path / "b")) == (LABEL, None)
    assert (instructions(agent) / f"{GROUP}-cleanup").read_bytes().endswith(f"semanage\0{path}\n".encode())
    recorded = json.loads((instructions(agent) / f"{GROUP}-install.json").read_text())["instructions"]
    assert recorded[-1] == {"type": "semanage", "file": str(path), "context":
                            {"user": "staff_u", "role": None, "type": "web_t", "range": "s0-s1:c0.c1"}}


def test_a_context_without_user_and_range_leaves_them_to_the_system(agent, bundle, target, selinux):
    assert agent.local(bundle(files={"a": "1"}, extra=permit(target, ("a", "type: web_t")))).code == 0
    path = str(target.path / "a")
    assert selinux.calls() == [["semanage", "fcontext", "-a", "-t", "web_t", spec(path)], ["restorecon", "-v", path]]


def test_the_order_of_the_records_is_mode_context_owner(agent, bundle, target, selinux):
    extra = permit(target, ("a", FULL)) + "    mode: 600\n    owner: root\n    acls: ['u:root:r']\n"
    assert agent.local(bundle(files={"a": "1"}, extra=extra)).code == 0
    recorded = json.loads((instructions(agent) / f"{GROUP}-install.json").read_text())["instructions"]
    assert [i["type"] for i in recorded] == ["copy", "chmod", "setfacl", "semanage", "chown"]


def test_many_objects_take_one_transaction(agent, bundle, target, selinux):
    files = {f"d/{n}": "x" for n in range(150)}
    assert agent.local(bundle(files=files, extra=permit(target, ("**", "type: web_t", "file, directory")))).code == 0
    listed, first, *rest = selinux.calls()
    assert listed == ["semanage", "fcontext", "-E"]
    assert first[:2] == ["semanage", "import"] and len(first) == 2 + 151
    assert [len(c) - 2 for c in rest] == [100, 51] and {c[0] for c in rest} == {"restorecon"}
    assert {selinux.label(p) for p in target.path.rglob("*")} == {"system_u:web_t:s0"}


def test_odd_names_match_only_themselves(agent, bundle, target, selinux):
    names = ["a b", "a+b", "a'b\"c", "a\nb", "\u00e4", "[x](y)"]
    extra = permit(target, ("**", "type: web_t"))
    assert agent.local(bundle(files={**{n: "1" for n in names}, "aab": "2"}, extra=extra)).code == 0
    assert {n: selinux.label(target.path / n) for n in names} == dict.fromkeys(names, "system_u:web_t:s0")
    assert not any(" " in rule or "\n" in rule for rule in selinux.rules)


def test_a_link_is_labelled_itself(agent, bundle, target, selinux):
    elsewhere = target.path.parent / "elsewhere"
    elsewhere.write_text("x")
    top = bundle(files={"a": "1"}, extra=permit(target, ("l", "type: web_t")))
    (top / "content/l").symlink_to(elsewhere)
    assert agent.local(top).code == 0
    link = target.path / "l"
    assert list(selinux.rules) == [spec(link)] and selinux.label(link) and not selinux.label(elsewhere)


def test_the_same_again_changes_nothing(agent, bundle, target, selinux):
    top = bundle(files={"a": "1", "d/b": "2"}, extra=permit(target, ("**", FULL, "file, directory")))
    assert agent.local(top).code == 0
    selinux.calls()
    done = agent.local(top, "--json")
    assert (done.code, done.json["files"]["unchanged"], selinux.calls()) == (0, 2, [])


def test_an_upgrade_keeps_changes_and_removes_rules(agent, bundle, target, selinux):
    files = {"same": "1", "other": "1", "none": "1", "gone": "1", "d/x": "1"}
    assert agent.local(bundle(files=files, extra=permit(target, ("*", FULL), ("d", "type: web_t", "directory")))).code == 0
    selinux.calls()
    new = {"same": "2", "other": "1", "none": "1", "d/x": "1"}
    extra = permit(target, ("same", FULL), ("other", "type: other_t"), ("d", "type: other_t", "directory"))
    assert agent.local(bundle(files=new, extra=extra)).code == 0
    path = {name: str(target.path / name) for name in [*files, "d"]}
    assert selinux.rules == {spec(path["same"]): LABEL, spec(path["other"]): "system_u:other_t:s0",
                             spec(path["d"]): "system_u:other_t:s0"}
    assert [selinux.label(target.path / n) for n in ("same", "other", "none", "d")] == \
        [LABEL, "system_u:other_t:s0", None, "system_u:other_t:s0"]
    assert not any(spec(path["same"]) in line for call in selinux.calls() if call[0] == "semanage" for line in call)


def test_a_rule_that_is_there_already_gets_the_new_content(agent, bundle, target, selinux):
    path = target.path / "a"
    selinux.put("rules.json", json.dumps({spec(path): "system_u:hand_t:s0"}))
    assert agent.local(bundle(files={"a": "1"}, extra=permit(target, ("a", FULL)))).code == 0
    assert selinux.rules == {spec(path): LABEL}


def say(target, command, status, said, line):
    return (f"  line {line} of the appspec: The deployment failed because the application specification file contains an error "
            "in the settings for the context parameter. Update the permissions section of the AppSpec file, and then try "
            f"again. Failed command: {command}. Exit code: {status}: {said}")


@pytest.fixture
def good(scene, bundle, selinux):
    """A revision with rules runs."""
    extra = permit(scene.target, ("*", FULL), ("d", "type: web_t", "directory"))
    scene.install(bundle(files={"a": "1", "b": "1", "d/x": "1"}, extra=extra))
    selinux.put("types", "web_t\nother_t")
    selinux.calls()
    return scene


def test_a_wrong_type_fails_the_install_and_leaves_everything(good, bundle, selinux):
    before = selinux.state(good.target)
    extra = permit(good.target, ("a", "type: other_t"), ("new", "type: no_such_type_t"), ("d", "type: other_t", "directory"))
    bad = good.agent.local(bundle(files={"a": "2", "new": "1", "d/x": "2"}, extra=extra), "--json")
    assert (bad.json["error"]["event"], bad.json["error"]["error_code"]) == ("Install", "AppSpecInvalid"), bad.err
    said = say(good.target, f"semanage fcontext -a -t no_such_type_t {spec(good.target.path)}/new", 1,
               "ValueError: Type no_such_type_t is invalid, must be a file or device type", 11)
    assert said in bad.err.splitlines(), bad.err
    assert selinux.state(good.target) == before
    good.clean()


def test_a_label_that_cannot_be_set_fails_the_install(good, bundle, selinux):
    before = selinux.state(good.target)
    selinux.put("no-restorecon", good.target.path / "new")
    extra = permit(good.target, ("*", "type: web_t"))
    bad = good.agent.local(bundle(files={"a": "2", "new": "1"}, extra=extra), "--json")
    command = f"restorecon -v {good.target.path}/new"
    said = f"restorecon: Could not set context for {good.target.path}/new:  Operation not supported"
    assert say(good.target, command, 1, said, 7) in bad.err.splitlines(), bad.err
    assert selinux.state(good.target) == before
    good.clean()


def test_of_many_rules_a_wrong_one_is_found_at_once(agent, bundle, target, selinux):
    files = {f"a{n}": "x" for n in range(50)}
    extra = permit(target, ("a*", "type: web_t"), ("z", "type: bad"))
    assert agent.local(bundle(files={**files, "z": "1"}, extra=extra)).code == 1
    assert len(selinux.calls()) < 10 and (selinux.rules, target.tree()) == ({}, {})


def test_a_first_install_that_fails_leaves_no_rules(agent, bundle, target, selinux):
    extra = permit(target, ("a", "type: web_t"), ("b", "type: bad"))
    assert agent.local(bundle(files={"a": "1", "b": "1"}, extra=extra)).code == 1
    assert (selinux.rules, target.tree()) == ({}, {})


def test_a_failure_after_the_install_brings_rules_and_labels_back(good, bundle, selinux):
    before = selinux.state(good.target)
    extra = permit(good.target, ("*", "type: other_t"), ("d", "type: other_t", "directory"))
    bad = good.agent.local(bundle(files={"a": "2", "c": "1", "d/x": "2"}, extra=extra, hooks={"AfterInstall": "exit 3"}))
    assert bad.code == 6, bad.err
    assert selinux.state(good.target) == before
    good.clean()


def test_rules_that_cannot_come_back_need_recovery_until_they_can(good, bundle, selinux):
    before = selinux.state(good.target)
    extra = permit(good.target, ("*", "type: other_t"))
    bad = good.agent.local(bundle(files={"a": "2"}, extra=extra, hooks={"AfterInstall": f"touch {selinux.folder}/broken; exit 1"}),
                           "--json")
    assert (bad.code, bad.json["needs_recovery"]) == (1, True), bad.err
    assert "Could not start semanage transaction" in bad.err
    (selinux.folder / "broken").unlink()
    assert [d["status"] for d in recover(good.agent)] == ["Failed"]
    assert selinux.state(good.target) == before
    good.clean()


def recover(agent):
    with Worker(agent, {"schema": 1, "recover": {"deployment_root": str(agent.deployment_root), "group": GROUP}}) as worker:
        lines = worker.lines()
        assert worker.process.wait(60) == 0, lines
    return [line["deployment"] for line in lines if line["progress"] == "recovered"]


MOMENTS = [("before", "{}/a"), ("after", "{}/a"), ("before", "{}/new"), ("before", "label {}/a"), ("before", "label {}/d")]


def moment_of(place, target):
    """As fake_selinux.py is asked: of a rule its specification, of a label the path."""
    return place.format(target.path if place.startswith("label ") else spec(target.path))


@pytest.mark.parametrize("moment, place", MOMENTS)
@pytest.mark.parametrize("singly", [False, True])
def test_a_worker_killed_between_the_renames_and_a_label_is_recovered(good, bundle, selinux, moment, place, singly):
    before = selinux.state(good.target)
    names = {"a": "2"} if singly else {"a": "2", "new": "1"}
    if place.format("") == "/new" and singly:
        place = "{}/b"
    selinux.put(f"kill-{moment}", moment_of(place, good.target))
    extra = permit(good.target, ("*", "type: other_t"), ("d", "type: other_t", "directory"))
    bad = request(good.agent, bundle(files={**names, "d/x": "2"}, extra=extra))
    with Worker(good.agent, bad) as worker:
        assert worker.process.wait(60) != 0
    wait_until(lambda: not processes_of(good.agent.root))
    done, = recover(good.agent)
    assert (done["error"]["error_code"], done["error"]["event"]) == ("FailedAfterRestart", "Install")
    assert selinux.state(good.target) == before
    assert leftovers(good.top) == []


@pytest.mark.parametrize("moment, place", MOMENTS)
def test_where_nothing_is_restored_recovery_goes_on_to_the_end(good, bundle, selinux, moment, place):
    selinux.put(f"kill-{moment}", moment_of(place, good.target))
    extra = permit(good.target, ("*", "type: other_t"), ("d", "type: other_t", "directory"))
    top = bundle(files={"a": "2", "new": "1", "d/x": "2"}, extra=extra)
    with Worker(good.agent, request(good.agent, top, on_failure="none")) as worker:
        assert worker.process.wait(60) != 0
    assert len(recover(good.agent)) == 1
    assert set(selinux.rules) == {spec(good.target.path / n) for n in ("a", "new", "d")}
    assert {selinux.label(good.target.path / n) for n in ("a", "new", "d")} == {"system_u:other_t:s0"}
    assert leftovers(good.top) == []


def without_tools(agent, path):
    for name in ("semanage", "restorecon"):
        if shutil.which(name, path=SYSTEM):
            pytest.skip(f"this host has a {name}, which is found whatever PATH says")
    agent.env["PATH"] = path


def test_without_the_tools_nothing_is_touched(good, bundle, selinux):
    without_tools(good.agent, SYSTEM)
    fingerprint = good.fingerprint()
    bad = good.agent.local(bundle(files={"a": "2"}, extra=permit(good.target, ("a", FULL))), "--json")
    assert (bad.code, bad.json["error"]["event"]) == (1, "Preflight"), bad.err
    assert f"object '{good.target.path}' has an SELinux context: " in bad.err and "semanage" in bad.err
    assert good.fingerprint() == fingerprint


def test_the_tools_are_found_where_path_has_no_system_folders(agent, bundle, target, selinux):
    agent.env["PATH"] = f":relative:{selinux.folder}"
    assert agent.local(bundle(files={"a": "1"}, extra=permit(target, ("a", FULL)))).code == 0
    assert len(selinux.rules) == 1


def test_a_plan_tells_the_contexts(good, bundle, selinux):
    extra = permit(good.target, ("a", "type: other_t"), ("b", FULL), ("d", "type: web_t", "directory"))
    done = good.agent("plan", bundle(files={"a": "1", "b": "1", "d/x": "1"}, extra=extra), "--group", GROUP, "--json")
    paths = {p["path"]: p for p in done.json["paths"]}
    assert (paths[f"{good.target.path}/a"]["action"], paths[f"{good.target.path}/a"]["context"]) == (
        "change", {"user": None, "type": "other_t", "range": None})
    assert paths[f"{good.target.path}/b"]["context"] == {"user": "staff_u", "type": "web_t", "range": "s0-s1:c0.c1"}
    assert paths[f"{good.target.path}/d/x"]["context"] is None
    shown = good.agent("plan", bundle(files={"a": "1", "b": "2", "d/x": "1"}, extra=extra), "--group", GROUP, "-v").out
    assert f"  change     {good.target.path}/a  SELinux context other_t\n" in shown
    assert f"  change     {good.target.path}/b  SELinux context {LABEL.replace(':', ' ', 2)}\n" in shown
    assert selinux.calls() == []


# Taking over from a CodeDeploy agent

@pytest.fixture
def taken_over(agent, target, selinux):
    """That agent has installed two files with rules, which it does not escape."""
    folder = instructions(agent)
    folder.mkdir(parents=True)
    paths = [target.write("a.txt", "old"), target.write("gone.txt", "old")]
    rules = {str(p): "system_u:web_t:s0" for p in paths}
    selinux.put("rules.json", json.dumps(rules))
    (folder / f"{GROUP}-cleanup").write_text("".join(f"{p}\n" for p in paths) + "".join(f"semanage\0{p}\n" for p in paths))
    recorded = [{"type": "semanage", "context": {"user": None, "role": None, "type": "web_t", "range": "s0"}, "file": str(p)}
                for p in paths]
    (folder / f"{GROUP}-install.json").write_text(json.dumps({"instructions": recorded}))
    return rules


def test_rules_of_a_codedeploy_agent_are_taken_over(agent, bundle, target, selinux, taken_over):
    done = agent.local(bundle(files={"a.txt": "new"}, extra=permit(target, ("a.txt", FULL))))
    assert done.code == 0, done.err
    assert selinux.rules == {spec(target.path / "a.txt"): LABEL}


def test_and_are_back_when_the_deployment_fails(agent, bundle, target, selinux, taken_over):
    extra = permit(target, ("a.txt", FULL))
    assert agent.local(bundle(files={"a.txt": "new"}, extra=extra, hooks={"AfterInstall": "exit 1"})).code != 0
    assert selinux.rules == taken_over
    assert target.read("a.txt") == "old"
