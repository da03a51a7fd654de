"""Comparison of two contenders by interleaved pairs: A B, B A, A B, …, so that the drift of the machine cancels.

compare(field, first, second, pairs) -> Comparison
"""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.contender import Contender, Load
from benchmarks.process import Measured, UnavailableError
from benchmarks.relay import proxy, sink


@dataclass(frozen=True, slots=True)
class Spread:
    """A median with its minimum and maximum."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))

    def as_json(self) -> dict[str, float]:
        return {"median": self.median, "min": self.least, "max": self.most}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """The conditions of a comparison: a load, the round trip to the relay in seconds, and the name of the link."""

    name: str
    size: str
    load: Load
    round_trip: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The runs of both, pair by pair; none if one of them could not run, for the reason `skipped`."""

    field: Field
    first: str
    second: str
    runs: tuple[tuple[Measured, Measured], ...] = ()
    skipped: str = ""

    @property
    def ratio(self) -> Spread:
        """The rate of the first divided by that of the second."""
        return Spread.of([first.rate / second.rate for first, second in self.runs])

    @property
    def more_cpu(self) -> Spread:
        """CPU seconds a message that the first needs more than the second."""
        return Spread.of([first.cpu_each - second.cpu_each for first, second in self.runs])


def compare(
    field: Field, first: Contender, second: Contender, pairs: int, log: Callable[[str], None] = lambda _: None
) -> Comparison:
    """Runs both `pairs` times, in turns. `log` gets a line for each run."""
    sides = (first, second)
    runs: list[tuple[Measured, Measured]] = []
    try:
        for side in sides:
            side.prepare()
        for number in range(pairs):
            measured: dict[int, Measured] = {}
            for index in (0, 1) if number % 2 == 0 else (1, 0):
                log(f"{field.name}, {field.size}: {first.name} and {second.name}, pair {number + 1} of {pairs}")
                measured[index] = _run(field, sides[index])
            runs.append((measured[0], measured[1]))
    except UnavailableError as error:
        return Comparison(field=field, first=first.name, second=second.name, skipped=str(error))
    return Comparison(field=field, first=first.name, second=second.name, runs=tuple(runs))


def _run(field: Field, contender: Contender) -> Measured:
    """Runs one contender, with its own relay."""
    with sink() as port:
        if not field.round_trip:
            return contender.run(field.load.part(contender.share), port)
        with proxy(port, delay=field.round_trip / 2) as far:
            return contender.run(field.load.part(contender.far_share), far.port)


def runs_of(name: str, compared: Sequence[Comparison]) -> list[Measured]:
    """Returns all runs of one contender."""
    found = []
    for each in compared:
        found += [run for run in (pair[0] for pair in each.runs) if each.first == name]
        found += [run for run in (pair[1] for pair in each.runs) if each.second == name]
    return found
