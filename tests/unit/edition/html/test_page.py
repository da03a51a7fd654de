"""The HTML of contents and articles: directions, source lines, and what a short dispatch leaves out."""

import re
from dataclasses import replace

import pytest

from mailer.edition.dispatch_view import FACE, THUMBNAIL, Crop
from mailer.edition.merge_fields import ReaderValues
from mailer.edition.model import Image
from tests.support.editions import ANA, NOBODY, PUBLICATION, TEMPLATES, edition, html_of

OTHER = "\n\n## Another\nsource: Wire\ndate: 2026-11-07\n\nText."


def html(body: str, **options) -> str:
    return re.sub(r' (?:style|class)="[^"]*"', "", html_of(edition(body, **options), NOBODY))


def article(*details: str) -> str:
    return "\n".join(["Note.", "", "## Quay opens", *details, "date: 2026-11-07", "", "Text."])


def test_source_and_place_are_the_same_in_the_contents_and_in_the_article():
    found = html(article("source: National Wire", "place: Norland") + OTHER)
    origin = '<span dir="ltr">National Wire</span> (<span dir="ltr">Norland</span>)'
    assert found.count(origin) == 2
    assert f'({origin}, <span dir="ltr">7 November 2026</span>)' in found


def test_one_article_without_summary_lines_has_no_contents():
    assert "In this issue" not in html(article("source: Wire"))
    assert "In this issue" in html(article("source: Wire"), front="summary: [One thing]\n")


@pytest.mark.parametrize(
    ("details", "date"),
    [
        (["source: הארץ", "direction: rtl"], '<span dir="ltr">7 November 2026</span>'),
        (["source: הארץ", "language: he"], '<span dir="rtl">7 בנובמבר 2026</span>'),
        (["source: Wire"], '<span dir="ltr">7 November 2026</span>'),
    ],
)
def test_a_date_has_the_direction_of_its_own_words(details, date):
    assert f" · {date}</p>" in html(article(*details))


def test_a_value_of_the_other_direction_is_isolated():
    rina, ana = (ReaderValues(fields={"name": name}, token="t") for name in ("רינה", "Ana"))
    english, hebrew = (
        edition("{{ reader.name }} (since 2020)."),
        edition("{{ reader.name }} (2020) שלום.", language="he"),
    )
    assert ">\u2068רינה\u2069 (since 2020).<" in html_of(english, rina)
    assert ">Ana (since 2020).<" in html_of(english, ana)
    assert ">\u2068Ana\u2069 (2020) שלום.<" in html_of(hebrew, ana)


@pytest.mark.parametrize(
    ("body", "language", "padding"),
    [
        ("2024. One\n2025. Two", "en", "margin-left:48px"),
        ("99. One\n100. Two", "en", "margin-left:37px"),
        ("98. אחת\n99. שתיים", "he", ""),
        ("100. אחת\n101. שתיים", "he", "margin-right:37px"),
        ("- item\n\n  998. a\n  999. b\n  1000. c", "en", "margin-left:48px"),
    ],
)
def test_a_list_has_room_for_its_widest_number(body, language, padding):
    found = re.findall(r'<li[^>]*style="([^"]*)"', html_of(edition(body, language=language), NOBODY))[-1]
    assert (padding in found.split("; ")) if padding else ("margin:0 26px 6px 0" in found), found


LISTS = "- a\n- b\n  - c\n- d\n\n1. e\n\n   - f\n\n2. g"


def styles_of(element: str, body: str, **options) -> list[str]:
    return re.findall(rf'<{element}[^>]*style="([^"]*)"', html_of(edition(body, **options), NOBODY))


def test_a_list_inside_a_tight_list_leaves_no_hole():
    outer, inner, loose = styles_of("ul", LISTS)
    assert "margin:0 0 17px" in outer
    assert "margin:6px 0 0" in inner
    assert "margin:0 0 17px" in loose, "its item is a paragraph"


def test_lists_and_quotes_are_indented_in_outlook_too():
    for language, margin, padding in (("en", "0 0 6px 26px", "0 0 0 16px"), ("he", "0 26px 6px 0", "0 16px 0 0")):
        (style,) = styles_of("li", "- a", language=language)
        assert f"margin:{margin}" in style, "Outlook ignores the padding of lists, and in part their margin"
        html = html_of(edition("> Quoted.", language=language), NOBODY)
        (cell,) = re.findall(r'<td class="quote-[^>]*style="([^"]*)"', html)
        assert f"padding:{padding}" in cell
        assert re.search(r'<p class="end" style="margin:0">Quoted\.</p>', html), "no second margin"


def test_only_cells_and_links_in_padded_cells_have_padding():
    """Outlook for Windows ignores the padding of anything else; it pads a cell for such a link (mso-padding-alt)."""
    body = (
        "- a\n\n> b\n\n```\nc\n```\n\n[**d**](https://x.example.org/)\n\n![e](https://x.example.org/e.png 'f')" + OTHER
    )
    front = "standfirst: A line.\nsummary: [One]\nearlier: [{title: A, url: https://x.example.org/}]\n"
    html = html_of(edition(body, front=front), NOBODY)
    padded = re.findall(r'<([a-z0-9]+)[^>]*style="[^"]*padding[a-z-]*:(?!0[;"])', html)
    assert set(padded) == {"td", "a"}
    assert html.count("mso-padding-alt") == padded.count("a")


def test_the_numbers_of_the_contents_have_room():
    html = html_of(edition("Note.", front=f"summary: [{', '.join(['One thing'] * 10)}]\n"), NOBODY)
    cells = re.findall(r'<td class="entry-number[^>]*style="([^"]*)"[^>]*>(\d+)\.', html)
    assert [number for _, number in cells] == [str(number) for number in range(1, 11)]
    assert all("padding:5px 10px 5px 0" in style for style, _ in cells)


FACED = "standfirst: A line.\neditor: {name: Mara, photo: m.jpg}\n"
PICTURE = Image(name="m.png", content_type="image/png", width=10, height=10, data=b"")
CROPS = {Crop("m.jpg", FACE): PICTURE, Crop("m.jpg", THUMBNAIL): PICTURE}


def test_the_front_page_has_what_the_dispatch_has():
    plain, full = html_of(edition("Note."), NOBODY), html_of(edition("Note.", front=FACED, crops=CROPS), NOBODY)
    assert not re.search('class="(standfirst|byline|face)', plain)
    assert 'class="standfirst' in full
    assert ">By Mara</p>" in full
    assert 'class="face"' in full
    assert full.index('class="preheader"') < full.index("A line.") < full.index("<h1"), "it is what inboxes show, too"
    body = article("source: Wire", "image: m.jpg", "teaser: A <teaser>.") + OTHER
    listed = html(body, crops=CROPS)
    assert '<br><span dir="auto">A &lt;teaser&gt;.</span>' in listed
    assert len(re.findall(r'<td[^>]* colspan="2"', listed)) == 1, "an entry without an image has the room of one"


def test_only_entries_with_an_image_become_cards(tmp_path):
    (tmp_path / "theme.toml").write_text('theme = "bulletin"\n', encoding="utf-8")
    body, looks = article("source: Wire", "{}") + OTHER, {"templates": (tmp_path, TEMPLATES)}
    assert 'class="tile"' in html_of(edition(body.format("image: m.jpg"), crops=CROPS, **looks), NOBODY)
    assert 'class="tile"' not in html_of(edition(body.format("teaser: A line."), **looks), NOBODY)


def test_the_footer_leads_on_and_the_archive_shows_nothing_of_a_reader():
    made = edition("Note.", front="earlier: [{title: Eleven, slug: 2025-12-18-eleven-winters}]\n")
    letter, archived = html_of(made, ANA), html_of(made, NOBODY)
    assert "Eleven</a></span> · 18 December 2025" in letter
    assert 'href="https://letter.example.org/archive/"' in letter
    assert 'href="https://letter.example.org/preferences/TOKEN"' in letter
    reply, forward = (
        'href="mailto:letter@example.org?subject=Re%3A%20A%20letter"',
        'href="mailto:?subject=A%20letter&amp;body=https%3A%2F%2Fletter.example.org%2Farchive%2Fa-letter"',
    )
    assert (reply in letter, forward in letter) == (True, True)
    assert (reply in archived, forward in archived) == (False, True)
    nobody_reads = replace(PUBLICATION, from_address="No-Reply@example.org")
    assert ">Reply<" not in html_of(edition("Note.", publication=nobody_reads), ANA)
    assert ">Reply<" in html_of(edition("Note.", publication=replace(nobody_reads, reply_to="m@example.org")), ANA)


def test_no_link_has_a_direction_of_its_own():
    """Outlook for Windows does not show the words of such a link where they belong."""
    body = article("source: הארץ", "link: https://haaretz.example.org/", "language: he") + OTHER
    earlier = "earlier: [{title: חורף, url: https://example.org/}]\n"
    assert not re.search(r"<a [^>]*dir=", html(body, front=earlier))


def test_print_writes_out_each_web_address():
    html = html_of(edition("Note."), NOBODY)
    assert 'a[href^="http"]::after' in html
