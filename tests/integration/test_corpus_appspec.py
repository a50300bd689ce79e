"""What the CodeDeploy agent was observed to make of appspecs, against `slipway lint --json`.

The edge cases stand in tests/cases/appspec. The real appspecs are not part of the project: they are looked for in
$SLIPWAY_SHARED, else in ../shared beside the checkout.
"""
import json
import os
import pathlib

import pytest
from conftest import CHECKOUT

CASES = CHECKOUT / "tests/cases/appspec"
SHARED = pathlib.Path(os.environ.get("SLIPWAY_SHARED", CHECKOUT.parent / "shared")) / "corpus/appspec"


def rows(folder):
    return [json.loads(line) for line in (folder / "expected.jsonl").read_text(encoding="utf-8").splitlines()]


def values(appspec):
    """Both sides in one shape: nothing, null and absent are the same; sudo is a truth value."""
    def get(where, key, default=None):
        return default if where.get(key) is None else where[key]

    def context(c):
        return c and {key: c.get(key) for key in ("user", "type", "range")}

    return {"files": [(f["source"], f["destination"]) for f in get(appspec, "files", [])],
            "hooks": {event: [(s["location"], get(s, "timeout", 3600), get(s, "runas"), get(s, "sudo", False) is not False)
                              for s in scripts] for event, scripts in get(appspec, "hooks", {}).items() if scripts},
            "permissions": [(p["object"], get(p, "pattern", "**"), get(p, "except", []),
                             get(p, "type", ["file", "directory"]), get(p, "owner"), get(p, "group"), get(p, "mode"),
                             get(p, "acls"), context(get(p, "context"))) for p in get(appspec, "permissions", [])],
            "file_exists_behavior": get(appspec, "file_exists_behavior")}


def check(agent, path, row):
    done = agent("lint", "--json", path, timeout=30)
    assert done.code in (0, 1), done.err
    result, ours = done.json, row.get("slipway") or {}
    want = ours["ok"] if ours else row["ok"]
    if not result["ok"]:
        assert result["errors"] and all(e["message"] for e in result["errors"])
    if want is None:
        return
    assert result["ok"] == want, result["errors"]
    if want:
        assert values(result["appspec"]) == values({**row, **{k: v for k, v in ours.items() if k == "permissions"}})


@pytest.mark.parametrize("row", rows(CASES), ids=lambda row: row["file"])
def test_edge_cases_are_read_as_the_reference_reads_them(agent, row):
    check(agent, CASES / row["file"], row)


@pytest.mark.parametrize("row", [r for r in rows(CASES) if not r["ok"] and (r["error"] or "").startswith("The ")],
                         ids=lambda row: row["file"])
def test_refusals_are_in_the_words_of_the_reference(agent, row):
    errors = agent("lint", "--json", CASES / row["file"]).json["errors"]
    if row["file"] in ("synthetic-bom.yml", "synthetic-mode-0755-unquoted.yml", "synthetic-top-string.yml"):
        return  # slipway reads the first two, and says of the third that it is no mapping
    assert any(e["message"].startswith(row["error"]) for e in errors), errors


def test_real_appspecs_are_read_as_the_reference_reads_them(agent):
    if not (SHARED / "expected.jsonl").exists():
        pytest.skip(f"no real appspecs: {SHARED} is not there (set SLIPWAY_SHARED to the folder that holds corpus/)")
    wrong, every = [], rows(SHARED)
    for row in every:
        try:
            check(agent, SHARED / row["file"], row)
        except AssertionError as why:
            wrong.append(f"{row['file']}: {why}")
    print(f"{len(every) - len(wrong)} of {len(every)} files match")
    assert not wrong, "\n".join(wrong)
