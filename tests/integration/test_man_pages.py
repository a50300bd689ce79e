"""What the programs tell of themselves (commands, options, settings, events) and what is written about it are the same."""
import re

import pytest
from conftest import CHECKOUT

# Said once, for all of them
EVERYWHERE = {"--help", "--json", "--timeout", "--latest", "--group"}


def man(name):
    """The page as text, with the signs that roff wants for hyphens taken out."""
    return (CHECKOUT / "packaging/man" / name).read_text().replace("\\-", "-")


def section(page, title):
    return re.search(rf"^\.SH \"?{title}\"?\n(.*?)(?=^\.SH |\Z)", page, re.M | re.S).group(1)


def commands(agent):
    return re.findall(r"^  ([a-z][a-z-]*)  ", agent("help").out.partition("\nOptions")[0], re.M)


def options(agent, command):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", agent("help", command).out))


def entry(page, command):
    """All that COMMANDS has under that name: `hook` stands there three times."""
    return "".join(re.findall(rf"^\.TP\n((?:\\fB|\.B ){command}\b(?!-).*?)(?=^\.TP|\Z)", section(page, "COMMANDS"), re.M | re.S))


def test_the_manual_knows_every_command_and_no_other(agent):
    heads = re.findall(r"^\.TP\n(?:\\fB|\.B )([a-z-]+)", section(man("slipway.1"), "COMMANDS"), re.M)
    assert set(heads) == set(commands(agent))


def test_the_manual_knows_every_option(agent):
    page = man("slipway.1")
    for command in commands(agent):
        if command in ("help", "version"):
            continue
        text = entry(page, command)
        if command in ("deploy", "local"):
            text += section(page, f"OPTIONS OF {command.upper()}")
        if command == "plan":  # the others are told as those of deploy
            text += "--file-exists-behavior --events --appspec-filename --type"
        if command == "rollback":
            text += section(page, "OPTIONS OF DEPLOY").rpartition(".PP")[2]
        if command == "daemon":
            text += man("slipwayd.8")
        known = EVERYWHERE | {"--config", "--root", "--version"} | set(re.findall(r"--[a-z][a-z-]*", text))
        assert options(agent, command) <= known, command


@pytest.mark.parametrize("command", ["deploy", "local"])
def test_the_manual_knows_no_other_options_of_a_deployment(agent, command):
    heads = re.findall(r"^\.TP\n(.*)", section(man("slipway.1"), f"OPTIONS OF {command.upper()}"), re.M)
    assert {option for head in heads for option in re.findall(r"--[a-z][a-z-]*", head)} <= options(agent, command)


def test_the_configuration_that_is_installed_shows_every_setting(agent):
    settings = agent("check-config", "--json").json["settings"]
    names = {f"{name}.{part}" if name in ("limits", "access") else name
             for name, value in settings.items() for part in (value if name in ("limits", "access") else [None])}
    text = (CHECKOUT / "packaging/slipway.yml").read_text()
    shown, part = set(), ""
    for indent, name, value in re.findall(r"^# ((?:  )?)([a-z_]+):(.*)$", text, re.M):
        part = name if not indent and not value else part if indent else ""
        if indent or value:
            shown.add(f"{part}.{name}" if indent else name)
    assert shown == names


def test_the_completion_knows_every_event(agent):
    text = (CHECKOUT / "packaging/completions/slipway").read_text()
    told = re.search(r"words='(BeforeBlockTraffic.*?)'", text, re.S).group(1).split()
    page = (CHECKOUT / "docs/local.md").read_text()
    assert told == re.search(r"run in order: ([A-Za-z, \n]+)\.", page).group(1).replace(",", " ").split()
