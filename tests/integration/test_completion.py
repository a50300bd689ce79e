"""packaging/completions/slipway, asked as bash would ask it."""
import subprocess

import pytest
from conftest import CHECKOUT

ASK = r'''
slipway() { "$PROGRAM" --root "$ROOT" "$@"; }
source "$COMPLETION"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_slipway
printf '%s\n' "${COMPREPLY[@]}"
'''


@pytest.mark.parametrize("words, some", [
    (["slipway", "de"], ["deploy"]),
    (["slipway", "check"], ["check-config"]),
    (["slipway", "--ro"], ["--root"]),
    (["slipway", "--root", "/x", "sta"], ["status"]),
    (["slipway", "deploy", "--on"], ["--on-failure"]),
    (["slipway", "deploy", "--pl"], ["--plan"]),
    (["slipway", "deploy", "--on-failure", "re"], ["restore", "redeploy"]),
    (["slipway", "try", "--fail-at", "Ins"], ["Install"]),
    (["slipway", "hook", "--use", "tcp"], ["tcp-check"]),
    (["slipway", "hook", "--event", "Val"], ["ValidateService"]),
    (["slipway", "explain", "Dig"], ["DigestMismatch"]),
    (["slipway", "logs", "--fo"], ["--follow"]),
    (["slipway", "show", "d"], [""]),
])
def test_what_bash_completes(agent, words, some):
    done = subprocess.run(["bash", "--norc", "-c", ASK, *words[:1], *words], text=True, capture_output=True, timeout=60, check=True,
                          env={**agent.env, "PROGRAM": str(agent.program), "ROOT": str(agent.root),
                               "COMPLETION": str(CHECKOUT / "packaging/completions/slipway")})
    assert set(some) <= set(done.stdout.splitlines()) and done.stderr == ""
    assert len(done.stdout.splitlines()) < 4
