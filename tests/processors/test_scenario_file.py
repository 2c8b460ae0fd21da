"""A wrong scenario file is refused whole, each mistake with its line and its cure."""

import re
from datetime import time

import pytest

from processors.config import Mode
from processors.scenario_file import ScenarioFileError, load, version_of
from tests.processors.scenario_mistakes import MISTAKES
from tests.timelines.stories import SHIPPED

TEXT = SHIPPED.read_text()


def refused(text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(ScenarioFileError) as caught:
        load(text, "mine.yaml")
    return [(p.line, p.message, p.cure) for p in caught.value.problems]


def line_of(text: str, words: str) -> int:
    """The (1-based) line on which ``words`` stand."""
    return next(n for n, line in enumerate(text.splitlines(), start=1) if words in line)


def changed(old: str, new: str) -> str:
    assert TEXT.count(old) >= 1
    return TEXT.replace(old, new, 1)


def test_the_shipped_file_is_good() -> None:
    rules = load(TEXT)
    assert set(rules.scenarios) >= {
        "cart_abandoned", "checkout_abandoned", "price_drop", "back_in_stock", "order_confirmed",
        "order_status",
    }  # fmt: skip
    off = {name for name, each in rules.scenarios.items() if each.config.enabled is not Mode.ON}
    assert off == {
        "review_shop", "review_purchase", "ignored_email", "delivery_cost", "high_value",
        "new_in_category",
    }  # fmt: skip
    assert rules.version == version_of(TEXT)


def test_the_same_text_is_the_same_version_and_another_text_another() -> None:
    assert load(TEXT).version == load(TEXT).version
    assert load(TEXT + "# a note\n").version != load(TEXT).version


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_is_named_with_its_line_and_cure(mistake: tuple[str, ...]) -> None:
    old, new, place, message, cure = mistake
    text = changed(old, new)
    lines = [n for n, line in enumerate(text.splitlines(), start=1) if place in line]
    problems = refused(text)
    assert any(p[0] in lines and message in p[1] and cure in p[2] for p in problems), problems


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("shop: [unclosed\nname: x\n", 2, "not YAML"),
        ("shop:\n\tname: x\n", 2, "not YAML"),
        ("shop: {name: 'x\n", 2, "not YAML"),
        ("", 1, "empty or no mapping"),
        ("# nothing yet\n", 1, "empty or no mapping"),
        ("- a\n- b\n", 1, "empty or no mapping"),
        ("just words\n", 1, "empty or no mapping"),
        ("a: " + "[" * 5000 + "]" * 5000, 1, "nested too deep"),
        ("a: &a [*a]\n", 1, ""),
        ("shop: !!python/object/apply:os.system [true]\n", 1, "not YAML"),
        ("shop: \x00\n", 1, "not YAML"),
        ("shop:\n  name: !!int abc\n", 2, "'abc' is no int"),
        ("shop:\n  name: !!timestamp abc\n", 2, "'abc' is no timestamp"),
        ("shop:\n  name: !!bool abc\n", 2, "'abc' is no bool"),
    ],
)
def test_what_is_no_scenario_file_at_all_is_refused_not_raised(
    text: str, line: int, message: str
) -> None:
    problems = refused(text)
    assert any(p[0] == line and message in p[1] for p in problems), problems


def test_a_file_of_aliases_upon_aliases_is_refused_in_no_time() -> None:
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    problems = refused("\n".join(["a0: &a0 [x]", *levels]))
    assert any("there is no such setting" in message for _, message, _ in problems)


def test_every_mistake_is_told_at_once_in_the_order_of_lines() -> None:
    text = TEXT.replace("settle: 5m", "settle: 5", 1).replace("on: purchase", "on: purchased", 1)
    text = text.replace("min_quantity: 1", "min_quantity: 0")
    lines = [line for line, _, _ in refused(text)]
    assert len(lines) == 3
    assert lines == sorted(lines)


def test_a_section_that_cannot_be_read_hides_no_mistake_of_the_others() -> None:
    text = TEXT.replace("timezone: Europe/Warsaw", "timezone: Europe/Warszawa", 1)
    text = text.replace("holdout: 5 ", "holdout: 130 ", 1).replace("on: purchase", "on: bought", 1)
    text = text.replace("{{ product.name }} is waiting", "{{ product.nmae }} is waiting", 1)
    said = [message for _, message, _ in refused(text)]
    assert len(said) == 4, said
    for part in ("Warszawa", "100 or less", "no event 'bought'", "no 'nmae'"):
        assert any(part in message for message in said)


def test_words_that_cannot_be_read_are_not_said_to_be_missing_too() -> None:
    text = changed('- title: "One step left"\n', '- headline: "One step left"\n')
    assert not any("there is no copy" in message for _, message, _ in refused(text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (changed("{wait: 10m, copy: checkout_abandoned}", "{copy: checkout_abandoned}"), "wait"),
        (TEXT + "\n  mine:\n    en:\n      - {title: T, body: B}\n", "url"),
    ],
)
def test_a_list_whose_only_member_is_wrong_is_not_said_to_be_too_short_too(
    text: str, said: str
) -> None:
    ((_, message, _),) = refused(text)
    assert message.endswith(f".{said}: is missing")


def test_a_version_that_was_applied_before_a_mistake_was_known_goes_on() -> None:
    text = changed("{{ product.name }} is waiting", "{{ product.nmae }} is waiting")
    text = text.replace("currency: PLN", "currency: PLZ", 1)
    text = text.replace("day: 2, week: 6", "day: 99, week: 99", 1)
    text = text.replace("hold_at_most: 24h", "hold_at_most: 1h", 1)
    text = text.replace("away: {at_least: 3d}", "away: {at_least: 3}", 1)
    text = text.replace("  drifting:\n", "  gone/away:\n    use: drifting\n    copy: drifting\n", 1)
    text += (
        "\nsegments: {all: {where: {orders: 1}}, far: {where: {timezone: Mars/X, language: pl-PL}},"
        " rich: {any: [{spend_30d: {at_least: 10.50}}, {average_order: 10.50}]}}\n"
    )
    assert set(load(text, applied=True).segments) == {"all", "far", "rich"}
    with pytest.raises(ScenarioFileError):
        load(text)


def test_the_message_names_file_and_line_so_that_an_editor_can_jump_there() -> None:
    text = changed("settle: 5m", "settle: 5")
    with pytest.raises(ScenarioFileError) as caught:
        load(text, "mine.yaml")
    assert str(caught.value).startswith(f"mine.yaml:{line_of(text, 'settle: 5 ')}: ")


def test_on_and_off_are_words_and_true_and_false_are_understood() -> None:
    for said, mode in (("on", Mode.ON), ("off", Mode.OFF), ("shadow", Mode.SHADOW),
                       ("true", Mode.ON), ("false", Mode.OFF), ('"off"', Mode.OFF)):  # fmt: skip
        text = re.sub(r"enabled: on ", f"enabled: {said} ", TEXT, count=1)
        assert load(text).scenarios["cart_abandoned"].config.enabled is mode


def test_a_time_of_day_means_the_same_with_quotes_and_without() -> None:
    plain = changed('{from: "22:00", to: "08:00", spread: 45m}', "{from: 21:30, to: 09:00}")
    quiet = load(plain).quiet_hours
    assert (quiet.start, quiet.end) == (time(21, 30), time(9))


def test_a_scenario_that_is_off_may_want_a_copy_that_is_not_written_yet() -> None:
    text = changed("enabled: on             #", "enabled: off #")
    text = text.replace("copy: cart_still_waiting", "copy: not_written_yet")
    assert load(text).scenarios["cart_abandoned"].config.enabled is Mode.OFF


def test_a_second_scenario_of_a_kind_goes_by_its_own_name() -> None:
    text = changed(
        "  price_drop:\n",
        "  big_drop:\n    use: price_drop\n    min_percent: 30\n  price_drop:\n",
    )
    rules = load(text)
    assert rules.scenarios["big_drop"].name == "big_drop"
    assert rules.scenarios["price_drop"].name == "price_drop"
