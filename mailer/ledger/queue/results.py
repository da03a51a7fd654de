"""Records how attempts ended: all results of one batch at once.

A result is evidence: it closes its attempt whatever the delivery became meanwhile, and changes the delivery's state only
along a legal transition. A delivery that was skipped while claimed stays skipped. One that would be tried again is skipped
instead if its address was suppressed meanwhile, or its send cancelled. A dead address is suppressed in the same transaction.

An acceptance may come late, from a process that was cut off, when its delivery is uncertain, waits to be sent again, or was
refused in a later attempt. It is accepted then, also if it was claimed again and not marked yet.

Most results are acceptances of what the same holder marked a moment ago: one conditional statement writes them, without reading.
All others are read first, locked, and decided one by one.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, cast, exists, insert, select, update

from mailer.delivery.queue_port import DeliveryResult
from mailer.delivery.states import DECIDED_LATE, TERMINAL, DeliveryState, SendKind, is_allowed
from mailer.ledger.deliveries.skip import skip_ineligible
from mailer.ledger.deliveries.transitions import ACCEPT, CHANGE_STATE, RECEIVED, IllegalTransitionError, transition
from mailer.ledger.privacy.pseudonyms import is_pseudonym
from mailer.ledger.sends.recovery import is_attempt_closed, requeue
from mailer.ledger.store.compiled_statements import BulkInsert, CompiledStatement, encode_ids, in_ids, param
from mailer.ledger.store.tables import attempt, delivery, send
from mailer.ledger.subscribers.suppressions import suppress
from mailer.ledger.types.suppressions import SuppressionReason
from mailer.smtp.stage import Stage

LONGEST_REPLY = 1_000  # characters of a server's reply that are kept
_STAGES: Mapping[Stage | None, str] = {stage: stage.value for stage in Stage}  # `value` of an enum is slow
_STATES: Mapping[DeliveryState, str] = {state: state.value for state in DeliveryState}
UNDECIDED = frozenset({DeliveryState.CLAIMED, DeliveryState.SENDING, DeliveryState.UNCERTAIN})
TRIED_AGAIN = frozenset({DeliveryState.DEFERRED, DeliveryState.PENDING})


@dataclass(frozen=True, slots=True)
class AppliedResult:
    """A result and the new state that it gives its delivery; `row` is the delivery before."""

    row: Row[Any]
    result: DeliveryResult
    state: DeliveryState
    reason: str


@dataclass(frozen=True, slots=True)
class RecordedResults:
    """None or an error for each result, and how many messages were `sent` of which that was not known before."""

    errors: list[IllegalTransitionError | None]
    sent: int


def next_state(row: Row[Any], result: DeliveryResult) -> AppliedResult | IllegalTransitionError | None:
    """Returns the new state of the delivery `row`; None if it was released or skipped, an error for an illegal transition."""
    if not _decides(row, result):
        return None
    if not is_allowed(row.state, result.state):
        if row.state is DeliveryState.UNCERTAIN:
            return None
        return IllegalTransitionError(f"delivery {row.id} cannot go from {row.state} to {result.state}")
    state, reason = result.state, result.reason
    if state in TRIED_AGAIN and (row.cancel_requested or row.send_state in TERMINAL):
        late = row.state is DeliveryState.UNCERTAIN
        state, reason = (DeliveryState.FAILED if late else DeliveryState.SKIPPED), "cancelled"
    return AppliedResult(row, result, state, reason)


def _decides(row: Row[Any], result: DeliveryResult) -> bool:
    """Whether `result` is of the last attempt, or accepts late what was sent again."""
    if row.attempts == result.attempt and row.state in UNDECIDED:
        return True
    if result.state is not DeliveryState.ACCEPTED or row.state not in DECIDED_LATE:
        return False
    waits_for_it = row.attempts == result.attempt and row.state is DeliveryState.PENDING
    return waits_for_it or row.attempts > result.attempt


def record_accepted(conn: Connection, results: Sequence[DeliveryResult], *, at: float) -> list[DeliveryResult]:
    """Records acceptances of deliveries marked as sending, and returns those that it could not. Each delivery comes once."""
    by_attempt: dict[int, list[DeliveryResult]] = defaultdict(list)
    for result in results:
        by_attempt[result.attempt].append(result)
    taken: list[DeliveryResult] = []
    left: list[DeliveryResult] = []
    for number, group in by_attempt.items():
        wanted = [result.delivery_id for result in group]
        if ACCEPT.run(conn, encode_ids(wanted), number, at).rowcount == len(wanted):
            taken += group
            continue
        query = select(delivery.c.id).where(
            in_ids(delivery.c.id, wanted),
            delivery.c.state == DeliveryState.ACCEPTED,
            delivery.c.attempts == number,
            ~is_attempt_closed(),
        )
        moved = frozenset(conn.execute(query).scalars())
        for result in group:
            (taken if result.delivery_id in moved else left).append(result)
    _CLOSE.add(conn, [(each.delivery_id, each.attempt, each.opened_at or each.at, *_values(each)) for each in taken])
    return left


def record_results(
    conn: Connection,
    send_id: int,
    results: Sequence[DeliveryResult],
    *,
    resend_uncertain: bool,
) -> RecordedResults:
    """Records `results`, except those that would be an illegal transition."""
    wanted = [result.delivery_id for result in results]
    _take_back_claims(conn, [each for each in results if each.state is DeliveryState.ACCEPTED])
    rows = {row.id: row for row in conn.execute(_BEFORE, {"b_ids": wanted}) if row.send_id == send_id}
    applied: dict[int, AppliedResult] = {}
    errors: list[IllegalTransitionError | None] = []
    for result in results:
        row = rows.get(result.delivery_id)
        error = None
        if row is None:
            error = IllegalTransitionError(f"send {send_id} has no delivery {result.delivery_id}")
        elif row.id not in applied:  # the first result of a batch counts
            match next_state(row, result):
                case AppliedResult() as each:
                    applied[row.id] = each
                case IllegalTransitionError() as error:
                    pass
        errors.append(error)
    for result in results:
        if result.delivery_id in rows:
            _keep_evidence(conn, rows[result.delivery_id], result)
    if applied:
        CHANGE_STATE.run_many(conn, [_change_of(each) for each in applied.values()])
        _side_effects(conn, send_id, list(applied.values()), resend_uncertain=resend_uncertain)
    sent = sum(each.row.state is DeliveryState.SENDING and each.state in RECEIVED for each in applied.values())
    return RecordedResults(errors, sent)


def _take_back_claims(conn: Connection, late: Sequence[DeliveryResult]) -> None:
    """Makes each delivery pending again that was claimed for an attempt after the one that was accepted `late`."""
    for each in late:
        claimed = transition({DeliveryState.CLAIMED}, DeliveryState.PENDING, at=each.at)
        its_own = (delivery.c.id == each.delivery_id, delivery.c.attempts > each.attempt)
        conn.execute(claimed.where(*its_own).values(attempts=delivery.c.attempts - 1))


def _keep_evidence(conn: Connection, row: Row[Any], result: DeliveryResult) -> None:
    """Closes the attempt if it is under way, or revises one that ended uncertain."""
    under_way = row.state in {DeliveryState.CLAIMED, DeliveryState.SENDING} and row.attempts == result.attempt
    opened_at = result.opened_at or (row.updated_at if under_way else result.at)
    key = (result.delivery_id, result.attempt)
    values = _values(result, quotable=not is_pseudonym(row.identity))
    if _REVISE.run(conn, *key, *values).rowcount:
        return
    _CLOSE_ONCE.run(conn, *key, opened_at, *values)
    if row.attempts == result.attempt - 1 and row.state is DeliveryState.SKIPPED:  # the attempt counts after all
        conn.execute(update(delivery).where(delivery.c.id == row.id).values(attempts=result.attempt))


def _side_effects(conn: Connection, send_id: int, applied: Sequence[AppliedResult], *, resend_uncertain: bool) -> None:
    """Applies the side effects of results on other rows: suppressions, resends, skips."""
    at = max(each.result.at for each in applied)
    for each in applied:
        _suppress_dead(conn, send_id, each, at=at)
    tried_again = [each.row.id for each in applied if each.state in TRIED_AGAIN]
    if resend_uncertain:
        uncertain = [
            each.row.id
            for each in applied
            if each.state is DeliveryState.UNCERTAIN
            and not each.row.cancel_requested
            and each.row.send_state not in TERMINAL
        ]
        requeue(conn, uncertain, at=at)
        tried_again += uncertain
    if tried_again:
        skip_ineligible(conn, in_ids(delivery.c.id, tried_again), at=at)


def _suppress_dead(conn: Connection, send_id: int, each: AppliedResult, *, at: float) -> None:
    """Suppresses an address if the server said that the mailbox does not exist."""
    result, row = each.result, each.row
    if result.suppress and row.kind is not SendKind.TEST and not is_pseudonym(row.identity):
        source = f"send {send_id}: {_code(result) or result.reason}"
        suppress(conn, row.identity, SuppressionReason.BOUNCED, source=source, send_id=send_id, at=at)


def _code(result: DeliveryResult) -> str:
    reply = result.reply
    return f"{reply.code} {reply.enhanced}".strip() if reply else ""


def _values(result: DeliveryResult, *, quotable: bool = True) -> tuple[object, ...]:
    """Returns the values of _RESULT; not `quotable`: without the reply's text, which may quote an erased address."""
    reply = result.reply
    return (
        result.at,
        result.relay,
        _STAGES.get(result.stage),
        reply.code if reply else None,
        reply.enhanced if reply else "",
        reply.text[:LONGEST_REPLY] if reply and quotable else "",
        _STATES[result.state],
    )


def _change_of(each: AppliedResult) -> tuple[object, ...]:
    return (
        each.row.id,
        each.row.state.value,
        each.state.value,
        each.reason,
        each.result.next_at if each.state is DeliveryState.DEFERRED else 0.0,
        each.result.at,
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
        send.c.cancel_requested,
    )
    .join(send)
    .where(delivery.c.id.in_(bindparam("b_ids", expanding=True)))
    .with_for_update(of=delivery)
)
_RESULT = {
    "closed_at": param("closed_at", 0.0),
    "relay": param("relay", ""),
    "stage": param("stage", ""),
    "code": param("code"),
    "enhanced": param("enhanced", ""),
    "reply": param("reply", ""),
    "classification": param("classification", ""),
}
_ATTEMPT = {
    "delivery_id": param("delivery_id"),
    "number": param("number"),
    "opened_at": param("opened_at", 0.0),
    **_RESULT,
}
_CLOSE = BulkInsert(attempt, *_ATTEMPT)
_THIS_ATTEMPT = (attempt.c.delivery_id == param("delivery_id"), attempt.c.number == param("number"))
_CLOSE_ONCE = CompiledStatement(
    insert(attempt).from_select(
        list(_ATTEMPT),
        select(*(cast(value, attempt.c[name].type) for name, value in _ATTEMPT.items())).where(
            ~exists().where(*_THIS_ATTEMPT)
        ),
    ),
    *_ATTEMPT,
)
_REVISE = CompiledStatement(
    update(attempt).where(*_THIS_ATTEMPT, attempt.c.classification == DeliveryState.UNCERTAIN).values(**_RESULT),
    "delivery_id",
    "number",
    *_RESULT,
)
