"""``shop.events``: what people do. Names after GA4 where GA4 has one, envelope after Segment."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from schemas.base import (
    EPOCH_MS_LIMIT,
    Count,
    Currency,
    EpochMs,
    EventMs,
    Id,
    Label,
    Minor,
    Quantity,
    Real,
    Url,
    Whole,
    Wire,
)


class Envelope(Wire):
    """What every event carries. At least one of ``user_id`` and ``anonymous_id`` is set."""

    event_id: Id
    user_id: Id | None = None
    anonymous_id: Id | None = None
    session_id: Id | None = None
    occurred_at: EventMs
    locale: Annotated[str, Field(max_length=35)] | None = None
    timezone: Annotated[str, Field(max_length=64)] | None = None


class Item(Wire):
    """One line of a cart snapshot or an order; ``price`` is of one piece."""

    product_id: Id
    variant_id: Id | None = None
    quantity: Quantity = 1
    price: Minor


class PageView(Envelope):
    type: Literal["page_view"]
    url: Url
    title: Label | None = None


class Engagement(Envelope):
    """The page was visible for ``ms`` milliseconds; sent at most once a minute. It is activity.

    ``onsite``: the page can show messages itself, so that nothing need be pushed to it. When such
    a page is left, one more without ``onsite`` says that it shows them no more.
    """

    type: Literal["engagement"]
    ms: Annotated[int, Field(ge=0, le=3_600_000)]
    onsite: bool = False


class ViewItem(Envelope):
    type: Literal["view_item"]
    product_id: Id
    variant_id: Id | None = None
    category: Label | None = None
    price: Minor | None = None
    currency: Currency | None = None
    available: bool | None = None


class ViewItemList(Envelope):
    type: Literal["view_item_list"]
    category: Label
    product_ids: Annotated[tuple[Id, ...], Field(max_length=200)] = ()


class Search(Envelope):
    type: Literal["search"]
    query: Label
    results: Count | None = None


class AddToCart(Envelope):
    type: Literal["add_to_cart"]
    product_id: Id
    variant_id: Id | None = None
    quantity: Quantity = 1
    price: Minor
    currency: Currency
    category: Label | None = None


class RemoveFromCart(Envelope):
    """Without ``quantity`` the whole line goes."""

    type: Literal["remove_from_cart"]
    product_id: Id
    variant_id: Id | None = None
    quantity: Quantity | None = None


class CartSnapshot(Envelope):
    """The whole cart as the shop knows it; an empty ``items`` is an emptied cart."""

    type: Literal["cart_snapshot"]
    items: Annotated[tuple[Item, ...], Field(max_length=200)]
    currency: Currency


class AddToWishlist(Envelope):
    type: Literal["add_to_wishlist"]
    product_id: Id
    variant_id: Id | None = None
    price: Minor | None = None


class StockAlertRequested(Envelope):
    """The shopper asked to be told when the product is back."""

    type: Literal["stock_alert_requested"]
    product_id: Id
    variant_id: Id | None = None
    price: Minor | None = None


class RemoveFromWishlist(Envelope):
    type: Literal["remove_from_wishlist"]
    product_id: Id
    variant_id: Id | None = None


class BeginCheckout(Envelope):
    type: Literal["begin_checkout"]
    value: Minor | None = None
    delivery_cost: Minor | None = None
    currency: Currency | None = None


class CouponAttempt(Envelope):
    type: Literal["coupon_attempt"]
    code: Id
    accepted: bool


class Purchase(Envelope):
    type: Literal["purchase"]
    order_id: Id
    items: Annotated[tuple[Item, ...], Field(max_length=500)]
    value: Minor
    currency: Currency
    delivery_cost: Minor | None = None
    expected_delivery: EpochMs | None = None


class PaymentFailed(Envelope):
    type: Literal["payment_failed"]
    order_id: Id
    value: Minor | None = None


class Refund(Envelope):
    type: Literal["refund"]
    order_id: Id
    value: Minor | None = None


class OrderState(StrEnum):
    PICKING = "picking"
    PACKED = "packed"
    DISPATCHED = "dispatched"
    DELIVERY_CHANGED = "delivery_changed"
    READY_FOR_PICKUP = "ready_for_pickup"
    DELIVERED = "delivered"
    DELAYED = "delayed"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


class OrderStatus(Envelope):
    type: Literal["order_status"]
    order_id: Id
    status: OrderState
    expected_delivery: EpochMs | None = None
    pickup_point: Label | None = None


class SignUp(Envelope):
    """Keyed by ``anonymous_id`` where there is one, so that its profile can be handed over."""

    type: Literal["sign_up"]
    user_id: Id


class Login(Envelope):
    """Keyed by ``anonymous_id`` where there is one, so that its profile can be handed over."""

    type: Literal["login"]
    user_id: Id


class Logout(Envelope):
    type: Literal["logout"]
    user_id: Id


Trait = Annotated[str, Field(max_length=256)] | Whole | Real | bool | None
Tags = Annotated[tuple[Annotated[str, Field(max_length=64)], ...], Field(max_length=50)]


class ProfileUpdate(Envelope):
    """Traits are merged by name; ``null`` removes one."""

    type: Literal["profile_update"]
    traits: Annotated[
        dict[Annotated[str, Field(min_length=1, max_length=64)], Trait | Tags],
        Field(max_length=50),
    ]


class Purpose(StrEnum):
    """What a consent is for (GDPR art. 6: each purpose on its own)."""

    SERVICE = "service"
    MARKETING = "marketing"
    PROFILING = "profiling"


class ConsentChange(Envelope):
    type: Literal["consent_change"]
    purpose: Purpose
    granted: bool
    text_version: Id | None = None


class EmailIgnored(Envelope):
    type: Literal["email_ignored"]
    campaign: Id | None = None


class EmailOpened(Envelope):
    type: Literal["email_opened"]
    campaign: Id | None = None


class VoucherIssued(Envelope):
    type: Literal["voucher_issued"]
    code: Id
    value: Minor | None = None
    expires_at: EpochMs | None = None


class VoucherRedeemed(Envelope):
    type: Literal["voucher_redeemed"]
    code: Id
    value: Minor | None = None
    expires_at: EpochMs | None = None


Lead = Annotated[int, Field(ge=0, le=EPOCH_MS_LIMIT)]


class ReminderSet(Envelope):
    """``lead``: milliseconds before ``at``, one reminder each."""

    type: Literal["reminder_set"]
    reminder_id: Id
    at: EpochMs
    title: Label
    url: Url | None = None
    lead: Annotated[tuple[Lead, ...], Field(max_length=5)] | None = None


class ReminderCancelled(Envelope):
    type: Literal["reminder_cancelled"]
    reminder_id: Id


class TopicFollow(Envelope):
    type: Literal["topic_follow"]
    topic: Id


class TopicUnfollow(Envelope):
    type: Literal["topic_unfollow"]
    topic: Id


class SurveyAnswer(Envelope):
    type: Literal["survey_answer"]
    survey: Id
    answer: Label


class PromptStep(StrEnum):
    """``shown``, ``accepted``, ``declined``: the shop's own prompt. The rest is the browser's."""

    SHOWN = "shown"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    GRANTED = "granted"
    DENIED = "denied"
    DISMISSED = "dismissed"


class PushPrompt(Envelope):
    """What became of a question for permission to push. ``prompt``: which wording or place."""

    type: Literal["push_prompt"]
    prompt: Id
    step: PromptStep


class ErasureRequested(Envelope):
    """The user's right to be forgotten (GDPR art. 17), as an event on the user's key."""

    type: Literal["erasure_requested"]


ShopEvent = (
    PageView
    | Engagement
    | ViewItem
    | ViewItemList
    | Search
    | AddToCart
    | RemoveFromCart
    | CartSnapshot
    | AddToWishlist
    | StockAlertRequested
    | RemoveFromWishlist
    | BeginCheckout
    | CouponAttempt
    | Purchase
    | PaymentFailed
    | Refund
    | OrderStatus
    | SignUp
    | Login
    | Logout
    | ProfileUpdate
    | ConsentChange
    | EmailIgnored
    | EmailOpened
    | VoucherIssued
    | VoucherRedeemed
    | ReminderSet
    | ReminderCancelled
    | TopicFollow
    | TopicUnfollow
    | SurveyAnswer
    | PushPrompt
    | ErasureRequested
)


def key_of(event: Envelope) -> str | None:
    """The record key the event belongs under, ``None`` when it names nobody.

    The user where known, else the anonymous id; ``sign_up`` and ``login`` go by the anonymous
    id where there is one, to the partition that holds the profile to be handed over.
    """
    if type(event) in _BY_BROWSER:
        return event.anonymous_id or event.user_id
    return event.user_id or event.anonymous_id


_BY_BROWSER: frozenset[type[Envelope]] = frozenset({SignUp, Login})
