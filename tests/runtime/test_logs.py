"""Logs: one form for every library, and no secret in any of them."""

import json
import logging
import time
from collections.abc import Iterator
from typing import Any, Literal

import pytest
import structlog
from pydantic import SecretStr

from runtime.logs import configure_logging, logging_config
from runtime.settings import ObservabilitySettings


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    before = logging.root.handlers[:], logging.root.level
    yield
    logging.root.handlers[:], logging.root.level = before
    logging.captureWarnings(False)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_off_a_terminal_every_line_is_json_with_its_process(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging(ObservabilitySettings(log_format="auto"), "deliver")

    structlog.get_logger("delivery").info("job_sent", job_id="j1", took_ms=12)

    (line,) = lines(capsys)
    assert line["event"] == "job_sent"
    assert line["level"] == "info"
    assert line["process"] == "deliver"
    assert line["logger"] == "delivery"
    assert (line["job_id"], line["took_ms"]) == ("j1", 12)
    assert line["timestamp"].endswith("Z")


def test_a_librarys_own_record_takes_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(ObservabilitySettings(log_format="json"), "worker")

    logging.getLogger("aiokafka.consumer").warning("lost %s of %d", "orders", 3)
    logging.getLogger("aiokafka.consumer").info("heartbeat")

    (line,) = lines(capsys)
    assert line["event"] == "lost orders of 3"
    assert line["logger"] == "aiokafka.consumer"


def test_a_library_that_was_kept_to_itself_before_takes_it_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    client = logging.getLogger("aiokafka")
    client.addHandler(logging.NullHandler())
    client.propagate = False
    configure_logging(ObservabilitySettings(log_format="json"), "worker")

    client.warning("lost an order")

    (line,) = lines(capsys)
    assert line["event"] == "lost an order"


def test_what_the_kafka_client_repeats_is_told_once_a_minute_with_its_number(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure_logging(ObservabilitySettings(log_format="json"), "worker")
    client, now = logging.getLogger("aiokafka.producer.sender"), time.time()
    monkeypatch.setattr(time, "time_ns", lambda: int(now * 10**9))
    monkeypatch.setattr(time, "time", lambda: now)

    for partition in range(4):
        client.warning("no answer on %s, retrying", partition)
    client.error("fenced")
    now += 60
    client.warning("no answer on %s, retrying", 1)
    client.warning("no answer on %s, retrying", 2)

    assert [line["event"] for line in lines(capsys)] == [
        "no answer on 0, retrying",
        "fenced",
        "no answer on 1, retrying (and 3 more like it since the last one told)",
    ]


@pytest.mark.parametrize("form", ["json", "console"])
def test_nobody_writes_a_line_of_their_own(
    capsys: pytest.CaptureFixture[str], form: Literal["json", "console"]
) -> None:
    configure_logging(ObservabilitySettings(log_format=form), "gateway")
    forged = "x\r\n2026-01-01 [error] paid \x1b[31m"

    structlog.get_logger("gateway").warning("request_failed", path=forged)
    logging.getLogger("library").warning("no route for %s", forged)

    said = capsys.readouterr().err
    assert len(said.splitlines()) == 2
    assert "\x1b" not in said


def test_an_exception_is_told_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(ObservabilitySettings(log_format="json"), "worker")

    try:
        raise ValueError("no such partition")
    except ValueError:
        structlog.get_logger("streams").exception("step_failed")

    (line,) = lines(capsys)
    assert line["exception"][0]["exc_type"] == "ValueError"
    assert line["exception"][0]["exc_value"] == "no such partition"


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_secret_is_written_whatever_is_logged(
    capsys: pytest.CaptureFixture[str], form: Any
) -> None:
    configure_logging(ObservabilitySettings(log_format=form), "deliver")
    log = structlog.get_logger("delivery")

    log.info("connected to redis://:sesame@cache:6379/0", redis_url=SecretStr("redis://u:sesame@c"))
    log.info("keys", vapid_private_key="sesame", auth="sesame", subscription={"p256dh": "sesame"})
    try:
        opened = "sesame"
        raise ConnectionError(f"no route to redis://u:{opened}@cache")
    except ConnectionError:
        log.exception("redis_away")
    log.info("sent", endpoint="https://fcm.googleapis.com/fcm/send/sesame")
    logging.getLogger("other").error("cannot reach %s", "kafka://me:sesame@broker")

    text = capsys.readouterr().err
    assert "sesame" not in text
    assert "https://fcm.googleapis.com/***" in text
    assert "redis://***@cache:6379/0" in text


def test_faust_gets_the_same_configuration_for_its_own_set_up(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logging.config.dictConfig(logging_config(ObservabilitySettings(log_format="json")))

    logging.getLogger("faust").info("ready")

    assert lines(capsys)[0]["event"] == "ready"
