"""Fixtures of the tests in Chromium: a browser and a page for editions in each module, and a port for each test's server."""

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
    """A page that shows one edition after the other. Nothing is loaded from other sites."""
    page = browser.new_page()
    page.route("https://**", lambda route: route.abort())
    yield page
    page.close()


@pytest.fixture
def port() -> int:
    return free_port()
