"""``python -m nudge.pushlab [--port N] [--collapse] [--blind]``: the push service by itself."""

import argparse
import asyncio
import sys
from contextlib import suppress
from typing import Any

from nudge.pushlab import Message, PushLabServer


def _show(message: Message) -> None:
    print(f"{message.number} {message.urgency} ttl={message.ttl} {message.payload}", flush=True)


async def _serve(port: int, *, collapse: bool, blind: bool) -> None:
    lab = PushLabServer(
        port, collapse=collapse, decrypt=not blind, on_message=None if blind else _show
    )
    async with lab:
        print(f"push service on {lab.origin}", flush=True)
        await asyncio.Event().wait()


def _uvloop() -> Any:
    import uvloop

    return uvloop


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m nudge.pushlab", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument(
        "--collapse", action="store_true", help="a newer message replaces one of the same Topic"
    )
    parser.add_argument(
        "--blind", action="store_true", help="neither decrypts nor shows messages: for benchmarks"
    )
    arguments = parser.parse_args()
    run = asyncio.run if sys.platform == "win32" else _uvloop().run
    with suppress(KeyboardInterrupt):
        run(_serve(arguments.port, collapse=arguments.collapse, blind=arguments.blind))


if __name__ == "__main__":
    main()
