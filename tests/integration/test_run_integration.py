"""tests/run-integration, which runs these tests: whatever did not run it must say."""
import os
import subprocess
import sys

import pytest
from conftest import BUILD, CHECKOUT

GOOD = "def test_a():\n    pass\n\n\ndef test_b():\n    pass\n"
SKIPPED = "import pytest\n\n\ndef test_c():\n    pytest.skip('not here')\n"
BAD = {
    "test_bad.py": "def test_d():\n    assert False\n",
    "test_broken.py": "import nothing_of_that_name\n",
    "test_dies.py": "import os\n\n\ndef test_e():\n    os._exit(0)\n",
    "test_none.py": "def no_test():\n    pass\n",
}


@pytest.mark.parametrize("files, code, last", [
    ({"test_a.py": GOOD, "deep/test_s.py": SKIPPED, "other.py": "assert False"}, 0, "2 passed, 1 skipped in N s, 2 files"),
    ({"test_a.py": GOOD, **BAD}, 1, "1 failed, 2 passed, 1 error in N s, 5 files"),
    ({"test_s.py": SKIPPED}, 1, "1 skipped in N s, 1 files"),
    ({}, 1, "nothing in N s, 0 files"),
], ids=["good", "bad", "all skipped", "no files"])
def test_what_did_not_run_is_a_failure(tmp_path, files, code, last):
    top = tmp_path / "tests"
    top.mkdir()
    for name, text in files.items():
        (top / name).parent.mkdir(exist_ok=True)
        (top / name).write_text(text)
    done = subprocess.run([sys.executable, "-B", CHECKOUT / "tests/run-integration", BUILD, top], capture_output=True, text=True,
                          check=False, timeout=300, env={**os.environ, "TMPDIR": str(tmp_path)})  # failed ones keep theirs
    lines = done.stdout.splitlines()
    counts, rest = lines[-1].split(" in ")
    assert (done.returncode, f"{counts} in N s,{rest.split(',')[1]}") == (code, last), done.stdout
    if "test_bad.py" in files:
        assert lines[-2] == f"FAILED: {' '.join(BAD)}"
