"""How many messages left on each day of the warm-up plan, and what the day still has (mailer.delivery.warmup).

    WarmUpDays.allowance(now)              what the day has left, for who only looks
    hand_out(conn, warmup, limit, now)     how many of `limit` a claim may take; no other claim until it is committed
    count_gone(conn, warmup, n, at)        so many more left: accepted, or uncertain
    with_hold(conn, warmup, summary, now)  a send's summary, with until when it is held back
    forget_days(conn, warmup)              mail goes out without a plan

A day's row counts what is known to have left, in the transaction that says so; what is in hand is counted anew for each
claim, over an index, and is never many. So nothing has to be given back: what comes back unsent is in hand no more. Tests
are not counted and not held back. A plan that is over costs one look at its few rows.
"""

import datetime as dt
from dataclasses import replace

from sqlalchemy import Connection, delete, func, insert, select

from mailer.delivery.states import DeliveryState, SendKind, SendState
from mailer.delivery.warmup import DailyQuota, WarmUp
from mailer.ledger.store.advisory_lock import advisory_lock
from mailer.ledger.store.context import LedgerContext
from mailer.ledger.store.fastsql import CompiledStatement, param
from mailer.ledger.store.tables import delivery, send, warmup_day
from mailer.ledger.types.sends import Summary

TURN = "warmup"


class WarmUpDays:
    """The days of the warm-up plan, as one ledger counts them."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def allowance(self, now: float) -> DailyQuota | None:
        """What the day has left for sends at `now`; None: no limit."""
        with self._context.database.reading() as conn:
            return allowance(conn, self._context.warmup, now)


def allowance(conn: Connection, warmup: WarmUp, now: float) -> DailyQuota | None:
    """What the day has left for sends; None: no limit."""
    if not warmup.plan:
        return None
    days = _days(conn, warmup)
    if warmup.allowance(days, now) is None:
        return None
    return warmup.allowance(days, now, in_hand=_IN_HAND.run(conn).fetchone()[0])


def quota(conn: Connection, warmup: WarmUp, limit: int, now: float) -> int:
    """How many of `limit` may be claimed now."""
    if not warmup.plan or warmup.allowance(_days(conn, warmup), now) is None:
        return limit
    advisory_lock(conn, TURN)
    found = allowance(conn, warmup, now)
    return limit if found is None else min(limit, found.left)


def with_warmup_hold(conn: Connection, warmup: WarmUp, summary: Summary, now: float) -> Summary:
    """`summary` with until when the plan holds back what is left of its send."""
    is_going = summary.send.state in {SendState.RUNNING, SendState.WAITING}
    if not is_going or summary.send.kind is SendKind.TEST or not summary.undone:
        return summary
    found = allowance(conn, warmup, now)
    return summary if found is None else replace(summary, held_until=found.held_until)


def record_sent(conn: Connection, warmup: WarmUp, count: int, at: float) -> None:
    """Add `count` to the day of `at`, and with it what a wrong clock counted on days to come."""
    if not count or not warmup.plan or warmup.allowance(_days(conn, warmup), at) is None:
        return
    advisory_lock(conn, TURN)
    found = warmup.allowance(_days(conn, warmup), at)
    if found is None:
        return
    day = found.day.isoformat()
    conn.execute(delete(warmup_day).where(warmup_day.c.sender == warmup.sender, warmup_day.c.day >= day))
    conn.execute(insert(warmup_day).values(sender=warmup.sender, day=day, gone=found.sent + count))


def reset(conn: Connection, warmup: WarmUp) -> None:
    """Mail goes out without a plan: one that is set later begins with its first day."""
    conn.execute(delete(warmup_day).where(warmup_day.c.sender == warmup.sender))


def _days(conn: Connection, warmup: WarmUp) -> dict[dt.date, int]:
    return {dt.date.fromisoformat(day): gone for day, gone in _DAYS.run(conn, warmup.sender).fetchall()}


_DAYS = CompiledStatement(
    select(warmup_day.c.day, warmup_day.c.gone).where(warmup_day.c.sender == param("sender", "")), "sender"
)
_IN_HAND = CompiledStatement(
    select(func.count()).where(
        delivery.c.send_id.in_(
            select(send.c.id).where(
                send.c.state.in_([SendState.RUNNING, SendState.WAITING, SendState.PAUSED]),
                send.c.kind != SendKind.TEST,
            )
        ),
        delivery.c.state.in_([DeliveryState.CLAIMED, DeliveryState.SENDING]),
    )
)
"""What may be about to leave, of all sends but tests."""
