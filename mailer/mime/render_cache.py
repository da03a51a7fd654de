"""Caches what differs per recipient, for all recipients for whom it comes out the same.

    RenderCache(parts, write).render(values) == write(fill(parts, values))        always

A list has fewer first names than recipients: what depends on fields alone is cached by their values. Tokens and addresses
differ for every recipient, but all of one length take the same room: what depends on them alone, and on the name of the
list, is written once for each length and name, with stand-ins that are then replaced. Before it is used, the result is checked
with a second pair of stand-ins of other characters; and it is used only for values of letters, digits and `@._+-`. Everything
else is rendered each time. The size of the cache is bounded.
"""

import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import lru_cache

from mailer.edition.merge_fields import ADDRESS, LIST_NAME, TOKEN, ReaderValues, TemplateParts, depends_on, fill

MAX_ENTRIES = 512  # renderings in one cache
MAX_LENGTH = 1000  # characters of the values, and octets, of a cached rendering

_PLAIN_TOKEN = re.compile(r"[a-z2-7]+")
_PLAIN_ADDRESS = re.compile(r"(?!.*xn--)[A-Za-z0-9][A-Za-z0-9@._+-]*")  # one with A-labels is shown in Unicode


class RenderCache:
    """The renderings of `parts`, whose text `write` encodes."""

    __slots__ = (
        "_by_address",
        "_by_token",
        "_by_values",
        "_names",
        "_names_list",
        "_parts",
        "_templates",
        "_write",
        "render",
    )

    def __init__(self, parts: TemplateParts, write: Callable[[str], bytes]) -> None:
        self._parts = parts
        self._write = write
        needed = depends_on(parts)
        self._by_token, self._by_address = TOKEN in needed, ADDRESS in needed
        self._names = sorted(needed - {TOKEN, ADDRESS})
        self._names_list = self._names == [LIST_NAME]  # a send has few of them
        self._by_values: dict[Hashable, bytes] = {}
        self._templates: dict[tuple[int, int, str], _Template | None] = {}
        self.render: Callable[[ReaderValues], bytes] = self._by_fields
        """Returns the text of the parts, filled with values and encoded."""
        if self._by_token or self._by_address:
            self.render = self._by_lengths if self._names_list or not self._names else self._render

    def _by_lengths(self, values: ReaderValues) -> bytes:
        token = plain_token(values.token) if self._by_token else b""
        address = plain_address(values.address) if self._by_address else b""
        if token is None or address is None:
            return self._render(values)
        key = len(token), len(address), values.fields.get(LIST_NAME, "") if self._names_list else ""
        try:
            template = self._templates[key]
        except KeyError:
            if len(self._templates) >= MAX_ENTRIES:
                self._templates.clear()
            template = self._templates[key] = self._make_template(values, len(token), len(address))
        return template.fill(token, address) if template else self._render(values)

    def _by_fields(self, values: ReaderValues) -> bytes:
        get = values.fields.get
        key = tuple([get(name) for name in self._names])
        found = self._by_values.get(key)
        if found is None:
            found = self._render(values)
            if len(found) <= MAX_LENGTH and sum(len(value or "") for value in key) <= MAX_LENGTH:
                if len(self._by_values) >= MAX_ENTRIES:
                    self._by_values.clear()
                self._by_values[key] = found
        return found

    def _render(self, values: ReaderValues) -> bytes:
        return self._write(fill(self._parts, values))

    def _make_template(self, values: ReaderValues, token_length: int, address_length: int) -> "_Template | None":
        """Returns a template for values of these lengths; None if their characters matter."""
        if token_length + address_length > MAX_LENGTH:
            return None
        token, address = "0" * token_length, "1" * address_length  # no token has a 0 or a 1: they are base32
        template = _Template(
            self._render(values._replace(token=token, address=address)), token.encode(), address.encode()
        )
        others = values._replace(token="b" * token_length, address=("c@.-_+" * address_length)[:address_length])
        tried = template.fill(others.token.encode(), others.address.encode())
        return template if tried == self._render(others) else None


@lru_cache(maxsize=4)  # each is called a few times in a row with the same value
def plain_token(token: str) -> bytes | None:
    """Returns the token in ASCII; None if it has other characters than base32."""
    return token.encode() if _PLAIN_TOKEN.fullmatch(token) else None


@lru_cache(maxsize=4)
def plain_address(address: str) -> bytes | None:
    """Returns the address in ASCII; None if it needs quoting or escaping anywhere."""
    return address.encode() if _PLAIN_ADDRESS.fullmatch(address) else None


@dataclass(frozen=True, slots=True)
class _Template:
    """A rendering with stand-ins; a stand-in that does not occur is empty."""

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
