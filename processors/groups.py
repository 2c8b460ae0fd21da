"""Who gets nothing and who gets which words, to measure what messages do. By stable hashes."""

from processors.config import Arm, ScenarioConfig
from processors.ids import spread

_PLACES = 10_000
"""Hundredths of a per cent."""


def in_holdout(user: str, percent: float) -> bool:
    """Whether the user is among the ``percent`` who get no marketing at all."""
    return percent > 0 and spread(f"holdout\x1f{user}", _PLACES) < percent * 100


def arm_of(name: str, config: ScenarioConfig, user: str) -> Arm | None:
    """The user's arm of the scenario ``name``; ``None`` for those that no arm takes in."""
    place, end = 0, 0.0
    if config.arms:
        place = spread(f"arm\x1f{name}\x1f{user}", _PLACES)
    for arm in config.arms:
        end += arm.percent * 100
        if place < end:
            return arm
    return None
