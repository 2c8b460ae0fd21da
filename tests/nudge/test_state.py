"""State out of a deployment, and into a new one that goes on from there."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.person.held import newest_rows
from gateway.person.reading import read
from nudge import topics
from nudge.problem import Problem
from nudge.state import load
from nudge.state.export import export_state
from nudge.state.files import Row, load_manifest, read_rows, write_rows
from nudge.state.load import import_state
from processors.partition_state import STATE_KEY
from processors.profile import Profile
from processors.rows import decode
from runtime.settings import KafkaSettings
from schemas.partitioner import partition_of
from schemas.topics import (
    CAMPAIGNS,
    DECISIONS,
    PROFILES_CHANGELOG,
    SCENARIOS,
    SHOP_EVENTS,
    SUBSCRIPTIONS,
)
from tests.harness.clusters import PARTITIONS, delete_topics, fresh_cluster, kafka_settings
from tests.harness.records import Sent, produce, read_to_end
from tests.harness.waiting import eventually
from tests.streams.conftest import apply_scenarios
from tests.streams.test_real_core import REAL, carted, event, subscribed
from tests.streams.workers import workers

pytestmark = pytest.mark.timeout(300)

USERS = [f"user-{number}" for number in range(12)]


@pytest.fixture
async def other(kafka: str, namespace: str) -> AsyncIterator[KafkaSettings]:
    """Another, empty deployment on the same broker."""
    async with fresh_cluster(kafka, f"{namespace[:26]}-new") as settings:
        yield settings


async def profiles(settings: KafkaSettings, users: list[str]) -> dict[str, Profile]:
    found = await read(settings, users, lambda _, __: None, (PROFILES_CHANGELOG,))
    return {name: decode(row) for name, row in newest_rows(found).items()}


async def live(settings: KafkaSettings) -> None:
    """A worker takes in some shoppers' carts, and is stopped in good order."""
    await apply_scenarios(settings)
    records = [Sent(s.key, s.value, s.at, partition=partition_of(u, PARTITIONS))
               for u in USERS for s in (subscribed(u),)]  # fmt: skip
    await produce(settings, SUBSCRIPTIONS, records)
    with workers(settings) as made:
        worker = made.start(REAL)
        await produce(settings, SHOP_EVENTS, [carted(user) for user in USERS])
        await eventually(lambda: all_carted(settings), 90.0)
        assert worker.stop() == 0


async def all_carted(settings: KafkaSettings) -> bool:
    found = await profiles(settings, USERS)
    return len(found) == len(USERS) and all(p.cart and p.devices for p in found.values())


def silent(*_: Any) -> None:
    pass


async def test_a_new_deployment_goes_on_where_the_old_one_was(
    cluster: KafkaSettings, other: KafkaSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await live(cluster)
    backup = tmp_path / "backup"
    manifest = await export_state(cluster, backup, silent)
    assert manifest.complete
    assert manifest.behind.get(SHOP_EVENTS.name, 0) == 0
    assert (backup / manifest.parts[-1].file).stat().st_mode & 0o777 == 0o600
    with pytest.raises(Problem, match="complete backup"):
        await export_state(cluster, backup, silent)
    with pytest.raises(Problem, match="is not empty"):
        await import_state(cluster, backup, silent, other_partitions=False)

    await broken_off(other, backup, monkeypatch)
    loaded = await import_state(other, backup, silent, other_partitions=False)
    assert loaded.records[SUBSCRIPTIONS.name] == len(USERS)
    before, after = await profiles(cluster, USERS), await profiles(other, USERS)
    assert after == before
    again = await import_state(other, backup, silent, other_partitions=False)
    assert again == loaded

    with workers(other) as made:
        worker = made.start(REAL)
        await produce(other, SHOP_EVENTS, [bought(user) for user in USERS])
        await eventually(lambda: each_cart_is_known(other), 90.0)
        assert worker.stop() == 0


async def broken_off(
    settings: KafkaSettings, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An import that dies after some records."""
    whole, told = load._Plan.rows, 0

    def some(plan: load._Plan) -> Any:
        nonlocal told
        for row in whole(plan):
            if told == 8:
                raise OSError("the machine went away")
            told += 1
            yield row

    with monkeypatch.context() as broken:
        broken.setattr(load._Plan, "rows", some)
        with pytest.raises(OSError, match="went away"):
            await import_state(settings, backup, silent, other_partitions=False)


def bought(user: str) -> Sent:
    line = {"product_id": "p-1", "quantity": 1, "price": 19_900}
    return event(user, "purchase", order_id=user, items=[line], value=19_900, currency="PLN")


async def each_cart_is_known(settings: KafkaSettings) -> bool:
    """What was left in the old deployment ends in the new one, with its reason."""
    records = [record.json() for record in await read_to_end(settings, DECISIONS)]
    ended = {r["user_id"] for r in records if r["scenario"] == "cart_abandoned" and r["final"]}
    assert ended == set(USERS), records
    return {r["reason"] for r in records if r["scenario"] == "cart_abandoned"} == {"purchased"}


async def test_users_move_to_another_number_of_partitions(
    cluster: KafkaSettings, kafka: str, namespace: str, tmp_path: Path
) -> None:
    profile = b'{"v":100,"aa":1781085600000,"lc":"pl"}'
    clock = orjson.dumps({
        "clock": 1781085600000, "applied": {"0": 7}, "drawn": {"b": 3}, "walked": 4,
        "campaigns": [2, {"spring": 1781085600000}, []],
    })  # fmt: skip
    rows = [Sent(user, profile, partition=partition_of(user, PARTITIONS)) for user in USERS]
    rows += [Sent(STATE_KEY.decode(), clock, partition=n) for n in range(PARTITIONS)]
    await produce(cluster, PROFILES_CHANGELOG, rows)
    left_out = (
        (SCENARIOS, "vouchers/b"),
        (SCENARIOS, "version/v1"),
        (CAMPAIGNS, "spring"),
        (CAMPAIGNS, "spring/stop"),
    )
    for topic, key in left_out:
        await produce(cluster, topic, [Sent(key, b"{}", partition=0)])
    await export_state(cluster, tmp_path / "b", silent)
    wider = kafka_settings(kafka, f"{namespace[:24]}-wide")
    await topics.create(wider, partitions=6, replication=1)
    try:
        with pytest.raises(Problem, match="4 partitions, these topics 6"):
            await import_state(wider, tmp_path / "b", silent, other_partitions=False)
        loaded = await import_state(wider, tmp_path / "b", silent, other_partitions=True)
        found = await read_to_end(wider, PROFILES_CHANGELOG)
    finally:
        await delete_topics(wider)
    assert loaded.left_out == 2
    assert (loaded.records[SCENARIOS.name], loaded.records[CAMPAIGNS.name]) == (1, 0)
    users = [record for record in found if record.key != STATE_KEY.decode()]
    assert sorted(str(record.key) for record in users) == sorted(USERS)
    for record in users:
        assert record.partition == partition_of(str(record.key), 6)
    states = [record for record in found if record.key == STATE_KEY.decode()]
    moved = {"clock": 1781085600000, "walked": 4, "campaigns": [2, {}, []]}
    assert [record.json() for record in states] == [moved] * 6


def test_a_file_that_was_changed_or_cut_is_not_believed(tmp_path: Path) -> None:
    rows = [Row(b"ann/1", b'{"a":1}', 5), Row(STATE_KEY, b"{}", 6)]
    written = write_rows(tmp_path, SUBSCRIPTIONS, 0, rows, 1)
    assert list(read_rows(tmp_path, written)) == rows
    with pytest.raises(Problem, match="2 records, or other ones than the 3"):
        list(read_rows(tmp_path, written.model_copy(update={"records": 3})))
    whole = (tmp_path / written.file).read_bytes()
    (tmp_path / written.file).write_bytes(whole[:-10])
    with pytest.raises(Problem, match="damaged"):
        list(read_rows(tmp_path, written))


def test_no_bit_of_a_backup_can_change_unnoticed(tmp_path: Path) -> None:
    rows = [Row(f"ann-{number}/1".encode(), b'{"a":1}', 5) for number in range(40)]
    written = write_rows(tmp_path, SUBSCRIPTIONS, 0, rows, 1)
    whole = (tmp_path / written.file).read_bytes()
    for place in range(10, len(whole)):  # before it stand time and name, which say nothing
        bad = bytearray(whole)
        bad[place] ^= 0x10
        (tmp_path / written.file).write_bytes(bad)
        with pytest.raises(Problem):
            list(read_rows(tmp_path, written))


def test_a_backup_that_was_broken_off_or_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="holds no backup"):
        load.complete(tmp_path)
    (tmp_path / "state.json").write_text('{"format": "something else"}')
    with pytest.raises(Problem, match="no manifest"):
        load_manifest(tmp_path)


def test_what_only_means_something_where_it_stood_stays_behind() -> None:
    row = Row(STATE_KEY, b'{"clock":5,"applied":{"0":9},"walks":[{}],"drawn":{"b":2}}', 1)
    assert orjson.loads(load._without_offsets(row).value) == {"clock": 5, "drawn": {"b": 2}}
