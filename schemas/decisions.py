"""``push.decisions``: every candidate, what was decided about it, and why."""

from typing import Annotated, Any

from pydantic import Field

from schemas.base import EpochMs, Explained, Id, Wire


class Outcome(Explained):
    """What was decided. All but ``held`` and ``withdraw_requested`` are final."""

    SENT = "sent", "A job was emitted."
    HELD = "held", "Looked at again later; not final."
    DROPPED = "dropped", "Kept silent for good; the reason says why."
    WITHHELD = (
        "withheld",
        "The user is in the holdout group; the evidence says what would have come of it.",
    )
    SHADOW = "shadow", "The scenario is in shadow: would have been sent."
    WITHDRAW_REQUESTED = (
        "withdraw_requested",
        "Follows ``sent``: the reason to speak is gone; delivery was asked to hold back.",
    )


class Reason(Explained):
    """Why. One closed list; ``about`` is what each means to a marketer."""

    OK = "ok", "Nothing spoke against it."
    NOT_SUBSCRIBED = "not_subscribed", "The user has no browser that can be pushed to."
    NO_CONSENT = (
        "no_consent",
        "The user has not agreed to messages for this purpose, or took it back.",
    )
    HOLDOUT = "holdout", "The user is in the group that gets nothing, to measure the effect."
    QUIET_HOURS = "quiet_hours", "It was night at the user's; looked at again in the morning."
    FREQUENCY_CAP = (
        "frequency_cap",
        "The user had as many messages as the caps allow, or one or a voucher too recently.",
    )
    LOWER_PRIORITY = (
        "lower_priority",
        "Another message to the same user mattered more at that moment.",
    )
    FATIGUE = "fatigue", "The user sees messages and never clicks; the cap is halved."
    FAMILY_TAKEN = "family_taken", "A stronger scenario of the same family took its place."
    PURCHASED = "purchased", "The user bought."
    CART_EMPTY = "cart_empty", "The user emptied the cart."
    OUT_OF_STOCK = "out_of_stock", "Nothing of it can be bought now."
    RESTOCKED = "restocked", "There is plenty again."
    PRICE_BACK_UP = "price_back_up", "The price no longer is what the message would say."
    INTEREST_GONE = (
        "interest_gone",
        "The user no longer wants the product (removed it, cancelled the alert).",
    )
    WAVE_LIMIT = "wave_limit", "More people waited for the product than there are pieces to sell."
    CLICKED = "clicked", "The user clicked an earlier step."
    DISMISSED = "dismissed", "The user closed an earlier step's notification."
    SUPERSEDED = "superseded", "A newer moment of the same kind took its place."
    CANCELLED = (
        "cancelled",
        "An event that the scenario names as its end came first, or the campaign was stopped.",
    )
    EXPIRED = "expired", "Found or released too late to be worth saying."
    MISSING_DATA = (
        "missing_data",
        "Something that the message needs is not known, or the rendered message is too large.",
    )
    NOT_IN_SEGMENT = (
        "not_in_segment",
        "The user is not in the segment that the scenario is for, or the cart is worth too little.",
    )
    NO_CODE = "no_code", "The voucher pool has no code left in the user's share of it."
    ALREADY_SENT = (
        "already_sent",
        "The scenario spoke to this user already, and may not again so soon.",
    )
    RETURNED = "returned", "The user came back."
    PAUSED = "paused", "Sending is paused."
    SCENARIO_REMOVED = "scenario_removed", "The scenario is off or no longer in the file."
    PRESENT = "present", "The user is on the site with the tab in front."
    ERASED = "erased", "The user asked to be forgotten."


class Decision(Wire):
    """One candidate's outcome. Exactly one record with ``final: true`` for each ``decision_id``.

    ``due_at`` is when the moment was due, never when it was looked at; ``decided_at`` is the
    logical time of the judgement. Wall time is in neither.
    """

    decision_id: Id
    user_id: Id
    scenario: Id
    step: Annotated[int, Field(ge=1)]
    entity: str | None = None
    due_at: EpochMs
    decided_at: EpochMs
    outcome: Outcome
    reason: Reason
    final: bool
    arm: Id | None = None
    job_id: Id | None = None
    scenario_version: Id
    evidence: dict[str, Any] = {}


class DeadLetterReason(Explained):
    """Why a record could not be used."""

    BAD_JSON = "bad_json", "The value is not JSON."
    UNKNOWN_TYPE = "unknown_type", "The `type` is none that the topic knows."
    INVALID = "invalid", "A field is missing or wrong; the error names it."
    TOO_LARGE = "too_large", "The record is larger than is read."
    UNKNOWN_CODEC = "unknown_codec", "The record is compressed in a way that cannot be read."
    CORRUPT = "corrupt", "The record's batch is damaged: its checksum or content does not add up."
    WRONG_KEY = "wrong_key", "The key is not the one the record's content names."
    WRONG_PARTITION = (
        "wrong_partition",
        "The key does not belong in this partition: the producer does not use murmur2.",
    )
    NO_KEY = "no_key", "The record has no key, so that nobody knows whose it is."
    REJECTED = "rejected", "The push service refused the message for good (400, 413)."


class DeadLetter(Wire):
    """``push.dead-letter``: the record's original bytes are its value, this stands in its headers.

    Headers: ``nudge-reason``, ``nudge-error``, ``nudge-topic``, ``nudge-partition``,
    ``nudge-offset``, ``nudge-timestamp``, all UTF-8 text.
    """

    reason: DeadLetterReason
    error: Annotated[str, Field(max_length=1024)]
    topic: str
    partition: Annotated[int, Field(ge=0)]
    offset: Annotated[int, Field(ge=0)]
    timestamp: Annotated[int, Field(ge=-1)]

    def headers(self) -> list[tuple[str, bytes]]:
        return [
            ("nudge-reason", self.reason.value.encode()),
            ("nudge-error", self.error.encode()),
            ("nudge-topic", self.topic.encode()),
            ("nudge-partition", str(self.partition).encode()),
            ("nudge-offset", str(self.offset).encode()),
            ("nudge-timestamp", str(self.timestamp).encode()),
        ]
