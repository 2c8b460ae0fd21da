"""``push.segments``: who came into a segment, and who left it."""

from schemas.base import EpochMs, Id, Wire


class SegmentChange(Wire):
    """A user entered (or, where ``entered`` is false, left) a segment that is published.

    ``at``: when it was looked at; ``scenario_version``: whose segments they are.
    """

    user_id: Id
    segment: Id
    entered: bool
    at: EpochMs
    scenario_version: Id
