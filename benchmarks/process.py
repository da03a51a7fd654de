"""Programs, run to their end and measured from outside: time, CPU, peak memory.

CPU is that of the program and of its children that it waited for (getrusage). It is right as long as one program is
measured at a time: servers that run beside it count only when they have ended. Peak memory is the kernel's high-water mark
of the program's own process (VmHWM, Linux), looked at while it runs.
"""

import re
import resource
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

SAMPLE_INTERVAL = 0.02  # seconds
_QUOTED = 300  # characters of the output of a failed program


class UnavailableError(Exception):
    """Something that cannot be measured here; the message says why, and what would help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run of a contender. `cpu` in seconds, of it and its children; `peak` in octets, 0 where it is not known."""

    messages: int
    seconds: float
    cpu: float
    peak: int

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds

    @property
    def cpu_each(self) -> float:
        """CPU seconds a message."""
        return self.cpu / self.messages


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessResult:
    """A program that ended well, and what it took."""

    output: str
    seconds: float
    cpu: float
    peak: int


def cpu_of(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def own_cpu() -> float:
    """CPU seconds of this process and its children so far."""
    return cpu_of(resource.RUSAGE_SELF) + cpu_of(resource.RUSAGE_CHILDREN)


def run(
    command: Sequence[str | Path], *, timeout: float, folder: Path | None = None, env: Mapping[str, str] | None = None
) -> ProcessResult:
    """Run a program to its end. Raises UnavailableError when it is not there, fails, or takes more than `timeout` seconds."""
    name = Path(command[0]).name
    before, start = cpu_of(resource.RUSAGE_CHILDREN), time.perf_counter()
    try:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    except OSError as error:
        raise UnavailableError(f"{name} cannot be run ({error.strerror})") from None
    with process, _Watched(process.pid) as watched:
        try:
            output, errors = process.communicate(timeout=timeout)
        except BaseException as error:
            process.kill()
            process.communicate()
            if isinstance(error, subprocess.TimeoutExpired):
                raise UnavailableError(f"{name} took more than {timeout:.0f} s") from None
            raise
        seconds = time.perf_counter() - start
    if process.returncode:
        words = " ".join((errors or output).split())[-_QUOTED:]
        raise UnavailableError(f"{name} failed with {process.returncode}: {words}")
    return ProcessResult(
        output=output, seconds=seconds, cpu=cpu_of(resource.RUSAGE_CHILDREN) - before, peak=watched.peak
    )


class _Watched:
    """Looks at the memory of a process while it runs."""

    def __init__(self, pid: int) -> None:
        self.peak = 0
        self._status = Path(f"/proc/{pid}/status")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(SAMPLE_INTERVAL):
            self.peak = max(self.peak, peak_memory(self._status))


def peak_memory(status: Path) -> int:
    """Octets, from a `/proc/PID/status`; 0 where there is none."""
    try:
        found = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(encoding="utf-8"), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0
