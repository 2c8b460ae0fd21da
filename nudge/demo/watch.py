"""What the demo shows, gathered from the topics and the push service as it happens."""

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import monotonic

import aiohttp
from aiokafka import AIOKafkaConsumer
from prometheus_client.parser import text_string_to_metric_families

from nudge.demo.stories import GUEST, Story
from nudge.pushlab import Message
from runtime.metrics import Metric
from runtime.settings import KafkaSettings
from schemas.adapters import InvalidRecordError, adapter_of, parse
from schemas.decisions import Decision, Outcome
from schemas.topics import DECISIONS

_SHOWN = 12
VISITOR = "you"
"""Whoever subscribes at the demo shop."""


@dataclass(slots=True)
class Seen:
    """Everything on the screen."""

    stories: list[Story]
    decisions: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """By scenario, outcome, reason; final ones and holds."""
    recent: deque[Decision] = field(default_factory=lambda: deque(maxlen=_SHOWN))
    pushes: deque[tuple[str, Message]] = field(default_factory=lambda: deque(maxlen=_SHOWN))
    """The cast's, with whose browser it was."""
    pushed_count: int = 0
    """Pushes ever put into ``pushes``."""
    browsers: dict[str, str] = field(default_factory=dict)
    """Users by the endpoint of their browser."""
    decided_count: int = 0
    """Decisions ever put into ``recent``."""
    delivered: int = 0
    profiles: int = 0
    open_moments: int = 0
    events_a_second: float = 0.0
    notice: str = ""
    """The newest thing that happened to a process, with its time."""

    def decided(self, decision: Decision) -> None:
        kind = (decision.scenario, decision.outcome.value, decision.reason.value)
        self.decisions[kind] += 1
        if not decision.user_id.startswith(GUEST):
            self.recent.append(decision)
            self.decided_count += 1
        for story in self.stories:
            if story.user == decision.user_id:
                _end(story, decision)

    def pushed(self, message: Message) -> None:
        self.delivered += 1
        user = self.browsers.get(message.endpoint, VISITOR)
        if not user.startswith(GUEST):
            self.pushes.append((user, message))
            self.pushed_count += 1


def _end(story: Story, decision: Decision) -> None:
    if decision.outcome is Outcome.SENT:
        if decision.scenario == "order_confirmed":
            story.ending = story.ending or "the order is confirmed by push"
            return
        story.ending, story.good = f"{decision.scenario}: sent", True
    elif decision.final:
        story.ending = f"{decision.scenario}: silent, {decision.reason.value}"
        story.good = False


async def watch_decisions(settings: KafkaSettings, seen: Seen) -> None:
    """Reads ``push.decisions`` from their beginning on, for ever."""
    consumer = AIOKafkaConsumer(
        settings.topic(DECISIONS),
        **settings.client_options(),
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        async for record in consumer:
            try:
                seen.decided(parse(adapter_of(Decision), record.value))
            except InvalidRecordError:
                continue
    finally:
        await consumer.stop()


async def watch_worker(port: int, seen: Seen) -> None:
    """Reads the worker's own metrics every second, for ever."""
    before, then = 0.0, monotonic()
    async with aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
                    text = await answer.text()
            except aiohttp.ClientError:
                await asyncio.sleep(1)
                continue
            totals = _totals(text)
            now = monotonic()
            events = totals[Metric.EVENTS.value]
            seen.events_a_second = max(events - before, 0.0) / max(now - then, 0.001)
            seen.profiles = int(totals[Metric.PROFILES.value])
            seen.open_moments = int(totals[Metric.OPEN_MOMENTS.value])
            before, then = events, now
            await asyncio.sleep(1)


def _totals(text: str) -> Mapping[str, float]:
    totals: defaultdict[str, float] = defaultdict(float)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            totals[sample.name] += sample.value
    return totals
