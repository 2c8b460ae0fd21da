"""YAML with the line of every value, so that a mistake can be pointed at."""

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

Path = tuple[str | int, ...]
"""Keys and places from the top of the file down to a value."""


class UnreadableError(ValueError):
    """It is no YAML, or nested too deep; ``line`` counts from 1."""

    def __init__(self, line: int, message: str, cure: str) -> None:
        super().__init__(message)
        self.line = line
        self.cure = cure


@dataclass(slots=True)
class Document:
    """``lines``: 1-based, by path. ``twice``: (line, key) of each key that stands there again."""

    plain: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    twice: list[tuple[int, str]] = field(default_factory=list)

    def at(self, path: Path) -> Any:
        """What stands at ``path``, as it is written."""
        here = self.plain
        for part in path:
            here = here[part]
        return here

    def line_of(self, path: Path) -> int:
        """The line of ``path``, or of the nearest above it that is in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


_Fastest: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's, where PyYAML was built with it: ten times as fast over a file of this length."""


class _Loader(_Fastest):  # type: ignore[misc]  # chosen by what is installed
    """YAML 1.2: ``on`` is a word here, not true; 22:00 is text, not 1320, and so is a day."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, KeyError, AttributeError):  # what PyYAML lets through of `!!int abc`
            kind = node.tag.rpartition(":")[2]
            said = f"{node.value!r} is no {kind}"
            raise yaml.constructor.ConstructorError(None, None, said, node.start_mark) from None


_YAML_1_2 = {"tag:yaml.org,2002:int": re.compile(r"[-+]?(?:0|[1-9][0-9]*)$")}
_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, _YAML_1_2.get(tag, pattern))
        for tag, pattern in resolvers
        if tag != "tag:yaml.org,2002:timestamp"
        and (tag != "tag:yaml.org,2002:bool" or first in "tTfF")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(text: str) -> Document:
    """``text`` as plain data, with its lines.

    Raises:
        UnreadableError: it is no YAML.
    """
    document = Document()
    try:
        reader = _Loader(text)
        node = reader.get_single_node()
        _remember(document, node, (), set())
        document.plain = None if node is None else reader.construct_document(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = 1 if mark is None else mark.line + 1
        what = getattr(error, "problem", None) or "unreadable"
        raise UnreadableError(line, f"not YAML: {what}", "check indentation and quotes") from None
    except RecursionError:
        cure = "a scenario file is at most six levels deep"
        raise UnreadableError(1, "nested too deep", cure) from None
    return document


def _remember(document: Document, node: Any, path: Path, met: set[int]) -> None:
    if node is None:
        return
    document.lines.setdefault(path, node.start_mark.line + 1)
    if id(node) in met:
        # An alias: walked through once, or a few lines of them would never end.
        return
    met.add(id(node))
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            line = key.start_mark.line + 1
            if name in seen:
                document.twice.append((line, name))
            seen.add(name)
            document.lines[(*path, name)] = line
            _remember(document, value, (*path, name), met)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            _remember(document, value, (*path, number), met)
