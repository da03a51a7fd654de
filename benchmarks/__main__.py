"""`make bench`, or `python -m benchmarks`: measures this program, beside others where they do the same work.

    composition     compiling an edition and composing its messages (composition.py)
    sending    the engine and others to Postfix's smtp-sink: on loopback with 20 connections, 50 ms away with 10 (comparison.py)
    growth     the engine with a thousand to a million readers (growth.py)
    unsubscribe  unsubscribe requests, alone and during a send (unsubscribe.py)
    feedback   reading messages that came back (feedback.py)
    recording  recording events of a mail provider, alone and beside a send (recording.py)
    optimisations  the engine without each optimisation of the send path; only when asked for (optimisations.py)
    cluster    workers that share a send on PostgreSQL, one to four; only when asked for (cluster.py)

The rest takes about half an hour on two cores, `--quick` about eight minutes. It prints tables and writes bench.json (report.py)
into out/; `--plot` also draws docs/performance.svg. What cannot be measured on this machine is skipped, with the reason.
"""

import argparse
import datetime as dt
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks.cluster import ClusterResult, measure_cluster
from benchmarks.comparison import Comparison, Field, compare
from benchmarks.composition import measure_composition
from benchmarks.contender import Aiosmtplib, Contender, Engine, Load, Mailmerge, Nodemailer, SmtpSource
from benchmarks.feedback import MESSAGES as FEEDBACK
from benchmarks.feedback import measure_feedback
from benchmarks.growth import LIMIT, READERS, GrowthResult, measure_growth
from benchmarks.lists import measure_lists
from benchmarks.machine import ROOT, describe
from benchmarks.optimisations import MESSAGES as OPTIMISED
from benchmarks.optimisations import Gain, measure_optimisations
from benchmarks.plot import draw
from benchmarks.process import UnavailableError
from benchmarks.recording import COUNT as EVENTS
from benchmarks.recording import RecordingResult, measure_recording
from benchmarks.relay import postfix
from benchmarks.report import Report
from benchmarks.targets import ED25519, FAR, LOOPBACK, RSA, check_targets
from benchmarks.unsubscribe import COUNT, UnsubscribeResult, measure_unsubscribes
from benchmarks.without import OPTIMISATIONS
from benchmarks.workload import write_dispatch, write_readers

PARTS = ("composition", "sending", "growth", "lists", "unsubscribe", "feedback", "recording")
OTHERS = ("smtp-source", "ed25519", "rsa", "aiosmtplib", "nodemailer", "mailmerge")
SIZES = {"16": 16_000, "80": 80_000}
MESSAGES = {(LOOPBACK, "16"): 12_000, (LOOPBACK, "80"): 4_000, (FAR, "16"): 3_000, (FAR, "80"): 3_000}
WIDTH = 120  # columns of the tables where there is no terminal
QUICK = 4  # times fewer messages
ROUND_TRIP = 0.050  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to measure, and how much of it. `messages` 0: the default of each field."""

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
    parser.add_argument("--part", action="append", choices=(*PARTS, "optimisations", "cluster"), help="only this part")
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
    """Measures the parts of `options`; shows on the console what runs."""
    at, machine = dt.datetime.now(dt.UTC).isoformat(timespec="seconds"), describe()
    scratch = options.out.resolve() / "bench"
    with console.status("", refresh_per_second=1) as status:

        def log(what: str) -> None:
            status.update(what)

        synced = measure_lists(scratch / "lists", max(options.readers), log) if "lists" in options.parts else None
        composition = measure_composition(options.pairs, log) if "composition" in options.parts else []
        read = measure_feedback(options.messages or FEEDBACK, log) if "feedback" in options.parts else None
        sending: list[Comparison] = []
        growth: list[GrowthResult] = []
        cold = None
        unsubscribes: UnsubscribeResult | None = None
        recorded: RecordingResult | None = None
        gains: list[Gain] = []
        shared: ClusterResult | None = None
        try:
            if {"sending", "growth"} & set(options.parts):
                postfix("smtp-sink")
            if "sending" in options.parts:
                for field in _fields(options, scratch):
                    for first, second in _pairs(options, scratch, field):
                        sending.append(compare(field, first, second, options.pairs, log))
            if "growth" in options.parts:
                growth, cold = measure_growth(scratch / "growth", options.readers, options.limit, log)
            if "optimisations" in options.parts:
                count = options.messages or OPTIMISED // (QUICK if options.quick else 1)
                gains = measure_optimisations(
                    scratch / "optimisations", tuple(OPTIMISATIONS), options.pairs, count, log
                )
            shared = _measure_cluster(options, scratch / "cluster", log)
            unsubscribes, recorded = _beside_sends(options, scratch, log)
        except UnavailableError as error:
            console.print(f"Nothing was sent: {error}", style="yellow", markup=False)
    return Report(
        at=at,
        machine=machine,
        quick=options.quick,
        pairs=options.pairs,
        composition=composition,
        optimisations=gains,
        sending=sending,
        growth=growth,
        cold=cold,
        synced=synced,
        unsubscribe=unsubscribes,
        feedback=read,
        cluster=shared,
        recording=recorded,
        targets=[
            *check_targets(sending, growth, cold),
            *(synced.targets if synced else ()),
            *(unsubscribes.targets if unsubscribes else ()),
            *(read.targets if read else ()),
            *(shared.targets if shared else ()),
            *(recorded.targets if recorded else ()),
        ],
    )


def _measure_cluster(options: Options, scratch: Path, log: Callable[[str], None]) -> ClusterResult | None:
    return measure_cluster(scratch, log, quick=options.quick) if "cluster" in options.parts else None


def _beside_sends(
    options: Options, scratch: Path, log: Callable[[str], None]
) -> tuple[UnsubscribeResult | None, RecordingResult | None]:
    """Measures what is done alone and beside a send."""
    fewer = QUICK if options.quick else 1
    unsubscribes = recorded = None
    if "unsubscribe" in options.parts:
        unsubscribes = measure_unsubscribes(scratch / "unsubscribe", options.messages or COUNT // fewer, log)
    if "recording" in options.parts:
        recorded = measure_recording(scratch / "recording", options.messages or EVENTS // fewer, log)
    return unsubscribes, recorded


def _fields(options: Options, scratch: Path) -> Iterator[Field]:
    for link in options.links:
        for size in options.sizes:
            messages = options.messages or MESSAGES[link, size] // (QUICK if options.quick else 1)
            folder = scratch / f"{size}-{'far' if link == FAR else 'loopback'}"
            write_readers(folder, 1)
            sample = write_dispatch(folder, SIZES[size])
            write_readers(folder, messages)
            load = Load(sample=sample, folder=folder, messages=messages, sessions=10 if link == FAR else 20)
            yield Field(name=link, size=f"{size} KB", load=load, round_trip=ROUND_TRIP if link == FAR else 0.0)


def _pairs(options: Options, scratch: Path, field: Field) -> Iterator[tuple[Contender, Contender]]:
    """The pairs to compare: the ratio is that of the first. The cost of signing does not depend on the link."""
    engine = Engine()
    pairs: dict[str, tuple[Contender, Contender]] = {
        "smtp-source": (engine, SmtpSource()),
        "ed25519": (Engine(ED25519, ("ed25519",)), engine),
        "rsa": (Engine(RSA, ("rsa",)), engine),
        "aiosmtplib": (engine, Aiosmtplib()),
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
