"""Counts the messages sent on each day of the warm-up plan, and the rest of the daily quota (mailer.delivery.warmup).

    WarmUpDays.allowance(now)                     the quota that is left
    quota(conn, warmup, limit, now)               how many of `limit` a claim may take; locks until the commit
    record_sent(conn, warmup, count, at)          counts messages that were sent: accepted, or uncertain
    with_warmup_hold(conn, warmup, summary, now)  a send's summary, with the time until which it is held back
    reset(conn, warmup)                           forgets the days, when mail goes out without a plan

A day's row counts what is known to have been sent, in the transaction that records it; messages in flight are counted again for
each claim, over an index, and are never many. So a release needs no correction. Tests are neither counted nor held back. A plan
that is over costs one read of its few rows.
"""

import datetime as dt
from dataclasses import replace

from sqlalchemy import Connection, delete, func, insert, select

from mailer.delivery.states import DeliveryState, SendKind, SendState
from mailer.delivery.warmup import DailyQuota, WarmUp
from mailer.ledger.store.advisory_lock import advisory_lock
from mailer.ledger.store.compiled_statements import CompiledStatement, param
from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import delivery, send, warmup_day
from mailer.ledger.types.sends import Summary

_LOCK = "warmup"


class WarmUpDays:
    """The daily quotas of the warm-up plan of one ledger."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def allowance(self, now: float) -> DailyQuota | None:
        """Returns the rest of the day's quota at `now`; None: no limit."""
        with self._context.database.reading() as conn:
            return allowance(conn, self._context.warmup, now)


def allowance(conn: Connection, warmup: WarmUp, now: float) -> DailyQuota | None:
    """Returns the rest of the day's quota; None: no limit."""
    if not warmup.plan:
        return None
    days = _days(conn, warmup)
    if warmup.allowance(days, now) is None:
        return None
    return warmup.allowance(days, now, in_hand=_IN_FLIGHT.run(conn).fetchone()[0])


def quota(conn: Connection, warmup: WarmUp, limit: int, now: float) -> int:
    """Returns how many of `limit` may be claimed now."""
    if not warmup.plan or warmup.allowance(_days(conn, warmup), now) is None:
        return limit
    advisory_lock(conn, _LOCK)
    found = allowance(conn, warmup, now)
    return limit if found is None else min(limit, found.left)


def with_warmup_hold(conn: Connection, warmup: WarmUp, summary: Summary, now: float) -> Summary:
    """Returns `summary` with the time until which the plan holds back the rest of its send."""
    is_going = summary.send.state in {SendState.RUNNING, SendState.WAITING}
    if not is_going or summary.send.kind is SendKind.TEST or not summary.open_count:
        return summary
    found = allowance(conn, warmup, now)
    return summary if found is None else replace(summary, held_until=found.held_until)


def record_sent(conn: Connection, warmup: WarmUp, count: int, at: float) -> None:
    """Adds `count` to the day of `at`, together with what a wrong clock counted on later days."""
    if not count or not warmup.plan or warmup.allowance(_days(conn, warmup), at) is None:
        return
    advisory_lock(conn, _LOCK)
    found = warmup.allowance(_days(conn, warmup), at)
    if found is None:
        return
    day = found.day.isoformat()
    conn.execute(delete(warmup_day).where(warmup_day.c.sender == warmup.sender, warmup_day.c.day >= day))
    conn.execute(insert(warmup_day).values(sender=warmup.sender, day=day, sent=found.sent + count))


def reset(conn: Connection, warmup: WarmUp) -> None:
    """Forgets the days: a plan that is set later begins with its first day."""
    conn.execute(delete(warmup_day).where(warmup_day.c.sender == warmup.sender))


def _days(conn: Connection, warmup: WarmUp) -> dict[dt.date, int]:
    return {dt.date.fromisoformat(day): sent for day, sent in _DAYS.run(conn, warmup.sender).fetchall()}


_DAYS = CompiledStatement(
    select(warmup_day.c.day, warmup_day.c.sent).where(warmup_day.c.sender == param("sender", "")), "sender"
)
_IN_FLIGHT = CompiledStatement(
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
"""Counts the messages that may be sent at any moment, of all sends but tests."""
