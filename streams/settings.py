"""Settings of the streams worker."""

from pydantic import Field

from runtime.settings import KafkaSettings, ObservabilitySettings


class StreamsSettings(KafkaSettings, ObservabilitySettings):
    """How long a worker waits before it calls somebody idle, and how much it takes at once."""

    grace_ms: int = Field(
        5_000, ge=0, description="how far the clock stays behind the last answer of a quiet input"
    )
    disorder_ms: int = Field(
        60_000, ge=0, description="how far it stays behind the last record of a busy one"
    )
    silence_ms: int = Field(
        30_000, ge=1_000, description="no answer for longer than this, and an input's clock is held"
    )
    hold_ms: int = Field(
        120_000, ge=0, description="for so long, since producers still deliver what they kept"
    )
    order_slack_ms: int = Field(
        500,
        ge=0,
        description="how long a record may be on its way to the broker and still keep its place",
    )
    merge_wait_ms: int = Field(
        30_000,
        ge=0,
        description="how long all inputs wait for one that is behind and silent",
    )
    step_records: int = Field(8_000, ge=1, description="inputs in one step and transaction")
    inbox_records: int = Field(
        16_000, ge=1, description="records of one input and partition before fetching it pauses"
    )
    profile_slice: int = Field(500, ge=1, description="profiles that a walk visits in one step")
    idle_tick_ms: int = Field(
        2_000, ge=100, description="how often a partition without work writes its clock"
    )
    mark_every_ms: int = Field(
        200, ge=20, description="how often a worker tells the others how far its partitions are"
    )
    max_record_bytes: int = Field(
        1_000_000, ge=1_000, description="a larger record is dead-lettered unread"
    )
    session_timeout_s: float = Field(
        6.0, ge=1.0, le=60.0, description="a worker silent for longer loses its partitions"
    )
    group_instance_id: str | None = Field(
        None,
        description="a name that is the same after a restart, and each worker's own: a roll without"
        " rebalance",
    )
    accept_lost_input: bool = Field(
        False, description="go on although retention deleted input that was never processed"
    )
