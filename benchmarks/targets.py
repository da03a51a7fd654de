"""The numbers that the engine should reach: one Target for each.

A target whose comparison was not run or was skipped has the `value` None.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.comparison import Comparison, Spread, runs_of
from benchmarks.growth import GrowthResult

ENGINE, ED25519, RSA = "mailer", "mailer, Ed25519", "mailer, RSA-2048"
LOOPBACK, FAR = "loopback", "50 ms away"
FLAT = 1.1  # times the memory of a list a tenth as long


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """`value` is to be at least `bound`, or at most where `at_most`."""

    what: str
    bound: float
    value: float | None
    unit: str
    at_most: bool = True

    @property
    def reached(self) -> bool | None:
        if self.value is None:
            return None
        return self.value <= self.bound if self.at_most else self.value >= self.bound


def check_targets(compared: Sequence[Comparison], growth: Sequence[GrowthResult], cold: float | None) -> list[Target]:
    """All targets, in the order of what was asked for."""
    return [*_loopback(compared), *_far(compared), *_growth(growth, cold)]


def _loopback(compared: Sequence[Comparison]) -> Iterator[Target]:
    here = [each for each in compared if each.field.name == LOOPBACK]
    limits = {"16 KB": (120, 80), "80 KB": (260, 150)}
    for size, (cpu, ed25519) in limits.items():
        of_size = [each for each in here if each.field.size == size]
        own = runs_of(ENGINE, of_size)
        each_cpu = Spread.of([run.cpu_each for run in own]).median * 1e6 if own else None
        yield Target(what=f"CPU a message, {size}", bound=cpu, value=each_cpu, unit="µs")
        for name, bound in ((ED25519, ed25519), (RSA, 1300)):
            value = _median(each.more_cpu for each in _between(of_size, name, ENGINE))
            yield Target(
                what=f"{name.partition(', ')[2]} adds, {size}",
                bound=bound,
                value=None if value is None else value * 1e6,
                unit="µs",
            )


def _far(compared: Sequence[Comparison]) -> Iterator[Target]:
    for size in ("16 KB", "80 KB"):
        far = [each for each in compared if each.field.name == FAR and each.field.size == size]
        rates = [run.rate for run in runs_of(ENGINE, far)]
        connections = far[0].field.load.sessions if far else 1
        value = Spread.of(rates).median / connections if rates else None
        yield Target(
            what=f"messages a second and connection, {FAR}, {size}", bound=18, value=value, unit="/s", at_most=False
        )
        for other, bound in (("aiosmtplib", 3.5), ("nodemailer", 2.0)):
            yield Target(
                what=f"throughput, of {other}’s, {FAR}, {size}",
                bound=bound,
                value=_median(each.ratio for each in _between(far, ENGINE, other)),
                unit="x",
                at_most=False,
            )


def _growth(growth: Sequence[GrowthResult], cold: float | None) -> Iterator[Target]:
    by_size = {each.readers: each for each in growth if each.sent}
    memory = {readers: each.sent.peak / 1e6 for readers, each in by_size.items() if each.sent}
    most, tenth = memory.get(1_000_000), memory.get(100_000)
    yield Target(what="memory at 1,000,000 readers", bound=150, value=most, unit="MB")
    flat = most / tenth if most and tenth else None
    yield Target(what="memory at 1,000,000, of that at 100,000", bound=FLAT, value=flat, unit="x")
    for readers, bound in ((10_000, 1), (1_000_000, 15)):
        value = by_size[readers].first_message if readers in by_size else None
        yield Target(what=f"compiled edition to first message, {readers:,} readers", bound=bound, value=value, unit="s")
    yield Target(what="whole command to first message, cold, 10,000 readers", bound=3, value=cold, unit="s")


def _between(compared: Iterable[Comparison], first: str, second: str) -> list[Comparison]:
    return [each for each in compared if (each.first, each.second) == (first, second) and each.runs]


def _median(spreads: Iterable[Spread]) -> float | None:
    return next((spread.median for spread in spreads), None)
