"""A delivery worker for tests, in a process of its own."""

import uvloop

from delivery.app import Delivery
from delivery.settings import DeliverySettings
from runtime.logs import configure_logging


async def main() -> None:
    settings = DeliverySettings()
    configure_logging(settings, "deliver")
    await Delivery(settings).run()


if __name__ == "__main__":
    uvloop.run(main())
