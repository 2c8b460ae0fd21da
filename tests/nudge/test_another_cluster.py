"""A cluster that is lost with all its topics, and another that goes on from a backup of it."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from nudge import topics
from nudge.local import LocalKafka
from nudge.state.export import export_state
from nudge.state.load import import_state
from runtime.settings import KafkaSettings
from schemas.control import ScenarioVersion, version_key
from schemas.partitioner import partition_of
from schemas.topics import DECISIONS, JOBS, SCENARIOS, SHOP_EVENTS, SUBSCRIPTIONS
from tests.harness.clusters import PARTITIONS, kafka_settings
from tests.harness.records import Sent, produce, read_to_end
from tests.harness.waiting import eventually
from tests.nudge.commands import nudge
from tests.nudge.test_state import bought, profiles, silent
from tests.streams.conftest import SHIPPED
from tests.streams.shoppers import now_ms
from tests.streams.test_real_core import REAL, carted, event, subscribed
from tests.streams.workers import workers

pytestmark = pytest.mark.timeout(300)

USERS = ["told", "leaver", "opted-out", "buyer"]


async def put_in_force(settings: KafkaSettings, version: str, since: int, wait: str) -> None:
    yaml = SHIPPED.read_text()
    for shipped, quick in (
        ("holdout: 5 ", "holdout: 0 "),
        ("look_ahead: 60s", "look_ahead: 1s"),
        ("once: 24h", "once: 0s"),
        ("- {wait: 20m, copy: cart_abandoned}", f"- {{wait: {wait}, copy: cart_abandoned}}"),
    ):
        assert shipped in yaml
        yaml = yaml.replace(shipped, quick)
    rules = ScenarioVersion(type="version", version=version, effective_at=since, yaml=yaml)
    await produce(settings, SCENARIOS, [Sent(version_key(version), rules)])


async def decided(settings: KafkaSettings, version: str) -> dict[str, str]:
    """The reason that the version of the file last gave for each user's cart."""
    said: list[Any] = [record.json() for record in await read_to_end(settings, DECISIONS)]
    return {
        d["user_id"]: d["reason"]
        for d in said
        if d["scenario"] == "cart_abandoned" and d["scenario_version"] == version
    }


async def lived(settings: KafkaSettings) -> None:
    """One has been reminded, three have left a cart, one of them wants no marketing."""
    later = now_ms() + 10_000
    await put_in_force(settings, "v1", 0, "2s")
    await put_in_force(settings, "v2", later, "12s")
    places = [(subscribed(user), partition_of(user, PARTITIONS)) for user in USERS]
    devices = [Sent(s.key, s.value, s.at, partition=place) for s, place in places]
    await produce(settings, SUBSCRIPTIONS, devices)
    with workers(settings) as made:
        worker = made.start(REAL)
        await produce(settings, SHOP_EVENTS, [carted("told")])

        async def told() -> bool:
            return await decided(settings, "v1") == {"told": "ok"}

        await eventually(told, 90)
        await eventually(lambda: now_ms() > later, 30)
        no = event("opted-out", "consent_change", purpose="marketing", granted=False)
        await produce(settings, SHOP_EVENTS, [*map(carted, USERS[1:]), no])

        async def taken_in() -> bool:
            found = await profiles(settings, USERS)
            return all(user in found and found[user].cart for user in USERS)

        await eventually(taken_in, 30)
        assert worker.stop() == 0


async def test_another_cluster_goes_on_where_the_lost_one_was(
    own_kafka: LocalKafka, cluster: KafkaSettings, tmp_path: Path
) -> None:
    lost = kafka_settings(own_kafka.bootstrap, cluster.namespace)
    await topics.create(lost, partitions=PARTITIONS, replication=1)
    await lived(lost)
    order = bought("buyer")
    assert await decided(lost, "v2") == {}
    backup, before = tmp_path / "elsewhere", await profiles(lost, USERS)
    await export_state(lost, backup, silent)
    own_kafka.kill()

    loaded = await import_state(cluster, backup, silent, other_partitions=False)
    assert loaded.records[SUBSCRIPTIONS.name] == len(USERS)
    assert await profiles(cluster, USERS) == before
    # After the worker had stopped somebody bought: the shop has the order still.
    history = tmp_path / "since.jsonl"
    history.write_bytes(orjson.dumps(order.value))
    (await nudge(cluster, "backfill", str(history))).good()
    with workers(cluster) as made:
        worker = made.start(REAL)
        more = {"event_id": "again", "product_id": "p-2", "price": 900, "currency": "PLN"}
        await produce(cluster, SHOP_EVENTS, [event("told", "add_to_cart", **more)])
        await eventually(lambda: each_is_known(cluster), 60)
        assert worker.stop() == 0
    jobs = [job.json() for job in await read_to_end(cluster, JOBS)]
    assert [(job["user_id"], job["devices"]) for job in jobs] == [("leaver", ["s-leaver"])]


async def each_is_known(settings: KafkaSettings) -> bool:
    """Who left a cart is reminded; consents, caps and the version in force came along."""
    assert await decided(settings, "v2") == {
        "leaver": "ok",
        "opted-out": "no_consent",
        "buyer": "purchased",
        "told": "frequency_cap",
    }
    return True
