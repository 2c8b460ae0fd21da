"""Which news a user was told of lately: what else concerns them, told late, they have missed."""

from processors import bounds
from processors.catalogue import KEPT_MS, Change, ProductFacts
from processors.ids import short_hash
from processors.profile import Profile
from processors.scenarios.base import NewsScenario


def mark_of(scenario: NewsScenario, facts: ProductFacts, change: Change) -> int:
    """Stands for such a change of one offer, as it is kept in profiles."""
    about = f"{scenario.name}\x1f{facts.product_id or facts.content_id}"
    return short_hash(about) << 31 | short_hash(str(change.variant_id)) >> 1


def hear(profile: Profile, mark: int, at: int) -> None:
    """What changed at or before ``at`` (ms) is no news any more, whatever came of it."""
    at = max(at, heard_at(profile, mark))
    others = [one for one in profile.heard if one[0] != mark and one[1] > at - KEPT_MS]
    profile.heard = [*others, (mark, at)][-bounds.MAX_HEARD :]


def heard_at(profile: Profile, mark: int) -> int:
    """Up to when (ms) the user has heard of it; 0 for never, or too long ago to matter."""
    return next((at for known, at in profile.heard if known == mark), 0)


def heard_of_any(profile: Profile, mark: int) -> int:
    """The same, of any offer of the product."""
    return max((at for known, at in profile.heard if known >> 31 == mark >> 31), default=0)
