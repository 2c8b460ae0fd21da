"""One worker a ``NUDGE_GROUP_INSTANCE_ID``: who lost it to another ends instead of taking it back.

Kafka gives a group's instance id to whoever comes last and means to tell the one before by
FENCED_INSTANCE_ID (KIP-345). aiokafka sends heartbeats that know no instance ids, hears that its
member is unknown and joins anew, which takes the id back: two workers would fight for ever.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streams.settings import StreamsSettings

log = structlog.get_logger(__name__)


class InstanceTakenError(KafkaError):  # type: ignore[misc]  # aiokafka is untyped
    """Another member of the group has this worker's instance id."""


class Instance:
    """Stands before every join of a coordinator of aiokafka's, where there is an instance id.

    Args:
        crash: ends the worker with an error.
    """

    def __init__(
        self,
        settings: StreamsSettings,
        coordinator: Any,
        crash: Callable[[Exception], Awaitable[None]],
    ) -> None:
        self._settings = settings
        self._coordinator = coordinator
        self._crash = crash
        self._id: str | None = settings.group_instance_id
        self._member = ""
        if self._id is not None:
            self._reset, coordinator.reset_generation = coordinator.reset_generation, self._forgot
            self._join, coordinator._do_rejoin_group = coordinator._do_rejoin_group, self._rejoin

    def _forgot(self) -> None:
        self._member = self._coordinator.member_id or self._member
        self._reset()

    async def _rejoin(self, subscription: Any) -> Any:
        """
        Raises:
            InstanceTakenError: another one has the id, which we had, or meant to have.
            KafkaError: the group does not take us.
        """
        if self._member and not self._coordinator.member_id:
            await self._check()
        try:
            return await self._join(subscription)
        except KafkaError:
            # FENCED_INSTANCE_ID comes here as an error without a name.
            await self._check()
            raise

    async def _check(self) -> None:
        if not await self._is_taken():
            return
        error = InstanceTakenError(
            f"another worker has NUDGE_GROUP_INSTANCE_ID={self._id}: give each its own"
        )
        log.error("instance_taken", error=str(error))
        await self._crash(error)
        raise error

    async def _is_taken(self) -> bool:
        """Whether a member that is not the one we were has the id: Kafka names members by it."""
        group = self._coordinator.group_id
        admin = AIOKafkaAdminClient(**self._settings.client_options())
        try:
            await admin.start()
            (answer,) = await admin.describe_consumer_groups([group])
        except KafkaError:
            # The join will hear of that.
            return False
        finally:
            await admin.close()
        members = {member[0] for described in answer.groups for member in described[5]}
        others = members - {self._member, self._coordinator.member_id}
        return any(one.startswith(f"{self._id}-") for one in others)
