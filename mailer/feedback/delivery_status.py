"""Parses delivery status notifications (RFC 3464, RFC 6533), well-formed or not.

Blocks are separated by blank lines, but some servers forget them or fold lines without a blank: a second recipient field begins a
new block, and a line that is no field belongs to the field before it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from mailer.feedback.status_code import ENHANCED
from mailer.smtp.refusal_reason import is_temporary

LINES = 2000  # of one part
RECIPIENTS = 100
_FIELD = re.compile(
    r"((?:original|final|x-actual|reporting|received|x-original|dsn|arrival|last|remote|diagnostic|will|final-log|x|report)-[\w-]+"
    r"|action|status)[ \t]*:[ \t]*(.*)",
    re.IGNORECASE,
)
_RECIPIENT_FIELDS = frozenset({"final-recipient", "original-recipient"})
_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_UNITEXT = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
_ADDRESS = re.compile(r"[^\s<>\"'(),;:]+@[^\s<>\"'(),;:]+")
_NOT_DELIVERED = frozenset({"failed", "delayed", "expired", "error", ""})


@dataclass(slots=True, kw_only=True)
class StatusBlock:
    """What a notification says about one recipient. `fields` has lower-case names."""

    fields: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """The recipient that the sender named, which a forwarding server replaces; else the final one."""
        return self._original or self._recipient("final-recipient") or self._recipient("x-actual-recipient")

    @property
    def is_forwarded(self) -> bool:
        """Whether the final recipient, or the one that Sendmail calls the actual one, is another address than the one named."""
        named = self.address.lower()
        others = (self._recipient(name).lower() for name in ("final-recipient", "x-actual-recipient"))
        return any(other and other != named for other in others)

    @property
    def _original(self) -> str:
        """The address in Original-Recipient: in xtext (RFC 3461 4.2), unless it is already that of Final-Recipient."""
        original = self._recipient("original-recipient")
        is_plain = original.lower() == self._recipient("final-recipient").lower()
        return original if is_plain else decode_xtext(original)

    def _recipient(self, name: str) -> str:
        return parse_recipient(self.fields.get(name, ""))

    @property
    def action(self) -> str:
        """One word of RFC 3464 2.3.3 in lower case, or ""."""
        return next(iter(re.findall(r"[a-z]+", self.fields.get("action", "").lower())), "")

    @property
    def status(self) -> str:
        """The enhanced code, without its comment; or ""."""
        found = ENHANCED.search(self.fields.get("status", ""))
        return found[0] if found else ""

    @property
    def diagnostic(self) -> str:
        """What the remote server replied, without the type of the reply."""
        kind, separator, text = self.fields.get("diagnostic-code", "").partition(";")
        is_type = (
            bool(separator) and len(kind) < 20 and "unix" not in kind.lower()
        )  # X-Unix; 71 is the status of a program
        return text.strip() if is_type else f"{kind}{separator}{text}".strip()

    @property
    def is_to_be_retried(self) -> bool:
        """Whether the server tries on, or says in the comment of the status that a later message may arrive."""
        return "will-retry-until" in self.fields or is_temporary(self.fields.get("status", ""))

    @property
    def is_about_failure(self) -> bool:
        """Whether the message was not delivered, or not yet."""
        return self.action in _NOT_DELIVERED and not self.status.startswith("2")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryStatus:
    """A notification. `envelope_id`: our ENVID (RFC 3461 4.4)."""

    envelope_id: str = ""
    blocks: tuple[StatusBlock, ...] = ()


def parse_delivery_status(text: str) -> DeliveryStatus:
    """Parses a status part, or the fields that stand in the prose of a bounce. Total."""
    envelope_id, blocks, block = "", [], StatusBlock()
    for name, value in _fields(text):
        if name == "original-envelope-id":
            envelope_id = envelope_id or decode_xtext(value)
        elif not name:
            blocks.append(block)
            block = StatusBlock()
        else:
            if name in _RECIPIENT_FIELDS and name in block.fields:
                blocks.append(block)
                block = StatusBlock()
            block.fields.setdefault(name, value)
    of_recipients = [each for each in (*blocks, block) if each.address or each.status or each.action]
    return DeliveryStatus(envelope_id=envelope_id, blocks=tuple(of_recipients[:RECIPIENTS]))


def _fields(text: str) -> Iterator[tuple[str, str]]:
    """Yields the name and value of each field, and a pair of empty texts for each blank line."""
    name, lines = "", [""]
    for line in (*text.split("\n")[:LINES], ""):
        found = _FIELD.match(line.strip()) if line[:1] not in {" ", "\t"} else None
        if found is None and line.strip():
            lines.append(line.strip())
            continue
        if name:
            yield name, " ".join(lines)
        name, lines = (found[1].lower(), [found[2].strip()]) if found else ("", [""])
        if found is None:
            yield "", ""


def parse_recipient(value: str) -> str:
    """Returns the address of a recipient field, `rfc822; ana@example.org`; "" without one."""
    kind, separator, text = value.partition(";")
    if not separator:
        kind, text = "", value
    if kind.strip().lower() == "utf-8":
        text = _UNITEXT.sub(lambda octets: chr(min(int(octets[1], 16), 0x10FFFF)), text)
    found = _ADDRESS.search(text.strip().strip("<>"))
    if found is None:
        return ""
    return found[0].strip(".")


def decode_xtext(text: str) -> str:
    """Returns `text` with its xtext decoded (RFC 3461 4). A plus that begins no octet stays, because many servers add none."""
    decoded = _XTEXT.sub(lambda octet: chr(int(octet[1], 16)), text)
    return decoded if decoded.isprintable() else text
