"""The profiles of a partition that are decoded just now.

Who was here a moment ago mostly does something next: decoding a row again and again would be a
third of the work. What a step touches is written once, when it ends.
"""

from processors.profile import Profile, new_profile
from processors.rows import decode
from processors.table import ProfileTable

KEPT = 1_000
"""Profiles that are kept decoded, at least (and at most twice as many, and those of one step)."""


class OpenProfiles:
    """Decoded rows of ``table``, by user.

    ``touched``: what the step under way may have changed; ``stirred``: whom it may have made due
    sooner since its last tick.
    """

    __slots__ = ("_kept", "_older", "_recent", "_table", "moments", "stirred", "touched")

    def __init__(self, table: ProfileTable, kept: int = KEPT) -> None:
        self._table = table
        self._kept = kept
        self._recent: dict[str, Profile] = {}
        self._older: dict[str, Profile] = {}
        self.touched: dict[str, Profile] = {}
        self.stirred: dict[str, Profile] = {}
        self.moments = 0
        """Open moments of all users, those that are touched aside."""

    def look(self, key: str) -> Profile:
        """The user's profile, to be read only."""
        profile = self._recent.get(key)
        if profile is None:
            profile = self._older.get(key)
            if profile is None:
                row = self._table.get(key.encode())
                profile = new_profile() if row is None else decode(row)
            self._recent[key] = profile
        return profile

    def hold(self, key: str) -> Profile:
        """The user's profile, to be changed. Whom that may make due sooner is to be stirred."""
        profile = self.touched.get(key)
        if profile is None:
            profile = self.touched[key] = self.look(key)
            self.moments -= len(profile.moments)
        return profile

    def touch(self, key: str) -> Profile:
        """The user's profile, to be changed and looked at anew."""
        profile = self.stirred[key] = self.hold(key)
        return profile

    def replace(self, key: str, profile: Profile) -> None:
        """Another profile takes the place of a touched one."""
        self.touched[key] = self.stirred[key] = self._recent[key] = profile

    def close(self, key: str) -> None:
        """What the user's profile holds now is written before the step ends."""
        del self.touched[key]
        self.stirred.pop(key, None)

    def forget(self, key: str) -> None:
        """The user has no row any more."""
        self._recent.pop(key, None)
        self._older.pop(key, None)

    def close_all(self) -> None:
        """All are written: who is looked at next is decoded anew."""
        self._recent.clear()
        self._older.clear()

    def settle(self) -> None:
        """The step has ended and written what it touched."""
        self.touched.clear()
        self.stirred.clear()
        if len(self._recent) > self._kept:
            self._older, self._recent = self._recent, {}
