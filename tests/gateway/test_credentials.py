"""Whatever somebody hands in as a proof, it proves nothing or is refused; nothing else happens."""

import time
from base64 import urlsafe_b64encode
from math import inf, nan
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.credentials import LEEWAY_S, Caller, Credentials
from gateway.problems import RefusedError
from gateway.settings import GatewaySettings
from gateway.site import Credited
from tests.gateway.stage import PAGE_KEY, SERVER_KEY, SHOP_SECRET, TOKEN_SECRET, identity

CREDENTIALS = Credentials(
    GatewaySettings.model_validate(
        {
            "vapid_subject": "mailto:ops@shop.example",
            "token_secret": TOKEN_SECRET,
            "gateway_public_keys": PAGE_KEY,
            "gateway_server_keys": SERVER_KEY,
            "gateway_identity_secrets": SHOP_SECRET,
        }
    )
)
ANYTHING = st.none() | st.text(st.characters(codec="utf-8"), max_size=80)


def proved(key: str | None, visitor: str | None, token: str | None) -> Caller | None:
    try:
        return CREDENTIALS.caller(key, visitor, token)
    except RefusedError:
        return None


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else orjson.dumps(value)
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


@given(ANYTHING, ANYTHING, ANYTHING)
def test_a_guess_proves_nothing(key: str | None, visitor: str | None, token: str | None) -> None:
    assert proved(key, None, None) is None
    for caller in (proved(PAGE_KEY, visitor, None), proved(PAGE_KEY, None, token)):
        assert caller in (None, Caller())


HEADS = st.recursive(st.none() | st.booleans() | st.text(), st.lists)
BODIES = st.dictionaries(st.text(max_size=5), st.text(max_size=5))


@given(HEADS, BODIES, st.binary(max_size=40))
def test_a_token_with_an_odd_head_or_body_is_refused(head: Any, body: Any, mac: bytes) -> None:
    good, claims, signature = identity("ada").split(".")
    assert proved(PAGE_KEY, None, f"{part(head)}.{claims}.{signature}") is None
    assert proved(PAGE_KEY, None, f"{good}.{part(body)}.{signature}") is None
    assert proved(PAGE_KEY, None, f"{good}.{claims}.{part(mac)}") is None
    named = part({"alg": "HS256", **body})
    assert proved(PAGE_KEY, None, f"{named}.{claims}.{part(mac)}") is None


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_a_token_nested_without_end_is_refused(opening: bytes) -> None:
    _, claims, signature = identity("ada").split(".")
    assert proved(PAGE_KEY, None, f"{part(opening * 5_000)}.{claims}.{signature}") is None


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": 17}, {"sub": ["ada"]}, {"sub": "ada\r\nX: y"}, {"sub": " " * 0}, {"iat": "now"},
        {"iat": 0}, {"exp": 10**12}, {"exp": None}, {"aud": "shop"}, {"aud": None},
        {"nbf": 9_999_999_999},
    ],
)  # fmt: skip
def test_what_the_shop_signed_must_still_make_sense(claims: dict[str, Any]) -> None:
    assert proved(PAGE_KEY, None, identity("ada", **claims)) is None


@pytest.mark.parametrize("odd", [nan, inf, -inf, 1e300, -1])
def test_what_is_no_time_dates_no_token(odd: float) -> None:
    for number in (odd, 10**400, -(10**400)):
        assert proved(PAGE_KEY, None, identity("ada", iat=number)) is None
        assert proved(PAGE_KEY, None, identity("ada", exp=number)) is None


def test_a_shop_whose_clock_is_a_little_ahead_still_logs_its_users_in() -> None:
    ahead, now = LEEWAY_S - 2, int(time.time())
    token = identity("ada", iat=now + ahead, exp=now + ahead + 3600)
    assert proved(PAGE_KEY, None, token) == Caller(user_id="ada")
    far = identity("ada", iat=now + LEEWAY_S + 30, exp=now + 3600)
    assert proved(PAGE_KEY, None, far) is None


def test_a_key_and_a_token_prove_what_they_prove_and_no_more() -> None:
    anonymous_id, visitor = CREDENTIALS.new_visitor()
    assert proved(PAGE_KEY, visitor, identity("ada")) == Caller(False, anonymous_id, "ada")
    assert proved(SERVER_KEY, None, None) == Caller(is_server=True)
    for spoilt in (visitor[:-1], visitor + "A", visitor.upper(), f"x{visitor}", visitor + " "):
        assert proved(PAGE_KEY, spoilt, None) is None


@pytest.mark.parametrize("half", [rb'"\ud800"', rb'"\udfff.x"'])
def test_half_a_character_is_no_json(half: bytes) -> None:
    with pytest.raises(ValidationError, match=r"surrogate|hex escape"):
        Credited.model_validate_json(b'{"visitor": %s}' % half)
