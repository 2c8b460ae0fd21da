"""What the scenario file may call an event: those of the wire, and what the core notices itself."""

from processors.reduce import PASSIVE
from processors.session import SESSION_END, SessionEnd
from schemas import structs as e
from schemas.adapters import EVENT_CLASSES
from schemas.events import Envelope

EVENTS: dict[str, type[Envelope]] = {**EVENT_CLASSES, "session_end": SessionEnd}
"""Every event that a scenario can follow, by name: its fields."""

GROUPS: dict[str, frozenset[type[e.Envelope]]] = {"activity": e.SHOP_EVENT_TYPES - PASSIVE}
"""Names for many events; they can end a moment."""

_STRUCTS: dict[str, type[e.Envelope]] = {**e.EVENT_CLASSES, "session_end": SESSION_END}


def events_named(name: str) -> frozenset[type[e.Envelope]]:
    """The events of a name or of a group's."""
    return GROUPS[name] if name in GROUPS else frozenset({_STRUCTS[name]})
