"""What each optimisation of the send path gains today, alone: the engine with it, and without it (without.py), in turns.

    measure_optimisations(folder, names, pairs, messages, log)  ->  [Gain, …]

16 KB over 20 connections on loopback. What counts is CPU a message; its ratio is the median of the ratios of the pairs, so that
a machine that other programs use as well changes it little. `nothing` has both sides alike: what its ratio is off 1 is noise.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.comparison import Comparison, Field, Spread, compare
from benchmarks.contender import PATIENCE, Engine, Load, parse_result
from benchmarks.machine import ROOT
from benchmarks.process import Measured, UnavailableError, run
from benchmarks.targets import LOOPBACK
from benchmarks.workload import SendOptions, reset_workspace, write_dispatch, write_readers

SIZE = 16_000  # octets
CONNECTIONS = 20
MESSAGES = 6_000


@dataclass(frozen=True, slots=True)
class EngineWithout:
    """The engine with one optimisation switched off."""

    optimisation: str
    share: float = 1.0
    far_share: float = 1.0

    @property
    def name(self) -> str:
        return f"without {self.optimisation}"

    def prepare(self) -> None:
        """Everything is here."""

    def run(self, load: Load, port: int) -> Measured:
        reset_workspace(load.folder, SendOptions(port=port, connections=load.sessions))
        arguments = (self.optimisation, str(load.folder), str(load.messages))
        command = (sys.executable, "-m", "benchmarks.without", *arguments)
        return parse_result(run(command, folder=ROOT, timeout=PATIENCE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """One optimisation; CPU in seconds a message, medians. `ratio`: CPU without it over CPU with it, pair by pair."""

    optimisation: str
    cpu: float
    cpu_without: float
    ratio: Spread
    rate: float
    rate_without: float
    peak: int
    peak_without: int

    @classmethod
    def of(cls, optimisation: str, compared: Comparison) -> "Gain":
        if compared.skipped:
            raise UnavailableError(compared.skipped)
        without, whole = (list(side) for side in zip(*compared.runs, strict=True))
        return cls(
            optimisation=optimisation,
            cpu=Spread.of([each.cpu_each for each in whole]).median,
            cpu_without=Spread.of([each.cpu_each for each in without]).median,
            ratio=Spread.of([off.cpu_each / on.cpu_each for off, on in compared.runs]),
            rate=Spread.of([each.rate for each in whole]).median,
            rate_without=Spread.of([each.rate for each in without]).median,
            peak=max(each.peak for each in whole),
            peak_without=max(each.peak for each in without),
        )


def measure_optimisations(
    folder: Path, names: Sequence[str], pairs: int, messages: int, log: Callable[[str], None]
) -> list[Gain]:
    """Measures each of `names`, in `pairs` of runs of `messages`. Raises UnavailableError where there is no smtp-sink."""
    write_readers(folder, 1)
    sample = write_dispatch(folder, SIZE)
    write_readers(folder, messages)
    load = Load(sample=sample, folder=folder, messages=messages, sessions=CONNECTIONS)
    field = Field(name=LOOPBACK, size="16 KB", load=load)
    return [Gain.of(name, compare(field, EngineWithout(name), Engine(), pairs, log)) for name in names]
