"""Several replayers over one reading of a history: each is told the same records."""

from collections.abc import Sequence
from typing import Protocol

from schemas.events import ShopEvent
from schemas.people import Interaction, Subscription
from schemas.structs import CatalogEvent


class Listener(Protocol):
    """Who is told the records of a history; see :class:`nudge.replay.replayer.Replayer`."""

    def shop_event(
        self, event: ShopEvent, recorded_at: int, *, historical: bool = False
    ) -> None: ...
    def interaction(self, interaction: Interaction, recorded_at: int) -> None: ...
    def subscription(
        self, user_id: str, subscription_id: str, value: Subscription | None, recorded_at: int
    ) -> None: ...
    def catalog_event(self, event: CatalogEvent, recorded_at: int) -> None: ...


class Several:
    """A listener that passes all it is told on to ``listeners``, in their order."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = listeners

    def shop_event(self, event: ShopEvent, recorded_at: int, *, historical: bool = False) -> None:
        for listener in self._listeners:
            listener.shop_event(event, recorded_at, historical=historical)

    def interaction(self, interaction: Interaction, recorded_at: int) -> None:
        for listener in self._listeners:
            listener.interaction(interaction, recorded_at)

    def subscription(
        self, user_id: str, subscription_id: str, value: Subscription | None, recorded_at: int
    ) -> None:
        for listener in self._listeners:
            listener.subscription(user_id, subscription_id, value, recorded_at)

    def catalog_event(self, event: CatalogEvent, recorded_at: int) -> None:
        for listener in self._listeners:
            listener.catalog_event(event, recorded_at)
