"""The glossary speaks of things that exist."""

import re
from importlib import import_module
from itertools import pairwise

import pytest

from tests.nudge.commands import ROOT

PAGE = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| \*\*(.+?)\*\* \| (.+?) \| `(.+?)` \|$", PAGE, flags=re.MULTILINE)


def test_every_row_has_a_word_a_meaning_and_a_place() -> None:
    assert len(ROWS) == len(re.findall(r"^\| \*\*", PAGE, flags=re.MULTILINE)) > 40


@pytest.mark.parametrize(("word", "place"), [(word, place) for word, _, place in ROWS])
def test_a_word_stands_in_the_code_where_the_glossary_says(word: str, place: str) -> None:
    module, _, name = place.partition(":")
    assert hasattr(import_module(module), name), f"{word}: there is no {place}"


def test_words_are_in_order_and_each_is_told_once() -> None:
    words = [word for word, _, _ in ROWS]
    assert len(set(words)) == len(words)
    for section in PAGE.split("\n## ")[1:]:
        own = [word for word, _, _ in ROWS if f"**{word}**" in section]
        assert all(a.lower() <= b.lower() for a, b in pairwise(own)), own
