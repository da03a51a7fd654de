"""The disk or the database fails during a send: no message is sent that is not recorded, and the send can be resumed."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from mailer.delivery.states import DeliveryState as S
from tests.support.patience import PATIENCE, until
from tests.support.postgres import Server, server
from tests.support.siege import CONNECTIONS, RESUME, SEND, Siege

ROOT = Path(__file__).resolve().parents[2]
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def run_traced(folder: Path, path: Path, injection: str) -> "subprocess.CompletedProcess[str]":
    """Runs a send in `folder` under strace, which makes calls on the file `path` fail."""
    command = ["strace", "-f", "-qq", "-o", str(folder / "trace"), "-P", str(path), "-e", f"inject={injection}",
               sys.executable, "-m", "tests.support.faulty", "{}", "--workspace", str(folder), *SEND]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE, cwd=ROOT, env=environment, check=False
    )
    if "ptrace" in done.stderr and "not permitted" in done.stderr:
        if os.environ.get("CI"):
            pytest.fail("strace may not trace here", pytrace=False)
        pytest.skip("strace may not trace here")
    return done


@pytest.mark.strace
@SQLITE
@pytest.mark.parametrize(
    ("injection", "said"),
    [
        ("pwrite64:error=ENOSPC:when={write}+", "is full"),
        ("fdatasync:error=EIO:when={sync}+", "The disk failed the ledger"),
    ],
    ids=["disk full", "EIO on fsync"],
)
@pytest.mark.parametrize("early", [False, True], ids=["amid", "soon"])
def test_a_disk_that_fails_stops_the_send_before_the_next_end_of_data(
    besiege: Callable[..., Siege], tmp_path: Path, injection: str, said: str, early: bool, record: Callable[..., None]
) -> None:
    siege = besiege(readers=400, judge={"delay": 0.003})
    when = {"write": 300, "sync": 12} if early else {"write": 500, "sync": 50}
    ran = run_traced(tmp_path, tmp_path / "mailer.db-wal", injection.format(**when))
    assert ran.returncode == 4, ran.stderr
    assert said in ran.stderr
    assert "mailer resume" in ran.stderr
    left_unwritten = sum(siege.judge.accepted.values()) - siege.counts().get(S.ACCEPTED, 0)
    assert 0 < sum(siege.judge.accepted.values()) < 400
    assert left_unwritten <= CONNECTIONS
    siege.prove_sound()
    siege.finish()
    proof = siege.prove(uncertain_at_most=CONNECTIONS)
    record(uncertain=proof.count(S.UNCERTAIN))


@contextmanager
def locked(url: str, folder: Path) -> Iterator[None]:
    """Another program holds the write lock, in a transaction that it does not end."""
    if url.startswith("sqlite"):
        other = sqlite3.connect(folder / "mailer.db", isolation_level=None, check_same_thread=False)
        until(lambda: _begin(other))
        try:
            yield
        finally:
            other.execute("ROLLBACK")
            other.close()
    else:
        with psycopg.connect(url) as conn:
            conn.execute("UPDATE send_shard SET host = host")
            yield
            conn.rollback()


def _begin(conn: sqlite3.Connection) -> bool:
    try:
        conn.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return False
    return True


def test_a_database_that_stays_locked_stops_the_send_and_nothing_is_sent_meanwhile(
    besiege: Callable[..., Siege], database_url: str, tmp_path: Path, full: bool, record: Callable[..., None]
) -> None:
    faults = {"lease": 600, **({} if full else {"busy": 0.8})}
    siege = besiege(readers=400, judge={"delay": 0.01})
    process = siege.start(*SEND, faults=faults)
    with ExitStack() as stack:
        with siege.judge.holding(300):
            stack.enter_context(locked(database_url, tmp_path))
        ran = process.wait(900)  # some waits for a lock of 60 s, one after another
        accepted = sum(siege.judge.accepted.values())
        assert accepted < 400
        assert accepted - siege.counts().get(S.ACCEPTED, 0) <= CONNECTIONS
    assert ran.code == 4, ran.err
    assert "locked by another program" in ran.err or "holding the database" in ran.err
    siege.expire_lease()
    siege.finish()
    record(uncertain=siege.prove(uncertain_at_most=CONNECTIONS).count(S.UNCERTAIN))


def test_a_database_that_is_locked_for_a_moment_only_delays(
    besiege: Callable[..., Siege], database_url: str, tmp_path: Path
) -> None:
    siege = besiege(readers=200, judge={"delay": 0.005})
    process = siege.start(*SEND, faults={"lease": 30})
    with ExitStack() as stack:
        with siege.judge.holding(200):
            stack.enter_context(locked(database_url, tmp_path))
        until(lambda: not siege.judge.under_way)
        before = sum(siege.judge.accepted.values())
    ran = process.wait()
    assert ran.code == 0, ran.err
    assert before < 200
    siege.prove()


@POSTGRESQL
def test_backends_that_are_killed_stop_the_send_and_it_goes_on(
    besiege: Callable[..., Siege], postgres: Server, full: bool, record: Callable[..., None]
) -> None:
    kills = 20 if full else 2
    siege = besiege(readers=kills * 100, judge={"delay": 0.003})
    arguments = SEND
    for _ in range(kills):
        process = siege.start(*arguments, faults={"lease": 600})  # no renewal comes first
        with siege.judge.holding(150):
            postgres.kill_backends()
        ran = process.wait()
        assert ran.code == 4, ran.err
        assert "mailer resume" in ran.err
        siege.expire_lease()
        arguments = RESUME
    siege.finish()
    record(runs=kills, uncertain=siege.prove(uncertain_at_most=kills * CONNECTIONS).count(S.UNCERTAIN))


@pytest.fixture(scope="module")
def mortal() -> Iterator[Server]:
    """A server for tests that stop it."""
    with server() as running:
        yield running


@pytest.fixture
def mortal_url(mortal: Server) -> Iterator[str]:
    with mortal.database() as url:
        yield url


def test_a_server_that_is_restarted_stops_the_send_and_it_goes_on(
    besiege_at: Callable[..., Siege], mortal: Server, mortal_url: str, full: bool, record: Callable[..., None]
) -> None:
    restarts = 10 if full else 1
    siege = besiege_at(mortal_url, readers=restarts * 100, judge={"delay": 0.003})
    arguments = SEND
    for _ in range(restarts):
        process = siege.start(*arguments)
        with siege.judge.holding(150):
            mortal.stop()
        ran = process.wait()
        mortal.start()
        assert ran.code == 4, ran.err
        assert "cannot be reached" in ran.err
        siege.until_free()
        arguments = RESUME
    siege.finish()
    record(runs=restarts, uncertain=siege.prove(uncertain_at_most=restarts * CONNECTIONS).count(S.UNCERTAIN))
