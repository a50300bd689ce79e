"""`slipway bundle`: the folder is linted, packed, and what comes of it deploys as the folder does."""
import hashlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import zipfile

import pytest
from conftest import tree_of

TYPES = ["tgz", "tar", "tar.zst", "zip"]
FILES = {"index.html": "hello", "bin/run": ("#!/bin/sh\n", 0o755), "empty": "", "private": ("x", 0o600),
         "e\u0301t\u00e9": "letters and accents", "big": "big " * 100000}


@pytest.fixture
def pack(agent, tmp_path):
    """pack(folder, option...) -> the outcome; bundles go into a folder of their own."""
    out = tmp_path / "out"
    out.mkdir()

    def run(folder, *words, **rest):
        return agent("bundle", folder, *words, cwd=out, **rest)

    run.out = out
    return run


@pytest.mark.parametrize("kind", TYPES)
def test_a_packed_bundle_deploys_as_its_folder_does(agent, bundle, pack, target, kind):
    folder = bundle(files=FILES, hooks={"ValidateService": "exit 0"})
    (folder / "content" / "link").symlink_to("bin/run")
    (folder / "content" / "hard").hardlink_to(folder / "content" / "big")
    (folder / "content" / "folder").mkdir(mode=0o750)
    assert agent.local(folder).code == 0
    want = target.tree()
    made = pack(folder, "-o", f"a.{kind}", "--json")
    assert made.code == 0, made.err
    done = agent.local(pack.out / f"a.{kind}", "--type", kind, "--deployment-group", "other",
                       "--file-exists-behavior", "OVERWRITE", "--json")
    assert done.code == 0, done.err
    assert target.tree() == want
    assert done.json["revision"]["digest"] == "sha256:" + made.json["sha256"]


@pytest.mark.parametrize("kind", TYPES)
def test_what_is_printed_is_so_and_the_same_every_time(bundle, pack, kind):
    folder = bundle(files=FILES)
    first = pack(folder, "--type", kind)
    path = pack.out / f"{folder.name}.{kind}"
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert (first.code, first.err) == (0, "")
    assert first.out == f"{path.name}  {len(content)} bytes  sha256:{digest}\n"
    assert pack(folder, "-t", kind).out == first.out
    made = pack(folder, "-t", kind, "--json").json
    assert made == {"ok": True, "errors": [], "warnings": [], "path": str(path), "type": kind, "size": len(content),
                    "sha256": digest, "entries": 9, "files": 7, "bytes": made["bytes"]}
    assert os.listdir(pack.out) == [path.name]


@pytest.mark.parametrize("name, kind", [("a.zip", "zip"), ("a.tar", "tar"), ("a.tar.zst", "tar.zst"),
                                        ("a.tzst", "tar.zst"), ("a.tar.gz", "tgz"), ("a.bundle", "tgz")])
def test_the_ending_decides_about_the_type(bundle, pack, name, kind):
    assert pack(bundle(files={"a": "1"}), "-o", name, "--json").json["type"] == kind


def test_a_folder_packed_into_itself_leaves_its_bundle_out(agent, bundle, tmp_path):
    folder = bundle(files={"a": "1"})
    first, second = (agent("bundle", ".", cwd=folder) for _ in range(2))
    assert first.code == 0 and first.out == second.out


def test_times_after_source_date_epoch_become_it(bundle, pack):
    folder = bundle(files={"a": "1"})
    env = {"SOURCE_DATE_EPOCH": "1000000000"}
    first = pack(folder, "-o", "a.zip", env=env)
    for path in [folder, *folder.rglob("*")]:
        os.utime(path)
    assert pack(folder, "-o", "a.zip", env=env).out == first.out
    times = {info.date_time for info in zipfile.ZipFile(pack.out / "a.zip").infolist()}
    assert times == {(2001, 9, 9, 1, 46, 40)}
    wrong = pack(folder, env={"SOURCE_DATE_EPOCH": "soon"})
    assert wrong.code == 2 and "'soon' is no number of seconds" in wrong.err


def test_the_time_zone_of_the_host_does_not_matter(bundle, pack):
    folder = bundle(files={"a": "1"})
    outs = {pack(folder, "-o", "a.zip", env={"TZ": zone}).out for zone in ("UTC", "Asia/Tokyo", "America/Lima")}
    assert len(outs) == 1


def test_errors_of_lint_refuse_and_leave_the_old_bundle(bundle, pack):
    folder = bundle(files={"a": "1"}, extra="  - source: absent\n    destination: /tmp\n")
    (pack.out / "a.tgz").write_text("old")
    done = pack(folder, "-o", "a.tgz")
    assert (done.code, done.out) == (1, "") and "'absent'" in done.err
    found = pack(folder, "-o", "a.tgz", "--json")
    assert (found.code, found.json["ok"], len(found.json["errors"])) == (1, False, 1) and "path" not in found.json
    assert (pack.out / "a.tgz").read_text() == "old"


def test_warnings_of_lint_are_shown(bundle, pack):
    done = pack(bundle(files={"a": "1"}, extra="colour: red\n"), "-o", "a.tgz")
    assert done.code == 0 and "warning" in done.err and "colour" in done.err and done.out.startswith("a.tgz  ")


@pytest.mark.parametrize("kind", TYPES)
def test_what_no_bundle_may_hold_is_refused_by_its_path(bundle, pack, kind):
    folder = bundle(files={"a": "1"})
    os.mkfifo(folder / "content" / "pipe")
    done = pack(folder, "--type", kind)
    assert (done.code, done.out) == (1, "") and "entry 'content/pipe' is a named pipe" in done.err
    os.unlink(folder / "content" / "pipe")
    here = os.getcwd()
    with socket.socket(socket.AF_UNIX) as sock:
        os.chdir(folder)  # a socket's name may not be long
        try:
            sock.bind("s")
        finally:
            os.chdir(here)
    done = pack(folder, "--type", kind, "--json")
    assert done.code == 1 and "entry 's' is a socket" in done.json["errors"][0]["message"]
    assert os.listdir(pack.out) == []


def test_names_that_are_no_utf8_go_into_a_tar_alone(agent, bundle, pack, target):
    folder = bundle(files={"a": "1"})
    pathlib.Path(os.fsdecode(os.fsencode(folder / "content") + b"/\xff\xfe")).write_text("bytes")
    done = pack(folder, "-o", "a.zip")
    assert done.code == 1 and "'content/\\xff\\xfe' is not UTF-8, which zip cannot hold" in done.err
    assert pack(folder, "-o", "a.tgz").code == 0
    assert agent.local(pack.out / "a.tgz").code == 0
    assert b"\xff\xfe" in os.listdir(os.fsencode(target.path))


def test_the_umask_is_that_of_the_caller(bundle, pack):
    folder = bundle(files={"a": "1"})
    for mask, mode in ((0o022, 0o644), (0o077, 0o600)):
        assert pack(folder, "-o", "a.tgz", umask=mask).code == 0
        assert (pack.out / "a.tgz").stat().st_mode & 0o777 == mode


@pytest.mark.parametrize("words, said", [
    ([], "name the folder"), (["a", "b"], "not 'b' too"), (["a", "--type", "rar"], "'rar' is no type"),
    (["a", "--tipe", "zip"], "unknown option '--tipe'"), (["a", "-o"], "needs a value"),
    (["a", "-o", ""], "-o needs a value"), (["absent"], "opening 'absent': No such file"),
    (["/dev/null"], "'/dev/null' is no folder"), (["/"], "name it by -o FILE")])
def test_wrong_usage_is_2(agent, tmp_path, words, said):
    (tmp_path / "a").mkdir()
    done = agent("bundle", *words, cwd=tmp_path)
    assert (done.code, done.out) == (2, "") and said in done.err


def test_a_place_that_cannot_be_written_is_1(bundle, pack):
    done = pack(bundle(files={"a": "1"}), "-o", "nowhere/a.tgz")
    assert done.code == 1 and "nowhere" in done.err


@pytest.mark.parametrize("kind", TYPES)
def test_an_interrupted_packing_leaves_nothing(agent, bundle, tmp_path, kind):
    folder, out = bundle(files={"a": "1"}), tmp_path / "out"
    out.mkdir()
    with open(folder / "content" / "big", "wb") as big:
        big.truncate(4 << 30)
    with subprocess.Popen([agent.program, "bundle", folder, "-o", out / "a", "-t", kind], env=agent.env,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        deadline = time.monotonic() + 30
        while not os.listdir(out) and time.monotonic() < deadline:
            time.sleep(0.001)
        child.send_signal(signal.SIGTERM)
        told, _ = child.communicate(timeout=60)
    assert (child.returncode, told, os.listdir(out)) == (143, b"", [])


ZIPS = [
    ("zip", ["zip", "-qry", "BUNDLE", "."]),
    ("zip, stored", ["zip", "-q0ry", "BUNDLE", "."]),
    ("bsdtar", ["bsdtar", "--format", "zip", "-cf", "BUNDLE", "."]),
    ("git archive", ["sh", "-c", "git init -q && git add . && git -c user.name=a -c user.email=a@b commit -qm 1 && "
                     "git archive --format=zip -o BUNDLE HEAD && rm -rf .git"]),
]


@pytest.mark.parametrize("why, command", ZIPS, ids=[case[0] for case in ZIPS])
def test_the_zips_of_others_deploy_as_their_folder_does(agent, bundle, tmp_path, target, why, command):
    folder = bundle(files={"bin/run": ("#!/bin/sh\n", 0o755), "empty": "", "big": "big " * 100000, "caf\u00e9": "x"},
                    hooks={"ValidateService": "exit 0"})
    (folder / "content" / "link").symlink_to("bin/run")
    path = tmp_path / "a.zip"
    subprocess.run([word.replace("BUNDLE", str(path)) for word in command], cwd=folder, check=True,
                   env={**agent.env, "HOME": str(tmp_path)})
    assert agent.local(folder).code == 0
    want = target.tree()
    done = agent("local", path, "--deployment-group", "other", "--file-exists-behavior", "OVERWRITE", "--json")
    assert done.code == 0, done.err
    assert target.tree() == want


class Stream:
    """What cannot be seeked: then a zip says sizes and checksums only behind the content."""

    def __init__(self, path):
        self.file = open(path, "wb")

    def write(self, data):
        return self.file.write(data)

    def flush(self):
        self.file.flush()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("streamed", [False, True])
def test_the_zips_of_python_deploy_with_their_modes(agent, bundle, tmp_path, target, method, streamed):
    folder, path = bundle(files=FILES), tmp_path / "a.zip"
    with zipfile.ZipFile(Stream(path) if streamed else path, "w", method) as out:
        for one in sorted(folder.rglob("*")):
            out.write(one, one.relative_to(folder))
    assert agent.local(folder).code == 0
    want = target.tree()
    assert agent("local", path, "--deployment-group", "g", "--file-exists-behavior", "OVERWRITE").code == 0
    assert target.tree() == want


def test_a_zip_with_big_numbers_unpacks(agent, bundle, tmp_path, target):
    """zip64: forced for a small member."""
    path = tmp_path / "a.zip"
    folder = bundle(files={"a": "1"})
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.write(folder / "appspec.yml", "appspec.yml")
        with out.open("content/a", "w", force_zip64=True) as member:
            member.write(b"1")
    done = agent("local", path)
    assert done.code == 0, done.err
    assert target.read("a") == "1"


@pytest.mark.parametrize("said, really, warned", [("zip", "tgz", True), ("tgz", "zip", True), ("tar", "tgz", False),
                                                  ("tgz", "tgz", False), ("tar", "zip", True)])
def test_the_content_decides_whatever_is_said(agent, bundle, pack, target, said, really, warned):
    assert pack(bundle(files={"a": "1"}), "-o", "a.any", "-t", really).code == 0
    done = agent("local", pack.out / "a.any", "--type", said)
    assert done.code == 0 and target.read("a") == "1"
    assert (f"the bundle was taken for {said} by its name or --type, but is {really}" in done.err) == warned


def test_a_worker_that_lies_is_not_believed(agent, bundle, tmp_path):
    program = tmp_path / "build" / "slipway"
    program.parent.mkdir()
    program.write_bytes(agent.program.read_bytes())
    program.chmod(0o755)
    worker = program.with_name("worker")
    answer = json.dumps({"progress": "packed", "entries": 1, "files": 1, "bytes": 1, "size": 1})
    worker.write_text(f"#!/bin/sh\nread -r line <&3\necho '{answer}' >&3\n")
    worker.chmod(0o755)
    done = subprocess.run([program, "bundle", bundle(files={"a": "1"})], env=agent.env, cwd=tmp_path,
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "there is a 'digest', or both" in done.stderr and done.stdout == ""


def test_trees_of_both_kinds_compare(bundle):
    """The helper that the round trips rest on sees modes, links and content."""
    folder = bundle(files=FILES)
    assert tree_of(folder)["content/bin/run"] == ("file", 0o755, b"#!/bin/sh\n")
