"""What is written to Kafka, and what one failure leaves behind."""

import asyncio
import sys
from pathlib import Path

import pytest
from aiokafka.cluster import ClusterMetadata

from gateway.broker import Broker, Record
from gateway.problems import RefusedError
from gateway.settings import GatewaySettings
from nudge.local import LocalKafka
from nudge.local.places import free_ports
from runtime.settings import KafkaSettings
from runtime.vapid import create_key
from schemas.topics import SHOP_EVENTS
from tests.gateway.stage import TOKEN_SECRET
from tests.harness.records import read_to_end
from tests.harness.waiting import eventually, is_up
from tests.nudge.commands import ROOT, environment


async def test_a_gateway_asked_to_end_while_kafka_says_nothing_is_gone_before_it_is_killed(
    own_kafka: LocalKafka, own_cluster: KafkaSettings, redis_url: str, tmp_path: Path
) -> None:
    create_key(tmp_path / "keys")
    (port,) = free_ports(1)
    values = {
        "NUDGE_REDIS_URL": redis_url, "NUDGE_VAPID_KEYS": str(tmp_path / "keys"),
        "NUDGE_VAPID_SUBJECT": "mailto:x@shop.example", "NUDGE_TOKEN_SECRET": TOKEN_SECRET,
        "NUDGE_GATEWAY_PORT": str(port),
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nudge", "gateway", cwd=ROOT, env=environment(own_cluster, values)
    )
    try:
        await eventually(lambda: is_up(port), 60)
        own_kafka.pause()
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 29) in (0, 1)
    finally:
        own_kafka.resume()
        if process.returncode is None:
            process.kill()
            await process.wait()
    await asyncio.to_thread(own_kafka.restart)


async def test_events_are_taken_again_after_their_partition_had_no_leader_for_a_while(
    cluster: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"vapid_subject": "mailto:x@shop.example", "token_secret": "x" * 32}
    places = {"kafka_bootstrap": cluster.kafka_bootstrap, "namespace": cluster.namespace}
    settings = GatewaySettings.model_validate(values | places | {"gateway_ack_timeout_s": 1.0})
    broker = Broker(settings)
    await broker.start()

    async def taken(value: bytes) -> bool:
        try:
            await broker.write(SHOP_EVENTS, [Record("ada", value)])
        except RefusedError:
            return False
        return True

    try:
        assert await taken(b"before")
        with monkeypatch.context() as away:
            away.setattr(ClusterMetadata, "leader_for_partition", lambda *_: -1)
            for _ in range(3):  # long enough for the first to be given up
                assert not await taken(b"meanwhile")
        await eventually(lambda: taken(b"after"))
    finally:
        await broker.stop()
    assert (await read_to_end(cluster, SHOP_EVENTS))[-1].value == b"after"
