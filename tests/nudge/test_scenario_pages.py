"""``docs/scenarios.md`` is what the shipped file and the code say."""

from pathlib import Path

from nudge.rule_files import shipped_text
from nudge.scenario_pages import PAGE, scenario_page
from processors.scenario_file import load

ROOT = Path(__file__).parents[2]


def test_the_page_is_made_from_the_shipped_file() -> None:
    written = (ROOT / PAGE).read_text(encoding="utf-8")
    assert written == scenario_page(shipped_text()), "run python -m nudge.scenario_pages"


def test_every_scenario_has_its_section_its_words_in_four_languages_and_a_story() -> None:
    sections = scenario_page(shipped_text()).split("\n## ")[1:]
    names = [section.split("\n")[0] for section in sections]
    scenarios = load(shipped_text()).scenarios
    assert names == list(scenarios)
    stories = " ".join(path.read_text() for path in (ROOT / "tests" / "timelines").glob("*.yaml"))
    for name, section in zip(names, sections, strict=True):
        words = len(scenarios[name].copy_names())
        for locale in ("en", "pl", "ru", "tr"):
            assert section.count(f"\n| {locale} | ") == words
        assert f" {name} " in stories, name
