"""Keys at a wrong place and values of a wrong kind: the diagnostic says where they belong and what to write."""

import pytest

from mailer.dispatch.parse import parse_dispatch

HEAD = "title: Fog\ndate: 2026-11-08\n"
ARTICLE = "## A\nsource: S\ndate: 2026-11-07\n"


def problems(front: str, body: str = "Note.\n") -> list[tuple[str, str]]:
    parsed = parse_dispatch(f"---\n{HEAD}{front}\n---\n{body}", "fog.md")
    return [(each.message, each.expected) for each in parsed.problems]


@pytest.mark.parametrize(
    ("front", "message", "expected"),
    [
        (
            "editor: Mara",
            "“editor” is not a group of fields",
            "write name: …, signature: … and photo: … on lines of their own under it, each indented by two spaces",
        ),
        (
            "photo: quay.jpg",
            "“photo” is not a group of fields",
            "write file: …, alt: …, caption: … and credit: … on lines of their own under it, each indented by two spaces",
        ),
        (
            "earlier: the-crane",
            "“earlier” is not a list",
            "begin each item on a line of its own with “- ”; it has the fields title: …, slug: … and note: …",
        ),
        (
            "earlier:\n  - the-crane",
            "item 1 of “earlier” is not a group of fields",
            "write title: …, slug: … and note: … on lines of their own under it, each indented by two spaces",
        ),
        ("summary: Fog.", "“summary” is not a list", "begin each item on a line of its own with “- ”"),
    ],
)
def test_a_value_in_place_of_a_group_or_list_names_the_keys_to_write(front, message, expected):
    assert problems(front) == [(message, expected)]


@pytest.mark.parametrize(
    ("front", "message", "expected"),
    [
        ("signature: M", "“signature” belongs under “editor”", "move it there, indented by two spaces"),
        ("credit: M", "“credit” belongs under “photo”", "move it there, indented by two spaces"),
        ("note: M", "“note” belongs under “earlier”", "move it there, indented by two spaces"),
        ("url: M", "“url” belongs under “photo”, “earlier” or “social”", "move it there, indented by two spaces"),
        ("rights: M", "“rights” belongs to an article", "move it to the lines under the title of the article"),
        (
            "zebra: M",
            "unknown field “zebra” in the dispatch",
            (
                "expected one of copyright, date, earlier, editor, language, lists, photo, preheader, slug, social, "
                "standfirst, subject, summary, title"
            ),
        ),
        ("sumary: M", "unknown field “sumary” in the dispatch", "did you mean “summary”?"),
        (
            "subtitle: M",
            "unknown field “subtitle” in the dispatch",
            "write standfirst: … for the sentence under the headline",
        ),
        ("author: M", "unknown field “author” in the dispatch", "write name: … under “editor”"),
    ],
)
def test_a_key_at_the_wrong_place_names_the_right_one(front, message, expected):
    assert problems(front) == [(message, expected)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("lists: readers", "move it to the fields at the top"),
        ("sorce: Times", "did you mean “source”?"),
        ("author: Ines", "write source: … (the paper it is from, or its author if it is your own)"),
    ],
)
def test_an_unknown_line_of_an_article_names_what_to_write(line, expected):
    assert problems("", f"{ARTICLE}{line}\n") == [(f"unknown line “{line.partition(':')[0]}” in an article", expected)]


@pytest.mark.parametrize(
    ("typed", "message", "expected"),
    [
        ("28 November 2026", "“28 November 2026” is not a date", "write it as 2026-11-28"),
        ("28. November 2026", "“28. November 2026” is not a date", "write it as 2026-11-28"),
        ("28 de noviembre de 2026", "“28 de noviembre de 2026” is not a date", "write it as 2026-11-28"),
        ("28.11.2026", "“28.11.2026” is not a date", "write it as 2026-11-28"),
        ("03/04/2026", "“03/04/2026” is not a date", "write it as YYYY-MM-DD, such as 2026-10-26"),
        ("soon", "“soon” is not a date", "write it as YYYY-MM-DD, such as 2026-10-26"),
        (
            "1911",
            "“1911” is only a year",
            "write a whole date, such as 1911-01-01, and say in the text that only the year is known",
        ),
    ],
)
def test_a_date_in_words_is_answered_with_how_to_write_it(typed, message, expected):
    assert problems("", f"## A\nsource: S\ndate: {typed}\n") == [(message, expected)]
    parsed = parse_dispatch(f"---\ntitle: Fog\ndate: {typed}\n---\nNote.\n", "fog.md")
    assert [(each.message, each.expected) for each in parsed.problems] == [(message, expected)]
