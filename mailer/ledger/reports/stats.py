"""How a send goes, counted from the ledger alone: whichever process sends it, and whenever it did.

    gauge.domains(send_id)                 who is where, by the domain of the address
    gauge.beats(send_id, since=, width=)   how attempts ended, by the time at which they did
    gauge.relays(send_id, now)             what each relay answered of late
    gauge.delays(send_id)                  what keeps the deferred ones waiting, by domain and the server's words
    gauge.page(send_id, ...)               some of its recipients, in the order of the freeze

Each is one query over the rows of one send, and costs as much as the send is long, but `relays` and `page`; whoever asks
again and again does so within a budget (mailer.service.sends.monitor). Raises LedgerError.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Integer, String, and_, cast, func, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from mailer.delivery.states import DeliveryState
from mailer.ledger.reports.deliveries import LAST_ATTEMPT, REPORT_COLUMNS, bounds_of, last_started_id, report_row
from mailer.ledger.store.context import LedgerContext
from mailer.ledger.store.tables import attempt, delivery
from mailer.ledger.types.deliveries import DeferralGroup, DomainCount, RateBucket, RelayCount, ReportRow

RECENT = 30.0  # seconds
_ATTEMPTS = 2_000  # the last ones handed out, which tell what goes on


class _Domain(FunctionElement[str]):
    """What stands behind the @ of an identity; "" for who was erased."""

    inherit_cache = True
    type = String()


@compiles(_Domain, "sqlite")
def _domain_sqlite(element: _Domain, compiler: SQLCompiler, **options: Any) -> str:
    column = compiler.process(element.clauses, **options)
    return f"CASE instr({column}, '@') WHEN 0 THEN '' ELSE substr({column}, instr({column}, '@') + 1) END"


@compiles(_Domain, "postgresql")
def _domain_postgresql(element: _Domain, compiler: SQLCompiler, **options: Any) -> str:
    return f"split_part({compiler.process(element.clauses, **options)}, '@', 2)"


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
    """Questions about how a send goes."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def domains(self, send_id: int) -> tuple[DomainCount, ...]:
        domain = _Domain(delivery.c.identity).label("domain")
        query = select(domain, delivery.c.state, func.count().label("count")).group_by(domain, delivery.c.state)
        with self._context.database.reading() as conn:
            query = query.where(delivery.c.id.between(*bounds_of(conn, send_id)))
            return tuple(DomainCount(**row) for row in conn.execute(query).mappings())

    def beats(self, send_id: int, *, since: float, width: float) -> tuple[RateBucket, ...]:
        """How many attempts ended how in each stretch of `width` seconds from `since` on; stretches without any are left out."""
        number = _Floor((attempt.c.closed_at - since) / width).label("number")
        query = (
            select(number, attempt.c.verdict, func.count().label("count"))
            .where(attempt.c.closed_at >= since, attempt.c.verdict.is_not(None), attempt.c.lost.is_(False))
            .group_by(number, attempt.c.verdict)
            .order_by(number)
        )
        with self._context.database.reading() as conn:
            query = query.where(attempt.c.delivery_id.between(*bounds_of(conn, send_id)))
            return tuple(RateBucket(**row) for row in conn.execute(query).mappings())

    def relays(self, send_id: int, now: float) -> tuple[RelayCount, ...]:
        """By the attempts of those handed out last that ended within OF_LATE; retries among new ones are not seen."""
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

    def delays(self, send_id: int) -> tuple[DeferralGroup, ...]:
        """The deferred ones by domain and reply, the most first."""
        domain = _Domain(delivery.c.identity).label("domain")
        words = (attempt.c.code, attempt.c.enhanced)
        query = (
            select(domain, *words, func.count().label("count"), func.min(attempt.c.closed_at).label("since"))
            .join(attempt, LAST_ATTEMPT)
            .where(delivery.c.send_id == send_id, delivery.c.state == DeliveryState.DEFERRED)
            .group_by(domain, *words)
            .order_by(func.count().desc(), domain)
        )
        with self._context.database.reading() as conn:
            return tuple(DeferralGroup(**row) for row in conn.execute(query).mappings())

    def page(
        self, send_id: int, *states: DeliveryState, words: str = "", after: int = 0, limit: int = 50
    ) -> tuple[ReportRow, ...]:
        """Up to `limit` recipients behind the delivery `after`: those in `states`, if any is named, who have `words`.

        Words are looked for in the address; of those who were not accepted in the server's reply and the reason, too.
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
    """In words that an index answers in order: `next_at` is 0 but for deferred ones."""
    at_once = [] if DeliveryState.DEFERRED in states else [delivery.c.next_at == 0.0]
    return [delivery.c.state.in_(states), *at_once]


def _has(word: str) -> ColumnElement[bool]:
    """`word` stands somewhere in what is known of a recipient. Identities are in lower case as they are."""
    line = func.coalesce(cast(_OTHER.c.code, String), "") + " " + _OTHER.c.enhanced + " " + _OTHER.c.reply
    said = (
        select(_OTHER.c.number)
        .where(_OTHER.c.delivery_id == delivery.c.id, _OTHER.c.number == delivery.c.attempts)
        .where(func.lower(line).contains(word.lower(), autoescape=True))
        .correlate(delivery)
    )
    reason = func.lower(delivery.c.reason).contains(word.lower(), autoescape=True)
    told = and_(delivery.c.state.in_(_TOLD), or_(reason, said.exists()))
    return or_(delivery.c.identity.contains(word.casefold(), autoescape=True), told)


_OTHER = attempt.alias()
_TOLD = (DeliveryState.FAILED, DeliveryState.DEFERRED, DeliveryState.UNCERTAIN, DeliveryState.SKIPPED)
