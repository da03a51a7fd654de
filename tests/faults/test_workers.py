"""A send from several processes, against the judge: nobody twice, nobody lost, whichever of them ends how."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from mailer.delivery.catcher import read_journal
from mailer.service import crew
from mailer.service.newsroom import Newsroom
from tests.support.commands import Commands, until
from tests.support.workers import is_there, workers_of
from tests.support.workspaces import KEY, Ran, mailer, make_workspace, start_mailer

LANES = 8
SEND = ("send", "tide", "--to", "readers", "--yes", "--json")

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at processes in /proc")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The setting that names the database."""
    if request.param == "sqlite":
        yield {}
    else:
        with request.getfixturevalue("postgres").database() as url:
            yield {"DATABASE_URL": url}


class Judged:
    """A workspace with `count` readers, and the server that its mail goes to."""

    def __init__(self, folder: Path, port: int, count: int, **settings: str) -> None:
        self.folder = folder
        self.everybody = {f"reader{n}@example.com" for n in range(count)}
        rows = [f"reader{n}@example.com,R{n},{'Porto Novo' if n % 3 else 'Lisbon'}" for n in range(count)]
        make_workspace(folder, port=port, rows=rows, **{"LANES": str(LANES), **settings})
        self.running: subprocess.Popen[str] | None = None

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        self.running = start_mailer(self.folder, *arguments)
        return self.running

    def end(self) -> Ran:
        """Wait until what was started has ended."""
        assert self.running
        out, err = self.running.communicate(timeout=90)
        return Ran(self.running.returncode, out, err)

    def accepted(self) -> Counter[str]:
        return Counter(line["recipient"] for line in read_journal(self.folder / "accepted.jsonl"))

    def until_accepted(self, number: int) -> None:
        assert self.running
        until(lambda: self.accepted().total() >= number or self.running.poll() is not None, patience=60)
        assert self.running.poll() is None, "it ended too soon"

    def states(self) -> dict[str, str]:
        with Newsroom.open(self.folder) as newsroom:
            return {row.email: str(row.state) for row in newsroom.ledger.report.rows(1)}

    def hold(self, uncertain_at_most: int) -> None:
        """The judgement: the ledger against the journal, when nothing is left to do."""
        journal, ledger = self.accepted(), self.states()
        uncertain = {email for email, state in ledger.items() if state == "uncertain"}
        assert set(ledger) == self.everybody
        assert set(ledger.values()) <= {"accepted", "uncertain"}
        assert max(journal.values()) == 1, "nobody twice"
        assert self.everybody - uncertain == set(journal) - uncertain, "nobody lost, nobody only on paper"
        assert len(uncertain) <= uncertain_at_most


@contextmanager
def judged(folder: Path, count: int, **settings: str) -> Iterator[Judged]:
    journal = str(folder / "accepted.jsonl")
    command = [sys.executable, "-m", "mailer.delivery.catcher", "--journal", journal, "--hang-up-after", "50"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as catcher:
        assert catcher.stdout
        judge = Judged(folder, int(catcher.stdout.readline()), count, **settings)
        try:
            yield judge
        finally:
            catcher.kill()
            if judge.running:
                judge.running.kill()
                judge.running.communicate()


@pytest.mark.parametrize(("database", "workers"), [("sqlite", 4), ("postgresql", 2)], indirect=["database"])
def test_each_of_many_readers_gets_exactly_one(tmp_path: Path, database: dict[str, str], workers: int) -> None:
    with judged(tmp_path, 2000, **database) as judge:
        judge.start(*SEND, "--workers", str(workers))
        judge.until_accepted(1)
        assert len(workers_of(judge.running.pid)) == workers
        ran = judge.end()
        sent = ran.json()
        assert (ran.code, sent["state"], sent["accepted"], sent["uncertain"]) == (0, "finished", 2000, 0), ran.err
        judge.hold(uncertain_at_most=0)


def test_a_worker_that_is_killed_is_replaced_and_the_send_goes_on(tmp_path: Path, database: dict[str, str]) -> None:
    with judged(tmp_path, 500, **database) as judge:
        process = judge.start(*SEND, "--workers", "2")
        judge.until_accepted(100)
        victim, other = workers_of(process.pid)
        os.kill(victim, signal.SIGKILL)
        until(lambda: len(now := workers_of(process.pid)) == 2 and victim not in now and other in now)
        ran = judge.end()
        sent = ran.json()
        assert sent["state"] == "finished", ran.err
        assert ran.code == (3 if sent["uncertain"] else 0)
        judge.hold(uncertain_at_most=LANES)


def test_a_killed_owner_takes_its_workers_along_and_nobody_is_doubled(tmp_path: Path, database: dict[str, str]) -> None:
    # on PostgreSQL the lease of a killed owner has to run out before another may go on: here only its workers are judged
    with judged(tmp_path, 500, **database) as judge:
        process = judge.start(*SEND, "--workers", "2")
        judge.until_accepted(100)
        workers = workers_of(process.pid)
        assert len(workers) == 2
        process.kill()
        died = time.monotonic()
        until(lambda: not any(map(is_there, workers)))
        assert time.monotonic() - died < 1
        judge.end()
        assert max(judge.accepted().values()) == 1
        if not database:
            assert mailer(tmp_path, "resume", "1", "--workers", "2", "--json").json()["state"] == "finished"
            judge.hold(uncertain_at_most=LANES)


def test_a_worker_that_hangs_is_ended_and_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "BEAT", 0.1)
    with judged(tmp_path, 300, RATE="100") as judge, ThreadPoolExecutor(1) as pool:

        def stop_one() -> int:
            until(lambda: judge.accepted().total() >= 20)
            victim = workers_of(os.getpid())[0]
            os.kill(victim, signal.SIGSTOP)
            monkeypatch.setattr(crew, "SILENCE", 20)
            until(lambda: not is_there(victim))
            return victim

        stopping = pool.submit(stop_one)
        sent = Commands(tmp_path, capsys).json(*SEND[:-1], "--workers", "2")
        stopping.result()
        assert sent["state"] == "finished"
        judge.hold(uncertain_at_most=LANES)


def test_sigterm_lets_what_is_under_way_end(tmp_path: Path) -> None:
    with judged(tmp_path, 500) as judge:
        process = judge.start(*SEND, "--workers", "2")
        judge.until_accepted(100)
        workers = workers_of(process.pid)
        for pid in (*workers, process.pid):  # as a service manager does, to all of a unit
            os.kill(pid, signal.SIGTERM)
        ran = judge.end()
        sent = ran.json()
        assert (ran.code, sent["state"], sent["uncertain"]) == (4, "paused", 0), ran.err
        assert sent["accepted"] == judge.accepted().total() < 500
        assert not any(map(is_there, workers))
        assert mailer(tmp_path, "resume", "1", "--workers", "2", "--json").code == 0
        judge.hold(uncertain_at_most=0)


def test_a_pause_from_elsewhere_stops_all_of_them(tmp_path: Path) -> None:
    with judged(tmp_path, 400, RATE="40") as judge:
        judge.start(*SEND, "--workers", "2")
        judge.until_accepted(20)
        with Newsroom.open(tmp_path) as newsroom:
            newsroom.ledger.sends.pause(1)
        at_pause = judge.accepted().total()
        ran = judge.end()
        sent = ran.json()
        assert (ran.code, sent["state"], sent["uncertain"]) == (4, "paused", 0), ran.err
        assert judge.accepted().total() <= at_pause + LANES


def test_who_leaves_during_the_send_gets_nothing_more(tmp_path: Path) -> None:
    with judged(tmp_path, 400, RATE="100") as judge:
        judge.start(*SEND, "--workers", "2")
        judge.until_accepted(10)
        late = "reader399@example.com"
        with Newsroom.open(tmp_path) as newsroom:
            newsroom.ledger.suppressions.unsubscribe(late, source="a test")
        assert late not in judge.accepted()
        ran = judge.end()
        sent = ran.json()
        assert (ran.code, sent["accepted"], sent["skipped"]) == (0, 399, 1), ran.err
        assert judge.accepted() == Counter(judge.everybody - {late})


def test_the_rate_holds_over_all_workers(tmp_path: Path) -> None:
    rate = 50
    with judged(tmp_path, 200, RATE=str(rate)) as judge:
        judge.start(*SEND, "--workers", "4")
        assert judge.end().code == 0
        times = sorted(line["at"] for line in read_journal(tmp_path / "accepted.jsonl"))
    assert len(times) == 200
    # a bucket of one second’s worth; some more, for what left earlier and was answered late
    assert max(sum(start <= at < start + 2 for at in times) for start in times) <= 4 * rate
    assert times[-1] - times[0] > (200 - 2 * rate) / rate


def test_with_no_worker_left_the_send_pauses_and_says_why(tmp_path: Path) -> None:
    with judged(tmp_path, 1000, RATE="20") as judge:
        process = judge.start(*SEND, "--workers", "2")
        killed: set[int] = set()
        while process.poll() is None:
            for pid in workers_of(process.pid):
                if pid not in killed:
                    os.kill(pid, signal.SIGKILL)
                    killed.add(pid)
            time.sleep(0.01)
        ran = judge.end()
        assert (ran.code, ran.json()["state"]) == (4, "paused")
        assert "the worker processes keep ending (the last one by SIGKILL" in ran.err
        assert len(killed) == 2 * 4
        assert ran.json()["pending"] + ran.json()["accepted"] + ran.json()["uncertain"] == 1000


def test_a_worker_shows_no_secret_and_opens_no_database(tmp_path: Path) -> None:
    with judged(tmp_path, 400, RATE="20") as judge:
        process = judge.start(*SEND, "--workers", "2")
        judge.until_accepted(4)
        for pid in workers_of(process.pid):
            shown = Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
            assert KEY.encode() not in shown
            opened = [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir() if path.is_symlink()]
            assert not [name for name in opened if "mailer.db" in name or ".mailer" in name]
        process.terminate()
        assert judge.end().code == 4


def test_a_short_list_needs_no_workers(tmp_path: Path) -> None:
    with judged(tmp_path, 60, RATE="20", WORKERS="4") as judge:
        process = judge.start(*SEND)
        judge.until_accepted(2)
        assert workers_of(process.pid) == []
        assert judge.end().code == 0
