"""Whose turn it is: starts attempts within bounds, wakes what waits, ends what has run out.

Pushes wait in one of three places: with their origin (ready), in ``_delayed`` (another try at a
time), or parked with a partition that cannot send now. All waiting ends with the expiry.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count

from delivery.background import Background, Broken
from delivery.origins import Origin
from delivery.outcomes import Verdict
from delivery.partition import Partition, Phase
from delivery.pushes import JobInHand, Push, PushState
from delivery.rounds import Limits, Rounds
from delivery.steps import EndedElsewhere, Ending, Later, Lost, NotNow, Step
from runtime.metrics import Metric, gauge
from schemas.push import ResultOutcome

_TICK_S = 0.05
_SWEEP_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class Rules:
    """What the dispatcher asks before it starts a push."""

    may_start: Callable[[], bool]
    """Whether any POST may start now."""
    is_fresh: Callable[[int], bool]
    """Whether a partition's withdrawals are known up to now."""
    withdrawn: Callable[[int, str], str | None]
    """Why a job was taken back; ``None``: it was not."""


Attempt = Callable[[Push, Origin], Awaitable[Step]]
"""Makes one attempt at a push, and says what follows."""
End = Callable[[Push, Ending], Awaitable[None]]
"""Writes a push's end down, and returns when that is durable."""


class Dispatcher:
    """Holds every job that was taken and has not ended.

    Args:
        broken: told of an error that nothing was written for.
    """

    def __init__(self, limits: Limits, broken: Broken) -> None:
        self.held = 0
        """Pushes in hand that have not ended."""
        self._limits = limits
        self._broken = broken
        self._rounds = Rounds(limits)
        self._under_way = 0
        self._delayed: list[tuple[float, int, Push]] = []
        self._parked: dict[Partition, list[Push]] = {}
        self._jobs: dict[str, JobInHand] = {}
        self._stopping = True
        self._numbers = count()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._ticker: Background | None = None
        self._in_flight = gauge(Metric.JOBS_IN_FLIGHT)

    def start(self, rules: Rules, attempt: Attempt, end: End) -> None:
        """Pushes may start from now on."""
        self._rules = rules
        self._attempt = attempt
        self._end = end
        self._stopping = False
        self._ticker = Background(self._tick(), "dispatcher", self._broken)

    async def stop(self) -> None:
        """Starts nothing more. What is under way goes on: see ``Partition.idle``."""
        self._stopping = True
        if self._ticker is not None:
            await self._ticker.stop()

    def hold(self, hand: JobInHand) -> bool:
        """Takes a job in hand; false when the same job is in hand already."""
        if hand.job.job_id in self._jobs:
            return False
        self._jobs[hand.job.job_id] = hand
        self.held += hand.left
        return True

    def add(self, push: Push, delay_s: float = 0.0) -> None:
        """Gives a push of a held job its turn; its endpoint and keys are known by now."""
        if delay_s > 0:
            self._delay(push, delay_s)
        else:
            self._rounds.add(push)
            self._pump()

    def end(self, push: Push, ending: Ending) -> None:
        """Ends a push that waits, whether it was added or not."""
        if push.state is PushState.WAITING:
            self._rounds.discard(push)
            push.state = PushState.ENDED
            self._spawn(push, self._end(push, ending))

    def tell(self, push: Push, work: Awaitable[None]) -> None:
        """Runs what tells others about a push; its partition is not idle before that is done."""
        self._spawn(push, work)

    def over(self, push: Push) -> None:
        """The push's end is written down; with its last push a job is done."""
        hand = push.hand
        if hand.left == 0:
            return  # forgotten with its partition
        push.state = PushState.ENDED
        hand.left -= 1
        self.held -= 1
        if hand.left == 0:
            del self._jobs[hand.job.job_id]
            hand.partition.tracker.done(hand.record.offset)
            hand.let_go()

    def withdraw(self, partition: int, job_id: str) -> None:
        """A job was taken back: its waiting pushes end at once."""
        hand = self._jobs.get(job_id)
        if hand is not None and hand.partition.number == partition:
            self._end_waiting(hand, self.ending_now)

    def resume(self, partition: Partition) -> None:
        """A partition may send again: what was parked is ready."""
        for push in self._parked.pop(partition, ()):
            if push.state is PushState.WAITING:
                self._rounds.add(push)
        self._pump()

    def forget(self, partition: Partition) -> None:
        """A partition was closed: its waiting pushes are somebody else's now."""
        self._parked.pop(partition, None)
        for hand in [hand for hand in self._jobs.values() if hand.partition is partition]:
            waiting = [push for push in hand.pushes if push.state is PushState.WAITING]
            for push in waiting:
                push.state = PushState.ENDED
                self._rounds.discard(push)
            if waiting:
                self._give_up(hand)

    def abandon(self, partition: Partition) -> None:
        """What is under way of a closed partition is waited for no longer."""
        for hand in [hand for hand in self._jobs.values() if hand.partition is partition]:
            self._give_up(hand)

    def _give_up(self, hand: JobInHand) -> None:
        """The job is not done by us: whoever has its partition next, we or another, reads it again.

        What of it is under way ends as ever.
        """
        if hand.left:
            del self._jobs[hand.job.job_id]
            self.held -= hand.left
            hand.left = 0
            hand.let_go()

    def trouble(self) -> list[str]:
        """Push services that are left alone, and why."""
        return self._rounds.trouble()

    def _delay(self, push: Push, delay_s: float) -> None:
        # Not beyond its end: an ended push would be kept in memory for as long.
        delay_s = min(delay_s, max(0.0, push.hand.expires_at / 1000 - time.time()))
        heappush(self._delayed, (time.monotonic() + delay_s, next(self._numbers), push))

    def _pump(self) -> None:
        """Starts what may start, one push an origin in turn."""
        if self._stopping or not self._rounds or not self._rules.may_start():
            return
        now = time.monotonic()
        while self._under_way < self._limits.concurrency and (origin := self._rounds.turn(now)):
            self._start(origin.next(), origin)

    def _start(self, push: Push, origin: Origin) -> None:
        partition = push.partition
        if partition.phase is not Phase.OPEN or not self._rules.is_fresh(partition.number):
            origin.over()
            if not partition.closed:
                self._parked.setdefault(partition, []).append(push)
            return
        ending = self.ending_now(push)
        if ending is not None:
            origin.over()
            self.end(push, ending)
            return
        push.state = PushState.UNDER_WAY
        self._under_way += 1
        self._spawn(push, self._run(push, origin))

    def ending_now(self, push: Push) -> Ending | None:
        """How a push ends at once: taken back, or too late; ``None``: it need not."""
        reason = self._rules.withdrawn(push.key.partition, push.key.job_id)
        if reason is not None:
            return Ending(ResultOutcome.WITHDRAWN, detail=reason)
        if push.hand.expires_at <= time.time() * 1000:
            return self._expiry(push)
        return None

    def _expiry(self, push: Push) -> Ending:
        refused = push.last is Verdict.UNAUTHORIZED or self._rounds.refuses_us(push)
        outcome = ResultOutcome.UNAUTHORIZED if refused else ResultOutcome.EXPIRED
        return Ending(outcome, push.last_status)

    def _spawn(self, push: Push, work: Awaitable[None]) -> None:
        push.partition.began()
        number = next(self._numbers)
        self._tasks[number] = asyncio.create_task(self._watch(number, push, work))

    async def _watch(self, number: int, push: Push, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as error:
            self._broken(error)
        finally:
            del self._tasks[number]
            push.partition.ended()

    async def _run(self, push: Push, origin: Origin) -> None:
        try:
            step = await self._attempt(push, origin)
        finally:
            origin.over()
            self._under_way -= 1
            self._rounds.bring_back(origin)
            self._pump()
        match step:
            case Ending():
                push.state = PushState.ENDED
                await self._end(push, step)
            case Later(delay_s):
                self._back(push, delay_s)
            case NotNow():
                self._back(push, 0.0)
            case EndedElsewhere():
                push.state = PushState.ENDED
                self.over(push)
            case Lost():
                push.state = PushState.ENDED
                self._give_up(push.hand)

    def _back(self, push: Push, delay_s: float) -> None:
        if push.partition.closed:
            push.state = PushState.ENDED
            self._give_up(push.hand)
            return
        push.state = PushState.WAITING
        ending = self.ending_now(push)
        if ending is not None:
            self.end(push, ending)
        elif delay_s > 0:
            self._delay(push, delay_s)
        else:
            self._rounds.add(push, first=True)

    def _end_waiting(self, hand: JobInHand, ending_of: Callable[[Push], Ending | None]) -> None:
        for push in hand.pushes:
            # One without an endpoint is still being looked up; whoever does that will see.
            if push.endpoint is not None and (ending := ending_of(push)) is not None:
                self.end(push, ending)

    async def _tick(self) -> None:
        sweep_at = 0.0
        while True:
            await asyncio.sleep(_TICK_S)
            now = time.monotonic()
            while self._delayed and self._delayed[0][0] <= now:
                push = heappop(self._delayed)[2]
                if push.state is PushState.WAITING:
                    self._rounds.add(push)
            for partition in [p for p in self._parked if p.phase is Phase.OPEN]:
                if self._rules.is_fresh(partition.number):
                    self.resume(partition)
            if now >= sweep_at:
                sweep_at = now + _SWEEP_EVERY_S
                self._sweep(now)
            self._rounds.bring_all_back()
            self._pump()

    def _sweep(self, now: float) -> None:
        """Ends what has expired while it waited, and says how things stand."""
        now_ms = time.time() * 1000
        for hand in [hand for hand in self._jobs.values() if hand.expires_at <= now_ms]:
            self._end_waiting(hand, self._expiry)
        self._in_flight.set(len(self._jobs))
        self._rounds.look(now)
