"""SQL expressions that several parts of the ledger share: each rule is written once."""

from typing import Any

from sqlalchemy import ColumnElement, Text, and_, case, exists, func, type_coerce

from mailer.csv.rows import Status
from mailer.ledger.store.tables import consent, member, suppression
from mailer.ledger.types.subscribers import StatusSource

IMPORTED = "import "  # how `consent.form` begins for evidence that a list file brought; no form of ours is called so


def effective_status(at: float, row: Any = member) -> ColumnElement[Any]:
    """The status of a member, or its alias `row`, at `at`: a pause may have ended. Membership.effective_status is the same."""
    ended = and_(row.c.status == Status.PAUSED, row.c.paused_until <= at)
    return case((ended, Status.SUBSCRIBED.value), else_=type_coerce(row.c.status, Text))


def set_by_subscriber() -> ColumnElement[Any]:
    """The text "person" if the member set the status, else ""."""
    return case((member.c.said_by == StatusSource.PERSON, "person"), else_="")


def is_suppressed(identity: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether anything stands against mailing `identity`."""
    return exists().where(suppression.c.identity == identity)


def suppression_reason() -> ColumnElement[Any]:
    """The reason of a joined suppression as text, "" where there is none."""
    return func.coalesce(type_coerce(suppression.c.reason, Text), "")


def is_imported() -> ColumnElement[bool]:
    """Whether a list file brought the evidence of consent."""
    return consent.c.form.startswith(IMPORTED, autoescape=True)
