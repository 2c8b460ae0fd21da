"""How sure a share is, and the difference of two."""

from math import sqrt
from typing import NamedTuple

Z_95 = 1.959963984540054
"""The normal distribution's quantile for two sides of 2.5 % each."""


class Interval(NamedTuple):
    """Shares from -1 to 1."""

    low: float
    high: float


def wilson(hits: int, of: int) -> Interval:
    """Wilson's score interval, 95 %, of the share ``hits / of`` (Wilson 1927)."""
    if not of:
        return Interval(0.0, 1.0)
    share, z2 = hits / of, Z_95**2
    middle = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = Z_95 / (1 + z2 / of) * sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    return Interval(max(0.0, middle - half), min(1.0, middle + half))


def difference(hits: int, of: int, other_hits: int, other_of: int) -> Interval:
    """Newcombe's hybrid score interval, 95 %, of ``hits / of - other_hits / other_of``.

    Newcombe 1998 ("Interval estimation for the difference between independent proportions"),
    method 10. It holds for small groups and shares near 0, where the usual one does not.
    """
    if not of or not other_of:
        return Interval(-1.0, 1.0)
    first, second = hits / of, other_hits / other_of
    (low, high), (other_low, other_high) = wilson(hits, of), wilson(other_hits, other_of)
    apart = first - second
    return Interval(
        apart - sqrt((first - low) ** 2 + (other_high - second) ** 2),
        apart + sqrt((high - first) ** 2 + (second - other_low) ** 2),
    )
