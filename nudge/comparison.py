"""What two versions of the rules make of the same history, side by side."""

from collections import Counter
from dataclasses import dataclass, field

from schemas.decisions import Decision, Outcome

Kind = tuple[str, str, str]
"""Scenario, outcome, reason."""


@dataclass(slots=True)
class Tally:
    """Final decisions by kind, and who would have got what."""

    version: str
    kinds: Counter[Kind] = field(default_factory=Counter)
    messages: Counter[tuple[str, str, str | None]] = field(default_factory=Counter)
    """Messages by (scenario, user, entity)."""

    def add(self, decision: Decision) -> None:
        if not decision.final:
            return
        kind = (decision.scenario, decision.outcome.value, decision.reason.value)
        self.kinds[kind] += 1
        if decision.outcome is Outcome.SENT:
            self.messages[decision.scenario, decision.user_id, decision.entity] += 1


def rows(before: Tally, after: Tally) -> list[tuple[str, ...]]:
    """A row a kind: how many before and after, and the messages newly and no longer sent."""
    newly, lost = after.messages - before.messages, before.messages - after.messages
    found: list[tuple[str, ...]] = []
    for kind in sorted(before.kinds.keys() | after.kinds.keys()):
        scenario, outcome, _ = kind
        gains = losses = ""
        if outcome == Outcome.SENT:
            gains = str(sum(n for message, n in newly.items() if message[0] == scenario))
            losses = str(sum(n for message, n in lost.items() if message[0] == scenario))
        counts = (str(before.kinds[kind]), str(after.kinds[kind]))
        found.append((*kind, *counts, gains, losses))
    return found
