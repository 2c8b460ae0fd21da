"""The demo's shop: products, and a till that publishes events as a shop's services would."""

import itertools
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer

from nudge.events import ready
from nudge.pushlab import Browser, PushLab
from nudge.when import now_ms
from runtime.settings import KafkaSettings
from schemas.adapters import dump
from schemas.partitioner import partition_of
from schemas.people import subscription_key
from schemas.topics import SUBSCRIPTIONS

CURRENCY = "PLN"
SHOP_URL = "https://shop.example"


@dataclass(frozen=True, slots=True)
class Product:
    """``price`` in grosze."""

    product_id: str
    name: str
    category: str
    price: int


PRODUCTS = tuple(
    Product(*row)
    for row in (
        ("lamp-oak", "Oak table lamp", "lighting", 24900),
        ("lamp-arc", "Arc floor lamp", "lighting", 59900),
        ("rug-wool", "Wool rug", "textiles", 89900),
        ("throw-linen", "Linen throw", "textiles", 19900),
        ("mug-stone", "Stoneware mug", "kitchen", 4900),
        ("kettle-steel", "Steel kettle", "kitchen", 17900),
        ("chair-ash", "Ash chair", "furniture", 74900),
        ("stool-bar", "Bar stool", "furniture", 39900),
        ("vase-glass", "Glass vase", "decor", 12900),
        ("clock-wall", "Wall clock", "decor", 15900),
    )
)


class Shop:
    """Publishes events with the wall's time."""

    def __init__(self, producer: AIOKafkaProducer, settings: KafkaSettings, lab: PushLab) -> None:
        self._producer = producer
        self._settings = settings
        self._lab = lab
        self._numbers = itertools.count(1)
        self.published = 0
        self.prices = {product.product_id: product.price for product in PRODUCTS}

    async def open(self) -> None:
        """Puts the products on the shelves."""
        for product in PRODUCTS:
            await self.say(
                type="product_published",
                product_id=product.product_id,
                name=product.name,
                category=product.category,
                url=f"{SHOP_URL}/p/{product.product_id}",
                price=product.price,
                currency=CURRENCY,
                quantity=50,
            )

    async def say(self, **fields: Any) -> None:
        """Publishes one event under its key."""
        now = now_ms()
        event = ready(
            {"event_id": f"demo-{now}-{next(self._numbers)}", "occurred_at": now, **fields}
        )
        await self._producer.send(
            self._settings.topic(event.topic), event.value, key=event.key.encode()
        )
        self.published += 1

    async def view(self, who: dict[str, str], product: Product) -> None:
        await self.say(
            type="view_item",
            product_id=product.product_id,
            category=product.category,
            price=self.prices[product.product_id],
            currency=CURRENCY,
            **who,
        )

    async def add(self, who: dict[str, str], product: Product, quantity: int = 1) -> None:
        await self.say(
            type="add_to_cart",
            product_id=product.product_id,
            quantity=quantity,
            price=self.prices[product.product_id],
            currency=CURRENCY,
            **who,
        )

    async def buy(self, who: dict[str, str], product: Product) -> str:
        """Answers the order's id."""
        order_id = f"N{now_ms() % 10_000_000}"
        price = self.prices[product.product_id]
        await self.say(
            type="purchase",
            order_id=order_id,
            items=[{"product_id": product.product_id, "quantity": 1, "price": price}],
            value=price,
            currency=CURRENCY,
            delivery_cost=1500,
            **who,
        )
        return order_id

    async def reprice(self, product: Product, price: int) -> None:
        self.prices[product.product_id] = price
        await self.say(
            type="price_change", product_id=product.product_id, price=price, currency=CURRENCY
        )

    async def restock(self, product: Product, quantity: int) -> None:
        await self.say(type="stock_change", product_id=product.product_id, quantity=quantity)

    async def subscribe(self, user_id: str, key_id: str, public_key: str) -> Browser:
        """Gives the user a browser that agreed to notifications."""
        browser = self._lab.subscribe(public_key)
        record = browser.subscription(user_id, now_ms(), key_id)
        topic = self._settings.topic(SUBSCRIPTIONS)
        partitions = len(await self._producer.partitions_for(topic))
        await self._producer.send(
            topic,
            dump(record),
            key=subscription_key(user_id, record.subscription_id).encode(),
            partition=partition_of(user_id, partitions),
        )
        return browser
