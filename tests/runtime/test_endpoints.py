"""Where pushes may go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from runtime.endpoints import (
    EndpointNotAllowedError,
    EndpointPolicy,
    EndpointSettings,
    is_loopback,
    is_public,
)

POLICY = EndpointPolicy()
LOCAL = EndpointPolicy(allow_loopback=True)


@pytest.mark.parametrize(
    ("url", "service"),
    [
        ("https://fcm.googleapis.com/fcm/send/dGVz:APA91b_x-y", "fcm.googleapis.com"),
        ("https://jmt17.google.com/fcm/send/abc", "jmt17.google.com"),
        (
            "https://updates.push.services.mozilla.com/wpush/v2/gAAAA",
            "updates.push.services.mozilla.com",
        ),
        ("https://eu.push.services.mozilla.com/wpush/v2/x", "*.push.services.mozilla.com"),
        ("https://wns2-par02p.notify.windows.com/w/?token=BQYAAA%3d", "*.notify.windows.com"),
        ("https://web.push.apple.com/QGlhfd", "*.push.apple.com"),
    ],
)
def test_the_browsers_push_services_are_spoken_to(url: str, service: str) -> None:
    endpoint = POLICY.check(url)
    assert endpoint.service == service
    assert endpoint.url == url
    assert endpoint.origin == f"https://{URL(url).host}"


@pytest.mark.parametrize(
    "url",
    [
        "http://fcm.googleapis.com/fcm/send/abc",
        "https://fcm.googleapis.com:8443/fcm/send/abc",
        "https://fcm.googleapis.com.evil.example/x",
        "https://evil.example/fcm.googleapis.com",
        "https://notify.windows.com/x",
        "https://evilnotify.windows.com/x",
        "https://user:pass@fcm.googleapis.com/x",
        "https://fcm.googleapis.com@evil.example/x",
        "https://fcm.googleapis.com\\@evil.example/x",
        "https://evil.example#.push.apple.com/x",
        "https://evil.example?.push.apple.com/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:127.0.0.1]/x",
        "https://2130706433/x",
        "https://localhost/x",
        "http://127.0.0.1:6379/",
        "http://[::1]/",
        "file:///etc/passwd",
        "gopher://fcm.googleapis.com/x",
        "https://fcm.googleapis.com/a b",
        "https://fcm.googleapis.com/a\r\nX: y",
        "https://fcm.googleapis.com/x#y",
        "https://ﬁcm.googleapis.com/x",
        "https://fcm.googleapis.com/" + "x" * 2048,
        "https://FCM.googleapis.com/fcm/send/abc",
        "https://fcm.googleapis.com:443/fcm/send/abc",
        "https://fcm.googleapis.com:0443/fcm/send/abc",
        "https://fcm.googleapis.com./fcm/send/abc",
        "https://a..notify.windows.com/x",
        f"https://{'x' * 64}.push.apple.com/x",
        "https://-x.push.apple.com/x",
        f"https://{'x.' * 130}push.apple.com/x",
        "",
    ],
)
def test_nothing_else_is(url: str) -> None:
    with pytest.raises(EndpointNotAllowedError):
        POLICY.check(url)


def test_a_host_whose_results_nobody_could_read_is_not_spoken_to() -> None:
    for length, fits in ((248, True), (249, False)):
        host = ("a" * 60 + ".") * 3
        host += "b" * (length - len(host) - len(".notify.windows.com")) + ".notify.windows.com"
        assert len(host) == length
        if fits:
            assert len(POLICY.check(f"https://{host}/w/?token=x").origin) == 256
        else:
            with pytest.raises(EndpointNotAllowedError, match="too long"):
                POLICY.check(f"https://{host}/w/?token=x")


def test_this_machine_is_spoken_to_where_ops_say_so() -> None:
    assert LOCAL.check("http://127.0.0.1:8123/wpush/v2/x").origin == "http://127.0.0.1:8123"
    assert LOCAL.check("http://localhost:8123/x").service == "loopback"
    with pytest.raises(EndpointNotAllowedError, match="NUDGE_PUSH_ALLOW_LOOPBACK"):
        POLICY.check("http://127.0.0.1:8123/wpush/v2/x")
    with pytest.raises(EndpointNotAllowedError):
        LOCAL.check("http://127.0.0.2:8123/x")
    with pytest.raises(EndpointNotAllowedError):
        LOCAL.check("http://10.0.0.1/x")


def test_a_shop_adds_a_push_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUDGE_PUSH_EXTRA_HOSTS", "push.shop.example, *.up.example")
    policy = EndpointSettings().policy()
    assert policy.check("https://push.shop.example/x").service == "push.shop.example"
    assert policy.check("https://a.up.example/x").service == "*.up.example"
    with pytest.raises(EndpointNotAllowedError):
        policy.check("https://up.example/x")


@pytest.mark.parametrize("hosts", ["*", "*.*", "https://x.example", "x", "a.b/c", "10.0.0.1"])
def test_an_extra_host_must_be_a_name(monkeypatch: pytest.MonkeyPatch, hosts: str) -> None:
    monkeypatch.setenv("NUDGE_PUSH_EXTRA_HOSTS", hosts)
    with pytest.raises(ValueError, match="NUDGE_PUSH_EXTRA_HOSTS"):
        EndpointSettings()


@given(st.text(max_size=60))
def test_whatever_a_browser_hands_in_is_judged(text: str) -> None:
    for url in (text, "https://fcm.googleapis.com/" + text, "https://" + text + ".push.apple.com/"):
        try:
            endpoint = POLICY.check(url)
        except EndpointNotAllowedError:
            continue
        # The client that will POST reads the same host out of it.
        host = URL(endpoint.url, encoded=True).host
        assert host is not None
        assert host.endswith(("fcm.googleapis.com", ".push.apple.com", ".mozilla.com"))
        assert URL(endpoint.url, encoded=True).user is None


@pytest.mark.parametrize(
    "address",
    [
        "10.1.2.3", "172.16.0.1", "192.168.0.1", "127.0.0.1", "0.0.0.0", "169.254.169.254",
        "100.64.0.1", "224.0.0.1", "255.255.255.255", "192.0.0.1", "198.18.0.1", "::1", "::",
        "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:10.0.0.1", "64:ff9b::a00:1",
        "fec0::1", "3fff::1", "192.88.99.1", "2002:a00:1::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ],
)  # fmt: skip
def test_addresses_inside_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    ["142.250.74.106", "2a00:1450:400f:80c::200a", "64:ff9b::808:808", "::ffff:8.8.8.8"],
)
def test_addresses_outside_are_public(address: str) -> None:
    assert is_public(address)
    assert not is_loopback(address)
