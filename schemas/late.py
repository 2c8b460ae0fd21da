"""``nudge.late``: input that came when the partition's clock had passed it."""

from typing import Annotated

from pydantic import Field

from schemas.base import EpochMs, Id, Wire


class LateInput(Wire):
    """One input that was older than the clock. It changed state at its own time all the same.

    Where live decisions and a replay differ, the users are listed here.
    """

    user_id: Id
    topic: str
    partition: Annotated[int, Field(ge=0)]
    offset: Annotated[int, Field(ge=0)]
    occurred_at: EpochMs
    recorded_at: EpochMs
    clock: EpochMs
    """The partition's clock when it came."""
