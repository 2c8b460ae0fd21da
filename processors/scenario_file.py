"""The scenario file: YAML in, :class:`Rules` out, or every problem with its line and its cure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from hashlib import blake2b
from itertools import pairwise
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from processors import lined_yaml
from processors.config import (
    AfterEventConfig,
    Mode,
    ScenarioFile,
    StepsConfig,
)
from processors.copy import Copy, CopyError
from processors.desk import NEVER_QUIET
from processors.durations import format_duration
from processors.event_checks import EventChecks, names
from processors.lined_yaml import Document, Path, UnreadableError
from processors.localtime import QuietHours
from processors.rules import Rules
from processors.scenarios import KINDS
from processors.scenarios.base import NewsScenario, QuietScenario, Scenario
from schemas.structs import Envelope


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where (1-based line), what, and what to do about it."""

    line: int
    message: str
    cure: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}" + (f" ({self.cure})" if self.cure else "")


class ScenarioFileError(ValueError):
    """The file was refused whole. ``problems`` are in the order of their lines."""

    def __init__(self, source: str, problems: Iterable[Problem]) -> None:
        self.source = source
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        super().__init__(
            "\n".join(f"{source}:{p.line}: {p.message}. {p.cure}".rstrip() for p in self.problems)
        )


def version_of(text: str) -> str:
    """A version's name: 12 hex digits of a hash of the file's text."""
    return blake2b(text.encode(), digest_size=6).hexdigest()


def load(text: str, source: str = "scenarios.yaml", version: str | None = None) -> Rules:
    """The rules that the file states.

    Raises:
        ScenarioFileError: anything is wrong with it.
    """
    return _Loader(text, source).load(version or version_of(text))


class _Loader:
    def __init__(self, text: str, source: str) -> None:
        self.text = text
        self.source = source
        self.problems: list[Problem] = []
        self.document = Document()

    def load(self, version: str) -> Rules:
        plain = self._parse()
        try:
            file = ScenarioFile.model_validate(plain)
        except ValidationError as error:
            self._explain(error, (), ScenarioFile)
            raise ScenarioFileError(self.source, self.problems) from None
        copies = self._copies(file)
        scenarios = {
            name: scenario
            for name, settings in file.scenarios.items()
            if (scenario := self._scenario(name, settings, file)) is not None
        }
        if self.problems:
            raise ScenarioFileError(self.source, self.problems)
        return _rules(version, file, scenarios, copies)

    def _parse(self) -> Any:
        try:
            self.document = lined_yaml.read(self.text)
        except UnreadableError as error:
            self._refuse_line(error.line, str(error), error.cure)
            raise ScenarioFileError(self.source, self.problems) from None
        for line, name in self.document.twice:
            self._refuse_line(line, f"{name!r} stands here twice", "keep one of them")
        if not isinstance(self.document.plain, dict):
            self._refuse_line(1, "the file is empty or no mapping", "start from the shipped file")
            raise ScenarioFileError(self.source, self.problems)
        return self.document.plain

    def _refuse_line(self, line: int, message: str, cure: str) -> None:
        self.problems.append(Problem(line, message, cure))

    def _refuse(self, path: Path, message: str, cure: str) -> None:
        self._refuse_line(self.document.line_of(path), f"{_dotted(path)}: {message}", cure)

    def _explain(self, error: ValidationError, path: Path, model: type[BaseModel]) -> None:
        for details in error.errors(include_url=False):
            self._explain_one(details, (*path, *details["loc"]), model)

    def _explain_one(self, details: ErrorDetails, path: Path, model: type[BaseModel]) -> None:
        kind, message = details["type"], details["msg"]
        cure = ""
        if kind == "extra_forbidden":
            known = _settings_at(model, details["loc"][:-1])
            near = get_close_matches(str(path[-1]), known, n=1)
            message = "there is no such setting"
            cure = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}"
        elif kind == "missing":
            message, cure = "is missing", "add it"
        elif kind == "value_error":
            message = message.removeprefix("Value error, ")
        self._refuse(path, message, cure)

    def _scenario(self, name: str, settings: dict[str, Any], file: ScenarioFile) -> Scenario | None:
        path: Path = ("scenarios", name)
        kind = settings.get("use", name)
        if kind not in KINDS:
            near = get_close_matches(str(kind), KINDS, n=1)
            cure = f"did you mean {near[0]!r}? " if near else ""
            self._refuse(path, f"no scenario {kind!r}", f"{cure}`use:` names one of {names(KINDS)}")
            return None
        model, make = KINDS[kind]
        try:
            config = model.model_validate(settings)
        except ValidationError as error:
            self._explain(error, path, model)
            return None
        if isinstance(config, StepsConfig):
            self._check_steps(path, config)
        if isinstance(config, AfterEventConfig):
            before = len(self.problems)
            config = EventChecks(self._refuse).checked(path, config)
            if len(self.problems) > before:
                return None
        scenario = make(name, config)
        in_arms = [copy_name for arm in config.arms for copy_name in arm.copy_names]
        for copy_name in (*scenario.copy_names(), *in_arms):
            if copy_name not in file.copies and config.enabled is not Mode.OFF:
                near = get_close_matches(copy_name, file.copies, n=1)
                cure = f"did you mean {near[0]!r}?" if near else f"write it under copy: {copy_name}"
                self._refuse(path, f"there is no copy {copy_name!r}", cure)
        return scenario

    def _check_steps(self, path: Path, config: StepsConfig) -> None:
        waits = [step.wait for step in config.steps]
        for number, (before, wait) in enumerate(pairwise(waits), start=1):
            if wait <= before:
                self._refuse(
                    (*path, "steps", number, "wait"),
                    f"{format_duration(wait)} is not after the step before"
                    f" ({format_duration(before)})",
                    "waits count from the last activity, each longer than the one before",
                )

    def _copies(self, file: ScenarioFile) -> dict[str, Copy]:
        shop = shop_data(file)
        copies = {}
        for name, by_locale in file.copies.items():
            path: Path = ("copy", name)
            try:
                copy = Copy(by_locale, file.shop.locale)
            except CopyError as error:
                self._refuse((*path, *error.path), str(error), "see docs/scenario-file.md")
                continue
            for locale in copy.locales():
                if not copy.renders_without_data(locale, shop, file.shop.timezone):
                    self._refuse(
                        (*path, locale),
                        "the last variant needs data that may be missing",
                        "end with a variant that speaks of nothing but the shop",
                    )
            copies[name] = copy
        return copies


def _rules(
    version: str, file: ScenarioFile, scenarios: dict[str, Scenario], copies: dict[str, Copy]
) -> Rules:
    quiet = file.policy.quiet_hours
    rules = Rules(
        version=version,
        shop=file.shop,
        policy=file.policy,
        scenarios=scenarios,
        copies=copies,
        opening={},
        news=(),
        quiet=(),
        first_quiet=NEVER_QUIET,
        quiet_hours=QuietHours(quiet.start, quiet.end),
        shop_data=shop_data(file),
    )
    awake = [s for s in scenarios.values() if s.config.enabled is not Mode.OFF]
    awake.sort(key=lambda scenario: (rules.rank(scenario), scenario.name))
    opening: dict[type[Envelope], tuple[Scenario, ...]] = {}
    for scenario in awake:
        for event in scenario.opens_on:
            opening[event] = (*opening.get(event, ()), scenario)
    news = tuple(scenario for scenario in awake if isinstance(scenario, NewsScenario))
    quiet_ones = tuple(scenario for scenario in awake if isinstance(scenario, QuietScenario))
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


def _dotted(path: Path) -> str:
    return ".".join(str(part) for part in path)


def _settings_at(model: type[BaseModel], path: Path) -> set[str]:
    """What may stand at ``path`` below a model, through its lists and mappings."""
    here: Any = model
    for part in path:
        while get_origin(here) is Annotated:
            here = get_args(here)[0]
        if isinstance(here, type) and issubclass(here, BaseModel):
            here = _settings(here)[str(part)].annotation
        else:
            here = get_args(here)[1 if get_origin(here) is dict else 0]
    return set(_settings(here))


def _settings(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}
