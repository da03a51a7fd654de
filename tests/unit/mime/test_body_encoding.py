"""A body joined from pieces decodes to the text that would have been encoded in one piece."""

import base64
import quopri
import re
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.edition.merge_fields import ReaderValues, TemplateParts
from mailer.mime.body_encoding import Encoding, choose_encoding, compile_body, merge

VALUES = ReaderValues(token="")


@dataclass(frozen=True)
class Value:
    value: str
    has_fixed_length: bool = False
    depends_on: frozenset[str] = frozenset()

    def fill(self, values: ReaderValues) -> str:
        return self.value


def unstuff(data: bytes) -> bytes:
    """Removes leading dots as an SMTP server does: RFC 5321 4.5.2."""
    return b"\r\n".join(line.removeprefix(b".") for line in data.split(b"\r\n"))


def whole(parts: TemplateParts, encoding: Encoding) -> bytes:
    body = compile_body(parts, encoding)
    return body.prefix + b"".join(body.render(VALUES))


def decode(data: bytes, encoding: Encoding) -> str:
    match encoding:
        case Encoding.QUOTED_PRINTABLE:
            octets = quopri.decodestring(unstuff(data))
        case Encoding.BASE64:
            octets = base64.b64decode(unstuff(data), validate=False)
        case Encoding.EIGHT_BIT:
            octets = unstuff(data)
    return octets.decode("utf-8").replace("\r\n", "\n")


def lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


awkward = st.sampled_from(
    [".", "..", "=", "\n", "\n.", " ", "  ", "\t", " \n", "\r", "é", "י", "😀", "x" * 75, "=2E", "a" * 1100, ""]
)
texts = st.lists(awkward | st.text(st.characters(exclude_categories=["Cs"]), max_size=12), max_size=8).map("".join)
parts = st.lists(texts | texts.map(Value), max_size=7).map(tuple)


@pytest.mark.parametrize("encoding", Encoding)
@given(parts=parts)
def test_pieces_decode_to_the_whole_text(encoding: Encoding, parts: TemplateParts) -> None:
    data = whole(parts, encoding)
    expected = "".join(lines(part if isinstance(part, str) else part.fill(VALUES)) for part in merge(parts))
    assert decode(data, encoding) == expected


@pytest.mark.parametrize("encoding", [Encoding.QUOTED_PRINTABLE, Encoding.BASE64])
@given(parts=parts)
def test_the_wire_form_is_clean(encoding: Encoding, parts: TemplateParts) -> None:
    data = whole(parts, encoding)
    assert data.isascii()
    assert not (set(data.replace(b"\r\n", b"")) & {10, 13}), "no bare CR or LF"
    assert not re.search(rb"(?m)^\.", data), "no line ends the message early, and none needs dot stuffing"
    assert not re.search(rb"\t|  | \r| $", data), "it is its own canonical form: RFC 6376 3.4.4"
    assert all(len(line) <= 76 for line in data.split(b"\r\n"))


@pytest.mark.parametrize("value", [".", "..", ".hidden", "\n.", "a\n.\nb", "x" * 10_000, "=" * 500, " ", "tail \n"])
@pytest.mark.parametrize("before", ["", "Dear ", "line\n", "x" * 75, "two  spaces \t", "é"])
@pytest.mark.parametrize("encoding", [Encoding.QUOTED_PRINTABLE, Encoding.BASE64])
def test_awkward_values_arrive_unchanged(encoding: Encoding, before: str, value: str) -> None:
    pieces: TemplateParts = (before, Value(value), ",\n.next line\n")
    assert decode(whole(pieces, encoding), encoding) == before + value + ",\n.next line\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [("plain words\n" * 50, Encoding.QUOTED_PRINTABLE), ("naïve, but mostly plain\n" * 50, Encoding.QUOTED_PRINTABLE),
     ("המוזיאון מבקש את הפעמון בחזרה\n" * 50, Encoding.BASE64), ("", Encoding.QUOTED_PRINTABLE)],
)  # fmt: skip
def test_the_smaller_encoding_is_chosen(text: str, encoding: Encoding) -> None:
    assert choose_encoding((text,), eight_bit=False) is encoding
    sizes = {e: len(whole((text,), e)) for e in (Encoding.QUOTED_PRINTABLE, Encoding.BASE64)}
    assert sizes[encoding] == min(sizes.values())


def test_eight_bit_is_chosen_only_if_no_line_can_be_too_long() -> None:
    assert choose_encoding(("short lines\n",), eight_bit=True) is Encoding.EIGHT_BIT
    assert choose_encoding(("é" * 600,), eight_bit=True) is not Encoding.EIGHT_BIT
    assert choose_encoding(("Dear ", Value("anybody")), eight_bit=True) is not Encoding.EIGHT_BIT
