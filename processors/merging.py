"""An anonymous profile joined to its user's, by time, as if it had come in the right order."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from processors import bounds
from processors.identity import put_device
from processors.localtime import DAY_MS, HOUR_MS
from processors.looks import Categories, Viewed
from processors.marks import newest_marks, newest_times
from processors.merged_carts import merge_carts, take_out
from processors.moment import Moment
from processors.profile import Profile
from processors.reduce import SESSION_GAP_MS
from processors.rows import from_plain
from processors.scenarios.base import bought_since
from processors.taking_back import unsay
from processors.traces import Interest, Order, Pending, newest_sent
from processors.turn import Turn
from schemas import structs as e
from schemas.decisions import Reason
from schemas.people import HandoverProfile

if TYPE_CHECKING:
    from processors.rules import Rules


def merge(turn: Turn, handover: HandoverProfile) -> None:
    """Takes an anonymous profile in, whenever it comes: the result is that of the right order."""
    mine, theirs = turn.profile, from_plain(handover.profile)
    login_at = handover.occurred_at
    mine.known = True
    turn.active_before = max(_active_unbought(mine), theirs.active_at, login_at)
    take_out(mine, theirs, login_at)
    merge_carts(mine, theirs)
    mine.viewed = Viewed.of(_merge_interests(mine.viewed, theirs.viewed, bounds.MAX_VIEWED))
    mine.saved = _merge_interests(mine.saved, theirs.saved, bounds.MAX_SAVED)
    asked = _merge_interests(mine.asked, theirs.asked, bounds.MAX_ASKED)
    mine.asked = [
        interest
        for interest in asked
        if not bought_since(mine, interest.product_id, interest.at)
        and not bought_since(theirs, interest.product_id, interest.at)
    ]
    _merge_moments(turn, theirs, login_at)
    bought = [order for order in mine.orders if order.at >= login_at]
    _merge_facts_of_life(mine, theirs)
    _take_back(turn, theirs.pending, bought)
    known = {(s.at, s.scenario, s.step) for s in mine.sent}  # taken over at an earlier login
    new = (s for s in theirs.sent if (s.at, s.scenario, s.step) not in known)
    sent = sorted((*mine.sent, *new), key=lambda s: s.at)
    mine.sent = newest_sent(sent, turn.rules.once)
    _merge_reach(mine, theirs)
    if turn.key not in mine.aliases and handover.anonymous_id not in mine.aliases:
        mine.aliases = [*mine.aliases, handover.anonymous_id][-bounds.MAX_ALIASES :]


def _active_unbought(mine: Profile) -> int:
    """The user's last activity; the one before where the last was a purchase; 0 for none."""
    if not mine.sessions:
        return 0
    return mine.prior_at if mine.active_at == mine.bought_at else mine.active_at


def _merge_interests(
    mine: Iterable[Interest], theirs: Iterable[Interest], most: int
) -> list[Interest]:
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
    if not mine.moments:
        mine.opens_by = theirs.opens_by
    theirs.open_by(mine.opens_by)
    for moment in list(mine.moments):
        _end_if_bought(turn, moment, theirs, moment.opened_at)
    for moment in theirs.moments:
        rival = _rival(rules, mine.moments, moment)
        mine.moments.append(moment)
        scenario = turn.scenario_of(moment)
        if rival is None and scenario is not None and scenario.is_over(turn, moment):
            turn.end(moment, Reason.CANCELLED, turn.at)
            continue
        if _end_if_bought(turn, moment, mine, max(moment.opened_at, login_at)) or rival is None:
            continue
        if _gives_way(rules, rival, moment, login_at):
            mine.moments.remove(rival)
        elif _yields(rules, rival, moment):
            turn.end(rival, Reason.SUPERSEDED, turn.at)
        else:
            turn.end(moment, Reason.SUPERSEDED, turn.at)
    turn.keep_within_bounds()


def _end_if_bought(turn: Turn, moment: Moment, buyer: Profile, since: int) -> bool:
    """Ends a moment by a purchase (from ``since`` on, ms) that the other id made."""
    scenario = turn.scenario_of(moment)
    if scenario is None or e.Purchase not in scenario.ends_on:
        return False
    for order in buyer.orders:
        if order.at >= since:
            reason = scenario.ended_by(turn, _purchase(turn.key, order), moment.entity)
            if reason is not None:
                turn.end(moment, reason, order.at)
                return True
    return False


def _take_back(turn: Turn, sent: list[Pending], bought: list[Order]) -> None:
    """What was sent to the visitor although the user had bought, before the login was told."""
    for pending in [one for one in sent if one in turn.profile.pending]:
        scenario = turn.rules.scenarios.get(pending.scenario)
        if scenario is None or e.Purchase not in scenario.ends_on:
            continue
        for order in bought:
            if unsay(turn, pending, scenario, _purchase(turn.key, order)):
                break


def _purchase(key: str, order: Order) -> e.ShopEvent:
    """The purchase again, as far as the profile remembers it."""
    return e.event_of({
        "type": "purchase",
        "event_id": order.order_id,
        "user_id": key,
        "occurred_at": order.at,
        "order_id": order.order_id,
        "items": [{"product_id": product_id, "price": 0} for product_id in order.product_ids],
        "value": order.value,
        "currency": order.currency,
    })  # fmt: skip


def _gives_way(rules: "Rules", mine: Moment, theirs: Moment, login_at: int) -> bool:
    """Whether the user's own moment would not have opened in the right order."""
    stronger = rules.rank_of(mine.scenario) < rules.rank_of(theirs.scenario)
    opened_since = mine.opened_at > max(login_at, theirs.opened_at)
    return opened_since and not stronger and mine.step >= theirs.step and not mine.first_due


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


def _was_here_last(theirs: Profile, mine: Profile) -> bool:
    return theirs.active_at > mine.active_at or not mine.sessions


def _merge_session(mine: Profile, theirs: Profile) -> None:
    """The session under way is that of who was active last; one that had not ended goes on."""
    last, other = (theirs, mine) if _was_here_last(theirs, mine) else (mine, theirs)
    goes_on = bool(other.sessions) and last.session_at - other.active_at < SESSION_GAP_MS
    again = (*other.again, *last.again) if goes_on else last.again
    awaited = (other.awaited or last.awaited) if goes_on else last.awaited
    looked_at, dwell = last.looked_at, last.dwell
    mine.again, mine.awaited = [*again][-bounds.MAX_AGAIN :], awaited
    mine.looked_at, mine.dwell = looked_at, dwell
    if theirs.present_at > mine.present_at:
        mine.present_at, mine.onsite = theirs.present_at, theirs.onsite


def _merge_facts_of_life(mine: Profile, theirs: Profile) -> None:
    last, other = (theirs, mine) if _was_here_last(theirs, mine) else (mine, theirs)
    mine.locale = last.locale or other.locale
    mine.timezone = last.timezone or other.timezone
    _merge_session(mine, theirs)
    if _was_here_last(theirs, mine):
        mine.prior_at, mine.active_at = max(mine.active_at, theirs.prior_at), theirs.active_at
        mine.session_at = theirs.session_at
    else:
        mine.prior_at = max(mine.prior_at, theirs.active_at)
    known = [at for at in (mine.first_at, theirs.first_at) if at]
    mine.first_at = min(known, default=0)
    mine.sessions += theirs.sessions
    mine.traits_at = max(mine.traits_at, theirs.traits_at)
    mine.traits = dict([*({**theirs.traits, **mine.traits}).items()][-bounds.MAX_TRAITS :])
    _merge_orders(mine, theirs)
    mine.pending = sorted((*mine.pending, *theirs.pending), key=lambda p: p.at)[
        -bounds.MAX_PENDING :
    ]
    mine.finals = newest_marks(theirs.finals + mine.finals, bounds.MAX_FINALS)
    mine.recent = newest_marks(theirs.recent + mine.recent, bounds.MAX_RECENT)
    mine.hours = _merge_buckets(mine.hours, theirs.hours, bounds.MAX_HOURS)
    mine.days = _merge_buckets(mine.days, theirs.days, bounds.MAX_DAYS)
    seen = mine.categories.by_name()
    for category, (views, at) in theirs.categories.by_name().items():
        before, newest = seen.get(category, (0, 0))
        seen[category] = (before + views, max(newest, at))
    newest_first = sorted(seen.items(), key=lambda item: (-item[1][1], item[0]))
    mine.categories = Categories.of(dict(newest_first[: bounds.MAX_CATEGORIES]))
    _merge_memory(mine, theirs)


def _merge_orders(mine: Profile, theirs: Profile) -> None:
    """An order that both ids have told of is one."""
    known = {order.order_id for order in mine.orders}
    twice = [order for order in theirs.orders if order.order_id in known]
    for order in twice:
        for buckets, slot in (
            (theirs.hours, order.at // HOUR_MS),
            (theirs.days, order.at // DAY_MS),
        ):
            bucket = next((bucket for bucket in buckets if bucket[0] == slot), None)
            if bucket is not None:
                bucket[4] -= 1
                if buckets is theirs.days:
                    bucket[5] -= order.value
    others = [order for order in theirs.orders if order.order_id not in known]
    mine.orders = sorted((*mine.orders, *others), key=lambda o: o.at)[-bounds.MAX_ORDERS :]
    mine.order_count += theirs.order_count - len(twice)


def _merge_memory(mine: Profile, theirs: Profile) -> None:
    for topic, at in theirs.topics.items():
        if abs(at) > abs(mine.topics.get(topic, 0)):
            mine.topics[topic] = at
    newest_first = sorted(mine.topics.items(), key=lambda item: (-abs(item[1]), item[0]))
    mine.topics = dict(newest_first[: bounds.MAX_TOPICS])
    touches = {(t.job_id, t.clicked): t for t in (*mine.touches, *theirs.touches)}.values()
    clicks = sorted((t for t in touches if t.clicked), key=lambda t: t.at)[-bounds.MAX_CLICKS :]
    shown = sorted((t for t in touches if not t.clicked), key=lambda t: t.at)[-bounds.MAX_SHOWN :]
    mine.touches = sorted((*clicks, *shown), key=lambda t: t.at)
    mine.credits = [*theirs.credits, *mine.credits][-bounds.MAX_CREDITS :]
    mine.heard = newest_times((*mine.heard, *theirs.heard), bounds.MAX_HEARD)
    mine.refunds = [*theirs.refunds, *mine.refunds][-bounds.MAX_REFUNDS :]
    mine.incentive_at = max(mine.incentive_at, theirs.incentive_at)
    mine.clicked_at = max(mine.clicked_at, theirs.clicked_at)
    displays = sorted({*mine.displays, *theirs.displays}, key=lambda display: display[1])
    since = [display for display in displays if display[1] > mine.clicked_at]
    mine.displays = since[-bounds.MAX_DISPLAYS :]
    mine.newest = newest_times((*mine.newest, *theirs.newest), bounds.MAX_NEWEST)


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
