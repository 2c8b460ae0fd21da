"""``nudge deliver``: the push consumer."""

import typer

from nudge.terminal import examples


def register(root: typer.Typer, section: str) -> None:
    root.command(
        "deliver",
        rich_help_panel=section,
        epilog=examples(
            "nudge deliver",
            "NUDGE_HEALTH_PORT=8082 nudge deliver     # /healthz, /readyz and /metrics there",
        ),
    )(deliver)


def deliver() -> None:
    """Run a delivery worker: it encrypts jobs and sends them to the browsers' push services.

    Start as many as you need, up to the number of partitions. SIGTERM (or Ctrl-C) finishes what
    is in flight and leaves. It needs Redis, the VAPID keys (`nudge keys create`),
    NUDGE_VAPID_SUBJECT and NUDGE_TOKEN_SECRET.
    """
    import asyncio
    import sys

    from delivery.app import Delivery
    from delivery.settings import DeliverySettings
    from nudge.kafka import load
    from runtime.logs import configure_logging

    settings = load(DeliverySettings)
    configure_logging(settings, "deliver")
    delivery = Delivery(settings)
    if sys.platform == "win32":
        asyncio.run(delivery.run())
    else:
        import uvloop

        uvloop.run(delivery.run())
