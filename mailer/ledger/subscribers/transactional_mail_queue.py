"""Transactional mail to one subscriber, outside all sends: a queue that `mailer serve` delivers.

    transactional.request_link(address)   queues the link to a subscriber's own page, at most one an address and day
    transactional.due(now, limit)         the mails to be delivered, the oldest first
    transactional.begin_sending(mail, link) queued -> sending, durable before end of DATA; False: not now
    transactional.linked(digest)          the mail that carried a link
    transactional.record_result(mail, ...)  records the result
    transactional.recover()               sending -> uncertain, welcomes -> queued, after a process that died

    queued -> sending -> sent | failed | uncertain | queued (to be retried); sent | uncertain -> failed (it came back)

A mail that may have been sent is never sent again automatically: nobody gets it twice, and a subscriber who did not get it asks
again. Requests for confirmation are queued in signups.py. The content of a mail is decided when it is composed, not when it is
requested, so that a request does the same work for every address. The link in a mail is made then, too: the row has the digest of
its secret, and since when it is valid. A link is void once its subscriber has changed the address. Raises LedgerError.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, exists, func, insert, literal, select, update

from mailer.addresses import Address, mailbox_of
from mailer.ledger.store.advisory_lock import advisory_lock
from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import transactional_mail
from mailer.ledger.types.transactional_mail import TransactionalKind, TransactionalState

DAY = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedMail:
    """One mail. `payload` is what its kind needs; `attempts` counts those that reached a relay.

    `link_made_at`: since when the link in it is valid; None if it has none, or if the link is void.
    """

    id: int
    kind: TransactionalKind
    identity: str = field(repr=False)
    address: str = field(repr=False)
    payload: Mapping[str, Any] = field(repr=False)
    created_at: float
    state: TransactionalState
    attempts: int
    next_at: float
    settled_at: float | None
    reply: str
    link_made_at: float | None = None


class TransactionalQueue:
    """The transactional mail of one ledger; an identity is a canonical address (mailer.addresses)."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def request_link(self, address: Address) -> bool:
        """Queues the mail with the link to the subscriber's own page; False if one was queued within a day."""
        return self._context.writer.call(
            lambda conn: queue_once_a_day(conn, TransactionalKind.LINK, address, at=self._context.clock())
        ).result()

    def of(self, identity: str) -> tuple[QueuedMail, ...]:
        """Returns all mail to this person that was not removed yet, the oldest first."""
        with self._context.database.reading() as conn:
            return load_mails(conn, identity)

    def get(self, number: int) -> QueuedMail | None:
        """Returns one mail; None if it was removed."""
        with self._context.database.reading() as conn:
            return load_mail(conn, number)

    def due(self, now: float, limit: int, *kinds: TransactionalKind) -> tuple[QueuedMail, ...]:
        """Returns up to `limit` mails of `kinds` that are due."""
        with self._context.database.reading() as conn:
            ready = (
                transactional_mail.c.state == TransactionalState.QUEUED,
                transactional_mail.c.next_at <= now,
                transactional_mail.c.kind.in_(kinds),
            )
            return _mails(conn, *ready, limit=limit)

    def counts(self) -> Mapping[TransactionalState, int]:
        """Counts the mails in each state."""
        with self._context.database.reading() as conn:
            query = select(transactional_mail.c.state, func.count()).group_by(transactional_mail.c.state)
            return {state: int(count) for state, count in conn.execute(query)}

    def linked(self, digest: str) -> QueuedMail | None:
        """Returns the mail that carried the link with this digest."""
        with self._context.database.reading() as conn:
            found = _mails(conn, transactional_mail.c.link_digest == digest)
            return found[0] if found else None

    async def begin_sending(self, mail: QueuedMail, link_digest: str | None = None) -> bool:
        """Makes `sending` durable, and the link in the mail valid. False if the mail may not be sent: it was removed, or another
        process has tried it since it was read.
        """
        values = {
            "state": TransactionalState.SENDING,
            "attempts": mail.attempts + 1,
            "link_digest": link_digest,
            "link_made_at": self._context.clock() if link_digest else None,
        }
        untried = update(transactional_mail).where(*_is_untried(mail)).values(**values)
        return await asyncio.wrap_future(self._context.writer.call(lambda conn: bool(conn.execute(untried).rowcount)))

    async def record_result(
        self,
        mail: QueuedMail,
        state: TransactionalState,
        *,
        reply: str = "",
        next_at: float = 0.0,
        was_sending: bool = False,
        is_attempt: bool = False,
    ) -> bool:
        """Records how an attempt ended; QUEUED: to be tried again at `next_at`. False if it is too late: another process has
        tried the mail since it was read.

        `was_sending`: after `begin_sending`. `is_attempt`: it counts, although it was refused before.
        """
        values = {
            "state": state,
            "reply": reply,
            "next_at": next_at,
            "settled_at": None if state is TransactionalState.QUEUED else self._context.clock(),
            "attempts": mail.attempts + (was_sending or is_attempt),
        }
        ours = _is_sent_by_us(mail) if was_sending else _is_untried(mail)
        result = update(transactional_mail).where(*ours).values(**values)
        return await asyncio.wrap_future(self._context.writer.call(lambda conn: bool(conn.execute(result).rowcount)))

    def recover(self) -> int:
        """Makes all mail that is `sending` uncertain, when the delivering process starts; returns how much.

        Welcomes are queued again: who has one, or may get it, is not welcomed twice.
        """
        now = self._context.clock()
        left = update(transactional_mail).where(transactional_mail.c.state == TransactionalState.SENDING)
        is_welcome = transactional_mail.c.kind == TransactionalKind.WELCOME

        def work(conn: Connection) -> int:
            conn.execute(left.where(is_welcome).values(state=TransactionalState.QUEUED, next_at=now))
            return conn.execute(left.values(state=TransactionalState.UNCERTAIN, settled_at=now)).rowcount

        return self._context.writer.call(work).result()

    def forget(self, before: float) -> int:
        """Removes mail that was settled before an instant; returns how many."""
        return self._context.writer.call(
            lambda conn: (
                conn.execute(delete(transactional_mail).where(transactional_mail.c.settled_at < before)).rowcount
            )
        ).result()


def _is_untried(mail: QueuedMail) -> tuple[ColumnElement[bool], ...]:
    """Whether nobody has tried `mail` since it was read."""
    columns = transactional_mail.c
    return columns.id == mail.id, columns.state == TransactionalState.QUEUED, columns.attempts == mail.attempts


def _is_sent_by_us(mail: QueuedMail) -> tuple[ColumnElement[bool], ...]:
    """Whether the attempt after `mail` was read is the last one; it may have become uncertain when another process recovered."""
    columns, states = transactional_mail.c, (TransactionalState.SENDING, TransactionalState.UNCERTAIN)
    return columns.id == mail.id, columns.state.in_(states), columns.attempts == mail.attempts + 1


def lock_mailbox(conn: Connection, identity: str) -> None:
    """Within a transaction: lets one at a time read and write the mail of a mailbox."""
    advisory_lock(conn, f"mail to {mailbox_of(identity)}")


def queue_once_a_day(
    conn: Connection,
    kind: TransactionalKind,
    address: Address,
    *,
    at: float,
    payload: Mapping[str, Any] | None = None,
    by_mailbox: bool = False,
) -> bool:
    """Within a transaction: queues a mail; False if one of this kind was queued within a day. Always two statements.

    `by_mailbox`: one to any spelling of the mailbox counts.
    """
    lock_mailbox(conn, address.identity)
    mailbox = mailbox_of(address.identity)
    same = transactional_mail.c.mailbox == mailbox if by_mailbox else transactional_mail.c.identity == address.identity
    asked = select(transactional_mail.c.id).where(
        same,
        transactional_mail.c.kind == kind,
        transactional_mail.c.created_at > at - DAY,
    )
    values = {
        "kind": kind,
        "identity": address.identity,
        "address": address.envelope,
        "mailbox": mailbox,
        "payload": dict(payload or {}),
        "created_at": at,
        "state": TransactionalState.QUEUED,
        "next_at": at,
    }
    row = select(*(literal(value, transactional_mail.c[name].type) for name, value in values.items()))
    return bool(conn.execute(insert(transactional_mail).from_select(list(values), row.where(~exists(asked)))).rowcount)


def void_links(conn: Connection, identity: str, *, but: int) -> None:
    """Within a transaction: makes the links in all mail to this address void, except in the mail `but`."""
    others = (transactional_mail.c.identity == identity, transactional_mail.c.id != but)
    conn.execute(update(transactional_mail).where(*others).values(link_made_at=None))


def mark_returned(conn: Connection, number: int, reply: str) -> None:
    """Within a transaction: marks a mail that was sent, and came back, as failed."""
    states = (TransactionalState.SENT, TransactionalState.UNCERTAIN)
    sent = update(transactional_mail).where(transactional_mail.c.id == number, transactional_mail.c.state.in_(states))
    conn.execute(sent.values(state=TransactionalState.FAILED, reply=reply))


def load_mail(conn: Connection, number: int) -> QueuedMail | None:
    found = _mails(conn, transactional_mail.c.id == number)
    return found[0] if found else None


def load_mails(conn: Connection, identity: str) -> tuple[QueuedMail, ...]:
    return _mails(conn, transactional_mail.c.identity == identity)


def _mails(conn: Connection, *where: Any, limit: int | None = None) -> tuple[QueuedMail, ...]:
    query = select(transactional_mail).where(*where).order_by(transactional_mail.c.id).limit(limit)
    return tuple(_mail(row) for row in conn.execute(query))


def _mail(row: Row[Any]) -> QueuedMail:
    return QueuedMail(
        id=row.id,
        kind=row.kind,
        identity=row.identity,
        address=row.address,
        payload=row.payload,
        created_at=row.created_at,
        state=row.state,
        attempts=row.attempts,
        next_at=row.next_at,
        settled_at=row.settled_at,
        reply=row.reply,
        link_made_at=row.link_made_at,
    )
