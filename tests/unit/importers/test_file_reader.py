import contextlib
import datetime as dt
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.errors import UsageError
from mailer.importers.file_reader import decode_data_url, decode_text, open_message, open_page


def message() -> EmailMessage:
    made = EmailMessage()
    made["Subject"] = "Der Kai öffnet"
    made["Date"] = "Mon, 26 Oct 2026 08:00:00 +0000"
    made.set_content("plain")
    made.add_alternative("<p>Hello <img src='cid:one' alt='A quay'></p>", subtype="html")
    made.get_payload()[1].add_related(b"\x89PNG", "image", "png", cid="<one>")
    return made


def test_the_best_part_of_a_message_with_its_pictures():
    opened = open_message(message().as_bytes())
    assert opened.is_html
    assert (opened.subject, opened.date) == ("Der Kai öffnet", dt.date(2026, 10, 26))
    assert opened.pictures == {"cid:one": b"\x89PNG"}


def test_a_message_without_html_is_read_as_text():
    made = EmailMessage()
    made.set_content("only text")
    opened = open_message(made.as_bytes())
    assert not opened.is_html
    assert opened.text.strip() == "only text"


@given(st.binary(max_size=500))
def test_any_bytes_are_read_or_refused_with_a_reason(data):
    with contextlib.suppress(UsageError):
        open_message(data)


def test_the_charset_of_a_page_is_used():
    assert open_page("<meta charset=windows-1252>Fähre".encode("cp1252")).text.endswith("Fähre")


@pytest.mark.parametrize(
    ("address", "data"),
    [
        ("data:image/png;base64,aGk=", b"hi"),
        ("data:image/gif,a%20b", b"a b"),
        ("data:;base64,!", None),
        ("cid:x", None),
    ],
)
def test_data_addresses_are_decoded(address, data):
    assert decode_data_url(address) == data


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_text_is_decoded_in_any_encoding(encoding):
    assert decode_text("Die Fähre – „Alva“".encode(encoding))[0] == "Die Fähre – „Alva“"


def _mixed(*parts: tuple[str, str]) -> bytes:
    found = EmailMessage()
    found["Subject"] = "Harbour"
    found.make_mixed()
    for kind, text in parts:
        part = EmailMessage()
        part.set_content(text, subtype=kind)
        found.attach(part)
    return found.as_bytes()


def test_a_plain_text_beside_a_page_is_not_dropped():
    opened = open_message(
        _mixed(("plain", "The whole letter,\nwith <signs>.\n\nMore.\n"), ("html", "<p>The footer</p>"))
    )
    assert opened.is_html
    assert opened.text.startswith("<p>The whole letter,<br>with &lt;signs&gt;.</p><p>More.</p>")
    assert "<p>The footer</p>" in opened.text


def test_a_plain_copy_of_a_page_is_not_read_twice():
    opened = open_message(_mixed(("plain", "The letter is here.\n"), ("html", "<p>The <b>letter</b> is here.</p>")))
    assert opened.text.count("here") == 1


def test_the_line_ends_that_a_mail_program_added_within_words_are_removed():
    head = b"Subject: Harbour\nContent-Type: text/plain; charset=utf-8; format=flowed; delsp=yes\n\n"
    assert open_message(head + b"See https://example.org/long \n-path here.\n-- \nMara\n").text == (
        "See https://example.org/long-path here.\n-- \nMara\n"
    )
