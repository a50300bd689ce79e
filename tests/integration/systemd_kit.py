"""A real dbus-daemon with a stand-in for systemd on it (service_manager.c), whose units behave as they are called."""
import pathlib
import subprocess
import tempfile

import pytest
from conftest import BUILD


class ServiceManager:
    """It runs until `stop`, in FOLDER, whose path is short enough for a socket in it."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.chmod(0o755)
        self.process = subprocess.Popen([BUILD / "service_manager", folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n", self.process.communicate()[1]
        self.variable = f"DBUS_SYSTEM_BUS_ADDRESS=unix:path={folder}/bus"

    @property
    def calls(self):
        """What was asked to change something, so far."""
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def stop(self):
        try:
            self.process.communicate("", timeout=60)
        finally:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def manager():
    with tempfile.TemporaryDirectory() as folder:  # a short path: it is that of a socket
        manager = ServiceManager(folder)
        yield manager
        manager.stop()
