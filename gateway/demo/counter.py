"""Behind the demo shop's counter: orders, prices, stock, and who logs in. JSON over HTTP."""

import re
import secrets
import time
from typing import Annotated

import jwt
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from gateway.broker import Record
from gateway.credentials import AUDIENCE, Caller
from gateway.demo.shelf import BY_ID, CURRENCY, DELIVERY_COST, FREE_DELIVERY_FROM
from gateway.demo.site import DemoShop, event_head, shop_of
from gateway.problems import Code, RefusedError, unavailable
from gateway.site import Credited, caller_of, dumps, model_of, now_ms, site_of
from schemas.adapters import dump
from schemas.catalog import CatalogEvent, PriceChange, StockChange
from schemas.events import Item, OrderState, OrderStatus, Purchase
from schemas.topics import DAY_MS, SHOP_EVENTS

router = APIRouter(include_in_schema=False)
_IDENTITY_S = 12 * 3600
_LOCKER = "Locker 7, Station Street"


class Line(BaseModel):
    product_id: str
    variant_id: str | None = None
    quantity: Annotated[int, Field(ge=1, le=20)] = 1


class Basket(Credited):
    lines: Annotated[list[Line], Field(min_length=1, max_length=20)]


class Change(Credited):
    """``price`` in cents."""

    product_id: str
    variant_id: str | None = None
    price: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    quantity: Annotated[int, Field(ge=0, le=10_000)] | None = None


class NewStatus(Credited):
    order_id: str
    status: OrderState


class LoginForm(Credited):
    name: Annotated[str, Field(min_length=1, max_length=40)]


@router.post("/demo/orders")
async def order(request: Request) -> Response:
    """The till: takes the basket at the shop's own prices, and the pieces from stock."""
    basket = await model_of(request, Basket)
    caller = caller_of(request, basket).unexpired()
    shop = shop_of(request)
    items = tuple(_item(shop, line) for line in basket.lines)
    value = sum(item.price * item.quantity for item in items)
    delivery = 0 if value >= FREE_DELIVERY_FROM else DELIVERY_COST
    head = event_head()
    bought = Purchase(
        **head,
        **_who(caller),
        type="purchase",
        order_id=f"N-{secrets.randbelow(9000) + 1000}",
        items=items,
        value=value + delivery,
        currency=CURRENCY,
        delivery_cost=delivery,
        expected_delivery=now_ms() + 3 * DAY_MS,
    )
    await site_of(request).broker.write(SHOP_EVENTS, [Record(caller.owner, dump(bought))])
    await shop.say(_less(shop, item) for item in items)
    return _json({"order_id": bought.order_id, "value": bought.value})


@router.post("/demo/counter")
async def change(request: Request) -> Response:
    """A price or a stock, as the visitor behind the counter wants it."""
    wanted = await model_of(request, Change)
    caller_of(request, wanted).unexpired()
    article = BY_ID.get(wanted.product_id)
    if article is None or (wanted.variant_id and not article.variant(wanted.variant_id)):
        raise RefusedError(404, Code.NOT_FOUND, "The shop has no such product.")
    about = {"product_id": wanted.product_id, "variant_id": wanted.variant_id}
    said: list[CatalogEvent] = []
    if wanted.price is not None:
        said.append(
            PriceChange(
                **event_head(), **about, type="price_change", price=wanted.price, currency=CURRENCY
            )
        )
    if wanted.quantity is not None:
        said.append(
            StockChange(**event_head(), **about, type="stock_change", quantity=wanted.quantity)
        )
    await shop_of(request).say(said)
    return _json({"changes": len(said)})


@router.post("/demo/orders/status")
async def status(request: Request) -> Response:
    """How far an order of the visitor's is."""
    wanted = await model_of(request, NewStatus)
    caller = caller_of(request, wanted).unexpired()
    if wanted.order_id not in {each["order_id"] for each in _orders(request, caller)}:
        raise RefusedError(404, Code.NOT_FOUND, "There is no such order.")
    news = OrderStatus(
        **event_head(),
        **_who(caller),
        type="order_status",
        order_id=wanted.order_id,
        status=wanted.status,
        pickup_point=_LOCKER if wanted.status is OrderState.READY_FOR_PICKUP else None,
        expected_delivery=now_ms() + 2 * DAY_MS,
    )
    await site_of(request).broker.write(SHOP_EVENTS, [Record(caller.owner, dump(news))])
    return _json({"status": wanted.status.value})


@router.post("/demo/login")
async def login(request: Request) -> Response:
    """Signs who is logged in, as a shop's own server would after it has asked for a password."""
    form = await model_of(request, LoginForm)
    caller_of(request, form)
    secrets_ = site_of(request).settings.gateway_identity_secrets
    name = re.sub(r"[\W_]+", "-", form.name.lower()).strip("-")
    if not name or not secrets_:
        raise RefusedError(400, Code.INVALID, "A name has letters.", field="name")
    now = int(time.time())
    claims = {"sub": f"you-{name}", "iat": now, "exp": now + _IDENTITY_S, "aud": AUDIENCE}
    token = jwt.encode(claims, secrets_[0].get_secret_value(), algorithm="HS256")
    return _json({"identity": token, "user_id": claims["sub"]})


@router.post("/demo/stand-in")
async def stand_in(request: Request) -> Response:
    """A browser at the local push service, for a visitor whose own cannot be reached."""
    caller = caller_of(request, await model_of(request, Credited))
    shop = shop_of(request)
    if shop.push is None or caller.anonymous_id is None:
        raise RefusedError(404, Code.NOT_FOUND, "No push service stands in here.")
    key = site_of(request).keys.current
    wanted = {"application_server_key": key.public_key}
    try:
        async with shop.http.post(f"{shop.push}/api/subscriptions", json=wanted) as answer:
            (browser,) = await answer.json()
    except (OSError, ValueError):
        raise unavailable("The local push service") from None
    shop.stand_ins[browser["endpoint"]] = caller.anonymous_id
    return _json({"key_id": key.key_id, **browser})


def _item(shop: DemoShop, line: Line) -> Item:
    product = shop.watch.products.get(line.product_id)
    offers = {} if product is None else product.offers
    # What a variant's own offer does not know, the product's says.
    known = [offers[each] for each in (line.variant_id or "", "") if each in offers]
    price = next((offer.price for offer in known if offer.price is not None), None)
    left = next((offer.quantity for offer in known if offer.quantity is not None), None)
    if price is None:
        raise RefusedError(404, Code.NOT_FOUND, "The shop has no such product.")
    if left is not None and left < line.quantity:
        raise RefusedError(409, Code.CONFLICT, f"Only {left} left.", field=line.product_id)
    return Item(
        product_id=line.product_id, variant_id=line.variant_id, quantity=line.quantity, price=price
    )


def _less(shop: DemoShop, item: Item) -> StockChange:
    offers = shop.watch.products[item.product_id].offers
    offer = offers.get(item.variant_id or "") or offers[""]
    return StockChange(
        **event_head(),
        type="stock_change",
        product_id=item.product_id,
        variant_id=item.variant_id,
        quantity=max(0, (offer.quantity or 0) - item.quantity),
    )


def _orders(request: Request, caller: Caller) -> list[dict[str, object]]:
    return shop_of(request).watch.orders(owners_of(caller))


def owners_of(caller: Caller) -> frozenset[str]:
    """The ids that the caller has proved."""
    return frozenset(each for each in (caller.anonymous_id, caller.user_id) if each is not None)


def _who(caller: Caller) -> dict[str, str | None]:
    if caller.user_id is not None:
        return {"user_id": caller.user_id, "anonymous_id": caller.anonymous_id}
    return {"anonymous_id": caller.owner}


def _json(content: dict[str, object]) -> Response:
    return Response(dumps(content), 200, {"Cache-Control": "no-store"}, "application/json")
