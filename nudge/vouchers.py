"""Voucher pools: codes read from a file, checked against what is loaded, and written."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import msgspec
from pydantic import TypeAdapter, ValidationError

from nudge.controls import Controls, who, write_controls
from nudge.kafka import partitions_of, reader
from nudge.problem import Problem
from nudge.reading import Span, read, spans
from nudge.rule_files import text_of
from processors.campaign_file import CampaignFileError
from processors.campaign_file import read as read_campaign
from processors.config import ScenarioConfig
from processors.partition_state import STATE_KEY, PartitionState
from processors.scenario_file import ScenarioFileError
from processors.scenario_file import load as load_rules
from runtime.settings import KafkaSettings
from schemas.adapters import dump
from schemas.base import Id
from schemas.campaigns import CampaignStart
from schemas.control import ScenarioVersion, VoucherBatch, voucher_key
from schemas.currencies import NO_CURRENCY, wants_currency
from schemas.topics import PROFILES_CHANGELOG

BATCH_CODES = 5000
_STATE_IN_LAST = 200
"""A step of a partition writes its state last; so near the end it is found."""
_state_of = msgspec.json.Decoder(PartitionState).decode
_CODE: TypeAdapter[str] = TypeAdapter(Id)
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Worth:
    """What the codes are good for; money in minor units, ``expires_at`` in ms."""

    value: int | None
    currency: str | None
    expires_at: int | None


def named(versions: Iterable[ScenarioVersion], campaigns: Iterable[CampaignStart]) -> set[str]:
    """The pools that scenarios of any of the versions, or campaigns, give codes of.

    What this release refuses gives none.
    """
    settings: list[ScenarioConfig] = []
    for version in versions:
        with suppress(ScenarioFileError):
            rules = load_rules(version.yaml, applied=True)
            settings += [scenario.config for scenario in rules.scenarios.values()]
    for start in campaigns:
        with suppress(CampaignFileError):
            settings.append(read_campaign(start.yaml, start.campaign_id).file.settings())
    return {setting.voucher.pool for setting in settings if setting.voucher is not None}


def lines_of(file: Path) -> list[str]:
    """A file's lines; ``-`` is standard input.

    Raises:
        Problem: it is not in UTF-8.
    """
    if str(file) != "-":
        return text_of(file).splitlines()
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise Problem("Standard input is not in UTF-8.", "Save it as UTF-8.") from None


def read_codes(lines: Iterable[str]) -> list[str]:
    """One code a line; empty lines count for nothing.

    Raises:
        Problem: there is none, one is none, or one is there twice.
    """
    codes: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        code = line.strip()
        if not code:
            continue
        if code in codes:
            raise Problem(
                f"Line {number}: code {code} stands in line {codes[code]} already.",
                "Two users would get the same code. Remove one.",
            )
        try:
            codes[_CODE.validate_python(code)] = number
        except ValidationError:
            raise Problem(
                f"Line {number} is no code.", "One code a line, 1 to 128 characters."
            ) from None
    if not codes:
        raise Problem("The file holds no codes.", "Write one code a line.")
    return list(codes)


def batches(pool: str, codes: list[str], worth: Worth, at: int) -> Iterator[VoucherBatch]:
    """The codes as records, usable from ``at`` (ms).

    Raises:
        Problem: the pool is no name, or the codes' worth is none.
    """
    try:
        yield from _batches(pool, codes, worth, at)
    except ValidationError as error:
        details = error.errors(include_url=False)[0]
        said = NO_CURRENCY if wants_currency(details) else details["msg"]
        raise Problem(f"{details['loc'][0]}: {said}.", "Correct it.") from None


def _batches(pool: str, codes: list[str], worth: Worth, at: int) -> Iterator[VoucherBatch]:
    for start in range(0, len(codes), BATCH_CODES):
        some = codes[start : start + BATCH_CODES]
        name = blake2b("\n".join((pool, *some)).encode(), digest_size=8).hexdigest()
        yield VoucherBatch(
            type="vouchers",
            pool=pool,
            batch=name,
            effective_at=at,
            codes=tuple(some),
            value=worth.value,
            currency=worth.currency,
            expires_at=worth.expires_at,
            loaded_by=who(),
        )


def new_batches(
    wanted: Iterable[VoucherBatch], known: Mapping[str, VoucherBatch]
) -> list[VoucherBatch]:
    """Those that are not loaded yet.

    Raises:
        Problem: a code of theirs is loaded already, in whatever pool.
    """
    fresh = [batch for batch in wanted if batch.batch not in known]
    taken = {code: batch.pool for batch in known.values() for code in batch.codes}
    twice = [code for batch in fresh for code in batch.codes if code in taken]
    if twice:
        some = ", ".join(f"{code} (in {taken[code]})" for code in twice[:_SHOWN])
        raise Problem(
            f"{len(twice)} of the codes are loaded already: {some}{' …' * (len(twice) > _SHOWN)}.",
            "A code is for one user: load only new ones. Nothing was written.",
        )
    return fresh


def kept(wanted: Iterable[VoucherBatch], known: Mapping[str, VoucherBatch]) -> list[VoucherBatch]:
    """Those loaded before that stay worth something else, or end at another time, than wanted."""
    before = [(batch, known[batch.batch]) for batch in wanted if batch.batch in known]
    return [old for new, old in before if _worth(old) != _worth(new)]


def _worth(batch: VoucherBatch) -> Worth:
    return Worth(batch.value, batch.currency, batch.expires_at)


async def drawn(settings: KafkaSettings) -> dict[str, int] | None:
    """Codes given away, by batch, as workers last committed it; ``None``: not known just now.

    A partition says it at the end of what it last wrote.

    Raises:
        Problem: Kafka cannot be reached, or the topic does not exist.
    """
    partitions = await partitions_of(settings, PROFILES_CHANGELOG)
    states: dict[int, bytes] = {}
    async with reader(settings) as consumer:
        whole = await spans(consumer, partitions, None)
        tails = {
            tp: Span(max(span.start, span.end - _STATE_IN_LAST), span.end)
            for tp, span in whole.items()
        }
        async for record in read(consumer, tails):
            if record.key == STATE_KEY and record.value is not None:
                states[record.partition] = record.value
    if any(span.start < span.end and tp.partition not in states for tp, span in whole.items()):
        return None
    given: Counter[str] = Counter()
    for state in states.values():
        given.update(_state_of(state).drawn)
    return given


async def load(settings: KafkaSettings, controls: Controls, wanted: list[VoucherBatch]) -> int:
    """Writes what is new; how many codes that are.

    Raises:
        Problem: Kafka cannot be reached, or a code is loaded already.
        KafkaError: a record was refused.
    """
    fresh = new_batches(wanted, controls.vouchers)
    await write_controls(settings, [(voucher_key(batch.batch), dump(batch)) for batch in fresh])
    return sum(len(batch.codes) for batch in fresh)
