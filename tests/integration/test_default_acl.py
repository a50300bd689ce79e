"""Default ACLs of the folders around a destination: nothing that is installed may inherit one."""
import errno
import os
import struct

import pytest

# user::rwx, user 1:rwx, group::r-x, mask::rwx, other::---
ENTRIES = [(1, 7, 0xffffffff), (2, 7, 1), (4, 5, 0xffffffff), (16, 7, 0xffffffff), (32, 0, 0xffffffff)]
DEFAULT = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in ENTRIES)


def acls(path):
    return [name for name in os.listxattr(path) if name.startswith("system.posix_acl_")]


@pytest.mark.parametrize("which", ["beside the destination", "of the destination"])
def test_a_default_acl_is_not_handed_down(agent, bundle, target, which):
    os.makedirs(target.path, exist_ok=True)
    try:
        os.setxattr(os.path.dirname(target.path) if which.startswith("beside") else target.path, "system.posix_acl_default", DEFAULT)
    except OSError as failed:
        if failed.errno != errno.EOPNOTSUPP:
            raise
        pytest.skip("this file system has no ACLs")
    done = agent.local(bundle(files={"a": "1", "d/b": ("2", 0o750)}))
    assert done.code == 0, done.err
    paths = [os.path.join(target.path, name) for name in ("a", "d", "d/b")]
    assert [acls(path) for path in paths] == [[], [], []]
    assert [os.stat(path).st_mode & 0o777 for path in paths] == [0o644, 0o755, 0o750]
