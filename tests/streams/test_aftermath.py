"""What follows a message, on a real broker: a code of one's own, credit, the next channel."""

from typing import Any

import pytest

from runtime.settings import KafkaSettings
from schemas.control import VoucherBatch, voucher_key
from schemas.people import Interaction, InteractionKind
from schemas.topics import ATTRIBUTIONS, DECISIONS, HANDOFFS, INTERACTIONS, SCENARIOS, SHOP_EVENTS
from tests.harness.records import Sent, produce, read_to_end
from tests.harness.waiting import eventually
from tests.streams.conftest import apply_scenarios
from tests.streams.shoppers import now_ms
from tests.streams.test_real_core import REAL, event, place
from tests.streams.workers import workers
from tests.timelines.stories import first_file

pytestmark = pytest.mark.timeout(300)

GIFT = {
    "use": "after_event", "on": "sign_up", "voucher": "gifts", "copy": "second_order",
    "handoff": {"after": "20s"},
}  # fmt: skip
CODES = tuple(f"GIFT-{number}" for number in range(16))


async def read(settings: KafkaSettings, topic: Any) -> list[dict[str, Any]]:
    return [record.json() for record in await read_to_end(settings, topic)]


async def test_each_gets_a_code_an_order_its_credit_and_who_does_not_click_an_email(
    cluster: KafkaSettings,
) -> None:
    rules = first_file(gift=GIFT, order_confirmed="removed", cart_abandoned="removed")
    await apply_scenarios(cluster, rules)
    batch = VoucherBatch(type="vouchers", pool="gifts", batch="b1", effective_at=0, codes=CODES)
    await produce(cluster, SCENARIOS, [Sent(voucher_key("b1"), batch)])
    with workers(cluster) as crew:
        worker = crew.start(REAL)
        await eventually(lambda: "partitions_taken" in worker.log, 90)
        await place(cluster, ["adam", "eve"])
        await produce(cluster, SHOP_EVENTS, [event("adam", "sign_up"), event("eve", "sign_up")])

        async def given() -> dict[str, dict[str, Any]]:
            sent = {d["user_id"]: d for d in await read(cluster, DECISIONS)}
            assert {d["outcome"] for d in sent.values()} == {"sent"}
            assert len(sent) == 2
            return sent

        sent = await eventually(given, 90)
        codes = {decision["evidence"]["code"] for decision in sent.values()}
        assert len(codes) == 2
        assert codes <= set(CODES)

        click = Interaction(
            type=InteractionKind.CLICKED, job_id=sent["adam"]["job_id"], user_id="adam",
            subscription_id="s-adam", scenario="gift", occurred_at=now_ms(),
        )  # fmt: skip
        await produce(cluster, INTERACTIONS, [Sent("adam", click, at=now_ms())])
        order = event("adam", "purchase", order_id="o-1", value=5000, currency="PLN",
                      items=[{"product_id": "p-1", "price": 5000}])  # fmt: skip
        await produce(cluster, SHOP_EVENTS, [order])

        async def told() -> bool:
            credits = await read(cluster, ATTRIBUTIONS)
            assert [(c["user_id"], c["touch"], c["value"]) for c in credits] == [
                ("adam", "click", 5000)
            ]
            handed = await read(cluster, HANDOFFS)
            assert [(h["user_id"], h["reason"]) for h in handed] == [("eve", "not_delivered")]
            return True

        await eventually(told, 90)
