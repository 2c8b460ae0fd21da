"""Whether those who subscribed can be pushed to: each under the key that they came with."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator

from nudge.doctor.finding import Finding, fail, ok
from nudge.doctor.traffic import newest_of
from nudge.kafka import partitions_of, reader
from runtime.settings import KafkaSettings
from runtime.vapid import KeyFilesError, VapidPlace, load_keys
from schemas.adapters import InvalidRecordError, adapter_of, parse
from schemas.people import Subscription
from schemas.topics import SUBSCRIPTIONS


async def check_subscribers(settings: KafkaSettings) -> AsyncIterator[Finding]:
    """Holds a sample of the newest subscriptions against the key pairs of this machine."""
    try:
        ours = {key.key_id for key in load_keys(VapidPlace().vapid_keys)}
    except KeyFilesError:
        return  # named above, by check_keys
    partitions = await partitions_of(settings, SUBSCRIPTIONS)
    async with reader(settings) as consumer:
        newest = {record.key: record.value async for record in newest_of(consumer, partitions)}
    for finding in judge_keys(newest.values(), ours):
        yield finding


def judge_keys(subscriptions: Iterable[bytes | None], ours: set[str]) -> Iterator[Finding]:
    """What becomes of the ``subscriptions`` (``None``: ended) with the pairs of these ids."""
    named: Counter[str] = Counter()
    looked_at = 0
    for value in subscriptions:
        try:
            found = None if value is None else parse(adapter_of(Subscription), value)
        except InvalidRecordError:
            continue  # delivery lists it among the dead letters
        if found is not None:
            looked_at += 1
            named.update(() if found.key_id is None else (found.key_id,))
    lost = {key_id: number for key_id, number in named.items() if key_id not in ours}
    if not lost:
        if looked_at:
            yield ok("subscribers", f"The keys of all {looked_at} sampled subscriptions are here.")
        return
    each = ", ".join(f"{number} with {key_id}" for key_id, number in sorted(lost.items()))
    yield fail(
        "subscribers",
        f"Of {looked_at} sampled subscriptions {sum(lost.values())} came with a key that is not"
        f" here ({each}): nothing can be pushed to them.",
        "Put <key id>.pem from the backup (`nudge keys backup`) beside the others and restart"
        " delivery; without one, each browser subscribes anew at its next visit.",
    )
