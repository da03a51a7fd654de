"""Real Chromium, and a site for it to look at: what the tests of pages share.

with served(site, port): ...      the site on 127.0.0.1:port, by a thread of its own
with launched() as browser: ...   Debian's Chromium, through playwright; it waits for PATIENCE seconds
painted(page)                     waits until the page was painted: keys pressed before that are lost
violations(page, **options)       what axe finds on a page, by these options of its run
faults(page)                      the same by the rules that the desk is held to
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mailer.web.server import run
from tests.support.patience import PATIENCE
from tests.support.site import Site

AXE = Path(__file__).parents[1] / "browser" / "vendor" / "axe-core" / "axe.min.js"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
)
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@contextmanager
def served(site: Site, port: int) -> Iterator[None]:
    ready, ends = threading.Event(), []

    async def work() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        ends.append(lambda: loop.call_soon_threadsafe(stop.set))
        await run(site.app, "127.0.0.1", port, stop=stop, on_ready=lambda _url: ready.set())

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    try:
        assert ready.wait(PATIENCE)
        yield
    finally:
        ends[0]()
        thread.join()


class Chromium:
    """A running browser, whose pages wait for PATIENCE."""

    def __init__(self, browser: Any) -> None:
        self._browser = browser
        self.version: str = browser.version

    def new_context(self, **options: Any) -> Any:
        context = self._browser.new_context(**options)
        context.set_default_timeout(PATIENCE * 1000)
        return context

    def new_page(self, **options: Any) -> Any:
        """Returns a page in a context of its own, which is closed with it."""
        page = self._browser.new_page(**options)
        page.set_default_timeout(PATIENCE * 1000)
        return page


@contextmanager
def launched() -> Iterator[Chromium]:
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=list(ARGUMENTS), timeout=PATIENCE * 1000
        )
        yield Chromium(browser)
        browser.close()


def painted(page: Any) -> None:
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def violations(page: Any, **options: Any) -> list[str]:
    """What axe finds, a line each: rule, and the elements."""
    if not page.evaluate("'axe' in window"):
        session = page.context.new_cdp_session(page)
        # page.evaluate would take twice the time for half a megabyte of source
        loaded = session.send("Runtime.evaluate", {"expression": AXE.read_text(encoding="utf-8")})
        assert "exceptionDetails" not in loaded, loaded
        session.detach()
    found = page.evaluate(
        # nothing but the violations leaves the browser: all that axe tells of a page takes a second to hand over
        "async options => (await axe.run(document, options)).violations",
        {"resultTypes": ["violations"], **options},
    )
    return [
        f"{each['id']}: {[(node['html'][:300], node['failureSummary']) for node in each['nodes']]}" for each in found
    ]


def faults(page: Any) -> list[str]:
    return violations(page, runOnly={"type": "tag", "values": _RULES})
