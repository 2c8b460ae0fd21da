"""What every user of a partition shares while a step runs: rules, products, clock, answers."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from processors.catalogue import Catalogue, ProductFacts
from processors.effects import DecisionMade, Effects
from processors.inputs import Source
from processors.vouchers import VoucherDrawer
from schemas.decisions import Decision

if TYPE_CHECKING:
    from processors.campaign_walk import CampaignWalks
    from processors.rule_book import RuleBook
    from processors.rules import Rules
    from processors.scenarios.base import QuietScenario


NEVER_QUIET = 1 << 60
"""So long (ms) nobody is quiet."""


class Desk:
    """``clock`` and ``now`` in ms; see :class:`processors.inputs.Tick`."""

    __slots__ = (
        "applied", "assume_reachable", "book", "by_category", "campaigns", "catalogue", "clock",
        "effects", "first_quiet", "now", "partitions", "quiet", "rules", "source", "ties",
        "vouchers",
    )  # fmt: skip

    def __init__(
        self,
        book: "RuleBook",
        catalogue: Catalogue,
        partitions: int,
        *,
        partition: int = 0,
        assume_reachable: bool = False,
    ) -> None:
        self.book = book
        self.vouchers = VoucherDrawer(book, partition, partitions)
        self.catalogue = catalogue
        self.partitions = partitions
        self.assume_reachable = assume_reachable
        """Users count as subscribed and consenting until they say otherwise (replay)."""
        self.applied: dict[int, int] = {}
        self.by_category = False
        """Whether any scenario looks for users by the categories they view."""
        self.campaigns: CampaignWalks | None = None
        """Those on their way: they come to a user before younger news does."""
        self.ties: list[str] = []
        """What the user in hand has come to care for; see :class:`processors.interests.Shelf`."""
        self.clock = 0
        self.now = 0
        self.effects = Effects()
        self.source: Source | None = None
        self.rules: Rules | None = None
        """In force at the clock."""
        self.quiet: tuple[QuietScenario, ...] = ()
        self.first_quiet = NEVER_QUIET
        """How long (ms) after the last activity a quiet user is first looked at."""

    def product(self, product_id: str, at: int | None = None) -> ProductFacts | None:
        """The product as of ``at`` (ms); without it, as applied last."""
        return self.catalogue.seen(product_id, self.applied, at)

    def bestsellers(self, category: str | None, at: int) -> Iterator[ProductFacts]:
        """What sold best in the fourteen days before the day of ``at`` (ms), and can be had."""
        for product_id in self.catalogue.bestsellers.ranked(category, at, self.applied):
            facts = self.product(product_id, at)
            if facts is not None and facts.can_be_shown() and category in (None, facts.category):
                yield facts

    def decided(self, decision: Decision) -> None:
        self.effects.decisions.append(DecisionMade(decision, self.source))
