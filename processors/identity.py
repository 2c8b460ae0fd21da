"""One person, two ids: an anonymous profile goes to its user, merged by time."""

from typing import TYPE_CHECKING

from processors import profile as bounds
from processors.effects import HandoverSent, SubscriptionMoved
from processors.profile import Device, Interest, Line, Moment, Profile, from_plain, to_plain
from processors.turn import Turn
from schemas import events as e
from schemas.decisions import Reason
from schemas.people import HandoverEvent, HandoverProfile, Subscription

if TYPE_CHECKING:
    from processors.rules import Rules

ALIAS_MS = 30 * 86_400_000


def moves(event: e.ShopEvent, key: str) -> bool:
    """Whether the event, under an anonymous key, says whose profile this is."""
    return isinstance(event, e.Login | e.SignUp) and event.user_id != key


def hand_over(turn: Turn, event: e.Login | e.SignUp, recorded_at: int) -> Profile:
    """Sends the profile to its user; answers the stub that stays, forwarding for 30 days."""
    profile, effects = turn.profile, turn.desk.effects
    for moment in profile.moments:
        moment.identity = moment.identity or turn.key
    for device in profile.devices:
        _rebind(turn, device, turn.key, event.user_id)
        device.origin = turn.key
    handover = HandoverProfile(
        type="profile",
        user_id=event.user_id,
        anonymous_id=turn.key,
        occurred_at=event.occurred_at,
        event_type=event.type,
        profile=to_plain(profile),
    )
    effects.handovers.append(HandoverSent(handover, recorded_at))
    return Profile(
        schema=bounds.SCHEMA,
        alias_to=event.user_id,
        alias_until=event.occurred_at + ALIAS_MS,
        recent=profile.recent,
        active_at=profile.active_at,
    )


def forward(turn: Turn, event: e.ShopEvent, recorded_at: int) -> None:
    """An event that came under the anonymous id after its profile had moved."""
    user_id = turn.profile.alias_to
    assert user_id is not None
    handover = HandoverEvent(
        type="event",
        user_id=user_id,
        anonymous_id=turn.key,
        event=event.model_dump(mode="json", exclude_none=True),
        recorded_at=recorded_at,
        historical=turn.historical,
    )
    turn.desk.effects.handovers.append(HandoverSent(handover, recorded_at))


def _rebind(turn: Turn, device: Device, old: str, new: str) -> None:
    moved = rebind(turn, Subscription.model_validate(device.subscription), old, new)
    device.subscription = moved.model_dump(mode="json", exclude_none=True)


def rebind(turn: Turn, subscription: Subscription, old: str, new: str) -> Subscription:
    """Writes the subscription under its new owner and ends it under the old one."""
    moved = subscription.model_copy(update={"user_id": new})
    effects, number = turn.desk.effects, subscription.subscription_id
    effects.subscriptions.append(SubscriptionMoved(old, number, None))
    effects.subscriptions.append(SubscriptionMoved(new, number, moved))
    return moved


def unbind(turn: Turn, event: e.Logout) -> None:
    """Logout: the browser stays subscribed as the anonymous visitor it was, not as the user.

    Without an ``anonymous_id`` nobody knows which browser it was, so all of them are unbound;
    a browser that visits again binds itself anew.
    """
    kept = []
    for device in turn.profile.devices:
        if event.anonymous_id is None:
            moved = SubscriptionMoved(turn.key, device.subscription_id, None)
            turn.desk.effects.subscriptions.append(moved)
        elif device.origin == event.anonymous_id:
            _rebind(turn, device, turn.key, event.anonymous_id)
        else:
            kept.append(device)
    turn.profile.devices = kept


def merge(turn: Turn, handover: HandoverProfile) -> None:
    """Takes an anonymous profile in, whenever it comes: the result is that of the right order."""
    mine, theirs = turn.profile, from_plain(handover.profile)
    login_at = handover.occurred_at
    mine.known = True
    bought_at = max(mine.bought_at, theirs.bought_at)
    mine.cart = _merge_cart(mine.cart, theirs.cart, bought_at)
    mine.bought_at = bought_at
    mine.currency = mine.currency or theirs.currency
    mine.viewed = _merge_interests(mine.viewed, theirs.viewed, bounds.MAX_VIEWED)
    mine.saved = _merge_interests(mine.saved, theirs.saved, bounds.MAX_SAVED)
    mine.asked = _merge_interests(mine.asked, theirs.asked, bounds.MAX_ASKED)
    if all(line.changed_at <= login_at for line in mine.cart):
        mine.spent |= theirs.spent
    _merge_moments(turn, theirs, login_at)
    _merge_facts_of_life(mine, theirs)
    _merge_reach(mine, theirs)
    if turn.key not in mine.aliases and handover.anonymous_id not in mine.aliases:
        mine.aliases = [*mine.aliases, handover.anonymous_id][-bounds.MAX_ALIASES :]


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


def _merge_interests(mine: list[Interest], theirs: list[Interest], most: int) -> list[Interest]:
    found: dict[tuple[str, str | None], Interest] = {}
    for interest in (*mine, *theirs):
        key = (interest.product_id, interest.variant_id)
        other = found.get(key)
        if other is None:
            found[key] = interest
            continue
        newer, older = (interest, other) if interest.at > other.at else (other, interest)
        newer.views += older.views
        found[key] = newer
    return sorted(found.values(), key=lambda interest: interest.at)[-most:]


def _merge_moments(turn: Turn, theirs: Profile, login_at: int) -> None:
    """Of one family and entity one stays: the stronger, else the one opened last.

    One that the user opened after the login, while the handover was on its way, would not have
    been opened had it come in time; it gives way without a word.
    """
    mine, rules = turn.profile, turn.rules
    bought_since_login = mine.bought_at >= login_at
    own_active = mine.prior_at if mine.active_at == mine.bought_at else mine.active_at
    turn.active_before = max(own_active, theirs.active_at, login_at)
    for moment in theirs.moments:
        rival = _rival(rules, mine.moments, moment)
        if rival is None:
            mine.moments.append(moment)
        elif rival.opened_at > login_at and rival.step >= moment.step and not rival.first_due:
            mine.moments.remove(rival)
            mine.moments.append(moment)
        elif _yields(rules, rival, moment):
            turn.end(rival, Reason.SUPERSEDED, turn.at)
            mine.moments.append(moment)
        else:
            mine.moments.append(moment)
            turn.end(moment, Reason.SUPERSEDED, turn.at)
            continue
        if bought_since_login and moment.opened_at <= mine.bought_at:
            _end_if_bought(turn, moment)


def _end_if_bought(turn: Turn, moment: Moment) -> None:
    """The user bought while the handover was on its way."""
    scenario = turn.rules.scenarios.get(moment.scenario)
    if scenario is None or e.Purchase not in scenario.ends_on:
        return
    order = next((o for o in turn.profile.orders if o.at == turn.profile.bought_at), None)
    of_product = scenario.family in ("price", "stock")
    if of_product and (order is None or moment.entity not in order.product_ids):
        return
    turn.end(moment, Reason.PURCHASED, turn.profile.bought_at)


def _rival(rules: "Rules", moments: list[Moment], moment: Moment) -> Moment | None:
    scenario = rules.scenarios.get(moment.scenario)
    for other in moments:
        if other.entity != moment.entity:
            continue
        if other.scenario == moment.scenario:
            return other
        known = rules.scenarios.get(other.scenario)
        if scenario is not None and known is not None and known.family == scenario.family:
            return other
    return None


def _yields(rules: "Rules", mine: Moment, theirs: Moment) -> bool:
    my_rank, their_rank = rules.rank_of(mine.scenario), rules.rank_of(theirs.scenario)
    if my_rank != their_rank:
        return their_rank < my_rank
    return theirs.opened_at > mine.opened_at


def _merge_facts_of_life(mine: Profile, theirs: Profile) -> None:
    if theirs.active_at > mine.active_at:
        mine.prior_at, mine.active_at = max(mine.active_at, theirs.prior_at), theirs.active_at
        mine.session_at = theirs.session_at
    else:
        mine.prior_at = max(mine.prior_at, theirs.active_at)
    known = [at for at in (mine.first_at, theirs.first_at) if at]
    mine.first_at = min(known, default=0)
    mine.sessions += theirs.sessions
    mine.locale = mine.locale or theirs.locale
    mine.timezone = mine.timezone or theirs.timezone
    mine.traits = {**theirs.traits, **mine.traits}
    mine.orders = sorted((*mine.orders, *theirs.orders), key=lambda o: o.at)[-bounds.MAX_ORDERS :]
    mine.order_count += theirs.order_count
    mine.sent = sorted((*mine.sent, *theirs.sent), key=lambda s: s.at)[-bounds.MAX_SENT :]
    mine.pending = [*mine.pending, *theirs.pending][-bounds.MAX_PENDING :]
    mine.finals = [*theirs.finals, *mine.finals][-bounds.MAX_FINALS :]
    mine.hours = _merge_buckets(mine.hours, theirs.hours, bounds.MAX_HOURS)
    mine.days = _merge_buckets(mine.days, theirs.days, bounds.MAX_DAYS)
    for category, (views, at) in theirs.categories.items():
        before, newest = mine.categories.get(category, (0, 0))
        mine.categories[category] = (before + views, max(newest, at))
    newest_first = sorted(mine.categories.items(), key=lambda item: (-item[1][1], item[0]))
    mine.categories = dict(newest_first[: bounds.MAX_CATEGORIES])


def _merge_buckets(mine: list[list[int]], theirs: list[list[int]], most: int) -> list[list[int]]:
    found = {bucket[0]: bucket for bucket in mine}
    for bucket in theirs:
        own = found.setdefault(bucket[0], [bucket[0]] + [0] * (len(bucket) - 1))
        for column in range(1, len(bucket)):
            own[column] += bucket[column]
    newest = max(found, default=0)
    return [found[slot] for slot in sorted(found) if slot > newest - most]


def _merge_reach(mine: Profile, theirs: Profile) -> None:
    for purpose, (granted, at) in theirs.consents.items():
        if at >= mine.consents.get(purpose, (False, 0))[1]:
            mine.consents[purpose] = (granted, at)
    for device in theirs.devices:
        put_device(mine, device)


def put_device(profile: Profile, device: Device) -> None:
    """Binds the browser; of too many, the one not seen for longest goes."""
    others = [d for d in profile.devices if d.subscription_id != device.subscription_id]
    others.append(device)
    others.sort(key=lambda d: (d.seen_at, d.subscription_id))
    profile.devices = others[-bounds.MAX_DEVICES :]
