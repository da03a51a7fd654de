"""What came back: all of it, what waits for a person, and each piece with the message as plain text."""

from io import TextIOWrapper
from tempfile import TemporaryFile
from typing import IO

from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from mailer.addresses import mask_address
from mailer.app import App
from mailer.csv.formula_safe_writer import write_export
from mailer.errors import UsageError
from mailer.feedback.model import FeedbackKind
from mailer.ledger.privacy.pseudonyms import is_pseudonym
from mailer.ledger.types.feedback import DecisionAction, FeedbackProof
from mailer.ledger.types.roles_and_scopes import Role
from mailer.service.feedback.entries import COLUMNS, feedback_entries, feedback_row, read_source
from mailer.service.feedback.record import bounce_limits
from mailer.web.desk.lists.list_path import HERE
from mailer.web.desk.render import HEADERS
from mailer.web.desk.request import DeskRequest, actor
from mailer.web.desk.route import DeskRoute
from mailer.web.desk.status_labels import bounce_reason_label, effect_label
from mailer.web.responses import chunks_of

_HERE = f"{HERE}:feedback"
_PAGE_SIZE = 50
_KINDS = {
    FeedbackKind.BOUNCE: "Bounce",
    FeedbackKind.COMPLAINT: "Complaint",
    FeedbackKind.UNSUBSCRIBE: "Unsubscribed at the provider",
}
_PROOFS = {
    FeedbackProof.TOKEN: "It has the secret return address of the message.",
    FeedbackProof.MESSAGE: "The message itself was returned with it.",
    FeedbackProof.PROVIDER: "Your mail provider reported it.",
    FeedbackProof.MISMATCH: "It answers a message to another address. Perhaps the reader forwards mail; perhaps it is forged.",
    FeedbackProof.UNPROVEN: "It names a message of yours, as anybody can who has seen a reply to it.",
    FeedbackProof.NONE: "Nothing in it shows that it answers a message of yours.",
}
_HELD = (
    "It waits because many readers of this domain were reported missing at once, which is perhaps a fault of its servers, "
    "or because the message was sent long ago."
)
_ACTIONS = {each.value: each for each in DecisionAction}


def _show(request: DeskRequest) -> Response:
    query, log = request.query, request.app.ledger.feedback
    waiting, kind, send_id = query.get("waiting") == "1", query.get("kind", ""), _number(query.get("send", ""))
    before = _number(query.get("before", ""))
    wanted = FeedbackKind(kind) if kind in set(_KINDS) else None
    found = log.page(waiting=waiting, kind=wanted, send_id=send_id, before=before, limit=_PAGE_SIZE + 1)
    return request.page(
        "feedback",
        heading="Bounces and complaints",
        found=found[:_PAGE_SIZE],
        older=found[_PAGE_SIZE - 1].id if len(found) > _PAGE_SIZE else None,
        waiting=waiting,
        kind=wanted,
        kinds=_KINDS,
        send_id=send_id,
        number_waiting=log.count_waiting(),
        is_series_of_ours=log.is_series_of_ours(bounce_limits(request.app)),
        is_marker=is_pseudonym,
        bounce_reason=bounce_reason_label,
        effect_label=effect_label,
    )


def _entry(request: DeskRequest) -> Response:
    number, log = int(request.path["id"]), request.app.ledger.feedback
    entry = log.get(number)
    if entry is None:
        raise HTTPException(404)
    raw = log.message(number)
    request.record_look("feedback.show", str(number))
    return request.page(
        "feedback-entry",
        heading=_KINDS.get(entry.kind, "Feedback"),
        entry=entry,
        lines=None if raw is None else read_source(raw),
        proof=f"{_PROOFS[entry.proof]} {_HELD}" if entry.is_held else _PROOFS[entry.proof],
        is_erased=is_pseudonym(entry.identity),
        bounce_reason=bounce_reason_label,
        effect_label=effect_label,
    )


def _decide(request: DeskRequest) -> Response:
    action = _ACTIONS.get(request.form.text("action"))
    if action is None:
        raise UsageError("Nothing was decided.", "Choose to block the address, or to ignore it.")
    done = request.app.ledger.feedback.decide(int(request.path["id"]), action, by=actor(request))
    request.record("feedback.decide", mask_address(done.identity), action.value)
    words = (
        f"{done.identity} gets no more mail." if action is DecisionAction.SUPPRESS else "Ignored. Nothing was changed."
    )
    return request.redirect(_HERE, words)


def _csv(request: DeskRequest) -> Response:
    """Downloads everything as CSV. It is written to a file first, so that a slow client keeps no transaction open."""
    request.record("feedback.export")
    headers = {**HEADERS, "Content-Disposition": 'attachment; filename="feedback.csv"'}
    return StreamingResponse(chunks_of(_csv_file(request.app)), media_type="text/csv", headers=headers)


def _csv_file(app: App) -> IO[bytes]:
    file = TemporaryFile()  # noqa: SIM115 - `chunks_of` closes it after the response
    text = TextIOWrapper(file, encoding="utf-8", newline="")
    write_export(text, COLUMNS, map(feedback_row, feedback_entries(app.ledger.feedback)))
    text.flush()
    text.detach()
    file.seek(0)
    return file


def _number(text: str) -> int | None:
    """Returns an id; None for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else None


ROUTES = (
    DeskRoute("GET", _HERE, Role.ADMIN, _show),
    DeskRoute("GET", f"{_HERE}/csv", Role.ADMIN, _csv),
    DeskRoute("GET", f"{_HERE}/{{id:number}}", Role.ADMIN, _entry),
    DeskRoute("POST", f"{_HERE}/{{id:number}}/decide", Role.ADMIN, _decide),
)
