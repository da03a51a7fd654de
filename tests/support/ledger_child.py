"""A process that owns a send, to be killed or raced: `python -m tests.support.ledger_child URL FOLDER SEND MODE`.

It writes one line as JSON to standard output, then waits for its standard input to close.
"""

import asyncio
import json
import resource
import signal
import sys
import time
from pathlib import Path

from mailer.delivery.states import DeliveryState
from mailer.errors import MailerError
from mailer.ledger.ledger import Ledger, open_ledger
from mailer.ledger.types.sends import AlreadySentError
from tests.support.ledger_cases import DAY, deliver, delivery_result, new_send, readers

LEASE = 1.0  # seconds: nobody waits for a dead child for long


async def hold(ledger: Ledger, send_id: int) -> dict[str, object]:
    """Two accepted, two marked as sending, two claimed."""
    mine = ledger.leases.acquire(send_id, retry_for=DAY)
    assert mine is not None
    await deliver(mine, time.time(), limit=2)
    claims = await mine.claim(4, time.time())
    assert all([await mine.begin_sending(claim) for claim in claims[:2]])
    return {"sending": [claim.delivery_id for claim in claims[:2]]}


async def stopped(ledger: Ledger, send_id: int) -> dict[str, object]:
    """One message before end of DATA, one claimed; then what is still allowed after a stop for longer than the lease."""
    mine = ledger.leases.acquire(send_id, retry_for=DAY)
    assert mine is not None
    marked, claimed = await mine.claim(2, time.time())
    assert await mine.begin_sending(marked)
    assert mine.may_send(marked)
    print("{}", flush=True)  # noqa: T201 - its standard output is a protocol
    while mine.may_send(marked):
        pass
    try:
        again = "claimed" if await mine.claim(1, time.time()) else "none"
    except MailerError as error:
        again = type(error).__name__
    return {"may_send": mine.may_send(marked), "marked": await mine.begin_sending(claimed), "claimed": again}


async def own(ledger: Ledger, send_id: int) -> dict[str, object]:
    mine = ledger.leases.acquire(send_id, retry_for=DAY)
    return {"owns": mine is not None}


async def fill(ledger: Ledger, send_id: int) -> dict[str, object]:
    """Deliver until the file may not grow any more; then, with room again, finish."""
    mine = ledger.leases.acquire(send_id, retry_for=DAY)
    assert mine is not None
    log = Path(sys.argv[2]) / "mailer.db-wal"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size + 400_000, limits[1]))
    error = ""
    answered = 0
    try:
        while claims := await mine.claim(1, time.time()):
            for claim in claims:
                if await mine.begin_sending(claim):
                    await mine.record(delivery_result(claim, DeliveryState.ACCEPTED, time.time()))
                    answered += 1
    except MailerError as failure:
        error = str(failure)
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    accepted = ledger.sends.summary(send_id).counts.get(DeliveryState.ACCEPTED, 0)
    unsaved = len(mine.unsaved)
    await deliver(mine, time.time(), limit=1)
    after = ledger.sends.summary(send_id).counts.get(DeliveryState.ACCEPTED, 0)
    return {"error": error, "answered": answered, "accepted": accepted, "unsaved": unsaved, "after": after}


async def create(ledger: Ledger, _send_id: int) -> dict[str, object]:
    try:
        return {"created": ledger.creator.create(new_send("raced"), readers(2_000)).id}
    except AlreadySentError as error:
        return {"refused": error.send.id}


def main() -> None:
    url, folder, send_id, mode = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    ledger = open_ledger(url, folder / ".mailer", lease=LEASE)
    work = {"hold": hold, "stopped": stopped, "own": own, "fill": fill, "create": create}[mode]
    if mode in {"own", "create"}:
        print("ready", flush=True)  # noqa: T201 - its standard output is a protocol
        sys.stdin.readline()  # all start at once
    print(json.dumps(asyncio.run(work(ledger, send_id))), flush=True)  # noqa: T201 - its standard output is a protocol
    sys.stdin.read()
    ledger.close()


if __name__ == "__main__":
    main()
