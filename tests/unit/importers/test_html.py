"""HTML dispatches: saved pages and messages."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from mailer.importers.html import read_html
from mailer.importers.issue_structure import read_plaintext

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


def test_the_structure_of_a_page_is_kept():
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
    assert "Hidden preheader" not in str(page.paragraphs)
    assert "count.example.org" not in str(page)


@given(st.text(max_size=300))
def test_any_text_is_read_as_a_page(text):
    for wrapped in (text, f"<table><tr><td>{text}<ol><li>{text}"):
        page = read_html(wrapped)
        if page.paragraphs:
            read_plaintext(page.paragraphs, today=TODAY)


def test_deep_nesting_is_cut_off():
    assert len(read_html("<div>" * 5000 + "x").paragraphs) <= 1


def test_a_cell_over_several_rows_or_columns_leaves_the_others_in_their_columns():
    page = read_html(
        "<table><tr><th>Day<th>Event<th>Place<tr><td rowspan=2>Mon<td>Walk<td>Quay<tr><td>Talk<td>Hall"
        "<tr><td colspan=2>Closed<td>All</table>"
    )
    assert "".join(page.paragraphs[0].markdown or ()).splitlines()[2:] == [
        "| Mon | Walk | Quay |",
        "|  | Talk | Hall |",
        "| Closed |  | All |",
    ]


def test_a_sentence_that_begins_like_a_generated_line_is_kept():
    page = read_html("<p>Read in silence, she said.</p><p>View in browser</p><p>Read it in your browser</p>")
    assert [each.text for each in page.paragraphs] == ["Read in silence, she said."]


def test_prose_with_a_date_under_a_heading_is_text():
    page = read_html(
        "<h1>Letter</h1><p>12 March 2024</p><h2>Fair</h2><p>The fair opens on 6 July 2024</p><p>Bring cake.</p>"
        "<h2>Bridge</h2><p>Harbour Times 3 March 2024</p><p>It is shut.</p><h2>Wire</h2><p>Coast Wire, 4 March 2024</p><p>Text.</p>"
    )
    read = read_plaintext(page.paragraphs, today=dt.date(2026, 1, 1))
    assert [(each.title, each.source) for each in read.articles] == [
        ("Bridge", "Harbour Times"),
        ("Wire", "Coast Wire"),
    ]
    assert "The fair opens on 6 July 2024" in read.note
    assert [each.message for each in read.doubts if "source and date" in each.message] == [
        "“Harbour Times 3 March 2024” was read as the source and date of “Bridge”"
    ]
