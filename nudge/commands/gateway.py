"""``nudge gateway``: what browsers and the shop's servers speak to over HTTP."""

import typer

from nudge.terminal import examples


def register(root: typer.Typer, section: str) -> None:
    root.command(
        "gateway",
        rich_help_panel=section,
        epilog=examples(
            "NUDGE_GATEWAY_PORT=8000 NUDGE_GATEWAY_ORIGINS=https://shop.example nudge gateway",
            "nudge gateway --openapi > openapi.json   # every route, and what it takes",
        ),
    )(gateway)


def gateway(
    openapi: bool = typer.Option(False, "--openapi", help="Print the OpenAPI document and end."),
) -> None:
    """Run a gateway: it takes events, subscriptions and interactions, and serves the SDK.

    Start as many as you need behind a load balancer: they keep nothing. SIGTERM (or Ctrl-C)
    answers what is under way and ends. It needs Redis, the VAPID keys (`nudge keys create`),
    NUDGE_VAPID_SUBJECT and NUDGE_TOKEN_SECRET; pages need NUDGE_GATEWAY_PUBLIC_KEYS and
    NUDGE_GATEWAY_ORIGINS.
    """
    if openapi:
        _print_document()
        return
    import asyncio
    import sys

    from gateway.server import Gateway
    from gateway.settings import GatewaySettings
    from nudge.kafka import load
    from runtime.logs import configure_logging

    settings = load(GatewaySettings)
    configure_logging(settings, "gateway")
    serving = Gateway(settings)
    if sys.platform == "win32":
        asyncio.run(serving.run())
    else:
        import uvloop

        uvloop.run(serving.run())


def _print_document() -> None:
    from gateway.app import routes_only
    from gateway.openapi import document
    from nudge.terminal import say_json

    say_json(document(routes_only()))
