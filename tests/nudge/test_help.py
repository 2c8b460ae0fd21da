"""Help that teaches, and comes at once."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from nudge.cli import app
from nudge.manual import command_page
from tests.nudge.commands import nudge

HEAVY = ("aiokafka", "asyncio", "faust", "jinja2", "pydantic", "redis", "rich.console", "uvloop")


def leaves(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that does something, with the words that call it."""
    for name, child in getattr(command, "commands", {}).items():
        if hasattr(child, "commands"):
            yield from leaves(child, (*words, name))
        else:
            yield (*words, name), child


COMMANDS = dict(leaves(get_command(app)))


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_says_what_it_does_and_shows_how(words: tuple[str, ...]) -> None:
    command = COMMANDS[words]
    assert command.help
    assert command.help.strip()[0].isupper()
    assert f"nudge {' '.join(words)}" in (command.epilog or "")
    for parameter in command.params:
        assert getattr(parameter, "help", None), f"{' '.join(words)} {parameter.name}"


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_example_calls_a_command_with_options_that_it_has(words: tuple[str, ...]) -> None:
    command = COMMANDS[words]
    known = {option for parameter in command.params for option in parameter.opts}
    for line in (command.epilog or "").splitlines():
        for part in line.partition("#")[0].split("|"):
            if f"nudge {' '.join(words)}" in part:
                given = {word.partition("=")[0] for word in part.split() if word.startswith("--")}
                assert given <= known


def test_the_help_page_needs_nothing_heavy() -> None:
    code = f"import sys, nudge.cli; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_manual_is_what_help_says() -> None:
    page = Path(__file__).parents[2] / "docs" / "cli.md"
    assert page.read_text(encoding="utf-8") == command_page(), "run python -m nudge.manual"


async def test_help_lists_every_command_under_its_heading() -> None:
    answer = (await nudge(None, "--help")).good()
    for words in COMMANDS:
        assert f"  {words[0]}" in answer.out
    assert "Send events:" in answer.out


async def test_an_unknown_command_is_a_usage_error_that_names_the_nearest() -> None:
    answer = (await nudge(None, "pubish")).failed(2)
    assert "publish" in answer.err


async def test_an_unreachable_kafka_is_a_cause_and_a_cure() -> None:
    answer = (await nudge(None, "tap", "all", NUDGE_KAFKA_BOOTSTRAP="127.0.0.1:1")).failed(1)
    assert "Kafka cannot be reached at 127.0.0.1:1" in answer.err
    assert "NUDGE_KAFKA_BOOTSTRAP" in answer.err


async def test_a_wrong_setting_is_named_and_a_secret_not_shown() -> None:
    answer = (
        await nudge(
            None, "tap", "all",
            NUDGE_KAFKA_SECURITY="SASL_SSL", NUDGE_KAFKA_PASSWORD="hunter2",
        )
    ).failed(1)  # fmt: skip
    assert "NUDGE_KAFKA_USERNAME" in answer.err
    assert "hunter2" not in answer.out + answer.err


async def test_a_terminal_without_arrows_gets_all_the_rest() -> None:
    answer = await nudge(None, "doctor", NUDGE_KAFKA_BOOTSTRAP="127.0.0.1:1",
                         PYTHONIOENCODING="latin-1")  # fmt: skip
    assert "Traceback" not in answer.err
    assert "? Start it, or set NUDGE_KAFKA_BOOTSTRAP" in answer.out


@pytest.mark.parametrize("words", [("schemas", "export"), ("publish", "--types")], ids=" ".join)
def test_a_full_disk_is_no_defect(words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "nudge", *words], stdout=full, stderr=subprocess.PIPE, text=True,
            check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("nudge: No space is left")
    assert "Traceback" not in done.stderr
