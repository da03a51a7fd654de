"""How a list grew, as a drawing: a line of steps over time, in SVG that takes its colours from desk.css.

Pure. Who cannot see it has the table that the page puts beside it.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from babel.dates import format_date
from markupsafe import Markup

MOST = 200  # steps that can be told apart
_WIDTH, _HEIGHT = 640, 210
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 12, 30


@dataclass(frozen=True, slots=True)
class Step:
    """From `at` on there were so many `readers`."""

    at: float
    readers: int


def draw_growth(steps: Sequence[Step], *, until: float, zone: dt.tzinfo) -> Markup:
    """The drawing of `steps`, the earliest first, up to the instant `until`; nothing for fewer than two."""
    if len(steps) < 2:
        return Markup("")
    steps = _thinned(steps)
    begin, end = steps[0].at, max(until, steps[-1].at, steps[0].at + 1)
    top = nice_ceiling(max(each.readers for each in steps))

    def x(at: float) -> str:
        return f"{_LEFT + (at - begin) / (end - begin) * (_WIDTH - _LEFT - _RIGHT):.1f}"

    def y(readers: float) -> str:
        return f"{_HEIGHT - _BOTTOM - readers / top * (_HEIGHT - _TOP - _BOTTOM):.1f}"

    path = f"M{x(begin)} {y(steps[0].readers)}"
    path += "".join(f"H{x(each.at)}V{y(each.readers)}" for each in steps[1:]) + f"H{x(end)}"
    ground = y(0)
    parts = [
        Markup('<path class="grid" d="M{} {}H{}"/><text x="{}" y="{}" text-anchor="end">{}</text>').format(
            _LEFT, y(value), _WIDTH - _RIGHT, _LEFT - 8, float(y(value)) + 4, _short(value)
        )
        for value in (0, top // 2, top)
    ]
    parts.append(
        Markup('<path class="under" d="{}V{}H{}Z"/><path class="line" d="{}"/>').format(path, ground, x(begin), path)
    )
    for at, place, anchor in ((begin, _LEFT, "start"), (end, _WIDTH - _RIGHT, "end")):
        day = format_date(dt.datetime.fromtimestamp(at, zone), "d MMM y", locale="en_GB")
        parts.append(Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(place, _HEIGHT - 8, anchor, day))
    words = f"From {steps[0].readers:,} to {steps[-1].readers:,} readers; the table has the numbers."
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        _WIDTH, _HEIGHT, words, Markup("").join(parts)
    )


def nice_ceiling(most: int) -> int:
    """The next even number that reads well, and is not below `most`."""
    unit = 1
    while True:
        for digit in (2, 4, 6, 10):
            if digit * unit >= most:
                return digit * unit
        unit *= 10


def _short(number: int) -> str:
    """A number for the margin: 800, 20k, 1.2M."""
    for unit, name in ((1_000_000, "M"), (1_000, "k")):
        if number >= unit:
            return f"{number / unit:g}{name}"
    return str(number)


def _thinned(steps: Sequence[Step]) -> Sequence[Step]:
    """At most MOST of them; the first and the last stay."""
    if len(steps) <= MOST:
        return steps
    stride = (len(steps) - 1) / (MOST - 1)
    return [steps[round(number * stride)] for number in range(MOST)]
