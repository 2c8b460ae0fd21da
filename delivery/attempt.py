"""One attempt at one push: reserve, look again, encrypt, POST, and judge the answer."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import structlog

from delivery.authorization import Authorizations
from delivery.backoff import backoff_s
from delivery.encryption import BadSubscriptionError, TooLargeError, encrypt
from delivery.ending import remembered_ms
from delivery.entries import LedgerAwayError, Reservation
from delivery.ledger import Ledger
from delivery.origins import Origin
from delivery.outcomes import Verdict
from delivery.partition import Partition
from delivery.pushes import Push, with_token
from delivery.sender import MAX_TTL_S, Answer, Sender
from delivery.steps import EndedElsewhere, Ending, Later, Lost, NotNow, Step
from runtime.metrics import Metric, counter, histogram
from runtime.tokens import InteractionTokens
from schemas.push import ResultOutcome

log = structlog.get_logger(__name__)
_ENDINGS = {
    Verdict.DELIVERED: ResultOutcome.DELIVERED,
    Verdict.GONE: ResultOutcome.GONE,
    Verdict.REJECTED: ResultOutcome.REJECTED,
    Verdict.NOT_ALLOWED: ResultOutcome.NOT_ALLOWED,
}
_LAST_TRY_S = 1.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait between tries, in seconds."""

    first_s: float
    longest_s: float
    contested_s: float
    """Until a reservation that somebody else holds counts as a doubt."""


@dataclass(frozen=True, slots=True)
class Voice:
    """What makes a push ours: where it goes out, who signs it, what it carries."""

    sender: Sender
    authorizations: Authorizations
    tokens: InteractionTokens


class Attempts:
    """Makes attempts. What can change while one waits is looked at again before its POST.

    Args:
        ending_now: how a push ends at once, ``None`` where it does not.
        may_send: whether a POST may start.
        flushed: told that the ledger has forgotten a partition.
        retrying: told of a try that will be followed by another.
    """

    def __init__(
        self,
        ledger: Ledger,
        voice: Voice,
        patience: Patience,
        *,
        ending_now: Callable[[Push], Ending | None],
        may_send: Callable[[], bool],
        flushed: Callable[[Partition], None],
        retrying: Callable[[Push, Ending], None],
    ) -> None:
        self._ledger = ledger
        self._voice = voice
        self._patience = patience
        self._ending_now = ending_now
        self._may_send = may_send
        self._flushed = flushed
        self._retrying = retrying
        seconds = histogram(Metric.SEND_SECONDS)
        self._seconds = cache(lambda origin: seconds.labels(origin=origin))
        self._retries = counter(Metric.RETRIES)
        self._missing: set[str | None] = set()
        """Ids of keys that we lack, and that was said."""

    async def attempt(self, push: Push, origin: Origin) -> Step:
        """What came of it, and what follows."""
        # Before the reservation, for which many wait at once: messages are encrypted in a row, and
        # go out in a row, which saves about a tenth of a push's time (docs/decisions/push-cost.md).
        body = self._encrypted(push)
        try:
            reservation = await self._ledger.reserve(
                push.key,
                push.token,
                at_most_once=push.at_most_once,
                ttl_ms=remembered_ms(push),
            )
            if reservation is not Reservation.RESERVED:
                return self._not_reserved(push, reservation)
            if not self._may_send() or self._ending_now(push) or push.partition.closed:
                return await self._released(push, NotNow())
            return await self._send(push, origin, body)
        except LedgerAwayError:
            return Lost()

    def _not_reserved(self, push: Push, reservation: Reservation) -> Step:
        match reservation:
            case Reservation.FLUSHED:
                self._flushed(push.partition)
                return NotNow()
            case Reservation.DONE:
                return EndedElsewhere()
            case Reservation.NO_SUBSCRIPTION:
                return Ending(ResultOutcome.NO_SUBSCRIPTION)
            case _ if not push.contested:
                # Nobody held it when we looked it up: another worker is at it this very moment.
                push.contested = True
                return Later(self._patience.contested_s)
            case _:
                return Ending(ResultOutcome.UNKNOWN, detail="reserved by another worker")

    def _encrypted(self, push: Push) -> bytes | Ending:
        """The body of the push, or how it ends without one."""
        assert push.keys is not None
        token = self._voice.tokens.make(push.key.job_id, push.key.subscription_id)
        try:
            return encrypt(push.keys, with_token(push.hand.payload, token))
        except TooLargeError as error:
            return Ending(ResultOutcome.REJECTED, detail=str(error))
        except BadSubscriptionError as error:
            return Ending(ResultOutcome.BAD_SUBSCRIPTION, detail=str(error))

    async def _send(self, push: Push, origin: Origin, body: bytes | Ending) -> Step:
        assert push.endpoint is not None
        job = push.hand.job
        now = time.time()
        authorization = self._voice.authorizations.header(push.key_id, push.endpoint.origin, now)
        if authorization is None:
            return await self._keyless(push, origin)
        if isinstance(body, Ending):
            return body
        push.attempts += 1
        answer = await self._voice.sender.post(
            push.endpoint,
            {
                "Authorization": authorization,
                "Content-Encoding": "aes128gcm",
                "Content-Type": "application/octet-stream",
                "TTL": str(_ttl_s(job.expires_at, now)),
                "Urgency": job.urgency.value,
                "Topic": job.topic,
            },
            body,
        )
        self._seconds(origin.service).observe(answer.latency_ms / 1000)
        return await self._judge(push, origin, answer)

    async def _judge(self, push: Push, origin: Origin, answer: Answer) -> Step:
        push.last, push.last_status = answer.verdict, answer.status
        now = time.monotonic()
        match answer.verdict:
            case Verdict.HELD_BACK:
                push.attempts -= 1
                return await self._released(push, NotNow())
            case Verdict.TRY_LATER:
                origin.failed(now, answer.retry_after_s)
                return await self._later(push, origin, answer)
            case Verdict.UNAUTHORIZED:
                return await self._refused(push, origin, answer, now)
            case Verdict.IN_DOUBT:
                origin.failed(now)
                if push.at_most_once:
                    return _ending(ResultOutcome.UNKNOWN, answer)
                return await self._later(push, origin, answer)
            case Verdict.NOT_ALLOWED:
                return _ending(ResultOutcome.NOT_ALLOWED, answer)
            case _:
                origin.succeeded(accepted=answer.verdict is Verdict.DELIVERED)
                return _ending(_ENDINGS[answer.verdict], answer)

    async def _refused(self, push: Push, origin: Origin, answer: Answer, now: float) -> Step:
        """Our key is not accepted, for this browser or for all."""
        assert push.endpoint is not None
        origin.refused_us(now, push.key.subscription_id)
        self._voice.authorizations.refused(push.key_id, push.endpoint.origin)
        log.error("vapid_key_refused", origin=push.endpoint.origin, key_id=push.key_id,
                  status=answer.status, said=answer.detail)  # fmt: skip
        before, push.accepted_before = push.accepted_before, origin.accepted
        if before is not None and origin.accepted > before:
            # Refused twice, and others taken in between: it is this browser's key.
            return _ending(ResultOutcome.UNAUTHORIZED, answer)
        return await self._later(push, origin, answer)

    async def _keyless(self, push: Push, origin: Origin) -> Step:
        """We lack the private key that this browser subscribed with: ops may yet bring it."""
        push.last = Verdict.UNAUTHORIZED
        if push.key_id not in self._missing:
            # Once a key: where all are lost, every push of every user comes by here again.
            self._missing.add(push.key_id)
            log.error("vapid_key_missing", key_id=push.key_id)
        self._retries.labels(origin=origin.service, cause=Verdict.UNAUTHORIZED).inc()
        push.attempts += 1
        return await self._released(push, Later(self._wait_s(push, None)))

    async def _later(self, push: Push, origin: Origin, answer: Answer) -> Step:
        self._retries.labels(origin=origin.service, cause=answer.verdict).inc()
        self._retrying(push, _ending(ResultOutcome.RETRYING, answer))
        wait_s = self._wait_s(push, answer.retry_after_s)
        if answer.verdict is Verdict.IN_DOUBT:
            return Later(wait_s)  # still reserved: it may have been taken
        return await self._released(push, Later(wait_s), wait_s)

    async def _released(self, push: Push, step: Step, wait_s: float = 0.0) -> Step:
        not_before = int((time.time() + wait_s) * 1000)
        await self._ledger.release(
            push.key, push.token, f"{push.attempts} {not_before}", remembered_ms(push)
        )
        return step

    def _wait_s(self, push: Push, asked_s: float | None) -> float:
        """Until the next try: backed off, but once more before the time is up, unless the push
        service asks for longer."""
        patience = self._patience
        wait_s = backoff_s(push.attempts, patience.first_s, patience.longest_s, random.random)
        left_s = push.hand.expires_at / 1000 - time.time()
        wait_s = min(wait_s, max(left_s - _LAST_TRY_S, _LAST_TRY_S))
        return wait_s if asked_s is None else max(asked_s, wait_s)


def _ending(outcome: ResultOutcome, answer: Answer) -> Ending:
    return Ending(outcome, answer.status, answer.detail, answer.latency_ms)


def _ttl_s(expires_at: int, now: float) -> int:
    """Seconds left, for the push service to keep the message (RFC 8030 §5.2)."""
    return min(max(0, int(expires_at / 1000 - now)), MAX_TTL_S)
