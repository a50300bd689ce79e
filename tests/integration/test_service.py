"""The unit, and what the service manager hears from the daemon."""
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading

import pytest
from conftest import CHECKOUT, wait_until
from daemon_kit import PATIENCE, Daemon


@pytest.fixture
def daemon(agent, tmp_path):
    made = Daemon(agent, tmp_path)
    yield made
    made.clean_up()


def test_the_unit_is_one_that_systemd_understands(tmp_path):
    assert shutil.which("systemd-analyze"), "make deps installs systemd"
    unit = tmp_path / "slipway.service"
    text = (CHECKOUT / "packaging/slipway.service").read_text()
    unit.write_text(text.replace("/usr/bin/slipway", "/bin/true"))  # it need not be installed here
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for setting in ("Type=notify", "KillMode=process", "ExecReload=", "WatchdogSec="):
        assert f"\n{setting}" in text
    for forbidden in ("ProtectSystem", "NoNewPrivileges", "PrivateTmp", "SystemCallFilter"):
        assert f"\n{forbidden}=" not in text  # hooks inherit them


def test_the_service_manager_hears_of_start_reload_watchdog_and_stop(daemon, tmp_path, bundle, request):
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listening.settimeout(0.2)
    name = f"\0slipway-test-{os.getpid()}"
    listening.bind(name)
    heard, end = [], threading.Event()

    def listen():
        """All the time: the kernel queues few of these, and then the daemon would wait."""
        while not end.is_set():
            with contextlib.suppress(TimeoutError):
                heard.append(listening.recv(65536).decode())

    listener = threading.Thread(target=listen)
    listener.start()
    request.addfinalizer(lambda: (end.set(), listener.join(), listening.close()))

    def hear(what):
        try:
            wait_until(lambda: any(what in text for text in heard), 10)
        except AssertionError as late:
            raise AssertionError(f"'{what}' is not in {heard}") from late

    daemon.start(env={"NOTIFY_SOCKET": "@" + name[1:], "WATCHDOG_USEC": "1000000"})
    hear("READY=1")
    hear("WATCHDOG=1")
    variables = tmp_path / "variables"
    done = daemon.deploy(bundle(hooks={"ValidateService": f"env >{variables}"}))
    assert done["deployment"]["status"] == "Succeeded", done
    assert not any(line.startswith(("NOTIFY_SOCKET=", "WATCHDOG_")) for line in variables.read_text().splitlines())
    hear("STATUS=1 deployment running")
    heard.clear()
    daemon.process.send_signal(signal.SIGHUP)
    hear("RELOADING=1\nMONOTONIC_USEC=")
    hear("READY=1")
    daemon.process.send_signal(signal.SIGTERM)
    hear("STOPPING=1")
    assert daemon.ended() == 0
    wait_until(lambda: not daemon.workers(), PATIENCE)
