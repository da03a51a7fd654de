"""Labels of statuses, sources, reasons and fields, as pages show them. The values themselves are those of the ledger."""

from mailer.feedback.policy import Effect
from mailer.ledger.types.subscribers import LeavingReason
from mailer.ledger.types.suppressions import SuppressionReason
from mailer.smtp.refusal_reason import Reason

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
    "list file": "by an edit of the list file",
    "readers": "by the readers themselves",
}
_SOURCE_PREFIXES = {"list ": "from ", "send ": "in ", "feedback ": "by "}
_AT_THE_DESK = ", at the desk"
_LEAVING_REASONS = {
    LeavingReason.TOO_MANY.value: "too many messages",
    LeavingReason.NOT_INTERESTED.value: "not interested",
    LeavingReason.NEVER_ASKED.value: "never signed up",
    LeavingReason.ELSEWHERE.value: "reads it elsewhere",
    LeavingReason.OTHER.value: "another reason",
}


_BOUNCE_REASONS = {
    Reason.USER_UNKNOWN: "no such mailbox",
    Reason.HOST_UNKNOWN: "no such domain",
    Reason.HAS_MOVED: "moved to another address",
    Reason.MAILBOX_FULL: "mailbox full",
    Reason.SUSPENDED: "mailbox suspended",
    Reason.NOT_ACCEPTING: "takes no mail at all",
    Reason.SPEEDING: "gets too much mail at the moment",
    Reason.FILTERED: "refused by a filter of the reader",
    Reason.REJECTED: "our sender address was refused",
    Reason.AUTH_FAILURE: "authentication failed (SPF, DKIM or DMARC)",
    Reason.POLICY_VIOLATION: "against the server’s policy",
    Reason.RATE_LIMITED: "we send too fast",
    Reason.TOO_MANY_CONNECTIONS: "we have too many connections",
    Reason.BLOCKED: "our server is blocked",
    Reason.BAD_REPUTATION: "our reputation is bad",
    Reason.REQUIRES_PTR: "our server has no name (PTR)",
    Reason.EXCEEDS_LIMIT: "message too big",
    Reason.CONTENT_ERROR: "content refused",
    Reason.SPAM_DETECTED: "taken for spam",
    Reason.VIRUS_DETECTED: "taken for a virus",
    Reason.NOT_COMPLIANT: "message refused as malformed",
    Reason.SYNTAX_ERROR: "message refused as malformed",
    Reason.NO_RELAYING: "the server is not responsible for the address",
    Reason.SYSTEM_ERROR: "error of the server",
    Reason.NETWORK_ERROR: "server not reached",
    Reason.MAILER_ERROR: "error of a program at the reader’s server",
    Reason.EXPIRED: "given up after many tries",
    Reason.FEEDBACK: "complaint",
    Reason.VACATION: "automatic reply",
    Reason.ON_HOLD: "no reason given",
}
_EFFECTS = {
    Effect.SUPPRESSED: "gets no more mail",
    Effect.COUNTED: "counted",
    Effect.OURS: "about us, not the reader",
    Effect.NOTED: "noted",
    Effect.WAITING: "waits for a decision",
}


def bounce_reason_label(reason: Reason) -> str:
    """Returns the reason of a bounce for people."""
    return _BOUNCE_REASONS[reason]


def effect_label(effect: Effect) -> str:
    """Returns what followed from a bounce or a complaint for people."""
    return _EFFECTS[effect]


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


def author_label(source: str) -> str:
    """Returns the person who changed a list, and the way, for people: `by Ada Admin, at the desk`."""
    return f"{source_label(source)}{_AT_THE_DESK if source.endswith(_AT_THE_DESK) else ''}"


def leaving_reason_label(reason: str) -> str:
    """Returns the reason that a reader gave for unsubscribing, for people."""
    return _LEAVING_REASONS.get(str(reason), str(reason))


def field_label(field: str) -> str:
    """Returns a field of readers for people: `First name`."""
    return field.replace("_", " ").capitalize()
