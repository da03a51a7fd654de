"""Unsubscribe requests: POSTs of /u/TOKEN to `mailer serve`, alone and during a send.

    post_tokens(port, tokens, connections)    the tokens answered with 200, and the seconds of each
    measure_unsubscribes(folder, count, log)   -> UnsubscribeResult

The same is measured with a bare server that only answers “ok”, by the same uvicorn on the same loop: the cost of HTTP. All have
CONNECTIONS connections that are kept open, as a proxy keeps them.
"""

import asyncio
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import ROOT
from benchmarks.relay import sink
from benchmarks.targets import Target
from benchmarks.workload import DISPATCH, LIST, SendOptions, reset_workspace, write_dispatch, write_readers
from mailer.app import App
from mailer.ledger.types.sends import Send
from mailer.link_tokens import Purpose
from mailer.service.sends.plan import plan_send
from mailer.service.sends.start import start_send
from mailer.web.server import free_port

CONNECTIONS = 50
COUNT = 5_000
TARGET_RATE = 500  # a second
_BODY = b"List-Unsubscribe=One-Click"
_PATIENCE = 30.0  # seconds until a server is there
_BARE = """
import sys, uvicorn, uvloop, asyncio
async def app(scope, receive, send):
    if scope["type"] == "http":
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})
config = uvicorn.Config(app, port=int(sys.argv[1]), http="h11", ws="none", lifespan="off", log_level="error")
with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(uvicorn.Server(config).serve())
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestTimes:
    """One run. `cpu` are seconds of the server's; `waited` the median of what a request took, `longest` of 99 in 100."""

    requests: int
    seconds: float
    cpu: float
    waited: float
    longest: float

    @property
    def rate(self) -> float:
        return self.requests / self.seconds

    @property
    def cpu_each(self) -> float:
        return self.cpu / self.requests


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsubscribeResult:
    """`beside`: with a send running on the same machine; `bare`: the server that only says “ok”."""

    alone: RequestTimes
    beside: RequestTimes
    bare: RequestTimes

    @property
    def targets(self) -> tuple[Target, ...]:
        return (
            Target(
                what="unsubscribing beside a send",
                bound=TARGET_RATE,
                at_most=False,
                value=self.beside.rate,
                unit="/s",
            ),
        )


async def post_tokens(port: int, tokens: Iterable[str], connections: int = CONNECTIONS) -> dict[str, float]:
    """POST each of `tokens`; those that were answered with 200, with the seconds that it took.

    A connection that breaks takes no more of them, so a server that is killed ends it. Any other answer raises.
    """
    answered: dict[str, float] = {}
    waiting = iter(tokens)

    async def one() -> None:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return
        try:
            for token in waiting:
                start = time.perf_counter()
                writer.write(_request(token))
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(_length(head))
                if not head.startswith(b"HTTP/1.1 200 "):
                    raise RuntimeError(head.partition(b"\r\n")[0].decode())
                answered[token] = time.perf_counter() - start
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    return answered


def measure_unsubscribes(folder: Path, count: int, log: Callable[[str], None]) -> UnsubscribeResult:
    """Unsubscribes `count` readers, three times. Raises UnavailableError without smtp-sink."""
    write_readers(folder, 1)
    write_dispatch(folder, 16_000)
    log("unsubscribe: a server that only says ok")
    port = free_port()
    with running([sys.executable, "-c", _BARE, str(port)], folder, port) as bare_pid:
        bare = _posted(port, bare_pid, [f"token{number}" for number in range(count)])
    runs: dict[bool, RequestTimes] = {}
    for beside in (False, True):
        log("unsubscribe: with a send running" if beside else "unsubscribe: alone")
        write_readers(folder, count * 3)
        with sink() as relay:
            reset_workspace(folder, SendOptions(port=relay, connections=20))
            send, tokens = _freeze(folder, count)
            port = free_port()
            command = [sys.executable, "-m", "mailer", "serve", "--port", str(port)]
            with running(command, folder, port) as pid:
                if beside:
                    with started([sys.executable, "-m", "mailer", "resume", str(send.id), "--no-wait"], folder):
                        runs[beside] = _posted(port, pid, tokens)
                else:
                    runs[beside] = _posted(port, pid, tokens)
    return UnsubscribeResult(alone=runs[False], beside=runs[True], bare=bare)


def _freeze(folder: Path, count: int) -> tuple[Send, list[str]]:
    """A send of everybody, and the tokens of its last `count` readers, to whom it comes last."""
    with App.open(folder) as app:
        send = start_send(app, plan_send(app, DISPATCH, [LIST]))
        ids = [row.delivery_id for row in app.ledger.report.rows(send.id)]
        return send, [app.keys.issue(Purpose.UNSUBSCRIBE, number) for number in ids[-count:]]


def _posted(port: int, pid: int, tokens: Sequence[str]) -> RequestTimes:
    before, start = _cpu(pid), time.perf_counter()
    waits = sorted(asyncio.run(post_tokens(port, tokens)).values())
    seconds = time.perf_counter() - start
    if len(waits) != len(tokens):
        raise RuntimeError(f"{len(tokens) - len(waits)} requests were not answered")
    return RequestTimes(
        requests=len(waits),
        seconds=seconds,
        cpu=_cpu(pid) - before,
        waited=statistics.median(waits),
        longest=waits[len(waits) * 99 // 100],
    )


@contextmanager
def running(command: Sequence[str], folder: Path, port: int) -> Iterator[int]:
    """A server on `port`; its process."""
    with started(command, folder) as process:
        asyncio.run(_until_there(port))
        yield process.pid


@contextmanager
def started(command: Sequence[str], folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process, which is interrupted in the end."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=folder, env=environment, stdin=quiet, stdout=quiet, stderr=quiet) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


async def _until_there(port: int) -> None:
    async with asyncio.timeout(_PATIENCE):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


def _request(token: str) -> bytes:
    head = (
        f"POST /u/{token} HTTP/1.1\r\nHost: letter.example.org\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(_BODY)}\r\n\r\n"
    )
    return head.encode() + _BODY


def _length(head: bytes) -> int:
    lines = (line.partition(b":") for line in head.lower().split(b"\r\n"))
    return int(next(value for name, _, value in lines if name == b"content-length"))


def _cpu(pid: int) -> float:
    """Seconds of CPU that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
