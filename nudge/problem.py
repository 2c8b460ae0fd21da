"""What a user can cure: shown as cause and cure, never as a traceback."""

import errno
import sys
from collections.abc import Iterable
from difflib import get_close_matches

EXIT_FAILURE = 1
EXIT_USAGE = 2
_NOT_BOUND = (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES)


class Problem(Exception):  # noqa: N818 - the word that its readers use
    """Ends a command with ``cause``, ``cure`` and an exit code (1 failure, 2 usage)."""

    def __init__(self, cause: str, cure: str = "", exit_code: int = EXIT_FAILURE) -> None:
        super().__init__(cause)
        self.cause = cause
        self.cure = cure
        self.exit_code = exit_code


def usage_problem(cause: str, cure: str = "") -> Problem:
    """A command line that says something impossible: exit code 2."""
    return Problem(cause, cure, EXIT_USAGE)


def did_you_mean(name: str, known: Iterable[str], otherwise: str) -> str:
    """The cure of a name that is not known."""
    close = get_close_matches(name, list(known), n=2)
    return f"Did you mean {' or '.join(close)}?" if close else otherwise


def problem_of(error: BaseException) -> Problem | None:
    """What an error of our own packages or of a client means; ``None`` where it is a defect.

    Looks at what has been imported already, so that the command line itself stays light.
    """
    if isinstance(error, Problem):
        return error
    if isinstance(error, OSError) and error.filename is not None:
        return Problem(f"{error.filename}: {error.strerror}")
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return Problem("No space is left where this was to be written: what is there is cut off.")
    if isinstance(error, OSError) and error.errno in _NOT_BOUND:
        return Problem(
            f"Its port cannot be had: {str(error).partition('] ')[2]}",
            "Stop what listens there, or set NUDGE_GATEWAY_PORT or NUDGE_HEALTH_PORT.",
        )
    if isinstance(error, TimeoutError):
        return Problem("Kafka did not answer in time.", "`nudge doctor` looks for the cause.")
    for module, name, explain in _KNOWN:
        known = getattr(sys.modules.get(module), name, None)
        if isinstance(known, type) and isinstance(error, known):
            return explain(error)
    return None


def _of_settings(error: BaseException) -> Problem:
    return Problem(str(error), "Correct the variable in the environment or in .env.")


def _of_connection(error: BaseException) -> Problem:
    return Problem(
        f"Kafka cannot be reached: {str(error).removeprefix('KafkaConnectionError: ')}",
        "Start it, or set NUDGE_KAFKA_BOOTSTRAP to host:port.",
    )


def _of_copies(error: BaseException) -> Problem:
    return Problem(
        f"There are fewer brokers than copies asked for ({error}).",
        "On one machine: nudge topics create --replication 1",
    )


def _of_kafka(error: BaseException) -> Problem:
    said = f"{type(error).__name__}: {error}".rstrip(": ")
    return Problem(f"Kafka refused: {said}", "`nudge doctor` looks for the cause.")


def _of_redis(error: BaseException) -> Problem:
    return Problem(
        f"Redis does not serve: {error}",
        "Start it, or set NUDGE_REDIS_URL (redis://host:port/0, rediss:// for TLS).",
    )


def _as_it_says(error: BaseException) -> Problem:
    return Problem(str(error))


_KNOWN = (
    ("nudge.local.errors", "LocalStackError", _as_it_says),
    ("runtime.vapid", "KeyFilesError", _as_it_says),
    ("streams.guard", "RefusedError", _as_it_says),
    ("delivery.topics", "TopicsError", _as_it_says),
    ("gateway.broker", "TopicsMissingError", _as_it_says),
    ("gateway.person.reading", "TopicGoneError", _as_it_says),
    ("processors.rows", "NewerProfileError", _as_it_says),
    ("pydantic_settings", "SettingsError", _of_settings),
    ("aiokafka.errors", "InvalidReplicationFactorError", _of_copies),
    ("aiokafka.errors", "KafkaConnectionError", _of_connection),
    ("aiokafka.errors", "KafkaError", _of_kafka),
    ("redis.exceptions", "RedisError", _of_redis),
)
