"""Browsers for the tests: those of the machine, or Debian's where it may install them."""

import os
import shutil
import subprocess
from collections.abc import Callable

import pytest

_PACKAGES = ("firefox-esr", "chromium", "libnotify4", "dbus-daemon")
_COMMANDS = ("firefox-esr", "chromium", "dbus-daemon")


def browsers_or_skip(say: Callable[[str], None]) -> None:
    """Installs what is missing, as root on Debian; elsewhere the test is skipped and says why."""
    if _missing() and shutil.which("apt-get") and os.geteuid() == 0:
        say(f"\ninstalling {' '.join(_PACKAGES)} (apt-get)")
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *_PACKAGES],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdout=subprocess.DEVNULL,
            check=False,
        )
    if missing := _missing():
        pytest.skip(f"not installed: {', '.join(missing)}")


def _missing() -> list[str]:
    return [command for command in _COMMANDS if shutil.which(command) is None]
