"""One partition's numbers for Prometheus."""

from collections import Counter
from collections.abc import Iterable, Mapping

from processors.campaign_file import kind_of
from processors.effects import Effects
from processors.inputs import Input, Tick
from runtime.metrics import Metric, counter, gauge, histogram
from schemas.decisions import DeadLetterReason
from schemas.topics import MARKS, PRODUCTS, SHOP_CATALOG, SHOP_EVENTS, USER_INPUTS
from streams.decode import Rejected
from streams.merge import Merge

_READ_WHOLE = (PRODUCTS, MARKS)
"""Without dead letters, but counted as they are; see :mod:`streams.internal`."""


def begin_at_zero() -> None:
    """Shows the counters that alerts watch before anything is counted.

    A series that begins with its first count shows Prometheus no increase.
    """
    for topic in (*USER_INPUTS, SHOP_CATALOG, *_READ_WHOLE):
        for reason in DeadLetterReason:
            if reason is not DeadLetterReason.REJECTED:  # delivery's
                counter(Metric.DEAD_LETTERS).labels(topic.name, reason)
    for topic in (SHOP_EVENTS, SHOP_CATALOG):
        counter(Metric.CLAMPED).labels(topic.name)
    for topic in USER_INPUTS:
        counter(Metric.LATE_INPUT).labels(topic.name)
    for topic in (*USER_INPUTS, PRODUCTS):
        counter(Metric.MERGE_WAITS).labels(topic.name)
        counter(Metric.MERGE_OVERRUNS).labels(topic.name)


class Gauges:
    """Counts what the steps of a partition did."""

    def __init__(self, partition: int) -> None:
        self._partition = str(partition)
        self._topics: set[str] = set()

    def stepped(
        self, inputs: Iterable[Input], effects: Effects, rejected: Iterable[Rejected]
    ) -> None:
        """A step was committed."""
        inputs = list(inputs)
        histogram(Metric.STEP_INPUTS).observe(len(inputs))
        topics = Counter([item.source.topic for item in inputs if not isinstance(item, Tick)])
        for topic, count in topics.items():
            counter(Metric.EVENTS).labels(topic).inc(count)
        for made in effects.decisions:
            decision = made.decision
            counter(Metric.DECISIONS).labels(
                kind_of(decision.scenario), decision.outcome, decision.reason
            ).inc()
        for late in effects.late:
            counter(Metric.LATE_INPUT).labels(late.topic).inc()
        for one in rejected:
            counter(Metric.DEAD_LETTERS).labels(one.letter.topic, one.letter.reason).inc()

    def clamped(self, count: int) -> None:
        """So many events lay too far ahead of the time they were recorded."""
        counter(Metric.CLAMPED).labels(SHOP_EVENTS.name).inc(count)

    def committed(self, seconds: float) -> None:
        histogram(Metric.TRANSACTION_SECONDS).observe(seconds)

    def waited(self, merge: Merge) -> None:
        """The merge let an input wait, or went on without one."""
        for metric, counts in (
            (Metric.MERGE_WAITS, merge.waits),
            (Metric.MERGE_OVERRUNS, merge.overruns),
        ):
            for name, count in counts.items():
                counter(metric).labels(name or PRODUCTS.name).inc(count)
            counts.clear()

    def stand(self, lag: Mapping[str, int], delay_ms: int, profiles: int) -> None:
        """Where the partition stands now: told when it is asked, since no step may ever end."""
        for topic, records in lag.items():
            self._topics.add(topic)
            gauge(Metric.LAG).labels(topic, self._partition).set(records)
        gauge(Metric.CLOCK_DELAY_SECONDS).labels(self._partition).set(delay_ms / 1000)
        gauge(Metric.PROFILES).labels(self._partition).set(profiles)

    def waiting(self, moments: int, walks: int) -> None:
        """What is open now."""
        gauge(Metric.OPEN_MOMENTS).labels(self._partition).set(moments)
        gauge(Metric.OPEN_WALKS).labels(self._partition).set(walks)

    def forget(self) -> None:
        """The partition is another worker's now: its numbers are no longer ours to tell."""
        for topic in self._topics:
            gauge(Metric.LAG).remove(topic, self._partition)
        if self._topics:
            gauge(Metric.CLOCK_DELAY_SECONDS).remove(self._partition)
            for name in (Metric.PROFILES, Metric.OPEN_MOMENTS, Metric.OPEN_WALKS):
                gauge(name).remove(self._partition)
        self._topics.clear()
