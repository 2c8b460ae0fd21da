"""The core and the oracle over the same life, and what they disagree about."""

from collections.abc import Iterable
from typing import Any

from nudge.replay.replayer import Replayer
from processors.rule_book import RuleBook
from processors.scenario_file import load
from schemas.adapters import SHOP_EVENT, adapter_of, dump, parse, to_json
from schemas.control import Pause
from schemas.decisions import Decision
from schemas.people import Interaction, Subscription
from schemas.structs import read_catalog_event
from tests.oracle.oracle import RANKS, Record

Verdict = tuple[Any, ...]


def book_of(text: str, pauses: Iterable[tuple[int, bool]] = ()) -> RuleBook:
    book = RuleBook()
    book.add(load(text, "busy.yaml", "v1"), 0)
    for at, paused in pauses:
        book.set_pause(Pause(type="pause", paused=paused, at=at))
    return book


def arrival(record: Record) -> tuple[int, int, int, int]:
    """The order in which a partition is told: time, rank, partition, offset."""
    rank = RANKS.get(record["topic"], 0)
    return record["at"], rank, record["partition"], record["offset"]


def replayed(
    records: Iterable[Record],
    book: RuleBook,
    *,
    partitions: int,
    until: int,
    grace: int = 5000,
    slice_size: int = 500,
    reachable: bool = False,
) -> Any:
    """What the core makes of it: the outcome of :class:`nudge.replay.replayer.Replayer`."""
    replayer = Replayer(
        book,
        partitions=partitions,
        grace_ms=grace,
        assume_reachable=reachable,
        slice_size=slice_size,
    )
    for record in sorted(records, key=arrival):
        tell(replayer, record)
    return replayer.finish(until)


def tell(replayer: Replayer, record: Record) -> None:
    topic, value, at = record["topic"], record["value"], record["at"]
    if topic == "shop.events":
        replayer.shop_event(SHOP_EVENT.validate_python(value), at)
    elif topic == "shop.catalog":
        replayer.catalog_event(read_catalog_event(to_json(value)), at)
    elif topic == "push.interactions":
        replayer.interaction(Interaction.model_validate(value), at)
    else:
        subscription = None if value is None else Subscription.model_validate(value)
        replayer.subscription(record["key"], record["subscription_id"], subscription, at)


def verdicts(decisions: Iterable[dict[str, Any]]) -> set[Verdict]:
    """Final decisions as they are compared: id, outcome, reason, due time (and whose, to read)."""
    return {
        (
            decision["decision_id"],
            decision["outcome"],
            decision["reason"],
            decision["due_at"],
            decision["user_id"],
            decision["scenario"],
            decision["step"],
            decision["entity"],
        )
        for decision in decisions
        if decision["final"]
    }


def withdrawn(decisions: Iterable[dict[str, Any]]) -> set[str]:
    return {d["decision_id"] for d in decisions if d["outcome"] == "withdraw_requested"}


def plain(decisions: Iterable[Any]) -> list[dict[str, Any]]:
    """The core's decisions as the oracle writes them."""
    read = adapter_of(Decision)
    return [parse(read, dump(decision)).model_dump(mode="json") for decision in decisions]
