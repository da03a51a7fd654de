"""A send that workers on several machines share, on PostgreSQL, under faults: judged by the journal of the server."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.cluster import Cluster
from tests.support.programs import Programs
from tests.support.siege import SEND, Siege

POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
Make = Callable[..., tuple[Siege, Cluster]]


@pytest.fixture
def in_cluster(besiege: Callable[..., Siege], programs: Programs, tmp_path: Path) -> Iterator[Make]:
    """Makes a siege and its cluster."""
    made: list[Cluster] = []

    def make(**options: object) -> tuple[Siege, Cluster]:
        siege = besiege(**options)
        made.append(Cluster(siege, programs, tmp_path))
        siege.run("status")  # a workspace has checked the database
        return siege, made[-1]

    yield make
    for cluster in made:
        cluster.__exit__(None, None, None)


@POSTGRESQL
def test_a_send_is_handed_to_workers_that_share_it(in_cluster: Make) -> None:
    siege, cluster = in_cluster(readers=200, SHARD_SIZE="20", RETRY="1", judge={"delay": 0.01, "greylist_share": 0.1})
    workers = [cluster.start(f"machine-{n}") for n in range(2)]
    ran = siege.run(*SEND)
    assert ran.code == 0, ran.err
    siege.prove()
    for worker in workers:
        assert worker.said(r"send 1, shard \d+: done")
