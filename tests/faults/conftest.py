"""Sends under faults, on each database."""

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import served
from tests.support.judge import Judge
from tests.support.programs import Programs
from tests.support.siege import Siege


@pytest.fixture
def besiege_at(tmp_path: Path, programs: Programs) -> Iterator[Callable[..., Siege]]:
    """Makes a Siege on the database at a URL, with a running judge; `judge` are the options of Judge."""
    with ExitStack() as stack:

        def make(database_url: str, *, readers: int, judge: dict[str, Any] | None = None, **options: Any) -> Siege:
            made = Judge(tmp_path / "accepted.jsonl", **(judge or {}))
            stack.callback(made.close)
            stack.enter_context(served(made))
            return Siege(tmp_path, database_url, programs, made, readers=readers, port=made.port, **options)

        yield make


@pytest.fixture
def besiege(besiege_at: Callable[..., Siege], database_url: str) -> Callable[..., Siege]:
    """Makes a Siege on each of the databases."""
    return partial(besiege_at, database_url)


@pytest.fixture
def full(request: pytest.FixtureRequest) -> bool:
    """Whether this is `make torture`; `make test` runs a reduction of it."""
    return bool(request.config.getoption("--torture"))


@pytest.fixture
def record(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Records what was done for the table of docs/reliability.md: `record(runs=200, seed=1, uncertain=31)`."""

    def add(**what: object) -> None:
        for name, value in what.items():
            record_property(name, value)

    return add


@pytest.fixture
def chance(record: Callable[..., None]) -> random.Random:
    seed = 1
    record(seed=seed)
    return random.Random(seed)
