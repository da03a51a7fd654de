"""The program with injected faults and short limits: `python -m tests.support.faulty FAULTS ARGUMENTS...`.

FAULTS is a JSON object; the program itself has no hook for any of it:

    lease          seconds of a lease on PostgreSQL
    host           the name of this machine
    skew           seconds by which the clock of this machine is ahead
    sweep          seconds between two looks of a worker for shards that are due, and for stalled jobs
    cut_off        seconds without a relay after which a worker leaves its shards to others
    no_network     the process is in a network namespace of its own: it reaches the database by its socket, and no relay
    stall          seconds for which a transaction may be idle there
    busy           seconds to wait for a locked database
    limits         {stage: seconds}: the timeouts of a relay
    patience       seconds for which a relay may fail
    drain          seconds that a stop waits for messages under way
    die            [point, n]: the process kills itself with SIGKILL, the nth time that it gets to
                   `claimed` (deliveries are), `committed` (`sending` is durable), `answered` (before an acceptance is recorded)
"""

import ctypes
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial, wraps
from itertools import count
from typing import Any

from mailer.app import App
from mailer.cli.main import main
from mailer.delivery.relay_pool import PoolOptions
from mailer.delivery.sender import SenderOptions
from mailer.delivery.states import DeliveryState
from mailer.ledger import ledger as ledgers
from mailer.ledger.queue.leased_shard import LeasedShard
from mailer.ledger.store import postgresql, sqlite
from mailer.ledger.store.file_locks import WriteLock
from mailer.service.cluster import worker as cluster_worker
from mailer.smtp.connect import Timeouts

_CLONE_NEWNET = 0x40000000  # of sched.h
POINTS = ("claimed", "committed", "answered")


def inject(faults: Mapping[str, Any]) -> None:
    """Injects `faults` into this process."""
    _inject_into_machine(faults)
    if lease := faults.get("lease"):
        ledgers.open_ledger = partial(ledgers.open_ledger, lease=lease)
    if stall := faults.get("stall"):
        postgresql.IDLE_TIMEOUT = f"{int(stall * 1000)}ms"
    if busy := faults.get("busy"):
        sqlite.BUSY_TIMEOUT = int(busy * 1000)
        postgresql.LOCK_TIMEOUT = f"{int(busy * 1000)}ms"
        WriteLock.__init__.__kwdefaults__["patience"] = busy
    Timeouts.__init__.__kwdefaults__.update(faults.get("limits", {}))
    if patience := faults.get("patience"):
        PoolOptions.__init__.__kwdefaults__["connect_patience"] = patience
    if drain := faults.get("drain"):
        SenderOptions.__init__.__kwdefaults__["drain_patience"] = drain
    if die := faults.get("die"):
        _DEATHS[die[0]](die[1])


def _inject_into_machine(faults: Mapping[str, Any]) -> None:
    if host := faults.get("host"):
        socket.gethostname = lambda: host
    if skew := faults.get("skew"):
        time.time = partial(_ahead, time.time, skew)
        App.open.__func__.__defaults__ = (time.time,)
    if sweep := faults.get("sweep"):
        cluster_worker.SWEEP, cluster_worker.STALLED = sweep, 3 * sweep
    if cut_off := faults.get("cut_off"):
        cluster_worker.CUT_OFF = cut_off
    if faults.get("no_network"):
        leave_network()


def leave_network() -> None:
    """Moves this process into a network namespace of its own, without any address. Raises OSError where that is not allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


def _ahead(clock: Callable[[], float], seconds: float) -> float:
    return clock() + seconds


def _kill_self() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_when_claimed(nth: int) -> None:
    _after("claim", nth, lambda _self, _arguments, claims: bool(claims))


def _die_when_committed(nth: int) -> None:
    _after("begin_sending", nth, lambda _self, _arguments, allowed: bool(allowed))


def _after(method: str, nth: int, counts: Callable[[LeasedShard, tuple[Any, ...], Any], bool]) -> None:
    """Kills the process after the nth call of an async method of LeasedShard for which `counts` is true."""
    whole, numbers = getattr(LeasedShard, method), count(1)

    @wraps(whole)
    async def wrapped(self: LeasedShard, *arguments: Any) -> Any:
        result = await whole(self, *arguments)
        if counts(self, arguments, result) and next(numbers) == nth:
            _kill_self()
        return result

    setattr(LeasedShard, method, wrapped)


def _die_when_answered(nth: int) -> None:
    whole, numbers = LeasedShard.record_nowait, count(1)

    @wraps(whole)
    def note(self: LeasedShard, delivery_result: Any) -> None:
        if delivery_result.state is DeliveryState.ACCEPTED and next(numbers) == nth:
            _kill_self()
        whole(self, delivery_result)

    LeasedShard.record_nowait = note  # type: ignore[method-assign]


_DEATHS: Mapping[str, Callable[[int], None]] = {
    "claimed": _die_when_claimed,
    "committed": _die_when_committed,
    "answered": _die_when_answered,
}

if __name__ == "__main__":
    inject(json.loads(sys.argv[1]))
    main(sys.argv[2:])
