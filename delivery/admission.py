"""From records of ``push.jobs`` to pushes that wait their turn."""

import time
from collections.abc import Callable, Sequence

import structlog
from aiokafka import ConsumerRecord
from msgspec import DecodeError
from pydantic import TypeAdapter

from delivery.dispatcher import Dispatcher
from delivery.encryption import BadSubscriptionError, ReceiverKeys
from delivery.ending import Ends
from delivery.entries import Entry, EntryState, LedgerAwayError
from delivery.ledger import Ledger
from delivery.partition import Partition
from delivery.pushes import JobInHand, Push, PushState, take_in_hand
from delivery.results import Results
from delivery.side_reader import Mark, PartitionLostError, SideReader
from delivery.steps import Ending
from delivery.subscriptions import read_stored
from runtime.endpoints import EndpointNotAllowedError, EndpointPolicy
from schemas.adapters import InvalidRecordError, parse
from schemas.decisions import DeadLetterReason
from schemas.push import Channel, PushJob, ResultOutcome

log = structlog.get_logger(__name__)
_JOB: TypeAdapter[PushJob] = TypeAdapter(PushJob)


class Admission:
    """Reads jobs, looks each push up, and hands on those that may be sent.

    Args:
        worker: a name that no other worker has, for reservations.
        flushed: told that the ledger has forgotten a partition.
    """

    def __init__(
        self,
        worker: str,
        longest_ttl_ms: int,
        *,
        ledger: Ledger,
        side: SideReader,
        policy: EndpointPolicy,
        dispatcher: Dispatcher,
        ends: Ends,
        results: Results,
        flushed: Callable[[Partition], None],
    ) -> None:
        self._worker = worker
        self._longest_ttl_ms = longest_ttl_ms
        self._ledger = ledger
        self._side = side
        self._policy = policy
        self._dispatcher = dispatcher
        self._ends = ends
        self._results = results
        self._flushed = flushed

    async def admit(
        self, partition: Partition, records: Sequence[ConsumerRecord], mark: Mark
    ) -> None:
        """Takes a batch in, once all is known that was said before ``mark``."""
        hands = [hand for record in records if (hand := await self._read(partition, record))]
        pushes = [push for hand in hands for push in hand.pushes]
        try:
            await self._side.caught_up(partition.number, mark)
            while pushes and await partition.opened():
                entries = await self._ledger.lookup(push.key for push in pushes)
                if None in entries:
                    self._flushed(partition)
                forgotten = []
                for push, entry in zip(pushes, entries, strict=True):
                    if entry is None:
                        forgotten.append(push)
                    elif push.state is PushState.WAITING:
                        self._place(push, entry)
                pushes = forgotten
        except (PartitionLostError, LedgerAwayError):
            return

    async def _read(self, partition: Partition, record: ConsumerRecord) -> JobInHand | None:
        try:
            job = parse(_JOB, record.value)
            if record.key != job.user_id.encode():
                raise InvalidRecordError(
                    DeadLetterReason.WRONG_KEY, f"the job belongs under {job.user_id!r}"
                )
        except InvalidRecordError as error:
            await self._results.dead_letter(record, error.reason, str(error))
            partition.tracker.done(record.offset)
            return None
        if job.channel is Channel.ONSITE:
            # The gateway's: nothing is to be pushed.
            partition.tracker.done(record.offset)
            return None
        hand = take_in_hand(job, record, partition, self._worker, self._longest_ttl_ms)
        if partition.closed:
            return None
        if not self._dispatcher.hold(hand):
            log.warning("job_twice", job_id=job.job_id, partition=partition.number)
            partition.tracker.done(record.offset)
            return None
        return hand

    def _place(self, push: Push, entry: Entry) -> None:
        """Ends the push, or gives it its turn."""
        if entry.state is EntryState.SETTLED:
            self._dispatcher.over(push)
            return
        if entry.state is EntryState.FINISHED:
            push.state = PushState.ENDED
            self._dispatcher.tell(push, self._ends.publish_again(push, entry.content))
            return
        delay_s = 0.0
        if entry.state is EntryState.OPEN:
            push.attempts, delay_s = _read_note(entry.content)
        ending = (
            self._doubt(push, entry)
            or self._dispatcher.ending_now(push)
            or self._prepare(push, entry.subscription)
        )
        if ending is not None:
            self._dispatcher.end(push, ending)
            return
        push.known = True
        self._dispatcher.add(push, delay_s)

    def _doubt(self, push: Push, entry: Entry) -> Ending | None:
        if not push.at_most_once or push.known:
            return None
        if entry.state is EntryState.RESERVED:
            return Ending(ResultOutcome.UNKNOWN, detail="reserved before, with no end")
        if entry.state is EntryState.NONE and push.hand.record.offset < push.partition.doubt_until:
            return Ending(ResultOutcome.UNKNOWN, detail="taken before the ledger was lost")
        return None

    def _prepare(self, push: Push, subscription: bytes | None) -> Ending | None:
        """Finds out where the push goes; how it ends where it can go nowhere."""
        if subscription is None:
            return Ending(ResultOutcome.NO_SUBSCRIPTION)
        try:
            found = read_stored(subscription)
            push.keys = ReceiverKeys.parse(found.p256dh, found.auth)
            push.endpoint = self._policy.check(found.endpoint)
        except EndpointNotAllowedError as error:
            return Ending(ResultOutcome.NOT_ALLOWED, detail=str(error))
        except (BadSubscriptionError, DecodeError) as error:
            return Ending(ResultOutcome.BAD_SUBSCRIPTION, detail=str(error))
        push.key_id = found.key_id
        return None


def _read_note(note: bytes) -> tuple[int, float]:
    """Attempts so far, and seconds until the next one may be made."""
    attempts, _, not_before = note.partition(b" ")
    return int(attempts), max(0.0, int(not_before or 0) / 1000 - time.time())
