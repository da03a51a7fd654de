"""Records how attempts ended: all results of one batch at once.

A result is evidence: it closes its attempt whatever the delivery became meanwhile, and changes the delivery's state only
along a legal transition. A delivery that was skipped while claimed stays skipped. One that would be tried again is skipped
instead if its address was suppressed meanwhile, or its send cancelled. A dead address is suppressed in the same transaction.

Most results are acceptances of what the same owner committed a moment ago: one conditional statement writes them, without
reading. All others are read first, locked, and decided one by one.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, cast, exists, insert, select, update

from mailer.delivery.states import TERMINAL, DeliveryState, SendKind, is_allowed
from mailer.delivery.types import DeliveryResult
from mailer.ledger.deliveries.skip import skip_ineligible
from mailer.ledger.deliveries.transitions import ACCEPT, RECEIVED, SETTLE, IllegalTransitionError
from mailer.ledger.privacy.pseudonyms import is_marker
from mailer.ledger.sends.recovery import is_attempt_closed, requeue
from mailer.ledger.store.fastsql import BulkInsert, CompiledStatement, encode_ids, param
from mailer.ledger.store.tables import attempt, delivery, send
from mailer.ledger.subscribers.suppressions import suppress
from mailer.ledger.types.suppressions import SuppressionReason
from mailer.smtp.types import Stage

LONGEST_REPLY = 1_000  # characters of a server's reply that are kept
_STAGES: Mapping[Stage | None, str] = {stage: stage.value for stage in Stage}  # `value` of an enum is slow
_STATES: Mapping[DeliveryState, str] = {state: state.value for state in DeliveryState}
IN_HAND = frozenset({DeliveryState.CLAIMED, DeliveryState.SENDING, DeliveryState.UNCERTAIN})
TRIED_AGAIN = frozenset({DeliveryState.DEFERRED, DeliveryState.PENDING})


@dataclass(frozen=True, slots=True)
class ResultDecision:
    """A settlement and the new state of its delivery; `row` is the delivery before."""

    row: Row[Any]
    result: DeliveryResult
    state: DeliveryState
    reason: str


@dataclass(frozen=True, slots=True)
class RecordedResults:
    """None or an error for each settlement, and how many messages were sent (`gone`) of which that was not known before."""

    errors: list[IllegalTransitionError | None]
    sent: int


def decide(row: Row[Any], delivery_result: DeliveryResult) -> ResultDecision | IllegalTransitionError | None:
    """Returns the decision for the delivery `row`; None if it is no longer in our hands, an error for an illegal transition."""
    if row.attempts != delivery_result.attempt or row.state not in IN_HAND:
        return None
    if not is_allowed(row.state, delivery_result.state):
        if row.state is DeliveryState.UNCERTAIN:
            return None
        return IllegalTransitionError(f"delivery {row.id} cannot go from {row.state} to {delivery_result.state}")
    state, reason = delivery_result.state, delivery_result.reason
    if state in TRIED_AGAIN and (row.cancelling or row.send_state in TERMINAL):
        late = row.state is DeliveryState.UNCERTAIN
        state, reason = (DeliveryState.FAILED if late else DeliveryState.SKIPPED), "cancelled"
    return ResultDecision(row, delivery_result, state, reason)


def record_accepted(conn: Connection, results: Sequence[DeliveryResult], *, at: float) -> list[DeliveryResult]:
    """Records acceptances of committed deliveries, and returns those that it could not. Each delivery comes once."""
    by_attempt: dict[int, list[DeliveryResult]] = defaultdict(list)
    for delivery_result in results:
        by_attempt[delivery_result.attempt].append(delivery_result)
    taken: list[DeliveryResult] = []
    left: list[DeliveryResult] = []
    for number, group in by_attempt.items():
        wanted = [delivery_result.delivery_id for delivery_result in group]
        if ACCEPT.run(conn, encode_ids(wanted), number, at).rowcount == len(wanted):
            taken += group
            continue
        query = select(delivery.c.id).where(
            delivery.c.id.in_(wanted),
            delivery.c.state == DeliveryState.ACCEPTED,
            delivery.c.attempts == number,
            ~is_attempt_closed(),
        )
        moved = frozenset(conn.execute(query).scalars())
        for delivery_result in group:
            (taken if delivery_result.delivery_id in moved else left).append(delivery_result)
    _CLOSE.add(conn, [(each.delivery_id, each.attempt, each.opened_at or each.at, *_words(each)) for each in taken])
    return left


def record_results(
    conn: Connection,
    send_id: int,
    results: Sequence[DeliveryResult],
    *,
    resend_uncertain: bool,
) -> RecordedResults:
    """Records `settlements`, but for those that would be an illegal transition."""
    wanted = [delivery_result.delivery_id for delivery_result in results]
    rows = {row.id: row for row in conn.execute(_BEFORE, {"b_ids": wanted}) if row.send_id == send_id}
    decisions: dict[int, ResultDecision] = {}
    errors: list[IllegalTransitionError | None] = []
    for delivery_result in results:
        row = rows.get(delivery_result.delivery_id)
        error = None
        if row is None:
            error = IllegalTransitionError(f"send {send_id} has no delivery {delivery_result.delivery_id}")
        elif row.id not in decisions:  # the first of one batch counts
            match decide(row, delivery_result):
                case ResultDecision() as decision:
                    decisions[row.id] = decision
                case IllegalTransitionError() as error:
                    pass
        errors.append(error)
    for delivery_result in results:
        if delivery_result.delivery_id in rows:
            _keep_evidence(conn, rows[delivery_result.delivery_id], delivery_result)
    if decisions:
        SETTLE.run_many(conn, [_settled(decision) for decision in decisions.values()])
        _side_effects(conn, send_id, list(decisions.values()), resend_uncertain=resend_uncertain)
    gone = sum(each.row.state is DeliveryState.SENDING and each.state in RECEIVED for each in decisions.values())
    return RecordedResults(errors, gone)


def _keep_evidence(conn: Connection, row: Row[Any], delivery_result: DeliveryResult) -> None:
    """Closes the attempt if it is under way, or revises one that ended uncertain."""
    under_way = row.state in {DeliveryState.CLAIMED, DeliveryState.SENDING} and row.attempts == delivery_result.attempt
    opened_at = delivery_result.opened_at or (row.updated_at if under_way else delivery_result.at)
    key, words = (
        (delivery_result.delivery_id, delivery_result.attempt),
        _words(delivery_result, quotable=not is_marker(row.identity)),
    )
    if _REVISE.run(conn, *key, *words).rowcount:
        return
    _CLOSE_ONCE.run(conn, *key, opened_at, *words)
    if row.attempts == delivery_result.attempt - 1 and row.state is DeliveryState.SKIPPED:  # it was one, after all
        conn.execute(update(delivery).where(delivery.c.id == row.id).values(attempts=delivery_result.attempt))


def _side_effects(
    conn: Connection, send_id: int, decisions: Sequence[ResultDecision], *, resend_uncertain: bool
) -> None:
    """Side effects of settlements on other rows: suppressions, resends, skips."""
    at = max(decision.result.at for decision in decisions)
    for decision in decisions:
        _suppress_dead(conn, send_id, decision, at=at)
    tried_again = [decision.row.id for decision in decisions if decision.state in TRIED_AGAIN]
    if resend_uncertain:
        uncertain = [
            decision.row.id
            for decision in decisions
            if decision.state is DeliveryState.UNCERTAIN
            and not decision.row.cancelling
            and decision.row.send_state not in TERMINAL
        ]
        requeue(conn, uncertain, at=at)
        tried_again += uncertain
    if tried_again:
        skip_ineligible(conn, delivery.c.id.in_(tried_again), at=at)


def _suppress_dead(conn: Connection, send_id: int, decision: ResultDecision, *, at: float) -> None:
    """Suppresses an address that the server calls dead, or that was refused with a bare 550 in two sends running."""
    delivery_result, row = decision.result, decision.row
    if row.kind is SendKind.TEST or is_marker(row.identity):
        return
    if delivery_result.suppress or (delivery_result.is_plain_550 and _answered_so_before(conn, row.identity, send_id)):
        source = f"send {send_id}: {_code(delivery_result) or delivery_result.reason}"
        suppress(conn, row.identity, SuppressionReason.BOUNCED, source=source, send_id=send_id, at=at)


def _answered_so_before(conn: Connection, identity: str, send_id: int) -> bool:
    """Whether the last earlier delivery to this address failed with a bare 550, too."""
    query = (
        select(delivery.c.state, attempt.c.code, attempt.c.enhanced)
        .join(send, send.c.id == delivery.c.send_id)
        .join(attempt, (attempt.c.delivery_id == delivery.c.id) & (attempt.c.number == delivery.c.attempts))
        .where(delivery.c.identity == identity, delivery.c.send_id < send_id, send.c.kind != SendKind.TEST)
        .order_by(delivery.c.send_id.desc())
        .limit(1)
    )
    row = conn.execute(query).first()
    return row is not None and row.state is DeliveryState.FAILED and row.code == 550 and not row.enhanced


def _code(delivery_result: DeliveryResult) -> str:
    reply = delivery_result.reply
    return f"{reply.code} {reply.enhanced}".strip() if reply else ""


def _words(delivery_result: DeliveryResult, *, quotable: bool = True) -> tuple[object, ...]:
    """The values of _WORDS; not `quotable`: without the server's text, which could quote the address of an erased person."""
    reply = delivery_result.reply
    return (
        delivery_result.at,
        delivery_result.relay,
        _STAGES.get(delivery_result.stage),
        reply.code if reply else None,
        reply.enhanced if reply else "",
        reply.text[:LONGEST_REPLY] if reply and quotable else "",
        _STATES[delivery_result.state],
    )


def _settled(decision: ResultDecision) -> tuple[object, ...]:
    return (
        decision.row.id,
        decision.row.state.value,
        decision.state.value,
        decision.reason,
        decision.result.next_at if decision.state is DeliveryState.DEFERRED else 0.0,
        decision.result.at,
    )


_BEFORE: Select[Any] = (
    select(
        delivery.c.id,
        delivery.c.send_id,
        delivery.c.identity,
        delivery.c.state,
        delivery.c.attempts,
        delivery.c.updated_at,
        send.c.kind,
        send.c.state.label("send_state"),
        send.c.cancelling,
    )
    .join(send)
    .where(delivery.c.id.in_(bindparam("b_ids", expanding=True)))
    .with_for_update(of=delivery)
)
_WORDS = {
    "closed_at": param("closed_at", 0.0),
    "relay": param("relay", ""),
    "stage": param("stage", ""),
    "code": param("code"),
    "enhanced": param("enhanced", ""),
    "reply": param("reply", ""),
    "verdict": param("verdict", ""),
}
_VALUES = {
    "delivery_id": param("delivery_id"),
    "number": param("number"),
    "opened_at": param("opened_at", 0.0),
    **_WORDS,
}
_CLOSE = BulkInsert(attempt, *_VALUES)
_OF_IT = (attempt.c.delivery_id == param("delivery_id"), attempt.c.number == param("number"))
_CLOSE_ONCE = CompiledStatement(
    insert(attempt).from_select(
        list(_VALUES),
        select(*(cast(value, attempt.c[name].type) for name, value in _VALUES.items())).where(~exists().where(*_OF_IT)),
    ),
    *_VALUES,
)
_REVISE = CompiledStatement(
    update(attempt).where(*_OF_IT, attempt.c.verdict == DeliveryState.UNCERTAIN).values(**_WORDS),
    "delivery_id",
    "number",
    *_WORDS,
)
