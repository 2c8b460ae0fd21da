"""``nudge worker``: runs the streams app until it is told to stop."""

import faust
import mode.loop

from runtime.logs import configure_logging
from streams.app import create_app
from streams.core import CoreMaker
from streams.settings import StreamsSettings


def run_worker(settings: StreamsSettings, make_core: CoreMaker | None = None) -> None:
    """Runs a worker. SIGTERM and SIGINT let the steps under way end, then it leaves the group.

    Where that takes over 25 s, since Kafka does not answer, the process ends as if it were killed.

    Raises:
        SystemExit: always; the code is 0 after a signal, 1 when the worker failed, or had to be
            ended.
    """
    configure_logging(settings, "worker")
    mode.loop.use("uvloop")
    app = create_app(settings) if make_core is None else create_app(settings, make_core)
    faust.Worker(
        app, loglevel=settings.log_level, redirect_stdouts=False
    ).execute_from_commandline()
