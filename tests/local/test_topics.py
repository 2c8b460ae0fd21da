"""``nudge topics``: makes what is missing, names what differs, destroys nothing."""

from nudge import topics
from nudge.drift import DriftKind, TopicState, config_of, differences
from runtime.deployment import read_cluster_id, read_deployment
from runtime.settings import KafkaSettings
from schemas.topics import DECISIONS, JOBS, PROFILES_CHANGELOG, REGISTRY, SCENARIOS
from tests.harness.clusters import configure, grow, kafka_settings
from tests.harness.records import Sent, produce, read_to_end


async def test_creating_twice_changes_nothing_and_keeps_the_deployments_id(
    cluster: KafkaSettings,
) -> None:
    first = await read_deployment(cluster)

    again = await topics.create(cluster, partitions=4, replication=1)

    assert again.topics == ()
    assert again.drifts == ()
    assert again.deployment == first
    assert first is not None
    assert first.partitions == 4
    assert await topics.check(cluster) == []


async def test_a_cluster_without_topics_has_every_one_named_missing(kafka: str) -> None:
    nothing = kafka_settings(kafka, "nobody")

    drifts = await topics.check(nothing)

    missing = [drift.topic for drift in drifts if drift.kind is DriftKind.MISSING]
    assert missing == [nothing.topic(topic) for topic in REGISTRY]
    assert [d.topic for d in drifts if d.kind is DriftKind.DEPLOYMENT] == ["nobody.nudge.scenarios"]
    assert await read_deployment(nothing) is None


async def test_every_drift_is_named_and_left_as_it_is(cluster: KafkaSettings) -> None:
    await produce(cluster, JOBS, [Sent("ada", {"kept": True})])
    await configure(cluster, JOBS, retention_ms="1000")
    await configure(cluster, PROFILES_CHANGELOG, cleanup_policy="delete")
    await grow(cluster, 6, DECISIONS)

    created = await topics.create(cluster, partitions=4, replication=1)

    found = {(drift.topic, drift.kind) for drift in created.drifts}
    assert found == {
        (cluster.topic(JOBS), DriftKind.RETENTION),
        (cluster.topic(PROFILES_CHANGELOG), DriftKind.CLEANUP),
        (cluster.topic(DECISIONS), DriftKind.PARTITIONS),
    }
    assert set(map(str, await topics.check(cluster))) == set(map(str, created.drifts))
    states = {state.name: state for state in await topics.describe(cluster)}
    assert states[cluster.topic(JOBS)].config["retention.ms"] == "1000"
    assert states[cluster.topic(DECISIONS)].partitions == 6


async def test_history_that_is_kept_for_ever_is_no_drift(cluster: KafkaSettings) -> None:
    await configure(cluster, DECISIONS, retention_ms="-1")

    assert await topics.check(cluster) == []


async def test_asking_for_another_number_of_copies_names_every_topic(
    cluster: KafkaSettings,
) -> None:
    drifts = await topics.check(cluster, replication=3)

    assert {drift.kind for drift in drifts} == {DriftKind.REPLICATION}
    assert len(drifts) == len(REGISTRY)
    created = await topics.create(cluster, partitions=4, replication=3)
    assert created.drifts == tuple(drifts)


def test_of_three_copies_two_have_what_is_acknowledged() -> None:
    config = config_of(JOBS, replication=3)
    assert config["min.insync.replicas"] == "2"
    assert "min.insync.replicas" not in config_of(JOBS, replication=2), "one away would stop all"

    def named(replication: int, in_sync: str) -> list[tuple[DriftKind, str]]:
        found = config | {"min.insync.replicas": in_sync}
        state = TopicState(JOBS, "push.jobs", 4, replication, found)
        return [(drift.kind, drift.cure) for drift in differences(state, 4, 3, "kafka:9092")]

    assert named(3, "2") == []
    ((kind, cure),) = named(3, "1")
    assert kind is DriftKind.SETTING
    assert cure.endswith("--entity-name push.jobs --add-config min.insync.replicas=2")
    assert [kind for kind, _ in named(1, "1")] == [DriftKind.REPLICATION]
    assert named(4, "2") == [], "more copies than asked for are no harm"


async def test_the_deployment_record_lives_beside_the_scenarios(cluster: KafkaSettings) -> None:
    records = await read_to_end(cluster, SCENARIOS)

    assert [record.key for record in records] == ["deployment"]
    assert len(await read_cluster_id(cluster)) == 22
