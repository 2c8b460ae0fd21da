"""What the shipped file says, in every language, with all data and with none; and what copy may."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.config import CopyVariant
from processors.copy import Copy, Text, with_utm
from processors.copy_checks import HOLDS
from processors.template import NAMES, CopyError, babel_money, money
from schemas.events import OrderState
from schemas.push import PAYLOAD_LIMIT
from tests.processors.shop import NOON, shipped_rules
from tests.timelines.stories import shipped

RULES = shipped_rules()
LOCALES = ("en", "pl", "ru", "tr")
EVERY = [(name, locale) for name in RULES.copies for locale in LOCALES]

NOTHING: dict[str, Any] = {"shop": RULES.shop_data, "user": {}, "tz": "Europe/Warsaw"}
PRODUCT = {
    "id": "lamp", "name": "Oslo lamp", "url": "https://shop.example/lamp", "quantity": 3,
    "image": "https://shop.example/lamp.jpg", "price": 4999, "currency": "PLN",
    "in_stock": True,
}  # fmt: skip
ORDER = {
    "id": "A-1", "value": 4999, "currency": "PLN", "delivery_cost": 1200,
    "expected_delivery": NOON, "status": "ready_for_pickup", "pickup_point": "Kiosk",
}  # fmt: skip
EVERYTHING = NOTHING | {
    "user": {"first_name": "Ann"},
    "product": PRODUCT,
    "cart": {"lines": [PRODUCT], "count": 2, "value": 9998, "currency": "PLN"},
    "price": {"now": 4999, "seen": 5999, "saved": 1000, "low_30d": 5499, "currency": "PLN"},
    "order": ORDER,
    "bought": PRODUCT,
    "products": [PRODUCT, PRODUCT],
    "delivery": {"cost": 1200, "free_from": 20000, "missing": 1002},
    "reminder": {"id": "r", "title": "Fitting", "at": NOON, "url": "https://shop.example/r"},
    "content": {"id": "c", "topic": "lamps", "title": "Light", "url": "https://shop.example/c"},
    "event": ORDER | {"code": "SPRING", "expires_at": NOON},
    "voucher": {"code": "SPRING", "value": 1500, "currency": "PLN", "expires_at": NOON},
}


def test_every_field_that_the_copy_is_given_may_stand_in_a_template() -> None:
    assert set(HOLDS) | {"user", "event", "order", "products", "locale", "tz"} == NAMES
    for name, fields in HOLDS.items():
        given = EVERYTHING.get(name, {})
        assert isinstance(given, dict)
        assert given.keys() <= fields, name


def words_of(text: Text) -> str:
    return " ".join((text.title, text.body, text.url)).replace("\u00a0", " ")


def copy_of(**fields: str) -> Copy:
    own = {"title": "A title", "body": "A body", "url": "https://shop.example"} | fields
    return Copy({"en": (CopyVariant.model_validate(own),)}, "en")


def rendered(body: str, **data: Any) -> str | None:
    text = copy_of(body=body).render("en", NOTHING | data)
    return None if text is None else text.body.replace("\u00a0", " ")


@pytest.mark.parametrize(("name", "locale"), EVERY)
def test_every_message_is_written_in_every_shipped_language(name: str, locale: str) -> None:
    assert locale in RULES.copies[name].locales()


@pytest.mark.parametrize(("name", "locale"), EVERY)
def test_with_all_data_the_first_variant_speaks(name: str, locale: str) -> None:
    text = RULES.copies[name].render(locale, EVERYTHING)
    assert text is not None
    assert (text.variant, text.locale) == (1, locale)
    words = words_of(text)
    assert "{" not in words
    assert "None" not in words
    assert text.url.startswith("https://shop.example/")
    assert len(words.encode()) < PAYLOAD_LIMIT / 4


@pytest.mark.parametrize(("name", "locale"), EVERY)
def test_with_no_data_at_all_the_last_variant_speaks(name: str, locale: str) -> None:
    text = RULES.copies[name].render(locale, NOTHING)
    assert text is not None
    assert text.variant > 1
    assert text.title
    assert text.body
    assert "{" not in words_of(text)
    assert RULES.copies[name].renders_without_data(locale, RULES.shop_data, "Europe/Warsaw")


@pytest.mark.parametrize(("name", "locale"), EVERY)
def test_each_variant_speaks_where_what_it_speaks_of_is_known(name: str, locale: str) -> None:
    free = {"delivery": {"cost": 1200, "free_from": 20000, "free": True}}
    for plain in shipped()["copy"][name][locale]:
        copy = Copy({locale: (CopyVariant.model_validate(plain),)}, locale)
        text = copy.render(locale, EVERYTHING) or copy.render(locale, EVERYTHING | free)
        assert text is not None, plain["title"]
        assert ".." not in words_of(text)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("status", list(OrderState))
def test_every_state_of_an_order_has_its_word_in_every_language(
    status: OrderState, locale: str
) -> None:
    order = {"id": "A-1", "status": status.value}
    text = RULES.copies["order_status"].render(locale, NOTHING | {"order": order, "event": order})
    assert text is not None
    assert "A-1" in text.title
    assert status.value not in text.title or status.value in {
        "packed", "delivered", "delayed", "cancelled", "refunded",
    }  # fmt: skip


PLURALS = {
    "en": {1: "1 item for", 2: "2 items for", 5: "5 items for", 22: "22 items for"},
    "pl": {1: "1 produkt za", 2: "2 produkty za", 5: "5 produktów za", 22: "22 produkty za"},
    "ru": {1: "1 товар на", 2: "2 товара на", 5: "5 товаров на", 21: "21 товар на",
           22: "22 товара на"},
    "tr": {1: "1 ürün", 2: "2 ürün", 5: "5 ürün", 22: "22 ürün"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("locale", "count", "words"),
    [(locale, count, words) for locale, by in PLURALS.items() for count, words in by.items()],
)
def test_one_two_five_and_twenty_two_take_the_form_of_their_language(
    locale: str, count: int, words: str
) -> None:
    cart = {"count": count, "value": 1000, "currency": "PLN"}
    text = RULES.copies["cart_abandoned"].render(locale, NOTHING | {"cart": cart})
    assert text is not None
    assert words in words_of(text)


COUNTED = {
    ("wishlist_reminder", "pl"): {1: "1 dostępna rzecz.", 2: "2 dostępne rzeczy.",
                                  5: "5 dostępnych rzeczy.", 22: "22 dostępne rzeczy."},
    ("wishlist_reminder", "ru"): {1: "1 товар в", 2: "2 товара в", 5: "5 товаров в",
                                  21: "21 товар в"},
    ("new_in_category", "pl"): {1: "1 nowa rzecz wśród", 2: "2 nowe rzeczy wśród",
                                5: "5 nowych rzeczy wśród", 22: "22 nowe rzeczy wśród"},
    ("new_in_category", "ru"): {1: "1 новый товар среди", 2: "2 новых товара среди",
                                5: "5 новых товаров среди", 21: "21 новый товар среди"},
    ("low_stock", "pl"): {1: "została 1 szt.", 3: "zostały 3 szt.", 5: "zostało 5 szt.",
                          22: "zostały 22 szt."},
    ("low_stock", "ru"): {1: "осталась 1 шт.", 3: "осталось 3 шт.", 5: "осталось 5 шт.",
                          21: "осталась 21 шт."},
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "locale", "count", "words"),
    [(*which, count, words) for which, by in COUNTED.items() for count, words in by.items()],
)
def test_what_is_counted_elsewhere_takes_its_form_too(
    name: str, locale: str, count: int, words: str
) -> None:
    data = {"product": PRODUCT | {"quantity": count}, "products": [PRODUCT] * count}
    text = RULES.copies[name].render(locale, NOTHING | data)
    assert text is not None
    assert words in words_of(text)


@pytest.mark.parametrize(
    ("minor", "currency", "locale", "written"),
    [
        (4999, "PLN", "en", "PLN 49.99"), (4999, "PLN", "pl", "49,99 zł"),
        (4999, "PLN", "ru", "49,99 PLN"), (4999, "PLN", "tr", "PLN 49,99"),
        (5000, "PLN", "en", "PLN 50"), (5000, "PLN", "pl", "50 zł"),
        (123456789, "EUR", "en", "€1,234,567.89"), (4999, "USD", "en-US", "$49.99"),
        (4999, "TRY", "tr", "₺49,99"), (500, "JPY", "en", "¥500"),
        (12345, "KWD", "en", "KWD 12.345"),
        (0, "PLN", "en", "PLN 0"), (4999, "PLN", "xx-nowhere", "PLN 49.99"),
    ],
)  # fmt: skip
def test_money_is_written_as_people_write_it(
    minor: int, currency: str, locale: str, written: str
) -> None:
    assert money(minor, currency, locale).replace("\u00a0", " ") == written


@given(st.integers(0, 10**12), st.sampled_from(["PLN", "EUR", "JPY", "KWD", "XTS"]),
       st.sampled_from([*LOCALES, "de-CH", "ar", "hi", "zh-Hant", "no_such"]))  # fmt: skip
def test_no_sum_of_money_fails_to_be_written(minor: int, currency: str, locale: str) -> None:
    assert any(char.isdigit() for char in money(minor, currency, locale))


def test_a_language_goes_before_its_country_and_the_files_own_before_english() -> None:
    by = {"pl": "po polsku", "en": "in English", "pt-BR": "em português"}
    variants = {name: (CopyVariant(title=title, body="b", url="u"),) for name, title in by.items()}
    copy = Copy(variants, "pl")

    def title(wanted: str | None) -> str:
        text = copy.render(wanted, NOTHING)
        assert text is not None
        return text.title

    assert title("en-GB") == "in English"
    assert title("pt_BR") == "em português"
    assert title("pt-br") == "em português"
    assert title("pt") == "po polsku"
    assert title(None) == "po polsku"
    assert title("") == "po polsku"


def test_a_picture_that_is_not_known_is_left_out_and_the_words_stand() -> None:
    text = copy_of(image="{{ product.image }}").render("en", NOTHING)
    assert text is not None
    assert text.image is None


def test_a_buttons_missing_link_passes_the_variant_over() -> None:
    own = {
        "title": "t", "body": "b", "url": "u",
        "actions": ({"action": "go", "title": "Go", "url": "{{ product.url }}"},),
    }  # fmt: skip
    copy = Copy({"en": (CopyVariant.model_validate(own),)}, "en")
    assert copy.render("en", NOTHING) is None
    text = copy.render("en", EVERYTHING)
    assert text is not None
    assert text.actions[0].url == PRODUCT["url"]


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
        "{% extends 'x' %}", "{{ shop.name", "{% if %}", "{{ shop | nothing }}",
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
    ("url", "tagged"),
    [
        ("https://shop.example/cart", "https://shop.example/cart?{}"),
        ("https://shop.example/c?a=1", "https://shop.example/c?a=1&{}"),
        ("https://shop.example/c?a=1#top", "https://shop.example/c?a=1&{}#top"),
        ("/cart", "/cart?{}"),
        ("https://shop.example/c?utm_source=mail", "https://shop.example/c?utm_source=mail"),
    ],
)
def test_a_link_says_where_it_came_from_unless_it_says_so_already(url: str, tagged: str) -> None:
    utm = "utm_source=nudge&utm_medium=push&utm_campaign=cart_abandoned"
    assert with_utm(url, "cart_abandoned") == tagged.format(utm)


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
