"""Sets the demo up, plays it, and takes it down again."""

import asyncio
import secrets
import shlex
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager, suppress
from importlib.resources import files
from pathlib import Path

import aiohttp
from aiokafka import AIOKafkaProducer
from rich.console import Console
from rich.live import Live

from nudge import topics
from nudge.controls import apply_version, who
from nudge.demo.processes import running
from nudge.demo.shop import SHOP_URL, Shop
from nudge.demo.stories import GUEST, Stage, cast, crowd
from nudge.demo.view import decision_line, screen
from nudge.demo.watch import Seen, watch_decisions, watch_worker
from nudge.kafka import load as load_settings
from nudge.kafka import quiet_clients
from nudge.local import LocalStack
from nudge.local.places import free_ports, fresh_directory, local_root, port_or_free
from nudge.problem import Problem, problem_of
from nudge.process import LoggedProcess
from nudge.pushlab import Message, PushLabServer
from nudge.when import clock, now_ms
from processors.scenario_file import load
from runtime.settings import KafkaSettings, RedisSettings
from runtime.vapid import create_key
from schemas.control import ScenarioVersion

READY_DEADLINE_S = 90.0
RESTARTS = 5
"""How often each worker is started again before the demo gives up."""
VISITOR = "me"
"""A user for whoever runs the demo: subscribed, and otherwise left alone."""
_SHOP_PORT = 8000
_REFRESH_S = 0.25


class Demo:
    """``shoppers`` guests at ``rate`` events a second, beside the cast."""

    def __init__(
        self, console: Console, *, shoppers: int, rate: float, seconds: float | None
    ) -> None:
        self._console = console
        self._shoppers = shoppers
        self._rate = rate
        self._seconds = seconds
        self._seen = Seen(cast())
        self._directory = fresh_directory("demo")
        self._stack = LocalStack(console=console, redis=load_settings(RedisSettings))
        self._key = create_key(self._directory / "keys")
        push, *health = free_ports(4)
        self._lab = PushLabServer(push, on_message=self._seen.pushed)
        self._ports = dict(zip(("worker", "deliver", "gateway"), health, strict=True))
        self._address = f"http://127.0.0.1:{port_or_free(_SHOP_PORT)}"

    def run(self) -> Seen:
        """Plays until Ctrl-C, or for ``seconds``; answers what was seen.

        Raises:
            Problem: a part does not start, or ends by itself.
            LocalStackError: Kafka or Redis cannot be started.
        """
        # While topics are made, clients say that they have no leader yet, and try again.
        quiet_clients()
        # Else the workers would stay behind where it is asked to end before it is ready.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with ExitStack() as exits:
            exits.callback(self._stack.stop)
            loading = running(self._commands(), self._directory, told=True)
            processes = exits.enter_context(loading)
            self._stack.start()
            asyncio.run(self._play(processes))
        return self._seen

    async def _play(self, processes: list[LoggedProcess]) -> None:
        settings, lab = self._stack.kafka_settings(self._stack.namespace), self._lab
        await topics.create(settings, partitions=topics.LOCAL_PARTITIONS, replication=1)
        for process in processes:
            process.tell()
        await self._apply(settings)
        self._say("topics made, demo scenarios applied (1 s stands for a minute)")
        async with AsyncExitStack() as exits:
            exits.enter_context(self._environment())
            await exits.enter_async_context(lab)
            self._say(
                f"a push service of our own at {lab.origin} stands in for the browsers': it"
                " verifies VAPID and decrypts"
            )
            producer = AIOKafkaProducer(**settings.client_options(), linger_ms=5)
            await producer.start()
            exits.push_async_callback(producer.stop)
            for name, port in self._ports.items():
                await self._until_ready(name, port, processes)
                self._say(f"`nudge {name}` is ready")
            self._say(f"the shop is open: [bold]{self._address}[/] (be a shopper yourself)")
            await self._show(settings, Shop(producer, settings, lab), processes)

    @contextmanager
    def _environment(self) -> Iterator[None]:
        """For whoever publishes events of their own; another demo's is back afterwards."""
        values = {
            **self._stack.environment(),
            "NUDGE_VAPID_KEYS": str(self._directory / "keys"),
        }
        file = local_root() / "demo.env"
        own = "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
        before = file.read_text() if file.exists() else None
        file.write_text(own)
        try:
            yield
        finally:
            if file.exists() and file.read_text() == own:
                file.unlink() if before is None else file.write_text(before)

    def _say(self, text: str) -> None:
        self._console.print(f"[green]✓[/] {text}")

    async def _apply(self, settings: KafkaSettings) -> None:
        text = files("nudge.demo").joinpath("demo.yaml").read_text(encoding="utf-8")
        text = text.replace(SHOP_URL, self._address)
        version = ScenarioVersion(
            type="version",
            version=load(text, "demo.yaml").version,
            effective_at=now_ms(),
            applied_by=who(),
            yaml=text,
        )
        await apply_version(settings, version)

    def _commands(self) -> dict[str, dict[str, str]]:
        shared = {
            **self._stack.environment(),
            "NUDGE_LOG_FORMAT": "json",
            "NUDGE_HEALTH_HOST": "127.0.0.1",
        }
        browsers = {
            **shared,
            "NUDGE_VAPID_KEYS": str(self._directory / "keys"),
            "NUDGE_VAPID_SUBJECT": "mailto:demo@shop.example",
            "NUDGE_TOKEN_SECRET": secrets.token_urlsafe(32),
            "NUDGE_PUSH_ALLOW_LOOPBACK": "true",
        }
        worker = {
            **shared,
            "NUDGE_HEALTH_PORT": str(self._ports["worker"]),
            "NUDGE_GRACE_MS": "1000",
            "NUDGE_HOLD_MS": "1000",
        }
        deliver = {**browsers, "NUDGE_HEALTH_PORT": str(self._ports["deliver"])}
        gateway = {
            **browsers,
            "NUDGE_HEALTH_PORT": str(self._ports["gateway"]),
            "NUDGE_GATEWAY_PORT": self._address.rpartition(":")[2],
            "NUDGE_GATEWAY_ORIGINS": self._address,
            "NUDGE_GATEWAY_PUBLIC_KEYS": "the-demo-shops-pages",
            "NUDGE_GATEWAY_IDENTITY_SECRETS": secrets.token_urlsafe(32),
            "NUDGE_GATEWAY_DEMO_SHOP": "true",
            "NUDGE_GATEWAY_DEMO_PUSH": self._lab.origin,
        }
        return {"worker": worker, "deliver": deliver, "gateway": gateway}

    async def _until_ready(self, name: str, port: int, processes: list[LoggedProcess]) -> None:
        said = f"`nudge {name}` did not get ready in {READY_DEADLINE_S:.0f} s"
        until = asyncio.get_running_loop().time() + READY_DEADLINE_S
        patience = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(timeout=patience) as session:
            while asyncio.get_running_loop().time() < until:
                for process in processes:
                    process.check()
                with suppress(aiohttp.ClientError, TimeoutError):
                    async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.2)
        raise Problem(said, f"Its log is in {self._directory}.")

    async def _show(
        self, settings: KafkaSettings, shop: Shop, processes: list[LoggedProcess]
    ) -> None:
        async def subscribe(user_id: str) -> None:
            browser = await shop.subscribe(user_id, self._key.key_id, self._key.public_key)
            self._seen.browsers[browser.endpoint] = user_id

        stage, seen = Stage(shop, subscribe), self._seen
        await shop.open()
        await subscribe(VISITOR)
        for number in range(0, self._shoppers, 10):
            await subscribe(f"{GUEST}{number}")
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, stop.set)
        if self._seconds is not None:
            loop.call_later(self._seconds, stop.set)
        try:
            async with asyncio.TaskGroup() as tasks:
                running_tasks = [
                    tasks.create_task(watch_decisions(settings, seen)),
                    tasks.create_task(watch_worker(self._ports["worker"], seen)),
                    tasks.create_task(crowd(stage, self._shoppers, self._rate)),
                    *(tasks.create_task(stage.play(story)) for story in seen.stories),
                ]
                await self._refresh(stop, processes)
                for task in running_tasks:
                    task.cancel()
        except ExceptionGroup as group:
            raise _cause(group) from group
        self._console.print("stopping …")

    async def _refresh(self, stop: asyncio.Event, processes: list[LoggedProcess]) -> None:
        where = (
            f"The shop: {self._address}",
            "Ctrl-C stops",
            f"Kafka {self._stack.bootstrap}",
            self._stack.redis_address,
            f"logs {_from_here(self._directory)}",
        )
        if not self._console.is_terminal:
            await self._print_lines(stop, processes)
            return
        with Live(console=self._console, screen=True, auto_refresh=False) as live:
            while not await _happens(stop, _REFRESH_S):
                self._keep_running(processes)
                width, height = self._console.size
                live.update(screen(self._seen, where, width, height), refresh=True)

    def _keep_running(self, processes: list[LoggedProcess]) -> list[str]:
        """As a supervisor would: what has ended is started again.

        Raises:
            Problem: one of them ends again and again.
        """
        said = [process.restart_if_ended(RESTARTS) for process in processes]
        notices = [notice for notice in said if notice is not None]
        for notice in notices:
            self._seen.notice = f"{clock(now_ms(), now=now_ms())} {notice}"
        return notices

    async def _print_lines(self, stop: asyncio.Event, processes: list[LoggedProcess]) -> None:
        """One line a decision about the cast, one a push."""
        decided = pushed = 0
        while not await _happens(stop, _REFRESH_S):
            for notice in self._keep_running(processes):
                self._console.print(notice, soft_wrap=True)
            fresh = list(self._seen.recent)[-(self._seen.decided_count - decided) :]
            for decision in fresh if self._seen.decided_count > decided else ():
                self._console.print(decision_line(decision), soft_wrap=True, markup=False)
            decided = self._seen.decided_count
            messages = list(self._seen.pushes)[-(self._seen.pushed_count - pushed) :]
            for user, message in messages if self._seen.pushed_count > pushed else ():
                self._console.print(push_line(user, message), soft_wrap=True, markup=False)
            pushed = self._seen.pushed_count


def push_line(user: str, message: Message) -> str:
    """What the shopper reads."""
    return f"push      {user:<12} {message.payload['title']} | {message.payload['body']}"


def _from_here(directory: Path) -> Path:
    """As one may type it here; whole where it is elsewhere."""
    here = Path.cwd()
    return directory.relative_to(here) if directory.is_relative_to(here) else directory


def _cause(group: ExceptionGroup[Exception]) -> Exception:
    """The one to tell of several at once: what has a cure before what has none."""
    causes = [_cause(one) if isinstance(one, ExceptionGroup) else one for one in group.exceptions]
    return next((one for one in causes if problem_of(one)), causes[0])


async def _happens(event: asyncio.Event, seconds: float) -> bool:
    """Waits for the event, at most so long; whether it came."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()
