"""The topic registry: one line a topic. ``nudge topics`` creates and checks what stands here."""

from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel

from schemas.aftermath import Attribution, Handoff
from schemas.campaigns import CampaignStart, CampaignStop
from schemas.control import Deployment, PartitionMark, Pause, ScenarioVersion, VoucherBatch
from schemas.decisions import DeadLetter, Decision
from schemas.late import LateInput
from schemas.people import (
    HandoverEvent,
    HandoverProfile,
    HandoverSubscription,
    Interaction,
    Subscription,
)
from schemas.products import Content, FoldMark, Product
from schemas.push import PushJob, PushResult, Withdrawal
from schemas.segments import SegmentChange

DAY_MS = 86_400_000
MAX_FUTURE_MS = 5 * 60_000
"""How far past the broker's clock a record's time may lie; further is clamped."""
TAKEN_AHEAD_MS = 60 * 60_000
"""How far ahead of the broker's clock a record's time may be; Kafka refuses what lies further."""


class Cleanup(StrEnum):
    DELETE = "delete"
    COMPACT = "compact"


class Partitioning(StrEnum):
    USER = "user"
    """By user: P partitions, the same number for all such topics, fixed at creation."""
    PRODUCT = "product"
    """By product: P partitions as well."""
    SINGLE = "single"
    """One partition: few records, one order."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic's contract. ``retention_ms`` of a compacted topic is its minimum compaction lag."""

    name: str
    key: str
    partitioning: Partitioning
    cleanup: Cleanup
    retention_ms: int
    models: tuple[type[BaseModel], ...] | str
    about: str
    is_input: bool = False

    def partitions(self, count: int) -> int:
        """How many it has in a deployment with P = ``count``."""
        return 1 if self.partitioning is Partitioning.SINGLE else count

    def config(self) -> dict[str, str]:
        """Kafka's topic settings for it."""
        if self.cleanup is Cleanup.COMPACT:
            return {
                "cleanup.policy": "compact",
                "min.compaction.lag.ms": str(self.retention_ms),
            }
        config = {"cleanup.policy": "delete", "retention.ms": str(self.retention_ms)}
        if self.is_input:
            config["message.timestamp.after.max.ms"] = str(TAKEN_AHEAD_MS)
        return config


USER, PRODUCT, SINGLE = Partitioning.USER, Partitioning.PRODUCT, Partitioning.SINGLE
DELETE, COMPACT = Cleanup.DELETE, Cleanup.COMPACT

SHOP_EVENTS = Topic("shop.events", "user id, else anonymous id", USER, DELETE, 35 * DAY_MS,
                    "ShopEvent", "what people do", is_input=True)  # fmt: skip
SHOP_CATALOG = Topic("shop.catalog", "product id, content/<id>", PRODUCT, DELETE, 35 * DAY_MS,
                     "CatalogEvent", "price, stock and product changes as they come", is_input=True)  # fmt: skip
PRODUCTS = Topic("nudge-products", "product id, content/<id>", PRODUCT, COMPACT, DAY_MS,
                 (Product, Content, FoldMark), "the folded product: the catalogue agent's state")  # fmt: skip
SCENARIOS = Topic("nudge.scenarios", "version/<version>, vouchers/<batch>, pause, deployment", SINGLE, COMPACT, 35 * DAY_MS,
                  (ScenarioVersion, VoucherBatch, Pause, Deployment),
                  "versions of the scenario file, voucher codes, pauses, the deployment")  # fmt: skip
CAMPAIGNS = Topic("push.campaigns", "campaign id, <id>/stop", SINGLE, COMPACT, 35 * DAY_MS,
                  (CampaignStart, CampaignStop), "campaigns started and stopped")  # fmt: skip
MARKS = Topic("nudge-marks", "partition", SINGLE, COMPACT, 0,
              (PartitionMark,), "how far each partition's events are done")  # fmt: skip
SUBSCRIPTIONS = Topic("push.subscriptions", "user/subscription", USER, COMPACT, 35 * DAY_MS,
                      (Subscription,), "browsers that can be pushed to: the truth behind Redis")  # fmt: skip
INTERACTIONS = Topic("push.interactions", "user", USER, DELETE, 35 * DAY_MS,
                     (Interaction,), "displayed, clicked, dismissed")  # fmt: skip
JOBS = Topic("push.jobs", "user", USER, DELETE, 7 * DAY_MS,
             (PushJob,), "what to send")  # fmt: skip
WITHDRAWALS = Topic("push.withdrawals", "user", USER, DELETE, 7 * DAY_MS,
                    (Withdrawal,), "what to take back")  # fmt: skip
DECISIONS = Topic("push.decisions", "user", USER, DELETE, 35 * DAY_MS,
                  (Decision,), "every candidate: outcome, reason, evidence")  # fmt: skip
RESULTS = Topic("push.results", "user", USER, DELETE, 35 * DAY_MS,
                (PushResult,), "every attempt's outcome")  # fmt: skip
HANDOVERS = Topic("nudge.handovers", "user", USER, DELETE, 7 * DAY_MS,
                  (HandoverProfile, HandoverEvent, HandoverSubscription),
                  "anonymous profiles on their way to their user")  # fmt: skip
HANDOFFS = Topic("push.handoffs", "user", USER, DELETE, 35 * DAY_MS,
                 (Handoff,), "the next channel's turn (e-mail, CDP)")  # fmt: skip
ATTRIBUTIONS = Topic("push.attributions", "user", USER, DELETE, 35 * DAY_MS,
                     (Attribution,), "orders credited to pushes, in differences")  # fmt: skip
SEGMENTS = Topic("push.segments", "user", USER, DELETE, 35 * DAY_MS,
                 (SegmentChange,), "who entered and who left a published segment")  # fmt: skip
LATE = Topic("nudge.late", "user", USER, DELETE, 35 * DAY_MS,
             (LateInput,), "input that came when the clock had passed it")  # fmt: skip
DEAD_LETTER = Topic("push.dead-letter", "as the source", USER, DELETE, 35 * DAY_MS,
                    (DeadLetter,), "unreadable input: original bytes, topic, offset, error")  # fmt: skip
PROFILES_CHANGELOG = Topic("nudge-profiles-changelog", "user", USER, COMPACT, 0,
                           "Profile", "profiles; reserved keys hold what a partition must remember")  # fmt: skip

REGISTRY: tuple[Topic, ...] = (
    SHOP_EVENTS, SHOP_CATALOG, PRODUCTS, SCENARIOS, CAMPAIGNS, MARKS, SUBSCRIPTIONS, INTERACTIONS, JOBS,
    WITHDRAWALS, DECISIONS, RESULTS, HANDOVERS, HANDOFFS, ATTRIBUTIONS, SEGMENTS, LATE, DEAD_LETTER, PROFILES_CHANGELOG,
)  # fmt: skip

USER_INPUTS: tuple[Topic, ...] = (SUBSCRIPTIONS, HANDOVERS, SHOP_EVENTS, INTERACTIONS, RESULTS)
"""What a user partition merges by time. The order is the rank within one millisecond."""


def topic_name(topic: Topic, namespace: str = "") -> str:
    """The topic's name on the cluster: ``<namespace>.<name>`` where there is a namespace."""
    return f"{namespace}.{topic.name}" if namespace else topic.name
