"""The carts of a visitor and of the user they turned out to be, made one."""

from processors import bounds
from processors.profile import Profile
from processors.removals import CART, WISHLIST, merge_removals, removed_at
from processors.traces import Interest, Line


def merge_carts(mine: Profile, theirs: Profile) -> None:
    """Of two lines of one thing the later change holds; a purchase of either empties both."""
    mine.bought_at = max(mine.bought_at, theirs.bought_at)
    mine.spent, mine.spent_at = _merge_spent(mine, theirs)
    cart = _merge_cart(mine.cart, theirs.cart, mine.bought_at)
    mine.currency, mine.mixed = _money_of(cart, mine, theirs)
    mine.cart = cart


def take_out(mine: Profile, theirs: Profile, login_at: int) -> None:
    """What the user took out since the login, while the handover was on its way, is out.

    What they did before was to a cart and a wishlist of their own.
    """

    def is_out(of: str, thing: Line | Interest, at: int) -> bool:
        removed = removed_at(mine, of, thing.product_id, thing.variant_id)
        stated = mine.stated_at if of == CART else 0
        return any(since >= login_at and since > at for since in (removed, stated))

    theirs.cart = [line for line in theirs.cart if not is_out(CART, line, line.changed_at)]
    theirs.saved = [each for each in theirs.saved if not is_out(WISHLIST, each, each.at)]
    merge_removals(mine, theirs)


def _merge_spent(mine: Profile, theirs: Profile) -> tuple[int, int]:
    """What was spoken about is the cart that changed last."""
    my_change = max((line.changed_at for line in mine.cart), default=0)
    their_change = max((line.changed_at for line in theirs.cart), default=0)
    if my_change == their_change:
        return mine.spent | theirs.spent, max(mine.spent_at, theirs.spent_at)
    newest = mine if my_change > their_change else theirs
    return newest.spent, newest.spent_at


def _merge_cart(mine: list[Line], theirs: list[Line], bought_at: int) -> list[Line]:
    lines = {(line.product_id, line.variant_id): line for line in mine}
    for line in theirs:
        key = (line.product_id, line.variant_id)
        if line.changed_at > bought_at and (
            key not in lines or lines[key].changed_at < line.changed_at
        ):
            lines[key] = line
    kept = [line for line in lines.values() if line.changed_at > bought_at]
    return sorted(kept, key=lambda line: line.changed_at)[-bounds.MAX_CART :]


def _money_of(cart: list[Line], mine: Profile, theirs: Profile) -> tuple[str | None, bool]:
    """The currency of the lines that are kept, and whether they are of two."""
    sides = [p for p in (mine, theirs) if any(line is kept for line in p.cart for kept in cart)]
    if not sides:
        return mine.currency or theirs.currency, False
    mixed = any(side.mixed for side in sides) or len({side.currency for side in sides}) > 1
    return sides[0].currency, mixed
