"""Verifies a send: checks its records in the ledger against each other, its edition and the keys.

`delivery_timeline` describes what happened to one recipient, from the attempts.
"""

from dataclasses import dataclass
from hashlib import sha256
from itertools import islice

from mailer.addresses import parse_address
from mailer.app import App
from mailer.delivery.states import DeliveryState
from mailer.edition.model import Edition
from mailer.errors import MailerError, UsageError
from mailer.iso_time import format_iso
from mailer.ledger.reports.verify import Check
from mailer.ledger.types.deliveries import Attempt, Delivery
from mailer.ledger.types.sends import Send, Summary
from mailer.service.sends.summary import send_object

_SAMPLE = 10_000  # Message-IDs: a keyed function of the delivery's id, so a sample is enough


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The checks of a send, with their results."""

    summary: Summary
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)


def verify_send(app: App, send_id: int) -> Verification:
    """Checks everything that must hold of a send. Raises UnknownSendError, LedgerError."""
    ledger = app.ledger
    summary = ledger.sends.summary(send_id)
    return Verification(
        summary=summary,
        checks=(
            *ledger.verifier.checks(send_id),
            _edition(app, summary.send),
            _message_ids(app, summary.send),
        ),
    )


def verification_object(verification: Verification) -> dict[str, object]:
    """Returns the send object, with `ok` and the `checks`."""
    checks = [{"check": check.name, "ok": check.ok, "wrong": list(check.wrong)} for check in verification.checks]
    return {**send_object(verification.summary), "ok": verification.ok, "checks": checks}


def delivery_timeline(app: App, send_id: int, email: str) -> tuple[str, ...]:
    """Returns what happened to one recipient of a send, a sentence for each step. Raises UsageError if there is no such
    recipient.
    """
    app.ledger.sends.get(send_id)
    identity = parse_address(email).identity
    found = next((d for d in app.ledger.report.deliveries_of(identity) if d.send_id == send_id), None)
    if found is None:
        raise UsageError(
            f"{email} is no recipient of send {send_id}.",
            f"To see the lists and opt-outs of this reader: mailer subscriber show {email}. "
            f"To list the recipients: mailer report {send_id} --csv -",
        )
    tried = tuple(_attempt_in_words(attempt) for attempt in app.ledger.report.attempts(found.id))
    return (*tried, _state_in_words(found, tried=bool(tried)))


def _edition(app: App, send: Send) -> Check:
    """Checks that the stored edition is the one that the send names, with all its images."""
    name = "the stored edition and its images match the digest"
    stored = app.ledger.editions.get(send.digest)
    if stored is None:
        return Check(name=name, wrong=(f"the edition {send.digest} is missing",))
    images = app.ledger.editions.images(send.digest)
    try:
        edition = Edition.from_json(stored.json, images)
    except MailerError as error:
        return Check(name=name, wrong=(str(error),))
    wrong = [f"the image {image.name} is missing" for image in edition.images if not image.data]
    digest = sha256(stored.json.encode()).hexdigest()
    if digest != send.digest:
        wrong.append(f"the edition was changed: its digest is {digest}, not {send.digest}")
    return Check(name=name, wrong=tuple(wrong))


def _message_ids(app: App, send: Send) -> Check:
    """Checks that each Message-ID follows from its delivery under a key that is still in the settings."""
    name = "every Message-ID can be computed again"
    if send.key_name not in app.keys.names:
        return Check(name=name, wrong=(f"MAILER_SECRET_KEYS lacks the key {send.key_name} of this send",))
    tokens_of = app.message_tokens(send.key_name)
    rows = list(islice(app.ledger.report.rows(send.id), _SAMPLE))
    shared = len(rows) - len({tokens_of(row.delivery_id).message for row in rows})
    return Check(name=name, wrong=(f"{shared} deliveries share a Message-ID",) if shared else ())


def _attempt_in_words(attempt: Attempt) -> str:
    if attempt.closed_at is None:
        return f"being tried since {format_iso(attempt.opened_at)}"
    at, by = format_iso(attempt.closed_at), f" by {attempt.relay}" if attempt.relay else ""
    words = " ".join(str(part) for part in (attempt.code, attempt.enhanced, attempt.reply) if part)
    quoted = f": {words}" if words else ""
    where = f" ({attempt.stage.label})" if attempt.stage else ""
    if attempt.lost and attempt.classification is DeliveryState.PENDING:
        return f"claimed at {format_iso(attempt.opened_at)}; the process ended at {at}, before anything was sent"
    if attempt.lost:
        return f"being sent at {format_iso(attempt.opened_at)} when the process ended; noticed at {at}{quoted}"
    ended = attempt.classification.value if attempt.classification else "ended"
    return f"tried at {format_iso(attempt.opened_at)}; {ended}{by} at {at}{where}{quoted}"


def _state_in_words(found: Delivery, *, tried: bool) -> str:
    reason = f" ({found.reason})" if found.reason else ""
    at = format_iso(found.updated_at)
    match found.state:
        case DeliveryState.ACCEPTED:
            return f"so it is accepted{', as a person assumed' if found.resolved_manually else ''}{reason}, since {at}"
        case DeliveryState.SKIPPED:
            return f"skipped{reason} at {at}" + ("" if tried else "; it was never tried")
        case DeliveryState.PENDING:
            return f"waiting{reason}, since {at}"
        case DeliveryState.CLAIMED | DeliveryState.SENDING:
            return f"{found.state.value}: it is being sent"
        case _:
            return f"so it is {found.state.value}{reason}, since {at}"
