"""The wheel that runs in production: its core is compiled, and decides what the source decides."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from shutil import copytree, ignore_patterns, which

import pytest

ROOT = Path(__file__).parents[2]
SUITES = (
    "laws", "processors", "schemas", "timelines", "oracle/test_core_and_oracle.py",
    "nudge/test_compare_history.py", "nudge/test_reachable.py", "nudge/test_tapped_history.py",
    "streams/test_merge.py",
)  # fmt: skip

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with nothing but the compiled product; what it needs is the environment's."""
    headers = Path(sysconfig.get_path("include"), "Python.h")
    if which("gcc") is None or not headers.exists():
        pytest.skip("no C compiler, or no headers (Debian: apt-get install gcc python3-dev)")
    place = tmp_path_factory.mktemp("compiled")
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    # Not the clone itself: brokers of other tests delete files below .local while it is read.
    source = tmp_path_factory.mktemp("source") / "nudge"
    aside = ignore_patterns(".local", ".venv", ".git", "node_modules", "__pycache__")
    copytree(ROOT, source, ignore=aside)
    compiling = os.environ | {"HATCH_BUILD_HOOKS_ENABLE": "1"}
    build = subprocess.run(
        [*pip, "install", "--no-deps", "--target", str(place), str(source)],
        env=compiling, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert build.returncode == 0, build.stderr
    return place


def run(place: Path, *command: str) -> str:
    """What the command says, run by the product in ``place``."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=place, env=os.environ | {"PYTHONPATH": str(place)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    return done.stdout


def test_it_says_that_its_core_is_compiled(installed: Path) -> None:
    assert "(core compiled)" in run(installed, "-m", "nudge", "--version")
    assert "(core interpreted)" in run(ROOT, "-m", "nudge", "--version")


def test_it_writes_what_the_source_writes(installed: Path) -> None:
    bench = ("-m", "nudge", "bench", "core", "--events", "60000", "--json")
    compiled, interpreted = (json.loads(run(place, *bench)) for place in (installed, ROOT))
    assert compiled["written"] == interpreted["written"]
    assert compiled["digest"] == interpreted["digest"]


def test_the_tests_of_the_core_hold_of_it(installed: Path) -> None:
    said = run(
        installed, "-m", "pytest", "-q", "-c", str(ROOT / "pyproject.toml"),
        "-o", f"pythonpath={installed}", "-p", "no:cacheprovider", "-p", "no:xdist",
        *(str(ROOT / "tests" / suite) for suite in SUITES),
    )  # fmt: skip
    assert "passed" in said
