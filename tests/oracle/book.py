"""What the oracle writes down: decisions, each final one once, and what is taken back."""

from typing import Any

from processors.ids import decision_id
from tests.oracle.moment import Moment
from tests.oracle.shopper import Shopper


class Book:
    """All decisions come to stand in ``decisions``."""

    def __init__(self) -> None:
        self.decisions: list[dict[str, Any]] = []
        self.final: set[str] = set()
        self.told: set[tuple[str, str]] = set()

    def id_of(self, moment: Moment, due: int) -> str:
        return decision_id(
            moment["identity"], moment["scenario"], moment["entity"], moment["step"], due
        )

    def write(
        self, shopper: Shopper, moment: Moment, outcome: str, reason: str, at: int, due: int
    ) -> bool:
        name = self.id_of(moment, due)
        final = outcome not in ("held", "withdraw_requested")
        if name in self.final and final:
            return False
        if not final and (name, outcome + reason) in self.told:
            return False
        self.told.add((name, outcome + reason))
        if final:
            self.final.add(name)
        self.decisions.append(
            {
                "decision_id": name,
                "user_id": shopper["key"],
                "scenario": moment["scenario"],
                "step": moment["step"],
                "entity": moment["entity"],
                "due_at": due,
                "decided_at": at,
                "outcome": outcome,
                "reason": reason,
                "final": final,
            }
        )
        return True

    def withdraw(self, shopper: Shopper, sent: dict[str, Any], at: int, reason: str) -> None:
        if (sent["id"], "withdrawn") in self.told:
            return
        self.told.add((sent["id"], "withdrawn"))
        self.decisions.append(
            {
                "decision_id": sent["id"],
                "user_id": shopper["key"],
                "scenario": sent["scenario"],
                "step": sent["step"],
                "entity": sent["entity"],
                "due_at": sent["moment"]["first_due"],
                "decided_at": at,
                "outcome": "withdraw_requested",
                "reason": reason,
                "final": False,
            }
        )
