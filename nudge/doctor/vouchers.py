"""Whether the pools that scenarios in force give codes of hold any."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping

from nudge.controls import read_controls
from nudge.doctor.finding import Finding, ok, warn
from nudge.refusals import decides
from nudge.vouchers import drawn
from nudge.when import now_ms
from processors.config import Mode
from processors.rules import Rules
from processors.scenario_file import load
from runtime.settings import KafkaSettings
from schemas.control import VoucherBatch


async def check_vouchers(settings: KafkaSettings) -> AsyncIterator[Finding]:
    """Whether a scenario keeps silent because its codes have run out."""
    controls, now = await read_controls(settings), now_ms()
    version = decides(controls, now)
    given = await drawn(settings)
    if version is None or given is None:
        return
    rules = load(version.yaml, applied=True)
    for finding in judge_vouchers(rules, controls.vouchers.values(), given, now):
        yield finding


def judge_vouchers(
    rules: Rules, batches: Iterable[VoucherBatch], given: Mapping[str, int], now: int
) -> Iterator[Finding]:
    """What pools without a code mean at ``now`` (ms); ``given``: codes given away, by batch."""
    left: dict[str, int] = {}
    for batch in batches:
        if batch.expires_at is None or batch.expires_at > now:
            there = len(batch.codes) - given.get(batch.batch, 0)
            left[batch.pool] = left.get(batch.pool, 0) + there
    silent: dict[str, list[str]] = {}
    for name, scenario in rules.scenarios.items():
        voucher = scenario.config.voucher
        if voucher is None or not voucher.needed or scenario.config.enabled is Mode.OFF:
            continue
        names = silent.setdefault(voucher.pool, [])
        if left.get(voucher.pool, 0) <= 0:
            names.append(name)
    for pool, names in silent.items():
        if names:
            yield warn("vouchers", f"Pool {pool} has no code left: {', '.join(names)} keeps"
                       " silent (no_code).", f"`nudge vouchers load {pool} FILE`")  # fmt: skip
    if silent and not any(silent.values()):
        yield ok("vouchers", "Every pool that a scenario needs has codes.")
