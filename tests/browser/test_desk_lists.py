"""The admin's upload and undo in Chromium: on a phone, by keyboard only; a search that goes on by itself; and axe."""

from contextlib import suppress

import pytest
from playwright.sync_api import Error

from mailer.ledger.subscribers import member_search
from mailer.service.lists.sync import sync_list
from tests.support.chromium import faults, served
from tests.support.deskpages import browser_of, signed_in
from tests.support.site import site_in
from tests.support.workspaces import make_workspace

pytestmark = pytest.mark.chromium
PHONE = {"viewport": {"width": 375, "height": 720}, "has_touch": True}
ROWS = [f"r{number:03}@example.com,R{number},{'Pune' if number % 9 else 'Århus'}" for number in range(80)]
FAIR = "E-Mail;Vorname;city\nr001@example.com;Rita;\nnew@example.net;Nia;Lima\nana@@example.com;;\ngone@example.org;;\n"


@pytest.fixture
def site(tmp_path, port):
    make_workspace(tmp_path, rows=ROWS)
    with site_in(tmp_path, base_url=f"http://127.0.0.1:{port}") as made, served(made, port):
        sync_list(made.app, "readers")
        made.ledger.suppressions.unsubscribe("gone@example.org", source="page")
        yield made


@pytest.fixture
def page(browser, site, port):
    context = browser_of(browser, port, signed_in(site, "admin"), **PHONE)
    one, wrong = context.new_page(), []
    one.on("pageerror", lambda error: wrong.append(str(error)))
    one.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    yield one
    context.close()
    assert wrong == []


def press(page, role, name):
    """Go there by Tab, and press Enter."""
    wanted = page.get_by_role(role, name=name, exact=True).first
    wanted.wait_for()
    for _ in range(60):
        page.keyboard.press("Tab")
        if wanted.evaluate("each => each === document.activeElement"):
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"Tab does not lead to {name}")


def chooser_of(control):
    """What Space opens; a key that comes before a page was painted for the first time is nobody's."""
    for _ in range(20):
        with suppress(Error), control.page.expect_file_chooser(timeout=10_000) as chooser:
            control.press("Space")
            return chooser.value
    raise AssertionError("no file chooser opens")


def well(page):
    assert page.evaluate("document.documentElement.scrollWidth") <= 375, page.url
    assert faults(page) == [], page.url


def test_an_admin_uploads_reads_applies_and_undoes_by_keyboard_on_a_phone(page, site, tmp_path):
    file = site.app.workspace.subscribers / "readers.csv"
    before = file.read_bytes()
    fair = tmp_path / "autumn-fair.csv"
    fair.write_text(FAIR, encoding="utf-8")
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto("/desk/lists")
    press(page, "link", "readers")
    press(page, "link", "Import a file")
    page.wait_for_url("**/upload")
    well(page)
    chooser_of(page.get_by_label("File", exact=True)).set_files(fair)
    press(page, "button", "Review import")
    page.wait_for_url("**/upload/*")
    well(page)
    page.get_by_text("autumn-fair.csv, 4 rows, semicolons, UTF-8. Nothing has changed yet.").wait_for()
    page.get_by_text("“ana@@example.com” is not an e-mail address (two @)").wait_for()
    page.get_by_role("heading", name="Added", exact=True).wait_for()
    assert file.read_bytes() == before
    press(page, "button", "Import into readers")
    page.wait_for_url("**/lists/readers/imports")
    page.get_by_role("status").get_by_text("Imported: 1 added, 1 added without getting mail, 1 changed.").wait_for()
    assert b"new@example.net,Nia,Lima" in file.read_bytes()
    well(page)
    press(page, "link", "History")
    press(page, "link", "Undo the last change…")
    page.wait_for_url("**/history/1")
    well(page)
    press(page, "button", "Restore version 1 and remove 2 readers")
    page.get_by_text("Version 1 of readers is restored").wait_for()
    assert file.read_bytes() == before


def test_a_search_goes_on_by_itself_and_no_page_has_a_fault(page, site, monkeypatch):
    monkeypatch.setattr(member_search, "WINDOW", 10)
    page.goto("/desk/lists/readers/members")
    well(page)
    page.get_by_label("Search readers").fill("århus")
    page.keyboard.press("Enter")
    page.get_by_text("r072@example.com").wait_for()
    page.get_by_text("No more matches.").wait_for()
    assert page.locator("td a[href*='lists:reader?s=']").count() == 9
    paths = [
        "/desk/lists",
        "/desk/lists/readers",
        "/desk/lists/readers/settings",
        "/desk/lists/readers/sync",
        "/desk/lists:suppressions",
        "/desk/lists:reader?email=r001@example.com",
        "/desk/lists:reader/erase?email=r001@example.com",
    ]
    for path in paths:
        page.goto(path)
        well(page)
