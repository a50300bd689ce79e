"""What the CodeDeploy agent was observed to make of appspecs, against `slipway lint --json`.

The edge cases stand in tests/cases/appspec, and so does deviations.jsonl: file by file where slipway says otherwise, what it
says, why, and the words of docs/compatibility.md that tell users. The real appspecs are not part of the project: they are looked for in
$SLIPWAY_SHARED, else in ../shared beside the checkout.
"""
import json
import os
import pathlib

import pytest
from conftest import CHECKOUT

CASES = CHECKOUT / "tests/cases/appspec"
SHARED = pathlib.Path(os.environ.get("SLIPWAY_SHARED", CHECKOUT.parent / "shared")) / "corpus/appspec"


def read(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


DEVIATIONS = {row["file"]: row for row in read(CASES / "deviations.jsonl")}


def rows(folder):
    return read(folder / "expected.jsonl")


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


def replaced(appspec, changes):
    """APPSPEC with {"hooks.E0.0.timeout": value} and the like put in."""
    appspec = json.loads(json.dumps(appspec))
    for place, value in changes.items():
        *way, last = [int(word) if word.isdigit() else word for word in place.split(".")]
        where = appspec
        for word in way:
            where = where[word]
        where[last] = value
    return appspec


def check(agent, path, row):
    """The verdict and the values are the reference's, or exactly what deviations.jsonl says."""
    deviation = DEVIATIONS.get(row["file"])
    want_ok = deviation["ok"] if deviation else row["ok"]
    done = agent("lint", "--json", path, timeout=30)
    result = done.json
    assert (done.code, result["ok"]) == (0 if want_ok else 1, want_ok), result["errors"]
    if not want_ok:
        assert result["errors"] and all(e["message"] for e in result["errors"])
        return
    if row["ok"]:
        assert (result["appspec"]["version"], result["appspec"]["os"]) == (row["version"], row["os"])
    want = values(replaced(row, deviation.get("instead", {})) if deviation else row)
    assert values(result["appspec"]) == want
    assert not deviation or not row["ok"] or want != values(row), "a deviation is listed that is none"


@pytest.mark.parametrize("row", rows(CASES), ids=lambda row: row["file"])
def test_edge_cases_are_read_as_the_reference_reads_them(agent, row):
    check(agent, CASES / row["file"], row)


@pytest.mark.parametrize("deviation", DEVIATIONS.values(), ids=lambda deviation: deviation["file"])
def test_every_deviation_is_documented_and_allowed(deviation):
    assert deviation["documented"] in (CHECKOUT / "docs/compatibility.md").read_text(encoding="utf-8")
    known = {row["file"]: row for folder in (CASES, SHARED) if (folder / "expected.jsonl").exists() for row in rows(folder)}
    row = known.get(deviation["file"])
    if row is None:
        assert not deviation["file"].startswith("synthetic"), "no such case"
        return  # a real appspec, and the corpus is not there
    assert row["slipway"]["ok"] in (None, deviation["ok"])
    assert row["ok"] != deviation["ok"] or deviation["instead"]


def test_no_deviation_that_is_asked_for_is_missing():
    asked = {row["file"] for folder in (CASES, SHARED) if (folder / "expected.jsonl").exists() for row in rows(folder)
             if row.get("slipway")}
    assert asked <= DEVIATIONS.keys()


@pytest.mark.parametrize("row", [r for r in rows(CASES) if not r["ok"] and (r["error"] or "").startswith("The ")],
                         ids=lambda row: row["file"])
def test_refusals_are_in_the_words_of_the_reference(agent, row):
    errors = agent("lint", "--json", CASES / row["file"]).json["errors"]
    if row["file"] == "synthetic-top-string.yml" or DEVIATIONS.get(row["file"], {}).get("ok"):
        return  # slipway says of the first one that it is no mapping, and reads the others
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
