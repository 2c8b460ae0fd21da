"""The scenario file: YAML in, :class:`Rules` out, or every problem with its line and its cure."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches
from hashlib import blake2b
from itertools import pairwise
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from processors.config import LinkName, Mode, ScenarioFile, Shop, StepsConfig
from processors.copy import Copy
from processors.copy_checks import Told, is_locale, leads, slips, unsaid
from processors.copy_names import of
from processors.desk import NEVER_QUIET
from processors.durations import format_duration
from processors.event_checks import EventChecks, names
from processors.lined_yaml import Path
from processors.localtime import QuietHours
from processors.policy_checks import slips as policy_slips
from processors.rules import Rules
from processors.scenarios import KINDS
from processors.scenarios.after_event import AfterEventConfig
from processors.scenarios.base import NewsScenario, QuietScenario, Scenario
from processors.segment_checks import slips as segment_slips
from processors.segment_watch import watches
from processors.segments import Segment, compile_segments
from processors.template import CopyError
from processors.yaml_file import RefusedFileError, YamlFile
from schemas.currencies import Currency
from schemas.structs import Envelope

_LINK_NAME: TypeAdapter[str] = TypeAdapter(LinkName)


class ScenarioFileError(RefusedFileError):
    """A scenario file was refused whole."""


def version_of(text: str) -> str:
    """A version's name: 12 hex digits of a hash of the file's text."""
    return blake2b(text.encode(), digest_size=6).hexdigest()


def load(
    text: str, source: str = "scenarios.yaml", version: str | None = None, *, applied: bool = False
) -> Rules:
    """The rules that the file states.

    ``applied``: it was found good before, maybe by a release that knew fewer mistakes. What only
    keeps a message from ever being said is no reason to refuse it then.

    Raises:
        ScenarioFileError: anything is wrong with it.
    """
    return _Loader(text, source, applied=applied).load(version or version_of(text))


_STAND_INS: dict[str, Any] = {
    "shop": {"name": "-", "url": "-", "cart_url": "-", "checkout_url": "-", "order_url": "-",
             "icon": "-", "timezone": "UTC", "locale": "en", "currency": "EUR"},
    "policy": {},
    "segments": {},
    "scenarios": {},
    "copy": {},
}  # fmt: skip
"""In the place of a section that cannot be read, so that the others' mistakes are told too."""


class _Loader(YamlFile):
    refusal = ScenarioFileError

    def __init__(self, text: str, source: str, *, applied: bool) -> None:
        super().__init__(text, source)
        self._applied = applied
        self._unread = frozenset[str]()
        """Sections that stand-ins stand for."""

    def load(self, version: str) -> Rules:
        file = self._file(self.parse())
        if not self._applied and "shop" not in self._unread:
            self._check_shop(file.shop)
        segments = compile_segments(file.segments, self.refuse)
        if not self._applied:
            self.refuse_all(policy_slips(file.policy))
            self.refuse_all(segment_slips(file.segments))
            for name in file.scenarios:
                self._check_name(name)
        scenarios = {
            name: scenario
            for name, settings in file.scenarios.items()
            if (scenario := self._scenario(name, settings, file)) is not None
        }
        copies = self._copies(file, scenarios)
        if self.problems:
            raise self.refused()
        return _rules(version, file, scenarios, copies, segments)

    def _file(self, plain: dict[str, Any]) -> ScenarioFile:
        try:
            return ScenarioFile.model_validate(plain)
        except ValidationError as error:
            self.explain(error, (), ScenarioFile)
            self._unread = frozenset(str(found["loc"][0]) for found in error.errors())
        known = {name: part for name, part in plain.items() if name in _STAND_INS}
        stand_ins = {name: _STAND_INS[name] for name in self._unread & _STAND_INS.keys()}
        return ScenarioFile.model_validate(known | stand_ins)

    def _check_shop(self, shop: Shop) -> None:
        for name in ("url", "cart_url", "checkout_url", "order_url", "icon"):
            link = getattr(shop, name)
            if link is not None and not (leads(link) and "//" in link):
                self.refuse(("shop", name), f"{link!r} is no address", "write it with https://")
        if not is_locale(shop.locale):
            self.refuse(
                ("shop", "locale"), f"there is no language {shop.locale!r}", "like en or pl-PL"
            )
        if shop.currency not in (None, *get_args(Currency)):
            self.refuse(
                ("shop", "currency"), f"{shop.currency!r} is no ISO 4217 code", "such as EUR"
            )

    def _check_name(self, name: str) -> None:
        try:
            _LINK_NAME.validate_python(name)
        except ValidationError as error:
            self.explain(error, ("scenarios", name), ScenarioFile)

    def _scenario(self, name: str, settings: dict[str, Any], file: ScenarioFile) -> Scenario | None:
        path: Path = ("scenarios", name)
        kind = settings.get("use", name)
        if not isinstance(kind, str) or kind not in KINDS:
            near = get_close_matches(str(kind), KINDS, n=1)
            cure = f"did you mean {near[0]!r}? " if near else ""
            self.refuse(path, f"no scenario {kind!r}", f"{cure}`use:` names one of {names(KINDS)}")
            return None
        model, make = KINDS[kind]
        try:
            config = model.model_validate(settings)
        except ValidationError as error:
            self.explain(error, path, model)
            return None
        if isinstance(config, StepsConfig):
            self._check_steps(path, config)
        if isinstance(config, AfterEventConfig):
            before = len(self.problems)
            checks = EventChecks(self.refuse, self.document, strict=not self._applied)
            config = checks.checked(path, config)
            if len(self.problems) > before:
                return None
        no_segment = config.segment is not None and config.segment not in file.segments
        if config.segment is not None and no_segment and "segments" not in self._unread:
            near = get_close_matches(config.segment, file.segments, n=1)
            cure = f"did you mean {near[0]!r}?" if near else "write it under segments:"
            self.refuse((*path, "segment"), f"there is no segment {config.segment!r}", cure)
        scenario = make(name, config)
        if "copy" not in self._unread and config.enabled is not Mode.OFF:
            for where, copy_name in _copy_names(scenario):
                if copy_name not in file.copies:
                    near = get_close_matches(copy_name, file.copies, n=1)
                    cure = (
                        f"did you mean {near[0]!r}?"
                        if near
                        else f"write it under copy: {copy_name}"
                    )
                    self.refuse((*path, *where), f"there is no copy {copy_name!r}", cure)
        return scenario

    def _check_steps(self, path: Path, config: StepsConfig) -> None:
        waits = [step.wait for step in config.steps]
        for number, (before, wait) in enumerate(pairwise(waits), start=1):
            if wait <= before:
                self.refuse(
                    (*path, "steps", number, "wait"),
                    f"{format_duration(wait)} is not after the step before"
                    f" ({format_duration(before)})",
                    "waits count from the last activity, each longer than the one before",
                )

    def _copies(self, file: ScenarioFile, scenarios: Mapping[str, Scenario]) -> dict[str, Copy]:
        shop = shop_data(file)
        is_whole = len(scenarios) == len(file.scenarios)
        copies = {}
        for name, by_locale in file.copies.items():
            path: Path = ("copy", name)
            try:
                copy = Copy(by_locale, file.shop.locale)
            except CopyError as error:
                self.refuse((*path, *error.path), str(error), "see docs/scenario-file.md")
                continue
            before = len(self.problems)
            if not self._applied:
                known = None if "shop" in self._unread else shop
                told = _told(name, scenarios if is_whole else {}, known, file.shop.timezone)
                self.refuse_all(slips(by_locale, told), path)
            if len(self.problems) == before:
                self.refuse_all(unsaid(copy, shop, file.shop.timezone), path)
            copies[name] = copy
        return copies


def _told(
    name: str, scenarios: Mapping[str, Scenario], shop: Mapping[str, Any] | None, tz: str
) -> Told:
    """What is known of a copy: all that any of the scenarios which speak with it gives it."""
    speakers = [
        scenario
        for scenario in scenarios.values()
        if name in {copy_name for _, copy_name in _copy_names(scenario)}
    ]
    spoken: dict[str, frozenset[str]] | None = {} if speakers else None
    for scenario in speakers:
        given = scenario.speaks_of
        if spoken is None or given is None:
            spoken = None
            continue
        if scenario.config.voucher is not None:
            given = {**given, **of("voucher")}
        for each, fields in given.items():
            spoken[each] = spoken.get(each, frozenset()) | fields
    who = " or ".join(scenario.name for scenario in speakers)
    return Told(shop, tz, spoken, who, tuple(scenario.label for scenario in speakers))


def _copy_names(scenario: Scenario) -> Iterator[tuple[Path, str]]:
    """Every copy that it may speak with, and where its settings name it."""
    config = scenario.config
    is_listed = isinstance(config, StepsConfig)
    for step, name in enumerate(scenario.copy_names()):
        yield ("steps", step, "copy") if is_listed else ("copy",), name
    for number, arm in enumerate(config.arms):
        for name in arm.copy_names:
            yield ("arms", number, "copy"), name


def _rules(
    version: str,
    file: ScenarioFile,
    scenarios: dict[str, Scenario],
    copies: dict[str, Copy],
    segments: dict[str, Segment],
) -> Rules:
    quiet = file.policy.quiet_hours
    rules = Rules(
        version=version,
        shop=file.shop,
        policy=file.policy,
        scenarios=scenarios,
        copies=copies,
        segments=segments,
        published=(published := tuple(s for s in segments.values() if s.publish)),
        opening={},
        news=(),
        quiet=(),
        first_quiet=NEVER_QUIET,
        quiet_hours=QuietHours(quiet.start, quiet.end),
        shop_data=shop_data(file),
    )
    awake = [s for s in scenarios.values() if s.config.enabled is not Mode.OFF]
    awake.sort(key=rules.rank)  # among equals, as they stand in the file
    opening: dict[type[Envelope], tuple[Scenario, ...]] = {}
    for scenario in awake:
        for event in scenario.listens_to:
            opening[event] = (*opening.get(event, ()), scenario)
    news = tuple(scenario for scenario in awake if isinstance(scenario, NewsScenario))
    quiet_ones: tuple[QuietScenario, ...] = (
        *(scenario for scenario in awake if isinstance(scenario, QuietScenario)),
        *watches(published),
    )
    return replace(
        rules,
        opening=opening,
        news=news,
        quiet=quiet_ones,
        first_quiet=min((scenario.earliest for scenario in quiet_ones), default=NEVER_QUIET),
    )


def shop_data(file: ScenarioFile) -> dict[str, Any]:
    """``shop`` as copy sees it."""
    return file.shop.model_dump(exclude_none=True)
