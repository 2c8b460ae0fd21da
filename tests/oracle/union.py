"""An anonymous shopper's state joined to their user's, by time."""

from typing import Any

from tests.oracle.shopper import (
    Shopper,
    bought_since,
    keep_newest_views,
    newest_orders,
    take_out,
)
from tests.oracle.verdict import CART_SCENARIOS


def join(moments: Any, user: Shopper, handed: Shopper, login_at: int, counts: int) -> None:
    """Changes ``user``; the moments that give way are decided on ``moments``."""
    _take_out(user, handed, login_at)
    _join_spent(user, handed)
    unbought = _active_unbought(user)
    _join_cart(user, handed)
    for kind in ("saved", "viewed", "asked"):
        for line, interest in handed[kind].items():
            known = user[kind].get(line)
            if known is None or known["at"] <= interest["at"]:
                user[kind][line] = interest
    keep_newest_views(user)
    for line in list(user["asked"]):
        since = user["asked"][line]["at"]
        if bought_since(user, line[0], since) or bought_since(handed, line[0], since):
            del user["asked"][line]
    for purpose, (at, granted) in handed["consent"].items():
        if user["consent"].get(purpose, (-1, False))[0] <= at:
            user["consent"][purpose] = (at, granted)
    user["devices"] |= handed["devices"]
    user["sent"] = sorted(user["sent"] + handed["sent"], key=lambda sent: sent["at"])
    for about, at in handed["heard"].items():
        user["heard"][about] = max(at, user["heard"].get(about, -1))
    user["told"] = {**handed["told"], **user["told"]}
    for matter, at in handed["ended"].items():
        user["ended"][matter] = max(at, user["ended"].get(matter, -1))
    here_last = handed["active_at"] > user["active_at"] or user["active_at"] < 0
    zones = (handed["zone"], user["zone"]) if here_last else (user["zone"], handed["zone"])
    user["zone"] = zones[0] or zones[1]
    user["active_at"] = max(unbought, handed["active_at"], login_at)
    _join_moments(moments, user, handed, login_at)
    user["times"] |= handed["times"]
    user["active_at"] = max(user["times"])
    bought = [purchase for purchase in user["purchases"] if purchase[0] >= login_at]
    user["purchases"] = newest_orders(user["purchases"] + handed["purchases"])
    _take_back(moments, user, handed, bought, login_at, counts)


def _take_back(
    moments: Any, user: Shopper, handed: Shopper, bought: list[Any], login_at: int, counts: int
) -> None:
    """What was sent to the visitor although the user had bought, before the login was told."""
    newest = [sent for sent in user["sent"] if sent["class"] == "marketing"][-4:]
    out = [sent for sent in newest if sent in handed["sent"]]
    for at, products, order in bought:
        items = [{"product_id": product} for product in products]
        purchase = {"type": "purchase", "order_id": order, "items": items}
        moments.withdraw_bought(user, out, purchase, at, counts, told_at=login_at)


def _active_unbought(user: Shopper) -> int:
    """The last activity; the one before where the last was a purchase."""
    newest = [-1, -1, *sorted(user["times"])]
    return int(newest[-2] if newest[-1] == user["bought_at"] else newest[-1])


def _take_out(user: Shopper, handed: Shopper, login_at: int) -> None:
    """What the user took out, or the shop said of the cart, since the login."""
    for (of, line), at in user["removed"].items():
        changed = {"cart": 2, "saved": "at"}[of]
        if at >= login_at and line in handed[of] and handed[of][line][changed] < at:
            del handed[of][line]
    if user["stated_at"] >= login_at:
        kept = {line: held for line, held in handed["cart"].items() if held[2] >= user["stated_at"]}
        handed["cart"] = kept
    user["stated_at"] = max(user["stated_at"], handed["stated_at"])
    for (of, line), at in handed["removed"].items():
        take_out(user, of, line, at)


def _join_cart(user: Shopper, handed: Shopper) -> None:
    user["bought_at"] = max(user["bought_at"], handed["bought_at"])
    cart = {**user["cart"]}
    for line, held in handed["cart"].items():
        if line not in cart or cart[line][2] <= held[2]:
            cart[line] = held
    user["cart"] = {line: held for line, held in cart.items() if held[2] > user["bought_at"]}


def _join_spent(user: Shopper, handed: Shopper) -> None:
    """What was spoken about is the cart that changed last."""
    mine = max((changed for _, _, changed in user["cart"].values()), default=-1)
    theirs = max((changed for _, _, changed in handed["cart"].values()), default=-1)
    if theirs > mine:
        user["spent"], user["spent_at"] = handed["spent"], handed["spent_at"]
    elif theirs == mine:
        user["spent"] = user["spent"] | handed["spent"]
        user["spent_at"] = max(user["spent_at"], handed["spent_at"])


def _join_moments(moments: Any, user: Shopper, handed: Shopper, login_at: int) -> None:
    for moment in list(user["moments"]):
        bought = _ended_by(handed, moment, moment["opened_at"])
        if bought is not None:
            moments.end(user, moment, "purchased", bought)
    for moment in handed["moments"]:
        over = user["ended"].get((moment["scenario"], moment["entity"]), -1)
        rival = moments.live(user, moment["family"], moment["entity"])
        if rival is None and over >= moment["opened_at"]:
            user["moments"].append(moment)
            moments.end(user, moment, "cancelled", login_at)
            continue
        ended = _ended_by(user, moment, max(login_at, moment["opened_at"]))
        if ended is not None:
            user["moments"].append(moment)
            moments.end(user, moment, "purchased", ended)
            continue
        rival = moments.live(user, moment["family"], moment["entity"])
        if rival is None:
            user["moments"].append(moment)
        elif _gives_way(rival, moment, login_at):
            user["moments"].remove(rival)
            user["moments"].append(moment)
        else:
            user["moments"].append(moment)
            weaker = min(moment, rival, key=lambda m: (m["strength"], m["opened_at"]))
            moments.end(user, weaker, "superseded", login_at)


def _gives_way(mine: dict[str, Any], other: dict[str, Any], login_at: int) -> bool:
    return bool(
        mine["opened_at"] > login_at
        and mine["opened_at"] > other["opened_at"]
        and mine["strength"] <= other["strength"]
        and mine["step"] >= other["step"]
        and mine["first_due"] is None
    )


def _ended_by(buyer: Shopper, moment: dict[str, Any], since: int) -> int | None:
    """When (ms) a purchase made from ``since`` on ends the moment."""
    use = moment["config"]["use"]
    for at, products, order in sorted(buyer["purchases"], key=lambda purchase: purchase[0]):
        if at < since:
            continue
        if use in CART_SCENARIOS:
            return int(at)
        if use in ("price_drop", "back_in_stock") and moment["entity"] in products:
            return int(at)
        named = moment["config"]["entity"] == "order_id"
        if "purchase" in moment["config"]["unless"] and (not named or moment["entity"] == order):
            return int(at)
    return None
