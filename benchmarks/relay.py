"""The relays that everything is sent to: Postfix's smtp-sink on loopback, and a proxy before it that makes it far away.

    with sink() as port: ...
    with proxy(port, delay=0.025) as nearer: nearer.port, nearer.first_message(timeout)

Both are processes of their own, on ports that the system chose, and end with the block.
"""

import contextlib
import os
import queue
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.machine import ROOT
from benchmarks.process import UnavailableError

BACKLOG = 1000
START = 5.0  # seconds that a server may take until it listens
TRIES = 5  # somebody else may take a free port before the sink does


def postfix(program: str) -> str:
    """Where a program of Postfix's is. Raises UnavailableError."""
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if not found:
        raise UnavailableError(
            f"{program} is not installed; it comes with Debian's package postfix: apt install postfix"
        )
    return found


@contextlib.contextmanager
def sink() -> Iterator[int]:
    """A smtp-sink that takes everything; the port it listens at. Raises UnavailableError."""
    program = postfix("smtp-sink")
    process, port = _start_sink(program)
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


def _start_sink(program: str) -> tuple[subprocess.Popen[bytes], int]:
    privileges = ("-u", "nobody") if os.geteuid() == 0 else ()
    for _ in range(TRIES):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port: int = free.getsockname()[1]
        process = subprocess.Popen(
            [program, *privileges, f"127.0.0.1:{port}", str(BACKLOG)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if _listens(process, port):
            return process, port
        process.kill()
        process.wait()
    raise UnavailableError("smtp-sink does not start")


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    until = time.monotonic() + START
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
        time.sleep(0.01)
    return False


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running proxy: connect to its port."""

    port: int
    _lines: "queue.SimpleQueue[str]"

    def first_message(self, timeout: float) -> float:
        """When, by time.monotonic, the first complete message had passed. Raises UnavailableError."""
        return float(_next(self._lines, "message", timeout))


@contextlib.contextmanager
def proxy(port: int, *, delay: float) -> Iterator[Proxy]:
    """A proxy to `port` that holds what passes for `delay` seconds, each way. Raises UnavailableError."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.proxy", str(port), str(delay)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    reader = threading.Thread(target=_read, args=(process, lines), daemon=True)
    reader.start()
    try:
        yield Proxy(int(_next(lines, "port", START)), lines)
    finally:
        process.kill()
        process.wait()
        reader.join()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()


def _read(process: subprocess.Popen[str], lines: "queue.SimpleQueue[str]") -> None:
    assert process.stdout
    for line in process.stdout:
        lines.put(line)


def _next(lines: "queue.SimpleQueue[str]", what: str, timeout: float) -> str:
    try:
        word, _, value = lines.get(timeout=timeout).partition(" ")
    except queue.Empty:
        raise UnavailableError(f"the proxy printed no {what} within {timeout:.0f} s") from None
    assert word == what
    return value
