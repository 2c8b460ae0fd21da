"""The inbox, and what reaches the page that a shopper has in front."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from redis.asyncio import Redis

from gateway.person.footprint import Footprint
from gateway.postman import Postman
from runtime.settings import KafkaSettings, RedisSettings
from schemas.push import Channel, MessageClass, Payload, PushJob, Withdrawal
from schemas.topics import JOBS, WITHDRAWALS
from tests.gateway.stage import ORIGIN, PAGE_KEY, Page, Stage, now_ms
from tests.harness.records import Sent, produce
from tests.harness.waiting import eventually

ONSITE, PUSH = Channel.ONSITE, Channel.PUSH


def job(owner: str, name: str, channel: Channel = ONSITE, **fields: Any) -> PushJob:
    payload = Payload(
        title=f"About {name}", body="…", url="https://shop.example/cart", tag="cart",
        scenario="price_drop", job_id=name,
    )  # fmt: skip
    usual: dict[str, Any] = {
        "job_id": name, "user_id": owner, "scenario": "price_drop", "channel": channel,
        "message_class": MessageClass.MARKETING, "created_at": now_ms(),
        "expires_at": now_ms() + 60_000, "tag": "cart", "topic": "cart", "devices": ("d" * 32,),
        "payload": payload,
    }  # fmt: skip
    return PushJob(**usual | fields)


async def decide(kafka: KafkaSettings, *jobs: PushJob) -> None:
    await produce(kafka, JOBS, [Sent(each.user_id, each) for each in jobs])


async def take_back(kafka: KafkaSettings, owner: str, name: str) -> None:
    taken = Withdrawal(job_id=name, user_id=owner, at=now_ms(), reason="purchased")
    await produce(kafka, WITHDRAWALS, [Sent(owner, taken)])


def headers(page: Page) -> dict[str, str]:
    found = {"Authorization": f"Bearer {PAGE_KEY}", "X-Nudge-Visitor": page.visitor}
    found |= {"X-Nudge-Identity": page.identity} if page.identity else {}
    return found | {"Origin": ORIGIN}


async def inbox(stage: Stage, page: Page) -> list[dict[str, Any]]:
    answer = await stage.ask("GET", "/v1/messages", headers(page))
    assert answer.status == 200, answer
    found: list[dict[str, Any]] = answer.json()["messages"]
    return found


class Stream:
    """What a page is told, as its SDK reads it."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def next(self) -> tuple[str, Any]:
        """The next event; ``("", None)`` at the end."""
        news = ""
        async for line in self._response.content:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == "event":
                news = value
            elif name == "data":
                return news, orjson.loads(value)
        return "", None


@asynccontextmanager
async def listening(stage: Stage, page: Page) -> AsyncIterator[Stream]:
    async with stage.http.get(f"{stage.url}/v1/messages/stream", headers=headers(page)) as response:
        assert response.status == 200, await response.text()
        assert response.headers["Content-Type"].startswith("text/event-stream")
        yield Stream(response)


async def test_a_message_reaches_the_open_page_is_read_and_taken_back(stage: Stage) -> None:
    page = await stage.page()
    owner = page.anonymous_id
    async with listening(stage, page) as stream:
        await decide(stage.kafka, job(owner, "job-1"), job("somebody-else", "job-x"))
        news, message = await stream.next()
        assert (news, message["job_id"], message["title"]) == ("message", "job-1", "About job-1")
        assert stage.settings.interaction_tokens().verify(message["token"], "job-1", "d" * 32)
        await decide(stage.kafka, job(owner, "job-2", PUSH))
        assert (await stream.next())[1]["job_id"] == "job-2"
        assert [m["job_id"] for m in await inbox(stage, page)] == ["job-2", "job-1"]

        body = {**page.credentials(), "job_ids": ["job-1", "job-9"]}
        answer = await stage.post("/v1/messages/read", body)
        assert answer.json() == {"read": ["job-1"]}
        assert await stream.next() == ("read", {"job_ids": ["job-1"]})
        assert [m["read"] for m in await inbox(stage, page)] == [False, True]

        await take_back(stage.kafka, owner, "job-2")
        assert await stream.next() == ("gone", {"job_ids": ["job-2"]})
        assert [m["job_id"] for m in await inbox(stage, page)] == ["job-1"]


async def test_a_page_that_opens_later_shows_what_is_unread_and_still_true(stage: Stage) -> None:
    page = await stage.page()
    owner = page.anonymous_id
    await take_back(stage.kafka, owner, "bought-already")
    await decide(
        stage.kafka,
        job(owner, "too-late", expires_at=now_ms() - 1),
        job(owner, "by-push", PUSH),
        job(owner, "bought-already"),
        job(owner, "still-true"),
        job(owner, "still-true"),
    )

    async def all_there() -> bool:
        found = {m["job_id"] for m in await inbox(stage, page)}
        return {"too-late", "by-push", "still-true"} <= found

    await eventually(all_there)
    async with listening(stage, page) as stream:
        assert (await stream.next())[1]["job_id"] == "still-true"
        await decide(stage.kafka, job(owner, "next"))
        told = []
        while "next" not in told:
            told.append((await stream.next())[1]["job_id"])
    # What was put there a moment before may be announced once more: each has its id.
    assert set(told) - {"next"} <= {"too-late", "by-push", "still-true"}


async def test_the_newest_fifty_are_kept(stage: Stage) -> None:
    page = await stage.page()
    begin = now_ms()
    jobs = [job(page.anonymous_id, f"job-{n}", PUSH, created_at=begin + n) for n in range(60)]
    await decide(stage.kafka, *jobs)

    async def newest() -> bool:
        found = await inbox(stage, page)
        return bool(found) and found[0]["job_id"] == "job-59" and len(found) == 50

    await eventually(newest)
    assert (await inbox(stage, page))[-1]["job_id"] == "job-10"


async def test_nobody_else_listens_and_nobody_listens_without_end(
    cluster: KafkaSettings, redis_url: str, tmp_path: Path
) -> None:
    few: dict[str, Any] = {"gateway_tabs_per_user": 2, "gateway_tabs": 3}
    async with Stage(cluster, redis_url, tmp_path / "keys", **few) as stage:
        ann, bob = await stage.page(), await stage.page()
        for method, path in (("GET", "/v1/messages"), ("GET", "/v1/messages/stream")):
            key_alone = await stage.ask(method, path, {"Authorization": f"Bearer {PAGE_KEY}"})
            forged = headers(ann) | {"X-Nudge-Visitor": ann.visitor[:-1] + "_"}
            foreign = headers(ann) | {"Origin": "https://elsewhere.example"}
            assert key_alone.status == 401
            assert (await stage.ask(method, path, forged)).status == 401
            assert (await stage.ask(method, path, foreign)).status == 403
        async with (
            listening(stage, ann) as first,
            listening(stage, ann) as second,
            listening(stage, ann) as third,
        ):
            assert await first.next() == ("", None)
            await decide(stage.kafka, job(ann.anonymous_id, "hers"))
            assert (await second.next())[1]["job_id"] == "hers"
            assert (await third.next())[1]["job_id"] == "hers"
            async with listening(stage, bob):
                refused = await stage.ask("GET", "/v1/messages/stream", headers(bob))
                assert refused.status == 503
                assert "Retry-After" in refused.headers
        assert await inbox(stage, bob) == []


async def test_a_page_that_does_not_read_is_ended_while_much_waits_for_it(
    cluster: KafkaSettings, redis_url: str, tmp_path: Path
) -> None:
    async with Stage(cluster, redis_url, tmp_path / "keys", gateway_body_timeout_s=0.5) as stage:
        page, tabs = await stage.page(), stage.gateway._app.state.site.tabs
        listens = stage.gateway._server.servers[0].sockets[0]
        listens.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)  # else Linux keeps megabytes
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            deaf.connect(("127.0.0.1", stage.gateway.port))
            lines = [f"{name}: {value}" for name, value in headers(page).items()]
            asked = ["GET /v1/messages/stream HTTP/1.1", "Host: x", *lines, "", ""]
            deaf.sendall("\r\n".join(asked).encode())
            await eventually(lambda: tabs._count == 1)
            long = Payload(
                title="t", body="b" * 1_000, url="https://shop.example/" + "u" * 1_000, tag="cart",
                scenario="price_drop", job_id="long",
            )  # fmt: skip
            jobs = [job(page.anonymous_id, f"job-{n}", payload=long) for n in range(80)]
            await decide(stage.kafka, *jobs)
            await eventually(lambda: tabs._count == 0, 30.0, what="the end of the stream")
            await eventually(lambda: len(stage.gateway._server.server_state.connections) <= 1)


async def test_a_page_at_one_copy_is_told_what_another_copy_reads(
    stage: Stage, redis_url: str, tmp_path: Path
) -> None:
    async with Stage(stage.kafka, redis_url, tmp_path / "other") as other:
        page = await stage.page()
        async with listening(stage, page) as here, listening(other, page) as there:
            for number in range(3):
                await decide(stage.kafka, job(page.anonymous_id, f"job-{number}"))
                assert (await here.next())[1]["job_id"] == f"job-{number}"
                assert (await there.next())[1]["job_id"] == f"job-{number}"
        assert len(await inbox(other, page)) == 3


async def test_an_error_that_nobody_thought_of_does_not_end_the_feeding_of_inboxes(
    cluster: KafkaSettings, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[Postman] = []

    async def run(postman: Postman) -> None:
        begun.append(postman)
        raise RuntimeError("a new one")

    monkeypatch.setattr(Postman, "run", run)
    async with Stage(cluster, redis_url, tmp_path / "keys"):
        await eventually(lambda: len(begun) > 1)


async def test_what_was_taken_back_stays_out_of_the_inbox_although_its_owner_was_forgotten(
    stage: Stage, redis: Redis, redis_config: RedisSettings
) -> None:
    box, footprint = stage.gateway._app.state.site.inbox, Footprint(redis, redis_config)
    message, owner = job("ann", "j-1"), ["ann"]
    await box.put([message])
    await box.take_back([Withdrawal(job_id="j-1", user_id="ann", at=now_ms(), reason="erased")])
    await footprint.delete(await footprint.find(owner, {}, [{"job_id": "j-1"}]))
    assert [put.fresh for put in await box.put([message])] == [False]
    await footprint.mark_erased({"ann": now_ms()})
    earlier = job("ann", "j-2", created_at=message.created_at)
    later = job("ann", "j-3", created_at=now_ms() + 60_000)
    assert [put.fresh for put in await box.put([earlier, later])] == [False, True]
