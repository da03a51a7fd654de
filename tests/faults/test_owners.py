"""Several senders on one ledger, one that is stopped beyond its lease, and unsubscribes and edits meanwhile."""

import random
import shutil
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import psycopg
import pytest

from mailer.app import App
from mailer.delivery.states import DeliveryState as S
from mailer.service.sends.verify import verify_send
from tests.support.patience import PATIENCE, until
from tests.support.postgres import Server
from tests.support.programs import Process
from tests.support.siege import CONNECTIONS, RESUME, SEND, Siege

KILLED = -signal.SIGKILL
POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@contextmanager
def asleep(process: Process, already: threading.Event | None = None) -> Iterator[None]:
    """Stops `process`, unless what sets `already` does; wakes it at the end of the block."""
    if already is None:
        process.send_signal(signal.SIGSTOP)
    try:
        assert already is None or already.wait(PATIENCE)
        yield
    finally:
        process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("senders", [2, 4])
def test_of_senders_that_start_at_once_one_sends_and_the_others_name_it(
    besiege: Callable[..., Siege], senders: int
) -> None:
    siege = besiege(readers=100, judge={"delay": 0.005})
    processes = [siege.start(*SEND) for _ in range(senders)]
    ran = [process.wait() for process in processes]
    assert sorted(each.code for each in ran) == [0, *[4] * (senders - 1)], [each.err for each in ran]
    siege.prove()


def test_of_resumes_at_once_one_sends_and_the_others_name_it(besiege: Callable[..., Siege]) -> None:
    siege = besiege(readers=100, judge={"delay": 0.01})
    killed = siege.start(*SEND)
    with siege.judge.holding(100):
        killed.kill()
        killed.wait()
    siege.until_free()
    processes = [siege.start(*RESUME) for _ in range(3)]
    with siege.judge.holding(1):
        until(lambda: sum(process.poll() is not None for process in processes) == 2)
    codes = sorted(process.wait().code for process in processes)
    assert codes in ([0, 4, 4], [3, 4, 4])
    siege.prove(uncertain_at_most=CONNECTIONS)


def test_different_sends_at_once_do_not_touch_each_other(besiege: Callable[..., Siege], tmp_path: Path) -> None:
    siege = besiege(readers=60, connections=3, judge={"delay": 0.003})
    slugs = ["tide", "fog", "ebb", "calm"]
    for slug in slugs[1:]:
        shutil.copy(tmp_path / "dispatches" / "tide.md", tmp_path / "dispatches" / f"{slug}.md")
    processes = [siege.start("send", slug, "--to", "readers", "--yes", "--json") for slug in slugs]
    ran = [process.wait() for process in processes]
    assert [each.code for each in ran] == [0] * 4, [each.err for each in ran]
    assert siege.judge.accepted == Counter(dict.fromkeys(siege.everybody, 4))
    assert len(set(siege.judge.message_ids)) == 240
    with App.open(tmp_path) as app:
        assert all(verify_send(app, number).ok for number in range(1, 5))


@POSTGRESQL
def test_a_sender_stopped_beyond_its_lease_sends_no_end_of_data_when_it_wakes(
    besiege: Callable[..., Siege], full: bool, chance: random.Random, record: Callable[..., None]
) -> None:
    naps = 20 if full else 2
    siege = besiege(readers=naps * 60, judge={"delay": 0.005})
    arguments = SEND
    for nap in range(naps):
        sleeper = siege.start(*arguments, faults={"lease": 10})
        asleep_now = siege.judge.strike(chance.randrange(60, 140), partial(sleeper.send_signal, signal.SIGSTOP))
        with ExitStack() as sleep:
            sleep.enter_context(asleep(sleeper, asleep_now))
            siege.until_free()
            waker = siege.start(*RESUME, faults={"lease": 600})
            with siege.judge.holding(40):
                sleep.close()
                ran = sleeper.wait()
                if nap < naps - 1:
                    waker.kill()
        assert ran.code == 4, ran.err
        # if it was stopped in a transaction, the database has ended that, too
        assert "has taken over send 1" in ran.err or "cannot be reached" in ran.err
        assert waker.wait().code in ({KILLED} if nap < naps - 1 else {0, 3})
        siege.expire_lease()
        arguments = RESUME
    record(runs=naps, uncertain=siege.prove(uncertain_at_most=2 * naps * CONNECTIONS).count(S.UNCERTAIN))


@SQLITE
def test_a_stopped_sender_keeps_its_send_on_sqlite(besiege: Callable[..., Siege]) -> None:
    siege = besiege(readers=100, judge={"delay": 0.005})
    sleeper = siege.start(*SEND)
    with siege.judge.holding(100):
        until(lambda: siege.judge.under_way == CONNECTIONS)  # if it is stopped during a commit, others wait for that
        with asleep(sleeper):
            other = siege.run(*RESUME)
        assert other.code == 4
        assert f"pid {sleeper.pid}" in other.err
    assert sleeper.wait().code == 0
    siege.prove()


def test_a_subscriber_gets_nothing_once_the_unsubscribe_is_committed(besiege: Callable[..., Siege]) -> None:
    siege = besiege(readers=200, judge={"delay": 0.01})
    process = siege.start(*SEND)
    leavers = siege.everybody[-60:]
    with siege.judge.holding(60), App.open(siege.folder) as app:
        for address in leavers:
            app.ledger.suppressions.unsubscribe(address, source="page")
            assert address not in siege.judge.accepted, "its turn had not come"
    assert process.wait().code == 0
    proof = siege.prove()
    assert not set(leavers) & set(proof.accepted)
    assert {proof.states[address] for address in leavers} == {S.SKIPPED}


def test_edits_of_the_list_and_the_dispatch_do_not_change_a_running_send(
    besiege: Callable[..., Siege], tmp_path: Path
) -> None:
    siege = besiege(readers=100, judge={"delay": 0.005})
    process = siege.start(*SEND)
    with siege.judge.holding(100):
        process.kill()
        process.wait()
    readers, dispatch = tmp_path / "subscribers" / "readers.csv", tmp_path / "dispatches" / "tide.md"
    rows = readers.read_text("utf-8").splitlines()
    readers.write_text("\n".join([rows[0], "newcomer@example.com,N,Lisbon", *rows[10:]]) + "\n", "utf-8")
    dispatch.write_text(dispatch.read_text("utf-8").replace("asks for patience", "has lost patience"), "utf-8")
    siege.finish()
    proof = siege.prove(uncertain_at_most=CONNECTIONS)
    assert "newcomer@example.com" not in proof.accepted
    assert not any(b"lost patience" in text for text in siege.judge.messages)


def test_an_old_copy_of_the_database_is_refused_until_a_person_accepts_it(
    besiege: Callable[..., Siege], request: pytest.FixtureRequest, database_url: str, tmp_path: Path
) -> None:
    siege = besiege(readers=60, judge={"delay": 0.005})
    process = siege.start(*SEND)
    with siege.judge.holding(60), App.open(tmp_path) as app:
        app.ledger.sends.pause(1, reason="by hand")
    assert process.wait().code == 4
    with old_copy(request, database_url, tmp_path) as restore:
        assert siege.run(*RESUME).code == 0
        restore()
        before = sum(siege.judge.accepted.values())
        for command in (RESUME, ("status",), ("send", "tide", "--to", "readers", "--again", "--yes")):
            refused = siege.run(*command)
            assert refused.code == 4
            assert "older than the last one used here" in refused.err
        assert sum(siege.judge.accepted.values()) == before, "nothing is sent before the copy is accepted"
        assert siege.run(*RESUME, "--accept-restored").code == 0
        assert len(siege.judge.accepted) == 60, "some may get it twice after accepting the copy; nobody is lost"


def test_a_backup_in_a_new_folder_mails_nobody_before_and_after_a_person_accepts_it(
    besiege: Callable[..., Siege], request: pytest.FixtureRequest, database_url: str, tmp_path: Path
) -> None:
    siege = besiege(readers=60, judge={"delay": 0.005})
    process = siege.start(*SEND)
    with siege.judge.holding(30):
        process.kill()
        process.wait()
    siege.until_free()
    with old_copy(request, database_url, tmp_path) as restore:
        restore()
        (tmp_path / ".mailer").rename(tmp_path / "left-behind")
        before = sum(siege.judge.accepted.values())
        for command in (RESUME, ("status",), ("send", "tide", "--to", "readers", "--again", "--yes")):
            refused = siege.run(*command)
            assert refused.code == 4
            assert "was used before, but not with this folder" in refused.err
        accepted = siege.run("restore", "--accept", "--json")
        assert (accepted.code, accepted.json()["open_sends"]) == (0, [1])
        assert siege.run("cancel", "1").code == 0
        assert sum(siege.judge.accepted.values()) == before, "accepting sends nothing"


def test_a_new_database_in_place_of_another_mails_nobody_until_a_person_accepts_it(
    besiege: Callable[..., Siege], request: pytest.FixtureRequest, database_url: str, tmp_path: Path
) -> None:
    siege = besiege(readers=20)
    assert siege.run(*SEND).code == 0
    with ExitStack() as stack:
        if database_url.startswith("sqlite"):
            for path in tmp_path.glob("mailer.db*"):
                path.unlink()
        else:
            empty = stack.enter_context(request.getfixturevalue("postgres").database())
            with psycopg.connect(empty) as conn:  # the databases of the tests are copies, with one id
                conn.execute("UPDATE meta SET value = 'another' WHERE key = 'ledger'")
            env = tmp_path / ".env"
            env.write_text(env.read_text("utf-8").replace(database_url, empty), "utf-8")
        for command in (SEND, ("status",), ("list", "sync", "readers")):
            refused = siege.run(*command)
            assert refused.code == 4
            assert "is new, but a different one was used here before" in refused.err
        assert siege.run("restore", "--accept").code == 0
        assert sum(siege.judge.accepted.values()) == 20, "accepting sends nothing"


@contextmanager
def old_copy(request: pytest.FixtureRequest, url: str, folder: Path) -> Iterator[Callable[[], object]]:
    """Copies the database; yields a function that puts the copy in its place."""
    env = folder / ".env"
    if url.startswith("sqlite"):
        shutil.copy(folder / "mailer.db", folder / "old.db")
        yield lambda: shutil.copyfile(folder / "old.db", folder / "mailer.db")
        return
    postgres: Server = request.getfixturevalue("postgres")
    name = url.partition("?")[0].rpartition("/")[2]
    with postgres.copy(name) as copy:
        yield lambda: env.write_text(env.read_text("utf-8").replace(url, copy), "utf-8")
