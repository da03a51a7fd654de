"""A send watched in Chromium while the server that carries it is killed and comes back; its report, on a phone and by keyboard."""

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from types import SimpleNamespace

import httpx
import pytest

from mailer.app import App
from mailer.delivery.states import DeliveryState, SendState
from mailer.service.sends.plan import plan_send
from mailer.service.sends.start import start_send
from mailer.web.server import free_port
from tests.support.chromium import faults
from tests.support.chromium import served as serving_site
from tests.support.commands import served
from tests.support.deskpages import browser_of, signed_in
from tests.support.judge import Judge
from tests.support.livesends import addresses, carry
from tests.support.patience import PATIENCE, until
from tests.support.site import site_in
from tests.support.workspaces import make_workspace

pytestmark = pytest.mark.chromium
READERS = 120
PHONE = {"viewport": {"width": 375, "height": 720}}


def number(page, name):
    """A number of the sum as the page has it now."""
    found = re.search(rf"<dt>{name}</dt><dd>([\d,]+)</dd>", page.locator("#counts").inner_html())
    return int(found[1].replace(",", "")) if found else 0


def serving(programs, workspace, port):
    """`mailer serve`, once it answers."""
    process = programs.start(workspace, "serve", "--port", str(port))

    def answers():
        assert process.poll() is None, process.wait().err
        try:
            return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=PATIENCE).status_code == 200
        except httpx.TransportError:
            return False

    until(answers)
    return process


def test_a_page_that_is_open_comes_back_with_the_server_and_shows_the_truth(browser, tmp_path, programs):
    port = free_port()
    judge = Judge(tmp_path / "accepted.jsonl", delay=1.0)  # it is still under way when it is paused
    with closing(judge), served(judge) as relay:
        rows = [f"reader{each}@example.com,Ana,Porto Novo" for each in range(READERS)]
        make_workspace(tmp_path, port=relay.port, rows=rows, CONNECTIONS="3", BASE_URL=f"http://127.0.0.1:{port}")
        with App.open(tmp_path) as app:
            send = start_send(app, plan_send(app, "tide", ["readers"]))
            app.ledger.sends.resume(send.id, carried=True)
            who = signed_in(SimpleNamespace(app=app, ledger=app.ledger))
        process = serving(programs, tmp_path, port)
        context = browser_of(browser, port, who, **PHONE)
        page = context.new_page()
        wrong = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(f"/desk/sends/{send.id}")
        page.evaluate("window.same = true")
        until(lambda: number(page, "accepted") > 10)
        process.kill()
        page.get_by_text("No connection to the desk.").wait_for()
        assert faults(page) == []
        process = serving(programs, tmp_path, port)
        page.get_by_text("No connection to the desk.").wait_for(state="hidden")
        back = number(page, "accepted")
        until(lambda: number(page, "accepted") > back)
        assert page.evaluate("window.same"), "the page was loaded again"
        page.get_by_role("button", name="Pause").press("Enter")
        page.get_by_text("Paused by Mara Lindqvist.").wait_for()
        page.get_by_role("button", name="Resume").press("Enter")
        page.get_by_text("Sending.", exact=True).wait_for()
        judge.delay = 0.0
        page.get_by_text("Finished").wait_for()
        assert faults(page) == []
        with App.open(tmp_path) as app:
            summary = app.ledger.sends.summary(send.id)
        assert summary.send.state is SendState.FINISHED
        uncertain = summary.count(DeliveryState.UNCERTAIN)
        assert (summary.frozen, summary.count(DeliveryState.ACCEPTED) + uncertain) == (READERS, READERS)
        until(lambda: number(page, "accepted") == READERS - uncertain)
        assert set(judge.accepted.values()) == {1}
        while (left := page.get_by_role("button", name="Count as sent: ")).count():
            before = left.count()
            left.first.press("Enter")
            until(lambda before=before: page.get_by_role("button", name="Count as sent: ").count() < before)
        until(lambda: number(page, "accepted") == READERS)
        page.get_by_role("link", name="Report").press("Enter")
        page.get_by_role("heading", name="By outcome").wait_for()
        page.get_by_role("searchbox").fill("reader7@")
        page.get_by_role("searchbox").press("Enter")
        page.get_by_role("link", name="reader7@example.com").press("Enter")
        page.get_by_text("State: accepted").wait_for()
        assert wrong == []
        context.close()
        process.kill()


def carry_in_thread(*arguments):
    with ThreadPoolExecutor(1) as pool:  # playwright has this thread's loop
        pool.submit(carry, *arguments).result()


def test_no_page_of_a_send_is_wider_than_a_phone_or_has_a_fault_that_axe_finds(browser, tmp_path):
    port = free_port()
    with site_in(tmp_path, base_url=f"http://127.0.0.1:{port}") as site, serving_site(site, port):
        before = site.send(site.named("a", "The letter before"), *addresses(3))
        carry_in_thread(site, before, "accepted", "accepted", "failed")
        long = addresses(9, f"{'long-' * 10}domain.example")
        send = site.send(site.named("b", "A-very-long-title-without-a-space-" * 4), *long)
        carry_in_thread(site, send, "accepted", "failed", "deferred", "uncertain", "uncertain")
        number, who = next(site.ledger.report.rows(send.id)).delivery_id, signed_in(site)
        path = f"/desk/sends/{send.id}"
        recipients = [f"{path}/report/recipients{more}" for more in ("", "?state=failed", "?q=nobody", f"/{number}")]
        context = browser_of(browser, port, who, **PHONE)
        page = context.new_page()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            for each in (path, f"{path}/report", *recipients):
                page.goto(each)
                for summary in page.locator("details.as-table summary").all():
                    summary.press("Enter")
                assert page.evaluate("document.documentElement.scrollWidth") <= 375, each
                assert faults(page) == [], (each, scheme)
        page.goto(path)
        page.get_by_role("button", name="Cancel").press("Enter")
        page.get_by_role("heading", name="Cancel this send?").wait_for()
        assert faults(page) == []
        context.close()
