"""Recognises a domain that suddenly says of everybody that the mailbox does not exist: a fault of its servers, most likely.

    is_mass_bounce(conn, delivery_id, send_id, identity, hold) -> bool      within a transaction

Servers of big providers have done so for hours. What counts is the `hold` deliveries of the domain nearest to this one, in the
order of the send, that came back as permanent: if at least half of the domain's messages between the first and the last of them
did, the addresses are not suppressed, but wait for a person. So dead addresses that are scattered over a list, however many, do
not wait. The time is limited: LATEST pieces of feedback and RANGE deliveries are looked at.
"""

from sqlalchemy import Connection, func, select

from mailer.delivery.states import DeliveryState
from mailer.feedback.model import FeedbackKind
from mailer.feedback.policy import Effect
from mailer.ledger.store.compiled_statements import CompiledStatement, param
from mailer.ledger.store.tables import delivery, feedback

LATEST = 50  # pieces of feedback about the send
RANGE = 5_000  # deliveries


def is_mass_bounce(conn: Connection, delivery_id: int, send_id: int, identity: str, hold: int) -> bool:
    """Whether this permanent bounce is one of many at its domain. `hold`: how many; 0: never."""
    at_domain = "%@" + identity.rpartition("@")[2]
    if not hold:
        return False
    others = {row[0] for row in _LATEST.run(conn, send_id, at_domain, LATEST).fetchall()} - {delivery_id}
    if len(others) + 1 < hold:
        return False
    numbers = sorted({*others, delivery_id})
    mine = numbers.index(delivery_id)
    begins = range(max(0, mine - hold + 1), min(mine, len(numbers) - hold) + 1)
    first, last = min(((numbers[at], numbers[at + hold - 1]) for at in begins), key=lambda ends: ends[1] - ends[0])
    return int(_COUNT.run(conn, send_id, first, last, RANGE, at_domain).fetchone()[0]) <= 2 * hold


_recent = (
    select(feedback.c.identity, feedback.c.delivery_id, feedback.c.kind, feedback.c.permanent, feedback.c.effect)
    .where(feedback.c.send_id == param("send_id", 0))
    .order_by(feedback.c.id.desc())
    .limit(param("limit", 0))
    .subquery()
)
_LATEST = CompiledStatement(
    select(_recent.c.delivery_id).where(
        _recent.c.permanent,
        _recent.c.kind == FeedbackKind.BOUNCE,
        _recent.c.effect.in_([Effect.SUPPRESSED, Effect.WAITING]),
        _recent.c.identity.like(param("domain", "")),
    ),
    "send_id",
    "domain",
    "limit",
)
_between = (
    select(delivery.c.identity)
    .where(
        delivery.c.send_id == param("send_id", 0),
        delivery.c.state == DeliveryState.ACCEPTED,
        delivery.c.id >= param("first", 0),
        delivery.c.id <= param("last", 0),
    )
    .limit(param("limit", 0))
    .subquery()
)
_COUNT = CompiledStatement(
    select(func.count()).select_from(_between).where(_between.c.identity.like(param("domain", ""))),
    "send_id",
    "first",
    "last",
    "limit",
    "domain",
)
