"""The SDK: small, and built from its sources."""

import gzip
import shutil
import subprocess
from pathlib import Path

import pytest

from nudge.local.places import local_root, locked

SDK = Path(__file__).parents[2] / "sdk"
BUILT = Path(__file__).parents[2] / "gateway/sdk"
MOST_BYTES = 6 * 1024

needs_node = pytest.mark.skipif(shutil.which("npm") is None, reason="Node is not installed")


@pytest.fixture(scope="module")
def installed() -> None:
    """What package-lock.json pins, installed once, by one process of the run."""
    with locked(local_root() / "npm.lock"):
        if not (SDK / "node_modules/.package-lock.json").exists():
            _npm("ci", "--no-audit", "--no-fund")


def _npm(*arguments: str) -> None:
    run = subprocess.run(["npm", *arguments], cwd=SDK, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("name", ["nudge.js", "nudge-inbox.js", "nudge-sw.js"])
def test_it_is_at_most_six_kilobytes(name: str) -> None:
    assert len(gzip.compress((BUILT / name).read_bytes(), 9)) <= MOST_BYTES


@needs_node
@pytest.mark.usefixtures("installed")
def test_what_is_served_is_what_the_sources_build_and_its_types_hold() -> None:
    _npm("run", "check")


@needs_node
@pytest.mark.usefixtures("installed")
def test_its_own_tests_pass() -> None:
    _npm("test")
