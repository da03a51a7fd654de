"""Commands run in this process, which is quick, and the SMTP servers that they meet, each in a thread of its own."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mailer.cli.main import run
from tests.support.scripted import Scripted
from tests.support.workspaces import Ran

PATIENCE = 60.0  # seconds; a machine may be slow


class Commands:
    """`commands("send", "tide", ...)` in one workspace; `in_folder` changes it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Ran:
        self._capsys.readouterr()
        code = run(["--workspace", str(self.folder), *arguments])
        captured = self._capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    def json(self, *arguments: str) -> dict:
        ran = self(*arguments, "--json")
        assert ran.out.startswith("{"), ran.err
        return ran.json()


class Slow(Scripted):
    """Takes its time to answer each dot."""

    def __init__(self, delay: float, **replies: list[str]) -> None:
        super().__init__(**replies)
        self.delay = delay

    async def _answer(self, verb: str, writer: asyncio.StreamWriter) -> bool:
        if verb == "DOT":
            await asyncio.sleep(self.delay)
        return await super()._answer(verb, writer)


@contextmanager
def served(server: Scripted) -> Iterator[Scripted]:
    """`server`, listening in a thread."""
    loop, ready, stop = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with server:
            ready.set()
            await stop.wait()

    def work() -> None:
        loop.run_until_complete(serve())
        loop.close()

    thread = threading.Thread(target=work)
    thread.start()
    assert ready.wait(PATIENCE)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


def until(holds: Callable[[], object], patience: float = PATIENCE) -> None:
    """Wait for something that another process or thread is about to do."""
    end = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)
