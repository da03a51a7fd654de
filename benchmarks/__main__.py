"""`make bench`, or `python -m benchmarks`: what this program costs, measured beside what others cost.

    making     what an edition and its messages cost to make (making.py)
    sending    the engine and others to Postfix's smtp-sink: on loopback with 20 connections, 50 ms away with 10 (pair.py)
    growth     the engine with a thousand to a million readers (growth.py)
    leaving    people who unsubscribe, alone and while a send runs (leaving.py)
    optimisations  the engine without each optimisation of the send path; only when asked for (optimisations.py)

The rest takes about half an hour on two cores, `--quick` about eight minutes. It prints tables and writes bench.json (report.py)
into out/; `--plot` draws docs/performance.svg as well. What cannot be measured here is skipped, and it is said why.
"""

import argparse
import datetime as dt
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks.contender import Contender, Engine, Load, Mailmerge, Nodemailer, Plain, SmtpSource
from benchmarks.growth import LIMIT, READERS, Grown, measure_growth
from benchmarks.leaving import COUNT, Left, measure_leaving
from benchmarks.letter import write_letter, write_readers
from benchmarks.lists import measure_lists
from benchmarks.machine import ROOT, describe
from benchmarks.making import compare_making
from benchmarks.optimisations import MESSAGES as OPTIMISED
from benchmarks.optimisations import Gain, measure_optimisations
from benchmarks.pair import Compared, Field, compare
from benchmarks.plot import draw
from benchmarks.process import UnavailableError
from benchmarks.relay import postfix
from benchmarks.report import Report
from benchmarks.target import ED25519, FAR, LOOPBACK, RSA, judge
from benchmarks.without import OPTIMISATIONS

PARTS = ("making", "sending", "growth", "lists", "leaving")
OTHERS = ("smtp-source", "ed25519", "rsa", "aiosmtplib", "nodemailer", "mailmerge")
SIZES = {"12": 12_000, "80": 80_000}
MESSAGES = {(LOOPBACK, "12"): 12_000, (LOOPBACK, "80"): 4_000, (FAR, "12"): 3_000, (FAR, "80"): 3_000}
WIDTH = 120  # columns of the tables where there is no terminal
QUICK = 4  # times fewer messages
ROUND_TRIP = 0.050  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to measure, and how much of it. `messages` 0: as many as each field has."""

    parts: Sequence[str] = PARTS
    only: Sequence[str] = OTHERS
    sizes: Sequence[str] = tuple(SIZES)
    links: Sequence[str] = (LOOPBACK, FAR)
    readers: tuple[int, ...] = READERS
    limit: int = LIMIT
    pairs: int = 5
    messages: int = 0
    quick: bool = False
    plot: bool = False
    out: Path = ROOT / "out"


def read_options(arguments: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--part", action="append", choices=(*PARTS, "optimisations"), help="only this part")
    parser.add_argument("--only", action="append", choices=OTHERS, help="only the engine and this contender")
    parser.add_argument("--size", action="append", choices=tuple(SIZES), help="only this size, in KB")
    parser.add_argument("--link", choices=("loopback", "far"), help="only this way to the relay")
    parser.add_argument("--readers", action="append", type=int, help="growth: only a list of this length")
    parser.add_argument("--pairs", type=int, default=0, help="how many pairs (5, quick: 3)")
    parser.add_argument("--messages", type=int, default=0, help="how many messages a run of the engine sends")
    parser.add_argument("--quick", action="store_true", help="fewer messages and pairs, lists up to 100,000")
    parser.add_argument("--plot", action="store_true", help="draw docs/performance.svg")
    parser.add_argument("--out", type=Path, default=ROOT / "out", help="the folder for bench.json and scratch files")
    given = parser.parse_args(arguments)
    links = {"loopback": (LOOPBACK,), "far": (FAR,), None: (LOOPBACK, FAR)}
    return Options(
        parts=given.part or PARTS,
        only=given.only or OTHERS,
        sizes=given.size or tuple(SIZES),
        links=links[given.link],
        readers=tuple(given.readers or (READERS[:-1] if given.quick else READERS)),
        limit=LIMIT // QUICK if given.quick else LIMIT,
        pairs=given.pairs or (3 if given.quick else 5),
        messages=given.messages,
        quick=given.quick,
        plot=given.plot,
        out=given.out,
    )


def measure(options: Options, console: Console) -> Report:
    """Measure what `options` ask for; it says on the console what it is at."""
    at, machine = dt.datetime.now(dt.UTC).isoformat(timespec="seconds"), describe()
    scratch = options.out.resolve() / "bench"
    with console.status("", refresh_per_second=1) as status:

        def tell(what: str) -> None:
            status.update(what)

        synced = measure_lists(scratch / "lists", max(options.readers), tell) if "lists" in options.parts else None
        making = compare_making(options.pairs, tell) if "making" in options.parts else []
        sending: list[Compared] = []
        grown: list[Grown] = []
        cold = None
        left: Left | None = None
        gains: list[Gain] = []
        try:
            if {"sending", "growth"} & set(options.parts):
                postfix("smtp-sink")
            if "sending" in options.parts:
                for field in _fields(options, scratch):
                    for first, second in _pairs(options, scratch, field):
                        sending.append(compare(field, first, second, options.pairs, tell))
            if "growth" in options.parts:
                grown, cold = measure_growth(scratch / "growth", options.readers, options.limit, tell)
            if "optimisations" in options.parts:
                count = options.messages or OPTIMISED // (QUICK if options.quick else 1)
                gains = measure_optimisations(
                    scratch / "optimisations", tuple(OPTIMISATIONS), options.pairs, count, tell
                )
            if "leaving" in options.parts:
                left = measure_leaving(
                    scratch / "leaving", options.messages or COUNT // (QUICK if options.quick else 1), tell
                )
        except UnavailableError as error:
            console.print(f"Nothing was sent: {error}", style="yellow", markup=False)
    return Report(
        at=at,
        machine=machine,
        quick=options.quick,
        pairs=options.pairs,
        making=making,
        optimisations=gains,
        sending=sending,
        growth=grown,
        cold=cold,
        synced=synced,
        leaving=left,
        targets=[
            *judge(sending, grown, cold),
            *(synced.targets if synced else ()),
            *(left.targets if left else ()),
        ],
    )


def _fields(options: Options, scratch: Path) -> Iterator[Field]:
    for link in options.links:
        for size in options.sizes:
            messages = options.messages or MESSAGES[link, size] // (QUICK if options.quick else 1)
            folder = scratch / f"{size}-{'far' if link == FAR else 'loopback'}"
            write_readers(folder, 1)
            letter = write_letter(folder, SIZES[size])
            write_readers(folder, messages)
            load = Load(letter=letter, folder=folder, messages=messages, sessions=10 if link == FAR else 20)
            yield Field(name=link, size=f"{size} KB", load=load, round_trip=ROUND_TRIP if link == FAR else 0.0)


def _pairs(options: Options, scratch: Path, field: Field) -> Iterator[tuple[Contender, Contender]]:
    """Who competes with whom: the first is what the ratio is of. What signing costs does not depend on the way."""
    engine = Engine()
    pairs: dict[str, tuple[Contender, Contender]] = {
        "smtp-source": (engine, SmtpSource()),
        "ed25519": (Engine(ED25519, ("ed25519",)), engine),
        "rsa": (Engine(RSA, ("rsa",)), engine),
        "aiosmtplib": (engine, Plain()),
        "nodemailer": (engine, Nodemailer(scratch / "nodemailer")),
        "mailmerge": (engine, Mailmerge(scratch / "mailmerge")),
    }
    signing = ("ed25519", "rsa")
    return (pair for name, pair in pairs.items() if name in options.only and not (field.round_trip and name in signing))


def main(arguments: Sequence[str] | None = None) -> None:
    options, console = read_options(arguments), Console()
    if not console.is_terminal:
        console.width = WIDTH
    report = measure(options, console)
    report.show(console)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "bench.json"
    path.write_text(json.dumps(report.as_json(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    console.print(f"wrote {path}", markup=False)
    if options.plot:
        picture = ROOT / "docs" / "performance.svg"
        caption = f"Medians of all runs, lines from least to most; {report.machine['processor']}, {report.at[:10]}"
        picture.write_text(draw(report.sending, caption), encoding="utf-8")
        console.print(f"wrote {picture}", markup=False)


if __name__ == "__main__":
    main()
