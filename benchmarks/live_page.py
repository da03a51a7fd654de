"""The cost of open live pages during a send: `python -m benchmarks.live_page`.

`mailer serve` carries a send to Postfix's smtp-sink, once with no live page open, once with WATCHERS browsers at its live page,
in interleaved pairs; the time is the ledger's, from the first connection to the last result. The browsers are connections
that ask for the events and read them, from a process that shares the processors with the send: what they cost is in the result.
`--readers`, `--pairs` and `--watchers` change how many. It prints a table, and the ratio of the medians.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.relay import sink
from benchmarks.unsubscribe import running
from benchmarks.workload import DISPATCH, LIST, SendOptions, reset_workspace, write_dispatch, write_readers
from mailer.app import App
from mailer.delivery.states import SendState
from mailer.ledger.types.roles_and_scopes import Role
from mailer.ledger.types.sends import Send
from mailer.service.accounts.sessions import token_digest
from mailer.service.sends.plan import plan_send
from mailer.service.sends.start import start_send
from mailer.web.server import free_port

READERS = 40_000
WATCHERS = 200
PAIRS = 4
MAX_SLOWDOWN = 0.05  # slower, at most
_CONNECTIONS = 20
_TOKEN = "token-of-the-benchmark"
_PATIENCE = 600.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePageRun:
    """One run: messages a second, seconds of CPU a message of the server, what all watchers got."""

    rate: float
    cpu_each: float
    events: int
    octets: int


def measure_run(folder: Path, readers: int, watchers: int) -> LivePageRun:
    """Send to `readers` while `watchers` watch. Raises UnavailableError where there is no smtp-sink."""
    with sink() as relay:
        reset_workspace(folder, SendOptions(port=relay, connections=_CONNECTIONS))
        with App.open(folder) as app:
            send = start_send(app, plan_send(app, DISPATCH, [LIST]))
            user = app.ledger.users.add("Watcher", Role.EDITOR)
            app.ledger.sessions.begin(user.id, token_digest(_TOKEN), browser="benchmark", address="127.0.0.1")
            port = free_port()
            with running([sys.executable, "-m", "mailer", "serve", "--port", str(port)], folder, port) as pid:
                return asyncio.run(_watch(app, send.id, port, pid, watchers=watchers, readers=readers))


async def _watch(app: App, send_id: int, port: int, pid: int, *, watchers: int, readers: int) -> LivePageRun:
    """All are there before the first message leaves."""
    counts = [0, 0]
    there = asyncio.Semaphore(0)
    tasks = [asyncio.create_task(_browser(port, send_id, counts, there)) for _ in range(watchers)]
    for _ in tasks:
        await asyncio.wait_for(there.acquire(), _PATIENCE)
    before = _cpu(pid)
    await asyncio.to_thread(app.ledger.sends.resume, send_id, carried=True)
    async with asyncio.timeout(_PATIENCE):
        found = await asyncio.to_thread(_until_finished, app, send_id)
    cpu = _cpu(pid) - before
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return LivePageRun(rate=readers / found.seconds, cpu_each=cpu / readers, events=counts[0], octets=counts[1])


def _cpu(pid: int) -> float:
    """Seconds of CPU that a process and its children that have ended have had."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def _until_finished(app: App, send_id: int) -> Send:
    while (found := app.ledger.sends.get(send_id)).state is not SendState.FINISHED:
        time.sleep(0.5)
    return found


async def _browser(port: int, send_id: int, counts: list[int], there: asyncio.Semaphore) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        f"GET /desk/sends/{send_id}/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Cookie: mailer-session-{port}={_TOKEN}\r\nAccept: text/event-stream\r\n\r\n"
    )
    try:
        writer.write(head.encode())
        status = await reader.readline()
        if b" 200 " not in status:
            raise RuntimeError(status.decode())
        is_there = False
        while data := await reader.read(1 << 16):
            counts[0] += data.count(b"event: look")
            counts[1] += len(data)
            if not is_there and b"event: look" in data:
                is_there = True
                there.release()
    finally:
        writer.close()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.live_page", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--readers", type=int, default=READERS)
    parser.add_argument("--watchers", type=int, default=WATCHERS)
    parser.add_argument("--pairs", type=int, default=PAIRS)
    given = parser.parse_args(arguments)
    runs: dict[int, list[LivePageRun]] = {0: [], given.watchers: []}
    with tempfile.TemporaryDirectory(prefix="mailer-watching-") as name:
        folder = Path(name)
        write_readers(folder, 1)
        write_dispatch(folder, 16_000)
        write_readers(folder, given.readers)
        for number in range(given.pairs):
            for watchers in sorted(runs, reverse=bool(number % 2)):
                run = measure_run(folder, given.readers, watchers)
                runs[watchers].append(run)
                print(
                    f"{watchers:>4} watching: {run.rate:8,.0f} messages a second, {run.cpu_each * 1e6:.0f} µs CPU each, "
                    f"{run.events:,} events, {run.octets / 1e6:.1f} MB",
                    flush=True,
                )
    pairs = list(zip(runs[0], runs[given.watchers], strict=True))
    slower = statistics.median(1 - beside.rate / alone.rate for alone, beside in pairs)
    more = statistics.median(beside.cpu_each / alone.cpu_each - 1 for alone, beside in pairs)
    print(
        f"with {given.watchers} watching: {slower:.1%} slower (wanted: at most {MAX_SLOWDOWN:.0%}), {more:.1%} more CPU"
    )


if __name__ == "__main__":
    main()
