"""The checks of the source, tried on small trees with a mistake in them."""
import shutil
import subprocess

import pytest
from conftest import CHECKOUT

GOOD = {
    "util/fs.h": "#pragma once\n",
    "util/fs.c": '#include "util/fs.h"\nvoid f(void) { unlink("x"); }\n',
    "model/tree.h": "#pragma once\n",
    "appspec/appspec.h": '#include "model/tree.h"\n',
    "installer/plan.c": '#include "appspec/appspec.h"\n#include "util/fs.h"\n#include <unistd.h>\n',
    "worker/protocol.h": "#pragma once\n",
    "cli/cli.c": '#include "worker/protocol.h"\n',
    "main.c": '#include "worker/protocol.h"\n',
}


def run(check, folder, files):
    for name, text in {**GOOD, **files}.items():
        path = folder / "agent" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "tests").mkdir()
    shutil.copy(CHECKOUT / "tests/floors.txt", folder / "tests")
    done = subprocess.run([CHECKOUT / "tests" / check, folder], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize("check", ["check-floors", "check-raw-calls"])
def test_the_checkout_and_a_good_tree_pass(check, tmp_path):
    assert subprocess.run([CHECKOUT / "tests" / check], check=False, capture_output=True).returncode == 0
    assert run(check, tmp_path, {})[0] == 0


@pytest.mark.parametrize("name, include, complaint", [
    ("util/str.c", "model/tree.h", "leads upwards from util/ to model/"),
    ("model/tree.c", "worker/protocol.h", "leads upwards from model/ to worker/"),
    ("appspec/lint.c", "config/config.h", "leads sideways from appspec/ to config/"),
    ("bundle/unpack.c", "installer/plan.h", "leads sideways from bundle/ to installer/"),
    ("worker_main.c", "cli/cli.h", "leads above the highest floor of worker_main.c"),
    ("util/str.c", "fs.h", "names no folder"),
    ("util/str.c", "nowhere/fs.h", "'nowhere' stands on no floor"),
    ("nowhere/new.c", "util/fs.h", "'nowhere' stands on no floor"),
    ("other_main.c", "util/fs.h", "'other_main.c' is not listed"),
    ("util/str.c", "util/gone.h", "does not exist"),
])
def test_an_include_that_leads_the_wrong_way_is_refused(tmp_path, name, include, complaint):
    code, out = run("check-floors", tmp_path, {name: f'#include <stdio.h>\n#include "{include}"\n'})
    assert code == 1
    assert f"agent/{name}:2: #include \"{include}\" {complaint}" in out


def test_two_files_of_one_name_are_refused(tmp_path):
    code, out = run("check-floors", tmp_path, {"model/plan.c": ""})
    assert (code, "agent/model/plan.c has the name of agent/installer/plan.c" in out) == (1, True)


@pytest.mark.parametrize("call", [
    'creat("a", 0600)', 'rename("a", "b")', "renameat(a, b, c, d)", "renameat2(a, b, c, d, 0)", 'unlink("a")',
    "unlinkat(fd, name, 0)", 'remove("a")', 'mkdir("a", 0700)', "mkdirat(fd, name, 0700)", 'rmdir("a")',
    'symlink("a", "b")', "symlinkat(a, fd, b)", 'link("a", "b")', "linkat(a, b, c, d, 0)", 'chmod("a", 0)',
    "fchmod(fd, 0)", "fchmodat(fd, name, 0, 0)", 'chown("a", 0, 0)', "lchown(a, 0, 0)", "fchown(fd, 0, 0)",
    "fchownat(fd, name, 0, 0, 0)", "utimensat(fd, name, t, 0)", "futimens(fd, t)", "truncate(a, 0)", "ftruncate(fd, 0)",
    "fallocate(fd, 0, 0, 1)", "posix_fallocate(fd, 0, 1)", "fsync(fd)", "fdatasync(fd)", "syncfs(fd)", "sync()",
    "mkstemp(t)", "mkdtemp(t)", "mkostemp(t, 0)", "tmpfile()", "mknod(a, 0, 0)", "mkfifo(a, 0)", "pwrite(fd, b, n, 0)",
    "copy_file_range(a, 0, b, 0, n, 0)", "acl_set_fd(fd, acl)", "acl_set_file(a, 0, acl)", "setxattr(a, b, c, 1, 0)",
    "lsetxattr(a, b, c, 1, 0)", "fsetxattr(fd, b, c, 1, 0)", "removexattr(a, b)", "archive_write_disk_new()",
    'archive_write_open_filename(a, "x")', "json_dump_file(j, a, 0)", 'open("a", O_WRONLY | O_CREAT, 0600)',
    'open("a", O_WRONLY | O_TRUNC)', "openat(fd,\n\tname,\n\tO_CREAT)", "open(a, flags(x) | O_TMPFILE)",
    'fopen("a", "w")', 'fopen("a", "r+")', 'fopen("a", "ae")', "fopen(a, mode)", "ioctl(fd, FICLONE, b)",
    "syscall(SYS_renameat2, a)", "syscall(__NR_unlinkat, a)", "rename /* aside */ (a, b)",
])
def test_a_raw_call_that_changes_files_is_refused(tmp_path, call):
    code, out = run("check-raw-calls", tmp_path, {"installer/bad.c": f"void f(void)\n{{\n\t{call};\n}}\n"})
    assert code == 1
    assert "agent/installer/bad.c:3: " in out


@pytest.mark.parametrize("text", [
    'fs_rename(a, "x", b, "y")', 'fs_unlink(fd, "a")', "fs_fsync(fd)", "/* never rename(a, b) here */",
    "// unlink(a)", 'err_sys(err, "unlink(%s)", a)', 'puts("mkdir(1)\\" rmdir(2)")', "c = '\"'; x(); /* sync() */",
    "ops->unlink(a)", "ops.rename(a, b)", "journal_sync(j)", "stage_link(s)", "unlink_all(a)", 'open("a", O_RDONLY)',
    "openat(fd, name, O_RDONLY | O_DIRECTORY)", 'fopen("a", "re")', 'fopen("/proc/mounts", "r")', "write(1, a, n)",
    "ioctl(fd, TIOCGWINSZ, &size)", "syscall(SYS_openat2, fd, path, &how, sizeof(how))", "archive_read_open_fd(a, fd, n)",
    "json_dumpfd(j, 1, 0)", "int chmods = 0; f(chmods)",
])
def test_what_only_looks_like_one_passes(tmp_path, text):
    code, out = run("check-raw-calls", tmp_path, {"installer/good.c": f"void f(void)\n{{\n\t{text};\n}}\n"})
    assert (code, out) == (0, "8 files: ok\n")
