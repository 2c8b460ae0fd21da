"""The VAPID header of a push, made once for each key and origin and kept until it ages."""

from runtime.vapid import KeyRing

LIFETIME_S = 12 * 3600
"""Half of what RFC 8292 §2 allows: push services' clocks differ from ours."""
_REFRESH_AFTER_S = LIFETIME_S / 2
_MOST = 4096


class Authorizations:
    """Headers by (key id, origin).

    Args:
        subject: ``mailto:`` or ``https:`` contact (RFC 8292 §2.1).
    """

    def __init__(self, keys: KeyRing, subject: str) -> None:
        self._keys = keys
        self._subject = subject
        self._made: dict[tuple[str | None, str], tuple[str, float]] = {}

    def header(self, key_id: str | None, origin: str, now: float) -> str | None:
        """The ``Authorization`` header; ``None`` where we do not have that key.

        Args:
            now: epoch seconds.
        """
        header, made_at = self._made.get((key_id, origin), ("", 0.0))
        # One from the future was made by a clock that was ahead: it ends later than is allowed.
        if header and 0 <= now - made_at < _REFRESH_AFTER_S:
            return header
        key = self._keys.get(key_id)
        if key is None:
            return None
        header = key.authorization(origin, self._subject, int(now) + LIFETIME_S)
        if len(self._made) >= _MOST:
            self._made.clear()
        self._made[(key_id, origin)] = (header, now)
        return header

    def refused(self, key_id: str | None, origin: str) -> None:
        """The push service did not accept the header: the next one is made anew."""
        self._made.pop((key_id, origin), None)
