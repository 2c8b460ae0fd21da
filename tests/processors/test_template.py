"""What a template may say, what it may not, and how amounts and times are written in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.config import CopyVariant
from processors.copy import Copy
from processors.template import CopyError, babel_money, money
from tests.processors.copy_data import (
    EVERYTHING,
    LOCALES,
    NOTHING,
    ORDER,
    RULES,
    copy_of,
    rendered,
)
from tests.processors.shop import NOON


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{{ order.expected_delivery | date }}", "Jun 10, 2026"),
        ("{{ order.expected_delivery | date('long') }}", "June 10, 2026"),
        ("{{ order.expected_delivery | datetime }}", "Jun 10, 2026, 12:00 PM"),
        ("{{ 3 | plural(one='thing', other='things') }}", "things"),
        ("{{ user.city | default('there') }}", "there"),
        ("  two\n   lines ", "two lines"),
    ],
)
def test_what_templates_can_do(body: str, said: str) -> None:
    assert rendered(body, order=ORDER).replace("\u202f", " ") == said  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("locale", "said", "long"),
    [
        ("en", "Jun 10, 2026, 12:00 PM", "June 10, 2026, 12:00 PM"),
        ("pl", "10 cze 2026, 12:00", "10 czerwca 2026 12:00"),
        ("ru", "10 июн. 2026 г., 12:00", "10 июня 2026 г., 12:00"),
        ("tr", "10 Haz 2026 12:00", "10 Haziran 2026 12:00"),
    ],
)
def test_a_time_names_its_month_in_every_language(locale: str, said: str, long: str) -> None:
    body = "{{ event.at | datetime }} | {{ event.at | datetime('long') }}"
    variant = CopyVariant.model_validate({"title": "T", "body": body, "url": "{{ shop.url }}"})
    text = Copy({locale: (variant,)}, locale).render(locale, NOTHING | {"event": {"at": NOON}})
    assert text is not None
    assert text.body.replace("\u202f", " ") == f"{said} | {long}"


def test_a_time_can_be_written_by_a_pattern() -> None:
    body = "{{ event.at | datetime('d MMM HH:mm') }}"
    assert rendered(body, event={"at": NOON}) == "10 Jun 12:00"


ESCAPES = (
    "{{ shop.__class__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ shop.name.__init__.__globals__ }}",
    "{{ shop['__class__'] }}",
    "{{ (shop | attr('__class__')).__mro__ }}",
    "{{ '%s' | format(shop.__class__) }}",
    "{{ '{0.__class__.__mro__}'.format(shop.name) }}",
    "{{ shop.name.format_map }}",
    "{{ shop.update({'name': 'Ours'}) }}",
    "{{ shop.clear() }}",
)


@pytest.mark.parametrize("body", ESCAPES)
def test_a_template_cannot_reach_what_python_holds_nor_change_what_it_is_given(body: str) -> None:
    before = dict(RULES.shop_data)
    said = rendered(body)
    assert RULES.shop_data == before
    if said is not None:
        assert "class" not in said
        assert "object at" not in said


@pytest.mark.parametrize(
    "body",
    [
        "{{ range(10) }}", "{{ lipsum() }}", "{{ cycler }}", "{{ config }}",
        "{{ [1, 2] | random }}",
        "{{ request }}", "{% include 'x' %}", "{% import 'x' as x %}{{ x }}",
        "{% extends 'x' %}", "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
        "{{ shop.name", "{% if %}", "{{ shop | nothing }}",
    ],
)  # fmt: skip
def test_a_template_that_asks_for_more_is_refused_when_the_file_loads(body: str) -> None:
    with pytest.raises(CopyError) as caught:
        copy_of(body=body)
    assert caught.value.path == ("en", 0, "body")


@pytest.mark.parametrize(
    "body",
    [
        "{{ 1 / 0 }}", "{{ 'abc' | money('PLN') }}", "{{ shop.name | date }}",
        "{{ 10**30 | date }}", "{{ shop.name + 1 }}", "{{ [].pop() }}", "{{ 'x' | int(base=99) }}",
        "{{ 5 | plural(one='thing') }}", "{{ order.expected_delivery | date('no such') }}",
    ],
)  # fmt: skip
def test_a_template_that_trips_is_passed_over_and_stops_no_worker(body: str) -> None:
    own = {"title": "t", "body": body, "url": "u"}
    plain = CopyVariant(title="t", body="plain", url="u")
    copy = Copy({"en": (CopyVariant.model_validate(own), plain)}, "en")
    text = copy.render("en", EVERYTHING)
    assert text is not None
    assert text.body == "plain" or body.startswith("{{ 'x'")


@pytest.mark.parametrize(
    "body",
    [
        "{{ 'x' * 10000000000 }}", "{{ 10000000000 * 'x' }}", "{{ [0] * 10000000000 }}",
        "{{ 'x' * 3000 + 'x' * 3000 }}", "{{ 9 ** 9999999999 }}", "{{ '%9999999999d' % 1 }}",
        "{{ '%*d' % (9999999999, 1) }}", "{{ '%9999999999d' | format(1) }}",
        "{{ '{:>9999999999}'.format(1) }}", "{{ '{:{}}'.format(1, 9999999999) }}",
        "{{ 'x'.ljust(9999999999) }}", "{{ 'x' | center(9999999999) }}",
        "{{ 'x\ny' | indent(9999999999) }}", "{{ [shop] | tojson(indent=9999999999) }}",
        "{{ ['x'] | map('center', 9999999999) | list }}",
        "{{ ['x'] | batch(9999999999, 0) | list }}",
        "{{ ('x' * 4096) | replace('x', 'x' * 4096) }}",
        "{% set a = 'x' * 3000 %}{% set b = a ~ a %}{% set c = b ~ b %}{{ c }}",
        "{% for a in 'x' * 4096 %}{% for b in 'x' * 4096 %}{{ a }}{{ b }}{% endfor %}{% endfor %}",
    ],
)  # fmt: skip
def test_a_template_that_would_build_without_end_is_passed_over_at_once(body: str) -> None:
    assert rendered(body) is None


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{{ '-' * 3 }}", "---"), ("{{ 12345678 * 2 }}", "24691356"), ("{{ 2 ** 10 }}", "1024"),
        ("{{ '%05.1f of %d' % (2.5, 10000000) }}", "002.5 of 10000000"),
        ("{{ '%s: 100000 %%' | format(123456) }}", "123456: 100000 %"),
        ("{{ '{:>3}|{:,}'.format(1, 10000000) }}", "1|10,000,000"),
        ("{{ 10000000 | center(10) }}", "10000000"), ("{{ [1, 20000] | join(', ') }}", "1, 20000"),
        ("{{ event.get('x', 100000) }}", "100000"), ("{{ 'a' ~ 1 ~ none }}", "a1None"),
        ("{{ 'a-b'.replace('-', ' ').split() | join('+') }}", "a+b"),
        ("{% for word in ['a', 'b'] %}{{ word }}{% endfor %}", "ab"),
    ],
)  # fmt: skip
def test_what_a_message_has_room_for_is_built_as_ever(body: str, said: str) -> None:
    assert rendered(body, event={}) == said


@given(
    st.integers(-(10**4), 10**17)
    | st.builds(lambda n, e: n * 10**e, st.integers(0, 99), st.integers(0, 15)),
    st.sampled_from(["PLN", "USD", "JPY", "KWD", "INR", "XXX", "ZZ1"]),
    st.sampled_from([*LOCALES, "hi", "de-CH", "ar", "fa", "es-MX"]),
)
def test_the_digits_of_an_amount_stand_where_babel_puts_them(
    minor: int, currency: str, locale: str
) -> None:
    assert money(minor, currency, locale) == babel_money(minor, currency, locale)


def test_what_one_text_sets_the_next_one_does_not_find() -> None:
    found = copy_of(
        title="{% set event = {'code': 'A'} %}{{ event.code }}", body="{{ event.code }}"
    )
    assert found.render("en", NOTHING) is None
    text = found.render("en", NOTHING | {"event": {"code": "B"}})
    assert text is not None
    assert (text.title, text.body) == ("A", "B")


def test_a_field_named_as_a_method_of_its_dict_is_not_taken_for_its_value() -> None:
    assert rendered("{{ event.keys }}", event={"keys": "A"}) != "A"
    assert rendered("{{ event['keys'] }}", event={"keys": "A"}) == "A"
