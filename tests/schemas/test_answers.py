"""What the core answers is written as the contract writes it, and its words are held to it."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from schemas import aftermath, answers, decisions, push
from schemas.adapters import dump
from schemas.answers import checked
from tests.schemas.strategies import values_of

QUICK = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
MODELS: tuple[type[BaseModel], ...] = (
    decisions.Decision, aftermath.Handoff, push.Action, push.Payload, push.PushJob,
    push.Withdrawal,
)  # fmt: skip
VALUES = {model: values_of(model.model_json_schema(mode="serialization")) for model in MODELS}


def made(told: Any) -> Any:
    """The same as the core makes it."""
    if isinstance(told, tuple):
        return tuple(made(part) for part in told)
    if not isinstance(told, BaseModel):
        return told
    fields = {name: made(getattr(told, name)) for name in type(told).model_fields}
    return getattr(answers, type(told).__name__)(**fields)


@QUICK
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
@given(data=st.data())
def test_whatever_the_contract_allows_is_written_in_the_same_bytes(
    model: type[BaseModel], data: st.DataObject
) -> None:
    told = model.model_validate(data.draw(VALUES[model]))
    assert type(made(told)) is not model
    assert dump(made(told)) == dump(told)


EVIDENCE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(-1e15, 1e15),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@QUICK
@given(st.dictionaries(st.text(max_size=8), EVIDENCE, max_size=4))
def test_evidence_of_any_shape_is_written_in_the_same_bytes(evidence: dict[str, Any]) -> None:
    told = decisions.Decision(
        decision_id="d", user_id="ann", scenario="welcome", step=1, due_at=1, decided_at=1,
        outcome=decisions.Outcome.SENT, reason=decisions.Reason.OK, final=True,
        scenario_version="v", evidence=evidence,
    )  # fmt: skip
    assert dump(made(told)) == dump(told)


def test_only_what_may_be_nothing_may_be_left_out() -> None:
    some: Any = {name: "" for name in push.PushJob.model_fields if name != "channel"}
    with pytest.raises(TypeError, match="channel"):
        answers.PushJob(**some)


WORDS = {"title": "Your lamp", "body": "It waits.", "url": "/cart", "tag": "cart:ann",
         "locale": "en", "scenario": "cart", "job_id": "j", "actions": ()}  # fmt: skip
TEXT = st.text(st.sampled_from('aż\U0001f600\\"\n\x00\x1f\x7f\ud800 {}'), max_size=6)
LONG = st.builds(str.__mul__, st.sampled_from("aż\U0001f600"), st.sampled_from(
    [0, 35, 36, 128, 129, 256, 257, 1024, 1025, 2048, 2049]))  # fmt: skip


@QUICK
@given(st.sampled_from([*WORDS, "icon", "image"]), TEXT | LONG)
def test_words_that_break_the_contract_are_found_as_the_contract_finds_them(
    field: str, words: str
) -> None:
    if field == "actions":
        allowed = is_allowed(push.Action, action=words, title=words)
        assert is_checked(answers.Action(action=words, title=words)) is allowed
        return
    said: Any = {**WORDS, field: words}
    assert is_checked(answers.Payload(**said)) is is_allowed(push.Payload, **said)


def is_allowed(model: type[BaseModel], **fields: Any) -> bool:
    try:
        model(**fields)
    except ValidationError:
        return False
    return True


def is_checked(said: push.Action | push.Payload) -> bool:
    try:
        assert checked(said) == dump(said)
    except ValueError:
        return False
    return True
