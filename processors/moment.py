"""A moment that waits for its time, as a profile keeps it."""

from typing import Any

import msgspec

AWAITS_CLICK = "~click"
"""In the place of a scenario: no moment, but a message whose click is waited for."""


class Moment(
    msgspec.Struct,
    omit_defaults=True,
    gc=False,
    rename={
        "scenario": "s",
        "entity": "e",
        "opened_at": "o",
        "wait": "w",
        "due": "d",
        "step": "n",
        "identity": "i",
        "version": "v",
        "first_due": "f",
        "look_at": "l",
        "held": "h",
        "shadow": "q",
        "data": "x",
    },
):
    """An open moment: an idle one is due ``wait`` after the last activity, another at ``due``."""

    scenario: str
    entity: str
    opened_at: int
    version: str = ""
    """Of the rules that opened it, where that is not its profile's ``opens_by``."""
    wait: int = 0
    due: int = 0
    step: int = 1
    identity: str = ""
    """The user's id when it opened, where that was another."""
    first_due: int = 0
    """When it was first due, once it has been judged or held; names the decision from then on."""
    look_at: int = 0
    """Held until then."""
    held: list[str] = []
    """Reasons it was held for so far: each is written down once."""
    shadow: bool = False
    """Opened while its scenario was in shadow: it never speaks."""
    data: dict[str, Any] = {}

    def due_at(self, active_at: int) -> int:
        """When it is due (ms), given the user's last activity."""
        return self.due or active_at + self.wait

    def next_look(self, active_at: int) -> int:
        """When it is to be judged (ms): its due time, or the end of its hold."""
        return max(self.due or active_at + self.wait, self.look_at)
