"""How a topic should be, and how one on the cluster differs from that."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from schemas.control import Deployment
from schemas.topics import Cleanup, Topic

_IN_SYNC = "min.insync.replicas"
_IN_SYNC_COPIES = 2
"""Of three: what is acknowledged outlives a broker, and a broker may be away."""


class DriftKind(StrEnum):
    """How a topic on the cluster differs from the registry."""

    MISSING = "missing"
    PARTITIONS = "partitions"
    REPLICATION = "replication"
    CLEANUP = "cleanup"
    RETENTION = "retention"
    SETTING = "setting"
    DEPLOYMENT = "deployment"
    """The deployment record is missing, or speaks of another number of partitions."""


_KINDS = {
    "cleanup.policy": DriftKind.CLEANUP,
    "retention.ms": DriftKind.RETENTION,
    "min.compaction.lag.ms": DriftKind.RETENTION,
}


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference, and what cures it."""

    topic: str
    kind: DriftKind
    wanted: str
    found: str
    cure: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.kind} is {self.found}, wanted {self.wanted}. {self.cure}"


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as it stands on the cluster; ``partitions`` is 0 where it does not exist."""

    topic: Topic
    name: str
    partitions: int
    replication: int
    config: Mapping[str, str]

    @property
    def exists(self) -> bool:
        return self.partitions > 0


def config_of(topic: Topic, replication: int) -> dict[str, str]:
    """Kafka's settings for a new topic.

    With Kafka's own ``min.insync.replicas`` of 1 a write is acknowledged that one broker alone
    has: where there are copies, another has it too.
    """
    in_sync = {_IN_SYNC: str(_IN_SYNC_COPIES)} if replication > _IN_SYNC_COPIES else {}
    return topic.config() | in_sync


def differences(state: TopicState, count: int, replication: int, broker: str) -> list[Drift]:
    """How a topic differs from what it should be with P = ``count`` and so many copies at least."""
    if not state.exists:
        return [Drift(state.name, DriftKind.MISSING, "a topic", "none", "Run nudge topics create.")]
    drifts: list[Drift] = []
    wanted = state.topic.partitions(count)
    if state.partitions != wanted:
        drifts.append(
            Drift(state.name, DriftKind.PARTITIONS, str(wanted), str(state.partitions), _PARTITIONS)
        )
    if state.replication < replication:
        drifts.append(
            Drift(
                state.name, DriftKind.REPLICATION, str(replication), str(state.replication),
                "With one disk lost it is lost: reassign its partitions with"
                " kafka-reassign-partitions.",
            )
        )  # fmt: skip
    for key, value in state.topic.config().items():
        found = state.config.get(key, "unset")
        if not _same(state.topic, key, value, found):
            drifts.append(Drift(state.name, _KINDS.get(key, DriftKind.SETTING), f"{key}={value}",
                                found, alter(broker, state.name, key, value)))  # fmt: skip
    in_sync = state.config.get(_IN_SYNC, "1")
    if state.replication > _IN_SYNC_COPIES > int(in_sync):
        drifts.append(Drift(state.name, DriftKind.SETTING, f"{_IN_SYNC}={_IN_SYNC_COPIES}", in_sync,
                            alter(broker, state.name, _IN_SYNC, str(_IN_SYNC_COPIES))))  # fmt: skip
    return drifts


_PARTITIONS = (
    "It cannot be changed in place: users would change partition. Drain, and move to a new"
    " namespace with nudge topics create --partitions."
)


def _same(topic: Topic, key: str, wanted: str, found: str) -> bool:
    # Kept longer than asked is no drift: history that is loaded needs retention.ms=-1.
    if key == "retention.ms" and topic.cleanup is Cleanup.DELETE and found != "unset":
        return int(found) == -1 or int(found) >= int(wanted)
    return wanted == found


def alter(broker: str, name: str, key: str, value: str) -> str:
    """Kafka's own command that sets one setting of a topic."""
    return (
        f"kafka-configs --bootstrap-server {broker} --alter --entity-type topics"
        f" --entity-name {name} --add-config {key}={value}"
    )


def deployment_drifts(name: str, deployment: Deployment | None, count: int) -> list[Drift]:
    if deployment is None:
        return [Drift(name, DriftKind.DEPLOYMENT, "a record", "none", "Run nudge topics create.")]
    if deployment.partitions != count:
        return [
            Drift(name, DriftKind.DEPLOYMENT, f"{count} partitions", str(deployment.partitions),
                  "The topics were made with another number: use that one.")
        ]  # fmt: skip
    return []
