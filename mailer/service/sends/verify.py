"""Verifies a send: checks its records in the ledger against each other, its edition and the keys."""

from dataclasses import dataclass
from hashlib import sha256
from itertools import islice

from mailer.app import App
from mailer.edition.model import Edition
from mailer.errors import MailerError
from mailer.ledger.reports.verify import Check
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
