"""Structured logs: JSON lines for machines, colours for people, the same events for both.

Records of the standard library (Faust, aiokafka, aiohttp) take the same way. Log with
``structlog.get_logger()`` and an event name with fields: ``log.info("job_sent", job_id=…)``.
"""

import logging
import logging.config
import sys
from collections import Counter
from typing import Any

import orjson
import structlog
from structlog.contextvars import bind_contextvars, merge_contextvars
from structlog.processors import ExceptionRenderer
from structlog.stdlib import ProcessorFormatter
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict, Processor, WrappedLogger

from runtime.masking import masked
from runtime.settings import ObservabilitySettings

_QUIET = {
    # Each logs at INFO what it does every few seconds.
    "aiokafka": "WARNING",
    "aiohttp.access": "WARNING",
    "asyncio": "WARNING",
}
_REPEATING = ("aiokafka.producer.sender",)
"""Loggers that tell of every try, several a second in a worker that is well.

A broker checks with the transaction's coordinator each partition that is written to. While that
notes another one of the same transaction it answers NOT_ENOUGH_REPLICAS, meaning "again".
"""
_MINUTE_S = 60.0
_OURS = frozenset({"event", "timestamp", "level", "logger"})


def configure_logging(settings: ObservabilitySettings, process: str) -> None:
    """Sends every log record of this process to standard error, in one form.

    Args:
        process: stands in each line as ``process`` (``worker``, ``deliver`` …).
    """
    logging.config.dictConfig(logging_config(settings))
    logging.captureWarnings(True)
    bind_contextvars(process=process)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def logging_config(settings: ObservabilitySettings) -> dict[str, Any]:
    """For ``logging.config.dictConfig``, and for Faust's ``logging_config`` setting."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "nudge": {
                "()": ProcessorFormatter,
                "foreign_pre_chain": _shared(),
                "processors": [ProcessorFormatter.remove_processors_meta, *_render(settings)],
            }
        },
        "handlers": {"nudge": {"class": "logging.StreamHandler", "formatter": "nudge"}},
        "filters": {"once_a_minute": {"()": OnceAMinute}},
        "root": {"level": settings.log_level, "handlers": ["nudge"]},
        # A logger that was kept to itself has lost its handlers by this.
        "loggers": {name: {"level": level, "propagate": True} for name, level in _QUIET.items()}
        | {name: {"filters": ["once_a_minute"]} for name in _REPEATING},
    }


class OnceAMinute(logging.Filter):
    """Lets a message of one kind (whatever it names) through once a minute, with how many more
    there were since the last."""

    def __init__(self) -> None:
        super().__init__()
        self._told: dict[str, float] = {}
        self._unsaid: Counter[str] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        kind, last = str(record.msg), self._told.get(str(record.msg))
        if last is not None and 0 <= record.created - last < _MINUTE_S:
            self._unsaid[kind] += 1
            return False
        self._told[kind] = record.created
        if unsaid := self._unsaid.pop(kind, 0):
            record.msg = f"{kind} (and {unsaid} more like it since the last one told)"
        return True


def _shared() -> list[Processor]:
    return [
        merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]


def _render(settings: ObservabilitySettings) -> list[Processor]:
    # Tracebacks without local variables: those hold what must not be printed.
    if settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty()):
        as_data = ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
        return [as_data, _without_secrets, structlog.processors.JSONRenderer(_json)]
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    return [structlog.processors.format_exc_info, _without_secrets, _on_one_line, console]


def _on_one_line(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """A library's message may quote a stranger: nobody writes lines, or to the terminal, by it."""
    said = str(event.get("event", ""))
    return {**event, "event": "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in said)}


def _json(event: EventDict, **_: Any) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _without_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {
        name: value if name in _OURS and name != "event" else masked(name, value)
        for name, value in event.items()
    }
