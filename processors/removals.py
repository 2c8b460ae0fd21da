"""What was taken out of the cart or off the wishlist: what comes late from before stays out."""

from processors import bounds
from processors.ids import short_hash
from processors.localtime import DAY_MS
from processors.marks import newest_times
from processors.profile import Profile

CART = "cart"
WISHLIST = "wishlist"


def remember_removal(
    profile: Profile, of: str, product_id: str, variant_id: str | None, at: int
) -> None:
    """``of``: the cart or the wishlist; ``at``: ms. After a day nothing comes late any more."""
    mark = _mark(of, product_id, variant_id)
    others = [other for other in profile.removed if other[0] != mark and other[1] > at - DAY_MS]
    newest = max(at, removed_at(profile, of, product_id, variant_id))
    profile.removed = [*others, (mark, newest)][-bounds.MAX_REMOVED :]


def removed_at(profile: Profile, of: str, product_id: str, variant_id: str | None) -> int:
    """When (ms) it was taken out last; 0 for never, or too long ago to be kept."""
    if not profile.removed:
        return 0
    mark = _mark(of, product_id, variant_id)
    return next((at for known, at in profile.removed if known == mark), 0)


def merge_removals(mine: Profile, theirs: Profile) -> None:
    """``mine`` remembers both, and when the shop last said what the cart holds."""
    mine.stated_at = max(mine.stated_at, theirs.stated_at)
    mine.removed = newest_times((*mine.removed, *theirs.removed), bounds.MAX_REMOVED)


def _mark(of: str, product_id: str, variant_id: str | None) -> int:
    return short_hash(f"{of}\x1f{product_id}\x1f{variant_id}")
