"""Makes docs/screenshots/: each page of the desk, as a desktop and as a phone show it.

    .venv/bin/python docs/screenshots.py [NAME ...]

Starts the newsroom of `mailer demo` in a temporary folder, signs in as its admin and photographs with Debian's chromium;
nothing is fetched. A page is one row of PAGES; NAMEs leave out all others. Files are NAME-WIDTH.png, with few colours, so that
they are small.
"""

import asyncio
import io
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from picture import ARGUMENTS, CHROMIUM, ROOT
from PIL import Image as Pillow
from playwright.sync_api import Browser, Page, sync_playwright

from mailer.app import App
from mailer.ledger.types.roles_and_scopes import Role
from mailer.ledger.types.webhooks import EVENTS, WebhookState
from mailer.ledger.webhooks.outbox import WebhookAttempt
from mailer.service.accounts.passwords import hash_password
from mailer.service.demo import FIRST, SECOND, run_demo
from mailer.service.webhooks import manage
from mailer.web.server import free_port, run

FOLDER = ROOT / "docs" / "screenshots"
WIDTHS = (1280, 375)
HEIGHT, TALLEST = 800, 2400  # pixels: of the window, and of a picture
COLOURS = 256
NAME, PASSWORD = "Mara Lindqvist", "ferry lamp ocean nine"
PATIENCE = 20_000  # milliseconds
DRAFT = "dispatches/" + SECOND
UNSENT = "dispatches/2025-12-18-eleven-winters"


@dataclass(frozen=True, slots=True)
class Shot:
    """A page by its path under /desk/. `until`: a selector of the complete page; `signed_in`: with a session."""

    name: str
    path: str
    until: str = "h1"
    signed_in: bool = True


PAGES = (
    Shot("sign-in", "sign-in", signed_in=False),
    Shot("dispatches", "dispatches"),
    Shot("write", DRAFT, until="iframe.shown"),
    Shot("findings", f"{DRAFT}/findings"),
    Shot("preview", f"{DRAFT}/preview"),
    Shot("photos", f"{DRAFT}/photos"),
    Shot("history", f"{DRAFT}/history"),
    Shot("paste", "dispatches:paste"),
    Shot("test", f"{UNSENT}/test"),
    Shot("choose", f"{UNSENT}/send"),
    Shot("last", f"{UNSENT}/send/last?chosen=1&list=readers&when=now"),
    Shot("sends", "sends"),
    Shot("send", "sends/1"),
    Shot("report", "sends/1/report"),
    Shot("recipients", "sends/1/report/recipients"),
    Shot("lists", "lists"),
    Shot("list", "lists/readers"),
    Shot("members", "lists/readers/members"),
    Shot("upload", "lists/readers/upload"),
    Shot("list-history", "lists/readers/history"),
    Shot("suppressions", "lists:suppressions"),
    Shot("settings", "settings"),
    Shot("people", "settings/people"),
    Shot("audit", "settings/audit"),
    Shot("webhooks", "settings/webhooks"),
    Shot("tokens", "settings/tokens"),
    Shot("webhook", "settings/webhooks/1"),
)


def add_sample_data(app: App) -> None:
    """Adds what the demo lacks: users, their activity, a webhook with a message."""
    ledger = app.ledger
    mara = ledger.users.add(NAME, Role.ADMIN, email="mara@example.org")
    ledger.users.set_password(mara.id, hash_password(PASSWORD, NAME))
    ledger.users.add("Wim Baas", Role.EDITOR, email="wim@example.org")
    ledger.audit.record(NAME, "user.add", "Wim Baas", "editor", address="192.0.2.7")
    for slug in (FIRST, SECOND):
        path = app.workspace.find_dispatch(slug)
        ledger.revisions.save(path.stem, path.read_text(encoding="utf-8"), digest=slug, actor=NAME)
        ledger.audit.record(NAME, "dispatch.save", slug, address="192.0.2.7")
    manage.add_webhook(app, "https://crm.example.org/hooks/letter", [event.value for event in EVENTS])
    ledger.suppressions.unsubscribe("petra@example.com", source="page")
    (message,) = ledger.outbox.log(1)
    for status, answer, state in (
        (503, "Service Unavailable", WebhookState.WAITING),
        (200, "noted", WebhookState.DELIVERED),
    ):
        attempt = WebhookAttempt(at=app.clock(), seconds=0.21, status=status, error="", answer=answer)
        asyncio.run(ledger.outbox.record_attempt(message.id, attempt, state))


@contextmanager
def demo() -> Iterator[str]:
    """Runs the demo and serves its desk; yields the address of the desk."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="mailer-screenshots-") as folder:
        run_demo(Path(folder), base_url=address, log=print)
        with App.open(Path(folder)) as app:
            add_sample_data(app)
            with served(app, port):
                yield f"{address}/desk/"


@contextmanager
def served(app: App, port: int) -> Iterator[None]:
    """Serves the site in a thread."""
    ready, loop, stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()
    serving = run(app, "127.0.0.1", port, stop=stop, on_ready=lambda _: ready.set())
    thread = threading.Thread(target=loop.run_until_complete, args=(serving,))
    thread.start()
    try:
        if not ready.wait(PATIENCE / 1000):
            sys.exit("the demo cannot be served")
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def sign_in(page: Page, desk: str) -> None:
    page.goto(f"{desk}sign-in")
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/desk/dispatches")


def photograph(browser: Browser, desk: str, shots: list[Shot], width: int) -> None:
    for signed_in in (False, True):
        context = browser.new_context(viewport={"width": width, "height": HEIGHT}, has_touch=width < 600)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        if signed_in:
            sign_in(page, desk)
        for shot in (each for each in shots if each.signed_in is signed_in):
            answer = page.goto(desk + shot.path)
            if answer is None or not answer.ok:
                sys.exit(f"{shot.path} answers {answer.status if answer else 'nothing'}")
            page.wait_for_selector(shot.until)
            page.evaluate("document.fonts.ready")
            save(page.screenshot(full_page=True), FOLDER / f"{shot.name}-{width}.png")
        context.close()


def save(picture: bytes, path: Path) -> None:
    drawn = Pillow.open(io.BytesIO(picture)).convert("RGB")
    cut = drawn.crop((0, 0, drawn.width, min(drawn.height, TALLEST)))
    cut.quantize(COLOURS, Pillow.Quantize.MAXCOVERAGE, kmeans=1, dither=Pillow.Dither.NONE).save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}  {path.stat().st_size // 1024} KB")


def main() -> None:
    wanted = set(sys.argv[1:])
    unknown = wanted - {shot.name for shot in PAGES}
    if unknown:
        sys.exit(f"no page is called {', '.join(sorted(unknown))}; there are {', '.join(shot.name for shot in PAGES)}")
    shots = [shot for shot in PAGES if not wanted or shot.name in wanted]
    FOLDER.mkdir(exist_ok=True)
    with demo() as desk, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for width in WIDTHS:
            photograph(browser, desk, shots, width)
        browser.close()


if __name__ == "__main__":
    main()
