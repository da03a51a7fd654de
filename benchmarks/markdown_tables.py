"""The tables of docs/performance.md, from a bench.json: `python -m benchmarks.markdown_tables [out/bench.json]` prints them."""

import json
import statistics
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT

Json = Mapping[str, Any]


def tables(report: Json) -> str:
    """Sending, growth and targets, each with its heading; what was not measured is left out."""
    return "\n".join([*_sending(report["sending"]), *_growth(report["growth"]), *_targets(report["targets"])])


def _sending(sending: Sequence[Json]) -> Iterator[str]:
    for link, size in dict.fromkeys((pair["link"], pair["size"]) for pair in sending):
        pairs = [pair for pair in sending if (pair["link"], pair["size"]) == (link, size) and pair["runs"]]
        if not pairs:
            continue
        octets, sessions = pairs[0]["octets"], pairs[0]["sessions"]
        yield f"### {link}, {size} ({octets:,} octets), {sessions} connections\n"
        names = dict.fromkeys(pair[side] for pair in pairs for side in ("first", "second"))
        rows = [_contender(name, pairs) for name in names]
        yield _table(("who", "messages/s", "CPU µs each", "peak MB", "times the rate of"), rows)


def _contender(name: str, pairs: Sequence[Json]) -> tuple[str, ...]:
    sides = [
        (pair["runs"], 0 if pair["first"] == name else 1) for pair in pairs if name in {pair["first"], pair["second"]}
    ]
    runs = [run[side] for of_pair, side in sides for run in of_pair]
    rates = sorted(run["rate"] for run in runs)
    cpu = statistics.median(run["cpu"] / run["messages"] for run in runs) * 1e6
    ratios = [
        f"{pair['second']}: {pair['ratio']['median']:.2f} ({pair['ratio']['min']:.2f}–{pair['ratio']['max']:.2f})"
        for pair in pairs
        if pair["first"] == name
    ]
    rate = f"{statistics.median(rates):,.0f} ({rates[0]:,.0f}–{rates[-1]:,.0f})"
    return name, rate, f"{cpu:,.0f}", f"{max(run['peak'] for run in runs) / 1e6:,.0f}", "; ".join(ratios)


def _growth(growth: Sequence[Json]) -> Iterator[str]:
    rows = []
    for each in growth:
        if sent := each["sent"]:
            times = (f"{each[name]:.2f} s" for name in ("first_message", "planning", "freezing"))
            numbers = (sent["messages"], sent["rate"], sent["cpu"] / sent["messages"] * 1e6, sent["peak"] / 1e6)
            rows.append((f"{each['readers']:,}", *times, *(f"{number:,.0f}" for number in numbers)))
    if rows:
        yield "### Growth with the list\n"
        heads = ("compiled to first message", "of it planning", "of it freezing")
        yield _table(("readers", *heads, "messages sent", "messages/s", "CPU µs each", "peak MB"), rows)


def _targets(targets: Sequence[Json]) -> Iterator[str]:
    rows = [
        (
            target["what"],
            f"{'≤' if target['at_most'] else '≥'} {target['bound']:g} {target['unit']}",
            f"{target['value']:,.4g} {target['unit']}",
            "yes" if target["reached"] else "no",
        )
        for target in targets
        if target["value"] is not None
    ]
    if rows:
        yield "### Goals\n"
        yield _table(("what", "to be", "is", "reached"), rows)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    source = Path(sys.argv[1]) if sys.argv[1:] else ROOT / "out" / "bench.json"
    print(tables(json.loads(source.read_text(encoding="utf-8"))))
