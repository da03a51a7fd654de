"""Parsing a dispatch file into the tree of model.py, with positions."""

import datetime as dt
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailer.dispatch.diagnostics import Position, Severity
from mailer.dispatch.model import Article, Choice, Markdown, inline_tokens, walk_articles
from mailer.dispatch.parse import parse_dispatch
from mailer.dispatch.reference_checks import CheckContext, check_in_context
from mailer.dispatch.template.expression import Expression

EXAMPLES = sorted((Path(__file__).parents[3] / "dispatches").glob("*.md"))
FRONT = "---\ntitle: T\ndate: 2026-10-26\n---\n"


def article(title: str, text: str = "Text.", more: str = "") -> str:
    return f"## {title}\nsource: S\ndate: 2026-10-25\n{more}\n{text}\n\n"


def read(body: str, front: str = FRONT, **options):
    parsed = parse_dispatch(front + body, "a.md", **options)
    assert parsed.dispatch, [str(problem) for problem in parsed.problems]
    return parsed.dispatch


def rules(body: str, front: str = FRONT) -> list[str]:
    return [problem.rule for problem in parse_dispatch(front + body, "a.md").problems]


def children(dispatch, kind: str):
    return [token for token in inline_tokens(dispatch) if token.type == kind]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_parse_without_a_finding(path):
    parsed = parse_dispatch(path.read_bytes(), f"dispatches/{path.name}")
    assert parsed.problems == ()
    assert parsed.dispatch.slug == path.stem


def test_the_largest_example_is_read_whole():
    path = next(path for path in EXAMPLES if "east-quay" in path.name)
    dispatch = parse_dispatch(path.read_text(encoding="utf-8"), str(path)).dispatch
    assert dispatch.date == dt.date(2026, 10, 26)
    assert dispatch.photo.file == "photos/east-quay.jpg"
    assert dispatch.photo.position == Position(10, 9)
    assert [earlier.slug for earlier in dispatch.earlier] == ["2026-03-02-crane", "2025-12-18-eleven-winters"]
    assert dispatch.earlier[0].position == Position(19, 11)
    assert dispatch.fields == {"first_name", "city"}
    assert [item.direction for item in walk_articles(dispatch.articles)] == ["ltr", "ltr", "rtl", "ltr"]
    assert [type(block) for block in dispatch.note] == [Markdown, Choice, Markdown]
    assert list(dispatch.footnotes) == ["1"]
    assert [token.meta["slug"] for token in children(dispatch, "dispatch_link")] == ["2025-12-18-eleven-winters"]


# front matter


def test_values_that_yaml_would_convert_stay_text():
    front = (
        "---\ntitle: NO\ndate: 2026-10-26\nsubject: 12:30\npreheader: 0x1F\nlanguage: no\nsummary: [yes, ~, 1e3]\n---\n"
    )
    dispatch = read("Note.", front)
    assert (dispatch.title, dispatch.subject, dispatch.preheader) == ("NO", ("12:30",), ("0x1F",))
    assert (dispatch.language, dispatch.summary) == ("no", ("yes", "~", "1e3"))


def test_absent_keys_have_defaults():
    dispatch = read("Note.", language="he")
    assert dispatch.slug == "a"
    assert dispatch.subject == ("T",)
    assert dispatch.language == "he"
    assert (dispatch.editor, dispatch.photo, dispatch.copyright, dispatch.lists) == (None, None, "", ())


def test_a_key_without_a_value_counts_as_absent():
    front = "---\ntitle: T\ndate: 2026-10-26\nsubject:\nphoto:\nlists:\neditor:\n---\n"
    assert read("Note.", front).subject == ("T",)


def test_a_file_name_that_is_no_slug_requires_one():
    (problem,) = parse_dispatch(FRONT + "Note.", "My Dispatch.md").problems
    assert (problem.rule, problem.expected) == ("bad-slug", "add a line such as slug: my-dispatch")


def test_subject_and_preheader_hold_expressions_with_positions():
    front = (
        "---\ntitle: T\ndate: 2026-10-26\n"
        'subject: "\\u2600 {{ reader.a }}, {{ reader.b or \\"x\\" }}"\n'
        "preheader: Hi {{ reader.c\n  }} \\{{ d\n---\n"
    )
    dispatch = read("{{ reader.e }}", front)
    subject = [piece for piece in dispatch.subject if isinstance(piece, Expression)]
    assert [piece.position for piece in subject] == [Position(4, 18), Position(4, 34)]
    assert dispatch.subject[0] == "☀ "
    assert dispatch.preheader[0] == "Hi "
    assert dispatch.preheader[-1] == " {{ d"
    assert dispatch.preheader[1].position == Position(5, 15)
    assert [expression.source for expression in dispatch.expressions] == [
        "reader.a",
        'reader.b or "x"',
        "reader.c",
        "reader.e",
    ]


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_line_ends_and_a_byte_order_mark_make_no_difference(newline):
    text = FRONT + "{{ reader.a }}\n\n" + article("A")
    plain = read("{{ reader.a }}\n\n" + article("A"))
    parsed = parse_dispatch(("\ufeff" + text.replace("\n", newline)).encode(), "a.md")
    assert parsed.dispatch.source == plain.source
    assert [expression.position for expression in parsed.dispatch.expressions] == [Position(5, 1)]


def test_all_findings_come_at_once_in_source_order():
    text = "---\ntitel: T\ndate: soon\n---\n[a](b) {{ c }}\n\n## A\nsorce: S\n"
    problems = parse_dispatch(text, "a.md").problems
    assert [(problem.line, problem.rule) for problem in problems] == [
        (2, "missing-key"),
        (2, "unknown-key"),
        (3, "bad-date"),
        (5, "link-relative"),
        (5, "expression"),
        (7, "missing-key"),
        (7, "missing-key"),
        (8, "unknown-key"),
    ]


def test_a_finding_has_the_documented_format():
    text = FRONT + "## A\nsorce: S\nsource: S\ndate: 2026-10-25\n"
    (problem,) = parse_dispatch(text, "dispatches/a.md").problems
    assert str(problem) == (
        "dispatches/a.md:6:1: error: unknown line “sorce” in an article; did you mean “source”? [unknown-key]"
    )


# template parts and Markdown


@pytest.mark.parametrize(
    "text",
    [
        "`{{ a() }}`",
        "``{{ ` }}``",
        "```\n{{ a() }}\n{% for x %}\n{{\n```",
        "~~~ {{ a }}\n{% if b %}\n~~~",
        "> ```\n> {{ a() }}\n> ```",
        "- a\n\n  ```\n  {% if %}\n  ```",
        "    {{ a() }}",
        "a\n\n    {% if %}\n\nb",
        r"\{{ a() }} \{% if %} \{# c",
    ],
)
def test_code_and_escapes_are_literal(text):
    dispatch = read(text)
    assert dispatch.expressions == ()
    shown = "".join(token.content for block in dispatch.note for token in block.tokens if not token.children)
    shown += "".join(token.content for token in inline_tokens(dispatch))
    assert "{" in shown or "{" in dispatch.note[0].tokens[0].info


def test_code_is_shown_as_typed():
    dispatch = read("`{{ reader.a }}`\n\n```{{ x }}\n{{ reader.b }}\n```")
    assert children(dispatch, "code_inline")[0].content == "{{ reader.a }}"
    fence = dispatch.note[0].tokens[-1]
    assert (fence.content, fence.info) == ("{{ reader.b }}\n", "{{ x }}")


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ("{{ reader.a }}", 5, 1),
        ("a\nb *{{ reader.a }}*", 6, 4),
        ("> a\n> b {{ reader.a }}", 6, 5),
        ("| a | b |\n|---|---|\n| `x` | {{ reader.a | upper }} |", 7, 9),
        ("| {{ reader.a | upper }} | b |\n|---|---|", 5, 3),
        ("1. {{ reader.a or '}}' }}", 5, 4),
        ("\\\\{{ reader.a }}", 5, 3),
        ("a {{ reader.a\n or 'b' }} c", 5, 3),
        ("> a {{ reader.a\n> or 'b' }} c", 5, 5),
        ("``a {{ reader.a }}", 5, 5),
        ("[a](https://example.org/?b={{ reader.a }})", 5, 28),
        ("<https://example.org/{{ reader.a }}>", 5, 22),
        ("x[^1]\n\n[^1]: {{ reader.a }}", 7, 7),
        ("[a]\n\n[a]: https://example.org/{{ reader.a }}", 7, 26),
        ("é😀 {{ reader.a }}", 5, 4),
    ],
)
def test_an_expression_is_one_token_with_its_position(text, line, column):
    dispatch = read(text)
    (expression,) = dispatch.expressions
    assert expression.position == Position(line, column)
    assert expression.fields == {"a"}


def test_positions_after_an_expression_over_several_lines_are_right():
    text = "{{ reader.a or\n'b' }} [c](javascript:d)\n\n[e](javascript:f)"
    places = [(problem.line, problem.column) for problem in parse_dispatch(FRONT + text, "a.md").problems]
    assert places == [(6, 8), (8, 1)]


def test_positions_in_cells_quotes_and_lists_are_right():
    text = "| [x](https://a.b) | a \\| [x](c:d) |\n|---|---|\n| [^a] | b [^a] |\n\n> - a [x](c:d)\n>   b [x](c:d)\n\n### a [x](c:d)\n"
    problems = parse_dispatch(FRONT + text, "a.md").problems
    assert [(problem.line, problem.column) for problem in problems] == [
        (5, 27),
        (7, 3),
        (7, 12),
        (9, 7),
        (10, 7),
        (12, 7),
    ]


def test_a_link_is_a_template_and_has_no_attribute():
    dispatch = read(
        "[a](https://example.org/{{ reader.a }}/b?c={{ reader.b }}#d) [e](https://example.org/é) ![f](g%20h.jpg)"
    )
    first, second = children(dispatch, "link_open")
    assert [piece if isinstance(piece, str) else piece.source for piece in first.meta["href"]] == [
        "https://example.org/",
        "reader.a",
        "/b?c=",
        "reader.b",
        "#d",
    ]
    assert second.meta["href"] == ("https://example.org/%C3%A9",)
    (image,) = children(dispatch, "image")
    assert image.meta["src"] == ("g h.jpg",)
    assert image.attrs == {"alt": "f"}
    assert "href" not in first.attrs


@pytest.mark.parametrize(
    "url",
    [
        "http://a.b",
        "HTTPS://a.b/c",
        "mailto:a@b.c?subject=d",
        "tel:+4930123",
        "https://[::1]:8000/",
        "https://xn--bcher-kva.example/",
        "https://bücher.example/",
    ],
)
def test_valid_links_have_no_findings(url):
    assert rules(f"[a]({url})") == []


def test_a_line_of_dashes_makes_no_heading_and_html_is_text():
    dispatch = read("Text\n---\n1 < 2 and a_b")
    kinds = [token.type for token in dispatch.note[0].tokens]
    assert "hr" in kinds
    assert "heading_open" not in kinds


# conditions


def test_a_tag_line_ends_a_paragraph_and_a_list():
    dispatch = read(
        "a\n{% if reader.a %}\n- b\n- c\n{% elif reader.b %}\n> d\n{% else %}\n| e |\n|---|\n{% endif %}\nf"
    )
    _, choice, _ = dispatch.note
    assert [token.content for token in children(dispatch, "text")] == ["a", "b", "c", "d", "e", "f"]
    assert [branch.condition and branch.condition.source for branch in choice.branches] == [
        "reader.a",
        "reader.b",
        None,
    ]
    assert [branch.position for branch in choice.branches] == [Position(6, 1), Position(9, 1), Position(11, 1)]
    assert choice.index == 0


def test_choices_nest_and_are_numbered_outer_before_inner():
    tags = "{% if reader.a %}\n{% if reader.b %}\nx\n{% endif %}\n{% if reader.c %}\ny\n{% endif %}\n{% endif %}\n"
    dispatch = read(tags + article("A", tags))
    outer = dispatch.note[0]
    assert (outer.index, [inner.index for inner in outer.branches[0].items]) == (0, [1, 2])
    assert dispatch.articles[0].body[0].index == 3


def test_a_condition_around_articles_holds_whole_articles():
    text = (
        "Note.\n{% if reader.a %}\n"
        + article("A")
        + article("B")
        + "{% else %}\n{% if reader.b %}\n"
        + article("C")
        + "{% endif %}\n{% endif %}\n"
        + article("D", "{% if reader.c %}\nx\n{% endif %}")
    )
    dispatch = read(text)
    choice, last = dispatch.articles
    assert isinstance(choice, Choice)
    assert [item.title_text for item in choice.branches[0].items] == ["A", "B"]
    assert isinstance(choice.branches[1].items[0], Choice)
    assert isinstance(last, Article)
    assert [item.title_text for item in walk_articles(dispatch.articles)] == ["A", "B", "C", "D"]


def test_article_metadata_ends_at_a_tag_line():
    dispatch = read("## A\nsource: S\ndate: 2026-10-25\n{% if reader.a %}\nx\n{% endif %}")
    assert isinstance(dispatch.articles[0].body[0], Choice)


@pytest.mark.parametrize(
    "text",
    [
        "- a\n\n{% if reader.a %}\n\n- b\n\n{% endif %}\n\n- c",
        "{% if reader.a %}\n- a\n{% else %}\n- b\n{% endif %}",
        "{% if reader.a %}\n- a\n{% endif %}\n{% if reader.b %}\n- b\n{% endif %}",
        "{% if reader.a %}\n| a |\n|---|\n| b |\n{% elif reader.b %}\n| a |\n|---|\n{% endif %}",
        "- a\n{% if reader.a %}\nb\n{% endif %}",
        "> a\n{% if reader.a %}\n- b\n{% endif %}\nc",
    ],
)
def test_whole_lists_quotes_and_tables_between_tags_have_no_findings(text):
    assert rules(text) == []


@pytest.mark.parametrize(
    "text", ["{% if reader.a %}\n" * 5000, "{% endif %}\n" * 5000, "> " * 5000 + "a", "- " * 5000 + "a", "[^a]:" * 5000]
)
def test_the_deepest_nesting_is_a_finding(text):
    assert parse_dispatch(FRONT + text, "a.md").dispatch is None


# articles


def test_an_article_has_its_metadata():
    more = (
        "place: Porto Novo\nlink: https://example.org/a?b=ü\nrights: © 2026: all \\{{\nlanguage: fr\n"
        'image: photos/a -- b.jpg\nteaser: Two: and "three"\n'
    )
    (item,) = read(article("A *b* `c` -- d ##", "Text.\n\n### Sub\n\nMore.", more)).articles
    assert (item.title_text, item.source, item.date) == ("A b c – d", "S", dt.date(2026, 10, 25))
    assert (item.place, item.link) == ("Porto Novo", "https://example.org/a?b=%C3%BC")
    assert (item.rights, item.language, item.direction) == ("© 2026: all {{", "fr", "ltr")
    assert (item.image, item.teaser) == ("photos/a -- b.jpg", "Two: and «\u00a0three\u00a0»")
    assert item.position == Position(5, 1)
    assert "heading_open" in [token.type for token in item.body[0].tokens]


@pytest.mark.parametrize(
    ("title", "text", "more", "direction"),
    [
        ("A", "שלום", "", "ltr"),
        ("שלום", "a", "", "rtl"),
        ("1: שלום", "a", "", "rtl"),
        ("A", "b", "language: ar\n", "rtl"),
        ("A", "b", "language: ar-Latn\n", "ltr"),
        ("שלום", "a", "language: en\n", "ltr"),
        ("A", "b", "language: he\ndirection: ltr\n", "ltr"),
        ("1", "2", "", ""),
        ("1", "2\n\n> שלום", "", "rtl"),
    ],
)
def test_the_direction_of_an_article(title, text, more, direction):
    assert read(article(title, text, more)).articles[0].direction == direction


def test_anchors_are_distinct_over_all_branches_and_never_empty():
    titles = ["The vote", "The vote", "The vote 2", "שלום", "שלום", "Ærø, Łódź & Straße", "!", "x" * 90]
    text = "{% if reader.a %}\n" + article("The vote") + "{% endif %}\n" + "".join(map(article, titles))
    anchors = [item.anchor for item in walk_articles(read(text).articles)]
    assert anchors == [
        "the-vote", "the-vote-2", "the-vote-3", "the-vote-2-2", "article-5", "article-6", "aero-lodz-strasse", "article-8", "x" * 60,
    ]  # fmt: skip


# footnotes


def test_footnotes_belong_to_the_dispatch():
    text = "a[^1]\n\n" + article("A", "b[^n] c[^1]\n\n[^n]: *N*\n\n    two[^1]\n\n[^1]: One {{ reader.a }}")
    dispatch = read(text)
    assert list(dispatch.footnotes) == ["n", "1"]
    assert [token.meta["label"] for token in children(dispatch, "footnote_ref")] == ["1", "n", "1", "1"]
    assert {token.level for token in dispatch.footnotes["n"] if token.type == "paragraph_open"} == {0}
    kinds = [token.type for block in (*dispatch.note, *dispatch.articles[0].body) for token in block.tokens]
    assert not any(kind.startswith("footnote") for kind in kinds)


@pytest.mark.parametrize(
    "text",
    [
        "{% if reader.a %}\na[^1]\n\n[^1]: b\n{% endif %}",
        "{% if reader.a %}\n{% if reader.b %}\na[^1]\n{% endif %}\n\n[^1]: b\n{% endif %}",
        "{% if reader.a %}\na[^1]\n{% endif %}\n\n[^1]: b[^2]\n\n[^2]: c",
    ],
)
def test_a_footnote_may_be_defined_in_the_branch_that_uses_it_or_outside(text):
    assert rules(text) == []


def test_a_footnote_that_refers_to_one_in_a_branch_is_reported():
    assert rules("a[^1]\n\n[^1]: b[^2]\n\n{% if reader.a %}\nc[^2]\n\n[^2]: d\n{% endif %}") == ["footnote-branch"]


# robustness

FRAGMENTS = [
    "{{", "}}", "{%", "%}", "{#", "{% if reader.a %}\n", "{% else %}\n", "{% endif %}\n", "{{ reader.x }}", "`", "```\n", "## ",
    "### ", "\n", "\n\n", "- ", "1. ", "> ", "| a | b |\n|---|---|\n", "|", "[^1]", "[^1]: ", "[[", "]]", "[", "](", "https://x.org/",
    ")", "!", "<", ">", "*", "_", "\\", '"', "'", "---\n", "source: y\n", "date: 2026-01-01\n", "a", "é", "א", "    ", "\t", "\r",
    "\x85", "\u2028", "\ufeff", "\0", "&#106;", "title: x\n", "!!", "&", ": ", "- a\n",
]  # fmt: skip


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=40).map("".join), st.sampled_from(["", FRONT, "---\n"]))
def test_no_text_raises_and_every_finding_lies_in_the_file(text, front):
    source = front + text + ("\n---\n" if front == "---\n" else "")
    parsed = parse_dispatch(source, "a.md")
    lines = re.split("\r\n|\r|\n", source.removeprefix("\ufeff"))
    for problem in parsed.problems:
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
    assert (parsed.dispatch is None) == any(problem.severity is Severity.ERROR for problem in parsed.problems)
    assert list(parsed.problems) == sorted(parsed.problems, key=lambda problem: (problem.line, problem.column))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_raise(raw):
    parse_dispatch(raw, "a.md")
    parse_dispatch(FRONT.encode() + raw, "a.md")


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80))
def test_no_placeholder_is_left_in_the_result(text):
    parsed = parse_dispatch(FRONT + "{{ reader.a }} `{{ b }}` " + text.replace("[", "").replace("!", ""), "a.md")
    if parsed.dispatch:
        assert not re.search(r"x[0-9a-f]{12}x[0-9]+z", repr((parsed.dispatch.note, parsed.dispatch.articles)))


@pytest.mark.parametrize("text", ['"a" ' * 2400, "[" * 9_000, "{{ '" * 2_000, "`a``b" * 1_900, "![a](" * 1_900])
def test_a_hostile_paragraph_is_parsed_quickly(text):
    parse_dispatch(FRONT + text, "a.md")


def test_errors_in_the_front_matter_do_not_hide_context_checks() -> None:
    parsed = parse_dispatch(
        "---\ntitle: T\ndate: 26.10.2026\nearlier:\n  - slug: gone\n    title: G\n---\n\nSee [[gone-too]], {{ reader.x }}.\n",
        "a.md",
    )
    assert parsed.dispatch is None
    assert parsed.partial is not None
    check_context = CheckContext(
        slugs={"other": "Other"}, fields={"readers": frozenset({"y"})}, probe_image=lambda _path: None
    )
    assert [problem.rule for problem in check_in_context(parsed.partial, check_context)] == [
        "no-copyright", "unknown-dispatch", "unknown-dispatch", "unknown-field",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "key",
    [
        "editor:\n  signature: M",
        "photo:\n  file: a.jpg",
        "earlier:\n  - slug: x",
        "social:\n  - text: x",
        "social:\n  - url: https://example.org/",
        "social:\n  - a",
        "photo:\n  file: a.jpg\n  alt: A\n  altt: B",
    ],
)
def test_the_rest_is_read_despite_faults_in_the_front_matter(key: str) -> None:
    parsed = parse_dispatch(f"---\ntitle: T\ndate: 2026-10-26\n{key}\n---\n\nHello [[gone]].\n", "a.md")
    assert parsed.dispatch is None
    assert parsed.partial is not None
    assert parsed.partial.note


def test_a_slug_has_at_most_200_characters():
    def errors(slug):
        text = f"---\ntitle: T\ndate: 2026-11-01\nslug: {slug}\n---\n\nNote.\n"
        return [each.rule for each in parse_dispatch(text, "x.md").problems if each.severity is Severity.ERROR]

    assert (errors("a" * 200), errors("a" * 201)) == ([], ["bad-slug"])
