"""Turns for checks: one of a dispatch at a time, a few of all, none for a client that has left."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from mailer.service.dispatches import check_concurrency
from mailer.service.dispatches.check_concurrency import AT_ONCE, WAITING, CheckGate, ClientLeftError, TooManyChecksError
from tests.support.patience import PATIENCE, until


def stays():
    return False


class Running:
    """Checks that run until they are released; `names` are those that run now, `most` how many ever ran at once."""

    def __init__(self, gate):
        self.gate, self.names, self.most, self.together = gate, [], 0, False
        self.release = threading.Event()
        self._lock = threading.Lock()

    def check(self, name):
        with self.gate.turn(name, stays):
            with self._lock:
                self.together = self.together or name in self.names
                self.names.append(name)
                self.most = max(self.most, len(self.names))
            assert self.release.wait(PATIENCE)
            with self._lock:
                self.names.remove(name)


def test_one_check_of_a_dispatch_runs_at_a_time_and_a_few_of_all():
    running = Running(CheckGate())
    names = ["tide", "tide", "fog", "fog", "quay", "quay"]
    with ThreadPoolExecutor(len(names)) as many:
        done = [many.submit(running.check, name) for name in names]
        until(lambda: len(running.names) == AT_ONCE)
        running.release.set()
        for each in done:
            each.result(PATIENCE)
    assert (running.most, running.together) == (AT_ONCE, False)


def test_a_waiting_check_ends_when_its_client_has_left(monkeypatch):
    monkeypatch.setattr(check_concurrency, "LOOK_EVERY", 0.01)
    gate, left = CheckGate(), threading.Event()
    with gate.turn("tide", stays), ThreadPoolExecutor(1) as one:
        waiting = one.submit(lambda: gate.turn("tide", left.is_set).__enter__())
        left.set()
        assert isinstance(waiting.exception(PATIENCE), ClientLeftError)
    with gate.turn("tide", stays):
        pass


def test_a_running_check_ends_when_its_client_has_left():
    gate, left = CheckGate(), threading.Event()

    def check():
        with gate.turn("tide", left.is_set) as go_on:
            go_on()
            left.set()
            go_on()

    with pytest.raises(ClientLeftError):
        check()
    with gate.turn("tide", stays):
        pass


def test_one_more_check_than_may_wait_is_refused():
    running = Running(CheckGate())
    with ThreadPoolExecutor(1 + WAITING) as many:
        done = [many.submit(running.check, "tide") for _ in range(1 + WAITING)]
        until(lambda: is_full(running.gate))
        running.release.set()
        for each in done:
            each.result(PATIENCE)
    assert running.most == 1


def is_full(gate):
    try:
        with gate.turn("tide", lambda: True):
            return False
    except ClientLeftError:
        return False
    except TooManyChecksError:
        return True
