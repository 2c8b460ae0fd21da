"""The newest messages of each user, and which of them were read. They stand in Redis alone.

Whatever was sent to a user is there, by push and onsite alike. A flush of Redis loses it; what
comes afterwards fills it again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files

import orjson
from pydantic import BaseModel, Field, ValidationError
from redis.asyncio import Redis

from gateway.person.footprint import erased_key
from gateway.settings import GatewaySettings
from runtime.tokens import InteractionTokens
from schemas.push import Action, Channel, PushJob, Withdrawal
from schemas.topics import DAY_MS, JOBS

MOST = 50
_SCRIPT = files("gateway.lua").joinpath("inbox.lua").read_text()
_KEPT_MS = 30 * DAY_MS
"""Since the user's newest message."""


class Message(BaseModel):
    """One message, as a page shows it."""

    job_id: str
    scenario: str
    title: str
    body: str
    url: str
    icon: str | None = None
    image: str | None = None
    actions: tuple[Action, ...] = ()
    locale: str = "en"
    tag: str
    channel: Channel
    at: int = Field(description="when it was decided, epoch ms")
    expires_at: int = Field(description="not to be shown by itself from then on, epoch ms")
    read: bool = False
    subscription_id: str = Field(description="for reports of what became of it")
    token: str = Field("", description="for reports of what became of it")


@dataclass(frozen=True, slots=True)
class Put:
    """What became of a job's message. ``fresh``: it was not there before."""

    owner: str
    job_id: str
    fresh: bool


class Inbox:
    """The inboxes of all users, for all copies of the gateway."""

    def __init__(self, redis: Redis, settings: GatewaySettings, tokens: InteractionTokens) -> None:
        self._redis = redis
        self._settings = settings
        self._tokens = tokens
        self._script = redis.register_script(_SCRIPT)

    async def put(self, jobs: Sequence[PushJob]) -> list[Put]:
        """Puts each job's message into its user's inbox, once however often it is told.

        Raises:
            RedisError: Redis does not answer; tell them all again.
        """
        async with self._redis.pipeline(transaction=False) as pipe:
            for job in jobs:
                keys = [
                    *self._keys(job.user_id),
                    self._withdrawn(job.job_id),
                    erased_key(self._settings, job.user_id),
                ]
                arguments: list[str | int] = [
                    job.job_id, _message(job).model_dump_json(exclude_none=True), job.created_at,
                    MOST, _KEPT_MS,
                ]  # fmt: skip
                await self._script(keys=keys, args=arguments, client=pipe)
            answers = await pipe.execute()
        return [
            Put(job.user_id, job.job_id, bool(answer))
            for job, answer in zip(jobs, answers, strict=True)
        ]

    async def take_back(self, withdrawals: Iterable[Withdrawal]) -> None:
        """Takes messages out; one that is not there yet will not get in.

        Raises:
            RedisError: Redis does not answer; tell them all again.
        """
        async with self._redis.pipeline(transaction=False) as pipe:
            for each in withdrawals:
                messages, order, seen = self._keys(each.user_id)
                # As long as its job can still be read.
                pipe.set(self._withdrawn(each.job_id), b"1", px=JOBS.retention_ms)
                pipe.hdel(messages, each.job_id)
                pipe.zrem(order, each.job_id)
                pipe.srem(seen, each.job_id)
            await pipe.execute()

    async def of(self, owner: str) -> list[Message]:
        """The user's messages, newest first.

        Raises:
            RedisError: Redis does not answer.
        """
        messages, order, seen = self._keys(owner)
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.zrevrange(order, 0, MOST - 1)
            pipe.hgetall(messages)
            pipe.smembers(seen)
            ids, raw, read = await pipe.execute()
        found = (self._complete(raw[number], number in read) for number in ids if number in raw)
        return [message for message in found if message is not None]

    async def one(self, owner: str, job_id: str) -> Message | None:
        """A message by its job.

        Raises:
            RedisError: Redis does not answer.
        """
        raw = await self._redis.hget(self._keys(owner)[0], job_id)
        return None if raw is None else self._complete(raw, read=False)

    async def mark_read(self, owner: str, job_ids: Sequence[str]) -> list[str]:
        """Marks those that are there as read; answers which were there.

        Raises:
            RedisError: Redis does not answer.
        """
        messages, _, seen = self._keys(owner)
        raw = await self._redis.hmget(messages, list(job_ids))
        there = [number for number, found in zip(job_ids, raw, strict=True) if found is not None]
        if there:
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.sadd(seen, *there)
                pipe.pexpire(seen, _KEPT_MS)
                await pipe.execute()
        return there

    def _complete(self, raw: bytes | str, read: bool) -> Message | None:
        try:
            found = Message.model_validate(orjson.loads(raw))
        except (ValidationError, orjson.JSONDecodeError):
            return None  # another release's
        token = self._tokens.make(found.job_id, found.subscription_id)
        return found.model_copy(update={"read": read, "token": token})

    def _keys(self, owner: str) -> tuple[str, str, str]:
        return (
            self._settings.redis_key("gateway", "inbox", owner),
            self._settings.redis_key("gateway", "inbox-order", owner),
            self._settings.redis_key("gateway", "inbox-read", owner),
        )

    def _withdrawn(self, job_id: str) -> str:
        return self._settings.redis_key("gateway", "withdrawn", job_id)


def _message(job: PushJob) -> Message:
    payload = job.payload
    return Message(
        job_id=job.job_id,
        scenario=job.scenario,
        title=payload.title,
        body=payload.body,
        url=payload.url,
        icon=payload.icon,
        image=payload.image,
        actions=payload.actions,
        locale=payload.locale,
        tag=job.tag,
        channel=job.channel,
        at=job.created_at,
        expires_at=job.expires_at,
        subscription_id=job.devices[0],
    )
