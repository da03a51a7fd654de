"""The preferences page in Chromium without JavaScript: by keyboard, on a small screen, right to left, in both schemes."""

import json
import re
from pathlib import Path

import pytest

from mailer.addresses import parse_address
from mailer.link_tokens import MailedLink
from mailer.web.server import free_port
from tests.browser.test_joining import EXAMINED, site_at
from tests.browser.test_pages import tab
from tests.support.chromium import violations
from tests.support.ledger_cases import join
from tests.support.site import ANA

pytestmark = pytest.mark.chromium
IDENTITY = ANA.lower()


def own_link(site):
    for name in ("harbour", "tides"):
        join(site.ledger, name, parse_address(ANA), source="form")
    return site.mailed_page()


def statuses(site):
    return {each.list: each.status.value for each in site.ledger.members.of(IDENTITY)}


def test_a_reader_changes_all_preferences_by_keyboard(browser, tmp_path):
    port = free_port()
    with site_at(tmp_path, port) as site, tab(browser, accept_downloads=True) as (page, wrong):
        own = f"http://127.0.0.1:{port}{own_link(site)}"
        page.goto(own)
        for _ in range(5):  # name, sign-up, archive, the first list, the second
            page.keyboard.press("Tab")
        page.keyboard.press("Space")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=Saved.")
        assert statuses(site) == {"harbour": "subscribed", "tides": "unsubscribed"}
        page.get_by_label("First name").fill("Ána")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=Saved.")
        assert page.get_by_label("First name").input_value() == "Ána"
        page.get_by_label("For how long?").select_option("8")
        page.get_by_role("button", name="Pause my newsletters").focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("text=You get no newsletters until")
        assert statuses(site)["harbour"] == "paused"
        page.get_by_label("Your new address").fill("ana@example.org")
        page.keyboard.press("Enter")
        page.wait_for_selector("text=We send an e-mail to the new address")
        page.get_by_role("button", name="Show my data").click()
        with page.expect_download() as download:
            page.get_by_role("button", name="Download my data").click()
        assert json.loads(Path(download.value.path()).read_text(encoding="utf-8"))["email"] == ANA
        page.get_by_role("link", name="Your preferences").click()
        page.get_by_role("link", name="Erase all my data").click()
        page.get_by_role("button", name="Yes, erase all my data").click()
        page.wait_for_selector("text=Your data has been erased")
        assert site.reason() == "erased"
        assert wrong == [own]  # a download is a navigation that is given up


def test_a_reader_chooses_fewer_newsletters_from_the_unsubscribe_page(browser, tmp_path):
    port = free_port()
    with site_at(tmp_path, port) as site, tab(browser) as (page, wrong):
        own_link(site)
        page.goto(f"http://127.0.0.1:{port}/u/{site.token(site.send())}")
        page.get_by_role("button", name="Yes, unsubscribe from everything").click()
        page.get_by_label("Too many e-mails").check()
        page.get_by_role("button", name="Send answer").click()
        page.wait_for_selector("text=Thank you for your answer")
        page.get_by_role("button", name="Undo and keep me subscribed").click()
        page.get_by_role(
            "link", name="Unsubscribe from some newsletters only, take a break or change your address"
        ).click()
        page.get_by_label("Tide tables").uncheck()
        page.get_by_role("button", name="Save").first.click()
        page.wait_for_selector("text=Saved.")
        assert statuses(site) == {"harbour": "subscribed", "tides": "unsubscribed"}
        assert [each.reason.value for each in site.ledger.leaving_reasons.of(IDENTITY)] == ["too many"]
        assert wrong == []


@pytest.mark.parametrize(
    ("language", "scheme"),
    list(EXAMINED.items()),
)
def test_every_page_is_readable_small_and_by_screen_readers(browser, tmp_path, language, scheme):
    port = free_port()
    with site_at(tmp_path, port, language) as site:
        own = own_link(site)
        join(site.ledger, "donors", parse_address(ANA), source="form")
        long = parse_address("x@" + ".".join(["averylongdomainname" * 3] * 3) + ".example")
        asked_by = site.ledger.transactional.of(IDENTITY)[-1].id
        site.ledger.address_changes.request(asked_by, long)
        [letter] = site.ledger.transactional.of(long.identity)
        context = browser.new_context(viewport={"width": 320, "height": 640}, color_scheme=scheme, bypass_csp=True)
        page = context.new_page()

        def check(what):
            assert page.evaluate("document.documentElement.scrollWidth") <= 320, what
            assert violations(page) == [], what

        leave = f"/u/{site.token(site.send())}"
        page.goto(f"http://127.0.0.1:{port}{leave}")
        from_letter = re.search(r'href="(/preferences/[a-z2-7]+)"', page.content())[1]
        for what, path in {
            "unsubscribe": leave,
            "own": own,
            "erase": f"{own}/erase",
            "from-letter": from_letter,
            "address": f"/address/{site.mailed(letter, MailedLink.ADDRESS)}",
        }.items():
            page.goto(f"http://127.0.0.1:{port}{path}")
            check(what)
        page.goto(f"http://127.0.0.1:{port}{own}")
        page.locator("[aria-labelledby=pause] button").click()
        page.wait_for_selector("[role=status]")
        page.locator("#email").fill("ana@b@c")
        page.evaluate("document.querySelector('[aria-labelledby=address] form').noValidate = true")
        page.locator("[aria-labelledby=address] button").click()
        page.wait_for_selector("[aria-invalid]")
        check("wrong")
        page.goto(f"http://127.0.0.1:{port}{own}")
        page.locator("[aria-labelledby=fields] input[type=text]").first.fill("https://averylong.example/" + "x" * 100)
        page.locator("form:has([aria-labelledby=fields]) button").click()
        page.wait_for_selector("[role=alert]")
        check("refused")
        page.goto(f"http://127.0.0.1:{port}{leave}")
        page.locator("main form button").first.click()
        page.wait_for_selector("input[name=why]")
        check("left")
        page.goto(f"http://127.0.0.1:{port}{from_letter}")
        check("stopped")
        site.ledger.suppressions.undo(IDENTITY, source="x")
        site.ledger.address_changes.confirm(letter.id, source="x")
        notice = site.ledger.transactional.of(IDENTITY)[-1]
        page.goto(f"http://127.0.0.1:{port}/address/{site.mailed(notice, MailedLink.UNDO_MOVE)}")
        check("undo")
        page.locator("main form button").click()
        page.wait_for_selector("main form", state="detached")
        check("undone")
        page.goto(f"http://127.0.0.1:{port}{own}")
        check("expired")
        context.close()
