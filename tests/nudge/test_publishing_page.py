"""The programs of docs/publishing.md and README.md run as they stand; their events are good."""

import asyncio
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from nudge.local.kafka_jars import kafka_jars
from runtime.settings import KafkaSettings
from schemas.adapters import check_shop_key, parse_shop_event
from schemas.partitioner import partition_of
from schemas.topics import SHOP_EVENTS
from tests.harness.clusters import PARTITIONS
from tests.harness.records import read_to_end
from tests.nudge.commands import ROOT

PAGE = (ROOT / "docs" / "publishing.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def program(heading: str, settings: KafkaSettings, page: str = PAGE) -> str:
    """The last code block under a heading, with this test's topic."""
    section = re.split(r"^## ", page, flags=re.MULTILINE)
    (text,) = [part for part in section if part.startswith(f"{heading}\n")]
    block = re.findall(r"^```\w+\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)[-1]
    return str(block).replace(SHOP_EVENTS.name, settings.topic(SHOP_EVENTS))


async def run(settings: KafkaSettings, *words: str, cwd: Path, **extra: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *words, cwd=cwd,
        env={**os.environ, "NUDGE_KAFKA_BOOTSTRAP": settings.kafka_bootstrap, **extra},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(90):
        out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()


async def published(settings: KafkaSettings) -> None:
    """One good event of the user `me` stands where Nudge looks for it.

    CRC32 would put the key elsewhere among four partitions.
    """
    (record,) = await read_to_end(settings, SHOP_EVENTS)
    event = parse_shop_event(record.value)
    assert event.type == "add_to_cart"
    assert record.key == "me"
    check_shop_key(event, record.key)
    assert record.partition == partition_of("me", PARTITIONS)
    assert abs(event.occurred_at - record.at) < 60_000


async def test_the_python_program_publishes(cluster: KafkaSettings, tmp_path: Path) -> None:
    (tmp_path / "publish.py").write_text(program("Python", cluster))
    await run(cluster, sys.executable, "publish.py", cwd=tmp_path)
    await published(cluster)


async def test_the_program_of_the_readme_publishes(cluster: KafkaSettings, tmp_path: Path) -> None:
    text = program("Publish your first event", cluster, README)
    (tmp_path / "publish.py").write_text(text)
    await run(cluster, sys.executable, "publish.py", cwd=tmp_path)
    await published(cluster)


async def test_the_java_program_publishes(cluster: KafkaSettings, tmp_path: Path) -> None:
    java = shutil.which("java")
    if java is None:
        pytest.skip("no Java here")
    (tmp_path / "PublishEvent.java").write_text(program("Java", cluster))
    jars = kafka_jars(lambda _: None)
    await run(cluster, java, "-cp", f"{jars}/*", "PublishEvent.java", cwd=tmp_path)
    await published(cluster)


async def test_the_kcat_line_publishes(cluster: KafkaSettings, tmp_path: Path) -> None:
    if shutil.which("kcat") is None:
        pytest.skip("no kcat here (Debian: apt-get install kcat)")
    await run(cluster, "bash", "-euc", program("kcat", cluster), cwd=tmp_path)
    await published(cluster)


async def test_the_node_program_publishes(cluster: KafkaSettings, tmp_path: Path) -> None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("no Node here")
    (tmp_path / "publish.js").write_text(program("Node", cluster))
    install = await asyncio.create_subprocess_exec(
        npm, "install", "--no-audit", "--no-fund", "--prefer-offline", "kafkajs@2.2.4",
        cwd=tmp_path, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    if await install.wait() != 0:
        pytest.skip("kafkajs cannot be installed here")
    await run(cluster, node, "publish.js", cwd=tmp_path)
    await published(cluster)
