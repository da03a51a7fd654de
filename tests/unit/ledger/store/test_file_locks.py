"""Locks die with their process, are not inherited, and keep nobody waiting for ever."""

import os
import subprocess
import sys
import threading

import pytest

from mailer.ledger.ledger import open_ledger
from mailer.ledger.store.file_locks import FileLock, WriteLock
from mailer.ledger.types.errors import LedgerError
from tests.support.patience import PATIENCE, until

HOLD = (
    "import sys, pathlib; from mailer.ledger.store.file_locks import FileLock;"
    "lock = FileLock(pathlib.Path(sys.argv[1])); assert lock.try_acquire(); lock.write_pid();"
    "print('held', flush=True); sys.stdin.read()"
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.lock"


@pytest.fixture
def lock(path):
    lock = FileLock(path)
    yield lock
    lock.close()


def test_one_holds_it_until_it_gives_it_back(path, lock):
    other = FileLock(path)
    assert lock.try_acquire()
    assert not other.try_acquire()
    assert not other.acquire(0.01)
    assert not other.is_unlocked()
    lock.release()
    assert other.is_unlocked()
    assert other.try_acquire()
    assert not lock.try_acquire()
    other.close()
    assert lock.try_acquire()


def test_it_dies_with_its_process_and_names_it(path, lock):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"held\n"
        assert not lock.try_acquire()
        assert lock.read_pid() == process.pid
        process.kill()
        process.wait(PATIENCE)
        assert lock.try_acquire()


def test_children_do_not_inherit_it(path, lock):
    assert lock.try_acquire()
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # lives on while the parent gives the lock back
        os.write(write, b"1" if not lock.held else b"0")
        os.close(write)
        os._exit(0)
    os.close(write)
    assert os.read(read, 1) == b"1"
    os.waitpid(child, 0)
    os.close(read)
    with subprocess.Popen(["sleep", "60"], close_fds=False) as program:
        lock.close()
        other = FileLock(path)
        assert other.try_acquire()
        other.close()
        program.kill()


def test_a_file_that_cannot_be_opened_is_named(tmp_path):
    lock = FileLock(tmp_path / "missing" / "x.lock")
    with pytest.raises(LedgerError, match="missing"):
        lock.try_acquire()
    assert lock.read_pid() is None


def test_a_write_lock_is_waited_for_but_not_for_ever(path):
    holder, waiter = WriteLock(path), WriteLock(path, patience=0.02)
    with holder, pytest.raises(LedgerError, match="writing the ledger"), waiter:
        pass
    with waiter:
        pass
    holder.close()
    waiter.close()


def test_who_writes_all_the_time_does_not_keep_others_out(path):
    """The one that waits has the turn: the busy one gets the lock at most once more before it."""
    busy, waiter, turn = WriteLock(path), WriteLock(path), FileLock(path.with_name(f"{path.name}.turn"))
    began, got_it = threading.Event(), threading.Event()
    rounds_after_began = 0

    def wait():
        began.set()
        with waiter:
            got_it.set()

    thread = threading.Thread(target=wait)
    with busy:
        thread.start()
        began.wait(PATIENCE)
        until(lambda: not turn.is_unlocked())
    while not got_it.is_set():
        with busy:
            rounds_after_began += 1
    thread.join(PATIENCE)
    assert rounds_after_began <= 1
    for each in (busy, waiter, turn):
        each.close()


def test_one_server_runs_in_a_workspace(tmp_path):
    with open_ledger("sqlite:///m.db", tmp_path / ".mailer") as one:
        assert one.server_pid() is None
        lock = one.acquire_server_lock()
        assert lock is not None
        assert one.acquire_server_lock() is None
        assert one.server_pid() == os.getpid()
        lock.close()
        assert one.server_pid() is None
