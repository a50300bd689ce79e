"""`slipway lint` of an archive: a worker unpacks it below $TMPDIR, the folder is linted, and nothing stays."""
import json
import os
import signal
import subprocess
import tarfile
import time

import pytest

HOOK = "version: 0.0\nos: linux\nhooks:\n  ValidateService:\n    - location: check.sh\n"
SCRIPT = ("check.sh", "#!/bin/sh\n", {"mode": 0o755})


@pytest.fixture
def lint(agent, tmp_path):
    """lint(path, ...) with a TMPDIR of its own, which is empty afterwards."""
    folder = tmp_path / "tmp"
    folder.mkdir()

    def run(*words):
        done = agent("lint", *words, env={"TMPDIR": str(folder)})
        assert os.listdir(folder) == []
        return done

    run.folder = folder
    return run


def test_a_good_bundle_is_ok_and_named_by_its_archive(lint, bundle):
    path = bundle(files={"a": "1"}, hooks={"ValidateService": "exit 0"}, pack=True)
    done = lint(path)
    assert (done.code, done.out, done.err) == (0, f"{path}/appspec.yml: ok\n", "")


def test_findings_have_their_place_in_the_appspec(lint, archive):
    path = archive([("appspec.yml", HOOK), ("README", "x")])
    done = lint(path)
    assert done.code == 1
    assert f"{path}/appspec.yml:5:7: error: the script 'check.sh' is not in the bundle" in done.out
    assert "    - location: check.sh\n" in done.out


def test_what_the_archive_says_of_modes_counts(lint, archive):
    done = lint(archive([("appspec.yml", HOOK), ("check.sh", "#!/bin/sh\n", {"mode": 0o644})]))
    assert "not executable" in done.out


def test_json_is_that_of_a_folder(lint, bundle):
    made = bundle(files={"a": "1"}, hooks={"ValidateService": "exit 0"}, pack=True)
    packed, folder = lint("--json", made), lint("--json", made.with_suffix(""))
    assert packed.code == 0 and packed.json["ok"]
    assert packed.json == folder.json
    assert packed.out.count("\n") == 1


def test_a_bad_archive_is_one_error_without_a_line(lint, archive):
    path = archive([("appspec.yml", HOOK), SCRIPT])
    path.write_bytes(path.read_bytes()[:-12])
    done = lint("--json", path)
    assert done.code == 1
    assert {"ok", "errors", "warnings"} <= set(done.json) and not done.json["ok"]
    [error] = done.json["errors"]
    assert (error["line"], error["column"]) == (0, 0) and error["message"].startswith(f"bundle '{path}': ")
    assert lint(path).out.startswith(f"{path}: error: bundle '{path}': ")


@pytest.mark.parametrize("entry, why", [
    (("../x", "1"), "../x"),
    (("/etc/x", "1"), "/etc/x"),
    (("dev", "", {"type": tarfile.CHRTYPE}), "dev"),
])
def test_a_hostile_archive_writes_nothing(lint, archive, tmp_path, entry, why):
    done = lint(archive([("appspec.yml", HOOK), SCRIPT, entry]))
    assert done.code == 1 and why in done.out and ": error: bundle '" in done.out
    assert not (tmp_path / "x").exists() and not (lint.folder.parent / "x").exists()


def test_a_kind_that_cannot_be_read_is_an_error_and_no_strange_appspec(lint, tmp_path):
    path = tmp_path / "bundle.tar.xz"
    with tarfile.open(path, "w:xz"):
        pass
    done = lint(path)
    assert done.code == 1 and ": error: bundle '" in done.out and ":1:1" not in done.out


def test_an_archive_without_an_appspec(lint, archive):
    done = lint(archive([("README", "x")]))
    assert done.code == 1 and "there is no appspec.yml (and no appspec.yaml) at its top" in done.out


def test_a_leading_folder_is_stripped(lint, archive):
    done = lint(archive([("shop/appspec.yml", HOOK), ("shop/check.sh", "#!/bin/sh\n", {"mode": 0o755})]))
    assert done.code == 0


def test_what_is_odd_about_the_archive_is_a_warning(lint, archive):
    path = archive([("appspec.yml", HOOK), SCRIPT, SCRIPT,
                    ("out", "", {"type": tarfile.SYMTYPE, "linkname": "/etc/hostname"})])
    done = lint("--json", path)
    said = [warning["message"] for warning in done.json["warnings"]]
    assert done.code == 0 and any("more than once" in text for text in said)
    assert len([text for text in said if "'out'" in text]) == 1
    assert lint("--strict", path).code == 1


def test_folders_without_any_rights_go_as_well(lint, archive):
    lint(archive([("appspec.yml", HOOK), SCRIPT, ("locked", "", {"type": tarfile.DIRTYPE, "mode": 0}),
                  ("locked/a", "1")]))


def test_a_tmpdir_that_is_not_there_is_2(agent, archive, tmp_path):
    done = agent("lint", archive([("appspec.yml", HOOK), SCRIPT]), env={"TMPDIR": str(tmp_path / "none")})
    assert (done.code, done.out) == (2, "") and "none': No such file or directory" in done.err


@pytest.mark.parametrize("which, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_lint_leaves_nothing(agent, archive, tmp_path, which, status):
    folder = tmp_path / "tmp"
    folder.mkdir()
    path = archive([("appspec.yml", HOOK), SCRIPT, ("zeros", b"\0" * (1 << 28))], mode="w:")
    with subprocess.Popen([agent.program, "lint", path], env={**agent.env, "TMPDIR": str(folder)},
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        deadline = time.monotonic() + 30
        while not os.listdir(folder) and time.monotonic() < deadline:
            time.sleep(0.001)
        child.send_signal(which)
        out, _ = child.communicate(timeout=60)
    assert (child.returncode in (status, -which), out, os.listdir(folder)) == (True, b"", [])


def test_a_worker_that_lies_is_not_believed(agent, archive, tmp_path):
    """The client checks the answer: a stand-in beside a copy of slipway says that there was a result."""
    program = tmp_path / "build" / "slipway"
    program.parent.mkdir()
    program.write_bytes(agent.program.read_bytes())
    program.chmod(0o755)
    worker = program.with_name("worker")
    answer = json.dumps({"progress": "unpacked", "error_code": "BundleInvalid"})
    worker.write_text(f"#!/bin/sh\nread -r line <&3\necho '{answer}' >&3\n")
    worker.chmod(0o755)
    done = subprocess.run([program, "lint", archive([("appspec.yml", HOOK)])], env={**agent.env, "TMPDIR": str(tmp_path)},
                          capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "'error_code' and 'message' come together" in done.stderr
    assert not list(tmp_path.glob("slipway-*"))
