"""The registry is whole: every topic of the design, with what Kafka needs to know."""

import re

import pytest

from schemas.topics import (
    CAMPAIGNS,
    DECISIONS,
    MARKS,
    REGISTRY,
    SCENARIOS,
    USER_INPUTS,
    Cleanup,
    Partitioning,
    Topic,
    topic_name,
)

NAMES = [
    "shop.events", "shop.catalog", "nudge-products", "nudge.scenarios", "nudge-marks",
    "push.subscriptions", "push.interactions", "push.jobs", "push.withdrawals", "push.decisions",
    "push.results", "push.handoffs", "push.attributions", "push.segments", "nudge.handovers",
    "nudge.late", "push.dead-letter", "push.campaigns", "nudge-profiles-changelog",
]  # fmt: skip
KEPT_BY_KEY = {
    "nudge-products", "nudge.scenarios", "push.campaigns", "nudge-marks", "push.subscriptions",
    "nudge-profiles-changelog",
}  # fmt: skip


def test_the_registry_holds_every_topic_once() -> None:
    assert sorted(topic.name for topic in REGISTRY) == sorted(NAMES)


def test_only_state_is_compacted() -> None:
    assert {t.name for t in REGISTRY if t.cleanup is Cleanup.COMPACT} == KEPT_BY_KEY


@pytest.mark.parametrize("topic", REGISTRY, ids=lambda topic: topic.name)
def test_a_topic_says_what_is_in_it_and_by_what_key(topic: Topic) -> None:
    assert topic.key
    assert topic.about
    assert topic.models
    assert re.fullmatch(r"[a-zA-Z0-9._-]{1,200}", topic_name(topic, "a-shop-with-a-long-name"))


@pytest.mark.parametrize("topic", REGISTRY, ids=lambda topic: topic.name)
def test_a_topic_is_kept_as_its_cleanup_wants(topic: Topic) -> None:
    config = topic.config()
    assert config["cleanup.policy"] == topic.cleanup
    if topic.cleanup is Cleanup.COMPACT:
        assert config["min.compaction.lag.ms"] == str(topic.retention_ms)
        assert "retention.ms" not in config
    else:
        assert int(config["retention.ms"]) >= 7 * 86_400_000


def test_what_a_user_partition_reads_is_partitioned_by_user() -> None:
    assert all(topic.partitioning is Partitioning.USER for topic in USER_INPUTS)


def test_only_what_everybody_reads_whole_has_one_partition() -> None:
    single = [t for t in REGISTRY if t.partitioning is Partitioning.SINGLE]
    assert single == [SCENARIOS, CAMPAIGNS, MARKS]


def test_a_namespace_stands_before_the_name_and_two_shops_share_a_cluster() -> None:
    assert topic_name(DECISIONS) == "push.decisions"
    assert topic_name(DECISIONS, "north") == "north.push.decisions"
    names = {topic_name(t, shop) for t in REGISTRY for shop in ("", "north", "south")}
    assert len(names) == 3 * len(REGISTRY)
