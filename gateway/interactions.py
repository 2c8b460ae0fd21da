"""``POST /v1/interactions``: a push was displayed, clicked or dismissed."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from redis.exceptions import RedisError

from gateway.broker import Record
from gateway.claims import owner_of
from gateway.problems import Code, RefusedError, documented, unavailable
from gateway.site import Site, dumps, json_body, model_of, now_ms, site_of
from runtime.metrics import Metric, counter
from schemas.adapters import dump
from schemas.base import EPOCH_MS_LIMIT, Id
from schemas.events import SurveyAnswer
from schemas.people import Interaction, InteractionKind
from schemas.topics import DAY_MS, INTERACTIONS, SHOP_EVENTS

router = APIRouter(tags=["interactions"])
_MARGIN_S = 5.0
_REMEMBERED_MS = 35 * DAY_MS
"""As long as the topic keeps them."""
ANSWER = "answer/"
"""A button so named asks a question: pressing it is a ``survey_answer``."""


class InteractionReport(BaseModel):
    """What the person did, from the service worker that showed the push."""

    type: InteractionKind
    job_id: Id = Field(description="`job_id` of the push's payload")
    scenario: Id = Field(description="`scenario` of the payload")
    token: Annotated[str, Field(min_length=1, max_length=64)] = Field(
        description="`token` of the payload: proves that this message came to this browser"
    )
    subscription_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    action: Id | None = Field(None, description="the button that was pressed")
    occurred_at: Annotated[int, Field(ge=0, le=EPOCH_MS_LIMIT)] = Field(description="epoch ms")


class Recorded(BaseModel):
    """``again``: it had been reported before, and counts once."""

    again: bool


@router.post(
    "/v1/interactions",
    status_code=202,
    response_model=Recorded,
    responses=documented(404, 408, 503),
    openapi_extra=json_body("InteractionReport"),
    summary="Report what became of a push",
)
async def interact(request: Request) -> Response:
    """Takes each of displayed, clicked and dismissed once a push and browser, however often sent.

    No write key: the token says that the caller holds that very message. It counts for whoever
    the browser is subscribed as.
    """
    report = await model_of(request, InteractionReport)
    site = site_of(request)
    if not site.tokens.verify(report.token, report.job_id, report.subscription_id):
        raise RefusedError(403, Code.FORBIDDEN, "The token is not this message's.", field="token")
    try:
        again = await _record_once(site, report)
    except RedisError:
        raise unavailable("Redis") from None
    counter(Metric.GATEWAY_INTERACTIONS).labels(
        type=report.type.value, answer="again" if again else "new"
    ).inc()
    return Response(dumps({"again": again}), 202, media_type="application/json")


async def _record_once(site: Site, report: InteractionReport) -> bool:
    """Whether it had been recorded before.

    Raises:
        RefusedError: 404, nobody is subscribed there; 503, another copy is at it, or no Kafka.
        RedisError: Redis does not answer.
    """
    settings, redis = site.settings, site.redis
    owner = await redis.get(settings.redis_key("subscriptions", "owner", report.subscription_id))
    if owner is None:
        raise RefusedError(404, Code.NOT_FOUND, "Nobody is subscribed there.")
    user_id = owner_of(owner)
    # No id holds a tab (schemas.base.Id).
    mark = settings.redis_key(
        "gateway", "seen", f"{report.job_id}\t{report.subscription_id}\t{report.type}"
    )
    # An answer is written before what it answers: two writes, each with its own time.
    under_way_s = 2 * settings.gateway_ack_timeout_s + _MARGIN_S
    if not await redis.set(mark, b"?", px=int(under_way_s * 1000), nx=True):
        if await redis.get(mark) == b"!":
            return True
        raise RefusedError(503, Code.UNAVAILABLE, "It is being recorded.", retry_after_s=1)
    interaction = Interaction(
        type=report.type,
        job_id=report.job_id,
        user_id=user_id,
        subscription_id=report.subscription_id,
        scenario=report.scenario,
        # What a device's clock says of the future is not believed.
        occurred_at=min(report.occurred_at, now_ms()),
        action=report.action,
    )
    try:
        if answered := survey_answer(interaction):
            await site.broker.write(SHOP_EVENTS, [Record(user_id, dump(answered))])
        await site.broker.write(INTERACTIONS, [Record(user_id, dump(interaction))])
    except RefusedError:
        await redis.delete(mark)
        raise
    await redis.set(mark, b"!", px=_REMEMBERED_MS)
    return False


def survey_answer(interaction: Interaction) -> SurveyAnswer | None:
    """The answer that a button named ``answer/…`` gives: the survey is the scenario.

    Reported again it is the same event, so that it counts once.
    """
    action = interaction.action or ""
    if interaction.type is not InteractionKind.CLICKED or not action.startswith(ANSWER):
        return None
    return SurveyAnswer(
        type="survey_answer",
        event_id=f"answer/{interaction.job_id}"[:128],
        # Whether the owner is a user or still a visitor is not known here. Under either id the
        # event reaches the same profile, and under this one it makes nobody known.
        anonymous_id=interaction.user_id,
        occurred_at=interaction.occurred_at,
        survey=interaction.scenario,
        answer=action.removeprefix(ANSWER),
    )
