"""Kinds of small worlds, each drawn by its seed, and what core and oracle make of them."""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from random import Random

from processors.rule_book import RuleBook
from tests.oracle.comparing import book_of, plain, replayed, verdicts, withdrawn
from tests.oracle.generator import Generator, Record, with_interactions
from tests.oracle.oracle import Decision, decide
from tests.oracle.reading import Settings, read_settings
from tests.oracle.scenes import Plan
from tests.timelines.stories import first_text

HOUR = 3_600_000
DAY = 24 * HOUR
NOON = 20_718 * DAY + 12 * HOUR
"""A Tuesday in September 2026, UTC."""

BUSY = Path(__file__).parent / "busy.yaml"


@dataclass(frozen=True, slots=True)
class World:
    """A life, the rules it stands under, and how far it is looked at."""

    plan: Plan
    records: list[Record]
    text: str
    until: int
    pauses: tuple[tuple[int, bool], ...] = ()

    def settings(self) -> Settings:
        return read_settings(self.text)

    def book(self) -> RuleBook:
        return book_of(self.text, self.pauses)

    def expected(self) -> list[Decision]:
        return decide(
            self.records,
            self.settings(),
            partitions=self.plan.partitions,
            until=self.until,
            pauses=self.pauses,
        )

    def decided(self, *, slice_size: int = 500) -> list[Decision]:
        outcome = replayed(
            self.records,
            self.book(),
            partitions=self.plan.partitions,
            until=self.until,
            slice_size=slice_size,
        )
        return plain(outcome.decisions)

    def disagreements(self) -> list[str]:
        """Final decisions and withdrawals that only one of the two came to."""
        expected, decided = self.expected(), self.decided()
        found = [
            *(("only the oracle", each) for each in verdicts(expected) - verdicts(decided)),
            *(("only the core", each) for each in verdicts(decided) - verdicts(expected)),
            *(("only the oracle takes back", i) for i in withdrawn(expected) - withdrawn(decided)),
            *(("only the core takes back", i) for i in withdrawn(decided) - withdrawn(expected)),
        ]
        return sorted(f"{who}: {what}" for who, what in found)

    def smallest(self) -> "World":
        """As few of the records as still lead to a disagreement (delta debugging)."""
        world, parts = self, 2
        while len(world.records) > 1:
            size = max(1, len(world.records) // parts)
            for start in range(0, len(world.records), size):
                rest = world.records[:start] + world.records[start + size :]
                if replace(world, records=rest).disagreements():
                    world, parts = replace(world, records=rest), max(parts - 1, 2)
                    break
            else:
                if size == 1:
                    break
                parts = min(parts * 2, len(world.records))
        return world

    def story(self) -> str:
        """The records to read, times from the world's start in ms."""
        return "\n".join(
            f"{record['at'] - self.plan.start:>10} {record['topic']:<18} {record['key']:<10}"
            f" {record['value']}"
            for record in self.records
        )


@cache
def _busy() -> str:
    return BUSY.read_text()


@cache
def _shipped() -> str:
    return first_text()


def _lived(plan: Plan, text: str, until: int, pauses: tuple[tuple[int, bool], ...] = ()) -> World:
    world = World(plan, Generator(plan).records(), text, until, pauses)
    clicked = with_interactions(world.records, world.expected(), plan.seed, plan.partitions)
    return replace(world, records=clicked)


def busy_world(seed: int, *, late: float = 0.0) -> World:
    """Two minutes under rules with waits of seconds, at noon, at nightfall or at daybreak."""
    random = Random(seed)
    night, morning = NOON + 10 * HOUR - 60_000, NOON + 20 * HOUR - 40_000
    plan = Plan(
        seed=seed,
        start=random.choice((NOON, night, morning)),
        people=random.choice((2, 5, 12)),
        events=random.choice((40, 120, 300)),
        late=late,
    )
    ahead = random.choice((0, 90_000, 12 * HOUR))
    return _lived(plan, _busy(), plan.start + plan.duration + ahead)


def late_world(seed: int) -> World:
    """One record of twenty comes when the clock has passed it."""
    return busy_world(seed, late=0.05)


def strict_world(seed: int) -> World:
    """Caps are tight, ops stop all sending for a while, every other shop needs consent."""
    world = busy_world(seed, late=0.02)
    random = Random(seed)
    consent = "explicit" if seed % 2 else "subscription"
    text = (
        _busy()
        .replace("consent: subscription", f"consent: {consent}")
        .replace("below_30_day_low: true", "below_30_day_low: false")
        .replace("look_ahead: 4s", "look_ahead: 20s")
        .replace("gap: 15s, day: 6, week: 8", "gap: 30s, day: 2, week: 3")
    )
    stopped = world.plan.start + random.randrange(0, 60_000)
    pauses = ((stopped, True), (stopped + random.randrange(5_000, 30_000), False))
    return replace(world, text=text, pauses=pauses)


def shipped_world(seed: int) -> World:
    """Three days under the scenario file that Nudge ships."""
    random = Random(seed)
    plan = Plan(
        seed=seed,
        start=NOON + random.randrange(7) * DAY,
        duration=3 * DAY,
        people=random.choice((2, 5, 12)),
        events=random.choice((40, 120, 300)),
        news=60,
        cart_wait=20 * 60_000,
        checkout_wait=10 * 60_000,
        pace=random.choice((3, 40)) * 60_000,
        huge_names=0.0,
    )
    return _lived(plan, _shipped(), plan.start + plan.duration + random.choice((0, 12 * HOUR)))
