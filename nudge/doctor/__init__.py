"""``nudge doctor``: what is wrong, what it means, and the cure."""

from collections.abc import AsyncIterator
from pathlib import Path

from aiokafka.errors import KafkaError
from pydantic import ValidationError

from delivery.settings import DeliverySettings
from nudge.doctor.cluster import check_cluster, check_topics
from nudge.doctor.environment import check_keys, check_values, check_variables, given_variables
from nudge.doctor.finding import Finding, Level, fail
from nudge.doctor.redis import check_redis
from nudge.doctor.steering import check_campaigns, check_controls, check_lag
from nudge.doctor.subscribers import check_subscribers
from nudge.doctor.traffic import check_dead_letters, check_traffic
from nudge.doctor.vouchers import check_vouchers
from nudge.kafka import quiet_clients
from nudge.problem import Problem
from runtime.settings import KafkaSettings, RedisSettings

__all__ = ["Finding", "Level", "examine"]


async def examine() -> AsyncIterator[Finding]:
    """Every check, what others stand on first. Changes nothing."""
    for finding in (*check_variables(given_variables(Path.cwd())), *check_values(), *check_keys()):
        yield finding
    for check in (_redis, _kafka):
        try:
            async for finding in check():
                yield finding
        except ValidationError:
            # Named above, by check_values.
            continue


async def _redis() -> AsyncIterator[Finding]:
    async for finding in check_redis(RedisSettings()):
        yield finding


class _Groups(KafkaSettings):
    # Without what else delivery needs: the doctor also runs where delivery does not.
    delivery_group: str = DeliverySettings.model_fields["delivery_group"].default


async def _kafka() -> AsyncIterator[Finding]:
    settings = _Groups()
    quiet_clients()
    good = True
    async for finding in check_cluster(settings):
        good &= finding.level is not Level.FAIL
        yield finding
    if not good:
        return
    for name, check in (
        ("topics", check_topics(settings)),
        ("scenarios", check_controls(settings)),
        ("campaigns", check_campaigns(settings)),
        ("vouchers", check_vouchers(settings)),
        ("lag", check_lag(settings, settings.delivery_group)),
        ("subscribers", check_subscribers(settings)),
        ("producers", check_traffic(settings)),
        ("dead letters", check_dead_letters(settings)),
    ):
        try:
            async for finding in check:
                yield finding
        except (KafkaError, Problem, TimeoutError) as error:
            said = error.cause if isinstance(error, Problem) else f"{type(error).__name__}: {error}"
            yield fail(name, f"This could not be looked at: {said}", "Mend what is named above.")
