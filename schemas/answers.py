"""What the core answers, as it makes it: structs.

:mod:`schemas.decisions`, :mod:`schemas.push` and :mod:`schemas.aftermath` are the contract, and
what every reader reads by. The core knows what it puts in: to have that judged once more, field by
field, would be half of what a decision costs. So each model that it makes has a struct here, made
from it, of the same name and with the same fields; :func:`schemas.adapters.dump` writes either in
the same bytes. Every field must be given but those that may be nothing. Words, which anybody may
have written, are :func:`checked`.

To a type checker the structs are the contract's models.
"""

from typing import TYPE_CHECKING, Any

import msgspec
from pydantic import BaseModel

from schemas import aftermath, decisions, push
from schemas.adapters import dump
from schemas.structs import plainly, struct_for

if TYPE_CHECKING:
    from schemas.aftermath import Handoff
    from schemas.decisions import Decision
    from schemas.push import Action, Payload, PushJob, Withdrawal

__all__ = ["Action", "Decision", "Handoff", "Payload", "PushJob", "Withdrawal", "checked"]


def _answer_of(model: type[BaseModel]) -> Any:
    fields: list[Any] = [
        (name, Any) if field.is_required() or field.default is not None else (name, Any, None)
        for name, field in model.model_fields.items()
    ]
    return msgspec.defstruct(
        model.__name__, fields, frozen=True, kw_only=True, omit_defaults=True, gc=False
    )


if not TYPE_CHECKING:
    Decision = _answer_of(decisions.Decision)
    Handoff = _answer_of(aftermath.Handoff)
    Action = _answer_of(push.Action)
    Payload = _answer_of(push.Payload)
    PushJob = _answer_of(push.PushJob)
    Withdrawal = _answer_of(push.Withdrawal)

_CONTRACTS: dict[type, tuple[Any, Any]] = {
    made: (msgspec.json.Decoder(struct_for(model)).decode, model.model_validate_json)
    for made, model in ((Action, push.Action), (Payload, push.Payload))
}


def checked(said: "Action | Payload") -> bytes:
    """Its JSON, once it is known to keep to the contract.

    Raises:
        ValueError: a field is too long, or an id holds a control character.
    """
    value = dump(said)
    read, judge = _CONTRACTS[type(said)]
    if plainly(read, value) is None:
        judge(value)
    return value
