"""Files of rules as people give them: scenario files and campaigns, every mistake with its cure."""

from importlib.resources import files
from pathlib import Path

from nudge.problem import Problem
from processors.rules import Rules
from processors.scenario_file import ScenarioFileError, load
from processors.yaml_file import RefusedFileError


def shipped_text() -> str:
    """The scenario file that comes with Nudge."""
    return files("processors.scenarios").joinpath("default.yaml").read_text(encoding="utf-8")


def text_of(path: Path) -> str:
    """A file's text, without a byte order mark.

    Raises:
        Problem: it is not in UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise Problem(f"{path} is not in UTF-8.", "Save it as UTF-8.") from None


def scenario_file(path: Path | None, spared: str = "") -> tuple[str, Rules]:
    """A scenario file's text and its rules; ``None``: the shipped one.

    ``spared``: what a mistake in it has kept from being.

    Raises:
        Problem: the file cannot be read, or anything is wrong with it.
    """
    text = shipped_text() if path is None else text_of(path)
    try:
        return text, load(text, str(path or "default.yaml"))
    except ScenarioFileError as error:
        raise refused(error, spared) from None


def refused(error: RefusedFileError, spared: str = "") -> Problem:
    """Every mistake with its line and its cure. ``spared``: what they have kept from being."""
    lines = [
        f"{error.source}:{problem.line}: {problem.message}"
        + (f"\n           {problem.cure}" if problem.cure else "")
        for problem in error.problems
    ]
    return Problem("\n       ".join(lines), spared)
