"""``nudge bench scenarios``: what each scenario of the shipped file costs a streams worker.

Timed are the questions that the core asks a scenario as events, facts and quiet users pass by,
and the judging of its moments, rendering and writing down included. A question within another is
not counted twice. What the stopwatch itself takes is taken off again.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from nudge.bench.core import START_MS, CoreBench, Phase
from nudge.bench.mix import Mix
from nudge.bench.rules import version_for
from processors import judge
from processors.rule_book import RuleBook

if TYPE_CHECKING:
    from processors.moment import Moment
    from processors.turn import Turn

_QUESTIONS = (
    "on_event", "ended_by", "awaits", "quiet_due", "on_quiet", "wants", "interest", "on_fact",
)  # fmt: skip
_CALIBRATION = 100_000
_clock = time.thread_time_ns


@dataclass(slots=True)
class Cost:
    """``asked``: questions put to the scenario; ``judged``: its moments that came due."""

    asked: int = 0
    asking_ns: int = 0
    judged: int = 0
    judging_ns: int = 0

    @property
    def nanos(self) -> int:
        return self.asking_ns + self.judging_ns


@dataclass(frozen=True, slots=True)
class ScenarioCosts:
    """``core_micros``: all that the core does for an event, without a stopwatch running."""

    events: int
    core_micros: float
    costs: dict[str, Cost]

    def micros(self, cost: Cost) -> float:
        """Microseconds an event, whatever the event."""
        return cost.nanos / self.events / 1000

    @property
    def others_micros(self) -> float:
        """What of the core no scenario has caused by itself."""
        return self.core_micros - sum(map(self.micros, self.costs.values()))

    def as_dict(self) -> dict[str, object]:
        return {
            "events": self.events,
            "core_micros": round(self.core_micros, 2),
            "others_micros": round(self.others_micros, 2),
            "scenarios": {
                name: {"micros": round(self.micros(c), 3), "asked": c.asked, "judged": c.judged}
                for name, c in self.costs.items()
            },
        }


class Stopwatch:
    """Times by scenario; of calls within each other the outermost."""

    def __init__(self) -> None:
        self.costs: dict[str, Cost] = {}
        self._running = False

    def restart(self) -> None:
        """From nothing, for the same scenarios."""
        for cost in self.costs.values():
            cost.asked = cost.asking_ns = cost.judged = cost.judging_ns = 0

    def asking(self, name: str, question: Callable[..., Any]) -> Callable[..., Any]:
        """``question``, timed as put to the scenario ``name``."""
        cost = self.costs.setdefault(name, Cost())

        def timed(*args: Any) -> Any:
            if self._running:
                return question(*args)
            self._running = True
            began = _clock()
            try:
                return question(*args)
            finally:
                cost.asking_ns += _clock() - began
                cost.asked += 1
                self._running = False

        return timed

    def judging(self) -> AbstractContextManager[Any]:
        """While it is open, moments are judged on their scenarios' time."""
        judge_moment = judge.judge_moment

        def timed(turn: "Turn", moment: "Moment") -> None:
            cost = self.costs.setdefault(moment.scenario, Cost())
            self._running = True
            began = _clock()
            try:
                judge_moment(turn, moment)
            finally:
                cost.judging_ns += _clock() - began
                cost.judged += 1
                self._running = False

        return patch.object(judge, "judge_moment", timed)

    def settle(self) -> None:
        """Takes off what looking at the clock has added to each time."""
        idle = Stopwatch()
        ask = idle.asking("nobody", lambda: None)
        for _ in range(_CALIBRATION):
            ask()
        look = idle.costs["nobody"].asking_ns / _CALIBRATION
        for cost in self.costs.values():
            cost.asking_ns = max(0, cost.asking_ns - round(look * cost.asked))
            cost.judging_ns = max(0, cost.judging_ns - round(look * cost.judged))


def run(mix: Mix) -> ScenarioCosts:
    """The mix twice: as it is, and with the stopwatch. Dearest scenario first."""
    plain = CoreBench(mix).run()
    watch = Stopwatch()
    bench = CoreBench(mix, book=_watched(watch))
    watch.restart()  # the shelves are filled
    with watch.judging():
        events = bench.run().events
    watch.settle()
    dearest = sorted(watch.costs.items(), key=lambda item: (-item[1].nanos, item[0]))
    return ScenarioCosts(events, plain.seconds[Phase.CORE] / plain.events * 1e6, dict(dearest))


def _watched(watch: Stopwatch) -> RuleBook:
    """The benchmarks' rules, every scenario's answers timed."""
    compiled, watched = RuleBook(), RuleBook()
    compiled.add_version(version_for(START_MS))
    rules = compiled.at(START_MS)
    for name, scenario in rules.scenarios.items():
        for question in _QUESTIONS:
            if hasattr(scenario, question):
                setattr(scenario, question, watch.asking(name, getattr(scenario, question)))
    watched.add(replace(rules), 0)
    return watched
