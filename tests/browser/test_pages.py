"""The public pages in a real browser, without JavaScript: by keyboard, on small and large screens, in both schemes."""

from contextlib import contextmanager

import pytest

from tests.support.chromium import served
from tests.support.site import ANA, site_in

pytestmark = pytest.mark.chromium


@pytest.fixture
def site(tmp_path, port):
    with site_in(tmp_path, base_url=f"http://127.0.0.1:{port}") as made, served(made, port):
        yield made


@contextmanager
def tab(browser, **options):
    """Yields a page, and a list of its errors."""
    context = browser.new_context(java_script_enabled=False, **options)
    page = context.new_page()
    wrong = []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("requestfailed", lambda request: wrong.append(request.url))
    page.on("response", lambda response: wrong.append(response.url) if response.status >= 400 else None)
    yield page, wrong
    assert context.cookies() == []
    context.close()


def test_a_reader_unsubscribes_and_undoes_it_by_keyboard(browser, site, port):
    send = site.send()
    with tab(browser) as (page, wrong):
        page.goto(f"http://127.0.0.1:{port}/u/{site.token(send)}")
        assert site.reason() == ""
        page.get_by_role("button", name="Yes, unsubscribe from everything").focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("text=You are unsubscribed")
        assert site.reason() == "unsubscribed"
        for _ in range(3):  # name, archive, the button
            page.keyboard.press("Tab")
        page.keyboard.press("Space")
        page.wait_for_selector("text=You are subscribed again")
        assert site.reason() == ""
        assert wrong == []


def test_prefetching_and_reloading_change_nothing(browser, site, port):
    send = site.send()
    with tab(browser) as (page, _wrong):
        for _ in range(5):
            page.goto(f"http://127.0.0.1:{port}/u/{site.token(send)}")
            page.reload()
    assert site.reason() == ""


def test_an_issue_is_shown_in_the_browser_with_its_styles_and_photo(browser, site, port):
    site.begin(site.send())
    with tab(browser) as (page, wrong):
        page.goto(f"http://127.0.0.1:{port}/")
        page.get_by_role("link", name="Read past issues").click()
        page.get_by_role("link", name="A letter").click()
        page.wait_for_selector("text=Its text.")
        assert page.evaluate("document.images[0].naturalWidth") == 16
        assert page.evaluate("getComputedStyle(document.querySelector('h1')).fontSize") == "34px"
        assert wrong == []
        assert page.get_by_role("link", name="Unsubscribe").count() == 0
        page.get_by_role("link", name="Get a link to your preferences").click()
        page.wait_for_selector("text=Enter your address, and we’ll send you a link.")


def focus_ring(page):
    return page.evaluate("getComputedStyle(document.activeElement).outlineStyle")


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("de", "dark"), ("he", "light")])
def test_no_page_is_wider_than_a_small_phone(browser, tmp_path, port, language, scheme):
    settings = {
        "language": language,
        "publication": "The Harbour and Eastern Coastline Letter",
        "base_url": f"http://127.0.0.1:{port}",
    }
    with site_in(tmp_path, **settings) as site, served(site, port):
        letter = site.letter("A word: Donaudampfschifffahrt.", language=language)
        send = site.send(letter, ANA, "x@" + ".".join(["averylongdomainname" * 3] * 3) + ".example")
        site.begin(send)
        long = site.token(send, "x@" + ".".join(["averylongdomainname" * 3] * 3) + ".example")
        context = browser.new_context(viewport={"width": 320, "height": 640}, color_scheme=scheme)
        page = context.new_page()
        for path in ("/", "/archive/", f"/u/{site.token(send)}", f"/u/{long}", "/u/no", "/archive/a-letter"):
            page.goto(f"http://127.0.0.1:{port}{path}")
            assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
        page.goto(f"http://127.0.0.1:{port}/u/{long}")
        page.locator("button").click()
        page.wait_for_selector("input[name=undo]", state="attached")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        page.keyboard.press("Tab")
        assert focus_ring(page) == "solid"
        context.close()
