"""Writing a push's end down, so that it is told once and never sent again."""

import time
from collections.abc import Callable
from functools import cache

import orjson
import structlog

from delivery.entries import LedgerAwayError
from delivery.ledger import Ledger
from delivery.pushes import Push
from delivery.results import Results
from delivery.steps import Ending
from delivery.subscriptions import SubscriptionStore
from runtime.metrics import Metric, counter, histogram
from schemas.decisions import DeadLetterReason
from schemas.push import ResultOutcome

log = structlog.get_logger(__name__)
_DAY_MS = 86_400_000
_UNSUBSCRIBES = frozenset({ResultOutcome.GONE, ResultOutcome.BAD_SUBSCRIPTION})


def remembered_ms(push: Push) -> int:
    """How long the ledger keeps a push: while it may be sent, and a day for it to be read again."""
    return max(0, push.hand.expires_at - int(time.time() * 1000)) + _DAY_MS


def result_of(push: Push, ending: Ending, at: int) -> bytes:
    """The record for ``push.results``: a :class:`schemas.push.PushResult`, without the model.

    Args:
        at: epoch ms.
    """
    job = push.hand.job
    fields: dict[str, object] = {
        "job_id": job.job_id,
        "user_id": job.user_id,
        "subscription_id": push.key.subscription_id,
        "scenario": job.scenario,
        "message_class": job.message_class,
        "outcome": ending.outcome,
        "attempt": push.attempts,
        "at": at,
    }
    if ending.status is not None:
        fields["status"] = ending.status
    if push.endpoint is not None:
        fields["origin"] = push.endpoint.origin
    if ending.latency_ms is not None:
        fields["latency_ms"] = ending.latency_ms
    if ending.detail:
        fields["detail"] = ending.detail[:512]
    return orjson.dumps(fields)


class Ends:
    """In this order: the ledger, the result, the ledger again, the job's offset.

    A crash after the first is made good by whoever reads the job again: the ledger holds the
    result. A crash before it leaves a reservation, which is a doubt.

    Args:
        over: called once a push's result is durable.
    """

    def __init__(
        self,
        ledger: Ledger,
        results: Results,
        subscriptions: SubscriptionStore,
        over: Callable[[Push], None],
    ) -> None:
        self._over = over
        self._ledger = ledger
        self._results = results
        self._subscriptions = subscriptions
        sends = counter(Metric.SENDS)
        self._sends = cache(lambda origin, outcome: sends.labels(origin=origin, outcome=outcome))
        self._withdrawn = counter(Metric.WITHDRAWN)
        self._due_to_accepted = histogram(Metric.DUE_TO_ACCEPTED_SECONDS)

    async def end(self, push: Push, ending: Ending) -> None:
        """Returns once the end is durable, and what follows from it is done."""
        if ending.outcome is ResultOutcome.REJECTED:
            device = push.key.subscription_id
            why = f"device {device}: {ending.status or 'not sent'} {ending.detail or ''}".strip()
            await self._results.dead_letter(push.hand.record, DeadLetterReason.REJECTED, why)
        at = int(time.time() * 1000)
        self._count(push, ending, at)
        value, ttl_ms = result_of(push, ending, at), remembered_ms(push)
        try:
            await self._ledger.finish(push.key, value, ttl_ms)
        except LedgerAwayError:
            log.warning("ended_without_ledger", job_id=push.key.job_id, outcome=ending.outcome)
        await self._publish(push, value, ttl_ms)
        if ending.outcome in _UNSUBSCRIBES:
            key = push.key
            await self._results.unsubscribe(key.partition, key.user_id, key.subscription_id)
            await self._subscriptions.remove(key.user_id, key.subscription_id)

    async def publish_again(self, push: Push, result: bytes) -> None:
        """The ledger knows an end whose result may not have been written."""
        await self._publish(push, result, remembered_ms(push))

    async def retrying(self, push: Push, ending: Ending) -> None:
        """An attempt that did not end the push."""
        value = result_of(push, ending, int(time.time() * 1000))
        await self._results.write(push.key.partition, push.key.user_id, value)

    async def _publish(self, push: Push, result: bytes, ttl_ms: int) -> None:
        await self._results.write(push.key.partition, push.key.user_id, result)
        self._ledger.settle(push.key, ttl_ms)
        self._over(push)

    def _count(self, push: Push, ending: Ending, at: int) -> None:
        service = push.endpoint.service if push.endpoint else "none"
        self._sends(service, ending.outcome).inc()
        if ending.outcome is ResultOutcome.WITHDRAWN:
            self._withdrawn.labels(reason=ending.detail).inc()
        elif ending.outcome is ResultOutcome.DELIVERED:
            self._due_to_accepted.observe(max(0, at - push.hand.job.created_at) / 1000)
