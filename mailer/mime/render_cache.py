"""What differs per reader, written once for all the readers for whom it comes out the same.

    Stencil(parts, write).render(values) == write(fill(parts, values))        always

A list has fewer first names than readers: what depends on fields alone is kept by their values. A token or an address is
everybody's own, but all of one length take the same room: what depends on them alone is written once for each length, with
stand-ins that are replaced from then on. That this comes out right is tried with a second pair of stand-ins, of other
characters, before it is used; and it is used only for values that are plain everywhere: letters, digits and `@._+-`. All
else is written anew each time. What is kept is bounded.
"""

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import lru_cache

from mailer.edition.merge_fields import ADDRESS, TOKEN, ReaderValues, TemplateParts, depends_on, fill

MAX_ENTRIES = 512  # renderings kept by one stencil
LONGEST = 1000  # characters of the values, and octets of a rendering, that is kept

_PLAIN_TOKEN = re.compile(r"[a-z2-7]+")
_PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._+-]*")


class RenderCache:
    """Parts that stand together, and how their text is written."""

    __slots__ = ("_by_address", "_by_token", "_known", "_names", "_parts", "_patterns", "_write", "render")

    def __init__(self, parts: TemplateParts, write: Callable[[str], bytes]) -> None:
        self._parts = parts
        self._write = write
        needed = depends_on(parts)
        self._by_token, self._by_address = TOKEN in needed, ADDRESS in needed
        self._names = sorted(needed - {TOKEN, ADDRESS})
        self._known: dict[Hashable, bytes] = {}
        self._patterns: dict[tuple[int, int], _Template | None] = {}
        self.render: Callable[[ReaderValues], bytes] = self._by_fields
        """The text of the parts, filled with values and written."""
        if self._by_token or self._by_address:
            self.render = self._render if self._names else self._by_lengths

    def _by_lengths(self, values: ReaderValues) -> bytes:
        token = plain_token(values.token) if self._by_token else b""
        address = plain_address(values.address) if self._by_address else b""
        if token is None or address is None:
            return self._render(values)
        lengths = len(token), len(address)
        try:
            pattern = self._patterns[lengths]
        except KeyError:
            pattern = self._patterns[lengths] = self._make_pattern(values, *lengths)
        return pattern.fill(token, address) if pattern else self._render(values)

    def _by_fields(self, values: ReaderValues) -> bytes:
        get = values.fields.get
        key = tuple([get(name) for name in self._names])
        found = self._known.get(key)
        if found is None:
            found = self._render(values)
            if len(found) <= LONGEST and sum(len(value or "") for value in key) <= LONGEST:
                if len(self._known) >= MAX_ENTRIES:
                    self._known.clear()
                self._known[key] = found
        return found

    def _render(self, values: ReaderValues) -> bytes:
        return self._write(fill(self._parts, values))

    def _make_pattern(self, values: ReaderValues, token_length: int, address_length: int) -> "_Template | None":
        """For values as long as these; None where their characters matter."""
        if token_length + address_length > LONGEST:
            return None
        token, address = "0" * token_length, "1" * address_length  # no token has a 0 or a 1: they are base32
        pattern = _Template(
            self._render(values._replace(token=token, address=address)), token.encode(), address.encode()
        )
        others = values._replace(token="b" * token_length, address=("c@.-_+" * address_length)[:address_length])
        tried = pattern.fill(others.token.encode(), others.address.encode())
        return pattern if tried == self._render(others) else None


@lru_cache(maxsize=4)  # each is asked for a few times in a row
def plain_token(token: str) -> bytes | None:
    """In ASCII, if it is a plain one."""
    return token.encode() if _PLAIN_TOKEN.fullmatch(token) else None


@lru_cache(maxsize=4)
def plain_address(address: str) -> bytes | None:
    """In ASCII, if it is plain wherever it stands."""
    return address.encode() if _PLAIN_ADDRESS.fullmatch(address) else None


@dataclass(frozen=True, slots=True)
class _Template:
    """A rendering with stand-ins; one that does not occur is empty."""

    text: bytes
    token: bytes
    address: bytes

    def fill(self, token: bytes, address: bytes) -> bytes:
        text = self.text
        if token:
            text = text.replace(self.token, token)
        if address:
            text = text.replace(self.address, address)
        return text
