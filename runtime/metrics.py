"""Every metric that Nudge has, by name. One that does not stand here cannot be made.

Labels have few values: a partition, a registry topic, a member of a closed enum, a scenario of
the file, the origin of an allowed push service. Never a user, a product or a job.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from functools import cache

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

disable_created_metrics()  # type: ignore[no-untyped-call]  # the library leaves it untyped

REGISTRY = CollectorRegistry(auto_describe=False)
"""What ``/metrics`` shows."""
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)


class Metric(StrEnum):
    """Names as Prometheus sees them; counters end in ``_total``, times are in seconds."""

    # streams
    LAG = "nudge_lag_records"
    EVENTS = "nudge_events_total"
    DECISIONS = "nudge_decisions_total"
    TRANSACTION_SECONDS = "nudge_transaction_seconds"
    STEP_INPUTS = "nudge_step_inputs"
    CLOCK_DELAY_SECONDS = "nudge_clock_delay_seconds"
    RECOVERY_PROGRESS = "nudge_recovery_progress_ratio"
    DEAD_LETTERS = "nudge_dead_letters_total"
    LATE_INPUT = "nudge_late_input_total"
    CLAMPED = "nudge_clamped_total"
    MERGE_WAITS = "nudge_merge_waits_total"
    MERGE_OVERRUNS = "nudge_merge_overruns_total"
    PROFILES = "nudge_profiles"
    OPEN_MOMENTS = "nudge_open_moments"
    OPEN_WALKS = "nudge_open_walks"
    REBALANCES = "nudge_rebalances_total"
    REFUSED = "nudge_steering_refused"
    # delivery
    SENDS = "nudge_sends_total"
    SEND_SECONDS = "nudge_send_seconds"
    DUE_TO_ACCEPTED_SECONDS = "nudge_due_to_accepted_seconds"
    RETRIES = "nudge_retries_total"
    BREAKER = "nudge_breaker_state"
    JOBS_IN_FLIGHT = "nudge_jobs_in_flight"
    WITHDRAWN = "nudge_withdrawn_total"
    LEDGER_RESERVATIONS = "nudge_ledger_reservations_total"
    REDIS_EPOCH = "nudge_redis_epoch_seconds"
    SUBSCRIPTIONS = "nudge_subscriptions"
    PAUSED = "nudge_paused"
    # gateway
    GATEWAY_REQUESTS = "nudge_gateway_requests_total"
    GATEWAY_SECONDS = "nudge_gateway_seconds"
    GATEWAY_EVENTS = "nudge_gateway_events_total"
    GATEWAY_INTERACTIONS = "nudge_gateway_interactions_total"
    GATEWAY_TABS = "nudge_gateway_tabs"
    # all
    READY = "nudge_ready"


class _Kind(Enum):
    COUNTER = Counter
    GAUGE = Gauge
    HISTOGRAM = Histogram


@dataclass(frozen=True, slots=True)
class _Spec:
    kind: _Kind
    about: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = Histogram.DEFAULT_BUCKETS


_SHORT_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_SEND_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_DUE_SECONDS = (0.25, 0.5, 1.0, 1.5, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)
_COUNTS = (1.0, 10.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10000.0)
_C, _G, _H = _Kind.COUNTER, _Kind.GAUGE, _Kind.HISTOGRAM

_SPECS: Mapping[Metric, _Spec] = {
    Metric.LAG: _Spec(_G, "records between the end and what is committed", ("topic", "partition")),
    Metric.EVENTS: _Spec(_C, "records read and applied", ("topic",)),
    Metric.DECISIONS: _Spec(_C, "decisions written", ("scenario", "outcome", "reason")),
    Metric.TRANSACTION_SECONDS: _Spec(_H, "begin to commit of a step", (), _SHORT_SECONDS),
    Metric.STEP_INPUTS: _Spec(_H, "inputs that one step took", (), _COUNTS),
    Metric.CLOCK_DELAY_SECONDS: _Spec(_G, "wall time less the partition's clock", ("partition",)),
    Metric.RECOVERY_PROGRESS: _Spec(_G, "0 to 1, of the changelog read back", ("partition",)),
    Metric.DEAD_LETTERS: _Spec(_C, "records nobody could read", ("topic", "reason")),
    Metric.LATE_INPUT: _Spec(_C, "inputs that overran the merge's bound", ("topic",)),
    Metric.CLAMPED: _Spec(_C, "events whose time lay too far ahead", ("topic",)),
    Metric.MERGE_WAITS: _Spec(_C, "times a step waited for an input", ("topic",)),
    Metric.MERGE_OVERRUNS: _Spec(_C, "waits that ended by the bound", ("topic",)),
    Metric.PROFILES: _Spec(_G, "profiles held", ("partition",)),
    Metric.OPEN_MOMENTS: _Spec(_G, "moments open, not yet decided", ("partition",)),
    Metric.OPEN_WALKS: _Spec(_G, "walks over many profiles under way", ("partition",)),
    Metric.REBALANCES: _Spec(_C, "times partitions were handed round"),
    Metric.REFUSED: _Spec(_G, "versions or campaigns in force that are refused", ("what",)),
    Metric.SENDS: _Spec(_C, "final outcomes of sends", ("origin", "outcome")),
    Metric.SEND_SECONDS: _Spec(_H, "a POST to the push service", ("origin",), _SEND_SECONDS),
    Metric.DUE_TO_ACCEPTED_SECONDS: _Spec(_H, "due time to the 201", (), _DUE_SECONDS),
    Metric.RETRIES: _Spec(_C, "sends put off to be tried again", ("origin", "cause")),
    Metric.BREAKER: _Spec(_G, "0 closed, 1 half open, 2 open", ("origin",)),
    Metric.JOBS_IN_FLIGHT: _Spec(_G, "jobs being worked on"),
    Metric.WITHDRAWN: _Spec(_C, "jobs taken back before their POST", ("reason",)),
    Metric.LEDGER_RESERVATIONS: _Spec(_C, "answers of the ledger to a reservation", ("answer",)),
    Metric.REDIS_EPOCH: _Spec(_G, "when the ledger's epoch began, Unix time; 0: none"),
    Metric.SUBSCRIPTIONS: _Spec(_G, "subscriptions held"),
    Metric.PAUSED: _Spec(_G, "1 while sending is paused"),
    Metric.GATEWAY_REQUESTS: _Spec(_C, "requests answered", ("route", "status")),
    Metric.GATEWAY_SECONDS: _Spec(_H, "a request, answered", ("route",), _SHORT_SECONDS),
    Metric.GATEWAY_EVENTS: _Spec(_C, "events that the broker acknowledged", ("source",)),
    Metric.GATEWAY_INTERACTIONS: _Spec(_C, "interactions reported", ("type", "answer")),
    Metric.GATEWAY_TABS: _Spec(_G, "pages that listen for messages"),
    Metric.READY: _Spec(_G, "1 while the check passes", ("check",)),
}


def counter(name: Metric) -> Counter:
    """The counter of that name; the same object each time.

    Raises:
        TypeError: the metric is not a counter.
    """
    made = _made(name)
    if not isinstance(made, Counter):
        raise TypeError(f"{name} is a {type(made).__name__.lower()}")
    return made


def gauge(name: Metric) -> Gauge:
    """The gauge of that name; the same object each time.

    Raises:
        TypeError: the metric is not a gauge.
    """
    made = _made(name)
    if not isinstance(made, Gauge):
        raise TypeError(f"{name} is a {type(made).__name__.lower()}")
    return made


def histogram(name: Metric) -> Histogram:
    """The histogram of that name; the same object each time.

    Raises:
        TypeError: the metric is not a histogram.
    """
    made = _made(name)
    if not isinstance(made, Histogram):
        raise TypeError(f"{name} is a {type(made).__name__.lower()}")
    return made


@cache
def _made(name: Metric) -> Counter | Gauge | Histogram:
    spec = _SPECS[name]
    if spec.kind is _Kind.HISTOGRAM:
        return Histogram(name, spec.about, spec.labels, buckets=spec.buckets, registry=REGISTRY)
    made = Counter if spec.kind is _Kind.COUNTER else Gauge
    return made(name, spec.about, spec.labels, registry=REGISTRY)
