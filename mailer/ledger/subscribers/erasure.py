"""Erasure of a subscriber: all identifying data is removed in one transaction, and the pseudonym stays suppressed.

Open deliveries are skipped; rows and sums stay. Rows of lists stay under the pseudonym, so that their files can be updated.
"""

import re

from sqlalchemy import Connection, delete, exists, func, insert, or_, select, update

from mailer.ledger.deliveries.skip import skip
from mailer.ledger.privacy.address_history import forget_address, former_addresses
from mailer.ledger.privacy.pseudonyms import make_erasure_key, pseudonym
from mailer.ledger.store.advisory_lock import advisory_lock
from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import (
    attempt,
    audit,
    consent,
    delivery,
    feedback,
    feedback_message,
    leaving_reason,
    list_,
    member,
    member_change,
    send,
    suppression,
    suppression_change,
    transactional_mail,
)
from mailer.ledger.subscribers.suppressions import lock_suppression, record_change
from mailer.ledger.types.suppressions import ErasureResult, Suppression, SuppressionAction, SuppressionReason
from mailer.ledger.webhooks.outbox import forget_person


class Erasure:
    """Erases subscribers from one ledger. Raises LedgerError."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def erase(self, identity: str, *, source: str) -> ErasureResult:
        """Erases a subscriber, including former addresses. Idempotent."""

        def work(conn: Connection) -> ErasureResult:
            at = self._context.clock()
            done = [_erase(conn, each, source=source, at=at) for each in (identity, *former_addresses(conn, identity))]
            return ErasureResult(
                deliveries=sum(each.deliveries for each in done), skipped=sum(each.skipped for each in done)
            )

        return self._context.writer.call(work).result()


def _erase(conn: Connection, identity: str, *, source: str, at: float) -> ErasureResult:
    advisory_lock(conn, "erasure")
    lock_suppression(conn, identity)
    mark = pseudonym(make_erasure_key(conn), identity)
    skipped = skip(conn, delivery.c.identity == identity, SuppressionReason.ERASED.value, at=at)
    mine = select(delivery.c.id).where(delivery.c.identity == identity)
    conn.execute(update(attempt).where(attempt.c.delivery_id.in_(mine)).values(reply=""))
    emptied = conn.execute(
        update(delivery).where(delivery.c.identity == identity).values(identity=mark, address=mark, fields="{}")
    ).rowcount
    _forget_memberships(conn, identity, mark)
    forget_person(conn, identity)
    _forget_feedback(conn, identity, mark)
    _forget_mentions(conn, identity, mark)
    conn.execute(delete(suppression).where(suppression.c.identity == identity, suppression.c.identity != mark))
    conn.execute(update(suppression_change).where(suppression_change.c.identity == identity).values(identity=mark))
    if conn.execute(select(suppression.c.identity).where(suppression.c.identity == mark)).first() is None:
        erased = Suppression(identity=mark, reason=SuppressionReason.ERASED, at=at, source=source, send_id=None)
        conn.execute(
            insert(suppression).values(identity=mark, reason=erased.reason, at=at, source=source, send_id=None)
        )
        record_change(conn, erased, SuppressionAction.SUPPRESSED)
    return ErasureResult(deliveries=emptied, skipped=skipped)


def _forget_mentions(conn: Connection, identity: str, mark: str) -> None:
    """Replaces the address where somebody typed it: in the conditions of sends, and in the audit log."""
    typed = re.compile(re.escape(identity), re.IGNORECASE)
    for table, column in ((send, send.c.condition), (audit, audit.c.object), (audit, audit.c.detail)):
        has_address = func.lower(column).contains(identity, autoescape=True)
        for row in conn.execute(select(table.c.id, column).where(has_address)).all():
            conn.execute(update(table).where(table.c.id == row[0]).values({column: typed.sub(mark, row[1])}))


def _forget_feedback(conn: Connection, identity: str, mark: str) -> None:
    """Empties what came back from this subscriber, or names the address, and removes the messages."""
    mine = or_(feedback.c.identity == identity, func.lower(feedback.c.address) == identity)
    digests = select(feedback.c.digest).where(mine)
    conn.execute(delete(feedback_message).where(feedback_message.c.digest.in_(digests)))
    conn.execute(update(feedback).where(mine).values(address="", words=""))
    conn.execute(update(feedback).where(feedback.c.identity == identity).values(identity=mark))


def _forget_memberships(conn: Connection, identity: str, mark: str) -> None:
    """Keeps the rows of list files under the pseudonym, so that the files can be updated; deletes everything else."""
    forget_address(conn, identity)
    for table in (member_change, consent, transactional_mail, leaving_reason):
        conn.execute(delete(table).where(table.c.identity.in_([identity, mark])))
    namesake = member.alias()
    has_pseudonym = exists().where(namesake.c.list_id == member.c.list_id, namesake.c.identity == mark)
    of_person = member.c.identity == identity
    conn.execute(
        delete(member).where(of_person, or_(~member.c.in_file, has_pseudonym), member.c.list_id.in_(select(list_.c.id)))
    )
    conn.execute(
        update(member)
        .where(of_person, member.c.list_id.in_(select(list_.c.id)))
        .values(identity=mark, address=mark, fields="{}", profile="{}")
    )
