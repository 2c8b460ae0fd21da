"""What a shop does beside its traffic, all at once: a campaign, the nightly feed of its products.

Each is asked for as a shop asks for it: the campaign by ``nudge campaign start``, the feed by
``product_published`` for every product on ``shop.catalog``, changed or not.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from nudge.bench.mix import Traffic, Wire
from nudge.bench.offsets import done
from nudge.bench.play import Say, publish
from nudge.bench.process import Measured
from nudge.bench.rules import EVERYBODY_ELSE, OUTSIDERS_TAG
from nudge.problem import Problem
from nudge.topics import LOCAL_PARTITIONS
from nudge.when import now_ms
from runtime.settings import KafkaSettings
from schemas.topics import SHOP_CATALOG, SHOP_EVENTS

CAMPAIGN_ID = "beside"
CAMPAIGN = f"campaign/{CAMPAIGN_ID}"
"""As decisions name its scenario."""
PACE = 30_000
"""Messages a minute."""
CHANGED_EVERY = 100
"""One product in so many has another price in the feed."""
_CHANGED_PERCENT = 90
CAMPAIGN_FILE = f"""\
id: {CAMPAIGN_ID}
segment: {EVERYBODY_ELSE}
at: now
pace: {PACE}
copy:
  en:
    - {{title: "Everything 30 % off", body: "Today only.", url: "{{{{ shop.url }}}}/sale"}}
    - {{title: "The sale has begun", body: "Come and see.", url: "{{{{ shop.url }}}}/sale"}}
"""


@dataclass(slots=True)
class Fed:
    """``published``, ``folded``: seconds until the broker, and ``nudge-products``, had all."""

    products: int
    changed: int
    published: float = 0.0
    folded: float = 0.0


def outsiders(shoppers: list[str], at: int) -> Iterator[Wire]:
    """Makes those known at ``at`` (ms) whom the campaign leaves out: a cap would drop the cart of
    who has just heard the campaign."""
    for user in shoppers:
        event = {
            "type": "profile_update",
            "event_id": f"tag-of-{user}",
            "occurred_at": at,
            "user_id": user,
            "traits": {"tags": [OUTSIDERS_TAG]},
        }
        yield Wire(SHOP_EVENTS, user, orjson.dumps(event), at)


def campaign_seconds(users: int) -> int:
    """How long a campaign for so many takes at its pace."""
    return users * 60 // PACE


async def start_campaign(settings: KafkaSettings, directory: Path, say: Say) -> int:
    """Runs the command; when (ms) it was told to.

    Raises:
        Problem: it would not start.
    """
    file = directory / f"{CAMPAIGN_ID}.yaml"
    file.write_text(CAMPAIGN_FILE, encoding="utf-8")
    asked_at, since = now_ms(), time.monotonic()
    command = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nudge", "campaign", "start", str(file), "--yes",
        env={**os.environ, "NUDGE_KAFKA_BOOTSTRAP": settings.kafka_bootstrap},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await command.communicate()
    if command.returncode:
        raise Problem("The campaign would not start", said.decode().strip())
    say(f"the campaign was counted and started in {time.monotonic() - since:.1f} s")
    return asked_at


async def feed(settings: KafkaSettings, traffic: Traffic, worker: Measured, say: Say) -> Fed:
    """Publishes every product again as fast as it goes, and waits until the worker has all.

    Raises:
        Problem: the worker has ended.
    """
    fed = Fed(traffic.mix.products, -(-traffic.mix.products // CHANGED_EVERY))
    since = time.monotonic()
    await publish(settings, nightly(traffic, now_ms))
    fed.published = time.monotonic() - since
    say(f"{fed.products:,} products were published in {fed.published:.1f} s")
    await done(settings, LOCAL_PARTITIONS, (SHOP_CATALOG,), worker)
    fed.folded = time.monotonic() - since
    say(f"and folded after {fed.folded:.1f} s")
    return fed


def nightly(traffic: Traffic, now: Callable[[], int]) -> Iterator[Wire]:
    """Every product of the shelves again, one in :data:`CHANGED_EVERY` cheaper."""
    for number in range(traffic.mix.products):
        changed = number % CHANGED_EVERY == 0
        yield traffic.shelf(number, now(), _CHANGED_PERCENT if changed else 100)
