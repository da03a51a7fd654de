"""A send from several processes, against the judge: nobody twice, nobody lost, whichever of them ends how."""

import os
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mailer.delivery.catcher import read_journal
from mailer.delivery.state import DeliveryState as S
from mailer.delivery.state import SendState
from mailer.service import crew
from mailer.service.newsroom import Newsroom
from tests.support.commands import Commands, until
from tests.support.judge import PATIENCE
from tests.support.siege import LANES, RESUME, SEND, Siege
from tests.support.workers import is_there, workers_of
from tests.support.workspaces import KEY

TWO = ("--workers", "2")
READERS = 300
AMID = 200  # events that the server has seen: some forty messages

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at processes in /proc")
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def keeps_to_itself(pid: int) -> bool:
    """Whether a worker shows no secret and has no database open."""
    shown = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
    opened = [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink()]
    return KEY.encode() not in shown and not [name for name in opened if "mailer.db" in name or ".mailer" in name]


@pytest.mark.parametrize(("database_url", "workers"), [("sqlite", 4), ("postgresql", 2)], indirect=["database_url"])
def test_each_of_many_readers_gets_exactly_one_from_workers_that_show_no_secret(
    besiege: Callable[..., Siege], workers: int
) -> None:
    siege = besiege(readers=600, judge={"MAIL": (["250 ok"] * 40 + ["421 4.3.2 enough"]) * 10})
    process = siege.start(*SEND, "--workers", str(workers))
    with siege.judge.holding(AMID):
        staff = workers_of(process.pid)
        assert len(staff) == workers
        assert all(map(keeps_to_itself, staff))
    ran = process.wait()
    assert ran.code == 0, ran.err
    assert siege.prove().count(S.ACCEPTED) == 600


def test_a_worker_that_is_killed_is_replaced_and_the_send_goes_on(besiege: Callable[..., Siege]) -> None:
    siege = besiege(readers=READERS)
    process = siege.start(*SEND, *TWO)
    with siege.judge.holding(AMID):
        victim, other = workers_of(process.pid)
        os.kill(victim, signal.SIGKILL)
        until(lambda: len(now := workers_of(process.pid)) == 2 and victim not in now and other in now, PATIENCE)
    ran = process.wait()
    proof = siege.prove(uncertain_at_most=LANES)
    assert ran.code == (3 if proof.count(S.UNCERTAIN) else 0), ran.err


def test_a_killed_owner_takes_its_workers_along_and_nobody_is_doubled(besiege: Callable[..., Siege]) -> None:
    siege = besiege(readers=READERS)
    process = siege.start(*SEND, *TWO)
    with siege.judge.holding(AMID):
        workers = workers_of(process.pid)
        assert len(workers) == 2
        process.kill()
        until(lambda: not any(map(is_there, workers)))  # long before one that is not heard of is given up
    process.wait()
    siege.until_free()
    ran = siege.run(*RESUME, *TWO)
    assert ran.json()["state"] == "finished", ran.err
    siege.prove(uncertain_at_most=LANES)


@SQLITE
def test_a_worker_that_hangs_is_ended_and_replaced(
    besiege: Callable[..., Siege], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for_ever, two_seconds = 100_000, 20  # beats; one that only just starts is not to be taken for one that hangs
    monkeypatch.setattr(crew, "BEAT", 0.1)
    monkeypatch.setattr(crew, "SILENCE", for_ever)
    siege = besiege(readers=READERS)

    def stop_one() -> None:
        with siege.judge.holding(AMID):
            victim = workers_of(os.getpid())[0]
            os.kill(victim, signal.SIGSTOP)
            monkeypatch.setattr(crew, "SILENCE", two_seconds)
            until(lambda: not is_there(victim), PATIENCE)
            monkeypatch.setattr(crew, "SILENCE", for_ever)

    with ThreadPoolExecutor(1) as pool:
        stopping = pool.submit(stop_one)
        sent = Commands(siege.folder, capsys).json(*SEND[:-1], *TWO)
        stopping.result()
    assert sent["state"] == "finished"
    siege.prove(uncertain_at_most=LANES)


@SQLITE
def test_sigterm_lets_what_is_under_way_end(besiege: Callable[..., Siege]) -> None:
    siege = besiege(readers=READERS)
    process = siege.start(*SEND, *TWO)
    with siege.judge.holding(AMID):
        workers = workers_of(process.pid)
        for pid in (*workers, process.pid):  # as a service manager does, to all of a unit
            os.kill(pid, signal.SIGTERM)
    ran = process.wait()
    assert ran.code == 4, ran.err
    assert siege.prove(state=SendState.PAUSED).count(S.ACCEPTED) == siege.judge.accepted.total() < READERS
    assert not any(map(is_there, workers))
    assert siege.run(*RESUME, *TWO).code == 0
    siege.prove()


@SQLITE
def test_a_pause_from_elsewhere_stops_all_of_them(besiege: Callable[..., Siege]) -> None:
    siege = besiege(readers=READERS)
    process = siege.start(*SEND, *TWO)
    with siege.judge.holding(AMID):
        with Newsroom.open(siege.folder) as newsroom:
            newsroom.ledger.sends.pause(1)
        at_pause = siege.judge.accepted.total()
    ran = process.wait()
    assert ran.code == 4, ran.err
    siege.prove(state=SendState.PAUSED)
    assert siege.judge.accepted.total() <= at_pause + LANES


@SQLITE
def test_who_leaves_during_the_send_gets_nothing_more(besiege: Callable[..., Siege]) -> None:
    siege = besiege(readers=READERS)
    process = siege.start(*SEND, *TWO)
    late = siege.everybody[-1]
    with siege.judge.holding(AMID):
        with Newsroom.open(siege.folder) as newsroom:
            newsroom.ledger.suppressions.unsubscribe(late, source="a test")
        assert late not in siege.judge.accepted
    ran = process.wait()
    assert ran.code == 0, ran.err
    proof = siege.prove()
    assert (proof.count(S.ACCEPTED), proof.count(S.SKIPPED)) == (READERS - 1, 1)
    assert late not in proof.accepted


@SQLITE
def test_the_rate_holds_over_all_workers(besiege: Callable[..., Siege]) -> None:
    rate, workers = 40, 4
    readers = rate * workers  # all of them at once, were it each worker's own
    siege = besiege(readers=readers, RATE=str(rate))
    assert siege.run(*SEND, "--workers", str(workers)).code == 0
    siege.prove()
    times = sorted(line["at"] for line in read_journal(siege.judge.path))
    # a bucket of one second's worth; some more, for what left earlier and was answered late
    assert times[-1] - times[0] > (readers - 2 * rate) / rate


@SQLITE
def test_with_no_worker_left_the_send_pauses_and_says_why(besiege: Callable[..., Siege]) -> None:
    siege = besiege(readers=READERS)
    process = siege.start(*SEND, *TWO)
    killed: set[int] = set()
    while process.poll() is None:
        for pid in set(workers_of(process.pid)) - killed:
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
        time.sleep(0.01)
    ran = process.wait()
    assert ran.code == 4
    assert "the worker processes keep ending (the last one by SIGKILL" in ran.err
    assert len(killed) == 2 * 4
    siege.prove(state=SendState.PAUSED)


@SQLITE
def test_a_short_list_needs_no_workers(besiege: Callable[..., Siege]) -> None:
    siege = besiege(readers=60, WORKERS="4")
    process = siege.start(*SEND)
    with siege.judge.holding(50):
        assert workers_of(process.pid) == []
    assert process.wait().code == 0
    siege.prove()
