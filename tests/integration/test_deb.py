"""The Debian package: built, installed into a minimal root of its own, used there, removed and purged.

Slow and with root: SLIPWAY_SLOW_TESTS=1. The minimal root is made by debootstrap from the mirror that apt uses here, and
kept as a tar in build/, so that only the first run takes minutes. SLIPWAY_SLOW_TESTS=2 also builds it a second time, to
compare.
"""
import os
import pathlib
import re
import shutil
import subprocess
import textwrap

import pytest
from conftest import CHECKOUT

pytestmark = [
    pytest.mark.skipif(not os.environ.get("SLIPWAY_SLOW_TESTS"), reason="takes minutes: SLIPWAY_SLOW_TESTS=1 runs it"),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root (make check as root runs it)"),
]
CACHE = CHECKOUT / "build" / "minbase"
ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive"}


def run(*words, **rest):
    done = subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=900, **rest)
    assert done.returncode == 0, f"{words}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def release():
    text = pathlib.Path("/etc/os-release").read_text()
    return re.search(r"^VERSION_CODENAME=(\w+)$", text, re.M).group(1)


def mirror():
    """Where apt gets this release from."""
    lines = run("apt-get", "indextargets", "--format", "$(CREATED_BY) $(SITE) $(RELEASE)").splitlines()
    found = [site for kind, site, name in (line.split() for line in lines) if kind == "Packages" and name == release()]
    return found[0] if found else pytest.skip("apt knows no mirror of this Debian: run 'apt-get update' first")


@pytest.fixture(scope="module")
def package():
    """make deb -> the package."""
    run("make", "-s", "-C", CHECKOUT, "deb", env={**os.environ, "MAKEFLAGS": ""})
    [path] = (CHECKOUT / "build" / "deb").glob("slipway_*.deb")
    return path


@pytest.fixture(scope="module")
def minbase():
    """A tar of a minimal Debian with apt's lists."""
    path = CACHE.with_name(f"minbase-{release()}.tar")
    if path.exists():
        return path
    shutil.rmtree(CACHE, ignore_errors=True)
    done = subprocess.run(["debootstrap", "--variant=minbase", release(), CACHE, mirror()], capture_output=True, text=True,
                          check=False, stdin=subprocess.DEVNULL, timeout=1800)
    if done.returncode:
        shutil.rmtree(CACHE, ignore_errors=True)
        if re.search(r"Failed getting release file|Couldn't download|Unable to fetch", done.stdout + done.stderr):
            pytest.skip(f"the Debian mirror cannot be reached: {done.stderr.strip()[-300:]}")
        pytest.fail(done.stdout[-3000:] + done.stderr[-1000:])
    aside = path.with_suffix(".new")
    run("tar", "-C", CACHE, "--numeric-owner", "-cf", aside, ".")
    aside.rename(path)
    shutil.rmtree(CACHE)
    return path


class Root:
    """A minimal Debian in a folder. Each command has processes and mounts of its own, which end with it."""

    def __init__(self, path):
        self.path = path

    def __call__(self, script):
        inner = 'mount -t proc proc "$1/proc" && exec chroot "$1" /bin/sh -euc "$2"'
        return run("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", inner, "sh", self.path,
                   textwrap.dedent(script), env=ENV)

    def exists(self, name):
        return os.path.lexists(self.path / name)


@pytest.fixture(scope="module")
def root(minbase, package, tmp_path_factory):
    path = tmp_path_factory.mktemp("debian")
    run("tar", "-C", path, "--numeric-owner", "-xpf", minbase)
    if os.path.exists("/etc/resolv.conf"):
        shutil.copy("/etc/resolv.conf", path / "etc/resolv.conf")
    for name in pathlib.Path("/etc/apt/apt.conf.d").glob("*proxy*"):
        shutil.copy(name, path / "etc/apt/apt.conf.d" / name.name)
    shutil.copy(package, path / "slipway.deb")
    yield Root(path)
    shutil.rmtree(path, ignore_errors=True)


def test_lintian_finds_no_errors(package):
    run("lintian", "--allow-root", "--fail-on", "error", package)


def test_the_package_has_the_version_of_the_program(package):
    version = re.search(r"^VERSION := (\S+)$", (CHECKOUT / "Makefile").read_text(), re.M).group(1)
    assert run("dpkg-deb", "-f", package, "Version").strip() == version


@pytest.mark.skipif(os.environ.get("SLIPWAY_SLOW_TESTS") != "2", reason="builds once more: SLIPWAY_SLOW_TESTS=2 does")
def test_the_same_sources_make_the_same_package(package):
    first = package.read_bytes()
    run("make", "-s", "-C", CHECKOUT, "deb", env={**os.environ, "MAKEFLAGS": "", "TZ": "Asia/Tokyo", "LC_ALL": "C"})
    assert package.read_bytes() == first


def test_it_is_installed_used_removed_and_purged(root):
    root("apt-get -q update && apt-get -y -q --no-install-recommends install /slipway.deb && rm /slipway.deb")
    assert root("dpkg -V slipway").strip() == ""
    assert root("stat -c '%a %U:%G %n' /var/lib/slipway /etc/slipway/slipway.yml").splitlines() == [
        "711 root:root /var/lib/slipway", "644 root:root /etc/slipway/slipway.yml"]
    root("getent group slipway && getent group slipway-deploy")
    assert not root.exists("usr/bin/codedeploy-local")
    commands = set(re.findall(r"^  ([a-z-]+) ", root("slipway help"), re.M))
    root("""
        mkdir -p /bundle/html
        echo hello >/bundle/html/index.html
        printf '#!/bin/sh\\ntest -e /srv/shop/index.html\\n' >/bundle/check.sh
        chmod 755 /bundle/check.sh
        cat >/bundle/appspec.yml <<EOF
        version: 0.0
        os: linux
        files:
          - source: html
            destination: /srv/shop
        hooks:
          ValidateService:
            - location: check.sh
        EOF
        sed -i 's/^        //' /bundle/appspec.yml
        for kind in tgz tar tar.zst zip; do slipway bundle /bundle -o /shop.$kind; done
        slipway local /shop.zip
        grep -x hello /srv/shop/index.html""")
    if "doctor" in commands:
        root("slipway doctor || test $? = 1")  # it may find fault with a chroot, but must not fall over
    if "daemon" in commands:
        root("""
            echo again >/bundle/html/index.html
            slipway daemon & daemon=$!
            tries=0
            until slipway status >/dev/null 2>&1; do tries=$((tries + 1)); test $tries -lt 300; sleep 0.1; done
            slipway deploy /bundle --file-exists-behavior OVERWRITE
            grep -x again /srv/shop/index.html
            kill $daemon
            wait $daemon""")
    root("apt-get -y -q remove slipway")
    assert not root.exists("usr/bin/slipway") and not root.exists("usr/libexec/slipway")
    assert root.exists("etc/slipway/slipway.yml") and root.exists("var/lib/slipway/deployment-root")
    root("apt-get -y -q purge slipway")
    assert not root.exists("etc/slipway") and not root.exists("var/lib/slipway")
    assert root.exists("srv/shop/index.html")
