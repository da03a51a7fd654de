"""A header field is one field, whatever its value."""

from email.header import decode_header, make_header
from email.parser import BytesParser
from email.policy import compat32, default
from email.utils import parseaddr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.mime.header_encoding import HeaderError, address_field, structured, unstructured


def parse(field: bytes):
    return BytesParser(policy=default).parsebytes(field + b"\r\nbody")


subjects = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=300)


@given(text=subjects | st.sampled_from(["=?UTF-8?Q?x=0D=0ABcc:_victim@example.com?=", "a  b", "x" * 400, "word " * 80]))
def test_a_subject_reads_back_as_it_was(text: str) -> None:
    text = " ".join(text.split())
    field = unstructured("Subject", text)
    message = parse(field)
    assert message.keys() == ["Subject"]
    assert message["Subject"] == text
    assert all(len(line) <= 78 for line in field.split(b"\r\n"))


@given(name=subjects)
def test_a_display_name_reads_back_as_it_was(name: str) -> None:
    name = " ".join(name.split())
    message = parse(address_field("From", name, "desk@example.org"))
    assert message.keys() == ["From"]
    raw = BytesParser(policy=compat32).parsebytes(address_field("From", name, "desk@example.org") + b"\r\n")
    display, address = parseaddr(raw["From"].replace("\r\n", ""))
    # the newer parser of Python 3.11 puts a space between adjacent encoded words in a phrase; RFC 2047 6.2 does not
    assert (str(make_header(decode_header(display))), address) == (name, "desk@example.org")


@pytest.mark.parametrize(
    "text", ["a\nBcc: b@example.org", "a\r\nB: c", "a\rb", "nul\0", "a\x85b", "a\u2028b", "\x1b[31m"]
)
def test_controls_are_refused(text: str) -> None:
    for make in (
        lambda: unstructured("Subject", text),
        lambda: structured("List-Id", text),
        lambda: address_field("To", text, "a@b.example"),
        lambda: address_field("To", "", text),
    ):
        with pytest.raises(HeaderError):
            make()


def test_structured_fields_break_between_words_only() -> None:
    url, mail = f"<https://a.example.org/u/{'a' * 30}>,", f"<mailto:leave+{'a' * 39}@example.org>"
    assert structured("List-Unsubscribe", url, mail) == f"List-Unsubscribe: {url}\r\n {mail}\r\n".encode()
    long = f"<https://letter.example.org/u/{'a' * 39}>,"
    assert structured("List-Unsubscribe", long, mail) == f"List-Unsubscribe:\r\n {long}\r\n {mail}\r\n".encode()
