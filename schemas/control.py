"""``nudge.scenarios`` and ``nudge-marks``: what ops and the workers tell every worker."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Currency, EpochMs, Id, Minor, Wire


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


class Deployment(Wire):
    """Key: ``deployment``. Written once by ``nudge topics create``: the identity of these topics.

    Workers remember ``id`` beside their state and refuse to start on another: topics that were
    deleted and made anew hold none of the offsets that the state speaks of.
    """

    type: Literal["deployment"]
    id: Id
    partitions: Annotated[int, Field(ge=1)]
    """P, the number of partitions of every topic keyed by user or product."""
    created_at: EpochMs


class VoucherBatch(Wire):
    """Codes that ops loaded into a pool (key: ``vouchers/<batch>``). Never changed once written.

    Usable from ``effective_at`` to ``expires_at``. A code's place in ``codes`` modulo P is the
    partition whose users may get it.
    """

    type: Literal["vouchers"]
    pool: Id
    batch: Id
    """A hash of the pool and its codes: the same batch loaded again is the same record."""
    effective_at: EpochMs
    codes: Annotated[tuple[Id, ...], Field(min_length=1, max_length=5000)]
    value: Minor | None = None
    currency: Currency | None = None
    expires_at: EpochMs | None = None
    loaded_by: Annotated[str, Field(max_length=256)] | None = None


Control = Annotated[
    ScenarioVersion | Pause | VoucherBatch | Deployment, Field(discriminator="type")
]

PAUSE_KEY = "pause"
DEPLOYMENT_KEY = "deployment"


def version_key(version: str) -> str:
    return f"version/{version}"


def voucher_key(batch: str) -> str:
    return f"vouchers/{batch}"


class PartitionMark(Wire):
    """``nudge-marks`` (key: the partition): how far a partition's shop events are done.

    Every handover that events recorded at or before ``until`` cause has been committed.
    """

    partition: Annotated[int, Field(ge=0)]
    until: EpochMs
