"""How late a push is."""

from typing import Annotated

import typer

from nudge.commands.bench.options import Json


def latency(
    rate: Annotated[
        int | None,
        typer.Option(min=10, help="Events a second: 5,000; beside a campaign or a feed 500."),
    ] = None,
    seconds: Annotated[
        int, typer.Option(min=10, help="How long pushes are looked at; a campaign takes its time.")
    ] = 60,
    users: Annotated[int, typer.Option(min=100, help="Shoppers.")] = 50_000,
    campaign: Annotated[
        int, typer.Option(min=0, help="Start a campaign for so many users meanwhile.")
    ] = 0,
    feed: Annotated[
        int, typer.Option(min=0, help="Publish so many products meanwhile, one in 100 changed.")
    ] = 0,
    json: Json = False,
) -> None:
    """From the moment a cart is due, beyond the grace, to the push service's 201.

    The whole pipeline runs on this machine, nothing pinned, while events come at a steady rate.
    Beside a campaign or a feed only carts count that are due while it goes on.
    """
    import asyncio

    from nudge.bench.latency import Plan, run
    from nudge.terminal import note, say_json, say_table

    usual = 500 if campaign or feed else 5_000
    plan = Plan(rate or usual, seconds, users, campaign, feed)
    result = asyncio.run(run(plan, note))
    if json:
        say_json(result.as_dict())
        return
    rows = [
        (name, f"{ms:,} ms")
        for name, ms in (
            ("median", result.percentile(0.5)),
            ("p90", result.percentile(0.9)),
            ("p99", result.percentile(0.99)),
            ("worst", result.beyond_grace_ms[-1]),
        )
    ]
    say_table((f"{len(result.beyond_grace_ms):,} pushes", "beyond the grace"), rows)
    note(f"{result.events_per_second:,.0f} events/s, grace {result.grace_ms / 1000:g} s")
    note(f"{result.shoppers:,} carts: {result.held:,} judged late and not counted,"
         f" {result.withheld:,} not sent, {result.undelivered:,} not delivered")  # fmt: skip
    if told := result.campaign:
        note(f"campaign: {told.sent:,} of {told.users:,} pushed in {told.seconds:,.0f} s")
    if fed := result.feed:
        note(f"feed: {fed.products:,} products, {fed.changed:,} changed; published in"
             f" {fed.published:.1f} s, folded after {fed.folded:.1f} s")  # fmt: skip
