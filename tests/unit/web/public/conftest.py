"""A public site and a visitor."""

import pytest

from tests.support.site import site_in, visiting


@pytest.fixture
def site(tmp_path):
    with site_in(tmp_path) as made:
        yield made


@pytest.fixture
def visitor(site):
    with visiting(site) as made:
        yield made
