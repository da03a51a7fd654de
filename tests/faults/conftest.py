"""Sends under fire, on each database."""

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
    """Makes a Siege on the database at an URL, its judge at work; `judge` are the options of Judge."""
    with ExitStack() as stack:

        def make(database_url: str, *, readers: int, judge: dict[str, Any] | None = None, **options: Any) -> Siege:
            made = Judge(tmp_path / "accepted.jsonl", **(judge or {}))
            stack.callback(made.close)
            stack.enter_context(served(made))
            return Siege(tmp_path, database_url, programs, made, readers=readers, port=made.port, **options)

        yield make


@pytest.fixture
def besiege(besiege_at: Callable[..., Siege], database_url: str) -> Callable[..., Siege]:
    """The same on each of the databases."""
    return partial(besiege_at, database_url)


@pytest.fixture
def full(request: pytest.FixtureRequest) -> bool:
    """Whether this is `make torture`, not the reduction of it that `make test` runs."""
    return bool(request.config.getoption("--torture"))


@pytest.fixture
def told(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Tells the table of docs/reliability.md what was done: `told(runs=200, seed=1, uncertain=31)`."""

    def tell(**what: object) -> None:
        for name, value in what.items():
            record_property(name, value)

    return tell


@pytest.fixture
def chance(told: Callable[..., None]) -> random.Random:
    seed = 1
    told(seed=seed)
    return random.Random(seed)
