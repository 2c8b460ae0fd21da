"""Browsers for the tests: those of the machine, or Debian's where it may install them."""

import os
import shutil
import subprocess
from collections.abc import Callable

import pytest

from nudge.local.places import local_root, locked

_PACKAGES = ("firefox-esr", "chromium", "libnotify4", "dbus-daemon")
_COMMANDS = ("firefox-esr", "chromium", "dbus-daemon")


def browsers_or_skip(say: Callable[[str], None]) -> None:
    """Installs what is missing, as root on Debian; elsewhere the test is skipped and says why.

    One process of a run installs. The others wait for it to have done: while it is at it some
    browsers are there, others only half.
    """
    with locked(local_root() / "browsers.lock"):
        if _missing() and shutil.which("apt-get") and os.geteuid() == 0:
            say(f"\ninstalling {' '.join(_PACKAGES)} (apt-get)")
            _install()
    if missing := _missing():
        pytest.skip(f"not installed: {', '.join(missing)}")


def _install() -> None:
    subprocess.run(["apt-get", "update", "-qq"], check=True)
    subprocess.run(
        [
            "apt-get",
            "-o",
            "DPkg::Lock::Timeout=120",
            "install",
            "-y",
            "-qq",
            "--no-install-recommends",
            *_PACKAGES,
        ],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdout=subprocess.DEVNULL,
        check=False,
    )


def _missing() -> list[str]:
    return [command for command in _COMMANDS if shutil.which(command) is None]
