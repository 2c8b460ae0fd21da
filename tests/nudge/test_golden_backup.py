"""A backup that this release made is read by every release after it, row by row."""

from pathlib import Path

import orjson
import pytest

from nudge.state import load
from nudge.state.files import STATE, Row
from processors.partition_state import STATE_KEY, PartitionState
from processors.rows import decode, encode
from schemas.adapters import CONTROL, adapter_of, parse
from schemas.partitioner import partition_of
from schemas.people import Subscription, split_subscription_key
from schemas.products import Product
from schemas.topics import PRODUCTS, PROFILES_CHANGELOG, SCENARIOS, SUBSCRIPTIONS, Topic

BACKUP = Path(__file__).parent / "golden_backup"
USERS = {"erased", "moved", "policy", "quiet", "segments", "shopper", "visitor"}


def read(topic: Topic, number: int, partitions: int, row: Row) -> None:
    """Reads a row as its reader would, and holds its place against its key."""
    owner = row.key.decode()
    if row.key == STATE_KEY:
        assert orjson.loads(row.value)["clock"] > 0
        return
    if topic is PROFILES_CHANGELOG:
        encode(decode(row.value))
    elif topic is SUBSCRIPTIONS:
        owner = split_subscription_key(owner)[0]
        assert parse(adapter_of(Subscription), row.value).user_id == owner
    elif topic is PRODUCTS:
        assert parse(adapter_of(Product), row.value).product_id == owner
    else:
        parse(CONTROL, row.value)
        return
    assert number == partition_of(owner, partitions)


@pytest.mark.parametrize("partitions", [2, 5])
def test_every_row_is_read_and_stands_where_its_user_is(partitions: int) -> None:
    manifest = load.complete(BACKUP)
    plan = load._Plan(BACKUP, manifest, partitions, partitions != manifest.partitions)
    rows = list(plan.rows())
    for topic, number, row in rows:
        read(topic, number, partitions, row)
    assert {row.key.decode() for topic, _, row in rows if topic is PROFILES_CHANGELOG} == {
        *USERS,
        STATE_KEY.decode(),
    }
    assert {topic for topic, _, _ in rows} == {
        PROFILES_CHANGELOG,
        SUBSCRIPTIONS,
        PRODUCTS,
        SCENARIOS,
    }
    assert {topic for topic, _, _ in rows} <= set(STATE)


def test_a_partition_remembers_which_voucher_codes_it_gave_but_no_offsets() -> None:
    plan = load._Plan(BACKUP, load.complete(BACKUP), 2, moved=False)
    for number, value in ((n, row.value) for _, n, row in plan.rows() if row.key == STATE_KEY):
        state = PartitionState(**orjson.loads(value))
        assert state.clock == 1_781_085_600_000 + number
        assert (state.drawn, state.walked, state.applied) == ({"b1": 1}, 3, {})


def test_with_other_partitions_no_code_is_given_twice_and_no_clock_runs_ahead() -> None:
    plan = load._Plan(BACKUP, load.complete(BACKUP), 5, moved=True)
    rows = list(plan.rows())
    assert plan.left_out == 1
    states = [orjson.loads(row.value) for _, _, row in rows if row.key == STATE_KEY]
    walked = {"walked": 3, "campaigns": [0, {}, []]}
    assert states == [{"clock": 1_781_085_600_000, **walked}] * 5
