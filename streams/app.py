"""The Faust app: ``faust -A streams.app worker -l info``, or ``nudge worker``."""

from collections.abc import AsyncIterable
from typing import Any

import faust
from aiokafka import TopicPartition
from faust.app.base import BootStrategy
from faust.types import TP
from mode import Service

from processors.partition import Partition
from runtime.leaving import LEAVE_WITHIN_S, leave_within
from runtime.logs import configure_logging, logging_config
from schemas.topics import SHOP_CATALOG, USER_INPUTS
from streams.core import CoreMaker
from streams.engine import Engine
from streams.settings import StreamsSettings
from streams.store import ProfileCollection
from streams.transport import Transport

_LEFT = "what is in flight is not committed, and whoever has the partitions next begins there"


class _Boot(BootStrategy):  # type: ignore[misc]  # Faust is untyped
    # Faust's command line would open its web server, whose /table serves profiles to anybody.
    # Its producer has nothing to do: partitions have producers of their own.
    enable_web = False
    enable_kafka_producer = False


# Every service says at INFO that it starts and stops; there are forty.
Service.mundane_level = "debug"


class _PassThrough(faust.Schema):  # type: ignore[misc]  # Faust is untyped
    """A message's value is a :class:`streams.transport.Batch` already."""

    def compile(self, app: Any, **_: Any) -> Any:
        async def decode(message: Any, *, propagate: bool = False) -> Any:  # noqa: ARG001
            return app.create_event(None, message.value, message.headers, message)

        return decode


class WorkerApp(faust.App):  # type: ignore[misc]  # Faust is untyped
    """Faust owns the group, the rebalances and recovery; :class:`Engine` the partitions."""

    BootStrategy = _Boot
    engine: Engine

    def _create_directories(self) -> None:
        """State lies in Kafka, not beside the process."""

    async def on_start(self) -> None:
        await super().on_start()
        await self.engine.start()

    async def on_stop(self) -> None:
        await self.engine.stop()
        await super().on_stop()

    async def stop(self) -> None:
        # What stops after the app may hang as well.
        leave_within(LEAVE_WITHIN_S, _LEFT)
        await super().stop()

    async def rejoin(self) -> None:
        """Has the group share out its partitions anew."""
        await self.consumer._thread.rejoin()

    def press(self, tp: TopicPartition, full: bool) -> None:
        """Pauses or resumes fetching one partition of an input."""
        own = TP(tp.topic, tp.partition)
        if full:
            self.consumer.on_buffer_full(own)
        else:
            self.consumer.on_buffer_drop(own)


def create_app(settings: StreamsSettings, make_core: CoreMaker = Partition) -> WorkerApp:
    """A worker's app. It connects when it is started."""
    session_s = settings.session_timeout_s
    app = WorkerApp(
        settings.group("nudge"),
        broker=[f"kafka://{host.strip()}" for host in settings.kafka_bootstrap.split(",")],
        store="memory://",
        Table=ProfileCollection,
        table_standby_replicas=0,
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=session_s,
        broker_heartbeat_interval=session_s / 5,
        web_enabled=False,
        logging_config=logging_config(settings),
        worker_redirect_stdouts=False,
    )
    app.engine = Engine(
        settings,
        app.conf.id,
        make_core,
        crash=app.crash,
        pressure=app.press,
        rejoin=app.rejoin,
        generation_now=lambda: int(app.consumer_generation_id or 0),
    )
    app.transport = Transport.of(app, settings, app.engine.on_answers)
    # The changelog is read through two batches at once at least: with one, Faust goes on
    # reading it when recovery is done.
    profiles = app.Table("profiles", schema=_PassThrough(), recovery_buffer_size=2)
    profiles.tables = app.engine.tables
    profiles.owner = app.engine
    for topic in (*USER_INPUTS, SHOP_CATALOG):
        _route(app, settings.topic(topic))

    async def close(*_: Any, **__: Any) -> None:
        await app.engine.close_partitions()

    app.on_partitions_revoked.connect(close)
    return app


def _route(app: WorkerApp, topic: str) -> None:
    """A plain agent that hands the topic's batches to their partitions."""
    deliver = app.engine.deliver

    async def route(stream: Any) -> None:
        events: AsyncIterable[Any] = stream.noack().events()
        async for event in events:
            deliver(event.value)

    channel = app.topic(topic, schema=_PassThrough(), acks=False)
    app.agent(channel, name=f"route-{topic}")(route)


def __getattr__(name: str) -> WorkerApp:
    """``app``, for ``faust -A streams.app``: made from the environment when it is asked for."""
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    settings = StreamsSettings()
    configure_logging(settings, "worker")
    made = globals()["app"] = create_app(settings)
    return made
