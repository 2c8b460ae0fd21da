"""``docs/operations.md`` and ``docs/rights.md`` speak of things that exist, and leave none out."""

import re
from typing import Any

import pytest
from typer.main import get_command

from gateway.person.reading import PERSONAL
from nudge.cli import app
from runtime.metrics import Metric
from schemas.topics import REGISTRY, Topic
from tests.nudge.commands import ROOT

PAGES = {name: (ROOT / "docs" / f"{name}.md").read_text() for name in ("operations", "rights")}
TEXT = "\n".join(PAGES.values())


def test_every_metric_is_one_that_is_served() -> None:
    assert set(re.findall(r"\bnudge_[a-z_]+\b", TEXT)) <= {str(metric) for metric in Metric}


def test_every_variable_is_a_setting() -> None:
    known = set(re.findall(r"NUDGE_[A-Z_]+", (ROOT / ".env.example").read_text()))
    assert set(re.findall(r"NUDGE_[A-Z_]+", TEXT)) <= known


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:tests|deploy)/[\w./]+)", TEXT))))
def test_every_file_that_is_named_is_there(path: str) -> None:
    assert (ROOT / path).exists()


def test_every_topic_is_in_the_registry() -> None:
    names = set(re.findall(r"`((?:shop|push|nudge)\.[a-z-]+)`", TEXT))
    assert names <= {topic.name for topic in REGISTRY}


@pytest.mark.parametrize("topic", PERSONAL, ids=lambda topic: topic.name)
def test_the_page_of_rights_names_every_topic_that_holds_something_about_people(
    topic: Topic,
) -> None:
    assert f"`{topic.name}`" in PAGES["rights"]


@pytest.mark.parametrize("words", sorted(set(re.findall(r"nudge ([a-z][a-z -]*)", TEXT))))
def test_every_command_exists(words: str) -> None:
    command: Any = get_command(app)
    for word in words.split():
        if not hasattr(command, "commands"):
            return  # its arguments
        assert word in command.commands, words
        command = command.commands[word]
