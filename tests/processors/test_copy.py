"""What the shipped file says, in every language, with all data and with none; and what copy may."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.config import CopyVariant
from processors.copy import Copy, Text, with_utm
from processors.copy_names import HOLDS
from processors.template import NAMES, money
from schemas.events import OrderState
from schemas.push import PAYLOAD_LIMIT
from tests.processors.copy_data import (
    EVERYTHING,
    LOCALES,
    NOTHING,
    PRODUCT,
    RULES,
    copy_of,
)
from tests.timelines.stories import shipped

EVERY = [(name, locale) for name in RULES.copies for locale in LOCALES]


def words_of(text: Text) -> str:
    return " ".join((text.title, text.body, text.url)).replace("\u00a0", " ")


def test_every_field_that_the_copy_is_given_may_stand_in_a_template() -> None:
    assert set(HOLDS) | {"user", "event", "order", "products", "locale", "tz"} == NAMES
    for name, fields in HOLDS.items():
        given = EVERYTHING.get(name, {})
        assert isinstance(given, dict)
        assert given.keys() <= fields, name


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
    assert title("pt") == "em português"
    assert title("zh-Hant-TW") == "po polsku"
    assert title(None) == "po polsku"
    assert title("") == "po polsku"


def test_a_picture_that_is_not_known_is_left_out_and_the_words_stand() -> None:
    text = copy_of(image="{{ product.image }}").render("en", NOTHING)
    assert text is not None
    assert text.image is None


def test_a_picture_with_too_long_a_link_is_left_out_and_the_words_stand() -> None:
    text = copy_of(image=f"https://shop.example/{'x' * 2048}").render("en", NOTHING)
    assert text is not None
    assert text.image is None


@pytest.mark.parametrize("said", ["{% if user.loyalty == 'gold' %}Gold{% endif %}", "   "])
def test_a_variant_that_comes_out_empty_is_passed_over(said: str) -> None:
    for field in ("title", "url"):
        first = CopyVariant.model_validate({"title": "T", "body": "b", "url": "u", field: said})
        copy = Copy({"en": (first, CopyVariant(title="Fallback", body="b", url="u"))}, "en")
        text = copy.render("en", {"user": {"loyalty": "silver"}})
        assert text is not None
        assert (text.title, text.variant) == ("Fallback", 2)


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
