"""SQL expressions that several parts of the ledger share."""

from typing import Any

from sqlalchemy import ColumnElement, Text, and_, case, exists, func, type_coerce

from mailer.csv.rows import Status
from mailer.ledger.store.tables import consent, member, suppression
from mailer.ledger.types.subscribers import StatusSource

IMPORTED = "import "  # prefix of `consent.form` for consents from a list file; no form has it


def effective_status(at: float, row: Any = member) -> ColumnElement[Any]:
    """Returns the status of a member, or its alias `row`, at `at`: a pause may be over; as Membership.effective_status."""
    ended = and_(row.c.status == Status.PAUSED, row.c.paused_until <= at)
    return case((ended, Status.SUBSCRIBED.value), else_=type_coerce(row.c.status, Text))


def set_by_subscriber() -> ColumnElement[Any]:
    """Returns the text "person" if the member set the status, else ""."""
    return case((member.c.status_source == StatusSource.PERSON, "person"), else_="")


def is_suppressed(identity: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether there is a suppression of `identity`."""
    return exists().where(suppression.c.identity == identity)


def suppression_reason() -> ColumnElement[Any]:
    """Returns the reason of a joined suppression as text, or ""."""
    return func.coalesce(type_coerce(suppression.c.reason, Text), "")


def is_imported() -> ColumnElement[bool]:
    """Whether a consent comes from a list file."""
    return consent.c.form.startswith(IMPORTED, autoescape=True)
