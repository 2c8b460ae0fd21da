"""How many connections one address may hold."""

import asyncio
from pathlib import Path

import pytest

from gateway.limits import Connections
from runtime.settings import KafkaSettings
from tests.gateway.stage import Stage
from tests.harness.waiting import eventually

PROXIES = ("10.0.0.0/8", "::1")


@pytest.mark.parametrize(
    ("addresses", "taken"),
    [
        (["9.9.9.9", "9.9.9.9", "9.9.9.9", "8.8.8.8"], [True, True, False, True]),
        (
            ["2001:db8::1", "2001:db8::2", "2001:db8::3", "::ffff:9.9.9.9"],
            [True, True, False, True],
        ),
        (["10.1.2.3"] * 4, [True] * 4),
        (["::ffff:10.1.2.3"] * 4, [True] * 4),
        (["::1"] * 4, [True] * 4),
        ([""] * 4, [True] * 4),
    ],
)
def test_an_address_holds_so_many_and_a_known_proxy_any(
    addresses: list[str], taken: list[bool]
) -> None:
    connections = Connections(2, PROXIES)
    assert [connections.opened(address) for address in addresses] == taken
    for address in addresses:
        connections.closed(address)
    assert connections.opened(addresses[0])


async def test_an_address_that_holds_its_share_keeps_nobody_else_out(
    cluster: KafkaSettings, redis_url: str, tmp_path: Path
) -> None:
    limits = {"gateway_burst": 3, "gateway_inbox": False, "gateway_proxies": "127.0.0.1"}
    async with Stage(cluster, redis_url, tmp_path / "keys", **limits) as stage:

        async def comes() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            own = ("127.0.0.2", 0)
            return await asyncio.open_connection("127.0.0.1", stage.gateway.port, local_addr=own)

        held = [await comes() for _ in range(3)]
        await eventually(lambda: len(stage.gateway._server.server_state.connections) == 3)
        reader, writer = await comes()
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(1), 5)
        writer.close()
        for _ in range(2):
            assert (await stage.ask("GET", "/v1/keys/current")).status == 200
        for _, open_one in held:
            open_one.close()
