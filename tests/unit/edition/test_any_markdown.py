"""Whatever an editor types: the HTML is valid, holds nothing live that nobody wrote, and the plaintext says all of it."""

import re
from functools import cache

import html5lib
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailer.dispatch.model import inline_tokens
from mailer.dispatch.parse import parse_dispatch
from mailer.dispatch.url_validation import normalise_url
from mailer.edition.compile import compile_edition
from mailer.edition.merge_fields import ReaderValues
from mailer.line_sanitizer import clean_line
from tests.support.editions import FRONT, PUBLICATION, REFERENCES, TEMPLATES, html_of, text_of

ELEMENTS = {
    "html", "head", "meta", "title", "style", "body", "div", "table", "tbody", "thead", "tr", "td", "th", "p", "a", "img",
    "br", "span", "h1", "h2", "h3", "h4", "h5", "h6", "em", "strong", "sup", "ul", "ol", "li", "blockquote", "pre", "code",
}  # fmt: skip
PIECES = [
    "word", "שלום", "مرحبا", "漢字", "नमस्ते", "🎉", "**bold**", "*em*", "`co<de>`", "<b>", "</td></table>", "<script>alert(1)</script>",
    "&lt;", "&", '"quoted"', "'", "--", '[a link](https://a.example.org/?x=1&y=2 "T")', "<https://b.example.org/>",
    "[**Button**](https://c.example.org/)", '![alt "text"](https://d.example.org/i.png "cap <b>")', "[^1]",
    "{{ reader.name }}", "[l]({{ reader.name }})", "[l](https://e.example.org/{{ reader.name }})", "\\{{ x }}", "[[2026-03-02-crane]]",
    "| a | b |", "|---|--:|", "- item", "1. one", "> quote", "```", "    code", "### Sub", "#### Deep", "---", "-->", "<!--[if mso]>",
    "]]>", "\n", "\n\n", " ", "  \n", "{% if reader.x %}", "{% endif %}", "(", "]", "\\", "_", "*", "~~x~~",
]  # fmt: skip
MARKDOWN = st.lists(st.one_of(st.sampled_from(PIECES), st.sampled_from("\n "), st.text(max_size=4)), max_size=24).map(
    "".join
)
VALUES = ReaderValues(fields={"name": "</td><script>x</script>{{ 7 }}", "x": "1"}, address="a@example.org", token="t")
HARMLESS = ReaderValues(fields={"name": "Ana", "x": "1"}, address="a@example.org", token="t")
NOTE = "\n\n[^1]: The note.\n"


@cache
def compiled(source):
    """The dispatch and its edition, where it has no errors."""
    dispatch = parse_dispatch(source, "dispatches/x.md").dispatch
    if dispatch is None or [token for token in inline_tokens(dispatch) if token.type == "image" and not is_web(token)]:
        return None
    edition = compile_edition(
        dispatch, publication=PUBLICATION, templates=[TEMPLATES], references=REFERENCES, images={}
    )
    return dispatch, edition


def is_web(token):
    return str(token.meta["src"][0]).startswith("https:")


def shape(element):
    return (str(element.tag), sorted(element.attrib), [shape(child) for child in element])


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(MARKDOWN)
def test_any_markdown_is_valid_html_with_nothing_live(markdown):
    made = compiled(f"{FRONT}language: en\n---\n\nText.[^1]\n\n{markdown}{NOTE}")
    if made is None:
        return
    dispatch, edition = made
    html = html_of(edition, VALUES)
    document = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(html)
    assert {element.tag for element in document.iter() if isinstance(element.tag, str)} <= ELEMENTS
    assert not [name for element in document.iter() for name in element.attrib if name.startswith("on")]
    assert shape(document) == shape(html5lib.parse(html_of(edition, HARMLESS), namespaceHTMLElements=False))
    hrefs = {link.get("href") for link in document.iter("a") if link.get("href")}
    assert all(re.match(r"https?:|mailto:|tel:|#", href) for href in hrefs)
    text = text_of(edition, VALUES)
    bare = "".join(text.replace(">", "").split())
    for token in inline_tokens(dispatch):
        if token.type in {"text", "code_inline"}:
            words = clean_line(token.content).replace(">", "").split()
            assert all(word in bare for word in words)
        if token.type == "link_open" and len(token.meta["href"]) == 1:
            address = normalise_url(str(token.meta["href"][0]))
            assert address in hrefs
            assert address.removeprefix("mailto:") in text
