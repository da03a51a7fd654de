"""What needs a part that is missing skips with its reason on a person's machine, and fails where CI is set.

Tests start the program hundreds of times, so what Python compiled of it is kept, whatever PYTHONDONTWRITEBYTECODE says: without,
each start takes a third longer.
"""

import gc
import os
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.support.ledgers import lay_ledger
from tests.support.postgres import Server, server
from tests.support.programs import Programs
from tests.support.statements import share_compiled_statements

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what is to run in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)

MEMORY, ROOM = Path("/dev/shm"), 4 << 30  # a file system in memory; octets that have to be free there

share_compiled_statements()
settings.register_profile("mailer", deadline=None)  # a slow machine is no defect
settings.load_profile("mailer")

DATABASES = ("sqlite", "postgresql")
NEEDS = {
    "chromium": ("chromium", "Debian's package chromium"),
    "dovecot": ("dovecot", "Debian's package dovecot-imapd"),
    "opendkim": ("opendkim", "Debian's package opendkim"),
    "smtp_sink": ("smtp-sink", "Debian's package postfix"),
    "strace": ("strace", "Debian's package strace"),
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--torture", action="store_true", help="all of the faults in full: `make torture`")


def pytest_configure(config: pytest.Config) -> None:
    """Puts the files of tests into memory where there is room, unless with --torture: no commit waits for a disk."""
    if not config.getoption("--torture") and "TMPDIR" not in os.environ and _has_room(MEMORY):
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None  # the next that asks gets the new one


def _has_room(folder: Path) -> bool:
    """Whether there is room for files, and programs can be run from there."""
    if not os.access(folder, os.W_OK):
        return False
    found = os.statvfs(folder)
    return not found.f_flag & os.ST_NOEXEC and found.f_bavail * found.f_frsize > ROOM


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without --torture, tests marked `thinned` run all their cases on SQLite, and the last one, or `thinned(0)` none, on PostgreSQL."""
    if config.getoption("--torture"):
        return
    kept: list[pytest.Item] = []
    dropped: list[pytest.Item] = []
    seen: Counter[object] = Counter()
    for item in reversed(items):
        function = getattr(item, "function", None)
        marker = item.get_closest_marker("thinned")
        if marker and item.callspec.params["database_url"] == "postgresql":  # type: ignore[attr-defined]
            at_most = marker.args[0] if marker.args else 1
            (dropped if seen[function] >= at_most else kept).append(item)
            seen[function] += 1
        else:
            kept.append(item)
    items[:] = reversed(kept)
    config.hook.pytest_deselected(items=dropped)


def pytest_collection_finish() -> None:
    """Leaves what was imported and collected out of the garbage collection: a tenth of the time of all tests."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, (program, package) in NEEDS.items():
        if item.get_closest_marker(marker) and not shutil.which(
            program, path=f"{os.environ.get('PATH', '')}:/usr/sbin"
        ):
            reason = f"{program} is not installed; it comes with {package}"
            if os.environ.get("CI"):
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)


@pytest.fixture
def visitor(site: Any) -> Iterator[Any]:
    """Somebody at the pages of the test's own `site`."""
    from tests.support.site import visiting

    with visiting(site) as one:
        yield one


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with server() as running:
        yield running


@pytest.fixture(scope="session")
def programs() -> Iterator[Programs]:
    """The program in processes that start at once."""
    with Programs() as running:
        yield running


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        lay_ledger(tmp_path)
        yield "sqlite:///mailer.db"
    else:
        with request.getfixturevalue("postgres").database() as url:
            yield url
