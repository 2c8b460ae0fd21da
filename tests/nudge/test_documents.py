"""JSON as it comes: a document, a list, lines, and what is none."""

import io
from typing import Any

import pytest

from nudge.documents import json_documents
from nudge.problem import Problem


def read(text: str) -> list[Any]:
    return [
        (line, "bad" if isinstance(value, Problem) else value)
        for line, value in json_documents(io.BytesIO(text.encode()), "it")
    ]


def test_json_lines_are_read_one_by_one() -> None:
    assert read('{"a":1}\n\n{"a":2}\n') == [(1, {"a": 1}), (3, {"a": 2})]


def test_a_document_over_many_lines_is_one_value() -> None:
    assert read('{\n  "a": 1\n}\n') == [(1, {"a": 1})]


def test_a_list_is_its_members() -> None:
    assert read('[{"a":1},\n {"a":2}]') == [(1, {"a": 1}), (1, {"a": 2})]
    assert read('[{"a":1}, {"a":2}]\n') == [(1, {"a": 1}), (1, {"a": 2})]


def test_a_bad_line_does_not_hide_the_lines_after_it() -> None:
    assert read('{"a":1}\n{bad\n{"a":2}\n') == [(1, {"a": 1}), (2, "bad"), (3, {"a": 2})]
    assert read('{bad}\n{"a":2}\n') == [(1, "bad"), (2, {"a": 2})]


def test_a_byte_order_mark_before_the_first_line_is_skipped() -> None:
    assert read('\ufeff{"a":1}\n{"a":2}\n') == [(1, {"a": 1}), (2, {"a": 2})]


def test_nothing_is_no_document() -> None:
    assert read("") == read("\n\n") == []


def test_a_whole_that_is_no_json_is_a_problem_with_its_line() -> None:
    with pytest.raises(Problem, match="it, line 3"):
        read('{\n "a": 1,\n "b" 2\n}')
