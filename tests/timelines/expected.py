"""What a story says must be decided, as sentences: ``10:35 ann cart_abandoned sent``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from processors.campaign_file import is_campaign
from processors.ids import decision_id
from schemas.decisions import Decision, Outcome, Reason
from tests.timelines.calendar import Calendar

_OUTCOMES = {outcome.value for outcome in Outcome}
_NOT_FINAL = (Outcome.HELD, Outcome.WITHDRAW_REQUESTED)
_CART_SCENARIOS = ("cart_abandoned", "checkout_abandoned", "delivery_cost")


_OF_PRODUCTS = ("back_in_stock", "reorder", "low_stock")


@dataclass(frozen=True, slots=True)
class Expected:
    """One decision of ``push.decisions``; ``decided_from`` and ``decided_to`` in ms.

    ``message``: what its push must say, by the name of the payload's field.
    """

    decision_id: str
    user_id: str
    scenario: str
    entity: str
    step: int
    due_at: int
    decided_from: int
    decided_to: int
    outcome: Outcome
    reason: Reason
    sentence: str
    evidence: Mapping[str, str] = field(default_factory=dict)
    message: Mapping[str, str] = field(default_factory=dict)

    @property
    def final(self) -> bool:
        return self.outcome not in _NOT_FINAL

    def is_met_by(self, decision: Decision) -> bool:
        return (
            decision.decision_id == self.decision_id
            and decision.user_id == self.user_id
            and decision.scenario == self.scenario
            and decision.entity == self.entity
            and decision.step == self.step
            and decision.due_at == self.due_at
            and self.decided_from <= decision.decided_at <= self.decided_to
            and decision.outcome is self.outcome
            and decision.reason is self.reason
            and decision.final is self.final
            and all(str(_shown(decision, k)) == v for k, v in self.evidence.items())
        )


def _shown(decision: Decision, name: str) -> Any:
    return decision.arm if name == "arm" else decision.evidence.get(name)


def expected(said: Any, calendar: Calendar, prefix: str) -> Expected:
    """``TIME WHO SCENARIO [ENTITY] OUTCOME [REASON], due TIME, step N, as VISITOR, KEY VALUE``.

    A mapping's value is what the push says: its title, or several of the payload's fields.

    Raises:
        ValueError: it is no such sentence.
    """
    message: Any = {}
    sentence = said
    if isinstance(said, dict):
        ((sentence, message),) = said.items()
        message = {"title": message} if isinstance(message, str) else message
    main, *clauses = sentence.split(", ")
    start, end, rest = _span(main, calendar)
    who, scenario, *words = rest.split()
    place = next((n for n, word in enumerate(words) if word in _OUTCOMES), None)
    if place is None:
        raise ValueError(f"no outcome in {sentence!r}: one of {', '.join(sorted(_OUTCOMES))}")
    outcome = Outcome(words[place])
    named = dict(clause.split(" ", 1) for clause in clauses)
    due = calendar.at(named.pop("due")) if "due" in named else start
    step = int(named.pop("step", 1))
    opened_as = prefix + named.pop("as", who)
    entity = _entity(scenario, words[:place], prefix, calendar)
    return Expected(
        decision_id=decision_id(opened_as, scenario, entity, step, due),
        user_id=prefix + who,
        scenario=scenario,
        entity=entity,
        step=step,
        due_at=due,
        decided_from=start,
        decided_to=end,
        outcome=outcome,
        reason=_reason(outcome, words[place + 1 :]),
        sentence=sentence,
        evidence=named,
        message=message,
    )


def _span(text: str, calendar: Calendar) -> tuple[int, int, str]:
    """``08:00..08:45`` is any time between: morning messages are spread by the user's hash."""
    start, rest = calendar.take(text)
    if not rest.startswith(".."):
        return start, start, rest
    end, rest = calendar.take(rest[2:])
    return start, end, rest


def _entity(scenario: str, words: list[str], prefix: str, calendar: Calendar) -> str:
    if is_campaign(scenario):
        name = scenario.partition("/")[2]
        return f"{name}/{calendar.date_of(words[0])}" if words else name
    if words:
        is_product = scenario.endswith("_drop") or scenario in _OF_PRODUCTS
        return prefix + words[0] if is_product else words[0]
    return "cart" if scenario in _CART_SCENARIOS else "user"


def _reason(outcome: Outcome, words: list[str]) -> Reason:
    if words:
        return Reason(words[0])
    if outcome not in (Outcome.SENT, Outcome.SHADOW):
        raise ValueError(f"{outcome.value} wants its reason")
    return Reason.OK


def in_words(decision: Decision, calendar: Calendar, prefix: str) -> str:
    """The sentence that would expect ``decision``."""
    entity = (decision.entity or "").removeprefix(prefix)
    words = [
        calendar.write(decision.decided_at),
        decision.user_id.removeprefix(prefix),
        decision.scenario,
        *([] if entity in ("cart", "user") else [entity]),
        decision.outcome.value,
        *([] if decision.reason is Reason.OK else [decision.reason.value]),
    ]
    said = " ".join(words)
    if decision.due_at != decision.decided_at:
        said += f", due {calendar.write(decision.due_at)}"
    if decision.step > 1:
        said += f", step {decision.step}"
    for key in ("cap", "rival", "interest", "would_have", "arm"):
        if (value := _shown(decision, key)) is not None:
            said += f", {key} {value}"
    return said
