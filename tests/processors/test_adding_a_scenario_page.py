"""``docs/adding-a-scenario.md`` is followed here, word by word."""

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
import pytest
import yaml

from nudge.replay.lines import Lines
from nudge.replay.replayer import Replayer
from processors.rule_book import RuleBook
from processors.scenario_file import load
from processors.scenarios import KINDS
from tests.timelines import stories
from tests.timelines.stories import SHIPPED, shipped, tell
from tests.timelines.test_matrix import ENDED, LATE, SILENT, SPOKEN, cells
from tests.timelines.test_stories import compare, hear, replayed

PAGE = (Path(__file__).parents[2] / "docs" / "adding-a-scenario.md").read_text()
IN_YAML, IN_CODE = PAGE.split("## In code")
DAY_MS = 86_400_000


def blocks(text: str, language: str) -> list[str]:
    found = re.findall(rf"^   ```{language}\n(.*?)^   ```", text, re.M | re.S)
    return [re.sub(r"^   ", "", block, flags=re.M) for block in found]


def test_a_scenario_in_yaml_alone_decides_as_the_page_says() -> None:
    scenario, words = blocks(IN_YAML, "yaml")
    (commands,) = blocks(IN_YAML, "sh")
    text = SHIPPED.read_text().replace("\ncopy:\n", f"\n{scenario}\ncopy:\n", 1) + "\n" + words
    book = RuleBook()
    book.add(load(text), 0)
    replayer = Replayer(book)
    line = re.search(r"echo '(.+)' >", commands)
    assert line is not None
    Lines(replayer).tell(line[1].encode())
    told_at = replayer.newest
    (decision,) = replayer.finish(told_at + 3 * DAY_MS).decisions
    assert decision.outcome.value == "shadow"
    assert decision.due_at == told_at + 2 * DAY_MS
    assert decision.evidence["title"] == "Was something wrong with order A-1?"
    assert orjson.loads(line[1])["type"] == decision.scenario.removesuffix("_question")


def test_a_scenario_in_code_tells_its_stories(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    story, words = blocks(IN_CODE, "yaml")
    code, line = blocks(IN_CODE, "python")
    name = re.findall(r"`tests/timelines/(\w+)\.yaml`", IN_CODE)[0]
    module = ModuleType(name)
    monkeypatch.setitem(sys.modules, name, module)
    exec(compile(code, f"{name}.py", "exec"), module.__dict__)
    kinds = eval("{" + line + "}", module.__dict__)
    assert list(kinds) == [name]
    assert name not in KINDS
    monkeypatch.setitem(KINDS, name, kinds[name])
    file: Any = shipped()
    settings = re.findall(rf"`{name}: ({{.+?}})`", IN_CODE)[0]
    own = yaml.load(settings, Loader=yaml.BaseLoader)
    copies = yaml.load(words, Loader=yaml.BaseLoader)
    more = file["scenarios"] | {name: own}
    both = file | {"scenarios": more, "copy": file["copy"] | copies}
    monkeypatch.setattr(stories, "shipped", lambda: both)
    path = tmp_path / f"{name}.yaml"
    path.write_text(story)
    told = list(tell(path))
    assert cells(told)[name] == {SPOKEN, ENDED, SILENT, LATE}
    for one in told:
        outcome = replayed(one, 1)
        compare(one, outcome.decisions, "as the page says")
        hear(one, outcome)
