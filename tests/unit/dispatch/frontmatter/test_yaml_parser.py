"""Invalid YAML is explained in our own words, with what to do."""

import pytest

from mailer.dispatch.parse import parse_dispatch


@pytest.mark.parametrize(
    ("front", "message", "expected"),
    [
        ("title: Fog: a day", "the title contains a colon and needs quotes", 'write title: "Fog: a day"'),
        (
            "editor:  name: Mara  signature: M",
            "“editor” is not a text but a group of fields",
            "write name: …, signature: … and photo: … on lines of their own under it, each indented by two spaces",
        ),
        (
            "photo: file: photos/quay.jpg",
            "“photo” is not a text but a group of fields",
            "write file: …, alt: …, caption: … and credit: … on lines of their own under it, each indented by two spaces",
        ),
        (
            "title: A day\n  date: 2026-11-01",
            "this “: ” is not allowed here",
            "put the value in quotes, or check the indentation",
        ),
        ('title: Fog: a "day"', "this “: ” is not allowed here", "put the value in quotes, or check the indentation"),
        ('title: "Fog', "a quotation mark is not closed", "close it, or put the whole value in quotes"),
        ("title: 'Fog", "a quotation mark is not closed", "close it, or put the whole value in quotes"),
        (
            'title: "Fog" and rain',
            "a quotation mark inside the title ends it too early",
            'write title: "“Fog” and rain"',
        ),
        (r'title: "\q"', "this “\\” is not allowed between double quotes", "write “\\\\”, or use single quotes"),
        ("\ttitle: Fog", "a tab is not allowed here", "use spaces"),
        (
            'title: "The "small crossings" issue"',
            "a quotation mark inside the title ends it too early",
            'write title: "The “small crossings” issue"',
        ),
        (
            'title: "Fog" and "rain"',
            "a quotation mark inside the title ends it too early",
            'write title: "“Fog” and “rain”"',
        ),
        ("title: 'It's late'", "a quotation mark inside the title ends it too early", 'write title: "It’s late"'),
        ('summary:\n  - "A "b" c"', "a quotation mark inside the text ends it too early", 'write "A “b” c"'),
        ('title: "Five 5" pipes"', "there is text after the closing quotation mark", "put the whole value in quotes"),
        ("title: Fog\ndate 2026-11-08", "the line before this has no “:”", "write it as “name: value”"),
        ("title: [Fog", "a bracket or brace is not closed", "close it, or put the value in quotes"),
        (" title: Fog\ndate: 2026-11-08", "this line is not indented like those before it", "align them"),
        ("title: @Fog", "this value cannot be read", "put the value in quotes"),
    ],
)
def test_invalid_yaml_is_explained(front, message, expected):
    problem = next(
        each for each in parse_dispatch(f"---\n{front}\n---\nNote.\n", "fog.md").problems if each.rule == "yaml-syntax"
    )
    assert (problem.message, problem.expected) == (message, expected)
