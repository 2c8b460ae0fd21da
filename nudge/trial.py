"""One real push to one user, through the real delivery: a trial of the whole way out."""

import hashlib
import uuid
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from pydantic import ValidationError

from nudge.kafka import partition_counts, reader, writer
from nudge.problem import Problem, usage_problem
from nudge.reading import follow, read_since, seek
from nudge.when import now_ms
from runtime.settings import KafkaSettings
from schemas.adapters import InvalidRecordError, adapter_of, dump, parse
from schemas.partitioner import partition_of
from schemas.people import split_subscription_key
from schemas.push import MessageClass, Payload, PushJob, PushResult, Urgency
from schemas.topics import JOBS, RESULTS, SUBSCRIPTIONS, Topic

SCENARIO = "send_test"
MAX_DEVICES = 20


@dataclass(frozen=True, slots=True)
class Message:
    """What the trial says."""

    title: str
    body: str
    url: str


async def devices_of(
    settings: KafkaSettings, counts: Mapping[Topic, int], user: str
) -> tuple[str, ...]:
    """The user's subscription ids, oldest first, from the truth in Kafka.

    Raises:
        Problem: Kafka cannot be reached.
    """
    name = settings.topic(SUBSCRIPTIONS)
    partition = TopicPartition(name, partition_of(user, counts[SUBSCRIPTIONS]))
    found: dict[str, None] = {}
    async for record in read_since(settings, [partition], None):
        try:
            owner, subscription = split_subscription_key((record.key or b"").decode())
        except ValueError:
            continue
        if owner == user:
            found.pop(subscription, None)
            if record.value is not None:
                found[subscription] = None
    return tuple(found)


async def send_test(
    settings: KafkaSettings, user: str, message: Message, ttl_ms: int
) -> AsyncIterator[PushResult]:
    """Sends a transactional job to all devices of the user and yields each attempt's result.

    Ends when every device has a final one; goes on for ever where none comes.

    Raises:
        Problem: Kafka cannot be reached, a topic is missing, the user has no device, or the
            message cannot be said.
    """
    counts = await partition_counts(settings, (SUBSCRIPTIONS, JOBS, RESULTS))
    devices = (await devices_of(settings, counts, user))[-MAX_DEVICES:]
    if not devices:
        raise Problem(
            f"{user} has no subscription: no browser that could be pushed to.",
            "Subscribe on a page of the shop; `nudge tap subscriptions --from-start` lists all.",
        )
    try:
        job = _job(user, devices, message, ttl_ms)
    except ValidationError as error:
        details = error.errors(include_url=False)[0]
        raise usage_problem(f"--{details['loc'][-1]}: {details['msg']}.") from None
    results = TopicPartition(settings.topic(RESULTS), partition_of(user, counts[RESULTS]))
    async with reader(settings) as consumer:
        await seek(consumer, await consumer.end_offsets([results]))
        async with writer(settings) as producer:
            await producer.send_and_wait(settings.topic(JOBS), dump(job), key=user.encode())
        async for result in _results(consumer, job):
            yield result


async def _results(consumer: AIOKafkaConsumer, job: PushJob) -> AsyncIterator[PushResult]:
    waiting = set(job.devices)
    async for record in follow(consumer):
        try:
            result = parse(adapter_of(PushResult), record.value)
        except InvalidRecordError:
            continue
        if result.job_id != job.job_id:
            continue
        yield result
        if result.outcome.is_terminal:
            waiting.discard(result.subscription_id)
        if not waiting:
            return


def _job(user: str, devices: tuple[str, ...], message: Message, ttl_ms: int) -> PushJob:
    job_id = uuid.uuid4().hex
    now = now_ms()
    return PushJob(
        job_id=job_id,
        user_id=user,
        scenario=SCENARIO,
        message_class=MessageClass.TRANSACTIONAL,
        created_at=now,
        expires_at=now + ttl_ms,
        tag="nudge-test",
        topic=hashlib.sha256(f"test {user}".encode()).hexdigest()[:32],
        urgency=Urgency.HIGH,
        devices=devices,
        payload=Payload(
            title=message.title,
            body=message.body,
            url=message.url,
            tag="nudge-test",
            scenario=SCENARIO,
            job_id=job_id,
        ),
    )
