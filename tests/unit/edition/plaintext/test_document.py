"""The lines that the plaintext has for articles: contents, source lines, isolates."""

import pytest

from mailer.edition.merge_fields import ReaderValues
from tests.support.editions import NOBODY, TEMPLATES, edition, text_of

OTHER = "\n\n## Another\nsource: Wire\ndate: 2026-11-07\n\nText."


def lines(body: str, **options) -> list[str]:
    return text_of(edition(body, **options), NOBODY).split("\n")


def article(*details: str) -> str:
    return "\n".join(["Note.", "", "## Quay opens", *details, "date: 2026-11-07", "", "Text."])


def test_source_and_place_are_the_same_in_the_contents_and_in_the_article():
    found = lines(article("source: National Wire", "place: Norland") + OTHER)
    assert "1. Quay opens (National Wire (Norland), 7 November 2026)" in found
    assert "National Wire (Norland), 7 November 2026" in found


def test_headings_have_numbers_and_emphasis_no_marks_unless_the_theme_wants_marks(tmp_path):
    (tmp_path / "theme.toml").write_text("[text]\nmarks = true\n", encoding="utf-8")
    body = article("source: Wire").replace("Text.", "*So* **it**.\n\n| a | b |\n|---|---|\n| c | d |") + OTHER
    plain, marked = lines(body), lines(body, templates=(tmp_path, TEMPLATES))
    assert plain[0:3] == ["A letter", "", "The Harbour Letter"]
    assert {"1. Quay opens", "2. Another", "So it.", "a  b"} <= set(plain)
    assert not any(line and set(line) <= set("=-_ ") for line in plain)
    assert marked[0:3] == ["A letter", "========", ""]
    assert {"Quay opens", "----------", "_So_ *it*.", "-  -"} <= set(marked)


@pytest.mark.parametrize(
    ("photo", "shown"),
    [
        ("alt: A quay", ["[Picture: A quay]", ""]),
        ("alt: A quay, caption: The quay.", ["[Picture: A quay]", "The quay."]),
        ("alt: A quay, caption: The quay., credit: Ines", ["[Picture: A quay]", "The quay. (Ines)"]),
        ("alt: A quay, credit: Ines", ["[Picture: A quay]", "(Ines)"]),
        ("alt: A quay, caption: הרציף", ["[Picture: A quay]", "הרציף"]),
        ("alt: A quay, caption: הרציף, credit: Ines", ["[Picture: A quay]", "\u2068הרציף\u2069 (Ines)"]),
    ],
)
def test_the_photo_is_what_it_shows_then_its_caption(photo, shown):
    found = lines("Note.", front=f"photo: {{url: https://x.example.org/q.jpg, {photo}}}\n")
    at = found.index(shown[0])
    assert found[at : at + 2] == shown


def test_one_article_without_summary_lines_has_no_contents():
    assert "In this issue" not in lines(article("source: Wire"))
    assert "In this issue" in lines(article("source: Wire"), front="summary: [One thing]\n")
    assert "In this issue" in lines(article("source: Wire") + OTHER)


@pytest.mark.parametrize(
    ("details", "language", "shown"),
    [
        (["source: הארץ"], "en", "(\u2068הארץ\u2069, 7 November 2026)"),
        (["source: Wire", "place: חיפה"], "en", "(Wire (\u2068חיפה\u2069), 7 November 2026)"),
        (["source: Wire"], "he", "(\u2068Wire\u2069, 7 בנובמבר 2026)"),
        (["source: Wire"], "ar", "(\u2068Wire\u2069، 7 نوفمبر 2026)"),
        (["source: 報"], "ja", "(報、2026年11月7日)"),
    ],
)
def test_each_part_of_an_entry_has_its_own_direction_and_the_comma_is_that_of_the_language(details, language, shown):
    assert any(shown in line for line in lines(article(*details) + OTHER, language=language))


@pytest.mark.parametrize(
    ("details", "shown"),
    [
        (["source: הארץ", "direction: rtl"], "הארץ, \u20687 November 2026\u2069"),
        (["source: הארץ", "language: he"], "הארץ, 7 בנובמבר 2026"),
        (["source: הארץ"], "\u2068הארץ\u2069, 7 November 2026"),
        (
            ["source: Gulf Wire", "place: Doha", "language: ar"],
            "\u2068Gulf Wire\u2069 (\u2068Doha\u2069)، 7 نوفمبر 2026",
        ),
    ],
)
def test_the_source_line_of_an_article_isolates_what_is_not_of_its_direction(details, shown):
    assert shown in lines(article(*details) + OTHER)


def test_a_value_is_isolated_if_its_direction_differs():
    rina, ana = (ReaderValues(fields={"name": name}, token="t") for name in ("רינה", "Ana"))
    english, hebrew = (
        edition("{{ reader.name }} (since 2020)."),
        edition("{{ reader.name }} (2020) שלום.", language="he"),
    )
    assert "\n\u2068רינה\u2069 (since 2020).\n" in text_of(english, rina)
    assert "\nAna (since 2020).\n" in text_of(english, ana)
    assert "\n\u2068Ana\u2069 (2020) שלום.\n" in text_of(hebrew, ana)
    assert "\nרינה (2020) שלום.\n" in text_of(hebrew, rina), "it has the direction of its sentence"
