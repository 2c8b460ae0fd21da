"""What the shell asks of the core: :class:`processors.partition.Partition`, or a test's own."""

from collections.abc import Iterable
from typing import Protocol

from processors.catalogue import Catalogue
from processors.effects import Effects
from processors.inputs import Input, Tick
from processors.rule_book import RuleBook
from processors.table import ProfileTable


class Core(Protocol):
    """One partition's state and rules."""

    @property
    def clock(self) -> int:
        """Milliseconds; 0 before the first tick."""

    @property
    def applied(self) -> dict[int, int]:
        """The last applied offset of ``nudge-products`` by its partition; empty at first."""

    @property
    def open_moments(self) -> int:
        """Moments that wait for their time."""

    @property
    def open_walks(self) -> int:
        """Walks over many profiles that are under way."""

    def step(self, inputs: Iterable[Input], tick: Tick | None) -> Effects: ...
    def has_work(self) -> bool: ...
    def next_due(self) -> int: ...


class CoreMaker(Protocol):
    """Makes the core of a partition from its recovered table.

    Raises:
        ValueError: the state was written by a newer version.
    """

    def __call__(
        self,
        partition: int,
        partitions: int,
        book: RuleBook,
        catalogue: Catalogue,
        table: ProfileTable,
        *,
        slice_size: int = 500,
    ) -> Core: ...
