"""A story's events, as wire records: ``10:00 ann add_to_cart lamp 49.99 PLN``."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from schemas.adapters import dump, parse_catalog_event, parse_shop_event, to_json
from schemas.catalog import Relation, catalog_key_of
from schemas.events import key_of
from schemas.people import (
    Interaction,
    InteractionKind,
    Subscription,
    subscription_id_of,
    subscription_key,
)
from schemas.topics import INTERACTIONS, SHOP_CATALOG, SHOP_EVENTS, SUBSCRIPTIONS, Topic
from tests.timelines.calendar import Calendar
from tests.timelines.expected import Expected
from tests.timelines.words import Words

VISITOR = "visitor"
"""Names that begin so are anonymous ids; all others are users."""

SHOP_URL = "https://shop.example"

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class WireRecord:
    """One record of a topic; ``recorded_at`` is its timestamp (ms)."""

    topic: Topic
    key: str
    value: bytes | None
    recorded_at: int
    historical: bool = False


def _login(words: Words, prefix: str) -> Fields:
    return {"user_id": prefix + words.next()}


def _logout(words: Words, prefix: str) -> Fields:
    return {"anonymous_id": prefix + words.next()} if words else {}


def _seen(words: Words) -> Fields:
    return words.product() | (words.money() if words else {})


def _saved(words: Words) -> Fields:
    seen = _seen(words)
    seen.pop("currency", None)
    return seen


def _purchase(words: Words) -> Fields:
    order_id, order = words.next(), words.order()
    value = sum(item["price"] * item.get("quantity", 1) for item in order["items"])
    return {"order_id": order_id, "value": value, **order}


def _consent(words: Words) -> Fields:
    return {"purpose": words.next(), "granted": words.next() == "granted"}


def _traits(words: Words) -> Fields:
    traits, words.fields = words.fields, {}
    return {"traits": traits}


_OWN: Mapping[str, Callable[[Words], Fields]] = {
    "page_view": lambda w: {"url": SHOP_URL + (w.next() if w else "/")},
    "view_item": _seen,
    "search": lambda w: {"query": w.next()},
    "add_to_cart": lambda w: w.product() | w.pieces() | w.money(),
    "remove_from_cart": lambda w: w.product() | w.pieces(),
    "cart_snapshot": lambda w: w.order(),
    "add_to_wishlist": _saved,
    "stock_alert_requested": _saved,
    "remove_from_wishlist": lambda w: w.product(),
    "purchase": _purchase,
    "order_status": lambda w: {"order_id": w.next(), "status": w.next()},
    "payment_failed": lambda w: {"order_id": w.next()},
    "consent_change": _consent,
    "profile_update": _traits,
}
"""The fields that an event's words stand for; what is missing here has ``field=value`` only."""


def _published(words: Words) -> Fields:
    own, name = words.product(), words.next()
    related = {
        relation: [words.prefix + other for other in words.fields.pop(relation).split(",")]
        for relation in get_args(Relation)
        if relation in words.fields
    }
    slug = own["product_id"].rpartition("~")[2]
    fields = {"name": name, "category": "home", "url": f"{SHOP_URL}/{slug}", **words.money()}
    fields |= {"related": related} if related else {}
    return own | fields | ({"quantity": int(words.next())} if words.accept("stock") else {})


_CATALOG: Mapping[str, Callable[[Words], Fields]] = {
    "price_change": lambda w: w.product() | w.money(),
    "stock_change": lambda w: w.product() | {"quantity": int(w.next())},
    "product_published": _published,
    "product_unpublished": lambda w: w.product(),
    "content_published": lambda w: {
        "content_id": (name := w.next()),
        "topic": w.next(),
        "title": w.next(),
        "url": f"{SHOP_URL}/read/{name}",
    },
}

_INTERACTIONS = {
    "sees": InteractionKind.DISPLAYED,
    "clicks": InteractionKind.CLICKED,
    "dismisses": InteractionKind.DISMISSED,
}


def paper_browser(user_id: str, browser: str, at: int) -> Subscription:
    """A subscription that no push service knows."""
    endpoint = f"https://push.example/{browser}"
    return Subscription(
        subscription_id=subscription_id_of(endpoint, "key", "secret"),
        user_id=user_id,
        endpoint=endpoint,
        p256dh="key",
        auth="secret",
        created_at=at,
        last_seen_at=at,
    )


Browsers = Callable[[str, str, int], Subscription]
"""(user, the browser's name, since when in ms) → its subscription."""


class Scribe:
    """Writes down what happens in one story. ``people``: fields on each of a person's events."""

    def __init__(
        self,
        slug: str,
        calendar: Calendar,
        prefix: str,
        people: Mapping[str, Mapping[str, str]],
        expected: Iterable[Expected],
        browsers: Browsers = paper_browser,
    ) -> None:
        self._slug = slug
        self._calendar = calendar
        self._prefix = prefix
        self._people = people
        self._sent = [one for one in expected if one.outcome.value == "sent"]
        self._browsers = browsers
        self._count = 0

    def record(self, sentence: str) -> WireRecord:
        """The record of a sentence: ``TIME WHO WHAT …[, arrives TIME][, historical]``.

        Raises:
            ValueError: it is no such sentence, or the event breaks its contract.
        """
        self._count += 1
        main, *clauses = sentence.split(", ")
        at, rest = self._calendar.take(main)
        who, what, *tail = rest.split(" ", 2)
        words = Words(tail[0] if tail else "", self._calendar, self._prefix)
        historical, recorded_at = False, at
        for clause in clauses:
            if clause == "historical":
                historical = True
            elif clause.startswith("arrives "):
                recorded_at = self._calendar.at(clause.removeprefix("arrives "))
            else:
                raise ValueError(f"no such ending: {clause!r}")
        if who == "shop":
            record = self._of_catalogue(what, words, at, recorded_at)
        elif what in _INTERACTIONS:
            record = self._of_interaction(who, what, words, at, recorded_at)
        elif what in ("subscribes", "unsubscribes"):
            record = self.of_browser(who, words.next() if words else who, at, what == "subscribes")
        else:
            record = self._of_shopper(who, what, words, at, recorded_at, historical)
        if words:
            raise ValueError(f"{words.next()!r} says nothing in {sentence!r}")
        return record

    def of_browser(self, who: str, browser: str, at: int, subscribed: bool = True) -> WireRecord:
        user_id = self._prefix + who
        value = self._browsers(user_id, self._prefix + browser, at)
        key = subscription_key(user_id, value.subscription_id)
        return WireRecord(SUBSCRIPTIONS, key, dump(value) if subscribed else None, at)

    def _envelope(self, what: str, at: int, words: Words) -> Fields:
        event_id = words.fields.pop("event_id", self._count)
        return {"type": what, "event_id": f"{self._slug}/{event_id}", "occurred_at": at}

    def _of_shopper(
        self, who: str, what: str, words: Words, at: int, recorded_at: int, historical: bool
    ) -> WireRecord:
        head = "anonymous_id" if who.startswith(VISITOR) else "user_id"
        fields = {**self._envelope(what, at, words), head: self._prefix + who}
        fields |= self._people.get(who, {})
        if what in ("login", "sign_up"):
            fields |= _login(words, self._prefix)
        elif what == "logout":
            fields |= _logout(words, self._prefix)
        elif what in _OWN:
            fields |= _OWN[what](words)
        value = to_json(fields | words.fields)
        key = key_of(parse_shop_event(value))
        assert key is not None
        return WireRecord(SHOP_EVENTS, key, value, recorded_at, historical)

    def _of_catalogue(self, what: str, words: Words, at: int, recorded_at: int) -> WireRecord:
        if what not in _CATALOG:
            raise ValueError(f"the shop cannot {what}: {', '.join(_CATALOG)}, applies, pauses")
        fields = self._envelope(what, at, words) | _CATALOG[what](words)
        value = to_json(fields | words.fields)
        return WireRecord(SHOP_CATALOG, catalog_key_of(parse_catalog_event(value)), value,
                          recorded_at)  # fmt: skip

    def _of_interaction(
        self, who: str, what: str, words: Words, at: int, recorded_at: int
    ) -> WireRecord:
        user_id, scenario = self._prefix + who, words.next()
        shown = [
            one
            for one in self._sent
            if one.user_id == user_id and one.scenario == scenario and one.decided_to <= at
        ]
        if not shown:
            raise ValueError(f"{who} was sent no {scenario} by then")
        value = Interaction(
            type=_INTERACTIONS[what],
            job_id=shown[-1].decision_id,
            user_id=user_id,
            subscription_id=self._browsers(user_id, user_id, at).subscription_id,
            scenario=scenario,
            occurred_at=at,
        )
        return WireRecord(INTERACTIONS, user_id, dump(value), recorded_at)
