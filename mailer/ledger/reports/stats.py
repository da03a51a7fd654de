"""Statistics of a send, counted from the ledger alone: whichever process sends it, at any time.

    stats.domains(send_id)                states of deliveries by the domain of the address
    stats.rates(send_id, since=, width=)  results of attempts by time interval
    stats.relays(send_id, now)            recent attempts by relay
    stats.deferrals(send_id)              deferred deliveries by domain and reply
    stats.page(send_id, ...)              some recipients, in the order of the deliveries

Each is one query over the rows of one send, and costs time proportional to its length, except `relays` and `page`; a caller that
polls does so within a budget (mailer.service.sends.monitor). Raises LedgerError.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Integer, String, and_, cast, func, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from mailer.delivery.states import DeliveryState
from mailer.ledger.reports.deliveries import LAST_ATTEMPT, REPORT_COLUMNS, bounds_of, last_started_id, report_row
from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import attempt, delivery
from mailer.ledger.types.deliveries import ReportRow
from mailer.ledger.types.delivery_counts import DeferralGroup, DomainCount, RateBucket, RelayCount

RECENT = 30.0  # seconds
_ATTEMPTS = 2_000  # the latest ones, which show the current rate


class _Domain(FunctionElement[str]):
    """The domain of an identity; "" for erased ones."""

    inherit_cache = True
    type = String()


@compiles(_Domain, "sqlite")
def _domain_sqlite(element: _Domain, compiler: SQLCompiler, **options: Any) -> str:
    column = compiler.process(element.clauses, **options)
    return f"CASE instr({column}, '@') WHEN 0 THEN '' ELSE substr({column}, instr({column}, '@') + 1) END"


@compiles(_Domain, "postgresql")
def _domain_postgresql(element: _Domain, compiler: SQLCompiler, **options: Any) -> str:
    return f"split_part({compiler.process(element.clauses, **options)}, '@', 2)"


def domain_of(identity: ColumnElement[str]) -> ColumnElement[str]:
    """Returns the domain of an identity; "" for erased ones."""
    return _Domain(identity)


class _Floor(FunctionElement[int]):
    """A number that is not negative, without its fraction: SQLite's cast cuts it off, PostgreSQL's rounds."""

    inherit_cache = True
    type = Integer()


@compiles(_Floor, "sqlite")
def _whole_sqlite(element: _Floor, compiler: SQLCompiler, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS INTEGER)"


@compiles(_Floor, "postgresql")
def _whole_postgresql(element: _Floor, compiler: SQLCompiler, **options: Any) -> str:
    return f"CAST(floor({compiler.process(element.clauses, **options)}) AS INTEGER)"


class SendStats:
    """Computes statistics of sends."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def domains(self, send_id: int) -> tuple[DomainCount, ...]:
        domain = _Domain(delivery.c.identity).label("domain")
        query = select(domain, delivery.c.state, func.count().label("count")).group_by(domain, delivery.c.state)
        with self._context.database.reading() as conn:
            query = query.where(delivery.c.id.between(*bounds_of(conn, send_id)))
            return tuple(DomainCount(**row) for row in conn.execute(query).mappings())

    def rates(self, send_id: int, *, since: float, width: float) -> tuple[RateBucket, ...]:
        """Counts results of attempts in each interval of `width` seconds from `since` on; empty intervals are omitted."""
        number = _Floor((attempt.c.closed_at - since) / width).label("number")
        query = (
            select(number, attempt.c.classification, func.count().label("count"))
            .where(attempt.c.closed_at >= since, attempt.c.classification.is_not(None), attempt.c.lost.is_(False))
            .group_by(number, attempt.c.classification)
            .order_by(number)
        )
        with self._context.database.reading() as conn:
            query = query.where(attempt.c.delivery_id.between(*bounds_of(conn, send_id)))
            return tuple(RateBucket(**row) for row in conn.execute(query).mappings())

    def relays(self, send_id: int, now: float) -> tuple[RelayCount, ...]:
        """Counts by relay the latest first attempts that ended within RECENT; retries among them are not counted."""
        with self._context.database.reading() as conn:
            first, _ = bounds_of(conn, send_id)
            end = last_started_id(conn, send_id)
            query = (
                select(
                    attempt.c.relay,
                    func.count().label("count"),
                    func.min(attempt.c.closed_at).label("since"),
                    func.max(attempt.c.closed_at).label("until"),
                )
                .where(
                    attempt.c.delivery_id.between(max(first, end - _ATTEMPTS), end - 1),
                    attempt.c.closed_at > now - RECENT,
                    attempt.c.relay != "",
                )
                .group_by(attempt.c.relay)
                .order_by(attempt.c.relay)
            )
            return tuple(RelayCount(**row) for row in conn.execute(query).mappings())

    def deferrals(self, send_id: int) -> tuple[DeferralGroup, ...]:
        """Counts the deferred deliveries by domain and reply, the most frequent first."""
        domain = _Domain(delivery.c.identity).label("domain")
        reply = (attempt.c.code, attempt.c.enhanced)
        query = (
            select(
                domain,
                *reply,
                func.min(attempt.c.reply).label("reply"),
                func.count().label("count"),
                func.min(attempt.c.closed_at).label("since"),
            )
            .join(attempt, LAST_ATTEMPT)
            .where(delivery.c.send_id == send_id, delivery.c.state == DeliveryState.DEFERRED)
            .group_by(domain, *reply)
            .order_by(func.count().desc(), domain)
        )
        with self._context.database.reading() as conn:
            return tuple(DeferralGroup(**row) for row in conn.execute(query).mappings())

    def page(
        self, send_id: int, *states: DeliveryState, words: str = "", after: int = 0, limit: int = 50
    ) -> tuple[ReportRow, ...]:
        """Returns up to `limit` recipients after the delivery `after`, in `states` if any are given, that match `words`.

        Words are searched in the address, and in the reply and the reason of those that were not accepted.
        """
        query = select(*REPORT_COLUMNS).outerjoin(attempt, LAST_ATTEMPT).order_by(delivery.c.id).limit(limit)
        with self._context.database.reading() as conn:
            first, last = bounds_of(conn, send_id)
            if states:
                query = query.where(delivery.c.send_id == send_id, delivery.c.id > after, *_in_states(states))
            else:
                query = query.where(delivery.c.id.between(max(first, after + 1), last))
            return tuple(map(report_row, conn.execute(query.where(*map(_has, words.split())))))


def _in_states(states: Sequence[DeliveryState]) -> list[ColumnElement[bool]]:
    """Returns conditions for which an index has the order: `next_at` is 0 except for deferred ones and those taken back."""
    has_times = {DeliveryState.DEFERRED, DeliveryState.PENDING} & set(states)
    return [delivery.c.state.in_(states), *([] if has_times else [delivery.c.next_at == 0.0])]


def _has(word: str) -> ColumnElement[bool]:
    """Whether `word` occurs in the address, reply or reason of a recipient. Identities are in lower case."""
    line = (
        func.coalesce(cast(_LAST_REPLY.c.code, String), "") + " " + _LAST_REPLY.c.enhanced + " " + _LAST_REPLY.c.reply
    )
    in_reply = (
        select(_LAST_REPLY.c.number)
        .where(_LAST_REPLY.c.delivery_id == delivery.c.id, _LAST_REPLY.c.number == delivery.c.attempts)
        .where(func.lower(line).contains(word.lower(), autoescape=True))
        .correlate(delivery)
    )
    reason = func.lower(delivery.c.reason).contains(word.lower(), autoescape=True)
    by_reason = and_(delivery.c.state.in_(_WITH_REASON), or_(reason, in_reply.exists()))
    return or_(delivery.c.identity.contains(word.casefold(), autoescape=True), by_reason)


_LAST_REPLY = attempt.alias()
_WITH_REASON = (DeliveryState.FAILED, DeliveryState.DEFERRED, DeliveryState.UNCERTAIN, DeliveryState.SKIPPED)
