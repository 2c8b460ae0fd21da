"""The demo's cast: each does one thing that a marketer would recognise, again and again."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from nudge.demo.shop import CURRENCY, PRODUCTS, SHOP_URL, Product, Shop
from processors.template import money

LAMP, ARC, RUG, THROW, MUG, KETTLE, CHAIR, STOOL, VASE, CLOCK = PRODUCTS
ROUND_PAUSE_S = 12.0
GUEST = "guest-"
"""How the ids of the crowd begin."""


@dataclass(slots=True)
class Story:
    """``doing``: what the shopper does now; ``ending``: what came of it, in Nudge's words."""

    name: str
    about: str
    act: Callable[["Stage", "Story"], Awaitable[None]]
    subscribed: bool = True
    user: str = ""
    doing: str = ""
    ending: str = ""
    good: bool | None = None
    rounds: int = 0


class Stage:
    """Where a story plays: the shop, and a way to subscribe and to say what happens."""

    def __init__(self, shop: Shop, subscribe: Callable[[str], Awaitable[object]]) -> None:
        self.shop = shop
        self._subscribe = subscribe

    async def play(self, story: Story) -> None:
        """Plays the story round after round, each with a new user."""
        while True:
            story.rounds += 1
            story.user = f"{story.name.lower()}-{story.rounds}"
            story.doing, story.ending, story.good = "opens the shop", "", None
            if story.subscribed:
                await self._subscribe(story.user)
            await story.act(self, story)
            await asyncio.sleep(ROUND_PAUSE_S)

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def _leaves_cart(stage: Stage, story: Story) -> None:
    who = {"user_id": story.user}
    await stage.shop.view(who, LAMP)
    await stage.pause(2)
    await stage.shop.add(who, LAMP)
    story.doing = "put an oak lamp into the cart and left"
    await stage.pause(26)


async def _buys_in_time(stage: Stage, story: Story) -> None:
    who = {"user_id": story.user}
    await stage.shop.add(who, KETTLE)
    story.doing = "put a kettle into the cart"
    await stage.pause(14)
    await stage.shop.buy(who, KETTLE)
    story.doing = "bought the kettle 6 s before the reminder was due"
    await stage.pause(12)


async def _visitor_logs_in_and_buys(stage: Stage, story: Story) -> None:
    visitor = {"anonymous_id": f"visitor-{story.rounds}"}
    await stage.shop.view(visitor, RUG)
    await stage.shop.add(visitor, RUG)
    story.doing = "an unknown visitor puts a rug into the cart"
    await stage.pause(6)
    await stage.shop.say(type="login", user_id=story.user, **visitor)
    story.doing = f"… logs in as {story.user}"
    await stage.pause(5)
    await stage.shop.buy({"user_id": story.user}, RUG)
    story.doing = f"… and buys as {story.user}"
    await stage.pause(14)


async def _leaves_checkout(stage: Stage, story: Story) -> None:
    who = {"user_id": story.user}
    await stage.shop.add(who, CHAIR, 2)
    await stage.pause(3)
    await stage.shop.say(type="begin_checkout", value=149800, currency=CURRENCY, **who)
    story.doing = "began the checkout and left"
    await stage.pause(17)


async def _waits_for_a_price(stage: Stage, story: Story) -> None:
    who = {"user_id": story.user}
    price = stage.shop.prices[VASE.product_id]
    await stage.shop.say(type="add_to_wishlist", product_id=VASE.product_id, price=price, **who)
    story.doing = f"saved a vase at {_money(price)}"
    await stage.pause(6)
    lower = price * 9 // 1000 * 100 if price > 5000 else VASE.price
    await stage.shop.reprice(VASE, lower)
    story.doing = f"the shop changes the vase from {_money(price)} to {_money(lower)}"
    await stage.pause(12)
    await stage.shop.say(type="remove_from_wishlist", product_id=VASE.product_id, **who)


async def _waits_for_stock(stage: Stage, story: Story) -> None:
    await stage.shop.restock(STOOL, 0)
    await stage.pause(2)
    who = {"user_id": story.user}
    await stage.shop.say(type="stock_alert_requested", product_id=STOOL.product_id, **who)
    story.doing = "asked to be told when the bar stool is back"
    await stage.pause(7)
    await stage.shop.restock(STOOL, 8)
    story.doing = "8 bar stools arrive"
    await stage.pause(8)


async def _never_subscribed(stage: Stage, story: Story) -> None:
    await stage.shop.add({"user_id": story.user}, CLOCK)
    story.doing = "left a clock in the cart, but never allowed notifications"
    await stage.pause(26)


def _money(minor: int) -> str:
    """As the pushes write it."""
    return money(minor, CURRENCY, "en")


def cast() -> list[Story]:
    return [
        Story("Ann", "leaves a cart", _leaves_cart),
        Story("Ben", "buys in time", _buys_in_time),
        Story("Cleo", "logs in and buys", _visitor_logs_in_and_buys),
        Story("Dan", "leaves the checkout", _leaves_checkout),
        Story("Eve", "waits for a price", _waits_for_a_price),
        Story("Finn", "waits for stock", _waits_for_stock),
        Story("Gus", "never subscribed", _never_subscribed, subscribed=False),
    ]


async def crowd(stage: Stage, shoppers: int, events_a_second: float) -> None:
    """Everybody else: looks around, fills carts, buys now and then."""
    dice = random.Random(7)
    users = [f"{GUEST}{number}" for number in range(shoppers)]
    while True:
        who = {"user_id": dice.choice(users)}
        product: Product = dice.choice(PRODUCTS)
        roll = dice.random()
        if roll < 0.45:
            await stage.shop.say(type="page_view", url=f"{SHOP_URL}/{product.category}", **who)
        elif roll < 0.9:
            await stage.shop.view(who, product)
        elif roll < 0.97:
            await stage.shop.add(who, product)
        else:
            await stage.shop.buy(who, product)
        await asyncio.sleep(dice.expovariate(events_a_second))
