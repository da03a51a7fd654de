"""HTML dispatches: saved pages and messages."""

import contextlib
import datetime as dt
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.errors import UsageError
from mailer.importers.html import read_html
from mailer.importers.input_files import inline_picture, open_message, open_page
from mailer.importers.plaintext import read_plaintext

TODAY = dt.date(2026, 11, 22)
PAGE = """<!doctype html><html lang="en"><head><title>x</title><style>p{color:red}</style></head><body>
<div style="display:none">Hidden preheader</div><img src="https://count.example.org/p.gif" width="1" height="1">
<p>The Harbour Letter</p><h1>The quay <em>opens</em></h1><p>26 October 2026</p>
<table role="presentation"><tr><td><ol><li>Why (Harbour Times, 25 October 2026)</li></ol></td></tr></table>
<h2>Note by Mara Lindqvist</h2><p>Two words &amp; <a href="https://example.org/a(b)">a link</a>.<br>New line.</p><p>-- Mara Lindqvist</p>
<p>Harbour Times · 25 October 2026</p><h2>Why</h2><p>First <strong>bold</strong>.</p><h3>Costs</h3>
<table><tr><th>Work</th><th>Sum</th></tr><tr><td>Pier | west</td><td>4</td></tr></table><ul><li>one</li><li>two<ul><li>three</li></ul></li></ul>
<blockquote><p>Said.</p></blockquote><pre>a  b</pre>
<p>Unsubscribe here</p><p>Copyright © 2026 Mara Lindqvist</p></body></html>"""


def test_a_page_is_read_as_far_as_its_structure_goes():
    page = read_html(PAGE)
    draft = read_plaintext(page.paragraphs, today=TODAY)
    assert draft.title == "The quay opens"
    assert draft.date == dt.date(2026, 10, 26)
    assert draft.editor == draft.signature == "Mara Lindqvist"
    assert draft.note == ("Two words & [a link](https://example.org/a%28b%29).\\\nNew line.",)
    (article,) = draft.articles
    assert (article.title, article.source, article.date) == ("Why", "Harbour Times", dt.date(2026, 10, 25))
    assert article.body == (
        "First **bold**.",
        "### Costs",
        "| Work | Sum |\n| --- | --- |\n| Pier \\| west | 4 |",
        "- one\n- two\n  - three",
        "> Said.",
        "```\na  b\n```",
    )
    assert draft.copyright == "Copyright © 2026 Mara Lindqvist"
    assert page.aside == ("Unsubscribe here",)
    assert "Hidden preheader" not in str(page)
    assert "count.example.org" not in str(page)


@given(st.text(max_size=300))
def test_any_text_is_some_page(text):
    for wrapped in (text, f"<table><tr><td>{text}<ol><li>{text}"):
        page = read_html(wrapped)
        if page.paragraphs:
            read_plaintext(page.paragraphs, today=TODAY)


def test_deep_nesting_ends():
    assert len(read_html("<div>" * 5000 + "x").paragraphs) <= 1


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
def test_any_bytes_are_some_message_or_say_why_not(data):
    with contextlib.suppress(UsageError):
        open_message(data)


def test_a_page_says_its_own_charset():
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
def test_inline_pictures(address, data):
    assert inline_picture(address) == data
