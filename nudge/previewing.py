"""What a scenario would have said on recorded events: to whom, in which words, and why not."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from nudge.problem import Problem, did_you_mean
from nudge.replay.by_files import outcomes, replayer_of
from processors.rules import Rules
from schemas.decisions import Decision, Outcome
from schemas.push import Payload


@dataclass(slots=True)
class Preview:
    """What was decided for good of one scenario, in the order of time; then what is held still.

    ``said``: what was sent, by job.
    """

    decisions: list[Decision] = field(default_factory=list)
    said: dict[str, Payload] = field(default_factory=dict)

    def counts(self) -> Counter[str]:
        """How many, by ``outcome reason``."""
        return Counter(f"{one.outcome.value} {one.reason.value}" for one in self.decisions)


def preview(
    rules: Rules, scenario: str, files: list[Path], user: str | None, until: int | None
) -> Preview:
    """Replays the files; keeps what was decided of the scenario (and of the user).

    Raises:
        Problem: the scenario file has no such scenario.
    """
    if scenario not in rules.scenarios:
        cure = did_you_mean(scenario, rules.scenarios, "`nudge scenarios check` lists them.")
        raise Problem(f"There is no scenario {scenario!r} in version {rules.version}.", cure)
    found, held = Preview(), dict[str, Decision]()
    for outcome in outcomes(replayer_of(files, rules), files, until):
        for one in outcome.decisions:
            if one.scenario != scenario or user not in (None, one.user_id):
                continue
            if one.final:
                found.decisions.append(one)
                held.pop(one.decision_id, None)
            elif one.outcome is Outcome.HELD:
                held[one.decision_id] = one
        found.said |= {job.job_id: job.payload for job in outcome.jobs if job.scenario == scenario}
    found.decisions += held.values()
    return found
