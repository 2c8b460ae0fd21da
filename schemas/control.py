"""``nudge.scenarios`` and ``nudge-marks``: what ops and the workers tell every worker."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import EpochMs, Id, Wire


class ScenarioVersion(Wire):
    """The scenario file in force from ``effective_at`` on (key: ``version/<version>``)."""

    type: Literal["version"]
    version: Id
    effective_at: EpochMs
    applied_by: Annotated[str, Field(max_length=256)] | None = None
    yaml: Annotated[str, Field(max_length=1_000_000)]
    """The file's text, as it was checked."""


class Pause(Wire):
    """Key: ``pause``. While ``paused`` nothing is sent; jobs wait until their time to live ends."""

    type: Literal["pause"]
    paused: bool
    at: EpochMs
    by: Annotated[str, Field(max_length=256)] | None = None
    reason: Annotated[str, Field(max_length=512)] | None = None


Control = Annotated[ScenarioVersion | Pause, Field(discriminator="type")]

PAUSE_KEY = "pause"


def version_key(version: str) -> str:
    return f"version/{version}"


class PartitionMark(Wire):
    """``nudge-marks`` (key: the partition): how far a partition's shop events are done.

    Every handover that events recorded at or before ``until`` cause has been committed.
    """

    partition: Annotated[int, Field(ge=0)]
    until: EpochMs
