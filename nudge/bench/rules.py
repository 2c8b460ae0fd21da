"""The rules of the benchmarks: the shipped scenario file, in a zone where it is day.

At night everything would be held, and nothing rendered.
"""

from nudge.rule_files import shipped_text
from processors.scenario_file import load
from schemas.control import ScenarioVersion

OUTSIDERS_TAG = "outsider"
EVERYBODY_ELSE = "everybody_else"
"""Segment of the quick file: who has not that tag."""
_HOUR_MS = 3_600_000
_NOON = 13


def daytime_file(at: int) -> str:
    """The shipped file's text, the shop's timezone such that ``at`` (ms) is early afternoon."""
    text = shipped_text()
    hour = at // _HOUR_MS % 24
    ahead = (_NOON - hour + 11) % 24 - 11
    # Etc zones count the other way round: Etc/GMT-2 is two hours ahead (tz database).
    moved = text.replace("timezone: Europe/Warsaw", f"timezone: Etc/GMT{-ahead:+d}", 1)
    if moved == text:
        raise ValueError("the shipped file names another timezone than this benchmark expects")
    return moved


def version_for(at: int) -> ScenarioVersion:
    """That file as a version in force from the beginning."""
    return _version(daytime_file(at))


def quick_version_for(at: int, wait_s: int) -> ScenarioVersion:
    """That file, an abandoned cart due after so many seconds, a page in front no matter."""
    text = daytime_file(at)
    text += f"\nsegments:\n  {EVERYBODY_ELSE}: {{none: [{{tags: [{OUTSIDERS_TAG}]}}]}}\n"
    for before, after in (
        ("{wait: 20m, copy: cart_abandoned}", f"{{wait: {wait_s}s, copy: cart_abandoned}}"),
        ("\npolicy:\n", "\npolicy:\n  present: 0s\n"),
    ):
        if before not in text:
            raise ValueError(f"the shipped file does not hold {before!r} as this benchmark expects")
        text = text.replace(before, after, 1)
    return _version(text)


def _version(text: str) -> ScenarioVersion:
    name = load(text, "benchmark").version
    return ScenarioVersion(type="version", version=name, effective_at=0, yaml=text)
