"""What a partition itself must remember, users aside."""

import msgspec

from processors.campaign_walk import CampaignState
from processors.news import Walk
from processors.table import RESERVED

STATE_KEY = RESERVED + b"core"
"""Row of what the partition itself must remember: clock, applied products, walks under way."""


class PartitionState(msgspec.Struct, omit_defaults=True):
    """``clock`` in ms; ``applied``: the last offset of each product partition that was applied."""

    clock: int = 0
    applied: dict[str, int] = {}
    walked: int = 0
    walks: list[Walk] = []
    drawn: dict[str, int] = {}
    """Voucher codes given away, by batch."""
    campaigns: CampaignState | None = None

    @classmethod
    def read(cls, row: bytes | None) -> "PartitionState":
        """What the row says; the beginning where there is none."""
        return cls() if row is None else msgspec.json.decode(row, type=cls)
