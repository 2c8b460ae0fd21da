"""Browsers that may be pushed to: whose they are, and who may say so."""

from base64 import urlsafe_b64encode
from typing import Any

import pytest

from gateway.problems import unavailable
from gateway.subscriptions import browser_named_by
from nudge.pushlab import Browser
from runtime.vapid import create_key
from schemas.partitioner import partition_of
from schemas.people import Subscription, split_subscription_key
from schemas.topics import SUBSCRIPTIONS
from tests.gateway.stage import SHOP_SECRET, Stage, identity, now_ms
from tests.harness.clusters import PARTITIONS


async def bound(stage: Stage) -> dict[str, str]:
    """Subscription to owner, as the compacted topic has it; where it stands is checked."""
    newest: dict[str, bytes | None] = {}
    for record in await stage.read(SUBSCRIPTIONS):
        assert record.key is not None
        assert record.partition == partition_of(split_subscription_key(record.key)[0], PARTITIONS)
        newest[record.key] = record.value
    owners = {}
    for key, value in newest.items():
        if value is None:
            continue
        found = Subscription.model_validate_json(value)
        assert key == f"{found.user_id}/{found.subscription_id}"
        assert found.subscription_id not in owners, "it has two owners"
        owners[found.subscription_id] = found.user_id
    return owners


async def test_a_visitor_subscribes_and_comes_again(stage: Stage) -> None:
    page, browser = await stage.page(), stage.lab.subscribe()
    before = now_ms()
    for _ in range(2):
        answer = await page.subscribe(browser, locale="pl-PL", timezone="Europe/Warsaw")
        assert answer.status == 200, answer
        assert answer.json() == {
            "subscription_id": browser.subscription_id,
            "owner": page.anonymous_id,
        }
    assert await bound(stage) == {browser.subscription_id: page.anonymous_id}
    record = (await stage.read(SUBSCRIPTIONS))[-1].json()
    assert record["key_id"] == stage.key.key_id
    assert record["timezone"] == "Europe/Warsaw"
    assert before <= record["last_seen_at"] <= now_ms()


async def test_who_logged_in_gets_the_browser_and_a_logout_gives_it_back(stage: Stage) -> None:
    page, browser = await stage.page(), stage.lab.subscribe()
    await page.subscribe(browser)
    page.identity = identity("ada")
    await page.subscribe(browser)
    assert await bound(stage) == {browser.subscription_id: "ada"}

    page.identity = None
    await page.subscribe(browser)
    assert await bound(stage) == {browser.subscription_id: page.anonymous_id}


async def test_on_a_shared_computer_the_browser_is_the_last_ones(stage: Stage) -> None:
    page, browser = await stage.page(), stage.lab.subscribe()
    for user in ("ada", "bob"):
        page.identity = identity(user)
        await page.subscribe(browser)
    assert await bound(stage) == {browser.subscription_id: "bob"}


async def test_an_endpoint_under_a_strangers_keys_is_not_taken(stage: Stage) -> None:
    mine, thief, browser = await stage.page(), await stage.page(), stage.lab.subscribe()
    await mine.subscribe(browser)
    forged = Browser(browser.endpoint, None)
    answer = await thief.subscribe(forged)
    assert (answer.status, answer.json()["code"]) == (409, "conflict")
    assert await bound(stage) == {browser.subscription_id: mine.anonymous_id}

    renewed = await mine.subscribe(forged)
    assert renewed.status == 200
    assert await bound(stage) == {forged.subscription_id: mine.anonymous_id}


async def test_of_too_many_browsers_the_one_unseen_longest_goes(stage: Stage) -> None:
    page = await stage.page()
    page.identity = identity("ada")
    browsers = [stage.lab.subscribe() for _ in range(12)]
    for browser in browsers:
        assert (await page.subscribe(browser)).status == 200
    assert set(await bound(stage)) == {browser.subscription_id for browser in browsers[2:]}


async def test_what_had_to_go_while_kafka_was_away_goes_when_it_is_back(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await stage.page()
    page.identity = identity("ada")
    browsers = [stage.lab.subscribe() for _ in range(12)]
    for browser in browsers[:10]:
        assert (await page.subscribe(browser)).status == 200

    async def away(*_: object) -> None:
        raise unavailable("Kafka")

    with monkeypatch.context() as patched:
        patched.setattr(stage.gateway._app.state.site.broker, "write", away)
        for browser in browsers[10:]:
            assert (await page.subscribe(browser)).status == 503
    assert (await page.subscribe(browsers[11])).status == 200
    assert browsers[0].subscription_id not in await bound(stage)
    assert (await page.subscribe(browsers[10])).status == 200
    assert set(await bound(stage)) == {browser.subscription_id for browser in browsers[2:]}


async def test_a_browser_that_renews_its_subscription_has_one(stage: Stage) -> None:
    page, old, new = await stage.page(), stage.lab.subscribe(), stage.lab.subscribe()
    await page.subscribe(old)
    await page.subscribe(new, replaces={"endpoint": old.endpoint, "keys": old.keys()})
    assert await bound(stage) == {new.subscription_id: page.anonymous_id}


async def test_who_unsubscribes_is_forgotten_and_nobody_else_can_do_it_for_them(
    stage: Stage,
) -> None:
    mine, other, browser = await stage.page(), await stage.page(), stage.lab.subscribe()
    await mine.subscribe(browser)
    assert (await other.unsubscribe(browser.subscription_id)).status == 204
    assert await bound(stage) == {browser.subscription_id: mine.anonymous_id}
    assert (await mine.unsubscribe(browser.subscription_id)).status == 204
    assert await bound(stage) == {}


async def test_an_expired_identity_may_unsubscribe_and_nothing_else(stage: Stage) -> None:
    page, browser = await stage.page(), stage.lab.subscribe()
    page.identity = identity("ada")
    await page.subscribe(browser)
    page.identity = identity("ada", iat=now_ms() // 1000 - 7200, exp=now_ms() // 1000 - 10)
    answer = await page.subscribe(browser)
    assert (answer.status, answer.json()["code"]) == (401, "expired")
    assert (await page.unsubscribe(browser.subscription_id)).status == 204
    assert await bound(stage) == {}


def _unsigned(user: str) -> str:
    head, claims, _ = identity(user).split(".")
    none = urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    assert head != none
    return f"{none}.{claims}."


@pytest.mark.parametrize(
    "forged",
    [
        identity("ada", secret="another secret that is long enough for it"),
        _unsigned("ada"),
        identity("ada", aud="something-else"),
        identity("ada", exp=now_ms() // 1000 + 90_000),
        identity("ada\n"),
        identity(""),
        identity("a" * 129),
        identity("ada")[:-2],
        SHOP_SECRET,
        "ada",
    ],
)
async def test_a_forged_identity_binds_nothing(stage: Stage, forged: str) -> None:
    page = await stage.page()
    page.identity = forged
    answer = await page.subscribe(stage.lab.subscribe())
    assert answer.status == 401
    assert await stage.read(SUBSCRIPTIONS) == []


async def test_a_forged_visitor_is_refused(stage: Stage) -> None:
    page, other = await stage.page(), await stage.page()
    _, _, mac = page.visitor.rpartition(".")
    for forged in (f"{other.anonymous_id}.{mac}", "a-1.", "", f"ada.{mac}", "ż.ó"):
        page.visitor = forged
        answer = await page.subscribe(stage.lab.subscribe())
        assert answer.status == 401, forged


HOSTILE: tuple[tuple[dict[str, Any], str], ...] = (
    ({"endpoint": "https://10.0.0.1/x"}, "subscription.endpoint"),
    ({"endpoint": "http://fcm.googleapis.com/x"}, "subscription.endpoint"),
    ({"endpoint": "https://fcm.googleapis.com.evil.example/x"}, "subscription.endpoint"),
    ({"endpoint": "https://fcm.googleapis.com@evil.example/x"}, "subscription.endpoint"),
    ({"endpoint": "https://169.254.169.254/latest/meta-data"}, "subscription.endpoint"),
    ({"endpoint": "https://fcm.googleapis.com/\r\nHost: evil"}, "subscription.endpoint"),
    ({"endpoint": "https://fcm.googleapis.com/" + "x" * 2048}, "subscription.endpoint"),
    # No browser writes these: another spelling would be another endpoint to who claims it.
    ({"endpoint": "https://FCM.googleapis.com/x"}, "subscription.endpoint"),
    ({"endpoint": "https://fcm.googleapis.com:443/x"}, "subscription.endpoint"),
    ({"endpoint": "https://fcm.googleapis.com:0443/x"}, "subscription.endpoint"),
    ({"endpoint": "https://fcm.googleapis.com:/x"}, "subscription.endpoint"),
    ({"endpoint": "https://a..notify.windows.com/x"}, "subscription.endpoint"),
    ({"keys": {"p256dh": "BA" + "A" * 85, "auth": "A" * 22}}, "subscription.keys.p256dh"),
    ({"keys": {"p256dh": "x", "auth": "A" * 22}}, "subscription.keys.p256dh"),
    ({"keys": {"p256dh": "A" * 300, "auth": "A" * 22}}, "subscription.keys.p256dh"),
    ({"keys": {"auth": "A" * 22}}, "subscription.keys.p256dh"),
)


async def test_what_no_browser_would_send_is_refused_by_name(stage: Stage) -> None:
    page, browser = await stage.page(), stage.lab.subscribe()
    good: dict[str, Any] = {"endpoint": browser.endpoint, "keys": browser.keys()}
    short = {**browser.keys(), "auth": "AAAA"}
    for wrong, field in (*HOSTILE, ({"keys": short}, "subscription.keys.auth")):
        body = {**page.credentials(), "subscription": good | wrong}
        answer = await stage.post("/v1/subscriptions", body)
        assert (answer.status, answer.json().get("field")) == (400, field), wrong
    answer = await page.subscribe(browser, key_id="no-such-key")
    assert answer.json()["field"] == "key_id"
    assert await stage.read(SUBSCRIPTIONS) == []


@pytest.mark.parametrize("host", ["fcm.googleapis.com", "jmt17.google.com"])
async def test_chromium_subscribes_at_either_of_googles_hosts(stage: Stage, host: str) -> None:
    page, browser = await stage.page(), stage.lab.subscribe()
    subscription = {"endpoint": f"https://{host}/fcm/send/abc", "keys": browser.keys()}
    answer = await stage.post(
        "/v1/subscriptions", {**page.credentials(), "subscription": subscription}
    )
    assert answer.status == 200


async def test_the_key_to_subscribe_with_is_told_and_older_ones_stay(stage: Stage) -> None:
    current = await stage.ask("GET", "/v1/keys/current")
    assert current.json() == {"key_id": stage.key.key_id, "public_key": stage.key.public_key}
    by_id = await stage.ask("GET", f"/v1/keys/{stage.key.key_id}")
    assert by_id.json() == current.json()
    assert (await stage.ask("GET", "/v1/keys/none-such")).status == 404


async def test_with_two_keys_alive_each_browser_keeps_the_one_it_came_with(
    stage: Stage,
) -> None:
    first, page = stage.key, await stage.page()
    second = create_key(stage.keys, another=True)
    old, new = stage.lab.subscribe(first.public_key), stage.lab.subscribe(second.public_key)
    async with Stage(stage.kafka, stage.values["redis_url"], stage.keys) as rotated:
        # A third pair was made with this copy; all three are known to it.
        assert (await rotated.ask("GET", "/v1/keys/current")).json()["key_id"] not in (
            first.key_id, second.key_id,
        )  # fmt: skip
        later = await rotated.page()
        assert (await later.subscribe(old, key_id=first.key_id)).status == 200
        assert (await later.subscribe(new, key_id=second.key_id)).status == 200
    assert (await page.subscribe(new, key_id=second.key_id)).json()["field"] == "key_id"
    records = [r.json() for r in await stage.read(SUBSCRIPTIONS) if r.value is not None]
    assert {r["key_id"] for r in records} == {first.key_id, second.key_id}


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
         " Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
         "Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox/140.0"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like"
         " Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
         "Version/18.5 Mobile/15E148 Safari/604.1"),
        ("((((", None),
        ("", None),
        ("x" * 9000, None),
    ],
)  # fmt: skip
def test_of_a_browser_its_name_is_kept_and_not_the_device(header: str, kept: str | None) -> None:
    assert browser_named_by(header) == kept
