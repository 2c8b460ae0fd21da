"""A single Kafka broker on this machine: from Docker where a daemon answers, else from its jars."""

import base64
import os
import shutil
import socket
import struct
import subprocess
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from nudge.local import docker
from nudge.local.errors import LocalStackError
from nudge.local.kafka_jars import KAFKA_VERSION, java_command, kafka_jars
from nudge.local.local_server import LocalServer
from nudge.local.places import check_free, free_ports

_LOG4J = Path(__file__).with_name("kafka-log4j2.properties")
_CONTAINER_DATA = "/var/lib/kafka/data"
_START_DEADLINE_S = 120.0
_PULL_DEADLINE_S = 300.0
_BRIEF = ("-XX:TieredStopAtLevel=1",)
_CHECKPOINT = "bootstrap.checkpoint"
_CLASSES = "classes.jsa"
_RECORD_PATIENCE_S = 60.0
_NODE_ID = "1"


class LocalKafka(LocalServer):
    """A KRaft broker with plaintext on 127.0.0.1.

    Args:
        data: where its log lies; kept at the end when given, else a fresh directory, removed.
        port: of the listener; a free one when ``None``.
        use_docker: ``None`` asks whether a daemon answers.
        heap_mb: the broker's ``-Xmx`` in MiB.
        prefix: put before the broker's command (``taskset -c 1``), without Docker only.
        brief: for a run of minutes: the JVM compiles lightly, which starts it sooner and leaves
            processors to others, and makes it slower later on. Without Docker only.
        say: told in a line what is being done.
    """

    def __init__(
        self,
        *,
        data: Path | None = None,
        port: int | None = None,
        use_docker: bool | None = None,
        heap_mb: int = 768,
        prefix: Sequence[str] = (),
        brief: bool = False,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        spare = free_ports(2)
        super().__init__(
            "Kafka",
            port or spare[0],
            data,
            in_docker=docker.docker_answers() if use_docker is None else use_docker,
            say=say,
        )
        self._controller_port = spare[1]
        self._heap_mb = heap_mb
        self._prefix = tuple(prefix)
        self._brief = brief
        self._recording: tuple[Path, Path] | None = None
        """Where the JVM writes its classes down, and where they are kept."""

    @property
    def bootstrap(self) -> str:
        """``127.0.0.1:<port>``"""
        return f"127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Starts the broker and waits until it serves.

        Raises:
            LocalStackError: Java or Maven is missing, or the broker does not come up.
        """
        if self._in_docker:
            docker.remove_container(self._container)
        check_free(self.port)
        if self._in_docker:
            try:
                return self._launch(self._docker_command(), _PULL_DEADLINE_S)
            except LocalStackError as error:
                self._say(f"Kafka in Docker did not start, trying its jars instead: {error}")
                docker.remove_container(self._container)
                if not self._data:
                    docker.remove_volume(self._container)
                self._in_docker = False
        return self._launch(self._jar_command(), _START_DEADLINE_S)

    def answers(self) -> bool:
        """Whether the broker serves."""
        return has_broker("127.0.0.1", self.port)

    def _jar_command(self) -> list[str]:
        java, jars = java_command(), kafka_jars(self._say)
        data = self._directory / "data"
        properties = self._directory / "server.properties"
        settings = broker_properties(self.port, self._controller_port, str(data))
        properties.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        base = [java, "-XX:+UseSerialGC", f"-Dlog4j2.configurationFile={_LOG4J}"]
        if not (data / "meta.properties").is_file():
            self._format([*base, *_BRIEF], jars, properties, data)
        self._say(f"starting Kafka {KAFKA_VERSION} on {self.bootstrap}")
        options = [f"-Xmx{self._heap_mb}m", f"-Xms{min(256, self._heap_mb)}m"]
        options += [*_BRIEF, self._class_data(jars)] if self._brief else []
        return [*self._prefix, *base, *options, "-cp", f"{jars}/*", "kafka.Kafka", str(properties)]

    def _class_data(self, jars: Path) -> str:
        """The JVM's option to map the broker's classes as it had them once, or to write them down.

        Reading ten thousand classes from jars anew takes it two seconds.
        """
        kept = jars / _CLASSES
        if kept.is_file():
            return f"-XX:SharedArchiveFile={kept}"
        fresh = self._directory / _CLASSES
        self._recording = fresh, kept
        return f"-XX:ArchiveClassesAtExit={fresh}"

    def stop(self) -> None:
        """Stops it: cleanly where its data are kept, else at once, and removes them."""
        recording, self._recording = self._recording, None
        if recording and self._server and self._server.stop(_RECORD_PATIENCE_S):
            fresh, kept = recording
            if fresh.is_file():
                fresh.replace(kept)
        super().stop()

    def _format(self, base: list[str], jars: Path, properties: Path, data: Path) -> None:
        # Kafka's tool takes seconds for two files: one names the cluster, the other is the same
        # for every cluster of the version.
        kept = jars / _CHECKPOINT
        if kept.is_file():
            data.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(kept, data / _CHECKPOINT)
            (data / "meta.properties").write_text(_meta_properties())
            return
        self._run_tool(base, jars, properties)
        fresh = kept.with_suffix(f".{os.getpid()}")
        shutil.copyfile(data / _CHECKPOINT, fresh)
        fresh.replace(kept)

    def _run_tool(self, base: list[str], jars: Path, properties: Path) -> None:
        answer = subprocess.run(  # noqa: S603 - a fixed command
            [*base, "-cp", f"{jars}/*", "kafka.tools.StorageTool", "format", "-t", _fresh_id(),
             "-c", str(properties)],
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
        if answer.returncode != 0:
            said = (answer.stdout + answer.stderr).strip()[-1500:]
            raise LocalStackError(
                f"Kafka's storage at {self._directory} cannot be formatted:\n{said}"
            )

    def _docker_command(self) -> list[str]:
        self._say(f"starting Kafka {KAFKA_VERSION} in Docker on {self.bootstrap}")
        identity = self._directory / "cluster-id"
        if not identity.is_file():
            identity.write_text(_fresh_id())
        settings = broker_properties(self.port, self._controller_port, _CONTAINER_DATA, listen="")
        environment = {f"KAFKA_{k.upper().replace('.', '_')}": v for k, v in settings.items()}
        environment["CLUSTER_ID"] = identity.read_text().strip()
        environment["KAFKA_HEAP_OPTS"] = f"-Xmx{self._heap_mb}m"
        return docker.run_command(
            f"apache/kafka:{KAFKA_VERSION}",
            name=self._container,
            port=self.port,
            container_port=self.port,
            volume=(self._container, _CONTAINER_DATA),
            environment=environment,
        )


def broker_properties(
    port: int, controller_port: int, data: str, *, listen: str = "127.0.0.1"
) -> dict[str, str]:
    """The settings of a one-node KRaft broker that serves 127.0.0.1 and starts groups at once."""
    return {
        "process.roles": "broker,controller",
        "node.id": _NODE_ID,
        "controller.quorum.voters": f"{_NODE_ID}@127.0.0.1:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{listen}:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "1000",
        # A killed broker comes back only when the controller has given its old self up.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        "log.segment.bytes": str(128 * 1024 * 1024),
        "log.index.size.max.bytes": str(1024 * 1024),
        "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
        "num.network.threads": "2",
        "num.io.threads": "4",
    }


def has_broker(host: str, port: int) -> bool:
    """Whether a metadata request is answered with at least one broker that serves."""
    # Metadata, version 1: correlation 1, no client id, an empty array (no topics).
    body = struct.pack(">hhihi", 3, 1, 1, -1, 0)
    try:
        with socket.create_connection((host, port), timeout=2) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            answer = b""
            while len(answer) < 12:
                more = connection.recv(4096)
                if not more:
                    return False
                answer += more
    except OSError:
        return False
    _, _, brokers = struct.unpack(">iii", answer[:12])
    return bool(brokers >= 1)


def _meta_properties() -> str:
    lines = {
        "version": "1",
        "cluster.id": _fresh_id(),
        "node.id": _NODE_ID,
        "directory.id": _fresh_id(),
    }
    return "".join(f"{name}={value}\n" for name, value in lines.items())


def _fresh_id() -> str:
    """A random id. None begins with a dash, which Kafka's tool would take for an option."""
    while (name := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()).startswith("-"):
        pass
    return name.rstrip("=")
