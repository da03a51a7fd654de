"""The address of a subscriber, in three forms.

    envelope   local part as first written, domain in lower-case A-labels: the address of RCPT TO
    identity   casefolded local part and the same domain: the key of members, deliveries and suppressions
    display    local part and domain in Unicode, for people

`parse_address` takes one address, perhaps with space around it, and raises AddressError with a short reason. A quoted local
part (`"a b"@example.org`) is legal but refused: it is very rare, and many servers refuse it. The domain need not exist. Plain
ASCII is matched by two regular expressions, which accept exactly what email-validator accepts there; the library parses
anything else.

`parse_signup_address` takes an address from a stranger. It also refuses what a spreadsheet would run, since the address is
written into a list file, and a domain without a dot.
"""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from mailer.errors import UsageError
from mailer.mailbox_address import MAX_ADDRESS, MAX_LOCAL_PART, NUMERIC_LABEL, MailboxError, check_syntax

_ATOM = r"[A-Za-z0-9_!#$%&'*+\-/=?^`{|}~]++"  # RFC 5322 3.2.3
_LABEL = r"(?!..--)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"  # RFC 1123 2.1; ..-- is RFC 5890 2.3.1
_match_local = re.compile(rf"{_ATOM}(?:\.{_ATOM})*+").fullmatch
_match_domain = re.compile(rf"(?:{_LABEL}\.)*(?!{NUMERIC_LABEL}\Z){_LABEL}").fullmatch
_new = tuple.__new__  # half the time of a call
_CACHED_DOMAINS = 4096  # a list has few
_STRIPPED = " \t\r\n\v\f\xa0\u200b\u2060\ufeff"  # what spreadsheets and web pages leave around an address
_FORMULA_BEGINS = ("=", "+", "-", "@")
_CALLS = frozenset("|!")
_GMAIL = ("gmail.com", "googlemail.com")
_MAX_SHOWN = 100  # characters of a wrong address in a message


class AddressError(UsageError):
    """An invalid address. `reason` is a few words that fit into brackets."""

    def __init__(self, text: str, reason: str) -> None:
        shown = text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
        shown = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in shown)
        super().__init__(
            f"“{shown}” is not an e-mail address ({reason}).", "Write one address, such as ana@example.org."
        )
        self.reason = reason


class Address(NamedTuple):  # a tuple, since there are millions
    envelope: str
    identity: str
    display: str
    smtputf8: bool = False  # the local part is not ASCII: RFC 6531 is needed

    @property
    def domain(self) -> str:
        return self.identity.rpartition("@")[2]


def parse_address(text: str) -> Address:
    """Parses one address. Raises AddressError."""
    local, _, domain = text.rpartition("@")
    ascii_domain = _normalize_ascii_domain(domain)
    if ascii_domain and len(local) <= MAX_LOCAL_PART and len(text) <= MAX_ADDRESS and _match_local(local):
        envelope = text if ascii_domain == domain else f"{local}@{ascii_domain}"
        identity = envelope.lower()
        return _new(Address, (envelope, envelope if identity == envelope else identity, envelope, False))
    trimmed = text.strip(_STRIPPED).strip()
    return parse_address(trimmed) if trimmed != text else _parse_by_library(text)


def parse_signup_address(text: str) -> Address:
    """Parses an address that a stranger entered. Raises AddressError.

    A local part that begins like a formula is refused, and one with `|` or `!`, by which a formula calls another program: no
    escaping fits into an address. A domain without a dot is refused as well: it is a slip, or a name of a network of its own.
    """
    address = parse_address(text)
    if "." not in address.domain:
        raise AddressError(text, "no dot after the @")
    local = unicodedata.normalize("NFKC", address.display).rpartition("@")[0]
    if local.startswith(_FORMULA_BEGINS):
        raise AddressError(text, f"begins with {local[0]}, as a formula does")
    if _CALLS.intersection(local):
        raise AddressError(text, "a | or ! before the @")
    return address


def readable_address(address: str) -> str:
    """Returns `address` for people: with the domain in Unicode, not in A-labels (RFC 5890). Raises nothing."""
    if "xn--" not in address:
        return address
    try:
        return parse_address(address).display
    except AddressError:
        return address


def mailbox_of(identity: str) -> str:
    """Returns an address under which all spellings of one mailbox are counted: without what follows a +; at Gmail without dots.

    For limits only: where a provider takes them for different mailboxes, they share a limit.
    """
    local, _, domain = identity.rpartition("@")
    local = local.partition("+")[0] or local
    if domain in _GMAIL:
        local, domain = local.replace(".", "") or local, _GMAIL[0]
    return f"{local}@{domain}"


def is_plain_address(text: str) -> bool:
    """Whether `text` is an address whose envelope, identity and display are all `text` itself."""
    local, _, domain = text.rpartition("@")
    return (
        _normalize_ascii_domain(domain) == domain != ""
        and len(local) <= MAX_LOCAL_PART
        and len(text) <= MAX_ADDRESS
        and local == local.lower()
        and _match_local(local) is not None
    )


@lru_cache(_CACHED_DOMAINS)
def _normalize_ascii_domain(domain: str) -> str:
    """Returns a valid ASCII domain in lower case; "" for any other text."""
    return domain.lower() if _match_domain(domain) else ""


def _parse_by_library(text: str) -> Address:
    if reason := _find_reason(text):
        raise AddressError(text, reason)
    try:
        checked = check_syntax(text)
    except MailboxError as error:
        raise AddressError(text, str(error)) from None
    local = text.rpartition("@")[0]
    composed = unicodedata.normalize("NFC", local)
    folded = unicodedata.normalize("NFC", composed.casefold())
    return Address(
        f"{local}@{checked.ascii_domain}",
        f"{folded}@{checked.ascii_domain}",
        f"{composed}@{checked.domain}",
        smtputf8=not local.isascii(),
    )


def _find_reason(text: str) -> str:
    """Returns a plainer reason than the library's why `text` is invalid; "" without one."""
    count = text.count("@")
    local, _, domain = text.rpartition("@")
    cases = (
        (not text, "empty"),
        (any(unicodedata.category(character) == "Cc" for character in text), "control characters"),
        ("<" in text or ">" in text, "angle brackets; write only the address"),
        (count > 1 and any(mark in text for mark in ",;"), "several addresses"),
        (text.startswith('"'), "a quoted name before the @, which is not supported"),
        (not count, "a full-width @" if "\uff20" in text or "\ufe6b" in text else "no @"),
        (count > 1, "two @" if count == 2 else f"{count} @"),
        (any(character.isspace() for character in text), "spaces"),
        (not local, "nothing before the @"),
        (not domain, "nothing after the @"),
        (domain.startswith("["), "an IP address instead of a domain"),
        (_octets(local) > MAX_LOCAL_PART, f"more than {MAX_LOCAL_PART} bytes before the @"),
        (_octets(text) > MAX_ADDRESS, f"longer than {MAX_ADDRESS} bytes"),
    )
    return next((reason for holds, reason in cases if holds), "")


def _octets(text: str) -> int:
    return len(text.encode(errors="replace"))


def mask_address(address: str) -> str:
    """Returns `address` masked so that only its owner recognises it, a…@example.com; "" for an erased or invalid address."""
    try:
        local, _, domain = parse_address(address).display.rpartition("@")
    except AddressError:
        return ""
    return f"{local[0]}…@{domain}"
