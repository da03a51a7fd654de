"""What tests in Chromium share: one browser, a page for messages in each module, and a port for each test's server."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from mailer.web.server import free_port
from tests.support.chromium import Chromium, launched


@pytest.fixture(scope="package")
def browser() -> Iterator[Chromium]:
    """Debian's Chromium, until the last test of this folder: playwright keeps an event loop in the main thread."""
    with launched() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def sheet(browser: Chromium) -> Iterator[Page]:
    """A page for letters, one after the other; what lies elsewhere is not there."""
    page = browser.new_page()
    page.route("https://**", lambda route: route.abort())
    yield page
    page.close()


@pytest.fixture
def port() -> int:
    return free_port()
