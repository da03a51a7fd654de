"""Sign-ups: a request for a list at an address, and its confirmation by the person who reads mail there.

    signups.request_signup(wanted)  records it, and queues the confirmation mail: one an address and day
    parse_signup_request(mail)      what a mail asks to be confirmed
    signups.confirm(letter_id, ..)  members, suppressions, consent and welcome, in one transaction
    signups.consents(identity)      the consents recorded of a person

`request_signup` runs the same statements for every address, known, unknown or suppressed, so that nothing about the ledger can
be learnt from it. A request makes nobody a member, and changes no field: what a stranger typed for somebody else is kept with
the mail until the person at the address has seen it. A second list requested on the same day is added to the same mail.
Confirming twice has no effect the second time, even if the person left in between.

Consents are kept when the person leaves, until they are erased; unconfirmed ones are removed with their mail (`forget`).
Raises LedgerError.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, delete, exists, insert, literal, select, update

from mailer.addresses import Address, parse_address
from mailer.ledger.store.expressions import is_imported
from mailer.ledger.store.ledger_context import LedgerContext
from mailer.ledger.store.tables import consent, list_, transactional_mail
from mailer.ledger.subscribers.members import known_list, subscribe
from mailer.ledger.subscribers.transactional_mail_queue import (
    DAY,
    QueuedMail,
    load_mail,
    lock_mailbox,
    queue_once_a_day,
)
from mailer.ledger.types.transactional_mail import TransactionalKind, TransactionalState

VALID_FOR = 72 * 3600.0  # seconds that a request may be confirmed
_LISTS, _CONFIRMED = "lists", "confirmed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signup:
    """A request for a list. `words`: those that the form showed; `ip` is truncated; `profile`: the fields that were filled in."""

    list: str
    address: Address
    profile: Mapping[str, str] = field(default_factory=dict, repr=False)
    form: str
    words: str
    ip: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignupRequest:
    """The lists that a mail asks to be confirmed: those that wait, with the fields given, and those that were confirmed."""

    mail_id: int
    identity: str
    address: str
    created_at: float
    waiting: Mapping[str, Mapping[str, str]]
    confirmed: tuple[str, ...]

    def is_expired(self, now: float) -> bool:
        return now > self.created_at + VALID_FOR


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRecord:
    """A recorded consent: the list, when and by which form it was asked for, the words of the form, and the confirmation.

    `is_imported`: it comes from a list file (mailer.ledger.sync.imported_consent), and `words` are the evidence in it.
    """

    list: str
    at: float
    form: str
    words: str
    ip: str
    confirmed_at: float | None
    is_imported: bool = False


class Signups:
    """The sign-ups of one ledger."""

    def __init__(self, context: LedgerContext) -> None:
        self._context = context

    def request_signup(self, wanted: Signup) -> None:
        """Records the request, and queues its mail unless one was queued within a day."""
        self._context.writer.call(lambda conn: _ask(conn, wanted, at=self._context.clock())).result()

    def confirm(
        self, letter_id: int, own: Mapping[str, Mapping[str, str]], *, source: str, welcomes: Mapping[str, str]
    ) -> SignupRequest | None:
        """Confirms the waiting lists in `own`, each with the fields that the person saw and left unchanged.

        `welcomes`: the slug of the edition that greets on a list. Returns the request afterwards; None if the mail asks
        nothing, or has expired.
        """
        return self._context.writer.call(
            lambda conn: _confirm(conn, letter_id, own, source=source, welcomes=welcomes, at=self._context.clock())
        ).result()

    def consents(self, identity: str) -> tuple[ConsentRecord, ...]:
        """Returns the consents recorded of this person, the oldest first."""
        columns = (list_.c.name, consent, is_imported().label("is_imported"))
        query = select(*columns).join(list_).where(consent.c.identity == identity).order_by(consent.c.id)
        with self._context.database.reading() as conn:
            return tuple(
                ConsentRecord(
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
        """Removes unconfirmed consents from before an instant; returns how many."""
        stale = delete(consent).where(consent.c.confirmed_at.is_(None), consent.c.at < before, ~is_imported())
        return self._context.writer.call(lambda conn: conn.execute(stale).rowcount).result()


def parse_signup_request(found: QueuedMail | None) -> SignupRequest | None:
    """Returns what a mail asks to be confirmed; None for one that asks nothing."""
    if found is None or found.kind is not TransactionalKind.CONFIRM:
        return None
    confirmed = tuple(found.payload.get(_CONFIRMED, ()))
    return SignupRequest(
        mail_id=found.id,
        identity=found.identity,
        address=found.address,
        created_at=found.created_at,
        waiting={name: own for name, own in found.payload[_LISTS].items() if name not in confirmed},
        confirmed=confirmed,
    )


def _ask(conn: Connection, wanted: Signup, *, at: float) -> None:
    """Runs the same six statements for every address: a turn, a list, the consent, the mail, its payload twice.

    If the mail of today went to another spelling of the mailbox, there is none to this address, and it is not changed.
    """
    identity = wanted.address.identity
    list_id = known_list(conn, wanted.list)
    queue_once_a_day(conn, TransactionalKind.CONFIRM, wanted.address, at=at, payload={_LISTS: {}}, by_mailbox=True)
    _keep_evidence(conn, list_id, wanted, at=at)
    of_today = (
        transactional_mail.c.identity == identity,
        transactional_mail.c.kind == TransactionalKind.CONFIRM,
        transactional_mail.c.created_at > at - DAY,
    )
    found = conn.execute(
        select(transactional_mail.c.id, transactional_mail.c.payload)
        .where(*of_today)
        .order_by(transactional_mail.c.id.desc())
        .limit(1)
    ).first()
    number, payload = found or (-1, {_LISTS: {}})
    lists = {**payload[_LISTS]}
    confirmed = [name for name in payload.get(_CONFIRMED, ()) if name != wanted.list]
    if wanted.list not in lists or wanted.list in payload.get(_CONFIRMED, ()):
        lists[wanted.list] = dict(wanted.profile)
    changed = {**payload, _LISTS: lists, _CONFIRMED: confirmed}
    conn.execute(update(transactional_mail).where(transactional_mail.c.id == number).values(payload=changed))


def _keep_evidence(conn: Connection, list_id: int, wanted: Signup, *, at: float) -> None:
    """Records the consent, but only the first of a day: repeated requests get no row each."""
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
) -> SignupRequest | None:
    found = load_mail(conn, letter_id)
    if found is None:
        return None
    lock_mailbox(conn, found.identity)
    found = load_mail(conn, letter_id)
    request = parse_signup_request(found)
    if found is None or request is None or request.is_expired(at):
        return None
    chosen = [name for name in request.waiting if name in own]
    address = parse_address(found.address)
    for name in chosen:
        subscribe(conn, name, address, own[name], source=source, at=at)
        _confirm_evidence(conn, request, known_list(conn, name), at=at)
    for slug in dict.fromkeys(welcomes[name] for name in chosen if welcomes.get(name)):
        conn.execute(insert(transactional_mail).values(**_welcome(found, slug, at)))
    payload: dict[str, Any] = {**found.payload, _CONFIRMED: [*request.confirmed, *chosen]}
    conn.execute(update(transactional_mail).where(transactional_mail.c.id == letter_id).values(payload=payload))
    return parse_signup_request(load_mail(conn, letter_id))


def _confirm_evidence(conn: Connection, request: SignupRequest, list_id: int, *, at: float) -> None:
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


def _welcome(confirmation: QueuedMail, slug: str, at: float) -> dict[str, Any]:
    return {
        "kind": TransactionalKind.WELCOME,
        "identity": confirmation.identity,
        "address": confirmation.address,
        "payload": {"slug": slug},
        "created_at": at,
        "state": TransactionalState.QUEUED,
        "next_at": at,
    }
