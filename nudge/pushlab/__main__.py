"""``python -m nudge.pushlab [--port N] [--collapse]``: the push service by itself."""

import argparse
import asyncio
from contextlib import suppress

from nudge.pushlab import Message, PushLabServer


def _show(message: Message) -> None:
    print(f"{message.number} {message.urgency} ttl={message.ttl} {message.payload}", flush=True)


async def _serve(port: int, *, collapse: bool) -> None:
    async with PushLabServer(port, collapse=collapse, on_message=_show) as lab:
        print(f"push service on {lab.origin}", flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m nudge.pushlab", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument(
        "--collapse", action="store_true", help="a newer message replaces one of the same Topic"
    )
    arguments = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(arguments.port, collapse=arguments.collapse))


if __name__ == "__main__":
    main()
