"""Problem documents (RFC 9457), the body of every error response of the API.

    {"type": "about:blank", "title": "Conflict", "status": 409, "detail": "…", "next_step": "…", "error": "already-sent"}

`detail` is a sentence for a person, and `next_step` what to do; `error` is the kind of a MailerError, for a program. A
dispatch with errors lists its findings under `problems`, as `mailer check --json` does; a repeated send names the earlier
one under `send`.
"""

import json
import re
from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailer.audience.segments import SegmentError
from mailer.dispatch.diagnostics import Diagnostic
from mailer.errors import MailerError, NeedsConfirmationError, SettingsError, UsageError, ValidationFailedError
from mailer.ledger.types.accounts import Scope
from mailer.ledger.types.errors import LedgerError, UnknownSendError
from mailer.ledger.types.sends import AlreadySentError, TooManyTestsError
from mailer.service.dispatches.compile import DispatchError
from mailer.service.dispatches.files import ChangedError, NoDispatchError
from mailer.service.lists.uploads import ChangedListError
from mailer.web.responses import NO_STORE, respond
from mailer.workspace import NoListError

PROBLEM = "application/problem+json"
_TITLES = {
    413: "Content too large",
    422: "Unprocessable content",
}  # the names of RFC 9110, which Python does not have yet


class NotAllowedError(UsageError):
    """The token lacks a scope."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(
            f"This needs a token with the scope {scope}.", f"Make one: mailer token add NAME --scope {scope}"
        )
        self.scope = scope


_STATUSES: tuple[tuple[type[MailerError], int], ...] = (
    (NotAllowedError, 403),
    (UnknownSendError, 404),
    (NoDispatchError, 404),
    (NoListError, 404),
    (ChangedError, 412),
    (LedgerError, 503),
    (SettingsError, 500),
    (ValidationFailedError, 422),
    (NeedsConfirmationError, 409),
    (ChangedListError, 409),
    (TooManyTestsError, 429),
)
_ERROR_CODES: dict[type[MailerError], str] = {
    NeedsConfirmationError: "undecided",
    ValidationFailedError: "problems-found",
    SegmentError: "where",
}
"""Codes of the API that differ from the name of their class; clients rely on them."""
_WORD_BOUNDARY = re.compile(r"(?<=[a-z])(?=[A-Z])")
_DETAILS = {
    404: "There is nothing at this address.",
    408: "The body took too long to come.",
    413: "The body is too large.",
}


def problem(
    status: int,
    detail: str,
    *,
    next_step: str = "",
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, object] | None = None,
) -> Response:
    """Returns a problem document (RFC 9457); `more` are extension members."""
    title = _TITLES.get(status) or HTTPStatus(status).phrase.capitalize()
    document = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    document |= {"next_step": next_step} if next_step else {}
    content = json.dumps({**document, **(more or {})}, ensure_ascii=False)
    return respond(content, PROBLEM, status=status, headers={**NO_STORE, **(headers or {})})


def mailer_problem(error: MailerError) -> Response:
    """Returns the problem document of an error that a user can correct or must decide."""
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 422)
    more: dict[str, object] = {"error": _error_code(error)}
    detail, next_step = error.message, error.next_step
    if isinstance(error, AlreadySentError):
        more["send"] = error.send.id
    if isinstance(error, DispatchError):
        detail, next_step = "The dispatch has errors; nothing was made of it.", "Mend them first."
        more["problems"] = [finding(each, f"dispatches/{error.checked.path.name}") for each in error.checked.problems]
    headers = {"Retry-After": "60"} if status == 503 else {}
    if isinstance(error, NotAllowedError):
        headers["WWW-Authenticate"] = f'Bearer error="insufficient_scope", scope="{error.scope}"'
    return problem(status, detail, next_step=next_step, headers=headers, more=more)


def _error_code(error: MailerError) -> str:
    """Returns `unknown-send` for UnknownSendError."""
    name = type(error).__name__.removesuffix("Error")
    return _ERROR_CODES.get(type(error)) or _WORD_BOUNDARY.sub("-", name).lower()


def http_problem(error: HTTPException) -> Response:
    """Returns the problem document of an HTTP error: not found, a body that is too long or too slow."""
    detail = _DETAILS.get(error.status_code, "This request cannot be answered.")
    return problem(error.status_code, detail, headers=error.headers)


def finding(each: Diagnostic, path: str) -> dict[str, object]:
    """Returns a finding as JSON, with `path` as the name of its file."""
    return {**each.as_json(), "path": path}
