"""``nudge doctor`` names what is wrong, and its cure."""

import zlib
from pathlib import Path
from typing import Any

from nudge.doctor.finding import Level
from nudge.doctor.steering import WORKER_GROUP, judge_lag
from nudge.doctor.subscribers import judge_keys
from nudge.doctor.vouchers import judge_vouchers
from nudge.when import now_ms
from processors.scenario_file import load
from runtime.settings import KafkaSettings
from runtime.vapid import create_key
from schemas.adapters import dump
from schemas.control import PAUSE_KEY, VoucherBatch
from schemas.decisions import DeadLetter, DeadLetterReason
from schemas.examples import example
from schemas.people import Subscription
from schemas.topics import DEAD_LETTER, RESULTS, SCENARIOS, SHOP_CATALOG, SHOP_EVENTS, SUBSCRIPTIONS
from tests.harness.clusters import PARTITIONS, delete_topics
from tests.harness.records import Sent, produce
from tests.nudge.commands import ROOT, nudge

QUICK = Path(__file__).with_name("quick.yaml")
Findings = dict[str, list[dict[str, Any]]]


async def findings(settings: KafkaSettings | None, code: int, **extra: Any) -> Findings:
    """By check, what was found; the exit code is ``code``."""
    answer = await nudge(settings, "doctor", "--json", **extra)
    assert answer.code == code, answer.out + answer.err
    assert "Traceback" not in answer.err
    found: Findings = {}
    for finding in answer.json_lines():
        found.setdefault(finding["check"], []).append(finding)
        assert finding["cure"] or finding["level"] == Level.OK
    return found


def only(found: Findings, check: str) -> tuple[str, str]:
    (finding,) = found[check]
    return finding["level"], finding["said"]


async def send(settings: KafkaSettings, *records: Sent) -> None:
    await produce(settings, SHOP_EVENTS, records)


def search(user: str, **fields: Any) -> dict[str, Any]:
    return example("search") | {"user_id": user, "occurred_at": now_ms()} | fields


def subscribed(key_id: str | None) -> bytes:
    fields = {"subscription_id": "s", "user_id": "ada", "endpoint": "https://push.example/s",
              "p256dh": "p", "auth": "a", "created_at": 1, "last_seen_at": 1}  # fmt: skip
    return dump(Subscription.model_validate(fields | {"key_id": key_id}))


async def test_a_sound_deployment_has_nothing_that_fails(
    cluster: KafkaSettings, redis_url: str, tmp_path: Path
) -> None:
    key = create_key(tmp_path / "keys")
    (await nudge(cluster, "scenarios", "apply", str(QUICK))).good()
    browser = Sent("ada/s", subscribed(key.key_id), partition=0)
    await produce(cluster, SUBSCRIPTIONS, [browser])
    await send(cluster, *(Sent(f"u{n}", search(f"u{n}")) for n in range(50)))
    found = await findings(
        cluster, 0,
        NUDGE_REDIS_URL=redis_url,
        NUDGE_VAPID_KEYS=str(tmp_path / "keys"),
        NUDGE_VAPID_SUBJECT="mailto:ops@shop.example",
        NUDGE_TOKEN_SECRET="only for tests, and long enough for one",
    )  # fmt: skip
    for check in ("settings", "keys", "redis", "topics", "scenarios", "pause", "partitioner",
                  "subscribers", "user ids", "events", "clocks", "dead letters"):  # fmt: skip
        assert {finding["level"] for finding in found[check]} == {"ok"}, check
    assert [finding["level"] for finding in found["lag"]] == ["warn", "warn"]
    assert "No `nudge worker` runs" in found["lag"][0]["said"]
    assert "50 records of shop.events wait" in found["lag"][0]["said"]
    assert "4.1" in found["kafka"][0]["said"]


async def test_producers_that_break_the_rules_are_found_out(cluster: KafkaSettings) -> None:
    def crc(user: str) -> Sent:
        return Sent(user, search(user), partition=zlib.crc32(user.encode()) % PARTITIONS)

    await send(
        cluster,
        *(crc(f"u{n}") for n in range(40)),
        crc("anna@shop.example"),
        Sent("bad", b"{oops"),
        Sent("fast", search("fast", occurred_at=now_ms() + 3_600_000)),
    )
    letter = DeadLetter(
        reason=DeadLetterReason.BAD_JSON, error="no JSON", topic="shop.events", partition=0,
        offset=0, timestamp=0,
    )  # fmt: skip
    await produce(cluster, DEAD_LETTER, [Sent("bad", b"{oops", headers=tuple(letter.headers()))])
    found = await findings(cluster, 1)
    level, said = only(found, "partitioner")
    assert level == "fail"
    assert "CRC32" in said
    assert "murmur2_random" in found["partitioner"][0]["cure"]
    assert only(found, "user ids")[0] == "warn"
    assert "the newest: 1 bad_json" in only(found, "dead letters")[1]
    assert "1 of 43 sampled events cannot be used" in only(found, "events")[1]
    assert "59 min ahead" in only(found, "clocks")[1] or "60 min ahead" in only(found, "clocks")[1]
    assert only(found, "scenarios") == (
        "fail", "No scenario version was ever applied: nothing is decided.",
    )  # fmt: skip


async def test_what_workers_refuse_for_its_key_the_doctor_refuses(cluster: KafkaSettings) -> None:
    await send(cluster, *(Sent(f"session-{n}", search(f"u{n}")) for n in range(30)))
    price = example("price_change") | {"occurred_at": now_ms()}
    strays = [Sent(f"shop/{n}", price | {"product_id": f"p{n}"}) for n in range(7)]
    await produce(cluster, SHOP_CATALOG, [*strays, Sent(price["product_id"], price)])
    found = await findings(cluster, 1)
    (events, catalogue) = [one["said"] for one in found["events"]]
    assert "30 of 30 sampled events cannot be used; 30 times wrong_key" in events
    assert "the key is 'session-" in events
    assert "7 of 8 sampled catalogue events cannot be used; 7 times wrong_key" in catalogue
    assert "anonymous id" in found["events"][0]["cure"]
    assert {finding["level"] for finding in found["partitioner"]} == {"ok"}
    assert "8 records of shop.catalog, 30 records of shop.events wait" in found["lag"][0]["said"]


def test_a_catalogue_that_lies_behind_is_lag_like_any_other() -> None:
    waiting = {"shop.catalog": (9, 0), "shop.events": (4, 599_000)}
    (finding,) = judge_lag("nudge", "nudge worker", 2, waiting, now=600_000)
    assert (finding.level, finding.said) == (
        Level.WARN, "shop.catalog: 9 records wait, the oldest for 10 min.",
    )  # fmt: skip
    (finding,) = judge_lag("nudge", "nudge worker", 2, {"shop.catalog": (0, None)}, now=600_000)
    assert finding.level == Level.OK


async def test_a_producer_an_hour_slow_is_noticed(cluster: KafkaSettings) -> None:
    slow = (Sent(f"u{n}", search(f"u{n}", occurred_at=now_ms() - 3_600_000)) for n in range(20))
    await send(cluster, *slow)
    found = await findings(cluster, 1)
    assert found["clocks"][0]["level"] == "warn"
    assert "after they happened" in found["clocks"][0]["said"]


async def test_history_that_kafka_will_delete_is_a_failure(cluster: KafkaSettings) -> None:
    old = now_ms() - 60 * 86_400_000
    await send(cluster, Sent("anna", search("anna", occurred_at=old), at=old,
                             headers=(("nudge-historical", b"1"),)))  # fmt: skip
    found = await findings(cluster, 1)
    assert only(found, "history")[0] == "fail"
    assert "retention.ms=-1" in found["history"][0]["cure"]
    assert "clocks" not in found


async def test_a_pause_a_lost_topic_and_a_misspelt_setting_are_named(
    cluster: KafkaSettings,
) -> None:
    (await nudge(cluster, "pause", "--reason", "a wrong price")).good()
    await delete_topics(cluster, RESULTS)
    found = await findings(cluster, 1, NUDGE_KAFKA_BOOTSTRP="x", NUDGE_HEALTH_PORT="a lot")
    assert "a wrong price" in only(found, "pause")[1]
    assert f"Missing: {cluster.topic(RESULTS)}" in found["topics"][0]["said"]
    settings = {finding["said"]: finding["cure"] for finding in found["settings"]}
    cure = settings["NUDGE_KAFKA_BOOTSTRP in the environment is read by nothing."]
    assert cure == "Did you mean NUDGE_KAFKA_BOOTSTRAP?"
    assert any("NUDGE_HEALTH_PORT" in said for said in settings)


async def test_a_pause_that_nobody_can_read_is_a_pause(cluster: KafkaSettings) -> None:
    unreadable = {"type": "pause", "paused": "maybe", "at": now_ms()}
    await produce(cluster, SCENARIOS, [Sent(PAUSE_KEY, unreadable)])
    assert (await findings(cluster, 1))["pause"][0] | {"check": ""} == {
        "check": "", "level": "fail", "cure": "`nudge resume`",
        "said": "The pause record cannot be read: nothing is sent, for somebody meant to stop"
        " something.",
    }  # fmt: skip
    (await nudge(cluster, "resume")).good()
    assert only(await findings(cluster, 1), "pause") == ("ok", "Sending is not paused.")


async def test_without_kafka_and_redis_both_are_named_and_the_rest_left(tmp_path: Path) -> None:
    found = await findings(
        None, 1,
        NUDGE_KAFKA_BOOTSTRAP="127.0.0.1:1", NUDGE_REDIS_URL="redis://:secret@127.0.0.1:1/0",
        NUDGE_VAPID_KEYS=str(tmp_path),
    )  # fmt: skip
    assert only(found, "kafka")[0] == only(found, "redis")[0] == only(found, "keys")[0] == "fail"
    assert "topics" not in found
    assert "secret" not in str(found)


def test_the_workers_group_is_the_one_that_workers_join() -> None:
    from streams.app import create_app
    from streams.settings import StreamsSettings

    assert create_app(StreamsSettings()).conf.id == WORKER_GROUP


def test_whoever_came_with_a_key_that_is_lost_is_counted_and_the_cure_named() -> None:
    every = [subscribed("here"), subscribed("gone"), subscribed("gone"), subscribed(None), None]
    (finding,) = judge_keys(every, {"here"})
    assert (finding.level, "Of 4 sampled subscriptions 2" in finding.said) == (Level.FAIL, True)
    assert "2 with gone" in finding.said
    (finding,) = judge_keys(every, {"here", "gone"})
    assert finding.level == Level.OK
    assert not list(judge_keys([None, b"no subscription"], {"here"}))


def test_a_pool_that_has_run_out_is_named_with_who_keeps_silent() -> None:
    rules = load((ROOT / "processors/scenarios/default.yaml").read_text())

    def judged(given: int, now: int = 0) -> list[tuple[Level, str, str]]:
        batch = VoucherBatch(type="vouchers", pool="second_order", batch="b", effective_at=0,
                             codes=("A", "B"), expires_at=9)  # fmt: skip
        found = judge_vouchers(rules, [batch], {"b": given}, now)
        return [(one.level, one.said, one.cure) for one in found]

    out = (
        Level.WARN, "Pool second_order has no code left: second_order keeps silent (no_code).",
        "`nudge vouchers load second_order FILE`",
    )  # fmt: skip
    assert [level for level, _, _ in judged(1)] == [Level.OK]
    assert judged(2) == [out]
    assert judged(0, now=9) == [out], "codes that have ended count for nothing"
