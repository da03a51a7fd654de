"""The rules of the dispatch's grammar in one table.

A rule's id is in brackets at the end of each diagnostic and in `check --json`; people filter by it, so an id is never
renamed. Its severity is always the same. An error keeps a dispatch from being sent, a warning asks for a confirmation, a note
only informs. The rules of rendered mail are in mailer/lint/rule_catalogue.py, whose
RULEBOOK has both tables.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from mailer.dispatch.diagnostics import Severity

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule. `title`: what is true of a dispatch that keeps the rule; `why`: the reason; `source`: the authority; `how`: what
    the editor does to keep it. Each is one line.

    Diagnostics of a rule that is not `may_be_ignored` cannot be ignored by a comment in a dispatch.
    """

    id: str
    severity: Severity
    title: str
    why: str
    source: str
    how: str
    may_be_ignored: bool = True


def index_rules(rules: Iterable[Rule]) -> dict[str, Rule]:
    """Returns `rules` by their ids, in order. Raises ValueError for a duplicate id."""
    found: dict[str, Rule] = {}
    for rule in rules:
        if rule.id in found:
            raise ValueError(f"two rules are called {rule.id}")
        found[rule.id] = rule
    return found


def _group(why: str, source: str, *rules: tuple[str, Severity, str, str]) -> list[Rule]:
    """Returns rules that share a reason and a source. Errors cannot be ignored: they keep an edition from being compiled."""
    return [
        Rule(
            id=name,
            severity=severity,
            title=title,
            why=why,
            source=source,
            how=how,
            may_be_ignored=severity is not ERROR,
        )
        for name, severity, title, how in rules
    ]


_GROUPS = (
    _group(
        "Nothing can be checked in a file that cannot be read, and invisible characters are almost never intended.",
        "docs/editor.md",
        ("encoding", ERROR, "the file is UTF-8", "Save the file as UTF-8."),
        (
            "control-character",
            ERROR,
            "the file contains no NUL and no other invisible control characters",
            "Remove the character at this position; it was probably pasted.",
        ),
        (
            "too-large",
            ERROR,
            "the file has at most 1,000,000 bytes, its front matter at most 64,000 characters",
            "Shorten it.",
        ),
        ("empty-file", ERROR, "the file is not empty", "Write something, or create a new dispatch."),
        (
            "front-matter",
            ERROR,
            "the file begins with front matter between two lines of `---`",
            "Begin the file with `---`, fields such as `title: …`, and `---` again.",
        ),
    ),
    _group(
        "A value that is guessed may be wrong, and readers would be the first to notice.",
        "docs/editor.md, Front matter",
        (
            "yaml-syntax",
            ERROR,
            "the front matter is valid YAML",
            "Put the value in quotes; look for a quotation mark or bracket that is not closed.",
        ),
        (
            "yaml-feature",
            ERROR,
            "the front matter is plain: no anchors, aliases, tags, merge keys or deep nesting",
            "Write the value in full.",
        ),
        (
            "unknown-key",
            ERROR,
            "each key is known in its place",
            "Correct the spelling, or remove the line.",
        ),
        ("duplicate-key", ERROR, "no key is given twice", "Keep one of the two."),
        (
            "missing-key",
            ERROR,
            "required keys are present",
            "Add the key. Required are `title`, `date`, `alt` for a photo, `source` and `date` for an article.",
        ),
        (
            "bad-value",
            ERROR,
            "a value is of the right kind for its key",
            "Give the key a text, a list with `- ` lines, or a group of fields, as it requires.",
        ),
        ("bad-date", ERROR, "a date exists and is written as YYYY-MM-DD", "Write it as `YYYY-MM-DD`."),
        (
            "bad-slug",
            ERROR,
            "a slug consists of a-z, 0-9 and hyphens",
            "Use `a-z`, `0-9` and hyphens. If the file’s name has other characters, add `slug: …`.",
        ),
        (
            "bad-language",
            ERROR,
            "a language is a language code (BCP 47)",
            "Use a language code such as `en` or `pt-BR`.",
        ),
        (
            "bad-particular",
            ERROR,
            "each line under an article’s title, up to the first blank line, is of the form `name: value`",
            "Write the lines directly under an article’s title as `name: value`, and leave a blank line before the text.",
        ),
    ),
    _group(
        "Nobody looks at each of thousands of messages, so what differs per reader must be correct in all of them.",
        "docs/editor.md, What differs per reader",
        (
            "expression",
            ERROR,
            "an expression uses only what is allowed",
            "Use fields, comparisons, `and`, `or`, `not`, `in` and the allowed filters, with straight quotes.",
        ),
        (
            "expression-place",
            ERROR,
            "an expression is in a place that may differ per reader",
            "Move it into the subject, the preheader or the text; for literal braces write `\\{{`.",
        ),
        (
            "template-unclosed",
            ERROR,
            "`{{`, `{%` and `{#` are closed in the same paragraph",
            "Close it with `}}` or `%}` in the same paragraph, or write `\\{{` for literal braces.",
        ),
        (
            "template-comment",
            ERROR,
            "there are no template comments",
            "Remove the `{# … #}`.",
        ),
        (
            "tag-unknown",
            ERROR,
            "a tag is if, elif, else or endif; if and elif have a condition",
            "Use only `if`, `elif`, `else` and `endif`, and give `if` and `elif` a condition.",
        ),
        ("tag-line", ERROR, "a tag is alone on its line", "Put the tag on a line of its own."),
        ("tag-unclosed", ERROR, "each {% if %} has its {% endif %}", "Add `{% endif %}`."),
        (
            "tag-unmatched",
            ERROR,
            "each elif, else and endif has its {% if %}",
            "Add the `{% if %}` before it, or remove it.",
        ),
        (
            "tag-place",
            ERROR,
            "a tag is between paragraphs, not inside a list, quote, table or footnote",
            "Move the tag before or after the list, quote, table or footnote, with a blank line between.",
        ),
        ("tag-depth", ERROR, "conditions are nested at most 8 levels deep", "Nest fewer conditions."),
        (
            "tag-across",
            ERROR,
            "a condition contains part of one article or of the note, or whole articles",
            "Close the condition before the next `##`, or begin it directly before one.",
        ),
    ),
    _group(
        "The contents and the anchors are made from the headings.",
        "docs/editor.md, The body",
        (
            "heading-level",
            ERROR,
            "articles begin with `##` at the start of a line; subheadings with `###`",
            "Use `##` at the start of a line for an article and `###` for a subheading; `#` is not used.",
        ),
        (
            "heading-content",
            ERROR,
            "an article’s title contains no links, images or footnotes",
            "Give the address as `link: …`; move images and footnotes into the text.",
        ),
        ("heading-empty", ERROR, "an article has a title", "Write the title after `##`."),
    ),
    _group(
        "Mail programs are narrow; deep nesting and very long paragraphs cannot be read there.",
        "docs/editor.md, The body",
        (
            "nesting",
            ERROR,
            "lists and quotes are nested at most 8 levels deep",
            "Nest them less deeply.",
        ),
        (
            "paragraph-length",
            ERROR,
            "a paragraph has at most 10,000 characters",
            "Split it.",
        ),
        (
            "table-cells",
            WARNING,
            "a row of a table has no more cells than its header",
            "Remove the extra cells, or add columns to the header.",
        ),
    ),
    _group(
        "Relative links do not work in e-mail, and mail programs open only a few kinds of links.",
        "RFC 3986, 4.3 and 7.6: https://www.rfc-editor.org/rfc/rfc3986",
        ("link-scheme", ERROR, "a link is http, https, mailto or tel", "Use an http, https, mailto or tel link."),
        ("link-relative", ERROR, "a link is absolute", "Write the complete address, with `https://`."),
        ("link-invalid", ERROR, "a link is a complete address", "Complete the address: `https://example.org/page`."),
        (
            "link-expression",
            ERROR,
            "an expression in a link is in its path, query or fragment",
            "Put the expression after the host name.",
        ),
        (
            "dispatch-link",
            ERROR,
            "[[…]] contains a slug and nothing else",
            "Write a slug between `[[` and `]]`; for literal brackets write `\\[[`.",
        ),
    ),
    _group(
        "Readers who block images or cannot see get this description instead.",
        "WCAG 2.2, 1.1.1: https://www.w3.org/TR/WCAG22/#non-text-content",
        (
            "image-alt",
            ERROR,
            "an image has an alt text",
            "Describe what the image shows, in plain words: `![two ferries](photos/quay.jpg)`.",
        ),
    ),
    _group(
        "Readers and screen readers recognise a link by its text.",
        "WCAG 2.2, 2.4.4: https://www.w3.org/TR/WCAG22/#link-purpose-in-context",
        ("link-text", WARNING, "a link has a text", "Write a text between the square brackets."),
    ),
    _group(
        "A missing image, or one that is not fetched over https, is an empty frame in every message.",
        "docs/editor.md, The body",
        (
            "image-address",
            ERROR,
            "an image is a file in the dispatch’s folder or an https address",
            "Name a file in the dispatch’s folder, or an https address.",
        ),
        (
            "image-file",
            ERROR,
            "an image file exists, can be read and is in the workspace",
            "Check the file’s name, or save the image again, smaller.",
        ),
    ),
    _group(
        "Footnotes are numbered automatically; each number must lead to one text.",
        "docs/editor.md, The body",
        (
            "footnote-missing",
            ERROR,
            "each footnote that is used is defined",
            "Add the paragraph that begins with `[^1]:`.",
        ),
        ("footnote-duplicate", ERROR, "a footnote is defined once", "Rename or remove one of the two."),
        ("footnote-empty", ERROR, "a footnote has a text", "Write its text after the colon."),
        (
            "footnote-branch",
            ERROR,
            "a footnote is defined for every reader who sees its number",
            "Move the definition out of the `{% if %}`.",
        ),
        (
            "footnote-unused",
            WARNING,
            "each footnote that is defined is used",
            "Refer to it as `[^1]`, or remove it.",
        ),
        (
            "reference-duplicate",
            WARNING,
            "a link reference is defined once",
            "Keep one of the two definitions; the first one is used.",
        ),
    ),
    _group(
        "HTML works differently in each mail program and can be unsafe, so it is shown as text.",
        "docs/editor.md, The body",
        ("raw-html", WARNING, "the text contains no HTML", "Use Markdown."),
    ),
    _group(
        "Text that is not read as it was meant is sent so to every reader.",
        "docs/editor.md, The body",
        (
            "leftover-markup",
            WARNING,
            "all Markdown takes effect: emphasis, links, headings, tables, code",
            "Correct it; write `\\` before a sign that is meant as such.",
        ),
        (
            "list-of-one",
            NOTE,
            "a list that does not begin at 1 has several items",
            "Write `2024\\.` if it begins a sentence.",
        ),
        (
            "list-number",
            WARNING,
            "each item of a list is shown with its number as typed",
            "Write `2024\\.` if it begins a sentence; else number the items in order.",
        ),
        ("bare-address", WARNING, "each web or mail address in the text is a link", "Write `[words](https://…)`."),
    ),
    _group(
        "A link to a dispatch that does not exist is a dead link in every message.",
        "docs/editor.md, The body",
        (
            "unknown-dispatch",
            ERROR,
            "each dispatch that is linked to exists",
            "Correct the slug.",
        ),
        ("self-link", ERROR, "a dispatch does not link to itself", "Link to a different dispatch."),
    ),
    _group(
        "A field that no list has is empty for everybody.",
        "docs/editor.md, What differs per reader",
        (
            "unknown-field",
            ERROR,
            "each reader field is a column of a list",
            "Use the name of the list’s column, or choose a different list.",
        ),
        (
            "default-for-all",
            NOTE,
            "a field with a default is a column of one of the send’s lists",
            "Nothing, if every reader may get the default; else use a field of the list.",
        ),
        (
            "subject-empty",
            WARNING,
            "the subject is not empty for a reader without any fields",
            'Give the field a default: `{{ reader.city or "your town" }}`.',
        ),
    ),
    _group(
        "A dispatch without text or copyright line is probably not finished.",
        "docs/editor.md, Made by the program",
        ("empty-dispatch", WARNING, "a dispatch has a note or an article", "Write a note or an article."),
        (
            "no-copyright",
            WARNING,
            "there is a copyright line",
            "Add `copyright: …`, or ask an admin to set a copyright holder.",
        ),
    ),
)
RULES: dict[str, Rule] = index_rules(chain.from_iterable(_GROUPS))
