"""The core and the oracle, each from the same page of rules, come to the same decisions.

``ORACLE_WORLDS=20`` looks at twenty times as many worlds.
"""

import os
from collections import Counter
from collections.abc import Callable

import pytest

from tests.oracle.worlds import World, busy_world, late_world, shipped_world, strict_world

TIMES = int(os.environ.get("ORACLE_WORLDS", "1"))


def agree(world: World, seed: int) -> None:
    if not world.disagreements():
        return
    small = world.smallest()
    told = "\n".join(small.disagreements())
    pytest.fail(f"seed {seed}, until {small.until - small.plan.start}\n{small.story()}\n{told}")


@pytest.mark.parametrize(
    ("draw", "worlds"),
    [(busy_world, 50), (late_world, 30), (strict_world, 30), (shipped_world, 20)],
    ids=["busy", "late", "strict", "shipped"],
)
@pytest.mark.timeout(300 * TIMES)
def test_random_shops_are_decided_as_the_rules_say(
    draw: Callable[[int], World], worlds: int
) -> None:
    for seed in range(worlds * TIMES):
        agree(draw(seed), seed)


def test_the_random_shops_hold_every_kind_of_moment_and_most_reasons() -> None:
    seen: Counter[tuple[str, str]] = Counter()
    for seed in range(45):
        for decision in busy_world(seed).expected() + strict_world(seed).expected():
            seen[decision["scenario"], decision["outcome"]] += 1
            seen["reason", decision["reason"]] += 1
    scenarios = set(busy_world(0).settings()["scenarios"])
    spoken = {scenario for scenario, outcome in seen if outcome in ("sent", "shadow")}
    assert spoken == scenarios
    reasons = {reason for kind, reason in seen if kind == "reason"}
    assert reasons >= {
        "ok", "not_subscribed", "no_consent", "quiet_hours", "frequency_cap", "lower_priority",
        "family_taken", "purchased", "cart_empty", "out_of_stock", "price_back_up",
        "interest_gone", "wave_limit", "superseded", "cancelled",
        "already_sent", "paused",
    }  # fmt: skip
