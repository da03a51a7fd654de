"""Charts, drawn as SVG: a line over time, and bars of parts of a whole.

    plot(points, zone=, words=, width=)   how many a second over time, with marks for what happened then
    stack(parts, whole, words=)           parts of a whole side by side, as wide as there is room

Pure: numbers in, Markup out. Colours are classes of desk.css, so that both schemes have theirs; nothing has a style of its own,
which the desk's policy forbids. `words` are what a screen reader says; a table beside the chart has the numbers. A plot's
letters do not shrink with it: a page draws it once for each width that it is shown at.
"""

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from markupsafe import Markup

from mailer.service.watching import width_of

HEIGHT = 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 14, 14, 26
_LETTER = 6.6  # the width of a letter of the axes, at most
_WHOLE = 1000  # the width of a stack in its own units
_THINNEST = 3.0  # what is there at all is seen


@dataclass(frozen=True, slots=True)
class Point:
    """`value` at the time `at`, seconds since the epoch."""

    at: float
    value: float


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at `at`, in a few words."""

    at: float
    words: str


@dataclass(frozen=True, slots=True)
class Part:
    """`value` of a whole; `tone` is its colour's class: good, warn, bad, quiet."""

    name: str
    value: int
    tone: str


def plot(
    points: Sequence[Point], *, zone: ZoneInfo, words: str, marks: Sequence[Mark] = (), width: int = 560
) -> Markup:
    """A line through `points`, which are in order of time; at least one."""
    begin, end = points[0].at, max(points[-1].at, points[0].at + 1)
    top, rise = scale(max(point.value for point in points))

    def across(at: float) -> float:
        return _LEFT + (width - _LEFT - _RIGHT) * (min(max(at, begin), end) - begin) / (end - begin)

    def up(value: float) -> float:
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * value / top

    drawn = []
    for step in range(round(top / rise) + 1):
        level = step * rise
        y = _number(up(level))
        drawn.append(Markup('<path class="grid" d="M{} {}H{}"/>').format(_LEFT, y, width - _RIGHT))
        drawn.append(
            Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(
                _LEFT - 8, _number(up(level) + 4), amount(level)
            )
        )
    for at, clock in ticks(begin, end, zone, most=max(2, (width - _LEFT - _RIGHT) // 80)):
        x, room = across(at), len(clock) * _LETTER / 2
        if room < x < width - room:
            text = Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>')
            drawn.append(text.format(_number(x), HEIGHT - 6, clock))
    drawn += [_mark(mark, across(mark.at), width) for mark in marks]
    if len(points) == 1:
        dot = Markup('<circle class="line" cx="{}" cy="{}" r="2.5"/>')
        drawn.append(dot.format(_number(across(points[0].at)), _number(up(points[0].value))))
    else:
        way = "L".join(f"{_number(across(point.at))} {_number(up(point.value))}" for point in points)
        drawn.append(Markup('<path class="line" d="M{}"/>').format(way))
    head = Markup('<svg class="plot" role="img" aria-label="{}" viewBox="0 0 {} {}" width="{}" height="{}">')
    return head.format(words, width, HEIGHT, width, HEIGHT) + Markup("").join(drawn) + Markup("</svg>")


def stack(parts: Sequence[Part], whole: int, *, words: str = "") -> Markup:
    """`parts` of `whole` side by side; what is left of it stays empty. Without `words` it is for the eye only."""
    drawn, left = [], 0.0
    for part in parts:
        if part.value > 0 and whole > 0:
            width = min(_WHOLE - left, max(_THINNEST, _WHOLE * part.value / whole))
            drawn.append(
                Markup('<rect class="{}" x="{}" width="{}" height="10"><title>{}: {}</title></rect>').format(
                    part.tone, _number(left), _number(width), part.name, f"{part.value:,}"
                )
            )
            left += width
    said = Markup('role="img" aria-label="{}"').format(words) if words else Markup('aria-hidden="true"')
    head = Markup('<svg class="parts" {} viewBox="0 0 {} 10" preserveAspectRatio="none">').format(said, _WHOLE)
    return head + Markup("").join(drawn) + Markup("</svg>")


def scale(most: float) -> tuple[float, float]:
    """The top of an axis that has `most` on it, and the step between its lines: three to five, of round numbers."""
    if most <= 0:
        return 1.0, 1.0
    rough = most / 4
    power = 10.0 ** math.floor(math.log10(rough))
    rise = next(power * each for each in (1, 2, 2.5, 5, 10) if power * each >= rough * (1 - 1e-9))
    return rise * math.ceil(most / rise - 1e-9), rise


def ticks(begin: float, end: float, zone: ZoneInfo, *, most: int) -> list[tuple[float, str]]:
    """Up to `most` times between `begin` and `end` that read well, with their words in `zone`."""
    step = width_of(end - begin, most)
    offset = (dt.datetime.fromtimestamp(begin, zone).utcoffset() or dt.timedelta()).total_seconds()
    first = math.ceil((begin + offset) / step) * step - offset
    times = [first + number * step for number in range(int((end - first) // step) + 1)] if first <= end else []
    form = "%H:%M:%S" if step < 60 else "%H:%M" if step < 86_400 else "%-d %b"
    return [(at, dt.datetime.fromtimestamp(at, zone).strftime(form)) for at in times[:most]]


def amount(value: float) -> str:
    """A number of an axis or a cell, as short as it stays true: 0, 0.4, 12, 1,200."""
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"


def _mark(mark: Mark, x: float, width: int) -> Markup:
    """A line from top to bottom, its words on the side that has room."""
    room = len(mark.words) * _LETTER
    is_right = x + 6 + room <= width
    place, anchor = (x + 6, "start") if is_right else (x - 6, "end")
    words = Markup("")
    if is_right or x - 6 - room >= _LEFT:
        words = Markup('<text class="warn" x="{}" y="{}" text-anchor="{}">{}</text>').format(
            _number(place), _TOP + 10, anchor, mark.words
        )
    line = Markup('<path class="mark" d="M{} {}V{}"/>').format(_number(x), _TOP, HEIGHT - _BOTTOM)
    return line + words


def _number(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")
