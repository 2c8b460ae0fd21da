"""One person, two ids: an anonymous profile sets out to its user."""

from collections.abc import Iterable

from processors import bounds
from processors.desk import Desk
from processors.effects import HandoverSent, SubscriptionMoved
from processors.inputs import UserRecord
from processors.profile import SCHEMA, Profile
from processors.rows import from_plain, to_plain
from processors.traces import Device
from processors.turn import Turn
from schemas import structs as e
from schemas.people import HandoverEvent, HandoverProfile, HandoverSubscription, Subscription

ALIAS_MS = 30 * 86_400_000

HANDOVER_DELAY_MS = 2_000
"""How long a handover is on its way, in every order: its place is that long after its cause.

Two partitions that waited for each other's handovers would wait for ever. So long a lead lets
each go on while it knows how far the others are, live and in a replay alike.
"""


_NAMING = (e.Login, e.SignUp)


def moves(event: e.ShopEvent, key: str) -> bool:
    """Whether the event, under an anonymous key, says whose profile this is."""
    return isinstance(event, _NAMING) and event.user_id != key


def hand_over(turn: Turn, event: e.Login | e.SignUp, arrived_at: int) -> Profile:
    """Sends the profile to its user; answers the stub that stays, forwarding for 30 days."""
    profile, effects = turn.profile, turn.desk.effects
    for moment in profile.moments:
        moment.identity = moment.identity or turn.key
    subscriptions = [device.subscription(turn.key) for device in profile.devices]
    profile.devices = [
        Device.of(rebind(turn, subscription, turn.key, event.user_id), turn.key)
        for subscription in subscriptions
    ]
    handover = HandoverProfile(
        type="profile",
        user_id=event.user_id,
        anonymous_id=turn.key,
        occurred_at=event.occurred_at,
        event_type=event.type,
        profile=to_plain(profile),
        historical=turn.historical,
    )
    effects.handovers.append(HandoverSent(handover, arrived_at + HANDOVER_DELAY_MS))
    return Profile(
        schema=SCHEMA,
        alias_to=event.user_id,
        alias_until=event.occurred_at + ALIAS_MS,
        recent=profile.recent,
        finals=profile.finals,
        active_at=profile.active_at,
        # What holds for the browser again, once its user has logged out.
        consents=dict(profile.consents),
        sent=list(profile.sent),
        displays=list(profile.displays),
        clicked_at=profile.clicked_at,
        incentive_at=profile.incentive_at,
    )


def forward(turn: Turn, event: e.ShopEvent, record: UserRecord) -> None:
    """An event that came under the anonymous id after its profile had moved."""
    user_id = turn.profile.alias_to
    assert user_id is not None
    handover = HandoverEvent(
        type="event",
        user_id=user_id,
        anonymous_id=turn.key,
        event=e.plain_of(event),
        recorded_at=record.recorded_at,
        historical=turn.historical,
    )
    place = record.arrived_at + HANDOVER_DELAY_MS
    turn.desk.effects.handovers.append(HandoverSent(handover, place))


def forward_subscription(turn: Turn, subscription: Subscription, record: UserRecord) -> None:
    """A browser that subscribed under the anonymous id after its profile had moved."""
    user_id = turn.profile.alias_to
    assert user_id is not None
    _bind_elsewhere(turn, rebind(turn, subscription, turn.key, user_id), record)


def _bind_elsewhere(turn: Turn, moved: Subscription, record: UserRecord) -> None:
    handover = HandoverSubscription(
        type="subscription", user_id=moved.user_id, anonymous_id=turn.key, subscription=moved
    )
    place = record.arrived_at + HANDOVER_DELAY_MS
    turn.desk.effects.handovers.append(HandoverSent(handover, place))


def rebind(turn: Turn, subscription: Subscription, old: str, new: str) -> Subscription:
    """Writes the subscription under its new owner and ends it under the old one."""
    moved = subscription.model_copy(
        update={"user_id": new, "anonymous_id": old, "handed_over": True}
    )
    effects, number = turn.desk.effects, subscription.subscription_id
    effects.subscriptions.append(SubscriptionMoved(old, number, None))
    effects.subscriptions.append(SubscriptionMoved(new, number, moved))
    return moved


def unbind(turn: Turn, event: e.Logout, record: UserRecord) -> None:
    """Logout: the browser stays subscribed as the anonymous visitor it was, not as the user.

    Without an ``anonymous_id`` nobody knows which browser it was, so all of them are unbound;
    a browser that visits again binds itself anew. It is remembered for a login from before it
    that is still on its way.
    """
    visitor, effects = event.anonymous_id, turn.desk.effects
    logouts = turn.profile.logouts
    if (visitor, event.occurred_at) not in logouts:
        turn.profile.logouts = [*logouts, (visitor, event.occurred_at)][-bounds.MAX_LOGOUTS :]
    unbound = [d for d in turn.profile.devices if visitor is None or d.origin == visitor]
    turn.profile.devices = [d for d in turn.profile.devices if d not in unbound]
    end_all(turn.desk, turn.key, unbound)
    if visitor is None or visitor == turn.key:
        return
    handover = HandoverEvent(
        type="event",
        user_id=visitor,
        anonymous_id=visitor,
        event=e.plain_of(event),
        recorded_at=record.recorded_at,
        historical=turn.historical,
        subscriptions=tuple(d.subscription(turn.key) for d in unbound),
    )
    effects.handovers.append(HandoverSent(handover, record.arrived_at + HANDOVER_DELAY_MS))


def unbind_again(turn: Turn, handover: HandoverProfile, record: UserRecord) -> None:
    """A login that comes after its logout: what it brought goes back at once."""
    for visitor, at in turn.profile.logouts:
        if visitor in (None, handover.anonymous_id) and at >= handover.occurred_at:
            logout = e.event_of({
                "type": "logout",
                "event_id": f"handover/{handover.anonymous_id}"[:128],
                "user_id": turn.key,
                "anonymous_id": visitor,
                "occurred_at": at,
            })  # fmt: skip
            assert isinstance(logout, e.Logout)
            unbind(turn, logout, record)


def take_back(turn: Turn, handover: HandoverEvent, event: e.Logout, record: UserRecord) -> None:
    """At the visitor, after the user's logout: nothing more goes to the user.

    Whoever has logged in there since keeps what is theirs, the browser included.
    """
    profile = turn.profile
    if profile.alias_to == event.user_id and event.occurred_at >= profile.alias_until - ALIAS_MS:
        profile.alias_to, profile.alias_until = None, 0
    owner = profile.alias_to or turn.key
    for subscription in handover.subscriptions:
        visitor = None if owner == turn.key else turn.key
        moved = subscription.model_copy(
            update={"user_id": owner, "anonymous_id": visitor, "handed_over": True}
        )
        number = subscription.subscription_id
        turn.desk.effects.subscriptions.append(SubscriptionMoved(owner, number, moved))
        if owner == turn.key:
            put_device(profile, Device.of(moved))
        else:
            _bind_elsewhere(turn, moved, record)


def refuse(turn: Turn, handover: HandoverProfile) -> None:
    """The user asked to be forgotten after the login: nothing is taken in, the browsers go."""
    end_all(turn.desk, turn.key, from_plain(handover.profile).devices)


def end_all(desk: Desk, key: str, devices: Iterable[Device]) -> None:
    """The browsers can no longer be pushed to under that user."""
    desk.effects.subscriptions += [
        SubscriptionMoved(key, device.subscription_id, None) for device in devices
    ]


def put_device(profile: Profile, device: Device) -> None:
    """Binds the browser; of too many, the one not seen for longest goes."""
    others = [d for d in profile.devices if d.subscription_id != device.subscription_id]
    others.append(device)
    others.sort(key=lambda d: (d.seen_at, d.subscription_id))
    profile.devices = others[-bounds.MAX_DEVICES :]
