"""How the engine grows with the list: time to the first message, rate, CPU, memory at a thousand to a million readers.

For each size two runs: one through a proxy that notes when the first message was complete and stops there, one straight to
the sink, of at most LIMIT messages. And the whole command, `mailer send --yes`, from a new process without a database to the
end of the first message; the system's page cache is warm.
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

from benchmarks.contender import PATIENCE, Engine, Load, parse_result
from benchmarks.machine import ROOT
from benchmarks.process import Measured, UnavailableError
from benchmarks.relay import proxy, sink
from benchmarks.workload import (
    DISPATCH,
    LIST,
    SampleMessage,
    SendOptions,
    reset_workspace,
    write_dispatch,
    write_readers,
)

READERS = (1_000, 10_000, 100_000, 1_000_000)
LIMIT = 100_000  # messages that one run sends at most
COLD_READERS = 10_000  # readers of the whole command
CONNECTIONS = 20
STOP_TIMEOUT = 60.0  # seconds that a stopped command may take


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthResult:
    """The result for one size of list. `first_message`: seconds from the compiled edition to the end of the first message, with
    planning and freezing."""

    readers: int
    first_message: float = 0.0
    planning: float = 0.0
    freezing: float = 0.0
    sent: Measured | None = None
    skipped: str = ""


def measure_size(folder: Path, readers: int, limit: int) -> GrowthResult:
    """Measure a list of `readers`, sending at most `limit` messages."""
    load = Load(sample=_write_sample(folder, readers), folder=folder, messages=readers, sessions=CONNECTIONS)
    engine = Engine()
    try:
        with sink() as port, proxy(port, delay=0) as watched:
            printed = json.loads(engine.send(load, watched.port, limit=1).output)
            first_message = watched.first_message(timeout=1) - printed["compiled_at"]
        with sink() as port:
            sent = parse_result(engine.send(load, port, limit=min(limit, readers)))
    except UnavailableError as error:
        return GrowthResult(readers=readers, skipped=str(error))
    return GrowthResult(
        readers=readers,
        first_message=first_message,
        planning=printed["planning"],
        freezing=printed["freezing"],
        sent=sent,
    )


def cold_start(folder: Path, readers: int = COLD_READERS) -> float:
    """Seconds from the start of `mailer send --yes` to the end of the first message. Raises UnavailableError."""
    _write_sample(folder, readers)
    with sink() as port, proxy(port, delay=0) as watched:
        reset_workspace(folder, SendOptions(port=watched.port, connections=CONNECTIONS))
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
            return watched.first_message(timeout=PATIENCE) - start
        finally:
            _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Sends Ctrl-C and waits."""
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_TIMEOUT)
    process.kill()
    process.wait()


def _write_sample(folder: Path, readers: int) -> SampleMessage:
    write_readers(folder, 1)
    sample = write_dispatch(folder, 16_000)
    write_readers(folder, readers)
    return sample


def measure_growth(
    folder: Path, sizes: tuple[int, ...], limit: int, log: Callable[[str], None]
) -> tuple[list[GrowthResult], float | None]:
    """All sizes, and the cold start; None when it cannot be measured."""
    growth = []
    for readers in sizes:
        log(f"growth: {readers:,} readers")
        growth.append(measure_size(folder, readers, limit))
    log("growth: the whole command, cold")
    try:
        return growth, cold_start(folder, min(COLD_READERS, max(sizes)))
    except UnavailableError:
        return growth, None
