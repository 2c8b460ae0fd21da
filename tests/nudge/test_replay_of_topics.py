"""``nudge replay`` of what Kafka holds, and of what was tapped from it: the same decisions."""

import re
import time
from pathlib import Path

import orjson

from runtime.settings import KafkaSettings
from schemas.control import voucher_key
from schemas.partitioner import partition_of
from schemas.topics import CAMPAIGNS, DECISIONS, SCENARIOS, SHOP_EVENTS, SUBSCRIPTIONS, Topic
from tests.harness.records import Sent, produce
from tests.nudge.commands import nudge
from tests.nudge.recorded import MINUTE, browser, cart, spring
from tests.oracle.generator import Generator
from tests.oracle.live import TOPICS
from tests.oracle.scenes import Plan as Life
from tests.oracle.worlds import BUSY

DAY = 24 * 60 * MINUTE


async def test_what_was_tapped_is_decided_as_from_the_topics_byte_by_byte(
    cluster: KafkaSettings, tmp_path: Path
) -> None:
    start = time.time_ns() // 1_000_000 - 10 * MINUTE
    await _publish_a_life(cluster, start)
    given = ("--scenarios", str(BUSY), "--until", str(start + 10 * MINUTE))
    from_topics, from_file = tmp_path / "topics.jsonl", tmp_path / "file.jsonl"
    live = await nudge(cluster, "replay", "--from-topics", *given, "--out", str(from_topics))
    assert "2 unreadable" in live.good().err

    tap = await nudge(cluster, "tap", "all", "--from-start", "--json")
    file = tmp_path / "history.jsonl"
    file.write_text(tap.good().out)
    told = ("replay", str(file), "--partitions", "4", *given, "--out", str(from_file))
    said = (await nudge(None, *told)).good().err
    assert "2 unreadable" in said
    assert "1 records of topics that a replay does not read" in said
    decided = from_topics.read_bytes()
    assert from_file.read_bytes() == decided
    reasons = {orjson.loads(line)["reason"] for line in decided.splitlines()}
    assert {"ok", "not_subscribed"} <= reasons
    assert b'"Spring: C-' in decided

    reached = tmp_path / "reached.jsonl"
    some_told = ("replay", *given, "--reachable", "--out", str(reached))
    said = (await nudge(cluster, *some_told, "--from-topics")).good().err
    assert "records were of users without a browser: not judged (--everybody" in said
    of_topics = reached.read_bytes()
    assert set(whatever_code(of_topics)) < set(whatever_code(decided))
    assert sent(of_topics) == sent(decided)
    (await nudge(None, *some_told, str(file), "--partitions", "4")).good()
    assert reached.read_bytes() == of_topics

    some = await nudge(
        cluster, "tap", "events", "catalog", "push.subscriptions", "--from-start", "--json"
    )
    topics = {row["topic"] for row in some.good().json_lines()}
    named = ("shop.events", "shop.catalog", "push.subscriptions")
    assert topics == {f"{cluster.namespace}.{name}" for name in named}


async def test_who_subscribed_before_the_stretch_is_reached_in_it(
    cluster: KafkaSettings, tmp_path: Path
) -> None:
    now = time.time_ns() // 1_000_000
    long_ago, lately = now - 70 * DAY, now - 10 * DAY
    at_home, logged_in = browser("ann", long_ago), browser("bob", long_ago)
    logged_in["value"] |= {"handed_over": True, "anonymous_id": "bobs phone"}
    left = browser("dan", long_ago)
    await produce(cluster, SUBSCRIPTIONS, [
        *(Sent(one["key"], one["value"], long_ago, partition_of(user, 4))
          for user, one in (("ann", at_home), ("bob", logged_in), ("dan", left))),
        Sent(left["key"], None, long_ago + DAY, partition_of("dan", 4)),
    ])  # fmt: skip
    people = ("ann", "bob", "carl", "dan")
    await produce(cluster, SHOP_EVENTS, [Sent(who, cart(who, lately), lately) for who in people])
    out = tmp_path / "decided.jsonl"
    for more, judged in (((), people), (("--reachable",), ("ann", "bob", "dan"))):
        until = str(lately + 60 * MINUTE)
        told = ("--from-topics", "--since", "30d", "--until", until, "--out", str(out), *more)
        said = (await nudge(cluster, "replay", *told)).good().err
        decided = [orjson.loads(line) for line in out.read_bytes().splitlines()]
        unreached = {one["user_id"] for one in decided if one["reason"] == "not_subscribed"}
        assert {one["user_id"] for one in decided} == set(judged)
        assert unreached == {"carl", "dan"} & set(judged)
        assert "profiles had less than 30 days to warm up" in said


def whatever_code(decisions: bytes) -> list[bytes]:
    """Each line, whichever of the pool's codes it names (``docs/decisions/vouchers.md``)."""
    return re.sub(rb"C-\d+", b"C", decisions).splitlines()


def sent(decisions: bytes) -> list[bytes]:
    return [line for line in whatever_code(decisions) if b'"outcome":"sent"' in line]


async def _publish_a_life(cluster: KafkaSettings, start: int) -> None:
    """A minute of a shop, a campaign's start, what no worker takes, and a decision."""
    life = Life(
        seed=7, start=start, duration=MINUTE, people=200, events=3_000, products=20, news=60
    )
    by_topic: dict[Topic, list[Sent]] = {topic: [] for topic in TOPICS.values()}
    for record in Generator(life).records():
        key = record["key"]
        if record["topic"] == "push.subscriptions":
            key = f"{key}/{record['subscription_id']}"
        sent = Sent(key, record["value"], record["at"], record["partition"])
        by_topic[TOPICS[record["topic"]]].append(sent)
    by_topic[SHOP_EVENTS] += [
        Sent("ann", b"{oops", start + 2 * MINUTE),
        Sent("ann", cart("bob", start + 2 * MINUTE), start + 2 * MINUTE),
        Sent("ann", cart("ann", start + 2 * MINUTE), start + 2 * MINUTE,
             headers=(("nudge-historical", b"1"),)),
    ]  # fmt: skip
    campaign, codes = spring(start + MINUTE)
    by_topic[CAMPAIGNS] = [Sent("spring", campaign)]
    by_topic[SCENARIOS] = [Sent(voucher_key(codes.batch), codes)]
    by_topic[DECISIONS] = [Sent("ann", {"final": True})]
    for topic, records in by_topic.items():
        await produce(cluster, topic, records)
