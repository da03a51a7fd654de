"""The HTML of contents and articles: directions, source lines, and what a short dispatch leaves out."""

import re

import pytest

from mailer.edition.merge_fields import ReaderValues
from tests.support.editions import NOBODY, edition, html_of

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
        ("2024. One\n2025. Two", "en", "padding-left:48px"),
        ("99. One\n100. Two", "en", "padding-left:37px"),
        ("98. אחת\n99. שתיים", "he", ""),
        ("100. אחת\n101. שתיים", "he", "padding-right:37px"),
        ("- item\n\n  998. a\n  999. b\n  1000. c", "en", "padding-left:48px"),
    ],
)
def test_a_list_has_room_for_its_widest_number(body, language, padding):
    (found,) = re.findall(r'<ol[^>]*style="([^"]*)"', html_of(edition(body, language=language), NOBODY))
    assert (padding in found.split("; ")) if padding else ("padding:0 26px 0 0" in found), found
