"""Signing up in Chromium without JavaScript: by keyboard, on small screens, right to left, in both schemes."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import html5lib
import pytest

from mailer.link_tokens import MailedLink
from mailer.web.server import free_port
from tests.browser.test_pages import tab
from tests.browser.test_public_pages import stops
from tests.support.chromium import served, violations
from tests.support.site import site_in

pytestmark = pytest.mark.chromium
ANA = "ana@example.org"
EXAMINED = {"de": "dark", "he": "light", "ar": "dark"}  # long words, and both schemes of a language from right to left


def open_door(folder, language=""):
    lists = folder / "subscribers"
    lists.mkdir(exist_ok=True)
    for name, title in (("harbour", "The Harbour and Eastern Coastline Letter"), ("tides", "Tide tables")):
        (lists / f"{name}.csv").write_text("email\n", encoding="utf-8")
        (lists / f"{name}.toml").write_text(
            f'title = "{title}"\ndescription = "Every other Monday, what the sea brought."\npublic = true\n'
            f'own_fields = ["first_name"]\nlanguage = "{language}"\n',
            encoding="utf-8",
        )


@contextmanager
def site_at(folder, port, language=""):
    open_door(folder, language)
    settings = {"base_url": f"http://127.0.0.1:{port}", **({"language": language} if language else {})}
    with site_in(folder, **settings) as site, served(site, port):
        yield site


def confirm_link(site):
    return f"/confirm/{site.mailed(site.ledger.transactional.of(ANA)[-1], MailedLink.SIGNUP)}"


def test_a_reader_signs_up_for_two_lists_by_keyboard_and_confirms_both(browser, tmp_path):
    port = free_port()
    with site_at(tmp_path, port) as site, tab(browser) as (page, wrong):
        for name in ("harbour", "tides"):
            page.goto(f"http://127.0.0.1:{port}/subscribe/{name}")
            site.clock.forward(5)
            for _ in range(4):  # name, sign-up, archive, the address
                page.keyboard.press("Tab")
            page.keyboard.type(ANA)
            page.keyboard.press("Tab")  # what nobody sees is left out
            page.keyboard.type("Ana")
            page.keyboard.press("Enter")
            page.wait_for_selector("text=Check your inbox")
        page.goto(f"http://127.0.0.1:{port}{confirm_link(site)}")
        assert page.get_by_role("checkbox").count() == 2
        assert page.locator("input[type=text]").first.input_value() == "Ana"
        assert site.ledger.members.of(ANA) == ()
        page.get_by_role("button", name="Yes, sign me up").focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("text=You are subscribed")
        assert [each.list for each in site.ledger.members.of(ANA)] == ["harbour", "tides"]
        assert wrong == []


def test_a_form_on_another_site_works_without_a_script(browser, tmp_path):
    port = free_port()
    with site_at(tmp_path, port) as site, tab(browser) as (page, _wrong):
        page.goto(f"http://127.0.0.1:{port}/subscribe/harbour?embed=1")
        snippet = html5lib.parse(page.content(), namespaceHTMLElements=False).find(".//code").text
        with elsewhere(f"<!DOCTYPE html><title>Another site</title>{snippet}") as address:
            page.goto(address)
            page.get_by_label("Your e-mail address").fill(ANA)
            page.get_by_role("button", name="Sign up").click()
            page.wait_for_selector("text=Please press the button again")
            assert page.url == f"http://127.0.0.1:{port}/subscribe/harbour"
            assert page.get_by_label("Your e-mail address").input_value() == ANA
            site.clock.forward(5)
            page.get_by_role("button", name="Sign up").click()
            page.wait_for_selector("text=Check your inbox")
        assert len(site.ledger.transactional.of(ANA)) == 1


@contextmanager
def elsewhere(content):
    """Serves `content` from another origin, and yields its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(content.encode())

        def log_message(self, *_args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://localhost:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("language", "scheme"), EXAMINED.items())
def test_every_page_is_readable_small_and_by_screen_readers(browser, tmp_path, language, scheme):
    port = free_port()
    with site_at(tmp_path, port, language) as site:
        from mailer.addresses import parse_address
        from mailer.service.subscribers.signup import SignupForm, public_list, request_signup

        for name in ("harbour", "tides"):
            request_signup(site.app, public_list(site.app, name), parse_address(ANA), {}, form=SignupForm.PAGE, ip="")
        context = browser.new_context(viewport={"width": 320, "height": 640}, color_scheme=scheme, bypass_csp=True)
        page = context.new_page()

        def check(what):
            assert page.evaluate("document.documentElement.scrollWidth") <= 320, what
            assert page.evaluate("document.documentElement.dir") == ("rtl" if language in {"he", "ar"} else "ltr")
            assert violations(page) == [], what

        for what, path in {
            "form": "/subscribe/harbour",
            "embed": "/subscribe/harbour?embed=1",
            "confirm": confirm_link(site),
            "link": "/preferences",
        }.items():
            page.goto(f"http://127.0.0.1:{port}{path}")
            found = stops(page)
            reachable = page.locator(
                "a[href], button, textarea, [tabindex='0'], input:not([tabindex='-1'], [type=hidden])"
            )
            assert len(found) == reachable.count(), (what, found)
            assert all(seen and there for _, _, seen, there in found), found
            check(what)
        page.goto(f"http://127.0.0.1:{port}/subscribe/harbour")
        page.locator("#email").fill("ana@b@c")
        page.evaluate("document.forms[0].noValidate = true")
        page.locator("main button").click()
        page.wait_for_selector("[aria-invalid]")
        check("wrong")
        page.goto(f"http://127.0.0.1:{port}{confirm_link(site)}")
        page.locator("input[type=checkbox]").last.uncheck()
        page.locator("main button").click()
        page.wait_for_load_state()
        check("confirmed")
        site.clock.forward(80 * 3600)
        page.goto(f"http://127.0.0.1:{port}{confirm_link(site)}")
        check("expired")
        context.close()
