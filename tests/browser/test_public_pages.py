"""Every public page in Chromium: axe, small screens, keyboard, both schemes, strict policies, in each language."""

from itertools import pairwise
from urllib.parse import urlsplit

import pytest

from mailer.service.archive.export import export_archive
from tests.browser.test_pages import tab
from tests.support.chromium import served, violations
from tests.support.site import site_in

pytestmark = pytest.mark.chromium
BODY = {
    "he": "שלום לכולם, המועצה הצביעה אתמול בעד פתיחת הרציף.",
    "ar": "مرحبا بالجميع، صوّت المجلس أمس لصالح فتح الرصيف.",
}

ONE_OF_EACH_DIRECTION = pytest.mark.parametrize("site", ["en", "ar"], indirect=True)


@pytest.fixture(params=["de", "fr", "ar"])
def site(request, tmp_path, port):
    """A site in each language, with three issues, one of them corrected."""
    language = request.param
    with site_in(tmp_path, language=language, base_url=f"http://127.0.0.1:{port}") as made, served(made, port):
        body = BODY.get(language, "The board has voted: Donaudampfschifffahrtsgesellschaft.")
        made.begin(made.send(made.named("earlier", title="Earlier")))
        made.clock.forward(60)
        made.last = made.send(made.letter(body, language=language))
        made.begin(made.last)
        made.clock.forward(60)
        made.begin(made.send(made.named("later", title="Later")))
        made.correct(made.letter(body + " 9 : 2.", language=language))
        yield made


def addresses(site):
    """Returns the path of every page that a GET shows."""
    shown = site.ledger.editions.archived("a-letter")
    return [
        "/",
        "/archive/",
        "/archive/a-letter",
        f"/archive/a-letter/{shown.sent[0][:16]}",
        "/archive/none",
        f"/u/{site.token(site.last)}",
        f"/u/{'a' * 26}",
        "/nothing",
    ]


@pytest.mark.parametrize(
    ("site", "scheme"), [("en", "light"), ("de", "dark"), ("he", "light"), ("ar", "dark")], indirect=["site"]
)
def test_axe_finds_nothing(browser, site, port, scheme):
    context = browser.new_context(color_scheme=scheme, reduced_motion="reduce", bypass_csp=True)
    page = context.new_page()
    for path in addresses(site):
        page.goto(f"http://127.0.0.1:{port}{path}")
        assert violations(page) == [], path
    page.goto(f"http://127.0.0.1:{port}/u/{site.token(site.last)}")
    page.locator("button").click()
    page.wait_for_selector("input[name=undo]", state="attached")
    assert violations(page) == []
    page.locator("form.undo button").click()
    page.wait_for_load_state()
    assert violations(page) == []
    context.close()


def test_pages_fit_small_screens_and_load_nothing_from_other_sites(browser, site, port):
    with tab(browser, viewport={"width": 320, "height": 640}) as (page, wrong):
        asked, headers = set(), {}
        page.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
        page.on("response", lambda response: headers.update({response.url: response.headers}))
        for path in addresses(site):
            page.goto(f"http://127.0.0.1:{port}{path}")
            assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
            assert page.evaluate("document.documentElement.dir") in {"ltr", "rtl"}
        assert asked == {f"127.0.0.1:{port}"}
        assert all(each["referrer-policy"] == "no-referrer" for each in headers.values())
        assert not any("unsafe" in each["content-security-policy"] for each in headers.values())
        missing = [f"http://127.0.0.1:{port}{path}" for path in ("/archive/none", "/nothing")]
        assert [each for each in wrong if each not in missing and "404" not in each] == []


def stops(page):
    """Returns where the Tab key leads, in order: top edge, and whether the focus ring is visible."""
    found = []
    for _ in range(60):
        page.keyboard.press("Tab")
        stop = page.evaluate(
            """() => { const e = document.activeElement, r = e.getBoundingClientRect(), s = getComputedStyle(e);
            return e === document.body ? null : [e.outerHTML.slice(0, 200), Math.round(r.top + scrollY),
              s.outlineStyle === 'solid' && parseFloat(s.outlineWidth) >= 2, r.height > 0]; }"""
        )
        if stop is None or (found and stop == found[0]):
            break
        found.append(stop)
    return found


@ONE_OF_EACH_DIRECTION
def test_every_control_is_reached_by_keyboard_in_order_with_a_visible_focus(browser, site, port):
    with tab(browser) as (page, _wrong):
        for path in addresses(site):
            page.goto(f"http://127.0.0.1:{port}{path}")
            count = page.locator("a[href]:visible, button:visible, input:visible").count()
            found = stops(page)
            assert len(found) == count, path
            assert all(seen and there for _, _, seen, there in found), found
            tops = [top for _, top, _, _ in found]
            assert all(after >= before - 40 for before, after in pairwise(tops)), found


@ONE_OF_EACH_DIRECTION
def test_the_dark_scheme_is_dark(browser, site, port):
    with tab(browser, color_scheme="dark") as (page, _wrong):
        for path in addresses(site):
            page.goto(f"http://127.0.0.1:{port}{path}")
            colour = page.evaluate(
                """() => { let e = document.querySelector('main'), c;
                do { c = getComputedStyle(e).backgroundColor; e = e.parentElement; }
                while (e && c === 'rgba(0, 0, 0, 0)'); return c; }"""
            )
            assert all(int(each) < 64 for each in colour[4:-1].split(",")), (path, colour)


@pytest.mark.parametrize("site", ["en"], indirect=True)
def test_reduced_motion_is_respected(browser, site, port):
    with tab(browser, reduced_motion="reduce") as (page, _wrong):
        for path in addresses(site):
            page.goto(f"http://127.0.0.1:{port}{path}")
            assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
            moving = (
                "[...document.querySelectorAll('*')].some(e => parseFloat(getComputedStyle(e).transitionDuration) > 0)"
            )
            assert page.evaluate(moving) is False


def test_the_archive_works_from_a_disk(browser, tmp_path):
    (tmp_path / "desk").mkdir()
    with site_in(tmp_path / "desk") as site:
        site.begin(site.send(site.letter("Dear reader.")))
        export_archive(site.app, tmp_path / "out")
    with tab(browser, viewport={"width": 320, "height": 640}) as (page, wrong):
        page.goto((tmp_path / "out" / "index.html").as_uri())
        page.get_by_role("link", name="A letter").click()
        page.wait_for_selector("text=Its text.")
        assert page.evaluate("document.images[0].naturalWidth") == 16
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        assert page.evaluate("getComputedStyle(document.querySelector('.web-end')).maxWidth") == "600px"
        page.get_by_role("navigation").get_by_role("link", name="Archive").click()
        page.wait_for_selector("text=A letter")
        assert wrong == []


def test_axe_reports_a_faulty_page(browser):
    page = browser.new_page()
    page.set_content("<img src='data:,'><p style='color:#999;background:#888'>Hard to read")
    assert {"image-alt", "color-contrast", "html-has-lang"} <= {each.partition(":")[0] for each in violations(page)}
    page.close()
