"""What a newcomer writes with Faust as it comes: an agent that keeps carts in a table.

The peer of ``nudge bench streams``: same topic, same broker, one core. It counts cart lines by
user and remembers when each user was last seen; it has no timers, no decisions, no transactions.
"""

import os

import faust

app = faust.App(
    os.environ.get("NUDGE_BENCH_APP", "bench-stock-table"),
    broker=f"aiokafka://{os.environ.get('NUDGE_KAFKA_BOOTSTRAP', 'localhost:9092')}",
    value_serializer="json",
    topic_partitions=int(os.environ.get("NUDGE_BENCH_PARTITIONS", "4")),
    topic_disable_leader=True,
    store="memory://",
    consumer_auto_offset_reset="earliest",
    broker_commit_interval=1.0,
    web_enabled=False,
)
events = app.topic(os.environ.get("NUDGE_BENCH_TOPIC", "shop.events"), value_type=dict)
carts = app.Table("carts", default=dict)


@app.agent(events)  # type: ignore[untyped-decorator] # Faust has no types here
async def keep_carts(stream: faust.Stream) -> None:
    """One row a user: cart lines by product, and the last activity (ms)."""
    async for event in stream:
        user = event.get("user_id") or event["anonymous_id"]
        cart = carts[user]
        cart["active_at"] = event["occurred_at"]
        if event["type"] == "add_to_cart":
            lines = cart.setdefault("lines", {})
            lines[event["product_id"]] = lines.get(event["product_id"], 0) + event["quantity"]
        elif event["type"] == "purchase":
            cart["lines"] = {}
        carts[user] = cart


if __name__ == "__main__":
    app.main()
