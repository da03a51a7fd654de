"""The fuzz targets, each with its seeds and with what raised once, without a fuzzer."""

import pytest

from tests.fuzz.harness import web
from tests.fuzz.targets import TARGETS


@pytest.fixture(scope="module", autouse=True)
def _site():
    yield
    web().close()
    web.cache_clear()


@pytest.mark.parametrize("name", TARGETS)
def test_no_target_raises_for_its_seeds(name):
    for seed in (*TARGETS[name].seeds, *TARGETS[name].raised):
        TARGETS[name].run(seed)
