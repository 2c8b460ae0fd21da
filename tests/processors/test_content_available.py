"""``content_available``: a topic's followers are found again after a restart, and in slices."""

from processors.fold import fold_content
from processors.inputs import FactRecord, Source
from processors.scenario_file import load
from schemas.adapters import dump, to_json
from schemas.structs import ContentPublished, read_catalog_event
from tests.processors.shop import NOON, Shop, event, only
from tests.timelines.stories import SHIPPED

RULES = only(load(SHIPPED.read_text()), ["content_available"])


def published(shop: Shop, at: int) -> FactRecord:
    plain = {
        "type": "content_published", "event_id": "c", "occurred_at": at, "content_id": "c1",
        "topic": "lamps", "title": "Light", "url": "https://shop.example/c1",
    }  # fmt: skip
    said = read_catalog_event(to_json(plain))
    assert isinstance(said, ContentPublished)
    content = fold_content(None, said)
    assert content is not None
    shop.offset += 1
    shop.catalogue.append("content/c1", 0, shop.offset, at, dump(content))
    return FactRecord("content/c1", at, Source("nudge-products", 0, shop.offset))


def test_after_a_restart_followers_are_known() -> None:
    shop = Shop(RULES)
    shop.tell(event("topic_follow", NOON, topic="lamps"))
    again = Shop(RULES, table=shop.core.table)
    again.step(published(again, NOON + 1))
    again.tick(NOON + 2)
    assert again.said() == [("ann", "content_available", "sent", "ok")]


def test_many_followers_are_told_in_slices_each_once() -> None:
    shop = Shop(RULES, slice_size=2)
    shop.tell(*(event("topic_follow", NOON, f"u{n}", topic="lamps") for n in range(5)))
    shop.step(published(shop, NOON + 1))
    shop.tell(event("page_view", NOON + 5, "u3", url="/"))
    while shop.core.has_work():
        shop.step()
    shop.tick(NOON + 10)
    assert sorted(user for user, *_ in shop.said()) == [f"u{n}" for n in range(5)]
