"""Profiles at rest: JSON with short names, and whatever newer releases have added to it."""

from typing import Any

import msgspec
import orjson

from processors.earlier import bring_up
from processors.profile import SCHEMA, Profile, new_profile


class NewerProfileError(ValueError):
    """The row was written by a newer major release, whose rules this one cannot keep."""


class _Schema(msgspec.Struct):
    v: int


_decode_schema = msgspec.json.Decoder(_Schema).decode
_decoder = msgspec.json.Decoder(Profile)
_encoder = msgspec.json.Encoder()
_OPEN = {"extra", "calm_until", "open_viewed", "open_categories"}
_KNOWN = {field.encode_name for field in msgspec.structs.fields(Profile)} - _OPEN


EMPTY_ROW = _encoder.encode(new_profile())
"""A profile of which nothing is known; not worth a row."""


def decode(row: bytes) -> Profile:
    """A profile from its row.

    Raises:
        NewerProfileError: a newer major release wrote it.
    """
    try:
        profile = _decoder.decode(row)
    except msgspec.ValidationError:
        refuse_newer(row)
        raise
    if profile.schema != SCHEMA:
        if profile.schema > SCHEMA:
            _carry_newer(profile, row)
        elif profile.schema // 100 < SCHEMA // 100:
            bring_up(profile, row)
            profile.schema = SCHEMA
    return profile


def refuse_newer(row: bytes) -> None:
    """Looks at the schema of a row that may have any form.

    Raises:
        NewerProfileError: a newer major release wrote it.
    """
    schema = _decode_schema(row).v
    if schema // 100 > SCHEMA // 100:
        raise NewerProfileError(
            f"a profile has schema {schema / 100:.2f}, this release reads up to"
            f" {SCHEMA // 100}.x: start the newer release, or restore the state of this one"
        )


def _carry_newer(profile: Profile, row: bytes) -> None:
    refuse_newer(row)
    fields = orjson.loads(row)
    profile.extra = {name: value for name, value in fields.items() if name not in _KNOWN}


def encode(profile: Profile) -> bytes:
    """A profile's row: JSON, fields in a fixed order."""
    profile.write_looks()
    opened = profile.open_viewed, profile.open_categories, profile.calm_until
    profile.open_viewed = profile.open_categories = None
    profile.calm_until = 0
    row = _encoder.encode(profile) if profile.extra is msgspec.UNSET else _with_extra(profile)
    profile.open_viewed, profile.open_categories, profile.calm_until = opened
    return row


def _with_extra(profile: Profile) -> bytes:
    extra = profile.extra
    profile.extra = msgspec.UNSET
    row = orjson.dumps(orjson.loads(_encoder.encode(profile)) | extra)
    profile.extra = extra
    return row


def to_plain(profile: Profile) -> dict[str, Any]:
    """A profile as plain data, for the wire."""
    plain: dict[str, Any] = orjson.loads(encode(profile))
    return plain


def from_plain(plain: dict[str, Any]) -> Profile:
    """The reverse of :func:`to_plain`.

    Raises:
        NewerProfileError: a newer major release wrote it.
    """
    return decode(orjson.dumps(plain))
