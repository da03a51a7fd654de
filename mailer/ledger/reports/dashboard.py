"""What the first page of the desk shows: growth of the lists, sends under way, what waits for a decision, complaints.

Each method is one query along an index, whatever the size of the ledger: no method counts the members of a list or the
deliveries of a send that were accepted. Raises LedgerError.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import func, select

from mailer.csv.rows import UnclearColumn
from mailer.delivery.states import TERMINAL, DeliveryState, SendKind, SendState
from mailer.ledger.sends.sends import sends_of, to_send
from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import COMPLAINT, delivery, edition, feedback, list_, list_sync, send
from mailer.ledger.types.sends import Send
from mailer.ledger.types.syncs import MAILED

_TO_READERS = (SendKind.DISPATCH, SendKind.RESEND)
_OPEN = sorted(frozenset(SendState) - TERMINAL)
_NOT_REACHED = (DeliveryState.FAILED, DeliveryState.SKIPPED, DeliveryState.UNCERTAIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListGrowth:
    """A list as its syncs left it. `steps`: how many readers were mailed from which time on, the earliest first.

    `unclear`: columns of its file of which somebody must say what they mean.
    """

    list: str
    steps: tuple[tuple[float, int], ...]
    unclear: tuple[UnclearColumn, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SendOutcome:
    """A send that began, its number of recipients, and how many of them it did not reach, by state."""

    send: Send
    recipients: int
    not_reached: Mapping[DeliveryState, int]


@dataclass(frozen=True, slots=True)
class UndecidedSend:
    """A send with `count` deliveries of which a person must decide whether they arrived."""

    id: int
    title: str
    count: int


class DashboardReport:
    """The queries of the dashboard of one ledger."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def growth(self, since: float) -> tuple[ListGrowth, ...]:
        """Returns the growth of all lists that were synced, by name, since a time and with the last sync before it."""
        steps = select(list_sync.c.id, list_sync.c.list_id, list_sync.c.at, list_sync.c.counts)
        before = select(func.max(list_sync.c.id)).where(list_sync.c.at < since).group_by(list_sync.c.list_id)
        wanted = steps.where((list_sync.c.at >= since) | list_sync.c.id.in_(before)).subquery()
        query = (
            select(list_.c.name, list_.c.findings, wanted.c.at, wanted.c.counts)
            .outerjoin(wanted, wanted.c.list_id == list_.c.id)
            .where(list_.c.digest != "")
            .order_by(list_.c.name, wanted.c.id)
        )
        found: dict[str, ListGrowth] = {}
        with self._context.database.reading() as conn:
            for row in conn.execute(query):
                growth = found.get(row.name) or ListGrowth(list=row.name, steps=(), unclear=_unclear(row.findings))
                mailed = (row.counts or {}).get(MAILED)
                steps_so_far = growth.steps if mailed is None else (*growth.steps, (row.at, mailed))
                found[row.name] = replace(growth, steps=steps_so_far)
        return tuple(found.values())

    def open_sends(self) -> tuple[Send, ...]:
        """Returns the sends to readers that have not ended, the oldest first."""
        query = sends_of(send.c.state.in_(_OPEN), send.c.kind.in_(_TO_READERS)).order_by(send.c.id)
        with self._context.database.reading() as conn:
            return tuple(map(to_send, conn.execute(query)))

    def last_ended(self) -> SendOutcome | None:
        """Returns the newest send to readers that began and has ended."""
        ended = send.c.state.in_(sorted(TERMINAL)), send.c.begun_at.is_not(None), send.c.kind.in_(_TO_READERS)
        newest = select(send.c.id).where(*ended).order_by(send.c.id.desc()).limit(1).scalar_subquery()
        with self._context.database.reading() as conn:
            row = conn.execute(sends_of(send.c.id == newest).add_columns(send.c.last_id)).first()
            if row is None:
                return None
            counts = conn.execute(
                select(delivery.c.state, func.count())
                .where(delivery.c.send_id == row.id, delivery.c.state.in_(_NOT_REACHED))
                .group_by(delivery.c.state)
            )
            return SendOutcome(
                send=to_send(row),
                recipients=row.last_id - row.first_id + 1,
                not_reached={state: count for state, count in counts},  # noqa: C416 - a Row is not a tuple to mypy
            )

    def undecided(self) -> tuple[UndecidedSend, ...]:
        """Returns the sends to readers with uncertain deliveries, the newest first."""
        uncertain = delivery.c.send_id == send.c.id, delivery.c.state == DeliveryState.UNCERTAIN
        count = select(func.count()).select_from(delivery).where(*uncertain).scalar_subquery()
        query = select(send.c.id, edition.c.title, count.label("number")).join(edition).order_by(send.c.id.desc())
        with self._context.database.reading() as conn:
            rows = conn.execute(query.where(send.c.kind.in_(_TO_READERS)))
            return tuple(UndecidedSend(row.id, row.title, row.number) for row in rows if row.number)

    def complaints(self, since: float) -> dict[int | None, int]:
        """Counts the complaints since a time by the send that they are about; None: about none that is known."""
        query = select(feedback.c.send_id, func.count()).where(COMPLAINT, feedback.c.at >= since)
        with self._context.database.reading() as conn:
            return {send_id: count for send_id, count in conn.execute(query.group_by(feedback.c.send_id))}  # noqa: C416 - the same


def _unclear(findings: Mapping[str, Any]) -> tuple[UnclearColumn, ...]:
    return tuple(UnclearColumn(**each) for each in findings.get("unclear", ()))
