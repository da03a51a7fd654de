import pytest
from markdown_it import MarkdownIt

from mailer.dispatch.markdown.leftover_markup import find_leftovers, find_markup

PARSER = MarkdownIt("commonmark")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a [b](c d) e **f ** g", [("[b](c d)", 2), ("**f **", 13)]),
        ("(https://example.org/a), mara@example.org.", [("https://example.org/a", 1), ("mara@example.org", 25)]),
        ("`**` **\n| a ** b", [("**", 5)]),
        ("[https://a.example](https://a.example) ~~b~~", [("~~b~~", 39)]),
    ],
)
def test_a_leftover_has_its_offset_in_the_source(source, expected):
    found = find_leftovers(source, PARSER.parseInline(source)[0].children)
    assert sorted((each.text, each.at) for each in found) == sorted(expected)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("By *Mara* and **Wim**", ["*Mara*", "**Wim**"]),
        ("[the shop](https://example.org) <b>now</b>", ["[the shop](https://example.org)", "<b>", "</b>"]),
        ("_so_ snake_case_name 2 * 3 * 4 *prices net", ["_so_"]),
        ("a < b > c, f*** [sic] (yes)", []),
    ],
)
def test_markup_is_found_in_a_plain_text(text, found):
    assert [match[0] for match in find_markup(text)] == found
