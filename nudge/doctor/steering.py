"""What workers were told and how far they are: scenarios, pauses, lag."""

from collections.abc import AsyncIterator, Iterator, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from nudge.campaigns import known_campaigns
from nudge.controls import Controls, read_controls
from nudge.doctor.finding import Finding, fail, ok, warn
from nudge.kafka import admin, patiently, reader
from nudge.reading import Span, read, spans
from nudge.refusals import MEND_VERSION, campaign_refused, decides, version_refused
from nudge.when import ago, now_ms, rfc3339
from runtime.settings import KafkaSettings
from schemas.topics import JOBS, SHOP_CATALOG, SHOP_EVENTS, Topic

WORKER_GROUP = "nudge"
_BEHIND_MS = 60_000


async def check_controls(settings: KafkaSettings) -> AsyncIterator[Finding]:
    """Whether a scenario version is in force, and whether sending is paused."""
    controls = await read_controls(settings)
    for finding in judge_controls(controls, now_ms()):
        yield finding


def judge_controls(controls: Controls, now: int) -> Iterator[Finding]:
    """What the records of ``nudge.scenarios`` mean at ``now`` (ms)."""
    current = controls.in_force(now)
    if current is None and controls.versions:
        first = min(version.effective_at for version in controls.versions.values())
        yield warn("scenarios", f"The first version comes into force at {rfc3339(first)}.",
                   "Until then nothing is decided; apply one with --at now.")  # fmt: skip
    elif current is None:
        yield fail("scenarios", "No scenario version was ever applied: nothing is decided.",
                   "`nudge scenarios apply FILE`")  # fmt: skip
    elif refused := version_refused(current):
        others = decides(controls, now)
        instead = f"version {others.version} goes on" if others else "nothing is decided"
        yield fail("scenarios", f"The version in force is refused by this release, {instead}:"
                   f" {refused}", MEND_VERSION)  # fmt: skip
    else:
        since = rfc3339(current.effective_at)
        yield ok("scenarios", f"Version {current.version} is in force since {since}.")
    for version in controls.versions.values():
        if version.effective_at > now and (refused := version_refused(version)):
            comes = rfc3339(version.effective_at)
            yield fail("scenarios", f"The version to come at {comes} is refused by this release:"
                       f" {refused}", "Mend the file and apply it.")  # fmt: skip
    yield _pause(controls)


def _pause(controls: Controls) -> Finding:
    if controls.pause_unreadable:
        return fail("pause", "The pause record cannot be read: nothing is sent, for somebody meant"
                    " to stop something.", "`nudge resume`")  # fmt: skip
    if controls.pause is None or not controls.pause.paused:
        return ok("pause", "Sending is not paused.")
    pause = controls.pause
    why = f": {pause.reason}" if pause.reason else ""
    return warn("pause", f"Sending is paused since {rfc3339(pause.at)} by {pause.by}{why}.",
                "`nudge resume`")  # fmt: skip


async def check_campaigns(settings: KafkaSettings) -> AsyncIterator[Finding]:
    """Whether workers can read the campaigns that were started and not stopped."""
    known = await known_campaigns(settings)
    under_way = [one.start for one in known.values() if one.stop is None]
    for start in under_way:
        if refused := campaign_refused(start):
            name = start.campaign_id
            yield fail("campaigns", f"{name} is refused by this release, nothing of it is sent:"
                       f" {refused}", f"`nudge campaign stop {name}`, and start it mended, with an"
                       " id of its own.")  # fmt: skip


async def check_lag(settings: KafkaSettings, delivery_group: str) -> AsyncIterator[Finding]:
    """Whether workers and delivery run, and how old the oldest input is that waits for them."""
    groups = (
        (WORKER_GROUP, (SHOP_CATALOG, SHOP_EVENTS), "nudge worker"),
        (delivery_group, (JOBS,), "nudge deliver"),
    )
    for name, topics, command in groups:
        for finding in await _lag(settings, settings.group(name), topics, command):
            yield finding


async def _lag(
    settings: KafkaSettings, group: str, topics: tuple[Topic, ...], command: str
) -> list[Finding]:
    async with admin(settings) as client:
        counts = {entry["topic"]: entry["partitions"] for entry in await client.describe_topics()}
        held = {
            topic: [
                TopicPartition(settings.topic(topic), number)
                for number in range(len(counts.get(settings.topic(topic), ())))
            ]
            for topic in topics
        }
        partitions = [tp for each in held.values() for tp in each]
        members = await patiently(lambda: _members(client, group))
        committed = await patiently(
            lambda: client.list_consumer_group_offsets(group, partitions=partitions)
        )
    done = {tp: at.offset for tp, at in committed.items()}
    waiting: dict[str, tuple[int, int | None]] = {}
    for topic, each in held.items():
        async with reader(settings) as consumer:
            waiting[topic.name] = await _waiting(consumer, each, done)
    return list(judge_lag(group, command, members, waiting, now_ms()))


def judge_lag(
    group: str,
    command: str,
    members: int,
    waiting: Mapping[str, tuple[int, int | None]],
    now: int,
) -> Iterator[Finding]:
    """What it means that so many records of each topic wait, the oldest since then (ms)."""
    each = ", ".join(f"{count:,} records of {topic}" for topic, (count, _) in waiting.items())
    if not members:
        yield warn("lag", f"No `{command}` runs (group {group}); {each} wait.",
                   f"Start `{command}`.")  # fmt: skip
        return
    late = False
    for topic, (count, oldest) in waiting.items():
        behind = 0 if oldest is None else now - oldest
        if behind > _BEHIND_MS:
            late = True
            yield warn("lag", f"{topic}: {count:,} records wait, the oldest for {ago(behind)}.",
                       f"Start more of `{command}`, or look into its log.")  # fmt: skip
    if not late:
        yield ok("lag", f"{members} × `{command}`, {each} wait.")


async def _members(client: AIOKafkaAdminClient, group: str) -> int:
    (answer,) = await client.describe_consumer_groups([group])
    # (error, group, state, protocol type, protocol, members, …)
    return len(answer.groups[0][5])


async def _waiting(
    consumer: AIOKafkaConsumer,
    partitions: list[TopicPartition],
    committed: dict[TopicPartition, int],
) -> tuple[int, int | None]:
    """How many records are not done, and the time of the oldest first one (ms)."""
    whole = await spans(consumer, partitions, None)
    first = {tp: max(committed.get(tp, -1), span.start) for tp, span in whole.items()}
    waiting = {tp: s.end - first[tp] for tp, s in whole.items() if s.end > first[tp]}
    stretch = {tp: Span(first[tp], first[tp] + 1) for tp in waiting}
    times = [record.timestamp async for record in read(consumer, stretch)]
    return sum(waiting.values()), min(times, default=None)
