"""From the shelf to sent in Chromium: on a phone, by keyboard only, with a real SMTP server behind; taken back once on the way."""

import asyncio
import shutil
import socket
import subprocess
import threading
import time
from contextlib import contextmanager

import pytest

from mailer.relay import Relay
from mailer.service.sends.scheduler import start_sends_when_due
from mailer.web.server import free_port
from tests.support.chromium import faults, served
from tests.support.deskpages import browser_of, signed_in
from tests.support.patience import PATIENCE, until
from tests.support.site import site_in
from tests.support.workspaces import DISPATCH, make_workspace

pytestmark = [pytest.mark.chromium, pytest.mark.smtp_sink]
PHONE = {"viewport": {"width": 375, "height": 720}, "has_touch": True}
ROWS = [f"r{n}@example.com,R{n},Lisbon" for n in range(1, 1201)]


@pytest.fixture
def sink():
    """Postfix's smtp-sink; its port."""
    port = free_port()
    program = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin")
    process = subprocess.Popen(
        [program, "-u", "nobody", f"127.0.0.1:{port}", "100"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def answers():
        try:
            socket.create_connection(("127.0.0.1", port), PATIENCE).close()
        except OSError:
            return False
        return True

    until(answers)
    yield port
    process.kill()
    process.wait()


@contextmanager
def carried(site):
    """What runs beside the site in `serve`."""
    ends = []

    async def work():
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        ends.append(lambda: loop.call_soon_threadsafe(stop.set))
        await start_sends_when_due(site.app, stop, print)

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    yield
    ends[0]()
    thread.join()


@pytest.fixture
def site(tmp_path, port, sink):
    make_workspace(tmp_path, rows=ROWS)
    (tmp_path / "dispatches" / "tide.md").write_text(DISPATCH.replace("The harbour master", "TODO: the harbour master"))
    relay = (Relay(host="127.0.0.1", port=sink),)
    with site_in(tmp_path, base_url=f"http://127.0.0.1:{port}", relay=relay, approval=True) as made:
        made.app.clock = made.clock = StoppableClock()
        with served(made, port), carried(made):
            yield made


class StoppableClock:
    """The time of the system, less the time for which it was stopped."""

    def __init__(self):
        self._behind = 0.0
        self._stopped_at = None

    def __call__(self):
        return time.time() - self._behind if self._stopped_at is None else self._stopped_at

    @contextmanager
    def stopped(self):
        self._stopped_at = self()
        yield
        self._behind = time.time() - self._stopped_at
        self._stopped_at = None


def tab_to(page, role, name):
    """Go with the Tab key until the control has the focus."""
    wanted = page.get_by_role(role, name=name).first
    wanted.wait_for()
    for _ in range(60):
        if wanted.evaluate("each => each === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no way to {name} by keyboard")


def sound(page):
    """The page fits a phone, and axe finds nothing."""
    assert page.evaluate("document.documentElement.scrollWidth") <= 375, page.url
    assert faults(page) == [], page.url


@pytest.mark.parametrize("scheme", ["light"])
def test_from_the_shelf_to_sent_by_keyboard_on_a_phone(browser, site, port, scheme):
    contexts = [
        browser_of(browser, port, signed_in(site, "editor", name=name), color_scheme=scheme, **PHONE)
        for name in ("Mara Lindqvist", "Wim Baas")
    ]
    mara, wim = (context.new_page() for context in contexts)
    mara.goto("/desk/dispatches")
    tab_to(mara, "link", "The tide table")
    mara.keyboard.press("Enter")
    tab_to(mara, "button", "Send me a test")
    mara.keyboard.press("Enter")
    mara.get_by_text("The test is on its way to mara@example.org.").wait_for()
    mara.locator("#tested").get_by_text("accepted").wait_for()
    sound(mara)
    mara.goto("/desk/dispatches/tide")
    tab_to(mara, "link", "Send…")
    mara.keyboard.press("Enter")
    mara.get_by_text("Another editor must approve it").first.wait_for()
    mara.get_by_text("1,200").first.wait_for()
    sound(mara)

    wim.goto("/desk/dispatches/tide/send")
    tab_to(wim, "button", "Approve this version")
    wim.keyboard.press("Enter")
    wim.get_by_text("Approved. Any change to the dispatch cancels the approval.").wait_for()
    wim.goto("/desk/dispatches")
    wim.get_by_text("by Wim Baas").wait_for()
    sound(wim)

    for taken_back in (True, False):
        mara.goto("/desk/dispatches/tide/send")
        mara.get_by_text("Only readers who match").focus()
        mara.keyboard.press("Enter")
        tab_to(mara, "textbox", "Filter")
        mara.keyboard.type('first_name == "R7"')
        mara.locator("#count").get_by_text("reader gets it").wait_for()
        mara.keyboard.press("Control+a")
        mara.keyboard.press("Delete")
        mara.locator("#count").get_by_text("readers get it").wait_for()
        tab_to(mara, "button", "Continue")
        mara.keyboard.press("Enter")
        mara.get_by_text("goes to 1,200 readers").wait_for()
        tab_to(mara, "checkbox", "I understand")
        mara.keyboard.press("Space")
        tab_to(mara, "textbox", "type the number")
        mara.keyboard.type("1,200")
        sound(mara)
        with site.clock.stopped():  # the countdown of ten seconds is not over before it was looked at
            mara.keyboard.press("Enter")
            mara.get_by_role("button", name="Undo").wait_for()
            shown = mara.locator(".countdown").evaluate("each => getComputedStyle(each).getPropertyValue('--left')")
            assert 0 < int(shown) <= 10
            sound(mara)
            if taken_back:
                mara.keyboard.press("Enter")  # it has the focus
                mara.get_by_text("Undone. Nothing was sent.").wait_for()
    mara.get_by_text("1,200 accepted").wait_for()
    mara.get_by_text("Finished").first.wait_for()
    sound(mara)
    mara.goto("/desk/sends")
    sound(mara)
    assert [each.send.state for each in site.ledger.sends.all()] == ["finished", "cancelled"]
    for context in contexts:
        context.close()


def test_the_countdown_runs_and_ends_without_a_script(browser, site, port):
    context = browser_of(
        browser, port, signed_in(site, "editor"), java_script_enabled=False, color_scheme="dark", **PHONE
    )
    page = context.new_page()
    site.ledger.approvals.approve(digest_of(site), "Wim", slug="tide", source="")
    page.goto("/desk/dispatches/tide/send")
    page.get_by_role("button", name="Continue").click()
    page.get_by_label("I understand").check()
    page.get_by_label("type the number").fill("1200")
    with site.clock.stopped():
        page.get_by_role("button", name="Send to 1,200 readers").click()
        page.get_by_role("button", name="Undo").wait_for()
    page.get_by_text("1,200 accepted").wait_for()
    context.close()


def digest_of(site):
    from mailer.service.dispatches.approvals import compile_current_edition

    return compile_current_edition(site.app, "tide").digest
