"""What tests in Chromium share: a browser for each module, and a port for each test's server."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from mailer.web.server import free_port
from tests.support.chromium import launched


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with launched() as chromium:
        yield chromium


@pytest.fixture
def port() -> int:
    return free_port()
