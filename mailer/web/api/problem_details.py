"""Problem documents (RFC 9457), the body of every error response of the API.

    {"type": "about:blank", "title": "Conflict", "status": 409, "detail": "…", "next_step": "…", "error": "already-sent"}

`detail` is a sentence for a person, and `next_step` what to do, in the terms of the API: a request or a field, never a command
or a setting. `error` is the kind of a MailerError, for a program. A dispatch with errors lists its findings under `problems`, as
`mailer check --json` does; a repeated send names the earlier one under `send`.
"""

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mailer.audience.segments import SegmentError
from mailer.dispatch.diagnostics import Diagnostic
from mailer.errors import MailerError, NeedsConfirmationError, SettingsError, UsageError, ValidationFailedError
from mailer.ledger.types.errors import LedgerError, UnknownSendError
from mailer.ledger.types.roles_and_scopes import Scope
from mailer.ledger.types.sends import AlreadySentError, TooManyTestsError
from mailer.service.accounts.api_tokens import NetworkNotAllowedError, TokenEndedError
from mailer.service.dispatches.check_and_compile import DispatchError
from mailer.service.dispatches.check_concurrency import TooManyChecksError
from mailer.service.dispatches.files import ChangedError, NoDispatchError
from mailer.service.lists.uploads import ChangedListError
from mailer.web.responses import NO_STORE, respond
from mailer.workspace import NoListError

PREFIX = "/api/v1"
PROBLEM = "application/problem+json"
_TITLES = {
    413: "Content too large",
    422: "Unprocessable content",
}  # the names of RFC 9110, which Python does not have yet


class NotAllowedError(UsageError):
    """The token lacks a scope."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(f"The token lacks the scope {scope}.", f"Ask an admin for a token with the scope {scope}.")
        self.scope = scope


_STATUSES: tuple[tuple[type[MailerError], int], ...] = (
    (NotAllowedError, 403),
    (NetworkNotAllowedError, 403),
    (TokenEndedError, 401),
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
    (TooManyChecksError, 503),
)
_ERROR_CODES: dict[type[MailerError], str] = {
    NeedsConfirmationError: "undecided",
    ValidationFailedError: "problems-found",
    SegmentError: "where",
}
"""Codes of the API that differ from the name of their class; clients rely on them."""
_WORD_BOUNDARY = re.compile(r"(?<=[a-z])(?=[A-Z])")
_DETAILS = {
    404: "Not found.",
    408: "The body was not received in time.",
    413: "The body is too large.",
}
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_TERMINAL = re.compile(r"\bmailer [a-z]|(?<![\w-])--[a-z]|\bMAILER_|\.env\b")
"""What only a person at the terminal can use: a command, an option, a setting."""
_OPTION = re.compile(r"^--(?=[a-z])")
_NEXT_STEPS: tuple[tuple[type[MailerError], str], ...] = (
    (
        AlreadySentError,
        'Set "repeat" to "new-readers" to send only to readers who did not get it, or to "again" to send to all.',
    ),
    (DispatchError, "Correct the errors listed under problems."),
    (UnknownSendError, f"GET {PREFIX}/sends lists the sends."),
    (NoDispatchError, f"GET {PREFIX}/dispatches lists the dispatches."),
    (NoListError, f"GET {PREFIX}/lists lists the lists."),
    (SettingsError, "Ask an admin to correct the settings of this program."),
)
_BY_PATH = {
    "send": "GET {prefix}/sends/{send} shows the state of the send.",
    "list": "GET {prefix}/lists/{list} shows the list.",
    "name": "GET {prefix}/dispatches/{name} shows the dispatch.",
}
"""The next step of an error whose own one is for the terminal, by the parameters of the path."""


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


def mailer_problem(error: MailerError, path: Mapping[str, str] | None = None) -> Response:
    """Returns the problem document of an error that a user can correct or must decide. `path`: the request's path parameters."""
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 422)
    more: dict[str, object] = {"error": _error_code(error)}
    detail = "The dispatch has errors; nothing was done." if isinstance(error, DispatchError) else error.message
    if isinstance(error, AlreadySentError):
        more["send"] = error.send.id
    if isinstance(error, DispatchError):
        more["problems"] = [finding(each, f"dispatches/{error.checked.path.name}") for each in error.checked.problems]
    headers = {"Retry-After": "60"} if status == 503 else {}
    if isinstance(error, TokenEndedError):
        headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    if isinstance(error, NotAllowedError):
        headers["WWW-Authenticate"] = f'Bearer error="insufficient_scope", scope="{error.scope}"'
    detail = _OPTION.sub("", detail)  # "--where: …" is the field `where`
    return problem(status, detail, next_step=_next_step(error, path or {}), headers=headers, more=more)


def _next_step(error: MailerError, path: Mapping[str, str]) -> str:
    """Returns what a client can do: sentences of the error's own next step, without those for the terminal."""
    if isinstance(error, AlreadySentError) and error.unfinished:
        path_of_send = f"{PREFIX}/sends/{error.send.id}"
        return f"GET {path_of_send} shows its state; if it is paused, POST {path_of_send}/resume continues it."
    for kind, words in _NEXT_STEPS:
        if isinstance(error, kind):
            return words
    names = {name: quote(value) for name, value in path.items()}
    if "--allow-removals" in error.next_step:
        if "mailer list undo" in error.next_step.partition(".")[0]:
            return 'If that is intended, set "allow_removals" to true.'
        plan = f"{PREFIX}/lists/{names.get('list')}/plan"
        return f'If that is intended, set "allow_removals" to true. GET {plan} shows the changes.'
    kept = [each for each in _SENTENCE_END.split(error.next_step) if not _TERMINAL.search(each)]
    if kept or not error.next_step:
        return " ".join(kept)
    if isinstance(error, LedgerError):
        return "Wait as long as the header Retry-After says, then repeat the request. If it fails again, tell an admin."
    return next((words for name, words in _BY_PATH.items() if name in path), "").format(prefix=PREFIX, **names)


def _error_code(error: MailerError) -> str:
    """Returns `unknown-send` for UnknownSendError."""
    name = type(error).__name__.removesuffix("Error")
    return _ERROR_CODES.get(type(error)) or _WORD_BOUNDARY.sub("-", name).lower()


def http_problem(error: HTTPException) -> Response:
    """Returns the problem document of an HTTP error: not found, a body that is too long or too slow."""
    detail = _DETAILS.get(error.status_code, "The request cannot be processed.")
    return problem(error.status_code, detail, headers=error.headers)


def finding(each: Diagnostic, path: str) -> dict[str, object]:
    """Returns a finding as JSON, with `path` as the name of its file."""
    return {**each.as_json(), "path": path}
