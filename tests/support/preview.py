"""A preview of the dispatch `tide` in a workspace of its own: over ASGI, or served to a browser."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from mailer.app import App
from mailer.web.preview.app import create_preview
from mailer.web.preview.session import PreviewSession
from mailer.web.server import serve_app_until
from tests.support.patience import PATIENCE
from tests.support.workspaces import make_workspace

TOKEN, KEY = "the-token-of-a-test", "the-key-of-a-test"
SHOWN = "dispatches/tide.md"


def make_newsroom(root: Path, **settings: str) -> App:
    return App.open(make_workspace(root, ledger=False, **settings))


def live_of(app: App, **options: Any) -> PreviewSession:
    return PreviewSession(app, app.workspace.dispatches / "tide.md", SHOWN, **options)


class Watched:
    """A preview at work on a loop of its own; asked over ASGI."""

    def __init__(self, app: App, runner: asyncio.Runner) -> None:
        self.live = live_of(app)
        self.path = self.live.path
        self.runner = runner
        asgi_app = create_preview(self.live, token=TOKEN, key=KEY)
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(asgi_app, raise_app_exceptions=False), base_url="http://127.0.0.1:8123"
        )

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.runner.run(self.client.get(path, **options))

    def ask(self, path: str, **params: str) -> httpx.Response:
        return self.get(f"/{TOKEN}/{path}", params=params)

    def about(self, **params: str) -> Any:
        return self.ask("state", **params).json()

    def until(self, holds: Any) -> Any:
        """Let the preview work until its state `holds`."""

        async def waiting() -> Any:
            state = self.live.state
            async with asyncio.timeout(PATIENCE):
                while not holds(state):
                    state = await self.live.after(state.number)
            return state

        return self.runner.run(waiting())


@contextmanager
def watching(app: App) -> Iterator[Watched]:
    with app, asyncio.Runner() as runner:
        stop = runner.run(_event())
        watched = Watched(app, runner)
        work = runner.get_loop().create_task(watched.live.run(stop))
        try:
            watched.until(lambda state: state.error or (state.draft and state.draft.is_final))
            yield watched
        finally:
            stop.set()
            runner.run(_ended(work))


async def _event() -> asyncio.Event:
    return asyncio.Event()


async def _ended(work: "asyncio.Task[None]") -> None:
    await work


@contextmanager
def served_preview(app: App) -> Iterator[str]:
    """The preview, served; gives the address of its page."""
    ready, ends = threading.Event(), []
    address: list[str] = []

    async def work() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        ends.append(lambda: loop.call_soon_threadsafe(stop.set))
        live = live_of(app)

        def on_ready(url: str) -> None:
            address.append(f"{url}/{TOKEN}/")
            ready.set()

        asgi_app = create_preview(live, token=TOKEN, key=KEY)
        await serve_app_until(asgi_app, "127.0.0.1", 0, stop=stop, on_ready=on_ready, background=live.run)

    with app:
        thread = threading.Thread(target=lambda: asyncio.run(work()))
        thread.start()
        try:
            assert ready.wait(PATIENCE)
            yield address[0]
        finally:
            ends[0]()
            thread.join()
