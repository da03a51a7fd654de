"""Letters to one person, beside all sends: a queue that `mailer serve` empties.

    letters.ask_link(address)     the link to a person's own page, at most one an address and day
    letters.due(now, limit)       what is to be delivered, the oldest first
    letters.leave(id, key)        written down before the dot may leave: queued -> leaving; False: not this one, not now
    letters.settle(id, ...)       how the attempt ended
    letters.recover()             what a dead process left: leaving -> uncertain

    queued -> leaving -> sent | failed | uncertain | queued (later again)

A letter whose dot may have left is never sent again by itself: its person gets it twice at no time, and asks again if it
did not come. Requests for confirmation are made in signups.py. What a letter says is decided when it is written, not when
it is asked for, so that asking does the same work for everybody. Raises LedgerError.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, func, insert, literal, select, update

from mailer.audience.address import Address
from mailer.ledger.core import Core
from mailer.ledger.tables import letter, meta
from mailer.ledger.turns import take_turn
from mailer.ledger.types_subscribers import LetterKind, LetterState

DAY = 86_400.0
_KEY = "key of letters: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One letter. `payload` is what its kind needs; `attempts` counts those that a relay was asked to take."""

    id: int
    kind: LetterKind
    identity: str = field(repr=False)
    address: str = field(repr=False)
    payload: Mapping[str, Any] = field(repr=False)
    created_at: float
    state: LetterState
    attempts: int
    next_at: float
    settled_at: float | None
    reply: str


class Letters:
    """The letters of one ledger; identities are those of audience.address."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def ask_link(self, address: Address) -> None:
        """Queue the letter with the link to the person's own page, unless one was asked for within a day."""
        self._core.writer.call(
            lambda conn: queue_once_a_day(conn, LetterKind.LINK, address, at=self._core.clock())
        ).result()

    def of(self, identity: str) -> tuple[Letter, ...]:
        """Every letter to this person that is still known, the oldest first."""
        with self._core.database.reading() as conn:
            return _letters(conn, letter.c.identity == identity)

    def due(self, now: float, limit: int, *kinds: LetterKind) -> tuple[Letter, ...]:
        """Up to `limit` letters of `kinds` whose time has come."""
        with self._core.database.reading() as conn:
            ready = (letter.c.state == LetterState.QUEUED, letter.c.next_at <= now, letter.c.kind.in_(kinds))
            return _letters(conn, *ready, limit=limit)

    def counts(self) -> Mapping[LetterState, int]:
        """How many letters are in each state."""
        with self._core.database.reading() as conn:
            query = select(letter.c.state, func.count()).group_by(letter.c.state)
            return {state: int(count) for state, count in conn.execute(query)}

    async def leave(self, number: int, key_name: str = "") -> bool:
        """Make it durable that this letter's dot may leave. False when it may not: it is gone, or in other hands.

        `key_name` names the secret key of the links in it, which is needed from then on.
        """

        def work(conn: Connection) -> bool:
            if key_name:
                _need_key(conn, key_name)
            mine = update(letter).where(letter.c.id == number, letter.c.state == LetterState.QUEUED)
            return bool(conn.execute(mine.values(state=LetterState.LEAVING, attempts=letter.c.attempts + 1)).rowcount)

        return await asyncio.wrap_future(self._core.writer.call(work))

    def key_names(self) -> frozenset[str]:
        """The names of the secret keys that links in letters were made with."""
        with self._core.database.reading() as conn:
            found = conn.execute(select(meta.c.key).where(meta.c.key.startswith(_KEY, autoescape=True))).scalars()
            return frozenset(key.removeprefix(_KEY) for key in found)

    async def settle(self, number: int, state: LetterState, *, reply: str = "", next_at: float = 0.0) -> None:
        """How it ended; with QUEUED, to be tried again at `next_at`."""
        settled_at = None if state is LetterState.QUEUED else self._core.clock()
        values = {"state": state, "reply": reply, "next_at": next_at, "settled_at": settled_at}
        await asyncio.wrap_future(
            self._core.writer.call(
                lambda conn: conn.execute(update(letter).where(letter.c.id == number).values(**values))
            )
        )

    def recover(self) -> int:
        """At the start of the process that delivers: whatever was leaving then is uncertain. How many there were."""
        values = {"state": LetterState.UNCERTAIN, "settled_at": self._core.clock()}
        return self._core.writer.call(
            lambda conn: (
                conn.execute(update(letter).where(letter.c.state == LetterState.LEAVING).values(**values)).rowcount
            )
        ).result()

    def forget(self, before: float) -> int:
        """Remove letters that were settled before an instant; how many there were."""
        return self._core.writer.call(
            lambda conn: conn.execute(delete(letter).where(letter.c.settled_at < before)).rowcount
        ).result()


def queue_once_a_day(
    conn: Connection, kind: LetterKind, address: Address, *, at: float, payload: Mapping[str, Any] | None = None
) -> None:
    """Within a transaction: queue a letter, unless one of this kind was asked for within a day. Always two statements."""
    take_turn(conn, f"letters to {address.identity}")
    asked = select(letter.c.id).where(
        letter.c.identity == address.identity, letter.c.kind == kind, letter.c.created_at > at - DAY
    )
    values = {
        "kind": kind,
        "identity": address.identity,
        "address": address.envelope,
        "payload": dict(payload or {}),
        "created_at": at,
        "state": LetterState.QUEUED,
        "next_at": at,
    }
    row = select(*(literal(value, letter.c[name].type) for name, value in values.items()))
    conn.execute(insert(letter).from_select(list(values), row.where(~exists(asked))))


def _need_key(conn: Connection, name: str) -> None:
    """Remember that a key must not go. Letters are forgotten, but a link to a person's own page never expires."""
    key = f"{_KEY}{name}"
    take_turn(conn, _KEY)
    if conn.execute(select(meta.c.key).where(meta.c.key == key)).first() is None:
        conn.execute(insert(meta).values(key=key, value=""))


def load_letter(conn: Connection, number: int) -> Letter | None:
    found = _letters(conn, letter.c.id == number)
    return found[0] if found else None


def _letters(conn: Connection, *where: Any, limit: int | None = None) -> tuple[Letter, ...]:
    query = select(letter).where(*where).order_by(letter.c.id).limit(limit)
    return tuple(_letter(row) for row in conn.execute(query))


def _letter(row: Row[Any]) -> Letter:
    return Letter(
        id=row.id,
        kind=row.kind,
        identity=row.identity,
        address=row.address,
        payload=row.payload,
        created_at=row.created_at,
        state=row.state,
        attempts=row.attempts,
        next_at=row.next_at,
        settled_at=row.settled_at,
        reply=row.reply,
    )
