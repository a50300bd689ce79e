"""What the folder hands down that things are installed in: its default ACL and its SELinux label, and no other folder's."""
import errno
import json
import os
import struct

import pytest

ALL = 0xffffffff
# user::rwx, user 1:rwx, group::r-x, mask::rwx, other::---
ENTRIES = [(1, 7, ALL), (2, 7, 1), (4, 5, ALL), (16, 7, ALL), (32, 0, ALL)]
ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
LABEL, MADE_UP = "security.selinux", b"system_u:object_r:made_up_t:s0\0"
FILES = {"a": "1", "d/b": ("2", 0o750), "d/e/c": "3"}


def packed(entries):
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def entries(path, name):
    try:
        raw = os.getxattr(path, name, follow_symlinks=False)
    except OSError as failed:
        assert failed.errno == errno.ENODATA
        return []
    return [struct.unpack_from("<HHI", raw, at) for at in range(4, len(raw), 8)]


def label(path):
    return os.getxattr(path, LABEL, follow_symlinks=False) if LABEL in os.listxattr(path, follow_symlinks=False) else None


def give(path, name, value):
    os.makedirs(path, exist_ok=True)
    try:
        os.setxattr(path, name, value)
    except OSError as failed:
        if failed.errno not in (errno.EOPNOTSUPP, errno.EPERM):
            raise
        pytest.skip(f"{name} cannot be set here")


def install(agent, revision):
    done = agent.local(revision, "--json")
    assert done.code == 0, done.err
    return done.json["files"]


def made_in_place(path, files, acl=packed(ENTRIES)):
    """FILES as a program makes them that makes each where it is to be: what counts is what the kernel does then."""
    os.mkdir(path)
    os.setxattr(path, DEFAULT, acl)
    for name, content in files.items():
        mode = content[1] if isinstance(content, tuple) else 0o644
        full = os.path.join(path, name)
        os.makedirs(os.path.dirname(full), mode=0o777, exist_ok=True)
        with open(full, "w", encoding="utf-8"):
            os.chmod(full, mode)


def shown(path):
    return oct(os.stat(path).st_mode), entries(path, ACCESS), entries(path, DEFAULT)


def test_a_folder_beside_the_destination_hands_nothing_down(agent, bundle, target):
    give(os.path.dirname(target.path), DEFAULT, packed(ENTRIES))
    give(os.path.dirname(target.path), LABEL, MADE_UP)
    install(agent, bundle(files=FILES))
    paths = [os.path.join(target.path, name) for name in ("a", "d", "d/b")]
    assert [shown(path)[1:] for path in paths] == [([], [])] * 3
    assert [label(path) for path in paths] == [None] * 3
    assert [os.stat(path).st_mode & 0o777 for path in paths] == [0o644, 0o755, 0o750]


@pytest.mark.parametrize("acl", [ENTRIES, [(1, 7, ALL), (4, 7, ALL), (32, 1, ALL)],
                                 [(1, 7, ALL), (2, 4, 1), (4, 4, ALL), (8, 7, 5), (16, 1, ALL), (32, 4, ALL)]],
                         ids=["names somebody", "base entries", "a mask that takes rights"])
def test_the_destination_hands_its_default_acl_down(agent, bundle, target, acl, tmp_path):
    give(target.path, DEFAULT, packed(acl))
    made_in_place(tmp_path / "like", FILES, packed(acl))
    install(agent, bundle(files=FILES))
    for name in ("a", "d", "d/b", "d/e", "d/e/c"):
        assert shown(os.path.join(target.path, name)) == shown(tmp_path / "like" / name), name


def test_what_a_default_acl_has_made_is_unchanged_and_no_drift(agent, bundle, target):
    give(target.path, DEFAULT, packed(ENTRIES))
    revision = bundle(files=FILES)
    assert install(agent, revision)["added"] == 3
    assert install(agent, revision)["unchanged"] == 3
    checked = agent("check")
    assert checked.code == 0, checked.out + checked.err
    plan = agent("plan", revision, "--group", "default-local-deployment-group", "--json")
    assert {each["action"] for each in plan.json["paths"]} == {"unchanged"}


def test_with_another_default_acl_everything_is_made_anew(agent, bundle, target, tmp_path):
    give(target.path, DEFAULT, packed(ENTRIES))
    revision, other = bundle(files=FILES), packed([(1, 7, ALL), (2, 4, 2), (4, 5, ALL), (16, 5, ALL), (32, 5, ALL)])
    install(agent, revision)
    give(target.path, DEFAULT, other)
    made_in_place(tmp_path / "like", FILES, other)
    assert install(agent, revision)["changed"] == 3
    for name in ("a", "d", "d/b", "d/e", "d/e/c"):
        assert shown(os.path.join(target.path, name)) == shown(tmp_path / "like" / name), name
    os.removexattr(target.path, DEFAULT)
    assert install(agent, revision)["changed"] == 3
    assert [shown(os.path.join(target.path, name)) for name in ("a", "d", "d/b")] == [
        (oct(mode), [], []) for mode in (0o100644, 0o40755, 0o100750)]


def test_a_failed_deployment_brings_the_old_acls_back(agent, bundle, target):
    install(agent, bundle(files=FILES))
    before = [shown(os.path.join(target.path, name)) for name in ("a", "d", "d/b")]
    give(target.path, DEFAULT, packed(ENTRIES))
    failed = agent.local(bundle(files=FILES, hooks={"ValidateService": "exit 3"}))
    assert failed.code != 0 and "restored" in failed.out + failed.err
    assert [shown(os.path.join(target.path, name)) for name in ("a", "d", "d/b")] == before


def test_permissions_have_the_last_word(agent, bundle, target):
    give(target.path, DEFAULT, packed(ENTRIES))
    install(agent, bundle(files=FILES, extra="permissions: " + json.dumps([
        {"object": f"{target.path}", "pattern": "a", "mode": "0604"},
        {"object": f"{target.path}/d", "type": ["file"], "acls": ["u:bin:r"]},
        {"object": f"{target.path}", "pattern": "d", "type": ["directory"], "acls": ["u:bin:rwx"], "mode": "0750"},
        {"object": f"{target.path}/d", "type": ["directory"], "acls": ["d:u:bin:rwx"]}]) + "\n"))

    def at(name):
        return shown(os.path.join(target.path, name))

    assert at("a") == (oct(0o100604), [(1, 6, ALL), (2, 7, 1), (4, 5, ALL), (16, 0, ALL), (32, 4, ALL)], [])
    assert at("d/b") == (oct(0o100750), [(1, 7, ALL), (2, 4, 2), (4, 5, ALL), (16, 5, ALL), (32, 0, ALL)], [])
    assert at("d") == (oct(0o40750), [(1, 7, ALL), (2, 7, 2), (4, 5, ALL), (16, 5, ALL), (32, 0, ALL)], ENTRIES)
    assert at("d/e") == (oct(0o40770), [], [(1, 7, ALL), (2, 7, 2), (4, 7, ALL), (16, 7, ALL), (32, 0, ALL)])
    assert at("d/e/c")[1] == [(1, 6, ALL), (2, 4, 2), (4, 4, ALL), (16, 4, ALL), (32, 4, ALL)]


def test_everything_gets_the_label_of_the_folder_it_is_made_in(agent, bundle, target):
    give(target.path, LABEL, MADE_UP)
    os.makedirs(os.path.join(target.path, "other"))
    revision = bundle(files={**FILES, "other/f": "4"})
    os.symlink("a", revision / "content/l")
    install(agent, revision)
    names = ("a", "l", "d", "d/b", "d/e", "d/e/c", "other/f")
    assert [label(os.path.join(target.path, name)) for name in names] == [MADE_UP] * 6 + [None]
    assert install(agent, revision)["unchanged"] == 5
