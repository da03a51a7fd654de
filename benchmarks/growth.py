"""How the engine grows with the list: time to the first dot, rate, CPU, memory at a thousand to a million readers.

For each size two runs: one through a proxy that notes when the first message was complete and stops there, one straight to
the sink, of at most LIMIT messages. And the whole command, `mailer send --yes`, from a new process without a database to the
first dot; the system's page cache is warm.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contender import PATIENCE, Engine, Load, reported
from benchmarks.letter import DISPATCH, LIST, Letter, Setup, fresh, write_letter, write_readers
from benchmarks.machine import ROOT
from benchmarks.process import Measured, UnavailableError
from benchmarks.relay import proxy, sink

READERS = (1_000, 10_000, 100_000, 1_000_000)
LIMIT = 100_000  # messages that one run sends at most
COLD = 10_000  # readers of the whole command
CONNECTIONS = 20
LAST_WORDS = 60.0  # seconds that a stopped command may take


@dataclass(frozen=True, slots=True, kw_only=True)
class Grown:
    """One size of list. `first_dot`: seconds from the compiled edition; planning and freezing are parts of it."""

    readers: int
    first_dot: float = 0.0
    planning: float = 0.0
    freezing: float = 0.0
    sent: Measured | None = None
    skipped: str = ""


def grow(folder: Path, readers: int, limit: int) -> Grown:
    """Measure a list of `readers`, sending at most `limit` messages."""
    load = Load(letter=_letter(folder, readers), folder=folder, messages=readers, sessions=CONNECTIONS)
    engine = Engine()
    try:
        with sink() as port, proxy(port, delay=0) as watched:
            said = json.loads(engine.send(load, watched.port, limit=1).output)
            first_dot = watched.first_dot(timeout=1) - said["compiled_at"]
        with sink() as port:
            sent = reported(engine.send(load, port, limit=min(limit, readers)))
    except UnavailableError as error:
        return Grown(readers=readers, skipped=str(error))
    return Grown(readers=readers, first_dot=first_dot, planning=said["planning"], freezing=said["freezing"], sent=sent)


def cold_start(folder: Path, readers: int = COLD) -> float:
    """Seconds from the start of `mailer send --yes` to the first dot. Raises UnavailableError."""
    _letter(folder, readers)
    with sink() as port, proxy(port, delay=0) as watched:
        fresh(folder, Setup(port=watched.port, connections=CONNECTIONS))
        start = time.monotonic()
        command = [sys.executable, "-m", "mailer", "send", DISPATCH, "--to", LIST, "--yes"]
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            return watched.first_dot(timeout=PATIENCE) - start
        finally:
            _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Ctrl-C, and patience."""
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(LAST_WORDS)
    process.kill()
    process.wait()


def _letter(folder: Path, readers: int) -> Letter:
    write_readers(folder, 1)
    letter = write_letter(folder, 12_000)
    write_readers(folder, readers)
    return letter


def measure_growth(
    folder: Path, sizes: tuple[int, ...], limit: int, tell: Callable[[str], None]
) -> tuple[list[Grown], float | None]:
    """All sizes, and the cold start; None when it cannot be measured."""
    grown = []
    for readers in sizes:
        tell(f"growth: {readers:,} readers")
        grown.append(grow(folder, readers, limit))
    tell("growth: the whole command, cold")
    try:
        return grown, cold_start(folder, min(COLD, max(sizes)))
    except UnavailableError:
        return grown, None
