"""How attempts ended, written down; all settlements of one batch at once.

A settlement is evidence: it closes its attempt whatever the delivery became meanwhile, and moves the delivery only along
a legal way. Whoever was skipped while claimed stays skipped. Who would be tried again is skipped instead when the
address has been suppressed meanwhile, or the send cancelled. A dead address is suppressed in the same transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, or_, select, update

from mailer.delivery.records import Settlement
from mailer.delivery.state import ENDED, DeliveryState, SendKind, is_legal
from mailer.ledger.erasure import is_marker
from mailer.ledger.moves import SETTLE, IllegalMoveError, skip_suppressed
from mailer.ledger.records import SuppressionReason
from mailer.ledger.recovery import again
from mailer.ledger.sends import finish_cancelling
from mailer.ledger.suppressions import suppress
from mailer.ledger.tables import attempt, delivery, send

LONGEST_REPLY = 1_000  # characters of a server's reply that are kept
IN_HAND = frozenset({DeliveryState.CLAIMED, DeliveryState.COMMITTING, DeliveryState.UNCERTAIN})
TRIED_AGAIN = frozenset({DeliveryState.DEFERRED, DeliveryState.PENDING})


@dataclass(frozen=True, slots=True)
class Decision:
    """A settlement and what it makes of its delivery, `row` as it stood before."""

    row: Row[Any]
    settlement: Settlement
    state: DeliveryState
    reason: str


def decide(row: Row[Any], settlement: Settlement) -> Decision | IllegalMoveError | None:
    """What becomes of the delivery `row`; None when it is out of our hands, an error for a way that there is not."""
    if row.attempts != settlement.attempt or row.state not in IN_HAND:
        return None
    if not is_legal(row.state, settlement.state):
        if row.state is DeliveryState.UNCERTAIN:
            return None
        return IllegalMoveError(f"delivery {row.id} cannot go from {row.state} to {settlement.state}")
    state, reason = settlement.state, settlement.reason
    if state in TRIED_AGAIN and (row.cancelling or row.send_state in ENDED):
        late = row.state is DeliveryState.UNCERTAIN
        state, reason = (DeliveryState.FAILED if late else DeliveryState.SKIPPED), "cancelled"
    return Decision(row, settlement, state, reason)


def settle(
    conn: Connection, send_id: int, settlements: Sequence[Settlement], *, resend_uncertain: bool
) -> list[IllegalMoveError | None]:
    """Write `settlements` down; for each, None, or the error if its delivery could not go that way."""
    ids = [settlement.delivery_id for settlement in settlements]
    rows = {row.id: row for row in conn.execute(_BEFORE, {"b_ids": ids}) if row.send_id == send_id}
    decisions: dict[int, Decision] = {}
    errors: list[IllegalMoveError | None] = []
    for settlement in settlements:
        row = rows.get(settlement.delivery_id)
        error = None
        if row is None:
            error = IllegalMoveError(f"send {send_id} has no delivery {settlement.delivery_id}")
        elif row.id not in decisions:  # the first of one batch counts
            match decide(row, settlement):
                case Decision() as decision:
                    decisions[row.id] = decision
                case IllegalMoveError() as error:
                    pass
        errors.append(error)
    known = [settlement for settlement in settlements if settlement.delivery_id in rows]
    if known:
        conn.execute(_CLOSE_ATTEMPT, [_closing(settlement, rows[settlement.delivery_id]) for settlement in known])
    if decisions:
        conn.execute(SETTLE, [_settled(decision) for decision in decisions.values()])
        _follow(conn, send_id, list(decisions.values()), resend_uncertain=resend_uncertain)
    return errors


def _follow(conn: Connection, send_id: int, decisions: Sequence[Decision], *, resend_uncertain: bool) -> None:
    """What settlements bring about beyond their own row."""
    at = max(decision.settlement.at for decision in decisions)
    conn.execute(_LAST_SETTLEMENT, {"b_send": send_id, "b_at": at})
    for decision in decisions:
        _suppress_dead(conn, send_id, decision, at=at)
    tried_again = [decision.row.id for decision in decisions if decision.state in TRIED_AGAIN]
    if resend_uncertain:
        uncertain = [
            decision.row.id
            for decision in decisions
            if decision.state is DeliveryState.UNCERTAIN
            and not decision.row.cancelling
            and decision.row.send_state not in ENDED
        ]
        again(conn, uncertain, at=at)
        tried_again += uncertain
    if tried_again:
        skip_suppressed(conn, delivery.c.id.in_(tried_again), at=at)
    if any(decision.row.cancelling for decision in decisions):
        finish_cancelling(conn, send_id, at=at)


def _suppress_dead(conn: Connection, send_id: int, decision: Decision, *, at: float) -> None:
    """Suppress an address that the server calls dead, or that answered a bare 550 in two sends running."""
    settlement, row = decision.settlement, decision.row
    if row.kind is SendKind.TEST or is_marker(row.identity):
        return
    if settlement.suppress or (settlement.bare_550 and _answered_so_before(conn, row.identity, send_id)):
        source = f"send {send_id}: {_code(settlement) or settlement.reason}"
        suppress(conn, row.identity, SuppressionReason.BOUNCED, source=source, send_id=send_id, at=at)


def _answered_so_before(conn: Connection, identity: str, send_id: int) -> bool:
    """Whether the last send before that tried this address ended in a bare 550, too."""
    query = (
        select(delivery.c.state, delivery.c.code, delivery.c.enhanced)
        .join(send)
        .where(
            delivery.c.identity == identity,
            delivery.c.send_id < send_id,
            delivery.c.attempts > 0,
            send.c.kind != SendKind.TEST,
        )
        .order_by(delivery.c.send_id.desc())
        .limit(1)
    )
    row = conn.execute(query).first()
    return row is not None and row.state is DeliveryState.FAILED and row.code == 550 and not row.enhanced


def _code(settlement: Settlement) -> str:
    reply = settlement.reply
    return f"{reply.code} {reply.enhanced}".strip() if reply else ""


def _words(settlement: Settlement, row: Row[Any]) -> dict[str, object]:
    """The server's words; of someone who was erased, none that could quote the address."""
    reply = settlement.reply
    quotable = reply is not None and not is_marker(row.identity)
    return {
        "b_code": reply.code if reply else None,
        "b_enhanced": reply.enhanced if reply else "",
        "b_reply": reply.text[:LONGEST_REPLY] if reply and quotable else "",
        "b_stage": settlement.stage,
        "b_at": settlement.at,
    }


def _settled(decision: Decision) -> Mapping[str, object]:
    deferred = decision.state is DeliveryState.DEFERRED
    return {
        **_words(decision.settlement, decision.row),
        "b_id": decision.row.id,
        "b_before": decision.row.state,
        "b_state": decision.state,
        "b_reason": decision.reason,
        "b_next_at": decision.settlement.next_at if deferred else 0.0,
    }


def _closing(settlement: Settlement, row: Row[Any]) -> Mapping[str, object]:
    return {
        **_words(settlement, row),
        "b_delivery": settlement.delivery_id,
        "b_number": settlement.attempt,
        "b_relay": settlement.relay,
        "b_verdict": settlement.state,
    }


_BEFORE: Select[Any] = (
    select(
        delivery.c.id,
        delivery.c.send_id,
        delivery.c.identity,
        delivery.c.state,
        delivery.c.attempts,
        send.c.kind,
        send.c.state.label("send_state"),
        send.c.cancelling,
    )
    .join(send)
    .where(delivery.c.id.in_(bindparam("b_ids", expanding=True)))
    .with_for_update(of=delivery)
)
_CLOSE_ATTEMPT = (
    update(attempt)
    .where(
        attempt.c.delivery_id == bindparam("b_delivery"),
        attempt.c.number == bindparam("b_number"),
        or_(attempt.c.closed_at.is_(None), attempt.c.verdict == DeliveryState.UNCERTAIN),
    )
    .values(
        closed_at=bindparam("b_at"),
        relay=bindparam("b_relay"),
        stage=bindparam("b_stage"),
        code=bindparam("b_code"),
        enhanced=bindparam("b_enhanced"),
        reply=bindparam("b_reply"),
        verdict=bindparam("b_verdict"),
    )
)
_LAST_SETTLEMENT = (
    update(send)
    .where(send.c.id == bindparam("b_send"), func.coalesce(send.c.settled_at, 0.0) < bindparam("b_at"))
    .values(settled_at=bindparam("b_at"))
)
