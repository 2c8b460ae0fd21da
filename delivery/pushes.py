"""What is in hand: jobs taken from their topic, and one push for each of their devices."""

from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count

import msgspec
from aiokafka import ConsumerRecord

from delivery.encryption import ReceiverKeys
from delivery.entries import PushKey
from delivery.outcomes import Verdict, at_most_once
from delivery.partition import Partition
from runtime.endpoints import Endpoint
from schemas.push import PushJob

_numbers = count(1)


class _Rendered(msgspec.Struct):
    """Of a job's record its payload, as it stands there."""

    payload: msgspec.Raw


_rendered = msgspec.json.Decoder(_Rendered).decode


class PushState(StrEnum):
    WAITING = "waiting"
    """For its subscription, its turn, another try, or the end of a pause."""
    UNDER_WAY = "under_way"
    """Between reservation and answer: it is not ours to end it."""
    ENDED = "ended"


@dataclass(slots=True, eq=False)
class JobInHand:
    """A job from taken to done."""

    job: PushJob
    record: ConsumerRecord
    partition: Partition
    expires_at: int
    """Epoch ms: the job's own, or the longest that any is held."""
    pushes: "list[Push]" = field(default_factory=list)
    left: int = 0
    """Pushes that have not ended."""

    @property
    def payload(self) -> bytes:
        """The payload as JSON, the same for each device: the bytes that the core rendered."""
        return bytes(_rendered(self.record.value).payload)

    def let_go(self) -> None:
        """The job is not in hand any more. A push knows its job: where the job goes on knowing its
        pushes, both stay in memory until the garbage collector has looked for them."""
        self.pushes.clear()


@dataclass(slots=True, eq=False)
class Push:
    """One job at one device."""

    hand: JobInHand
    key: PushKey
    token: str
    """Names our reservation in the ledger."""
    endpoint: Endpoint | None = None
    keys: ReceiverKeys | None = None
    key_id: str | None = None
    attempts: int = 0
    state: PushState = PushState.WAITING
    known: bool = False
    """Whether the ledger has told us, in this process, that nobody else reserved it."""
    contested: bool = False
    """Whether somebody else was found to hold the reservation at the last moment."""
    accepted_before: int | None = None
    """How many others its origin had taken when it refused our key to this one."""
    last: Verdict | None = None
    last_status: int | None = None

    @property
    def at_most_once(self) -> bool:
        return at_most_once(self.hand.job.message_class)

    @property
    def partition(self) -> Partition:
        return self.hand.partition


def take_in_hand(
    job: PushJob, record: ConsumerRecord, partition: Partition, worker: str, longest_ttl_ms: int
) -> JobInHand:
    """The job with a push for each device, none twice."""
    hand = JobInHand(job, record, partition, min(job.expires_at, record.timestamp + longest_ttl_ms))
    for device in dict.fromkeys(job.devices):
        key = PushKey(partition.number, job.job_id, job.user_id, device)
        hand.pushes.append(Push(hand, key, f"{worker}-{next(_numbers)}"))
    hand.left = len(hand.pushes)
    return hand


def with_token(payload: bytes, token: str) -> bytes:
    """The payload with the device's interaction token as its last field."""
    # A token is base64url: nothing in it needs escaping (runtime.tokens).
    return b'%b,"token":"%b"}' % (payload[:-1], token.encode())
