"""Settings of the push consumer (``NUDGE_DELIVERY_…``), and what it shares with others."""

from pydantic import Field

from runtime.endpoints import EndpointSettings
from runtime.settings import KafkaSettings, ObservabilitySettings, RedisSettings
from runtime.tokens import TokenSettings
from runtime.vapid import VapidSettings


class DeliverySettings(
    KafkaSettings,
    RedisSettings,
    VapidSettings,
    TokenSettings,
    EndpointSettings,
    ObservabilitySettings,
):
    """All that a delivery worker needs."""

    delivery_group: str = Field("delivery", description="the consumer group of push.jobs")
    delivery_concurrency: int = Field(256, ge=1, le=10_000, description="POSTs under way at once")
    delivery_per_origin: int = Field(
        128, ge=1, le=10_000, description="POSTs under way at once to one push service"
    )
    delivery_held: int = Field(
        20_000, ge=1, description="pushes held in memory, waiting ones included; full: no more jobs"
    )
    delivery_connect_timeout_s: float = Field(5.0, gt=0, le=60)
    delivery_post_timeout_s: float = Field(
        10.0, gt=0, le=120, description="a POST from its start to the answer's head"
    )
    delivery_longest_ttl_s: int = Field(
        3 * 86_400,
        ge=60,
        le=28 * 86_400,
        description="no job is held longer than this after it was emitted; what is rebuilt after"
        " Redis was flushed reaches back this far",
    )
    delivery_backoff_s: float = Field(
        1.0, gt=0, description="the first wait after a failure; each further one is twice as long"
    )
    delivery_longest_backoff_s: float = Field(300.0, gt=0)
    delivery_breaker_failures: int = Field(
        10, ge=1, description="failures in a row after which a push service is left alone a while"
    )
    delivery_redis_timeout_s: float = Field(2.0, gt=0, le=60)
    delivery_session_timeout_ms: int = Field(
        10_000, ge=1_000, description="a worker that is silent for this long loses its partitions"
    )
    delivery_drain_timeout_s: float = Field(
        25.0, gt=0, description="how long a stopping worker finishes what is in flight"
    )
