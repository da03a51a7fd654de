"""Commands that run in this process, which is fast, and SMTP servers for them, each in its own thread."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mailer.cli.main import run
from tests.support.patience import PATIENCE
from tests.support.scripted import Scripted
from tests.support.workspaces import Ran


class Commands:
    """Runs commands in one workspace: `commands("send", "tide", ...)`."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Ran:
        self._capsys.readouterr()
        code = run(["--workspace", str(self.folder), *arguments])
        captured = self._capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    def json(self, *arguments: str) -> dict:
        result = self(*arguments, "--json")
        assert result.out.startswith("{"), result.err
        return result.json()


class Held(Scripted):
    """Answers end of DATA for `limit` messages only, until a test raises `limit`: the send stays under way."""

    def __init__(self, limit: float, **replies: list[str]) -> None:
        super().__init__(**replies)
        self.limit = limit

    async def answer(self, verb: str, writer: asyncio.StreamWriter) -> bool:
        number = len(self.messages)
        while verb == "END_OF_DATA" and number > self.limit:
            await asyncio.sleep(0.005)
        return await super().answer(verb, writer)


@contextmanager
def served(server: Scripted) -> Iterator[Scripted]:
    """Runs `server` in a thread."""
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
