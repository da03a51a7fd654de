"""Open deliveries to people whom none of the send's lists would mail any more: who left a single list, or takes a break.

A freeze looks at the lists once. What people say afterwards of single lists is heeded here, as what they say of everything
is by skip_suppressed: at once when they say it, when a resend is made, and when a delivery that was under way, or uncertain,
or refused, is to be tried again. A delivery to somebody of whom the send's lists know nothing is left alone.
"""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Text, and_, exists, select, type_coerce

from mailer.audience.row import Status
from mailer.ledger.merging import standing_status
from mailer.ledger.moves import skip, skip_suppressed
from mailer.ledger.tables import delivery, list_, member, send_list


def skip_unwanted(conn: Connection, which: ColumnElement[bool], *, at: float) -> None:
    """Within a transaction: skip those of the deliveries `which` that their person does not want, or must not get, any more."""
    skip_suppressed(conn, which, at=at)
    skip_left(conn, which, at=at)


def skip_left(conn: Connection, which: ColumnElement[bool], *, at: float) -> int:
    """Within a transaction: skip those of the deliveries `which` whose person gets nothing from the send's lists. How many."""
    status = type_coerce(standing_status(at), Text)
    on_lists = _memberships(status)
    subscribed = on_lists.where(status == Status.SUBSCRIBED.value)
    why = on_lists.order_by(member.c.list_id).limit(1).scalar_subquery()
    return skip(conn, and_(which, exists(on_lists), ~exists(subscribed)), why, at=at)


def _memberships(status: ColumnElement[Any]) -> Select[Any]:
    """What holds on each of the lists of a delivery's send that have its person."""
    named = select(list_.c.id).join(send_list, send_list.c.name == list_.c.name)
    return (
        select(status)
        .where(
            member.c.list_id.in_(named.where(send_list.c.send_id == delivery.c.send_id).correlate(delivery)),
            member.c.identity == delivery.c.identity,
            member.c.removed_at.is_(None),
        )
        .correlate(delivery)
    )
