"""Each rule has a dispatch that breaks it, at a known line and column."""

import pytest

from mailer.dispatch.diagnostics import Severity
from mailer.dispatch.parse import parse_dispatch
from mailer.dispatch.reference_checks import CheckContext, check_in_context
from mailer.dispatch.rule_catalogue import RULES

FRONT = "---\ntitle: T\ndate: 2026-10-26\n---\n"  # the body begins in line 5
ARTICLE = "## A\nsource: S\ndate: 2026-10-25\n\nText.\n"


def front(lines: str) -> str:
    """A file whose front matter has `lines` from line 4 on."""
    return f"---\ntitle: T\ndate: 2026-10-26\n{lines}\n---\nNote.\n"


def body(text: str) -> str:
    return FRONT + text


CASES: list[tuple[str, str, str | bytes]] = [
    # rule, line:column of its finding, the file
    ("encoding", "5:4", FRONT.encode() + b"caf\xe9"),
    ("encoding", "1:1", body("Note.").encode("utf-16")),
    ("control-character", "5:2", body("a\0b")),
    ("control-character", "5:2", body("a\x1bb")),
    ("control-character", "5:2", body("a\ud800b")),
    ("too-large", "1:1", body("a" * 1_000_000)),
    ("too-large", "2:1", "---\ntitle: " + "a" * 64_000 + "\n---\n"),
    ("empty-file", "1:1", " \n"),
    ("front-matter", "1:1", "title: T\n"),
    ("front-matter", "1:1", "---\ntitle: T\n"),
    ("front-matter", "2:1", "---\n- a\n---\n"),
    ("yaml-syntax", "4:13", front("subject: one: two")),
    ("yaml-syntax", "4:10", front("subject: {{ reader.x }}")),
    ("yaml-syntax", "5:1", front('subject: "open')),
    ("yaml-feature", "4:10", front("subject: &a x")),
    ("yaml-feature", "4:10", front("subject: *a")),
    ("yaml-feature", "4:10", front("subject: !!str x")),
    ("yaml-feature", "4:1", front("<<: {title: x}")),
    ("yaml-feature", "4:14", front("summary: [[[[[[a]]]]]]")),
    ("yaml-feature", "4:3", front("? [a]\n: b")),
    ("unknown-key", "4:1", front("sumary: []")),
    ("unknown-key", "6:3", front("photo:\n  url: https://example.org/a.jpg\n  captoin: c\n  alt: a")),
    ("unknown-key", "6:1", body("## A\nsorce: S\nsource: S\ndate: 2026-10-25\n")),
    ("duplicate-key", "4:1", front("title: U")),
    ("duplicate-key", "7:1", body("## A\nsource: S\nsource: S\ndate: 2026-10-25\n")),
    ("missing-key", "4:1", front("photo:\n  file: a.jpg")),
    ("missing-key", "4:1", front("photo:\n  alt: a")),
    ("missing-key", "2:1", "---\ntitle:\ndate: 2026-10-26\n---\nNote.\n"),
    ("missing-key", "2:1", "---\ndate: 2026-10-26\n---\nNote.\n"),
    ("missing-key", "5:1", body("## A\ndate: 2026-10-25\n")),
    ("missing-key", "6:1", body("## A\nsource:\ndate: 2026-10-25\n")),
    ("bad-value", "4:8", front("lists: readers")),
    ("bad-value", "4:10", front('subject: "a\\nBcc: b"')),
    ("bad-value", "5:5", front("summary:\n  - Why: because")),
    ("bad-value", "6:3", front("photo:\n  file: a.jpg\n  url: https://example.org/a.jpg\n  alt: a")),
    ("bad-value", "8:12", body("## A\nsource: S\ndate: 2026-10-25\ndirection: up\n")),
    ("bad-date", "3:7", "---\ntitle: T\ndate: 2026-02-30\n---\nNote.\n"),
    ("bad-date", "3:7", "---\ntitle: T\ndate: 20261026\n---\nNote.\n"),
    ("bad-date", "7:7", body("## A\nsource: S\ndate: 25 October\n")),
    ("bad-slug", "4:7", front("slug: Über")),
    ("bad-language", "4:11", front("language: english")),
    ("bad-language", "8:11", body("## A\nsource: S\ndate: 2026-10-25\nlanguage: hebrew\n")),
    ("bad-particular", "8:1", body("## A\nsource: S\ndate: 2026-10-25\nThe text begins.\n")),
    ("expression", "5:4", body("Hi {{ foo() }}")),
    ("expression", "4:13", front("subject: Hi {{ foo() }}")),
    ("expression", "5:1", body("{% if reader.a + 1 %}\na\n{% endif %}")),
    ("expression-place", "4:13", front("copyright: '{{ reader.a }}'")),
    ("expression-place", "5:6", body("## A {{ reader.a }}\nsource: S\ndate: 2026-10-25\n")),
    ("expression-place", "5:7", body("### A {{ reader.a }}")),
    ("expression-place", "6:9", body("## A\nsource: {{ reader.a }}\ndate: 2026-10-25\n")),
    ("expression-place", "5:3", body("![{{ reader.a }}](a.jpg)")),
    ("expression-place", "4:11", front("subject: '{% if reader.a %}'")),
    ("template-unclosed", "5:3", body("a {{ reader.a\n\n}}")),
    ("template-unclosed", "5:3", body("a {% if reader.a")),
    ("template-comment", "5:3", body("a {# b #}")),
    ("tag-unknown", "5:1", body("{% for a in b %}")),
    ("tag-unknown", "5:1", body("{% if %}\na\n{% endif %}")),
    ("tag-unknown", "7:1", body("{% if reader.a %}\na\n{% endif reader.a %}")),
    ("tag-line", "5:3", body("a {% if reader.a %} b {% endif %}")),
    ("tag-line", "6:6", body("a\n     {% if reader.a %}")),
    ("tag-unclosed", "5:1", body("{% if reader.a %}\na")),
    ("tag-unmatched", "5:1", body("{% endif %}")),
    ("tag-unmatched", "9:1", body("{% if reader.a %}\na\n{% else %}\nb\n{% elif reader.b %}\nc\n{% endif %}")),
    ("tag-place", "6:3", body("- a\n  {% if reader.a %}\n- b")),
    ("tag-place", "6:1", body("- a\n{% if reader.a %}\n- b\n{% endif %}\n- c")),
    ("tag-place", "6:1", body("1. a\n{% if reader.a %}\n2. b\n{% endif %}")),
    ("tag-place", "5:3", body("> {% if reader.a %}\n> a\n> {% endif %}")),
    ("tag-place", "6:1", body("> a\n{% if reader.a %}\n> b\n{% endif %}")),
    ("tag-place", "7:1", body("| a |\n|---|\n{% if reader.a %}\n| b |\n{% endif %}")),
    ("tag-place", "7:5", body("a[^1]\n[^1]: a\n    {% if reader.a %}\n    b\n    {% endif %}")),
    ("tag-depth", "13:1", body("{% if reader.a %}\n" * 9 + "a\n" + "{% endif %}\n" * 9)),
    ("tag-across", "5:1", body("{% if reader.a %}\na\n\n" + ARTICLE + "{% endif %}")),
    ("tag-across", "10:1", body(ARTICLE + "{% if reader.a %}\na\n\n" + ARTICLE + "{% endif %}")),
    ("tag-across", "11:1", body("{% if reader.a %}\n" + ARTICLE + "{% endif %}\n\na")),
    ("heading-level", "5:1", body("# A")),
    ("heading-level", "5:2", body(" ## A")),
    ("heading-level", "5:3", body("- ## A")),
    ("heading-content", "5:6", body("## A [b](https://example.org/)\nsource: S\ndate: 2026-10-25\n")),
    ("heading-content", "5:5", body("## A[^1]\nsource: S\ndate: 2026-10-25\n\n[^1]: b")),
    ("heading-empty", "5:1", body("##\nsource: S\ndate: 2026-10-25\n")),
    ("nesting", "5:1", body(">" * 5000 + "a")),
    ("paragraph-length", "7:1", body("a\n\n" + "a " * 6000)),
    ("link-scheme", "5:3", body("a [b](javascript:alert(1))")),
    ("link-scheme", "5:3", body("a [b](java&#115;cript&colon;alert(1))")),
    ("link-scheme", "5:3", body("a <data:text/html,b>")),
    ("link-scheme", "8:7", body("## A\nsource: S\ndate: 2026-10-25\nlink: javascript:alert(1)\n")),
    ("link-scheme", "6:10", front("social:\n  - text: a\n    url: 'javascript:a'")),
    ("link-relative", "6:2", body("a\n [c](d)")),
    ("link-relative", "5:1", body("[a](#b)")),
    ("link-relative", "5:1", body("[a](//example.org)")),
    ("link-invalid", "5:1", body("[a](https:example.org)")),
    ("link-invalid", "5:1", body("[a](https://)")),
    ("link-invalid", "5:1", body("[a](https://example.org:x/)")),
    ("link-invalid", "5:1", body("[a](mailto:nobody)")),
    ("link-invalid", "5:1", body("[a]()")),
    ("link-expression", "5:13", body("[a](https://{{ reader.a }}.example.org/)")),
    ("link-expression", "5:5", body("[a]({{ reader.a }})")),
    ("link-expression", "5:13", body("[a](https://{{ reader.a }}@example.org/)")),
    ("link-expression", "5:25", body("[a](https://example.org:{{ reader.a }}/)")),
    ("dispatch-link", "5:3", body("a [[Some title]]")),
    ("image-alt", "5:1", body("![a [[b]]](c.jpg)")),
    ("image-alt", "5:1", body("![a[^1]](c.jpg)\n\n[^1]: b")),
    ("image-alt", "5:3", body("a ![](b.jpg)")),
    ("image-address", "5:1", body("![a](/etc/passwd)")),
    ("image-address", "5:9", front("photo:\n  file: /etc/passwd\n  alt: a")),
    ("link-scheme", "5:1", body("![a](http://example.org/a.jpg)")),
    ("footnote-missing", "5:2", body("a[^1]")),
    ("footnote-duplicate", "8:1", body("a[^1]\n\n[^1]: b\n[^1]: c")),
    ("footnote-empty", "7:1", body("a[^1]\n\n[^1]:")),
    ("footnote-branch", "5:2", body("a[^1]\n\n{% if reader.a %}\nb\n\n[^1]: c\n{% endif %}")),
    ("footnote-branch", "6:2", body("{% if reader.a %}\na[^1]\n\n{% else %}\nb[^1]\n\n[^1]: c\n{% endif %}")),
    ("raw-html", "5:3", body("a <b>c</b>")),
    ("raw-html", "5:1", body("<script>alert(1)</script>")),
    ("leftover-markup", "5:3", body("A ** star ** here")),
    ("leftover-markup", "5:3", body("A ~~struck~~ word")),
    ("leftover-markup", "5:3", body("A [link] (https://example.org)")),
    ("leftover-markup", "5:3", body("A [link](https://example.org/a b)")),
    ("leftover-markup", "5:3", body("A [link][nowhere]")),
    ("leftover-markup", "5:1", body("| a | b |\n| 1 | 2 |")),
    ("leftover-markup", "5:1", body("#nospace")),
    ("leftover-markup", "5:1", body("##nospace")),
    ("leftover-markup", "6:1", body("News\n====\n\nText.")),
    ("leftover-markup", "6:1", body("- one\n-two")),
    ("leftover-markup", "5:3", body("- [x] done")),
    ("leftover-markup", "5:1", body("```\nopen\n\nText.")),
    ("leftover-markup", "7:7", body("- a\n\n  > b ** c **\n")),
    ("leftover-markup", "7:15", front("photo:\n  url: https://example.org/a.jpg\n  alt: a\n  caption: By *Mara*")),
    ("leftover-markup", "6:9", body("## A\nsource: *The Wire*\ndate: 2026-10-25\n\nText.")),
    ("list-of-one", "5:1", body("2024. What a year it was.")),
    ("list-of-one", "7:3", body("- item\n\n  8. November was a Sunday.")),
    ("list-number", "7:1", body("7. May is a holiday.\n\n1984. A novel.")),
    ("list-number", "7:3", body("- 1. one\n  2. two\n  4. four")),
    ("leftover-markup", "6:1", body("News\n----\n\nText.")),
    ("leftover-markup", "6:3", body("- News\n  ---\n\n  Text.")),
    ("bare-address", "5:5", body("See https://example.org/a?b=1.")),
    ("bare-address", "5:5", body("See www.example.org and")),
    ("bare-address", "5:5", body("See mara@example.org.")),
    ("link-text", "5:3", body("a [](https://example.org)")),
    ("reference-duplicate", "8:1", body("[a]\n\n[a]: https://example.org\n[a]: https://example.com")),
    ("table-cells", "7:1", body("| a | b |\n|---|---|\n| c | d | e |")),
    ("footnote-unused", "7:1", body("a\n\n[^1]: b")),
    ("empty-dispatch", "5:1", FRONT),
]
CHECKS: list[tuple[str, str, str]] = [
    ("unknown-dispatch", "5:3", body("a [[earlyer]]")),
    ("unknown-dispatch", "6:11", front("earlier:\n  - title: a\n    slug: gone")),
    ("self-link", "5:1", body("[[a]]")),
    ("unknown-field", "5:1", body("{{ reader.fist_name }}")),
    ("default-for-all", "5:4", body("Hi {{ reader.street or 'there' }}")),
    ("default-for-all", "5:1", body("{{ reader.street | default('there') | upper }}")),
    ("unknown-field", "4:13", front("subject: Hi {{ reader.fist_name }}")),
    ("image-file", "5:3", body("a ![b](gone.jpg)")),
    ("image-file", "5:9", front("photo:\n  file: gone.jpg\n  alt: a")),
    ("subject-empty", "4:11", front("subject: '{{ reader.first_name }}'")),
    ("no-copyright", "1:1", body("a")),
]


def place(problem) -> str:
    return f"{problem.line}:{problem.column}"


@pytest.mark.parametrize(("rule", "where", "source"), CASES)
def test_a_violation_is_reported_at_its_position(rule, where, source):
    parsed = parse_dispatch(source, "a.md")
    found = [problem for problem in parsed.problems if problem.rule == rule]
    assert where in map(place, found), parsed.problems
    assert {problem.severity for problem in found} == {RULES[rule].severity}
    assert (parsed.dispatch is None) == any(problem.severity is Severity.ERROR for problem in parsed.problems)


@pytest.mark.parametrize(
    "text",
    [
        r"A \*\* star, \~~ and \#sign",
        "`** a **` and `https://example.org`",
        "```\n** a **\n# b\n| c |\n```",
        "~~~~\n```\n~~~~",
        "> ```\n> quoted\n> ```",
        "Rated **** by f**k-all, with ____ left blank",
        "[https://example.org](https://example.org) and <https://example.org> and <mara@example.org>",
        "@mara@social.example.org and mailer/a@b",
        "#harbour #ferry",
        "#1 in the charts",
        "[sic] (that is what she said) [1]",
        "a == b, ==== and | c |",
        "1 * 2 * 3",
        "-Hola, dijo.",
        "**这是重点。**后面的文字。",
        "2024\\. What a year it was.",
        "99. ninety-nine\n100. hundred",
        "1. one",
        "1. one\n1. two\n1. three",
        "0. zero\n1. one",
        "99. ninety-nine\n100. hundred\n\n101. more",
        "The end.\n---\nMore.",
        "News\n\n----\n\nText.",
        "News\n***",
    ],
)
def test_text_that_only_resembles_markup_is_not_reported(text):
    rules = {problem.rule for problem in parse_dispatch(body(text), "a.md").problems}
    assert rules.isdisjoint({"leftover-markup", "bare-address", "list-of-one", "list-number"})


def test_a_reported_piece_of_markup_shows_its_merge_field_as_typed():
    (found,) = parse_dispatch(body("Dear ** {{ reader.first_name }} **, hello"), "a.md").problems
    assert found.message.startswith("“** {{ reader.first_name }} **” has no effect")


@pytest.mark.parametrize(("rule", "where", "source"), CHECKS)
def test_a_violation_in_context_is_reported_at_its_position(rule, where, source):
    dispatch = parse_dispatch(source, "a.md").dispatch
    check_context = CheckContext(
        slugs={"earlier": "Earlier"},
        fields={"readers": frozenset({"first_name", "city"})},
        other_fields=frozenset({"street"}),
        probe_image=lambda path: (f"{path} is missing", "correct it"),
    )
    found = [problem for problem in check_in_context(dispatch, check_context) if problem.rule == rule]
    assert [place(problem) for problem in found] == [where]
    assert {problem.severity for problem in found} == {RULES[rule].severity}


@pytest.mark.parametrize(
    "expression",
    [
        "reader.street",
        "reader.street | upper",
        "reader.street or reader.city",
        "reader.fist_name or 'x'",
        "reader.street == 'x'",
    ],
)
def test_a_field_without_a_default_and_one_of_no_list_are_errors(expression):
    dispatch = parse_dispatch(body(f"Hi {{{{ {expression} }}}}"), "a.md").dispatch
    check_context = CheckContext(
        fields={"readers": frozenset({"city"})}, other_fields=frozenset({"street"}), probe_image=lambda _path: None
    )
    found = {problem.rule for problem in check_in_context(dispatch, check_context)}
    assert found & {"unknown-field", "default-for-all"} == {"unknown-field"}


def test_each_rule_has_a_case():
    assert {rule for rule, _, _ in (*CASES, *CHECKS)} == set(RULES)


def test_each_rule_has_a_title_of_one_line():
    for name, rule in RULES.items():
        assert rule.id == name
        assert rule.title
        assert "\n" not in rule.title


@pytest.mark.parametrize("number", range(len(CASES)))
def test_a_finding_is_one_line_with_its_rule(number):
    for problem in parse_dispatch(CASES[number][2], "dir/a.md").problems:
        line = str(problem)
        assert "\n" not in line
        assert line.startswith(f"dir/a.md:{problem.line}:{problem.column}: {problem.severity}: ")
        assert line.endswith(f" [{problem.rule}]")
