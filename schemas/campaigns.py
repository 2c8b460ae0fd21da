"""``push.campaigns``: what a shop says to many at once, and when it stops."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.base import Count, EpochMs, Id, Wire


class CampaignStart(Wire):
    """A campaign begins (key: its id). ``yaml`` is its file, as it was checked."""

    type: Literal["campaign_start"]
    campaign_id: Id
    at: EpochMs
    """When it was started: nobody is told anything before."""
    audience: Count | None = None
    """How many it is for, counted at the start: its messages are spread by that."""
    by: Annotated[str, Field(max_length=256)] | None = None
    yaml: Annotated[str, Field(max_length=200_000)]


class CampaignStop(Wire):
    """It ends at ``at`` (key: ``<id>/stop``): what is not sent by then is dropped."""

    type: Literal["campaign_stop"]
    campaign_id: Id
    at: EpochMs
    by: Annotated[str, Field(max_length=256)] | None = None


CampaignEvent = Annotated[CampaignStart | CampaignStop, Field(discriminator="type")]


def stop_key(campaign_id: str) -> str:
    return f"{campaign_id}/stop"
