"""Mailboxes, `Name <addr>`, as settings have them; and the syntax check of addresses by email-validator.

Only `check_syntax` calls the library, with fixed options: no DNS, because the relay finds out whether a domain accepts mail; any
domain, also `localhost` and `.test`, for the same reason; no quoted local parts, IP addresses or display names.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from email_validator import ValidatedEmail

MAX_ADDRESS = 254  # octets, RFC 5321 4.5.3.1.3 less the angle brackets
MAX_LOCAL_PART = 64  # octets, RFC 5321 4.5.3.1.1
NUMERIC_LABEL = (
    r"(?:[0-9]+|0[xX][0-9A-Fa-f]*)"  # as the last label: an IP address (WHATWG URL 3.5), and no top-level domain
)
_NUMERIC_DOMAIN = re.compile(rf"(?:.*\.)?{NUMERIC_LABEL}", re.DOTALL)
_MAX_LABEL = 63  # octets, RFC 1035 2.3.4
_TYPOGRAPHIC_QUOTES = "“”„‟«»"
_NOT_IN_DOMAIN = re.compile(r"[^\w.-]|_")
_NOT_IN_LOCAL = re.compile(r"[^\w.!#$%&'*+\-/=?^`{|}~]")
_NAME_ADDRESS = re.compile(r"(?P<name>[^<>]*?)\s*<(?P<address>[^<>]+)>")


class MailboxError(ValueError):
    """An invalid mailbox; the message is a few words that fit after a colon or into brackets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """A name, or "", and an address whose domain is in A-labels."""

    name: str
    address: str

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name else self.address

    @property
    def local_part(self) -> str:
        return self.address.rpartition("@")[0]

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


def parse_mailbox(text: str) -> Mailbox:
    """Parses `Name <addr>`, `"Name" <addr>` or `addr`. Raises MailboxError.

    The local part must be ASCII, so that every relay accepts our own addresses.
    """
    text = text.strip()
    match = _NAME_ADDRESS.fullmatch(text)
    name, address = (match["name"], match["address"].strip()) if match else ("", text)
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    if not all(character.isprintable() for character in name):
        raise MailboxError("a control character in the name")
    checked = check_syntax(address)
    if checked.smtputf8:
        raise MailboxError("letters outside of ASCII before the @, which not every server takes")
    name = unicodedata.normalize("NFC", name.strip())
    return Mailbox(name=name, address=f"{checked.local_part}@{checked.ascii_domain}")


def check_syntax(address: str) -> "ValidatedEmail":
    """Returns the library's result for `address`. Raises MailboxError, also for more than 64 or 254 octets."""
    if len(address.encode(errors="replace")) > MAX_ADDRESS:
        raise MailboxError(f"longer than {MAX_ADDRESS} octets")  # before the library, whose time is quadratic
    validate, error_class = _load_library()
    try:
        checked = validate(address, check_deliverability=False, globally_deliverable=False)
    except error_class:
        raise MailboxError(_find_fault(address)) from None
    if len(address.rpartition("@")[0].encode()) > MAX_LOCAL_PART:
        raise MailboxError(f"more than {MAX_LOCAL_PART} octets before the @")
    if _NUMERIC_DOMAIN.fullmatch(checked.ascii_domain):
        raise MailboxError("an IP address instead of a domain")
    if len(f"{checked.local_part}@{checked.ascii_domain}".encode()) > MAX_ADDRESS:
        raise MailboxError(f"longer than {MAX_ADDRESS} octets")
    return checked


def _find_fault(address: str) -> str:
    """Returns why the library refused `address`, in words for people."""
    local, at, domain = address.rpartition("@")
    labels = domain.split(".")
    cases = (
        (not at, "no @"),
        (any(mark in address for mark in _TYPOGRAPHIC_QUOTES), "typographic quotes; write only the address"),
        (not local, "nothing before the @"),
        (not domain, "nothing after the @"),
        (".." in address, "two periods in a row"),
        (local.startswith("."), "a period at the beginning"),
        (local.endswith("."), "a period before the @"),
        (domain.startswith("."), "a period after the @"),
        (domain.endswith("."), "a period at the end"),
        (any(len(label) > _MAX_LABEL for label in labels), f"more than {_MAX_LABEL} characters between two periods"),
        (any(label.startswith("-") or label.endswith("-") for label in labels), "a hyphen at the edge of the domain"),
        (any(label[2:4] == "--" for label in labels), "a domain that is no valid international one"),
    )
    fault = next((fault for holds, fault in cases if holds), "")
    if not fault and (wrong := next(filter(_NOT_IN_DOMAIN.fullmatch, domain), "")):
        fault = f"“{wrong}” after the @"
    if not fault and (wrong := next(filter(_NOT_IN_LOCAL.fullmatch, local), "")):
        fault = f"“{wrong}” before the @"
    return fault or "a character that no address has"


@cache
def _load_library() -> "tuple[Callable[..., ValidatedEmail], type[Exception]]":
    """Loads email-validator at first use. Special-use domains are allowed by emptying its list: it has no option for them."""
    import email_validator  # noqa: PLC0415 - slow to import

    email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()
    return email_validator.validate_email, email_validator.EmailNotValidError
