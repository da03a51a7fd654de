"""What was measured, as tables for a person and as JSON for a program.

bench.json: `at`, `machine`, `quick`, `pairs`, `composition` [{what, side, seconds, against, against_seconds, ratio}],
`optimisations` [{optimisation, cpu, cpu_without, ratio, rate, rate_without, peak, peak_without}],
`sending` [{link, size, octets, sessions, first, second, ratio, more_cpu, runs, skipped}], `growth` [{readers, first_message,
planning, freezing, sent, skipped}], `cold` (seconds), `lists` {rows, plain, first, again, peak, by_index, by_file}, `unsubscribe`
{alone, beside, bare}, each {requests, seconds, cpu, waited, longest}, `feedback` {messages, octets, seconds, permanent},
`cluster` {scaling [run], durable [run], limited, ledger}, a run {link, workers, messages, seconds, least, most, transactions,
waited, wal, frozen_wal, tables, connections, rate, ratio},
`recording` {alone, beside}, each {events, seconds, cpu},
`targets` [{what, bound, at_most, value, unit, reached}].
A spread is {median, min, max}; a run {messages, seconds, cpu, peak, rate}. Times are seconds, sizes octets; what was not
measured is null.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table

from benchmarks.cluster import ClusterResult, ClusterRun
from benchmarks.comparison import Comparison, Field, Spread, runs_of
from benchmarks.composition import CpuComparison
from benchmarks.feedback import FeedbackResult
from benchmarks.growth import GrowthResult
from benchmarks.lists import SyncResult
from benchmarks.optimisations import Gain
from benchmarks.process import Measured
from benchmarks.recording import RecordingResult
from benchmarks.targets import ENGINE, Target
from benchmarks.unsubscribe import UnsubscribeResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All of one run of the benchmark. `at` is ISO 8601."""

    at: str
    machine: dict[str, str]
    quick: bool
    pairs: int
    composition: Sequence[CpuComparison]
    optimisations: Sequence[Gain]
    sending: Sequence[Comparison]
    growth: Sequence[GrowthResult]
    cold: float | None
    synced: SyncResult | None
    unsubscribe: UnsubscribeResult | None
    feedback: FeedbackResult | None
    cluster: ClusterResult | None
    recording: RecordingResult | None
    targets: Sequence[Target]

    def as_json(self) -> dict[str, object]:
        return {
            "at": self.at,
            "machine": self.machine,
            "quick": self.quick,
            "pairs": self.pairs,
            "composition": [{**asdict(each), "ratio": each.ratio} for each in self.composition],
            "optimisations": [{**asdict(each), "ratio": each.ratio.as_json()} for each in self.optimisations],
            "sending": [_compared_json(each) for each in self.sending],
            "growth": [{**asdict(each), "sent": _run_json(each.sent) if each.sent else None} for each in self.growth],
            "cold": self.cold,
            "lists": asdict(self.synced) if self.synced else None,
            "unsubscribe": asdict(self.unsubscribe) if self.unsubscribe else None,
            "feedback": asdict(self.feedback) if self.feedback else None,
            "cluster": _cluster_json(self.cluster) if self.cluster else None,
            "recording": asdict(self.recording) if self.recording else None,
            "targets": [{**asdict(each), "reached": each.reached} for each in self.targets],
        }

    def show(self, console: Console) -> None:
        console.print(", ".join(f"{name} {value}" for name, value in self.machine.items()), style="dim")
        if self.composition:
            console.print(_composition_table(self.composition))
        if self.optimisations:
            console.print(_optimisations_table(self.optimisations))
        for of_field in by_field(self.sending):
            console.print(_sending_table(of_field))
        for reason in dict.fromkeys(
            f"{each.first}, {each.second}: {each.skipped}" for each in self.sending if each.skipped
        ):
            console.print(f"skipped: {reason}", style="yellow", markup=False)
        if self.growth:
            console.print(_growth_table(self.growth))
        if self.unsubscribe:
            console.print(_unsubscribe_table(self.unsubscribe))
        if self.cluster:
            console.print(_cluster_table(self.cluster))
        if measured := [target for target in self.targets if target.value is not None]:
            console.print(_target_table(measured))


def by_field(compared: Iterable[Comparison]) -> list[list[Comparison]]:
    """Those of one field together, in their order."""
    fields: dict[tuple[str, str], list[Comparison]] = {}
    for each in compared:
        fields.setdefault((each.field.name, each.field.size), []).append(each)
    return list(fields.values())


def names_of(compared: Sequence[Comparison]) -> list[str]:
    """Who competed, this engine first."""
    names = dict.fromkeys(name for each in compared if each.runs for name in (each.first, each.second))
    return sorted(names, key=lambda name: not name.startswith(ENGINE))


def _compared_json(each: Comparison) -> dict[str, object]:
    field: Field = each.field
    return {
        "link": field.name,
        "size": field.size,
        "octets": field.load.sample.size,
        "sessions": field.load.sessions,
        "first": each.first,
        "second": each.second,
        "ratio": each.ratio.as_json() if each.runs else None,
        "more_cpu": each.more_cpu.as_json() if each.runs else None,
        "runs": [[_run_json(first), _run_json(second)] for first, second in each.runs],
        "skipped": each.skipped,
    }


def _run_json(run: Measured) -> dict[str, float]:
    return {**asdict(run), "rate": run.rate}


def _cluster_json(cluster: ClusterResult) -> dict[str, object]:
    def run(each: ClusterRun) -> dict[str, object]:
        return {**asdict(each), "rate": each.rate}

    return {
        "scaling": [{**run(each), "ratio": cluster.ratio(each)} for each in cluster.scaling],
        "durable": [run(each) for each in cluster.durable],
        "limited": run(cluster.limited),
        "ledger": run(cluster.ledger),
    }


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(columns[0])
    for column in columns[1:]:
        table.add_column(column, justify="right")
    return table


def _composition_table(composition: Sequence[CpuComparison]) -> Table:
    table = _table("CPU time of composition", "what", "ours", "against", "ratio")
    for each in composition:
        ours, against = (
            f"{name} {_format_seconds(s)}"
            for name, s in ((each.side, each.seconds), (each.against, each.against_seconds))
        )
        table.add_row(each.what, ours, against, f"{each.ratio:.3g}")
    return table


def _optimisations_table(gains: Sequence[Gain]) -> Table:
    columns = ("CPU µs each", "without it", "ratio", "messages/s", "without it", "peak MB", "without it")
    table = _table("optimisations of the send path, each alone", "what", *columns)
    for each in gains:
        rates = (f"{rate:,.0f}" for rate in (each.rate, each.rate_without))
        peaks = (f"{peak / 1e6:,.0f}" for peak in (each.peak, each.peak_without))
        cpu = (f"{seconds * 1e6:,.0f}" for seconds in (each.cpu, each.cpu_without))
        table.add_row(each.optimisation, *cpu, _spread(each.ratio, 2), *rates, *peaks)
    return table


def _sending_table(compared: Sequence[Comparison]) -> Table:
    field = compared[0].field
    octets, sessions = field.load.sample.size, field.load.sessions
    title = f"{field.name}, {field.size} ({octets:,} octets), {sessions} sessions"
    table = _table(title, "who", "messages/s", "CPU µs each", "peak MB", "ratio", "ratio of")
    for name in names_of(compared):
        runs = runs_of(name, compared)
        rates = Spread.of([run.rate for run in runs])
        cpu = Spread.of([run.cpu_each * 1e6 for run in runs])
        peak = max(run.peak for run in runs) / 1e6
        pair = next((each for each in compared if each.runs and each.first == name), None)
        ratio = _spread(pair.ratio, 2) if pair else ""
        table.add_row(
            name, _spread(rates), f"{cpu.median:,.0f}", f"{peak:,.0f}", ratio, f"to {pair.second}" if pair else ""
        )
        for other in (each for each in compared if each.runs and each.first == name and each is not pair):
            table.add_row("", "", "", "", _spread(other.ratio, 2), f"to {other.second}")
    return table


def _growth_table(growth: Sequence[GrowthResult]) -> Table:
    table = _table(
        "growth with the list",
        "readers",
        "first message s",
        "planning",
        "freezing",
        "sent",
        "messages/s",
        "CPU µs each",
        "peak MB",
    )
    for each in growth:
        if each.sent is None:
            table.add_row(f"{each.readers:,}", each.skipped)
            continue
        times = (f"{seconds:.2f}" for seconds in (each.first_message, each.planning, each.freezing))
        run = each.sent
        numbers = (run.messages, run.rate, run.cpu_each * 1e6, run.peak / 1e6)
        table.add_row(f"{each.readers:,}", *times, *(f"{number:,.0f}" for number in numbers))
    return table


def _unsubscribe_table(left: UnsubscribeResult) -> Table:
    table = _table(
        "unsubscribing", "what", "requests/s", "of the bare server’s", "CPU µs each", "median ms", "99 in 100 ms"
    )
    for name, run in (("alone", left.alone), ("beside a send", left.beside), ("a bare server", left.bare)):
        share = run.rate / left.bare.rate
        numbers = (run.cpu_each * 1e6, run.waited * 1e3, run.longest * 1e3)
        table.add_row(name, f"{run.rate:,.0f}", f"{share:.2f}", *(f"{number:,.0f}" for number in numbers))
    return table


def _cluster_table(cluster: ClusterResult) -> Table:
    columns = (
        "workers",
        "messages/s",
        "of one",
        "any 10 s",
        "transactions each",
        "waited",
        "WAL B each",
        "before",
        "tables B each",
    )
    table = _table("workers that share a send", "relay", *columns, "connections")
    notes = {id(cluster.limited): ", with a limit", **{id(run): ", no disk" for run in cluster.scaling}}
    for run in (*cluster.scaling, *cluster.durable, cluster.limited, cluster.ledger):
        table.add_row(
            run.link + notes.get(id(run), ""),
            str(run.workers),
            f"{run.rate:,.0f}",
            f"{cluster.ratio(run):.2f}" if run in cluster.scaling else "",
            "" if run.least is None or run.most is None else f"{run.least:.1f}–{run.most:.1f}",
            f"{run.transactions / run.messages:.2f}",
            f"{run.waited_share:.1%}",
            f"{run.wal / run.messages:,.0f}",
            f"{run.frozen_wal / run.messages:,.0f}",
            f"{sum(run.tables.values()) / run.messages:,.0f}",
            str(run.connections),
        )
    return table


def _target_table(targets: Sequence[Target]) -> Table:
    table = _table("targets", "what", "to be", "is", "reached")
    for each in targets:
        reached = "yes" if each.reached else "NO"
        table.add_row(each.what, _bound(each), f"{each.value:,.4g} {each.unit}", reached)
    return table


def _bound(target: Target) -> str:
    return f"{'≤' if target.at_most else '≥'} {target.bound:g} {target.unit}"


def _spread(spread: Spread, digits: int = 0) -> str:
    return f"{spread.median:,.{digits}f} ({spread.least:,.{digits}f}–{spread.most:,.{digits}f})"


def _format_seconds(seconds: float) -> str:
    return f"{seconds * 1e3:,.1f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:,.0f} µs"
