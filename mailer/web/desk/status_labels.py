"""Labels of statuses, sources, reasons and fields, as pages show them. The values themselves are those of the ledger."""

from mailer.ledger.types.subscribers import LeavingReason
from mailer.ledger.types.suppressions import SuppressionReason

_STATUSES = {SuppressionReason.BY_HAND.value: "Blocked", "unknown": "Unknown status"}
_SOURCES = {
    "file": "from the list file",
    "admin": "by an admin",
    "person": "by the reader",
    "page": "on the unsubscribe page",
    "one-click": "with the unsubscribe button of the mail program",
    "mail": "by e-mail",
    "sign-up": "by sign-up",
    "confirmed page": "on the sign-up page",
    "command line": "on the command line",
}
_SOURCE_PREFIXES = {"list ": "from ", "send ": "in "}
_AT_THE_DESK = ", at the desk"
_LEAVING_REASONS = {
    LeavingReason.TOO_MANY.value: "too many messages",
    LeavingReason.NOT_INTERESTED.value: "not interested",
    LeavingReason.NEVER_ASKED.value: "never signed up",
    LeavingReason.ELSEWHERE.value: "reads it elsewhere",
    LeavingReason.OTHER.value: "another reason",
}


def status_label(status: str) -> str:
    """Returns a status, or the reason of a suppression, for people: `Unsubscribed`."""
    value = str(status)
    return _STATUSES.get(value, f"{value[:1].upper()}{value[1:]}")


def source_label(source: str) -> str:
    """Returns the source of a change for people: `on the unsubscribe page`, `by Ada Admin`."""
    value = str(source)
    if value in _SOURCES:
        return _SOURCES[value]
    if value.endswith(_AT_THE_DESK):
        return f"by {value.removesuffix(_AT_THE_DESK)}"
    word = next((word for prefix, word in _SOURCE_PREFIXES.items() if value.startswith(prefix)), "by ")
    return f"{word}{value}"


def leaving_reason_label(reason: str) -> str:
    """Returns the reason that a reader gave for unsubscribing, for people."""
    return _LEAVING_REASONS.get(str(reason), str(reason))


def field_label(field: str) -> str:
    """Returns a field of readers for people: `First name`."""
    return field.replace("_", " ").capitalize()
