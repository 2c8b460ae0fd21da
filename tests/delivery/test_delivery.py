"""Jobs to browsers, end to end, on a real Kafka and a real Redis."""

from schemas.push import ResultOutcome
from tests.delivery.stage import Stage


async def test_a_push_reaches_every_browser_of_its_job(stage: Stage) -> None:
    laptop, phone = await stage.subscribe("ada"), await stage.subscribe("ada")
    async with stage.worker():
        job = await stage.emit("ada", laptop, phone)
        await stage.ends(job, ResultOutcome.DELIVERED, ResultOutcome.DELIVERED)
    (message,) = laptop.messages
    assert message.payload["title"] == "Your cart is waiting"
    assert message.topic == "cart"
    assert 50 < message.ttl <= 60
    assert stage.posts(job) == 2
    assert not stage.lab.refusals
