"""Words that could never be said are refused when the file is checked, each with its cure."""

from typing import Any

import pytest
import yaml

from processors.campaign_file import CampaignFileError, read
from processors.scenario_file import ScenarioFileError, load
from tests.processors.copy_data import RULES
from tests.timelines.stories import SHIPPED

TEXT = SHIPPED.read_text()
SHORT = {"title": "Thanks", "body": "Enjoy it.", "url": "{{ shop.url }}"}


def said(*variants: dict[str, Any], on: str = "purchase", **settings: Any) -> list[str]:
    """What is said of a scenario's words in English: where, what, and the cure."""
    scenario = {"use": "after_event", "on": on, "copy": "mine"} | settings
    return told({"mine": scenario}, {"mine": {"en": list(variants)}})


def told(scenarios: dict[str, Any], copies: dict[str, Any]) -> list[str]:
    added = (
        yaml.safe_dump({"scenarios": scenarios}).removeprefix("scenarios:\n") if scenarios else ""
    )
    words = yaml.safe_dump({"copy": copies}, sort_keys=False).removeprefix("copy:\n")
    text = TEXT.replace("\nscenarios:\n", f"\nscenarios:\n{added}", 1) + "\n" + words
    try:
        load(text)
    except ScenarioFileError as error:
        return [f"{p.message}: {p.cure}".removeprefix("copy.mine.en.") for p in error.problems]
    return []


@pytest.mark.parametrize(
    ("variant", "complaint"),
    [
        ({"title": "x" * 257}, "0.title: 257 characters: there is room for 256"),
        ({"title": " "}, "0.title: is blank: say something"),
        ({"title": "{{ ' ' }}"}, "0.title: is blank"),
        ({"title": "{{ shop.name * 40 }}"}, "0.title: 280 characters: there is room for 256"),
        ({"title": "{{ 'x' * 10000000000 }}"}, "0.title: builds more than 4,096 characters"),
        ({"body": "x" * 1025}, "0.body: 1,025 characters: there is room for 1,024"),
        ({"url": f"https://shop.example/{'x' * 1990}"},
         "0.url: 2,062 characters with its utm_source: there is room for 2,048"),
        ({"image": f"https://shop.example/{'x' * 2048}"}, "0.image: 2,069 characters"),
        ({"body": "ż" * 1000, "url": f"https://shop.example/{'x' * 1900}"},
         "0: 4,020 bytes in all: a push has room for 3,600"),
        ({"url": "https://"}, "0.url: leads nowhere: 'https://': write https://"),
        ({"url": "https:///x"}, "0.url: leads nowhere"),
        ({"url": "https://shop.example/a b"}, "0.url: leads nowhere"),
        ({"url": "{{ shop.name }}/x"}, "0.url: leads nowhere: 'Nordhus/x'"),
        ({"image": "not a url"}, "0.image: leads nowhere: 'not a url'"),
        ({"icon": "ftp://shop.example/i.png"}, "0.icon: leads nowhere"),
        ({"actions": [{"action": "a", "title": " "}]}, "0.actions.0.title: is blank"),
        ({"actions": [{"action": "answer/", "title": "A"}]},
         "0.actions.0.action: 'answer/' says no answer: like answer/good"),
        ({"actions": [{"action": "", "title": "A"}]}, "0.actions.0.action: '' is no name"),
        ({"actions": [{"action": "a", "title": "A"}, {"action": "a", "title": "B"}]},
         "0.actions.1.action: 'a' is both buttons' name: call them differently"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_last", [True, False])
def test_words_that_no_push_could_carry_are_refused(
    variant: dict[str, Any], complaint: str, is_last: bool
) -> None:
    found = said(SHORT | variant, *(() if is_last else (SHORT,)))
    if "bytes in all" in complaint and not is_last:
        return
    assert len(found) == 1, found
    assert found[0].startswith(complaint)


@pytest.mark.parametrize(
    "variant",
    [
        {"title": "x" * 256}, {"body": "x" * 1024}, {"url": "/cart"},
        {"url": "https://shop.example:8443/x?y=ż#z"}, {"image": ""},
        {"image": "https://shop.example/i.png"}, {"url": "{{ shop.cart_url }}?x=1"},
        {"actions": [{"action": "answer/good", "title": "Good"}, {"action": "b", "title": "B"}]},
        {"title": "Thanks, {{ user.first_name | default('dear guest') }}"},
    ],
)  # fmt: skip
def test_words_that_just_fit_are_good(variant: dict[str, Any]) -> None:
    assert said(SHORT | variant) == []


@pytest.mark.parametrize(
    ("title", "complaint"),
    [
        ("{{ event.valu }}", "event has no 'valu' in mine: did you mean 'value'?"),
        ("{{ event.status }}", "event has no 'status' in mine: it has count, currency"),
        ("{{ order.pickup_point }}", "order has no 'pickup_point' in mine"),
        ("{{ cart.value }}", "mine has no 'cart': it has event, locale, order, product"),
        ("{{ voucher.code }}", "mine has no 'voucher': give it a `voucher`"),
        ("{{ bought.name }}", "mine has no 'bought'"),
        ("{{ products[0].nmae }}", "products[0] has no 'nmae': did you mean 'name'?"),
        ("{{ (products | first).nmae }}", "products | first has no 'nmae'"),
        ("{% for p in products %}{{ p.nmae }}{% endfor %}", "p has no 'nmae'"),
        ("{% for line in cart.lines[:2] %}{{ line.category }}{% endfor %}",
         "line has no 'category'"),
        ("{{ event.value | money }}",
         "money without its currency: like money(cart.currency) or money('PLN')"),
        ("{{ event.value | money('PNL') }}", "'PNL' is no ISO 4217 code: such as EUR"),
        ("{{ event.value | money(currency='PNL') }}", "'PNL' is no ISO 4217 code"),
        ("{{ product.in_stock }}", "product has no 'in_stock' in mine"),
    ],
)  # fmt: skip
def test_what_a_scenario_never_has_is_refused_in_any_variant(title: str, complaint: str) -> None:
    found = said(SHORT | {"title": title}, SHORT)
    assert any(one.startswith(f"0.title: {complaint}") for one in found), found


@pytest.mark.parametrize(
    "title",
    [
        "{{ event.value | money(event.currency) }} {{ order.id }} {{ product.name }}",
        "{{ event.expected_delivery | date }} {{ event.product_ids | first }} {{ event.count }}",
        "{% if voucher is defined %}{{ voucher.code }}{% endif %}",
        "{% if event.status is defined %}{{ event.status }}{% endif %}",
        "{{ event.status | default('') }} {{ user.whatever }} {{ event.get('x') }}",
        "{% for product in event.product_ids %}{{ product.anything }}{% endfor %}",
        "{% set cart = {'x': 1} %}{{ cart.x }}",
    ],
)
def test_what_may_be_there_sometimes_is_no_mistake(title: str) -> None:
    assert said(SHORT | {"title": title}, SHORT) == []


def test_what_a_setting_gives_may_be_spoken_of() -> None:
    voucher = SHORT | {"title": "{{ voucher.code }}"}
    assert said(voucher, SHORT, voucher={"pool": "p", "needed": False}) == []
    related = SHORT | {"title": "{{ bought.name }} goes with {{ product.name }}"}
    assert said(related, SHORT, relations=["complement"]) == []
    views = SHORT | {"title": "{{ event.views }} views of {{ product.name }}"}
    assert said(views, SHORT, on="session_end") == []


def test_a_copy_of_two_scenarios_may_speak_of_what_one_of_them_has() -> None:
    words = SHORT | {"title": "{{ cart.count }} of {{ order.id }}"}
    follower = {"use": "after_event", "on": "purchase", "copy": "mine"}
    cart = {"use": "cart_abandoned", "steps": [{"wait": "1h", "copy": "mine"}]}
    copies = {"mine": {"en": [words, SHORT]}}
    assert told({"a": follower, "b": cart}, copies) == []
    assert len(told({"b": cart}, copies)) == 1
    arm = {**cart, "steps": [{"wait": "1h", "copy": "cart_abandoned"}],
           "arms": [{"name": "loud", "percent": 50, "copy": "mine"}]}  # fmt: skip
    assert told({"b": arm}, copies) == ["0.title: b has no 'order': it has cart, locale,"
                                        " product, shop, tz, user"]  # fmt: skip


def test_words_that_nobody_speaks_yet_may_speak_of_anything() -> None:
    assert told({}, {"mine": {"en": [SHORT | {"title": "{{ cart.count }}"}, SHORT]}}) == []


@pytest.mark.parametrize("again", ["EN", "en"])
def test_a_language_that_stands_twice_is_refused(again: str) -> None:
    english, polish = {"en-GB": [SHORT], "pl": [SHORT]}, {f"{again}_gb": [SHORT]}
    (found,) = told({}, {"mine": english | polish})
    assert f"'{again}_gb' is the language 'en-GB' again: keep one of them" in found


def campaign(title: str, **settings: Any) -> list[str]:
    file = {"id": "sale", "segment": "all", "at": "now"} | settings
    words = {"copy": {"en": [SHORT | {"title": title}, SHORT]}}
    try:
        read(yaml.safe_dump(file | words), "sale.yaml", RULES)
    except CampaignFileError as error:
        return [problem.message for problem in error.problems]
    return []


def test_a_campaign_speaks_of_itself_and_its_voucher_alone() -> None:
    assert campaign("{{ campaign.until | date }}", until="2027-01-01T00:00") == []
    assert campaign("{{ campaign.until | date }}") == [
        "copy.en.0.title: campaign has no 'until' in sale"
    ]
    assert campaign("{{ voucher.code }}", voucher="spring") == []
    assert campaign("{{ product.name }}") == ["copy.en.0.title: sale has no 'product'"]
