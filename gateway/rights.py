"""``/v1/rights``: what is held about a user, and to be forgotten. For the shop's servers.

A server's key says that the shop asks; an identity token, which only the shop can sign, says for
whom. Neither does alone: a stolen token reads nobody's life, and no bare user id is believed.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict

from aiokafka.errors import KafkaError
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from redis.exceptions import RedisError

from gateway.person.forgetting import MovedError, NotYetError, forget
from gateway.person.held import Held, gather
from gateway.person.reading import TopicGoneError
from gateway.problems import Code, RefusedError, documented, unavailable
from gateway.site import Site, caller_of, dumps, now_ms, site_of, take_turn

router = APIRouter(prefix="/v1/rights", tags=["rights"])
_NEVER_KEPT = {"Cache-Control": "no-store"}
_READ_S = 120.0
_WORKER_S = 30.0
_COME_AGAIN_S = 10


class Erasure(BaseModel):
    """What was done. Where ``done`` is false, ask again: it goes on."""

    done: bool
    user_id: str
    anonymous_ids: list[str] = Field([], description="browsers that were forgotten too")
    erased_at: int = Field(0, description="epoch ms")
    already: bool = Field(False, description="there was no profile left")
    subscriptions: int = 0
    redis_keys: int = 0


@router.post(
    "/export",
    responses={**documented(503), 200: {"description": "One JSON document (docs/rights.md)."}},
    summary="Everything that is held about a user",
)
async def export(request: Request) -> Response:
    """Profile, events, decisions, sends, results, interactions, subscriptions and inbox.

    Needs a server's key and the user's identity token.
    """
    site, user = site_of(request), _user(request)
    async with _one_of_few(site):
        held = await _held(site, user)
    return Response(dumps(held.document(now_ms())), 200, _NEVER_KEPT, "application/json")


@router.post(
    "/erasure",
    response_model=Erasure,
    responses={
        **documented(503),
        202: {"model": Erasure, "description": "Asked for; the worker has not done it yet."},
    },
    summary="Forget a user",
)
async def erasure(request: Request) -> Response:
    """Forgets the user and the browsers that logged in as them. It cannot be undone.

    Needs a server's key and the user's identity token. Safe to repeat.
    """
    site, user = site_of(request), _user(request)
    async with _one_of_few(site):
        held = await _held(site, user)
        try:
            found = await forget(site.settings, site.redis, site.settings, held, _WORKER_S)
        except NotYetError:
            asked = Erasure(done=False, user_id=user)
            headers = {**_NEVER_KEPT, "Retry-After": str(_COME_AGAIN_S)}
            return Response(asked.model_dump_json(), 202, headers, "application/json")
        except MovedError:
            message = "This is the id of a browser that has logged in: ask for its user."
            raise RefusedError(400, Code.INVALID, message) from None
        except KafkaError:
            raise unavailable("Kafka") from None
        except RedisError:
            raise unavailable("Redis") from None
    told = asdict(found)
    answer = Erasure(done=True, user_id=told.pop("user"), **told)
    return Response(answer.model_dump_json(), 200, _NEVER_KEPT, "application/json")


def _user(request: Request) -> str:
    """For whom the shop asks.

    Raises:
        RefusedError: 401 or 403, it is not the shop, or nobody is proved; 429, too often.
    """
    take_turn(request)
    caller = caller_of(request).unexpired()
    if not caller.is_server:
        raise RefusedError(403, Code.FORBIDDEN, "Only the shop's server may ask.")
    if caller.user_id is None:
        raise RefusedError(401, Code.UNAUTHORIZED, "The user's identity token is needed.")
    site_of(request).rights_limit.take(caller.user_id, time.monotonic())
    return caller.user_id


@asynccontextmanager
async def _one_of_few(site: Site) -> AsyncIterator[None]:
    """Each reads whole partitions: a copy does few at once.

    Raises:
        RefusedError: 503, too many are under way.
    """
    if site.rights_turns.locked():
        message = "Others are being looked up."
        raise RefusedError(503, Code.UNAVAILABLE, message, retry_after_s=_COME_AGAIN_S)
    async with site.rights_turns:
        yield


async def _held(site: Site, user: str) -> Held:
    settings = site.settings
    try:
        async with asyncio.timeout(_READ_S):
            return await gather(settings, site.redis, settings, user, _silent)
    except (KafkaError, TopicGoneError):
        raise unavailable("Kafka") from None
    except RedisError:
        raise unavailable("Redis") from None
    except TimeoutError:
        message = (
            "There is too much to read for an answer over HTTP: `nudge export` takes its time."
        )
        raise RefusedError(503, Code.UNAVAILABLE, message) from None


def _silent(_done: int, _total: int) -> None:
    """Nobody is told how far it is."""
