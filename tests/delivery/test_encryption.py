"""RFC 8291, held against a browser's decryption."""

from base64 import urlsafe_b64encode

import http_ece
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pywebpush import WebPusher

from delivery.encryption import (
    MAX_PLAINTEXT,
    BadSubscriptionError,
    ReceiverKeys,
    TooLargeError,
    encrypt,
)
from nudge.pushlab import Browser

BROWSER = Browser("https://push.example/x", None)
KEYS = ReceiverKeys.parse(BROWSER.p256dh, BROWSER.auth)


@given(st.binary(min_size=1, max_size=MAX_PLAINTEXT))
def test_a_browser_reads_what_was_encrypted_for_it(plaintext: bytes) -> None:
    body = encrypt(KEYS, plaintext)
    assert BROWSER.decrypt(body) == plaintext
    assert len(body) <= 4096


def test_no_two_messages_share_a_salt_or_a_key() -> None:
    messages = [encrypt(KEYS, b"hello") for _ in range(100)]
    assert len({message[:16] for message in messages}) == 100
    assert len({message[21:86] for message in messages}) == 100


def test_a_message_has_the_form_that_pywebpush_gives_it() -> None:
    ours = encrypt(KEYS, b"hello")
    pusher = WebPusher({"endpoint": "", "keys": {"p256dh": BROWSER.p256dh, "auth": BROWSER.auth}})
    theirs = bytes(pusher.encode(b"hello")["body"])
    assert len(ours) == len(theirs)
    # Record size and the length of the key (RFC 8188 §2.1).
    assert ours[16:21] == theirs[16:21]


def test_another_browser_reads_nothing() -> None:
    other = Browser("https://push.example/y", None)
    with pytest.raises(http_ece.ECEException):
        http_ece.decrypt(
            encrypt(KEYS, b"hello"), private_key=other.private_key, auth_secret=other.auth_secret
        )


def test_a_message_that_does_not_fit_is_refused() -> None:
    with pytest.raises(TooLargeError):
        encrypt(KEYS, b"x" * (MAX_PLAINTEXT + 1))


@given(st.text(max_size=100), st.text(max_size=40))
def test_keys_that_no_browser_made_are_one_error(p256dh: str, auth: str) -> None:
    with pytest.raises(BadSubscriptionError):
        ReceiverKeys.parse(p256dh, auth)


def test_a_point_off_the_curve_is_refused() -> None:
    point = urlsafe_b64encode(b"\x04" + b"\x01" * 64).rstrip(b"=").decode()
    with pytest.raises(BadSubscriptionError):
        encrypt(ReceiverKeys.parse(point, BROWSER.auth), b"hello")


def test_keys_may_be_padded() -> None:
    padded = BROWSER.p256dh + "=" * (-len(BROWSER.p256dh) % 4)
    assert ReceiverKeys.parse(padded, BROWSER.auth + "==") == KEYS
