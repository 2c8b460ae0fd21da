"""Firefox, with its own encryption and a push service of ours: from the button to the answer."""

from typing import Any

from redis.asyncio import Redis

from schemas.adapters import dump
from schemas.push import MessageClass, Payload, PushJob
from schemas.topics import INTERACTIONS, JOBS, RESULTS, SHOP_EVENTS, SUBSCRIPTIONS
from tests.browsers.conftest import Street
from tests.browsers.push_service import DELIVERED
from tests.gateway.stage import Stage, identity, now_ms
from tests.gateway.test_interactions import delivering
from tests.harness.records import Sent, produce
from tests.harness.waiting import eventually


async def owners(street: Street) -> dict[str, str]:
    """Who has which subscription, as the topic says in the end."""
    found: dict[str, str] = {}
    newest = {r.key: r for r in await street.stage.read(SUBSCRIPTIONS)}
    for record in newest.values():
        if record.value is not None:
            value = record.json()
            found[value["subscription_id"]] = value["user_id"]
    return found


async def emit(
    street: Street, user: str, device: str, job_id: str, *, good_ms: int = 120_000, **words: Any
) -> None:
    """A job, as the core would write it, that is worth sending for ``good_ms``."""
    payload = Payload.model_validate({
        "title": "Your cart is waiting", "body": "One vase.", "url": f"{street.shop.origin}/cart",
        "tag": "cart", "scenario": "cart_abandoned", "job_id": job_id, **words,
    })  # fmt: skip
    job = PushJob(
        job_id=job_id, user_id=user, scenario="cart_abandoned",
        message_class=MessageClass.TRANSACTIONAL, created_at=now_ms(),
        expires_at=now_ms() + good_ms, tag="cart", topic="cart", devices=(device,),
        payload=payload,
    )  # fmt: skip
    await produce(street.stage.kafka, JOBS, [Sent(user, dump(job))])


async def told(street: Street) -> list[tuple[str, str]]:
    """(job, what) of every interaction, in no order."""
    records = await street.stage.read(INTERACTIONS)
    return sorted((r.json()["job_id"], r.json()["type"]) for r in records)


async def visitor(street: Street) -> str:
    """The only one there is."""
    return next(iter((await owners(street)).values()))


async def test_a_push_is_decrypted_shown_and_clicked_and_each_is_told_once(street: Street) -> None:
    device = await street.subscribe()
    user = await visitor(street)
    async with delivering(street.stage):
        await emit(street, user, device, "job-1")
        shown = await street.desktop.sees("Your cart is waiting")
        assert shown.body.startswith("One vase.")
        await eventually(lambda: street.push.acknowledged == [DELIVERED])
        street.desktop.click(shown)

        async def opened() -> bool:
            return f"{street.shop.origin}/cart" in await street.firefox.tabs()

        await eventually(opened, 30)

        async def both() -> bool:
            return await told(street) == [("job-1", "clicked"), ("job-1", "displayed")]

        await eventually(both, 30, every_s=0.5)


async def test_a_tab_that_shows_the_link_already_is_not_opened_twice(street: Street) -> None:
    device = await street.subscribe()
    user, cart = await visitor(street), f"{street.shop.origin}/cart"
    await street.firefox.visit(f"{cart}#items")
    async with delivering(street.stage):
        await emit(street, user, device, "job-1", url=f"{cart}?utm_source=nudge")
        street.desktop.click(await street.desktop.sees("Your cart is waiting"))

        async def clicked() -> bool:
            return ("job-1", "clicked") in await told(street)

        await eventually(clicked, 30, every_s=0.5)
    assert [tab for tab in await street.firefox.tabs() if tab.startswith(cart)] == [f"{cart}#items"]


async def test_the_same_tag_replaces_and_only_a_person_dismisses(street: Street) -> None:
    device = await street.subscribe()
    user = await visitor(street)
    async with delivering(street.stage):
        await emit(street, user, device, "job-1", title="One vase is waiting")
        await street.desktop.sees("One vase is waiting")
        await emit(street, user, device, "job-2", title="Two vases are waiting")
        shown = await street.desktop.sees("Two vases are waiting")
        await eventually(lambda: len(street.desktop.on_screen) == 1)
        street.desktop.dismiss(shown)

        async def dismissed() -> bool:
            return ("job-2", "dismissed") in await told(street)

        await eventually(dismissed, 30, every_s=0.5)
        assert await told(street) == [
            ("job-1", "displayed"),
            ("job-2", "dismissed"),
            ("job-2", "displayed"),
        ]


async def test_who_unsubscribes_in_the_browser_is_forgotten_everywhere(
    street: Street, redis: Redis
) -> None:
    device = await street.subscribe()
    user = await visitor(street)
    own = street.stage.settings.redis_key("subscriptions", "of", user)
    async with delivering(street.stage):

        async def known() -> bool:
            return bool(await redis.hexists(own, device))

        await eventually(known, 30)
        await street.firefox.run(
            "navigator.serviceWorker.ready.then((w) => w.pushManager.getSubscription())"
            ".then((s) => s.unsubscribe())"
        )
        await eventually(lambda: all(c.gone for c in street.push.channels.values()))
        await emit(street, user, device, "job-1")

        async def forgotten() -> bool:
            return not await owners(street) and not await redis.hexists(own, device)

        await eventually(forgotten, 30, every_s=0.5)
    (channel,) = street.push.channels.values()
    assert channel.answers == [410]


async def test_a_permission_taken_away_ends_the_subscription_at_the_next_visit(
    street: Street,
) -> None:
    await street.subscribe()
    assert len(await owners(street)) == 1
    await street.firefox.permit(street.shop.origin, "denied")
    await street.firefox.visit(f"{street.shop.origin}/product")
    await street.firefox.run("ready")
    assert await street.firefox.run("nudge.reach()") == "blocked"
    assert await owners(street) == {}


async def test_a_browser_with_a_new_uaid_subscribes_again_without_a_visit(street: Street) -> None:
    before = await street.subscribe()
    user = await visitor(street)
    await street.push.forget()

    async def renewed() -> bool:
        found = await owners(street)
        return set(found.values()) == {user} and before not in found

    await eventually(renewed, 60, every_s=0.5)


async def test_after_a_logout_nothing_of_the_user_comes_to_a_shared_computer(
    street: Street,
) -> None:
    device = await street.subscribe()
    anonymous = await visitor(street)
    await street.firefox.run(f"nudge.login({identity('ada')!r})")
    assert await owners(street) == {device: "ada"}
    async with delivering(street.stage):
        await emit(street, "ada", device, "job-1", title="Ada's order")
        await street.desktop.sees("Ada's order")
        await street.firefox.run("nudge.logout()")
        await eventually(lambda: not street.desktop.on_screen)
        assert await owners(street) == {device: anonymous}
        await emit(street, "ada", device, "job-2", title="Ada's other order")
        await emit(street, anonymous, device, "job-3", title="For anybody here")
        await street.desktop.sees("For anybody here")
    titles = {each.title for each in street.desktop.shown}
    assert titles == {"Ada's order", "For anybody here"}
    types = [record.json()["type"] for record in await street.stage.read(SHOP_EVENTS)]
    assert types.count("login") == types.count("logout") == 1
    assert ("job-1", "dismissed") not in await told(street)


async def test_a_new_key_is_taken_at_the_next_visit_and_until_then_the_old_one_serves(
    street: Street,
) -> None:
    before, old = await street.subscribe(), street.stage
    user = await visitor(street)
    # A copy of the gateway that was started after `nudge keys create --another`.
    rotated = Stage(
        old.kafka, old.values["redis_url"], old.keys, gateway_origins=street.shop.origin
    )
    assert rotated.key.key_id != old.key.key_id
    async with rotated, delivering(rotated):
        await emit(street, user, before, "job-1", title="Under the old key")
        await street.desktop.sees("Under the old key")

        street.shop.gateway = rotated.url
        await street.firefox.visit(f"{street.shop.origin}/product")
        await street.firefox.run("ready")
        after = await street.device()
        assert after != before
        assert await owners(street) == {after: user}
        await emit(street, user, after, "job-2", title="Under the new key")
        await street.desktop.sees("Under the new key")
    first, second = street.push.channels.values()
    assert first.gone
    assert {first.key, second.key} == {old.key.public_key, rotated.key.public_key}


async def test_where_the_keys_are_lost_a_visit_brings_the_browser_back_and_nothing_else_does(
    street: Street, redis: Redis
) -> None:
    before, old = await street.subscribe(), street.stage
    user = await visitor(street)
    own = old.settings.redis_key("subscriptions", "of", user)
    for file in old.keys.iterdir():
        file.unlink()
    old.keys.rmdir()
    # Delivery and a gateway that were started after `nudge keys create`, in an empty directory.
    anew = Stage(old.kafka, old.values["redis_url"], old.keys, gateway_origins=street.shop.origin)
    async with anew, delivering(anew):
        await emit(street, user, before, "job-1", good_ms=3_000, title="Under the lost key")
        await eventually(lambda: ended(street, "job-1", "unauthorized"), 30)

        street.shop.gateway = anew.url
        await street.firefox.visit(f"{street.shop.origin}/product")
        await street.firefox.run("ready")
        after = await street.device()
        assert await owners(street) == {after: user}
        await emit(street, user, after, "job-2", title="Under the new key")
        await street.desktop.sees("Under the new key")
        await emit(street, user, before, "job-3", title="To what is no more")
        await eventually(lambda: ended(street, "job-3", "no_subscription"), 30)
        assert await redis.hkeys(own) == [after.encode()]
    first, second = street.push.channels.values()
    assert first.gone
    assert (first.answers, second.answers) == ([], [201])
    assert (first.key, second.key) == (old.key.public_key, anew.key.public_key)
    assert [shown.title for shown in street.desktop.shown] == ["Under the new key"]


async def ended(street: Street, job_id: str, outcome: str) -> bool:
    """Whether the job has come to its end. One that came to another fails the test."""
    results = [record.json() for record in await street.stage.read(RESULTS)]
    found = {r["outcome"] for r in results if r["job_id"] == job_id} - {"retrying"}
    assert found <= {outcome}
    return bool(found)
