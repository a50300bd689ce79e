"""The configuration file that is installed, the page and the man page about it: they know the same keys."""
import re

from conftest import CHECKOUT

PACKAGED = (CHECKOUT / "packaging/slipway.yml").read_text()
# "# key: value" or "#   key: value": what it would be without the comment; the file's own prose is neither
LINES = re.findall(r"^# ((?:  )?[a-z_]+:.*)$", PACKAGED, re.M)


def keys():
    found, section = [], ""
    for line in LINES:
        name, value = re.fullmatch(r" *([a-z_]+):(.*)", line).groups()
        if line.startswith(" "):
            found.append(f"{section}.{name}")
        elif value:
            found.append(name)
        else:
            section = name
    return found


def test_the_installed_file_says_nothing(agent):
    assert all(line.startswith("#") or not line for line in PACKAGED.splitlines())


def test_what_the_installed_file_shows_is_taken(agent, tmp_path):
    file = tmp_path / "all.yml"
    file.write_text("\n".join(LINES))
    done = agent("--config", file, "local", "/nowhere")
    assert done.err == "error: location /nowhere is specified as a file or directory which does not exist\n"


def test_file_page_and_man_page_know_the_same_keys():
    page = (CHECKOUT / "docs/configuration.md").read_text().partition("\n## The configuration file of the CodeDeploy agent")[0]
    man = (CHECKOUT / "packaging/man/slipway.yml.5").read_text()
    assert sorted(keys()) == sorted(re.findall(r"^\| `([a-z_.]+)` \|", page, re.M))
    for key in keys():
        assert re.search(rf"^\.TP\n\.B {key.rpartition('.')[2]}$", man, re.M), key
