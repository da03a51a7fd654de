"""The records that the reader returns."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from mailer.line_sanitizer import clean_line
from mailer.link_tokens import Purpose
from mailer.smtp.refusal_reason import Reason

LONGEST_ADDRESS = 320  # characters
WORDS = 600  # characters of a server's words
NOT_SPAM = "not-spam"  # a Feedback-Type: the recipient says that the message is no spam


class FeedbackKind(StrEnum):
    """What a message that came back is."""

    BOUNCE = "bounce"  # a message was not delivered, or not yet
    COMPLAINT = "complaint"  # a recipient called it spam, or asked a provider to be removed
    AUTO_REPLY = "auto-reply"  # a vacation notice, a read receipt: never a bounce
    UNSUBSCRIBE = "unsubscribe"
    OTHER = "other"


class TokenState(StrEnum):
    """Whether the message has a token that only we can have made."""

    PROVEN = "proven"
    ABSENT = "absent"
    FORGED = "forged"  # it has the form of a token, and our keys did not make it


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackRecipient:
    """One recipient that a message is about.

    `status`: an enhanced code (RFC 3463), or "". `permanent`: mail to this address is impossible. `words`: the server's, on one
    line. `delayed`: the server still tries. `forwarded`: the refusal is about the address to which this one passes mail on.
    """

    address: str
    status: str
    reason: Reason
    permanent: bool
    words: str = ""
    delayed: bool = False
    forwarded: bool = False


def recipient_about(
    address: str, reason: Reason, *, status: str = "", permanent: bool = False, words: str = "", delayed: bool = False
) -> FeedbackRecipient:
    """Returns the record of a recipient. Address and words, which a stranger wrote, are printable, on one line, and limited."""
    return FeedbackRecipient(
        address=clean_line(address)[:LONGEST_ADDRESS],
        status=status,
        reason=reason,
        permanent=permanent,
        words=clean_line(words)[:WORDS],
        delayed=delayed,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenProof:
    """The number in a token of ours, and what the token is for."""

    purpose: Purpose
    number: int


class Reading(NamedTuple):
    """What a message is about, before anything is said about its token. `report_type`: see `Feedback`."""

    kind: FeedbackKind
    recipients: tuple[FeedbackRecipient, ...] = ()
    report_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """What a message says.

    `report_type`: of a feedback report, its Feedback-Type (RFC 5965 7.3). `not-spam` is no complaint; `auth-failure` is the
    server's and not the recipient's. `automatic`:
    a program wrote it, so it is no request. `tokens`: texts in the form of a token, in the places where our messages have them,
    the likeliest first. `requests`: texts in the form of a token, in the recipient, the subject or the text of a message that is
    not automatic; valid ones ask to be unsubscribed.
    """

    kind: FeedbackKind = FeedbackKind.OTHER
    recipients: tuple[FeedbackRecipient, ...] = ()
    report_type: str = ""
    automatic: bool = False
    token: TokenState = TokenState.ABSENT
    proof: TokenProof | None = None
    tokens: tuple[str, ...] = ()
    requests: tuple[str, ...] = ()
