"""Stories of ``tests/timelines`` told to a running worker, side by side: it decides as they say."""

from collections import defaultdict
from itertools import chain

import orjson
import pytest

from processors.scenario_file import version_of
from runtime.settings import KafkaSettings
from schemas.adapters import adapter_of, parse
from schemas.control import ScenarioVersion
from schemas.decisions import Decision
from schemas.partitioner import partition_of
from schemas.people import split_subscription_key
from schemas.topics import DECISIONS, SUBSCRIPTIONS
from tests.harness.clusters import PARTITIONS
from tests.harness.records import Sent, produce, read_to_end
from tests.harness.waiting import eventually
from tests.oracle.live import WORKER
from tests.streams.conftest import apply_scenarios
from tests.streams.shoppers import now_ms
from tests.streams.workers import workers
from tests.timelines.events import WireRecord
from tests.timelines.expected import Expected
from tests.timelines.stories import FOLDER, WEEK_MS, Story, first_file, tell
from tests.timelines.test_stories import compare

pytestmark = pytest.mark.timeout(300)

FILES = ("cart_abandoned", "checkout_abandoned", "order")
"""Not who logs in: in a backlog of days a handover may come late, and is listed."""
PATIENT = first_file(policy={"expire_after": "60d"})
"""The stories took place up to a week ago: what they say is not too late to be said."""


def told() -> list[Story]:
    """The stories that leave the rules as they are, moved so that the last ends about now."""
    paths = [FOLDER / f"{name}.yaml" for name in FILES]
    as_written = [story for path in paths for story in tell(path)]
    weeks = min((now_ms() - story.until) // WEEK_MS for story in as_written)
    rules = version_of(first_file())
    return [
        list(tell(path, prefix=f"{path.stem}-{number}~", shift=weeks * WEEK_MS))[number]
        for path in paths
        for number, story in enumerate(tell(path))
        if [one.version for one in story.control if isinstance(one, ScenarioVersion)] == [rules]
        and len(story.control) == 1
        and not any(map(_came_late, story.records))
        and not any(map(_waits_for_morning, story.expected))
    ]


def _came_late(record: WireRecord) -> bool:
    """A worker with a backlog waits longer for what comes late than one that has none."""
    value = orjson.loads(record.value or b"{}")
    return bool(value.get("occurred_at", record.recorded_at) != record.recorded_at)


def _waits_for_morning(wanted: Expected) -> bool:
    """When the night ends depends on the season to which a story is moved."""
    return wanted.decided_from != wanted.decided_to


def sent(record: WireRecord) -> Sent:
    user = split_subscription_key(record.key)[0] if record.topic is SUBSCRIPTIONS else record.key
    headers = (("nudge-historical", b"1"),) if record.historical else ()
    partition = partition_of(user, PARTITIONS)
    return Sent(record.key, record.value, record.recorded_at, partition, headers)


async def decided(settings: KafkaSettings) -> dict[str, list[Decision]]:
    """What was decided of each story, by its prefix."""
    found = defaultdict(list)
    for record in await read_to_end(settings, DECISIONS):
        assert record.value is not None
        decision = parse(adapter_of(Decision), record.value)
        found[f"{decision.user_id.partition('~')[0]}~"].append(decision)
    return found


async def test_stories_side_by_side_come_out_as_they_are_written(cluster: KafkaSettings) -> None:
    stories = told()
    assert len(stories) > 30
    await apply_scenarios(cluster, PATIENT)
    records = defaultdict(list)
    for record in sorted(chain(*(s.records for s in stories)), key=lambda r: r.recorded_at):
        records[record.topic].append(sent(record))
    # Before there is a worker: to one that runs, all of them would be late.
    for topic, wire in records.items():
        await produce(cluster, topic, wire)

    async def right() -> bool:
        found = await decided(cluster)
        for story in stories:
            within = [d for d in found[story.prefix] if d.decided_at <= story.until]
            compare(story, within, "live")
        return True

    with workers(cluster) as crew:
        crew.start(WORKER)
        await eventually(right, 200, every_s=2)
