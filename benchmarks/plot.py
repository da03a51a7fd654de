"""The measured rates as an SVG: a panel for each link and size, a bar for each contender."""

from collections.abc import Iterator, Sequence
from html import escape

from benchmarks.comparison import Comparison, Spread, runs_of
from benchmarks.report import by_field, names_of
from benchmarks.targets import ENGINE

WIDTH, LABEL, NUMBER = 760, 190, 90  # the bars have what is left of the width
ROW, BAR, HEAD, GAP = 24, 14, 30, 18
_STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #24323a }
.head { font-weight: 600 }
.other { fill: #9db2bd }
.ours { fill: #17506b }
.span { stroke: #24323a; stroke-width: 1 }
@media (prefers-color-scheme: dark) {
  text { fill: #d9e2e7 } .other { fill: #5b7280 } .ours { fill: #6fb3d2 } .span { stroke: #d9e2e7 }
}"""


def draw(compared: Sequence[Comparison], caption: str) -> str:
    """An SVG of the medians, with thin lines from the least to the most; each panel has its own scale."""
    panels = [of_field for of_field in by_field(compared) if names_of(of_field)]
    body: list[str] = []
    top = GAP
    for of_field in panels:
        body += _panel(of_field, top)
        top += HEAD + ROW * len(names_of(of_field)) + GAP
    body.append(f'<text x="0" y="{top}">{escape(caption)}</text>')
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top + GAP}" role="img">'
    title = "<title>Messages a second, by contender, size and link</title>"
    return "\n".join((head, title, f"<style>\n{_STYLE}\n</style>", *body, "</svg>", ""))


def _panel(compared: Sequence[Comparison], top: int) -> Iterator[str]:
    field = compared[0].field
    title = f"Messages a second: {field.name}, {field.size}, {field.load.sessions} connections"
    yield f'<text class="head" x="0" y="{top + 10}">{escape(title)}</text>'
    rates = {name: Spread.of([run.rate for run in runs_of(name, compared)]) for name in names_of(compared)}
    scale = (WIDTH - LABEL - NUMBER) / max(spread.most for spread in rates.values())
    for row, (name, spread) in enumerate(rates.items()):
        y = top + HEAD + row * ROW
        middle, end = y + BAR / 2, LABEL + spread.most * scale
        kind = "ours" if name.startswith(ENGINE) else "other"
        yield f'<text x="0" y="{y + BAR - 2}">{escape(name)}</text>'
        yield f'<rect class="{kind}" x="{LABEL}" y="{y}" width="{spread.median * scale:.1f}" height="{BAR}"/>'
        yield f'<path class="span" d="M{LABEL + spread.least * scale:.1f} {middle}H{end:.1f}"/>'
        yield f'<text x="{end + 8:.1f}" y="{y + BAR - 2}">{spread.median:,.0f}</text>'
