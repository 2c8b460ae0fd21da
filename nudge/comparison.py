"""What two versions of the rules make of the same history, side by side."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

from schemas.decisions import Decision, Outcome, Reason
from schemas.push import PushJob

Kind = tuple[str, str, str]
"""Scenario, outcome, reason."""
Message = tuple[str, str, str | None]
"""Scenario, user, entity."""

CAPS = (Reason.FREQUENCY_CAP, Reason.FATIGUE)
_SAMPLES_EACH = 2
_PEOPLE_SHOWN = 10
_HIDDEN = "••••••"


@dataclass(frozen=True, slots=True)
class Sample:
    """A message as it would have been shown."""

    scenario: str
    step: int
    locale: str
    title: str
    body: str
    url: str


@dataclass(slots=True)
class Tally:
    """Final decisions by kind, and who would have got what, when. ``tz``: the shop's."""

    version: str
    tz: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    kinds: Counter[Kind] = field(default_factory=Counter)
    messages: Counter[Message] = field(default_factory=Counter)
    hours: Counter[int] = field(default_factory=Counter)
    """Messages by hour of the day at the shop."""
    scenario_hours: Counter[tuple[str, int]] = field(default_factory=Counter)
    """The same of each scenario."""
    days: Counter[date] = field(default_factory=Counter)
    caps: Counter[str] = field(default_factory=Counter)
    """Silences by the cap that was hit."""
    samples: defaultdict[tuple[str, int, str], list[Sample]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """The first messages of each scenario, step and language."""
    of_others: int = 0
    """How many records were of users who were not judged, having no browser."""
    codes: dict[str, str] = field(default_factory=dict)
    """The voucher's code of each message that is still to be added."""

    def add(self, decision: Decision) -> None:
        if not decision.final:
            return
        kind = (decision.scenario, decision.outcome.value, decision.reason.value)
        self.kinds[kind] += 1
        if decision.outcome is Outcome.SENT:
            if decision.job_id and "pool" in decision.evidence:
                self.codes[decision.job_id] = decision.evidence["code"]
            self.messages[decision.scenario, decision.user_id, decision.entity] += 1
            at = datetime.fromtimestamp(decision.decided_at / 1000, self.tz)
            self.hours[at.hour] += 1
            self.scenario_hours[decision.scenario, at.hour] += 1
            self.days[at.date()] += 1
        elif decision.reason in CAPS:
            cap = decision.evidence.get("cap")
            self.caps[f"{decision.reason}: {cap}" if cap else decision.reason.value] += 1

    def add_job(self, job: PushJob) -> None:
        """The message, read by whoever sees the comparison: without the code, which is unused."""
        said, kept = job.payload, self.samples[job.scenario, job.step, job.payload.locale]
        code = self.codes.pop(job.job_id, None)
        if len(kept) < _SAMPLES_EACH:
            texts = (_without(code, text) for text in (said.title, said.body, said.url))
            sample = Sample(job.scenario, job.step, said.locale, *texts)
            if sample not in kept:
                kept.append(sample)

    @property
    def people(self) -> int:
        """How many would have got a message."""
        return len({user for _, user, _ in self.messages})


def _without(code: str | None, text: str) -> str:
    return text if code is None else text.replace(quote(code), _HIDDEN).replace(code, _HIDDEN)


@dataclass(frozen=True, slots=True)
class Audience:
    """One scenario's messages and people under either version; gains and losses are messages."""

    scenario: str
    messages: tuple[int, int]
    people: tuple[int, int]
    newly: int
    no_longer: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """``after`` against ``before``."""

    before: Tally
    after: Tally

    @property
    def newly(self) -> Counter[Message]:
        return self.after.messages - self.before.messages

    @property
    def no_longer(self) -> Counter[Message]:
        return self.before.messages - self.after.messages

    def audiences(self) -> list[Audience]:
        """A row a scenario that sent anything, the greatest first; then ``all`` together."""
        both = (self.before.messages, self.after.messages)
        newly, lost = self.newly, self.no_longer
        names = {message[0] for tally in both for message in tally}
        rows = [
            Audience(
                name,
                _pair(sum(n for m, n in tally.items() if m[0] == name) for tally in both),
                _pair(len({m[1] for m in tally if m[0] == name}) for tally in both),
                sum(n for m, n in newly.items() if m[0] == name),
                sum(n for m, n in lost.items() if m[0] == name),
            )
            for name in sorted(names)
        ]
        rows.sort(key=lambda row: -max(row.messages))
        total = _pair(tally.total() for tally in both)
        people = (self.before.people, self.after.people)
        return [*rows, Audience("all", total, people, newly.total(), lost.total())]

    def by_hour(self) -> list[tuple[str, list[tuple[int, int]]]]:
        """(scenario, 24 times messages before and after), in the order of the audiences."""
        before, after = self.before.scenario_hours, self.after.scenario_hours
        return [
            (name, [(before[name, hour], after[name, hour]) for hour in range(24)])
            for name in (row.scenario for row in self.audiences()[:-1])
        ]

    def kinds(self) -> list[tuple[str, str, str, int, int]]:
        """(scenario, outcome, reason, before, after) of every kind of decision."""
        found = sorted(self.before.kinds.keys() | self.after.kinds.keys())
        return [(*kind, self.before.kinds[kind], self.after.kinds[kind]) for kind in found]

    def caps(self) -> list[tuple[str, int, int]]:
        """(cap, silences before, after)."""
        found = sorted(self.before.caps.keys() | self.after.caps.keys())
        return [(cap, self.before.caps[cap], self.after.caps[cap]) for cap in found]

    def people(self, messages: Counter[Message]) -> dict[str, list[str]]:
        """Some of the users, by scenario."""
        shown: defaultdict[str, list[str]] = defaultdict(list)
        for scenario, user, _ in sorted(messages, key=lambda m: (m[0], m[1], m[2] or "")):
            if len(shown[scenario]) < _PEOPLE_SHOWN and user not in shown[scenario]:
                shown[scenario].append(user)
        return dict(shown)

    def days(self) -> list[date]:
        """Every day from the first message to the last."""
        found = self.before.days.keys() | self.after.days.keys()
        return list(_days(min(found), max(found))) if found else []

    def new_samples(self) -> Sequence[Sample]:
        """What the second version says."""
        return [sample for _, kept in sorted(self.after.samples.items()) for sample in kept]


def _pair(numbers: Iterator[int]) -> tuple[int, int]:
    first, second = numbers
    return first, second


def _days(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += timedelta(days=1)
