"""Browsers that can be pushed to, as the subscriptions of a user come and go."""

from processors import identity
from processors.desk import Desk
from processors.effects import SubscriptionMoved
from processors.inputs import UserRecord
from processors.judge import judge_due
from processors.profile import Profile
from processors.traces import Device
from processors.turn import Turn
from schemas.people import Subscription


def bind(
    desk: Desk,
    record: UserRecord,
    number: str,
    key: str,
    profile: Profile,
    subscription: Subscription | None,
) -> None:
    """The user's browser ``number`` subscribes, is seen again, or (``None``) is no more.

    What was due before is judged first, where it makes a difference.
    """
    moved_on = record.recorded_at < profile.alias_until
    if subscription is not None and profile.alias_to is not None and moved_on:
        turn = Turn(desk, key, profile, desk.clock)
        identity.forward_subscription(turn, subscription, record)
        return
    if subscription is not None and subscription.last_seen_at <= profile.erased_at:
        desk.effects.subscriptions.append(SubscriptionMoved(key, number, None))
        return
    known = next((d for d in profile.devices if d.subscription_id == number), None)
    if (known is None) != (subscription is None):
        judge_due(desk, key, profile, record.recorded_at)
    if subscription is None:
        profile.devices = [d for d in profile.devices if d.subscription_id != number]
        return
    origin = subscription.anonymous_id or (None if known is None else known.origin)
    identity.put_device(profile, Device.of(subscription, origin))
    profile.timezone = subscription.timezone or profile.timezone
    profile.locale = profile.locale or subscription.locale
    profile.active_at = profile.active_at or subscription.last_seen_at
