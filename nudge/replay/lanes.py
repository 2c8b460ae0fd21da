"""The cores of a replay: one a partition, each with what it is to be told and its clock.

Records are gathered and told in one step, as a worker's batch is.
"""

from collections.abc import Callable

from processors.catalogue import Catalogue
from processors.effects import Effects
from processors.inputs import FactRecord, Input, Tick
from processors.partition import Partition
from processors.rule_book import RuleBook
from processors.table import ProfileTable
from schemas.partitioner import partition_of

_ROWS_HELD_BACK = 64_000
"""Changed profiles of all partitions whose rows are not written yet: nobody reads them."""


class Places(dict[str, int]):
    """The partition of every key that was asked for."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions

    def __missing__(self, key: str) -> int:
        place = self[key] = partition_of(key, self._partitions)
        return place


class Lanes:
    """``take`` is given what every step answers."""

    def __init__(
        self,
        book: RuleBook,
        catalogue: Catalogue,
        take: Callable[[Effects], None],
        *,
        partitions: int,
        slice_size: int,
        assume_reachable: bool,
    ) -> None:
        self.cores = [
            Partition(
                number,
                partitions,
                book,
                catalogue,
                ProfileTable(),
                slice_size=slice_size,
                assume_reachable=assume_reachable,
                write_after=max(1, _ROWS_HELD_BACK // partitions),
            )
            for number in range(partitions)
        ]
        self._take = take
        self._inputs: list[list[Input]] = [[] for _ in range(partitions)]
        self._clocks = [0] * partitions
        self._idle: FactRecord | None = None

    def tell(self, number: int, item: Input, clock: int) -> None:
        """One partition is told ``item`` once its clock has come to ``clock`` (ms)."""
        inputs = self._inputs[number]
        if clock > self._clocks[number]:
            self._clocks[number] = clock
            inputs.append(Tick(clock))
        inputs.append(item)

    def tell_all(self, fact: FactRecord, clock: int, *, idle: bool) -> None:
        """Every partition is told it. One that is ``idle`` moves nobody: the next makes up for it.

        A shop's whole catalogue comes at once: nobody need hear of each product by itself.
        """
        tick, clocks, before = Tick(clock), self._clocks, self._idle
        for number, inputs in enumerate(self._inputs):
            if clock > clocks[number]:
                clocks[number] = clock
                inputs.append(tick)
            if inputs and inputs[-1] is before:
                inputs[-1] = fact
            else:
                inputs.append(fact)
        self._idle = fact if idle else None

    def move_to(self, clock: int) -> None:
        """Every partition's clock moves to ``clock`` (ms), unless it is there."""
        for number, inputs in enumerate(self._inputs):
            if clock > self._clocks[number]:
                self._clocks[number] = clock
                inputs.append(Tick(clock))

    def step(self, number: int) -> None:
        """One partition takes in what it was told."""
        core, inputs = self.cores[number], self._inputs[number]
        if inputs:
            self._inputs[number] = []
            self._take(core.step(inputs, None))
        while core.has_work():
            self._take(core.step((), None))

    def step_all(self) -> None:
        for number in range(len(self.cores)):
            self.step(number)

    def settle(self) -> None:
        """Writes the rows of every partition."""
        for core in self.cores:
            core.settle()

    def behind(self, clock: int) -> bool:
        """Whether anything is still to be taken in, or a clock is short of ``clock`` (ms)."""
        return any(self._inputs) or any(reached < clock for reached in self._clocks)
