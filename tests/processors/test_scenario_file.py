"""A wrong scenario file is refused whole, each mistake with its line and its cure."""

import re
from datetime import time

import pytest

from processors.config import Mode
from processors.scenario_file import ScenarioFileError, load, version_of
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


# (what is replaced, by what, words on the line named, what is said, what cures it)
MISTAKES = {
    "an unknown setting names its nearest": (
        "min_percent: 5", "min_percents: 5", "min_percents",
        "there is no such setting", "did you mean 'min_percent'?",
    ),
    "a bound that is none": (
        "{away: {at_least: 3d}, views", "{away: {at_leest: 3d}, views", "at_leest",
        "write a bound like {at_least: 3d}", "",
    ),
    "a bound that is no number": (
        "{away: {at_least: 3d}, views", "{away: {at_least: long}, views", "at_least: long",
        "write a duration", "",
    ),
    "a session's end that has no such field": (
        "where: {number: 1, bought: false}", "where: {numbre: 1}", "numbre",
        "session_end has no field 'numbre'", "did you mean 'number'?",
    ),
    "a value that the field can never have": (
        "where: {number: 1, bought: false}", "where: {number: first}", "number: first",
        "never 'first'", "valid integer",
    ),
    "many events where one is needed": (
        "on: session_end", "on: activity", "on: activity",
        "'activity' is many events", "it stands in `unless`",
    ),
    "a best customer that nobody can be": (
        "    enabled: off\n    spend: 200000\n    window: 365d\n    orders: 10\n", "",
        "high_value:",
        "say `spend`, `orders` or `loyalty`", "",
    ),
    "a setting like no other lists what there is": (
        "min_percent: 5", "zebra: 5", "zebra", "there is no such setting", "known: ",
    ),
    "an unknown section": ("policy:", "rules:", "rules:", "there is no such setting", "known: "),
    "an unknown key within quiet hours": (
        'to: "08:00"', 'untill: "08:00"', "untill", "there is no such setting",
        "known: from, spread, to",
    ),
    "an unknown key within a step": (
        "{wait: 24h, copy: cart_still_waiting}", "{wait: 24h, copi: cart_still_waiting}", "copi",
        "there is no such setting", "did you mean 'copy'?",
    ),
    "an unknown key within a variant": (
        '- title: "One step left"\n', '- headline: "One step left"\n', "headline",
        "there is no such setting", "known: actions, body, icon, image, title, url",
    ),
    "an unknown scenario names its nearest": (
        "  cart_abandoned:\n    enabled", "  cart_abandonned:\n    enabled", "cart_abandonned:",
        "no scenario 'cart_abandonned'", "did you mean 'cart_abandoned'?",
    ),
    "an unknown event names its nearest": (
        "on: purchase", "on: purchased", "on: purchased", "there is no event 'purchased'",
        "did you mean 'purchase'?",
    ),
    "an unknown event after unless": (
        "    on: purchase\n", "    on: purchase\n    unless: [refunds]\n", "unless",
        "there is no event 'refunds'", "did you mean 'refund'?",
    ),
    "an entity that the event does not have": (
        "entity: order_id", "entity: order", "entity: order", "purchase has no field 'order'",
        "did you mean 'order_id'?",
    ),
    "a where that the event does not have": (
        "    on: order_status\n", "    on: order_status\n    where: {state: packed}\n", "where",
        "order_status has no field 'state'", "did you mean",
    ),
    "a duration without its unit": (
        "{wait: 20m, copy: cart_abandoned}", "{wait: 20, copy: cart_abandoned}", "wait: 20,",
        "write a duration with its unit", "",
    ),
    "a negative duration": (
        "settle: 5m", "settle: -5m", "settle: -5m", "write a duration with its unit", "",
    ),
    "a wait of three years": (
        "settle: 5m", "settle: 1095d", "settle: 1095d", "1095d is longer than two years", "",
    ),
    "steps that do not ascend": (
        "{wait: 24h, copy: cart_still_waiting}", "{wait: 10m, copy: cart_still_waiting}",
        "wait: 10m", "10m is not after the step before (20m)", "each longer than the one before",
    ),
    "no steps at all": (
        "      - {wait: 10m, copy: checkout_abandoned}\n", "", "    steps:", "", "",
    ),
    "an unknown timezone": (
        "timezone: Europe/Warsaw", "timezone: Europe/Warszawa", "Warszawa",
        "no timezone 'Europe/Warszawa'", "",
    ),
    "a setting that is missing": (
        "  cart_url: https://shop.example/cart\n", "", "shop:", "is missing", "add it",
    ),
    "a hole in a template": (
        '{{ product.name }} is waiting for you', "{{ product.name is waiting for you",
        "product.name is waiting", "the template does not parse", "docs/scenario-file.md",
    ),
    "a name that templates do not know": (
        '{{ product.name }} is waiting for you', "{{ prodcut.name }} is waiting for you",
        "prodcut.name", "unknown name prodcut", "docs/scenario-file.md",
    ),
    "a filter that there is not": (
        "{{ cart.value | money(cart.currency) }}.\"\n        url",
        "{{ cart.value | euros }}.\"\n        url",
        "| euros", "No filter named 'euros'", "docs/scenario-file.md",
    ),
    "a last variant that needs what may be missing": (
        "Pick up where you left off at {{ shop.name }}.", "{{ cart.count }} things.", "    en:",
        "the last variant needs data that may be missing", "end with a variant",
    ),
    "a copy that there is not": (
        "copy: cart_still_waiting", "copy: cart_still_waitin", "  cart_abandoned:",
        "there is no copy 'cart_still_waitin'", "did you mean 'cart_still_waiting'?",
    ),
    "a setting given twice": (
        "    ttl: 8h\n", "    ttl: 8h\n    ttl: 9h\n", "ttl: 9h", "'ttl' stands here twice",
        "keep one of them",
    ),
    "a scenario given twice": (
        "  order_status:\n    use",
        "  order_confirmed:\n    use: after_event\n    on: purchase\n  order_status:\n    use",
        "  order_confirmed:", "'order_confirmed' stands here twice", "keep one of them",
    ),
    "a class of message that there is not": (
        "class: transactional", "class: advertising", "class: advertising",
        "'advertising' is none of 'transactional'", "",
    ),
    "a mode that there is not": (
        "enabled: on             #", "enabled: maybe #", "enabled: maybe",
        "'maybe' is none of 'off', 'shadow' or 'on'", "",
    ),
    "more than two buttons": (
        '        url: "{{ shop.cart_url }}"\n        image',
        '        url: "{{ shop.cart_url }}"\n        actions: [{action: a, title: A},'
        ' {action: b, title: B}, {action: c, title: C}]\n        image',
        "actions:", "takes at most 2, not 3", "",
    ),
    "a percentage of nothing": (
        "min_percent: 5", "min_percent: 0", "min_percent: 0", "must be more than 0", "",
    ),
    "quiet hours that are no time": (
        'from: "22:00"', 'from: "late"', "late", "write a time of day like 22:00", "",
    ),
    "quiet hours as a number": (
        'from: "22:00"', "from: 22", "from: 22", "write a time of day like 22:00", "",
    ),
    "quiet hours in somebody else's zone": (
        'to: "08:00"', 'to: "08:00Z"', "08:00Z", "write a time of day like 22:00", "",
    ),
    "a where that never holds": (
        "    on: order_status\n", "    on: order_status\n    where: {status: [packed, sent]}\n",
        "where", "never 'sent'", "Input should be 'picking', 'packed'",
    ),
    "a cap of a kind that there is not": (
        "caps_for: {} ", "caps_for: {brows: {day: 1}} ", "brows",
        "'brows' is none of 'transactional'", "did you mean 'browse'?",
    ),
    "a field that a name never has": (
        "{{ product.name }} is waiting for you", "{{ product.nmae }} is waiting for you", "nmae",
        "product has no 'nmae'", "did you mean 'name'?",
    ),
    "such a field in brackets": (
        "{{ product.name }} is waiting for you", "{{ product['nmae'] }} is waiting for you",
        "nmae", "product has no 'nmae'", "did you mean 'name'?",
    ),
    "a plural that would fail at the first number": (
        "one='item', other='items'", "one='item', others='items'", "others=",
        "plural without `other`", "add other=",
    ),
    "a currency that there is not": (
        "currency: PLN", "currency: PLZ", "PLZ", "'PLZ' is no ISO 4217 code", "EUR",
    ),
    "a shop without https": (
        "  url: https://shop.example\n", "  url: shop.example\n", "url: shop.example",
        "'shop.example' is no address", "write it with https://",
    ),
    "a shop in a language that there is not": (
        "locale: en", "locale: english", "locale: english", "no language 'english'", "like en",
    ),
    "words in a language that there is not": (
        "\n    pl:\n", "\n    polish:\n", "polish:", "no language 'polish'", "like en, pl",
    ),
    "a link that runs something": (
        'url: "{{ shop.cart_url }}"', 'url: "javascript:alert(1)"', "javascript",
        "leads nowhere", "write https://",
    ),
    "a slip in what a scenario can do without": (
        "{after: 24h, channel: email}", "{aftre: 24h}", "aftre", "there is no such setting",
        "did you mean 'after'?",
    ),
    "two endings in one": (
        "unless: [email_opened, activity]", "unless: [{email_opened: {}, activity: {}}]",
        "activity: {}", "write an event's name, or {event: {field: value}}", "",
    ),
    "no link at all": ('url: "{{ shop.cart_url }}"', 'url: ""', 'url: ""', "leads nowhere", ""),
    "the name that the code has for a setting": (
        "    copy: price_drop\n", "    copy_name: price_drop\n", "copy_name",
        "there is no such setting", "did you mean",
    ),
}  # fmt: skip


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


def test_a_version_that_was_applied_before_a_mistake_was_known_goes_on() -> None:
    text = changed("{{ product.name }} is waiting", "{{ product.nmae }} is waiting")
    text = text.replace("currency: PLN", "currency: PLZ", 1)
    text += (
        "\nsegments: {far: {where: {timezone: Mars/X, language: pl-PL}},"
        " rich: {any: [{spend_30d: {at_least: 10.50}}, {average_order: 10.50}]}}\n"
    )
    assert set(load(text, applied=True).segments) == {"far", "rich"}
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
