"""Reads bounces that are written for people: which recipients, and in which words, in the text of a message.

Such a text has an introduction, then each recipient with the words of its server, then the returned message. The recipients are
the addresses before the returned message that are neither ours nor those of the server's own staff; where there are none, the
recipient of the returned message.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from mailer.feedback import phrases
from mailer.feedback.received_message import ReceivedMessage, fields_of

RECIPIENTS = 50
_PROSE = 8 * 1024  # characters that are searched
_LINES = 200
_INTRODUCTION = 600  # characters
_BEFORE = 30  # characters before an address that say whose it is
_MAY_RETURN = re.compile(r":|--|==|__|\*\*|##|ollow|cop[yi]")  # in every line that RETURNED_MESSAGE matches
_WEAK_HEADER = re.compile(r"[ \t>|*]*(?:from|date|x-[\w-]+|message-id)[ \t]*:")  # also in introductions
_HEADER = re.compile(r"[ \t>|*]*[A-Za-z][\w-]+[ \t]*:")
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,128}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250}[A-Za-z0-9])?")
_QUOTED = re.compile(r"^>(?!>).*$", re.MULTILINE)  # but Sendmail's transcript has >>> and <<<
STAFF = re.compile(
    r"(?:postmaster|mailer-daemon|abuse|support|help|helpdesk|hostmaster|webmaster|noc|info-center|no-?reply|customer\S*|service"
    r"|contact|admin\w*|root)@"
)
_SENDER_HEADERS = ("from", "sender", "return-path", "reply-to")
_RECIPIENT_HEADERS = ("to", "cc")
_ANSWERING_HEADERS = ("in-reply-to", "references")
_OWN_HEADERS = ("to", "from", "delivered-to", "reply-to")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProseRecipient:
    """A recipient, and the words about it."""

    address: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProseBounce:
    """A bounce in prose. `text`: all that stands before the returned message. `delayed`: the server still tries."""

    recipients: tuple[ProseRecipient, ...]
    text: str
    delayed: bool

    def names_only(self, address: str) -> bool:
        """Whether the text names `address`, and on no line with it a different address, to which mail may be forwarded."""
        own = address.lower()
        lines = [addresses_in([line]) for line in self.text.split("\n") if own in line.lower()]
        return bool(lines) and not any(other != own and not STAFF.match(other) for line in lines for other in line)


def is_from_mail_system(message: ReceivedMessage) -> bool:
    """Whether the sender is a mail system."""
    sender = message.header("from")[:300].lower()
    return (
        "x-failed-recipients" in message.headers
        or sender.endswith("<>")
        or phrases.MAIL_SYSTEM.search(sender) is not None
    )


def is_bounce(message: ReceivedMessage, prose: ProseBounce) -> bool:
    """Whether a message, which is no vacation notice, says that mail was not delivered.

    Words alone do not, nor does an empty return path: people use the words, and some servers send their mail so. What is from the
    very recipient, or answers a message, is a person's, unless a mail system is the sender.
    """
    subject, text = message.subject[:300].lower(), prose.text.lower()
    if is_from_recipient(message, prose):
        return False
    if is_from_mail_system(message):
        return phrases.FAILURE.search(f"{subject}\n{text}") is not None
    if phrases.ANSWER.match(subject) or any(name in message.headers for name in _ANSWERING_HEADERS):
        return False
    if phrases.BOUNCE_SUBJECT.search(subject):
        return bool(message.returned) or message.header("return-path") == "<>"
    return bool(message.returned) and phrases.FAILED_DELIVERY.search(text) is not None


def is_from_recipient(message: ReceivedMessage, prose: ProseBounce) -> bool:
    """Whether the sender is whom the text, or the returned message, names as its recipient: no server writes as that one."""
    headers = fields_of(message.returned or split_returned(message.text)[1], _RECIPIENT_HEADERS)
    named = {each.address.lower() for each in prose.recipients} | set(addresses_in(headers.values()))
    return not named.isdisjoint(addresses_in([message.header("from")]))


def parse_prose(message: ReceivedMessage) -> ProseBounce:
    """Reads the text of a bounce, but for the lines that it quotes: they are somebody else's words. Total."""
    text, returned = split_returned(message.text)
    text = _QUOTED.sub("", text)
    headers = fields_of(message.returned or returned, (*_SENDER_HEADERS, *_RECIPIENT_HEADERS))
    to = addresses_in(headers.get(name, "") for name in _RECIPIENT_HEADERS)
    ours = {
        *addresses_in(headers.get(name, "") for name in _SENDER_HEADERS),
        *addresses_in(map(message.header, _OWN_HEADERS)),
    }
    failed = addresses_in(message.headers.get("x-failed-recipients", ())[:RECIPIENTS])
    recipients = tuple(_recipients(text, failed, to, ours.difference(to)))
    if not (recipients or failed or to):
        recipients = tuple(_recipients(text, failed, to, ()))  # we mailed ourselves
    if not recipients:
        recipients = tuple(ProseRecipient(address=each, words=text) for each in failed[:RECIPIENTS] or to[:1])
    introduction = text[:_INTRODUCTION].lower()
    delayed = phrases.DELAYED.search(introduction) is not None and "permanent" not in introduction
    return ProseBounce(
        recipients=recipients,
        text=text,
        delayed=delayed or phrases.DELAYED.search(message.subject[:300].lower()) is not None,
    )


def split_returned(text: str) -> tuple[str, str]:
    """Returns the text before the returned message, and the returned message."""
    lines = text[:_PROSE].split("\n")[:_LINES]
    at = 0
    for number, line in enumerate(lines):
        if number and _MAY_RETURN.search(line) and _begins_returned(line.lower(), lines[number + 1 : number + 5]):
            return text[:at], text[at:]
        at += len(line) + 1
    return text[:at], text[at:]


def _begins_returned(line: str, following: Iterable[str]) -> bool:
    if not phrases.RETURNED_MESSAGE.match(line):
        return False
    return not _WEAK_HEADER.match(line) or sum(_HEADER.match(each) is not None for each in following) > 1


def addresses_in(texts: Iterable[str]) -> list[str]:
    """Returns the addresses in `texts`, in lower case, each once."""
    return list(dict.fromkeys(address.lower() for text in texts for address in _ADDRESS.findall(text)))


def _recipients(
    text: str, failed: Collection[str], to: Collection[str], ours: Collection[str]
) -> Iterator[ProseRecipient]:
    """Yields the recipients in the order of the text, each with the words up to the next one.

    `failed`: those that the server names in a header, and no others; `to`: those of the returned message.
    """
    found: dict[str, tuple[str, int]] = {}
    for match in _ADDRESS.finditer(text):
        address = match[0].strip(".'`")
        lowered = address.lower()
        before = text[max(0, match.start() - _BEFORE) : match.start()].lower()
        is_staff = lowered not in to and (STAFF.match(lowered) or phrases.SENDER_BEFORE.search(before))
        if lowered in found or (lowered not in failed if failed else lowered in ours or is_staff):
            continue
        found[lowered] = (address, text.rfind("\n", 0, match.start()) + 1)
        if len(found) == RECIPIENTS:
            break
    lines = [line for _, line in found.values()]
    for number, (address, line) in enumerate(found.values()):
        end = next((each for each in lines[number + 1 :] if each > line), len(text))
        yield ProseRecipient(address=address, words=text[line:end])
