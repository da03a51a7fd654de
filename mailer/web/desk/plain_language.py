"""The desk's words for states, reasons, findings and errors.

The command line, the API and the desk share the records of the services. Their texts may name commands, settings, files and
terms of the protocol, which a user of the desk cannot use. Everything of that kind is put into the desk's words here:

    describe_error(error)             what happened, and what to do
    plain_text(text)                  a text without commands, settings and paths
    finding_sentence(finding)         a finding of the checks as a sentence
    plain_reason(reason)              why a delivery ended as it did
    describe_attempt(attempt)         the result of one attempt
    delivery_state(state)             the name of a state; send_state and dispatch_state likewise

Pure.
"""

import re
from collections.abc import Mapping
from pathlib import PurePath

from mailer.audience.segments import SegmentError
from mailer.delivery.states import DeliveryState, SendState
from mailer.dispatch.diagnostics import Diagnostic
from mailer.edition.template_loader import LayoutError
from mailer.edition.theme import ThemeError
from mailer.errors import MailerError, SettingsError
from mailer.ledger.types.deliveries import Attempt
from mailer.ledger.types.errors import LedgerError, UnknownSendError
from mailer.ledger.types.sends import AlreadySentError
from mailer.service.dispatches.approvals import NotApprovedError
from mailer.service.dispatches.check_and_compile import DispatchError
from mailer.service.dispatches.dispatch_list import DispatchStatus, DispatchSummary
from mailer.service.lists.unclear_columns import UnclearColumnError
from mailer.workspace import NoListError

_D, _S = DeliveryState, SendState
_ANSWERS: tuple[tuple[type[MailerError] | tuple[type[MailerError], ...], tuple[str, str]], ...] = (
    (
        LedgerError,
        ("The database cannot be used at the moment.", "Try again in a minute. If it stays so, tell an admin."),
    ),
    (SettingsError, ("A setting of the server is missing or wrong.", "Tell an admin.")),
    (
        (LayoutError, ThemeError),
        ("The newsletter’s design has an error.", "Tell an admin; the text of the dispatch is fine."),
    ),
    (NoListError, ("There is no list of this name.", "Choose another list.")),
    (
        NotApprovedError,
        (
            "Another editor must approve this version before you can send it; nothing was sent.",
            "Ask another editor to open “Send…” and approve it.",
        ),
    ),
    (DispatchError, ("The dispatch has errors; nothing was done.", "Fix them first.")),
)
NOT_SENT = "not sent (opted out or blocked)"
_DELIVERY_STATES: Mapping[DeliveryState, str] = {
    _D.PENDING: "waiting",
    _D.CLAIMED: "being sent",
    _D.SENDING: "being sent",
    _D.ACCEPTED: "accepted",
    _D.DEFERRED: "retrying",
    _D.FAILED: "failed",
    _D.UNCERTAIN: "unconfirmed",
    _D.SKIPPED: "not sent",
}
_SEND_STATES: Mapping[SendState, str] = {
    _S.SCHEDULED: "Scheduled",
    _S.OVERDUE: "Not started",
    _S.RUNNING: "Sending",
    _S.WAITING: "Waiting",
    _S.PAUSED: "Paused",
    _S.FINISHED: "Finished",
    _S.CANCELLED: "Cancelled",
}
_DISPATCH_STATES: Mapping[DispatchStatus, str] = {
    DispatchStatus.DRAFT: "Draft",
    DispatchStatus.CHECKED: "Ready",
    DispatchStatus.APPROVED: "Approved",
    DispatchStatus.SCHEDULED: "Scheduled",
    DispatchStatus.SENDING: "Sending",
    DispatchStatus.SENT: "Sent",
}
_REASONS: Mapping[str, str] = {
    "answered with nonsense": "the relay’s answer was not valid",  # of version 0.1, as are other old words here
    "assumed": "counted as sent",
    "by hand": "blocked by an admin",
    "cancelled": "the send was cancelled",
    "complained": "reported spam",
    "expired": "retried for too long",
    "given up by hand": "an editor ended the send while it waited for another attempt",
    "malformed reply": "the relay’s answer was not valid",
    "message too big": "the message is too big for the relay",
    "once more": "to be sent again",
    "refused": "refused by the server",
    "rejected row": "row without a valid address",
    "rejected rows": "rows without a valid address",
    "relay is closing the connection": "the relay closed the connection",
    "relay requires authentication": "the relay requires a login",
    "sender refused": "the relay refused the sender’s address",
    "suppressed by hand": "blocked by an admin",
    "too much mail for the relay": "the relay limits how much mail it accepts",
}
_AFTER_THE_MESSAGE = "after the message was handed over, before the relay confirmed"
_AFTER_DATA = re.compile(r" after (?:the dot|(?:the )?end of DATA|the message was handed over)\b")
_RELAY_REFUSED = re.compile(r"\brefused \d+ messages in a row\b")
_DEFERRED = "the server asked us to try again later"

_ASK_ADMIN = re.compile(r"\bAsk an admin to (\w)")
_SETTINGS: Mapping[str, str] = {
    "POSTAL_ADDRESS": "The postal address is missing; many countries’ laws require it in every message. "
    "Ask the person who runs the server to set it.",
    "BASE_URL": "This server’s public address works on this machine only, so readers cannot use the links to unsubscribe "
    "or see the photos. Ask the person who runs the server to set it.",
    "WARMUP": "The rest is held back by the warm-up plan.",
}
_OTHER_SETTING = "A setting of the server is in the way. Ask the person who runs the server to check it."
_TEMPLATE = "Ask an admin to change the newsletter’s design."
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z“‘(])")
_DOCUMENT = re.compile(r"(?:[;,]? see| (?:listed|described) in) `?docs/[\w./#-]*\w`?")
_CLAUSE = re.compile(r"(, or |; )")
_SETTING = re.compile(r"\bMAILER_([A-Z0-9_]+)")
_DESIGN = re.compile(r"\btemplates?/|\.j2\b|\btheme\.toml\b")
_TERMINAL = re.compile(r"\bmailer [a-z]|(?<![\w-])--[a-z]|\.env\b|\bcreatedb\b|\bdocs/")
_FILE_LINE = re.compile(r"(?:[^\s“(]*/)?([\w.-]+)\.(?:csv|md|toml):(\d+)(?::\d+)?:")
_FILE = re.compile(
    r"(?<![\w:/.-])(?P<quoted>“)?/?(?:[^\s“(:/]+/)*(?:dispatches|subscribers)/(?P<name>\w[\w.-]*?)(?:\.(?:md|csv|toml))?"
    r"(?(quoted)”)(?=[\s”),:;]|\.(?:[\s”)]|$)|$)"
)
_FOLDER = re.compile(r"(?:the folder )?`?(?<![\w/])dispatches/`?(?=[\s.,;]|$)")
_NO_PHOTO = re.compile(r"there is no image file “(.+)”")
_ENGINE = re.compile(r"(is not an expression|does not take these arguments) \(.*\)$")


def delivery_state(state: DeliveryState) -> str:
    """Returns the name of a delivery's state."""
    return _DELIVERY_STATES[state]


def send_state(state: SendState) -> str:
    """Returns the name of a send's state."""
    return _SEND_STATES[state]


def dispatch_state(summary: DispatchSummary) -> str:
    """Returns the name of a dispatch's state: a draft as long as something in it is still to be filled in."""
    is_draft = summary.status is DispatchStatus.CHECKED and summary.is_unfinished
    return _DISPATCH_STATES[DispatchStatus.DRAFT if is_draft else summary.status]


def plain_reason(reason: str) -> str:
    """Returns why a delivery ended as it did, without terms of the protocol."""
    if after := _AFTER_DATA.search(reason):
        return f"{reason[: after.start()]} {_AFTER_THE_MESSAGE}"
    if reason.startswith("deferred at "):
        return _DEFERRED
    if reason.startswith(("relay does not support ", "relay lacks ")):
        return f"the relay does not support this kind of {'address' if reason.endswith('SMTPUTF8') else 'message'}"
    if _RELAY_REFUSED.search(reason):
        return "the relay refused all messages; the reader was not the reason"
    return _REASONS.get(reason, reason)


def describe_attempt(attempt: Attempt) -> str:
    """Returns the result of an attempt to deliver a message."""
    if attempt.closed_at is None:
        return "being sent"
    if attempt.lost and attempt.classification is DeliveryState.PENDING:
        return "interrupted before anything was sent"
    if attempt.lost:
        return f"interrupted {_AFTER_THE_MESSAGE}"
    return delivery_state(attempt.classification) if attempt.classification else "ended"


def plain_text(text: str, *, is_admin: bool = False) -> str:
    """Returns `text` for users of the desk. Names of files become names of dispatches and lists.

    A sentence ends before a clause that a user cannot act upon: one about a command, a setting or the design. If nothing is left
    of it, a sentence about the person to ask replaces it, except for a command. `is_admin`: the user is an admin, and is not told
    to ask one.
    """
    kept = (_plain_sentence(sentence) for sentence in _SENTENCE.split(text.strip()))
    plain = " ".join(dict.fromkeys(each for each in kept if each))
    return _ASK_ADMIN.sub(lambda match: match[1].upper(), plain) if is_admin else plain


def _plain_sentence(sentence: str) -> str:
    sentence = _DOCUMENT.sub("", sentence)
    if not any(pattern.search(sentence) for pattern in (_SETTING, _DESIGN, _TERMINAL)):
        sentence = _FOLDER.sub("the folder of the dispatches", sentence)
        return _FILE.sub(r"“\g<name>”", _FILE_LINE.sub(r"“\1”, line \2:", sentence))
    begin = ""
    parts = ["", *_CLAUSE.split(sentence)]
    for separator, clause in zip(parts[::2], parts[1::2], strict=True):
        if any(pattern.search(clause) for pattern in (_SETTING, _DESIGN, _TERMINAL)):
            break
        begin += separator + clause
    if begin:
        return f"{_plain_sentence(begin)}."
    if setting := _SETTING.search(sentence):
        return _SETTINGS.get(setting[1], _OTHER_SETTING)
    return _TEMPLATE if _DESIGN.search(sentence) else ""


def finding_sentence(finding: Diagnostic, *, is_admin: bool = False) -> str:
    """Returns a finding as a sentence: what is wrong, and what was expected. `is_admin`: as for plain_text."""
    message = _ENGINE.sub(r"\1", finding.message)
    if photo := _NO_PHOTO.fullmatch(message):
        return f"There is no photo “{PurePath(photo[1]).name}”. Upload it with “Photo”."
    return plain_text(as_sentence(f"{message}; {finding.expected}" if finding.expected else message), is_admin=is_admin)


def as_sentence(text: str) -> str:
    """Returns `text` with a full stop. It gets a capital unless it begins with a path, an address or a field."""
    first = text.split(maxsplit=1)[0] if text.strip() else ""
    is_name = any(each in first.rstrip(".,:;") for each in "/@._")
    begun = text if is_name else f"{text[:1].upper()}{text[1:]}"
    return begun if begun.endswith((".", "?", "!", "…")) else f"{begun}."


def describe_error(error: MailerError) -> tuple[str, str]:
    """Returns what happened, and what to do, in the desk's words."""
    for kinds, answer in _ANSWERS:
        if isinstance(error, kinds):
            return answer
    match error:
        case UnclearColumnError():
            message = error.message.replace(" Nothing was sent.", "")
            return message, f"An admin says what the column means in the settings of the list “{error.list}”."
        case UnknownSendError():
            return error.message, "All sends are listed under Sends."
        case AlreadySentError():
            verb = "is already being sent" if error.unfinished else "was already sent"
            lists = ", ".join(error.send.lists)
            return f"“{error.send.title}” {verb} to {lists}.", f"Open send {error.send.id} under Sends."
        case SegmentError():
            message = _ENGINE.sub(r"\1", error.message.removeprefix("--where: ").rstrip("."))
            return f"The filter is not valid: {message}.", plain_text(error.next_step)
    message = plain_text(as_sentence(error.message))
    return message or "This did not work.", plain_text(error.next_step) if message else "Tell an admin."
