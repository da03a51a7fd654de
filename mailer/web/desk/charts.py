"""Charts as SVG: lines over time, and bars of parts of a whole.

    plot(points, zone=, words=, width=)     messages per second over time, with marks for events
    draw_growth(steps, until=, zone=)       the number of readers of a list over time, as a line of steps
    draw_trend(steps, until=)               the same small, without axes, for a row of a table
    stack(parts, whole, words=)             parts of a whole side by side, as wide as there is room

Pure: numbers in, Markup out. Colours are classes of desk.css, so that both schemes have theirs; nothing has a style of its own,
which the desk's policy forbids. `words` are what a screen reader says; a table beside the chart has the numbers. A plot's
letters do not shrink with it: a page draws it once for each width that it is shown at.
"""

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from markupsafe import Markup

from mailer.service.sends.monitor import bucket_width

HEIGHT = 190
_SMALLEST = 1e-9  # of a value that counts as more than nothing
MAX_STEPS = 200  # of a growth chart; more cannot be told apart
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 14, 14, 26  # the margins of a plot
_GROWTH_WIDTH, _GROWTH_HEIGHT = 640, 210
_GROWTH_LEFT = 64
_TREND_WIDTH, _TREND_HEIGHT = 160, 36
_CHAR_WIDTH = 6.6  # of an axis label, at most
_WHOLE = 1000  # the width of a stack in its own units
_THINNEST = 3.0  # a part that is not zero is visible


@dataclass(frozen=True, slots=True)
class Point:
    """`value` at the time `at`, seconds since the epoch."""

    at: float
    value: float


@dataclass(frozen=True, slots=True)
class Step:
    """From the time `at` on, a list had so many `readers`."""

    at: float
    readers: int


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at `at`, in a few words."""

    at: float
    words: str


@dataclass(frozen=True, slots=True)
class ChartPart:
    """`value` of a whole; `tone` is its colour's class: good, warn, bad, quiet."""

    name: str
    value: int
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axes:
    """A horizontal axis of time from `begin` to `end`, and a vertical one from 0 to `top` with a line at each `step`."""

    begin: float
    end: float
    top: float
    step: float
    width: int
    height: int = HEIGHT
    left: int = _LEFT

    def x(self, at: float) -> float:
        """The horizontal position of a time; times outside of the axis are moved to its ends."""
        at = min(max(at, self.begin), self.end)
        return self.left + (self.width - self.left - _RIGHT) * (at - self.begin) / (self.end - self.begin)

    def y(self, value: float) -> float:
        return self.height - _BOTTOM - (self.height - _TOP - _BOTTOM) * value / self.top

    def grid(self) -> list[Markup]:
        """The horizontal lines, each with its number in the left margin."""
        line = Markup('<path class="grid" d="M{} {}H{}"/><text x="{}" y="{}" text-anchor="end">{}</text>')
        return [
            line.format(
                self.left,
                _number(self.y(level)),
                self.width - _RIGHT,
                self.left - 8,
                _number(self.y(level) + 4),
                _axis_label(level),
            )
            for level in (number * self.step for number in range(round(self.top / self.step) + 1))
        ]


def plot(
    points: Sequence[Point], *, zone: ZoneInfo, words: str, marks: Sequence[Mark] = (), width: int = 560
) -> Markup:
    """Draws a line through `points`, at least one, in order of time."""
    top, step = scale(max(point.value for point in points))
    begin, end = points[0].at, points[-1].at
    if begin == end:  # a single point is in the middle, above its own time
        begin, end = begin - 0.5, end + 0.5
    axes = _Axes(begin=begin, end=end, top=top, step=step, width=width)
    drawn = axes.grid()
    for at, clock in _time_labels(points, zone, most=max(2, (width - _LEFT - _RIGHT) // 80)):
        x, room = axes.x(at), len(clock) * _CHAR_WIDTH / 2
        if room < x < width - room:
            text = Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>')
            drawn.append(text.format(_number(x), HEIGHT - 6, clock))
    drawn += [_mark(mark, axes.x(mark.at), width) for mark in marks]
    if len(points) == 1:
        dot = Markup('<circle class="line" cx="{}" cy="{}" r="2.5"/>')
        drawn.append(dot.format(_number(axes.x(points[0].at)), _number(axes.y(points[0].value))))
    else:
        path = "L".join(f"{_number(axes.x(point.at))} {_number(axes.y(point.value))}" for point in points)
        drawn.append(Markup('<path class="line" d="M{}"/>').format(path))
    head = Markup('<svg class="plot" role="img" aria-label="{}" viewBox="0 0 {} {}" width="{}" height="{}">')
    return head.format(words, width, HEIGHT, width, HEIGHT) + Markup("").join(drawn) + Markup("</svg>")


def draw_growth(steps: Sequence[Step], *, until: float, zone: dt.tzinfo) -> Markup:
    """Returns the chart of `steps`, the earliest first, up to the time `until`; empty for fewer than two steps."""
    if len(steps) < 2:
        return Markup("")
    steps = _thinned(steps)
    top, step = scale(max(each.readers for each in steps), whole=True)
    begin, end = steps[0].at, max(until, steps[-1].at, steps[0].at + 1)
    axes = _Axes(
        begin=begin, end=end, top=top, step=step, width=_GROWTH_WIDTH, height=_GROWTH_HEIGHT, left=_GROWTH_LEFT
    )
    start = _number(axes.x(begin))
    path = f"M{start} {_number(axes.y(steps[0].readers))}"
    path += "".join(f"H{_number(axes.x(each.at))}V{_number(axes.y(each.readers))}" for each in steps[1:])
    path += f"H{_number(axes.x(end))}"
    drawn = axes.grid()
    drawn.append(
        Markup('<path class="under" d="{}V{}H{}Z"/><path class="line" d="{}"/>').format(
            path, _number(axes.y(0)), start, path
        )
    )
    first, last = (dt.datetime.fromtimestamp(at, zone) for at in (begin, end))
    form = "d MMM y, HH:mm" if first.date() == last.date() else "d MMM y"
    for at, x, anchor in ((first, _GROWTH_LEFT, "start"), (last, _GROWTH_WIDTH - _RIGHT, "end")):
        text = Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>')
        drawn.append(text.format(x, _GROWTH_HEIGHT - 8, anchor, format_datetime(at, form, locale="en_GB")))
    words = f"From {steps[0].readers:,} to {steps[-1].readers:,} readers; the table has the numbers."
    head = Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">')
    return head.format(_GROWTH_WIDTH, _GROWTH_HEIGHT, words) + Markup("").join(drawn) + Markup("</svg>")


def draw_trend(steps: Sequence[Step], *, until: float) -> Markup:
    """Returns `steps`, the earliest first, up to the time `until` as a small line; empty for fewer than two steps.

    Its vertical axis begins at 0, so that a small change looks small.
    """
    if len(steps) < 2:
        return Markup("")
    steps = _thinned(steps)
    begin, end = steps[0].at, max(until, steps[-1].at, steps[0].at + 1)
    top = max(1, *(each.readers for each in steps))

    def x(at: float) -> str:
        return _number(_TREND_WIDTH * (at - begin) / (end - begin))

    def y(readers: int) -> str:
        return _number(1 + (_TREND_HEIGHT - 2) * (1 - readers / top))

    path = f"M0 {y(steps[0].readers)}" + "".join(f"H{x(each.at)}V{y(each.readers)}" for each in steps[1:])
    path += f"H{_TREND_WIDTH}"
    words = f"From {steps[0].readers:,} to {steps[-1].readers:,} readers."
    head = Markup('<svg class="chart trend" viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}">')
    drawn = Markup('<path class="under" d="{}V{}H0Z"/><path class="line" d="{}"/></svg>')
    size = (_TREND_WIDTH, _TREND_HEIGHT)
    return head.format(*size, *size, words) + drawn.format(path, _TREND_HEIGHT, path)


def stack(parts: Sequence[ChartPart], whole: int, *, words: str = "") -> Markup:
    """Draws `parts` of `whole` side by side; the rest stays empty. Without `words` it is hidden from screen readers."""
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


def scale(most: float, *, whole: bool = False) -> tuple[float, float]:
    """Returns the top of an axis for values up to `most`, and the step between its lines: at most five, round numbers.

    `whole`: the steps are whole numbers.
    """
    if most < _SMALLEST:
        return 1.0, 1.0
    rough = max(most / 4, 1.0) if whole else most / 4
    power = 10.0 ** math.floor(math.log10(rough))
    digits = (1, 2, 5, 10) if whole else (1, 2, 2.5, 5, 10)
    step = next(power * each for each in digits if power * each >= rough * (1 - 1e-9))
    return step * math.ceil(most / step - 1e-9), step


def ticks(begin: float, end: float, zone: ZoneInfo, *, most: int) -> list[tuple[float, str]]:
    """Returns up to `most` round times between `begin` and `end`, with their labels in `zone`."""
    step = bucket_width(end - begin, most)
    offset = (dt.datetime.fromtimestamp(begin, zone).utcoffset() or dt.timedelta()).total_seconds()
    first = math.ceil((begin + offset) / step) * step - offset
    times = [first + number * step for number in range(int((end - first) // step) + 1)] if first <= end else []
    form = "%H:%M:%S" if step < 60 else "%H:%M" if step < 86_400 else "%-d %b"
    return [(at, dt.datetime.fromtimestamp(at, zone).strftime(form)) for at in times[:most]]


def _time_labels(points: Sequence[Point], zone: ZoneInfo, *, most: int) -> list[tuple[float, str]]:
    """Returns the labels of the axis of time: of a single point its own, to the second."""
    if len(points) > 1:
        return ticks(points[0].at, points[-1].at, zone, most=most)
    return [(points[0].at, f"{dt.datetime.fromtimestamp(points[0].at, zone):%H:%M:%S}")]


def amount(value: float) -> str:
    """Formats a number of an axis or a cell: 0, 0.4, 12, 1,200."""
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.2g}"


def _mark(mark: Mark, x: float, width: int) -> Markup:
    """Draws a vertical line, with its words on the side that has room."""
    room = len(mark.words) * _CHAR_WIDTH
    is_right = x + 6 + room <= width
    place, anchor = (x + 6, "start") if is_right else (x - 6, "end")
    words = Markup("")
    if is_right or x - 6 - room >= _LEFT:
        words = Markup('<text class="warn" x="{}" y="{}" text-anchor="{}">{}</text>').format(
            _number(place), _TOP + 10, anchor, mark.words
        )
    line = Markup('<path class="mark" d="M{} {}V{}"/>').format(_number(x), _TOP, HEIGHT - _BOTTOM)
    return line + words


def _axis_label(value: float) -> str:
    return f"{value / 1_000_000:g}M" if value >= 1_000_000 else amount(value)


def _thinned(steps: Sequence[Step]) -> Sequence[Step]:
    """At most MAX_STEPS of the steps; the first and the last stay."""
    if len(steps) <= MAX_STEPS:
        return steps
    stride = (len(steps) - 1) / (MAX_STEPS - 1)
    return [steps[round(number * stride)] for number in range(MAX_STEPS)]


def _number(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")
