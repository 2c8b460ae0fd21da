"""Rows of the first major release, brought to the form of this one as they are read."""

from typing import TYPE_CHECKING

import msgspec

from processors.looks import Categories, Viewed
from processors.traces import TOLD_ELSEWHERE, Interest

if TYPE_CHECKING:
    from processors.profile import Profile


class _FirstMajor(msgspec.Struct, gc=False):
    """What stood in another form: views and categories one by one, marks as numbers."""

    vw: list[Interest] = []
    ct: dict[str, tuple[int, int]] = {}
    fi: list[int] = []
    rc: list[int] = []
    currency: str | None = None


_decode = msgspec.json.Decoder(_FirstMajor).decode


def bring_up(profile: "Profile", row: bytes) -> None:
    """``row``: where the profile was read from."""
    told = _decode(row)
    profile.viewed, profile.categories = Viewed.of(told.vw), Categories.of(told.ct)
    profile.finals, profile.recent = _marks(told.fi), _marks(told.rc)
    profile.currency = told.currency
    for device in profile.devices:
        for name in TOLD_ELSEWHERE:
            device.told.pop(name, None)


def _marks(numbers: list[int]) -> bytes:
    return b"".join(number.to_bytes(4, "big") for number in numbers)
