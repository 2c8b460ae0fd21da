"""What is wrong with a YAML file, each with its line and its cure; the file is refused whole."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from processors import lined_yaml
from processors.lined_yaml import Document, Path, UnreadableError


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where (1-based line), what, and what to do about it."""

    line: int
    message: str
    cure: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}" + (f" ({self.cure})" if self.cure else "")


class RefusedFileError(ValueError):
    """The file was refused whole. ``problems`` are in the order of their lines."""

    def __init__(self, source: str, problems: Iterable[Problem]) -> None:
        self.source = source
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        super().__init__(
            "\n".join(f"{source}:{p.line}: {p.message}. {p.cure}".rstrip() for p in self.problems)
        )


class YamlFile:
    """A file under examination: its text, its lines, and the problems found so far."""

    refusal: type[RefusedFileError] = RefusedFileError
    beginning = "start from the shipped file"
    """The cure of an empty file."""

    def __init__(self, text: str, source: str) -> None:
        self.text = text
        self.source = source
        self.problems: list[Problem] = []
        self.document = Document()

    def refused(self) -> RefusedFileError:
        """What to raise once all problems are known."""
        return self.refusal(self.source, self.problems)

    def parse(self) -> dict[str, Any]:
        """The file as plain data.

        Raises:
            RefusedFileError: it is no YAML, or no mapping.
        """
        try:
            self.document = lined_yaml.read(self.text)
        except UnreadableError as error:
            self.refuse_line(error.line, str(error), error.cure)
            raise self.refused() from None
        for line, name in self.document.twice:
            self.refuse_line(line, f"{name!r} stands here twice", "keep one of them")
        if not isinstance(self.document.plain, dict):
            self.refuse_line(1, "the file is empty or no mapping", self.beginning)
            raise self.refused()
        plain: dict[str, Any] = self.document.plain
        return plain

    def refuse_line(self, line: int, message: str, cure: str) -> None:
        self.problems.append(Problem(line, message, cure))

    def refuse(self, path: Path, message: str, cure: str) -> None:
        """A mistake at ``path``: what it is, and what to do about it."""
        self.refuse_line(self.document.line_of(path), f"{_dotted(path)}: {message}", cure)

    def refuse_all(self, slips: Iterable[tuple[Path, str, str]], under: Path = ()) -> None:
        """Every mistake, each at its place below ``under``."""
        for where, said, cure in slips:
            self.refuse((*under, *where), said, cure)

    def explain(self, error: ValidationError, path: Path, model: type[BaseModel]) -> None:
        """What pydantic found wrong with the part at ``path``."""
        found = error.errors(include_url=False)
        places = [details["loc"] for details in found]
        for details in found:
            # A list whose only member is wrong is not too short as well.
            within = len(details["loc"])
            if details["type"] == "too_short" and any(
                len(place) > within and place[:within] == details["loc"] for place in places
            ):
                continue
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
        elif kind in ("enum", "literal_error"):
            path, message, cure = _none_of(path, details)
        elif kind in _WORDS:
            bounds = details.get("ctx", {})
            message = _WORDS[kind].format_map({k: _number(v) for k, v in bounds.items()})
        self.refuse(path, message, cure)


_WORDS = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "too_short": "needs at least {min_length}",
    "too_long": "takes at most {max_length}, not {actual_length}",
    "string_too_short": "must not be empty",
    "string_too_long": "is longer than {max_length} characters",
    "string_type": "must be text: put it in quotes",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must hold settings, each under its name",
    "model_type": "must hold settings, each under its name",
}
"""pydantic's kinds of error in the words of whoever writes such a file."""


def _number(bound: Any) -> Any:
    return int(bound) if isinstance(bound, float) and bound.is_integer() else bound


def _none_of(path: Path, details: ErrorDetails) -> tuple[Path, str, str]:
    """What stands there, and what may; the key itself where a mapping has such keys."""
    given, expected = details["input"], str(details.get("ctx", {}).get("expected", ""))
    where = path[:-1] if path and path[-1] == "[key]" else path
    near = get_close_matches(str(given), re.findall(r"'([^']*)'", expected), n=1)
    cure = f"did you mean {near[0]!r}?" if near else ""
    return where, f"{given!r} is none of {expected}", cure


def _dotted(path: Path) -> str:
    return ".".join(str(part) for part in path)


def _settings_at(model: type[BaseModel], path: Path) -> set[str]:
    """What may stand at ``path`` below a model, through its lists and mappings."""
    here: Any = model
    for part in path:
        if isinstance(here, type) and issubclass(here, BaseModel):
            here = _settings(here)[str(part)].annotation
        else:
            here = get_args(here)[1 if get_origin(here) is dict else 0]
        here = _bare(here)
    return set(_settings(here))


def _bare(hint: Any) -> Any:
    """Without what is said beside the type, and without that it may be left out."""
    while get_origin(hint) in (Annotated, Union, UnionType):
        hint = next(arm for arm in get_args(hint) if arm is not type(None))
    return hint


def _settings(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in model.model_fields.items()}
