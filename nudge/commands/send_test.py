"""``nudge send-test``: one real push to one user."""

from typing import TYPE_CHECKING, Annotated

import typer

from nudge.terminal import examples

if TYPE_CHECKING:
    from nudge.trial import Message

_TTL_MS = 300_000


def register(root: typer.Typer, section: str) -> None:
    root.command(
        "send-test",
        rich_help_panel=section,
        epilog=examples(
            "nudge send-test anna",
            'nudge send-test anna --title "Hello" --url https://shop.example/cart',
        ),
    )(send_test)


def send_test(
    user: Annotated[str, typer.Argument(help="A user id, or an anonymous id.")],
    title: Annotated[str, typer.Option(help="The notification's title.")] = "It works",
    body: Annotated[
        str, typer.Option(help="Its text.")
    ] = "This is a test push from Nudge. You can close it.",
    url: Annotated[str, typer.Option(help="Where a click leads.")] = "/",
    wait: Annotated[str, typer.Option(help="How long to wait for the result.")] = "30s",
    json: Annotated[bool, typer.Option("--json", help="A JSON object a result.")] = False,
) -> None:
    """Send a real push to every device of a user, and wait for what comes of it.

    It takes the same way as every other push: a job in push.jobs, `nudge deliver`, the push
    service of the user's browser. It is transactional: caps and quiet hours do not hold it, a
    pause does.
    """
    import asyncio

    from nudge.trial import Message
    from nudge.when import duration_ms

    delivered = asyncio.run(
        _send(user, Message(title, body, url), duration_ms(wait) / 1000, json=json)
    )
    if not delivered:
        raise typer.Exit(1)


async def _send(user: str, message: "Message", wait_s: float, *, json: bool) -> bool:
    """Whether at least one device was reached.

    Raises:
        Problem: no device, or no answer in time.
    """
    import asyncio

    from nudge import trial
    from nudge.controls import read_controls
    from nudge.kafka import kafka_settings
    from nudge.problem import Problem
    from nudge.terminal import note, plain, say, say_json
    from schemas.push import ResultOutcome

    settings = kafka_settings()
    if (await read_controls(settings)).paused:
        note("[yellow]Sending is paused: the push waits for `nudge resume`.[/yellow]")
    delivered = False
    try:
        async with asyncio.timeout(wait_s):
            async for result in trial.send_test(settings, user, message, _TTL_MS):
                delivered |= result.outcome is ResultOutcome.DELIVERED
                if json:
                    say_json(result.model_dump(mode="json", exclude_none=True))
                    continue
                detail = f" {plain(result.detail)}" if result.detail else ""
                status = f" (status {result.status})" if result.status else ""
                say(
                    f"device {plain(result.subscription_id[:8])}: {result.outcome}."
                    f" {result.outcome.about}{status}{detail}"
                )
    except TimeoutError:
        raise Problem(
            f"No final result within {wait_s:g} s.",
            "Is `nudge deliver` running, and sending not paused? `nudge doctor` looks. The push is"
            f" tried for {_TTL_MS // 60_000} minutes in all.",
        ) from None
    return delivered
