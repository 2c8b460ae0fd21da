"""Kafka itself: reachable, new enough, its topics as they should be."""

from collections.abc import AsyncIterator

from aiokafka.protocol.admin import ApiVersionRequest

from nudge import topics
from nudge.doctor.finding import Finding, fail, ok, warn
from nudge.drift import DriftKind
from nudge.kafka import admin
from nudge.problem import Problem
from runtime.settings import KafkaSettings

_SINCE = ((92, "4.1"), (80, "3.9"), (75, "3.8"), (71, "3.7"), (65, "3.0"))
"""A request that brokers know since a version: aiokafka learns no version number."""
_TRIED = "4.1"
_BREAKING = (DriftKind.MISSING, DriftKind.PARTITIONS, DriftKind.DEPLOYMENT, DriftKind.CLEANUP)


async def check_cluster(settings: KafkaSettings) -> AsyncIterator[Finding]:
    """Whether brokers answer, and which. Nothing else can be checked where this fails."""
    try:
        async with admin(settings) as client:
            described = await client.describe_cluster()
            # There is no public way to ask what the broker knows.
            answer = await client._send_request(ApiVersionRequest())
    except Problem as problem:
        yield fail("kafka", problem.cause, problem.cure)
        return
    known = {entry[0] for entry in answer.api_versions}
    since = next((version for key, version in _SINCE if key in known), None)
    brokers = len(described["brokers"])
    if since is None:
        yield fail("kafka", "The brokers are older than Kafka 3.0.", f"Nudge is tried on {_TRIED}.")
        return
    yield ok("kafka", f"{brokers} broker(s) at {settings.kafka_bootstrap}, Kafka {since} or newer.")
    if since != _TRIED:
        yield warn("kafka", f"Nudge is tried on Kafka {_TRIED}.", "Plan to upgrade the brokers.")
    if brokers < 3:
        yield warn(
            "kafka",
            f"With {brokers} broker(s) a lost disk loses events.",
            "For anything but trying out: three brokers, topics with three copies.",
        )


async def check_topics(settings: KafkaSettings) -> AsyncIterator[Finding]:
    """Every difference between the cluster and the registry."""
    drifts = await topics.check(settings)
    missing = [drift for drift in drifts if drift.kind is DriftKind.MISSING]
    if missing:
        names = ", ".join(drift.topic for drift in missing)
        yield fail("topics", f"Missing: {names}.", "`nudge topics create`")
    for drift in drifts:
        if drift.kind is not DriftKind.MISSING:
            report = fail if drift.kind in _BREAKING else warn
            said = f"{drift.topic}: {drift.kind} is {drift.found}, wanted {drift.wanted}."
            yield report("topics", said, drift.cure)
    if not drifts:
        yield ok("topics", "All topics are as they should be.")
