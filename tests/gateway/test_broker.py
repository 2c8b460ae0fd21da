"""What is written to Kafka, and what one failure leaves behind."""

import pytest
from aiokafka.cluster import ClusterMetadata

from gateway.broker import Broker, Record
from gateway.problems import RefusedError
from gateway.settings import GatewaySettings
from runtime.settings import KafkaSettings
from schemas.topics import SHOP_EVENTS
from tests.harness.records import read_to_end
from tests.harness.waiting import eventually


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
