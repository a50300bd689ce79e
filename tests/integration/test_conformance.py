"""tests/conformance.md names tests that exist."""
import json
import re

from conftest import CHECKOUT

TESTS = CHECKOUT / "tests"


def test_every_test_that_the_table_names_exists():
    sources = "".join(path.read_text() for path in [*TESTS.glob("unit/test_*.c"), *TESTS.glob("integration/test_*.py")])
    functions = set(re.findall(r"^(?:static void|def) (\w+)\(", sources, re.M))
    scenarios = {json.loads(line)["id"] for line in (TESTS / "cases/install/scenarios.jsonl").read_text().splitlines()}
    named = re.findall(r"`((?:\w+:)?[\w-]+)`", "".join(
        line.split("|")[3] for line in (TESTS / "conformance.md").read_text().splitlines() if line.startswith("| ")))
    named = [name for name in named if "_" in name or ":" in name]
    assert len(named) > 70
    for name in named:
        kind, _, rest = name.rpartition(":")
        known = {"": rest in functions, "scenario": rest in scenarios, "appspec": (TESTS / f"cases/appspec/{rest}.yml").exists()}
        assert known[kind], f"{name} is named in tests/conformance.md and is not there"
