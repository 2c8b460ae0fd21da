"""Reads what concerns the demo's guests from the topics, and keeps the newest of it in memory.

One consumer for all pages, without a group, from the beginning of each topic: made for a demo's
topics, not for a year of a shop's.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import KafkaError

from gateway.demo import told
from gateway.demo.shelf import BY_ID
from gateway.demo.told import Entry
from gateway.settings import GatewaySettings
from processors.rows import NewerProfileError, decode
from schemas import topics
from schemas.adapters import InvalidRecordError, adapter_of, parse, parse_shop_event
from schemas.events import OrderStatus, Purchase
from schemas.people import split_subscription_key
from schemas.products import Product
from schemas.topics import Topic

log = structlog.get_logger(__name__)
_GUESTS = ("a-", "you-")
"""How the ids of guests begin: the gateway's visitors, and who logged in at the demo."""
_MOST_GUESTS = 200
_MOST_ENTRIES = 60
_MOST_ORDERS = 20
_QUEUE = 500
_POLL_MS = 200
_RETRY_S = 1.0
_READ = (
    topics.PRODUCTS, topics.SHOP_EVENTS, topics.DECISIONS, topics.JOBS, topics.WITHDRAWALS,
    topics.RESULTS, topics.INTERACTIONS, topics.SUBSCRIPTIONS, topics.PROFILES_CHANGELOG,
)  # fmt: skip
_TELL: dict[Topic, Callable[[bytes], Entry | None]] = {
    topics.SHOP_EVENTS: told.did,
    topics.DECISIONS: told.decided,
    topics.JOBS: told.sent,
    topics.WITHDRAWALS: told.taken_back,
    topics.RESULTS: told.result,
    topics.INTERACTIONS: told.reacted,
}

News = tuple[str, Entry]
"""The name of a server-sent event, and its content."""


@dataclass(slots=True)
class Guest:
    """What is known of one id. ``orders``: by number, oldest first."""

    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=_MOST_ENTRIES))
    orders: OrderedDict[str, Entry] = field(default_factory=OrderedDict)
    browsers: set[str] = field(default_factory=set)
    state: Entry | None = None


@dataclass(eq=False, slots=True)
class Listener:
    """One open page. ``owners``: whose story it shows."""

    owners: frozenset[str]
    queue: asyncio.Queue[News] = field(default_factory=lambda: asyncio.Queue(_QUEUE))

    def tell(self, news: News) -> None:
        # A page that does not read misses the end of the story; the next one begins it anew.
        with suppress(asyncio.QueueFull):
            self.queue.put_nowait(news)


class Watch:
    """What the demo's pages show."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.products: dict[str, Product] = {}
        self.ready = asyncio.Event()
        """Set once everything that was there at the start has been read."""
        self._settings = settings
        self._guests: OrderedDict[str, Guest] = OrderedDict()
        self._news: deque[Entry] = deque(maxlen=_MOST_ENTRIES)
        self._listeners: set[Listener] = set()
        self._topics = {settings.topic(topic): topic for topic in _READ}

    @contextmanager
    def listening(self, owners: frozenset[str]) -> Iterator[Listener]:
        """A page's place among those that are told."""
        listener = Listener(owners)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    def story(self, owners: frozenset[str]) -> list[Entry]:
        """The newest entries, oldest first; what the shop did in between included."""
        own = [entry for owner in owners for entry in self._guest(owner).entries]
        since = min((entry["at"] for entry in own), default=0)
        found = own + [entry for entry in self._news if own and entry["at"] >= since]
        return sorted(found, key=lambda entry: entry["at"])[-_MOST_ENTRIES:]

    def states(self, owners: frozenset[str]) -> list[tuple[str, Entry]]:
        found = ((owner, self._guest(owner).state) for owner in owners)
        return [(owner, state) for owner, state in found if state is not None]

    def orders(self, owners: frozenset[str]) -> list[Entry]:
        """Newest first."""
        found = [order for owner in owners for order in self._guest(owner).orders.values()]
        return sorted(found, key=lambda order: -order["at"])

    def arrived(self, owner: str, entry: Entry) -> None:
        """A push reached the browser that stands in for the guest's own."""
        self._told(owner, entry)

    async def run(self) -> None:
        """Reads for ever; what fails is tried again from the beginning."""
        while True:
            try:
                await self._read()
            except KafkaError as error:
                log.warning("demo_cannot_read", error=repr(error))
            await asyncio.sleep(_RETRY_S)
            self._guests.clear()
            self._news.clear()

    async def _read(self) -> None:
        consumer = AIOKafkaConsumer(
            *self._topics,
            **self._settings.client_options(),
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        await consumer.start()
        try:
            partitions = consumer.assignment()
            ends = await consumer.end_offsets(partitions)
            while True:
                batches = await consumer.getmany(timeout_ms=_POLL_MS)
                self._take([record for batch in batches.values() for record in batch])
                if not self.ready.is_set():
                    behind = [tp for tp in partitions if await consumer.position(tp) < ends[tp]]
                    if not behind:
                        self.ready.set()
        finally:
            await consumer.stop()

    def _take(self, records: Sequence[ConsumerRecord]) -> None:
        ranks = {name: rank for rank, name in enumerate(self._topics)}
        for record in sorted(records, key=lambda r: (r.timestamp, ranks[r.topic])):
            with suppress(InvalidRecordError, NewerProfileError, ValueError):
                self._record(self._topics[record.topic], record)

    def _record(self, topic: Topic, record: ConsumerRecord) -> None:
        key = (record.key or b"").decode()
        if topic is topics.PRODUCTS:
            if key in BY_ID and record.value is not None:
                self._product(record.value)
            return
        if not key.startswith(_GUESTS):
            return
        if topic is topics.SUBSCRIPTIONS:
            self._reach(key, record)
            return
        if topic is topics.PROFILES_CHANGELOG:
            state = None if record.value is None else told.state(decode(record.value))
            self._guest(key).state = state
            self._tell(key, ("state", {"owner": key, **(state or {"moments": []})}))
            return
        if record.value is None:
            return
        if topic is topics.SHOP_EVENTS:
            self._order(key, record.value)
        entry = _TELL[topic](record.value)
        if entry is not None:
            self._told(key, entry)

    def _product(self, value: bytes) -> None:
        product = parse(adapter_of(Product), value)
        self.products[product.product_id] = product
        offers = told.offers(product)
        for listener in self._listeners:
            listener.tell(("product", offers))
        for entry in told.changed(product):
            self._news.append(entry)
            for listener in self._listeners:
                listener.tell(("entry", entry))

    def _reach(self, key: str, record: ConsumerRecord) -> None:
        """A browser that comes or goes; that it still is there, it says at each visit."""
        owner, number = split_subscription_key(key)
        known = self._guest(owner).browsers
        if (record.value is None) == (number not in known):
            return
        (known.discard if record.value is None else known.add)(number)
        self._told(owner, told.reached(record.value, record.timestamp))

    def _order(self, owner: str, value: bytes) -> None:
        event: Any = parse_shop_event(value)
        orders = self._guest(owner).orders
        if isinstance(event, Purchase):
            orders[event.order_id] = {
                "order_id": event.order_id,
                "at": event.occurred_at,
                "value": event.value,
                "delivery_cost": event.delivery_cost,
                "status": "confirmed",
                "items": [
                    {"name": told.name_of(item.product_id, item.variant_id),
                     "product_id": item.product_id, "variant_id": item.variant_id,
                     "quantity": item.quantity, "price": item.price}
                    for item in event.items
                ],
            }  # fmt: skip
            while len(orders) > _MOST_ORDERS:
                orders.popitem(last=False)
        elif isinstance(event, OrderStatus) and event.order_id in orders:
            orders[event.order_id]["status"] = event.status.value
        else:
            return
        self._tell(owner, ("order", orders[event.order_id]))

    def _told(self, owner: str, entry: Entry) -> None:
        self._guest(owner).entries.append(entry)
        self._tell(owner, ("entry", entry))

    def _tell(self, owner: str, news: News) -> None:
        for listener in self._listeners:
            if owner in listener.owners:
                listener.tell(news)

    def _guest(self, owner: str) -> Guest:
        guest = self._guests.get(owner)
        if guest is None:
            guest = self._guests[owner] = Guest()
            if len(self._guests) > _MOST_GUESTS:
                self._guests.popitem(last=False)
        self._guests.move_to_end(owner)
        return guest
