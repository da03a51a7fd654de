import re
import time
import unicodedata
from dataclasses import replace
from urllib.parse import urlsplit

import html5lib
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailer.edition.html import page
from mailer.edition.merge_fields import ReaderValues
from mailer.edition.model import Edition, EditionError, Image
from mailer.edition.plaintext.wrap import COLUMNS, width
from mailer.edition.template_loader import LayoutError
from tests.support.editions import (
    ANA,
    NOBODY,
    PUBLICATION,
    SLUGS,
    TEMPLATES,
    edition,
    example,
    html_of,
    subject_of,
    text_of,
)

ARTICLE = "## {title}\nsource: The Desk\ndate: 2026-11-01\n\n{body}\n"
PIXEL = Image(name="0123abcd.png", content_type="image/png", width=900, height=300, data=b"x")


def tree(html):
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(html)


def shape(element):
    """Tags and attribute names only: what a value must never change."""
    return (str(element.tag), sorted(element.attrib), [shape(child) for child in element])


def links(html):
    return [element.get("href") for element in tree(html).iter("a") if element.get("href")]


def everything():
    return edition(
        "{{ reader.name }} [x](https://x.example.org/{{ reader.name }}?q={{ reader.name }}#{{ reader.name }})\n\n"
        "| a | {{ reader.name }} |\n|---|---|\n| {{ reader.name }} | b |\n\n"
        "- {{ reader.name }}\n\n> {{ reader.name }}[^1]\n\n[^1]: {{ reader.name }}\n",
        front='subject: "For {{ reader.name }}"\npreheader: "{{ reader.name }}"\n',
    )


EVERYTHING = everything()


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("values", [ANA, NOBODY])
def test_the_examples_compile_to_valid_mail(slug, values):
    html = html_of(example(slug), values)
    tree(html)
    assert len(html.encode()) < 100_000
    assert all(len(style) < 16_000 for style in re.findall(r"<style[^>]*>(.*?)</style>", html, re.DOTALL))
    assert all(urlsplit(link).scheme in {"https", "mailto"} for link in links(html) if not link.startswith("#"))
    targets = {element.get("id") for element in tree(html).iter() if element.get("id")}
    names = {element.get("name") for element in tree(html).iter("a") if element.get("name")}
    assert {link[1:] for link in links(html) if link.startswith("#")} <= targets & names
    text = text_of(example(slug), values)
    assert not any(unicodedata.category(c) == "Cc" and c != "\n" for c in text)
    assert all(width(line) <= COLUMNS or " " not in line.strip() for line in text.split("\n"))
    assert "\n\n\n\n" not in text
    assert "https://letter.example.org/u/TOKEN" in text.split("\n")


@pytest.mark.parametrize(
    "words",
    [
        "In this issue", "Why the board changed its mind", "Harbour Times", "25 October 2026", "for the first time in",
        "Ines Carvalho", "A letter of intent", "Estimate", "€4.1 m", "המוזיאון", "23 באוקטובר 2026", "The crane that nobody wanted",
        "Shorter items", "Read it at", "© 2026 National Wire", "Unsubscribe", "1 Quay Street", "All notes and summaries copyright",
        "Dear Ana,", "sits in public again", "Note by Mara Lindqvist", "ana.reis@example.com",
    ],
)  # fmt: skip
def test_the_largest_example_is_complete_in_html_and_plaintext(words):
    made = example(SLUGS[2])
    assert words in html_of(made)
    assert words in text_of(made).replace("\n", " ")


def test_data_tables_have_header_cells_and_layout_tables_a_role():
    document = tree(html_of(example(SLUGS[2])))
    tables = list(document.iter("table"))
    data = [table for table in tables if table.get("role") != "presentation"]
    assert len(data) == 1
    assert [cell.get("scope") for cell in data[0].iter("th")] == ["col"] * 3


def test_the_photo_has_sizes_alt_and_an_address_on_the_web():
    made = example(SLUGS[2])
    (image,) = tree(html_of(made)).iter("img")
    assert (image.get("width"), image.get("height")) == ("600", None), (
        "without a height, a blocked image leaves no blank"
    )
    assert image.get("src") == f"https://letter.example.org/media/{made.images[0].name}"
    assert image.get("alt").startswith("Two ferries")


def test_an_embedded_image_is_named_by_its_content_id_but_not_in_a_browser():
    made = edition("![A map](map.png)", images={"map.png": PIXEL}, publication=replace(PUBLICATION, images="embed"))
    assert f'src="cid:{PIXEL.content_id}"' in html_of(made)
    seen = "".join(part for part in made.variant(made.key_for(NOBODY), browser=True).html if isinstance(part, str))
    assert "https://letter.example.org/media/0123abcd.png" in seen
    assert "cid:" not in seen
    assert 'width="600"' in seen


def test_an_edition_is_reproducible_and_survives_json():
    made = everything()
    assert made.digest == EVERYTHING.digest
    back = Edition.from_json(made.to_json())
    assert back == made
    assert back.digest == made.digest
    assert (html_of(back), text_of(back), subject_of(back)) == (html_of(made), text_of(made), subject_of(made))
    assert Edition.from_json(example(SLUGS[2]).to_json(), example(SLUGS[2]).images) == example(SLUGS[2])


def test_the_digest_changes_with_every_input(tmp_path):
    digests = {
        edition("Note.").digest,
        edition("Note!").digest,
        edition("Note.", front="subject: Other\n").digest,
        edition("Note.", publication=replace(PUBLICATION, from_address="other@example.org")).digest,
        edition("Note.", publication=replace(PUBLICATION, postal_address="Elsewhere")).digest,
        edition("Note.", publication=replace(PUBLICATION, images="embed")).digest,
    }
    (tmp_path / "style.css").write_text("p { margin: 1px }")
    digests.add(edition("Note.", templates=(tmp_path, TEMPLATES)).digest)
    assert len(digests) == 7


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1}', '{"format": 99}', "nonsense"])
def test_a_malformed_stored_edition_is_refused(text):
    with pytest.raises(EditionError):
        Edition.from_json(text)


CHOICES = """Hello.

{% if reader.a %}
Only a.[^1]
{% else %}
Not a.
{% endif %}

All.[^2]

[^1]: One.
[^2]: Two.

{% if reader.b %}
## Only b
source: B
date: 2026-11-01

Text of b, [b](https://b.example.org).
{% endif %}

## For all
source: C
date: 2026-11-01

[c](https://c.example.org), [d](https://d.example.org) and [c again](https://c.example.org).
"""


def test_a_variant_shows_and_numbers_only_its_branches():
    made = edition(CHOICES)
    assert made.variant_count == 4
    assert made.article_count == 2
    assert made.fields == {"a", "b"}
    both = ReaderValues(fields={"a": "1", "b": "1"}, address="x@example.org", token="t")
    for values, shown, hidden in [
        (both, ["Only a.", "1. Only b", "2. For all", "(note 2)", "Note 1: One.", "Note 2: Two."], ["Not a."]),
        (NOBODY, ["Not a.", "1. For all", "All. (note 1)", "Note 1: Two."], ["Only", "One.", "b.example.org"]),
    ]:
        text, html = text_of(made, values), html_of(made, values)
        assert all(words in text for words in shown)
        assert not any(words in text for words in hidden)
        assert not any(words in html for words in hidden)
    assert "[1] https://c.example.org\n[2] https://d.example.org\n\n" in text_of(made, both)
    assert 'href="#only-b"' in html_of(made, both)
    assert "because you signed up" in html_of(made, both)
    assert "because you signed up" not in html_of(made, NOBODY) + text_of(made, NOBODY)


def test_more_variants_than_64_are_refused_by_the_names_of_their_conditions():
    made = edition(CHOICES)
    made.check_variant_limit([(n,) for n in range(64)])
    with pytest.raises(EditionError, match=r"“reader\.a”, “reader\.b” make 65 different"):
        made.check_variant_limit([(n,) for n in range(65)])


def test_premailer_runs_once_and_variants_are_cheap(monkeypatch):
    runs = []
    inline = page.inline_styles
    monkeypatch.setattr(page, "inline_styles", lambda html: runs.append(1) or inline(html))
    began = time.process_time()
    choices = "\n\n".join(
        f"{{% if reader.f{n} %}}\nParagraph {n}, long enough to be wrapped. {'word ' * 60}\n{{% endif %}}"
        for n in range(4)
    )
    made = edition(choices)
    compiled = time.process_time() - began
    began = time.process_time()
    keys = {
        made.key_for(ReaderValues(fields={f"f{n}": "1" for n in range(4) if mask >> n & 1}, token=""))
        for mask in range(16)
    }
    for key in keys:
        made.variant(key)
    assert len(keys) == made.variant_count == 16
    assert time.process_time() - began < compiled
    assert runs == [1]


NASTY = [
    "",
    "<b>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}",
    "[x](javascript:y)",
    "--><script>",
    "\r\nBcc: x@y",
    "]]>",
    "&lt;",
    "q0123w1z",
    "\x00\x1b",
    "=?UTF-8?Q?x?=",
]


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(st.text(), st.sampled_from(NASTY)))
def test_a_value_becomes_neither_markup_nor_another_link_nor_a_line(value):
    made = EVERYTHING
    values = ReaderValues(fields={"name": value}, address=value, token="t")
    harmless = ReaderValues(fields={"name": "Ana"}, address="a" if value else "", token="t")
    html = html_of(made, values)
    assert shape(tree(html)) == shape(tree(html_of(made, harmless)))
    assert [urlsplit(link)[:2] for link in links(html)] == [
        urlsplit(link)[:2] for link in links(html_of(made, harmless))
    ]
    text = text_of(made, values)
    assert not any(unicodedata.category(c) in {"Cc", "Cs"} and c != "\n" for c in text)
    assert not {"\r", "\n"} & set(subject_of(made, values))


def test_a_value_that_looks_like_a_marker_stays_a_value():
    made = edition("{{ reader.name }} and [x](https://x.example.org/?q={{ reader.name }})")
    nonces = {f"q{'0' * 16}w{n}z" for n in range(40)} | {f"<!--q{'0' * 16}b{n}z-->" for n in range(40)}
    for value in nonces:
        assert value in text_of(made, ReaderValues(fields={"name": value}, token="t")).replace("\n", " ")


def test_the_plaintext_is_wrapped_for_each_reader():
    made = edition("Dear {{ reader.name }}, " + "these are words " * 10)
    for name in ["Ana", "A name that is so long that the line breaks elsewhere", "漢字" * 8]:
        text = text_of(made, ReaderValues(fields={"name": name}, token="t"))
        assert f"Dear {name}" in text.replace("\n", " ")
        assert all(width(line) <= COLUMNS for line in text.split("\n"))


def test_a_paragraph_that_a_reader_leaves_empty_leaves_no_gap():
    assert "Before.\n\nAfter." in text_of(edition("Before.\n\n{{ reader.name }}\n\nAfter."), NOBODY)


@pytest.mark.parametrize(
    ("markdown", "typed"),
    [
        ("*a* **b** `c`", "a b c"),
        ("one\\\ntwo", "one\ntwo"),
        ("- a\n- b\n  1. c\n  2. d", "- a\n- b\n  1. c\n  2. d"),
        ("3. a\n4. b", "3. a\n4. b"),
        ("- a\n\n  b\n- c", "- a\n\n  b\n\n- c"),
        ("- ```\n  x\n  ```", "-\n\n      x"),
        ("> a\n>\n> - b\n> - c", "> a\n>\n> - b\n> - c"),
        ("> > deep", "> > deep"),
        ("```\n  kept   as it is\n```", "      kept   as it is"),
        ("---", "* * *"),
        ("### The vote", "The vote:"),
        ("### Why?", "Why?"),
        ("<https://x.example.org/>", "https://x.example.org/"),
        ("[https://x.example.org/](https://x.example.org/)", "https://x.example.org/"),
        ("<a@example.org>", "a@example.org"),
        ("[x](https://x.example.org/é)", "x [1]\n\nMara\n\n[1] https://x.example.org/%C3%A9"),
        ("![A map](https://x.example.org/m.png)", "[Picture: A map]"),
        ("see [[2026-03-02-crane]]", "see The crane that nobody wanted [1]"),
        ("<b>x</b>", "<b>x</b>"),
        ("a&nbsp;b &amp; c", "a\u00a0b & c"),
    ],
)
def test_plaintext_reads_as_typed_by_hand(markdown, typed):
    made = edition(markdown, front="editor: {name: Mara, signature: Mara}\n")
    assert f"2 November 2026\n\n\n{typed}\n" in text_of(made, NOBODY)


def test_the_note_has_a_heading_only_beside_articles():
    front = "editor: {name: Mara, signature: Mara}\n"
    for articles, has_heading in (("", False), (ARTICLE.format(title="T", body="B"), True)):
        made = edition(f"Note.\n\n{articles}", front=front)
        assert ("Note by Mara" in text_of(made, NOBODY)) == has_heading
        assert ("Note by Mara" in html_of(made, NOBODY)) == has_heading


def test_a_table_with_a_readers_value_is_aligned_for_that_reader():
    made = edition("| a | n |\n|---|--:|\n| {{ reader.name }} | 1 |\n| b | 20 |\n")
    for name, aligned in [
        ("Anna", "a      n\n\nAnna   1\nb     20\n"),
        ("漢字", "a      n\n\n漢字   1\nb     20\n"),
        ("", "a   n\n\n    1\nb  20\n"),
    ]:
        assert aligned in text_of(made, ReaderValues(fields={"name": name}, token="t"))


def test_a_right_to_left_edition_has_its_sides_swapped():
    body = "שלום\n\n- פריט\n\n> ציטוט\n\n" + ARTICLE.format(title="English", body="- Text").replace(
        "date:", "language: en\ndate:"
    )
    made = edition(body, language="he", front="summary: [אחת]\n")
    document = tree(html_of(made))
    assert made.direction == "rtl"
    assert (document.get("lang"), document.get("dir")) == ("he", "rtl")
    assert (document.find("body")[0].get("lang"), document.find("body")[0].get("dir")) == ("he", "rtl")
    assert [element.get("class") for element in document.iter("ul")] == ["list", "list"]
    assert [element.get("class") for element in document.iter("blockquote")] == ["quote"]
    (piece,) = [cell for cell in document.iter("td") if cell.get("lang") == "en"]
    assert piece.get("dir") == "ltr"
    assert "text-align:left" in piece.get("style")
    assert "\u2068English\u2069 (\u2068The Desk\u2069, 1 בנובמבר 2026)" in text_of(made)


def test_names_that_read_the_other_way_are_isolated_in_the_contents():
    document = tree(html_of(example(SLUGS[2])))
    isolated = [element.text for element in document.iter("span") if element.get("dir") == "rtl"]
    assert isolated.count("חדשות הים") == 3  # contents, kicker, the link to it


@pytest.mark.parametrize("missing", ["see [[no-such-dispatch]]", "![x](gone.png)"])
def test_a_missing_reference_is_an_error(missing):
    with pytest.raises(EditionError, match="mailer check"):
        edition(missing)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (
            "dispatch.html.j2",
            "<!DOCTYPE html><html><body>{{ unsubscribe_url|upper }}</body></html>",
            "changes or splits",
        ),
        ("dispatch.html.j2", "<!DOCTYPE html><html><body>{{ why[:30] }}</body></html>", "changes or splits"),
        ("dispatch.html.j2", "<p>{{ title }}</p>", "DOCTYPE"),
        ("dispatch.txt.j2", "{{ title }} {{ date }}", "is not alone on its line"),
        ("dispatch.txt.j2", "{{ nothing }}", "dispatch.txt.j2:1"),
        ("style.css", "@import 'x.css';", "loads a style sheet"),
        ("partials/article.html.j2", "\n{{ nothing }}", "article.html.j2:2"),
    ],
)
def test_a_faulty_workspace_template_is_named(tmp_path, name, content, words):
    (tmp_path / "partials").mkdir()
    (tmp_path / name).write_text(content)
    with pytest.raises(LayoutError, match=words):
        edition("Note.\n\n" + ARTICLE.format(title="T", body="B"), templates=(tmp_path, TEMPLATES))


def test_a_workspace_lays_out_its_own_plaintext(tmp_path):
    (tmp_path / "dispatch.txt.j2").write_text("{{ photo }}\n\n\n{{ title }}\n\n*\n\n{{ note }}\n{{ unsubscribe }}\n")
    text = text_of(edition("Note.", templates=(tmp_path, TEMPLATES)), NOBODY)
    assert text == ("A letter\n\n*\n\nNote.\nUnsubscribe:\nhttps://letter.example.org/u/TOKEN\n")


def test_the_subject_reads_well_without_a_reader():
    made = edition("x", front='subject: "News {{ reader.city }} today"\n')
    assert made.subject == "News today"
    assert subject_of(made, ReaderValues(fields={"city": "Faro"}, token="")) == "News Faro today"


def test_the_preview_line_is_filled_so_that_the_body_does_not_follow():
    html = html_of(edition("Note.", front="summary: [One, Two]\n"), NOBODY)
    hidden = re.search(r'<div class="preheader"[^>]*>([^<]*)</div>', html)
    assert hidden[1].startswith("One · Two")
    assert "display:none" in hidden[0]
    assert len(hidden[1]) > 200
