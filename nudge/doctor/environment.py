"""Settings and keys: what this machine was told."""

import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from dotenv import dotenv_values
from pydantic import ValidationError

from nudge.doctor.finding import Finding, fail, ok, warn
from nudge.envfile import SECTIONS, variables
from runtime.vapid import KeyFilesError, VapidPlace, exposed_files, load_keys

PREFIX = "NUDGE_"
OWN = frozenset({"NUDGE_TRACEBACK"})
"""Variables that no settings class knows: the command line's own."""


def known_variables() -> frozenset[str]:
    """Every ``NUDGE_…`` variable that something reads."""
    return OWN | variables().keys()


def given_variables(directory: Path) -> dict[str, str]:
    """The ``NUDGE_…`` variables of the environment and of ``directory/.env``, and where from."""
    found = {name.upper(): ".env" for name in dotenv_values(directory / ".env")}
    found |= {name.upper(): "the environment" for name in os.environ}
    return {name: where for name, where in found.items() if name.startswith(PREFIX)}


def check_variables(given: Mapping[str, str]) -> Iterator[Finding]:
    """Variables that nobody reads are slips: what was meant has its default."""
    known = known_variables()
    unknown = [name for name in given if name not in known]
    for name in unknown:
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
        cure = f"Did you mean {close[0]}?" if close else "Remove it."
        yield warn("settings", f"{name} in {given[name]} is read by nothing.", cure)
    if not unknown:
        yield ok("settings", f"{len(given)} NUDGE_ variables, all known.")


def check_values() -> Iterator[Finding]:
    """Every process's settings load; what is only missing may belong to another machine."""
    said: set[str] = set()
    for title, settings in SECTIONS.items():
        try:
            settings()
        except ValidationError as error:
            for details in error.errors(include_url=False, include_input=False):
                name = PREFIX + str(details["loc"][0]).upper() if details["loc"] else "settings"
                message = details["msg"].removeprefix("Value error, ")
                if name + message in said:
                    continue
                said.add(name + message)
                yield _wrong(title, name, details["type"] == "missing", message)
    if not said:
        yield ok("settings", "Every process has what it needs.")


def _wrong(title: str, name: str, missing: bool, message: str) -> Finding:
    if missing:
        return warn("settings", f"{name} is not set ({title.lower()}).", f"Set {name}.")
    return fail("settings", f"{name}: {message}", "Correct it in the environment or .env.")


def check_keys() -> Iterator[Finding]:
    """VAPID keys exist, can be read by their owner alone, and are loaded."""
    directory = VapidPlace().vapid_keys
    try:
        ring = load_keys(directory)
    except KeyFilesError as error:
        yield fail("keys", str(error), "`nudge keys create`, or restore the backup.")
        return
    for file in exposed_files(directory):
        yield fail(
            "keys",
            f"Others than its owner may read {file}: they could push to every subscriber.",
            f"chmod 600 {file}",
        )
    yield ok(
        "keys", f"{len(ring)} pair(s) in {directory}, new subscribers get {ring.current.key_id}."
    )
