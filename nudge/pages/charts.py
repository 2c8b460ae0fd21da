"""Small charts as inline SVG. Widths are in per cent, so that text keeps its size on a phone."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from markupsafe import Markup

_PLOT_HEIGHT = 160
_TOP = 18
_ROW = 26
_WIDEST_SLOT = 12


@dataclass(frozen=True, slots=True)
class Series:
    """One kind of column, drawn in front of those before it; ``values`` as many as the labels."""

    name: str
    values: Sequence[float]


@dataclass(frozen=True, slots=True)
class Span:
    """An estimate and its interval; ``said``: in words, for who points at it."""

    label: str
    low: float
    middle: float
    high: float
    said: str


def columns(series: Sequence[Series], labels: Sequence[str], about: str) -> Markup:
    """Columns over time, the series in front of each other; some of the labels stand below."""
    top = round_up(max((max(one.values, default=0) for one in series), default=0))
    slot = min(100 / max(len(labels), 1), _WIDEST_SLOT)
    parts = [_grid()]
    for place, one in enumerate(series):
        inset = slot * (0.12 + 0.14 * place)
        for number, value in enumerate(one.values):
            if not value:
                continue
            height = value / top * _PLOT_HEIGHT
            parts.append(
                Markup(
                    '<rect class="s{}" x="{:.3f}%" y="{:.1f}" width="{:.3f}%" height="{:.1f}" '
                    'rx="1"><title>{}</title></rect>'
                ).format(
                    place, number * slot + inset, _TOP + _PLOT_HEIGHT - height,
                    max(slot - 2 * inset, 0.1), height,
                    f"{labels[number]}: {value:,.0f} {one.name}",
                )
            )  # fmt: skip
    parts += [_below(labels, number, slot) for number in _some(len(labels))]
    # The style sheet leaves room at the left of a plot for the figures of its axis.
    kind = "chart plot"
    return _svg([_axis(top), *parts], _TOP + _PLOT_HEIGHT + 22, about, kind) + _legend(series)


def spans(items: Sequence[Span], about: str) -> Markup:
    """Each estimate as a dot on the line of its interval, all on one scale with the zero marked."""
    if not items:
        return Markup()
    low = min(0.0, *(item.low for item in items))
    high = max(0.0, *(item.high for item in items))
    width = (high - low) or 1.0
    parts = []
    for number, item in enumerate(items):
        middle = number * 2 * _ROW + 1.5 * _ROW
        at = [3 + 94 * (value - low) / width for value in (item.low, item.middle, item.high)]
        parts.append(
            Markup(
                '<g><title>{said}</title><text x="0" y="{text:.0f}">{label}</text>'
                '<text class="end" x="100%" y="{text:.0f}">{said}</text>'
                '<line class="span" x1="{0:.2f}%" x2="{2:.2f}%" y1="{y:.0f}" y2="{y:.0f}"/>'
                '<circle cx="{1:.2f}%" cy="{y:.0f}" r="5"/></g>'
            ).format(*at, said=item.said, label=item.label, y=middle, text=middle - 12)
        )
    zero = 3 + 94 * -low / width
    height = len(items) * 2 * _ROW
    line = Markup('<line class="zero" x1="{0:.2f}%" x2="{0:.2f}%" y1="0" y2="{1}"/>')
    return _svg([line.format(zero, height), *parts], height, about)


def share_bar(share: float) -> Markup:
    """One bar, ``share`` (0 to 1) of the width it is given."""
    return Markup(
        '<svg class="bar" width="100%" height="12" aria-hidden="true">'
        '<rect class="rail" width="100%" height="12" rx="3"/>'
        '<rect class="s0" width="{:.2f}%" height="12" rx="3"/></svg>'
    ).format(100 * min(max(share, 0.0), 1.0))


def round_up(value: float) -> float:
    """The next of 1, 2, 5 times a power of ten: where an axis may end."""
    if value <= 0:
        return 1
    power: float = 10.0 ** floor(log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


def _grid() -> Markup:
    line = Markup('<line class="grid" x1="0" x2="100%" y1="{0:.1f}" y2="{0:.1f}"/>')
    return Markup().join(line.format(_height_of(part)) for part in _TICKS)


def _axis(top: float) -> Markup:
    """The figures beside the lines of the grid, where no column stands."""
    text = Markup('<text class="end" x="{}" y="{:.1f}">{}</text>')
    return Markup().join(
        text.format(-8, _height_of(part) + 4, f"{top * part:,.10g}") for part in _TICKS
    )


_TICKS = (0.0, 0.5, 1.0)


def _height_of(part: float) -> float:
    return _TOP + _PLOT_HEIGHT * (1 - part)


def _below(labels: Sequence[str], number: int, slot: float) -> Markup:
    middle = (number + 0.5) * slot
    side = "start" if middle < 10 else "end" if middle > 90 else "middle"
    x = 0 if side == "start" else 100 if side == "end" else middle
    return Markup('<text text-anchor="{}" x="{:.2f}%" y="{}">{}</text>').format(
        side, x, _TOP + _PLOT_HEIGHT + 16, labels[number]
    )


def _some(count: int) -> list[int]:
    """At most five places, spread evenly: more would run into each other on a phone."""
    if count <= 5:
        return list(range(count))
    return sorted({ceil(step * (count - 1) / 4) for step in range(5)})


def _svg(parts: Sequence[Markup], height: float, about: str, kind: str = "chart") -> Markup:
    return Markup(
        '<svg class="{}" width="100%" height="{:.0f}" role="img" aria-label="{}">{}</svg>'
    ).format(kind, height, about, Markup().join(parts))


def _legend(series: Sequence[Series]) -> Markup:
    if len(series) < 2:
        return Markup()
    keys = Markup().join(
        Markup('<span><i class="k{}"></i>{}</span>').format(place, one.name)
        for place, one in enumerate(series)
    )
    return Markup('<p class="legend">{}</p>').format(keys)
