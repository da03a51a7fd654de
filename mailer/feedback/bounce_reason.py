"""Decides why a message bounced and whether that is permanent: from the status, the diagnostic and the words of a bounce.

A specific enhanced code in the diagnostic outranks a generic status, and words outrank codes (`mailer.smtp.refusal_reason`).
Permanent is only what says that mail to this address is impossible: the mailbox or the domain does not exist, the recipient has
moved, or the domain takes no mail. A code of class 4 and a delay are never permanent. Some servers say “user unknown” to spam,
after they have accepted the recipient. So these words of a remote server prove nothing by themselves: the code must be 5.1.x, or
the bounce must say that they answered RCPT. What the reporting server says of its own users needs no such proof. A reply to
MAIL FROM is about the sender, whatever its code.

    judge_bounce(address, status=…, diagnostic=…) -> FeedbackRecipient
    judge_names(recipient, own) -> FeedbackRecipient    the same, by whose address the words name
"""

import re
from dataclasses import dataclass, replace

from mailer.feedback.model import WORDS, FeedbackRecipient, recipient_about
from mailer.feedback.prose_bounce import STAFF, addresses_in
from mailer.feedback.status_code import ENHANCED, REPLY, find_reply_code, find_status, specificity
from mailer.feedback.token_extraction import placed_tokens
from mailer.smtp.refusal_reason import Reason, Subject, is_hedged, is_temporary, refusal_reason

_TEXT = 4000  # characters of a bounce that are searched for the stage
_MOVED = 551  # RFC 5321 3.4: the server names the new address
_YAHOO = re.compile(r"does ?n[o']t have an? \S+ account")  # Yahoo answers so to DATA
_VAGUE = frozenset({Reason.ON_HOLD, Reason.NETWORK_ERROR})
PERMANENT = frozenset({Reason.USER_UNKNOWN, Reason.HOST_UNKNOWN, Reason.HAS_MOVED, Reason.NOT_ACCEPTING})
_STAGE = re.compile(
    r"(?:reply|response) to (?:the )?(end of data|\w+)"
    r"|(?:after|during|to our|like our|on) (?:the )?(end of data|rcpt|data|mail from)\b"
    r"|>>> (\w+)[^\n]{0,400}\n\s*<<< [45]"
    r"|smtp:(rcpt|data|mail)|\[(rcpt|data|mail)"
    r"|\(state (1[3478])\)"
    r"|(recipient address rejected|not like recipient|(?:my name|sender) was rejected)"
)
_RCPT_FAILED = re.compile(r"no valid recipients|need rcpt")  # a server's answer to DATA after it refused each RCPT
_ACCEPTED = re.compile(r"2\d\d[ -]")  # a reply that contradicts the failure
_IS_RCPT = ("rcpt", "14", "recip", "not like")
_IS_MAIL = ("mail", "13")
_OF_DOMAINS = frozenset({Reason.HOST_UNKNOWN, Reason.NOT_ACCEPTING})


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnNames:
    """The addresses that our messages name as their senders, in lower case, and their domains."""

    addresses: frozenset[str]

    @property
    def domains(self) -> frozenset[str]:
        return frozenset(address.rpartition("@")[2] for address in self.addresses)


def judge_bounce(
    address: str,
    *,
    status: str = "",
    diagnostic: str = "",
    prose: str = "",
    delayed: bool = False,
    temporary: bool = False,
) -> FeedbackRecipient:
    """Returns the record of one recipient.

    `prose`: what the bounce says in its text, which counts if nothing else tells. `delayed`: the server still tries.
    `temporary`: it gave up, but says that a later message may arrive.
    """
    words = one_line(diagnostic)
    status, reason = _read(status, words)
    if reason is Reason.ON_HOLD and prose and refusal_reason(0, status, "") is Reason.ON_HOLD:  # the code says nothing
        explained = one_line(prose)
        status, by_prose = _read(status, explained)
        if by_prose is not Reason.ON_HOLD or not words:
            words, reason = explained, by_prose
    code = find_reply_code(words)
    by_code = status.startswith("4") or code // 100 == 4
    temporary = delayed or temporary or by_code or is_temporary(words) or _ACCEPTED.match(words) is not None
    text = f"{diagnostic}\n{prose}"[:_TEXT].lower()
    if reason in PERMANENT and _stage(text).startswith(_IS_MAIL):
        reason = Reason.REJECTED
    proven = status.startswith("5.1.") or _is_proven(reason, words, code, text)
    if reason is Reason.USER_UNKNOWN and not (proven or temporary):
        reason = Reason.FILTERED
    if delayed and reason in _VAGUE:
        reason = Reason.EXPIRED
    permanent = reason in PERMANENT and proven and not temporary
    return recipient_about(address, reason, status=status, permanent=permanent, words=words, delayed=delayed)


def judge_names(recipient: FeedbackRecipient, own: OwnNames) -> FeedbackRecipient:
    """Returns the record of a bounce by whose address or domain the server's words name.

    If they name ours instead of the recipient's, the refusal is about us. If they name both, or only a different address, it may
    be about that one, to which the recipient may pass mail on.
    """
    words, address = recipient.words.lower(), recipient.address.lower()
    found = REPLY.search(words)
    words = words[found.start() :] if found else words
    domain = address.rpartition("@")[2]
    named = [each for each in addresses_in([words]) if not STAFF.match(each) or each in {address, *own.addresses}]
    others = [each for each in named if each not in {address, _without_tag(address)}]
    is_ours = any(_without_tag(each) in own.addresses or placed_tokens([f"{each} "]) for each in others)
    is_named = len(others) < len(named)
    if recipient.reason in _OF_DOMAINS and not named and domain not in words:
        is_ours = any(re.search(rf"(?<![\w.-]){re.escape(each)}(?![\w-])", words) for each in own.domains)
    if is_ours and not is_named and recipient.reason.subject is Subject.RECIPIENT:
        return replace(recipient, reason=Reason.REJECTED, permanent=False)
    return replace(recipient, forwarded=True) if is_ours or (others and not is_named) else recipient


def _without_tag(address: str) -> str:
    """Returns an address without what stands between a plus sign and the @."""
    local, _, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"


def _is_proven(reason: Reason, words: str, code: int, text: str) -> bool:
    """Whether `words` alone prove the reason. `code`: of a remote server's reply. `text`: all that the bounce says."""
    if reason is Reason.HAS_MOVED:
        return code == _MOVED
    if is_hedged(words) or _YAHOO.search(words.lower()):
        return False
    stage = _stage(text)
    if reason is Reason.USER_UNKNOWN:
        return not code or stage.startswith(_IS_RCPT) or _RCPT_FAILED.search(text) is not None
    return not stage or stage.startswith(_IS_RCPT)


def _stage(text: str) -> str:
    """Returns the beginning of the stage that a bounce names, in lower case; "" without one."""
    found = _STAGE.search(text)
    return next(filter(None, found.groups()), "") if found else ""


def _read(status: str, words: str) -> tuple[str, Reason]:
    """Returns the code that counts, and the reason. A `status` that is no enhanced code counts as none."""
    status = status if ENHANCED.fullmatch(status) else ""
    told = find_status(words)
    if told and (not status or specificity(told) > specificity(status)):
        status = told
    return status, refusal_reason(find_reply_code(words), status, words)


def one_line(text: str) -> str:
    """Returns `text` as one line of at most WORDS characters."""
    return " ".join(text[: 4 * WORDS].split())[:WORDS]
