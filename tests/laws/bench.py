"""One core on a bench: told records in any batches, with any ticks between them."""

from collections.abc import Iterable
from functools import cache
from typing import Any

import msgspec

from processors.catalogue import Catalogue
from processors.effects import Effects
from processors.fold import fold
from processors.inputs import HANDOVER_RANK, FactRecord, Input, Source, Tick, UserRecord
from processors.partition import Partition
from processors.profile import Profile
from processors.rows import decode
from processors.rule_book import RuleBook
from processors.table import ProfileTable
from schemas.adapters import SHOP_EVENT, dump, to_json
from schemas.decisions import Decision
from schemas.people import Interaction, Subscription
from schemas.products import Product
from schemas.structs import read_catalog_event, struct_of
from tests.oracle.comparing import arrival, book_of, plain, verdicts
from tests.oracle.generator import Record
from tests.oracle.oracle import RANKS
from tests.oracle.worlds import BUSY

FAR = 30 * 86_400_000
"""Past every wait and every night."""


@cache
def busy_book(per_unit: int = 4) -> RuleBook:
    return book_of(BUSY.read_text().replace("per_unit: 4", f"per_unit: {per_unit}"))


class Bench:
    """A partition of all users. ``answers``: what each step came to, in order."""

    def __init__(self, *, slice_size: int = 500, per_unit: int = 4) -> None:
        self.catalogue = Catalogue()
        self.book = busy_book(per_unit)
        self.slice_size = slice_size
        self.table = ProfileTable()
        self.answers: list[Effects] = []
        self._products: dict[str, Product] = {}
        self._offset = 0
        self._newest = 0
        self.core = self._core()

    def _core(self) -> Partition:
        return Partition(0, 1, self.book, self.catalogue, self.table, slice_size=self.slice_size)

    def restart(self) -> None:
        """What a worker does that takes the partition over: only rows are left."""
        rows = [(key, row) for _, key, row in self.table.users()]
        rows += list(self.table.reserved.items())
        self.table = ProfileTable()
        for key, row in rows:
            self.table.put(key, row)
        self.core = self._core()

    def step(self, records: Iterable[Record], clock: int = 0, *, rest: bool = True) -> Effects:
        """One step; what it hands over comes in at once by a step of its own.

        ``rest``: walks under way go on to their end.
        """
        inputs = [told for record in records for told in self._told(record)]
        answer = self._take(inputs, clock)
        while answer.handovers:
            answer = self._take([self.handover(sent) for sent in answer.handovers], 0)
        while rest and self.core.has_work():
            self._take([], 0)
        return answer

    def hold(self, records: Iterable[Record]) -> list[UserRecord]:
        """Like :meth:`step`, but what is handed over is kept back: it is on its way."""
        inputs = [told for record in records for told in self._told(record)]
        return [self.handover(sent) for sent in self._take(inputs, 0).handovers]

    def arrived(self, handed: UserRecord) -> UserRecord:
        """The handover as a worker takes it that has told what was recorded meanwhile."""
        return msgspec.structs.replace(handed, arrived_at=max(handed.recorded_at, self._newest))

    def tell(self, handed: Iterable[UserRecord]) -> None:
        self._take(list(handed), 0)

    def _take(self, inputs: list[Input], clock: int) -> Effects:
        answer = self.core.step(inputs, Tick(clock) if clock else None)
        self.answers.append(answer)
        return answer

    def finish(self) -> "Bench":
        """Nights pass, holds end, everything comes due."""
        self.step([], self._newest + FAR)
        return self

    def handover(self, sent: Any) -> UserRecord:
        self._offset += 1
        return UserRecord(
            rank=HANDOVER_RANK,
            key=sent.handover.user_id,
            value=sent.handover,
            recorded_at=sent.place,
            arrived_at=self._newest,
            source=Source("nudge.handovers", 0, self._offset),
        )

    def _told(self, record: Record) -> list[Input]:
        self._newest = max(self._newest, record["at"])
        self._offset += 1
        if record["topic"] == "shop.catalog":
            return self._news(record)
        source = Source(record["topic"], 0, self._offset)
        return [
            UserRecord(
                rank=RANKS[record["topic"]],
                key=_key(record),
                value=_value(record),
                recorded_at=record["at"],
                arrived_at=self._newest,
                source=source,
            )
        ]

    def _news(self, record: Record) -> list[Input]:
        key = record["key"]
        product = fold(self._products.get(key), read_catalog_event(to_json(record["value"])))
        if product is None:
            return []
        self._products[key] = product
        self.catalogue.append(key, 0, self._offset, record["at"], dump(product))
        source = Source("nudge-products", 0, self._offset)
        return [FactRecord(key=key, recorded_at=record["at"], source=source)]

    # What came of it.

    @property
    def decisions(self) -> list[Decision]:
        return [made.decision for answer in self.answers for made in answer.decisions]

    def verdicts(self) -> set[tuple[Any, ...]]:
        return verdicts(plain(self.decisions))

    def profiles(self) -> dict[str, Profile]:
        return {key.decode(): decode(row) for _, key, row in self.table.users()}

    def bytes(self) -> list[Any]:
        """Everything that the steps would have written."""
        return [
            (
                answer.writes,
                [dump(made.decision) for made in answer.decisions],
                [dump(job) for job in answer.jobs],
                [dump(withdrawal) for withdrawal in answer.withdrawals],
                [dump(sent.handover) for sent in answer.handovers],
                answer.subscriptions,
            )
            for answer in self.answers
        ]


def _key(record: Record) -> str:
    key: str = record["key"]
    if record["topic"] == "push.subscriptions":
        return f"{key}/{record['subscription_id']}"
    return key


def _value(record: Record) -> Any:
    value = record["value"]
    if record["topic"] == "shop.events":
        return struct_of(SHOP_EVENT.validate_python(value))
    if record["topic"] == "push.interactions":
        return Interaction.model_validate(value)
    return None if value is None else Subscription.model_validate(value)


def lived(records: Iterable[Record], **options: Any) -> Bench:
    """Told one by one, to the end of all moments."""
    bench = Bench(**options)
    for record in sorted(records, key=arrival):
        bench.step([record])
    return bench.finish()
