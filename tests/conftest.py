"""What needs a part that is missing skips with its reason on a person's machine, and fails where CI is set."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from mailer.ledger.ledger import open_ledger
from tests.support.postgres import Server, server

settings.register_profile("mailer", deadline=None)  # a slow machine is no defect
settings.load_profile("mailer")

DATABASES = ("sqlite", "postgresql")
NEEDS = {
    "chromium": ("chromium", "Debian's package chromium"),
    "opendkim": ("opendkim", "Debian's package opendkim"),
    "smtp_sink": ("smtp-sink", "Debian's package postfix"),
    "strace": ("strace", "Debian's package strace"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--torture", action="store_true", help="all of the faults in full: `make torture`")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, (program, package) in NEEDS.items():
        if item.get_closest_marker(marker) and not shutil.which(
            program, path=f"{os.environ.get('PATH', '')}:/usr/sbin"
        ):
            reason = f"{program} is not installed; it comes with {package}"
            if os.environ.get("CI"):
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh database, migrated once for all tests."""
    folder = tmp_path_factory.mktemp("ledger")
    open_ledger("sqlite:///mailer.db", folder / ".mailer").close()
    return folder / "mailer.db"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with server() as running:
        yield running


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("empty_sqlite"), tmp_path / "mailer.db")
        yield "sqlite:///mailer.db"
    else:
        with request.getfixturevalue("postgres").database() as url:
            yield url
