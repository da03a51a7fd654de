"""Addresses in their general form: what email-validator says of one, and `Name <addr>` as settings have it.

The library is called in one place, `check_syntax`, with the options that this program means: no DNS, since whether a
domain takes mail is for the relay to find out; any domain, `localhost` and `.test` too, for the same reason; neither
quoted local parts, nor IP addresses for domains, nor display names.
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
_NAME_ADDRESS = re.compile(r"(?P<name>[^<>]*?)\s*<(?P<address>[^<>]+)>")


class MailboxError(ValueError):
    """Not an address; the message is a few words that fit behind a colon or in brackets."""


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
    """Read `Name <addr>`, `"Name" <addr>` or `addr`. Raises MailboxError.

    What is sent under our own name has an ASCII local part, so that every relay takes it.
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
    """What the library makes of `address`. Raises MailboxError, also past 64 and 254 octets."""
    if len(address.encode(errors="replace")) > MAX_ADDRESS:
        raise MailboxError(f"longer than {MAX_ADDRESS} octets")  # also spares the library, whose time is quadratic
    validate, error_class = _library()
    try:
        checked = validate(address, check_deliverability=False, globally_deliverable=False)
    except error_class as error:
        words = str(error).rstrip(".")
        raise MailboxError(words[:1].lower() + words[1:]) from None
    if len(address.rpartition("@")[0].encode()) > MAX_LOCAL_PART:
        raise MailboxError(f"more than {MAX_LOCAL_PART} octets before the @")
    if len(f"{checked.local_part}@{checked.ascii_domain}".encode()) > MAX_ADDRESS:
        raise MailboxError(f"longer than {MAX_ADDRESS} octets")
    return checked


@cache
def _library() -> "tuple[Callable[..., ValidatedEmail], type[Exception]]":
    """email-validator, loaded when first needed; it has no other switch for special-use domains than this list."""
    import email_validator  # noqa: PLC0415 - slow to import

    email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()
    return email_validator.validate_email, email_validator.EmailNotValidError
