"""Campaigns from the command line: checked, counted, started, stopped, and how far they are."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from nudge.controls import who
from nudge.kafka import partition_counts, partitions_of, writer
from nudge.problem import Problem
from nudge.reading import read_log, read_since
from nudge.rule_files import refused, text_of
from nudge.when import rfc3339
from processors.campaign_file import CampaignFileError, CampaignKind, Said, read
from processors.campaigns import Campaign
from processors.copy import Text, without_nothing
from processors.localtime import DAY_MS, zone
from processors.moment import Moment
from processors.profile import Profile
from processors.rules import Rules
from processors.segments import Finding
from processors.table import NEVER
from runtime.settings import KafkaSettings
from schemas.adapters import CAMPAIGN, InvalidRecordError, adapter_of, dump, parse
from schemas.campaigns import CampaignStart, CampaignStop, stop_key
from schemas.decisions import Decision
from schemas.topics import CAMPAIGNS, DECISIONS

_PAST_MS = 60_000
_SAMPLE = 3
_HELD_MS = 2 * DAY_MS
"""Nobody waits longer than for a night, or for the campaign's hours to begin."""


def read_file(path: Path, rules: Rules, spared: str = "") -> tuple[str, Said]:
    """A campaign's file, and what it says. ``spared``: what a mistake in it has kept from being.

    Raises:
        Problem: anything is wrong with it; every mistake with its line and its cure.
    """
    text = text_of(path)
    try:
        return text, read(text, str(path), rules)
    except CampaignFileError as error:
        raise refused(error, spared) from None


def shop_zone(rules: Rules) -> ZoneInfo:
    return zone(rules.shop.timezone, rules.shop.timezone)


def check_times(campaign: Campaign, rules: Rules, now: int) -> None:
    """Raises:
    Problem: its time, or its end, is past.
    """
    last = campaign.last_instant()
    if last is not None and last < now - _PAST_MS:
        raise Problem(f"{campaign.file.id}: its time is past.", "Say `at: now`, or a time to come.")
    if campaign.last_end() <= now or campaign.next_after(now - 1, shop_zone(rules)) is None:
        raise Problem(f"{campaign.file.id}: its end is past.", "Write a later `until`.")


@dataclass(slots=True)
class Audience:
    """Whom a campaign is for just now; ``sample``: some of them, and what they would read."""

    users: int = 0
    inside: int = 0
    sample: list[tuple[str, Text | None]] = field(default_factory=list)


async def count(
    campaign: Campaign, rules: Rules, profiles: AsyncIterator[tuple[str, Profile]], at: int
) -> Audience:
    """Counts the campaign's audience at ``at`` (ms)."""
    found = Audience()
    async for key, profile in profiles:
        found.users += 1
        if campaign.is_for(profile, rules, at, assumed=False):
            found.inside += 1
            if len(found.sample) < _SAMPLE:
                found.sample.append((key, text_for(campaign, profile, rules)))
    return found


def nobody(campaign: Campaign, found: Audience) -> Problem:
    """A campaign that none of the users would hear."""
    name = campaign.file.segment
    return Problem(
        f"{campaign.file.id} is for nobody: of {found.users:,} users none is in {name!r} and has"
        " a browser that can be pushed to.",
        f"See `nudge segments preview {name}`." if campaign.config.segment else
        "Users subscribe on the shop's pages.",
    )  # fmt: skip


def text_for(campaign: Campaign, profile: Profile, rules: Rules) -> Text | None:
    """What the user would read, for whom no variant's data exist ``None``."""
    moment = Moment(campaign.name, campaign.file.id, 0)
    tz = zone(profile.timezone, rules.shop.timezone)
    until = campaign.until_for(tz)
    moment.data = {} if until == NEVER else {"until": until}
    data = {
        "shop": rules.shop_data,
        "user": without_nothing(profile.traits),
        "tz": tz.key,
        "campaign": campaign.said_of(moment),
    }
    return campaign.own_copy(moment).render(profile.locale, data)


def why_not(campaign: Campaign, profile: Profile, rules: Rules, at: int) -> list[Finding]:
    """What makes a user one of the audience, or not."""
    found = [Finding("has a browser that can be pushed to", good=bool(profile.devices))]
    name = campaign.config.segment
    if name is not None:
        found += rules.segments[name].findings(profile, at)
    return found


@dataclass(slots=True)
class Known:
    """A campaign as the topic has it."""

    start: CampaignStart
    stop: CampaignStop | None = None


async def known_campaigns(settings: KafkaSettings) -> dict[str, Known]:
    """Every campaign that was started, by its id, in the order of starting.

    Raises:
        Problem: Kafka cannot be reached, or the topic does not exist.
    """
    await partition_counts(settings, (CAMPAIGNS,))
    found: dict[str, Known] = {}
    for record in await read_log(settings, CAMPAIGNS):
        note_said(found, record.value)
    return found


def note_said(found: dict[str, Known], value: bytes | None) -> None:
    """Notes one more record among the campaigns, by their ids; what cannot be read says nothing."""
    try:
        said = parse(CAMPAIGN, value)
    except InvalidRecordError:
        return
    if isinstance(said, CampaignStart):
        found[said.campaign_id] = Known(said)
        return
    known = found.get(said.campaign_id)
    if known is None or said.at < known.start.at:
        return  # as for workers, it stops nothing
    if known.stop is None or said.at < known.stop.at:
        known.stop = said


def check_new(campaign_id: str, known: dict[str, Known]) -> None:
    """Raises:
    Problem: a campaign of that id was started before.
    """
    before = known.get(campaign_id)
    if before is not None:
        raise Problem(
            f"{campaign_id} was started already, at {rfc3339(before.start.at)}.",
            "A campaign is started once: give the new one an id of its own.",
        )


async def start(settings: KafkaSettings, name: str, text: str, audience: int, at: int) -> None:
    """Starts a checked campaign; returns once every replica of the broker has it.

    Raises:
        Problem: Kafka cannot be reached.
        KafkaError: the record was refused.
    """
    said = CampaignStart(type="campaign_start", campaign_id=name, at=at, audience=audience,
                         by=who(), yaml=text)  # fmt: skip
    await _write(settings, name, dump(said), at)


def stop_time(known: Known, now: int) -> int:
    """When (ms) a stop told ``now`` takes force: after the start, whose clock may be ahead."""
    return max(now, known.start.at + 1)


async def stop(settings: KafkaSettings, name: str, at: int) -> None:
    """Stops a campaign from ``at`` (ms) on; returns once every replica of the broker has it.

    Raises:
        Problem: Kafka cannot be reached.
        KafkaError: the record was refused.
    """
    said = CampaignStop(type="campaign_stop", campaign_id=name, at=at, by=who())
    await _write(settings, stop_key(name), dump(said), at)


async def _write(settings: KafkaSettings, key: str, value: bytes, at: int) -> None:
    async with writer(settings) as producer:
        topic = settings.topic(CAMPAIGNS)
        await producer.send_and_wait(topic, value, key=key.encode(), partition=0, timestamp_ms=at)


async def decided(settings: KafkaSettings, campaigns: list[Campaign]) -> dict[str, Counter[str]]:
    """Final decisions of each campaign by ``outcome`` or ``outcome reason``.

    Raises:
        Problem: Kafka cannot be reached.
    """
    counts: dict[str, Counter[str]] = {one.name: Counter() for one in campaigns}
    if not campaigns:
        return counts
    partitions = await partitions_of(settings, DECISIONS)
    since = min(one.started_at for one in campaigns)
    marks = tuple(f'"{one.name}"'.encode() for one in campaigns)
    async for record in read_since(settings, partitions, since):
        if record.value is None or not any(mark in record.value for mark in marks):
            continue
        try:
            decision = parse(adapter_of(Decision), record.value)
        except InvalidRecordError:
            continue  # a newer release wrote it
        if decision.final and decision.scenario in counts:
            plain = decision.outcome.value
            said = plain if plain == "sent" else f"{plain} {decision.reason.value}"
            counts[decision.scenario][said] += 1
    return counts


def campaign_of(known: Known) -> Campaign:
    """Ready to be asked for its times."""
    start = known.start
    campaign = Campaign(read(start.yaml, start.campaign_id), start.at, start.audience)
    if known.stop is not None:
        campaign.stopped_at = known.stop.at
    return campaign


def is_over(campaign: Campaign, done: int, now: int) -> bool:
    """Whether nothing more of it will be sent; what a night holds may come a day later."""
    if campaign.last_end() <= now:
        return True
    if campaign.file.kind is not CampaignKind.CAMPAIGN:
        return False
    return now >= campaign.through_at() + (0 if _all_told(campaign, done) else _HELD_MS)


def standing(campaign: Campaign, done: int, rules: Rules, now: int) -> tuple[str, int | None]:
    """How it stands, and when (ms) it is expected to be through, where it is under way."""
    if campaign.stopped_at <= now:
        return "stopped", None
    following = campaign.next_after(now, shop_zone(rules))
    if campaign.file.schedule is not None:
        return ("over", None) if following is None else ("recurring", following.at)
    if following is not None:
        return "to come", following.at
    through = campaign.through_at()
    once = campaign.file.kind is CampaignKind.CAMPAIGN
    if is_over(campaign, done, now) or (once and _all_told(campaign, done)):
        return "over", None
    return ("running", through) if now < through else ("waiting", None)


def _all_told(campaign: Campaign, done: int) -> bool:
    return campaign.audience is not None and done >= campaign.audience > 0
