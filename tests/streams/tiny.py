"""A core that is easy to check: it counts each user's events and speaks when one falls silent.

``python -m tests.streams.tiny`` runs a worker with it. For each user a row {n, at, told}; when
the clock passes the last event by ``WAIT_MS``, one decision ``idle`` with the count as evidence.
A login hands the count over to the user. A fact is counted under the reserved key.
"""

import asyncio
import os
from collections.abc import Iterable
from itertools import count

import orjson
from aiokafka import AIOKafkaProducer

from processors.catalogue import Catalogue
from processors.effects import DecisionMade, Effects, HandoverSent
from processors.inputs import FactRecord, Input, Tick, UserRecord
from processors.rule_book import RuleBook
from processors.table import NEVER, ProfileTable
from schemas.decisions import Decision, Outcome, Reason
from schemas.people import HandoverProfile
from schemas.structs import Login
from streams import generation, transactions
from streams.settings import StreamsSettings
from streams.worker import run_worker

WAIT_MS = int(os.environ.get("TINY_WAIT_MS", "1500"))
HANGS_AT = int(os.environ.get("TINY_HANGS_AT", "0"))
HANGS_ON = "TINY_HANGS_ON" in os.environ
OVER_WITHIN_S = float(os.environ.get("TINY_OVER_WITHIN_S", "3"))
STANDSTILL_S = os.environ.get("TINY_STANDSTILL_S")
STATE = b"\x00tiny"


class TinyCore:
    def __init__(
        self,
        partition: int,
        partitions: int,
        book: RuleBook,
        catalogue: Catalogue,
        table: ProfileTable,
        *,
        slice_size: int = 500,
    ) -> None:
        self.table = table
        self.clock = 0
        self.applied: dict[int, int] = {}
        self.facts = 0
        stored = table.reserved.get(STATE)
        if stored is not None:
            state = orjson.loads(stored)
            self.clock, self.facts = state["clock"], state["facts"]
            self.applied.update({int(p): offset for p, offset in state["applied"].items()})
        for number, _, row in table.users():
            state = orjson.loads(row)
            if not state["told"]:
                table.wake_at(number, state["at"] + WAIT_MS)

    open_moments = 0
    open_walks = 0

    def has_work(self) -> bool:
        return False

    def next_due(self) -> int:
        return self.table.next_wake()

    def step(self, inputs: Iterable[Input], tick: Tick | None) -> Effects:
        effects = Effects()
        for item in inputs:
            if isinstance(item, FactRecord):
                self.applied[item.source.partition] = item.source.offset
                self.facts += 1
            elif isinstance(item, UserRecord):
                self._record(item, effects)
        if tick is not None:
            self.clock = max(self.clock, tick.clock)
        while (number := self.table.pop_due(self.clock)) is not None:
            self._look(number, effects)
        state = {
            "clock": self.clock,
            "facts": self.facts,
            "applied": {str(p): offset for p, offset in self.applied.items()},
        }
        self._put(STATE, state, effects)
        return effects

    def _put(self, key: bytes, state: dict[str, object], effects: Effects) -> int:
        row = orjson.dumps(state)
        if self.table.get(key) != row and self.table.reserved.get(key) != row:
            effects.writes[key] = row
            return self.table.put(key, row)
        return -1

    def _record(self, record: UserRecord, effects: Effects) -> None:
        key = record.key.encode()
        row = self.table.get(key)
        state = orjson.loads(row) if row else {"n": 0, "at": 0, "told": 0}
        state["n"] += 1
        state["at"] = max(state["at"], record.arrived_at)
        state["told"] = 0
        value = record.value
        if isinstance(value, HandoverProfile):
            state["n"] += value.profile["n"] - 1
        elif isinstance(value, Login) and value.anonymous_id:
            handed = HandoverProfile(
                type="profile", user_id=value.user_id, anonymous_id=value.anonymous_id,
                occurred_at=value.occurred_at, event_type="login", profile={"n": state["n"]},
            )  # fmt: skip
            effects.handovers.append(HandoverSent(handed, record.arrived_at))
            state["n"] = 0
            state["told"] = 1
        number = self._put(key, state, effects)
        if not state["told"]:
            self.table.wake_at(number, state["at"] + WAIT_MS)

    def _look(self, number: int, effects: Effects) -> None:
        key = self.table.key_of(number)
        row = None if key is None else self.table.get(key)
        if key is None or row is None:
            return
        state = orjson.loads(row)
        due = state["at"] + WAIT_MS
        if state["told"]:
            return
        if due > self.clock:
            self.table.wake_at(number, due)
            return
        state["told"] = 1
        self._put(key, state, effects)
        user = key.decode()
        decision = Decision(
            decision_id=f"{user}-{due}", user_id=user, scenario="idle", step=1, due_at=due,
            decided_at=due, outcome=Outcome.DROPPED, reason=Reason.OK, final=True,
            scenario_version="tiny", evidence={"n": state["n"]},
        )  # fmt: skip
        effects.decisions.append(DecisionMade(decision, None))


assert NEVER > 0


def _hang(at: int) -> None:
    """The ``at``-th commit of this worker is never answered, nor any later one where it is to
    hang on; a transaction may take :data:`OVER_WITHIN_S`."""
    numbers, commit = count(1), AIOKafkaProducer.commit_transaction

    async def hanging(producer: AIOKafkaProducer) -> None:
        number = next(numbers)
        if number == at or (HANGS_ON and number > at):
            await asyncio.Event().wait()
        await commit(producer)

    AIOKafkaProducer.commit_transaction = hanging
    transactions.OVER_WITHIN_S = OVER_WITHIN_S


if __name__ == "__main__":
    if HANGS_AT:
        _hang(HANGS_AT)
    if STANDSTILL_S:
        generation.STANDSTILL_S = float(STANDSTILL_S)
    run_worker(StreamsSettings(), TinyCore)
