"""Signing up: somebody asks for a list at an address, and whoever reads there confirms it.

    signups.ask(wanted)             the evidence, and the letter that asks for confirmation: one an address and day
    signups.request(letter_id)      what a letter asks to be confirmed
    signups.confirm(letter_id, ..)  the person says yes: members, suppressions, evidence, a welcome, in one transaction
    signups.consents(identity)      the evidence kept of a person

`ask` runs the same statements whoever the address belongs to, known, unknown or suppressed: nothing of the ledger can be
told from it. Nobody becomes a member by asking, and no field of anybody changes: what a stranger typed for somebody else
waits in the letter's row, until the person behind the address has seen it. A second list asked for on the same day joins
the same request, behind the same link. Confirming twice does nothing twice, also when the person left in between.

Evidence is kept when the person leaves, until they are erased; what nobody confirmed goes with its letter (`forget`).
Raises LedgerError.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, delete, exists, insert, literal, select, update

from mailer.audience.address import Address, parse_address
from mailer.ledger.core import Core
from mailer.ledger.expressions import is_imported
from mailer.ledger.letters import DAY, Letter, load_letter, queue_once_a_day
from mailer.ledger.members import join, known_list
from mailer.ledger.tables import consent, letter, list_
from mailer.ledger.turns import take_turn
from mailer.ledger.types_subscribers import LetterKind, LetterState

VALID_FOR = 72 * 3600.0  # seconds that a request may be confirmed
_LISTS, _CONFIRMED = "lists", "confirmed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignUp:
    """Who asks for what. `words` are those that the form showed; `ip` is truncated; `own`: the fields that were filled in."""

    list: str
    address: Address
    own: Mapping[str, str] = field(default_factory=dict, repr=False)
    form: str
    words: str
    ip: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a letter asks to be confirmed: the lists that wait, with the fields given, and those that were confirmed."""

    letter_id: int
    identity: str
    address: str
    created_at: float
    waiting: Mapping[str, Mapping[str, str]]
    confirmed: tuple[str, ...]

    def is_expired(self, now: float) -> bool:
        return now > self.created_at + VALID_FOR


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """A piece of evidence: who asked for which list, when, by which form, what it said, from where, and the confirmation.

    What a list file brought (mailer.ledger.evidence) `is_imported`: its `words` are all that it said.
    """

    list: str
    at: float
    form: str
    words: str
    ip: str
    confirmed_at: float | None
    is_imported: bool = False


class SignUps:
    """The sign-ups of one ledger."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def ask(self, wanted: SignUp) -> None:
        """Note that `wanted` was asked for, and have its letter written unless one was asked for within a day."""
        self._core.writer.call(lambda conn: _ask(conn, wanted, at=self._core.clock())).result()

    def request(self, letter_id: int) -> Request | None:
        """What the letter asks; None when it asks nothing, or is forgotten."""
        with self._core.database.reading() as conn:
            return read_request(load_letter(conn, letter_id))

    def confirm(
        self, letter_id: int, own: Mapping[str, Mapping[str, str]], *, source: str, welcomes: Mapping[str, str]
    ) -> Request | None:
        """Confirm the lists of `own` that wait, each with the fields that the person saw and left so.

        `welcomes`: the slug of the edition that greets on a list. What holds after it; None for a letter that asks
        nothing, or too late.
        """
        return self._core.writer.call(
            lambda conn: _confirm(conn, letter_id, own, source=source, welcomes=welcomes, at=self._core.clock())
        ).result()

    def consents(self, identity: str) -> tuple[Consent, ...]:
        """The evidence kept of this person, the oldest first."""
        columns = (list_.c.name, consent, is_imported().label("is_imported"))
        query = select(*columns).join(list_).where(consent.c.identity == identity).order_by(consent.c.id)
        with self._core.database.reading() as conn:
            return tuple(
                Consent(
                    list=row.name,
                    at=row.at,
                    form=row.form,
                    words=row.words,
                    ip=row.ip,
                    confirmed_at=row.confirmed_at,
                    is_imported=row.is_imported,
                )
                for row in conn.execute(query)
            )

    def forget(self, before: float) -> int:
        """Remove what nobody confirmed since an instant; how many pieces there were."""
        stale = delete(consent).where(consent.c.confirmed_at.is_(None), consent.c.at < before, ~is_imported())
        return self._core.writer.call(lambda conn: conn.execute(stale).rowcount).result()


def read_request(found: Letter | None) -> Request | None:
    """What a letter asks to be confirmed; None for one that asks nothing."""
    if found is None or found.kind is not LetterKind.CONFIRM:
        return None
    confirmed = tuple(found.payload.get(_CONFIRMED, ()))
    return Request(
        letter_id=found.id,
        identity=found.identity,
        address=found.address,
        created_at=found.created_at,
        waiting={name: own for name, own in found.payload[_LISTS].items() if name not in confirmed},
        confirmed=confirmed,
    )


def _ask(conn: Connection, wanted: SignUp, *, at: float) -> None:
    """Six statements, for everybody: a turn, a list, the evidence, the letter, its payload twice."""
    identity = wanted.address.identity
    list_id = known_list(conn, wanted.list)
    queue_once_a_day(conn, LetterKind.CONFIRM, wanted.address, at=at, payload={_LISTS: {}})
    _keep_evidence(conn, list_id, wanted, at=at)
    todays = (letter.c.identity == identity, letter.c.kind == LetterKind.CONFIRM, letter.c.created_at > at - DAY)
    number, payload = conn.execute(
        select(letter.c.id, letter.c.payload).where(*todays).order_by(letter.c.id.desc()).limit(1)
    ).one()
    lists = {**payload[_LISTS]}
    confirmed = [name for name in payload.get(_CONFIRMED, ()) if name != wanted.list]
    if wanted.list not in lists or wanted.list in payload.get(_CONFIRMED, ()):
        lists[wanted.list] = dict(wanted.own)
    changed = {**payload, _LISTS: lists, _CONFIRMED: confirmed}
    conn.execute(update(letter).where(letter.c.id == number).values(payload=changed))


def _keep_evidence(conn: Connection, list_id: int, wanted: SignUp, *, at: float) -> None:
    """The first of a day that waits is what is confirmed; ten thousand more of the same are not worth a row each."""
    waits = (
        consent.c.identity == wanted.address.identity,
        consent.c.list_id == list_id,
        consent.c.confirmed_at.is_(None),
        consent.c.at > at - DAY,
        ~is_imported(),
    )
    values = {
        "identity": wanted.address.identity,
        "list_id": list_id,
        "at": at,
        "form": wanted.form,
        "words": wanted.words,
        "ip": wanted.ip,
    }
    row = select(*(literal(value, consent.c[name].type) for name, value in values.items()))
    conn.execute(insert(consent).from_select(list(values), row.where(~exists(select(consent.c.id).where(*waits)))))


def _confirm(
    conn: Connection,
    letter_id: int,
    own: Mapping[str, Mapping[str, str]],
    *,
    source: str,
    welcomes: Mapping[str, str],
    at: float,
) -> Request | None:
    found = load_letter(conn, letter_id)
    if found is None:
        return None
    take_turn(conn, f"letters to {found.identity}")
    found = load_letter(conn, letter_id)
    request = read_request(found)
    if found is None or request is None or request.is_expired(at):
        return None
    chosen = [name for name in request.waiting if name in own]
    address = parse_address(found.address)
    for name in chosen:
        join(conn, name, address, own[name], source=source, at=at)
        _confirm_evidence(conn, request, known_list(conn, name), at=at)
    for slug in dict.fromkeys(welcomes[name] for name in chosen if welcomes.get(name)):
        conn.execute(insert(letter).values(**_welcome(found, slug, at)))
    payload: dict[str, Any] = {**found.payload, _CONFIRMED: [*request.confirmed, *chosen]}
    conn.execute(update(letter).where(letter.c.id == letter_id).values(payload=payload))
    return read_request(load_letter(conn, letter_id))


def _confirm_evidence(conn: Connection, request: Request, list_id: int, *, at: float) -> None:
    conn.execute(
        update(consent)
        .where(
            consent.c.identity == request.identity,
            consent.c.list_id == list_id,
            consent.c.confirmed_at.is_(None),
            consent.c.at >= request.created_at - DAY,
            ~is_imported(),
        )
        .values(confirmed_at=at)
    )


def _welcome(confirmation: Letter, slug: str, at: float) -> dict[str, Any]:
    return {
        "kind": LetterKind.WELCOME,
        "identity": confirmation.identity,
        "address": confirmation.address,
        "payload": {"slug": slug},
        "created_at": at,
        "state": LetterState.QUEUED,
        "next_at": at,
    }
