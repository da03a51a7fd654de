"""The dispatches of the corpus, rendered, as a person last read them: the body of the HTML, and the plaintext.

MAILER_GOLDEN=write rewrites them; read the difference. The head is in the golden files of the three examples.
"""

import os
import re

import html5lib
import pytest

from mailer.dispatch.model import inline_tokens
from mailer.dispatch.parse import parse_dispatch
from mailer.dispatch.url_validation import normalise_url
from tests.support.corpus import FOLDER, NAMES, READER, THEMES, corpus, theme_of
from tests.support.editions import html_of, text_of


def stable(text, made):
    """Without the names of images, which are those of Pillow's bytes."""
    for number, image in enumerate(made.images, 1):
        text = text.replace(image.name, f"image-{number}.png")
    return text


def golden(path, text):
    if os.environ.get("MAILER_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_the_html_body_equals_the_golden_file(name):
    made = corpus(name)
    body = stable(html_of(made, READER), made).partition("</head>")[2].lstrip()
    golden(FOLDER / f"{name}.html", re.sub("(\u034f\u200c\u00a0)+", "", body))


@pytest.mark.parametrize("name", NAMES)
def test_the_plaintext_equals_the_golden_file(name):
    made = corpus(name)
    golden(FOLDER / f"{name}.txt", stable(text_of(made, READER), made))


def test_the_corpus_has_every_theme_and_script():
    assert len(NAMES) == 23
    assert {theme_of(name) for name in NAMES} == set(THEMES)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", NAMES)
def test_the_html_is_valid_and_inert(name, theme):
    html = html_of(corpus(name, theme), READER)
    document = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(html)
    assert {element.tag for element in document.iter() if isinstance(element.tag, str)} <= ELEMENTS
    assert not [attribute for element in document.iter() for attribute in element.attrib if attribute.startswith("on")]
    assert "var(" not in html
    assert all(len(style) < 16_000 for style in re.findall(r"<style[^>]*>(.*?)</style>", html, re.DOTALL))
    said = [element for element in document.iter("img") if not SAID_BESIDE & set(element.get("class").split())]
    assert all(element.get("alt") for element in said)
    assert all(element.get("alt") is not None for element in document.iter("img"))
    assert all(element.get("width", "1").isdigit() for element in document.iter("img"))


SAID_BESIDE = {"face", "thumbnail", "tile-image"}
"""Classes of images whose alt text is empty, because the words beside them say the same."""
ELEMENTS = {
    "html", "head", "meta", "title", "style", "body", "div", "table", "tbody", "thead", "tr", "td", "th", "p", "a", "img",
    "br", "span", "h1", "h2", "h3", "h4", "em", "strong", "sup", "ul", "ol", "li", "blockquote", "pre", "code",
}  # fmt: skip


OTHERS = (READER, READER._replace(fields={"city": "Faro"}), READER._replace(fields={}))
"""Who together get every branch of the corpus."""


@pytest.mark.parametrize("name", NAMES)
def test_html_and_plaintext_have_every_word_and_link_of_the_source(name):
    made = corpus(name)
    path = FOLDER / f"{name}.md"
    dispatch = parse_dispatch(path.read_bytes(), str(path)).dispatch
    text = "".join("".join(text_of(made, reader).split()) for reader in OTHERS)
    documents = [html5lib.parse(html_of(made, reader), namespaceHTMLElements=False) for reader in OTHERS]
    shown = "".join("".join("".join(document.itertext()).split()) for document in documents)
    shown += "".join("".join(image.get("alt").split()) for document in documents for image in document.iter("img"))
    hrefs = {link.get("href") for document in documents for link in document.iter("a")}
    for token in inline_tokens(dispatch):
        if token.type in {"text", "code_inline"}:
            assert all(word in text and word in shown for word in token.content.split())
        if "title" in token.attrs:
            assert all(word in text for word in token.attrs["title"].split())
        if token.type == "link_open" and len(token.meta["href"]) == 1:
            address = normalise_url(str(token.meta["href"][0]))
            assert address in hrefs
            assert address in text
