"""``nudge publish`` against a real broker."""

import json
from pathlib import Path

from runtime.settings import KafkaSettings
from schemas.examples import CATALOG_TYPES, SHOP_TYPES
from schemas.partitioner import partition_of
from schemas.topics import SHOP_CATALOG, SHOP_EVENTS
from tests.harness.clusters import PARTITIONS
from tests.harness.records import read_to_end
from tests.nudge.commands import nudge


async def test_a_first_event_is_published_and_the_answer_says_where(cluster: KafkaSettings) -> None:
    answer = await nudge(
        cluster, "publish", "add_to_cart", "--user", "anna",
        "product_id=tea-1", "price=1990", "currency=PLN", "--json",
    )  # fmt: skip
    said = answer.good().json()
    (record,) = await read_to_end(cluster, SHOP_EVENTS)
    assert (record.key, record.partition, record.offset) == (
        "anna",
        said["partition"],
        said["offset"],
    )
    assert record.partition == partition_of("anna", PARTITIONS)
    event = record.json()
    assert event["price"] == 1990
    assert event["event_id"] == said["event_id"]
    assert abs(event["occurred_at"] - record.at) < 60_000


async def test_a_catalogue_event_goes_to_the_catalogue_under_its_product(
    cluster: KafkaSettings,
) -> None:
    words = ("publish", "stock_change", "product_id=tea-1", "quantity=3")
    answer = (await nudge(cluster, *words)).good()
    assert "published  stock_change for tea-1" in answer.out
    (record,) = await read_to_end(cluster, SHOP_CATALOG)
    assert record.key == "tea-1"


async def test_input_without_events_is_called_so(cluster: KafkaSettings, tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text("\n")
    answer = (await nudge(cluster, "publish", "--file", str(file))).good()
    assert "events.jsonl holds no events: nothing was sent" in answer.err
    answer = (await nudge(cluster, "publish", "-", "--json")).good()
    assert "standard input holds no events: nothing was sent" in answer.err
    assert answer.out == ""


async def test_a_login_goes_under_the_anonymous_id(cluster: KafkaSettings) -> None:
    await nudge(cluster, "publish", "login", "--user", "anna", "--anonymous", "a-1")
    (record,) = await read_to_end(cluster, SHOP_EVENTS)
    assert record.key == "a-1"


async def test_a_wrong_field_is_named_and_nothing_is_sent(cluster: KafkaSettings) -> None:
    answer = await nudge(
        cluster,
        "publish",
        "add_to_cart",
        "-u",
        "anna",
        "product_id=t",
        "price=cheap",
        "curency=PLN",
    )
    assert "price: input should be a valid integer" in answer.failed().err
    assert "currency: missing" in answer.err
    assert await read_to_end(cluster, SHOP_EVENTS) == []


async def test_a_slip_of_the_pen_is_not_swallowed(cluster: KafkaSettings) -> None:
    answer = await nudge(
        cluster, "publish", "add_to_cart", "-u", "anna", "product_id=t", "price=1", "currency=PLN",
        "quantty=2",
    )  # fmt: skip
    assert "did you mean quantity?" in answer.failed().err


async def test_every_example_can_be_piped_back(cluster: KafkaSettings) -> None:
    examples = [
        (await nudge(None, "publish", "--example", t)).good().out
        for t in ("purchase", "price_change")
    ]
    lines = "\n".join(json.dumps(json.loads(text)) for text in examples)
    answer = (await nudge(cluster, "publish", "-", "--json", stdin=lines)).good()
    assert [said["type"] for said in answer.json_lines()] == ["purchase", "price_change"]
    pretty = (await nudge(cluster, "publish", "-", "--json", stdin=examples[0])).good()
    assert pretty.json()["type"] == "purchase"


async def test_every_type_is_listed_with_what_it_needs() -> None:
    answer = (await nudge(None, "publish", "--types")).good()
    listed = {line.split()[0] for line in answer.out.splitlines()[1:]}
    assert listed == {*SHOP_TYPES, *CATALOG_TYPES}


async def test_a_file_with_a_bad_line_is_refused_as_a_whole_and_the_line_named(
    cluster: KafkaSettings, tmp_path: Path
) -> None:
    file = tmp_path / "events.jsonl"
    file.write_text(
        '{"type": "search", "user_id": "a", "query": "x"}\n'
        '{"type": "search", "user_id": "a"}\n'
        "{oops\n"
        '{"type": "search", "user_id": "b", "query": "x"}\n'
    )
    answer = (await nudge(cluster, "publish", "--file", str(file))).failed()
    assert f"{file}, line 2: query: missing" in answer.err
    assert f"{file}, line 3: no JSON" in answer.err
    assert await read_to_end(cluster, SHOP_EVENTS) == []
    (await nudge(cluster, "publish", "--file", str(file), "--skip-bad")).failed()
    assert {record.key for record in await read_to_end(cluster, SHOP_EVENTS)} == {"a", "b"}


async def test_a_dry_run_needs_no_kafka() -> None:
    words = ("publish", "search", "-u", "anna", "query=tea", "--dry-run", "--json")
    answer = (await nudge(None, *words, NUDGE_KAFKA_BOOTSTRAP="127.0.0.1:1")).good()
    assert answer.json()["query"] == "tea"


async def test_a_missing_topic_is_not_created_but_named(kafka: str, namespace: str) -> None:
    settings = KafkaSettings(kafka_bootstrap=kafka, namespace=namespace)
    answer = await nudge(settings, "publish", "search", "-u", "anna", "query=tea")
    assert f"There is no topic {namespace}.shop.events" in answer.failed().err
    assert "nudge topics create" in answer.err


async def test_an_email_as_user_id_is_advised_against(cluster: KafkaSettings) -> None:
    answer = await nudge(cluster, "publish", "search", "-u", "anna@shop.example", "query=tea")
    assert "e-mail address" in answer.good().err


async def test_saying_nothing_or_too_much_is_a_usage_error() -> None:
    (await nudge(None, "publish")).failed(2)
    (await nudge(None, "publish", "--example", "purchse")).failed(2)
    (await nudge(None, "publish", "search", "query")).failed(2)
    (await nudge(None, "publish", "{oops")).failed(2)
    (await nudge(None, "publish", "-", "query=tea")).failed(2)
